"""How layers, losses, initializers and optimizers describe themselves, and come back.

The convention is scikit-learn's: a constructor stores each argument under the argument's name. So
one function can tell what rebuilds an object, and no class has to write that down again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from inspect import Parameter, signature
from typing import Any

import numpy as np

from plainnet.arguments.spelling import Spelled
from plainnet.errors import FileError, SettingError

PLAIN = frozenset({bool, int, float, str, type(None), tuple, list, dict, np.ndarray})


_DESCRIBED: ContextVar[dict[int, dict[str, Any]] | None] = ContextVar("described", default=None)
"""By identity, what the description that is being made has described so far."""


@dataclass
class _Named:
    """An object that `repr` meets more than once: where it comes first, it gets a name."""

    name: str
    met: bool = False


_NAMED: ContextVar[dict[int, _Named]] = ContextVar("named")


@contextmanager
def shown_by_name(names: Mapping[int, str]) -> Iterator[None]:
    """In this context, the code that `repr` gives has each of these objects once.

    `names` are by identity; one that is taken gets an underscore more.
    """
    named = dict(_NAMED.get({}))
    for each, name in names.items():
        if each not in named:
            while any(name == other.name for other in named.values()):
                name += "_"
            named[each] = _Named(name)
    token = _NAMED.set(named)
    try:
        yield
    finally:
        _NAMED.reset(token)


class Configurable(metaclass=Spelled):
    """Anything whose constructor stores each argument under the argument's name."""

    read_once: tuple[str, ...] = ()
    """Numbers among the arguments that are read before training: changing them later has no effect,
    so a schedule for them is refused."""

    keeps_identity: bool = False
    """An object that stands in several places is one object again after `rebuild`."""

    def config(self) -> dict[str, Any]:
        """What rebuilds it, as data for JSON: `rebuild(thing.config(), kinds)`.

        The first of several places of a shared object describes it, under a number; the others
        have the number only: {"is": 0}. No argument can be called `is`.
        """
        described, token = _DESCRIBED.get(), None
        if described is None:
            token = _DESCRIBED.set(described := {})
        try:
            if self.keeps_identity and id(self) in described:
                first = described[id(self)]
                numbered = sum("is" in settings for settings in described.values())
                return {"is": first.setdefault("is", numbered)}
            settings: dict[str, Any] = {"type": type(self).__name__}
            described[id(self)] = settings
            for name in arguments_of(type(self)):
                settings[name] = _plain(setting(self, name))
            return settings
        finally:
            if token is not None:
                _DESCRIBED.reset(token)

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep NumPy's numbers and booleans as Python's: settings are data for JSON."""
        super().__setattr__(name, value if type(value) in PLAIN else python_number(value))

    def __repr__(self) -> str:
        named = _NAMED.get({}).get(id(self))
        if named is not None and named.met:
            return named.name
        shown = []
        for name, argument in arguments_of(type(self)).items():
            value = setting(self, name)
            if argument.default is Parameter.empty:
                shown.append(repr(value))
            elif isinstance(value, np.ndarray) or value != argument.default:
                shown.append(f"{name}={value!r}")
        code = f"{type(self).__name__}({', '.join(shown)})"
        if named is None:
            return code
        named.met = True
        return f"({named.name} := {code})"


def setting(thing: Configurable, name: str) -> Any:
    """One of its constructor's arguments, which a class of one's own may have forgotten to keep."""
    try:
        return getattr(thing, name)
    except AttributeError:
        raise SettingError(
            f"{type(thing).__name__} must keep its argument {name!r} under that name: "
            f"self.{name} = {name} in __init__"
        ) from None


def overridden(thing: object) -> list[str]:
    """The methods of its class that an object overrides with attributes."""
    return [name for name in vars(thing) if callable(getattr(type(thing), name, None))]


def parts(thing: Any) -> Iterator[Configurable]:
    """The thing itself, and all that describes itself among its settings, at any depth."""
    if isinstance(thing, Mapping):
        thing = [*thing.values()]
    if isinstance(thing, list | tuple):
        for item in thing:
            yield from parts(item)
    elif isinstance(thing, Configurable):
        yield thing
        for name in arguments_of(type(thing)):
            yield from parts(setting(thing, name))


def rebuild(
    config: Mapping[str, Any],
    kinds: Mapping[str, type],
    shared: Shared | None = None,
) -> Any:
    """The object that `config()` described. Only classes in `kinds` are ever called.

    `shared` are the numbered objects that have been rebuilt so far.
    """
    shared = Shared() if shared is None else shared
    number = config.get("is")
    if number is not None and "type" not in config:
        return shared.again(number)
    shared.places += 1
    before, settings = shared.places, {}
    for name, value in config.items():
        if name not in ("type", "is"):
            settings[name] = _rebuilt(value, kinds, shared)
    kind = str(config.get("type"))
    if kind not in kinds:
        raise FileError(
            f"unknown type {kind!r}: if it is a class of your own, load(path, custom=[{kind}]); "
            f"known are {', '.join(sorted(kinds))}"
        )
    try:
        thing = kinds[kind](**settings)
    except TypeError as error:
        raise FileError(
            f"{kind} does not take these settings: {', '.join(settings)} ({error})"
        ) from error
    if number is not None:
        shared.things[number] = thing, 1 + shared.places - before
    return thing


MOST_PLACES = 300_000
"""A few objects, each of which holds the one before it twice, have more places than any memory."""


class Shared:
    """The numbered objects that have been rebuilt, each with the number of places in it."""

    def __init__(self) -> None:
        self.things: dict[Any, tuple[Any, int]] = {}
        self.places = 0

    def again(self, number: Any) -> Any:
        """The object of this number, at one more place."""
        if number not in self.things:
            raise FileError(f"nothing is described under the number {number!r}")
        thing, places = self.things[number]
        self.places += places
        if self.places > MOST_PLACES:
            raise FileError(f"shared objects stand in more than {MOST_PLACES:,} places")
        return thing


@cache
def arguments_of(kind: type) -> Mapping[str, Parameter]:
    """What its constructor takes; kept, since schedules ask at every step."""
    return signature(kind).parameters


# Layers in layers in layers are many calls deep, and Python allows a thousand: loops instead of
# comprehensions make two calls of each.


def _plain(value: Any) -> Any:
    if isinstance(value, Configurable):
        return value.config()
    if isinstance(value, Mapping):  # as pairs, of which `dict` makes it again
        value = list(value.items())
    if isinstance(value, list | tuple):
        items = []
        for item in value:
            items.append(item.config() if isinstance(item, Configurable) else _plain(item))
        return items
    return python_number(value)


def python_number(value: Any) -> Any:
    """NumPy's scalars and fractions as Python's numbers; anything else as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    return float(value) if isinstance(value, np.longdouble | Fraction) else value


def _rebuilt(value: Any, kinds: Mapping[str, type], shared: Shared) -> Any:
    if isinstance(value, Mapping):
        return rebuild(value, kinds, shared)
    if isinstance(value, list):
        items = []
        for item in value:
            items.append(
                rebuild(item, kinds, shared)
                if isinstance(item, Mapping)
                else _rebuilt(item, kinds, shared)
            )
        return items
    return value
