"""Fixtures for all tests, and the switch that forbids skipping."""

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import plainnet
from plainnet import kernels

sys.path.insert(0, str(Path(__file__).parent))  # layer_cases is shared by several folders


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for a job in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Skips:
    """Last of the finders: a test that imports a package which is not installed skips.

    What plainnet imports is left alone, so that a package too many is an error.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith("<frozen importlib._bootstrap"):
            frame = frame.f_back
        if path is None and Path(frame.f_code.co_filename).is_relative_to(Path(__file__).parent):
            pytest.skip(f"{name} is not installed", allow_module_level=True)


sys.meta_path.append(Skips)


def pytest_report_header():
    return f"plainnet: {Path(plainnet.__file__).parent}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def numpy_kernels():
    """NumPy's forms of the kernels, where the compiled ones would differ in the last bits."""
    before = kernels.info().kind
    kernels.use("numpy")
    yield
    kernels.use(before)


@pytest.fixture
def compiled_kernels():
    before = kernels.info().kind
    kernels.use("c")
    yield
    kernels.use(before)


SECOND_TIER = (
    "torch",
    "nbclient",
    "ipykernel",
    "sphinx",
    "playwright",
    "jupyterlab",
    "plainnet_kernels",
)
"""What only `make test-all` brings. A test that needs it says so in its reason to skip."""


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Where PLAINNET_NO_SKIPS is set, as in CI, a test that skipped is a failure.

    Those that need what `make test` does not install wait for `make test-all`.
    """
    missing = [package for package in SECOND_TIER if find_spec(package) is None]
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    later = [reason for reason in reasons if any(name in reason.lower() for name in missing)]
    if later:
        needed = ", ".join(missing)
        terminalreporter.write_line(f"{len(later)} skipped: `make test-all` brings {needed}")
    forbidden = len(reasons) - len(later)
    if os.environ.get("PLAINNET_NO_SKIPS") and forbidden:
        terminalreporter.write_line(f"{forbidden} tests skipped, and none may", red=True)
        terminalreporter._session.exitstatus = pytest.ExitCode.TESTS_FAILED
