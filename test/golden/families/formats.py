"""Writes formats.json: convolutions and pools with the channels as axis 1, and pools with dilations (needs tensorflow; run it beside
make-ops.py's tools). TensorFlow has no such kernels on a CPU, so images are transposed around its own."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403


def last(t):
    return tf.transpose(t, [0, 2, 3, 1])


def first(t):
    return tf.transpose(t, [0, 3, 1, 2])


FORMAT = {"dataFormat": "NCHW"}
x = [2, 2, 5, 4]
case("nn.conv2d", "NCHW", lambda a, f: first(tf.nn.conv2d(last(a), f, 1, "VALID")), [uniform(x), uniform([3, 2, 2, 3])], ["$0", "$1", FORMAT])
case("nn.conv2d", "NCHW strides", lambda a, f: first(tf.nn.conv2d(last(a), f, [1, 2, 1, 1], "SAME")), [uniform(x), uniform([2, 3, 2, 3])],
     ["$0", "$1", [1, 1, 2, 1], "SAME", FORMAT])
case("nn.conv2d", "NCHW padding", lambda a, f: first(tf.nn.conv2d(last(a), f, 1, [[0, 0], [2, 1], [0, 1], [0, 0]])),
     [uniform(x), uniform([2, 2, 2, 1])], ["$0", "$1", {"padding": [[0, 0], [0, 0], [2, 1], [0, 1]], **FORMAT}])
case("nn.depthwiseConv2d", "NCHW", lambda a, f: first(tf.nn.depthwise_conv2d(last(a), f, [1, 1, 1, 1], "SAME")), [uniform(x), uniform([2, 2, 2, 2])],
     ["$0", "$1", {"padding": "SAME", **FORMAT}])
case("nn.conv2dTranspose", "NCHW", lambda a, f: first(tf.nn.conv2d_transpose(last(a), f, [2, 5, 4, 3], 2, "SAME")),
     [uniform([2, 2, 3, 2]), uniform([3, 2, 3, 2])], ["$0", "$1", [2, 3, 5, 4], 2, FORMAT])
case("nn.conv1d", "NCW", lambda a, f: tf.transpose(tf.nn.conv1d(tf.transpose(a, [0, 2, 1]), f, 2, "SAME"), [0, 2, 1]),
     [uniform([2, 2, 6]), uniform([3, 2, 2])], ["$0", "$1", 2, "SAME", {"dataFormat": "NCW"}])
input_gradient = lambda f, g: first(tf.raw_ops.Conv2DBackpropInput(  # noqa: E731
    input_sizes=[2, 5, 4, 2], filter=f, out_backprop=last(g), strides=[1, 1, 1, 1], padding="VALID"))
filter_gradient = lambda a, g: tf.raw_ops.Conv2DBackpropFilter(  # noqa: E731
    input=last(a), filter_sizes=[3, 2, 2, 3], out_backprop=last(g), strides=[1, 1, 1, 1], padding="VALID")
case("nn.conv2dBackpropInput", "NCHW", input_gradient, [uniform([3, 2, 2, 3]), uniform([2, 3, 3, 3])], [[2, 2, 5, 4], "$0", "$1", FORMAT])
case("nn.conv2dBackpropFilter", "NCHW", filter_gradient, [uniform(x), uniform([2, 3, 3, 3])], ["$0", [3, 2, 2, 3], "$1", FORMAT])

for op, kind in [("nn.maxPool2d", "MAX"), ("nn.avgPool2d", "AVG")]:
    fn = tf.nn.max_pool2d if kind == "MAX" else tf.nn.avg_pool2d
    case(op, "NCHW", lambda a, fn=fn: first(fn(last(a), 2, 2, "VALID")), [uniform(x)], ["$0", 2, FORMAT])
    case(op, "NCHW lists", lambda a, fn=fn: first(fn(last(a), [1, 3, 2, 1], [1, 2, 1, 1], "SAME")), [uniform(x)],
         ["$0", [1, 1, 3, 2], [1, 1, 2, 1], "SAME", FORMAT])
    for dilations in [[2, 1], [2, 3], [1, 2]]:
        case(op, f"dilations {show(dilations)}",
             lambda a, k=kind, d=dilations: tf.nn.pool(a, [2, 2], k, padding="VALID", dilations=d), [uniform([2, 5, 6, 2])],
             ["$0", 2, {"strides": 1, "dilations": dilations}])

write_family(__file__)
