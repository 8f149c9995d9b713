"""Gradient checks: compares gradients with central differences in float64.

    df/dx = (f(x + h) - f(x - h)) / 2h + O(h^2)

with h = 1e-5, about the cube root of float64's precision, where the truncation error and the
rounding error are about equal.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_batch, as_generator, as_numbers, fits
from plainnet.arguments.parts import Parts
from plainnet.engine.cache import Cache
from plainnet.errors import (
    DTypeError,
    SettingError,
    ShapeError,
    require_boolean,
    require_integer,
    require_number,
)
from plainnet.inspection.differences import STEP, GradientCheck, relative_error
from plainnet.inspection.functions import check_function
from plainnet.layers.base import Layer, Shape
from plainnet.layers.containers.graph import output_names
from plainnet.losses import Loss
from plainnet.network import Network

Array = npt.NDArray[Any]


@overload
def check_gradients(
    subject: Layer | Loss | Network,
    X: Array | None = None,
    y: npt.ArrayLike | None = None,
    *,
    input_shape: Shape | int | None = None,
    batch_size: int = 5,
    training: bool = True,
    seed: int = 0,
    samples: int | None = 200,
    tolerance: float = 1e-7,
) -> GradientCheck: ...
@overload
def check_gradients(
    subject: Callable[..., Any],
    X: Callable[..., Any],
    y: Any,
    *,
    seed: int = 0,
    samples: int | None = 200,
    tolerance: float = 1e-7,
) -> GradientCheck: ...
def check_gradients(
    subject: Any,
    X: Any = None,
    y: Any = None,
    *,
    input_shape: Shape | int | None = None,
    batch_size: int = 5,
    training: bool = True,
    seed: int = 0,
    samples: int | None = 200,
    tolerance: float = 1e-7,
) -> GradientCheck:
    """Compare every gradient of a layer, a loss, a network or a function with central differences.

    `check_gradients(f, df, x)` is for plain functions: x is an array, a number, a dictionary of
    them, or a tuple of them, which f and df get as separate arguments. If f returns a number,
    df(x) is its gradient, in the form of x; the gradient of x["W"] may be called "dW", and other
    entries in a dictionary of gradients are ignored. If f returns an array, df is either the
    derivative of each number, df(x), or a backward pass, df(x, dY): the gradient of
    sum(f(x) * dY) for a random dY. Both get copies in float64. They must be smooth within 1e-5
    of x, or within that times x where x is above 1.

    Parameters
    ----------
    subject : Layer, Loss, Network or function
        A layer (a copy of it is checked), a loss, a network in float64, or f.
    X : float64 array, optional
        The input, or a loss's pre-activations. By default random normal numbers; then a layer or a
        loss needs `input_shape`. For a function: df.
    y : array, optional
        Targets, for a loss or a network that needs them. For a function: x.
    input_shape : int or tuple of int
        Without the batch axis.
    batch_size : int
        Rows of random input.
    training : bool
        Whether layers such as dropout act as in training.
    seed : int
        For everything random; every evaluation sees the same dropout.
    samples : int or None
        How many elements of each array are checked, chosen at random; None checks all.
    tolerance : float
        The largest relative error that passes.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> check_gradients(Dense(3), input_shape=4).passed
    True
    >>> x = {"W": np.array([[1.0, 2.0], [3.0, 4.0]])}
    >>> def f(x):
    ...     return np.sum(x["W"] ** 3)
    >>> def df(x):
    ...     return {"dW": 2 * x["W"] ** 2}
    >>> print(check_gradients(f, df, x))
    relative error of the gradients (tolerance 1e-07)
    W   3.3e-01  WRONG at [1, 1]: 32 instead of 48
    """
    is_function = callable(subject) and not isinstance(subject, Layer | Loss | Network | type)
    if not isinstance(subject, Layer | Loss | Network) and not is_function:
        hint = "; add parentheses" if isinstance(subject, type) else ""
        raise SettingError(
            "subject must be a Layer, Loss or Network object, or a function f with its gradient, "
            f"check_gradients(f, df, x); got {subject!r}{hint}"
        )
    rng = as_generator(seed)
    batch_size = require_integer("batch_size", batch_size, at_least=1, at_most=2**20)
    if samples is not None:
        samples = require_integer("samples", samples, at_least=1)
    tolerance = require_number("tolerance", tolerance, above=0)
    require_boolean("training", training)
    if is_function:
        if input_shape is not None:
            raise SettingError("a function needs an x, not an input_shape")
        return check_function(subject, X, y, rng=rng, samples=samples, tolerance=tolerance)
    network = _network(subject, input_shape if X is None else _shape_of(X), rng)
    if X is None:
        X = _random_inputs(network, batch_size, rng)
    if y is None:
        if isinstance(subject, (Loss, Network)) and network.loss.needs_targets:
            raise SettingError("the targets y are missing")
        y = _random_like_outputs(network, X, rng)  # the upstream gradient
    X, targets, _ = network.check(X, y)
    X = X.copy()
    before = network.parameters.copy(), network.gradients.copy(), network.state.copy()

    def loss(*, record: bool = False) -> tuple[float, Cache]:
        network.state[:] = before[2]
        cache = Cache(training=training, record=record, seed=seed)
        return network.step(X, targets, cache), cache

    try:
        network.gradients.fill(np.nan)  # backward has to write them, not add to them
        value, cache = loss(record=True)
        # What rounding in the loss can do to a difference must not count as an error.
        rounding = 4 * np.finfo(np.float64).eps * abs(value) / STEP
        variables, analytic = {**network.tensors}, {**network.gradient_tensors}
        dX: Any = cache["dX"]
        if isinstance(X, Parts):
            variables |= {f"input {name}": X.arrays[name] for name in dX}
            analytic |= {f"input {name}": gradient for name, gradient in dX.items()}
        elif not network.body.takes_ids:
            variables["input"], analytic["input"] = X, dX
        analytic = {name: gradient.copy() for name, gradient in analytic.items()}
        found = {
            name: relative_error(
                lambda: loss()[0], variable, analytic[name], rounding / tolerance, samples, rng
            )
            for name, variable in variables.items()
        }
        errors = {name: error for name, (error, _) in found.items()}
        # The differences did not cover what training does: it writes over arrays.
        network.gradients.fill(np.nan)
        loss()
        for name, gradient in network.gradient_tensors.items():
            if not np.allclose(gradient, analytic[name], 1e-10, 1e-14, equal_nan=True):
                errors[f"{name}, written over"] = float("inf")
    finally:
        network.parameters[:], network.gradients[:], network.state[:] = before
    return GradientCheck(errors, tolerance, {name: place for name, (_, place) in found.items()})


class _Projection(Loss):
    """L_i = sum(Z_i * y_i): a loss whose gradient is y."""

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y = as_numbers("targets y", y).astype(dtype)
        if y.ndim == 0 or not fits(y.shape[1:], self.output_shape):
            raise ShapeError(
                "y, the gradient of the output, must have its shape, "
                f"{as_batch(self.output_shape)}; got {y.shape}"
            )
        return y

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        cache["y"] = y
        each: Array = np.multiply(Z, y).reshape(len(Z), -1).sum(axis=1)
        return each

    def backward(self, cache: Cache) -> Array:
        return cache["y"].copy()


def _network(
    subject: Layer | Loss | Network, input_shape: Shape | int | None, rng: np.random.Generator
) -> Network:
    """The subject as a float64 network."""
    if isinstance(subject, Network):
        if subject.dtype != np.float64:
            raise DTypeError(
                f"central differences need float64; the network is {subject.dtype}: make it with "
                "dtype=np.float64"
            )
        return subject
    if input_shape is None:
        raise SettingError(f"{subject!r} needs an X or an input_shape")
    layers: list[Layer] = [deepcopy(subject)] if isinstance(subject, Layer) else []
    loss: Any = subject
    if isinstance(subject, Layer):
        loss = _Projection()
        if subject.gives_several:
            loss = {name: _Projection() for name in output_names(subject, 0)}
    network = Network(layers, loss=loss, input_shape=input_shape, seed=rng, dtype=np.float64)
    # Zero biases would hide errors that scale with them.
    network.parameters[:] += 0.1 * rng.standard_normal(network.parameters.shape)
    return network


def _shape_of(X: Any) -> Any:
    """The shape of an example of this X, or of each of several arrays."""
    if isinstance(X, dict):
        return {name: _shape_of(array) for name, array in X.items()}
    if isinstance(X, tuple):
        return tuple(map(_shape_of, X))
    X = as_numbers("X", X)
    if X.ndim < 1:
        raise ShapeError(f"X must have the shape (m, ...); got {X.shape}")
    return X.shape[1:]


def _random_inputs(network: Network, m: int, rng: np.random.Generator) -> Any:
    """Normal numbers for each input."""
    several = network.body.takes_several
    shapes = network.input_shape if several else {"": network.input_shape}
    for place, name in enumerate(shapes):
        if network.body.takes_ids_at(place):
            what = f"input {name!r}" if name else repr(network.layers[0])
            raise SettingError(f"{what} takes ids: pass them as X")
    X = {name: rng.standard_normal((m, *shape)) for name, shape in shapes.items()}
    return X if several else X[""]


def _random_like_outputs(network: Network, X: Any, rng: np.random.Generator) -> Any:
    several, shapes = network.body.gives_several, network.body.outputs_of(network.output_shape)
    m = len(next(iter(X.values())) if isinstance(X, dict) else X[0] if isinstance(X, tuple) else X)
    if any(None in shape for shape in shapes):
        outputs = network.forward(X)
        shapes = tuple(Z.shape[1:] for Z in (outputs.values() if several else [outputs]))
    each = [rng.standard_normal((m, *shape)) for shape in shapes]
    return tuple(each) if several else each[0]
