"""A few of the kills of tests/kills.py, which has more of them."""

import pytest

from kills import KINDS, killed

NEEDS = {"lbfgs": "scipy", "warm_start": "skops", "agent": "gymnasium"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_ends_with_the_same_bits(kind, tmp_path):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    assert killed(kind, kills=2, folder=tmp_path).same
