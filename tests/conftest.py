"""Fixtures for all tests, and the switch that forbids skipping."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # layer_cases is shared by several folders


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Where PLAINNET_NO_SKIPS is set, as in CI, a test that skipped is a failure."""
    skipped = terminalreporter.stats.get("skipped", [])
    if os.environ.get("PLAINNET_NO_SKIPS") and skipped:
        terminalreporter.write_line(f"{len(skipped)} tests skipped, and none may", red=True)
        terminalreporter._session.exitstatus = pytest.ExitCode.TESTS_FAILED
