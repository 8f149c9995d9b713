"""The bar of training: it moves with the steps, shows the time left, and never ends training."""

import io
import re
import sys

import numpy as np
import pytest

import plainnet
from plainnet.callbacks.progress import Progress
from plainnet.layers import Dense
from plainnet.optimizers import SGD


def train(progress, batches=None, **how):
    network = plainnet.Network(
        [Dense(2)], loss=plainnet.losses.SoftmaxCrossEntropy(), input_shape=2, seed=0
    )
    X, y = np.ones((12, 2), np.float32), np.arange(12) % 2
    data = (X, y) if batches is None else (batches,)
    how = how or ({"batch_size": 4} if batches is None else {})
    how |= {"callbacks": [progress], "progress": False}
    return plainnet.train(network, *data, optimizer=SGD(), epochs=2, seed=0, **how)


def test_the_bar_counts_steps_and_shows_the_time_left():
    pytest.importorskip("tqdm", reason="the extra `progress` is not installed")
    stream = io.StringIO()
    train(Progress(stream))
    last = stream.getvalue().replace("\r", "\n").split("\n")[-2]
    assert last.startswith("epoch 2/2: 100%")
    assert re.search(r" 6/6 \[\d\d:\d\d<00:00, ", last)  # taken<left
    assert ", loss=" in last


def test_where_the_steps_are_not_known_it_counts_epochs():
    pytest.importorskip("tqdm", reason="the extra `progress` is not installed")
    stream = io.StringIO()

    class Batches:
        def __iter__(self):
            yield np.ones((4, 2), np.float32), np.arange(4) % 2

    train(Progress(stream), Batches())
    assert re.search(r" 2/2 \[\d\d:\d\d<00:00, ", stream.getvalue())


class Broken(io.StringIO):
    """A terminal that is gone, after some characters."""

    def __init__(self, takes):
        super().__init__()
        self.takes = takes

    def write(self, text):
        self.takes -= len(text)
        if self.takes < 0:
            raise OSError(5, "Input/output error")
        return len(text)


@pytest.mark.parametrize("takes", [0, 60, 200, 300])
@pytest.mark.parametrize("tqdm", ["with", "without"])
def test_training_goes_on_where_nothing_can_be_shown(monkeypatch, takes, tqdm):
    if tqdm == "without":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert len(train(Progress(Broken(takes)))) == 2


def test_a_process_without_streams_trains(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert len(train(Progress())) == 2
