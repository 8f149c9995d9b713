"""scikit-learn's own tests of its MLP, read from the installed package, on our two classes."""

from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

THEIRS = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"
OURS = "from plainnet.estimators import MLPClassifier, MLPRegressor\n"

PRIVATE = {
    "test_gradient": "_loss_grad_lbfgs, a gradient by packed vectors; check_gradients has ours",
}
"""Tests that call a private method of scikit-learn's class, and which."""

# They let warnings pass that are errors here.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def global_random_seed():
    """scikit-learn's conftest has it."""
    return 42


origin = find_spec("sklearn.neural_network.tests").submodule_search_locations[0] + "/test_mlp.py"
source = Path(origin).read_text(encoding="utf-8")
if source.count(THEIRS) != 1:
    raise RuntimeError(f"{origin} imports the two classes in another way than expected")
# The names have to be ours before the decorators with parameters run.
exec(compile(source.replace(THEIRS, OURS), origin, "exec"))
for name, needs in PRIVATE.items():
    globals()[name] = pytest.mark.xfail(reason=f"private: {needs}")(globals()[name])


def test_the_classes_are_ours():
    own = "plainnet.estimators.mlp.estimators"
    assert MLPClassifier.__module__ == MLPRegressor.__module__ == own  # noqa: F821
    assert sum(name.startswith("test_") for name in globals()) > 40
