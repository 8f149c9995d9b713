"""`diagnose`: checks the data, the start, a short training and the end, in this order."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.spelling import require_object, spelled
from plainnet.errors import DataError, SettingError, require_integer, shown
from plainnet.initializers import Constant, Zeros
from plainnet.inspection.doctor.callback import Doctor
from plainnet.inspection.doctor.data import guessed, is_class, of_one_target, of_rows
from plainnet.inspection.doctor.during import of_course, of_modes, of_rate
from plainnet.inspection.doctor.ending import of_end
from plainnet.inspection.doctor.labels import of_mixed_up
from plainnet.inspection.doctor.ranking import is_of_trust, ranked
from plainnet.inspection.doctor.setups import (
    Setup,
    as_given,
    feature_arrays,
    reinitialized,
    sampled,
    taken,
)
from plainnet.inspection.doctor.signs import products_of
from plainnet.inspection.doctor.start import of_start
from plainnet.inspection.doctor.thresholds import KNOWN, NOTHING
from plainnet.inspection.doctor.trials import Outcome, Trials, relative_loss
from plainnet.inspection.doctor.validation import of_validation
from plainnet.inspection.doctor.verdicts import Report, Verdict
from plainnet.network import Network
from plainnet.optimizers import Adam, Optimizer
from plainnet.optimizers.lbfgs import LBFGS

SETTINGS = (
    "batch_size", "epochs", "shuffle", "clip_norm", "clip_value", "accumulate", "mixup", "augment",
    "class_weight",
)  # fmt: skip
"""The arguments of `train` that short trainings use."""
FEWEST_ROWS = 10
STEPS, FEWEST_STEPS, MOST_STEPS = 300, 100, 2000
"""Steps of a short training: by default, for a costly network, and at most."""
PRODUCTS = 6e8
"""The most multiplications in the forward passes of a short training."""
MANY = 500
"""With fewer rows, memorizing them may say nothing about others."""
LEARNED, HALF_KNOWN = 0.9, 0.7
"""Below the first share of the loss of guessing, a network has been trained; below the second, on
its training rows, it knows them in part."""


@spelled
def diagnose(
    network: Any,
    X: Any = None,
    y: npt.ArrayLike | None = None,
    optimizer: Optimizer | LBFGS | None = None,
    history: Mapping[str, list[float]] | Doctor | None = None,
    validation: tuple[Any, Any] | None = None,
    *,
    steps: int | None = None,
    seed: int = 0,
    **settings: Any,
) -> Report:
    """Look for faults in a network, its data and its training, or in an agent.

    Nothing is changed: checks that need training train copies for a short time. A network that has
    learned something counts as trained and is judged by its results; its start and its training are
    checked on a copy with new initial parameters. Any other network counts as about to be trained,
    from its present parameters.

    Parameters
    ----------
    network : Network, an estimator, or an agent of `plainnet.rl`
        A fitted estimator is judged by its table, by what it has learned and, unless it trains by a
        fixed recipe, by its settings; its own optimizer, history and settings are used. An agent
        takes no other arguments for data, since it makes its own: new agents with its settings
        learn for a short time, with and without possible remedies.
    X, y : arrays
        Training rows and targets, as for `train` or `fit`; not for an agent. If there are many
        rows, a sample is drawn.
    optimizer : Optimizer, optional
        By default `Adam()`; then nothing is said about the learning rate.
    history : History or Doctor, optional
        The history of the training; the callback `Doctor` has seen more of it.
    validation : tuple of X and y, optional
        Rows that the network was not trained on.
    steps : int, optional
        Steps of each short training. By default as many as the training has, if `epochs` or the
        history show it, and otherwise 300; at most 2,000, and fewer for costly networks. For an
        agent, environment steps: as many as it has made, and at most 20,000.
    seed : int
        For the short trainings.
    **settings
        Arguments of `train`: batch_size, epochs, shuffle, clip_norm, clip_value, accumulate, mixup,
        augment, class_weight.

    Returns
    -------
    Report
        The most serious finding first.
    """
    estimators = sys.modules.get("plainnet.estimators.base")
    is_estimator = estimators is not None and isinstance(network, estimators.NeuralEstimator)
    agents = sys.modules.get("plainnet.rl.agent")
    is_agent = agents is not None and isinstance(network, agents.Agent)
    textbook = sys.modules.get("plainnet.textbook")
    if textbook is not None and isinstance(network, textbook.NeuralNetwork):
        raise SettingError(
            f"network must be a Network, an estimator or an agent; got {network!r}, whose "
            "to_network() is one: X and y then have a row for each example"
        )
    if not (is_estimator or is_agent):
        require_object("network", network, Network)
        if not network.parameters.size:
            raise SettingError(f"{network!r} has no parameters: there is nothing to train")
    seed = require_integer("seed", seed, at_least=0)
    if steps is not None:
        steps = require_integer("steps", steps, at_least=1)
    if is_agent:
        from plainnet.inspection.doctor.agents.diagnosing import diagnose_agent

        refuse_rows(X=X, y=y, optimizer=optimizer, history=history, validation=validation,
                    **settings)  # fmt: skip
        return diagnose_agent(network, steps, seed)
    if missing := [name for name, rows in (("X", X), ("y", y)) if rows is None]:
        raise SettingError(
            f"diagnose needs the rows that {type(network).__name__} learns from, X and y; got no "
            f"{' and no '.join(missing)}"
        )
    if not isinstance(history, Mapping | Doctor | None):
        raise SettingError(f"history must be a History or a Doctor; got {shown(history)}")
    if validation is not None and not (
        isinstance(validation, tuple | list) and len(validation) == 2
    ):
        raise SettingError(f"validation must be a pair (X, y); got {shown(validation)}")
    if optimizer is not None and not isinstance(optimizer, LBFGS):
        require_object("optimizer", optimizer, Optimizer)
    if unknown := sorted(settings.keys() - set(SETTINGS)):
        raise SettingError(
            f"of train's arguments, diagnose takes {', '.join(SETTINGS)}; got {', '.join(unknown)}"
        )
    if is_estimator:
        from plainnet.inspection.doctor.of_estimators import diagnose_estimator

        own = {"optimizer": optimizer, "history": history, **settings}
        if wrong := [name for name, value in own.items() if value is not None]:
            raise SettingError(f"an estimator has its own {', '.join(wrong)}: leave them out")
        return diagnose_estimator(network, X, y, validation, steps, seed)
    given = Examined(network, X, y, optimizer, history, validation, settings, seed)
    return given.report(steps)


def refuse_rows(**given: Any) -> None:
    """Refuse all other arguments for an agent."""
    if names := [name for name, value in given.items() if value is not None]:
        raise SettingError(
            "an agent makes its own data and has its own settings: diagnose takes the agent, "
            f"steps and seed; got {', '.join(names)}"
        )


class Examined:
    """A network together with the other arguments of `diagnose`."""

    def __init__(
        self,
        network: Network,
        X: Any,
        y: Any,
        optimizer: Any,
        history: Mapping[str, list[float]] | Doctor | None,
        validation: tuple[Any, Any] | None,
        settings: dict[str, Any],
        seed: int,
    ) -> None:
        rng = np.random.default_rng(seed)
        X, y = network.examples(X), y if isinstance(y, Mapping) else np.asarray(y)
        self.n = len(X)
        if self.n < FEWEST_ROWS:
            raise DataError(f"a diagnosis takes {FEWEST_ROWS} rows or more; got {self.n}")
        network.check_targets(self.n, y)
        X, y = sampled(X, y, rng)
        network.check(X, y)
        if validation is not None:
            V, w = network.examples(validation[0]), validation[1]
            network.check_targets(len(V), w)
            V, w = sampled(V, w if isinstance(w, Mapping) else np.asarray(w), rng)
            network.check(V, w)
            validation = as_given(network.inputs(V)), w
        self.course = history.course if isinstance(history, Doctor) else None
        self.history: Mapping[str, list[float]] | None = (
            history.history if isinstance(history, Doctor) else history
        )
        self.seed = seed
        self.rate_is_known = optimizer is not None
        self.has_validation = validation is not None
        self.setup = Setup(
            deepcopy(network), as_given(network.inputs(X)), y, validation,
            Adam() if optimizer is None else fresh(optimizer),
            settings if isinstance(optimizer, LBFGS) else {"batch_size": 32, **settings},
        )  # fmt: skip
        self.is_trained = self.has_learned()

    @property
    def ids(self) -> Any:
        """The classes of the rows; None if targets are numbers, or several per row."""
        y = guessed(self.setup.network, self.setup.y)
        return y if y is not None and is_class(y) else None

    def has_learned(self) -> bool:
        """Whether it has been trained successfully."""
        left = relative_loss(self.setup.network, self.setup.X, self.setup.y)
        if self.history is None and is_pristine(self.setup.network):
            return False
        return left < LEARNED

    def report(self, steps: int | None) -> Report:
        """All findings, with the remedies tried."""
        start = self.setup
        ids = guessed(start.network, start.y)
        if ids is not None and (ids == ids[0]).all():
            return Report([of_one_target(ids)], ["the targets"])
        if self.is_trained or self.history is not None:
            start = replace(start, network=reinitialized(start.network, self.seed))
        total = self.steps_of_training()
        steps = self.steps_to_try(total) if steps is None else steps
        trials = Trials(start, steps, self.seed)
        known, base = trials.setup, trials.base
        facts = [*of_rows(start), *of_validation(start)]
        facts += of_start(known)
        facts += of_course(known, base.course)
        facts += of_modes(trials)
        facts += of_mixed_up(trials, None if knows_rows(facts) else start.validation)
        found = [
            judged for verdict in facts if (judged := self.judged(verdict, trials)) is not None
        ]
        if self.course is not None:
            seen = of_course(self.setup, self.course)
            found += [verdict for verdict in seen if verdict.severity != "suspected"]
        if self.n >= MANY and not feature_arrays(self.setup.network.inputs(self.setup.X)):
            found += of_nothing(base)  # of numbers, neighbours have been asked
        if self.rate_is_known:
            found += of_rate(trials, whole=total is not None and total <= steps)
        if trials.least_left < KNOWN:  # what can be learned belongs to its rows
            found = [verdict for verdict in found if verdict.name != "shuffled_labels"]
        looked_at = ["data", "start", f"a training of {steps:,} steps"]
        if self.is_trained or self.history is not None:
            found += of_end(self.setup, self.history, self.seed)
            looked_at.append("what is learned")
        left_out = {}
        if not self.has_validation:
            left_out["whether others are predicted as well"] = "there are no validation rows"
        if not self.rate_is_known:
            left_out["the learning rate"] = "there is no optimizer"
        verdicts = [self.for_user(verdict) for verdict in ranked(found, base.left)]
        return Report(verdicts, looked_at, left_out)

    def judged(self, verdict: Verdict, trials: Trials) -> Verdict | None:
        """The verdict with the severity from its trial; None if a suspicion is not confirmed."""
        if not is_of_trust(verdict):
            return trials.judged(verdict)
        if verdict.severity != "suspected":
            return verdict
        return verdict.as_severe_as("serious") if trials.base.left > NOTHING else None

    def for_user(self, verdict: Verdict) -> Verdict:
        """The verdict without code for validation rows if there are none."""
        if self.has_validation:
            return verdict
        lines = [each for each in verdict.code.splitlines() if not each.startswith("validation")]
        return replace(verdict, code="\n".join(lines))

    def steps_of_training(self) -> int | None:
        """How many steps the whole training has, if known."""
        settings = self.setup.settings
        epochs = settings.get("epochs") or (len(self.history) if self.history else None)
        if epochs is None:
            return None
        return int(epochs) * ceil(self.n / (settings.get("batch_size") or self.n))

    def steps_to_try(self, total: int | None) -> int:
        """Steps of a short training: as many as the training has, within limits."""
        network = self.setup.network
        rows = self.setup.settings.get("batch_size") or self.n
        some = taken(network.inputs(self.setup.X), slice(8))
        bearable = PRODUCTS / (rows * max(products_of(network, some), 1000))
        wanted = STEPS if total is None else total
        return int(min(wanted, max(bearable, FEWEST_STEPS), MOST_STEPS))


def of_nothing(base: Outcome) -> Iterator[Verdict]:
    """Checks for rows that are memorized and say nothing about other rows."""
    if base.left > NOTHING and base.fitted < HALF_KNOWN:
        yield Verdict(
            "shuffled_labels", "serious", "y",
            f"Of the loss of guessing, {base.fitted:.0%} is left on the rows of a short training, "
            f"and on rows that were held out it is {base.left:.2g} times that of guessing: what is "
            "learned of some rows tells nothing of others.",
            "See that rows and labels are in the same order, and that the data tell something of "
            "the target.",
        )  # fmt: skip


def knows_rows(facts: Iterable[Verdict]) -> bool:
    """Whether validation rows are also training rows, or nearly so."""
    return any(verdict.name in ("shared_rows", "too_good_validation") for verdict in facts)


def is_pristine(network: Network) -> bool:
    """Whether all tensors that start with a constant still hold it, as before training."""
    constant = [
        (getattr(layer, name), declared.initializer)
        for layer in network.body.walk()
        for name, declared in layer.declared.items()
        if isinstance(declared.initializer, Zeros | Constant)
    ]
    return bool(constant) and all(
        np.array_equal(
            tensor, np.broadcast_to(np.float32(getattr(start, "value", 0)), tensor.shape)
        )
        for tensor, start in constant
    )


def fresh(optimizer: Any) -> Any:
    """A copy of an optimizer that has made no step."""
    own = deepcopy(optimizer)
    if isinstance(own, Optimizer):
        own.reset()
    return own
