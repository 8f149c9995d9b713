"""A network's inputs, a target output, and its gradient with respect to the inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array, shown_dtype
from plainnet.arguments.parts import Parts, only
from plainnet.data import check_features
from plainnet.engine.cache import Cache
from plainnet.engine.plan import Place
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_integer,
    require_type,
    shown,
)
from plainnet.layers.attention.bag import EmbeddingBag
from plainnet.layers.attention.embedding import Embedding, TiedEmbedding
from plainnet.layers.base import NO_GRADIENT
from plainnet.layers.containers.graph import Graph, output_names
from plainnet.layers.containers.sequential import Sequential
from plainnet.layers.recurrence.masking import Masking
from plainnet.layers.tabular.categories import CategoryEmbedding
from plainnet.losses import EachOutput
from plainnet.network import NUMBERS_AT_ONCE, ROWS_AT_ONCE, Network

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
"""The inputs of a network by name; "" is the name of the only one."""


# --- inputs --------------------------------------------------------------------------------------


def inputs_of(network: Network, X: Any) -> Arrays:
    """X as the network's arrays, converted and checked."""
    inputs = network.inputs(X)
    check_features(inputs)
    return inputs.arrays if isinstance(inputs, Parts) else {"": inputs}


def ids_of(network: Network) -> set[str]:
    """The names of the inputs that are ids."""
    names = network.input_shape if network.body.takes_several else ("",)
    return {name for i, name in enumerate(names) if network.body.takes_ids_at(i)}


def as_given(arrays: Arrays) -> Any:
    """The only array, or a dict of several: what a network takes, and what a caller gets."""
    return arrays.get("", arrays)


def called(name: str) -> str:
    """The name of an input in error messages."""
    return f"X[{name!r}]" if name else "X"


def count_rows(arrays: Arrays) -> int:
    """The number of rows, m."""
    return len(next(iter(arrays.values())))


def rows_at_once(network: Network, arrays: Arrays) -> int:
    """How many rows fit into bounded memory in a pass that keeps every layer's output."""
    time = max(array.shape[1] if array.ndim > 1 else 1 for array in arrays.values())
    numbers: int = sum(layer.numbers(time) for layer in network.body.walk())
    return min(max(NUMBERS_AT_ONCE // max(numbers, 1), 1), ROWS_AT_ONCE)


def pieces(network: Network, arrays: Arrays) -> Iterator[slice]:
    """All rows, some at a time."""
    size = rows_at_once(network, arrays)
    for start in range(0, count_rows(arrays), size):
        yield slice(start, start + size)


def some(arrays: Arrays, rows: Any) -> Arrays:
    """Some rows of each array."""
    return {name: array[rows] for name, array in arrays.items()}


def beside(numbers: Array, array: Array) -> Array:
    """One number per row, shaped to multiply arrays with this many axes."""
    return numbers.reshape(-1, *(1,) * (array.ndim - 1))


# --- outputs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """One element of the last pre-activation Z for each row.

    Attributes
    ----------
    output : str
        The output's name in a network with several outputs; otherwise "".
    index : array of shape (m,)
    """

    output: str
    index: Array

    def of(self, Z: Any, rows: Any = slice(None)) -> Array:
        """Z[i, index[i]] for each of these rows, where Z holds their pre-activations."""
        Z, index = Z[self.output] if self.output else Z, self.index[rows]
        return np.asarray(Z[np.arange(len(index)), index])

    def gradient(self, Z: Any, rows: Any) -> Any:
        """The gradient to pass to `Network.backward`: 1 at the target, 0 elsewhere."""
        several = Z if isinstance(Z, Mapping) else {"": Z}
        dZ = {name: np.zeros_like(each) for name, each in several.items()}
        index = self.index[rows]
        dZ[self.output][np.arange(len(index)), index] = 1
        return as_given(dZ)


def chosen(network: Network, Z: Any, target: Any) -> Target:
    """The `Target` for the argument `target`, given the pre-activations Z of all rows."""
    loss, output = network.loss, ""
    if network.body.gives_several:
        names = output_names(network.body, len(network.output_shape))
        if not isinstance(target, Mapping) or len(target) != 1 or not set(target) <= set(names):
            raise SettingError(
                "target must be a dict with one of the outputs and its index, "
                f"{{{names[0]!r}: 0}} for example; the network has {', '.join(names)}; got "
                f"{shown(target)}"
            )
        ((output, target),) = target.items()
        Z = Z[output]
        if isinstance(loss, EachOutput):
            loss = loss.losses[output][0]
    else:
        target = only("target", output_names(network.body, 0), target, SettingError)
    if Z.ndim != 2:
        raise ShapeError(
            "attribution needs one vector of outputs for each row, shape (m, K); the network "
            f"gives {Z.shape}"
        )
    m, K = Z.shape
    if target is None:
        if K > 1 and not loss.is_classifier:
            raise SettingError(
                f"target must say which of the {K} outputs, 0 to {K - 1}: {loss!r} predicts no "
                "class"
            )
        return Target(output, Z.argmax(axis=1))
    return Target(output, _indices(target, m, K))


def _indices(target: Any, m: int, K: int) -> Array:
    if isinstance(target, str) or not np.iterable(target):
        return np.full(m, require_integer("target", target, at_least=0, at_most=K - 1))
    index = as_array("target", target)
    if index.dtype.kind not in "iu" or index.shape != (m,):
        raise SettingError(
            f"target must be a whole number, or an array of {m} of them, one for each row of X; "
            f"got {shown_dtype(target, index)} of shape {index.shape}"
        )
    if index.size and (index.min() < 0 or index.max() >= K):
        wrong = index.min() if index.min() < 0 else index.max()
        raise SettingError(f"target must be from 0 to {K - 1}, an index of Z; got {wrong}")
    return index


# --- gradients -----------------------------------------------------------------------------------


class _GivenVectors(Embedding):
    """An embedding that returns the vectors it is given, by place, and keeps their gradients."""

    given: Arrays
    found: Arrays

    def forward(self, ids: Array, cache: Cache) -> Array:
        Y = super().forward(ids, cache)  # which says what is padding
        np.copyto(Y, self.given[cache.place.path])
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        self.found[cache.place.path] = dY.copy()
        return NO_GRADIENT


class _GivenMask(Masking):
    """Masking by the mask that it is given, by place: wherever a point lies, X says what is data.

    Between a baseline and X, a step that is padding would look like data otherwise.
    """

    given: Arrays

    def forward(self, A: Array, cache: Cache) -> Array:
        cache.mask = self.given[cache.place.path]
        return A


class Probe:
    """A copy of a network that differentiates the target with respect to the inputs.

    Attributes
    ----------
    X : dict of arrays
    points : dict of arrays
        X itself, or the vectors that an `Embedding` makes of ids; they are zero for padding.
    Z : array of shape (m,)
        The target at X.
    """

    def __init__(
        self, network: Network, X: Any, target: Any, dtype: npt.DTypeLike | None = None
    ) -> None:
        require_type("network", network, Network)
        self.network = deepcopy(network) if dtype is None else network.astype(dtype)
        self.X = inputs_of(self.network, X)
        self.ids = _embeddings(self.network)
        self._cache = Cache(input_gradient=True)
        self._maskings = [
            (place.path, place.subject)
            for place in self.network.plan.walk()
            if type(place.subject) is Masking
        ]
        Z, recorded = self._recorded()
        self.target = chosen(self.network, Z, target)
        self.Z = self.target.of(Z)
        self.points = {
            name: recorded[f"{self.ids[name].path}.Y"] if name in self.ids else array
            for name, array in self.X.items()
        }
        self._masks = {path: recorded[f"{path}.M"] for path, _ in self._maskings}
        for place in self.ids.values():
            place.subject.__class__ = _GivenVectors
        for _, layer in self._maskings:
            layer.__class__ = _GivenMask

    def _recorded(self) -> tuple[Any, Arrays]:
        """The outputs at X, the vectors of ids, and the masks."""
        names = [f"{place.path}.Y" for place in self.ids.values()]
        names += [f"{path}.M" for path, _ in self._maskings]
        outputs, arrays = [], []
        for rows in pieces(self.network, self.X):
            cache = Cache(record=bool(names))
            outputs.append(self.network.forward(as_given(some(self.X, rows)), cache))
            arrays.append({name: cache[name] for name in names})
        return _joined(outputs), _joined(arrays)

    def follow(self, points: Arrays, rows: Any) -> tuple[Array, Arrays]:
        """The target and its gradient at these points; `rows` says which rows they belong to.

        The next call overwrites the gradients.
        """
        found: Arrays = {}
        Z = self._forward(points, rows, found)
        dX = self.network.backward(self.target.gradient(Z, rows), self._cache)
        dX = dX if self.network.body.takes_several else {"": dX}
        gradients = {
            name: found[self.ids[name].path] if name in self.ids else dX[name] for name in points
        }
        return self.target.of(Z, rows), gradients

    def outputs(self, points: Arrays, rows: Any) -> Array:
        """The target at these points, without its gradient."""
        return self.target.of(self._forward(points, rows, {}), rows)

    def _forward(self, points: Arrays, rows: Any, found: Arrays) -> Any:
        """All outputs at these points; a pass back puts the gradients of vectors into `found`."""
        given = {name: self.X[name][rows] if name in self.ids else points[name] for name in points}
        vectors = {place.path: points[name] for name, place in self.ids.items()}
        for place in self.ids.values():
            embedding: Any = place.subject
            embedding.given, embedding.found = vectors, found
        for _, masking in self._maskings:
            masking.given = some(self._masks, rows)
        return self.network.forward(as_given(given), self._cache)

    def pieces(self) -> Iterator[slice]:
        """All rows, some at a time."""
        return pieces(self.network, self.X)

    def summed(self, name: str, products: Array) -> Array:
        """An input's attributions; for ids, summed over each vector."""
        return products.sum(axis=-1) if name in self.ids else products


def _joined(parts: list[Any]) -> Any:
    """Rows from several passes."""
    if isinstance(parts[0], Mapping):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def _embeddings(network: Network) -> dict[str, Place]:
    """Of each input that is ids, where the embedding stands that reads it."""
    body, readers = network.plan.inner[0], {}
    names = network.input_shape if network.body.takes_several else ("",)
    for i, name in enumerate(names):
        if network.body.takes_ids_at(i):
            found = [*_readers(body, i)]
            if len(found) > 1 or type(found[0].subject) is not Embedding:
                who = " and ".join(f"{place.path} ({place.subject!r})" for place in found)
                raise SettingError(
                    f"{called(name)} is ids, whose gradient is that of the vectors of one "
                    f"Embedding; here they go to {who}: use occlusion"
                )
            (readers[name],) = found
    paths = {place.path for place in readers.values()}
    for place in network.plan.walk():
        lookup = isinstance(
            place.subject, Embedding | TiedEmbedding | EmbeddingBag | CategoryEmbedding
        )
        if lookup and place.path not in paths:
            raise SettingError(
                f"layer {place.path} ({place.subject!r}) looks vectors up, and the numbers that it "
                "looks them up by have no gradient: use occlusion"
            )
    return readers


def _readers(place: Place, i: int) -> Iterator[Place]:
    """Where the i-th input of what stands here is read."""
    layer = place.subject
    if isinstance(layer, Graph):
        name = tuple(layer.inputs)[i]
        for node in place.inner:
            for j, source in enumerate(layer.sources[node.name]):
                if source == name:
                    yield from _readers(node, j)
    elif isinstance(layer, Sequential) and place.inner:
        yield from _readers(place.inner[0], i)
    else:
        yield place
