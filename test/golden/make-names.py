"""Writes names.json: what TensorFlow calls each op that a golden file has (needs tensorflow), for docs/ops.md."""

import json
import os
import pathlib
import re

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf  # noqa: E402

# Ours that are not TensorFlow's in other letters.
OTHER = {
    "neg": "negative", "mul": "multiply", "sub": "subtract", "div": "divide",
    "booleanMask": "boolean_mask", "gatherNd": "gather_nd", "scatterNd": "scatter_nd", "at": "Tensor.__getitem__",
    "nn.conv1d": "nn.conv1d", "nn.conv2d": "nn.conv2d", "nn.depthwiseConv2d": "nn.depthwise_conv2d",
    "nn.conv2dTranspose": "nn.conv2d_transpose", "nn.maxPool2d": "nn.max_pool2d", "nn.avgPool2d": "nn.avg_pool2d",
    "nn.conv2dBackpropInput": "raw_ops.Conv2DBackpropInput", "nn.conv2dBackpropFilter": "raw_ops.Conv2DBackpropFilter",
    "nn.layerNormalization": "keras.ops.layer_normalization", "nn.rmsNormalization": "keras.ops.rms_normalization",
    "nn.scaledDotProductAttention": "keras.ops.dot_product_attention", "nn.l2Normalize": "nn.l2_normalize",
    "nthElement": "raw_ops.NthElement", "setdiff1d": "raw_ops.ListDiff", "nn.prelu": "keras.layers.PReLU",
    "nn.reluGrad": "raw_ops.ReluGrad", "isNan": "math.is_nan", "isInf": "math.is_inf", "isFinite": "math.is_finite",
    "updateAt": "raw_ops.TensorStridedSliceUpdate", "batchToSpaceNd": "batch_to_space",
    **{f"linalg.{name}": f"experimental.numpy.{name}" for name in ["outer", "inner", "kron"]},
}
PLACES = ["", "math.", "math.special.", "nn.", "linalg.", "random.", "bitwise.", "keras.activations.", "keras.layers.", "raw_ops."]


def find(path):
    value = tf
    for part in path.split("."):
        value = getattr(value, part, None)
        if value is None:
            return False
    return True


def name_of(op):
    if op in OTHER:
        return OTHER[op] if find(OTHER[op]) else None
    place, _, bare = op.rpartition(".")
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m[1].lower(), bare)
    own = [f"{place}."] if place else []
    for prefix in [*own, *PLACES]:
        if find(prefix + snake):
            return prefix + snake
    return None


here = pathlib.Path(__file__).parent
files = [here / "ops.json", *sorted(here.glob("families/*.json"))]
ops = sorted({op for file in files for op in json.loads(file.read_text())["ops"]})
ops += [f"nn.{name}" for name in ["dropout", "conv1d", "conv2d", "depthwiseConv2d", "conv2dTranspose", "maxPool2d", "avgPool2d"]]
ops += [f"random.{name}" for name in ["uniform", "normal", "truncatedNormal", "shuffle", "categorical", "setSeed"]]
found = {op: name_of(op) for op in sorted(set(ops))}
(here / "names.json").write_text(json.dumps(found, indent=1) + "\n")
print("without a name:", [op for op, name in found.items() if name is None])
