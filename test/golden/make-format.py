"""Writes format.json: what TensorFlow prints for many eager tensors and variables (needs tensorflow-cpu 2.21 and NumPy 2.4).

Floats are stored as hexadecimal bit patterns, so that no decimal conversion stands between the two languages.
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

def texts(array):
    """The texts of a tensor and of a variable; the `:0` behind a variable's name is a graph's, and is left out."""
    variable = str(tf.Variable(array, name="w"))
    return {"text": str(tf.constant(array)), "variable": variable.replace("'w:0'", "'w'")}


rng = np.random.default_rng(20260101)
cases = []


def add(values, dtype, shape=None):
    with np.errstate(over="ignore"):
        array = np.array(values).astype(dtype)
    if shape is not None:
        array = array.reshape(shape)
    flat = np.ascontiguousarray(array).reshape(-1)
    if dtype in ("float32", "float64"):
        bits = flat.view("u4" if dtype == "float32" else "u8")
        stored = [format(int(b), "x") for b in bits]
    else:
        stored = [int(v) for v in flat]
    cases.append({"dtype": dtype, "shape": list(array.shape), "values": stored, **texts(array)})


def both(values, shape=None):
    add(values, "float32", shape)
    add(values, "float64", shape)


inf, nan = float("inf"), float("nan")

# The texts that the documentation shows.
both(47.0)
both([1.0, 2.0])
both(np.full((2, 3), 12.0))
both([[1.0, 2.0], [3.0, 4.0]])

# Scalars, at the borders of every form.
for x in [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 2 / 3, -1e-3, 1e-4, 1.0001e-4, 9.9999e-5, 1e-5, 123456.789, 999999.0, 999999.94,
          1e6, 1000001.0, 9999999.0, 1e7, 16777216.0, 33554436.0, 99999992.0, 1e8, 123456789.0, 1e15, 9999999999999998.0,
          1e16, 1.5e16, 1e22, 1e23, 1e38, 3.4028234663852886e38, 1.1754943508222875e-38, 1e-45, 2e-44, inf, -inf, nan,
          5.684341886080802e-14, 2.0**-44, 2.0**-24, 2.0**70, 9.5367431640625e-07, 8.41e21, 2**-1, 1 - 2**-24, 296352.0]:
    both(x)
for x in [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 9007199254740993.0, 4.35, 0.3, 2.675, 1e-323]:
    add(x, "float64")

# Vectors: fixed form, exponent form, the borders between them.
for values in [[0.0], [-0.0, 0.0], [0.5, 100.0], [0.1, 1000.0], [1.0, 1000.0], [1.0, 1001.0], [1.0, 1000.5], [0.0001, 0.05],
               [9.9999e-5, 1.0], [1e-5, 1e5], [1e8, 1e8], [99999999.0, 1e8], [99999992.0, 10000000.0], [999999.0, 1e6],
               [1e-300, 1.0], [1e10, 1.0], [1.5, -2.25, 3.0], [-1.0, 10.0, -100.0], [0.1, 0.25, 1 / 3], [1 / 3, 2 / 3, 1.0],
               [nan, 1.0], [inf, 1.0], [-inf, 1.0], [nan, inf, -inf], [nan], [inf], [-inf], [nan, 123.456], [-inf, 0.5, -3.0],
               [nan, 1e20], [inf, 1e-20, -1.0], [0.0, 0.0, 1e-10], [1e-7, -1e-7], [1e100, 1e-100], [3e-39, 1e30], [1e5, 12.5],
               [0.000123456789, 0.0123456789], [123456.789, 234567.891], [0.123456785, 0.5], [1.00000005, 2.0],
               [0.999999999, 0.5], [9.99999999, 1.0], [99.999999999, 1.0], [5e-9 + 1, 1.0], [1.0, 1.000000015, 1.000000025],
               [1e-4, 0.1], [0.1, 0.2, 0.30000000000000004], list(range(10)), list(range(30)), [x / 7 for x in range(40)]]:
    both(values)

# Halves in the ninth digit: the last printed digit is rounded to even.
add([0.5 + 2.0**-9 * k for k in range(8)], "float64")
add([1 + 2.0**-k for k in range(20, 34)], "float64")
add([1 + 2.0**-k for k in range(15, 24)], "float32")

# Random magnitudes.
for digits in [0, 1, 2, 3, 5, 8, 12]:
    for n in [1, 2, 5, 9]:
        values = np.round(rng.normal(size=n) * 10.0 ** rng.integers(-3, 4), digits)
        both(values)
for spread in [0.3, 1, 2, 3, 4, 6, 10, 20, 30]:
    for n in [1, 2, 3, 7, 13]:
        both(rng.normal(size=n) * 10.0 ** rng.uniform(-spread, spread, size=n))
for _ in range(12):
    add(rng.integers(0, 2**32, size=6, dtype=np.uint64).astype(np.uint32).view(np.float32), "float32")
    add(rng.integers(0, 2**63, size=4, dtype=np.int64).view(np.float64), "float64")
for _ in range(8):
    both(2.0 ** rng.integers(-60, 60, size=5))
    both(10.0 ** rng.integers(-5, 6, size=4))

# Matrices and higher ranks.
for shape in [(1, 1), (1, 3), (3, 1), (2, 3), (4, 5), (3, 12), (2, 30), (2, 2, 3), (3, 1, 2), (1, 1, 1), (2, 3, 2, 2), (1, 2, 1, 3),
              (2, 2, 1, 2, 2), (2, 1, 25)]:
    both(rng.normal(size=shape))
    both(np.round(rng.normal(size=shape) * 50))
    add(rng.integers(-1000, 1000, size=shape), "int32")
    add(rng.integers(0, 256, size=shape), "uint8")
    add(rng.integers(0, 2, size=shape), "bool")

# Rows that wrap, exactly at the border too.
for n in range(20, 32):
    both(np.arange(n) % 10)
for n in [14, 15, 16, 17, 36, 37, 38, 39, 74, 75]:
    add(np.arange(n) % 10, "int32")
    add(np.arange(n) % 2, "bool")
both(rng.normal(size=(2, 2, 11)))
add([2**31 - 1, -(2**31), 0], "int32")
add([7], "int32"), add(7, "int32"), add(-7, "int32"), add(255, "uint8"), add(True, "bool"), add(False, "bool")

def add_ramp(dtype, shape):
    """Values by a rule that the test repeats, so that big arrays need no room in the file."""
    index = np.arange(int(np.prod(shape)))
    array = {
        "float32": lambda: ((index * 37) % 1009 / 8 - 60).astype(dtype),
        "float64": lambda: (index * 37) % 1009 / 8 - 60,
        "int32": lambda: ((index * 37) % 1009 - 60).astype(dtype),
        "uint8": lambda: ((index * 37) % 251).astype(dtype),
        "bool": lambda: (index * 37) % 3 == 0,
    }[dtype]().reshape(shape)
    cases.append({"dtype": dtype, "shape": list(shape), "values": "ramp", **texts(array)})


# Summaries: above 1000 elements, three items at each edge.
for shape in [(1000,), (1001,), (10, 100), (11, 100), (7, 200), (6, 200), (200, 6), (200, 7), (3, 1000), (500, 1, 3), (10, 10, 11),
              (2, 3, 4, 100), (8, 8, 8, 8), (1, 2000), (2000, 1)]:
    for dtype in ["float32", "float64", "int32", "uint8", "bool"]:
        add_ramp(dtype, shape)
# Only what is shown decides the form.
hidden = np.ones(1001)
hidden[500] = 1e20
add(hidden, "float32")
hidden[1] = 0.125
add(hidden, "float32")

# Empty.
for shape in [(0,), (0, 3), (2, 0), (2, 0, 3)]:
    for dtype in ["float32", "float64", "int32", "uint8", "bool"]:
        add([], dtype, shape)

path = pathlib.Path(__file__).with_name("format.json")
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
path.write_text(f'{{"tensorflow":"{tf.__version__}","numpy":"{np.__version__}","cases":[\n{lines}\n]}}\n')
print(len(cases), "cases", path.stat().st_size, "bytes")
