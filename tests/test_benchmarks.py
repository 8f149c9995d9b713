"""What the benchmarks make of their measurements; nothing is timed here."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
RESULTS = {
    "date": "2026-12-01",
    "rounds": 5,
    "machine": [["Processor", "one of many, " + 12 * "long words, " + "2 of 2 cores"]],
    "warnings": ["something slows it down"],
    "parts": [
        {
            "title": "A training step",
            "about": "A step with Adam.",
            "threads": threads,
            "load": "0.5",
            "table": {
                "columns": ["network", "plainnet", "PyTorch", "Keras"],
                "rows": [["2-3", {"seconds": seconds}, {"ratio": [12.34, 0.056, 1234.5]}, None]],
                "left_out": ["Keras (keras is not installed)"],
            },
        }
        for threads, seconds in (("one", 4.4e-5), ("all", 0.0123))
    ],
}
EXPECTED = """\
Measured on 2026-12-01 in 5 rounds:

- Processor: one of many, long words, long words, long words, long words, long words, long words,
  long words, long words, long words, long words, long words, long words, 2 of 2 cores
- **Warning**: something slows it down

### A training step

A step with Adam.

One thread each (load average at the end 0.5):

| network | plainnet | PyTorch | Keras |
|---|---|---|---|
| 2-3 | 44.0 us | **12.3** (0.056 to 1,230) |  |

Left out: Keras (keras is not installed).

All cores, each library as it comes (load average at the end 0.5):

| network | plainnet | PyTorch | Keras |
|---|---|---|---|
| 2-3 | 12.3 ms | **12.3** (0.056 to 1,230) |  |

Left out: Keras (keras is not installed).
"""


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_measurements_as_markdown(module):
    assert module("report").rendered(RESULTS) == EXPECTED


@pytest.mark.parametrize(
    ("measured", "shown"),
    [
        ({"share": [0.7, 0.65, 0.712]}, "**70%** (65% to 71%)"),
        ({"power": [1.966, 0.11]}, "**1.97** ± 0.11"),
        ({"megabytes": 1234.5}, "1,234 MB"),
        ({"number": 14328}, "14,300"),
        ({"seconds": 2e-10}, "0 s"),
        (28, "28"),
    ],
)
def test_each_kind_of_cell(module, measured, shown):
    assert module("report").cell(measured) == shown


def test_the_page_shows_the_results_that_are_kept(module):
    report = module("report")
    page = report.PAGE.read_text(encoding="utf-8")
    results = json.loads(report.RESULTS.read_text(encoding="utf-8"))
    assert report.page_with(page, results) == page, "python benchmarks/report.py writes it"


def test_the_results_that_are_kept_have_every_part(module):
    parts = module("parts").PARTS
    results = json.loads(module("report").RESULTS.read_text(encoding="utf-8"))
    possible = [(name, threads) for name, part in parts.items() for threads in part.threads]
    kept = [(part["part"], part["threads"]) for part in results["parts"]]
    assert kept == [each for each in possible if each in kept]
    assert {name for name, _ in kept} == set(parts)
    assert all((BENCHMARKS / "parts" / f"{name}.py").exists() for name in parts)


def test_results_survive_their_file(module):
    run = module("run")
    assert json.loads(run.text_of(RESULTS)) == RESULTS
    assert run.short({"a": [1.23456, (2, "b")]}) == {"a": [1.235, [2, "b"]]}


def test_quartiles_and_missing_contenders(module):
    timing = module("timing")
    assert timing.times_as_fast([2.0, 4.0, 9.0], [1.0, 1.0, 1.0]) == {"ratio": [4.0, 3.0, 6.5]}
    assert timing.spread([3.0]) == [3.0, 3.0, 3.0]

    def needs_a_package(size):
        raise ModuleNotFoundError("as an import does", name="no_such_package")

    def refuses(size):
        raise timing.LeftOut("has no compiler")

    makers = {"ours": lambda size: 2 * size, "theirs": needs_a_package, "others": refuses}
    left_out = ["theirs (no_such_package is not installed)", "others (has no compiler)"]
    assert timing.made(makers, 21) == ({"ours": 42}, left_out)


def test_exponents_are_the_slope_of_the_logarithms(module):
    sizes = (1, 2, 4, 8)
    slope = module("parts.exponents").slope
    assert slope(sizes, [3 * n**1.5 for n in sizes]) == pytest.approx((1.5, 0))
    noise = np.exp([0.1, -0.1, 0.1, -0.1])
    exponent, error = slope(sizes, list(noise * sizes))
    assert abs(exponent - 1) < 2 * error
