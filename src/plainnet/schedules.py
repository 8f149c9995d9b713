"""Schedules: a setting, usually the learning rate, as a function of the progress of training.

A schedule is a callback. It multiplies the value that the setting has when training begins, and
restores that value at the end:

>>> Cosine(warmup=0.05)
Cosine(warmup=0.05)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from math import cos, inf, log2, pi
from numbers import Real
from re import search
from typing import Any, ClassVar, Literal

from plainnet.arguments.config import Configurable, arguments_of
from plainnet.callbacks.base import Callback, Run
from plainnet.callbacks.monitor import Mode, Monitor
from plainnet.errors import (
    SettingError,
    require_integer,
    require_number,
    require_one_of,
    require_sequence,
    require_type,
)
from plainnet.layers.base import Layer

Per = Literal["step", "epoch"]


@dataclass(repr=False, eq=False, kw_only=True)
class Schedule(Callback, Configurable, ABC):
    """A factor that multiplies a setting. A subclass defines `factor`; all take these settings.

    In `Polynomial`, `OneCycle` and `CosLog4`, t is the share of the steps that are done,
    0 <= t < 1. Two schedules for one setting are refused, since the last would win, and so are
    numbers that are only read before training, such as `units`.

    Parameters
    ----------
    warmup : float or int
        Before the schedule proper begins, the factor rises in a straight line to 1: for this share
        of all steps if below 1, otherwise for this number of steps.
    of : str
        The name of the setting, which must be a number.
    on : Layer or sequence of Layer, optional
        The setting's owner, if not the optimizer: `of="rate", on=dropouts`. A container's setting
        reaches the layers inside that use it: `of="dropout", on=transformer_block`.
    per : "step" or "epoch"
        What counts as a step of the schedule.
    """

    warmup: float = 0
    of: str = "learning_rate"
    on: Layer | Sequence[Layer] | None = None
    per: Per = "step"

    needs_total: ClassVar[bool] = True
    """Whether `factor` depends on `steps`."""

    def __post_init__(self) -> None:
        require_number("warmup", self.warmup, at_least=0)
        if self.warmup >= 1:
            require_integer("warmup, which is not a share below 1,", self.warmup, at_least=1)
        require_one_of("per", self.per, ("step", "epoch"))
        require_type("of", self.of, str)
        if self.on is not None and not isinstance(self.on, Layer):
            layers = require_sequence("on", self.on, "Layer objects")
            if not layers:
                raise SettingError("on must be a list of Layer objects; got an empty one")
            for layer in layers:
                require_type("each of on", layer, Layer)

    @abstractmethod
    def factor(self, step: int, steps: int) -> float:
        """The factor at this step, 0 <= step < steps; neither number includes the warm-up."""

    def begin_training(self, run: Run) -> None:
        steps = run.steps if self.per == "step" else run.epochs
        if steps is None and (self.needs_total or 0 < self.warmup < 1):
            raise SettingError(
                f"{self!r} needs to know the number of steps, and the batches have no length: give "
                'them a __len__, or count with per="epoch"'
            )
        self._steps = steps or 0
        self._warm = int(self.warmup) if self.warmup >= 1 else round(self.warmup * self._steps)
        users = {(id(user), name): (user, name) for user, name in self._users(run)}
        for user, name in users.values():
            run.claim(user, name, repr(self))
        self._bases = [(user, name, getattr(user, name)) for user, name in users.values()]
        for user, name, base in self._bases:
            if base == 0:
                raise SettingError(
                    f"{self!r} multiplies {name!r} of {user!r}, which is 0: the schedule would do "
                    "nothing"
                )
        self._set = [base for *_, base in self._bases]

    def _users(self, run: Run) -> Iterator[tuple[Any, str]]:
        """Which layers read the setting, and under which name."""
        if self.on is None:
            _expect_number(run.optimizer, self.of)
            yield run.optimizer, self.of
            return
        for layer in [self.on] if isinstance(self.on, Layer) else self.on:
            _expect_number(layer, self.of)
            if all(layer is not other for other in run.network.body.walk()):
                raise SettingError(
                    f"{layer!r} is not a layer of the network that is trained, but perhaps one "
                    "that it was copied from: take it from network.layers"
                )
            yield from layer.users_of(self.of)

    def needs_every_step(self) -> bool:
        """A learning rate is known ahead, if nothing is overridden that reads the network."""
        own = type(self)
        plain = own.begin_step is Schedule.begin_step and own.end_step is Callback.end_step
        return not (plain and self.of == "learning_rate" and self.on is None)

    def begin_step(self, run: Run) -> None:
        step = run.step if self.per == "step" else run.epoch
        if self._steps:  # there may be more batches than __len__ says
            step = min(step, self._steps - 1)
        if step < self._warm:
            factor = (step + 1) / (self._warm + 1)
        else:
            factor = self.factor(step - self._warm, self._steps - self._warm)
        for i, (user, name, base) in enumerate(self._bases):
            if getattr(user, name) != self._set[i]:
                raise SettingError(
                    f"{self!r} sets {name!r} of {user!r} at every step, and something else has set "
                    f"it to {getattr(user, name)!r}: keep one of them"
                )
            value = base * factor
            if value != self._set[i]:
                self._expect_allowed(user, name, value)
                setattr(user, name, value)
                self._set[i] = value

    def _expect_allowed(self, user: Any, name: str, value: float) -> None:
        """Refuse what the constructor would; a learning rate, the usual case, without asking it."""
        if name == "learning_rate":
            if not 0 <= value < inf:
                require_number(f"the learning rate that {self!r} sets", value, at_least=0)
            return
        kind: type = type(user)
        settings = {argument: getattr(user, argument) for argument in arguments_of(kind)}
        try:
            kind(**{**settings, name: value})
        except SettingError as error:
            raise SettingError(f"{self!r} sets {name!r} to {value:g}: {error}") from error

    def end_training(self, run: Run) -> None:
        for user, name, base in self._bases:
            setattr(user, name, base)

    def fail(self, run: Run, error: BaseException) -> None:
        self.end_training(run)

    def resume_state(self) -> dict[str, Any]:
        return {"set": self._set}

    def resume(self, state: Mapping[str, Any]) -> None:
        for (user, name, _), value in zip(self._bases, state["set"], strict=True):
            setattr(user, name, value)
        self._set = list(state["set"])


def _power(base: float, exponent: int) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return inf


def _expect_number(owner: Any, name: str) -> None:
    """Refuse a setting that does not exist, is not a number, or has no effect any more."""
    kind: type = type(owner)
    arguments = arguments_of(kind)
    numbers = [
        argument
        for argument in {**arguments, **dict.fromkeys(_OF_EVERY_OPTIMIZER)}
        if isinstance(getattr(owner, argument, None), Real)
        and not isinstance(getattr(owner, argument), bool)
    ]
    # What is declared as an integer counts something, and shapes follow from it.
    fixed = [
        argument.name
        for argument in arguments.values()
        if argument.name in owner.read_once or _is_integer(str(argument.annotation))
    ]
    others = ", ".join(n for n in numbers if n not in fixed) or "none"
    if name not in numbers:
        raise SettingError(f"{owner!r} has no number called {name!r} to schedule; it has {others}")
    if name in fixed:
        raise SettingError(
            f"{name!r} of {owner!r} is only read before training, so a schedule for it would "
            f"do nothing; numbers that may be scheduled: {others}"
        )


def _is_integer(annotation: str) -> bool:
    return bool(search(r"\bint\b", annotation)) and "float" not in annotation


_OF_EVERY_OPTIMIZER = ("learning_rate", "weight_decay", "l1")


# --- that count -----------------------------------------------------------------------------------


@dataclass(repr=False, eq=False)
class Constant(Schedule):
    """A factor of 1; useful for its warm-up."""

    needs_total = False

    def factor(self, step: int, steps: int) -> float:
        return 1.0


@dataclass(repr=False, eq=False)
class Step(Schedule):
    """The factor is multiplied by `by` once every `every` epochs."""

    every: int
    by: float = 0.1
    _: KW_ONLY
    per: Per = "epoch"

    needs_total = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer("every", self.every, at_least=1)
        require_number("by", self.by, above=0)

    def factor(self, step: int, steps: int) -> float:
        return _power(self.by, step // self.every)


@dataclass(repr=False, eq=False)
class Exponential(Schedule):
    """The factor is by^t in epoch t, counted from 0."""

    by: float
    _: KW_ONLY
    per: Per = "epoch"

    needs_total = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("by", self.by, above=0)

    def factor(self, step: int, steps: int) -> float:
        return _power(self.by, step)


@dataclass(repr=False, eq=False)
class InverseScaling(Schedule):
    """The factor is 1 / (t + 1)^power in epoch t, counted from 0.

    In scikit-learn's "invscaling", t is the number of examples seen.
    """

    power: float = 0.5
    _: KW_ONLY
    per: Per = "epoch"

    needs_total = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("power", self.power, above=0)

    def factor(self, step: int, steps: int) -> float:
        return float((step + 1) ** -self.power)


@dataclass(repr=False, eq=False)
class ReduceOnPlateau(Schedule):
    """The factor is multiplied by `by` when a measure has not improved for `patience` epochs.

    Parameters
    ----------
    by : float
        The multiplier, 0 < by < 1.
    patience : int
        Epochs without improvement, counted from the best or from the last reduction.
    monitor, mode, min_delta
        As in `EarlyStopping`.
    minimum : float
        The factor does not fall below this.
    """

    by: float = 0.1
    _: KW_ONLY
    patience: int = 10
    monitor: str = "val_loss"
    mode: Mode = "auto"
    min_delta: float = 0.0
    minimum: float = 0.0

    needs_total = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("by", self.by, above=0, below=1)
        require_integer("patience", self.patience, at_least=1)
        require_number("minimum", self.minimum, at_least=0)
        self._monitor = Monitor(self.monitor, self.mode, self.min_delta)

    def begin_training(self, run: Run) -> None:
        super().begin_training(run)
        self._monitor.begin(run)
        self._factor, self._since = 1.0, -1

    def end_epoch(self, run: Run) -> None:
        if self._monitor.improved(run):
            self._since = run.epoch
        elif run.epoch - self._since >= self.patience:
            self._factor, self._since = max(self._factor * self.by, self.minimum), run.epoch

    def resume_state(self) -> dict[str, Any]:
        own = {"monitor": self._monitor.resume_state(), "factor": self._factor}
        return {**super().resume_state(), **own, "since": self._since}

    def resume(self, state: Mapping[str, Any]) -> None:
        super().resume(state)
        self._monitor.resume(state["monitor"])
        self._factor, self._since = state["factor"], state["since"]

    def factor(self, step: int, steps: int) -> float:
        return self._factor


# --- over the whole of training: t = step / steps, 0 <= t < 1 -------------------------------------


@dataclass(repr=False, eq=False)
class Polynomial(Schedule):
    """From 1 to `minimum` as (1 - t)^power: by default in a straight line."""

    power: float = 1.0
    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("power", self.power, above=0)
        require_number("minimum", self.minimum, at_least=0)

    def factor(self, step: int, steps: int) -> float:
        return float(self.minimum + (1 - self.minimum) * (1 - step / steps) ** self.power)


@dataclass(repr=False, eq=False, kw_only=True)
class Cosine(Schedule):
    """From 1 to `minimum` along half a cosine, once or several times.

    With restarts, this is SGDR (Loshchilov and Hutter 2017, equation 5): the factor jumps back to
    1, and each part is `growth` times as long as the one before.
    """

    minimum: float = 0.0
    restarts: int = 0
    growth: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("minimum", self.minimum, at_least=0)
        require_integer("restarts", self.restarts, at_least=0, at_most=1000)
        require_number("growth", self.growth, above=0)
        if self.restarts * log2(self.growth) > 1000:
            raise SettingError(
                f"growth={self.growth!r} with restarts={self.restarts!r} makes parts too long"
            )

    def factor(self, step: int, steps: int) -> float:
        lengths = [self.growth**part for part in range(self.restarts + 1)]
        t = step * sum(lengths) / steps  # in units of the first part
        while t >= lengths[0] and len(lengths) > 1:
            t -= lengths.pop(0)
        return _cosine(1, self.minimum, t / lengths[0])


@dataclass(repr=False, eq=False, kw_only=True)
class OneCycle(Schedule):
    """From `start` up to 1 and down to `end`, each along half a cosine (Smith and Topin 2018).

    The optimizer's learning rate is the one at the peak. Momentum may move the other way: with
    `SGD(momentum=0.85)`, a second `OneCycle(start=0.95 / 0.85, end=0.95 / 0.85, of="momentum")`.

    Parameters
    ----------
    peak : float
        The share of the steps that come before the peak. The rise replaces a warm-up.
    start, end : float
        The factor at the beginning and the end.
    """

    peak: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup:
            raise SettingError(f"OneCycle itself rises to its peak; got warmup={self.warmup!r} too")
        require_number("peak", self.peak, above=0, below=1)
        require_number("start", self.start, at_least=0)
        require_number("end", self.end, at_least=0)

    def factor(self, step: int, steps: int) -> float:
        t = step / steps
        if t < self.peak:
            return _cosine(self.start, 1, t / self.peak)
        return _cosine(1, self.end, (t - self.peak) / (1 - self.peak))


@dataclass(repr=False, eq=False)
class FlatCos(Schedule):
    """A factor of 1 for the first half of the steps, then half a cosine to 0."""

    def factor(self, step: int, steps: int) -> float:
        t = step / steps
        return 1.0 if t < 0.5 else _cosine(1, 0, 2 * t - 1)


@dataclass(repr=False, eq=False)
class CosLog4(Schedule):
    """(1 - cos(2 pi log2(1 + 15 t))) / 2: four waves, each twice as long as the one before.

    The learning-rate schedule of RealMLP (Holzmüller et al. 2024).
    """

    def factor(self, step: int, steps: int) -> float:
        return (1 - cos(2 * pi * log2(1 + 15 * step / steps))) / 2


def _cosine(start: float, end: float, t: float) -> float:
    """From start at t = 0 to end at t = 1, level at both."""
    return end + (start - end) * (1 + cos(pi * t)) / 2
