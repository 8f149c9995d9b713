"""The hooks of a callback, and the run that they see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

import numpy.typing as npt

from plainnet.arguments.spelling import Spelled
from plainnet.errors import SettingError, require_type, shown

if TYPE_CHECKING:
    from plainnet.network import Network
    from plainnet.optimizers import Optimizer
    from plainnet.optimizers.lbfgs import LBFGS
    from plainnet.training.history import History

Array = npt.NDArray[Any]


@dataclass
class Run:
    """One call of `train`, as callbacks see it. They may change the optimizer's settings."""

    network: Network
    optimizer: Optimizer | LBFGS
    epochs: int
    history: History
    steps_per_epoch: int | None
    """Updates in an epoch; None where the number of batches is not known."""
    validates: bool = False
    """Whether there is validation data."""
    clip_norm: float | None = None
    """The norm to which gradients are clipped, if any."""
    metrics: tuple[str, ...] = ()
    """The names of `train`'s metrics, which the history lists as val_<name>."""
    epoch: int = 0
    """The current epoch, from 0."""
    step: int = 0
    """The current step, from 0 over all epochs. A step ends with one update."""
    loss: float = float("nan")
    """The loss on the last step's examples, before its update."""
    X: Any = field(default=None, repr=False)
    """The examples of the last step, as the network took them. The next step may write over them.
    """
    average: Array | None = None
    """Parameters that replace the network's during validation, in `end_epoch` hooks, and after
    training; `EMA` keeps them here. Running state is measured again for them."""
    stopping: bool = False
    """Whether `stop` or `interrupt` has been called."""
    measured: set[str] = field(default_factory=set, repr=False)
    """The prefixes of measured names: `val`, and those of `Evaluate`."""
    claims: dict[tuple[int, str], str] = field(default_factory=dict, repr=False)
    """Which callback sets which setting during training; see `claim`."""
    interrupted: bool = False
    """Whether `interrupt` has been called."""
    resumed: bool = False
    """Whether the run continues from a checkpoint. If so, `epoch`, `step` and `history` are those
    of the checkpoint when training begins."""
    state: Callable[[Callback, str], dict[str, Any]] | None = field(default=None, repr=False)
    """Returns the state of the run while this callback is in this hook, for `Checkpoint`."""

    @property
    def steps(self) -> int | None:
        """The number of steps in the run, or None if it is not known."""
        return None if self.steps_per_epoch is None else self.epochs * self.steps_per_epoch

    def claim(self, owner: Any, setting: str, who: str) -> None:
        """Reserve a setting for a callback that sets it at every step; two would interfere."""
        key = id(owner), setting
        if key in self.claims:
            raise SettingError(
                f"{self.claims[key]} and {who} both set {setting!r} of {owner!r}, and the last "
                "would win: keep one of them (every schedule has its own warm-up, `warmup`)"
            )
        self.claims[key] = who

    def stop(self, why: str) -> None:
        """End training after this step or epoch; `why` appears in `history.stopped`."""
        self.stopping = True
        self.history.stopped = why

    def interrupt(self, why: str) -> None:
        """`stop` for an outside reason such as Ctrl-C: a resumed run continues training."""
        self.interrupted = True
        self.stop(why)

    def finish(self, why: str) -> None:
        """Record that training has reached its end, unless it was stopped before."""
        if not self.stopping:
            self.history.stopped = why


class Callback(metaclass=Spelled):
    """A base class whose hooks do nothing; override those you need.

    A callback serves one `train` at a time. `train` calls its callbacks in the order given. One
    that remembers something from hook to hook also defines `resume_state` and `resume`; otherwise
    it starts afresh in a resumed run.

    >>> class Halve(Callback):
    ...     def end_epoch(self, run):
    ...         run.optimizer.learning_rate /= 2
    """

    only_counts: ClassVar[bool] = False
    """Whether `end_step` reads no more of the run than the step and the loss, so that several steps
    may be reported after the last of them."""
    only_shows: ClassVar[bool] = False
    """Whether it only shows how training goes; a resumed run may do without it, or use others."""

    may_change: ClassVar[bool] = False
    """Whether a resumed run may change its settings, such as its file or its time limit."""

    def begin_training(self, run: Run) -> None:
        """Before the first epoch."""

    def begin_epoch(self, run: Run) -> None:
        """Before the examples are shuffled and the first batch is drawn."""

    def needs_every_step(self) -> bool:
        """Whether steps must come one at a time: it has a hook for them that may look at more.

        Otherwise `train` may do several steps of a small network in one call.
        """
        own = type(self)
        looks = own.end_step is not Callback.end_step and not self.only_counts
        return looks or own.begin_step is not Callback.begin_step

    def begin_step(self, run: Run) -> None:
        """Before the forward pass, with the batch drawn."""

    def end_step(self, run: Run) -> None:
        """After an update; `run.loss` is the loss before it."""

    def end_epoch(self, run: Run) -> None:
        """After an epoch; `run.history.last()` holds its measures."""

    def end_training(self, run: Run) -> None:
        """After the last step, even if Ctrl-C ended training, but not after an error."""

    def fail(self, run: Run, error: BaseException) -> None:
        """When an error ends training."""

    # Not hooks: what a checkpoint keeps of the callback.

    def resume_state(self) -> Mapping[str, Any]:
        """What it remembers: numbers, strings, None and arrays, and lists and dicts of these."""
        return {}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue from what `resume_state` returned, with tuples as lists.

        This is called in a resumed run after `begin_training` and `begin_epoch`. The hook in which
        the checkpoint was written then continues with the callbacks after `Checkpoint`.
        """


def expect_observers(observers: Sequence[Callback]) -> None:
    """Refuse objects that are not callbacks, and a callback that is given twice."""
    for position, observer in enumerate(observers):
        require_type("each of callbacks", observer, Callback)
        require_hooks(observer)
        if any(observer is earlier for earlier in observers[:position]):
            raise SettingError(f"{observer!r} is among the callbacks twice: leave one out")


NOT_HOOKS = ("resume_state", "resume", "needs_every_step")
HOOKS = tuple(
    name
    for name, value in vars(Callback).items()
    if callable(value) and not name.startswith("_") and name not in NOT_HOOKS
)

_WHEN = {"on", "begin", "start", "end", "finish", "before", "after"}
_WHAT = {"train", "training", "fit", "epoch", "batch", "step", "iteration", "validation"}


def require_hooks(callback: Callback) -> None:
    """Refuse a callback with a method meant as a hook that `train` would never call."""
    for hook in (*HOOKS, *NOT_HOOKS):
        if not callable(getattr(callback, hook)):
            raise SettingError(
                f"{type(callback).__name__}.{hook} must be a method; got "
                f"{shown(getattr(callback, hook))}"
            )
    own: dict[str, None] = {}
    for name, value in vars(
        callback
    ).items():  # an object may keep any function for its own purposes
        if callable(value) and (name in HOOKS or _looks_like_a_hook(name)):
            own[name] = None
    for kind in type(callback).__mro__:
        if kind is Callback:
            break
        own |= dict.fromkeys(n for n, v in vars(kind).items() if callable(v) and n[0] != "_")
    others = [name for name in own if name not in (*HOOKS, *NOT_HOOKS)]
    meant = [name for name in others if _looks_like_a_hook(name)]
    if len(others) == len(own):  # without a single hook, any method was meant as one
        meant = others
    if meant:
        raise SettingError(
            f"{type(callback).__name__}.{meant[0]} is not a hook, and train would never call it; "
            f"the hooks are {', '.join(HOOKS)}. Begin the name of a method that is not meant as "
            "one with an underscore"
        )


def _looks_like_a_hook(name: str) -> bool:
    words = set(name.lower().split("_"))
    return bool(
        (words & _WHEN and words & _WHAT)
        or name.startswith("on_")
        or get_close_matches(name, HOOKS, n=1, cutoff=0.85)
    )
