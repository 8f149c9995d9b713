"""The tables of a measurement as Markdown, and the part of docs/benchmarks.md that is made of them.

make benchmark ROUNDS=15 JSON=benchmarks/speed.json     # measures
python benchmarks/report.py                             # writes that into docs/benchmarks.md
python benchmarks/report.py mine.json                   # prints the tables of another file
"""

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE, RESULTS = ROOT / "docs" / "benchmarks.md", ROOT / "benchmarks" / "speed.json"
BEGIN = "<!-- From here, `python benchmarks/report.py` writes this page. -->"
END = "<!-- To here. -->"
THREADS = {"one": "One thread each", "all": "All cores, each library as it comes"}
UNITS = ((1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def rounded(value: float) -> str:
    """To three digits, and no more than three behind the point: 1,230, 12.3, 0.12, 0.012."""
    if abs(value) >= 100:
        digits = len(str(int(abs(value)))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3}f}"


def with_unit(seconds: float) -> str:
    for scale, unit in UNITS:
        if seconds >= scale:
            return f"{rounded(seconds / scale)} {unit}"
    return "0 s"


def cell(value: Any) -> str:
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    ((kind, number),) = value.items()
    if kind == "ratio":
        median, low, high = map(rounded, number)
        return f"**{median}** ({low} to {high})"
    if kind == "share":
        median, low, high = (f"{100 * each:.0f}%" for each in number)
        return f"**{median}** ({low} to {high})"
    if kind == "power":
        exponent, error = number
        return f"**{exponent:.2f}** ± {error:.2f}"
    if kind == "seconds":
        return with_unit(number)
    if kind == "megabytes":
        return f"{number:,.0f} MB"
    return rounded(number)


def filled(text: str, indent: str = "") -> str:
    """In lines of at most 100 characters."""
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def table(measured: dict[str, Any]) -> Iterator[str]:
    if measured["rows"]:
        yield "| " + " | ".join(measured["columns"]) + " |"
        yield "|" + "---|" * len(measured["columns"])
        for row in measured["rows"]:
            yield "| " + " | ".join(map(cell, row)) + " |"
        if measured["left_out"]:
            yield ""
    if measured["left_out"]:
        yield filled(f"Left out: {'; '.join(measured['left_out'])}.")


def head(results: dict[str, Any]) -> Iterator[str]:
    """What the measurement depends on."""
    rounds = results["rounds"]
    yield f"Measured on {results['date']} in {rounds} round{'s' if rounds > 1 else ''}:"
    yield ""
    warnings = [["**Warning**", warning] for warning in results["warnings"]]
    for name, value in [*results["machine"], *warnings]:
        yield filled(f"- {name}: {value}", indent="  ")


def part(measured: dict[str, Any], title: bool = True) -> Iterator[str]:
    """One part, under one setting of the threads."""
    if title:
        yield f"### {measured['title']}"
        yield ""
        yield filled(measured["about"])
        yield ""
    yield f"{THREADS[measured['threads']]} (load average at the end {measured['load']}):"
    yield ""
    yield from table(measured["table"])


def rendered(results: dict[str, Any]) -> str:
    """All of it, as the page and the terminal show it."""
    lines = [*head(results)]
    before = ""
    for measured in results["parts"]:
        lines += ["", *part(measured, title=measured["title"] != before)]
        before = measured["title"]
    return "\n".join(lines) + "\n"


def page_with(page: str, results: dict[str, Any]) -> str:
    """The page, with what stands between the marks made anew."""
    above, _, rest = page.partition(BEGIN)
    _, _, below = rest.partition(END)
    return f"{above}{BEGIN}\n\n{rendered(results)}\n{END}{below}"


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    results = json.loads(given.read_text(encoding="utf-8"))
    if given != RESULTS:
        print(rendered(results), end="")
        return
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main()
