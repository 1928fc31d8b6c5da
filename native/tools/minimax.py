#!/usr/bin/env python3
"""Fits the polynomials of native/simd/vmath.h and native/simd/vspecial.h and prints native/simd/coefficients.h. Needs mpmath; run by hand:
minimax.py | clang-format > native/simd/coefficients.h

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


def cached(f):
    """f, each value computed once: every round of a fit asks for the same points."""
    known = {}

    def value(x):
        if x not in known:
            known[x] = f(x)
        return known[x]

    return value


def fit(f, exponents, a, b, weight, bits):
    fixed = []
    f, weight = cached(f), cached(weight)
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


def asin_part(z):
    """(asin(x) / x - 1) / z for z = x^2."""
    if z == 0:
        return mpf(1) / 6
    x = mp.sqrt(z)
    return (mp.asin(x) / x - 1) / z


def atan_part(z):
    """(atan(x) / x - 1) / z for z = x^2."""
    if z == 0:
        return -mpf(1) / 3
    x = mp.sqrt(z)
    return (mp.atan(x) / x - 1) / z


def erfc_scaled(t):
    """(2 + x) exp(x^2) erfc(x) for t = (x - 2) / (x + 2)."""
    x = 2 * (1 + t) / (1 - t)
    return (2 + x) * mp.exp(x * x) * mp.erfc(x)


def lgamma_part(y):
    """log(gamma(2 + y)) / y."""
    return 1 - mp.euler if y == 0 else mp.loggamma(2 + y) / y


def digamma_part(y):
    """digamma(x) / (x - x0), x = 3/2 + y, x0 the zero."""
    x0 = mp.findroot(mp.digamma, mpf('1.46163'))
    d = mpf(3) / 2 + y - x0
    return mp.polygamma(1, x0) if d == 0 else mp.digamma(x0 + d) / d


def stirling(z):
    """x (log(gamma(x)) - (x - 1/2) log(x) + x - log(2 pi) / 2) for z = 1 / x^2."""
    if z == 0:
        return mpf(1) / 12
    x = 1 / mp.sqrt(z)
    return x * (mp.loggamma(x) - (x - mpf(1) / 2) * mp.log(x) + x - mp.log(2 * PI) / 2)


def digamma_tail(z):
    """x^2 (log(x) - 1 / (2 x) - digamma(x)) for z = 1 / x^2."""
    if z == 0:
        return mpf(1) / 12
    x = 1 / mp.sqrt(z)
    return x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))


def trigamma_tail(z):
    """x^3 (trigamma(x) - 1 / x - 1 / (2 x^2)) for z = 1 / x^2."""
    if z == 0:
        return mpf(1) / 6
    x = 1 / mp.sqrt(z)
    return x ** 3 * (mp.polygamma(1, x) - 1 / x - 1 / (2 * x * x))


def one(_):
    return mpf(1)


def main():
    only = sys.argv[1:]

    def wanted(word):
        return not only or word in only

    print('// Coefficients of native/simd/vmath.h and native/simd/vspecial.h. Made by native/tools/minimax.py: change that, not this.')
    print('#pragma once')
    print()
    print('#include <cstdint>')
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
    if wanted('tanh'):
        for n, bits, top in (('F', 24, 7), ('D', 53, 11)):
            polynomial(f'kTanh{n}', bits, lambda r: exp_part(2 * r) / 2, list(range(2, top + 1)), -h / 2, h / 2,
                       inverse(lambda r: mp.expm1(2 * r)),
                       '(exp(2 r) - 1) / 2 - r = r^2 (c0 + c1 r + ...), |r| <= ln(2) / 4')
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
        # 64 zeros, and the bits that the largest float64 needs: from word 16 on four of them
        count = 20
        with mp.workprec(64 * count + 64):
            digits = int(mp.floor(mp.ldexp(2 / mp.pi, 64 * (count - 1))))
        words = [digits >> 64 * (count - 1 - i) & (2 ** 64 - 1) for i in range(count)]
        print('// the bits of 2 / pi; the first word is before the point')
        print('constexpr uint64_t kTwoOverPi[] = {')
        print(',\n'.join('    ' + ', '.join(f'0x{w:016x}' for w in words[i:i + 4]) for i in range(0, count, 4)))
        print('};')
        print()
    if wanted('erf'):
        for n, bits, k, top in (('F', 24, 7, 1), ('D', 53, 9, mpf('0.48') ** 2)):
            polynomial(f'kErf{n}', bits, erf_part, list(range(k)), 0, top, lambda z: 1 / (1 + erf_part(z)),
                       f'erf(x) / x - 1 = c0 + c1 z + ..., z = x^2 <= {mp.nstr(top, 4)}')
        polynomial('kErfTailF', 24, lambda t: -mp.log(mp.erfc(t)), list(range(7)), 1, mpf('3.95'),
                   lambda t: mp.erfc(t) / mp.erf(t), '-log(erfc(x)) = c0 + c1 x + ..., 1 <= x <= 3.95')
        print('// erf(c) as the sum of two numbers, and its derivative, for c = 0, 1/32, 2/32, ...')
        print('constexpr double kErfRows[][4] = {')
        for c in (mpf(i) / 32 for i in range(192)):
            high, slope = rounded(mp.erf(c), 53), rounded(2 / mp.sqrt(PI) * mp.exp(-c * c), 53)
            print(f'    {{{", ".join(literal(x, 53) for x in (high, rounded(mp.erf(c) - high, 53), slope))}}},')
        print('};')
        print()
    if wanted('pow'):
        s = (SQRT2 - 1) / (SQRT2 + 1)
        polynomial('kLog2F', 53, lambda z: (atanh2(z) + 2) / LN2, list(range(6)), 0, s * s, lambda z: LN2 / 2,
                   'log2((1 + s) / (1 - s)) = s (c0 + c1 z + ...), z = s^2; for the float32 power')
        polynomial('kExp2F', 53, lambda r: mpf(2) ** r - 1, list(range(1, 8)), -mpf('0.501'), mpf('0.501'), lambda r: 2 ** -r,
                   '2^r - 1 = r (c0 + c1 r + ...), |r| <= 1/2; for the float32 power')
        polynomial('kPowLogD', 53, lambda r: mp.log1p(r) - r + r * r / 2, list(range(3, 10)), -mpf('0.0112'), mpf('0.0112'),
                   inverse(mp.log1p), 'log(1 + r) - r + r^2 / 2 = r^3 (c0 + c1 r + ...), |r| <= 0.0112; for the float64 power')
        print('// 1 / c and log(c) as the sum of two numbers, the first a multiple of 2^-41, for c = 45/64, 46/64, ... and 1 / c')
        print('// rounded, which is the c that is meant')
        print('constexpr double kPowRows[][4] = {')
        for i in range(45, 92):
            inverse_c = rounded(mpf(64) / i, 53)
            log = -mp.log(inverse_c)
            high = mp.nint(mp.ldexp(log, 41)) / mpf(2) ** 41
            print(f'    {{{", ".join(literal(x, 53) for x in (inverse_c, high, rounded(log - high, 53)))}}},')
        print('};')
        print()
    if wanted('arc'):
        for n, bits, k, l in (('F', 24, 5, 6), ('D', 53, 13, 12)):
            polynomial(f'kAsin{n}', bits, asin_part, list(range(k)), 0, mpf(1) / 4, lambda z: z / (1 + z * asin_part(z)),
                       'asin(x) = x + x^3 (c0 + c1 z + ...), z = x^2 <= 1/4')
            polynomial(f'kAtan{n}', bits, atan_part, list(range(l)), 0, mpf(1) / 4, lambda z: z / (1 + z * atan_part(z)),
                       'atan(x) = x + x^3 (c0 + c1 z + ...), z = x^2 <= 1/4')
        parts('kThreeQuartersPiF', 24, 3 * PI / 4, [24, 24], '3 pi / 4')
        parts('kThreeQuartersPiD', 53, 3 * PI / 4, [53, 53], 'the same')
    if wanted('erfc'):
        for n, bits, k, top in (('F', 24, 10, '10.2'), ('D', 53, 24, '27.5')):
            low, high = ((mpf(x) - 2) / (mpf(x) + 2) for x in ('0.46', top))
            polynomial(f'kErfc{n}', bits, lambda t: erfc_scaled(t) - 1, list(range(k)), low, high, inverse(erfc_scaled),
                       f'exp(x^2) erfc(x) = (1 + c0 + c1 t + ...) / (x + 2), t = (x - 2) / (x + 2), 0.46 <= x <= {top}')
    if wanted('gamma'):
        polynomial('kLgammaD', 53, lgamma_part, list(range(22)), mpf(-3) / 4, mpf(1) / 2, inverse(lgamma_part),
                   'log(gamma(2 + y)) = y (c0 + c1 y + ...), -3/4 <= y <= 1/2')
        z = 1 / mpf('8.5') ** 2
        polynomial('kStirlingD', 53, stirling, list(range(7)), 0, z, lambda z: mpf(1) / 4,
                   'log(gamma(x)) = (x - 1/2) log(x) - x + log(2 pi) / 2 + (c0 + c1 z + ...) / x, z = 1 / x^2, x >= 8.5')
        polynomial('kDigammaD', 53, digamma_part, list(range(22)), -mpf(1) / 2, mpf(1) / 2, inverse(digamma_part),
                   'digamma(x) = (x - x0) (c0 + c1 y + ...), y = x - 3/2, 1 <= x <= 2')
        parts('kDigammaZeroD', 53, mp.findroot(mp.digamma, mpf('1.46163')), [53, 53], 'the zero x0 of digamma')
        z = mpf(1) / 64
        polynomial('kDigammaTailD', 53, digamma_tail, list(range(7)), 0, z, lambda z: z / 2,
                   'digamma(x) = log(x) - 1 / (2 x) - z (c0 + c1 z + ...), z = 1 / x^2, x >= 8')
        polynomial('kTrigammaTailD', 53, trigamma_tail, list(range(7)), 0, z, lambda z: z,
                   'trigamma(x) = 1 / x + z / 2 + z (c0 + c1 z + ...) / x, z = 1 / x^2, x >= 8')
        table('kBernoulliD', 53, [rounded(mp.bernoulli(2 * j) / mp.factorial(2 * j), 53) for j in range(1, 10)],
              'B_2j / (2 j)!, j >= 1: of Euler and Maclaurin, for the Hurwitz zeta function')
    print('}  // namespace vmath')
    print('}  // namespace')
    print('}  // namespace GRADTAPE_ISA')
    print('}  // namespace gradtape')


main()
