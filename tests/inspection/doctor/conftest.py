"""The doctor compares with models that L-BFGS fits, which is SciPy's."""

import pytest

pytest.importorskip("scipy", reason="the extra `scipy` is not installed")
