"""What make-ops.py makes its cases with: the numbers of JSON, a case of an op, operands, families of cases."""

import json
import os
import pathlib
import sys
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # its softmax makes 0 of NaN, and it adds in an order of its own

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

random = np.random.RandomState(20260101)
FLOATS = ("float32", "float64")
INF, NAN = float("inf"), float("nan")
ops = {}


def number(x):
    """The JSON of an element."""
    if isinstance(x, (bool, np.bool_)):
        return int(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    if np.isnan(x):
        return "nan"
    if np.isinf(x):
        return "inf" if x > 0 else "-inf"
    if isinstance(x, np.float32):
        text = np.format_float_scientific(x, unique=True, trim="-")
        assert np.float32(float(text)) == x
        value = float(text)
    else:
        value = float(x)
    whole = value == int(value) and abs(value) < 1e15 and not (value == 0 and np.signbit(value))
    return int(value) if whole else value


def elements(array):
    flat = [number(x) for x in np.asarray(array).reshape(-1)]
    same = len(flat) > 1 and all(type(x) is type(flat[0]) and x == flat[0] and str(x) == str(flat[0]) for x in flat)
    return flat[0] if same else flat


def tensor(t):
    array = t.numpy()
    return [array.dtype.name, list(array.shape), elements(array)]


def gradient(t):
    if t is None:
        return None
    return elements(tf.convert_to_tensor(t).numpy())


class Ints(np.ndarray):
    """Operands whose dtype is not the case's."""


def fixed(values, dtype="int32"):
    return np.asarray(values, dtype).view(Ints)


def plain(x):
    return x if isinstance(x, np.ndarray) else np.asarray(x, "float64")


def rounded(stored, double):
    """A float64 result as float32, for the cases that are computed in float64."""
    if not double or stored is None:
        return stored
    with np.errstate(over="ignore"):
        array = [number(np.float32(x)) for x in (stored if isinstance(stored, list) else [stored])]
    return array if isinstance(stored, list) else array[0]


def case(op, label, fn, operands, args=None, dtypes=FLOATS, take=None):
    """One case. `operands` are float64 arrays that are cast to each dtype, or fixed(); `take`: outputs to differentiate.

    TensorFlow takes subnormal numbers for 0, so what it makes of those of float32 is computed in float64 and rounded.
    """
    operands = [plain(x) for x in operands]
    entry = {"name": label, "in": [], "args": args if args is not None else [f"${i}" for i in range(len(operands))]}
    if take is not None:
        entry["take"] = take
    for x in operands:
        kind = x.dtype.name if isinstance(x, Ints) else "*"
        entry["in"].append([kind, list(x.shape), elements(x)])
    entry["ct"] = None
    entry["r"] = {}
    for dtype in dtypes:
        double = "denormal" in label
        xs = [np.asarray(x).astype(x.dtype if isinstance(x, Ints) else dtype) for x in operands]
        xs = [tf.constant(x.astype("float64") if double and x.dtype == np.float32 else x) for x in xs]
        sources = [x for x in xs if x.dtype.is_floating]
        with tf.GradientTape(persistent=True) as tape:
            for x in sources:
                tape.watch(x)
            ys = fn(*xs)
        ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
        result = {"y": [tensor(y) for y in ys]}
        if double:
            result["y"] = [[dtype, y[1], rounded(y[2], True)] if y[0] == "float64" else y for y in result["y"]]
        targets = [y for i, y in enumerate(ys) if take is None or i in take]
        if sources and all(y.dtype.is_floating for y in targets):
            if entry["ct"] is None:
                entry["ct"] = [cotangent(y.shape, "special" in label, double) for y in targets]
            cts = [tf.cast(tf.constant(np.asarray(ct), dtype), y.dtype) for ct, y in zip(entry["ct"], targets)]
            try:
                result["g"] = [rounded(gradient(g), double) for g in tape.gradient(targets, sources)]
                result["h"] = [
                    rounded(gradient(g), double) for g in tape.gradient(targets, sources, output_gradients=cts)
                ]
                if wants_second(op, label):
                    result["o"] = [gradient(g) for g in second(fn, xs, sources, take, cts)]
            except (tf.errors.OpError, ValueError, LookupError) as error:
                result["error"] = type(error).__name__  # TensorFlow's own gradient fails
                print(f"{op} {label} {dtype}: {str(error)[:160]}")
        entry["r"][dtype] = result
        del tape
    if entry["ct"] is None:
        del entry["ct"]
    else:
        entry["ct"] = [elements(ct) for ct in entry["ct"]]
    assert all(other["name"] != label for other in ops.get(op, [])), f"{op}: two cases {label}"
    ops.setdefault(op, []).append(entry)
    random.seed(zlib.crc32(f"{op} {label}".encode()))  # so a new case changes the numbers of the next one only


def wants_second(op, label):
    """Order 2 for the first cases of an op, and where it has kinks."""
    few = len(ops.get(op, [])) < 3 or any(word in label for word in ("kinks", "ties", "by number", "zeros in rows"))
    return few and "special" not in label


def second(fn, xs, sources, take, cts):
    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as inner:
            inner.watch(sources)
            ys = fn(*xs)
            ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
            targets = [y for i, y in enumerate(ys) if take is None or i in take]
        found = [tf.convert_to_tensor(g) for g in inner.gradient(targets, sources, output_gradients=cts) if g is not None]
    if not found:
        return [None for _ in sources]
    weights = [tf.reshape(tf.constant([0.25 * (1 + i % 5) for i in range(int(tf.size(g)))], g.dtype), g.shape) for g in found]
    return outer.gradient(found, sources, output_gradients=weights)


def cotangent(shape, special, double):
    if double:  # none below 1: what leaves float32 without it must not come back with it
        return np.asarray(random.choice([1, -1, 2, -3], shape), "float64")
    ct = np.round(random.uniform(-2, 2, shape), 2)
    if special:  # also zeros of both signs: 0 * inf, 0 / 0
        ct = np.where(random.uniform(0, 1, shape) < 0.2, random.choice([0.0, -0.0], shape), ct)
    return np.asarray(ct, "float64")


def uniform(shape, low=-2, high=2):
    """Random numbers of three decimals."""
    return np.round(random.uniform(low, high, shape), 3) + 0.0  # and no -0


def wide(count, low, high, smallest=1e-8, largest=1e8):
    """Half of them uniform, half of every magnitude; within [low, high]."""
    few = random.uniform(max(low, -4), min(high, 4), count // 2)
    sizes = np.exp(random.uniform(np.log(smallest), np.log(largest), 4 * count)) * random.choice([-1, 1], 4 * count)
    sizes = sizes[(sizes >= low) & (sizes <= high)][: count - count // 2]
    return np.array([float(f"{x:.4g}") for x in np.concatenate([few, sizes])])


SPECIAL = [0.0, -0.0, 1, -1, INF, -INF, NAN, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 2, 6, -6, 20, -20, 100, -100, 1000, -1000,
           1e-8, -1e-8, 1e-20, -1e-20, 1e20, -1e20, 3e38, -3e38, 8388609, -8388609, 16777217]
DENORMAL = [1e-40, -1e-40, 1.4e-45, 1.17549435e-38, -1.17549435e-38]
SPECIAL64 = [1e-200, -1e-200, 1e200, -1e200, 1.7e308, -1.7e308, 4503599627370497.5, -4503599627370497.5,
             9007199254740993, 700, -700, 745, -745, 0.4999999999999999]
INTS = [0, 1, -1, 2, -2, 3, -3, 7, -7, 100, -100, 46341, -46341, 2147483647, -2147483647, -2147483648]


MASK = fixed([[True, False, True], [False, True, False]], "bool")


def unary(op, fn, low=-INF, high=INF, ints=False, args=None, largest=1e8, prefix="", dtypes=(*FLOATS, "int32")):
    def one(label, x, of=FLOATS):
        kinds = [dtype for dtype in of if dtype in dtypes]
        if kinds:
            case(op, prefix + label, fn, [x], args, kinds)

    one("2x3", uniform([2, 3], max(low, -2), min(high, 2)))
    one("scalar", uniform([], max(low, -2), min(high, 2)))
    one("empty", np.zeros([0, 3]))
    one("wide", wide(41, low, high, largest=largest))
    one("special", np.array(SPECIAL))
    one("special denormal", np.array(DENORMAL), ["float32"])
    one("special 64", np.array(SPECIAL64), ["float64"])
    if ints:
        one("ints", np.array(INTS), ["int32"])


SHAPES = [([2, 3], [2, 3]), ([2, 3], [3]), ([2, 1], [1, 3]), ([], [2, 3]), ([2, 3], []), ([4, 1, 3], [2, 1]), ([], []),
          ([0, 3], [3]), ([0, 3], [1, 1]), ([1], [1, 1])]
PAIRS = [0.0, -0.0, 1, -1, INF, -INF, NAN, 0.5, -2.5, 2, 3, -3, 1e20, -3e38, 1e-20]
PAIRS64 = [0.0, -1, INF, NAN, 1e-200, -1e200, 1.7e308, 9007199254740992, 3]
INTPAIRS = [0, 1, -1, 2, -3, 7, -7, 46341, 2147483647, -2147483648]


def show(shape):
    return "x".join(map(str, shape)) or "scalar"


def every_pair(values):
    x, y = np.meshgrid(values, values, indexing="ij")
    return [x.reshape(-1), y.reshape(-1)]


def binary(op, fn, low=(-2, -2), high=(2, 2), ints=None, floats=True, shapes=SHAPES):
    """`ints`: a filter of the pairs of integers, or None for no integers."""
    if floats:
        for a, b in shapes:
            case(op, f"{show(a)} {show(b)}", fn, [uniform(a, low[0], high[0]), uniform(b, low[1], high[1])])
        case(op, "wide", fn, [wide(41, -INF if low[0] < 0 else 0, INF), wide(41, -INF if low[1] < 0 else 0, INF)])
        case(op, "special", fn, every_pair(PAIRS))
        case(op, "special 64", fn, every_pair(PAIRS64), dtypes=["float64"])
    if floats:
        if op != "pow":
            case(op, "special denormal", fn, every_pair([0.0, 1e-40, -3e-40, 1e-38, 1e-30]), dtypes=["float32"])
    if ints:
        x, y = every_pair(INTPAIRS)
        keep = [bool(ints(a, b)) for a, b in zip(x, y)]
        case(op, "ints", fn, [x[keep], y[keep]], dtypes=["int32"])
        case(op, "ints 2x3 3", fn, [np.arange(1, 7).reshape(2, 3), np.array([3, 2, 1])], dtypes=["int32"])


def yes(a, b):
    return True


# ---- ops.json ----


def dump(value):
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def listed(entries):
    """One a line, its comma in front: a change of one shows as one, and so does a new one."""
    return "[\n" + "\n,".join(map(dump, entries)) + "\n]"


def keep(old, new, given, results):
    """The entries of `new`, with the numbers that `old` has of the same operands: another processor rounds them another way."""
    known = {dump([entry.get(key) for key in given]): entry for entry in old}
    for entry in new:
        before = known.get(dump([entry.get(key) for key in given]))
        for key in results if before else []:
            one = entry[key]
            if isinstance(one, dict):  # dtypes
                entry[key] = {dtype: before[key].get(dtype, result) for dtype, result in one.items()}
            else:
                entry[key] = before[key]
            moved(entry, one, entry[key])


largest_move = [0, ""]


def moved(entry, new, old):
    """Notes the largest difference between what was and what is, in ULPs of float32."""
    if isinstance(new, dict):
        for key in new:
            moved(entry, new[key], old[key])
    elif isinstance(new, list) or isinstance(old, list):
        both = [x if isinstance(x, list) else [x] * len(new if isinstance(new, list) else old) for x in (new, old)]
        for a, b in zip(*both, strict=True):
            moved(entry, a, b)
    elif dump(new) != dump(old):
        apart = abs(new - old) / max(abs(new), abs(old), 1) * 2**23 if not isinstance(new, str) and not isinstance(old, str) else INF
        if apart > largest_move[0]:
            largest_move[:] = [apart, dump([entry.get("name"), new, old])]


def ops_text(report, end="}"):
    return ['"ops":{', "\n,".join(f'"{op}":{listed(cases)}' for op, cases in report["ops"].items()), end]


def keep_ops(old, report):
    for op, cases in report["ops"].items():
        keep(old["ops"].get(op, []), cases, ["name", "in", "args", "take", "ct"], ["r"])
    print("kept numbers differ from what came out now by at most", largest_move)


def save(path, lines, report):
    text = "\n".join(lines)
    json.loads(text)
    path.write_text(text)
    print(len(text), "bytes,", len(report["ops"]), "ops,", sum(map(len, report["ops"].values())), "cases")


def write_family(script):
    """Writes families/<name>.json: the cases of one file of families/, which stands alone. `script`: its __file__."""
    path = pathlib.Path(script).with_suffix(".json")
    report = json.loads(dump({"versions": {"tensorflow": tf.__version__, "numpy": np.__version__}, "ops": ops}))
    if path.exists() and "--again" not in sys.argv:
        keep_ops(json.loads(path.read_text()), report)
    save(path, [f'{{"versions":{dump(report["versions"])},', *ops_text(report), "}", ""], report)


def write(report):
    path = pathlib.Path(__file__).with_name("ops.json")
    report = json.loads(dump(report))
    optimizers = report["optimizers"]
    if path.exists() and "--again" not in sys.argv:
        old = json.loads(path.read_text())
        keep_ops(old, report)
        keep(old["dropout"], report["dropout"], ["dtype", "rate", "x"], ["kept", "grad"])
        if all(old["optimizers"][key] == optimizers[key] for key in ("start", "steps")):
            keep(old["optimizers"]["runs"], optimizers["runs"], ["optimizer", "options", "dtype"], ["states"])
    save(path, [
        f'{{"versions":{dump(report["versions"])},',
        *ops_text(report, "},"),
        f'"dropout":{listed(report["dropout"])},',
        f'"optimizers":{{"start":{dump(optimizers["start"])},"steps":{dump(optimizers["steps"])},"runs":{listed(optimizers["runs"])}}}}}',
        "",
    ], report)
