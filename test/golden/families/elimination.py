"""Writes elimination.json: TensorFlow's determinants, inverses, LU factors and solutions (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403


def well(*shape):
    """Well conditioned matrices, whose rows are in some order."""
    x = random.uniform(-1, 1, shape) + (1 + shape[-1]) * np.eye(shape[-1])
    return np.round(x[..., random.permutation(shape[-1]), :], 3)


def positive(*shape):
    half = random.uniform(-1, 1, shape)
    return np.round(half @ np.swapaxes(half, -1, -2) + shape[-1] * np.eye(shape[-1]), 3)


def lower(*shape):
    return np.round(np.tril(random.uniform(-1, 1, shape)) + (1 + shape[-1]) * np.eye(shape[-1]), 3)


def factors(x):
    """Those of tf.linalg.lu, which has no gradient, by elimination row by row."""
    p = tf.linalg.lu(x).p
    rows = tf.unstack(tf.gather(x, p, axis=-2, batch_dims=len(x.shape) - 2), axis=-2)
    for k in range(len(rows)):
        for i in range(k + 1, len(rows)):
            factor = rows[i][..., k : k + 1] / rows[k][..., k : k + 1]
            rows[i] = tf.concat([rows[i][..., :k], factor, rows[i][..., k + 1 :] - factor * rows[k][..., k + 1 :]], -1)
    return tf.stack(rows, -2) if rows else tf.identity(x), p


SHAPES = [[3, 3], [2, 2], [2, 3, 3], [1, 1], [2, 1, 2, 2], [5, 5], [0, 0], [0, 2, 2], [2, 0, 0]]

for shape in SHAPES:
    empty = 0 in shape
    x = np.zeros(shape) if empty else well(*shape)
    for op, fn in [("det", tf.linalg.det), ("inv", tf.linalg.inv), ("slogdet", tf.linalg.slogdet), ("lu", factors)]:
        case(f"linalg.{op}", show(shape), fn, [x], take={"slogdet": [0, 1], "lu": [0]}.get(op))
    case("linalg.inv", f"adjoint {show(shape)}", lambda x: tf.linalg.inv(x, adjoint=True), [x], ["$0", {"adjoint": True}])
    case("linalg.slogdet", f"sign {show(shape)}", tf.linalg.slogdet, [x], take=[0])
    case("linalg.slogdet", f"logarithm {show(shape)}", tf.linalg.slogdet, [x], take=[1])
    case("linalg.logdet", show(shape), tf.linalg.logdet, [np.zeros(shape) if empty else positive(*shape)])
    for columns in [1, 3, 0] if shape == [5, 5] or empty else [1, 3]:
        b = uniform([*shape[:-1], columns])
        case("linalg.solve", f"{show(shape)} {columns}", tf.linalg.solve, [x, b])
        case("linalg.solve", f"adjoint {show(shape)} {columns}", lambda a, b: tf.linalg.solve(a, b, adjoint=True), [x, b],
             ["$0", "$1", {"adjoint": True}])
        l = np.zeros(shape) if empty else lower(*shape)
        case("linalg.choleskySolve", f"{show(shape)} {columns}", tf.linalg.cholesky_solve, [l, b])
for a, b in [([2, 3, 3], [3, 2]), ([3, 3], [2, 3, 2])]:
    case("linalg.choleskySolve", f"broadcast {show(a)} {show(b)}", tf.linalg.cholesky_solve, [lower(*a), uniform(b)])

case("linalg.det", "semantics", tf.linalg.det, [[[1, 2], [3, 4]]])
case("linalg.inv", "semantics", tf.linalg.inv, [[[4, 7], [2, 6]]])
case("linalg.solve", "semantics", tf.linalg.solve, [[[3, 1], [1, 2]], [[9], [8]]])

write_family(__file__)
