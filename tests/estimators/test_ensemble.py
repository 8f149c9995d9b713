"""What the estimators of tables and of texts share: several networks, one after the other."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from plainnet.callbacks import Callback
from plainnet.estimators import (
    TabularClassifier,
    TabularRegressor,
    TextClassifier,
    TextRegressor,
)

rng = np.random.default_rng(0)
TABLE = rng.normal(size=(60, 3))
TEXTS = [" ".join(rng.choice(["fine", "dull", "film", "long"], 4)) for _ in range(60)]
ESTIMATORS = {
    "tables, classes": (TabularClassifier, TABLE),
    "tables, numbers": (TabularRegressor, TABLE),
    "texts, classes": (TextClassifier, TEXTS),
    "texts, numbers": (TextRegressor, TEXTS),
}
each = pytest.mark.parametrize(("kind", "X"), ESTIMATORS.values(), ids=ESTIMATORS)
y = np.arange(60) % 2


class CtrlC(Callback):
    """In the second network, before or at the first epoch's end."""

    def __init__(self, when):
        self.when, self.network = when, 0

    def begin_training(self, run):
        self.network += 1

    def end_step(self, run):
        if self.network == 2 and self.when == "before":
            run.stop("Ctrl-C")

    def end_epoch(self, run):
        if self.network == 2 and self.when == "at":
            run.stop("Ctrl-C")


@each
@pytest.mark.parametrize(("when", "kept"), [("before", 1), ("at", 2)])
@pytest.mark.parametrize(
    ("settings", "held"),
    [({}, {}), ({}, {"X_val": slice(9), "y_val": slice(9)}), ({"validation_fraction": 0}, {})],
)
def test_a_network_that_was_interrupted_is_kept_if_it_has_an_epoch(
    kind, X, when, kept, settings, held
):
    given = {name: (X if name == "X_val" else y)[rows] for name, rows in held.items()}
    model = kind(epochs=2, random_state=0, callbacks=[CtrlC(when)], **settings)
    with pytest.warns(UserWarning, match="interrupted by user") as warned:
        model.fit(X, y, **given)
    assert warned[0].filename == __file__
    assert len(model.networks_) == len(model.histories_) == len(model.best_epochs_) == kept
    assert min(model.best_epochs_) >= 0
    assert np.isfinite(model.predict(X).astype(float)).all()


@each
def test_a_fit_that_was_broken_off_is_not_a_fit(kind, X):
    class Fails(Callback):
        def begin_training(self, run):
            raise RuntimeError("no more memory")

    model = kind(callbacks=[Fails()])
    with pytest.raises(RuntimeError, match="no more memory"):
        model.fit(X, y)
    assert not hasattr(model, "network_")
    with pytest.raises(NotFittedError):
        model.predict(X)
