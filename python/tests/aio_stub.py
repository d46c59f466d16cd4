"""Writes `python/ragcore/aio.pyi` from the plain interface: the same signatures as coroutines.

    python python/tests/aio_stub.py && ruff format python/ragcore/aio.pyi

A test compares the file with what this would write.
"""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import ragcore
from ragcore import aio

STUB = Path(__file__).resolve().parents[1] / "ragcore" / "aio.pyi"
KEPT = ("__init__", "__len__", "__contains__", "__iter__", "__getitem__")
#: Values, of which only learning takes time.
PLAIN = ("SteeringVector", "AttributeModel")
HEAD = '''"""Written by python/tests/aio_stub.py: the plain signatures as coroutines.

Calling a class answers something to await, which is typed as the object itself.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self, overload

import numpy as np

import ragcore as _plain
from ragcore import (
    Added,
    Answer,
    AnswerComparison,
    AnswerStream,
    Calibration,
    Choice,
    Chunk,
    Comparison,
    CurvePoint,
    Decision,
    Detection,
    Document,
    Estimate,
    Evaluation,
    Evidence,
    Filtered,
    Front,
    Groundedness,
    Hits,
    Interleaved,
    Measure,
    Passage,
    Prompt,
    Readability,
    Report,
    RetrainReport,
    RouteHealth,
    ShardRequest,
    ShardResponse,
    ShardStatistics,
    Taste,
    TasteAt,
    ValueEstimate,
    WhatIf,
)

from ._arrays import Keys, Points, Vectors
from ._bandit import Arms, Policy
from ._progress import Progress
from ._steering import Dials
'''


class Mirrored(ast.NodeTransformer):
    """An argument may be of the plain interface or of this one; a dial is always plain."""

    def __init__(self, names: set[str], both: bool) -> None:
        self.names, self.both = names, both

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in PLAIN:
            return ast.parse(f"_plain.{node.id}", mode="eval").body
        if node.id in self.names and self.both:
            return ast.parse(f"{node.id} | _plain.{node.id}", mode="eval").body
        return node


def stub() -> str:
    names = {name for name in aio.__all__ if isinstance(getattr(aio, name), type)}
    names -= set(PLAIN)
    parts = [HEAD]
    for name in aio.__all__:
        [node] = ast.parse(inspect.getsource(getattr(ragcore, name))).body
        if name in PLAIN:
            assert isinstance(node, ast.ClassDef)
            node.body = [part for part in node.body if getattr(part, "name", "") == "learn"]
            parts.append(class_stub(node, names, awaited=False))
        elif isinstance(node, ast.ClassDef):
            parts.append(class_stub(node, names))
        else:
            parts.append(function_stub(node, names))
    return "\n".join(parts)


def class_stub(node: ast.ClassDef, names: set[str], awaited: bool = True) -> str:
    lines = [f"class {node.name}:"]
    methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    # Where a method has several signatures, these say all.
    several = {m.name for m in methods if is_signature(m)}
    for method in methods:
        if method.name in several and not is_signature(method):
            continue
        if method.name in KEPT or not method.name.startswith("_"):
            lines += ["    " + line for line in function_stub(method, names).splitlines()]
    if awaited:
        lines.append(f"    def __await__(self) -> Generator[Any, None, {node.name}]: ...")
    if any(method.name == "__enter__" for method in methods):
        lines.append("    async def __aenter__(self) -> Self: ...")
        lines.append("    async def __aexit__(self, *exception: object) -> None: ...")
    return "\n".join(lines)


def is_signature(method: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == "overload" for decorator in method.decorator_list)


def function_stub(node: Any, names: set[str]) -> str:
    decorators = [ast.unparse(d) for d in node.decorator_list]
    plain = "property" in decorators or node.name in KEPT
    node.args = Mirrored(names, both=True).visit(node.args)
    node.returns = Mirrored(names, both=False).visit(node.returns)
    made = ast.FunctionDef if plain else ast.AsyncFunctionDef
    body: list[ast.stmt] = [ast.Expr(ast.Constant(...))]
    function = made(node.name, node.args, body, [], node.returns, lineno=0)
    lines = [f"@{decorator}" for decorator in decorators]
    return "\n".join([*lines, ast.unparse(function).replace(":\n    ...", ": ...")])


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
    sys.stdout.write(f"wrote {STUB}\n")
