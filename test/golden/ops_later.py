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

