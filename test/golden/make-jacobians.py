"""TensorFlow's Jacobians, batch Jacobians, forward-mode tangents and Hessian-vector products of some functions, in float64:
jacobians.json, for jacobians-golden.test.ts, which has the same functions by name. Needs TensorFlow 2.21."""

import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(7)


def numbers(*shape):
    return np.round(rng.uniform(-1, 1, shape), 3)


W, V = numbers(3, 4), numbers(4, 2)
FILTER = numbers(2, 2, 1, 2)
W_, V_, FILTER_ = (tf.constant(c) for c in (W, V, FILTER))

functions = {
    "network": ([4, 3], lambda x: tf.tanh(tf.tanh(x @ W_) @ V_)),
    "chain": ([2, 3], lambda x: tf.exp(tf.sin(x)) * tf.nn.softplus(x) / (x * x + 1)),
    "softmax": ([3, 4], lambda x: tf.nn.softmax(x * x)),
    "logSumExp": ([3, 4], lambda x: tf.reduce_logsumexp(x, 1, keepdims=True) * x),
    "gather": ([4, 2], lambda x: tf.gather(tf.square(x), [2, 0, 2, 1])),
    "product": ([2, 4], lambda x: tf.reshape(tf.reduce_prod(x, 1), [2, 1])),
    "cumprod": ([2, 4], lambda x: tf.math.cumprod(x, 1)),
    "sort": ([2, 4], lambda x: tf.sort(x, 1) * x),
    "norm": ([3, 2], lambda x: x / tf.norm(x, axis=1, keepdims=True)),
    "conv": ([2, 12], lambda x: tf.reshape(tf.nn.conv2d(tf.reshape(x, [2, 4, 3, 1]), FILTER_, 1, "SAME"), [2, -1])),
    "pool": ([2, 16], lambda x: tf.reshape(tf.nn.max_pool2d(tf.reshape(x, [2, 4, 4, 1]), 2, 2, "VALID"), [2, -1])),
    "cholesky": ([2, 4], lambda x: tf.reshape(tf.linalg.cholesky(square(x)), [2, -1])),
    "normalized": ([3, 4], lambda x: normalized(x)),
    "outer": ([2, 3], lambda x: tf.einsum("bi,bj->bij", x, tf.sin(x))),
    "moved": ([2, 4], lambda x: tf.concat([tf.reverse(x, [1]), swapped(x)], 1)),
}


def square(x):
    m = tf.reshape(x, [2, 2, 2])
    return m @ tf.linalg.matrix_transpose(m) + 2 * tf.eye(2, dtype=tf.float64)


def normalized(x):
    # Not tf.nn.moments, whose second derivatives lack a part (docs/differences.md).
    mean = tf.reduce_mean(x, 0, keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), 0, keepdims=True)
    return (x - mean) / tf.sqrt(variance + 0.01)


def swapped(x):
    return tf.reshape(tf.transpose(tf.reshape(x, [2, 2, 2]), [0, 2, 1]), [2, 4])


def listed(t):
    return np.asarray(t).reshape(-1).tolist()


cases = []
for name, (shape, f) in functions.items():
    x0, v0 = numbers(*shape), numbers(*shape)
    x, v = tf.constant(x0), tf.constant(v0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
    with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
        z = f(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = tf.reduce_sum(tf.square(f(x)))
        g = inner.gradient(loss, x)
    cases.append(
        {
            "name": name,
            "x": x0.tolist(),
            "v": v0.tolist(),
            "y": listed(y),
            "jacobian": listed(tape.jacobian(y, x)),
            "batchJacobian": listed(tape.batch_jacobian(y, x)),
            "jvp": listed(accumulator.jvp(z)),
            "hvp": listed(accumulator.jvp(g)),
        }
    )

with open(os.path.join(os.path.dirname(__file__), "jacobians.json"), "w") as out:
    json.dump({"tensorflow": tf.__version__, "w": W.tolist(), "v": V.tolist(), "filter": FILTER.tolist(), "cases": cases}, out)
    out.write("\n")
