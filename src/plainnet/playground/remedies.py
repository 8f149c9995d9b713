"""The remedies of the doctor's verdicts: each runs on copies, and its changes become settings.

Settings are all that a link holds and all that a training can be repeated from. So the code of a
remedy runs as in the doctor's own trials, and what it has changed is read off: a learning rate
changes at once; other layers or other first weights begin the training anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import PlainnetError, SettingError, counted
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.playground.building import layers_of
from plainnet.playground.choices import CHANGEABLE, INITIALIZATIONS, LIMITS
from plainnet.playground.settings import MOST_CHANGES, Change, LayerSettings, Settings
from plainnet.playground.training import Training

if TYPE_CHECKING:
    from plainnet.playground.session import Session

Array = npt.NDArray[Any]

OF_UNITS = "dead_units", "saturated_units"
OF_RESULT = ("miscalibrated",)
"""Their code corrects trained weights, where that of others draws or scales first weights."""
STEPPED = "relu", "leaky_relu", "elu", "gelu", "silu"
"""The activations that He's rule is for."""
USUAL = "he", "glorot"
AS_IT_IS = ("validation_data", "shuffle", "optimizer")
"""Arguments of `train` that a playground never has otherwise; an optimizer is compared apart."""


@dataclass
class Trial:
    """What the code of a remedy was given, or what it made of it."""

    network: Network
    X: Array
    y: Array
    validation: tuple[Array, Array] | None
    optimizer: Optimizer
    train: dict[str, Any]
    """The arguments with which it calls `train`."""
    built_anew: bool
    """Whether its network is another object."""


def tried(training: Training, code: str) -> Trial:
    """The result of a remedy's code, run on copies.

    Raises
    ------
    SettingError
        If it does not run here.
    """
    given: dict[str, Any] = {}
    names: dict[str, Any] = deepcopy(
        {
            "network": training.network,
            "X": training.examples.train[0],
            "y": training.examples.train[1],
            "validation": training.examples.test,
            "optimizer": training.optimizer,
        }
    )
    network = names["network"]
    names["train"] = lambda *_, **changed: given.update(changed)
    try:
        with np.errstate(all="ignore"):
            exec(code, names)
    except PlainnetError:
        raise
    except Exception as error:
        raise SettingError(f"the code of this remedy does not run here: {error}") from error
    kinds = ("network", "X", "y", "validation", "optimizer")
    built_anew = names["network"] is not network
    return Trial(**{name: names[name] for name in kinds}, train=given, built_anew=built_anew)


@dataclass
class Remedy:
    """What a remedy changes, as settings.

    Attributes
    ----------
    changed : dict
        Settings and their new values.
    begins_anew : bool
        Whether training has to begin again from first weights; else it goes on from here.
    edits : list of Change
        Single numbers.
    stops_early : bool
        Whether it goes back to where the loss on the test rows was lowest.
    """

    changed: dict[str, Any] = field(default_factory=dict)
    begins_anew: bool = False
    edits: list[Change] = field(default_factory=list)
    stops_early: bool = False


def remedy_of(training: Training, verdict: Verdict) -> Remedy:
    """What this verdict's code changes, as settings.

    Raises
    ------
    SettingError
        If settings cannot express it.
    """
    if not verdict.code:
        raise SettingError(f"for this there is no code to run: {verdict.remedy}")
    trial, found = tried(training, verdict.code), Remedy()
    _compare_rows(training, trial)
    _compare_optimizer(training, trial, found)
    _compare_arguments(training, trial, found)
    _compare_network(training, trial, found, verdict)
    _suit_the_weights(training, found, verdict)
    if not (found.changed or found.begins_anew or found.edits or found.stops_early):
        raise _inexpressible("that")
    return found


def _inexpressible(what: str) -> SettingError:
    return SettingError(
        f"the playground has no setting for {what}: take the network away, and run the code of "
        "this remedy yourself"
    )


def _compare_rows(training: Training, trial: Trial) -> None:
    rows = (*training.examples.train, *(training.examples.test or ()))
    others = (trial.X, trial.y, *(trial.validation or ()))
    if not all(map(np.array_equal, rows, others)):
        raise _inexpressible("other rows or columns")


def _compare_optimizer(training: Training, trial: Trial, found: Remedy) -> None:
    now, then, settings = training.optimizer, trial.optimizer, training.settings
    if type(then) is not type(now):
        raise _inexpressible(f"the optimizer {then!r}")
    if then.learning_rate != now.learning_rate:
        rate = then.learning_rate
        if settings.schedule != "constant":  # which has moved it since; the setting is its start
            rate *= settings.learning_rate / now.learning_rate
        found.changed["learning_rate"] = float(f"{rate:.3g}")
    if then.weight_decay != now.weight_decay:
        found.changed["l2"] = then.weight_decay
    if then.l1 != now.l1:
        found.changed["l1"] = then.l1
        found.begins_anew = True  # it has made weights 0 that would stay alike


def _compare_arguments(training: Training, trial: Trial, found: Remedy) -> None:
    for name, value in trial.train.items():
        if name == "callbacks":
            found.stops_early = [type(each).__name__ for each in value] == ["EarlyStopping"]
            if not found.stops_early:
                raise _inexpressible("these callbacks")
        elif name in AS_IT_IS:
            continue
        elif name in CHANGEABLE:
            value = (value or 0.0) if name == "clip_norm" else value
            if value != getattr(training.settings, name):
                found.changed[name] = value
        elif value:
            raise _inexpressible(name.replace("_", " "))


def _compare_network(training: Training, trial: Trial, found: Remedy, verdict: Verdict) -> None:
    now, then = training.network, trial.network
    layers, before = layers_of(then), layers_of(now)
    is_another = trial.built_anew or layers != before
    if is_another and (layers is None or then.input_shape != now.input_shape):
        raise _inexpressible("such a network")
    if is_another and layers != before:
        found.changed["layers"] = layers
        found.begins_anew, found.stops_early = True, False
    elif verdict.name in OF_RESULT:
        found.edits = _edits(training, then)
    elif not found.stops_early and not np.array_equal(then.parameters, now.parameters):
        found.begins_anew = True
        _draw(training, found)


def _edits(training: Training, then: Network) -> list[Change]:
    """The parameters that differ, number by number."""
    found = []
    for name, tensor in then.tensors.items():
        differ = tensor != training.network.tensors[name]
        for index in zip(*np.nonzero(differ), strict=True):
            place = tuple(map(int, index))
            found.append(Change(training.step, edit=(name, place, float(tensor[index]))))
    if len(training.made) + len(found) > MOST_CHANGES:
        raise _inexpressible(f"{counted(len(found), 'number')} at once")
    return found


def _draw(training: Training, found: Remedy) -> None:
    """Usual first weights; where they are, others of the same kind unless numbers were edited."""
    settings = training.settings
    if settings.initialization not in USUAL:
        steps = [layer.activation in STEPPED for layer in settings.layers]
        found.changed["initialization"] = "he" if any(steps) else "glorot"
    elif not was_edited(training):
        found.changed["network_seed"] = next_seed(settings.network_seed)


def next_seed(seed: int) -> int:
    """The seed after this one; after the largest, the first."""
    return 0 if seed >= LIMITS["network_seed"].most else seed + 1


def _suit_the_weights(training: Training, found: Remedy, verdict: Verdict) -> None:
    """Begin anew where the weights are past saving, by the cause that the playground knows."""
    rate = found.changed.get("learning_rate", math.inf)
    is_usual = training.settings.initialization in USUAL and not was_edited(training)
    if verdict.name in OF_UNITS and rate < math.inf and not is_usual:
        del found.changed["learning_rate"]  # the first weights have made them so, or a hand
        found.begins_anew = True
        _draw(training, found)
    elif rate < training.settings.learning_rate and (
        training.failed or verdict.name in OF_UNITS or is_spoiled(training)
    ):
        found.begins_anew = True
    if verdict.name == "exploding_gradients" and not is_usual:
        found.begins_anew = True
        _draw(training, found)


def was_edited(training: Training) -> bool:
    """Whether numbers were changed by hand."""
    return any(change.edit is not None for change in training.made)


def is_spoiled(training: Training) -> bool:
    """Whether the loss is higher than before the first step of this run."""
    losses = training.doctor.course.losses
    return len(losses) > 1 and not float(np.mean(losses[-20:])) < losses[0]


# --- applying it ----------------------------------------------------------------------------------


def remedy(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """The command `remedy`: apply the remedy of a verdict that shows at present."""
    training = session.training
    said = {verdict.name: verdict for verdict in training.verdicts}
    if fields["name"] not in said:
        raise SettingError(f"the doctor does not speak of {fields['name']!r} at present")
    found = remedy_of(training, said[fields["name"]])
    if training.is_given and set(found.changed) - set(CHANGEABLE):
        raise _inexpressible("the layers and first weights of a network that was given")
    why = _apply(session, training, found)
    session.send({"is": "done", "why": why}, [])


def _apply(session: Session, training: Training, found: Remedy) -> str:
    if found.stops_early:
        return _back_to_best(session, training)
    was_playing = session.is_playing or bool(training.failed)
    if found.begins_anew or not (training.step or found.edits):
        now = replace(training.settings, changes=(), step=0)
        session.begin(now.with_changes(found.changed))
        if was_playing:
            session.go_on(math.inf)
        edits = " without the numbers edited by hand" if was_edited(training) else ""
        return f"{in_words(found.changed)} Training begins anew{edits}.".strip()
    session.shown = training.past.at(training.step)
    if found.edits:
        for change in found.edits[:-1]:
            training.change(change)
        session.change(found.edits[-1])
        has = "has" if len(found.edits) == 1 else "have"
        return f"{counted(len(found.edits), 'number')} {has} been corrected."
    checked = Settings().with_changes(found.changed)
    form = {name: getattr(checked, name) for name in found.changed}
    session.change(Change(training.step, settings=form))
    return f"{in_words(found.changed)} Training goes on from here."


def _back_to_best(session: Session, training: Training) -> str:
    """What early stopping does afterwards: return to the lowest loss on rows for testing."""
    losses = {
        int(step): loss
        for step, _, loss, *_ in session.curves.points
        if step is not None and loss is not None
    }
    if not losses:
        raise SettingError("there are no rows for testing by which to stop early")
    step = min(losses, key=losses.__getitem__)
    session.goal = min(session.goal, training.step)
    session.look(training.past.at(step))
    return (
        f"Back to step {session.shown.step}, about where the loss on the rows for testing was "
        f"lowest, {losses[step]:.4g}: early stopping would have ended there."
    )


def in_words(changed: Mapping[str, Any]) -> str:
    """What has changed, as sentences."""
    said = []
    for name, value in changed.items():
        if name == "layers":
            said.append(f"The hidden layers are now {_listed(value)}.")
        elif name == "initialization":
            said.append(f"The first weights are now drawn by the rule {INITIALIZATIONS[value]!r}.")
        elif name == "network_seed":
            said.append("The first weights are drawn once more.")
        elif name == "clip_norm" and not value:
            said.append("Gradients are no longer shortened.")
        elif name == "clip_norm":
            said.append(f"Gradients are now shortened to the length {value:g}.")
        else:
            said.append(f"The {NAMES.get(name, name.replace('_', ' '))} is now {value:g}.")
    return " ".join(said)


NAMES = {"l1": "L1 penalty", "l2": "weight decay", "epochs": "number of epochs"}


def _listed(layers: tuple[LayerSettings, ...]) -> str:
    return ", ".join(map(str, layers)) or "none"
