"""Writes spectrum.json: TensorFlow's orthogonal factors, spectra, least squares and norms by them (needs tensorflow)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403


def spread(*shape):
    """Matrices whose singular values keep apart: (3, 2.3, 1.6 ...) between orthogonal factors."""
    m, n = shape[-2:]
    k = min(m, n)
    u = np.linalg.qr(random.uniform(-1, 1, [*shape[:-2], m, m]))[0][..., :k]
    v = np.linalg.qr(random.uniform(-1, 1, [*shape[:-2], n, n]))[0][..., :k]
    return np.round((u * (3 - 0.7 * np.arange(k))) @ np.swapaxes(v, -1, -2), 3)


def symmetric(*shape):
    n = shape[-1]
    v = np.linalg.qr(random.uniform(-1, 1, shape))[0]
    x = np.round((v * (np.arange(n) - 1.3)) @ np.swapaxes(v, -1, -2), 3)
    return (x + np.swapaxes(x, -1, -2)) / 2


for shape in [[1, 1], [2, 2], [3, 3], [4, 2], [2, 4], [2, 3, 3], [2, 1, 3, 2]]:
    case("linalg.qr", show(shape), tf.linalg.qr, [spread(*shape)])
for shape in [[3, 3], [2, 4], [4, 2]]:
    full = {"take": []} if shape[0] > shape[1] else {}
    case("linalg.qr", f"full {show(shape)}", lambda x: tf.linalg.qr(x, full_matrices=True), [spread(*shape)], ["$0", {"fullMatrices": True}], **full)
for shape in [[0, 3], [3, 0], [0, 2, 2]]:
    case("linalg.qr", f"empty {show(shape)}", tf.linalg.qr, [np.zeros(shape)])


# Eigenvectors and singular vectors have no sign of their own.
def eigh_squares(x):
    e, v = tf.linalg.eigh(x)
    return e, tf.square(v)


def svd_squares(x, full=False):
    s, u, v = tf.linalg.svd(x, full_matrices=full)
    return s, tf.square(u), tf.square(v)


def polar(x):
    _, u, v = tf.linalg.svd(x)
    return tf.matmul(u, v, transpose_b=True)


for shape in [[1, 1], [2, 2], [3, 3], [4, 4], [2, 3, 3], [2, 1, 2, 2]]:
    case("linalg.eigh", show(shape), eigh_squares, [symmetric(*shape)], ["!eighSquares", "$0"])
    case("linalg.eigvalsh", show(shape), tf.linalg.eigvalsh, [symmetric(*shape)])
case("linalg.eigh", "reads the lower triangle", eigh_squares, [spread(3, 3)], ["!eighSquares", "$0"])
case("linalg.eigh", "of equal values", lambda x: tf.linalg.eigh(x)[0], [np.eye(3) * 2], ["!eigenvalues", "$0"])
case("linalg.eigvalsh", "of equal values", tf.linalg.eigvalsh, [np.eye(2)])
for shape in [[0, 0], [0, 2, 2]]:
    case("linalg.eigvalsh", f"empty {show(shape)}", tf.linalg.eigvalsh, [np.zeros(shape)])

for shape in [[1, 1], [2, 2], [3, 3], [4, 2], [2, 4], [3, 2], [2, 3, 3], [2, 1, 2, 3]]:
    case("linalg.svd", show(shape), svd_squares, [spread(*shape)], ["!svdSquares", "$0"])
    case("linalg.svd", f"polar {show(shape)}", polar, [spread(*shape)], ["!polar", "$0"])
    case("linalg.svd", f"values {show(shape)}", lambda x: tf.linalg.svd(x, compute_uv=False), [spread(*shape)], ["$0", {"computeUv": False}])
for shape in [[3, 3], [3, 2], [2, 3]]:
    case("linalg.svd", f"full {show(shape)}", lambda x: svd_squares(x, True), [spread(*shape)], ["!svdSquares", "$0", {"fullMatrices": True}])
case("linalg.svd", "values of equal ones", lambda x: tf.linalg.svd(x, compute_uv=False), [np.eye(3)], ["$0", {"computeUv": False}])
for shape in [[0, 3], [3, 0], [0, 2, 2]]:
    case("linalg.svd", f"values empty {show(shape)}", lambda x: tf.linalg.svd(x, compute_uv=False), [np.zeros(shape)], ["$0", {"computeUv": False}])

for shape in [[3, 3], [4, 2], [2, 4], [2, 3, 2]]:
    case("linalg.pinv", show(shape), tf.linalg.pinv, [spread(*shape)])
case("linalg.pinv", "cut off", lambda x: tf.linalg.pinv(x, rcond=0.6), [spread(3, 3)], ["$0", 0.6])
case("linalg.pinv", "of rank 1", tf.linalg.pinv, [np.outer([1, 2, -1], [2, 0.5])])
for shape in [[3, 3], [4, 2], [2, 4], [2, 3, 2]]:
    case("linalg.matrixRank", show(shape), tf.linalg.matrix_rank, [spread(*shape)])
case("linalg.matrixRank", "1", tf.linalg.matrix_rank, [np.outer([1, 2, -1], [2, 0.5, 1])])
case("linalg.matrixRank", "0", tf.linalg.matrix_rank, [np.zeros([2, 3])])
case("linalg.matrixRank", "tol", lambda x: tf.linalg.matrix_rank(x, tol=2), [spread(3, 3)], ["$0", 2])

for a, b in [([3, 3], [3, 2]), ([4, 2], [4, 1]), ([2, 4], [2, 3]), ([2, 3, 2], [2, 3, 1])]:
    for options in [{}, {"l2Regularizer": 0.5}]:
        fn = lambda m, y, o=options: tf.linalg.lstsq(m, y, l2_regularizer=o.get("l2Regularizer", 0.0))  # noqa: E731
        case("linalg.lstsq", f"{' '.join(options)} {show(a)} {show(b)}".strip(), fn, [spread(*a), uniform(b)], ["$0", "$1", *([options] if options else [])])
    case("linalg.lstsq", f"slow {show(a)} {show(b)}", lambda m, y: tf.linalg.lstsq(m, y, fast=False), [spread(*a), uniform(b)],
         ["$0", "$1", {"fast": False}], take=[])
case("linalg.lstsq", "slow of rank 1", lambda m, y: tf.linalg.lstsq(m, y, fast=False), [np.outer([1, 2, -1], [2, 0.5]), uniform([3, 1])],
     ["$0", "$1", {"fast": False}], take=[])

for shape, axis in [([3, 3], [0, 1]), ([2, 4], [-2, -1]), ([2, 3, 2], [0, 2]), ([3, 2, 2], [-1, -3])]:
    case("norm", f"2 {show(shape)} {axis}", lambda x, a=axis: tf.norm(x, 2, a), [spread(*shape) + 0.0], ["$0", 2, axis])
    case("norm", f"2 kept {show(shape)} {axis}", lambda x, a=axis: tf.norm(x, 2, a, keepdims=True), [spread(*shape)], ["$0", 2, axis, {"keepdims": True}])

case("linalg.normalize", "all", tf.linalg.normalize, [uniform([2, 3])])
for order in [1, 2, 3, 0.5, np.inf]:
    case("linalg.normalize", f"{order} axis 1", lambda x, o=order: tf.linalg.normalize(x, o, 1), [uniform([2, 3])], ["$0", number(order), 1])
for order in ["fro", 1, 2, np.inf]:
    case("linalg.normalize", f"{order} matrices", lambda x, o=order: tf.linalg.normalize(x, o, [-2, -1]), [spread(2, 3, 3)],
         ["$0", order if isinstance(order, str) else number(order), [-2, -1]])
for shapes in [[[2, 3]], [[2, 3], [4]], [[], [2], [2, 2, 2]]]:
    case("linalg.globalNorm", " ".join(show(s) for s in shapes), lambda *xs: tf.linalg.global_norm(xs), [uniform(s) for s in shapes],
         [[f"${i}" for i in range(len(shapes))]])

write_family(__file__)
