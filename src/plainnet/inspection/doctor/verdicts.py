"""Verdicts of the doctor, with evidence and remedy, and the report that collects them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

from plainnet.errors import counted

Severity = Literal["serious", "warning", "note", "suspected"]
"""Severities; a mere suspicion is reported only if its remedy helps."""
WIDTH = 88
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note", "suspected")


@dataclass(frozen=True)
class Verdict:
    """One finding.

    Attributes
    ----------
    name : str
        The kind of fault, such as "dead_units"; docs/doctor.md lists them.
    severity : "serious", "warning" or "note"
        A serious fault spoils the result or makes it untrustworthy; a warning may do so; a note is
        worth knowing.
    where : str
        The layer, tensor or columns; "" for the whole network or table.
    evidence : str
        The numbers that support it, as a sentence.
    remedy : str
        What to do, as a sentence.
    code : str
        Python code that applies the remedy to `network`, `X`, `y`, `optimizer` and `validation`, as
        they were passed, before training starts again; for an agent, it makes a new `agent`. "" if
        there is nothing to run.
    gain : float or None
        What the remedy gained, if it was tried: the share of the prediction loss that it removes in
        a short training; for agents, the share that it adds to the return, measured above the
        return of random actions.
    returns : (float, float) or None
        For agents: the mean return without and with the remedy, if it was tried.
    """

    name: str
    severity: Severity
    where: str
    evidence: str
    remedy: str
    code: str = ""
    gain: float | None = None
    returns: tuple[float, float] | None = None

    @property
    def title(self) -> str:
        """The name in words, and where the fault is."""
        words = self.name.replace("_", " ")
        return f"{words} ({self.where})" if self.where else words

    @property
    def advice(self) -> str:
        """The remedy, and what it gained if it was tried."""
        if self.gain is None or self.gain < 0.01:
            return self.remedy
        if self.returns is not None:
            before, after = (f"{each:.3g}" for each in self.returns)
            return f"{self.remedy} In a trial, the mean return rose from {before} to {after}."
        return f"{self.remedy} In a trial, this took away {self.gain:.0%} of the loss."

    def as_severe_as(self, severity: Severity) -> Verdict:
        """The same verdict with another severity."""
        return replace(self, severity=severity)

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.title}"]
        lines += textwrap.wrap(self.evidence, WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines += textwrap.wrap(self.advice, WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines += [f"    {line}" for line in self.code.splitlines()]
        return "\n".join(lines)


class Report(Sequence[Verdict]):
    """The verdicts, most serious first.

    A report is a sequence of verdicts; `report["dead_units"]` is the first with that name, and
    `"dead_units" in report` tests for one. Printing gives text; a notebook shows HTML.

    Attributes
    ----------
    verdicts : tuple of Verdict
    looked_at : tuple of str
        What was checked, in words.
    left_out : dict of str to str
        What could not be checked, and why.
    """

    def __init__(
        self,
        verdicts: Sequence[Verdict],
        looked_at: Sequence[str] = (),
        left_out: dict[str, str] | None = None,
    ) -> None:
        self.verdicts = tuple(verdicts)
        self.looked_at = tuple(looked_at)
        self.left_out = {} if left_out is None else dict(left_out)

    @property
    def names(self) -> list[str]:
        """The names of the verdicts, in their order."""
        return [verdict.name for verdict in self.verdicts]

    @property
    def serious(self) -> list[Verdict]:
        """The serious verdicts."""
        return [verdict for verdict in self.verdicts if verdict.severity == "serious"]

    def __len__(self) -> int:
        return len(self.verdicts)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    @overload
    def __getitem__(self, key: int | str) -> Verdict: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Verdict, ...]: ...
    def __getitem__(self, key: int | str | slice) -> Verdict | tuple[Verdict, ...]:
        if isinstance(key, str):
            for verdict in self.verdicts:
                if verdict.name == key:
                    return verdict
            found = ", ".join(self.names) or "nothing"
            raise KeyError(f"no verdict {key!r}; the report has {found}")
        return self.verdicts[key]

    def __contains__(self, key: object) -> bool:
        return key in self.names if isinstance(key, str) else key in self.verdicts

    def to_dict(self) -> dict[str, Any]:
        """The report as data for JSON."""
        return {
            "verdicts": [vars(verdict).copy() for verdict in self.verdicts],
            "looked_at": list(self.looked_at),
            "left_out": dict(self.left_out),
        }

    @property
    def headline(self) -> str:
        """How many verdicts there are of each severity, as a sentence."""
        words = {"serious": "serious fault", "warning": "warning", "note": "note"}
        numbers = {word: sum(v.severity == s for v in self.verdicts) for s, word in words.items()}
        said = [counted(n, word) for word, n in numbers.items() if n]
        return ", ".join(said) if said else "No fault found"

    def __str__(self) -> str:
        parts = [self.headline, *map(str, self.verdicts)]
        if self.looked_at:
            parts.append(f"Looked at: {', '.join(self.looked_at)}.")
        parts += [f"Not looked at: {what}; {why}." for what, why in self.left_out.items()]
        return "\n\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from plainnet.inspection.doctor.html import html_of

        return html_of(self)
