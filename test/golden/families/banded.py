"""Writes banded.json: TensorFlow's systems and products with few diagonals (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403


def bands(shape, main):
    """Diagonals of which one is large."""
    x = uniform(shape)
    x[..., main, :] += np.where(x[..., main, :] < 0, -6, 6)
    return np.round(x, 3)


def camel(options):
    parts = {key: key.split("_") for key in options}
    return {first + "".join(map(str.capitalize, rest)): options[key] for key, (first, *rest) in parts.items()}


def name(options):
    return " ".join(f"{key} {str(value).lower()}" for key, value in camel(options).items()) or "plain"


for options in [{}, {"lower": False}, {"adjoint": True}, {"lower": False, "adjoint": True}]:
    for a, b in [([2, 3], [3, 2]), ([1, 4], [4, 1]), ([3, 3], [3, 2]), ([2, 2, 5], [2, 5, 2]), ([4, 3], [3, 1])]:
        fn = lambda m, r, o=options: tf.linalg.banded_triangular_solve(m, r, **o)  # noqa: E731
        if a[-2] <= a[-1]:
            case("linalg.bandedTriangularSolve", f"{name(options)} {show(a)} {show(b)}", fn,
                 [bands(a, 0 if options.get("lower", True) else a[-2] - 1), uniform(b)], ["$0", "$1", camel(options)])

SOLVE = [{}, {"partial_pivoting": False}, {"transpose_rhs": True}, {"conjugate_rhs": True}]
for options in SOLVE:
    for a, b in [([3, 4], [4, 2]), ([3, 1], [1, 1]), ([3, 2], [2, 3]), ([2, 3, 5], [2, 5, 1])]:
        side = [*b[:-2], b[-1], b[-2]] if options.get("transpose_rhs") else b
        fn = lambda m, r, o=options: tf.linalg.tridiagonal_solve(m, r, **o)  # noqa: E731
        case("linalg.tridiagonalSolve", f"{name(options)} {show(a)} {show(side)}", fn, [bands(a, 1), uniform(side)], ["$0", "$1", camel(options)])
case("linalg.tridiagonalSolve", "vector", tf.linalg.tridiagonal_solve, [bands([3, 4], 1), uniform([4])])
case("linalg.tridiagonalSolve", "vectors", tf.linalg.tridiagonal_solve, [bands([2, 3, 4], 1), uniform([2, 4])])
case("linalg.tridiagonalSolve", "rows are exchanged", tf.linalg.tridiagonal_solve, [bands([3, 6], 2), uniform([6, 2])])

SINGULAR = {
    "zeros": [[1, 1, 0], [0, 0, 0], [0, 0, 0]],
    "one zero": [[0], [0], [0]],
    "ones": [[1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 1]],
    "Laplacian": [[-1, -1, -1, -1, 0], [1, 2, 2, 2, 1], [0, -1, -1, -1, -1]],
    "small": [[1e-30, 0, 0], [2e-30, 1, 3e-30], [0, 0, 1e-30]],
    "scaled rows": [[1e9, 2, 0], [1, 3e-9, 1], [0, 1e-3, 4e9]],
}
for label, diagonals in SINGULAR.items():
    with_option = lambda m, r: tf.linalg.tridiagonal_solve(m, r, perturb_singular=True)  # noqa: E731
    case("linalg.tridiagonalSolve", f"perturbSingular {label}", with_option, [np.array(diagonals, float), uniform([len(diagonals[0]), 2])],
         ["$0", "$1", {"perturbSingular": True}])

for op, fn in [("tridiagonalSolve", tf.linalg.tridiagonal_solve), ("tridiagonalMatmul", tf.linalg.tridiagonal_matmul)]:
    for outer in [4, 3]:
        if op == "tridiagonalSolve" or outer == 4:
            case(f"linalg.{op}", f"sequence {outer}", lambda a, b, c, r, f=fn: f((a, b, c), r, diagonals_format="sequence"),
                 [uniform([outer]), uniform([4], 5, 7), uniform([outer]), uniform([4, 2])], [["$0", "$1", "$2"], "$3", {"diagonalsFormat": "sequence"}])
    case(f"linalg.{op}", "matrix", lambda m, r, f=fn: f(m, r, diagonals_format="matrix"), [uniform([4, 4]) + 6 * np.eye(4), uniform([4, 2])],
         ["$0", "$1", {"diagonalsFormat": "matrix"}])
for a, b in [([3, 4], [4, 2]), ([3, 1], [1, 2]), ([2, 3, 3], [2, 3, 1]), ([3, 2], [2, 2])]:
    case("linalg.tridiagonalMatmul", f"{show(a)} {show(b)}", tf.linalg.tridiagonal_matmul, [uniform(a), uniform(b)])

write_family(__file__)
