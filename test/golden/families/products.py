"""Writes products.json: TensorFlow's einsum, tensordot and products of vectors and matrices (needs tensorflow; run it beside make-ops.py's tools)."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ops_tools import *  # noqa: E402, F403

tnp = tf.experimental.numpy

ALL = ("float32", "float64", "int32")


def operands(shapes, dtype):
    return [np.array(random.randint(-9, 9, s)) if dtype == "int32" else uniform(s) for s in shapes]


def product(op, label, fn, shapes, args=None, dtypes=ALL):
    floats = [dtype for dtype in dtypes if dtype in FLOATS]
    if floats:
        case(op, label, fn, operands(shapes, "float"), args, floats)
    for dtype in dtypes:
        if dtype not in FLOATS:
            values = [np.abs(x) for x in operands(shapes, "int32")] if dtype == "uint8" else operands(shapes, "int32")
            case(op, f"{label} {dtype}", fn, values, args, [dtype])


EQUATIONS = [
    ("ij,jk->ik", [2, 3], [3, 4]), ("ij,kj->ki", [2, 3], [4, 3]), ("ji,jk->ik", [3, 2], [3, 2]), ("ij,jk", [2, 3], [3, 4]),
    ("kj,ji", [2, 3], [3, 2]), ("bhqd,bhkd->bhqk", [2, 2, 3, 4], [2, 2, 3, 4]), ("bqhd,bkhd->bhqk", [1, 3, 2, 4], [1, 2, 2, 4]),
    ("bhqk,bkhd->bqhd", [1, 2, 3, 2], [1, 2, 2, 4]), ("abc,cbd->da", [2, 3, 2], [2, 3, 2]), ("abc,bcd->ad", [2, 3, 2], [3, 2, 2]),
    ("i,j->ij", [2], [3]), ("i,j->ji", [2], [3]), ("i,i->", [3], [3]), ("i,i->i", [3], [3]), ("bi,bi->b", [2, 3], [2, 3]),
    ("bi,ib->b", [2, 3], [3, 2]), ("bi,i->bi", [2, 3], [3]), ("ij->ji", [2, 3]), ("ij->j", [2, 3]), ("ij->", [2, 3]), ("ba", [2, 3]),
    ("aB", [2, 3]), ("ii->i", [3, 3]), ("ii", [3, 3]), ("ibi->b", [2, 3, 2]), ("iij->ij", [2, 2, 3]), ("iii->i", [2, 2, 2]),
    ("ii,ij->j", [2, 2], [2, 3]), ("ijk,jl->il", [2, 2, 2], [2, 3]), ("ij,k->k", [2, 2], [3]), ("...ij,...jk->...ik", [2, 1, 2, 3], [2, 3, 2]),
    ("...ij,jk->...ik", [4, 2, 3], [3, 2]), ("...i,i...->...", [2, 3], [3, 2]), ("...,...->...", [2, 3], [3]), ("...ba", [2, 2, 3]),
    ("i...->...i", [2, 3, 2]), ("...ii->...i", [2, 3, 3]), (",i->i", [], [2]), (",", [], []), ("->", []), ("i->i", [3]),
    ("ij,jk,kl->il", [2, 3], [3, 2], [2, 4]), ("i,i,i->i", [3], [3], [3]), ("ab,ac,ad->abcd", [2, 2], [2, 1], [2, 2]),
    ("ijk,ilm,njm,nlk->", [2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2]), ("ea,fb,abcd,gc,hd->efgh", [2, 2], [2, 2], [2, 2, 2, 2], [2, 2], [2, 2]),
    (" ij , jk -> ik ", [2, 3], [3, 2]), ("ij,jk->ik", [2, 0], [0, 3]), ("ij,jk->ik", [0, 2], [2, 3]), ("ij->i", [2, 0]),
    ("...i,...i->...", [2, 1, 4], [3, 4]), ("...ij,...j->...i", [1, 2, 3], [4, 3]),
]
for equation, *shapes in EQUATIONS:
    fn = lambda *xs, e=equation: tf.einsum(e, *xs)  # noqa: E731
    args = [equation, *[f"${k}" for k in range(len(shapes))]]
    product("einsum", f"{equation} {' '.join(map(show, shapes))}", fn, shapes, args)
product("einsum", "optimal", lambda *xs: tf.einsum("ij,jk,kl->il", *xs, optimize="optimal"), [[2, 3], [3, 2], [2, 4]],
        ["ij,jk,kl->il", "$0", "$1", "$2", {"optimize": "optimal"}])

for axes, a, b in [(1, [2, 3], [3, 4]), (0, [2, 3], [2]), (2, [2, 3, 2], [3, 2, 2]), ([[0, 1], [0, -1]], [2, 3, 2], [2, 4, 3]),
                   ([1, 0], [2, 3], [3, 4]), ([[1], [1]], [2, 3], [4, 3]), ([[0, 2], [2, 0]], [2, 3, 4], [4, 2, 2]), (0, [], []),
                   ([[], []], [2], [3]), (1, [3], [3]), (1, [2, 0], [0, 3])]:
    product("tensordot", f"{show(a)} {show(b)} {axes}", lambda x, y, k=axes: tf.tensordot(x, y, k), [a, b], ["$0", "$1", axes])

for a, b in [([2, 3], [3]), ([1, 1], [1]), ([4, 2, 3], [4, 3]), ([2, 3], [4, 3]), ([2, 1, 2, 3], [3, 3]), ([0, 3], [3]), ([2, 0], [0])]:
    product("linalg.matvec", f"{show(a)} {show(b)}", tf.linalg.matvec, [a, b])
product("linalg.matvec", "transposed", lambda a, b: tf.linalg.matvec(a, b, transpose_a=True), [[2, 3, 2], [2, 3]], ["$0", "$1", {"transposeA": True}])

for shape in [[3], [2, 3], [2, 1, 3], [0, 3]]:
    product("linalg.cross", show(shape), tf.linalg.cross, [shape, shape], dtypes=(*ALL, "uint8"))
case("linalg.cross", "semantics", tf.linalg.cross, [[1, 2, 3], [4, 5, 6]])

for a, b in [([3], [2]), ([2, 2], [3]), ([], [2]), ([], []), ([0], [2])]:
    product("linalg.outer", f"{show(a)} {show(b)}", tnp.outer, [a, b])
for a, b in [([2, 3], [4, 3]), ([3], [3]), ([2, 2, 3], [3]), ([], [3]), ([2], []), ([2, 0], [0])]:
    product("linalg.inner", f"{show(a)} {show(b)}", tnp.inner, [a, b])
for a, b in [([2, 3], [3, 2]), ([2], [2, 2]), ([2], [3]), ([2, 1, 2], [3, 2]), ([], [2])]:
    product("linalg.kron", f"{show(a)} {show(b)}", tnp.kron, [a, b])

write_family(__file__)
