"""Writes matrix-functions.json: TensorFlow's exponentials and square roots of matrices (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403


def positive(*shape):
    """Matrices whose eigenvalues have positive real parts."""
    return np.round(random.uniform(-1, 1, shape) + 2 * shape[-1] * np.eye(shape[-1]), 3)


for shape in [[3, 3], [2, 2], [1, 1], [2, 3, 3], [5, 5], [2, 1, 2, 2]]:
    case("linalg.expm", show(shape), tf.linalg.expm, [uniform(shape, -1, 1)])
    case("linalg.expm", f"small {show(shape)}", tf.linalg.expm, [uniform(shape, -1, 1) / 128])
    case("linalg.expm", f"large {show(shape)}", tf.linalg.expm, [uniform(shape, -8, 8)], dtypes=["float64"])
    case("linalg.sqrtm", show(shape), tf.linalg.sqrtm, [positive(*shape)])
for shape in [[0, 0], [2, 0, 0]]:
    case("linalg.expm", f"empty {show(shape)}", tf.linalg.expm, [np.zeros(shape)])
case("linalg.expm", "zeros", tf.linalg.expm, [np.zeros([3, 3])])
case("linalg.expm", "nilpotent", tf.linalg.expm, [[[0, 1, 2], [0, 0, 3], [0, 0, 0]]])
case("linalg.expm", "rotation", tf.linalg.expm, [[[0, -1.5], [1.5, 0]]])
case("linalg.sqrtm", "diagonal", tf.linalg.sqrtm, [[[4, 0], [0, 9]]])
case("linalg.sqrtm", "rotation", tf.linalg.sqrtm, [[[0, -1], [1, 0]]])
case("linalg.sqrtm", "triangular", tf.linalg.sqrtm, [[[1, 2, 3], [0, 4, 5], [0, 0, 9]]])

write_family(__file__)
