"""Writes order.json: TensorFlow's scans, segments, counts, sorting and searching (needs tensorflow)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403

INTEGERS = ("int32", "uint8")
ALL = (*FLOATS, *INTEGERS)


def whole(shape, low=0, high=9):
    return random.randint(low, high, shape).astype("float64")


def few(shape, high=6):
    """Halves, of which several are equal."""
    return random.randint(-high, high, shape) / 2 + 0.0


# ---- scans ----

OPTIONS = [{}, {"exclusive": True}, {"reverse": True}, {"exclusive": True, "reverse": True}]
for op, fn in [("cumprod", tf.math.cumprod), ("cumulativeLogsumexp", tf.math.cumulative_logsumexp)]:
    for shape, axis in [([5], 0), ([2, 3], -1), ([3, 2, 4], 1), ([1], 0)]:
        for options in OPTIONS:
            label = f"{show(shape)} axis {axis} {' '.join(options)}".strip()
            case(op, label, lambda x, a=axis, o=options: fn(x, a, **o), [uniform(shape)], ["$0", axis, *([options] if options else [])])
    for shape in [[0], [2, 0], [0, 3]]:
        case(op, f"empty {show(shape)}", fn, [np.zeros(shape)])
for dtype, values in [("int32", [7, -3, 2147483647, 5, 0, 3]), ("uint8", [3, 200, 7, 1, 2, 5])]:
    for options in OPTIONS:
        case("cumprod", f"{dtype} {' '.join(options)}", lambda x, o=options: tf.math.cumprod(x, **o), [np.array(values)], ["$0", 0, options], [dtype])
case("cumprod", "special", tf.math.cumprod, [[2, 0, INF, 3]], take=[])
case("cumprod", "special 2", tf.math.cumprod, [[-0.0, 2, NAN]], take=[])
case("cumulativeLogsumexp", "large", tf.math.cumulative_logsumexp, [[700, 800, -800, 801]], take=[])
case("cumulativeLogsumexp", "special", tf.math.cumulative_logsumexp, [[-INF, 1, INF, 2]], take=[])

# ---- segments ----

for name in ["Sum", "Mean", "Max", "Min", "Prod"]:
    fn = getattr(tf.math, f"segment_{name.lower()}")
    op = f"segment{name}"
    for label, shape, ids in [("5", [5], [0, 0, 1, 1, 1]), ("5x2", [5, 2], [0, 1, 1, 2, 2]), ("gaps", [4, 2], [1, 1, 4, 4]), ("one", [3], [0, 0, 0])]:
        case(op, label, fn, [uniform(shape), fixed(ids)])
    case(op, "ties", fn, [few([8], 2) + 0.25 * (name == "Prod"), fixed([0, 0, 0, 1, 1, 1, 1, 3])])
    case(op, "empty", fn, [np.zeros([0, 2]), fixed(np.zeros([0]))])
    case(op, "ints", fn, [whole([6]), fixed([0, 0, 1, 1, 1, 3])], dtypes=INTEGERS)
    un = getattr(tf.math, f"unsorted_segment_{name.lower()}")
    op = f"unsortedSegment{name}"
    for label, shape, ids, n in [("5", [5], [2, 0, 2, 1, 0], 3), ("5x2 negative", [5, 2], [2, -1, 2, 0, -3], 3), ("2x2x3", [2, 2, 3], [[1, 0], [1, 1]], 2),
                                 ("empty segments", [3], [1, 1, 4], 6)]:
        case(op, label, lambda x, i, n=n: un(x, i, n), [uniform(shape), fixed(ids)], ["$0", "$1", n])
    case(op, "ties", lambda x, i: un(x, i, 3), [few([8], 2) + 0.25 * (name == "Prod"), fixed([0, 2, 0, 1, 2, 1, 1, 2])], ["$0", "$1", 3])
    case(op, "empty", lambda x, i: un(x, i, 2), [np.zeros([0, 2]), fixed(np.zeros([0]))], ["$0", "$1", 2])
    case(op, "scalar", lambda x, i: un(x, i, 2), [np.array(1.5), fixed(1)], ["$0", "$1", 2])
    case(op, "ints", lambda x, i: un(x, i, 4), [whole([6]), fixed([0, 3, 1, 0, -1, 3])], ["$0", "$1", 4], INTEGERS)
    for kind, largest in [("int32", 2147483647), ("uint8", 255)]:
        case(f"segment{name}", f"wrapping {kind}", fn, [[largest, 3, 2, largest], fixed([0, 0, 0, 1])], dtypes=[kind])
        case(op, f"wrapping {kind}", lambda x, i: un(x, i, 2), [[largest, 3, 2, largest], fixed([1, 1, 1, 0])], ["$0", "$1", 2], [kind])
for op in ["segmentProd", "unsortedSegmentProd"]:
    fn = tf.math.segment_prod if op == "segmentProd" else lambda x, i: tf.math.unsorted_segment_prod(x, i, 3)
    case(op, "zeros", fn, [[0, 2, 3, 2, 0, 0, 4, 5], fixed([0, 0, 0, 1, 1, 1, 2, 2])], ["$0", "$1", *([3] if op != "segmentProd" else [])])
fn = lambda x, i: tf.math.unsorted_segment_sqrt_n(x, i, 4)  # noqa: E731
case("unsortedSegmentSqrtN", "5", fn, [uniform([5]), fixed([2, 0, 2, -1, 0])], ["$0", "$1", 4])
case("unsortedSegmentSqrtN", "5x2", fn, [uniform([5, 2]), fixed([2, 0, 2, 2, 0])], ["$0", "$1", 4])

norm = tf.math.reduce_euclidean_norm
for label, shape, args in [("2x3", [2, 3], []), ("axis", [2, 3], [1]), ("axes", [2, 3, 4], [[0, 2]]), ("scalar", [], [])]:
    case("reduceEuclideanNorm", label, lambda x, a=args: norm(x, *a), [uniform(shape)], ["$0", *args])
case("reduceEuclideanNorm", "keepdims", lambda x: norm(x, 1, True), [uniform([2, 3])], ["$0", 1, {"keepdims": True}])
case("reduceEuclideanNorm", "empty", lambda x: norm(x, 1), [np.zeros([2, 0])], ["$0", 1])
case("reduceEuclideanNorm", "zeros in rows", lambda x: norm(x, 1), [[[0, 0], [1, 0]]], ["$0", 1])
case("reduceEuclideanNorm", "ints", norm, [[3, 4, 7]], dtypes=INTEGERS)
case("reduceEuclideanNorm", "wrapping", lambda x: norm(x, 1), [[[200, 100, 7], [20, 2, 1]]], ["$0", 1], ["uint8"])
case("reduceEuclideanNorm", "wrapping int32", norm, [[60000, 40000]], dtypes=["int32"])

# ---- counting ----

count = tf.math.bincount
case("bincount", "plain", count, [fixed([1, 1, 2, 5])], dtypes=["int32"])
case("bincount", "matrix", count, [fixed([[1, 1], [0, 3]])], dtypes=["int32"])
case("bincount", "rows", lambda x: count(x, axis=-1), [fixed([[1, 1], [0, 3]])], ["$0", {"axis": -1}], ["int32"])
case("bincount", "shortest", lambda x: count(x, minlength=8), [fixed([1, 1, 2, 5])], ["$0", {"minlength": 8}], ["int32"])
case("bincount", "longest", lambda x: count(x, maxlength=3), [fixed([1, 1, 2, 5])], ["$0", {"maxlength": 3}], ["int32"])
case("bincount", "both", lambda x: count(x, minlength=6, maxlength=4), [fixed([1, 1])], ["$0", {"minlength": 6, "maxlength": 4}], ["int32"])
case("bincount", "binary", lambda x: count(x, binary_output=True), [fixed([1, 1, 2, 5])], ["$0", {"binaryOutput": True}], ["int32"])
case("bincount", "floats", lambda x: count(x, dtype=tf.float32), [fixed([1, 1, 2, 5])], ["$0", {"dtype": "float32"}], ["int32"])
case("bincount", "empty", count, [fixed(np.zeros([0]))], dtypes=["int32"])

for label, x in [("plain", uniform([12], -1, 7)), ("matrix", uniform([3, 4], -1, 7)), ("edges", [0, 1, 5, 4.999, -3, 9]), ("infinite", [INF, -INF, 1]), ("empty", np.zeros([0]))]:
    case("histogramFixedWidth", label, lambda v: tf.histogram_fixed_width(v, tf.cast([0, 5], v.dtype), 7), [x], ["$0", [0, 5], 7])
case("histogramFixedWidth", "ints", lambda v: tf.histogram_fixed_width(v, [0, 5], 3), [[0, 1, 2, 3, 4, 5, 6]], ["$0", [0, 5], 3], ["int32"])
case("histogramFixedWidth", "hundred", lambda v: tf.histogram_fixed_width(v, tf.cast([0, 5], v.dtype)), [uniform([9], 0, 5)], ["$0", [0, 5]])

matrix = tf.math.confusion_matrix
case("confusionMatrix", "plain", matrix, [fixed([1, 2, 4]), fixed([2, 2, 4])], dtypes=["int32"])
case("confusionMatrix", "classes", lambda a, b: matrix(a, b, 6), [fixed([1, 2, 4]), fixed([2, 2, 4])], ["$0", "$1", {"numClasses": 6}], ["int32"])
for dtype in FLOATS:
    case("confusionMatrix", f"weights {dtype}", lambda a, b, w: matrix(a, b, weights=w, dtype=w.dtype), [fixed([1, 2, 2]), fixed([2, 0, 0]), uniform([3])],
         ["$0", "$1", {"weights": "$2", "dtype": dtype}], [dtype])

# ---- sorting and searching ----

for label, shape, axis in [("7", [7], -1), ("2x5", [2, 5], -1), ("4x3", [4, 3], 0), ("2x4x3", [2, 4, 3], 1), ("one", [1], 0)]:
    for direction in ["ASCENDING", "DESCENDING"]:
        args = ["$0", axis, {"direction": direction}]
        case("sort", f"{label} {direction}", lambda x, a=axis, d=direction: tf.sort(x, a, d), [uniform(shape)], args)
        case("sort", f"{label} {direction} ints", lambda x, a=axis, d=direction: tf.sort(x, a, d), [whole(shape)], args, INTEGERS)
        # Equal elements stay in order, as NumPy's stable sort has them.
        case("argsort", f"{label} {direction}", lambda x, a=axis, d=direction: tf.argsort(x, a, d, stable=True), [few(shape)], args)
        case("argsort", f"{label} {direction} ints", lambda x, a=axis, d=direction: tf.argsort(x, a, d, stable=True), [whole(shape, 0, 4)], args, ["int32"])
case("sort", "default", tf.sort, [uniform([2, 4])])
case("sort", "infinite", tf.sort, [[1, INF, -INF, 0, -3e38, 3e38]])
case("sort", "extremes", tf.sort, [[2147483647, -2147483648, 0, -1]], dtypes=["int32"])
case("sort", "empty", tf.sort, [np.zeros([2, 0])])

for label, shape, k in [("7", [7], 3), ("2x5", [2, 5], 2), ("all", [2, 3], 3), ("none", [2, 3], 0), ("2x2x4", [2, 2, 4], 1)]:
    case("topK", label, lambda x, k=k: tf.math.top_k(x, k), [uniform(shape)], ["$0", k], take=[0])
    case("topK", f"{label} ties", lambda x, k=k: tf.math.top_k(x, k), [few(shape, 2)], ["$0", k], take=[0])
    case("topK", f"{label} ints", lambda x, k=k: tf.math.top_k(x, k), [whole(shape)], ["$0", k], INTEGERS)
case("topK", "default", tf.math.top_k, [uniform([4])], take=[0])

for label, shape, n, reverse in [("7", [7], 3, False), ("2x5", [2, 5], 0, False), ("last", [2, 3], 2, False), ("reverse", [2, 3], 0, True)]:
    args = ["$0", n, {"reverse": reverse}]
    fn = lambda x, n=n, r=reverse: tf.raw_ops.NthElement(input=x, n=n, reverse=r)  # noqa: E731
    case("nthElement", label, fn, [uniform(shape)], args)
    case("nthElement", f"{label} ties", fn, [few(shape, 2)], args)
    case("nthElement", f"{label} ints", fn, [whole(shape)], args, INTEGERS)

for k in [0, 1, 2, 5]:
    case("inTopK", f"k {k}", lambda t, p, k=k: tf.math.in_top_k(t, p, k), [fixed([0, 1, 2, 3, -1, 1]), few([6, 3], 3)], ["$0", "$1", k], ["float32"])
case("inTopK", "infinite", lambda t, p: tf.math.in_top_k(t, p, 2), [fixed([0, 1, 1]), [[1, INF], [NAN, 2], [1, 2]]], ["$0", "$1", 2], ["float32"])

for side in ["left", "right"]:
    fn = lambda s, v, side=side: tf.searchsorted(s, v, side)  # noqa: E731
    case("searchsorted", f"vectors {side}", fn, [np.sort(few([8])), few([6], 8)], ["$0", "$1", {"side": side}], (*FLOATS, "int32"))
    case("searchsorted", f"matrices {side}", fn, [np.sort(few([2, 1, 5])), few([2, 1, 4], 8)], ["$0", "$1", {"side": side}])
    case("searchsorted", f"empty {side}", fn, [np.zeros([0]), few([3])], ["$0", "$1", {"side": side}])

for op, fn in [("unique", tf.unique), ("uniqueWithCounts", tf.unique_with_counts)]:
    case(op, "floats", fn, [few([9], 3)], take=[])
    case(op, "ints", fn, [whole([9], 0, 4)], dtypes=INTEGERS)
    case(op, "special", fn, [[1, NAN, NAN, 0.0, -0.0]], take=[])
    case(op, "empty", fn, [np.zeros([0])], take=[])
    case(op, "bools", fn, [fixed([True, False, True], "bool")], dtypes=["int32"])
case("setdiff1d", "floats", tf.compat.v1.setdiff1d, [few([9], 3), few([3], 3)], take=[])
case("setdiff1d", "ints", tf.compat.v1.setdiff1d, [[1, 2, 2, 3, 5], [3, 1]], dtypes=INTEGERS)
case("setdiff1d", "empty", tf.compat.v1.setdiff1d, [np.zeros([0]), [1]], take=[])

write_family(__file__)
