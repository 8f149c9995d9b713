"""The errors of plainnet: each names the thing, what it got, what was expected, and the remedy.

Every class is also a `ValueError`, `TypeError` or `ImportError`, so that code which knows nothing
of plainnet can catch it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from math import inf, isfinite
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 200
"""The most characters of a value that a message shows."""

MOST = 2**63 - 1
"""The largest size or index that NumPy can hold."""


class PlainnetError(Exception):
    """The base of all errors that plainnet raises on purpose."""


class ShapeError(PlainnetError, ValueError):
    """An array or a layer has a shape that does not fit where it is used."""

    placed = False
    """Whether the message already names the layer and its place in the network."""


class DataError(PlainnetError, ValueError):
    """Data that nothing can be learned from: NaN, infinity, labels out of range, or no rows."""


class DTypeError(PlainnetError, TypeError):
    """An array has the wrong kind of dtype: text or objects for numbers, floats for ids."""


class SettingError(PlainnetError, ValueError):
    """A constructor or function was given a setting that makes no sense."""


class ArgumentError(PlainnetError, TypeError):
    """A constructor or function was given an argument that it does not have."""


class UnknownNameError(PlainnetError, KeyError):
    """Something is requested by a name or number that does not exist."""

    __str__ = Exception.__str__  # a KeyError shows its message in quotes


class OutOfMemoryError(PlainnetError, MemoryError):
    """Something does not fit into memory."""


class FileError(PlainnetError, ValueError):
    """A file is missing, damaged or of the wrong kind."""


class MissingExtraError(PlainnetError, ImportError):
    """An optional package is needed and not installed; the message names the extra."""


class DivergedError(PlainnetError, ValueError):
    """The loss stopped being finite. The network holds the last parameters known to be good.

    Attributes
    ----------
    step : int
        The step at which this was found, counted from 0 over all epochs.
    layer : str
        The name of the first place with a non-finite number, for example ``"2.dense"``.
    reason : str
        The message without its end, which says where the network is now.
    """

    def __init__(self, reason: str, *, step: int, layer: str, end: str = "") -> None:
        super().__init__(f"{reason}; {end}" if end else reason)
        self.step = step
        self.layer = layer
        self.reason = reason
        self._end = end

    def __reduce__(self) -> tuple[Any, ...]:
        return _diverged, (self.reason, self.step, self.layer, self._end)


def _diverged(reason: str, step: int, layer: str, end: str = "") -> DivergedError:
    return DivergedError(reason, step=step, layer=layer, end=end)


def optional(module: str, *, purpose: str, extra: str) -> Any:
    """Import an optional package, or raise an error that says how to install it."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except MemoryError:
        raise
    except Exception as error:  # a package of another version may fail in any way
        from plainnet.arguments.installation import install_command

        how = install_command(package, extra)
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        of = f"(it is in the extra 'plainnet[{extra}]')"
        if missing is not None and missing.partition(".")[0] == package:
            raise MissingExtraError(
                f"plainnet needs {package} for {purpose}: {how} {of}"
            ) from error
        raise MissingExtraError(
            f"plainnet needs {package} for {purpose}, and it is installed but cannot be imported "
            f"({type(error).__name__}: {error}). This may help: {how} --upgrade {of}"
        ) from error


def shown(value: Any) -> str:
    """The value as a message shows it: on one line, and shortened if it is long."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}, {value.dtype}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # somebody else's repr, or an int of more digits than Python prints
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def counted(n: int, noun: str) -> str:
    """A number with its noun: 1 row, 2 rows."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def require_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    finite: bool = True,
) -> float:
    """The setting as a float; refused outside its interval and, if `finite`, where infinite."""
    if not is_a(Real, value):
        raise SettingError(f"{name} must be a number; got {shown(value)}")
    bounds = []
    number = _as_float(value)
    fits = isfinite(number) or not finite
    if above is not None:
        bounds.append(f"> {above:g}")
        fits = fits and number > above
    if at_least is not None:
        bounds.append(f">= {at_least:g}")
        fits = fits and number >= at_least
    if below is not None:
        bounds.append(f"< {below:g}")
        fits = fits and number < below
    if not fits:
        wanted = " and ".join(bounds) or "a finite number"
        raise SettingError(f"{name} must be {wanted}; got {shown(value)}")
    return number


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond the largest float
        return inf if value > 0 else -inf


def require_integer(name: str, value: Any, *, at_least: int, at_most: int = MOST) -> int:
    """The setting as an int, if it is a whole number within these bounds."""
    if not is_a(Integral, value) or value < at_least:
        raise SettingError(f"{name} must be a whole number >= {at_least}; got {shown(value)}")
    if value > at_most:
        raise SettingError(f"{name} must be a whole number <= {at_most}; got {shown(value)}")
    return int(value)


def is_a(kind: type, value: Any) -> bool:
    """Whether the value is a Real or an Integral; booleans count as neither."""
    return isinstance(value, kind) and not isinstance(value, bool | np.timedelta64)


def require_boolean(name: str, value: Any) -> bool:
    """The setting as a bool; what is merely truthy or falsy, such as 1, is refused."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise SettingError(f"{name} must be True or False; got {shown(value)}")


def require_one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse a setting that is not one of these words."""
    if not isinstance(value, str) or value not in choices:
        *first, last = (f'"{choice}"' for choice in choices)
        raise SettingError(f"{name} must be {', '.join(first)} or {last}; got {shown(value)}")


def require_sequence(name: str, value: Any, of: str) -> list[Any]:
    """The setting as a list; `of` names its elements in the plural."""
    if not isinstance(value, str | bytes | Mapping | type):
        with suppress(TypeError):
            return list(value)
    raise SettingError(f"{name} must be a list of {of}; got {shown(value)}")


def require_path(name: str, value: Any) -> Path:
    """The setting as a path."""
    if isinstance(value, str | PathLike):
        text = fspath(value)
        if isinstance(text, str) and text and "\0" not in text:
            return Path(text)
    raise SettingError(f"{name} must be a string or a path; got {shown(value)}")


def require_type(name: str, value: Any, kind: type) -> None:
    """Refuse a setting of another type, such as a class where an object is needed."""
    if not isinstance(value, kind):
        hint = "; add parentheses" if isinstance(value, type) else ""
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        what = "a string" if kind is str else f"{article} {kind.__name__} object"
        raise SettingError(f"{name} must be {what}; got {shown(value)}{hint}")


def require_optional(name: str, value: Any, kind: type) -> None:
    """`require_type` for a setting that may be None."""
    if value is not None:
        require_type(name, value, kind)
