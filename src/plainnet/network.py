"""The network: layers in order, one loss, one parameter vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from fnmatch import fnmatchcase
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import (
    as_array,
    as_batch,
    as_dtype,
    as_floats,
    as_generator,
    as_shape,
    lies_outside,
)
from plainnet.arguments.spelling import METHODS, Elsewhere, require_object, spelled
from plainnet.data import check_features, check_weights, real_weights
from plainnet.engine.cache import Cache
from plainnet.engine.description import table_of
from plainnet.engine.filling import filling
from plainnet.engine.memory import read_only, wake_blas
from plainnet.engine.parameters import Declaration, FlatVector, Segment
from plainnet.engine.plan import MOST_NESTED, Place, planned
from plainnet.engine.weighted_mean import WeightedMean
from plainnet.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    SettingError,
    ShapeError,
    counted,
    require_number,
    require_optional,
    require_type,
)
from plainnet.initializers import GlorotUniform
from plainnet.layers.base import Layer, Shape, fits, seen
from plainnet.layers.containers.sequential import Sequential
from plainnet.losses import EachPosition, Loss
from plainnet.losses.base import NOTHING_COUNTS

Array = npt.NDArray[Any]

ROWS_AT_ONCE = 1024
NUMBERS_AT_ONCE = 2**22
"""Prediction goes through the data in slices of at most this many rows, and this many numbers in
the largest layer's output, so that its memory is bounded."""


class Network:
    """Layers in order and a loss, with all parameters in one vector.

    Parameters
    ----------
    layers : sequence of Layer
        From the input to the last pre-activation. The output activation is the loss's.
    loss : Loss
    input_shape : int or tuple of int
        The shape of one example, without the batch axis: 64, or (28, 28, 1). Sequences of any
        length have None as their first axis: (None, 8), or (None,) for the ids of tokens.
    seed : int, numpy.random.Generator or None
        For the initial weights.
    dtype : float32 or float64
        Of the parameters and of all that is computed. Data of another real dtype is converted
        once, on its way in.

    Attributes
    ----------
    parameters, gradients, state : 1-D arrays
        All parameters, their gradients in the same layout, the running state. They are never
        replaced, so write into them: `network.parameters[:] = best`.
    n_decaying : int
        `parameters[:n_decaying]` are the tensors that were declared to decay: weights, not biases.
    segments : tuple of Segment
        Where each tensor lies in the vector, and how fast it learns and decays; see `adjust`.

    Examples
    --------
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import SoftmaxCrossEntropy
    >>> network = Network(
    ...     [Dense(16), ReLU(), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0
    ... )
    >>> network["0.dense.W"].shape
    (16, 2)
    >>> network.predict(np.zeros((5, 2), np.float32)).shape
    (5,)
    """

    file_kind = "network"

    @spelled
    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        loss: Loss,
        input_shape: int | Shape,
        seed: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.dtype = as_dtype("dtype", dtype, "f", "float32 or float64")
        if self.dtype not in (np.float32, np.float64):
            raise SettingError(f"dtype must be float32 or float64; got {self.dtype}")
        require_object("loss", loss, Loss)
        self.input_shape = as_shape(input_shape)
        self.body = Sequential(layers)
        self.layers = self.body.layers
        _expect_shallow(self.layers)
        _expect_each_once(self.body)
        self.output_shape = self.body.place("", self.input_shape)
        if self.layers and type(self.layers[-1]).__name__ == loss.includes:
            raise SettingError(
                f"{loss!r} has {loss.includes} built in: leave the last layer, "
                f"{self.layers[-1]!r}, out"
            )
        if loss.of_positions and len(self.output_shape) > 1:
            loss = EachPosition(loss)
        self.loss = copy(loss)  # it remembers the output's shape, so each network has its own
        self.loss.output_shape = self.output_shape
        self.loss.build(self.output_shape)
        self.body.suggest(GlorotUniform())

        tensors: dict[str, Declaration] = {}
        state: dict[str, Declaration] = {}
        for layer in self.body.walk():
            tensors |= {f"{layer.name}.{name}": t for name, t in layer.declared.items()}
            state |= {f"{layer.name}.{name}": t for name, t in layer.declared_state.items()}
        check = filling.get()
        if check is not None:
            n_parameters, n_state = (
                sum(t.size for t in each.values()) for each in (tensors, state)
            )
            check(n_parameters, n_state, self.dtype)
        self._parameters = FlatVector(tensors, self.dtype)
        self._gradients = FlatVector(tensors, self.dtype)
        self._state = FlatVector(state, self.dtype)
        self._bind()
        wake_blas()
        rng = as_generator(seed)
        if check is None:
            self._parameters.initialize(rng)
            self._state.initialize(rng)
        self.segments: tuple[Segment, ...] = tuple(self._parameters.segments())

    # --- the vectors -----------------------------------------------------------------------------

    @property
    def parameters(self) -> Array:
        return self._parameters.flat

    @property
    def gradients(self) -> Array:
        return self._gradients.flat

    @property
    def state(self) -> Array:
        return self._state.flat

    @property
    def n_decaying(self) -> int:
        return self._parameters.n_decaying

    @property
    def tensors(self) -> Mapping[str, Array]:
        """Every parameter by name, as a view into `parameters`, in that vector's order."""
        return self._parameters.views

    @property
    def gradient_tensors(self) -> Mapping[str, Array]:
        """Every gradient by its parameter's name, as a view into `gradients`."""
        return self._gradients.views

    @property
    def state_tensors(self) -> Mapping[str, Array]:
        """All running state by name, as views into `state`."""
        return self._state.views

    def __getitem__(self, name: str) -> Array:
        """The parameter or running state of this name, as a view: `network["0.dense.W"]`."""
        for vector in (self._parameters, self._state):
            if name in vector.views:
                return vector.views[name]
        known = [*self._parameters.views, *self._state.views]
        raise KeyError(f"no parameter {name!r}; the network has {', '.join(known)}")

    def __setitem__(self, name: str, values: npt.ArrayLike) -> None:
        """Write into the parameter of this name; the shapes must agree."""
        view, values = self[name], as_array(name, values)
        if values.shape != view.shape:
            raise ShapeError(f"{name} has the shape {view.shape}; got {values.shape}")
        view[...] = as_floats(name, values, self.dtype)

    def _bind(self) -> None:
        for layer in self.body.walk():
            own = {name: f"{layer.name}.{name}" for name in layer.declared}
            layer.bind(
                {name: self._parameters.views[full] for name, full in own.items()},
                {name: self._gradients.views[full] for name, full in own.items()},
                {name: self._state.views[f"{layer.name}.{name}"] for name in layer.declared_state},
            )
        # The optimizer needs no gradient of the data, and nobody reads the loss's gradient again.
        body = Place("", self.body, reuse_gradient=True, needs_input_gradient=False)
        loss = Place("loss", self.loss, carries=False)
        self.plan = planned(Place(inner=(body, loss)))

    # Views die in pickle and deepcopy: the vectors rebuild theirs, and the layers get new ones.
    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "plan"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()

    # --- how fast each tensor learns -------------------------------------------------------------

    def adjust(
        self,
        pattern: str,
        *,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
    ) -> None:
        """Multiply the optimizer's rates for some tensors.

        Parameters
        ----------
        pattern : str
            A tensor's or layer's name, or a pattern of them: "0.dense", "*.b", "2.*".
        learning_rate, weight_decay : float, optional
            Factors >= 0. Weights start with 1 and 1, biases with 1 and 0. A learning rate of 0
            freezes; see `freeze`.

        Examples
        --------
        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(4), Dense(1)], loss=MeanSquaredError(), input_shape=2)
        >>> network.adjust("*.b", learning_rate=0.1)
        >>> network.adjust("1.dense", weight_decay=0.5)  # this layer's b now decays too
        """
        require_type("pattern", pattern, str)
        if learning_rate is not None:
            learning_rate = require_number("learning_rate", learning_rate, at_least=0)
        if weight_decay is not None:
            weight_decay = require_number("weight_decay", weight_decay, at_least=0)
        names = {s.name for s in self.segments if _is_meant(s.name, pattern)}
        running = set()  # layers whose running state is meant
        if learning_rate is not None:
            running = {
                layer.name
                for layer in self.body.walk()
                if any(_is_meant(f"{layer.name}.{name}", pattern) for name in layer.declared_state)
            }
        if not names and running and learning_rate not in (0, 1):
            raise SettingError(
                f"{pattern!r} is running state, which is frozen (learning_rate=0) or not (1); got "
                f"learning_rate={learning_rate!r}"
            )
        if not names and not running:
            raise SettingError(
                f"no parameter is called {pattern!r}; the network has {', '.join(self.tensors)}"
            )
        self._kept -= running
        if learning_rate == 0:
            self._kept |= {
                layer.name
                for layer in self.body.walk()
                if layer.name in running
                and not (layer.declared and names.issuperset(_tensors(layer)))
            }
        self.segments = tuple(
            s.adjusted(learning_rate, weight_decay) if s.name in names else s for s in self.segments
        )

    def freeze(self, pattern: str) -> None:
        """Keep these tensors as they are in training: their learning rate becomes 0.

        A layer in which nothing learns any more keeps its running state too, and uses it in
        training as in prediction, forward and backward: a frozen `BatchNorm` ignores the batch's
        statistics. While gamma or beta still learns it works as before, unless its statistics are
        frozen by name: `network.freeze("*.running_*")`.
        """
        self.adjust(pattern, learning_rate=0.0)

    def unfreeze(self, pattern: str) -> None:
        """Let these tensors learn again, at the optimizer's learning rate."""
        self.adjust(pattern, learning_rate=1.0)

    _kept: frozenset[str] = frozenset()
    """The layers whose running state was frozen by name, whatever their parameters do."""
    _frozen: frozenset[str] = frozenset()
    """All layers that keep their running state, with `_frozen_by` as segments."""
    _frozen_by: tuple[Segment, ...] = ()

    def keeping_state(self) -> frozenset[str]:
        """The names of the layers that keep their running state while training."""
        if self._frozen_by is not self.segments:
            still = {s.name for s in self.segments if s.learning_rate == 0}
            self._frozen = frozenset(
                layer.name
                for layer in self.body.walk()
                if layer.declared_state
                and (
                    layer.name in self._kept
                    or (layer.declared and still.issuperset(_tensors(layer)))
                )
            )
            self._frozen_by = self.segments
        return self._frozen

    # --- forward and backward --------------------------------------------------------------------

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Calling a network, as in PyTorch and Keras, is refused with the method to use instead."""
        raise ArgumentError("a network is not called: network.predict(X), or network.forward(X)")

    def forward(self, X: Any, cache: Cache | None = None) -> Array:
        """The last pre-activations, shape (m, *output_shape), for X of shape (m, *input_shape).

        The result lies in the cache's memory, and the next pass with this cache overwrites it.
        """
        require_optional("cache", cache, Cache)
        return self._forward(self.inputs(X), Cache() if cache is None else cache)

    def loss_and_gradients(
        self,
        X: Any,
        y: npt.ArrayLike,
        cache: Cache | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """The mean loss, and its gradient with respect to every parameter in `gradients`.

        Parameters
        ----------
        X : array of shape (m, *input_shape)
        y : array of m targets, as the loss takes them
        cache : Cache, optional
            A `Cache(training=True)` kept from step to step lets later steps allocate nothing.
        sample_weight : array of shape (m,), optional
            Or (m, time), where each step has its own target.
        """
        require_optional("cache", cache, Cache)
        X, targets, weights = self.check(X, y, sample_weight)
        return self.step(X, targets, Cache(training=True) if cache is None else cache, weights)

    def input_gradient(
        self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Array:
        """The gradient of the mean loss with respect to X, shape (m, *input_shape).

        The pass is that of prediction, without dropout. The gradient shows which pixels matter, or
        how to change an example so that it is taken for another (Goodfellow et al. 2015, section
        4). The parameters' gradients are written too.

        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=2)
        >>> network["0.dense.W"] = [[2.0, -1.0]]
        >>> network.input_gradient([[3.0, 5.0]], [0.0])  # 2 (W x - y) W
        array([[ 4., -2.]], dtype=float32)
        """
        if self.body.takes_ids:
            raise SettingError(f"ids have no gradient, and {self.layers[0]!r} takes ids")
        X, targets, weights = self.check(X, y, sample_weight)
        cache = Cache(record=True)
        self.step(X, targets, cache, weights)
        return cache["dX"].copy()

    def step(self, X: Array, y: Array, cache: Cache, sample_weight: Array | None = None) -> float:
        """`loss_and_gradients` for a training loop, on what `check` returned."""
        Z = self._forward(X, cache)
        own = cache.children["loss"]
        loss = self.loss.mean(Z, y, own, sample_weight)
        dZ = self.loss.mean_gradient(own, sample_weight)
        dX = self.body.backward(dZ, cache.children[""])
        if cache.record:
            cache["dX"] = dX
        return loss

    def _forward(self, X: Array, cache: Cache) -> Array:
        cache.begin_pass(self.plan, self.keeping_state())
        if not cache.carry:
            return self.body.forward(X, cache.children[""])
        # Another number of sequences is refused before any layer has advanced.
        before = cache.carried.get("m", len(X))
        if before != len(X):
            raise ShapeError(
                f"this cache continues {before} sequences; got {len(X)}: call forget() on the "
                "cache to start new ones"
            )
        Z = self.body.forward(X, cache.children[""])
        cache.carried["m"] = len(X)
        return Z

    # --- prediction ------------------------------------------------------------------------------

    @spelled
    def outputs(self, X: Any) -> Array:
        """The last pre-activations of any number of rows, shape (m, *output_shape)."""
        return self._collected(X, lambda Z: Z)

    def _collected(self, X: Any, made: Callable[[Array], Array]) -> Array:
        """`transform` of the pre-activations, for all rows of X."""
        X, collected = self.examples(X), None
        for rows, Z in self._passes(X, Cache()):
            part = made(Z)
            if collected is None:
                collected = np.empty((len(X), *part.shape[1:]), part.dtype)
            collected[rows] = part
        assert collected is not None  # no rows are refused
        return collected

    def _passes(self, X: Any, cache: Cache) -> Iterator[tuple[slice, Array]]:
        """Some rows at a time, so that memory is bounded, and their pre-activations."""
        size = self._rows_at_once(X)
        for start in range(0, max(len(X), 1), size):
            rows = slice(start, start + size)
            inputs = self.inputs(X[rows], start)
            check_features(inputs, start)
            yield rows, self._forward(inputs, cache)

    def _rows_at_once(self, X: Any) -> int:
        time = X.shape[1] if len(X.shape) > 1 else 1
        largest = max(layer.numbers(time) for layer in (self.body, *self.body.walk()))
        return min(max(NUMBERS_AT_ONCE // largest, 1), ROWS_AT_ONCE)

    @spelled
    def predict_proba(self, X: Any) -> Array:
        """Probabilities, shape (m, K), or (m, k) for `SigmoidCrossEntropy`."""
        if not self.loss.gives_probabilities:
            raise SettingError(f"{self.loss!r} does not give probabilities; use predict")
        return self._collected(X, self.loss.activate)

    @spelled
    def predict(self, X: Any) -> Array:
        """Classes, shape (m,), or the predicted numbers."""
        return self._collected(X, self.loss.decide)

    @spelled
    def evaluate(
        self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """{"loss": ..., "accuracy": ...} on this data; accuracy for classifiers only."""
        X = self.examples(X)
        targets, weights = self.check_targets(len(X), y, sample_weight)
        cache, loss, accuracy = Cache(), WeightedMean(), WeightedMean()
        for rows, Z in self._passes(X, cache):
            own, y = cache.children["loss"], targets[rows]
            w = None if weights is None else weights[rows]
            loss.add(self.loss.mean(Z, y, own, w), self.loss.weight(y, own, w))
            if self.loss.is_classifier:
                hits, counted = self.loss.hits(Z, y, own, w)
                accuracy.add(hits / counted if counted else 0.0, counted)
        scores = {"loss": loss.value}
        if self.loss.is_classifier:
            scores["accuracy"] = accuracy.value
        return scores

    # --- checks ----------------------------------------------------------------------------------

    def check(
        self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Array, Array, Array | None]:
        """X, targets and weights as `step` takes them; raises where they teach nothing."""
        X = self.inputs(X)
        check_features(X)
        return X, *self.check_targets(len(X), y, sample_weight)

    def check_targets(
        self, m: int, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Array, Array | None]:
        """Targets and weights of m examples as `step` takes them."""
        targets, weights = self.targets_and_weights(m, y, sample_weight)
        if weights is not None:
            weights = check_weights(weights, m, self.dtype, weights.shape[1:])
        if not self.loss.counts(targets, weights):
            raise DataError(NOTHING_COUNTS)
        return targets, weights

    def check_batch(
        self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Array, Array, Array | None]:
        """`check` for one batch of many, of which some may count nothing.

        The weights stay as they are, in float64, since only all batches together say how large
        one of them is.
        """
        X = self.inputs(X)
        check_features(X)
        return X, *self.targets_and_weights(len(X), y, sample_weight)

    def targets_and_weights(
        self, m: int, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Array, Array | None]:
        """Targets of m examples, and their weights as they are, in float64."""
        targets = self.loss.targets(y, self.dtype)
        if not isinstance(targets, np.ndarray) or targets.ndim == 0:
            raise ShapeError(
                f"{self.loss!r}.targets must return an array of m targets; it returned "
                f"{seen(targets)}"
            )
        if len(targets) != m:
            raise ShapeError(f"X has {counted(m, 'row')} and y has {len(targets)}; they must agree")
        each = isinstance(self.loss, EachPosition)
        positions = targets.shape[1 : len(self.output_shape)] if each else ()
        weights = None if sample_weight is None else real_weights(sample_weight, m, positions)
        return read_only(targets), weights

    def examples(self, X: Any) -> Any:
        """X, ready to be sliced: as `inputs` gives it, or unchanged where it is not in memory."""
        return X if lies_outside(X) else self.inputs(X)

    def inputs(self, X: Any, first_row: int = 0) -> Array:
        """X as an array of shape (m, *input_shape) and the network's dtype, converted if need be.

        It is read-only: unless converted, it is the caller's. Where the first layer takes ids, X
        must be integers, of any size. `first_row` is the index of X's first row in the data that X
        is a slice of.

        Raises
        ------
        ShapeError
            If the shape does not fit.
        DTypeError, DataError
            If X holds anything but real numbers, or numbers too large for the network's dtype.
        """
        rows = as_array("X", X)
        if rows.ndim == 0 or not fits(rows.shape[1:], self.input_shape):
            raise ShapeError(
                f"X must have the shape {as_batch(self.input_shape)}; got {rows.shape}"
            )
        if 0 in rows.shape[1:]:
            raise ShapeError(f"X must have sequences of at least one step; got {rows.shape}")
        if not self.body.takes_ids:
            return read_only(as_floats("X", rows, self.dtype, first_row))
        if rows.dtype.kind not in "iu":
            raise DTypeError(
                f"X is {rows.dtype}, and the network's first layer, {self.layers[0]!r}, takes ids: "
                "pass integers"
            )
        return read_only(rows)

    # --- another precision -----------------------------------------------------------------------

    def astype(self, dtype: npt.DTypeLike) -> Network:
        """A copy that computes in this dtype, with the same parameters and state.

        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
        >>> network.astype(np.float64).parameters.dtype
        dtype('float64')
        """
        layers = deepcopy(self.body).layers  # copies belong to no network
        other = copy(self)  # of a subclass too, with its attributes
        Network.__init__(
            other, layers, loss=self.loss, input_shape=self.input_shape, dtype=dtype, seed=0
        )
        other.parameters[:] = self.parameters
        other.state[:] = self.state
        other.segments, other._kept = self.segments, self._kept
        return other

    # --- description -----------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """What rebuilds the network, without its parameters, as data for JSON."""
        kept = [layer for layer in self.body.walk() if layer.name in self._kept]
        return {
            "layers": [layer.config() for layer in self.layers],
            "loss": self.loss.config(),
            "input_shape": list(self.input_shape),
            "dtype": self.dtype.name,
            "adjusted": {
                now.name: {"learning_rate": now.learning_rate, "weight_decay": now.weight_decay}
                for now, declared in zip(self.segments, self._parameters.segments(), strict=True)
                if now != declared
            }
            | {
                f"{layer.name}.{name}": {"learning_rate": 0.0}
                for layer in kept
                for name in layer.declared_state
            },
        }

    def summary(self) -> str:
        """A table: every layer with its output's shape, number of parameters, what is frozen."""
        return table_of(self)

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        return f"Network([{layers}], loss={self.loss!r}, input_shape={self.input_shape})"

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in METHODS]


for _name, _remedy in METHODS.items():
    setattr(Network, _name, Elsewhere(_name, _remedy))


def _expect_shallow(layers: Sequence[Layer]) -> None:
    """Refuse layers that Python's stack could not hold in a pass."""
    ahead = [(layer, 0) for layer in layers]
    while ahead:
        layer, depth = ahead.pop()
        if depth > MOST_NESTED:
            raise SettingError(
                f"layers may be nested at most {MOST_NESTED} deep; these are nested deeper"
            )
        ahead += [(inner, depth + 1) for inner in layer.layers]


def _expect_each_once(body: Sequential) -> None:
    """Refuse a layer that is there twice: both would write their gradients into the same views."""
    seen = set()
    for layer in body.walk():
        if id(layer) in seen:
            raise SettingError(
                f"{layer!r} is at two places of the network; each place needs its own layer object"
            )
        seen.add(id(layer))


def _tensors(layer: Layer) -> list[str]:
    """The full names of a layer's own parameters."""
    return [f"{layer.name}.{name}" for name in layer.declared]


def _is_meant(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
