"""What all agents share: learning from the steps of an environment, and acting."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from plainnet import files
from plainnet.arguments.arrays import as_generator
from plainnet.arguments.config import Configurable
from plainnet.engine.cache import Cache
from plainnet.engine.memory import aligned
from plainnet.engine.stages import Stage
from plainnet.errors import (
    DivergedError,
    FileError,
    SettingError,
    ShapeError,
    require_integer,
    require_type,
    shown,
)
from plainnet.files.archive import Archive
from plainnet.layers.base import Array
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.rl.environments import LONGEST, Environments, Make
from plainnet.rl.evaluation import returns_of
from plainnet.rl.files import count_in, expect_finite, expect_savable, fill
from plainnet.rl.learning import Learning
from plainnet.rl.running import EARLIER_NOISE, RunningStatistics
from plainnet.training.interrupts import on_ctrl_c
from plainnet.training.steps import Step

MOST_ENVIRONMENTS = 2048
"""The most environments; they are stepped one after another, so more are not faster."""


class Agent(Configurable, ABC):
    """Learns to act in an environment.

    Each algorithm is a subclass in a file of its own. Its constructor makes `self.learners`, the
    networks with their optimizers; the subclass defines `choose`, and `iterate`, which makes some
    steps and learns from them.

    Parameters that all agents have
    -------------------------------
    env : str or function
        An environment's name in Gymnasium, or a function that makes a new environment at each call.
        An agent made with a function can be saved, but loading it needs the function again.
    seed : int, optional
        Seed for everything random. With the same seed, settings and number of steps, two agents are
        identical bit for bit, on one machine with the same number of threads and the same package
        versions, if the environment draws its random numbers from its own generator.

    Attributes
    ----------
    learning : Learning
        The episodes so far.
    """

    file_kind = "agent"
    env: str | Make
    n_envs: int
    seed: int | None
    saved_after: int | None = None
    """The number of steps when the agent was last saved."""
    learners: dict[str, tuple[Network, Optimizer]]
    statistics: dict[str, RunningStatistics]

    def begin(self) -> None:
        """Set up environments, counters and random generator; constructors call this first."""
        if self.seed is not None:
            self.seed = require_integer("seed", self.seed, at_least=0)
        self.rng = as_generator(self.seed)
        self.n_envs = require_integer("n_envs", self.n_envs, at_least=1, at_most=MOST_ENVIRONMENTS)
        self.environments = Environments(self.env, self.n_envs)
        self.learning = Learning()
        self.learners, self.statistics = {}, {}
        self._steps: dict[str, Step] = {}

    @property
    def steps(self) -> int:
        """Environment steps so far, over all copies."""
        return self.environments.steps

    # --- what an algorithm writes ----------------------------------------------------------------

    @abstractmethod
    def iterate(self, done: float) -> None:
        """Make some steps of the environments and learn from them.

        `done` is the share of all steps made so far; it sets annealed rates.
        """

    @abstractmethod
    def choose(self, observations: Array, rng: np.random.Generator | None) -> Array:
        """The best action for each observation, (n, width), or one sampled as in learning.

        Several threads may call it at once, since the agent does not change.
        """

    @abstractmethod
    def values(self, observations: Array) -> Array:
        """The discounted return that the agent expects from each observation, shape (n,)."""

    def scaled(self, observations: Array) -> Array:
        """The observations as the networks see them: float32, and normalized if that is set."""
        X = np.asarray(observations)
        if "observations" in self.statistics:
            return self.statistics["observations"].normalized(X)
        return X.astype(np.float32, copy=False)

    def episodes_begin(self) -> None:
        """Called when all environments have been reset: forget what belongs to old episodes."""

    # --- learning --------------------------------------------------------------------------------

    def learn(
        self,
        steps: int,
        *,
        progress: bool = True,
        callback: Callable[[Agent], object] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        every: int | None = None,
    ) -> Self:
        """Learn until the agent has made `steps` steps in total.

        Parameters
        ----------
        steps : int
            Counted over all copies of the environment, from the agent's first step on. The last
            iteration is completed, so there may be a few more. Annealed rates reach their end
            value at `steps`; continuing beyond it later raises them again.
        progress : bool
        callback : function, optional
            Called with the agent after each iteration.
        checkpoint : str or path, optional
            Save the agent there every `every` steps, at the end, and after Ctrl-C. Episodes
            restart after each save, so that a loaded agent continues exactly as this one does.
        every : int, optional
            By default a tenth of `steps` or, if larger, enough steps for each environment to play
            five episodes of maximum length.

        Raises
        ------
        DivergedError
            If a loss or a parameter is no longer finite.
        """
        steps = require_integer("steps", steps, at_least=1)
        if every is not None:
            every = require_integer("every", every, at_least=1)
        if callback is not None and not callable(callback):
            raise SettingError(f"callback must be a function of the agent; got {shown(callback)}")
        limit = self.environments.limit
        longest = limit if limit < LONGEST else 0  # otherwise nobody knows
        every = every or max(steps // 10, 5 * self.n_envs * longest, 1)
        if checkpoint is not None:
            _require_writable(Path(checkpoint))
            expect_savable(self)
        interrupted: list[bool] = []
        finishing = on_ctrl_c(lambda: interrupted.append(True))
        with finishing:
            with _bar(steps, self.steps, progress) as bar:
                while self.steps < steps and not interrupted:
                    stop = (self.steps // every + 1) * every if checkpoint is not None else steps
                    self._learn_until(min(stop, steps), steps, bar, callback, interrupted)
                    if checkpoint is not None and self.steps < steps and not interrupted:
                        self.save(checkpoint)
            if checkpoint is not None:
                self.save(checkpoint)
        if interrupted:
            raise KeyboardInterrupt
        return self

    def _learn_until(
        self,
        stop: int,
        steps: int,
        bar: Any = None,
        callback: Callable[[Agent], object] | None = None,
        interrupted: Sequence[bool] = (),
    ) -> None:
        self.environments.reset(int(self.rng.integers(2**31)))
        self.episodes_begin()
        while self.steps < stop and not interrupted:
            before = self.steps
            self.iterate(before / steps)
            self.learning.add(self.environments.episodes)
            self.environments.episodes.clear()
            if bar is not None:
                bar.update(self.steps - before)
                bar.set_postfix_str(f"return {self.learning.recent():.1f}", refresh=False)
            if callback is not None:
                callback(self)

    def update(
        self,
        name: str,
        X: Array,
        y: Array,
        *,
        learning_rate: float,
        max_norm: float | None = None,
        sample_weight: Array | None = None,
    ) -> Cache:
        """Take one optimizer step on a learner's loss for these rows; return the step's cache."""
        network, optimizer = self.learners[name]
        if name not in self._steps:
            step = Step(network, optimizer, Cache(training=True, seed=self.rng))
            step.diverged = lambda what: self._diverged(name, what)
            self._steps[name] = step
        step = self._steps[name]
        step.clip_norm = np.inf if max_norm is None else max_norm
        optimizer.learning_rate = learning_rate
        with np.errstate(all="ignore"):  # what is not finite is an error
            step.gradient((X, y.astype(network.dtype, copy=False), sample_weight))
            step.update()
        return step.cache.children["loss"]

    def _diverged(self, name: str, what: str) -> DivergedError:
        return DivergedError(
            f"after {self.steps} steps of the environment, in learning {name}, {what}; a lower "
            "learning_rate is the usual remedy",
            step=self.steps,
            layer=name,
        )

    # --- acting ----------------------------------------------------------------------------------

    def act(self, observation: npt.ArrayLike, *, rng: np.random.Generator | None = None) -> Any:
        """The action for an observation, or one for each observation in an array.

        Observations and actions have the environment's own form.

        Parameters
        ----------
        rng : numpy.random.Generator, optional
            Explore as in learning, with random numbers from it; without it, take the best action.
        """
        if rng is not None:
            require_type("rng", rng, np.random.Generator)
        X, several = self._seen(observation)
        actions = self.environments.as_env(self.choose(X, rng))
        return actions if several else actions[0]

    def _seen(self, observation: npt.ArrayLike) -> tuple[Array, bool]:
        """One observation or several, checked, shape (n, width); and whether they were several."""
        environments = self.environments
        try:
            seen = np.asarray(observation)
        except ValueError as error:  # of several shapes
            raise ShapeError(f"observations must be numbers of one shape; {error}") from error
        one = (environments.width,) * environments.axes
        if seen.shape[-len(one) or seen.ndim :] != one or seen.ndim > len(one) + 1:
            shown = ", ".join(map(str, ("n", *one)))
            raise ShapeError(
                f"an observation has the shape {one}, several have ({shown}); got {seen.shape}"
            )
        several = seen.ndim > len(one)
        return environments.observed(seen if several else seen[None]), several

    # --- for a trace -----------------------------------------------------------------------------

    @property
    @abstractmethod
    def _deciding(self) -> Network:
        """The network that decides."""

    def _stage_before(self, observations: Array) -> tuple[Stage | None, Array]:
        """What is done to observations before the network, if anything is, and what that gets."""
        X = self.scaled(observations)
        return self._normalization(observations), X

    def _normalization(self, observations: Array) -> Stage | None:
        if "observations" not in self.statistics:
            return None
        return self.statistics["observations"].stage(observations)

    @abstractmethod
    def _stage_after(self) -> Stage:
        """How the action follows from the network's output Z."""

    def evaluate(self, episodes: int = 100, *, seed: int = 0, greedy: bool = True) -> Array:
        """The returns of new episodes, shape (episodes,), in separate environments.

        Learning is not affected.
        """
        return returns_of(self, episodes, seed=seed, greedy=greedy)

    # --- files -----------------------------------------------------------------------------------

    def arrays(self) -> dict[str, Array]:
        """Everything that learning changes, by name."""
        arrays = {
            "learning": self.learning.table,
            "rng": np.array(json.dumps(self.rng.bit_generator.state)),
            "steps": np.array(self.steps),
        }
        for name, (network, optimizer) in self.learners.items():
            arrays[f"{name}.parameters"] = network.parameters
            arrays[f"{name}.state"] = network.state
            arrays[f"{name}.optimizer.steps"] = np.array(optimizer.steps)
            if optimizer.missed:  # tensors were frozen for a time
                arrays[f"{name}.optimizer.missed"] = np.array(optimizer.missed)
            for accumulator, values in optimizer.state.items():
                arrays[f"{name}.optimizer.{accumulator}"] = values
        for name, statistics in self.statistics.items():
            arrays |= {f"{name}.{part}": value for part, value in statistics.state().items()}
        return arrays

    def restore(self, file: Archive) -> None:
        """Restore what `arrays` returned and `save` wrote; only arrays of this agent are read."""
        rows = file.rows("state.learning", 3, np.float64)
        expect_finite("learning", rows)
        self.learning = Learning(rows)
        self.rng.bit_generator.state = file.json("state.rng")
        self.environments.steps = count_in(file, "state.steps")
        for name, (network, optimizer) in self.learners.items():
            fill(file, f"{name}.parameters", network.parameters)
            fill(file, f"{name}.state", network.state)
            optimizer.reset()
            optimizer.steps = count_in(file, f"state.{name}.optimizer.steps")
            for accumulator in optimizer.accumulators if optimizer.steps else ():
                values = aligned(network.parameters.size, network.dtype)
                fill(file, f"{name}.optimizer.{accumulator}", values)
                optimizer.state[accumulator] = values
            optimizer.expect_to_fit(network.parameters)
            missed = f"state.{name}.optimizer.missed"
            rows = file.rows(missed, 3, np.int64) if missed in file else np.empty((0, 3), int)
            optimizer.missed = tuple((int(a), int(b), int(n)) for a, b, n in rows.tolist())
        for name, statistics in self.statistics.items():
            for part, value in statistics.state().items():
                if part == "noise" and f"state.{name}.noise" not in file:
                    value[...] = EARLIER_NOISE
                    continue
                fill(file, f"{name}.{part}", value)
                if part != "mean" and (value < 0).any():
                    raise ValueError(f"its {name}.{part} is negative")

    @classmethod
    def expect_room(cls, settings: Mapping[str, Any], file: Archive) -> None:
        """Refuse settings that need more memory than the file holds, before an agent is made."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the agent with all that it needs to continue; `load_agent` reads it.

        The file is written completely or not at all. `plainnet.save` does the same.
        """
        files.save(self, path)


def layer_sizes(hidden: Sequence[int]) -> list[int]:
    """The setting `hidden`, if it holds whole numbers."""
    if not isinstance(hidden, list | tuple):
        raise SettingError(f"hidden must be a tuple of layer sizes, like (64, 64); got {hidden!r}")
    return [require_integer("hidden", n, at_least=1) for n in hidden]


def _require_writable(path: Path) -> None:
    """Refuse now what could not be written after hours of learning."""
    if not path.resolve().parent.is_dir():
        raise FileError(f"cannot save to {path}: there is no such folder")
    if path.is_dir():
        raise FileError(f"cannot save to {path}: it is a folder; name a file in it")
    if not os.access(path.resolve().parent, os.W_OK):
        raise FileError(f"cannot save to {path}: its folder is not writable")


@contextmanager
def _bar(steps: int, before: int, wanted: bool) -> Iterator[Any]:
    """A bar of the steps, if it is wanted and tqdm (extra `progress`) is installed."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        tqdm = None
    if not wanted or tqdm is None:
        yield None
        return
    with tqdm(total=steps, initial=before, unit="step", unit_scale=True) as bar:
        yield bar
