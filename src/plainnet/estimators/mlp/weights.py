"""coefs_ and intercepts_: lists of views that can be assigned, even before a fit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.estimators.base import NeuralEstimator
from plainnet.layers import Dense
from plainnet.losses import Loss
from plainnet.network import Network

Array = npt.NDArray[Any]


class Assignable(NeuralEstimator):
    """Weights and biases, to read and to assign, and the output's activation.

    If assigned before the first fit, they are kept for the network: a warm start or partial_fit
    begins with them; a fit without a warm start begins with new weights, as in scikit-learn.
    """

    @abstractmethod
    def _output_activation(self, loss: Loss) -> str:
        """The loss's output activation, by scikit-learn's name."""

    def __sklearn_is_fitted__(self) -> bool:
        return "network_" in vars(self)

    def _of_network(self, name: str, read: Callable[[Network], Any]) -> Any:
        if "network_" in vars(self):
            return read(self.network_)
        if name not in self._given:
            raise AttributeError(f"this {type(self).__name__} has no {name} before fit")
        return self._given[name]

    @property
    def _given(self) -> dict[str, Any]:
        given: dict[str, Any] = self.__dict__.setdefault("_before_fit", {})
        return given

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, shape (n_in, n_out): views, so writing changes the network."""
        weights: list[Array] = self._of_network("coefs_", coefs)
        return weights

    @coefs_.setter
    def coefs_(self, arrays: Iterable[Array]) -> None:
        if self.__sklearn_is_fitted__():
            coefs(self.network_)[:] = arrays
        else:
            self._given["coefs_"] = listed("coefs_", arrays)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, shape (n_out,): views."""
        biases: list[Array] = self._of_network("intercepts_", intercepts)
        return biases

    @intercepts_.setter
    def intercepts_(self, arrays: Iterable[Array]) -> None:
        if self.__sklearn_is_fitted__():
            intercepts(self.network_)[:] = arrays
        else:
            self._given["intercepts_"] = listed("intercepts_", arrays)

    @property
    def out_activation_(self) -> str:
        """What turns the last pre-activation into the prediction; it follows from the loss."""
        name: str = self._of_network("out_activation_", lambda n: self._output_activation(n.loss))
        return name

    @out_activation_.setter
    def out_activation_(self, name: str) -> None:
        if not self.__sklearn_is_fitted__():
            self._given["out_activation_"] = name
        elif name != self.out_activation_:
            raise SettingError(output_is(self.out_activation_, name))


def dense_layers(network: Network) -> list[Dense]:
    """The layers that have weights and biases, in order from the input."""
    return [layer for layer in network.layers if isinstance(layer, Dense)]


def coefs(network: Network) -> Tensors:
    """The weights of each layer, shape (n_in, n_out)."""
    return Tensors("coefs_", (layer.W.T for layer in dense_layers(network)))


def intercepts(network: Network) -> Tensors:
    """The biases of each layer, shape (n_out,)."""
    return Tensors("intercepts_", (layer.b for layer in dense_layers(network)))


def output_is(own: str, wanted: str) -> str:
    """Why another output activation cannot be assigned."""
    return f"out_activation_ follows from the loss and is {own!r} here; got {wanted!r}"


class Tensors(list[Array]):
    """One tensor of each layer, as a view: assigning an element changes the network.

    Copies and pickles of it are plain lists of arrays.
    """

    def __init__(self, name: str, views: Iterable[Array]) -> None:
        super().__init__(views)
        self.name = name

    def __setitem__(self, index: Any, value: Any) -> None:
        several = isinstance(index, slice)
        places = range(len(self))[index] if several else [range(len(self))[index]]
        write(self.name, self, value if several else [value], places)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise SettingError(f"{self.name} has one array for each layer, neither more nor fewer")

    append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __delitem__ = __iadd__ = __imul__ = _refuse


def listed(name: str, values: Any) -> list[Any]:
    """The assigned value as a list of arrays."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise SettingError(f"{name} must be a list of arrays, one for each layer; got {values!r}")
    return list(values)


def write(name: str, views: Sequence[Array], values: Any, places: Iterable[int]) -> None:
    """Write the arrays into the views at these positions: all of them, or none after an error."""
    places, values = list(places), listed(name, values)
    if len(values) != len(places):
        raise ShapeError(
            f"{name} must be {len(places)} arrays, one for each layer; got {len(values)}"
        )
    fitting = [
        _fitting(f"{name}[{i}]", value, views[i]) for i, value in zip(places, values, strict=True)
    ]
    for i, array in zip(places, fitting, strict=True):
        views[i][...] = array


def _fitting(name: str, value: Any, view: Array) -> Array:
    """A copy of the array in the view's dtype."""
    array = as_array(name, value)
    if array.shape != view.shape:
        turned = "; pass its transpose" if array.shape == view.shape[::-1] else ""
        raise ShapeError(f"{name} must have the shape {view.shape}; got {array.shape}{turned}")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} must be real numbers; got dtype {array.dtype}")
    with np.errstate(over="ignore"):
        array = array.astype(view.dtype)
    if not np.isfinite(array).all():
        raise DataError(f"{name} must be finite in {view.dtype}; it holds NaN or infinity")
    return array
