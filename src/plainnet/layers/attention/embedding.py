"""Tokens: a learned vector for each id, for the input and, if tied, for the output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from plainnet.arguments.arrays import exact_ids
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.errors import DataError, SettingError, ShapeError, require_integer, require_optional
from plainnet.initializers import Initializer, Normal
from plainnet.kernels.arrays import rows
from plainnet.kernels.embedding import add_to_rows, add_to_rows_sizes, take_rows
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape
from plainnet.layers.containers.sequential import Sequential

INTP, BOOL = np.dtype(np.intp), np.dtype(bool)

_ONE_HOT = "(ids[..., None] == arange(len(E))).reshape(-1, len(E))"


@dataclass(frozen=True)
class WithZeroRow(Initializer):
    """Another initializer's numbers, with zeros in one row."""

    initializer: Initializer
    row: int

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        vectors = self.initializer(rng, shape)
        vectors[self.row] = 0
        return vectors


class Embedding(Layer):
    """Y = E[ids]: a vector for each token. It is a network's first layer, and takes integers.

    Parameters
    ----------
    vocabulary : int
        The number of ids: 0 to vocabulary - 1. Other ids are refused.
    width : int
        Length of a vector.
    padding : int, optional
        The id that pads short sequences. Its vector is and remains zero, and a mask tells the
        layers above which steps are padding.
    initializer : Initializer, optional
        For `E`. By default standard normal numbers.

    Tensors
    -------
    E : (vocabulary, width), decays
    """

    E: Array
    dE: Array

    takes_ids = True
    releases_arrays = True

    def __init__(
        self,
        vocabulary: int,
        width: int,
        *,
        padding: int | None = None,
        initializer: Initializer | None = None,
    ) -> None:
        self.vocabulary = require_integer("vocabulary", vocabulary, at_least=1)
        self.width = require_integer("width", width, at_least=1)
        require_optional("initializer", initializer, Initializer)
        self.padding = checked_padding(padding, self.vocabulary)
        self.initializer = initializer

    def build(self, input_shape: Shape) -> Shape:
        first = self.initializer or Normal()
        if self.padding is not None:
            first = WithZeroRow(first, self.padding)
        self.declare("E", (self.vocabulary, self.width), first, decays=True)
        return (*input_shape, self.width)

    formulas = Formulas(
        input="ids",
        output="Y",
        forward=(
            Formula(
                "Y",
                "E[ids] * (ids != padding)[..., None]",
                r"Y_{it} = E_{\mathrm{id}_{it}}\, [\mathrm{id}_{it} \ne \mathrm{padding}]",
                when="padding is not None",
            ),
            Formula("Y", "E[ids]", r"Y_{it} = E_{\mathrm{id}_{it}}", when="padding is None"),
        ),
        backward=(
            Formula(
                "dE",
                f"{_ONE_HOT}.T @ (dY * (ids != padding)[..., None]).reshape(-1, width)",
                r"dE_k = \sum_{it:\,\mathrm{id}_{it} = k \ne \mathrm{padding}} dY_{it}",
                when="padding is not None",
            ),
            Formula(
                "dE",
                f"{_ONE_HOT}.T @ dY.reshape(-1, width)",
                r"dE_k = \sum_{it:\,\mathrm{id}_{it} = k} dY_{it}",
                when="padding is None",
            ),
        ),
    )

    def forward(self, ids: Array, cache: Cache) -> Array:
        return vectors_of(ids, self, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        add_to_vectors(dY, self, cache, anew=True)
        return NO_GRADIENT


class TiedEmbedding(Layer):
    """Z = F(E[ids]) E^T: the vectors of the input tokens are also the weights that score them.

    F is one or more layers in order (Press and Wolf 2017, Using the Output Embedding to Improve
    Language Models, section 3).

    Parameters
    ----------
    vocabulary : int
        The number of ids, and so of outputs.
    width : int
        Length of a vector. The layers get the shape (m, time, width) and return it.
    layers : sequence of Layer
        The layers of F.
    padding : int, optional
        The id that pads short sequences. Its input vector is zero, and a mask tells the layers
        which steps are padding. Like every id it has a score.
    initializer : Initializer, optional
        For `E`. By default normal with standard deviation 0.02, as in GPT-2: the initial outputs
        are then near zero, and all tokens almost equally probable.

    Tensors
    -------
    E : (vocabulary, width), decays
    """

    E: Array
    dE: Array

    takes_ids = True
    releases_arrays = True

    def __init__(
        self,
        vocabulary: int,
        width: int,
        layers: Sequence[Layer],
        *,
        padding: int | None = None,
        initializer: Initializer | None = None,
    ) -> None:
        self.vocabulary = require_integer("vocabulary", vocabulary, at_least=1)
        self.width = require_integer("width", width, at_least=1)
        require_optional("initializer", initializer, Initializer)
        self.branch = Sequential(layers)
        self.layers = self.branch.layers
        self.padding = checked_padding(padding, self.vocabulary)
        self.initializer = initializer

    def build(self, input_shape: Shape) -> Shape:
        first = self.initializer or Normal(0.02)
        self.declare("E", (self.vocabulary, self.width), first, decays=True)
        inner_shape = (*input_shape, self.width)
        output_shape = self.branch.place(self.name, inner_shape)
        if output_shape[-1:] != (self.width,):
            raise ShapeError(
                f"needs layers that return vectors of width {self.width}, as the tokens have; they "
                f"return {output_shape}"
            )
        return (*output_shape[:-1], self.vocabulary)

    def suggest(self, following: Initializer) -> Initializer:
        self.branch.suggest(following)
        return following

    def plan(self, own: Place) -> Iterable[Place]:
        """The inner layers may write over what they get: it is made here and not read elsewhere."""
        yield Place("", self.branch, reuse_input=True, reuse_gradient=True)

    formulas = Formulas(
        input="ids",
        output="Z",
        forward=(
            Formula(
                "Y",
                "E[ids] * (ids != padding)[..., None]",
                r"Y = E_{\mathrm{id}}\, [\mathrm{id} \ne \mathrm{padding}]",
                when="padding is not None",
            ),
            Formula("Y", "E[ids]", r"Y = E_{\mathrm{id}}", when="padding is None"),
            Formula("H", "layers(Y)", "H = F(Y)"),
            Formula("Z", "H @ E.T", r"Z = H E^\top"),
        ),
        backward=(
            Formula("dH", "dZ @ E", r"dH = dZ\, E"),
            Formula("dY", "layers_back(dH)", "dY = F'(dH)"),
            Formula(
                "dE",
                "dZ.reshape(-1, len(E)).T @ H.reshape(-1, width)"
                f" + {_ONE_HOT}.T @ (dY * (ids != padding)[..., None]).reshape(-1, width)",
                r"dE_k = \sum_{it} dZ_{itk} H_{it}"
                r" + \sum_{it:\,\mathrm{id}_{it} = k \ne \mathrm{padding}} dY_{it}",
                when="padding is not None",
            ),
            Formula(
                "dE",
                f"dZ.reshape(-1, len(E)).T @ H.reshape(-1, width)"
                f" + {_ONE_HOT}.T @ dY.reshape(-1, width)",
                r"dE_k = \sum_{it} dZ_{itk} H_{it} + \sum_{it:\,\mathrm{id}_{it} = k} dY_{it}",
                when="padding is None",
            ),
        ),
    )

    def forward(self, ids: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        H = cache["H"] = self.branch.forward(vectors_of(ids, self, cache), inner)
        Z = cache.array("Z", (*H.shape[:-1], self.vocabulary), H.dtype)
        np.dot(rows(H), self.E.T, out=rows(Z))
        return Z

    def backward(self, dZ: Array, cache: Cache) -> Array:
        H = cache["H"]
        np.matmul(rows(dZ).T, rows(H), out=self.dE)
        dH = cache.array("dH", H.shape, dZ.dtype)
        np.dot(rows(dZ), self.E, out=rows(dH))
        inner = cache.inside(self)
        dY = cache["dY"] = self.branch.backward(dH, inner)
        add_to_vectors(dY, self, cache)
        return NO_GRADIENT


def checked_padding(padding: int | None, vocabulary: int) -> int | None:
    """The `padding` setting, checked for a layer with this many ids."""
    if padding is None:
        return None
    padding = require_integer("padding", padding, at_least=0)
    if padding >= vocabulary:
        raise SettingError(f"padding must be an id below {vocabulary}; got {padding}")
    return padding


def vectors_of(ids: Array, layer: Embedding | TiedEmbedding, cache: Cache) -> Array:
    """E[ids], with zeros for padding, and the mask of the steps that are not padding."""
    known = checked_ids(layer, ids, cache)
    Y = cache.array("Y", (*ids.shape, layer.width), layer.E.dtype)
    take_rows(layer.E, known, Y)
    if layer.padding is not None:
        mask = cache.array("mask", ids.shape, BOOL)
        cache.mask = np.not_equal(known, layer.padding, out=mask)
        np.multiply(Y, mask[..., None], out=Y)
    return Y


def add_to_vectors(
    dY: Array, layer: Embedding | TiedEmbedding, cache: Cache, anew: bool = False
) -> None:
    """Add the gradients of `vectors_of` to dE, or to zeros; padding has none."""
    if layer.padding is None:
        add_gradient(layer.dE, cache["ids"], dY, cache, anew)
        return
    padding = layer.dE[layer.padding]
    if anew:
        padding.fill(0)
    before = cache.array("before", padding.shape, padding.dtype)
    np.copyto(before, padding)
    add_gradient(layer.dE, cache["ids"], dY, cache, anew)
    np.copyto(padding, before)


class TakesIds(Protocol):
    """A layer whose input is ids."""

    name: str
    vocabulary: int


def checked_ids(layer: TakesIds, ids: Array, cache: Cache) -> Array:
    """The ids as an array for indexing, kept as `ids`; refuses ids out of range."""
    if ids.size:
        lowest, highest = ids.min(), ids.max()
        if lowest < 0 or highest >= layer.vocabulary:
            wrong = lowest if lowest < 0 else highest
            raise DataError(
                f"layer {layer.name} has vectors for ids from 0 to {layer.vocabulary - 1}; got "
                f"{wrong}"
            )
    known = cache.array("ids", ids.shape, INTP)
    np.copyto(known, ids, casting="unsafe")
    if ids.dtype.kind == "f":  # below another layer
        if layer.vocabulary > (most := exact_ids(ids.dtype)):
            raise SettingError(
                f"layer {layer.name} has {layer.vocabulary:,} ids and gets them in {ids.dtype}, "
                f"which tells {most:,} apart: put it first in the network, or take dtype=np.float64"
            )
        if not np.array_equal(known, ids):
            wrong = ids[known != ids][0]
            raise DataError(f"layer {layer.name} needs whole numbers as ids; got {wrong}")
    return known


def add_gradient(dE: Array, ids: Array, dY: Array, cache: Cache, anew: bool) -> None:
    """dE_k += sum dY_i over all i whose id is k; `anew`, it replaces what dE holds."""
    n_integers, n_floats = add_to_rows_sizes(ids.size, *dE.shape)
    index = cache.array("index", (n_integers,), INTP)
    work = cache.array("work", (n_floats,), dY.dtype)
    add_to_rows(dY, ids, dE, anew, index, work)
