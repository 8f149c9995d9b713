"""A trace as JSON, for programs that show it; `schema.json` beside this file describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plainnet.inspection.tracing.lines import Line
from plainnet.inspection.tracing.terms import Function, Many, Number, Operation, Term

if TYPE_CHECKING:
    from plainnet.inspection.tracing.trace import Step, Trace

VERSION = 1


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of `Trace.to_json`."""
    text = (Path(__file__).parent / "schema.json").read_text("utf-8")
    described: dict[str, Any] = json.loads(text)
    return described


def json_of(trace: Trace, units: Iterable[str]) -> str:
    """The steps and arrays of a trace, and the lines of these units."""
    form = {
        "format": "plainnet trace",
        "version": VERSION,
        "loss": None if trace.loss is None else _number(trace.loss),
        "steps": [_step(step) for step in trace.steps],
        "arrays": {name: _array(trace[name]) for name in trace},
        "lines": [line_form(trace.unit(unit)) for unit in units],
    }
    return json.dumps(form, allow_nan=False)


def _step(step: Step) -> dict[str, Any]:
    return {
        "number": step.number,
        "layer": step.layer,
        "subject": step.subject,
        "direction": step.direction,
        "formulas": [
            {"result": f.result, "plain": f.plain, "latex": f.latex} for f in step.formulas
        ],
        "inputs": {name: step.part.full(name) for name in step.inputs},
        "outputs": {name: step.part.full(name) for name in step.outputs},
        "origins": step.origins,
        "notes": list(step.notes),
    }


def _array(array: Any) -> dict[str, Any]:
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "values": [_number(value) for value in array.ravel().tolist()],
    }


def line_form(line: Line) -> dict[str, Any]:
    """A line with its whole tree."""
    return {
        "array": line.name,
        "index": list(line.index),
        "value": _number(line.value),
        "formula": None if line.formula is None else str(line.formula),
        "text": str(line),
        "term": _term(line.term),
    }


def _term(term: Term) -> dict[str, Any]:
    value = _number(term.value)
    match term:
        case Number(name=name, index=index, array=array):
            named = {"name": name, "index": list(index), "array": array} if name else {}
            return {"kind": "number", "value": value, **named}
        case Operation(sign=sign, operands=operands):
            return {"kind": sign, "value": value, "terms": [_term(each) for each in operands]}
        case Function(name=name, operands=operands):
            each = [_term(operand) for operand in operands]
            return {"kind": "function", "name": name, "value": value, "terms": each}
        case Many(kind=kind, terms=terms, left_out=left_out):
            each = [_term(one) for one in terms]
            return {"kind": kind, "value": value, "terms": each, "left_out": left_out}
    raise TypeError(f"{term!r} is not a term")


def _number(value: Any) -> Any:
    """A number of JSON, which has no NaN and no infinity: those are texts."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    return number if np.isfinite(number) else str(number)
