"""Writes special.json: special functions to 17 digits by mpmath 1.4, in 40 digits and more (python3 -m venv; pip install mpmath)."""

import json
import pathlib
import random

from mpmath import *  # noqa: F403

mp.dps = 60
random.seed(1)
functions = {}


def uniform(low, high, count):
    return [round(random.uniform(low, high), 3) for _ in range(count)]


def add(name, f, operands):
    rows = [list(map(float, row)) if isinstance(row, tuple) else [float(row)] for row in operands]
    functions[name] = [[*row, float(f(*map(mpf, row)))] for row in rows]


small = [1e-12, 3e-6, 2e-3]
add("erfinv", erfinv, [*uniform(-1, 1, 20), *small, 1 - 1e-3, 1 - 1e-9, -(1 - 2**-40)])


def quantile(p):
    start = -sqrt(-2 * log(p)) if p < 1e-6 else sqrt(mpf(2)) * erfinv(2 * p - 1)
    return findroot(lambda x: log(erfc(-x / sqrt(mpf(2))) / 2) - log(p), start)


add("ndtri", quantile, [*uniform(0, 1, 20), 1e-3, 4e-5, 1e-9, 1e-50, 1e-300, 1 - 1e-9])
add("dawsn", lambda x: sqrt(pi) / 2 * exp(-x * x) * erfi(x), [*uniform(-12, 12, 20), *small, 6.4, 6.5, 1e3])
add("expint", ei, [*uniform(0.4, 60, 20), *small, 39.9, 40, 712])
add("fresnelCos", fresnelc, [*uniform(-7, 7, 20), *small, 1.49, 1.5, 123.4567, 1e4])
add("fresnelSin", fresnels, [*uniform(-7, 7, 20), *small, 1.49, 1.5, 123.4567, 1e4])
add("spence", lambda x: polylog(2, 1 - x).real, [*uniform(0, 5, 20), *small, 0.5, 2, 1 + 1e-9, 1e3])
points = [*uniform(0, 40, 24), *small, 0.999, 1, 19.999, 20, 24.999, 25, 300]
for n in (0, 1):
    add(f"besselI{n}", lambda x, n=n: besseli(n, x), points)
    add(f"besselI{n}e", lambda x, n=n: besseli(n, x) * exp(-x), points)
    add(f"besselK{n}", lambda x, n=n: besselk(n, x), points)
    add(f"besselK{n}e", lambda x, n=n: besselk(n, x) * exp(x), points)
    add(f"besselJ{n}", lambda x, n=n: besselj(n, x), points)
    add(f"besselY{n}", lambda x, n=n: bessely(n, x), points)


def lower(a, x):
    if a < 1000:
        return gammainc(a, 0, x, regularized=True)
    root = sqrt(a)
    density = lambda t: exp((a - 1) * log(t) - t - loggamma(a))  # noqa: E731
    return quad(density, [x - 4 * k * root for k in range(6, -1, -1)])


def upper(a, x):
    if a < 1000:
        return gammainc(a, x, inf, regularized=True)
    root = sqrt(a)
    density = lambda t: exp((a - 1) * log(t) - t - loggamma(a))  # noqa: E731
    return quad(density, [x + 4 * k * root for k in range(7)])


gammas = [*zip(uniform(0.01, 6, 12), uniform(0.01, 12, 12)), (30, 25), (30, 40), (400, 380), (400, 450)]
# Where the continued fraction ends, and where a / 2 and log(a) would cancel.
gammas += [(1, 0.5), (1, 2), (1, 3), (2, 3), (3, 4), (7, 20), (10, 11.5), (1.5, 2.5), (0.5, 2)]
gammas += [(a, x) for a in (1e-30, 1e-12, 1e-4, 0.0999) for x in (1e-20, 0.5, 1.05, 3)]
large = [(a, a + z * a**0.5) for a in (12000, 1e6, 1e9) for z in (-4, 0, 0.001, 3)]
add("igamma", lower, gammas + large)
add("igammac", upper, gammas + large)
add("igammaGradA", lambda a, x: diff(lambda t: lower(t, x), a), gammas)
add("igammaGradAA", lambda a, x: diff(lambda t: lower(t, x), a, 2), gammas)
add("zeta", zeta, [*zip(uniform(1.01, 40, 12), uniform(0.01, 50, 12)), (2, -2.5), (3, -0.25), (4, -7.25), (7, -3.5)])
betas = [*zip(uniform(0.05, 20, 12), uniform(0.05, 20, 12), uniform(0, 1, 12)), (300, 200, 0.58), (2000, 3000, 0.41), (2, 1e4, 1e-4)]
add("betainc", lambda a, b, x: betainc(a, b, 0, x, regularized=True), betas)

lines = [f'"{name}":{json.dumps(rows, separators=(",", ":"))}' for name, rows in functions.items()]
pathlib.Path(__file__).with_name("special.json").write_text("{\n" + "\n,".join(lines) + "\n}\n")
