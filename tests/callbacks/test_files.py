"""Checkpoints, the table and TensorBoard's files: what is in them, and when."""

import csv
import struct
import sys

import numpy as np
import pandas as pd
import pytest

from plainnet import Callback, Network, load, train
from plainnet.callbacks import Checkpoint, CSVLog, TensorBoardLog
from plainnet.errors import DivergedError, MissingExtraError, SettingError
from plainnet.files.native import read_metadata
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD


def run(callbacks, *, epochs=4, learning_rate=0.1):
    net = Network([Dense(1)], loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64)
    X = np.random.default_rng(1).standard_normal((32, 3))
    history = train(
        net, X, X[:, 0], optimizer=SGD(learning_rate), epochs=epochs, batch_size=8, seed=2,
        validation_data=(X, X[:, 0]), callbacks=callbacks, progress=False,
    )  # fmt: skip
    return net, history


class Watch(Callback):
    def begin_training(self, run):
        self.parameters = []

    def end_epoch(self, run):
        self.parameters.append(run.network.parameters.copy())


# --- checkpoints ----------------------------------------------------------------------------------


def test_a_checkpoint_after_every_second_epoch(tmp_path):
    watch = Watch()
    _, history = run([watch, Checkpoint(tmp_path / "new" / "{epoch:03}.npz", every=2)], epochs=5)
    assert sorted(f.name for f in (tmp_path / "new").iterdir()) == ["002.npz", "004.npz"]
    for epoch in (2, 4):
        file = tmp_path / "new" / f"{epoch:03}.npz"
        np.testing.assert_array_equal(load(file).parameters, watch.parameters[epoch - 1])
        measures = {name: values[epoch - 1] for name, values in history.columns.items()}
        assert read_metadata(file) == {"epoch": epoch, "measures": measures}


def test_without_a_number_the_last_one_stays(tmp_path):
    net, _ = run([Checkpoint(str(tmp_path / "last.npz"))])
    np.testing.assert_array_equal(load(tmp_path / "last.npz").parameters, net.parameters)


class Script(Callback):
    """Gives the history a measure of given values."""

    def __init__(self, values):
        self.values = values

    def end_epoch(self, run):
        run.history.append({"x": self.values[run.epoch]})


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 4)])
def test_the_best_epoch_only(tmp_path, mode, best):
    watch = Watch()
    file = tmp_path / "best.npz"
    run([watch, Script([3, 1, 2, 5]), Checkpoint(file, monitor="x", mode=mode)])
    np.testing.assert_array_equal(load(file).parameters, watch.parameters[best - 1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"path": "{step}.npz"},
            r"only field a path may have in braces is \{epoch\}; got '\{step\}.npz'",
        ),
        ({"path": "{}.npz"}, "only"),
        ({"path": "{epoch.npz"}, "only"),
        ({"path": "a", "every": 0}, "every must be a whole number >= 1"),
        ({"path": "a", "monitor": "x"}, "not known whether more of 'x' is better"),
        ({"path": "a", "monitor": "loss", "every": 2}, "leave out every"),
    ],
)
def test_settings_of_a_checkpoint_are_checked(settings, message):
    with pytest.raises(SettingError, match=message):
        Checkpoint(**settings)


# --- the table ------------------------------------------------------------------------------------


def test_the_table_is_the_history(tmp_path):
    rows = []

    class Read(Callback):
        def end_epoch(self, run):
            rows.append(len(pd.read_csv(tmp_path / "log.csv")))

    _, history = run([CSVLog(tmp_path / "log.csv"), Read()])
    with open(tmp_path / "log.csv", newline="") as file:
        header, *table = csv.reader(file)  # pandas before 3 rounds the last digit
    assert rows == [1, 2, 3, 4]  # each is on the disk at once
    assert header == ["epoch", "loss", "val_loss"]
    assert [row[0] for row in table] == ["1", "2", "3", "4"]
    for position, values in enumerate(history.columns.values(), start=1):
        assert [float(row[position]) for row in table] == values


def test_a_new_training_replaces_the_table_or_goes_on_with_it(tmp_path):
    for append, epochs in [(True, [1, 2]), (True, [1, 2, 3, 4]), (False, [1, 2])]:
        run([CSVLog(str(tmp_path / "log.csv"), append=append)], epochs=2)
        assert pd.read_csv(tmp_path / "log.csv")["epoch"].tolist() == epochs
    with pytest.raises(
        SettingError, match="has the columns epoch,loss,val_loss; the history now has"
    ):
        run([Script([1, 2]), CSVLog(tmp_path / "log.csv", append=True)], epochs=2)


# --- TensorBoard ----------------------------------------------------------------------------------


def points(folder):
    """Every (name, step, value) in the event files, which are length, crc, record, crc."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for file in folder.iterdir():
        content, start = file.read_bytes(), 0
        while start < len(content):
            (length,) = struct.unpack_from("<Q", content, start)
            event = event_pb2.Event.FromString(content[start + 12 : start + 12 + length])
            found += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
            start += length + 16
    return found


def test_tensorboard_gets_a_point_an_epoch(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra `tensorboard` is not installed")
    _, history = run([TensorBoardLog(tmp_path)])
    expected = [
        (name, epoch + 1, np.float32(history[name][epoch]))
        for epoch in range(4)
        for name in ("loss", "val_loss")
    ]
    assert points(tmp_path) == expected


def test_what_was_logged_before_an_error_is_there(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra `tensorboard` is not installed")
    with pytest.raises(DivergedError):
        run([TensorBoardLog(tmp_path)], epochs=2000, learning_rate=1.5)
    assert len(points(tmp_path)) > 2


def test_without_tensorboard_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"plainnet\[tensorboard\]"):
        run([TensorBoardLog("anywhere")])
