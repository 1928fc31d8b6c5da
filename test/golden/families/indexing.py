"""Writes indexing.json: TensorFlow's scatters into tensors, partitions and rearrangements (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403

INTS = ("int32", "uint8")


def whole(shape, dtype):
    if dtype == "bool":
        return random.randint(0, 2, shape)
    return random.randint(0 if dtype == "uint8" else -50, 50, shape)


def moved(op, label, fn, shapes, args=None, dtypes=("int32", "uint8", "bool"), take=None):
    """A case in both float dtypes, and one in each of the others."""
    case(op, label, fn, [uniform(s) for s in shapes], args, take=take)
    for dtype in dtypes:
        try:
            case(op, f"{label} {dtype}", fn, [fixed(whole(s, dtype), dtype) for s in shapes], args, ["float32"], take)
        except tf.errors.NotFoundError:
            print(f"{op}: TensorFlow has no kernel for {dtype}")


# ---- scatters ----

IGNORE = {"badIndicesPolicy": "IGNORE"}
SCATTERS = [
    ("rows", [4, 2], [[2], [0]], [2, 2]),
    ("elements", [3, 2], [[0, 1], [2, 0], [1, 1]], [3]),
    ("vector", [5], [[4], [1]], [2]),
    ("matrix of indices", [4, 2], [[[0], [3]], [[1], [2]]], [2, 2, 2]),
    ("nothing", [3], np.zeros([0, 1]), [0]),
    ("empty", [0, 2], np.zeros([0, 1]), [0, 2]),
]
TWICE = ("twice", [4, 2], [[1], [3], [1]], [3, 2])
for name in ["update", "add", "sub", "max", "min"]:
    op = "tensorScatterNd" + name.capitalize()
    fn = getattr(tf, f"tensor_scatter_nd_{name}")
    for label, shape, places, updates in [*SCATTERS, *([] if name == "update" else [TWICE])]:
        places = np.asarray(places, "int32")
        moved(op, label, lambda t, u, f=fn, p=places: f(t, p, u), [shape, updates], ["$0", places.tolist() if places.size else places, "$1"]
              if places.size else ["$0", "$2", "$1"], INTS if name != "update" else ("int32", "uint8", "bool")) if places.size else case(
            op, label, lambda t, u, p, f=fn: f(t, p, u), [uniform(shape), uniform(updates), fixed(places)], ["$0", "$2", "$1"])
    case(op, "special", lambda t, u, f=fn: f(t, [[0], [2], [3]], u), [[1, NAN, -0.0, INF, -INF], [NAN, 0.0, -INF]], ["$0", [[0], [2], [3]], "$1"])
for name in ["max", "min"]:
    op = "tensorScatterNd" + name.capitalize()
    fn = getattr(tf, f"tensor_scatter_nd_{name}")
    case(op, "ties", lambda t, u, f=fn: f(t, [[0], [0], [1], [2]], u), [[1, 2, 3, 4], [1, 1, 2, 3]], ["$0", [[0], [0], [1], [2]], "$1"])
    case(op, "ignored", lambda t, u, f=fn: f(t, [[0], [7], [-1]], u, bad_indices_policy="IGNORE"), [uniform([3]), uniform([3])],
         ["$0", [[0], [7], [-1]], "$1", IGNORE])
case("tensorScatterNdUpdate", "twice", lambda t: tf.tensor_scatter_nd_update(t, [[1], [1]], tf.constant([5, 6])), [fixed([1, 2, 3])],
     ["$0", [[1], [1]], [5, 6]], ["float32"])
case("scatterNd", "ignored", lambda u: tf.scatter_nd([[0], [7], [-1], [0]], u, [3], bad_indices_policy="IGNORE"), [uniform([4])],
     [[[0], [7], [-1], [0]], "$0", [3], IGNORE])
case("scatterNd", "ignored rows", lambda u: tf.scatter_nd([[0, 1], [1, 2]], u, [2, 2, 3], bad_indices_policy="IGNORE"), [uniform([2, 3])],
     [[[0, 1], [1, 2]], "$0", [2, 2, 3], IGNORE])
case("gatherNd", "ignored", lambda p: tf.gather_nd(p, [[0], [7], [-1], [1]], bad_indices_policy="IGNORE"), [uniform([3, 2])],
     ["$0", [[0], [7], [-1], [1]], IGNORE])
case("gatherNd", "ignored batch", lambda p: tf.gather_nd(p, [[[0], [7]], [[-1], [1]]], batch_dims=1, bad_indices_policy="IGNORE"), [uniform([2, 3])],
     ["$0", [[[0], [7]], [[-1], [1]]], {"batchDims": 1, **IGNORE}])
for kwargs in [dict(axis=-1), dict(axis=1, batch_dims=-1), dict(axis=2, batch_dims=1), dict(batch_dims=1)]:
    options = {{"axis": "axis", "batch_dims": "batchDims"}[k]: v for k, v in kwargs.items()}
    case("gather", f"more {kwargs}", lambda p, k=kwargs: tf.gather(p, [[0, 1], [2, 0]], **k), [uniform([2, 3, 4])],
         ["$0", [[0, 1], [2, 0]], options])

def replaced(x, v, begin, end, strides, **masks):
    return tf.raw_ops.TensorStridedSliceUpdate(input=x, value=v, begin=begin, end=end, strides=strides, **masks)


for label, shape, part, index, at in [
    ("range", [3, 4], [2, 2], ["1:", "::-2"], dict(begin=[1, 0], end=[0, 0], strides=[1, -2], begin_mask=2, end_mask=3)),
    ("one", [3, 2], [2], [1], dict(begin=[1], end=[2], strides=[1], shrink_axis_mask=1)),
    ("column", [3, 2], [3], ["...", -1], dict(begin=[0, -1], end=[0, 0], strides=[1, 1], ellipsis_mask=1, shrink_axis_mask=2)),
    ("nothing", [3], [0], ["2:1"], dict(begin=[2], end=[1], strides=[1])),
]:
    moved("updateAt", label, lambda x, v, a=at: replaced(x, v, **a), [shape, part], ["$0", index, "$1"])

# ---- partitions ----

for label, shape, places, count in [("rows", [4, 2], [1, 0, 1, 1], 2), ("vector", [5], [2, 0, 2, 1, 0], 4), ("matrix", [2, 3], [[0, 1, 0], [1, 1, 0]], 2),
                                    ("scalar", [3], 1, 3), ("all in one", [3, 2], [0, 0, 0], 1)]:
    moved("dynamicPartition", label, lambda x, p=places, n=count: tf.dynamic_partition(x, p, n), [shape], ["$0", places, count])
case("dynamicPartition", "empty", lambda x: tf.dynamic_partition(x, np.zeros([0], "int32"), 2), [np.zeros([0, 2])], ["$0", [], 2])
for label, places, shapes in [("rows", [[0, 3], [1, 2]], [[2, 2], [2, 2]]), ("scalars", [1, [0, 2]], [[3], [2, 3]]), ("matrix", [[[0, 1], [2, 3]]], [[2, 2, 2]]),
                              ("one", [[2, 0, 1]], [[3]])]:
    moved("dynamicStitch", label, lambda *xs, p=places: tf.dynamic_stitch(p, list(xs)), shapes, [places, [f"${k}" for k in range(len(shapes))]])
case("dynamicStitch", "twice", lambda x, y: tf.dynamic_stitch([[0, 1], [1, 2]], [x, y]), [fixed([1, 2]), fixed([3, 4])],
     [[[0, 1], [1, 2]], ["$0", "$1"]], ["float32"])

# ---- rearrangements ----

for label, shape, repeats, axis in [("number", [2, 3], 2, 1), ("list", [2, 3], [2, 0, 1], 1), ("list of one", [2, 3], [2], 0), ("flat", [2, 3], 2, None),
                                    ("flat list", [2, 2], [1, 2, 0, 1], None), ("negative axis", [2, 3], 3, -1), ("none", [2, 3], 0, 0), ("scalar", [], 3, None),
                                    ("scalar axis", [], 3, 0), ("empty", [0, 2], 2, 1)]:
    moved("repeat", label, lambda x, r=repeats, a=axis: tf.repeat(x, r, axis=a), [shape], ["$0", repeats, *([] if axis is None else [axis])])
for shape, shift, axis in [([2, 3], 1, 1), ([2, 3], -1, 0), ([3, 4], [1, -2], [0, 1]), ([2, 3], [1, 1], [1, 1]), ([2, 3], 7, -1), ([5], 0, 0), ([0, 2], 1, 0),
                           ([2, 3], [], [])]:
    moved("roll", f"{show(shape)} {shift} {axis}", lambda x, s=np.asarray(shift, "int32"), a=np.asarray(axis, "int32"): tf.roll(x, s, a), [shape], ["$0", shift, axis])
for label, shapes, indexing in [("two", [[2], [3]], "xy"), ("two ij", [[2], [3]], "ij"), ("three", [[2], [3], [2]], "xy"), ("three ij", [[2], [1], [2]], "ij"),
                                ("one", [[3]], "xy"), ("scalar", [[], [2]], "xy"), ("matrix", [[2, 2], [2]], "ij"), ("empty", [[0], [2]], "xy")]:
    moved("meshgrid", label, lambda *xs, i=indexing: tf.meshgrid(*xs, indexing=i), shapes,
          [*[f"${k}" for k in range(len(shapes))], *([{"indexing": indexing}] if indexing == "ij" else [])], ("int32",))
for shape, lengths, seq, batch in [([3, 4], [2, 4, 0], 1, 0), ([2, 3, 2], [1, 3], 1, 2), ([3, 2], [3, 1], 0, 1), ([2, 3, 2], [3, 2], -2, 0), ([0, 3], [], 1, 0)]:
    moved("reverseSequence", f"{show(shape)} {seq} {batch}",
          lambda x, n=np.asarray(lengths, "int32"), s=seq, b=batch: tf.reverse_sequence(x, n, seq_axis=s % x.shape.rank, batch_axis=b), [shape],
          ["$0", lengths, {"seqAxis": seq, "batchAxis": batch}])
for label, lengths, options in [("vector", [1, 3, 2], {}), ("matrix", [[1, 3], [2, 0]], {}), ("maxlen", [1, 3], {"maxlen": 2}), ("longer", [1, 3], {"maxlen": 5}),
                                ("scalar", 2, {"maxlen": 3}), ("negative", [-1, 2], {"maxlen": 3}), ("zeros", [0, 0], {}), ("float", [1, 3], {"dtype": "float32"}),
                                ("int", [1, 2], {"dtype": "int32"})]:
    case("sequenceMask", label, lambda n, o=options: tf.sequence_mask(n, **{k: tf.as_dtype(v) if k == "dtype" else v for k, v in o.items()}), [fixed(lengths)],
         ["$0", *([options] if options else [])], ["float32"])
for shape, block, pads in [([1, 4, 2], [2], [[0, 0]]), ([2, 3, 3, 1], [2, 2], [[1, 0], [0, 1]]), ([1, 4, 4], [2, 2], [[0, 0], [0, 0]]), ([2, 2, 3], [1], [[0, 1]]),
                           ([1, 0, 2], [2], [[0, 2]])]:
    moved("spaceToBatchNd", f"{show(shape)} {block}", lambda x, b=block, p=pads: tf.space_to_batch_nd(x, b, p), [shape], ["$0", block, pads])
for shape, block, crops in [([4, 2, 1], [2], [[1, 0]]), ([4, 2, 2, 1], [2, 2], [[0, 1], [1, 0]]), ([4, 2, 2], [2, 2], [[0, 0], [0, 0]]), ([3, 2], [3], [[0, 0]])]:
    moved("batchToSpaceNd", f"{show(shape)} {block}", lambda x, b=block, c=crops: tf.batch_to_space(x, b, c), [shape], ["$0", block, crops])
for shape, n in [([1, 4, 2, 2], 2), ([2, 3, 3, 1], 3), ([1, 0, 2, 1], 2)]:
    moved("nn.spaceToDepth", show(shape), lambda x, k=n: tf.nn.space_to_depth(x, k), [shape], ["$0", n])
for shape, n in [([1, 2, 1, 8], 2), ([2, 1, 1, 9], 3), ([1, 0, 2, 4], 2)]:
    moved("nn.depthToSpace", show(shape), lambda x, k=n: tf.nn.depth_to_space(x, k), [shape], ["$0", n])
for shape, sizes, strides, rates, padding in [([1, 4, 4, 1], [2, 2], [2, 2], [1, 1], "VALID"), ([2, 3, 4, 2], [2, 2], [1, 1], [1, 1], "VALID"),
                                              ([1, 3, 4, 1], [3, 2], [1, 2], [1, 1], "SAME"), ([1, 5, 5, 1], [2, 2], [2, 1], [2, 2], "SAME"),
                                              ([1, 5, 4, 2], [2, 2], [1, 1], [3, 2], "VALID"), ([1, 2, 2, 1], [1, 1], [1, 1], [1, 1], "SAME")]:
    four = lambda pair: [1, *pair, 1]  # noqa: E731
    moved("image.extractPatches", f"{show(shape)} {sizes} {strides} {rates} {padding}",
          lambda x, s=four(sizes), t=four(strides), r=four(rates), p=padding: tf.image.extract_patches(x, s, t, r, p), [shape],
          ["$0", {"sizes": four(sizes), "strides": strides, "rates": rates, "padding": padding}], ("int32", "uint8"))
moved("ensureShape", "same", lambda x: tf.ensure_shape(x, [2, 3]), [[2, 3]], ["$0", [2, 3]])
moved("ensureShape", "open", lambda x: tf.ensure_shape(x, [None, 3]), [[2, 3]], ["$0", [None, 3]])
moved("ensureShape", "any", lambda x: tf.ensure_shape(x, None), [[2, 3]], ["$0", None])
moved("ensureShape", "scalar", lambda x: tf.ensure_shape(x, []), [[]], ["$0", []])
for shape in [[2, 3], [], [0, 2]]:
    for op, fn in [("shape", tf.shape), ("size", tf.size), ("rank", tf.rank)]:
        case(op, show(shape), fn, [uniform(shape)])

write_family(__file__)
