"""One example step by step, forward and backward: a trace, for the page to walk through.

Answers to `explain` are of the kind "steps":

step, changes, row, inputs, target, predicted, loss, notes
    Of which network and which example; `changes` are those made by hand, `row` and `target` are
    None for a point of the plane.
steps
    Each with its layer, subject, direction, formulas, notes, and the tables that it reads and
    makes. A table is a window of at most 64 numbers on an array: its first index is `lead`
    followed by `start`, and `is` names the array whose numbers it has, if it is another's.

Answers to `line` are of the kind "line": the array and index at the part that computed the number,
the step that does, the line in pieces of which the numbers have an array and an index, what the
number goes into, tables in which it and the numbers that it is made of are seen, and what of the
network's diagram it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.formulas import Formula
from plainnet.errors import SettingError, counted
from plainnet.inspection.tracing import Line, Step, Trace, trace
from plainnet.inspection.tracing.html import MarkedWriter, mathematics
from plainnet.inspection.tracing.printing import shortened
from plainnet.inspection.tracing.writing import number, reference
from plainnet.layers import BatchNorm, Dropout
from plainnet.network import Network
from plainnet.playground.columns import Column
from plainnet.playground.settings import Settings

if TYPE_CHECKING:
    from plainnet.playground.session import Session

Array = npt.NDArray[Any]
Form = dict[str, Any]

MOST_NUMBERS, SIDE = 64, 8
"""How many numbers of an array are sent at once, and rows and columns of a large one."""
MOST_USES = 8
"""How many numbers of one array are listed among those that a number goes into."""
MOST_INPUTS = 8


@dataclass(frozen=True, eq=False)
class Explained:
    """An example's pass through the network as it was after a step of training.

    Attributes
    ----------
    step : int
        The steps of training before it.
    columns : list of str
        The names of the inputs.
    """

    trace: Trace
    step: int
    columns: Sequence[str]

    @cached_property
    def homes(self) -> dict[str, int]:
        """By the names of arrays, the steps that make them; for those given, the first readers."""
        homes: dict[str, int] = {}
        for step in self.trace.steps:
            for name in step.outputs:
                homes.setdefault(step.part.full(name), step.number)
        for step in self.trace.steps:
            for name in step.inputs:
                homes.setdefault(step.origins.get(name, step.part.full(name)), step.number)
        return homes

    def steps(self) -> list[Form]:
        """All steps, without any lines."""
        return [_step(step) for step in self.trace.steps]

    def line(self, array: str, index: Sequence[int]) -> Form:
        """How one number is computed."""
        line = self.trace.unit(array, tuple(index))
        return {
            "array": line.name,
            "index": line.index,
            "name": reference(line.local_name, line.index),
            "layer": line.name.rpartition(".")[0],
            "step": self.homes.get(line.name),
            "value": number(line.value),
            "exact": str(line.value),
            "formula": None if line.formula is None else _formula(line.formula),
            "pieces": list(_pieces(line)),
            "in_names": "" if line.formula is None else line.text(names=True),
            "origin": self._origin(line) if line.formula is None else "",
            "uses": self._uses(line),
            "tables": self._tables(line, array, index),
        }

    def _tables(self, line: Line, array: str, index: Sequence[int]) -> list[Form]:
        """Windows: on its array, on the one of which it was asked for, and on those it reads."""
        places = {line.name: line.index, array: tuple(index)}
        for piece in line.numbers if line.formula else ():
            places.setdefault(piece.array, piece.index)
        return [
            table(name.rpartition(".")[2], name, self.trace[name], place)
            for name, place in places.items()
        ]

    def selection(self, columns: Sequence[Column], name: str, index: Sequence[int]) -> Form | None:
        """The weight or unit of the network's diagram to which a number or gradient belongs."""
        part, local = self.trace.owner(name)
        if part is None or not index:
            return None
        base = local.removeprefix("d")
        is_tensor = base in getattr(part.window.subject, "declared", ())
        if is_tensor and len(index) > 1:
            return {"kind": "weight", "tensor": part.full(base), "index": index}
        if is_tensor or base in part.returned("forward"):
            for i, column in enumerate(columns):
                if part.path in (layer for layer, _ in column.layers):
                    return {"kind": "unit", "column": i, "unit": index[-1]}
        return None

    def _origin(self, line: Line) -> str:
        """Where a number comes from that no formula computes."""
        part, local = self.trace.owner(line.name)
        if part is None:
            known = len(line.index) == 2 and line.index[1] < len(self.columns)
            return f"the input {self.columns[line.index[1]]}" if known else "an input"
        if part.kind == "loss":
            return "the target"
        if part.kind == "update":
            return "what the optimizer keeps from earlier steps"
        subject = part.window.subject
        when = f"after {counted(self.step, 'step')} of training" if self.step else "at the start"
        if local in getattr(subject, "declared", ()):
            return f"a parameter of {part.path}, {when}"
        if local in getattr(subject, "declared_state", ()):
            return f"a running statistic of {part.path}, {when}"
        return "given, not computed by a formula"

    def _uses(self, line: Line) -> list[Form]:
        """What is computed from it, array by array."""
        found: dict[str, Form] = {}
        for use in self.trace.goes_into(line.name, line.index):
            place = found.setdefault(use.array, {"array": use.array, "total": 0, "some": []})
            place["total"] += 1
            if len(place["some"]) < MOST_USES:
                name = reference(use.name, use.index)
                place["some"].append({"name": name, "index": use.index})
        return list(found.values())


# --- the forms ----------------------------------------------------------------------------------


def _step(step: Step) -> Form:
    origins = step.origins
    full = step.part.full
    return {
        "layer": step.layer,
        "subject": shortened(step.subject),
        "direction": step.direction,
        "formulas": [_formula(formula) for formula in step.formulas],
        "notes": [*step.notes, *([step.why_no_formulas] if step.unexplained else [])],
        "reads": [
            table(name, full(name), array) | {"is": origins.get(name)}
            for name, array in step.inputs.items()
            if array.size
        ],
        "makes": [
            table(name, full(name), array) for name, array in step.outputs.items() if array.size
        ],
    }


def _formula(formula: Formula) -> Form:
    """As an expression of NumPy, and in MathML where latex2mathml is installed."""
    return {
        "result": formula.result,
        "plain": str(formula),
        "mathml": str(mathematics(formula.latex)) if formula.latex else "",
    }


def _pieces(line: Line) -> Iterator[Form]:
    for text, made in MarkedWriter().pieces(line):
        if made is not None:
            yield {"text": text, "array": made.array, "index": made.index}
        elif text:
            yield {"text": text}


def table(name: str, full: str, array: Array, around: Sequence[int] = ()) -> Form:
    """The window on an array in which this element is; by default, the first."""
    around = tuple(around) or (0,) * array.ndim
    m, n = (1, 1, *array.shape)[-2:]
    row, column = (0, 0, *around)[-2:]
    columns = min(n, max(SIDE, MOST_NUMBERS // m))
    rows = min(m, MOST_NUMBERS // columns)
    top, left = row // rows * rows, column // columns * columns
    lead = around[:-2]
    plane = array[lead].reshape(m, n)
    shown = plane[top : top + rows, left : left + columns]
    return {
        "name": name,
        "array": full,
        "shape": array.shape,
        "lead": lead,
        "start": [top, left],
        "window": [rows, columns],
        "columns": shown.shape[1],
        "texts": [number(value) for value in shown.ravel()],
    }


# --- the commands -------------------------------------------------------------------------------


def explain(session: Session, fields: Form, buffers: Sequence[bytes]) -> None:
    """Trace a row of the examples, or a point of the plane, through the network that is shown."""
    if len(fields) != 1:
        raise SettingError("explain needs a row or a point, one of them")
    training, record = session.training, session.shown
    examples, network = training.examples, session.frames.network
    row = fields.get("row")
    if row is None:
        point = np.array([fields["point"]], dtype=np.float64)
        with np.errstate(all="ignore"):  # what is too large is refused below, in words
            X, y = examples.plane.inputs(point), None
    elif row >= len(examples.X):
        raise SettingError(f"the rows are 0 to {len(examples.X) - 1}; got {row}")
    else:
        X, y = examples.X[row : row + 1], examples.y[row : row + 1]
    network.parameters[:], network.state[:] = record.parameters, record.state
    left_out = "" if row is None else _why_no_update(session)
    optimizer = None if y is None or left_out else training.optimizer
    with np.errstate(all="ignore"):
        # As in the plane: dropout and batch statistics are for training, and of one row there are
        # no statistics.
        traced = trace(network, X, y, optimizer, training=False)
        decided = network.predict(X).reshape(-1)
        explained = Explained(traced, record.step, examples.names)
        steps = explained.steps()
    session.explained = explained
    names = examples.classes
    session.send(
        {
            "is": "steps",
            "step": record.step,
            "changes": training.until(training.step).to_json()["changes"],
            "row": row,
            "is_test": row is not None and row >= examples.n_train,
            "inputs": [
                {"name": name, "text": number(value)}
                for name, value in zip(examples.names[:MOST_INPUTS], X.ravel(), strict=False)
            ],
            "inputs_left": max(len(examples.names) - MOST_INPUTS, 0),
            "target": None if y is None else _decision(y[0], names),
            "predicted": _decision(decided[0], names),
            "loss": None if traced.loss is None else number(traced.loss),
            "notes": list(_notes(network, y is None, left_out, training.settings)),
            "steps": steps,
        },
        [],
    )


def _why_no_update(session: Session) -> str:
    """Why the optimizer's next update is not known; "" if it is."""
    training = session.training
    if training.failed:
        return "The update is left out, since training has failed."
    if session.shown.step != training.step:
        return (
            f"The update is left out: the optimizer's memory is that of step {training.step}, "
            f"the weights are those of step {session.shown.step}."
        )
    return ""


def _decision(value: Any, classes: Sequence[str]) -> str:
    return classes[int(value)] if classes else number(value)


def _notes(network: Network, is_point: bool, left_out: str, settings: Settings) -> Iterator[str]:
    """What a learner must know about the numbers."""
    kinds = {type(layer) for layer in network.layers}
    if Dropout in kinds:
        yield "As in the plane, nothing is dropped out; a step of training drops some units."
    if BatchNorm in kinds:
        yield (
            "As in the plane, batch norm uses its running statistics; a step of training uses "
            "those of its batch."
        )
    if is_point:
        yield "A point of the plane has no target, so there is no loss, and there are no gradients."
    elif left_out:
        yield left_out
    else:
        has_schedule = settings.schedule != "constant"
        rate = "; the schedule may set another rate for it" if has_schedule else ""
        yield f"The update is that of a batch with this example alone{rate}."
        if settings.clip_norm:
            yield (
                f"Training first shortens a gradient of norm above {settings.clip_norm:g} to that; "
                "here it is as it comes."
            )


def line(session: Session, fields: Form, buffers: Sequence[bytes]) -> None:
    """How one number of the example's pass is computed."""
    if session.explained is None:
        raise SettingError("no example has been traced since this training began")
    with np.errstate(all="ignore"):
        found = session.explained.line(fields["array"], fields["index"])
    columns = session.frames.columns
    selection = session.explained.selection(columns, found["array"], found["index"])
    session.send({"is": "line", **found, "selection": selection}, [])
