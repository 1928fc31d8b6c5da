#!/usr/bin/env python3
"""Fits the polynomials of native/vmath.h and prints native/coefficients.h. Needs mpmath; run by hand:
minimax.py | clang-format > native/coefficients.h

A fit is a weighted minimax approximation (Remez's exchange on a dense grid). The coefficients are rounded to the
target's precision one by one, lowest degree first, and the rest is fitted again after each rounding, so the error
printed beside a line is that of the rounded polynomial, exactly evaluated.
"""
import sys
from mpmath import mp, mpf

mp.dps = 60
LN2 = mp.log(2)
SQRT2 = mp.sqrt(2)
PI = mp.pi


def rounded(x, bits):
    """x to `bits` significant bits, to nearest."""
    if x == 0:
        return mpf(0)
    e = int(mp.floor(mp.log(abs(x), 2))) + 1 - bits
    return mpf(int(mp.nint(mp.ldexp(x, -e)))) * mpf(2) ** e


def chopped(x, bits):
    """x cut to `bits` significant bits, so that products with short integers are exact."""
    e = int(mp.floor(mp.log(abs(x), 2))) + 1 - bits
    return mpf(int(mp.floor(mp.ldexp(x, -e)))) * mpf(2) ** e


def remez(f, exponents, a, b, weight, grid_size=601):
    """Coefficients c minimising max weight(x) |f(x) - sum c_j x^e_j| on [a, b], and that maximum."""
    n = len(exponents)
    grid = [(a + b) / 2 - (b - a) / 2 * mp.cos(PI * i / grid_size) for i in range(grid_size + 1)]
    # x^e_0 goes into the weight: alternation needs a basis that does not change sign at 0.
    low = exponents[0]
    grid = [x for x in grid if (x != 0 or low == 0) and mp.isfinite(weight(x))]
    fs = [f(x) / x ** low for x in grid]
    ws = [weight(x) * abs(x) ** low for x in grid]
    powers = [[x ** (e - low) for e in exponents] for x in grid]
    last = len(grid) - 1
    refs = [round(last * (1 - float(mp.cos(PI * (i + mpf(1) / 2) / (n + 1)))) / 2) for i in range(n + 1)]
    for _ in range(300):
        m = mp.matrix(n + 1, n + 1)
        rhs = mp.matrix(n + 1, 1)
        for r, i in enumerate(refs):
            for j in range(n):
                m[r, j] = powers[i][j]
            m[r, n] = (-1) ** r / ws[i]
            rhs[r] = fs[i]
        sol = mp.lu_solve(m, rhs)
        c, level = [sol[j] for j in range(n)], sol[n]
        err = [ws[i] * (fs[i] - sum(p * q for p, q in zip(c, powers[i]))) for i in range(len(grid))]
        top = max(range(len(grid)), key=lambda i: abs(err[i]))
        if abs(err[top]) <= abs(level) * (1 + mpf(10) ** -3):
            break
        # The worst point takes the place of the reference beside it whose error has its sign.
        at = sum(1 for i in refs if i < top)
        positive = [(level > 0) == (r % 2 == 0) for r in range(n + 1)]
        same = err[top] > 0
        if at == 0 and positive[0] != same:
            refs = [top] + refs[:-1]
        elif at == n + 1 and positive[n] != same:
            refs = refs[1:] + [top]
        else:
            refs[at if at <= n and positive[at] == same else at - 1] = top
    return c, max(abs(e) for e in err)


def fit(f, exponents, a, b, weight, bits):
    fixed = []
    g = f
    for j in range(len(exponents)):
        c, _ = remez(g, exponents[j:], a, b, weight)
        fixed.append(rounded(c[0], bits[j] if isinstance(bits, list) else bits))
        g = lambda x: f(x) - sum(q * x ** e for q, e in zip(fixed, exponents))
    grid = [a + (b - a) * (i + mpf(1) / 3) / 3000 for i in range(3000)]
    worst = max(abs(weight(x) * g(x)) for x in grid if mp.isfinite(weight(x)))
    return fixed, worst


def literal(x, bits):
    return float(x).hex() + ('f' if bits <= 24 else '')


def table(name, bits, values, comment):
    kind = 'float' if bits == 24 else 'double'
    print(f'// {comment}')
    print(f'constexpr {kind} {name}[] = {{')
    for v in values:
        print(f'    {literal(v, bits)},  // {mp.nstr(v, 10)}')
    print('};')
    print()


def polynomial(name, bits, f, exponents, a, b, weight, comment):
    c, worst = fit(f, exponents, mpf(a), mpf(b), weight, bits)
    table(name, bits, c, f'{comment}; error 2^{float(mp.log(worst, 2)):.1f}')
    print(f'{name}: 2^{float(mp.log(worst, 2)):.1f}', file=sys.stderr)


def parts(name, bits, x, lengths, comment):
    """x as an unevaluated sum: all parts but the last cut to the given lengths."""
    values = []
    for n in lengths:
        v = chopped(x, n) if n < bits else rounded(x, bits)
        values.append(v)
        x = x - v
    table(name, bits, values, comment)


def inverse(f):
    return lambda x: 1 / abs(f(x)) if f(x) != 0 else mp.inf


def exp_part(r):
    return mp.expm1(r) - r


def atanh2(z):
    """2 atanh(s) / s - 2 for z = s^2."""
    if z == 0:
        return mpf(0)
    s = mp.sqrt(z)
    return 2 * mp.atanh(s) / s - 2


def erf_part(z):
    """erf(x) / x - 1 for z = x^2."""
    if z == 0:
        return 2 / mp.sqrt(PI) - 1
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1


def one(_):
    return mpf(1)


def main():
    only = sys.argv[1:]

    def wanted(word):
        return not only or word in only

    print('// Coefficients of native/vmath.h. Made by native/tools/minimax.py: change that, not this.')
    print('#pragma once')
    print()
    print('namespace gradtape {')
    print('namespace GRADTAPE_ISA {')
    print('namespace {')
    print('namespace vmath {')
    print()
    h = LN2 / 2 * mpf('1.001')
    if wanted('exp'):
        for n, bits, top in (('F', 24, 6), ('D', 53, 11)):
            polynomial(f'kExp{n}', bits, exp_part, list(range(2, top + 1)), -h, h, inverse(mp.expm1),
                       f'exp(r) - 1 - r = r^2 (c0 + c1 r + ...), |r| <= ln(2) / 2')
        parts('kLn2F', 24, LN2, [15, 24], 'ln(2); the first times any exponent is exact')
        parts('kLn2D', 53, LN2, [41, 53], 'the same')
    if wanted('log'):
        a, b = SQRT2 / 2 - 1, SQRT2 - 1
        polynomial('kLogF', 24, lambda f: mp.log1p(f) - f + f * f / 2, list(range(3, 11)), a, b, inverse(mp.log1p),
                   'log(1 + f) - f + f^2 / 2 = f^3 (c0 + c1 f + ...), sqrt(1/2) <= 1 + f <= sqrt(2)')
        s = b / (2 + b)
        polynomial('kLogD', 53, atanh2, list(range(1, 8)), 0, s * s, one,
                   '2 atanh(s) / s - 2 = z (c0 + c1 z + ...), z = s^2, the same range, s = f / (2 + f)')
    if wanted('sin'):
        q = PI / 4 * mpf('1.03')
        for n, bits, k, l in (('F', 24, 4, 3), ('D', 53, 6, 6)):
            polynomial(f'kSin{n}', bits, lambda r: mp.sin(r) - r, [3 + 2 * i for i in range(k)], 0, q, inverse(mp.sin),
                       'sin(r) - r = r^3 (c0 + c1 r^2 + ...), |r| <= pi / 4')
            polynomial(f'kCos{n}', bits, lambda r: mp.cos(r) - 1 + r * r / 2, [4 + 2 * i for i in range(l)], 0, q, one,
                       'cos(r) - 1 + r^2 / 2 = r^4 (c0 + c1 r^2 + ...), |r| <= pi / 4')
        parts('kPiF', 24, PI, [24, 24, 24], 'pi, for fused products')
        parts('kPiD', 53, PI, [53, 53, 53], 'the same')
        parts('kPiShortD', 53, PI, [33, 33, 33, 53], 'pi; the first three times an integer below 2^20 are exact')
    if wanted('erf'):
        for n, bits, k, g, top in (('F', 24, 7, 6, '3.95'), ('D', 53, 13, 17, '5.95')):
            polynomial(f'kErf{n}', bits, erf_part, list(range(k)), 0, 1, lambda z: 1 / (1 + erf_part(z)),
                       'erf(x) / x - 1 = c0 + c1 z + ..., z = x^2 <= 1')
            polynomial(f'kErfTail{n}', bits, lambda t: -mp.log(mp.erfc(t)), list(range(g + 1)), 1, mpf(top),
                       lambda t: mp.erfc(t) / mp.erf(t), f'-log(erfc(x)) = c0 + c1 x + ..., 1 <= x <= {top}')
    if wanted('pow'):
        s = (SQRT2 - 1) / (SQRT2 + 1)
        polynomial('kLog2F', 53, lambda z: (atanh2(z) + 2) / LN2, list(range(6)), 0, s * s, lambda z: LN2 / 2,
                   'log2((1 + s) / (1 - s)) = s (c0 + c1 z + ...), z = s^2; for the float32 power')
        polynomial('kExp2F', 53, lambda r: mpf(2) ** r - 1, list(range(1, 8)), -mpf('0.501'), mpf('0.501'), lambda r: 2 ** -r,
                   '2^r - 1 = r (c0 + c1 r + ...), |r| <= 1/2; for the float32 power')
        polynomial('kPowLogD', 53, lambda z: mpf(2) / 5 if z == 0 else (atanh2(z) / z - mpf(2) / 3) / z,
                   list(range(8)), 0, s * s, lambda z: z * z,
                   '2 atanh(s) = 2 s + s^3 (2/3 + z (c0 + c1 z + ...)), z = s^2; for the float64 power')
        parts('kTwoThirdsD', 53, mpf(2) / 3, [53, 53], '2/3')
    print('}  // namespace vmath')
    print('}  // namespace')
    print('}  // namespace GRADTAPE_ISA')
    print('}  // namespace gradtape')


main()
