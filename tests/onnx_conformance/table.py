"""All vectors of an operator, run: what passed, what is left out, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from onnx_conformance.adapters import ADAPTERS
from onnx_conformance.left_out import IN_PART, LEFT_OUT, MODELS
from onnx_conformance.vectors import Vector, converted, vectors_of


@dataclass
class Row:
    title: str
    vectors: int
    passed: int = 0
    in_part: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Vectors, passed, passed in part, left out."""
        return self.vectors, self.passed, self.in_part.total(), self.left_out.total()


def run(operator: str) -> Row:
    return _row(operator, vectors_of(operator))


def run_converted() -> Row:
    """The models converted from PyTorch; those that we cover are in the operators' rows, too."""
    covered, others = converted()
    row = _row("converted from PyTorch", covered)
    row.vectors += len(others)
    row.left_out.update(MODELS[name] for name in others)
    return row


def _row(title: str, vectors: Sequence[Vector]) -> Row:
    row = Row(title, len(vectors))
    for vector in vectors:
        name, problem = vector.name, _problem(vector)
        if name in LEFT_OUT:
            row.left_out[LEFT_OUT[name]] += 1
            if problem is None:
                row.failed[name] = "passes, but is left out"
        elif problem is not None:
            row.failed[name] = problem
        elif name in IN_PART:
            row.in_part[IN_PART[name]] += 1
        else:
            row.passed += 1
    return row


def _problem(vector: Vector) -> str | None:
    try:
        missing = vector.check(ADAPTERS)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if bool(missing) != (vector.name in IN_PART):
        return f"outputs that were not compared: {missing or 'none'}"
    return None


def render(rows: list[Row], *more: Row) -> str:
    """The rows, their sum, and below it more rows that it does not count."""
    total = [sum(column) for column in zip(*(row.counts for row in rows), strict=True)]
    lines = [f"{'operator':<24} vectors  passed  in part  left out"]
    for row in rows:
        lines += _lines(row)
    lines.append(_line("all", *total))
    for row in more:
        lines += _lines(row)
    return "\n".join(lines)


def _lines(row: Row) -> list[str]:
    return [
        _line(row.title, *row.counts),
        *(f"{'':4}left out {n:3}: {reason}" for reason, n in row.left_out.items()),
        *(f"{'':4}without  {n:3}: {reason}" for reason, n in row.in_part.items()),
        *(f"{'':4}FAILED {name}: {why}" for name, why in row.failed.items()),
    ]


def _line(title: str, vectors: int, passed: int, in_part: int, left_out: int) -> str:
    return f"{title:<24} {vectors:7} {passed:7} {in_part:8} {left_out:9}"
