"""The view in a notebook, without one: what the page would send and be told."""

import gc
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import SettingError
from plainnet.layers import Conv2d, Dense, Flatten, Graph, ReLU
from plainnet.losses import (
    Focal,
    Hinge,
    Huber,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)

pytest.importorskip("anywidget", reason="anywidget is not installed")

from ipywidgets.widgets.widget import _instances

from plainnet.playground import View

PATIENCE = 60


class Page:
    """The other end of a view's channel."""

    def __init__(self, view):
        self.view, self.told, self._news = view, [], threading.Condition()
        view.send = self._take
        self.ask("hello")

    def _take(self, content, buffers=None):
        with self._news:
            self.told.append(content)
            self._news.notify_all()
        if content["is"] == "frame":
            self.ask("drawn", number=content["number"])

    def ask(self, command, **fields):
        self.view._handle_custom_msg({"do": command, **fields}, [])

    def wait(self, kind, found=lambda content: True):
        def said():
            return [each for each in self.told if each["is"] == kind and found(each)]

        with self._news:
            assert self._news.wait_for(said, PATIENCE), self.told[-3:]
            return said()[-1]

    def train(self, steps):
        """`steps` more, and the last state."""
        done = self.view._session.training.step + steps
        self.ask("advance", steps=steps)
        return self.wait("state", lambda e: e["step"] == done and e["status"] == "paused")

    def refused(self, command, **fields):
        self.ask(command, **fields)
        return self.wait("refused", lambda each: each["what"] == command)["why"]


@pytest.fixture
def show():
    """Makes views, which are closed after the test."""
    views = []

    def call(*args, **known):
        views.append(View(*args, **known))
        return Page(views[-1])

    yield call
    for view in views:
        view.close()
        assert view._session.join(PATIENCE)


def dense(n_in, n_out, loss, **known):
    return Network([Dense(6), ReLU(), Dense(n_out)], loss=loss, input_shape=n_in, seed=0, **known)


def rows(n, m=60):
    X = np.random.default_rng(0).standard_normal((m, n))
    return X, (X[:, 0] > 0).astype(int)


LOSSES = [
    (SoftmaxCrossEntropy(), 2),
    (SigmoidCrossEntropy(), 1),
    (Focal(), 2),
    (Hinge(), 2),
    (MeanSquaredError(), 1),
    (Huber(), 1),
]


@pytest.mark.parametrize(("loss", "n_out"), LOSSES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("n_in", [1, 2, 30])
def test_a_network_learns_by_any_loss(show, n_in, loss, n_out):
    X, y = rows(n_in)
    network = dense(n_in, n_out, loss)
    page = show(network, X, y, learning_rate=0.05)

    page.train(40)

    assert page.wait("network")["loss"] == repr(loss)
    assert page.view.network.evaluate(X, y)["loss"] < network.evaluate(X, y)["loss"]


def test_a_view_changes_a_copy_and_gives_one(show):
    X, y = rows(2)
    network = dense(2, 2, SoftmaxCrossEntropy())
    before = network.parameters.copy()
    page = show(network, X, y)
    page.train(7)
    shown = page.view.network
    np.testing.assert_array_equal(network.parameters, before)
    np.testing.assert_array_equal(shown.parameters, page.view._session.shown.parameters)
    assert not np.array_equal(shown.parameters, before)

    shown.parameters[:] = 0
    page.ask("show", step=0)
    page.wait("frame", lambda each: each["step"] == 0 and each["last"] == 7)

    np.testing.assert_array_equal(page.view.network.parameters, before)


def test_float64(show):
    X, y = rows(2)
    page = show(dense(2, 2, SoftmaxCrossEntropy(), dtype=np.float64), X, y)
    page.train(3)
    assert page.view.network.parameters.dtype == np.float64


def test_images(show):
    X, y = np.random.default_rng(0).random((40, 8, 8, 1)), np.arange(40) % 3
    layers = [Conv2d(4, 3), ReLU(), Flatten(), Dense(3)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=(8, 8, 1), seed=0)
    page = show(network, X, y, test=(X[:5], y[:5]))
    assert page.train(5)["fixed"] == {"data": True, "layers": True}
    page.ask("explain", row=3)
    assert page.wait("steps")["inputs"][4]["text"].startswith(f"{X[3, 0, 4, 0]:.3f}")
    page.ask("explain", point=[0.0, 0.0])
    page.wait("steps", lambda each: each["row"] is None)


def test_a_graph(show):
    X, y = rows(2)
    parts = {"a": (Dense(3), "x"), "r": (ReLU(), "a"), "b": (Dense(2), "r")}
    graph = Graph(parts, inputs="x", outputs="b")
    page = show(Network(graph, loss=SoftmaxCrossEntropy(), input_shape=2, seed=0), X, y)
    page.train(5)
    assert [each["units"] for each in page.wait("network")["columns"]] == [3, 2]


def test_a_data_frame_names_its_columns(show):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    X, y = rows(2)
    frame = pandas.DataFrame(X, columns=["width", "height"])
    page = show(dense(2, 2, SoftmaxCrossEntropy()), frame, y, classes=["no", "yes"])
    examples = page.wait("examples")
    assert examples["names"] == ("width", "height")
    assert examples["classes"] == ("no", "yes")


# --- changing it -------------------------------------------------------------------------------

SMALLER = {"layers": [{"units": 3, "activation": "tanh"}]}


def test_the_layers_of_a_plain_network_change_and_come_back(show):
    X, y = rows(2)
    network = dense(2, 2, Focal())
    page = show(network, X, y)
    page.train(4)

    page.ask("settings", change=SMALLER)
    changed = page.wait("network", lambda each: each["columns"][0]["units"] == 3)
    assert changed["loss"] == repr(Focal())

    page.ask("settings", change={"layers": [{"units": 6, "activation": "relu"}]})
    page.train(2)
    page.ask("begin")
    page.refused("mark")  # so what came before has been obeyed
    np.testing.assert_array_equal(page.view.network.parameters, network.parameters)


def test_what_is_refused_leaves_the_network_that_was_given(show):
    X, y = rows(2)
    network = dense(2, 2, SoftmaxCrossEntropy())
    page = show(network, X, y)
    assert "does not suit" in page.refused("settings", change={"loss": "huber"})
    page.ask("begin")
    page.train(1)
    first = page.view._session.training.past.at(0)
    np.testing.assert_array_equal(first.parameters, network.parameters)


def test_a_network_without_hidden_layers(show):
    X, y = rows(2)
    network = Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    state = show(network, X, y).train(1)
    assert state["fixed"] == {"data": True, "layers": False}
    assert state["settings"]["layers"] == []


@pytest.mark.parametrize(
    "network",
    [
        Network([Dense(3), Dense(2, bias=False)], loss=Focal(), input_shape=2, seed=0),
        dense(2, 1, SigmoidCrossEntropy()),
        dense(2, 2, Focal(gamma=3.0)),
    ],
    ids=["layers", "loss", "a setting of the loss"],
)
def test_what_settings_cannot_build_stays(show, network):
    X, y = rows(2)
    page = show(network, X, y)
    assert "was given in Python" in page.refused("settings", change=SMALLER)
    page.ask("begin")
    page.train(1)
    assert page.wait("network")["loss"] == repr(network.loss)


def test_the_data_stay(show):
    page = show(dense(2, 2, SoftmaxCrossEntropy()), *rows(2))
    why = page.refused("settings", change={"data": "moons"})
    assert "the rows were given in Python" in why


def test_settings_of_learning_change(show):
    page = show(dense(2, 2, SoftmaxCrossEntropy()), *rows(2), optimizer="sgd", batch_size=60)
    page.ask("settings", change={"learning_rate": 0.5})
    assert page.train(1)["settings"]["learning_rate"] == 0.5


@pytest.mark.parametrize("name", ["layers", "loss", "data", "noise", "learning_rat"])
def test_other_settings_are_refused(name):
    with pytest.raises(SettingError, match=f"{name} is not a setting of a view"):
        View(dense(2, 2, SoftmaxCrossEntropy()), *rows(2), **{name: 1})


# --- the end ------------------------------------------------------------------------------------


def test_a_view_that_was_closed_leaves_nothing():
    view = View(dense(2, 2, SoftmaxCrossEntropy()), *rows(2))
    session, gone = view._session, weakref.ref(view)
    Page(view).train(3)
    view._handle_custom_msg({"do": "play"}, [])
    view.close()
    view.close()
    assert session.join(PATIENCE)
    del view, session
    gc.collect()
    assert gone() is None


def playing():
    """The session of a view that plays, and the view."""
    view = View(dense(2, 2, SoftmaxCrossEntropy()), *rows(2))
    Page(view).train(3)
    view._handle_custom_msg({"do": "play"}, [])
    return view._session, view


def test_a_view_that_nobody_has_any_more_ends_its_session():
    session, view = playing()
    view.comm.on_msg(None)  # which, like the registry of ipywidgets, keeps it
    del _instances[view.model_id]
    del view
    end = time.monotonic() + PATIENCE
    while not session.join(0.05):  # while a frame is on its way, the session holds its view
        gc.collect()
        assert time.monotonic() < end


def test_a_notebook_that_closes_a_view_ends_its_session():
    session, view = playing()
    view.comm.handle_close({})
    assert session.join(PATIENCE)
    assert view.comm is None


def test_a_view_without_a_page_waits():
    with_page = View(dense(2, 2, SoftmaxCrossEntropy()), *rows(2))
    frames = threading.Semaphore(0)
    with_page.send = lambda content, buffers=None: content["is"] == "frame" and frames.release()
    with_page._handle_custom_msg({"do": "hello"}, [])
    with_page._handle_custom_msg({"do": "play"}, [])
    assert frames.acquire(timeout=PATIENCE)
    with_page._handle_custom_msg({"do": "pause"}, [])
    with_page.close()
    assert with_page._session.join(PATIENCE)
    assert with_page._session.training.step < 100


def test_a_kernel_ends_while_a_view_plays():
    code = """
import numpy as np
from plainnet import Network
from plainnet.layers import Dense
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.playground import View
X = np.eye(2)
view = View(Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0), X, [0, 1])
view._handle_custom_msg({"do": "play"}, [])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
