"""A layer from its forward formula alone; its backward pass is reverse mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from plainnet.arguments.arrays import as_numbers, described
from plainnet.engine.cache import Cache
from plainnet.engine.differentiation import Forward, Tape, tape_of
from plainnet.engine.formula_text import FormulasOfText
from plainnet.errors import DTypeError, SettingError, ShapeError, require_type, shown
from plainnet.initializers import Initializer
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes


class FromFormula(Layer):
    """A layer that computes a formula, and its derivative by reverse mode over the syntax tree.

    >>> FromFormula("g * Z**2", g=1.0)
    FromFormula('g * Z**2', g=1.0)
    >>> FromFormula("R = maximum(Z, 0); R**2").formulas.forward[1].plain
    'R**2'

    It allocates its arrays at every step, while other layers reuse theirs, and takes up to five
    times as long as a layer written by hand.

    Parameters
    ----------
    formula : str
        In the grammar of `plainnet.layers.Formula`. Lines are separated by ";" or line breaks; each
        line before the last names a value for the lines after it. The input, of shape
        (m, *input_shape), is the one name that is neither a parameter nor defined by a line. The
        result has the shape (m, ...), and no example's result depends on the others.
    **parameters : number, array or Initializer
        What is learned, by its name in the formula. A number or an array gives the initial values
        and the shape; with an initializer, the shape is (features,), the input's last axis.

    Tensors
    -------
    Those of `parameters`. A parameter with two or more axes decays.

    Raises
    ------
    SettingError
        If the formula does not follow the grammar, or does not have exactly one name for the input.
    ShapeError
        When a network is built: if the formula cannot be computed for an input of this shape, or
        its result has lost the batch axis or mixes examples.
    """

    formulas = FormulasOfText("Z", "A", (), ())

    def __init__(self, formula: str, **parameters: Any) -> None:
        require_type("formula", formula, str)
        self.formula = formula
        self.parameters = {name: _checked(name, value) for name, value in parameters.items()}
        forward = self.formulas.forward  # refuses what is not a formula
        try:
            tape_of(forward, (self.formulas.input, *parameters))
        except (ValueError, RecursionError) as error:
            raise SettingError(f"the formula {shown(formula)} cannot be used: {error}") from None

    def config(self) -> dict[str, Any]:
        parameters = {
            name: value.config() if isinstance(value, Initializer) else value
            for name, value in self.parameters.items()
        }
        return {"type": type(self).__name__, "formula": self.formula, **parameters}

    def __repr__(self) -> str:
        parameters = [
            f"{name}={'...' if np.size(value) > MOST_SHOWN else repr(value)}"
            for name, value in self.parameters.items()
        ]
        return f"{type(self).__name__}({', '.join([repr(self.formula), *parameters])})"

    def build(self, input_shape: Shape) -> Shape:
        for name, value in self.parameters.items():
            if isinstance(value, Initializer):
                expect_axes(input_shape, 1, "(..., features)")
                self.declare(name, input_shape[-1:], value)
            else:
                given = FirstValues(value)
                self.declare(name, given.shape, given, decays=len(given.shape) > 1)
        output_shape = self._shape_for(input_shape)
        self.ends_time = output_shape[:1] != input_shape[:1]
        return output_shape

    def forward(self, Z: Array, cache: Cache) -> Array:
        known = {name: getattr(self, name) for name in self.parameters}
        formulas = self.formulas
        forward = self._tape().forward({formulas.input: Z, **known})
        cache["the pass"] = forward
        if cache.record:
            for formula in formulas.forward:
                cache[formula.result] = forward.named[formula.result]
        output: Array = forward.named[formulas.output]
        return output

    def backward(self, dA: Array, cache: Cache) -> Array:
        formulas, forward = self.formulas, cast("Forward", cache["the pass"])
        gradients = self._tape().backward(forward, formulas.output, dA)
        for name in self.parameters:
            getattr(self, f"d{name}")[...] = gradients[name]
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        return np.ascontiguousarray(gradients[formulas.input])

    def _tape(self) -> Tape:
        """The same one at every step. It is not the layer's own, since code does not pickle."""
        formulas = self.formulas
        return tape_of(formulas.forward, (formulas.input, *self.parameters))

    def _shape_for(self, input_shape: Shape) -> Shape:
        if None not in input_shape:
            return self._tried(input_shape)
        # Of an axis of any length, two lengths tell what becomes of it.
        some, more = (self._tried(tuple(n or length for n in input_shape)) for length in (5, 7))
        if len(some) != len(more):
            raise ShapeError(f"gives a result of {len(some)} or {len(more)} axes")
        return tuple(a if a == b else None for a, b in zip(some, more, strict=True))

    def _tried(self, shape: Shape) -> Shape:
        """The shape of an example's result, by four examples together and each alone."""
        rng = np.random.default_rng(0)
        known = {}
        for name, tensor in self.declared.items():
            if tensor.initializer is not None:
                known[name] = np.asarray(tensor.initializer(rng, tensor.shape), np.float64)
        Z = rng.standard_normal((4, *shape))
        np.abs(Z[2:], out=Z[2:])  # where there are logarithms
        together = self._result(Z, known)
        if not isinstance(together, np.ndarray) or together.shape[:1] != (4,):
            raise ShapeError(
                f"gives for 4 examples of shape {shape} {described(together)}: the first axis must "
                "be that of the examples"
            )
        if together.dtype.kind != "f":
            raise DTypeError(
                f"layer {self.name} ({self!r}) gives {together.dtype}; a layer's output is real "
                "numbers"
            )
        for one, example in zip(Z, together, strict=True):
            alone = self._result(one[None], known)
            if np.shape(alone) != (1, *example.shape) or not np.allclose(
                alone[0], example, equal_nan=True
            ):
                raise ShapeError(
                    "gives an example another result when other examples are beside it: sums, "
                    "means and maxima must leave out the first axis"
                )
        own: Shape = together.shape[1:]
        return own

    def _result(self, Z: Array, known: dict[str, Array]) -> Any:
        tape, given = self._tape(), self.formulas.input
        try:
            forward = tape.forward({given: Z, **known})
        except Exception as error:  # of NumPy or Python, whatever the formula asks of them
            why = str(error) or type(error).__name__
            raise ShapeError(f"cannot be computed for an input of shape {Z.shape}: {why}") from None
        return forward.named[self.formulas.output]


MOST_SHOWN = 1000
"""The most numbers of a parameter that the layer's repr shows; for more, it shows `...`."""
OF_LAYERS = {
    "type", "name", "declared", "declared_state", "input_shape", "output_shape", "parameters",
}  # fmt: skip
"""The attributes that every layer has, besides those of its class."""


def _checked(name: str, value: Any) -> Any:
    """A parameter as an initializer, a float or lists of floats."""
    if hasattr(FromFormula, name) or name in OF_LAYERS:
        raise SettingError(f"a parameter cannot be called {name}, which each layer has already")
    if isinstance(value, Initializer):
        return value
    numbers = as_numbers(name, value).astype(np.float64)
    if not np.isfinite(numbers).all():
        raise SettingError(f"{name} must begin with finite numbers")
    return numbers.tolist()


@dataclass(frozen=True)
class FirstValues(Initializer):
    """An initializer that starts a tensor from given values."""

    values: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.values)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.array(self.values, np.float64).reshape(shape)
