"""Writes ops.json: values and gradients of TensorFlow's ops, which test/ops/tensorflow.test.ts compares (needs tensorflow).

Made with TensorFlow 2.21, Keras 3.15, NumPy 2.4 on an x86-64 CPU. Floats are the shortest decimals that read back as
the same number of their dtype; nan, inf and -inf are strings. A case holds its operands once, with results per dtype:
  args: the call in gradtape's terms, where "$0" is operand 0 and "inf" is Infinity
  in:   operands [dtype or "*" (the case's dtype), shape, elements]; one number stands for all elements
  ct:   output gradients, one list of elements an output
  r:    dtype -> y: outputs [dtype, shape, elements], g: gradients with an output gradient of ones, h: with ct,
        o: gradients of h with output gradients 0.25, 0.5, 0.75, 1, 1.25, 0.25, ... (of an op's first cases);
        error instead of g and h where TensorFlow's gradient function fails
Gradients are with respect to every operand of a floating dtype, in order; null where TensorFlow says None.
Numbers that ops.json has already stay, if their case has the same operands still: another processor adds in another order, so
that products of matrices round another way. `python make-ops.py --again` computes them anew.
ops_tools.py has the machinery, ops_later.py the cases that came later.
"""

from ops_tools import *  # noqa: F403

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

# ---- elementwise ----

unary("neg", tf.neg if hasattr(tf, "neg") else tf.negative, ints=True)
unary("abs", tf.abs, ints=True)
unary("sign", tf.sign, ints=True)
unary("square", tf.square, ints=True)
unary("sqrt", tf.sqrt, low=0)
unary("rsqrt", tf.math.rsqrt, low=0)
unary("reciprocal", tf.math.reciprocal)
unary("exp", tf.exp, low=-80, high=80)
unary("expm1", tf.math.expm1, low=-80, high=80)
unary("log", tf.math.log, low=0)
unary("log1p", tf.math.log1p, low=-0.999)
unary("sin", tf.sin, largest=1e4)
unary("cos", tf.cos, largest=1e4)
unary("tan", tf.tan, largest=1e4)
unary("tanh", tf.tanh)
unary("sigmoid", tf.sigmoid)
unary("softplus", tf.math.softplus)
unary("erf", tf.math.erf)
unary("floor", tf.floor)
unary("ceil", tf.math.ceil)
unary("round", tf.round)

binary("add", tf.add, ints=yes)
binary("sub", tf.subtract, ints=yes)
binary("mul", tf.multiply, ints=yes)
binary("div", tf.divide, low=(-2, 0.5), ints=yes)
case("div", "bytes", tf.divide, [np.array([7, 255, 3, 0]), np.array([2, 3, 0, 0])], dtypes=["uint8"])
binary("pow", tf.pow, low=(0.1, -3), high=(3, 3), ints=lambda a, b: 0 <= b < 2**31 - 1)
binary("maximum", tf.maximum, ints=yes)
binary("minimum", tf.minimum, ints=yes)
binary("squaredDifference", tf.math.squared_difference, ints=yes)
binary("floormod", tf.math.floormod, low=(-4, 0.5), high=(4, 2), ints=lambda a, b: b != 0 and not (a == -2**31 and b == -1))
case("maximum", "ties", tf.maximum, [[1, 2, 3], [2, 2, 2]])
case("minimum", "ties", tf.minimum, [[1, 2, 3], [2, 2, 2]])
case("pow", "special denormal", tf.pow, [[1e-40, 1e-40, -1e-40, 4, 2], [1, 0.5, 1, 1e-40, -130]], dtypes=["float32"])
case("pow", "negative base", tf.pow, [[-2, -2, -2, -0.5, -3], [2, 3, -1, 2, 0]])
case("pow", "square by number", lambda x: tf.pow(x, 2), [[-1, 0, 1, 3]], ["$0", 2])
case("pow", "cube by number", lambda x: tf.pow(x, 3), [[-1, 0, 1, 3]], ["$0", 3])
case("pow", "root by number", lambda x: tf.pow(x, 0.5), [[0.5, 0, 1, 3]], ["$0", 0.5])
case("pow", "reciprocal by number", lambda x: tf.pow(x, -1), [[0.5, -2, 1, 3]], ["$0", -1])
case("pow", "number to the", lambda x: tf.pow(tf.constant(2, x.dtype), x), [[0.5, -2, 1, 3]], [2, "$0"])
for name, fn in {"less": tf.less, "lessEqual": tf.less_equal, "greater": tf.greater, "greaterEqual": tf.greater_equal,
                 "equal": tf.equal, "notEqual": tf.not_equal}.items():
    binary(name, fn, ints=yes, shapes=SHAPES[:3] + SHAPES[-2:])
BOOLS = [fixed([True, True, False, False], "bool"), fixed([True, False, True, False], "bool")]
for name, fn in {"logicalAnd": tf.logical_and, "logicalOr": tf.logical_or, "logicalXor": tf.math.logical_xor,
                 "equal": tf.equal, "notEqual": tf.not_equal}.items():
    case(name, "bools", fn, BOOLS, dtypes=["float32"])
    case(name, "bools broadcast", fn, [fixed([[True], [False]], "bool"), fixed([True, False, True], "bool")],
         dtypes=["float32"])
case("logicalNot", "bools", tf.logical_not, BOOLS[:1], dtypes=["float32"])

case("where", "2x3", tf.where, [MASK, uniform([2, 3]), uniform([2, 3])])
case("where", "broadcast x", tf.where, [MASK, uniform([3]), uniform([2, 1])])
case("where", "broadcast mask", tf.where, [fixed([True, False, True], "bool"), uniform([2, 3]), uniform([])])
case("where", "outer", tf.where, [fixed([[True], [False]], "bool"), uniform([3]), uniform([])])
case("where", "scalar", tf.where, [fixed(True, "bool"), uniform([]), uniform([])])
case("where", "empty", tf.where, [fixed(np.zeros([0, 3]), "bool"), np.zeros([0, 3]), uniform([3])])
case("where", "special", tf.where, [fixed([True, False, True, False], "bool"), [NAN, NAN, INF, 1], [1, 2, NAN, -INF]])
case("where", "ints", tf.where, [MASK, np.arange(6).reshape(2, 3), np.array(9)], dtypes=["int32"])
case("where", "bools", tf.where, [MASK, fixed(np.ones([2, 3]), "bool"), fixed(False, "bool")], dtypes=["float32"])
for label, mask in {"indices": [[True, False], [True, True]], "indices of none": [False, False]}.items():
    case("where", label, lambda m: tf.cast(tf.where(m), tf.int32), [fixed(mask, "bool")], dtypes=["float32"])
case("where", "indices of numbers", lambda x: tf.cast(tf.where(x), tf.int32), [np.array([0, 2, -1, NAN, -0.0])])
case("where", "untaken root", lambda x: tf.where(x > 0, tf.sqrt(x), tf.zeros_like(x)), [[0, 1, 4, -1]], ["!root", "$0"])

for label, x, low, high in [("kinks", [-1, 0, 0.5, 1, 2], 0, 1), ("special", [NAN, INF, -INF, 0.0, -0.0], -1, 1),
                            ("special bounds", [NAN, INF, -INF, 0.0, -0.0], -INF, INF),
                            ("crossed", [-1, 0, 0.5, 1, 2, NAN], 1.5, 0.25), ("scalar", 3, 0, 1)]:
    case("clipByValue", label, lambda v, low=low, high=high: tf.clip_by_value(v, low, high), [x],
         ["$0", str(low) if abs(low) == INF else low, str(high) if abs(high) == INF else high])
case("clipByValue", "2x3 in tensors", tf.clip_by_value, [uniform([2, 3]), uniform([3], -1, 0), uniform([3], 0, 1)])
case("clipByValue", "special in tensors", tf.clip_by_value, [[0, 1, 2, 3, NAN, 1, 1], [0, 2, 1, 1, 0, NAN, 0],
                                                         [2, 3, 2, 1, 1, 2, NAN]])
case("clipByValue", "ints", lambda v: tf.clip_by_value(v, -2, 3), [np.array(INTS)], ["$0", -2, 3], ["int32"])

# ---- reductions ----

SPECIALROWS = np.array([[1, INF, 2], [1, -INF, 2], [INF, -INF, 0], [NAN, 1, 2], [NAN, INF, 1], [INF, INF, 1],
                        [-INF, -INF, -INF], [0.0, -0.0, 0.0], [-0.0, -0.0, -0.0], [3e38, 3e38, 1], [-3e38, -3e38, 1],
                        [1e-20, 1e-20, 1e-20], [1e20, 1e20, -1e20], [100, 100, 100], [1000, -1000, 999], [NAN, NAN, NAN]])


def reduction(op, fn, ints=False, bools=False, low=-2, high=2, floats=True):
    def one(label, x, axis, keepdims=False, dtypes=FLOATS):
        args = ["$0", list(axis) if isinstance(axis, tuple) else axis]
        if keepdims:
            args.append({"keepdims": True})
        case(op, label, lambda v: fn(v, axis=axis, keepdims=keepdims), [x], args, dtypes)

    kind = lambda x: fixed(np.asarray(x) > 0, "bool") if bools else x  # noqa: E731
    dtypes = ["float32"] if bools else FLOATS
    if floats or bools:
        x = uniform([2, 3, 4], low, high)
        for axis in [None, 0, 1, -1, (0, 2), (1, 2), (0, 1, 2), (2, 0)]:
            one(f"2x3x4 axis {axis}", kind(x), axis, dtypes=dtypes)
        one("no axes", kind(uniform([2, 3], low, high)), (), dtypes=dtypes)
        for axis in [None, 1, (0, 2)]:
            one(f"2x3x4 axis {axis} kept", kind(x), axis, True, dtypes)
        one("scalar", kind(uniform([], low, high)), None, dtypes=dtypes)
        one("one element", kind(uniform([1, 1], low, high)), None, dtypes=dtypes)
        one("long", kind(uniform([70], low, high)), None, dtypes=dtypes)
        one("tall", kind(uniform([37, 2], low, high)), 0, dtypes=dtypes)
        for axis in [None, 0, 1]:
            one(f"empty 0x3 axis {axis}", kind(np.zeros([0, 3])), axis, dtypes=dtypes)
            one(f"empty 2x0 axis {axis}", kind(np.zeros([2, 0])), axis, dtypes=dtypes)
    if floats and not bools:
        one("special rows", SPECIALROWS, 1)
        one("special columns", SPECIALROWS.T.copy(), 0)
        one("ties", [[2, 2], [2, 1]], None)
        one("ties rows", [[1, 3, 3], [-1, -1, -2], [0, 0, 0]], 1)
        one("zeros in rows", [[2, 3, 4], [0, 3, 4], [0, 0, 4], [0, 0, 0]], 1)
    if ints:
        one("ints", np.arange(-7, 5).reshape(3, 4), 1, dtypes=["int32"])
        one("ints all", np.array([7, -3, 5, 2, 2, -8, 1]), None, dtypes=["int32"])
        one("ints overflow", np.array([2147483647, 2, 3]), None, dtypes=["int32"])
        one("ints empty", np.zeros([2, 0]), 1, dtypes=["int32"])


reduction("reduceSum", tf.reduce_sum, ints=True)
reduction("reduceMean", tf.reduce_mean, ints=False)
case("reduceMean", "ints", lambda x: tf.reduce_mean(x, axis=1), [np.arange(-7, 5).reshape(3, 4)], ["$0", 1], ["int32"])
case("reduceMean", "ints all", tf.reduce_mean, [np.array([7, -3, 5, 2, 2, -8, 1])], dtypes=["int32"])
case("reduceMean", "ints negative", tf.reduce_mean, [np.array([-7, -2, -2])], dtypes=["int32"])
case("reduceMean", "ints overflow", tf.reduce_mean, [np.array([2147483647, 2147483647])], dtypes=["int32"])
reduction("reduceMax", tf.reduce_max, ints=True)
reduction("reduceMin", tf.reduce_min, ints=True)
reduction("reduceProd", tf.reduce_prod, ints=True)
reduction("reduceLogsumexp", tf.reduce_logsumexp)
reduction("reduceVariance", tf.math.reduce_variance)
reduction("reduceStd", tf.math.reduce_std)
reduction("reduceAny", tf.reduce_any, bools=True)
reduction("reduceAll", tf.reduce_all, bools=True)
for name, fn in {"argmax": tf.argmax, "argmin": tf.argmin}.items():
    def arg(label, x, axis, dtypes=FLOATS, name=name, fn=fn):
        args = ["$0"] if axis is None else ["$0", axis]
        case(name, label, lambda v: fn(v, axis=axis, output_type=tf.int32), [x], args, dtypes)
    for axis in [None, 0, 1, 2, -1, -3]:
        arg(f"2x3x4 axis {axis}", uniform([2, 3, 4]), axis)
    arg("long", uniform([70]), 0)
    arg("ties", [[1, 3, 3], [-1, -1, -2], [0, 0, 0]], 1)
    arg("special rows", SPECIALROWS, 1)
    arg("no rows", np.zeros([0, 3]), 1)
    arg("ints", np.array(INTS), 0, ["int32"])
    arg("bools", fixed([[False, True], [False, False]], "bool"), 1, ["float32"])

# ---- shape ----


def structure(op, label, fn, x, args, take=None, ints=False, kinds=True):
    xs = x if isinstance(x, list) else [x]
    case(op, label, fn, xs, args, FLOATS, take)
    if kinds and take is None and all(not isinstance(v, Ints) for v in xs):
        whole = [np.trunc(v * 10) for v in xs]
        case(op, label + " ints", fn, whole, args, ["int32"])
        case(op, label + " bools", fn, [fixed(v > 0, "bool") for v in xs], args, ["float32"])


x6, x24 = uniform([2, 3]), uniform([2, 3, 4])
empty = np.zeros([0, 3])
for shape in [[3, 2], [6], [-1], [3, -1, 1], [1, 2, 1, 3]]:
    structure("reshape", f"2x3 to {show(shape)}", lambda x, s=shape: tf.reshape(x, s), x6, ["$0", shape], kinds=shape == [6])
structure("reshape", "one to scalar", lambda x: tf.reshape(x, []), uniform([1, 1]), ["$0", []])
structure("reshape", "empty", lambda x: tf.reshape(x, [3, 0]), empty, ["$0", [3, 0]], kinds=False)
structure("reshape", "empty open", lambda x: tf.reshape(x, [-1, 3]), empty, ["$0", [-1, 3]], kinds=False)
for perm in [None, [0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]]:
    structure("transpose", f"perm {perm}", lambda x, p=perm: tf.transpose(x, p), x24, ["$0"] + ([perm] if perm else []),
              kinds=perm == [2, 0, 1])
structure("transpose", "scalar", lambda x: tf.transpose(x), uniform([]), ["$0"], kinds=False)
structure("transpose", "rank 5", lambda x: tf.transpose(x, [3, 1, 4, 0, 2]), uniform([2, 1, 3, 2, 2]), ["$0", [3, 1, 4, 0, 2]])
structure("transpose", "empty", lambda x: tf.transpose(x), empty, ["$0"], kinds=False)
structure("transpose", "17x19", lambda x: tf.transpose(x), np.arange(17 * 19).reshape(17, 19).astype(float), ["$0"], kinds=False)
for axis in [0, 1, 2, -1, -3]:
    structure("expandDims", f"axis {axis}", lambda x, a=axis: tf.expand_dims(x, a), x6, ["$0", axis], kinds=axis == 1)
structure("expandDims", "scalar", lambda x: tf.expand_dims(x, 0), uniform([]), ["$0", 0])
x1213 = uniform([1, 2, 1, 3])
structure("squeeze", "all", lambda x: tf.squeeze(x), x1213, ["$0"])
for axis in [0, 2, -2, [0, 2], [2, -4]]:
    structure("squeeze", f"axis {axis}", lambda x, a=axis: tf.squeeze(x, a), x1213, ["$0", axis], kinds=False)
structure("squeeze", "to scalar", lambda x: tf.squeeze(x), uniform([1, 1]), ["$0"], kinds=False)
structure("squeeze", "none to squeeze", lambda x: tf.squeeze(x), x6, ["$0"], kinds=False)
structure("concat", "axis 0", lambda a, b: tf.concat([a, b], 0), [x6, uniform([1, 3])], [["$0", "$1"], 0])
structure("concat", "axis 1", lambda a, b, c: tf.concat([a, b, c], 1), [x6, uniform([2, 1]), uniform([2, 2])],
          [["$0", "$1", "$2"], 1])
structure("concat", "axis -1", lambda a, b: tf.concat([a, b], -1), [x24, uniform([2, 3, 1])], [["$0", "$1"], -1], kinds=False)
structure("concat", "middle", lambda a, b: tf.concat([a, b], 1), [x24, uniform([2, 2, 4])], [["$0", "$1"], 1], kinds=False)
structure("concat", "empty part", lambda a, b: tf.concat([a, b], 0), [x6, empty], [["$0", "$1"], 0], kinds=False)
structure("concat", "single", lambda a: tf.concat([a], 0), [x6], [["$0"], 0], kinds=False)
structure("concat", "same twice", lambda a: tf.concat([a, a], 0), [x6], [["$0", "$0"], 0], kinds=False)
for axis in [0, 1, 2, -1]:
    structure("stack", f"axis {axis}", lambda a, b, c, i=axis: tf.stack([a, b, c], i), [x6, uniform([2, 3]), uniform([2, 3])],
              [["$0", "$1", "$2"], axis], kinds=axis == 1)
structure("stack", "scalars", lambda a, b: tf.stack([a, b]), [uniform([]), uniform([])], [["$0", "$1"]])
structure("stack", "empty", lambda a, b: tf.stack([a, b], 1), [empty, empty], [["$0", "$1"], 1], kinds=False)
for axis in [0, 1, -1]:
    structure("unstack", f"axis {axis}", lambda x, a=axis: tf.unstack(x, axis=a), x24, ["$0", axis], kinds=axis == 1)
structure("unstack", "one of them", lambda x: tf.unstack(x), x6, ["$0"], take=[1])
structure("unstack", "vector", lambda x: tf.unstack(x), uniform([3]), ["$0"], kinds=False)
structure("split", "in 2", lambda x: tf.split(x, 2), uniform([4, 3]), ["$0", 2])
structure("split", "in 2 along 1", lambda x: tf.split(x, 2, 1), uniform([3, 4]), ["$0", 2, 1], kinds=False)
structure("split", "in 2 along -1", lambda x: tf.split(x, 2, -1), uniform([2, 3, 4]), ["$0", 2, -1], kinds=False)
structure("split", "lengths", lambda x: tf.split(x, [1, 0, 3], 1), uniform([3, 4]), ["$0", [1, 0, 3], 1], kinds=False)
structure("split", "lengths open", lambda x: tf.split(x, [1, -1, 2], 1), uniform([2, 5]), ["$0", [1, -1, 2], 1], kinds=False)
structure("split", "first half only", lambda x: tf.split(x, 2), uniform([4]), ["$0", 2], take=[0])
for begin, size in [([0, 1], [2, 2]), ([1, 0], [1, -1]), ([0, 0], [-1, -1]), ([2, 1], [0, 2])]:
    structure("slice", f"{begin} {size}", lambda x, b=begin, s=size: tf.slice(x, b, s), x6, ["$0", begin, size],
              kinds=begin == [0, 1])
structure("slice", "3d", lambda x: tf.slice(x, [1, 0, 2], [1, 2, 2]), x24, ["$0", [1, 0, 2], [1, 2, 2]], kinds=False)
structure("slice", "scalar", lambda x: tf.slice(x, np.zeros([0], "int32"), np.zeros([0], "int32")), uniform([]), ["$0", [], []], kinds=False)
for begin, end, strides in [([0, 1], [2, 3], None), ([0, 0, 0], [2, 3, 4], [1, 2, 3]), ([-1, -1], [-3, -3], [-1, -1]),
                            ([5], [0], [-1]), ([1, 0], [1, 2], None), ([-1, 1, 1], [9, 3, -1], [1, 1, 1])]:
    structure("stridedSlice", f"{begin} {end} {strides}", lambda x, b=begin, e=end, s=strides: tf.strided_slice(x, b, e, s),
              x24, ["$0", begin, end] + ([strides] if strides else []), kinds=strides == [1, 2, 3])
for index, text in [((1,), [1]), ((-1, 0), [-1, 0]), ((slice(None), 1), [":", 1]), ((slice(None, None, 2),), ["::2"]),
                    ((Ellipsis, -1), ["...", -1]), ((tf.newaxis, 1), [None, 1]), ((0, Ellipsis, tf.newaxis), [0, "...", None]),
                    ((slice(None, None, -1), slice(1, None)), ["::-1", "1:"]), ((slice(1, 1),), ["1:1"]),
                    ((slice(-2, None), slice(0, -1), slice(3, 0, -2)), ["-2:", "0:-1", "3:0:-2"]), ((1, 2, 3), [1, 2, 3]),
                    ((slice(None, 9), slice(None), tf.newaxis, 1), [":9", ":", None, 1])]:
    structure("at", json.dumps(text), lambda x, i=index: x[i], x24, ["$0"] + text, kinds=text == ["...", -1])
for multiples in [[1, 1], [2, 1], [1, 3], [2, 2], [0, 2]]:
    structure("tile", f"{multiples}", lambda x, m=multiples: tf.tile(x, m), x6, ["$0", multiples], kinds=multiples == [2, 2])
structure("tile", "scalar", lambda x: tf.tile(x, np.zeros([0], "int32")), uniform([]), ["$0", []], kinds=False)
structure("tile", "3d", lambda x: tf.tile(x, [2, 1, 2]), uniform([1, 3, 2]), ["$0", [2, 1, 2]], kinds=False)
for paddings, value in [([[1, 2], [0, 1]], None), ([[0, 0], [0, 0]], None), ([[1, 0], [2, 1]], 7), ([[0, 1], [1, 0]], -0.5)]:
    options = [] if value is None else [{"constantValues": value}]
    structure("pad", f"{paddings} {value}", lambda x, p=paddings, v=value: tf.pad(x, p, constant_values=v or 0), x6,
              ["$0", paddings] + options, kinds=False)
structure("pad", "ints with 7", lambda x: tf.pad(x, [[1, 1], [0, 2]], constant_values=7), fixed([[1, 2]]),
          ["$0", [[1, 1], [0, 2]], {"constantValues": 7}])
structure("pad", "vector", lambda x: tf.pad(x, [[1, 2]]), uniform([2]), ["$0", [[1, 2]]])
structure("pad", "scalar", lambda x: tf.pad(x, np.zeros([0, 2], "int32")), uniform([]), ["$0", []], kinds=False)
structure("pad", "empty", lambda x: tf.pad(x, [[1, 0], [0, 1]]), empty, ["$0", [[1, 0], [0, 1]]], kinds=False)
for mode, paddings in [("REFLECT", [[1, 0], [2, 1]]), ("REFLECT", [[0, 1], [0, 2]]), ("SYMMETRIC", [[2, 1], [0, 3]]),
                       ("SYMMETRIC", [[0, 0], [3, 0]]), ("REFLECT", [[0, 0], [0, 0]])]:
    structure("pad", f"{paddings} {mode}", lambda x, p=paddings, m=mode: tf.pad(x, p, m), x6, ["$0", paddings, {"mode": mode}],
              kinds=mode == "SYMMETRIC")
for mode in ["REFLECT", "SYMMETRIC"]:
    structure("pad", f"3d {mode}", lambda x, m=mode: tf.pad(x, [[1, 0], [2, 2], [0, 3]], m), x24,
              ["$0", [[1, 0], [2, 2], [0, 3]], {"mode": mode}], kinds=False)
for axis in [[0], [1], [-1], [0, 2], []]:
    structure("reverse", f"{axis}", lambda x, a=axis: tf.reverse(x, a) if a else tf.identity(x), x24, ["$0", axis],
              kinds=axis == [0, 2])
structure("reverse", "empty", lambda x: tf.reverse(x, [0]), empty, ["$0", [0]], kinds=False)
for a, b in [([3], [2, 3]), ([2, 1], [2, 3]), ([], [2, 2]), ([1, 3], [0, 3]), ([2, 3], [2, 3]), ([1], [4, 2, 3]), ([0, 1], [0, 3])]:
    structure("broadcastTo", f"{show(a)} to {show(b)}", lambda x, s=b: tf.broadcast_to(x, s), uniform(a), ["$0", b],
              kinds=a == [2, 1])
structure("identity", "2x3", tf.identity, x6, ["$0"])
structure("identity", "empty", tf.identity, empty, ["$0"], kinds=False)
structure("identity", "special", tf.identity, np.array(SPECIAL), ["$0"], kinds=False)
structure("zerosLike", "2x3", tf.zeros_like, x6, ["$0"])
structure("onesLike", "2x3", tf.ones_like, x6, ["$0"])
structure("zerosLike", "special", tf.zeros_like, np.array(SPECIAL), ["$0"], kinds=False)
structure("stopGradient", "2x3", tf.stop_gradient, x6, ["$0"])
for target in ["float32", "float64", "int32", "bool", "uint8"]:
    values = [0.0, -0.0, 0.3, 1.7, 2.5, 100.99, 200] + ([] if target == "uint8" else [-0.3, -1.7, -2.5, -1e9, 1e9])
    special = [NAN, INF, -INF, 1e20, 3e38, 1e-30] if target in ("float32", "float64", "bool") else []
    case("cast", f"to {target}", lambda x, t=target: tf.cast(x, t), [values], ["$0", target])
    if special:
        case("cast", f"special to {target}", lambda x, t=target: tf.cast(x, t), [special], ["$0", target])
        case("cast", f"special 64 to {target}", lambda x, t=target: tf.cast(x, t), [[1e300, -1e39, 1e-300, 16777217]],
             ["$0", target], ["float64"])
    kept = [0, 1, 2, 255, 100] + ([] if target == "uint8" else INTS + [16777217])
    case("cast", f"ints to {target}", lambda x, t=target: tf.cast(x, t), [np.array(kept)], ["$0", target], ["int32"])
    case("cast", f"bools to {target}", lambda x, t=target: tf.cast(x, t), BOOLS[:1], ["$0", target], ["float32"])
    case("cast", f"bytes to {target}", lambda x, t=target: tf.cast(x, t), [fixed([0, 1, 127, 128, 255], "uint8")],
         ["$0", target], ["float32"])
case("cast", "special denormal to bool", lambda x: tf.cast(x, "bool"), [DENORMAL], ["$0", "bool"], ["float32"])
case("cast", "bytes wrap", lambda x: tf.cast(x, "uint8"), [np.array(INTS)], ["$0", "uint8"], ["int32"])
case("cast", "there and back", lambda x: tf.cast(tf.cast(x, "float64"), "float32"), [x6], ["!thereAndBack", "$0", "float64"])
case("cast", "through int", lambda x: tf.cast(tf.cast(x, "int32"), "float32"), [x6], ["!thereAndBack", "$0", "int32"])

# ---- indexing ----

x43 = uniform([4, 3])
for label, x, i, kw in [
    ("rows", x43, [2, 0, 2], {}), ("scalar index", x43, 1, {}), ("matrix of rows", x43, [[0, 3], [1, 1]], {}),
    ("axis 1", x43, [2, 0, 2, 1], {"axis": 1}), ("axis -1 matrix", x24, [[0, 3], [1, 1]], {"axis": -1}),
    ("middle axis", x24, [2, 2, 0], {"axis": 1}), ("no indices", x43, np.zeros([0], "int32"), {}),
    ("vector", uniform([5]), [4, 4, 0], {}), ("wide rows", uniform([3, 17]), [1, 1, 2], {}),
    ("batch", uniform([2, 4]), [[3, 3, 0], [1, 0, 2]], {"batchDims": 1}),
    ("batch axis 2", x24, [[0, 3], [1, 1]], {"axis": 2, "batchDims": 1}),
    ("batch scalar a row", uniform([3, 4]), [3, 0, 1], {"batchDims": 1}),
    ("empty rows", np.zeros([3, 0]), [0, 2], {}),
]:
    names = {"batchDims": "batch_dims"}
    kwargs = {names.get(k, k): v for k, v in kw.items()}
    structure("gather", label, lambda p, j, kwargs=kwargs: tf.gather(p, j, **kwargs), [x, fixed(i)],
              ["$0", "$1"] + ([kw] if kw else []))
case("gather", "ints", lambda p: tf.gather(p, [1, 0]), [np.array([[1, 2], [3, 4]])], ["$0", [1, 0]], ["int32"])
case("gather", "bools", lambda p: tf.gather(p, [1, 1, 0]), [fixed([True, False], "bool")], ["$0", [1, 1, 0]], ["float32"])
for label, x, i in [
    ("elements", x43, [[0, 1], [3, 2], [0, 1]]), ("rows", x43, [[2], [0], [2]]), ("one", x43, [1, 2]),
    ("slices of 3d", x24, [[[0, 1], [1, 2]], [[1, 0], [0, 1]]]), ("whole", x43, np.zeros([2, 0], "int32")),
    ("none", x43, np.zeros([0, 2], "int32")), ("deep", x24, [[1, 2, 3], [0, 0, 0]]),
]:
    structure("gatherNd", label, tf.gather_nd, [x, fixed(i)], ["$0", "$1"])
case("gatherNd", "ints", lambda p: tf.gather_nd(p, [[1, 0], [0, 1]]), [np.array([[1, 2], [3, 4]])],
     ["$0", [[1, 0], [0, 1]]], ["int32"])
for label, x, mask in [
    ("rows", x43, [True, False, True, True]), ("elements", x6, MASK), ("none", x43, [False] * 4), ("all", x43, [True] * 4),
    ("leading axes", x24, MASK), ("vector", uniform([4]), [False, True, False, True]),
    ("empty", np.zeros([0, 3]), np.zeros([0])),
]:
    structure("booleanMask", label, tf.boolean_mask, [x, fixed(mask, "bool")], ["$0", "$1"])
structure("booleanMask", "axis 1", lambda x, m: tf.boolean_mask(x, m, axis=1), [x43, fixed([True, False, True], "bool")],
          ["$0", "$1", {"axis": 1}])
for label, i, u, shape in [
    ("vector", [[4], [3], [1], [7]], uniform([4]), [8]), ("duplicates", [[1], [1], [0]], uniform([3]), [2]),
    ("rows", [[0], [2]], uniform([2, 3]), [4, 3]), ("elements", [[0, 1], [1, 2], [0, 1]], uniform([3]), [2, 3]),
    ("slices", [[[0, 1]], [[1, 0]]], uniform([2, 1, 2]), [2, 3, 2]), ("none", np.zeros([0, 1], "int32"), np.zeros([0, 2]), [3, 2]),
]:
    structure("scatterNd", label, lambda j, v, s=shape: tf.scatter_nd(j, v, s), [fixed(i), u], ["$0", "$1", shape])
case("scatterNd", "bytes", lambda u: tf.scatter_nd([[1], [1], [0]], u, [3]), [np.array([200, 100, 7])],
     [[[1], [1], [0]], "$0", [3]], ["uint8"])
case("scatterNd", "bools", lambda u: tf.scatter_nd([[1], [1], [0]], u, [3]), [fixed([True, False, False], "bool")],
     [[[1], [1], [0]], "$0", [3]], ["float32"])
case("scatterNd", "ints", lambda u: tf.scatter_nd([[1], [1]], u, [3]), [np.array([5, 6])], [[[1], [1]], "$0", [3]], ["int32"])

# ---- products and norms ----

for label, a, b, kw in [
    ("2x3 3x4", [2, 3], [3, 4], {}), ("ta", [3, 2], [3, 4], {"transposeA": True}), ("tb", [2, 3], [4, 3], {"transposeB": True}),
    ("ta tb", [3, 2], [4, 3], {"transposeA": True, "transposeB": True}), ("1x1", [1, 1], [1, 1], {}),
    ("row", [1, 5], [5, 3], {}), ("column", [3, 5], [5, 1], {}), ("outer", [3, 1], [1, 4], {}),
    ("batch", [2, 2, 3], [2, 3, 2], {}), ("batch one side", [2, 1, 2], [2, 1], {}), ("batch other side", [2, 3], [4, 3, 2], {}),
    ("batch broadcast", [2, 1, 1, 2], [3, 2, 1], {}), ("batch ta", [2, 3, 2], [3, 2], {"transposeA": True}),
    ("batch tb", [1, 2, 3], [3, 4, 3], {"transposeB": True}), ("batch ta tb", [2, 3, 2], [1, 4, 3], {"transposeA": True, "transposeB": True}),
    ("no rows", [0, 3], [3, 2], {}), ("no inner", [2, 0], [0, 3], {}), ("no columns", [2, 3], [3, 0], {}),
    ("no batch", [0, 2, 3], [3, 2], {}), ("17x9 9x13", [17, 9], [9, 13], {}), ("5x40 40x3", [5, 40], [40, 3], {}),
]:
    names = {"transposeA": "transpose_a", "transposeB": "transpose_b"}
    kwargs = {names[k]: v for k, v in kw.items()}
    xs = [np.round(uniform(a), 2), np.round(uniform(b), 2)]
    case("matmul", label, lambda p, q, kwargs=kwargs: tf.matmul(p, q, **kwargs), xs, ["$0", "$1"] + ([kw] if kw else []))
case("matmul", "special", tf.matmul, [[[0, INF], [NAN, 1], [-INF, 2], [3e38, 1]], [[1, 0.0, 2], [2, -1, INF]]])
case("matmul", "ints", tf.matmul, [np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4) - 5], dtypes=["int32"])
case("matmul", "ints overflow", tf.matmul, [np.array([[2147483647, 2]]), np.array([[2], [3]])], dtypes=["int32"])
case("matmul", "ints batch", lambda a, b: tf.matmul(a, b, transpose_b=True),
     [np.arange(12).reshape(2, 2, 3), np.arange(6).reshape(1, 2, 3)], ["$0", "$1", {"transposeB": True}], ["int32"])
for ord in ["euclidean", 1, 2, INF, 3, 0.5]:
    given = "inf" if ord == INF else ord
    for axis in [None, 1, -1]:
        case("norm", f"{ord} axis {axis}", lambda x, o=ord, a=axis: tf.norm(x, o, a), [uniform([3, 4], 0.1, 2)], ["$0", given, axis])
    case("norm", f"{ord} kept", lambda x, o=ord: tf.norm(x, o, 0, keepdims=True), [uniform([3, 2])],
         ["$0", given, 0, {"keepdims": True}])
    case("norm", f"{ord} special", lambda x, o=ord: tf.norm(x, o, 1), [SPECIALROWS], ["$0", given, 1])
    case("norm", f"{ord} zeros", lambda x, o=ord: tf.norm(x, o, 1), [[[0, 0], [3, -4], [0, 2], [-1, 1]]], ["$0", given, 1])
    case("norm", f"{ord} empty", lambda x, o=ord: tf.norm(x, o, 1), [np.zeros([0, 3])], ["$0", given, 1])
for ord in ["euclidean", "fro", 1, INF]:
    given = "inf" if ord == INF else ord
    case("norm", f"matrix {ord}", lambda x, o=ord: tf.norm(x, o, [0, 1]), [uniform([3, 4])], ["$0", given, [0, 1]])
    case("norm", f"matrix of 3d {ord}", lambda x, o=ord: tf.norm(x, o, [-2, -1]), [uniform([2, 3, 4])], ["$0", given, [-2, -1]])
    case("norm", f"matrix crossed {ord}", lambda x, o=ord: tf.norm(x, o, [2, 0], keepdims=True), [uniform([2, 3, 4])],
         ["$0", given, [2, 0], {"keepdims": True}])
case("norm", "no ord", lambda x: tf.norm(x), [uniform([3, 4])], ["$0"])

# ---- nn ----

unary("nn.relu", tf.nn.relu, ints=True)
unary("nn.relu6", tf.nn.relu6, ints=True)
case("nn.relu6", "kinks", tf.nn.relu6, [[-1, 0, 3, 6, 7]])
unary("nn.leakyRelu", tf.nn.leaky_relu)
case("nn.leakyRelu", "alpha", lambda x: tf.nn.leaky_relu(x, 0.1), [[-2, 0, 1, NAN, INF, -INF]], ["$0", {"alpha": 0.1}])
case("nn.leakyRelu", "alpha above 1", lambda x: tf.nn.leaky_relu(x, 1.5), [[-2, 0, 1, NAN, INF, -INF]], ["$0", {"alpha": 1.5}])
case("nn.leakyRelu", "alpha negative", lambda x: tf.nn.leaky_relu(x, -0.5), [[-2, 0, 1, NAN, INF, -INF]], ["$0", {"alpha": -0.5}])
# In float64 TensorFlow rounds gelu's constants to float32, so these are also composed of its erfc and tanh.
unary("nn.gelu", lambda x: 0.5 * x * tf.math.erfc(x * tf.constant(-(0.5**0.5), x.dtype)), prefix="composed ", dtypes=["float64"])
unary("nn.gelu", lambda x: 0.5 * x * (1 + tf.tanh(tf.constant((2 / np.pi) ** 0.5, x.dtype) * (x + tf.constant(0.044715, x.dtype) * x * x * x))),
      args=["$0", {"approximate": True}], prefix="approximate composed ", dtypes=["float64"])
case("nn.leakyRelu", "alpha quarter", lambda x: tf.nn.leaky_relu(x, 0.25), [wide(20, -INF, INF)], ["$0", {"alpha": 0.25}])
unary("nn.elu", tf.nn.elu)
unary("nn.selu", tf.nn.selu)
unary("nn.silu", tf.nn.silu)
case("nn.silu", "beta", lambda x: tf.nn.silu(x, 0.25), [[-2, -1, 1, 3]], ["$0", 0.25])
case("nn.silu", "beta tensor", tf.nn.silu, [[-2, -1, 1, 3], 0.25])
unary("nn.gelu", tf.nn.gelu, dtypes=["float32"])
unary("nn.gelu", lambda x: tf.nn.gelu(x, approximate=True), args=["$0", {"approximate": True}], prefix="approximate ", dtypes=["float32"])
case("nn.gelu", "its constants", tf.nn.gelu, [uniform([8])], dtypes=["float64"])
case("nn.gelu", "its constants approximate", lambda x: tf.nn.gelu(x, approximate=True), [uniform([8])], ["$0", {"approximate": True}], ["float64"])
for name, fn in {"nn.softmax": tf.nn.softmax, "nn.logSoftmax": tf.nn.log_softmax}.items():
    for axis in [None, 0, 1, -1]:
        case(name, f"2x3x4 axis {axis}", lambda x, a=axis, f=fn: f(x) if a is None else f(x, a), [uniform([2, 3, 4])],
             ["$0"] + ([] if axis is None else [axis]))
    case(name, "vector", fn, [uniform([5])])
    case(name, "one class", fn, [uniform([3, 1])])
    case(name, "long", fn, [uniform([2, 37], -5, 5)])
    case(name, "no rows", fn, [np.zeros([0, 3])])
    case(name, "no classes", fn, [np.zeros([2, 0])])
    case(name, "special rows", fn, [SPECIALROWS])
    case(name, "far apart", fn, [[[0, 50, 100], [-100, 0, 1], [1e4, 0, -1e4], [88, 89, 90], [-5000, -5001, -5002]]])
distribution = np.round(random.dirichlet([1, 1, 1, 1], 3), 3)
for label, y, x, args in [
    ("3x4", distribution, uniform([3, 4]), []), ("labels of any sum", uniform([3, 4], 0, 2), uniform([3, 4]), []),
    ("one hot", np.eye(3), uniform([3, 3]), []), ("axis 0", distribution.T.copy(), uniform([4, 3]), [0]),
    ("3d", uniform([2, 2, 3], 0, 1), uniform([2, 2, 3]), []), ("vector", np.array([0.2, 0.3, 0.5]), uniform([3]), []),
    ("no rows", np.zeros([0, 3]), np.zeros([0, 3]), []), ("far apart", np.eye(3), np.array([[0, 50, 100], [1e4, 0, -1e4], [-1e4, 0, 0]]), []),
    ("special rows", np.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1], [1, 0, 0]], "float64"),
     np.array([[INF, 0, 1], [-INF, 0, 1], [0, -INF, 1], [NAN, 0, 1], [3e38, -3e38, 0]]), []),
]:
    axis = args[0] if args else -1
    case("nn.softmaxCrossEntropyWithLogits", label,
         lambda a, b, k=axis: tf.nn.softmax_cross_entropy_with_logits(a, b, axis=k), [y, x], ["$0", "$1"] + args)
for label, y, x in [
    ("2x4", [3, 0], np.array([[1, 1, 1, 1], [1, 2, 3, 4]])), ("random", [0, 2, 1], uniform([3, 3])), ("3d", [[1, 0], [2, 2]], uniform([2, 2, 3])),
    ("one row", 1, uniform([3])), ("no rows", np.zeros([0], "int32"), np.zeros([0, 3])),
    ("far apart", [0, 0, 2], np.array([[0, 50, 100], [1e4, 0, -1e4], [-1e4, 0, 0]])),
    ("special rows", [0, 0, 1, 2, 0], np.array([[INF, 0, 1], [-INF, 0, 1], [0, -INF, 1], [NAN, 0, 1], [3e38, -3e38, 0]])),
]:
    case("nn.sparseSoftmaxCrossEntropyWithLogits", label,
         lambda a, b: tf.nn.sparse_softmax_cross_entropy_with_logits(a, b), [fixed(y), x])
for label, z, x in [
    ("table", [0, 1, 0.5, 1, 0], [0, 0, 0, -100, 100]), ("2x3", uniform([2, 3], 0, 1), uniform([2, 3])), ("scalar", 0.25, 1.5),
    ("empty", np.zeros([0, 3]), np.zeros([0, 3])), ("wide", np.round(random.uniform(0, 1, 41), 3), wide(41, -INF, INF)),
    ("special", [0, 1, 0, 1, 0, 1, 0.5, NAN], [INF, INF, -INF, -INF, NAN, 3e38, -0.0, 1]),
]:
    case("nn.sigmoidCrossEntropyWithLogits", label, lambda a, b: tf.nn.sigmoid_cross_entropy_with_logits(a, b), [z, x])
for label, a, b, fmt in [("2x3", [2, 3], [3], None), ("4d", [2, 2, 1, 3], [3], None), ("4d first", [2, 3, 2, 2], [3], "NCHW"),
                         ("no rows", [0, 3], [3], None), ("2d first", [2, 3], [3], "NCHW"), ("3d first", [2, 3, 2], [3], "NCHW")]:
    kw = {} if fmt is None else {"dataFormat": fmt}
    case("nn.biasAdd", label, lambda x, y, f=fmt: tf.nn.bias_add(x, y, data_format=f), [uniform(a), uniform(b)],
         ["$0", "$1"] + ([kw] if kw else []))
case("nn.biasAdd", "ints", tf.nn.bias_add, [np.arange(6).reshape(2, 3), np.array([1, 2, 3])], dtypes=["int32"])

# ---- dropout: what an element becomes when it is kept ----

dropout = []
for rate in [0, 0.1, 0.25, 0.5, 0.9]:
    for dtype in FLOATS:
        values = np.array([1, -2.5, 0.1, 3, 7.7, -0.3])
        x = tf.constant(values, dtype)
        kept = np.zeros(6, dtype)
        grad = np.zeros(6, dtype)
        for seed in range(200):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.nn.dropout(x, rate, seed=seed)
            g = tape.gradient(y, x)
            kept = np.where(y.numpy() != 0, y.numpy(), kept)
            grad = np.where(g.numpy() != 0, g.numpy(), grad)
        assert (kept != 0).all() and (grad != 0).all()
        dropout.append({"dtype": dtype, "rate": rate, "x": [number(v) for v in values], "kept": [number(v) for v in kept],
                        "grad": [number(v) for v in grad]})

# ---- optimizers: Keras' own, five steps of given gradients ----

optimizers = []
steps = [[np.round(random.uniform(-2, 2, [2, 3]), 2), np.round(random.uniform(-1, 1, []), 2)] for _ in range(5)]
start = [np.round(random.uniform(-2, 2, [2, 3]), 2), np.float64(0.5)]
for label, make, options in [
    ("SGD", keras.optimizers.SGD, {}), ("SGD", keras.optimizers.SGD, {"learningRate": 0.125}),
    ("SGD", keras.optimizers.SGD, {"momentum": 0.9}),
    ("SGD", keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    ("SGD", keras.optimizers.SGD, {"learningRate": 0.125, "momentum": 0.75}),
    ("SGD", keras.optimizers.SGD, {"learningRate": 0.125, "momentum": 0.75, "nesterov": True}),
    ("SGD", keras.optimizers.SGD, {"learningRate": 0.125, "clipnorm": 1.0}),
    ("SGD", keras.optimizers.SGD, {"learningRate": 0.125, "globalClipnorm": 1.0}),
    ("SGD", keras.optimizers.SGD, {"learningRate": 0.125, "weightDecay": 0.25}),
    ("SGD", keras.optimizers.SGD, {"learningRate": 0.125, "momentum": 0.5, "weightDecay": 0.25, "clipnorm": 0.5}),
    ("Adam", keras.optimizers.Adam, {}), ("Adam", keras.optimizers.Adam, {"learningRate": 0.125}),
    ("Adam", keras.optimizers.Adam, {"learningRate": 0.125, "beta1": 0.5, "beta2": 0.75, "epsilon": 2**-10}),
    ("Adam", keras.optimizers.Adam, {"learningRate": 0.125, "beta1": 0.5, "beta2": 0.75, "weightDecay": 0.25}),
    ("Adam", keras.optimizers.Adam, {"learningRate": 0.125, "beta1": 0.5, "beta2": 0.75, "globalClipnorm": 0.5}),
    ("AdamW", keras.optimizers.AdamW, {}), ("AdamW", keras.optimizers.AdamW, {"learningRate": 0.125, "beta1": 0.5, "beta2": 0.75, "weightDecay": 0.125}),
]:
    names = {"learningRate": "learning_rate", "globalClipnorm": "global_clipnorm", "weightDecay": "weight_decay",
             "beta1": "beta_1", "beta2": "beta_2"}
    # Keras rounds every option to float32, so float64 is compared where they are exact; epsilon is far below.
    exact = all(np.float32(x) == x for x in options.values())
    betas = "beta1" in options or label == "SGD"
    for dtype in FLOATS if "learningRate" in options and exact and betas else FLOATS[:1]:
        optimizer = make(**{names.get(k, k): v for k, v in options.items()})
        variables = [keras.Variable(x, dtype=dtype) for x in start]
        states = []
        for gradients in steps:
            optimizer.apply_gradients([(tf.constant(g, dtype), v) for g, v in zip(gradients, variables)])
            states.append([elements(v.numpy()) for v in variables])
        optimizers.append({"optimizer": label, "options": options, "dtype": dtype, "states": states})

import ops_later  # noqa: E402, F401

report = {
    "versions": {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__},
    "ops": ops,
    "dropout": dropout,
    "optimizers": {"start": [elements(x) for x in start], "steps": [[elements(g) for g in s] for s in steps], "runs": optimizers},
}
write(report)
