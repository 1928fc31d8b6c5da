"""Writes the graphs of onnxruntime into a folder: `make.py <folder>`. Its training step is derived by hand: onnxruntime has no tape."""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

ADAM_RATE, BETA1, BETA2, EPSILON = 0.001, 0.9, 0.999, 1e-7


class Graph:
    """Nodes one by one; a name for each result, sizes left open."""

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def input(self, name, rank, dtype=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, [f"{name}{i}" for i in range(rank)]))
        return name

    def constant(self, value, dtype="float32"):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def output(self, name, value, rank, dtype=TensorProto.FLOAT):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, dtype, [f"{name}{i}" for i in range(rank)]))

    def __getattr__(self, op):
        """graph.MatMul(a, b, ...) adds a node of that type; numbers become constants."""

        def add(*operands, results=1, **attributes):
            names = [self.constant(x) if isinstance(x, float) else x for x in operands]
            out = [f"t{len(self.nodes)}_{i}" for i in range(results)]
            self.nodes.append(helper.make_node(op, names, out, **attributes))
            return out[0] if results == 1 else out

        return add

    def save(self, path):
        graph = helper.make_graph(self.nodes, path.stem, self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model)
        save(model, path)


def elementwise(op):
    g = Graph()
    x = g.input("x", 1)
    if op == "add":
        g.output("z", g.Add(x, g.input("y", 1)), 1)
    elif op == "sum":
        g.output("z", g.ReduceSum(x, keepdims=0), 0)
    else:
        g.output("z", getattr(g, op.capitalize())(x), 1)
    return g


def rows(op):
    g = Graph()
    x = g.input("x", 2)
    axis = lambda k: g.constant([k], "int64")
    if op == "argmax-rows":
        g.output("z", g.ArgMax(x, axis=1, keepdims=0), 1, TensorProto.INT64)
        return g
    g.output(
        "z",
        {
            "sum-rows": lambda: g.ReduceSum(x, axis(1), keepdims=0),
            "sum-columns": lambda: g.ReduceSum(x, axis(0), keepdims=0),
            "max-rows": lambda: g.ReduceMax(x, axes=[1], keepdims=0),
            "logsumexp": lambda: g.ReduceLogSumExp(x, axes=[1], keepdims=0),
            "softmax": lambda: g.Softmax(x, axis=1),
        }[op](),
        2 if op == "softmax" else 1,
    )
    return g


def fused(gradient):
    g = Graph()
    x, w, b = (g.input(name, 1) for name in "xwb")
    t = g.Tanh(g.Add(g.Mul(x, w), b))
    square = g.Mul(t, t)
    g.output("y", g.ReduceSum(square, keepdims=0), 0)
    if gradient:
        d = g.Mul(g.Mul(t, 2.0), g.Sub(1.0, square))
        g.output("dx", g.Mul(d, w), 1)
        g.output("dw", g.Mul(d, x), 1)
        g.output("db", d, 1)
    return g


def matmul(transpose_a, transpose_b):
    g = Graph()
    a, b = g.input("a", 2), g.input("b", 2)
    g.output("c", g.Gemm(a, b, transA=transpose_a, transB=transpose_b), 2)
    return g


def conv():
    g = Graph()
    g.output("y", g.Conv(g.input("x", 4), g.input("w", 4), kernel_shape=[3, 3], pads=[1, 1, 1, 1]), 4)
    return g


def train(optimizer, layers=3, batch=128):
    """The loss, the gradients and the update of the network, as someone would write them down."""
    g = Graph()
    x, target = g.input("x", 2), g.input("hot", 2)
    weights = [(g.input(f"w{k}", 2), g.input(f"b{k}", 1)) for k in range(layers)]
    inputs, h = [], x
    for k, (w, b) in enumerate(weights):
        inputs.append(h)
        h = g.Gemm(h, w, b)
        if k + 1 < layers:
            h = g.Relu(h)
    logs = g.LogSoftmax(h, axis=1)
    g.output("loss", g.Mul(g.ReduceSum(g.Mul(logs, target), keepdims=0), -1.0 / batch), 0)
    ct = g.Mul(g.Sub(g.Exp(logs), target), 1.0 / batch)
    # The rate, corrected for the first steps, is an input of Adam.
    rate = 0.05 if optimizer == "sgd" else g.input("rate", 0)
    for k in reversed(range(layers)):
        w, b = weights[k]
        gradients = {
            w: g.Gemm(inputs[k], ct, transA=1),
            b: g.ReduceSum(ct, g.constant([0], "int64"), keepdims=0),
        }
        if k > 0:
            back = g.Gemm(ct, w, transB=1)
            ct = g.Where(g.Greater(inputs[k], 0.0), back, g.constant(0))
        for name, gradient in gradients.items():
            change, rank = gradient, 2 if name == w else 1
            if optimizer == "adam":
                m, v = g.input(f"m_{name}", rank), g.input(f"v_{name}", rank)
                m = g.Add(g.Mul(m, BETA1), g.Mul(gradient, 1 - BETA1))
                v = g.Add(g.Mul(v, BETA2), g.Mul(g.Mul(gradient, gradient), 1 - BETA2))
                g.output(f"next_m_{name}", m, rank)
                g.output(f"next_v_{name}", v, rank)
                change = g.Div(m, g.Add(g.Sqrt(v), EPSILON))
            g.output(f"next_{name}", g.Sub(name, g.Mul(change, rate)), rank)
    return g


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {"conv": conv(), "fused": fused(False), "fused-gradient": fused(True)}
    graphs |= {f"elementwise-{op}": elementwise(op) for op in ("add", "exp", "tanh", "sum")}
    reductions = ("sum-rows", "sum-columns", "max-rows", "argmax-rows", "logsumexp", "softmax")
    graphs |= {f"rows-{op}": rows(op) for op in reductions}
    graphs |= {f"matmul-{name}": matmul(a, b) for name, a, b in (("nn", 0, 0), ("tn", 1, 0), ("nt", 0, 1))}
    graphs |= {f"train-{name}": train(name) for name in ("sgd", "adam")}
    for name, graph in graphs.items():
        graph.save(folder / f"{name}.onnx")
    print(f"{len(graphs)} models")


main()
