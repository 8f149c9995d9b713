"""A page that walks through examples, without a browser, and examples of its own."""

import queue

import numpy as np

from plainnet import Network
from plainnet.layers import Dense, ReLU, Tanh
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.playground.examples import Examples
from plainnet.playground.planes import Plane
from plainnet.playground.session import Session
from plainnet.playground.settings import Settings
from plainnet.playground.wire import packed


class Page:
    """Sends commands to a session of its own, and waits for the answers."""

    def __init__(self, settings=None, given=None, examples=None):
        self.box = queue.SimpleQueue()
        first = Settings().with_changes({} if settings is None else settings)
        self.session = Session(self._take, first, given=given, examples=examples)
        self.session.start()
        self.until("frame")

    def _take(self, content, buffers):
        packed(content, buffers)  # it can be sent
        self.box.put(content)

    def until(self, *kinds):
        while True:
            content = self.box.get(timeout=30)
            if content["is"] == "frame":
                self.session.post({"do": "drawn", "number": content["number"]})
            if content["is"] in kinds:
                return content

    def do(self, command, kind, **fields):
        self.session.post({"do": command, **fields})
        return self.until(kind, "refused")

    def train(self, steps):
        self.session.post({"do": "advance", "steps": steps})
        while self.until("frame")["step"] < steps:
            pass
        return self

    def explain(self, **which):
        return self.do("explain", "steps", **which)

    def line(self, array, index):
        return self.do("line", "line", array=array, index=list(index))


def with_numbers(loss, n_out=1):
    """A page whose targets are numbers."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-1, 1, (40, 2))
    plane = Plane(("x1", "x2"), (-1, -1), (1, 1), features=("x1", "x2"))
    y = (points[:, 0] - points[:, 1] ** 2).astype(np.float32)
    network = Network([Dense(4), Tanh(), Dense(n_out)], loss=loss, input_shape=2, seed=0)
    examples = Examples(plane.inputs(points), y, 30, plane, ("x1", "x2"), (), points)
    return {"given": network, "examples": examples}


def like_digits():
    """A page with 64 inputs and 64-32-10 units."""
    rng = np.random.default_rng(3)
    X = rng.uniform(0, 1, (40, 64)).astype(np.float32)
    axes = np.zeros((2, 64))
    axes[0, 0] = axes[1, 1] = 1
    plane = Plane(("a", "b"), (0, 0), (1, 1), X.mean(axis=0), axes)
    layers = [Dense(64), ReLU(), Dense(32), ReLU(), Dense(10)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=64, seed=0)
    names, classes = tuple(f"p{i}" for i in range(64)), tuple("abcdefghij")
    y = rng.integers(0, 10, 40)
    return {
        "given": network,
        "examples": Examples(X, y, 30, plane, names, classes, plane.points(X)),
    }
