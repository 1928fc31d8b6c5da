"""Writes expr.json: random formulas, each with the way in which Python's own parser reads it (needs only Python)."""

import ast
import json
import pathlib
import random

random.seed(20260101)

BINARY = ["+", "-", "*", "/", "//", "%", "@", "**"]
NAMES = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "floormod",
    ast.MatMult: "matmul", ast.Pow: "pow", ast.USub: "neg", ast.Lt: "less", ast.LtE: "lessEqual", ast.Gt: "greater",
    ast.GtE: "greaterEqual", ast.Eq: "equal", ast.NotEq: "notEqual",
}


def formula(depth):
    """Text without any thought of precedence: what it means is Python's to say."""
    kind = random.random() if depth > 0 else 1
    if kind < 0.5:
        blank = random.choice(["", " "])
        return f"{formula(depth - 1)}{blank}{random.choice(BINARY)}{blank}{formula(depth - 1)}"
    if kind < 0.65:
        return random.choice(["-", "+", "- "]) + formula(depth - 1)
    if kind < 0.75:
        return f"({formula(depth - 1)})"
    if kind < 0.8:
        return f"({formula(depth - 1)} {random.choice(['<', '<=', '>', '>=', '==', '!='])} {formula(depth - 1)})"
    if kind < 0.9:
        name = random.choice(["exp", "nn.relu", "linalg.inv"])
        return f"{name}({', '.join(formula(depth - 1) for _ in range(random.randint(1, 3)))})"
    return random.choice(["$", "$", "$", "2", "3", "0.5", "1e3", ".25", "1."])


def show(node):
    if isinstance(node, ast.BinOp):
        return f"({NAMES[type(node.op)]} {show(node.left)} {show(node.right)})"
    if isinstance(node, ast.UnaryOp):
        inner = show(node.operand)
        return inner if isinstance(node.op, ast.UAdd) else f"({NAMES[type(node.op)]} {inner})"
    if isinstance(node, ast.Compare):
        return f"({NAMES[type(node.ops[0])]} {show(node.left)} {show(node.comparators[0])})"
    if isinstance(node, ast.Call):
        return f"({ast.unparse(node.func)} {' '.join(show(arg) for arg in node.args)})"
    if isinstance(node, ast.Name):
        return f"${node.id[4:]}"
    return repr(node.value)


cases = []
while len(cases) < 300:
    parts = formula(random.randint(1, 5)).split("$")
    text = parts[0] + "".join(f"hole{i}{part}" for i, part in enumerate(parts[1:]))
    shown = show(ast.parse(text.strip(), mode="eval").body)
    if 8 < len(text) < 160:
        cases.append({"parts": parts, "tree": shown})
lines = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path(__file__).with_name("expr.json").write_text(f"[\n{lines}\n]\n")
