"""A run that is cut off and resumed is the run that was not: the same bits."""

import json
import os
from functools import partial

import numpy as np
import pandas as pd
import pytest

from optimizers.cases import every_optimizer
from plainnet import Callback, Network, load, save, train
from plainnet.augmentation import Crop, Erase, Flip, Shift
from plainnet.callbacks import EMA, Checkpoint, CSVLog, EarlyStopping, Evaluate, Progress, TimeLimit
from plainnet.data import Streams, Windows
from plainnet.errors import DivergedError, FileError, SettingError
from plainnet.files.native import read_metadata
from plainnet.layers import (
    LSTM,
    BatchNorm,
    Concatenate,
    Conv1d,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    Graph,
    ReLU,
    Tanh,
)
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam, AdamW
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.schedules import Constant, Cosine, Exponential, FlatCos, ReduceOnPlateau, Step

m, EPOCHS = 53, 5  # 4 batches of 16, the last short
draws = np.random.default_rng(5)
X, y, w = draws.standard_normal((m, 6)).astype("f"), draws.integers(0, 3, m), draws.random(m)
held = draws.standard_normal((20, 6)).astype("f"), draws.integers(0, 3, 20)
images = draws.random((m, 8, 8, 1)).astype("f")
text = draws.integers(0, 11, 300)


@pytest.fixture(autouse=True)
def no_power_failures(monkeypatch):
    """Hundreds of files are written: none waits for the disk."""
    monkeypatch.setattr("plainnet.files.places._sync", lambda file: None)
    monkeypatch.setattr("plainnet.files.places._sync_folder", lambda folder: None)


class Killed(Exception):
    pass


class Kill(Callback):
    """Ends the process, as far as `train` can tell, in this hook at these steps, once each."""

    def __init__(self, hook, steps):
        self.hook, self.steps = hook, steps

    def at(self, run, hook):
        if hook == self.hook and run.step in self.steps:
            self.steps.remove(run.step)
            raise Killed

    def begin_step(self, run):
        self.at(run, "begin_step")

    def end_step(self, run):
        self.at(run, "end_step")

    def end_epoch(self, run):
        self.at(run, "end_epoch")


class Halve(Callback):
    """Changes a setting, and remembers nothing."""

    def end_epoch(self, run):
        run.optimizer.learning_rate /= 2


class Unfreeze(Callback):
    def begin_training(self, run):
        run.network.freeze("*.b")

    def end_epoch(self, run):
        if run.epoch == 1:
            run.network.unfreeze("*.b")


def dense():
    return [GaussianNoise(0.1), Dense(9), BatchNorm(), ReLU(), Dropout(0.3), Dense(3)]


def quiet():
    return [Dense(5), Tanh(), Dense(3)]


def convolution():
    return [Conv2d(2, 3), BatchNorm(), ReLU(), Dropout(0.2), Flatten(), Dense(3)]


def recurrent():
    return [
        Embedding(11, 4), Conv1d(4, 3, padding="causal"), LSTM(5, return_sequences=True),
        Dropout(0.2), Dense(11),
    ]  # fmt: skip


def ends(
    path, *, kill=("end_step", ()), steps=1, every=1, epochs=EPOCHS, layers=dense, shape=6,
    dtype=np.float32, data=lambda: (X, y), optimizer=Adam, before=lambda network: [],
    after=lambda network: [], seed=3, **settings,
):  # fmt: skip
    """Everything that a run leaves, started as often as it is killed."""
    if len(data()) == 2 and optimizer is not LBFGS:
        settings = {"batch_size": 16, **settings}
    deaths = list(kill[1])
    while True:
        network = Network(
            layers(), loss=SoftmaxCrossEntropy(), input_shape=shape, seed=1, dtype=dtype
        )
        rng = np.random.default_rng(seed)
        callbacks = [
            *before(network), Checkpoint(path, steps=steps, every=every), *after(network),
            Kill(kill[0], deaths),
        ]  # fmt: skip
        made = optimizer()
        try:
            history = train(
                network, *data(), optimizer=made, epochs=epochs, seed=rng, callbacks=callbacks,
                resume=path, progress=False, **settings,
            )  # fmt: skip
        except Killed:
            continue
        break
    assert not deaths
    arrays = {"parameters": network.parameters, "state": network.state}
    if optimizer is not LBFGS:
        arrays |= made.state
    left = {name: (array.dtype, array.tolist()) for name, array in arrays.items()}
    return left, dict(history), history.stopped, rng.bit_generator.state, repr(made)


def expect_the_same(tmp_path, hooks=("begin_step", "end_step"), kills=(2, 3, 7, 10, 18), **given):
    whole = ends(tmp_path / "whole.npz", **given)
    for hook in hooks:
        path = tmp_path / f"{hook}.npz"
        assert ends(path, kill=(hook, kills), **given) == whole, hook
        given = {**given, "steps": 3}  # so that steps are made again
    path = tmp_path / "epochs.npz"
    given |= {"steps": None, "every": 2}
    assert ends(path, kill=("end_step", kills), **given) == whole


@every_optimizer
def test_with_every_optimizer(make, tmp_path):
    """In batches of 4 there are 70 steps: accumulators next to zero are flushed at the 64th."""
    expect_the_same(tmp_path, optimizer=make, batch_size=4, kills=(30, 65))


@pytest.mark.parametrize(
    "settings",
    [
        {"dtype": np.float64},
        {"shuffle": False},
        {"batch_size": m, "kills": (2, 3)},
        {"accumulate": 3, "batch_size": 5},
        {"mixup": 0.3},
        {"clip_norm": 0.1},
        {"sample_weight": w * 1e30},
        {"class_weight": "balanced"},
        {"overfit_batches": 2, "kills": (2, 3, 7)},
        {"validation_data": held, "metrics": ["f1"]},
        {"accumulate": 2, "mixup": 0.2, "sample_weight": w, "kills": (2, 3, 7)},
    ],
    ids=lambda settings: "+".join(settings),
)
def test_with_every_setting(settings, tmp_path):
    expect_the_same(tmp_path, **settings)


CALLBACKS = {
    "EarlyStopping": lambda network: [EarlyStopping("loss", patience=3)],
    "stopped": lambda network: [EarlyStopping(patience=2, min_delta=10.0)],
    "EMA": lambda network: [EMA(0.9)],
    "EMA and EarlyStopping": lambda network: [EMA(0.9), EarlyStopping(patience=2)],
    "Cosine": lambda network: [Cosine(warmup=3), FlatCos(of="rate", on=network.layers[4])],
    "Step": lambda network: [Step(2), Constant(warmup=2, of="weight_decay")],
    "ReduceOnPlateau": lambda network: [ReduceOnPlateau(0.5, patience=1, min_delta=0.5)],
    "Evaluate": lambda network: [Evaluate("own", *held), EarlyStopping("own_loss", mode="min")],
    "Halve": lambda network: [Halve()],
    "Unfreeze": lambda network: [Unfreeze()],
    "TimeLimit": lambda network: [TimeLimit(1e6)],
}


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("name", CALLBACKS)
def test_with_every_callback(name, where, tmp_path):
    """Before the checkpoint and after it, and killed in its epochs' ends too."""
    optimizer = partial(AdamW, 0.01, weight_decay=0.1)
    given = {"validation_data": held, "optimizer": optimizer, where: CALLBACKS[name]}
    kills = (2, 3, 7) if name == "stopped" else (2, 3, 7, 10, 18)
    expect_the_same(tmp_path, kills=kills, **given)
    if name != "stopped":
        whole = ends(tmp_path / "again.npz", **given)
        assert ends(tmp_path / "ends.npz", kill=("end_epoch", (4, 12)), **given) == whole


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_table_has_each_row_once(where, tmp_path):
    table = tmp_path / "log.csv"
    given = {"steps": 3, where: lambda network: [CSVLog(table)]}
    whole = ends(tmp_path / "whole.npz", **given)
    expected = table.read_text()
    for hook, kills in (("end_step", (5, 14)), ("end_epoch", (4, 8, 20))):
        path = tmp_path / f"{hook}.npz"
        assert ends(path, kill=(hook, kills), **given) == whole
        assert table.read_text() == expected
    assert pd.read_csv(table)["epoch"].tolist() == [1, 2, 3, 4, 5]


def test_a_table_that_has_lost_rows_is_not_gone_on_with(tmp_path):
    table, path = tmp_path / "log.csv", tmp_path / "run.npz"
    given = {"before": lambda network: [CSVLog(table)]}
    ends(path, **given)
    table.write_text("epoch,loss\n")
    with pytest.raises(FileError, match=r"log.csv has 11 bytes, and had"):
        ends(path, **given)


def test_tensorboard_gets_each_point_once(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra `tensorboard` is not installed")
    from plainnet.callbacks import TensorBoardLog

    given = {"before": lambda network: [TensorBoardLog(tmp_path / "board")]}
    whole = ends(tmp_path / "whole.npz", **given)
    assert ends(tmp_path / "run.npz", kill=("end_step", (5, 14)), **given) == whole


def test_progress_counts_on(tmp_path):
    pytest.importorskip("tqdm", reason="the extra `progress` is not installed")
    totals = []

    class Counted(Progress):
        def end_training(self, run):
            if self._bar is not None:
                totals.append((self._bar.initial, self._bar.n, self._bar.total))
            super().end_training(run)

    with open(os.devnull, "w") as stream:
        ends(
            tmp_path / "run.npz", kill=("begin_step", (5, 14)),
            after=lambda network: [Counted(stream)],
        )  # fmt: skip
    assert totals == [(0, 5, 20), (4, 14, 20), (13, 20, 20)]


def test_with_images_that_are_augmented(tmp_path):
    expect_the_same(
        tmp_path, layers=convolution, shape=(8, 8, 1), data=lambda: (images, y), mixup=0.1,
        augment=[Flip(), Shift(1), Erase(2), Crop(0.2)],
    )  # fmt: skip


def test_from_the_disk(tmp_path):
    def on_disk():
        array = np.memmap(tmp_path / "X", np.float32, "w+", shape=X.shape)
        array[:] = X
        return array, y

    expect_the_same(tmp_path, data=on_disk, sample_weight=w)


def lists():
    return ([(X[i::4], y[i::4]) for i in range(4)],)


def windows():
    return (Windows(text, length=7, batch_size=4, n=5, seed=2),)


def streams():
    return (Streams(text, length=7, batch_size=4),)


@pytest.mark.parametrize(
    "given",
    [
        {"data": lists},
        {"data": lists, "after": lambda network: [EMA(0.9)]},
        {"data": windows, "layers": recurrent, "shape": (None,)},
        {"data": streams, "layers": recurrent, "shape": (None,), "carry": True},
        {"data": streams, "layers": recurrent, "shape": (None,), "carry": True, "accumulate": 2},
    ],
    ids=["a list", "and EMA", "Windows", "Streams, carried", "accumulated"],
)
def test_with_batches_of_ones_own(given, tmp_path):
    expect_the_same(tmp_path, **given)


def test_windows_that_share_the_generator(tmp_path):
    """Dropout and the windows draw from one generator, in turn."""
    shared = {}

    def network_layers():
        shared["rng"] = np.random.default_rng(3)
        return recurrent()

    def data():
        rng = shared.get("rng")
        return (Windows(text, length=7, batch_size=4, n=5, seed=rng),)

    def left(path, kills):
        kills = list(kills)
        while True:
            network = Network(
                network_layers(), loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=1
            )
            try:
                train(
                    network, *data(), optimizer=Adam(), epochs=3, seed=shared["rng"],
                    callbacks=[Checkpoint(path, steps=2), Kill("end_step", kills)], resume=path,
                    progress=False,
                )  # fmt: skip
            except Killed:
                continue
            return network.parameters.tolist(), shared["rng"].bit_generator.state

    assert left(tmp_path / "a.npz", [4, 7]) == left(tmp_path / "b.npz", [])


@pytest.mark.parametrize("layers", [quiet, dense])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"after": lambda network: [EMA(0.5), EarlyStopping(patience=20)]},
        {"before": lambda network: [Unfreeze()]},
        {"after": lambda network: [Unfreeze()]},
    ],
    ids=["alone", "averaged", "unfrozen before", "unfrozen after"],
)
def test_lbfgs(layers, given, tmp_path):
    """SciPy's model of the curvature is what it was."""
    hooks = ("end_step", "end_epoch") if layers is quiet else ("end_step",)
    given = {**given, "validation_data": held, "epochs": 12, "layers": layers, "optimizer": LBFGS}
    if layers is dense:  # with noise, a search may end early
        given["epochs"] = 4
    kills = (1, 2) if layers is dense else (1, 3, 8)
    expect_the_same(tmp_path, hooks=hooks, kills=kills, **given)


def test_evaluations_are_not_made_again(tmp_path, monkeypatch):
    counts = []
    real = Network.step

    def step(self, *given):
        counts.append(1)
        return real(self, *given)

    monkeypatch.setattr(Network, "step", step)
    given = {"layers": quiet, "optimizer": LBFGS, "epochs": 12}
    whole = ends(tmp_path / "whole.npz", **given)
    made, counts[:] = len(counts), []
    assert ends(tmp_path / "run.npz", kill=("end_epoch", (9,)), **given) == whole
    assert len(counts) == made


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_with_every_generator(kind, tmp_path):
    def left(path, kills):
        kills = list(kills)
        while True:
            network = Network(dense(), loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)
            try:
                train(
                    network, X, y, optimizer=Adam(), epochs=3, batch_size=16, resume=path,
                    seed=np.random.Generator(getattr(np.random, kind)(3)),
                    callbacks=[Checkpoint(path, steps=2), Kill("end_step", kills)], progress=False,
                )  # fmt: skip
            except Killed:
                continue
            return network.parameters.tolist()

    assert left(tmp_path / "a.npz", [4, 7]) == left(tmp_path / "b.npz", [])


# --- what the file is -----------------------------------------------------------------------------


def test_the_file_is_a_network(tmp_path):
    path = tmp_path / "run.npz"
    ends(path, kill=("end_step", ()), validation_data=held)
    assert load(path).predict(X).shape == (m,)
    assert read_metadata(path).keys() == {"epoch", "measures"}


def test_its_metadata_in_the_middle_of_an_epoch(tmp_path):
    path = tmp_path / "run.npz"
    network = Network(quiet(), loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)
    with pytest.raises(Killed):
        train(
            network, X, y, optimizer=Adam(), epochs=2, batch_size=16, progress=False,
            callbacks=[Checkpoint(path, steps=3), Kill("end_step", [6])],
        )  # fmt: skip
    metadata = read_metadata(path)
    assert metadata["measures"].keys() == {"loss"}
    assert (metadata["epoch"], metadata["step"]) == (1, 6)


def test_a_run_that_has_ended_ends_again(tmp_path):
    path = tmp_path / "run.npz"
    given = {"after": lambda network: [EMA(0.9), EarlyStopping("loss", patience=3)]}
    assert ends(path, **given) == ends(path, **given)


def test_more_epochs_than_before(tmp_path):
    ends(tmp_path / "a.npz", epochs=2)
    assert ends(tmp_path / "a.npz", epochs=5) == ends(tmp_path / "b.npz", epochs=5)


def test_any_parameters_and_any_seed_of_the_network_will_do(tmp_path):
    path = tmp_path / "run.npz"
    whole = ends(path)
    network = Network(dense(), loss=SoftmaxCrossEntropy(), input_shape=6, seed=99)
    train(
        network, X, y, optimizer=Adam(), epochs=EPOCHS, batch_size=16,
        seed=np.random.default_rng(100), resume=path, progress=False,
        callbacks=[Checkpoint(path), Kill("", [])],
    )  # fmt: skip
    assert network.parameters.tolist() == whole[0]["parameters"][1]


def test_ctrl_c_is_not_the_end_of_a_resumed_run(tmp_path):
    path = tmp_path / "run.npz"

    class Interrupt(Callback):
        def __init__(self, step):
            self.step = step

        def end_step(self, run):
            if run.step == self.step:
                run.interrupt("Ctrl-C")

    def left(step):
        network = Network(dense(), loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)
        history = train(
            network, X, y, optimizer=Adam(), epochs=3, batch_size=16, seed=3, resume=path,
            callbacks=[Interrupt(step), Checkpoint(path, steps=1)], progress=False,
        )  # fmt: skip
        return network.parameters.tolist(), dict(history), history.stopped

    assert left(5)[2] == "Ctrl-C"
    resumed = left(-1)
    path.unlink()
    assert left(-1) == resumed


def test_a_diverging_run_diverges_again(tmp_path):
    def left(path, kills):
        kills = list(kills)
        while True:
            layers = [Dense(5), ReLU(), Dense(3)]
            network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)
            try:
                train(
                    network, X, y, optimizer=SGD(1e6), epochs=30, batch_size=4, resume=path,
                    callbacks=[Checkpoint(path, steps=1), Kill("end_step", kills)], seed=1,
                    progress=False, shuffle=False,
                )  # fmt: skip
            except Killed:
                continue
            except DivergedError as error:
                return str(error), network.parameters.tolist()
            pytest.fail("the run did not diverge")

    assert left(tmp_path / "a.npz", [0, 1]) == left(tmp_path / "b.npz", [])


class Count(Callback):
    """Remembers, with the two methods or without them."""

    def begin_training(self, run):
        self.seen = []

    def end_step(self, run):
        self.seen.append(run.step)


class Kept(Count):
    def resume_state(self):
        return {"seen": self.seen, "array": np.arange(3)}

    def resume(self, state):
        self.seen = state["seen"]
        assert state["array"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("kind", "seen"), [(Count, range(6, 20)), (Kept, range(20))])
def test_a_callback_of_ones_own(kind, seen, tmp_path):
    made = []

    def count(network):
        made.append(kind())
        return [made[-1]]

    ends(tmp_path / "run.npz", kill=("begin_step", (6,)), before=count)
    assert made[-1].seen == list(seen)


class Unsavable(Callback):
    def resume_state(self):
        return {"thing": object()}


def test_what_a_file_cannot_hold_is_named(tmp_path):
    with pytest.raises(SettingError, match=r"a file cannot hold training.callbacks.0.thing: <obj"):
        ends(tmp_path / "run.npz", before=lambda network: [Unsavable()])
    assert not (tmp_path / "run.npz").exists()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layers": quiet}, r"network.layers had|network.layers was"),
        (
            {"layers": lambda: [GaussianNoise(0.1), Dense(8), *dense()[2:]]},
            r"network.layers\[1\].units was 9 and is 8",
        ),
        ({"dtype": np.float64}, "network.dtype was 'float32' and is 'float64'"),
        ({"optimizer": AdamW}, "optimizer.type was 'Adam' and is 'AdamW'"),
        ({"optimizer": lambda: Adam(0.1)}, "optimizer.learning_rate was 0.001 and is 0.1"),
        ({"batch_size": 8}, "batch_size was 16 and is 8"),
        ({"accumulate": 2}, "accumulate was 1 and is 2"),
        ({"mixup": 0.1}, r"mixup was 0(\.0)? and is 0.1"),
        ({"shuffle": False}, "shuffle was True and is False"),
        ({"augment": [Flip()]}, "augment was"),
        ({"after": lambda network: [EMA()]}, "callbacks"),
        ({"data": lambda: (X[:-1], y[:-1])}, r"X.shape\[0\] was 53 and is 52"),
        ({"data": lambda: (X + 1, y)}, "X holds other values than before"),
        ({"data": lambda: (X, (y + 1) % 3)}, "y holds other values than before"),
        ({"sample_weight": w}, "sample_weight was not given and is now"),
        ({"validation_data": held}, "validation_data was not given and is now"),
        ({"epochs": 4}, "is in epoch 5; got epochs=4"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_another_run_is_refused_by_what_differs(given, message, tmp_path):
    path = tmp_path / "run.npz"
    ends(path)
    before = path.read_bytes()
    with pytest.raises(SettingError, match=message):
        ends(path, **given)
    assert path.read_bytes() == before


def resumed(path, **settings):
    network = Network(quiet(), loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)
    return train(
        network, X, y, epochs=2, batch_size=16, resume=path, progress=False,
        **{"optimizer": Adam(), **settings},
    )  # fmt: skip


def test_another_seed_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    resumed(path, seed=1, callbacks=[Checkpoint(path)])
    with pytest.raises(SettingError, match="seed was 1 and is 2"):
        resumed(path, seed=2, callbacks=[Checkpoint(path)])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (EMA(0.9), EMA(0.5), r"callbacks\[0\].decay was 0.9 and is 0.5"),
        (EarlyStopping("loss", patience=1), EarlyStopping("loss", patience=2), "patience was 1"),
        (Exponential(0.9), Exponential(0.8), r"callbacks\[0\].by was 0.9 and is 0.8"),
    ],
)
def test_callbacks_with_other_settings_are_refused(before, after, message, tmp_path):
    path = tmp_path / "run.npz"
    resumed(path, seed=1, callbacks=[before, Checkpoint(path)])
    with pytest.raises(SettingError, match=message):
        resumed(path, seed=1, callbacks=[after, Checkpoint(path)])


def test_a_file_for_each_epoch_is_resumed_from_the_last(tmp_path):
    pattern, epochs = str(tmp_path / "{epoch}.npz"), []

    class Note(Callback):
        def end_epoch(self, run):
            epochs.append(run.epoch)

    history = resumed(pattern, seed=1, callbacks=[Note(), Checkpoint(pattern)])
    (tmp_path / "2.npz").unlink()
    assert resumed(pattern, seed=1, callbacks=[Note(), Checkpoint(pattern)]) == history
    assert epochs == [0, 1, 1]


def test_a_missing_file_that_nothing_writes(tmp_path):
    with pytest.raises(
        FileError, match=r"no file .*a\.npz to resume from, and none of the callbacks"
    ):
        resumed(tmp_path / "a.npz", callbacks=[Checkpoint(tmp_path / "b.npz")])


def test_a_network_alone_cannot_be_resumed(tmp_path):
    path = tmp_path / "run.npz"
    save(Network(quiet(), loss=SoftmaxCrossEntropy(), input_shape=6, seed=1), path)
    with pytest.raises(FileError, match="holds a network, and not how its training stands"):
        resumed(path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 and no more"])
def test_a_file_of_something_else(content, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(FileError, match="is not a plainnet model"):
        resumed(path)


def rewritten(path, change):
    """The file with another text about its training."""
    with np.load(path) as file:
        arrays = dict(file)
    training = json.loads(str(arrays["training"]))
    change(training)
    np.savez(path, **{**arrays, "training": np.array(json.dumps(training))})


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("mean"),
        lambda t: t.update(optimizer=None),
        lambda t: t.update(callbacks=[]),
        lambda t: t.update(history=3),
        lambda t: t["batches"].update(now={"rng": {}, "given": None}),
        lambda t: t["batches"].update(begun={"rng": {}, "given": None}),
        lambda t: t.update(callback=7),
        lambda t: t.pop("hook"),
        lambda t: t.pop("epoch"),
        lambda t: t.pop("settings"),
        lambda t: t["optimizer"]["accumulators"].update(M={"__array__": "training.nothing"}),
        lambda t: t["optimizer"]["accumulators"].update(M={"__array__": "parameters"}),
        lambda t: t["last_finite"].update(state=t["last_finite"]["parameters"]),
        lambda t: t.update(version=2),
    ],
)
def test_a_damaged_text_is_one_error(change, tmp_path):
    path = tmp_path / "run.npz"
    resumed(path, callbacks=[Checkpoint(path)])
    rewritten(path, change)
    with pytest.raises(FileError, match=r"run\.npz"):
        resumed(path, callbacks=[Checkpoint(path)])


def test_a_file_from_before_there_was_l1(tmp_path):
    def run(path, *kills, **settings):
        watching = [Checkpoint(path), Kill("end_step", [*kills])]
        return resumed(path, callbacks=watching, seed=1, **settings)

    def as_before(training):
        assert training["optimizer_settings"].pop("l1") == 0
        assert training["settings"]["optimizer"].pop("l1") == 0

    path = tmp_path / "run.npz"
    with pytest.raises(Killed):
        run(path, 6)
    rewritten(path, as_before)
    with pytest.raises(SettingError, match=r"optimizer\.l1 was 0\.0 and is 0\.1"):
        run(path, optimizer=Adam(l1=0.1))
    assert run(path)["loss"] == run(tmp_path / "whole.npz")["loss"]


@pytest.mark.parametrize("path", [None, "{epoch}.npz"])
def test_steps_are_for_one_file_of_the_last_state(path):
    given = {"path": "a.npz", "monitor": "loss"} if path is None else {"path": path}
    with pytest.raises(SettingError, match="steps=3 saves in the middle of an epoch"):
        Checkpoint(**given, steps=3)


def test_with_several_inputs(tmp_path):
    """An average of a network with BatchNorm keeps batches of them."""

    def graph():
        nodes = {
            "a": (Dense(4), "left"),
            "b": (Dense(4), "right"),
            "both": (Concatenate(), "a", "b"),
            "normal": (BatchNorm(), "both"),
            "out": (Dense(3), "normal"),
        }
        return Graph(nodes, inputs=("left", "right"), outputs="out")

    expect_the_same(
        tmp_path, layers=graph, shape={"left": 4, "right": 2}, kills=(2, 7, 18),
        data=lambda: ({"left": X[:, :4], "right": X[:, 4:]}, y), after=lambda network: [EMA(0.9)],
    )  # fmt: skip
