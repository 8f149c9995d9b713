"""Files that earlier code wrote, loaded by the code of this checkout:

    git worktree add /tmp/old 0a24c10
    python tests/old_files.py /tmp/old

The earlier code writes a file of each kind, and a pickle where there can be one, with what it
predicts; this code loads them and has to predict the same bits. Estimators are also loaded as
somebody does who knows skops and not plainnet. With `--anew`, this code also trains each from the
start, to the same bits. `--names` prints the classes that files and pickles name, by module:
`tests/old_names.txt` keeps them for `tests/files/test_moved.py`, which needs no git.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import pickletools
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for package in ("pandas", "skops.io", "gymnasium"):  # pytest looks for doctests here
    pytest.importorskip(package)

import pandas
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import plainnet
from plainnet import callbacks, layers, optimizers, rl, schedules
from plainnet.estimators import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    TabularClassifier,
    TabularRegressor,
    saving,
)
from plainnet.losses import Huber, MeanSquaredError, SoftmaxCrossEntropy

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3)).astype(np.float32)
NUMBERS = X @ np.float32([1, -2, 3])
CLASSES = np.array(["a", "b", "c"])[np.digitize(NUMBERS, [-2, 2])]
TABLE = pandas.DataFrame(
    {
        "number": np.where(X[:, 0] > 1, np.nan, X[:, 0]),
        "colour": np.array(["red", None, "blue"], object)[rng.integers(0, 3, 60)],
        "town": [f"town {i % 12}" for i in range(60)],
        "day": pandas.date_range("2026-01-01", periods=60),
    }
)
FILLED = TABLE.fillna({"number": 0.0})
IMAGES = rng.normal(size=(8, 6, 6, 2)).astype(np.float32)
SERIES = rng.normal(size=(8, 5, 3)).astype(np.float32)
TEXTS = rng.integers(0, 9, (8, 6))
STATES, ANGLES = (rng.normal(size=(20, n)).astype(np.float32) for n in (4, 3))


# --- things that become files ---------------------------------------------------------------------


def mlp(**settings: Any) -> Any:
    return MLPClassifier((4,), max_iter=3, random_state=0, **settings)


def mlp_of_numbers(y: Any, **settings: Any) -> Any:
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0, **settings)
    return model.fit(X, y)


def network_classifier() -> Any:
    parts = [layers.Dense(4), layers.BatchNorm(), layers.Residual([layers.ReLU()])]
    optimizer = optimizers.AdamW(0.01)
    model = NetworkClassifier(
        [*parts, layers.Dense(3)], optimizer=optimizer, epochs=2, random_state=0
    )
    return model.fit(X, CLASSES)


def network_regressor() -> Any:
    parts = [layers.Dense(4), layers.Tanh(), layers.Dense(1)]
    watching = [schedules.Cosine(warmup=0.1), callbacks.EarlyStopping("loss")]
    model = NetworkRegressor(parts, loss=Huber(), callbacks=watching, epochs=2, random_state=0)
    return model.fit(X, NUMBERS)


def one_hot() -> Any:
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["town"]), ("passthrough", ["number"])
    )
    return make_pipeline(columns, mlp()).fit(FILLED, CLASSES)


def network(parts: list[Any], loss: Any, X: Any, y: Any) -> Any:
    made = plainnet.Network(parts, loss=loss, input_shape=X.shape[1:], seed=0)
    optimizer = optimizers.Adam(0.01)
    plainnet.train(made, X, y, optimizer=optimizer, epochs=2, batch_size=4, seed=0, progress=False)
    return made


def convolution() -> Any:
    first = [layers.Conv2d(4, 3, padding="same"), layers.BatchNorm(), layers.ReLU()]
    then = [layers.MaxPool2d(2), layers.GroupNorm(2), layers.Flatten(), layers.Dropout(0.2)]
    parts = [*first, *then, layers.Dense(3)]
    return network(parts, SoftmaxCrossEntropy(), IMAGES, np.arange(8) % 3)


def lstm() -> Any:
    parts = [layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.GRU(3))]
    return network([*parts, layers.Dense(2)], MeanSquaredError(), SERIES, SERIES[:, 0, :2])


def transformer() -> Any:
    first = [layers.Embedding(9, 4), layers.LearnedPositions(6), layers.TransformerBlock(2)]
    return network([*first, layers.Dense(9)], SoftmaxCrossEntropy(), TEXTS, TEXTS)


def agent(kind: type[rl.Agent], env: str = "CartPole-v1", **settings: Any) -> Any:
    made = kind(env, n_envs=2, hidden=(8,), seed=0, **settings)
    return made.learn(80, progress=False)


MEMORY = {"capacity": 64, "learning_starts": 8, "batch_size": 8}
ROLLOUT = {"n_steps": 16, "normalize_observations": True}
PPO = {**ROLLOUT, "minibatches": 2, "epochs": 2}
THINGS = {
    "MLP classifier": (lambda: mlp().fit(X, CLASSES), X),
    "MLP regressor": (lambda: mlp_of_numbers(NUMBERS, solver="sgd", batch_norm=True), X),
    "MLP of counts": (lambda: mlp_of_numbers(np.abs(NUMBERS).round(), loss="poisson"), X),
    "MLP of labels": (lambda: mlp(label_smoothing=0.1).fit(X, (X > 0).astype(int)), X),
    "early stopping": (
        lambda: mlp(early_stopping=True, schedule=schedules.Cosine()).fit(X, CLASSES),
        X,
    ),
    "lbfgs": (lambda: mlp(solver="lbfgs").fit(X, CLASSES), X),
    "network classifier": (network_classifier, X),
    "network regressor": (network_regressor, X),
    "pipeline": (lambda: make_pipeline(StandardScaler(), mlp()).fit(X, CLASSES), X),
    "one-hot": (one_hot, FILLED),
    "voting": (lambda: VotingClassifier([("one", mlp())]).fit(X, CLASSES), X),
    "tabular classifier": (
        lambda: TabularClassifier(epochs=2, n_networks=2, random_state=0).fit(TABLE, CLASSES),
        TABLE,
    ),
    "tabular regressor": (
        lambda: TabularRegressor("fast", epochs=2, n_networks=1, random_state=0).fit(
            TABLE, NUMBERS
        ),
        TABLE,
    ),
    "convolution": (convolution, IMAGES),
    "LSTM": (lstm, SERIES),
    "Transformer": (transformer, TEXTS),
    "PPO": (partial(agent, rl.PPO, **PPO), STATES),
    "PPO, continuous": (partial(agent, rl.PPO, "Pendulum-v1", **PPO), ANGLES),
    "A2C": (partial(agent, rl.A2C, **ROLLOUT), STATES),
    "REINFORCE": (partial(agent, rl.REINFORCE), STATES),
    "DQN": (partial(agent, rl.DQN, duelling=True, **MEMORY), STATES),
    "DQN, priorities": (partial(agent, rl.DQN, prioritized=True, n_steps=2, **MEMORY), STATES),
}
"""How each is made, and what it is asked about."""


def predictions(thing: Any, rows: Any) -> dict[str, np.ndarray]:
    """All that can be asked of it, by name; an agent also goes on to learn."""
    asked = ("act", "values", "predict", "predict_proba")
    if isinstance(thing, plainnet.Network):
        asked = ("outputs", "predict")
    found = {name: getattr(thing, name)(rows) for name in asked if hasattr(thing, name)}
    if isinstance(thing, rl.Agent):
        found["values later"] = thing.learn(160, progress=False).values(rows)
    return found


# --- files ----------------------------------------------------------------------------------------


def write(folder: Path) -> None:
    """A file of each thing, a pickle where there can be one, and what it predicts."""
    for name, (make, rows) in THINGS.items():
        thing = make()
        is_own = isinstance(thing, plainnet.Network | rl.Agent)
        plainnet.save(thing, folder / f"{name}{'.npz' if is_own else '.skops'}")
        if not isinstance(thing, rl.Agent):
            (folder / f"{name}.pickle").write_bytes(pickle.dumps(thing))
        np.savez(folder / f"{name}.predictions", **predictions(thing, rows))
    trusted = [f"{kind.__module__}.{kind.__qualname__}" for kind in saving._trusted()]
    (folder / "trusted.json").write_text(json.dumps(trusted))


def compare(folder: Path, anew: bool) -> int:
    """Load what `write` wrote in every way; returns how many things were compared."""
    count = 0
    for name, (make, rows) in THINGS.items():
        with np.load(folder / f"{name}.predictions.npz") as file:
            expected = dict(file)
        loads = []
        for path in sorted(folder.glob(f"{name}.*")):
            if path.suffix in (".npz", ".skops") and "predictions" not in path.name:
                loads.append((path.suffix, partial(plainnet.load, path)))
            if path.suffix == ".skops":
                named = skops.io.get_untrusted_types(file=path)
                loads.append(("skops alone", partial(skops.io.load, path, trusted=named)))
            if path.suffix == ".pickle":
                loads.append((".pickle", partial(pickle.loads, path.read_bytes())))
        for way, load in [*loads, *([("anew", make)] if anew else [])]:
            found = predictions(load(), rows)
            assert found.keys() == expected.keys(), f"{name}, {way}: {[*found]}"
            for asked, values in expected.items():
                np.testing.assert_array_equal(found[asked], values, f"{name}, {way}, {asked}")
            count += 1
        sys.stdout.write(f"{name}: {', '.join(way for way, _ in loads)}\n")
    return count


# --- names ----------------------------------------------------------------------------------------


def names_in(folder: Path) -> dict[str, set[str]]:
    """The classes of plainnet that the files name or may name, by module."""
    found = defaultdict(set)
    full = [name.rpartition(".")[::2] for name in json.loads((folder / "trusted.json").read_text())]
    for path in folder.glob("*.skops"):
        full += _named(json.loads(zipfile.ZipFile(path).read("schema.json")))
    for path in folder.glob("*.pickle"):
        full += _pickled(path.read_bytes())
    for module, name in full:
        if module.partition(".")[0] == "plainnet":
            found[module].add(name)
    return found


def _named(tree: Any) -> Iterable[tuple[str, str]]:
    if isinstance(tree, dict) and "__module__" in tree:
        yield tree["__module__"], tree["__class__"]
    inside = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for each in inside:
        yield from _named(each)


def _pickled(data: bytes) -> Iterable[tuple[str, str]]:
    """Module and name are the two texts before STACK_GLOBAL, read or fetched from the memo."""
    memo: list[Any] = []
    texts: list[Any] = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "MEMOIZE":
            memo.append(texts[-1] if texts else None)
            continue
        if opcode.name == "STACK_GLOBAL":
            yield texts[-2], texts[-1]
        fetched = memo[argument] if "BINGET" in opcode.name else argument
        texts.append(fetched if isinstance(fetched, str) else None)
        texts = [text for text in texts[-8:] if text is not None] or [None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="a checkout of the earlier code")
    parser.add_argument("--anew", action="store_true", help="also train each from the start")
    parser.add_argument("--names", action="store_true", help="print the classes that are named")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    source = Path(plainnet.__file__).parents[1]
    if given.write:
        assert source == given.old.resolve() / "src", source
        write(given.write)
        return
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(given.old.resolve() / "src")}
        command = [sys.executable, __file__, str(given.old), "--write", folder]
        subprocess.run(command, env=environment, check=True)
        if given.names:
            for module, names in sorted(names_in(Path(folder)).items()):
                sys.stdout.write(f"{module}: {' '.join(sorted(names))}\n")
            return
        count = compare(Path(folder), given.anew)
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{count} loads predict what {given.old} did, to the bit ({seconds:.0f} s)\n")


if __name__ == "__main__":
    main()
