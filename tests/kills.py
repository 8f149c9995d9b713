"""Runs that are killed by SIGKILL at random moments and resumed, compared bit for bit.

    python tests/kills.py --kills 20                  every kind of run
    python tests/kills.py --kills 20 --kinds train    one of them

Each kind trains twice in processes of its own: once undisturbed, and once killed as often as that.
Every second kill waits until a file is being written, which takes longer here than it would. Both
runs save at the same steps, and must leave the same numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plainnet import Callback, Network, load, save, train
from plainnet.callbacks import EMA, Checkpoint, CSVLog, EarlyStopping
from plainnet.data import Streams
from plainnet.files import places
from plainnet.layers import LSTM, BatchNorm, Dense, Dropout, Embedding, ReLU, Tanh
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import Adam
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.schedules import Cosine

READY, DONE = "ready", "done"
SLOW = 0.02
"""Seconds that a step takes here, and a write, so that kills find them under way."""
PATIENCE = 300
"""Seconds after which a run must have ended."""


# --- the runs -------------------------------------------------------------------------------------


class Slow(Callback):
    """Makes the steps as slow as those of a large network."""

    def begin_step(self, run):
        Path(READY).touch()
        time.sleep(SLOW)


def numbers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 6)).astype(np.float32)
    return X, (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 0)


def run_train(epochs=16):
    X, y = numbers()
    layers = [Dense(16), BatchNorm(), ReLU(), Dropout(0.2), Dense(3)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=6, seed=1)
    callbacks = [
        Cosine(warmup=5), EMA(0.9), CSVLog("log.csv"), Checkpoint("run.npz", steps=3),
        EarlyStopping(patience=30), Slow(),
    ]  # fmt: skip
    history = train(
        network, X[:90], y[:90], optimizer=Adam(0.01), epochs=epochs, batch_size=8, seed=2,
        validation_data=(X[90:], y[90:]), mixup=0.2, accumulate=2, callbacks=callbacks,
        resume="run.npz", progress=False,
    )  # fmt: skip
    return network.parameters, network.state, dict(history), Path("log.csv").read_text()


def run_carry():
    text = np.random.default_rng(3).integers(0, 9, 900)
    layers = [Embedding(9, 4), LSTM(8, return_sequences=True), Dropout(0.1), Dense(9)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=1)
    history = train(
        network, Streams(text, length=8, batch_size=4), optimizer=Adam(0.01), epochs=4, seed=2,
        carry=True, callbacks=[Checkpoint("run.npz", steps=2), Slow()], resume="run.npz",
        progress=False,
    )  # fmt: skip
    return network.parameters, dict(history)


def run_lbfgs():
    X, y = numbers()
    network = Network(
        [Dense(8), Tanh(), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=6, seed=1
    )
    history = train(
        network, X, y, optimizer=LBFGS(tolerance=1e-9), epochs=80, resume="run.npz",
        callbacks=[Checkpoint("run.npz"), Slow()], progress=False,
    )  # fmt: skip
    return network.parameters, dict(history), history.stopped


def run_warm_start(fits=80):
    from plainnet.estimators import MLPClassifier

    X, y = numbers()
    place = Path("model.skops")
    model = MLPClassifier(
        (16,), max_iter=1, warm_start=True, random_state=0, dropout=0.1, batch_norm=True,
        learning_rate_init=0.01, batch_size=16,
    )  # fmt: skip
    model = load(place) if place.exists() else model
    done = len(getattr(model, "loss_curve_", []))
    warnings.simplefilter("ignore")  # that one epoch is not enough
    for _ in range(done, fits):
        Path(READY).touch()
        model.fit(X, y)
        save(model, place)
    return model.network_.parameters, model.network_.state, model.loss_curve_, model.t_


def run_agent():
    from plainnet.rl import PPO, load_agent

    place = Path("agent.npz")
    if place.exists():
        agent = load_agent(place, env="CartPole-v1")
    else:
        agent = PPO("CartPole-v1", n_envs=2, n_steps=32, epochs=2, seed=0)

    def slow(agent):
        Path(READY).touch()
        time.sleep(SLOW)

    agent.learn(64 * 60, checkpoint=place, every=128, callback=slow, progress=False)
    parameters = [network.parameters for network, _ in agent.learners.values()]
    return *parameters, agent.learning.rows


KINDS: dict[str, Callable[[], object]] = {
    "train": run_train,
    "warm_start": run_warm_start,
    "lbfgs": run_lbfgs,
    "carry": run_carry,
    "agent": run_agent,
}


def digest(left: object) -> str:
    """Of all that a run leaves, to the last bit."""
    parts = [x.tobytes() if isinstance(x, np.ndarray) else repr(x).encode() for x in left]
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def work(kind: str) -> None:
    """One process: the run in the current folder, from where it stands."""
    sync = places._sync

    def slowly(file: int) -> None:
        time.sleep(SLOW)
        sync(file)

    places._sync = slowly
    Path(DONE).write_text(digest(KINDS[kind]()))


# --- killing them ---------------------------------------------------------------------------------


@dataclass
class Killed:
    """How a run went that was killed."""

    same: bool
    kills: int
    in_writes: int
    processes: int


def start(kind: str, folder: Path) -> subprocess.Popen:
    (folder / READY).unlink(missing_ok=True)
    return subprocess.Popen([sys.executable, __file__, "--work", kind], cwd=folder)


def writes(folder: Path) -> bool:
    return any(name.startswith(".plainnet-") for name in os.listdir(folder))


def wait_for(happened: Callable[[], bool], process: subprocess.Popen, seconds: float) -> bool:
    """Whether it happened before the process ended or the time was up."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.001)
    return False


def killed(kind: str, kills: int, folder: Path, seed: int = 0) -> Killed:
    """Train this kind undisturbed and with kills, in folders in this one."""
    rng = random.Random(seed)
    whole, cut = folder / "whole", folder / "cut"
    for each in (whole, cut):
        each.mkdir()
    first = start(kind, whole)
    wait_for((whole / READY).exists, first, PATIENCE)
    begun = time.monotonic()
    assert first.wait(PATIENCE) == 0, f"{kind}: the undisturbed run failed"
    length = time.monotonic() - begun
    done, in_writes, processes = 0, 0, 0
    while True:
        process, processes = start(kind, cut), processes + 1
        if done < kills and wait_for((cut / READY).exists, process, PATIENCE):
            # Later and later would be beyond the end: each takes its share of the run.
            wait_for(lambda: False, process, rng.random() * 1.2 * length / kills)
            if done % 2 and wait_for(lambda: writes(cut), process, length):
                time.sleep(rng.random() * SLOW)
            writing = writes(cut)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                done, in_writes = done + 1, in_writes + writing
                process.wait()
                continue
        assert process.wait(PATIENCE) == 0, f"{kind}: a resumed run failed"
        break
    same = (whole / DONE).read_text() == (cut / DONE).read_text()
    return Killed(same, done, in_writes, processes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return 0
    results = []
    for kind in given.kinds:
        with tempfile.TemporaryDirectory() as folder:
            result = killed(kind, given.kills, Path(folder), given.seed)
        print(
            f"{kind}: {'the same bits' if result.same else 'OTHER BITS'} after {result.kills} "
            f"kills, {result.in_writes} of them while a file was being written",
            flush=True,
        )
        results.append(result.same)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
