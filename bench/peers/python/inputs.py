"""The numbers of bench/inputs.mjs, in NumPy: every library starts from the same ones."""

import numpy as np

NETWORKS = {"large": ([784, 512, 256, 10], 128), "small": ([16, 32, 4], 8)}
FOUR_X, FOUR_C, FOUR_ROUNDS = [0.1, 0.2, 0.3, 0.4], [0.5, 0.25, 0.125, 1], 5
LEARNING_RATE = 0.05
ADAM_RATE = 0.001
CHAIN_LENGTH = 1000
CHAIN_FACTOR = 0.999


def uniform(shape, seed, dtype="float32"):
    """Numbers in [-1, 1) by mulberry32, the same for the same seed."""
    n = int(np.prod(shape))
    with np.errstate(over="ignore"):
        start = np.uint32(seed * 2654435761 % 2**32)
        state = start + np.arange(1, n + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
        z = (state ^ (state >> 15)) * (state | np.uint32(1))
        z ^= z + (z ^ (z >> 7)) * (z | np.uint32(61))
    return ((z ^ (z >> 14)) / 2.0**31 - 1).astype(dtype).reshape(shape)


def network(size="large"):
    """Weights and biases in turn, one batch, its labels."""
    layers, batch = NETWORKS[size]
    weights = []
    for k, (rows, columns) in enumerate(zip(layers, layers[1:])):
        limit = np.sqrt(6 / (rows + columns))
        weights.append((uniform([rows, columns], 10 + k).astype("float64") * limit).astype("float32"))
        weights.append(np.zeros([columns], "float32"))
    x = np.abs(uniform([batch, layers[0]], 1))
    labels = (np.arange(batch) * 7 % layers[-1]).astype("int32")
    return weights, x, labels


# tanh(tanh(x w1 + b1) w2 + b2), as in bench/cases/jacobian.mjs.
MLP_SHAPES = [[32, 64], [64, 32], [32], [32, 64], [64]]
# x, y and the parameters of a regression.
LOSS_SHAPES = [[64, 4], [64, 1], [40]]


def seeded(shapes):
    return [uniform(shape, 1 + k) for k, shape in enumerate(shapes)]


def directions():
    """Directions for the Hessian-vector product, of the weights' shapes."""
    return [uniform(w.shape, 50 + k) for k, w in enumerate(network()[0])]


def convolution(batch, size, channels, filters, **_):
    """Input (NHWC), filter (HWIO) and the gradient of the output."""
    return (
        uniform([batch, size, size, channels], 1),
        uniform([3, 3, channels, filters], 2),
        uniform([batch, size, size, filters], 3),
    )


def some(data):
    """Some of the elements, from all over."""
    flat = np.asarray(data).reshape(-1)
    stride = max(1, flat.size // 7)
    return [float(flat[min(flat.size - 1, i * stride)]) for i in range(7)]
