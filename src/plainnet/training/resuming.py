"""A run that continues from an earlier run's checkpoint, with the same bits.

A checkpoint is written in the middle of a hook of `Checkpoint`. `state_of` gathers everything that
the run has in memory at that moment, and `restore` puts it back, so that the run continues with the
next callback. The arguments of `train` are not in the file, but a description of them is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from plainnet.arguments.config import Configurable
from plainnet.arguments.parts import Parts
from plainnet.arguments.sparse import SparseRows
from plainnet.callbacks.base import Callback, Run
from plainnet.callbacks.files import Checkpoint
from plainnet.data import Batches
from plainnet.errors import FileError, SettingError, require_path, shown
from plainnet.files.native import read_training
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.training.batches import Batch, GivenBatches
from plainnet.training.validation import Validation

if TYPE_CHECKING:
    from plainnet.training.loop import Loop

Array = npt.NDArray[Any]

VERSION = 1
LATER = {"l1": 0.0}
"""Optimizers' settings that the first checkpoints of this version lack, at what holds for them."""


@dataclass(frozen=True)
class Saved:
    """The state of a run when it wrote this checkpoint."""

    path: Path
    state: Mapping[str, Any]


def saved_run(
    path: str | os.PathLike[str], callbacks: Sequence[Callback], epochs: int
) -> Saved | None:
    """The run in a checkpoint; None if one of the callbacks has yet to write the first one there.

    If the path of such a callback contains the number of the epoch, its last file is meant.
    """
    place = require_path("resume", path)
    writers = [each for each in callbacks if isinstance(each, Checkpoint)]
    for writer in writers:
        if os.fspath(writer.path) == os.fspath(path):
            written = [writer.place(epoch) for epoch in range(1, epochs + 1)]
            place = next((each for each in reversed(written) if each.exists()), written[0])
    if place.exists():
        state = read_training(place)
        if state.get("version") != VERSION:
            raise FileError(
                f"{place} is a checkpoint of version {shown(state.get('version'))}; this plainnet "
                f"resumes {VERSION}"
            )
        return Saved(place, state)
    if os.path.realpath(place) in {os.path.realpath(each.place(1)) for each in writers}:
        return None
    paths = [os.fspath(each.path) for each in writers]
    raise FileError(
        f"there is no file {place} to resume from, and none of the callbacks is a Checkpoint that "
        f"writes it; they write {', '.join(paths) or 'none'}"
    )


# --- what must be as it was -----------------------------------------------------------------------


def described(
    network: Network,
    optimizer: Configurable,
    callbacks: Iterable[Callback],
    batches: Batches | GivenBatches,
    validation: Validation | None,
    **settings: Any,
) -> dict[str, Any]:
    """The arguments of `train`, as JSON data that can be compared."""
    if isinstance(batches, Batches):
        data = {name: _fingerprint(getattr(batches, name)) for name in ("X", "y", "sample_weight")}
    else:
        data = {"X": {"type": type(batches.batches).__name__, "batches": batches.n}}
    held = None
    if validation is not None:
        names = ("X", "y", "sample_weight", "metrics")
        held = {name: _fingerprint(getattr(validation, name)) for name in names}
    given = {
        "network": network.config(),
        "optimizer": optimizer.config(),
        "callbacks": [_settings_of(each) for each in callbacks],
        **settings,
        **data,
        "validation_data": held,
    }
    plain: dict[str, Any] = json.loads(json.dumps(given, default=_plain))
    return plain


def seed_of(seed: Any) -> int | str:
    """The seed, for comparison; a generator may be any, as it continues from the file's state."""
    return int(seed) if isinstance(seed, Integral) else "a generator"


def _settings_of(callback: Callback) -> dict[str, Any]:
    """Its class and, of plainnet's own, the settings that it keeps under their names."""
    settings: dict[str, Any] = {"type": type(callback).__name__}
    if type(callback).__module__.startswith("plainnet.") and not callback.may_change:
        for name in signature(type(callback)).parameters:
            value = getattr(callback, name, None)
            if isinstance(value, bool | int | float | str):
                settings[name] = value
    return settings


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Configurable):
        return value.config()
    return getattr(value, "__qualname__", type(value).__qualname__)


LOOKED_AT = 2**22
"""How many bytes of an array, spread over its rows, are compared with those of another."""


def _fingerprint(data: Any) -> Any:
    if isinstance(data, Parts):
        return _fingerprint(data.arrays)
    if isinstance(data, Mapping):
        return {str(name): _fingerprint(each) for name, each in data.items()}
    if isinstance(data, list | tuple):
        return [_fingerprint(each) for each in data]
    if data is None or not hasattr(data, "shape"):
        return None
    size = np.dtype(np.float64).itemsize * int(np.prod(data.shape[1:]))
    some = np.linspace(0, len(data) - 1, min(len(data), max(LOOKED_AT // max(size, 1), 1)))
    part = data[np.unique(some.astype(np.intp))]
    rows = part.dense() if isinstance(part, SparseRows) else np.asarray(part)
    return {
        "shape": list(data.shape),
        "dtype": str(rows.dtype),
        "checksum": crc32(rows.tobytes()),
    }


def expect_same(saved: Saved, settings: Mapping[str, Any], run: Run) -> None:
    """Refuse to resume any run but the one in the file."""
    before = saved.state.get("settings")
    if not isinstance(before, dict):
        raise FileError(f"{saved.path} does not say which run it is of")
    for name in settings:
        if found := _difference(name, before.get(name), settings[name]):
            raise SettingError(
                f"{saved.path} can be resumed with more epochs, but not with other settings: "
                f"{found}"
            )
    if run.epochs <= run.epoch:
        raise SettingError(
            f"{saved.path} is in epoch {run.epoch + 1}; got epochs={run.epochs}, which counts from "
            "the run's first epoch"
        )


def _difference(name: str, old: Any, new: Any) -> str:
    """The first place where two descriptions differ, in words; "" if there is none."""
    if isinstance(old, dict) and isinstance(new, dict):
        parts = {
            f"{name}.{key}": (old.get(key, LATER.get(key)), new.get(key)) for key in {**old, **new}
        }
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        parts = {f"{name}[{i}]": pair for i, pair in pairs}
    elif old == new:
        return ""
    elif old is None or new is None:
        return f"{name} was {'not given and is now' if old is None else 'given and is not now'}"
    elif name.endswith(".checksum"):
        return f"{name.removesuffix('.checksum')} holds other values than before"
    else:
        return f"{name} was {shown(old)} and is {shown(new)}"
    return next(filter(None, (_difference(part, *pair) for part, pair in parts.items())), "")


# --- what a run has in memory ---------------------------------------------------------------------


def state_of(loop: Loop, callback: Callback, hook: str) -> dict[str, Any]:
    """Everything that `restore` needs, while this callback is in this hook."""
    run, network, optimizer = loop.run, loop.run.network, loop.run.optimizer
    ended = run.stopping and not run.interrupted
    return {
        "version": VERSION,
        "settings": loop.settings,
        "hook": hook,
        "callback": next(i for i, each in enumerate(loop.kept) if each is callback),
        "epoch": run.epoch,
        "step": run.step,
        "loss": run.loss,
        "stopped": run.history.stopped if ended else None,
        "history": run.history.resume_state(),
        "mean": loop.mean.resume_state(),
        "optimizer_settings": optimizer.config(),
        "optimizer": optimizer.resume_state() if isinstance(optimizer, Optimizer) else None,
        "factors": _factors(network),
        "average": loop.average.resume_state(),
        "last_finite": loop.good.resume_state(),
        "batches": loop.batches.resume_state(),
        "carried": loop.step.cache.resume_state(),
        "callbacks": [each.resume_state() for each in loop.kept],
        "search": loop.search.resume_state(),
    }


@contextmanager
def fitting(saved: Saved) -> Iterator[None]:
    """Turn errors in the restored state, raised inside this block, into errors of the file."""
    try:
        yield
    except FileError:  # about another file, which it names
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{saved.path} cannot be resumed: {error!r}") from error


def announce(run: Run, saved: Saved) -> None:
    """Tell callbacks, when training begins, where it will continue."""
    with fitting(saved):
        run.resumed, run.epoch, run.step = True, int(saved.state["epoch"]), int(saved.state["step"])
        run.history.resume(saved.state["history"])


def restore(loop: Loop, saved: Saved) -> Sequence[Callback]:
    """Restore everything to its state when the checkpoint was written.

    Returns the callbacks that come after the one that wrote it.
    """
    run, network, optimizer, state = loop.run, loop.run.network, loop.run.optimizer, saved.state
    with fitting(saved):
        np.copyto(network.parameters, state["parameters"], casting="no")
        np.copyto(network.state, state["state"], casting="no")
        _set_factors(network, state["factors"])
        run.loss = state["loss"]
        loop.mean.resume(state["mean"])
        loop.average.resume(state["average"])
        loop.good.resume(state["last_finite"])
        loop.batches.resume(state["batches"], middle=state["hook"] == "end_step")
        loop.step.cache.resume(state["carried"], network.plan)
        for callback, own in zip(loop.kept, state["callbacks"], strict=True):
            callback.resume(own)
        if isinstance(optimizer, Optimizer):
            optimizer.resume(state["optimizer"], network.parameters)
        settings = {**LATER, **state["optimizer_settings"]}
        for name in optimizer.config().keys() - {"type"}:
            was, value = getattr(optimizer, name), settings[name]
            setattr(optimizer, name, tuple(value) if isinstance(was, tuple) else value)
        if state["stopped"] is not None:
            run.stop(state["stopped"])
        writer = loop.kept[state["callback"]]
        return loop.observers[loop.observers.index(writer) + 1 :]


def _factors(network: Network) -> dict[str, Any]:
    """How fast each tensor learns and decays, which callbacks may change."""
    rates = [(s.learning_rate, s.weight_decay) for s in network.segments]
    return {"rates": rates, "kept": sorted(network._kept)}


def _set_factors(network: Network, factors: Mapping[str, Any]) -> None:
    network._kept = frozenset(factors["kept"])
    before = network.segments
    after = tuple(s.adjusted(*both) for s, both in zip(before, factors["rates"], strict=True))
    if after != before:  # who looks whether they have changed compares the objects
        network.segments = after


class Passes:
    """The batches of an epoch, or those that remain of an epoch begun earlier.

    A caller's iterable that draws from a generator of its own has `resume_state` and `resume`, like
    `plainnet.data.Windows`; without them, it starts afresh.
    """

    def __init__(self, batches: Batches | GivenBatches, rng: np.random.Generator) -> None:
        self.batches, self.rng = batches, rng
        given: Any = batches.batches if isinstance(batches, GivenBatches) else None
        self.given = given if hasattr(given, "resume_state") else None
        self._used, self._skipped, self._begun = 0, 0, self._now()

    def __iter__(self) -> Iterator[Batch]:
        skipped, self._skipped = self._skipped, 0
        if not skipped:
            self._begun = self._now()
            batches = iter(self.batches)
        else:  # the order of an epoch is drawn at its beginning
            now = self.rng.bit_generator.state
            self._go_to(self._begun)
            batches = iter(self.batches)
            for _ in islice(batches, skipped):
                pass
            self.rng.bit_generator.state = now
        self._used = skipped
        for batch in batches:
            self._used += 1
            yield batch

    def resume_state(self) -> dict[str, Any]:
        return {"used": self._used, "begun": self._begun, "now": self._now()}

    def resume(self, state: Mapping[str, Any], *, middle: bool) -> None:
        """Continue in the middle of an epoch, or after one."""
        self._begun = state["begun"]
        for moment in ("begun", "now"):  # a damaged file is found out now, not in the next epoch
            self._go_to(state[moment])
        self._skipped = int(state["used"]) if middle else 0

    def _now(self) -> dict[str, Any]:
        given = None if self.given is None else self.given.resume_state()
        return {"rng": self.rng.bit_generator.state, "given": given}

    def _go_to(self, state: Mapping[str, Any]) -> None:
        if self.given is not None:
            self.given.resume(state["given"])
        self.rng.bit_generator.state = state["rng"]


class Search:
    """The evaluations that L-BFGS has received; SciPy does not give access to its own state.

    Receiving the same evaluations again brings it back to that state without computing them.
    """

    def __init__(self, network: Network, *, remembers: bool) -> None:
        self.network, self.remembers = network, remembers
        self.first_step = 0
        self._losses: list[float] = []
        self._gradients: list[Array] = []
        self.left = 0
        """Evaluations that are still to be repeated."""

    def begin(self, step: int) -> None:
        """A new search begins at the network's parameters."""
        self.first_step = step
        if self.remembers:
            self._losses, self._gradients = [], []
            self._start = self.network.parameters.copy()
            self._factors = _factors(self.network)

    def add(self, loss: float) -> None:
        """Record an evaluation, whose gradient is in the network."""
        if self.remembers:
            self._losses.append(loss)
            self._gradients.append(self.network.gradients.copy())

    def repeated(self) -> float:
        """The loss of the next known evaluation; its gradient is in the network."""
        self.left -= 1
        np.copyto(self.network.gradients, self._gradients[-1 - self.left], casting="no")
        return self._losses[-1 - self.left]

    def resume_state(self) -> dict[str, Any] | None:
        if not self._losses:
            return None
        return {
            "first_step": self.first_step,
            "start": self._start,
            "factors": self._factors,
            "losses": np.array(self._losses),
            "gradients": np.array(self._gradients),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go back to where the search began."""
        self.first_step, self._factors, self._start = (
            state[name] for name in ("first_step", "factors", "start")
        )
        np.copyto(self.network.parameters, self._start, casting="no")
        _set_factors(self.network, self._factors)
        self._losses, self._gradients = state["losses"].tolist(), list(state["gradients"])
        self.left = len(self._losses)
