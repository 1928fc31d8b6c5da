"""TensorFlow: eager, and as tensorflow-function each step traced by tf.function. Eager kernels on a CPU are done when the call returns."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from inputs import *

VERSION = tf.__version__


def kinds(library, threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    compiled = library == "tensorflow-function"
    function = tf.function if compiled else lambda f: f

    def scalar(f):
        g = function(f)
        step = lambda: float(g())
        return step, lambda: [step()]

    def tensors(f, scale=1):
        """Of a function that returns a list; `scale` divides a first scalar."""
        g = function(f)

        def check():
            out = [t.numpy() for t in g()]
            return [v for t in out for v in ([t / scale] if t.ndim == 0 else some(t))]

        return g, check

    def polynomial(x):
        return 2 * x**3 + 5 * x**2 + 3 * x

    def seed_gradient():
        x = tf.Variable(2.0)

        def f():
            with tf.GradientTape() as tape:
                y = polynomial(x)
            return tape.gradient(y, x)

        return scalar(f)

    def seed_second():
        x = tf.Variable(2.0)

        def f():
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    y = polynomial(x)
                first = inner.gradient(y, x)
            return outer.gradient(first, x)

        return scalar(f)

    def seed_power():
        y = tf.constant(42.0)

        def f():
            with tf.GradientTape() as tape:
                tape.watch(y)
                z = y * y * y * y
            return tape.gradient(z, y)

        return scalar(f)

    def chain(gradient):
        x, c, d = (tf.constant(v) for v in (1.0, 0.001, CHAIN_FACTOR))

        def f():
            with tf.GradientTape() as tape:
                tape.watch(x)
                t = x
                for _ in range(0, CHAIN_LENGTH, 2):
                    t = (t + c) * d
            return tape.gradient(t, x) if gradient else t

        return scalar(f)

    def chain_four():
        x, c = tf.constant(FOUR_X), tf.constant(FOUR_C)

        def f():
            with tf.GradientTape() as tape:
                tape.watch(x)
                t = x
                for _ in range(FOUR_ROUNDS):
                    t = tf.square(tf.tanh(t * c) + c)
            return tape.gradient(t, x)

        g = function(f)
        return g, lambda: g().numpy()

    def add_item():
        x, y = tf.constant(2.0), tf.constant(3.0)
        return scalar(lambda: x + y)

    def add_four():
        x, y = tf.constant([1.0, 2, 3, 4]), tf.constant([5.0, 6, 7, 8])
        g = function(lambda: x + y)
        return g, lambda: g().numpy()

    def elementwise(op, n):
        x, y = (tf.constant(uniform([n], seed)) for seed in (1, 2))
        if op == "sum":
            return scalar(lambda: tf.reduce_sum(x))
        return tensors(
            {"add": lambda: [x + y], "exp": lambda: [tf.exp(x)], "tanh": lambda: [tf.tanh(x)]}[op]
        )

    def rows(op, size):
        x = tf.constant(uniform([size, size], 1))
        f = {
            "sum-rows": lambda: tf.reduce_sum(x, 1),
            "sum-columns": lambda: tf.reduce_sum(x, 0),
            "max-rows": lambda: tf.reduce_max(x, 1),
            "argmax-rows": lambda: tf.argmax(x, 1),
            "logsumexp": lambda: tf.reduce_logsumexp(x, 1),
            "softmax": lambda: tf.nn.softmax(x),
        }[op]
        return tensors(lambda: [f()])

    def fused(n, gradient):
        sources = [tf.constant(uniform([n], seed)) for seed in (1, 2, 3)]

        def value():
            x, w, b = sources
            return tf.reduce_sum(tf.square(tf.tanh(x * w + b)))

        def f():
            with tf.GradientTape() as tape:
                tape.watch(sources)
                y = value()
            return [y, *tape.gradient(y, sources)]

        return tensors(f, n) if gradient else scalar(value)

    def matmul(n, dtype, transposeA, transposeB):
        a, b = (tf.constant(uniform([n, n], seed, dtype)) for seed in (1, 2))
        return tensors(lambda: [tf.matmul(a, b, transposeA, transposeB)])

    def matmul_gradient(n):
        sources = [tf.constant(uniform([n, n], seed)) for seed in (1, 2)]

        def f():
            with tf.GradientTape() as tape:
                tape.watch(sources)
                y = tf.reduce_sum(tf.square(tf.matmul(*sources)))
            return tape.gradient(y, sources)

        return tensors(f)

    def conv(part, **given):
        x, filter, gradient = (tf.constant(t) for t in convolution(**given))
        same = {"strides": [1, 1, 1, 1], "padding": "SAME"}
        f = {
            "forward": lambda: tf.nn.conv2d(x, filter, 1, "SAME"),
            "input": lambda: tf.raw_ops.Conv2DBackpropInput(
                input_sizes=x.shape, filter=filter, out_backprop=gradient, **same
            ),
            "filter": lambda: tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=filter.shape, out_backprop=gradient, **same
            ),
        }[part]
        return tensors(lambda: [f()])

    def model(size="large"):
        weights, x, labels = network(size)
        variables = [tf.Variable(w) for w in weights]
        x, labels = tf.constant(x), tf.constant(labels)

        def loss(activation):
            h = x
            for k in range(0, len(variables), 2):
                h = tf.matmul(h, variables[k]) + variables[k + 1]
                if k + 2 < len(variables):
                    h = activation(h)
            return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, h))

        return variables, loss

    def train(optimizer, size="large"):
        variables, loss = model(size)
        keras = tf.keras.optimizers
        optimizer = keras.SGD(LEARNING_RATE) if optimizer == "sgd" else keras.Adam(ADAM_RATE)
        optimizer.build(variables)

        def f():
            with tf.GradientTape() as tape:
                value = loss(tf.nn.relu)
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))
            return value

        g = function(f)
        step = lambda: float(g())
        return step, lambda: [step(), step(), step()]

    def hvp():
        variables, loss = model()
        vectors = [tf.constant(d) for d in directions()]

        def f():
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    value = loss(tf.tanh)
                gradients = inner.gradient(value, variables)
            return outer.gradient(gradients, variables, output_gradients=vectors)

        g = function(f)
        return g, lambda: [v for t in g() for v in t.numpy().reshape(-1)[:5]]

    def mlp(x, w1, b1, w2, b2):
        return tf.tanh(tf.tanh(x @ w1 + b1) @ w2 + b2)

    def jacobian_of(f, x):
        def g():
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            return [tape.jacobian(y, x)]

        return tensors(g)

    def hessian_of(f, x):
        def gradient(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            return tape.gradient(y, x)

        return jacobian_of(gradient, x)

    def jacobian_mlp():
        x, *rest = map(tf.constant, seeded(MLP_SHAPES))
        return jacobian_of(lambda t: mlp(t, *rest), x)

    def mlp_jvp(pushed):
        x, *rest = map(tf.constant, seeded(MLP_SHAPES))

        def f():
            if not pushed:
                return [mlp(x, *rest)]
            with tf.autodiff.ForwardAccumulator(x, x) as accumulator:
                y = mlp(x, *rest)
            return [y, accumulator.jvp(y)]

        return tensors(f)

    def hessian_loss():
        x, y, p = map(tf.constant, seeded(LOSS_SHAPES))

        def loss(t):
            w1, w2 = tf.reshape(t[:28], [4, 7]), tf.reshape(t[33:], [7, 1])
            error = tf.tanh(x @ w1) @ w2 - y
            return tf.reduce_mean(error**2) + tf.reduce_sum(t[28:33] ** 2)

        return hessian_of(loss, p)

    def hessian_rosenbrock(n):
        def rosenbrock(x):
            a, b = x[:-1], x[1:]
            return tf.reduce_sum(100 * (b - a * a) ** 2 + (1 - a) ** 2)

        return hessian_of(rosenbrock, tf.constant(uniform([n], 1)))

    def jacobian_diagonal(n):
        return jacobian_of(lambda t: tf.exp(tf.sin(tf.tanh(t * 2))), tf.constant(uniform([n], 1)))

    found = {
        "seed-gradient": seed_gradient,
        "seed-second": seed_second,
        "seed-power": seed_power,
        "chain": chain,
        "chain-four": chain_four,
        "add-item": add_item,
        "add-four": add_four,
        "elementwise": elementwise,
        "rows": rows,
        "fused": fused,
        "matmul": matmul,
        "matmul-gradient": matmul_gradient,
        "conv": conv,
        "train": train,
        "hvp": hvp,
        "jacobian-mlp": jacobian_mlp,
        "mlp-jvp": mlp_jvp,
        "hessian-loss": hessian_loss,
        "hessian-rosenbrock": hessian_rosenbrock,
        "jacobian-diagonal": jacobian_diagonal,
    }
    # Compiled as one, a thousand ops tell nothing about an op.
    if compiled:
        del found["chain"]
    return found
