"""Altered files: whole ones of every kind, with something in them changed.

A file either works, or is refused by a FileError. What is loaded has finite numbers of the right
shape, predicts, and, if it is an agent, acts and learns. Anything else is a fault.
"""

from __future__ import annotations

import copy
import io
import json
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import plainnet
from plainnet import layers
from plainnet.errors import FileError
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy

LONGEST_TIME = 4
MOST_NUMBERS = 2**22
"""A network that takes larger examples than this is not run, to save time."""


class Outcome(NamedTuple):
    """What became of one try."""

    name: str
    kind: str
    """ "works", "refused" or "raw"."""
    detail: str


# --- whole files ----------------------------------------------------------------------------------


def originals(folder: Path) -> dict[str, bytes]:
    """A small file of each kind, by name."""
    made = dict(_networks())
    made |= dict(_agents())
    made |= dict(_estimators())
    files = {}
    for name, thing in made.items():
        plainnet.save(thing, folder / "whole")
        files[name] = (folder / "whole").read_bytes()
    return files


def _networks() -> Iterator[tuple[str, Any]]:
    dense = [
        layers.Dense(4),
        layers.BatchNorm(),
        layers.ReLU(),
        layers.Residual([layers.Dense(4), layers.Tanh()]),
        layers.Dense(3),
    ]
    network = plainnet.Network(dense, loss=SoftmaxCrossEntropy(), input_shape=3, seed=0)
    network.adjust("*.b", learning_rate=0.5)
    yield "dense", network
    image = [
        layers.Conv2d(2, 3),
        layers.MaxPool2d(2),
        layers.Upsample(2, mode="bilinear"),
        layers.Flatten(),
    ]
    image = [*image, layers.Reshape((4, -1)), layers.Flatten(), layers.Dense(2)]
    yield "image", plainnet.Network(image, loss=MeanSquaredError(), input_shape=(6, 6, 1), seed=0)
    text = [
        layers.Embedding(5, 4),
        layers.LearnedPositions(6),
        layers.TransformerBlock(2),
        layers.Dense(5),
    ]
    yield "text", plainnet.Network(text, loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=0)
    parts = [layers.Identity(), layers.CategoryEmbedding([3, 4], 2)]
    table = [
        layers.Parallel([(0, 2), (2, 4)], parts),
        layers.Bidirectional(layers.GRU(2)),
        layers.Dense(1),
    ]
    table = [table[0], layers.Dense(2), layers.Reshape((2, 1)), *table[1:]]
    yield "table", plainnet.Network(table, loss=MeanSquaredError(), input_shape=4, seed=0)
    still = [layers.AveragePool2d(2), layers.Flatten()]
    yield (
        "without numbers",
        plainnet.Network(still, loss=MeanSquaredError(), input_shape=(4, 4, 1), seed=0),
    )


def _agents() -> Iterator[tuple[str, Any]]:
    try:
        from plainnet import rl

        few: dict[str, Any] = {"n_envs": 2, "hidden": (4,), "seed": 0}
        memory: dict[str, Any] = {**few, "capacity": 64, "learning_starts": 8, "batch_size": 8}
        agents = {
            "ppo": rl.PPO("CartPole-v1", n_steps=8, minibatches=2, epochs=2, **few),
            "a2c": rl.A2C("CartPole-v1", n_steps=8, normalize_observations=True, **few),
            "reinforce": rl.REINFORCE("CartPole-v1", **few),
            "continuous": rl.PPO("Pendulum-v1", n_steps=8, minibatches=2, epochs=1, **few),
            "dqn": rl.DQN("CartPole-v1", duelling=True, **memory),
            "prioritized": rl.DQN("CartPole-v1", prioritized=True, n_steps=2, **memory),
        }
    except ImportError:  # the extra `rl` is not installed
        return
    for name, agent in agents.items():
        yield name, agent.learn(80, progress=False)


def _estimators() -> Iterator[tuple[str, Any]]:
    if not (find_spec("pandas") and find_spec("skops")):  # the extra `sklearn` is not installed
        return
    import pandas
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from plainnet import estimators

    X = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    y = np.array(["a", "b", "c"])[np.arange(30) % 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "mlp", estimators.MLPClassifier((3,), max_iter=2, random_state=0).fit(X, y)
        inside = estimators.MLPClassifier((3,), max_iter=2, random_state=0)
        yield "pipeline", make_pipeline(StandardScaler(), PCA(2), inside).fit(X, y)
        net = estimators.NetworkRegressor(
            [layers.Dense(2), layers.ReLU(), layers.Dense(1)], epochs=1, random_state=0
        )
        yield "regressor", net.fit(X, X[:, 0])
        table = pandas.DataFrame({"n": X[:, 0], "c": list("xyz") * 10})
        tabular = estimators.TabularClassifier(
            "fast", hidden_layer_sizes=(4,), epochs=1, n_networks=1, random_state=0
        )
        yield "tabular", tabular.fit(table, y)
        images = estimators.ImageClassifier("fast", epochs=1, random_state=0)
        yield "images", images.fit(np.abs(X).reshape(30, 3, 1), y)
        texts = np.array([f"{a} {b}" for a, b in zip("abc" * 10, "de" * 15, strict=True)], object)
        bag = estimators.TextClassifier(epochs=1, width=2, n_networks=1, random_state=0)
        yield "bag of words", bag.fit(texts, y)
        in_order = estimators.TextRegressor("transformer", epochs=1, width=4, random_state=0)
        yield "text in order", in_order.fit(texts, X[:, 0])


# --- changes --------------------------------------------------------------------------------------

NUMBERS = (0, -1, 1, 2, 3, 7, 10**3, 10**6, 10**9, 2**31, 2**63, -(10**9), 0.5, -0.0, 1e-300, 1e300)
ODD = (None, True, False, "", "x", "Dense", "relu", [], {}, [[]], [None], {"type": "Dense"})
NOT_FINITE = (float("nan"), float("inf"), -float("inf"))

Members = dict[str, bytes]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One byte is another."""
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= int(rng.integers(1, 256))
    return bytes(changed)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The end, the beginning or a piece is missing."""
    a, b = sorted(rng.integers(0, len(data) + 1, 2))
    return [data[:a], data[b:], data[:a] + data[b:]][rng.integers(3)]


def rearrange(members: Members, rng: np.random.Generator) -> list[tuple[str, bytes]]:
    """A member is missing, has another's name or content, is there twice or is cut."""
    items = list(members.items())
    i, j = rng.integers(0, len(items), 2)
    name, content = items[i]
    what = rng.integers(6)
    if what == 0:
        del items[i]
    elif what == 1:
        items[i] = (
            str(rng.choice(["x.npy", name.upper(), f"../{name}", f"a/{name}"])),
            content,
        )
    elif what == 2:
        items[i], items[j] = (name, items[j][1]), (items[j][0], content)
    elif what == 3:
        items.append((name, items[j][1]))
    elif what == 4:
        items[i] = (name, content[: rng.integers(len(content) + 1)])
    else:
        items[i] = (name, flip(content, rng) if content else b"x")
    return items


def change_array(content: bytes, rng: np.random.Generator) -> bytes:
    """An array has other numbers, another shape, another dtype or another layout."""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception:  # it is no array
        return flip(content, rng)
    what = rng.integers(10)
    if array.dtype.kind not in "iufb":
        what = rng.integers(6, 10)
    if what < 3 and array.size:
        array = array.copy()
        odd = [*NUMBERS, *NOT_FINITE] if array.dtype.kind == "f" else NUMBERS
        with np.errstate(all="ignore"):
            value = np.array(odd[rng.integers(len(odd))]).astype(array.dtype)
        array.reshape(-1)[rng.integers(array.size)] = value
    elif what == 3:
        array = array.astype(array.dtype.newbyteorder())
    elif what == 4:
        array = np.full_like(
            array, [0, 1, np.nan][rng.integers(3)] if array.dtype.kind == "f" else 1
        )
    elif what == 5 and array.ndim:
        array = array[: len(array) // 2]
    elif what == 6:
        array = np.resize(np.arange(3), array.shape) if array.dtype.kind == "U" else array
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = array.astype(str(rng.choice(["f2", "f4", "i8", "u1", "?", "c16", "U3"])))
    elif what == 7:
        array = np.asfortranarray(np.broadcast_to(array, (2, *array.shape)))
    elif what == 8:
        array = array.reshape(-1)[:1].reshape(()) if array.size else np.zeros(3)
    else:
        array = array.reshape(1, *array.shape) if rng.integers(2) else np.repeat(array, 2)
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def change_json(tree: Any, rng: np.random.Generator) -> Any:
    """A value somewhere is another, is missing or is new."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places:
        return ODD[rng.integers(len(ODD))]
    holder, key = places[rng.integers(len(places))]
    old, what = holder[key], rng.integers(8)
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, dict):
        holder["more"] = old
    elif what == 1:
        holder.append(copy.deepcopy(old))
    elif what == 2:
        holder[key] = copy.deepcopy(ODD[rng.integers(len(ODD))])
    elif what == 3:
        holder[key] = NOT_FINITE[rng.integers(3)]
    elif what == 4:
        holder_of_other, other = places[rng.integers(len(places))]
        holder[key] = copy.deepcopy(holder_of_other[other])
    elif what == 5 and isinstance(old, bool):
        holder[key] = not old
    elif isinstance(old, str) and rng.integers(2):
        holder[key] = old[:-1] if rng.integers(2) else f"{old}x"
    else:
        holder[key] = NUMBERS[rng.integers(len(NUMBERS))]
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    if isinstance(tree, dict | list):
        for key in keys:
            yield tree, key
            if isinstance(tree[key], dict | list):
                yield from _places(tree[key])


def altered(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """(what was done, the file) with one change, or two."""
    how = rng.integers(10)
    if how == 0:
        return "flip", flip(data, rng)
    if how == 1:
        return "cut", cut(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {info.filename: file.read(info) for info in file.infolist()}
    if how == 2:
        return "rearrange", zipped(rearrange(members, rng), rng)
    texts = [name for name in ("description.npy", "agent.npy", "schema.json") if name in members]
    if how < 6:
        arrays = [name for name in members if name.endswith(".npy")]
        for _ in range(rng.integers(1, 3)):
            name = arrays[rng.integers(len(arrays))]
            members[name] = change_array(members[name], rng)
        return "array", zipped(list(members.items()), rng)
    name = texts[0]
    raw = name == "schema.json"
    tree = json.loads(members[name] if raw else str(np.load(io.BytesIO(members[name]))))
    for _ in range(rng.integers(1, 3)):
        tree = change_json(tree, rng)
    text = json.dumps(tree)
    members[name] = text.encode() if raw else _as_array(text)
    return "json", zipped(list(members.items()), rng)


def _as_array(text: str) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(text))
    return file.getvalue()


def zipped(items: list[tuple[str, bytes]], rng: np.random.Generator) -> bytes:
    """A zip file of these members."""
    file, ways = io.BytesIO(), (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", ways[rng.integers(2)]) as archive:
        warnings.simplefilter("ignore")  # of two members with one name
        for name, content in items:
            archive.writestr(name, content)
    return file.getvalue()


# --- what works -----------------------------------------------------------------------------------


def expect_to_work(thing: Any) -> None:
    """Raises unless what a file gave does what such things do."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        kind: dict[str, Callable[[Any], None]] = {
            "network": _expect_network,
            "agent": _expect_agent,
            "estimator": _expect_estimator,
        }
        kind[getattr(thing, "file_kind", "estimator")](thing)


def _expect_network(network: Any) -> None:
    for vector in (network.parameters, network.state):
        assert vector.ndim == 1
        assert vector.dtype == network.dtype
        assert np.isfinite(vector).all(), "numbers that are not finite"
    shape = tuple(LONGEST_TIME if n is None else n for n in network.input_shape)
    sizes = [
        np.prod([n or 1 for n in layer.output_shape], dtype=float) for layer in network.body.walk()
    ]
    if max(np.prod(shape, dtype=float), *sizes) > MOST_NUMBERS:
        return
    dtype = np.int64 if network.body.takes_ids else network.dtype
    Z = network.forward(np.zeros((2, *shape), dtype))
    assert len(Z) == 2
    network.predict(np.zeros((2, *shape), dtype))


def _expect_agent(agent: Any) -> None:
    for network, _ in agent.learners.values():
        _expect_network(network)
    for array in agent.arrays().values():
        assert array.dtype.kind != "f" or np.isfinite(array).all(), "numbers that are not finite"
    agent.act(agent.environments.reset(0)[0])
    with suppress(plainnet.errors.DivergedError):  # a rate or number may be too large to learn with
        agent.learn(agent.steps + 8, progress=False)


def _expect_estimator(estimator: Any) -> None:
    if hasattr(estimator, "reader_"):
        assert len(estimator.predict(["a d", None])) == 2
        return
    if not (hasattr(estimator, "n_features_in_") and hasattr(estimator, "predict")):
        return
    if hasattr(estimator, "columns_"):
        import pandas

        table: Any = np.full((2, estimator.n_features_in_), None, object)
        if hasattr(estimator, "feature_names_in_"):
            table = pandas.DataFrame(table, columns=estimator.feature_names_in_)
        assert len(estimator.predict(table)) == 2
        return
    X = np.zeros((2, estimator.n_features_in_), np.float32)
    assert len(estimator.predict(X)) == 2
    if hasattr(estimator, "partial_fit"):
        with suppress(plainnet.errors.DivergedError):
            estimator.partial_fit(X, estimator.predict(X))


# --- tries ----------------------------------------------------------------------------------------


def tries(rng: np.random.Generator) -> Iterator[Outcome]:
    """One altered file after the other, without an end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = originals(folder)
        names = list(files)
        while True:
            kind = names[rng.integers(len(names))]
            what, data = altered(files[kind], rng)
            (folder / "altered").write_bytes(data)
            yield _try(f"{kind}, {what}", folder / "altered")


def _try(name: str, path: Path) -> Outcome:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thing = plainnet.load(path)
    except FileError as error:
        return Outcome(name, "refused", str(error))
    except Exception:
        return Outcome(name, "raw", f"load: {_last_lines()}")
    try:
        expect_to_work(thing)
    except Exception:
        return Outcome(name, "raw", f"loaded, and then: {_last_lines()}")
    return Outcome(name, "works", "")


def _last_lines() -> str:
    return "".join(traceback.format_exc().splitlines(keepends=True)[-9:])
