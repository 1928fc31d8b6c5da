"""Writes linalg.json: TensorFlow's linear algebra of square matrices (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403


def positive(*shape):
    """Positive definite matrices, well conditioned."""
    n = shape[-1]
    half = random.uniform(-1, 1, shape)
    return np.round(half @ np.swapaxes(half, -1, -2) + n * np.eye(n), 3)


def triangle(*shape):
    """Matrices whose triangles, the lower and the upper one, are both well conditioned."""
    off = random.uniform(-1, 1, shape)
    return np.round(np.where(np.eye(shape[-1]) > 0, np.sign(off) * random.uniform(1, 2, shape), off), 3)


def log_determinant(x):
    return 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(tf.linalg.cholesky(x))), -1)


def solved(x, b):
    factor = tf.linalg.cholesky(x)
    return tf.linalg.triangular_solve(factor, tf.linalg.triangular_solve(factor, b), adjoint=True)


for shape in [[3, 3], [1, 1], [2, 2], [2, 3, 3], [2, 1, 2, 2], [5, 5]]:
    case("linalg.cholesky", f"{show(shape)}", tf.linalg.cholesky, [positive(*shape)])
    case("linalg.cholesky", f"logDeterminant {show(shape)}", log_determinant, [positive(*shape)], ["!logDeterminant", "$0"])
    case("linalg.cholesky", f"solve {show(shape)}", solved, [positive(*shape), uniform([*shape[:-1], 2])], ["!solve", "$0", "$1"])
    case("linalg.cholesky", f"square {show(shape)}", lambda x: tf.square(tf.linalg.cholesky(x)), [positive(*shape)], ["!square", "$0"])
    case("linalg.cholesky", f"product {show(shape)}", lambda x: tf.matmul(*[tf.linalg.cholesky(x)] * 2, transpose_b=True), [positive(*shape)],
         ["!product", "$0"])
case("linalg.cholesky", "20x20", tf.linalg.cholesky, [positive(20, 20)])
case("linalg.cholesky", "upper triangle is not read", tf.linalg.cholesky, [np.tril(positive(3, 3)) + np.triu(np.full([3, 3], 9.0), 1)])
case("linalg.cholesky", "large and small", tf.linalg.cholesky, [[[4e10, 2e4], [2e4, 1e-2 + 1]]])
for shape in [[0, 0], [0, 2, 2], [2, 0, 0]]:
    case("linalg.cholesky", f"empty {show(shape)}", tf.linalg.cholesky, [np.zeros(shape)])

for options in [{}, {"lower": False}, {"adjoint": True}, {"lower": False, "adjoint": True}]:
    label = " ".join(f"{key} {str(value).lower()}" for key, value in options.items()) or "plain"
    fn = lambda m, b, o=options: tf.linalg.triangular_solve(m, b, **o)  # noqa: E731
    args = ["$0", "$1", *([options] if options else [])]
    for a, b in [([3, 3], [3, 2]), ([1, 1], [1, 1]), ([4, 4], [4, 1]), ([2, 3, 3], [2, 3, 2]), ([2, 1, 2, 2], [2, 1, 2, 3])]:
        case("linalg.triangularSolve", f"{label} {show(a)} {show(b)}", fn, [triangle(*a), uniform(b)], args)
    for a, b in [([2, 3, 3], [3, 2]), ([3, 3], [2, 3, 2]), ([2, 1, 2, 2], [3, 2, 1])]:
        case("linalg.triangularSolve", f"{label} broadcast {show(a)} {show(b)}", fn, [triangle(*a), uniform(b)], args)
    if options.get("lower", True) != options.get("adjoint", False):
        case("linalg.triangularSolve", f"{label} 20x20 20x3", fn, [triangle(20, 20) * np.where(np.eye(20) > 0, 4, 0.25), uniform([20, 3])], args)
    case("linalg.triangularSolve", f"{label} the other triangle is not read", fn,
         [[[2, NAN], [1, 4]] if options.get("lower", True) else [[2, 1], [NAN, 4]], uniform([2, 2])], args)

for options in [{}, {"lower": False}, {"adjoint": True}, {"lower": False, "adjoint": True}]:
    label = " ".join(f"{key} {str(value).lower()}" for key, value in options.items()) or "plain"
    for a, b in [([0, 0], [0, 2]), ([2, 2], [2, 0]), ([0, 2, 2], [0, 2, 1])]:
        case("linalg.triangularSolve", f"{label} empty {show(a)} {show(b)}", lambda m, x, o=options: tf.linalg.triangular_solve(m, x, **o),
             [np.eye(2) if a == [2, 2] else np.zeros(a), np.zeros(b)], ["$0", "$1", *([options] if options else [])])

write_family(__file__)
