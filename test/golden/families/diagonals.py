"""Writes diagonals.json: TensorFlow's diagonals, bands and transposes of matrices (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403

ALL = ("float32", "float64", "int32")
ALIGN = ["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"]


def every(op, label, fn, shapes, args=None, dtypes=ALL):
    case(op, label, fn, [uniform(s) for s in shapes], args, [d for d in dtypes if d in FLOATS])
    for dtype in dtypes:
        if dtype not in FLOATS:
            case(op, f"{label} {dtype}", fn, [np.array(random.randint(-9, 9, s)) for s in shapes], args, [dtype])


def camel(options):
    parts = {key: key.split("_") for key in options}
    return {first + "".join(map(str.capitalize, rest)): list(options[key]) if isinstance(options[key], tuple) else options[key]
            for key, (first, *rest) in parts.items()}


def name(options):
    return " ".join(f"{key} {value}" for key, value in camel(options).items()) or "plain"


for shape in [[3, 3], [2, 4], [4, 2], [2, 3, 4], [1, 1], [0, 3], [3, 0], [2, 0, 0], [0, 2, 2]]:
    every("linalg.trace", show(shape), tf.linalg.trace, [shape])
    every("linalg.diagPart", show(shape), tf.linalg.diag_part, [shape])
    every("linalg.matrixTranspose", show(shape), tf.linalg.matrix_transpose, [shape])
    every("linalg.adjoint", show(shape), tf.linalg.adjoint, [shape])
    for lower, upper in [(0, 0), (-1, 0), (0, -1), (1, 0), (0, 2), (1, 1), (-1, -1), (7, 1)]:
        if lower <= max(shape[-2], 0) and upper <= max(shape[-1], 0):
            every("linalg.bandPart", f"{show(shape)} {lower} {upper}", lambda x, a=lower, b=upper: tf.linalg.band_part(x, a, b), [shape],
                  ["$0", lower, upper])
    if 0 not in shape[-2:]:
        for options in [{"k": 1}, {"k": -1}, {"k": (1, 1)}, {"k": (-1, 1)}, {"k": (0, 1)}, {"k": (-1, 0)}, {"k": (-1, 2), "padding_value": 7}, *[
                {"k": (-2, 1), "align": align} for align in ALIGN], {"k": (-1, 2), "align": "LEFT_RIGHT", "padding_value": -1}]:
            lower, upper = options["k"] if isinstance(options["k"], tuple) else [options["k"]] * 2
            if lower > -shape[-2] and upper < shape[-1] and lower < shape[-1] and upper > -shape[-2]:
                fn = lambda x, o=options: tf.linalg.diag_part(x, **o)  # noqa: E731
                every("linalg.diagPart", f"{show(shape)} {name(options)}", fn, [shape], ["$0", camel(options)])
    for k in [0, 1, -1, (-1, 1), (0, 1), (-2, -1)]:
        lower, upper = k if isinstance(k, tuple) else (k, k)
        if (k == 0 or 0 not in shape[-2:]) and lower > -max(shape[-2], 1) and upper < max(shape[-1], 1):
            for align in ALIGN if isinstance(k, tuple) else ALIGN[:1]:
                options = {"k": k, "align": align}
                part = tf.linalg.diag_part(tf.zeros(shape), **options).shape.as_list()
                every("linalg.setDiag", f"{show(shape)} {name(options)}", lambda x, d, o=options: tf.linalg.set_diag(x, d, **o), [shape, part],
                      ["$0", "$1", camel(options)])

for shape in [[3], [1], [0], [2, 3], [2, 2, 2], [0, 2]]:
    every("linalg.diag", show(shape), tf.linalg.diag, [shape])
    for options in [{"k": 1}, {"k": -2}, {"k": 1, "num_rows": shape[-1] + 2}, {"num_cols": shape[-1] + 1}, {"k": -1, "num_rows": shape[-1] + 1},
                    {"k": -1, "num_rows": shape[-1] + 1, "num_cols": shape[-1] + 2, "padding_value": 3}, {"padding_value": -2}]:
        every("linalg.diag", f"{show(shape)} {name(options)}", lambda x, o=options: tf.linalg.diag(x, **o), [shape], ["$0", camel(options)])
for shape, k in [([3, 4], (-1, 1)), ([2, 3], (0, 1)), ([2, 3], (-1, 0)), ([2, 2, 3], (1, 2)), ([2, 2, 3], (-3, -2)), ([2, 3, 3], (-1, 1))]:
    for align in ALIGN:
        options = {"k": k, "align": align}
        every("linalg.diag", f"{show(shape)} {name(options)}", lambda x, o=options: tf.linalg.diag(x, **o), [shape], ["$0", camel(options)])
    options = {"k": k, "padding_value": 5}
    every("linalg.diag", f"{show(shape)} {name(options)}", lambda x, o=options: tf.linalg.diag(x, **o), [shape], ["$0", camel(options)])

case("linalg.diagPart", "special", tf.linalg.diag_part, [[[NAN, 1], [INF, -INF]]])
case("linalg.bandPart", "special", lambda x: tf.linalg.band_part(x, 0, 0), [[[NAN, INF], [NAN, -0.0]]], ["$0", 0, 0])

for shape in [[], [3], [2, 3], [0], [2, 1, 2]]:
    if shape:
        every("linalg.tensorDiag", show(shape), tf.linalg.tensor_diag, [shape])
        every("linalg.tensorDiagPart", show(shape), tf.linalg.tensor_diag_part, [[*shape, *shape]])

for n, m, batch in [(3, None, []), (2, 3, [2]), (3, 2, [2, 1]), (2, None, [0]), (0, None, [2])]:
    args = [n, *([m] if m else []), {"batchShape": batch}]
    case("eye", f"{n} {m} {batch}", lambda n=n, m=m, batch=batch: tf.eye(n, m, batch), [], args, ["float32"])

write_family(__file__)
