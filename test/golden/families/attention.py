"""Writes attention.json: scaled dot product attention, composed of TensorFlow's ops as keras.ops.dot_product_attention is
(needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403

op = "nn.scaledDotProductAttention"


def attention(q, k, v, mask=None, causal=False, scale=None):
    weights = tf.matmul(q, k, transpose_b=True) * tf.constant(q.shape[-1] ** -0.5 if scale is None else scale, q.dtype)
    if mask is not None and mask.dtype != tf.bool:
        weights += mask
        mask = None
    if causal:
        lower = tf.constant(np.tril(np.ones(weights.shape[-2:], bool)))
        mask = lower if mask is None else mask & lower
    if mask is not None:
        weights = tf.where(mask, weights, tf.constant(-1e30, weights.dtype))
    return tf.matmul(tf.nn.softmax(weights), v)


def keras(q, k, v, **options):
    q, k, v = (tf.transpose(t, [0, 2, 1, 3]) for t in (q, k, v))
    return tf.transpose(tf.keras.ops.dot_product_attention(q, k, v, **options), [0, 2, 1, 3])


SHAPES = [([2, 3, 2], [2, 4, 2], [2, 4, 3]), ([3, 2], [4, 2], [4, 1]), ([2, 1, 3, 2], [3, 4, 2], [1, 4, 1]), ([1, 1], [1, 1], [1, 1]),
          ([2, 2, 5, 3], [2, 2, 5, 3], [2, 2, 5, 3])]
for shapes in SHAPES:
    label = " ".join(map(show, shapes))
    three = [uniform(shape) for shape in shapes]
    case(op, label, attention, three)
    case(op, f"{label} causal", lambda q, k, v: attention(q, k, v, causal=True), three, ["$0", "$1", "$2", {"isCausal": True}])
    case(op, f"{label} scale", lambda q, k, v: attention(q, k, v, scale=0.3), three, ["$0", "$1", "$2", {"scale": 0.3}])
for shapes in [([0, 3, 2], [0, 4, 2], [0, 4, 3]), ([2, 0, 2], [2, 4, 2], [2, 4, 3]), ([2, 3, 2], [2, 4, 2], [2, 4, 0])]:
    case(op, "empty " + " ".join(map(show, shapes)), attention, [np.zeros(shape) for shape in shapes])

three = [uniform(shape) for shape in SHAPES[0]]
some = [[True, False, True, True], [True, False, False, False], [False, True, False, True]]
for label, mask in [("2 axes", some), ("3 axes", [some, some[::-1]]), ("keys", [[[True, True, False, True]]]), ("queries", [[True], [True], [True]])]:
    fixed_mask = fixed(mask, "bool")
    case(op, f"mask {label}", attention, [*three, fixed_mask], ["!masked", "$0", "$1", "$2", "$3"])
for shape in [[3, 4], [2, 3, 4], [2, 1, 4], [3, 1], [4]]:
    case(op, f"added {show(shape)}", attention, [*three, uniform(shape)], ["!masked", "$0", "$1", "$2", "$3"])
four = [uniform([2, 2, 3, 4]) for _ in range(3)]
case(op, "keras", keras, four)
case(op, "keras causal", lambda q, k, v: keras(q, k, v, is_causal=True), four, ["$0", "$1", "$2", {"isCausal": True}])
case(op, "large", attention, [1000 * uniform([2, 3]), uniform([3, 3]), uniform([3, 2])])

write_family(__file__)
