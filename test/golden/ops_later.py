"""Cases of what came later, behind all others so that the operands of those stay. make-ops.py imports it."""

import numpy as np
import tensorflow as tf

from ops_tools import *  # noqa: F403

ENDS = [1, -1, 0.999, -0.999, 0.5, -0.5, 1.0000001, -1.0000001, 1.001, 1.5, 3, 1e8, -1e8]
POLES = [0.0, -0.0, -1, -2, -3, -7, -20, -1e6, 1, 2, -0.5, -1.5, -1.25, -2.75, -6.5, 0.125, 3, 4, 8.5, 1e-8, -1e-8, 1e6]
unary("asin", tf.asin, low=-0.999, high=0.999)
unary("acos", tf.acos, low=-0.999, high=0.999)
unary("atan", tf.atan)
unary("sinh", tf.sinh, low=-80, high=80)
unary("cosh", tf.cosh, low=-80, high=80)
unary("asinh", tf.asinh)
unary("acosh", tf.acosh, low=1.001)
unary("atanh", tf.atanh, low=-0.999, high=0.999)
unary("erfc", tf.math.erfc, low=-9, high=9)
unary("lgamma", tf.math.lgamma, low=0.125)
unary("digamma", tf.math.digamma, low=0.125)
for name, fn in {"asin": tf.asin, "acos": tf.acos, "atanh": tf.atanh, "acosh": tf.acosh}.items():
    case(name, "special ends", fn, [ENDS])
for name, fn in {"lgamma": tf.math.lgamma, "digamma": tf.math.digamma}.items():
    case(name, "negative", fn, [uniform([3, 4], -5, -0.1)])
    case(name, "special poles", fn, [POLES])
binary("atan2", tf.atan2)
for a, b in SHAPES:
    case("polygamma", f"{show(a)} {show(b)}", tf.math.polygamma, [random.randint(0, 4, a), uniform(b, 0.25, 4)])
case("polygamma", "negative", tf.math.polygamma, [[[0], [1], [2], [3]], uniform([5], -5, -0.1)])
case("polygamma", "large orders", tf.math.polygamma, [[[5], [10], [20]], uniform([5], 0.5, 9)])
case("polygamma", "wide", tf.math.polygamma, [random.randint(0, 4, 41), wide(41, 0.125, INF)])
for label, rows, points in [
    ("special", [0, 1, 2, 3, 8, -1, 0.5, INF, -INF, NAN], [x for x in POLES if x >= 0 or x == round(x)] + [INF, -INF, NAN, 1e20]),
    ("far left", [2, 3, 8], [-0.5, -1.25, -1.5, -2.75, -6.5]),
]:
    pairs = np.meshgrid(rows, points, indexing="ij")
    case("polygamma", label, tf.math.polygamma, [x.reshape(-1) for x in pairs])


# ---- integer division, questions about floats ----

binary("floordiv", tf.math.floordiv, low=(-4, 0.5), high=(4, 2), ints=lambda a, b: b != 0 and not (a == -2**31 and b == -1))
case("floordiv", "negative divisor", tf.math.floordiv, [uniform([2, 3], -4, 4), uniform([3], -2, -0.5)])
case("floordiv", "whole quotients", tf.math.floordiv, [[6, -6, 7.5, -7.5, 1, 0.3], [2, 2, 2.5, 2.5, 0.1, 0.1]])
case("floormod", "negative divisor", tf.math.floormod, [uniform([2, 3], -4, 4), uniform([3], -2, -0.5)])
for name, fn in {"isNan": tf.math.is_nan, "isInf": tf.math.is_inf, "isFinite": tf.math.is_finite}.items():
    unary(name, fn)

# ---- one hot ----

OTHER = [[0, 2, -1, 3], [1, 5, 1, 0]]
for label, indices, depth, options in [
    ("vector", [0, 2, 1, 2], 3, {}), ("scalar", 1, 3, {}), ("matrix", OTHER, 4, {}), ("empty", np.zeros([0], "int32"), 3, {}),
    ("no classes", [0, 1], 0, {}), ("one class", [0, 1, 0], 1, {}), ("axis 0", OTHER, 4, {"axis": 0}), ("axis 1", OTHER, 4, {"axis": 1}),
    ("axis 2", OTHER, 4, {"axis": 2}), ("axis of a vector", [2, 0], 3, {"axis": 0}), ("all out of range", [-1, 3, -2], 3, {}),
    ("ends", [2147483647, -2147483648, 0, -1], 3, {}), ("values", OTHER, 4, {"onValue": 2.5, "offValue": -0.5}),
    ("values axis 0", OTHER, 4, {"onValue": -0.0, "offValue": 7, "axis": 0}), ("off only", [1, 0], 2, {"offValue": -1}),
]:
    names = {"onValue": "on_value", "offValue": "off_value"}
    for dtype in ["float32", "float64", "int32", "uint8", "bool"]:
        values = [options[key] for key in names if key in options]
        if values and (dtype == "bool" or any(v != np.asarray(v).astype(dtype) for v in values)):
            continue
        given = {names.get(key, key): tf.constant(np.asarray(value, dtype)) if key in names else value for key, value in options.items()}
        given = {"on_value": True, "off_value": False, **given} if dtype == "bool" else given
        given = {"on_value": tf.constant(np.asarray(1, dtype)), **given} if "off_value" in given else given
        given = {"off_value": tf.constant(np.asarray(0, dtype)), **given} if "on_value" in given else given
        case("oneHot", f"{label} {dtype}", lambda i, d=depth, g=given, t=dtype: tf.one_hot(i, d, dtype=t, **g), [fixed(indices)],
             ["$0", depth, {**options, "dtype": dtype}], ["float32"])
case("oneHot", "no options", lambda i: tf.one_hot(i, 3), [fixed([0, 2, 1])], ["$0", 3], ["float32"])
case("oneHot", "bytes as indices", lambda i: tf.one_hot(i, 4), [fixed([0, 3, 255, 128, 1], "uint8")], ["$0", 4], ["float32"])

# ---- tensors of no tensor ----

for dtype in ["float32", "float64", "int32", "uint8", "bool"]:
    option = {"dtype": dtype}
    one = lambda x, t=dtype: tf.constant(np.asarray(x).astype(t))  # noqa: E731
    for shape in [[2, 3], [], [0, 3], [4]]:
        case("zeros", f"{show(shape)} {dtype}", lambda s=shape, t=dtype: tf.zeros(s, t), [], [shape, option], ["float32"])
        case("ones", f"{show(shape)} {dtype}", lambda s=shape, t=dtype: tf.ones(s, t), [], [shape, option], ["float32"])
        case("fill", f"{show(shape)} {dtype}", lambda s=shape, v=one(1): tf.fill(s, v), [], [shape, 1, option], ["float32"])
    for rows, columns in [(3, 3), (2, 4), (4, 2), (0, 3), (1, 1)]:
        case("eye", f"{rows}x{columns} {dtype}", lambda n=rows, m=columns, t=dtype: tf.eye(n, m, dtype=t), [], [rows, columns, option],
             ["float32"])
    case("eye", f"3 {dtype}", lambda t=dtype: tf.eye(3, dtype=t), [], [3, option], ["float32"])
    case("constant", f"matrix {dtype}", lambda f=one: f([[1, 0], [0, 1]]), [], [[[1, 0], [0, 1]], option], ["float32"])
    case("constant", f"scalar {dtype}", lambda f=one: f(1), [], [1, option], ["float32"])
    case("constant", f"empty {dtype}", lambda f=one: f(np.zeros([2, 0])), [], [[[], []], option], ["float32"])
    case("constant", f"shaped {dtype}", lambda t=dtype: tf.constant(np.asarray([1, 0, 0, 1, 1, 0], t), t, [2, 3]), [],
         [[1, 0, 0, 1, 1, 0], {**option, "shape": [2, 3]}], ["float32"])
    if dtype not in FLOATS:
        case("convertToTensor", f"of {dtype}", tf.convert_to_tensor, [fixed([[1, 0], [0, 1]], dtype)], dtypes=["float32"])
for name, fn in {"zeros": tf.zeros, "ones": tf.ones}.items():
    case(name, "2x3", lambda f=fn: f([2, 3]), [], [[2, 3]], ["float32"])
case("eye", "3", lambda: tf.eye(3), [], [3], ["float32"])
case("constant", "numbers", lambda: tf.constant([[0.1, -0.0], [3e38, 1e-8]]), [], [[[0.1, -0.0], [3e38, 1e-8]]], ["float32"])
case("constant", "special", lambda: tf.constant([INF, -INF, 0.5]), [], [["inf", "-inf", 0.5]], ["float32"])
case("constant", "of a tensor", tf.constant, [fixed(SPECIAL, "float32")], dtypes=["float32"])
case("convertToTensor", "numbers", lambda: tf.convert_to_tensor([[1.5], [2.5]]), [], [[[1.5], [2.5]]], ["float32"])
case("convertToTensor", "2x3", tf.convert_to_tensor, [uniform([2, 3])])
case("convertToTensor", "special", tf.convert_to_tensor, [SPECIAL])
for shape in [[2, 3], [], [0, 3], [4]]:
    case("fill", f"{show(shape)} of a tensor", lambda x, s=shape: tf.fill(s, x), [uniform([])], [shape, "$0"])
for label, value in [("nan", NAN), ("inf", INF), ("negative zero", -0.0)]:
    case("fill", f"of {label}", lambda x: tf.fill([2, 2], x), [value], [[2, 2], "$0"])
case("fill", "ints of a tensor", lambda x: tf.fill([2, 2], x), [np.array(-2147483648)], [[2, 2], "$0"], ["int32"])
case("fill", "of true", lambda: tf.fill([2], True), [], [[2], True], ["float32"])
case("fill", "of a number", lambda: tf.fill([2], tf.constant(0.1)), [], [[2], 0.1], ["float32"])
for numbers in [[5], [0], [2, 7], [2, 7, 2], [7, 2, -2], [0, 1, 0.25], [-1, 1, 0.5], [1, 1], [0.5, 3], [0, 1, 0.1], [3, 0, -0.7]]:
    for dtype in ["float32", "float64"] + (["int32"] if all(x == int(x) for x in numbers) else []):
        case("range", f"{numbers} {dtype}", lambda a=numbers, t=dtype: tf.range(*[tf.constant(x, t) for x in a]), [],
             numbers + [{"dtype": dtype}], ["float32"])
for start, stop, num in [(0, 1, 5), (1, -1, 4), (2, 2, 3), (3, 9, 1), (-1, 1, 2), (0, 1, 11), (-2.5, 7.25, 8), (1e20, -1e20, 3)]:
    for dtype in FLOATS:
        case("linspace", f"{start} {stop} {num} {dtype}",
             lambda a=start, b=stop, n=num, t=dtype: tf.linspace(tf.constant(a, t), tf.constant(b, t), n), [],
             [start, stop, num, {"dtype": dtype}], ["float32"])

# ---- dtypes and awkward elements of ops that had none ----

BYTES = [0, 1, 2, 3, 7, 100, 127, 128, 200, 255]


def bytes_of(op, fn, xs, args=None, label="bytes"):
    case(op, label, fn, [fixed(x, "uint8") for x in xs], args, ["float32"])


for name, fn in {"add": tf.add, "sub": tf.subtract, "mul": tf.multiply, "maximum": tf.maximum, "minimum": tf.minimum,
                 "less": tf.less, "lessEqual": tf.less_equal, "greater": tf.greater, "greaterEqual": tf.greater_equal,
                 "equal": tf.equal, "notEqual": tf.not_equal}.items():
    bytes_of(name, fn, every_pair(BYTES))
for name, fn in {"floordiv": tf.math.floordiv, "floormod": tf.math.floormod}.items():
    bytes_of(name, fn, every_pair([x for x in BYTES if x])[:2])
    bytes_of(name, fn, [[0, 0, 0], [1, 128, 255]], label="bytes zero")
# TensorFlow has no bytes for this one, so it is composed of what it has.
bytes_of("squaredDifference", lambda x, y: tf.multiply(tf.subtract(x, y), tf.subtract(x, y)), every_pair(BYTES), label="bytes composed")
bytes_of("square", tf.square, [BYTES])
case("round", "ints", tf.round, [np.array(INTS)], dtypes=["int32"])
bytes_of("round", tf.round, [BYTES])
case("nn.relu", "ends", tf.nn.relu, [[[3e38, -3e38], [1e-30, -1e-30]]])
case("where", "bytes", tf.where, [MASK, fixed([[0, 255, 7], [1, 2, 3]], "uint8"), fixed(9, "uint8")], dtypes=["float32"])
bytes_of("clipByValue", lambda x: tf.clip_by_value(x, 2, 200), [BYTES], ["$0", 2, 200])
ROWS = [[0, 1, 2, 3], [255, 255, 1, 0], [7, 3, 255, 9]]
for name, fn in {"reduceSum": tf.reduce_sum, "reduceProd": tf.reduce_prod, "reduceMax": tf.reduce_max, "reduceMin": tf.reduce_min}.items():
    bytes_of(name, lambda x, f=fn: f(x, 1), [ROWS], ["$0", 1])
    bytes_of(name, lambda x, f=fn: f(x), [ROWS], ["$0"], "bytes all")
bytes_of("reduceMean", lambda x: tf.reduce_mean(x, 1), [[[1, 2, 4], [7, 7, 9]]], ["$0", 1])
for name, fn in {"argmax": tf.argmax, "argmin": tf.argmin}.items():
    bytes_of(name, lambda x, f=fn: f(x, 1, output_type=tf.int32), [ROWS], ["$0", 1])
bytes_of("nn.biasAdd", tf.nn.bias_add, [ROWS, [1, 2, 3, 250]])

# Whoever moves elements changes none: of 2x3x4, once with awkward floats, once with the ends of int32, once with bytes.
AWKWARD = np.array([x for x in SPECIAL if abs(x) < 1e30 or not np.isfinite(x)][:24]).reshape(2, 3, 4)
ENDS_OF_INTS = np.resize(np.array(INTS), [2, 3, 4])
for name, fn, args in [
    ("reshape", lambda x: tf.reshape(x, [4, 6]), ["$0", [4, 6]]), ("transpose", lambda x: tf.transpose(x, [2, 0, 1]), ["$0", [2, 0, 1]]),
    ("expandDims", lambda x: tf.expand_dims(x, 1), ["$0", 1]), ("squeeze", lambda x: tf.squeeze(x), ["$0"]),
    ("concat", lambda x: tf.concat([x, x], 1), [["$0", "$0"], 1]), ("stack", lambda x: tf.stack([x, x], 2), [["$0", "$0"], 2]),
    ("unstack", lambda x: tf.unstack(x, axis=1), ["$0", 1]), ("split", lambda x: tf.split(x, 2, 2), ["$0", 2, 2]),
    ("slice", lambda x: tf.slice(x, [0, 1, 1], [2, 2, 3]), ["$0", [0, 1, 1], [2, 2, 3]]),
    ("stridedSlice", lambda x: tf.strided_slice(x, [0, 0, 0], [2, 3, 4], [1, 2, 3]), ["$0", [0, 0, 0], [2, 3, 4], [1, 2, 3]]),
    ("at", lambda x: x[::-1, 1:], ["$0", "::-1", "1:"]), ("tile", lambda x: tf.tile(x, [1, 2, 1]), ["$0", [1, 2, 1]]),
    ("pad", lambda x: tf.pad(x, [[0, 0], [1, 1], [0, 2]]), ["$0", [[0, 0], [1, 1], [0, 2]]]),
    ("reverse", lambda x: tf.reverse(x, [0, 2]), ["$0", [0, 2]]),
    ("broadcastTo", lambda x: tf.broadcast_to(x, [2, 2, 3, 4]), ["$0", [2, 2, 3, 4]]), ("identity", tf.identity, ["$0"]),
    ("zerosLike", tf.zeros_like, ["$0"]), ("onesLike", tf.ones_like, ["$0"]), ("stopGradient", tf.stop_gradient, ["$0"]),
    ("gather", lambda x: tf.gather(x, [2, 0], axis=1), ["$0", [2, 0], {"axis": 1}]),
    ("gatherNd", lambda x: tf.gather_nd(x, [[1, 2], [0, 0]]), ["$0", [[1, 2], [0, 0]]]),
    ("booleanMask", lambda x: tf.boolean_mask(x, [True, False]), ["$0", [True, False]]),
    ("scatterNd", lambda x: tf.scatter_nd([[3], [1]], x, [4, 3, 4]), [[[3], [1]], "$0", [4, 3, 4]]),
]:
    case(name, "special 2x3x4", fn, [AWKWARD], args)
    case(name, "ends of int32", fn, [ENDS_OF_INTS], args, ["int32"])
    bytes_of(name, fn, [np.arange(24).reshape(2, 3, 4) * 11 % 256], args, "bytes 2x3x4")
    case(name, "bools 2x3x4", fn, [fixed(AWKWARD > 0, "bool")], args, ["float32"])

# ---- convolutions and pools in both dtypes; convolution.json has more of them, in float32 ----

IMAGE, FILTER = [2, 4, 5, 2], [3, 2, 2, 3]


def quad(pair):
    return [1, *pair, 1]


for label, strides, padding, dilations in [("VALID", [1, 1], "VALID", [1, 1]), ("SAME", [1, 1], "SAME", [1, 1]), ("strides", [2, 1], "SAME", [1, 1]),
                                           ("padded", [1, 2], [[0, 0], [2, 0], [1, 1], [0, 0]], [1, 1])]:
    options = {"strides": strides, "padding": padding}
    conv = lambda x, f, s=strides, p=padding: tf.nn.conv2d(x, f, quad(s), p)  # noqa: E731
    case("nn.conv2d", label, conv, [uniform(IMAGE), uniform(FILTER)], ["$0", "$1", options])
    result = list(conv(tf.zeros(IMAGE), tf.zeros(FILTER)).shape)
    given = {"strides": quad(strides), "padding": padding if isinstance(padding, str) else "EXPLICIT"}
    if given["padding"] == "EXPLICIT":
        given["explicit_paddings"] = [x for pair in padding for x in pair]
    case("nn.conv2dBackpropInput", label, lambda f, g, o=given: tf.raw_ops.Conv2DBackpropInput(input_sizes=IMAGE, filter=f, out_backprop=g, **o),
         [uniform(FILTER), uniform(result)], [IMAGE, "$0", "$1", options])
    case("nn.conv2dBackpropFilter", label, lambda x, g, o=given: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=FILTER, out_backprop=g, **o),
         [uniform(IMAGE), uniform(result)], ["$0", FILTER, "$1", options])
    if isinstance(padding, str):
        case("nn.conv2dTranspose", label, lambda x, f, s=strides, p=padding: tf.nn.conv2d_transpose(x, f, [2, 4, 5, 3], quad(s), p),
             [uniform([*conv(tf.zeros([2, 4, 5, 3]), tf.zeros([3, 2, 3, 2])).shape]), uniform([3, 2, 3, 2])],
             ["$0", "$1", [2, 4, 5, 3], options])
for label, stride, padding in [("VALID", 1, "VALID"), ("SAME", 1, "SAME"), ("strides", 2, "SAME")]:
    options = {"strides": stride, "padding": padding}
    case("nn.depthwiseConv2d", label, lambda x, f, s=stride, p=padding: tf.nn.depthwise_conv2d(x, f, quad([s, s]), p),
         [uniform(IMAGE), uniform([3, 2, 2, 2])], ["$0", "$1", options])
    case("nn.conv1d", label, lambda x, f, s=stride, p=padding: tf.nn.conv1d(x, f, s, p), [uniform([2, 7, 2]), uniform([3, 2, 3])],
         ["$0", "$1", {"stride": stride, "padding": padding}])
for name, fn in {"nn.maxPool2d": tf.nn.max_pool2d, "nn.avgPool2d": tf.nn.avg_pool2d}.items():
    for label, ksize, strides, padding in [("VALID", [2, 2], [2, 2], "VALID"), ("SAME", [2, 2], [2, 2], "SAME"), ("overlap", [3, 2], [1, 2], "SAME")]:
        case(name, label, lambda x, f=fn, k=ksize, s=strides, p=padding: f(x, k, s, p), [uniform(IMAGE)],
             ["$0", ksize, {"strides": strides, "padding": padding}])
case("nn.maxPool2d", "special", lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
     [np.array([[1, INF, -INF, -1], [2, 3, -2, -INF], [-INF, -INF, 3e38, 0], [-INF, -INF, INF, INF]]).reshape(1, 4, 4, 1)], ["$0", 2])
GRID = np.array([[1, 2, -1, 3], [0.0, -0.0, 2, INF], [-2, 1, 1, 2], [NAN, 1, -INF, 3]]).reshape(1, 4, 4, 1)
TAPS = np.array([[1, -2], [2, 3]]).reshape(2, 2, 1, 1)
PULLED = np.array([[1, -1, INF], [2, 0.0, -0.0], [NAN, 1, 3]]).reshape(1, 3, 3, 1)
valid = {"strides": [1, 1, 1, 1], "padding": "VALID"}
case("nn.conv2d", "awkward", lambda x, f: tf.nn.conv2d(x, f, 1, "VALID"), [GRID, TAPS])
case("nn.depthwiseConv2d", "awkward", lambda x, f: tf.nn.depthwise_conv2d(x, f, [1, 1, 1, 1], "VALID"), [GRID, TAPS])
case("nn.conv1d", "awkward", lambda x, f: tf.nn.conv1d(x, f, 1, "VALID"), [GRID[0], TAPS[0]])
case("nn.conv2dTranspose", "awkward", lambda x, f: tf.nn.conv2d_transpose(x, f, [1, 4, 4, 1], 1, "VALID"), [PULLED, TAPS],
     ["$0", "$1", [1, 4, 4, 1], {"padding": "VALID"}])
case("nn.conv2dBackpropInput", "awkward", lambda f, g: tf.raw_ops.Conv2DBackpropInput(input_sizes=[1, 4, 4, 1], filter=f, out_backprop=g, **valid),
     [TAPS, PULLED], [[1, 4, 4, 1], "$0", "$1"])
case("nn.conv2dBackpropFilter", "awkward", lambda x, g: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=[2, 2, 1, 1], out_backprop=g, **valid),
     [GRID, np.where(np.isfinite(PULLED), PULLED, 2)], ["$0", [2, 2, 1, 1], "$1"])
case("nn.avgPool2d", "awkward", lambda x: tf.nn.avg_pool2d(x, 2, 1, "VALID"), [GRID], ["$0", 2, {"strides": 1}])
case("nn.maxPool2d", "awkward", lambda x: tf.nn.max_pool2d(x, 2, 1, "VALID"), [np.where(np.isnan(GRID), 0.0, GRID)], ["$0", 2, {"strides": 1}])
case("nn.maxPool2d", "of nan", lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), [GRID], ["$0", 2])
case("nn.biasAdd", "special", tf.nn.bias_add, [[[1, INF, -INF, NAN, 0.0, -0.0]], [INF, INF, INF, 1, -0.0, -0.0]])
case("nn.biasAdd", "ints ends", tf.nn.bias_add, [np.array([[2147483647, -2147483648]]), np.array([1, -1])], dtypes=["int32"])
case("where", "ints ends", tf.where, [fixed([True, False], "bool"), np.array([2147483647, 1]), np.array([2, -2147483648])], dtypes=["int32"])
case("fill", "of zero", lambda x: tf.fill([2, 2], x), [0.0], [[2, 2], "$0"])

# ---- running sums ----

for shape in [[4], [2, 3], [2, 3, 4]]:
    for axis in [*range(len(shape)), -1]:
        for options in [{}, {"exclusive": True}, {"reverse": True}, {"exclusive": True, "reverse": True}]:
            label = " ".join([f"{show(shape)} axis {axis}", *options])
            fn = lambda x, a=axis, o=options: tf.cumsum(x, a, **o)  # noqa: E731
            args = ["$0", axis, *([options] if options else [])]
            case("cumsum", label, fn, [uniform(shape)], args)
            case("cumsum", f"{label} ints", fn, [random.randint(-9, 10, shape)], args, ["int32"])
for options in [{}, {"exclusive": True}, {"reverse": True}, {"exclusive": True, "reverse": True}]:
    label = " ".join(options) or "plain"
    fn = lambda x, o=options: tf.cumsum(x, 0, **o)  # noqa: E731
    args = ["$0", 0, options]
    case("cumsum", f"awkward {label}", fn, [[[1, INF, NAN, 0.0, -0.0, INF], [INF, -INF, 1, -0.0, -0.0, 2], [2, 1, 2, 0.0, -0.0, INF]]], args)
    case("cumsum", f"long {label}", fn, [uniform([70])], args)
    case("cumsum", f"tall {label}", fn, [uniform([37, 2])], args)
    case("cumsum", f"one {label}", fn, [uniform([1, 3])], args)
    for shape in [[0, 3], [0]]:
        case("cumsum", f"empty {show(shape)} {label}", fn, [np.zeros(shape)], args)
    case("cumsum", f"ints ends {label}", fn, [np.array(INTS)], args, ["int32"])
case("cumsum", "no axis", tf.cumsum, [uniform([3, 2])])
case("cumsum", "empty 2x0", lambda x: tf.cumsum(x, 1), [np.zeros([2, 0])], ["$0", 1])
case("cumsum", "ints empty", lambda x: tf.cumsum(x, 1), [np.zeros([2, 0])], ["$0", 1], ["int32"])
case("cumsum", "axis -3", lambda x: tf.cumsum(x, -3), [uniform([2, 3, 2])], ["$0", -3])
