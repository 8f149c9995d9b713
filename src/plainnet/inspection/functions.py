"""The gradient check for plain functions f of arrays, where df returns the gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_numbers, described
from plainnet.errors import DataError, DTypeError, SettingError, ShapeError, shown
from plainnet.inspection.differences import STEP, Element, GradientCheck, relative_error

Array = npt.NDArray[Any]
Function = Callable[..., Any]


def check_function(
    f: Function,
    df: Any,
    x: Any,
    *,
    rng: np.random.Generator,
    samples: int | None,
    tolerance: float,
) -> GradientCheck:
    """See `check_gradients(f, df, x)`."""
    if not callable(df) or isinstance(df, type):
        raise SettingError(
            "a function f is checked by check_gradients(f, df, x): df, the function that returns "
            f"its gradient, and x, the place; got {shown(df)} as df"
        )
    if x is None:
        raise SettingError("the place x is missing: check_gradients(f, df, x)")
    arrays = {name: _place(name, value) for name, value in _named(x, f).items()}

    def given() -> tuple[Any, ...]:
        """Copies in the form of x, so that f may write into them; numbers as numbers."""
        copies = {name: array.copy()[()] for name, array in arrays.items()}
        return (copies,) if isinstance(x, Mapping) else tuple(copies.values())

    def value() -> Array:
        return _value(f(*given()))

    first = value()
    upstream = np.ones(first.shape)
    elementwise = False
    if not _can_be_called(df, len(given())):
        upstream = _upstream(first.shape, rng)
        result = df(*given(), upstream.copy()[()])
    else:
        result = df(*given())
        if first.size != 1:
            shapes = [array.shape for array in arrays.values()]
            if shapes != [first.shape]:
                raise ShapeError(
                    f"f(x) has the shape {first.shape}, so that df needs its gradient too: "
                    "df(x, dY), the gradient of sum(f(x) * dY) with respect to x"
                )
            elementwise, upstream = True, _upstream(first.shape, rng)
    analytic = _gradients(result, x, arrays)
    if elementwise:
        analytic = {name: gradient * upstream for name, gradient in analytic.items()}

    # What rounding in f can do to a difference must not count as an error.
    rounding = 4 * np.finfo(np.float64).eps * float(np.sum(np.abs(upstream * first))) / STEP
    found = {
        name: relative_error(
            lambda: float(np.sum(upstream * value())),
            array,
            analytic[name],
            rounding / tolerance,
            samples,
            rng,
            scaled_step=True,
        )
        for name, array in arrays.items()
    }
    # At x again, where a function that keeps what it was given should end.
    if not np.array_equal(value(), first, equal_nan=True):
        raise SettingError(
            "f(x) is another number each time: what is random in it needs the same seed each time"
        )
    worst = {name: place for name, (_, place) in found.items()}
    if elementwise:  # the derivative itself
        worst = {
            name: Element(place, *(float(number / upstream[place]) for number in numbers))
            for name, (place, *numbers) in worst.items()
        }
    return GradientCheck({name: error for name, (error, _) in found.items()}, tolerance, worst)


def _named(x: Any, f: Function) -> dict[str, Any]:
    """The arrays in x under their names: a dictionary's keys, or f's parameters."""
    if isinstance(x, Mapping):
        if not x:
            raise SettingError("x must have an array; got an empty dictionary")
        return dict(x)
    arrays = x if isinstance(x, tuple) else (x,)
    if not arrays:
        raise SettingError("x must have an array; got an empty tuple")
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a function of C
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in kinds]
    if len(names) < len(arrays):
        names = ["x"] if len(arrays) == 1 else [f"x[{i}]" for i in range(len(arrays))]
    return dict(zip(names, arrays, strict=False))


def _place(name: str, value: Any) -> Array:
    array = np.array(as_numbers(name, value), np.float64)
    if not np.isfinite(array).all() or not array.size:
        raise DataError(f"x must be finite numbers; {name} is {shown(value)}")
    return array


def _can_be_called(function: Function, n: int) -> bool:
    """With n arguments; a function of C is taken to be what is needed."""
    try:
        inspect.signature(function).bind(*range(n))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _value(returned: Any) -> Array:
    """What f returned, in float64."""
    if returned is None:
        raise SettingError("f must return a number or an array; it returned None")
    value = as_numbers("f(x)", returned)
    if value.dtype.kind == "f" and value.dtype.itemsize < 8:
        raise DTypeError(
            f"central differences need float64; f(x) is {value.dtype}, though x is float64"
        )
    return value.astype(np.float64)


def _upstream(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """A gradient of f's output whose numbers differ, none of them next to 0."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape))


def _gradients(returned: Any, x: Any, arrays: dict[str, Array]) -> dict[str, Array]:
    """What df returned, under the names of the arrays of x."""
    if isinstance(x, Mapping):
        if not isinstance(returned, Mapping):
            raise SettingError(
                "x is a dictionary, so that df must return a dictionary of gradients; it returned "
                f"{described(returned)}"
            )
        names = {name: name if name in returned else f"d{name}" for name in arrays}
        missing = [name for name, own in names.items() if own not in returned]
        if missing:
            raise SettingError(
                f"the gradient of {', '.join(map(str, missing))} is missing: df returned "
                f"{', '.join(map(str, returned)) or 'an empty dictionary'}"
            )
        gradients = {name: returned[own] for name, own in names.items()}
    else:
        several = returned if isinstance(x, tuple) else (returned,)
        if not isinstance(several, tuple | list) or len(several) != len(arrays):
            raise SettingError(
                f"x is a tuple of {len(arrays)}, so that df must return as many gradients; it "
                f"returned {described(returned)}"
            )
        gradients = dict(zip(arrays, several, strict=True))
    return {name: _of_shape(array.shape, gradients[name], name) for name, array in arrays.items()}


def _of_shape(shape: tuple[int, ...], gradient: Any, name: str) -> Array:
    array = as_numbers(f"the gradient of {name}, which df returned,", gradient)
    if array.shape != shape:
        hint = ": transposed?" if array.ndim == 2 and array.shape == shape[::-1] else ""
        raise ShapeError(
            f"the gradient of {name} must have the shape of {name}, {shape}; df returned "
            f"{array.shape}{hint}"
        )
    return array.astype(np.float64)
