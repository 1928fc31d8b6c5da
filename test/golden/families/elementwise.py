"""Writes elementwise.json: TensorFlow's guarded products and quotients, cut division, bits, activations and special functions."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403

# Few operands of a kind: the functions are many.
VALUES = [0.0, -0.0, 1, -1, 0.5, -2.5, INF, -INF, NAN]
PAIRS = every_pair([0.0, -0.0, 1, -2.5, 3, INF, -INF, NAN])
SHAPES = [([2, 3], [3]), ([], [2, 2]), ([2, 1], [1, 3]), ([0, 3], [3])]


def pairs(op, fn, low=(-2, -2), high=(2, 2), special=True):
    for a, b in SHAPES:
        case(op, f"{show(a)} {show(b)}", fn, [uniform(a, low[0], high[0]), uniform(b, low[1], high[1])])
    if special:
        case(op, "special", fn, PAIRS)


def one(op, fn, low, high, extra=(), special=VALUES):
    case(op, "2x3", fn, [uniform([2, 3], low, high)])
    case(op, "scalar", fn, [uniform([], low, high)])
    case(op, "empty", fn, [np.zeros([0, 3])])
    case(op, "more", fn, [np.concatenate([uniform([9], low, high), extra])])
    if special is not None:
        case(op, "special", fn, [special])


# ---- products and quotients ----

pairs("divideNoNan", tf.math.divide_no_nan)
case("divideNoNan", "zeros", tf.math.divide_no_nan, [[-3, -1, 0, 1, 2], [0, 0, 0, 0, 0]])
case("divideNoNan", "ints", tf.math.divide_no_nan, [np.array([7, 5, 0, -9]), np.array([2, 0, 3, 4])], dtypes=["int32"])
case("divideNoNan", "bytes", tf.math.divide_no_nan, [np.array([7, 255, 3]), np.array([2, 3, 0])], dtypes=["uint8"])
pairs("multiplyNoNan", tf.math.multiply_no_nan)
case("multiplyNoNan", "zeros", tf.math.multiply_no_nan, [[0, 1, NAN, INF, -INF], [0, 0, 0, 0, 0]])
pairs("xlogy", tf.math.xlogy, low=(-2, 0.1))
case("xlogy", "zeros", tf.math.xlogy, [[0, 0.1, 0.1, 0], [3.1, 3.1, 0, 0]])
pairs("xlog1py", tf.math.xlog1py, low=(-2, -0.9))
case("xlog1py", "zeros", tf.math.xlog1py, [[0, 0.1, 0.1, 0, 2], [3.1, 3.1, -1, -1, 1e-10]])
pairs("xdivy", tf.math.xdivy)
case("xdivy", "zeros", tf.math.xdivy, [[0, 0.1, 0.1, 0], [0, 0, 3.1, 3.1]])

INTEGERS = every_pair([0, 1, -1, 7, -7, 100, 2147483647, -2147483648])
KEPT = [i for i, (a, b) in enumerate(zip(*INTEGERS)) if b != 0 and not (a == -2147483648 and b == -1)]
DIVIDED = [x[KEPT] for x in INTEGERS]
pairs("truncatediv", tf.truncatediv, low=(-9, 0.5), high=(9, 2))
case("truncatediv", "ints", tf.truncatediv, DIVIDED, dtypes=["int32"])
case("truncatediv", "bytes", tf.truncatediv, [np.array([7, 255, 3]), np.array([2, 3, 4])], dtypes=["uint8"])
pairs("truncatemod", tf.truncatemod, low=(-9, 0.5), high=(9, 2))
case("truncatemod", "ints", tf.truncatemod, DIVIDED, dtypes=["int32"])
case("truncatemod", "by parts", lambda x, y: x - tf.truncatediv(x, y) * y, [uniform([2, 3], -9, 9), uniform([3], 0.5, 2)])  # with gradients
pairs("nextafter", tf.math.nextafter)
one("rint", tf.math.rint, -5, 5, [0.5, 1.5, 2.5, -0.5, -1.5])

for label, count in {"one": 1, "two": 2, "four": 4}.items():
    fn = lambda *xs: tf.add_n(xs)  # noqa: E731
    args = [[f"${i}" for i in range(count)]]
    case("addN", label, fn, [uniform([2, 3]) for _ in range(count)], args)
    case("addN", f"{label} ints", fn, [np.array([2147483647, -5, i]) for i in range(count)], args, dtypes=["int32"])
    case("addN", f"{label} bytes", fn, [np.array([200, 5, i]) for i in range(count)], args, dtypes=["uint8"])
case("addN", "scalars", lambda *xs: tf.add_n(xs), [uniform([]), uniform([])], [["$0", "$1"]])
case("addN", "empty", lambda *xs: tf.add_n(xs), [np.zeros([0, 2]), np.zeros([0, 2])], [["$0", "$1"]])

# ---- bits ----

BITS = [0, 1, -1, 5, 1000, -1000, 2147483647, -2147483648]
BYTES = [0, 1, 2, 85, 170, 255]
for op, fn in {"bitwiseAnd": tf.bitwise.bitwise_and, "bitwiseOr": tf.bitwise.bitwise_or, "bitwiseXor": tf.bitwise.bitwise_xor}.items():
    case(f"bitwise.{op}", "ints", fn, every_pair(BITS), dtypes=["int32"])
    case(f"bitwise.{op}", "bytes", fn, every_pair(BYTES), dtypes=["uint8"])
    case(f"bitwise.{op}", "2x3 3", fn, [np.arange(6).reshape(2, 3), np.array([3, 2, 1])], dtypes=["int32", "uint8"])
    case(f"bitwise.{op}", "scalar", fn, [np.array(6), np.array(3)], dtypes=["int32", "uint8"])
    case(f"bitwise.{op}", "empty", fn, [np.zeros([0, 3]), np.array([3, 2, 1])], dtypes=["int32", "uint8"])
for op, fn in {"leftShift": tf.bitwise.left_shift, "rightShift": tf.bitwise.right_shift}.items():
    case(f"bitwise.{op}", "ints", fn, [np.repeat(BITS, 6), np.tile([0, 1, 7, 31, 32, -1], len(BITS))], dtypes=["int32"])
    case(f"bitwise.{op}", "bytes", fn, [np.repeat(BYTES, 5), np.tile([0, 1, 7, 8, 200], len(BYTES))], dtypes=["uint8"])
case("bitwise.invert", "ints", tf.bitwise.invert, [np.array(BITS)], dtypes=["int32"])
case("bitwise.invert", "bytes", tf.bitwise.invert, [np.array(BYTES)], dtypes=["uint8"])

# ---- activations ----

one("nn.softsign", tf.nn.softsign, -3, 3, [100, -100, 0])
one("logSigmoid", tf.math.log_sigmoid, -3, 3, [100, -100, 0])
one("nn.mish", keras.activations.mish, -3, 3, [30, -30, 0], None)
one("nn.hardSigmoid", keras.activations.hard_sigmoid, -4, 4, [30, -30, 0, 3, -3], [INF, -INF, NAN])
one("nn.hardSwish", keras.activations.hard_silu, -4, 4, [30, -30, 0, 3, -3], None)
one("nn.celu", keras.activations.celu, -3, 3, [30, -30], None)
case("nn.celu", "alpha", lambda x: keras.activations.celu(x, 0.5), [uniform([2, 3])], ["$0", 0.5])
case("nn.celu", "kinks", keras.activations.celu, [[0.0, 1, -1]])
case("nn.glu", "2x4", keras.activations.glu, [uniform([2, 4])])
case("nn.glu", "axis", lambda x: keras.activations.glu(x, 0), [uniform([4, 3])], ["$0", 0])
case("nn.glu", "empty", keras.activations.glu, [np.zeros([0, 2])])


def prelu(x, alpha):
    """What keras.layers.PReLU computes."""
    return tf.nn.relu(x) - alpha * tf.nn.relu(-x)


for a, b in SHAPES:
    case("nn.prelu", f"{show(a)} {show(b)}", prelu, [uniform(a), uniform(b)])
case("nn.prelu", "kinks", prelu, [[0.0, 1, -1], [0.25, 0.25, 0.25]])

# ---- special functions ----

S = tf.math.special
one("erfinv", tf.math.erfinv, -0.99, 0.99, [1e-3, -1e-3, 0.9999, -0.9999], [0.0, -0.0, 1, -1, 2, NAN])
one("ndtri", tf.math.ndtri, 0.01, 0.99, [1e-3, 0.9999, 1e-10], [0.0, 1, 0.5, 2, -1, NAN])
one("dawsn", S.dawsn, -4, 4, [0, 10, -30])
one("expint", S.expint, 0.1, 6, [0.01, 20])
one("fresnelCos", S.fresnel_cos, -3, 3, [0, 1.5, 6])
one("fresnelSin", S.fresnel_sin, -3, 3, [0, 1.5, 6])
one("spence", S.spence, 0.1, 4, [1.01, 0.01, 10])
for kind in ["i0", "i0e", "i1", "i1e", "j0", "j1"]:
    one(f"bessel{kind.capitalize()}", getattr(S, f"bessel_{kind}"), -5, 5, [0.01, 12, -30], [0.0, -0.0, INF, NAN])
for kind in ["k0", "k0e", "k1", "k1e", "y0", "y1"]:
    one(f"bessel{kind.capitalize()}", getattr(S, f"bessel_{kind}"), 0.2, 6, [0.01, 12, 30], [0.0, -1, INF, NAN])

for op, fn in {"igamma": tf.math.igamma, "igammac": tf.math.igammac}.items():
    pairs(op, fn, low=(0.5, 0.2), high=(5, 6), special=False)
    case(op, "more", fn, [[0.1, 1, 1, 10, 10, 100, 100], [1, 0.01, 20, 2, 30, 90, 130]])
    case(op, "special", fn, every_pair([-1, 0.0, 0.5, 2, INF, NAN]))
pairs("zeta", tf.math.zeta, low=(1.5, 0.5), high=(6, 5), special=False)
case("zeta", "more", tf.math.zeta, [[2, 3, 4, 2, 3, 1.1, 30], [-2.5, -0.5, -7.25, 0.01, 100, 2, 1]])
case("zeta", "special", tf.math.zeta, every_pair([0.5, 1, 2, 3, 2.5, -2, -1, 0.0, INF, NAN]))
for shape in [[2, 3], [], [0, 2]]:
    case("betainc", show(shape), tf.math.betainc, [uniform(shape, 0.5, 5), uniform(shape, 0.5, 5), uniform(shape, 0.1, 0.9)])
case("betainc", "scalar x", tf.math.betainc, [uniform([2, 2], 0.5, 5), uniform([2, 2], 0.5, 5), uniform([], 0.1, 0.9)])
case("betainc", "more", tf.math.betainc, [[0.1, 1, 30, 50, 0.5], [2, 1, 20, 0.5, 40], [0.01, 0.3, 0.6, 0.99, 0.02]])
case("betainc", "special", tf.math.betainc, [[1, 2, -1, 2, 2, 0, 2, NAN, 2], [2, 1, 2, -1, 2, 2, 0, 1, 2], [0, 1, 0.5, 0.5, 1.5, 0.5, 0.5, 0.5, NAN]])
case("lbeta", "2x3", tf.math.lbeta, [uniform([2, 3], 0.2, 4)])
case("lbeta", "3", tf.math.lbeta, [uniform([3], 0.2, 4)])
case("lbeta", "one", tf.math.lbeta, [uniform([2, 1], 0.2, 4)])
case("lbeta", "empty", tf.math.lbeta, [np.zeros([0, 2])])
case("lbeta", "of none", tf.math.lbeta, [np.zeros([2, 0])])

for op, fn in [("nn.relu", tf.nn.relu), ("nn.relu6", tf.nn.relu6), ("nn.leakyRelu", tf.nn.leaky_relu)]:
    case(op, "bytes", fn, [[0, 3, 6, 7, 200]], dtypes=["uint8"])
case("nn.leakyRelu", "ints", tf.nn.leaky_relu, [[-20, -5, 0, 7]], dtypes=["int32"])

write_family(__file__)
