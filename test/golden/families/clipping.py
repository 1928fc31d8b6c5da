"""Writes clipping.json: TensorFlow's numbers for clip_by_norm and clip_by_global_norm (needs tensorflow)."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from ops_tools import INF, NAN, case, show, tf, uniform, write_family  # noqa: E402

for label, shape in [("2x3", [2, 3]), ("scalar", []), ("empty", [0, 3]), ("2x3x2", [2, 3, 2])]:
    case("clipByNorm", label, lambda x: tf.clip_by_norm(x, 0.5), [uniform(shape) + 1.0], ["$0", 0.5])
case("clipByNorm", "within", lambda x: tf.clip_by_norm(x, 100), [uniform([2, 3])], ["$0", 100])
case("clipByNorm", "zeros", lambda x: tf.clip_by_norm(x, 2), [uniform([2, 3]) * 0.0], ["$0", 2])
for axes in [0, [1], [0, 2], [-1]]:
    case("clipByNorm", f"axes {axes}", lambda x, a=axes: tf.clip_by_norm(x, 2, a), [uniform([2, 3, 2])], ["$0", 2, {"axes": axes}])
case("clipByNorm", "limit a tensor", tf.clip_by_norm, [uniform([2, 3]), uniform([], 1, 2)])
case("clipByNorm", "limits of rows", lambda x, n: tf.clip_by_norm(x, n, 1), [uniform([3, 2]), uniform([3, 1], 0.5, 3)], ["$0", "$1", {"axes": 1}])
case("clipByNorm", "special infinite", lambda x: tf.clip_by_norm(x, 2), [[1, -2, INF]], ["$0", 2])
case("clipByNorm", "special nan", lambda x: tf.clip_by_norm(x, 2), [[1, -2, NAN]], ["$0", 2])


def clip(*args, **named):
    tensors, norm = tf.clip_by_global_norm(*args, **named)
    return [*tensors, norm]


for shapes in [[[2, 3]], [[2, 3], [4]], [[], [2], [2, 2, 2]], [[0], [3]]]:
    for limit in [0.5, 100]:
        label = f"{limit} of " + " ".join(show(s) for s in shapes)
        case("clipByGlobalNorm", label, lambda *xs, n=limit: clip(xs, n), [uniform(s) for s in shapes],
             [[f"${i}" for i in range(len(shapes))], limit])
case("clipByGlobalNorm", "limit a tensor", lambda x, y, n: clip([x, y], n), [uniform([2, 3]), uniform([2]), uniform([], 1, 2)],
     [["$0", "$1"], "$2"])
case("clipByGlobalNorm", "norm given", lambda x, n: clip([x], 2, use_norm=n), [uniform([2, 3]), uniform([], 3, 4)],
     [["$0"], 2, {"useNorm": "$1"}])
for label, value in [("infinite", INF), ("nan", NAN)]:
    case("clipByGlobalNorm", f"special {label}", lambda x, y: clip([x, y], 2), [[1, -2, value], [3, 0]], [["$0", "$1"], 2])

write_family(__file__)
