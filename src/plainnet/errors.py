"""What plainnet raises: each error names the thing, what came, what was expected, and the remedy.

Every class is also a `ValueError`, `TypeError` or `ImportError`, so that code which knows nothing
of plainnet can catch it.
"""

from importlib import import_module
from math import isfinite
from numbers import Integral, Real
from typing import Any


class PlainnetError(Exception):
    """The base of all errors that plainnet raises on purpose."""


class ShapeError(PlainnetError, ValueError):
    """An array or a layer has a shape that does not fit where it is used."""

    placed = False
    """The message says already at which place of a network it is."""


class DataError(PlainnetError, ValueError):
    """Data that cannot be learned from: NaN, infinity, labels out of range, nothing at all."""


class DTypeError(PlainnetError, TypeError):
    """An array holds something else than is needed: text or objects for numbers, floats for ids."""


class SettingError(PlainnetError, ValueError):
    """A constructor or function was given a setting that makes no sense."""


class ArgumentError(PlainnetError, TypeError):
    """A constructor or function was given an argument that it does not have."""


class FileError(PlainnetError, ValueError):
    """A file is not what it should be."""


class MissingExtraError(PlainnetError, ImportError):
    """An optional package is needed and not installed; the message names the extra."""


class DivergedError(PlainnetError, ValueError):
    """The loss stopped being finite. The network holds the last parameters known to be good.

    Attributes
    ----------
    step : int
        The step, counted from 0 over all epochs, whose loss was not finite.
    layer : str
        Where the first non-finite number stands, for example ``"2.dense"``.
    """

    def __init__(self, message: str, *, step: int, layer: str) -> None:
        super().__init__(message)
        self.step = step
        self.layer = layer

    def __reduce__(self) -> tuple[Any, ...]:
        return _diverged, (str(self), self.step, self.layer)


def _diverged(message: str, step: int, layer: str) -> DivergedError:
    return DivergedError(message, step=step, layer=layer)


def optional(module: str, *, purpose: str, extra: str) -> Any:
    """Import an optional package, or say which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"plainnet needs {package} for {purpose}: pip install 'plainnet[{extra}]'"
        ) from error


def require_number(
    name: str,
    value: float,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
) -> None:
    """Refuse a setting outside its interval, which ends before infinity."""
    if not isinstance(value, Real):
        raise SettingError(f"{name} must be a number; got {value!r}")
    bounds = []
    fits = isfinite(value)
    if above is not None:
        bounds.append(f"> {above:g}")
        fits = fits and value > above
    if at_least is not None:
        bounds.append(f">= {at_least:g}")
        fits = fits and value >= at_least
    if below is not None:
        bounds.append(f"< {below:g}")
        fits = fits and value < below
    if not fits:
        wanted = " and ".join(bounds) or "a finite number"
        raise SettingError(f"{name} must be {wanted}; got {value!r}")


def require_integer(name: str, value: Any, *, at_least: int) -> int:
    """The setting as an int, if it is a whole number of this size."""
    if not isinstance(value, Integral) or value < at_least:
        raise SettingError(f"{name} must be a whole number >= {at_least}; got {value!r}")
    return int(value)


def require_type(name: str, value: Any, kind: type) -> None:
    """Refuse a setting of another type, a class in the place of its object above all."""
    if not isinstance(value, kind):
        hint = "; add parentheses" if isinstance(value, type) else ""
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise SettingError(f"{name} must be {article} {kind.__name__} object; got {value!r}{hint}")
