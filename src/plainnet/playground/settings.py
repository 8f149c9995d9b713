"""The settings of a playground: all that decides what its network sees, is, and learns.

They are plain data: JSON for the page, and readable text for a link, in which only what differs
from the defaults is written: `data=circle&layers=4-tanh,4-tanh&learning_rate=0.03`. `links` has the
forms of the values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl, quote

from plainnet.errors import SettingError, shown
from plainnet.playground.choices import (
    ACTIVATIONS,
    CHANGEABLE,
    DATA,
    DRAWN_TARGETS,
    FEATURES,
    INITIALIZATIONS,
    LIMITS,
    LOSSES,
    MOST_DRAWN,
    MOST_LAYERS,
    OPTIMIZERS,
    SCHEDULES,
    Range,
)
from plainnet.playground.links import plain, read, written


@dataclass(frozen=True)
class LayerSettings:
    """A hidden layer: weighted sums, batch normalization, the activation, and dropout."""

    units: int = 8
    activation: str = "relu"
    batch_norm: bool = False
    dropout: float = 0.0

    def __str__(self) -> str:
        drop = f"drop{plain(self.dropout)}" if self.dropout else ""
        parts = [str(self.units), self.activation, "bn" if self.batch_norm else "", drop]
        return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class Change:
    """What was changed by hand after `step` steps: some settings, a number, or a unit.

    Exactly one of the others is set.
    """

    step: int
    settings: Mapping[str, Any] | None = None
    """Those of `choices.CHANGEABLE`, which take effect at the next step."""
    edit: tuple[str, tuple[int, ...], float] | None = None
    """A tensor's name, the index of an element, and its new value."""
    move: tuple[str, int, int] | None = None
    """The name of a dense layer, and from which place to which one of its units moves."""
    remove: tuple[str, int] | None = None
    """The name of a dense layer, and which of its units goes."""

    def __str__(self) -> str:
        if self.edit is not None:
            tensor, index, value = self.edit
            return f"{self.step}:{tensor}({','.join(map(str, index))})={plain(value)}"
        if self.move is not None:
            layer, start, end = self.move
            return f"{self.step}:{layer}({start}-{end})"
        if self.remove is not None:
            layer, unit = self.remove
            return f"{self.step}:{layer}({unit}-)"
        assert self.settings is not None  # exactly one is set
        pairs = (f"{name}={written(name, value)}" for name, value in self.settings.items())
        return f"{self.step}:{','.join(pairs)}"


def with_change(changes: Sequence[Change], change: Change) -> list[Change]:
    """These changes and another; it takes the place of the last if that had the same subject.

    Raises
    ------
    SettingError
        If there are too many.
    """
    before = [*changes]
    if before and before[-1].step == change.step:
        last = before[-1]
        if last.settings is not None and change.settings is not None:
            change = replace(change, settings={**last.settings, **change.settings})
            before.pop()
        elif last.edit is not None and change.edit is not None and last.edit[:2] == change.edit[:2]:
            before.pop()
    if len(before) >= MOST_CHANGES:
        raise SettingError(
            f"a training can be changed by hand {MOST_CHANGES} times; to go on, begin it anew"
        )
    return [*before, change]


@dataclass(frozen=True)
class Settings:
    """See `choices` for what each may be."""

    data: str = "spirals"
    classes: int = 3
    points: int = 300
    noise: float = 0.1
    test_share: float = 0.25
    data_seed: int = 0
    drawn: tuple[tuple[float, float, float], ...] = ()
    """Points that were drawn by hand: x1, x2, and the class or target."""
    drawn_target: str = "class"
    """What the third number of a drawn point is: a class, or a number to predict."""
    target: str = ""
    """The column of a table that is predicted; "" for the one that is named so, or the last."""
    features: tuple[str, ...] = ("x1", "x2")
    """What the network sees of a point of the plane."""
    plane: tuple[str, ...] = ()
    """The two columns that span the plane where there are more; () for principal components."""
    layers: tuple[LayerSettings, ...] = (LayerSettings(), LayerSettings())
    initialization: str = "he"
    loss: str = "auto"
    network_seed: int = 0
    optimizer: str = "adam"
    learning_rate: float = 0.01
    schedule: str = "constant"
    batch_size: int = 32
    epochs: int = 500
    """After this many epochs, training pauses; playing on trains as many again."""
    l1: float = 0.0
    l2: float = 0.0
    clip_norm: float = 0.0
    """Longer gradients are shortened to this length; 0 leaves them as they are."""
    changes: tuple[Change, ...] = ()
    """What was changed by hand during training, in order."""
    step: int = 0
    """How many steps a link's reader is shown at first."""

    # --- JSON --------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        form: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return form

    @classmethod
    def from_json(cls, form: Any) -> Settings:
        """From JSON data, checked; what is left out has its default."""
        return cls().with_changes(form)

    def with_changes(self, form: Any) -> Settings:
        """With these settings instead.

        Raises
        ------
        SettingError
            If one does not exist, or is not what it may be. Nothing is changed then.
        """
        if not isinstance(form, Mapping):
            raise SettingError(f"settings are an object of names and values; got {shown(form)}")
        known = {each.name for each in fields(self)}
        for name in form:
            if name not in known:
                raise SettingError(
                    f"there is no setting {shown(name)}; there are {', '.join(sorted(known))}"
                )
        return replace(self, **{name: CHECKS[name](name, form[name]) for name in form})

    # --- links -------------------------------------------------------------------------------

    def to_link(self) -> str:
        """As the text after the # of a link."""
        parts = []
        for each in fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                parts.append(f"{each.name}={quote(written(each.name, value), safe=SAFE)}")
        return "&".join(parts)

    @classmethod
    def from_link(cls, text: str) -> Settings:
        """From a link, or from what follows its #."""
        if len(text) > LONGEST_LINK:
            raise SettingError(f"a link has at most {LONGEST_LINK:,} characters; got {len(text):,}")
        pairs = parse_qsl(text.rpartition("#")[2], keep_blank_values=True)
        form: dict[str, Any] = {}
        for name, value in pairs:
            if name in form:
                raise SettingError(f"the link has {name} twice")
            form[name] = read(name, value)
        return cls.from_json(form)


def same(names: Collection[str], one: Settings, other: Settings) -> bool:
    """Whether these settings are the same in both."""
    return all(getattr(one, name) == getattr(other, name) for name in names)


LONGEST_LINK = 100_000
SAFE = ",-.:;*()^="
NAME = re.compile(r"[\w.]{1,200}", re.ASCII)


# --- checks -----------------------------------------------------------------------------------


def _number(name: str, value: Any, limits: Range | None = None) -> Any:
    limits = limits or LIMITS[name]
    whole = isinstance(value, int) and not isinstance(value, bool)
    real = whole or (isinstance(value, float) and isfinite(value) and not limits.whole)
    if not real or not limits.least <= value <= limits.most:
        kind = "a whole number" if limits.whole else "a number"
        raise SettingError(
            f"{name} must be {kind} from {limits.least:g} to {limits.most:g}; got {shown(value)}"
        )
    return value if limits.whole else float(value) + 0.0  # no negative zero


def _one_of(known: Mapping[str, Any]) -> Any:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise SettingError(f"{name} must be one of {', '.join(known)}; got {shown(value)}")
        return value

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME or SURROGATES.search(value):
        raise SettingError(
            f"{name} must be a text of at most {LONGEST_NAME} characters; got {shown(value)}"
        )
    return value


def _list(name: str, value: Any, most: int) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) > most:
        got = f"{len(value)} items" if isinstance(value, list | tuple) else shown(value)
        raise SettingError(f"{name} must be a list of at most {most}; got {got}")
    return list(value)


def _layers(name: str, value: Any) -> tuple[LayerSettings, ...]:
    layers = _list(name, value, MOST_LAYERS)
    return tuple(_layer(f"layers[{i}]", each) for i, each in enumerate(layers))


def _layer(name: str, value: Any) -> LayerSettings:
    if isinstance(value, LayerSettings):
        value = asdict(value)
    known = [each.name for each in fields(LayerSettings)]
    if not isinstance(value, Mapping) or not set(value) <= set(known):
        raise SettingError(f"{name} must be an object with {', '.join(known)}; got {shown(value)}")
    form = dict(value)
    for part in ("units", "dropout"):
        if part in form:
            form[part] = _number(f"{name}.{part}", form[part], LIMITS[part])
    if "activation" in form:
        _one_of(ACTIVATIONS)(f"{name}.activation", form["activation"])
    if not isinstance(form.get("batch_norm", False), bool):
        raise SettingError(f"{name}.batch_norm must be true or false; got {shown(value)}")
    return LayerSettings(**form)


def _points(name: str, value: Any) -> tuple[tuple[float, float, float], ...]:
    points = []
    for i, point in enumerate(_list(name, value, MOST_DRAWN)):
        three = _list(f"{name}[{i}]", point, 3)
        if len(three) != 3:
            raise SettingError(f"{name}[{i}] must be x1, x2 and a target; got {shown(point)}")
        numbers = (_number(f"{name}[{i}]", each, Range(-100, 100)) for each in three)
        points.append(tuple(round(each, 3) for each in numbers))
    return tuple(points)


def _features(name: str, value: Any) -> tuple[str, ...]:
    names = _list(name, value, len(FEATURES))
    for each in names:
        _one_of(FEATURES)(name, each)
    if len(set(names)) < len(names) or not names:
        raise SettingError(f"{name} must be one or more, each once; got {shown(value)}")
    return tuple(names)


def _plane(name: str, value: Any) -> tuple[str, ...]:
    names = _list(name, value, 2)
    if len(names) == 1 or len(set(map(str, names))) < len(names):
        raise SettingError(f"{name} must be two columns, or none; got {shown(value)}")
    return tuple(_text(name, each) for each in names)


def _changes(name: str, value: Any) -> tuple[Change, ...]:
    changes = [
        checked_change(each, f"{name}[{i}]")
        for i, each in enumerate(_list(name, value, MOST_CHANGES))
    ]
    if any(one.step > other.step for one, other in pairwise(changes)):
        raise SettingError(f"{name} must be in the order of their steps")
    return tuple(changes)


def checked_change(value: Any, name: str = "a change") -> Change:
    """A change by hand, checked as far as that needs no network."""
    if isinstance(value, Change):
        value = {k: v for k, v in asdict(value).items() if v is not None}
    kinds = ("settings", "edit", "move", "remove")
    form = {k: v for k, v in value.items() if v is not None} if isinstance(value, Mapping) else {}
    what = [kind for kind in kinds if kind in form]
    if len(what) != 1 or set(form) != {"step", *what}:
        raise SettingError(
            f"{name} must be an object with step and one of {', '.join(kinds)}; got {shown(value)}"
        )
    step = _number(f"{name}.step", form["step"], LIMITS["step"])
    if "settings" in form:
        return Change(step, settings=_changed_settings(form["settings"]))
    parts = 2 if what[0] == "remove" else 3
    given = _list(f"{name}.{what[0]}", form[what[0]], 3)
    if len(given) != parts:
        raise SettingError(f"{name}.{what[0]} must have {parts} parts; got {shown(given)}")
    first = given[0]
    if not isinstance(first, str) or not NAME.fullmatch(first):
        raise SettingError(
            f"{name}.{what[0]} must begin with a name such as 0.dense; got {shown(first)}"
        )
    place = Range(0, 2**20, whole=True)
    if what[0] == "move":
        return Change(step, move=(first, _number(name, given[1], place),
                                  _number(name, given[2], place)))  # fmt: skip
    if what[0] == "remove":
        return Change(step, remove=(first, _number(name, given[1], place)))
    index = tuple(_number(f"{name}.edit", i, place) for i in _list(f"{name}.edit", given[1], 4))
    return Change(step, edit=(first, index, _number(f"{name}.edit", given[2], Range(-1e30, 1e30))))


def _changed_settings(form: Any) -> dict[str, Any]:
    """Settings that may change during training, checked."""
    if not isinstance(form, Mapping) or not form:
        raise SettingError(f"a change of settings is an object of names; got {shown(form)}")
    for name in form:
        if name not in CHANGEABLE:
            raise SettingError(
                f"{shown(name)} cannot change during training; {', '.join(CHANGEABLE)} can"
            )
    return {name: CHECKS[name](name, value) for name, value in form.items()}


MOST_CHANGES = 200
LONGEST_NAME = 200
SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no link can have."""

CHECKS: dict[str, Any] = {
    **dict.fromkeys(LIMITS, _number),
    "data": _one_of(DATA),
    "drawn": _points,
    "drawn_target": _one_of(DRAWN_TARGETS),
    "target": _text,
    "features": _features,
    "plane": _plane,
    "layers": _layers,
    "initialization": _one_of(INITIALIZATIONS),
    "loss": _one_of(LOSSES),
    "optimizer": _one_of(OPTIMIZERS),
    "schedule": _one_of(SCHEDULES),
    "changes": _changes,
}
