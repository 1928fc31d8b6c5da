"""Writes corners.json: integers, options and broadcasting that ops take only here and there (needs tensorflow; run it beside
make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403


def whole(shape, most=9):
    return random.randint(-most, most + 1, shape).astype("float64")


# ---- windows over integers ----

for label, image, filters, options in [
    ("3x3", [1, 5, 5, 1], [3, 3, 1, 1], {}), ("channels", [2, 4, 5, 2], [2, 3, 2, 3], {}), ("one", [2, 3, 3, 2], [1, 1, 2, 2], {}),
    ("same", [2, 4, 5, 2], [2, 3, 2, 3], {"padding": "SAME"}), ("strides", [1, 5, 6, 2], [2, 2, 2, 1], {"strides": [2, 3], "padding": "SAME"}),
    ("dilations", [1, 6, 6, 1], [2, 3, 1, 2], {"dilations": 2, "padding": "SAME"}), ("pads", [1, 3, 4, 1], [2, 2, 1, 1], {"padding": [[1, 2], [0, 3]]}),
    ("no images", [0, 4, 4, 1], [2, 2, 1, 2], {}), ("no results", [1, 2, 2, 1], [2, 2, 1, 0], {}),
]:
    strides, dilations, padding = options.get("strides", 1), options.get("dilations", 1), options.get("padding", "VALID")
    pads = padding if isinstance(padding, str) else [[0, 0], *padding, [0, 0]]
    case("nn.conv2d", f"int {label}", lambda x, f: tf.nn.conv2d(x, f, strides, pads, dilations=dilations),
         [whole(image), whole(filters)], ["$0", "$1", options], ["int32"])
case("nn.conv2d", "int wraps", lambda x, f: tf.nn.conv2d(x, f, 1, "VALID"), [whole([1, 3, 3, 1], 2**30), whole([2, 2, 1, 1], 2**30)],
     dtypes=["int32"])
for label, image, filters, options in [("3", [2, 6, 2], [3, 2, 2], {}), ("same strides", [1, 7, 1], [2, 1, 1], {"stride": 2, "padding": "SAME"})]:
    case("nn.conv1d", f"int {label}", lambda x, f: tf.nn.conv1d(x, f, options.get("stride", 1), options.get("padding", "VALID")),
         [whole(image), whole(filters)], ["$0", "$1", options], ["int32"])
for label, image, filters, shape, options in [
    ("valid", [1, 3, 3, 2], [2, 2, 1, 2], [1, 4, 4, 1], {"padding": "VALID"}), ("strides", [2, 2, 3, 1], [3, 3, 2, 1], [2, 4, 5, 2], {"strides": 2}),
]:
    case("nn.conv2dTranspose", f"int {label}", lambda x, f: tf.nn.conv2d_transpose(x, f, shape, options.get("strides", 1), options.get("padding", "SAME")),
         [whole(image), whole(filters)], ["$0", "$1", shape, options], ["int32"])
for label, image, options in [
    ("2", [1, 4, 4, 2], {"ksize": 2}), ("same", [2, 5, 4, 1], {"ksize": 3, "strides": 2, "padding": "SAME"}), ("1x3", [1, 2, 5, 1], {"ksize": [1, 3], "strides": 1}),
]:
    case("nn.maxPool2d", f"int {label}", lambda x: tf.nn.max_pool2d(x, options["ksize"], options.get("strides", options["ksize"]), options.get("padding", "VALID")),
         [whole(image, 120)], ["$0", options], ["int32"])
    case("nn.maxPool2d", f"byte {label}", lambda x: tf.nn.max_pool2d(x, options["ksize"], options.get("strides", options["ksize"]), options.get("padding", "VALID")),
         [fixed(random.randint(0, 256, image), "uint8")], ["$0", options], ["float32"])
case("nn.maxPool2d", "int large", lambda x: tf.nn.max_pool2d(x, 2, 1, "VALID"),
     [np.reshape([2147483647, 2147483646, -2147483648, -2147483647, 16777217, 16777216], [1, 2, 3, 1])], ["$0", {"ksize": 2, "strides": 1}], ["int32"])

# ---- norms of integers ----

for order in [1, INF]:
    written = 1 if order == 1 else "inf"
    for label, shape, axis in [("all", [2, 3], None), ("axis", [2, 3], 1), ("matrix", [2, 3, 4], [0, 2]), ("scalar", [], None)]:
        case("norm", f"int {order} {label}", lambda x: tf.norm(x, order, axis), [whole(shape)], ["$0", written, *([] if axis is None else [axis])], ["int32"])

# ---- options of matvec ----

for option, name in [("transposeA", "transpose_a"), ("adjointA", "adjoint_a")]:
    for label, a, b in [("3x2", [3, 2], [3]), ("batch", [2, 3, 2], [3]), ("both", [2, 1, 3, 2], [4, 3])]:
        case("linalg.matvec", f"{option} {label}", lambda a, b: tf.linalg.matvec(a, b, **{name: True}), [uniform(a), uniform(b)],
             ["$0", "$1", {option: True}], [*FLOATS, "int32"] if label == "3x2" else FLOATS)

# ---- labels that broadcast ----

for label, labels in [("classes", [0.1, 0.2, 0.3, 0.4]), ("one row", [[0, 1, 0, 0]]), ("one class", [[1], [0.5], [0]])]:
    case("nn.softmaxCrossEntropyWithLogits", f"labels {label}",
         lambda x: tf.nn.softmax_cross_entropy_with_logits(tf.constant(labels, x.dtype), x), [uniform([3, 4])], [labels, "$0"])

# ---- bands ----

for lower, upper in [(0, 0), (2, 0), (0, 3), (2, 3), (-1, 1), (1, -1), (-5, -5)]:
    case("linalg.bandPart", f"ends {lower} {upper}", lambda x: tf.linalg.band_part(x, lower, upper), [uniform([2, 3])], ["$0", lower, upper])

write_family(__file__)
