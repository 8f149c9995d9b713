"""The second tier: tests that take long, and whose like is in the first."""

from importlib.util import find_spec

import pytest

second_tier = pytest.mark.skipif(
    find_spec("torch") is None, reason="it takes long, and comes with torch in `make test-all`"
)
"""Of a test, or of one of its parameters."""
