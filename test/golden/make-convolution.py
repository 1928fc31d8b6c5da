"""Writes convolution.json: TensorFlow's convolutions and pools with their gradients, for test/ops/convolution.test.ts (needs tensorflow).

Made with TensorFlow 2.21 on an x86-64 CPU. Elements are small integers, so results are exact in float32 (means of windows
but for the last digit). A case:
  op, opts: the call in gradtape's terms; outputShape: of conv2dTranspose
  in: operands [shape, elements]; y: result; ct: its cotangent; g: gradients of every operand
  h: gradients of sum(g[0]^2) with respect to the operands and ct; null where TensorFlow says None or has no gradient
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

random = np.random.RandomState(20260203)
cases = []


def integers(shape):
    return random.randint(-3, 4, shape).astype(np.float32)


def elements(t):
    if t is None:
        return None
    return [int(x) if x == int(x) else float(x) for x in np.asarray(t).reshape(-1)]


def case(op, call, shapes, opts, **more):
    xs = [tf.constant(integers(s)) for s in shapes]
    ct = tf.constant(integers(call(*xs).shape))
    y = call(*xs)
    g, h = [None] * len(xs), [None] * (len(xs) + 1)
    try:
        with tf.GradientTape() as outer:
            outer.watch(xs + [ct])
            with tf.GradientTape() as inner:
                inner.watch(xs)
                out = call(*xs)
            g = inner.gradient(out, xs, output_gradients=ct)
            total = tf.reduce_sum(g[0] ** 2)
        h = outer.gradient(total, xs + [ct])
    except (tf.errors.InvalidArgumentError, LookupError) as error:  # not on this device, or no gradient of the gradient
        print(op, opts, str(error)[-80:])
    cases.append({
        "op": op, "opts": opts, **more, "in": [[list(x.shape), elements(x)] for x in xs],
        "y": [list(y.shape), elements(y)], "ct": elements(ct), "g": [elements(t) for t in g], "h": [elements(t) for t in h],
    })


def quad(value):
    return value if isinstance(value, list) and len(value) == 4 else [1, *(value if isinstance(value, list) else [value] * 2), 1]


IMAGE = (2, 5, 6, 2)
for strides, padding, dilations in [
    (1, "VALID", 1), (1, "SAME", 1), (2, "SAME", 1), ([2, 3], "VALID", 1), (1, "SAME", [1, 2]), (1, "VALID", 2),
    ([2, 1], [[0, 0], [2, 0], [1, 3], [0, 0]], 1),
]:
    opts = {"strides": strides, "padding": padding, "dilations": dilations}

    def conv(x, f, strides=strides, padding=padding, dilations=dilations):
        return tf.nn.conv2d(x, f, quad(strides), padding, dilations=quad(dilations))

    case("conv2d", conv, [IMAGE, (3, 2, 2, 3)], opts)

for strides, padding in [(1, "SAME"), (2, "SAME"), (2, "VALID")]:
    opts = {"strides": strides, "padding": padding}

    def deep(x, f, strides=strides, padding=padding):
        return tf.nn.depthwise_conv2d(x, f, quad(strides), padding)

    case("depthwiseConv2d", deep, [IMAGE, (3, 2, 2, 2)], opts)
    result = tf.nn.conv2d(tf.zeros([2, 5, 6, 3]), tf.zeros([3, 2, 3, 2]), quad(strides), padding).shape

    def back(x, f, strides=strides, padding=padding):
        return tf.nn.conv2d_transpose(x, f, [2, 5, 6, 3], quad(strides), padding)

    case("conv2dTranspose", back, [tuple(result), (3, 2, 3, 2)], opts, outputShape=[2, 5, 6, 3])

for stride, padding in [(1, "SAME"), (2, "SAME"), (2, "VALID")]:
    case("conv1d", lambda x, f, s=stride, p=padding: tf.nn.conv1d(x, f, s, p), [(2, 7, 2), (3, 2, 3)],
         {"stride": stride, "padding": padding})

# Elements of few values: ties in nearly every window.
for ksize, strides, padding in [(2, 2, "VALID"), (2, 2, "SAME"), (3, 2, "SAME"), ([3, 2], [1, 2], "VALID"), (3, 1, "SAME")]:
    opts = {"ksize": ksize, "strides": strides, "padding": padding}
    case("maxPool2d", lambda x, k=ksize, s=strides, p=padding: tf.nn.max_pool2d(x, k, s, p), [IMAGE], opts)
    case("avgPool2d", lambda x, k=ksize, s=strides, p=padding: tf.nn.avg_pool2d(x, k, s, p), [IMAGE], opts)

path = pathlib.Path(__file__).with_name("convolution.json")
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
