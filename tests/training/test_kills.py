"""A few of the kills of tests/kills.py, which has more of them, and more kinds."""

import pytest

from kills import killed
from tiers import second_tier

CASES = {"train": (2, "numpy"), "warm_start": (1, "skops"), "agent": (1, "gymnasium")}
"""How many kills, and the package that it takes."""


@pytest.mark.parametrize(
    "kind", ["train", *(pytest.param(kind, marks=second_tier) for kind in ("warm_start", "agent"))]
)
def test_a_killed_run_ends_with_the_same_bits(kind, tmp_path):
    kills, package = CASES[kind]
    pytest.importorskip(package)
    assert killed(kind, kills, tmp_path).same
