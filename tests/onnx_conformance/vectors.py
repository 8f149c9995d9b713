"""The vectors: a small ONNX graph, its inputs, and the outputs that it must give.

The node vectors are of one operator each. Of the models that lie in files, those of three kinds are
taken where adapters cover their operators. "pytorch-converted" are the layers and losses of
PyTorch: `left_out.MODELS` has the reason of each other one. "pytorch-operator" and "simple" are
single calls; the others are arithmetic, reductions, slices, lists and strings, which are no layers.
The kinds "real" and "light" are not taken: networks for photographs, kept small by constant
weights, so that their outputs are one number a thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.case.node as cases
from onnx import numpy_helper
from onnx.backend.test import loader

CONVERTED = "pytorch-converted"
KINDS = (CONVERTED, "pytorch-operator", "simple")
UNUSUAL_MODULES = {
    "BatchNormalization": "batch_normalization",
    "CausalConvWithState": "causal_conv_with_state",
    "InstanceNormalization": "instance_normalization",
    "SoftmaxCrossEntropyLoss": "softmax_cross_entropy_loss",
}
LAYOUT: dict[str, Callable[..., np.ndarray]] = {
    "Constant": lambda *, value: numpy_helper.to_array(value),
    "Squeeze": lambda A, *, axes: A.squeeze(tuple(axes)),
    "Transpose": lambda A, *, perm: A.transpose(perm),
    "Unsqueeze": lambda A, *, axes: np.expand_dims(A, tuple(axes)),
}
"""Operators between others in the converted models that only move numbers."""
TOGETHER = {("Split", "Sigmoid", "Mul"): "GLU"}
"""Operators that are a single layer of ours, in the models that consist of nothing else."""

Adapter = Callable[..., Any]


@dataclass(frozen=True)
class Vector:
    name: str
    graph: onnx.GraphProto
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    rtol: float
    atol: float

    def check(self, adapters: dict[str, Adapter]) -> list[str]:
        """Run it and compare; the names of the outputs that there is nothing to compare with."""
        results, missing = self._run(adapters), []
        wanted = [output.name for output in self.graph.output if output.name]
        for name, expected in zip(wanted, self.outputs, strict=True):
            result = results[name]
            if result is None:
                missing.append(name)
                continue
            assert result.dtype == expected.dtype, f"{name}: {result.dtype}, not {expected.dtype}"
            np.testing.assert_allclose(
                result, expected, self.rtol, self.atol, err_msg=name, strict=True
            )
        return missing

    def _run(self, adapters: dict[str, Adapter]) -> dict[str, Any]:
        values: dict[str, Any] = {"": None}
        values |= {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        free = [i.name for i in self.graph.input if i.name not in values]
        values |= dict(zip(free, self.inputs, strict=True))
        if (together := _names(self.graph)) in TOGETHER:
            settings = {a.name: _setting(a) for node in self.graph.node for a in node.attribute}
            Y = adapters[TOGETHER[together]](*self.inputs, **settings)
            return {self.graph.output[0].name: Y}
        for node in self.graph.node:
            settings = {a.name: _setting(a) for a in node.attribute}
            adapter = LAYOUT.get(node.op_type) or adapters[node.op_type]
            results = adapter(*(values[name] for name in node.input), **settings)
            results = results if isinstance(results, tuple) else (results,)
            values |= dict(zip(node.output, results, strict=False))
        return values


def _setting(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _operators(graph: onnx.GraphProto) -> list[str]:
    """What the graph computes with, in order."""
    if (names := _names(graph)) in TOGETHER:
        return [TOGETHER[names]]
    return [name for name in names if name not in LAYOUT]


def _names(graph: onnx.GraphProto) -> tuple[str, ...]:
    return tuple(node.op_type for node in graph.node)


@cache
def vectors_of(operator: str) -> tuple[Vector, ...]:
    """All vectors of an operator: its node vectors, and the converted models that begin with it.

    Left out by rule: the same vectors once more as graphs of the operator's function body, whose
    names say "expanded".
    """
    return (*_node_vectors(operator), *(v for v in _models() if _operators(v.graph)[0] == operator))


def _node_vectors(operator: str) -> Iterator[Vector]:
    if operator in TOGETHER.values():  # no operator of ONNX
        return
    import_module(f"{cases.__name__}.{UNUSUAL_MODULES.get(operator, operator.lower())}")
    for case in cases._NodeTestCases:
        graph = case.model.graph
        operators = [node.op_type for node in graph.node]
        if operators == [operator] and "expanded" not in case.name:
            ((inputs, outputs),) = case.data_sets
            yield Vector(case.name, graph, inputs, outputs, case.rtol, case.atol)


@cache
def _models() -> tuple[Vector, ...]:
    """The converted models whose operators we all cover."""
    from onnx_conformance.adapters import ADAPTERS

    folders = [folder for kind in KINDS for folder in _folders(kind)]
    graphs = {folder: onnx.load(folder / "model.onnx").graph for folder in folders}
    covered = {*ADAPTERS}
    return tuple(
        _model(folder, graph)
        for folder, graph in graphs.items()
        if (computes := _operators(graph)) and {*computes} <= covered
    )


def converted() -> tuple[list[Vector], list[str]]:
    """The models converted from PyTorch: those that we cover, and the names of the others."""
    models = {model.name: model for model in _models()}
    names = [folder.name for folder in _folders(CONVERTED)]
    return [models[n] for n in names if n in models], [n for n in names if n not in models]


def _folders(kind: str) -> list[Path]:
    return sorted(Path(loader.DATA_DIR, kind).glob("test_*"))


def _model(folder: Path, graph: onnx.GraphProto) -> Vector:
    data = folder / "test_data_set_0"
    inputs, outputs = (
        [_tensor(file) for file in sorted(data.glob(f"{side}_*.pb"))]
        for side in ("input", "output")
    )
    return Vector(folder.name, graph, inputs, outputs, 1e-3, 1e-7)  # the loader's tolerances


def _tensor(file: Path) -> np.ndarray:
    return numpy_helper.to_array(onnx.load_tensor(file))
