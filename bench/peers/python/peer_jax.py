"""JAX on the CPU: op by op, and as jax-jit with every step compiled by jax.jit. Dispatch is asynchronous, so each step waits."""

import os
import sys

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
if sys.argv[2] == "1":
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
from jax import lax
from jax import numpy as jnp

from inputs import *

VERSION = jax.__version__


def kinds(library, threads):
    compiled = library == "jax-jit"
    maybe_jit = jax.jit if compiled else lambda f: f

    def scalar(f, *given):
        g = maybe_jit(f)
        step = lambda: g(*given).item()
        return step, lambda: [step()]

    def tensors(f, *given, scale=1):
        """Of a function that returns a pytree; `scale` divides a first scalar."""
        g = maybe_jit(f)

        def check():
            out = [np.asarray(t) for t in jax.tree.leaves(g(*given))]
            return [v for t in out for v in ([t / scale] if t.ndim == 0 else some(t))]

        return lambda: jax.block_until_ready(g(*given)), check

    single = lambda v: jnp.asarray(v, jnp.float32)
    polynomial = lambda x: 2 * x**3 + 5 * x**2 + 3 * x

    def chain_of(x):
        t = x
        for _ in range(0, CHAIN_LENGTH, 2):
            t = (t + 0.001) * CHAIN_FACTOR
        return t

    def chain(gradient):
        return scalar(jax.grad(chain_of) if gradient else lambda x: jax.vjp(chain_of, x)[0], single(1))

    def chain_four():
        c = single(FOUR_C)

        def f(t):
            for _ in range(FOUR_ROUNDS):
                t = (jnp.tanh(t * c) + c) ** 2
            return t.sum()

        g, x = maybe_jit(jax.grad(f)), single(FOUR_X)
        return lambda: g(x).block_until_ready(), lambda: np.asarray(g(x))

    def add_four():
        g = maybe_jit(jnp.add)
        x, y = single([1, 2, 3, 4]), single([5, 6, 7, 8])
        return lambda: g(x, y).block_until_ready(), lambda: np.asarray(g(x, y))

    def elementwise(op, n):
        x, y = (jnp.asarray(uniform([n], seed)) for seed in (1, 2))
        if op == "sum":
            return scalar(jnp.sum, x)
        return tensors(jnp.add, x, y) if op == "add" else tensors(getattr(jnp, op), x)

    def rows(op, size):
        f = {
            "sum-rows": lambda x: x.sum(1),
            "sum-columns": lambda x: x.sum(0),
            "max-rows": lambda x: x.max(1),
            "argmax-rows": lambda x: x.argmax(1),
            "logsumexp": lambda x: jax.nn.logsumexp(x, 1),
            "softmax": lambda x: jax.nn.softmax(x, 1),
        }[op]
        return tensors(f, jnp.asarray(uniform([size, size], 1)))

    def fused(n, gradient):
        sources = [jnp.asarray(uniform([n], seed)) for seed in (1, 2, 3)]
        value = lambda x, w, b: jnp.sum(jnp.square(jnp.tanh(x * w + b)))
        if not gradient:
            return scalar(value, *sources)
        return tensors(jax.value_and_grad(value, (0, 1, 2)), *sources, scale=n)

    def matmul(n, dtype, transposeA, transposeB):
        a, b = (jnp.asarray(uniform([n, n], seed, dtype)) for seed in (1, 2))
        return tensors(lambda a, b: (a.T if transposeA else a) @ (b.T if transposeB else b), a, b)

    def matmul_gradient(n):
        a, b = (jnp.asarray(uniform([n, n], seed)) for seed in (1, 2))
        return tensors(jax.grad(lambda a, b: jnp.sum(jnp.square(a @ b)), (0, 1)), a, b)

    def conv(part, **given):
        x, filter, gradient = (jnp.asarray(t) for t in convolution(**given))
        f = lambda x, filter: lax.conv_general_dilated(
            x, filter, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        if part == "forward":
            return tensors(f, x, filter)
        # Linear in each operand: its transpose is the gradient, with no forward pass.
        if part == "input":
            return tensors(lambda g: jax.linear_transpose(lambda x: f(x, filter), x)(g), gradient)
        return tensors(lambda g: jax.linear_transpose(lambda w: f(x, w), filter)(g), gradient)

    def sort(n, dtype):
        return tensors(jnp.sort, jnp.asarray(uniform([n], 1, dtype)))

    def value_and_gradients(f, sources, ct):
        def step(*sources):
            y, pullback = jax.vjp(f, *sources)
            return [y, *pullback(ct)]

        return tensors(step, *sources)

    def attention(shape, causal, gradient):
        *sources, ct = (jnp.asarray(uniform(shape, seed)) for seed in (1, 2, 3, 4))
        # It takes [batch, length, heads, depth].
        swap = lambda t: t.swapaxes(1, 2)
        f = lambda q, k, v: swap(jax.nn.dot_product_attention(swap(q), swap(k), swap(v), is_causal=causal))
        return value_and_gradients(f, sources, ct) if gradient else tensors(f, *sources)

    def weights(shape, form):
        q, k = (jnp.asarray(uniform(shape, seed)) for seed in (1, 2))
        if form == "einsum":
            return tensors(lambda q, k: jnp.einsum("bhqd,bhkd->bhqk", q, k), q, k)
        return tensors(lambda q, k: q @ k.mT, q, k)

    def layer_normalization(shape):
        x, ct = (jnp.asarray(uniform(shape, seed)) for seed in (1, 2))
        gamma, beta = (jnp.asarray(uniform(shape[-1:], seed)) for seed in (1, 2))

        def f(x, gamma, beta):
            return jax.nn.standardize(x, epsilon=1e-7) * gamma + beta

        return value_and_gradients(f, [x, gamma, beta], ct)

    def model(size="large"):
        weights, x, labels = network(size)
        x, labels = jnp.asarray(x), jnp.asarray(labels)

        def loss(parameters, activation):
            h = x
            for k in range(0, len(parameters), 2):
                h = h @ parameters[k] + parameters[k + 1]
                if k + 2 < len(parameters):
                    h = activation(h)
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h), labels[:, None], 1))

        return [jnp.asarray(w) for w in weights], loss

    def train(optimizer, size="large"):
        parameters, loss = model(size)
        value_and_grad = jax.value_and_grad(lambda p: loss(p, jax.nn.relu))

        def sgd(p):
            value, gradients = value_and_grad(p)
            return value, [t - LEARNING_RATE * g for t, g in zip(p, gradients)]

        def adam(p, m, v, t):
            value, gradients = value_and_grad(p)
            m = [0.9 * a + 0.1 * g for a, g in zip(m, gradients)]
            v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradients)]
            rate = ADAM_RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            p = [w - rate * a / (jnp.sqrt(b) + 1e-7) for w, a, b in zip(p, m, v)]
            return value, p, m, v, t + 1

        zeros = [jnp.zeros_like(w) for w in parameters]
        state = [parameters] if optimizer == "sgd" else [parameters, zeros, zeros, single(1)]
        update = maybe_jit(sgd if optimizer == "sgd" else adam)

        def step():
            nonlocal state
            value, *state = update(*state)
            jax.block_until_ready(state)
            return value.item()

        return step, lambda: [step(), step(), step()]

    def hvp():
        parameters, loss = model()
        vectors = [jnp.asarray(d) for d in directions()]
        gradient = jax.grad(lambda p: loss(p, jnp.tanh))
        # Reverse over reverse, as nested tapes are.
        f = maybe_jit(lambda p: jax.vjp(gradient, p)[1](vectors)[0])
        return (
            lambda: jax.block_until_ready(f(parameters)),
            lambda: [v for t in f(parameters) for v in np.asarray(t).reshape(-1)[:5]],
        )

    def mlp(x, w1, b1, w2, b2):
        return jnp.tanh(jnp.tanh(x @ w1 + b1) @ w2 + b2)

    def jacobian_mlp():
        return tensors(jax.jacrev(mlp), *map(jnp.asarray, seeded(MLP_SHAPES)))

    def mlp_jvp(pushed):
        x, *rest = map(jnp.asarray, seeded(MLP_SHAPES))
        f = lambda t: mlp(t, *rest)
        return tensors((lambda t: jax.jvp(f, (t,), (t,))) if pushed else f, x)

    def hessian_loss():
        x, y, p = map(jnp.asarray, seeded(LOSS_SHAPES))

        def loss(t):
            w1, w2 = t[:28].reshape(4, 7), t[33:].reshape(7, 1)
            return jnp.mean((jnp.tanh(x @ w1) @ w2 - y) ** 2) + jnp.sum(t[28:33] ** 2)

        return tensors(jax.hessian(loss), p)

    def hessian_rosenbrock(n):
        def rosenbrock(x):
            a, b = x[:-1], x[1:]
            return jnp.sum(100 * (b - a * a) ** 2 + (1 - a) ** 2)

        return tensors(jax.hessian(rosenbrock), jnp.asarray(uniform([n], 1)))

    def jacobian_diagonal(n):
        return tensors(jax.jacrev(lambda t: jnp.exp(jnp.sin(jnp.tanh(t * 2)))), jnp.asarray(uniform([n], 1)))

    found = {
        "seed-gradient": lambda: scalar(jax.grad(polynomial), single(2)),
        "seed-second": lambda: scalar(jax.grad(jax.grad(polynomial)), single(2)),
        "seed-power": lambda: scalar(jax.grad(lambda y: y * y * y * y), single(42)),
        "chain": chain,
        "chain-four": chain_four,
        "add-item": lambda: scalar(jnp.add, single(2), single(3)),
        "add-four": add_four,
        "elementwise": elementwise,
        "rows": rows,
        "fused": fused,
        "matmul": matmul,
        "matmul-gradient": matmul_gradient,
        "conv": conv,
        "sort": sort,
        "attention": attention,
        "weights": weights,
        "layer-normalization": layer_normalization,
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
