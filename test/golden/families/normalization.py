"""Writes normalization.json: TensorFlow's moments, normalizations, norms, embeddings (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403

EVERY = (*FLOATS, "int32")

for shape in [[2, 3], [], [5], [2, 1, 3], [0, 3]]:
    case("nn.l2Loss", show(shape), tf.nn.l2_loss, [uniform(shape)])
case("nn.l2Loss", "special", tf.nn.l2_loss, [np.array(SPECIAL[:20])])

for shape, axis in [([2, 3], 1), ([2, 3], -2), ([2, 3, 2], [0, 2]), ([0, 3], 1), ([0, 3], 0), ([4], 0)]:
    case("nn.l2Normalize", f"{show(shape)} axis {axis}", lambda x, a=axis: tf.nn.l2_normalize(x, a), [uniform(shape)], ["$0", axis])
case("nn.l2Normalize", "all", tf.nn.l2_normalize, [uniform([2, 3])])
case("nn.l2Normalize", "scalar", tf.nn.l2_normalize, [uniform([])])
case("nn.l2Normalize", "epsilon", lambda x: tf.nn.l2_normalize(x, 1, 2.5), [uniform([4, 3])], ["$0", 1, {"epsilon": 2.5}])
case("nn.l2Normalize", "zeros in rows", lambda x: tf.nn.l2_normalize(x, 1), [[[0, 0], [1, 0], [1e-7, 0]]], ["$0", 1])

for shape, axes in [([3, 4], [0]), ([3, 4], [1]), ([2, 3, 2], [0, 2]), ([2, 2, 3, 2], [0, 1, 2]), ([2, 3], [0, 1]), ([5], [0]), ([2, 3], []),
                    ([0, 3], [0]), ([0, 3], [1])]:
    for keepdims in (False, True):
        label = f"{show(shape)} axes {axes} {'kept' if keepdims else ''}".strip()
        args = ["$0", axes, *([{"keepdims": True}] if keepdims else [])]
        case("nn.moments", label, lambda x, a=axes, k=keepdims: tf.nn.moments(x, a, keepdims=k), [uniform(shape)], args)
        case("nn.moments", f"ints {label}", lambda x, a=axes, k=keepdims: tf.nn.moments(x, a, keepdims=k),
             [np.round(uniform(shape, -9, 9))], args, ["int32"])


def trained(x, offset, scale):
    mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, 0.01)


for x, p in [([4, 3], [3]), ([2, 2, 3, 2], [2]), ([4, 3], [1, 3]), ([2, 3, 4], [2, 1, 1]), ([0, 3], [3]), ([3], [])]:
    label = f"{show(x)} {show(p)}"
    five = [uniform(x), uniform(p), uniform(p, 0.3, 2), uniform(p), uniform(p)]
    case("nn.batchNormalization", label, lambda a, m, v, o, s: tf.nn.batch_normalization(a, m, v, o, s, 0.001), five,
         ["$0", "$1", "$2", "$3", "$4", 0.001])
    case("nn.batchNormalization", f"{label} alone", lambda a, m, v: tf.nn.batch_normalization(a, m, v, None, None, 0.001), five[:3],
         ["$0", "$1", "$2", None, None, 0.001])
    case("nn.batchNormalization", f"{label} offset", lambda a, m, v, o: tf.nn.batch_normalization(a, m, v, o, None, 0.1), five[:4],
         ["$0", "$1", "$2", "$3", None, 0.1])
    case("nn.batchNormalization", f"{label} scale", lambda a, m, v, s: tf.nn.batch_normalization(a, m, v, None, s, 0.1), five[:4],
         ["$0", "$1", "$2", None, "$3", 0.1])
for shape in [[4, 3], [2, 2, 3, 2], [7, 1]]:
    case("nn.batchNormalization", f"trained {show(shape)}", trained, [uniform(shape), uniform(shape[-1:]), uniform(shape[-1:])],
         ["!trained", "$0", "$1", "$2"])

layer, rms = tf.keras.ops.layer_normalization, tf.keras.ops.rms_normalization
for x, p, axis in [([3, 4], [4], -1), ([2, 3, 2], [2], -1), ([2, 3, 2], [3, 2], [1, 2]), ([2, 3, 2], [3], [1]), ([4], [4], 0), ([0, 4], [4], -1)]:
    label = f"{show(x)} axis {axis}"
    three = [uniform(x), uniform(p), uniform(p)]
    options = {"axis": axis, "epsilon": 0.01}
    case("nn.layerNormalization", label, lambda a, g, b, o=options: layer(a, g, b, **o), three, ["$0", "$1", "$2", options])
    case("nn.layerNormalization", f"{label} alone", lambda a, o=options: layer(a, **o), three[:1], ["$0", options])
    case("nn.layerNormalization", f"{label} beta", lambda a, b, o=options: layer(a, None, b, **o), three[:2], ["$0", None, "$1", options])
    if not isinstance(axis, list) or axis[-1] == 2:
        case("nn.rmsNormalization", label, lambda a, g, o=options: rms(a, g, **o), three[:2], ["$0", "$1", options])
    case("nn.rmsNormalization", f"{label} alone", lambda a, o=options: rms(a, **o), three[:1], ["$0", options])
case("nn.layerNormalization", "plain", layer, [uniform([3, 5])])
case("nn.rmsNormalization", "plain", rms, [uniform([3, 5])])
case("nn.rmsNormalization", "zeros", rms, [[[0, 0], [3, 4]]])

lookup = tf.nn.embedding_lookup
for table, ids in [([4, 3], [1, 3, 1]), ([4, 3], [[0], [2]]), ([4, 3], 2), ([4], [3, 0]), ([4, 2, 2], [1, 1]), ([4, 0], [1]), ([4, 3], [])]:
    label = f"{show(table)} {show(np.shape(ids))}"
    case("nn.embeddingLookup", label, lookup, [uniform(table), fixed(ids)])
    case("nn.embeddingLookup", f"{label} maxNorm", lambda p, i: lookup(p, i, max_norm=1.5), [uniform(table), fixed(ids)], ["$0", "$1", 1.5])
case("nn.embeddingLookup", "ints", lookup, [[[1, 2], [3, 4]], fixed([1, 0, 1])], dtypes=EVERY)
case("nn.embeddingLookup", "zeros maxNorm", lambda p, i: lookup(p, i, max_norm=1), [[[0, 0], [3, 4]], fixed([1, 0])], ["$0", "$1", 1])

write_family(__file__)
