"""Measures on further data."""

import numpy as np
import pytest

from plainnet import EarlyStopping, Network, train
from plainnet.callbacks import Evaluate
from plainnet.errors import SettingError
from plainnet.layers import Dense
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import SGD


def test_the_accuracy_on_the_training_data(rng):
    net = Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=4, seed=0, dtype=np.float64)
    X, y, w = rng.standard_normal((40, 4)), np.arange(40) % 3, rng.uniform(0, 1, 40)
    stopping = EarlyStopping("train_f1", mode="max", patience=9)
    callbacks = [Evaluate("train", X, y, w, metrics=["f1"]), stopping]
    settings = {"optimizer": SGD(0.5), "epochs": 9, "batch_size": 8, "progress": False}
    history = train(net, X, y, callbacks=callbacks, **settings)
    assert list(history.columns) == ["loss", "train_loss", "train_accuracy", "train_f1"]
    assert stopping.best == max(history["train_f1"])
    assert history["train_accuracy"][stopping.best_epoch] == net.evaluate(X, y, w)["accuracy"]
    with pytest.raises(SettingError, match=r"must be \(X, y\)"):
        train(net, X, y, callbacks=[Evaluate("train", X)], **settings)


@pytest.mark.parametrize("names", [["val"], ["a", "a"]])
def test_two_measures_of_one_name_are_refused(names, rng):
    X, y = rng.standard_normal((8, 2)), rng.integers(0, 2, 8)
    network = Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    with pytest.raises(SettingError, match=f"measures {names[0]}_... already"):
        train(
            network, X, y, optimizer=SGD(), epochs=2, batch_size=4, progress=False,
            validation_data=(X, y), callbacks=[Evaluate(name, X, y) for name in names],
        )  # fmt: skip


def test_data_without_targets_are_called_by_their_name(rng):
    X = rng.standard_normal((8, 2))
    network = Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    with pytest.raises(
        SettingError, match=r"the data of Evaluate\('a', \.\.\.\) must be \(X, y\) or"
    ):
        train(
            network, X, np.zeros(8, int), optimizer=SGD(), epochs=2, batch_size=4, progress=False,
            callbacks=[Evaluate("a", X)],
        )  # fmt: skip
