"""What not every operating system has."""

import sys

import pytest

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has other permissions, links, pipes and signals"
)
"""Of a test, or of one of its parameters."""
