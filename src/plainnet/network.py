"""The network: layers in order or joined in a graph, a loss, one parameter vector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from math import inf, prod
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import (
    as_array,
    as_dtype,
    as_floats,
    as_generator,
    as_shape,
    fits,
)
from plainnet.arguments.inputs import Input, Inputs
from plainnet.arguments.parts import Parts, arrays_of, by_name, like, only
from plainnet.arguments.sparse import DenseSlices, SparseRows
from plainnet.arguments.spelling import METHODS, Elsewhere, require_object, spelled
from plainnet.data import check_features, check_weights, real_weights
from plainnet.engine.cache import PREDICTS, Cache
from plainnet.engine.description import Summary, summary_of
from plainnet.engine.memory import read_only, wake_blas
from plainnet.engine.plan import Place, planned
from plainnet.engine.spare import MOST_BYTES, SpareCaches
from plainnet.engine.tensors import Tensors
from plainnet.engine.weighted_mean import WeightedMean
from plainnet.errors import (
    ArgumentError,
    DataError,
    SettingError,
    ShapeError,
    counted,
    require_optional,
    require_type,
    shown,
)
from plainnet.initializers import GlorotUniform
from plainnet.layers.base import Layer, Shape, placing, seen
from plainnet.layers.containers.graph import Graph, input_names, last_layers, output_names
from plainnet.layers.containers.sequential import Sequential
from plainnet.layers.containers.sharing import (
    copy_tensors,
    expect_each_once,
    expect_modest,
    expect_placed,
    with_own_layers,
)
from plainnet.layers.dense.stack import dense_outputs_of, dense_stack_of
from plainnet.losses import EachOutput, EachPosition, Loss
from plainnet.losses.base import NOTHING_COUNTS

if TYPE_CHECKING:
    from plainnet.inspection.drawing import Drawing

Array = npt.NDArray[Any]

ROWS_AT_ONCE = 1024
NUMBERS_AT_ONCE = 2**22
"""Prediction works in slices, so that its memory is bounded: at most `ROWS_AT_ONCE` rows, and
unless one row exceeds it, at most this many numbers in the largest layer's output."""


class Network(Tensors):
    """Layers and a loss, with all parameters in one vector.

    Parameters
    ----------
    layers : sequence of Layer, Sequential or Graph
        The layers from the input to the last pre-activation; the loss applies the output
        activation. Layers of another network are copied with their weights, and that network
        does not change.
    loss : Loss, or mapping of str to Loss or (Loss, weight)
        With several outputs, a loss for each name of an output; see `plainnet.losses.EachOutput`.
    input_shape : int or tuple of int, or mapping of str to these
        The shape of one example, without the batch axis: 64, or (28, 28, 1). For sequences of any
        length the first axis is None: (None, 8), or (None,) for the ids of tokens. With several
        inputs, a mapping from their names to their shapes, or the shapes in order.
    seed : int, numpy.random.Generator or None
        Determines the initial weights.
    dtype : float32 or float64
        The dtype of the parameters and of every computation. Data of another real dtype is
        converted once, on its way in.

    Attributes
    ----------
    parameters, gradients, state : 1-D arrays
        All parameters, their gradients in the same layout, and the running state. The arrays are
        never replaced, so write into them: `network.parameters[:] = best`.
    n_decaying : int
        `parameters[:n_decaying]` holds the tensors declared to decay: weights, not biases.
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
        layers: Sequence[Layer] | Graph,
        *,
        loss: Loss | Mapping[str, Loss | tuple[Loss, float]],
        input_shape: int | Shape | Mapping[str, int | Shape],
        seed: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.dtype = as_dtype("dtype", dtype, "f", "float32 or float64")
        if self.dtype not in (np.float32, np.float64):
            raise SettingError(f"dtype must be float32 or float64; got {self.dtype}")
        if isinstance(layers, Sequential):
            layers = layers.layers
        body = layers if isinstance(layers, Graph) else Sequential(layers)
        expect_modest(body)
        expect_each_once(body)
        self.body, copied = with_own_layers(body)
        self.layers = self.body.layers
        shapes = _shapes_of_inputs(self.body, input_shape)
        self.input_shape: Any = shapes if self.body.takes_several else shapes[""]
        given = tuple(shapes.values()) if self.body.takes_several else shapes[""]
        with placing() as placed:
            self.output_shape = self.body.place("", given)
            expect_placed(self.body, placed)
        self.loss = _built_loss(loss, self.body, self.output_shape)
        self.body.suggest(GlorotUniform())

        self._declare(as_generator(seed))
        self._bind()
        wake_blas()
        own = {id(layer) for layer in self.body.walk()}
        for ours, theirs in copied:
            if id(ours) in own:  # some layers make those inside them anew
                for layer, original in zip(ours.walk(), theirs.walk(), strict=True):
                    copy_tensors(original, layer)

    def _bind(self) -> None:
        super()._bind()
        self.plan = self._planned(needs_input_gradient=False)
        self._plan_to_inputs: Place | None = None
        starts = {segment.name: segment.start for segment in self.segments}
        compilable = self.dtype == np.float32 and not isinstance(self.body, Graph)
        in_order = self.layers if compilable else ()
        self.dense_stack = dense_stack_of(in_order, self.loss, starts)
        self.dense_outputs = self.dense_stack or dense_outputs_of(in_order, starts)
        self._spare = SpareCaches()
        self._known_sizes: dict[tuple[Shape, ...], tuple[int, int]] = {}
        shapes = self.input_shape if self.body.takes_several else {"": self.input_shape}
        reader = None if isinstance(self.body, Graph) or not self.layers else self.layers[0]
        names = () if self.body.takes_several else input_names(self.body, 0)
        inputs = {
            name: Input(
                f"X[{name!r}]" if name else "X",
                shape,
                self.dtype,
                self.body.takes_ids_at(i),
                reader,
                names,
            )
            for i, (name, shape) in enumerate(shapes.items())
        }
        self._inputs = Inputs(inputs) if self.body.takes_several else inputs[""]

    def _planned(self, *, needs_input_gradient: bool) -> Place:
        """An optimizer needs no gradient of the data; nobody reads the loss's gradient again."""
        body = Place("", self.body, reuse_gradient=True, needs_input_gradient=needs_input_gradient)
        loss = Place("loss", self.loss, carries=False)
        return planned(Place(inner=(body, loss)))

    # Views die in pickle and deepcopy: the vectors rebuild theirs, and the layers get new ones.
    def __getstate__(self) -> dict[str, Any]:
        made = (
            "plan", "_plan_to_inputs", "dense_stack", "dense_outputs", "_inputs", "_spare",
            "_known_sizes",
        )  # fmt: skip
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()

    def layer(self, name: str) -> Layer:
        """The layer with this name, such as "0.dense"; in a graph, a node or a layer inside one.

        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3)
        >>> network.layer("0.dense")
        Dense(2)
        """
        require_type("name", name, str)
        known: dict[str, Layer] = {}
        for place in self.plan.walk():
            if isinstance(place.subject, Layer) and place.subject is not self.body:
                known.setdefault(place.path, place.subject)
        if name not in known:
            raise KeyError(f"no layer {name!r}; the network has {', '.join(known)}")
        return known[name]

    def _also_called(self) -> dict[str, tuple[str, ...]]:
        others: dict[str, tuple[str, ...]] = {}
        for place in self.plan.walk():
            name = getattr(place.subject, "name", place.path)
            if name != place.path:
                others[name] = (*others.get(name, ()), place.path)
        return others

    # --- forward and backward --------------------------------------------------------------------

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Raise an error that names the method to use; PyTorch and Keras call the network."""
        raise ArgumentError("a network is not called: network.predict(X), or network.forward(X)")

    def forward(self, X: Any, cache: Cache | None = None) -> Any:
        """The last pre-activations, shape (m, *output_shape), for X of shape (m, *input_shape).

        The result is held in the cache's memory, and the next pass with this cache overwrites it;
        without a cache, it is the caller's. With several inputs, X is a dict of arrays; with
        several outputs, so is the result.
        """
        require_optional("cache", cache, Cache)
        X = self.inputs(X)
        if cache is None:
            if self._bytes_of(X) <= MOST_BYTES:
                return self._of_few(X, self._by_output)
            cache = Cache(backward=False)
        Z = self._forward(X, cache, predicts=not cache.backward)
        cache.rows = len(X)
        return self._by_output(Z)

    def backward(self, dZ: Any, cache: Cache) -> Any:
        """Backpropagate a loss of your own: writes the parameters' gradients into `gradients`.

        Parameters
        ----------
        dZ : array of shape (m, *output_shape)
            The gradient of that loss with respect to what `forward` returned; with several outputs,
            a dict of them.
        cache : Cache
            The cache that `forward` was called with.

        Returns
        -------
        dX : array of shape (m, *input_shape), dict of such arrays, or None
            The gradient with respect to X if the cache is a `Cache(input_gradient=True)`,
            otherwise None. Ids have no gradient.

        Examples
        --------
        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=2)
        >>> network["0.dense.W"] = [[2.0, -1.0]]
        >>> cache = Cache(training=True, input_gradient=True)
        >>> network.forward([[3.0, 5.0]], cache)
        array([[1.]], dtype=float32)
        >>> network.backward([[1.0]], cache), network.gradients
        (array([[ 2., -1.]], dtype=float32), array([3., 5.], dtype=float32))
        """
        require_type("cache", cache, Cache)
        if not cache.backward:
            raise SettingError(PREDICTS)
        if cache.place is not self._plan_for(cache) or not cache.rows:
            raise ArgumentError(
                "backward goes back through the cache's last pass, which must be forward(X, cache)"
            )
        own = cache.children[""]
        shapes = self.body.outputs_of(self.output_shape)
        names = output_names(self.body, len(shapes))
        given = by_name("dZ", names, dZ) if self.body.gives_several else {"": dZ}
        gradients = []
        for (name, each), shape in zip(given.items(), shapes, strict=True):
            what = f"dZ[{name!r}]" if name else "dZ"
            array = as_floats(what, as_array(what, each), self.dtype)
            expected = (cache.rows, *shape)
            if not fits(array.shape, expected):
                raise ShapeError(f"{what} must have the shape {expected}; got {array.shape}")
            kept = cache.array(what, array.shape, self.dtype)  # layers write over it
            np.copyto(kept, array)
            gradients.append(kept)
        upstream: Any = tuple(gradients) if self.body.gives_several else gradients[0]
        dX = self.body.backward(upstream, own)
        return self._input_gradients(dX) if cache.input_gradient else None

    def loss_and_gradients(
        self,
        X: Any,
        y: npt.ArrayLike,
        cache: Cache | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """The mean loss; writes its gradient with respect to every parameter into `gradients`.

        Parameters
        ----------
        X : array of shape (m, *input_shape)
        y : array of m targets, as the loss takes them
        cache : Cache, optional
            With the same `Cache(training=True)` at every step, later steps allocate nothing.
        sample_weight : array of shape (m,), optional
            The shape (m, time) is allowed where each step has its own target.
        """
        require_optional("cache", cache, Cache)
        X, targets, weights = self.check(X, y, sample_weight)
        return self.step(X, targets, Cache(training=True) if cache is None else cache, weights)

    def input_gradient(
        self,
        X: Any,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        cache: Cache | None = None,
    ) -> Any:
        """The gradient of the mean loss with respect to X, shape (m, *input_shape).

        Without a cache, the pass is the one used in prediction, without dropout. The gradient shows
        which pixels matter, or how to change an example so that it is misclassified (Goodfellow
        et al. 2015, section 4). The parameters' gradients are written too. `loss_and_gradients`
        with a `Cache(input_gradient=True)` returns the loss and leaves the same gradient in
        `cache["dX"]`.

        Parameters
        ----------
        X, y, sample_weight : arrays
            As for `loss_and_gradients`. With several inputs, the result is a dict too, without
            the inputs that are ids.
        cache : Cache, optional
            A `Cache(input_gradient=True)` to use again and again; the result is in its memory.

        Examples
        --------
        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=2)
        >>> network["0.dense.W"] = [[2.0, -1.0]]
        >>> network.input_gradient([[3.0, 5.0]], [0.0])  # 2 (W x - y) W
        array([[ 4., -2.]], dtype=float32)
        """
        n_inputs = len(self.input_shape) if self.body.takes_several else 1
        if all(self.body.takes_ids_at(i) for i in range(n_inputs)):
            raise SettingError(f"ids have no gradient, and {self.layers[0]!r} takes ids")
        require_optional("cache", cache, Cache)
        if cache is None:
            cache = Cache(input_gradient=True)
        elif not cache.input_gradient:
            raise SettingError("the cache must be a Cache(input_gradient=True)")
        X, targets, weights = self.check(X, y, sample_weight)
        self.step(X, targets, cache, weights)
        return cache["dX"]

    def step(self, X: Any, y: Any, cache: Cache, sample_weight: Array | None = None) -> float:
        """`loss_and_gradients` for a training loop, on what `check` returned."""
        if not cache.backward:
            raise SettingError(PREDICTS)
        stack = self.dense_stack
        if stack is not None and sample_weight is None and stack.takes(X, y, cache):
            cache.begin_pass(self.plan, frozenset())
            return stack.step(X, y, self.parameters, self.gradients, cache)
        Z = self._forward(X, cache)
        own = cache.children["loss"]
        loss, dZ = self.loss.mean_and_gradient(Z, y, own, sample_weight)
        dX = self.body.backward(dZ, cache.children[""])
        if cache.input_gradient:
            cache["dX"] = self._input_gradients(dX)
        return loss

    def _forward(self, X: Any, cache: Cache, *, predicts: bool = False) -> Any:
        """The body's output for what `inputs` returned: an array, or a tuple of several.

        With `predicts`, no backward pass follows, whatever the cache is for.
        """
        plan = self._plan_for(cache) if cache.input_gradient else self.plan
        cache.begin_pass(plan, self.keeping_state())
        compiled = self.dense_outputs
        if predicts and compiled is not None and compiled.predicts(X, cache):
            return compiled.outputs(X, self.parameters, cache)
        given: Any = arrays_of(X) if self.body.takes_several else X  # tuple(X) would ask its length
        if not cache.carry:
            return self.body.forward(given, cache.children[""])
        # Another number of sequences is refused before any layer has advanced.
        before = cache.carried.get("m", len(X))
        if before != len(X):
            raise ShapeError(
                f"this cache continues {before} sequences; got {len(X)}: call forget() on the "
                "cache to start new ones"
            )
        Z = self.body.forward(given, cache.children[""])
        cache.carried["m"] = len(X)
        return Z

    def _plan_for(self, cache: Cache) -> Place:
        if not cache.input_gradient:
            return self.plan
        if self._plan_to_inputs is None:
            self._plan_to_inputs = self._planned(needs_input_gradient=True)
        return self._plan_to_inputs

    def _by_output(self, Z: Any) -> Any:
        if not self.body.gives_several:
            return Z
        return dict(zip(output_names(self.body, len(Z)), Z, strict=True))

    def _input_gradients(self, dX: Any) -> Any:
        """One array, or those of a dict of inputs; ids have no gradient."""
        if not self.body.takes_several:
            return dX
        each = enumerate(zip(self.input_shape, dX, strict=True))
        return {name: array for i, (name, array) in each if not self.body.takes_ids_at(i)}

    # --- prediction ------------------------------------------------------------------------------

    @spelled
    def outputs(self, X: Any, cache: Cache | None = None) -> Any:
        """The last pre-activations for any number of rows, shape (m, *output_shape).

        Passing the same cache to every call avoids allocating its memory again.
        """
        require_optional("cache", cache, Cache)
        return self._collected(X, self._by_output, cache)

    def _collected(self, X: Any, made: Callable[[Any], Any], cache: Cache | None = None) -> Any:
        """What is made of the pre-activations, for all rows of X; of several outputs, a dict."""
        X, collected = self.examples(X), None
        if cache is None and self._bytes_of(X) <= MOST_BYTES:
            X = self.inputs(X)
            check_features(X)
            return self._of_few(X, made)
        for rows, Z in self._passes(X, Cache(backward=False) if cache is None else cache):
            part = made(Z)
            part = Parts(part) if isinstance(part, dict) else part
            if collected is None:
                empty = [np.empty((len(X), *a.shape[1:]), a.dtype) for a in arrays_of(part)]
                collected = like(part, tuple(empty))
            for whole, array in zip(arrays_of(collected), arrays_of(part), strict=True):
                whole[rows] = array
        return collected.arrays if isinstance(collected, Parts) else collected

    def _of_few(self, X: Any, made: Callable[[Any], Any]) -> Any:
        """What is made of the pre-activations of a few rows, with a cache that is kept."""
        # What a kept cache refers to stays in memory: not the caller's data, then, of which X may
        # be some rows.
        X = X.copy()
        for array in arrays_of(X):
            array.setflags(write=False)
        spare = self._spare
        cache = spare.take()
        Z = self._forward(X, cache, predicts=True)
        if any(len(z) != len(X) for z in self.body.outputs_of(Z)):  # by a layer of one's own
            Z = self._forward(X, Cache(backward=False), predicts=True)  # the first pass finds out
        result = made(Z)
        result = (Parts(result) if isinstance(result, dict) else result).copy()
        spare.give_back(cache)
        return result.arrays if isinstance(result, Parts) else result

    def _bytes_of(self, X: Any) -> float:
        """About how much memory a pass with these rows takes; infinite where they are not few."""
        m = len(X)
        return inf if isinstance(X, SparseRows) or m > ROWS_AT_ONCE else m * self._sizes(X)[1]

    def _passes(self, X: Any, cache: Cache) -> Iterator[tuple[slice, Any]]:
        """Some rows at a time, so that memory is bounded, and their pre-activations."""
        size = self._rows_at_once(X)
        for start in range(0, max(len(X), 1), size):
            rows = slice(start, start + size)
            inputs = self.inputs(X[rows], start)
            check_features(inputs, start)
            yield rows, self._forward(inputs, cache, predicts=True)

    def _rows_at_once(self, X: Any) -> int:
        largest = self._sizes(X)[0]
        if isinstance(X, DenseSlices):  # a slice takes memory too, while the next is made
            largest = max(largest, 5 * prod(X.shape[1:]))
        return min(max(NUMBERS_AT_ONCE // largest, 1), ROWS_AT_ONCE)

    def _sizes(self, X: Any) -> tuple[int, int]:
        """For each row of X, the numbers in the largest layer's output, and the bytes in all."""
        shapes = tuple(array.shape[1:] for array in arrays_of(X))
        if shapes not in self._known_sizes:
            time = max(shape[0] if shape else 1 for shape in shapes)
            each = [layer.numbers(time) for layer in self.body.walk()]
            n_bytes = (sum(map(prod, shapes)) + sum(each)) * self.dtype.itemsize
            self._known_sizes[shapes] = max(each), n_bytes
        return self._known_sizes[shapes]

    @spelled
    def predict_proba(self, X: Any) -> Any:
        """Probabilities, shape (m, K), or (m, k) for `SigmoidCrossEntropy`.

        With several outputs, a dict of those that have probabilities.
        """
        if not self.loss.gives_probabilities:
            raise SettingError(f"{self.loss!r} does not give probabilities; use predict")
        return self._collected(X, self.loss.probabilities)

    @spelled
    def predict(self, X: Any) -> Any:
        """Classes, shape (m,), or (m, k) for k labels; or numbers. With several outputs, a dict."""
        return self._collected(X, self.loss.decide)

    @spelled
    def evaluate(
        self,
        X: Any,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        cache: Cache | None = None,
    ) -> dict[str, float]:
        """{"loss": ..., "accuracy": ...} on this data; accuracy for classifiers only.

        With several outputs, the measures of each follow the total loss, under names such as
        "class_loss". Passing the same cache to every call avoids allocating its memory again.
        """
        require_optional("cache", cache, Cache)
        X = self.examples(X)
        targets, weights = self.check_targets(len(X), y, sample_weight)
        cache = Cache(backward=False) if cache is None else cache
        means = defaultdict[str, WeightedMean](WeightedMean)
        for rows, Z in self._passes(X, cache):
            w = None if weights is None else weights[rows]
            measures = self.loss.measures(Z, targets[rows], cache.children["loss"], w)
            for name, (value, weight) in measures.items():
                means[name].add(value, weight)
        return self.loss.scores({name: mean.value for name, mean in means.items()})

    # --- checks ----------------------------------------------------------------------------------

    def check(
        self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Any, Any, Array | None]:
        """X, targets and weights as `step` takes them; raises if they teach nothing."""
        X = self.inputs(X)
        check_features(X)
        return X, *self.check_targets(len(X), y, sample_weight)

    def check_targets(
        self, m: int, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Any, Array | None]:
        """Targets and weights of m examples as `step` takes them."""
        targets, weights = self.targets_and_weights(m, y, sample_weight)
        if weights is not None:
            weights = check_weights(weights, m, self.dtype, weights.shape[1:])
        if not self.loss.counts(targets, weights):
            raise DataError(NOTHING_COUNTS)
        return targets, weights

    def check_batch(
        self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Any, Any, Array | None]:
        """`check` for one batch of many; all weights of a batch may be zero.

        The weights stay unscaled, in float64, since their scale depends on all batches.
        """
        X = self.inputs(X)
        check_features(X)
        return X, *self.targets_and_weights(len(X), y, sample_weight)

    def targets_and_weights(
        self, m: int, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[Any, Array | None]:
        """Targets of m examples, and their unscaled weights in float64."""
        if not self.body.gives_several:
            y = only("y", output_names(self.body, 0), y)
        targets: Any = self.loss.targets(y, self.dtype)
        if isinstance(targets, Parts):
            targets = targets.map(read_only)
        elif not isinstance(targets, np.ndarray) or targets.ndim == 0:
            raise ShapeError(
                f"{self.loss!r}.targets must return an array of m targets; it returned "
                f"{seen(targets)}"
            )
        if len(targets) != m:
            raise ShapeError(f"X has {counted(m, 'row')} and y has {len(targets)}; they must agree")
        each = isinstance(self.loss, EachPosition)
        positions = targets.shape[1 : len(self.output_shape)] if each else ()
        weights = None if sample_weight is None else real_weights(sample_weight, m, positions)
        return targets if isinstance(targets, Parts) else read_only(targets), weights

    def examples(self, X: Any) -> Any:
        """X, ready to be sliced: as `inputs` returns it, or unchanged if it is not in memory."""
        return self._inputs.examples(X)

    def inputs(self, X: Any, first_row: int = 0) -> Any:
        """X as an array of shape (m, *input_shape) and the network's dtype, converted if need be.

        It is read-only: unless converted, it is the caller's array. Where the first layer takes
        ids, X must hold integers, of any integer dtype. If X is a slice of the data, `first_row` is
        the index of its first row there. With several inputs, the result is a
        `plainnet.arguments.parts.Parts` of such arrays.

        Raises
        ------
        ShapeError
            If the shape does not fit.
        DTypeError, DataError
            If X holds anything but real numbers, or numbers too large for the network's dtype.
        """
        return self._inputs.rows(X, first_row)

    def batch_dtype(self, X: Any) -> Any:
        """The dtype of batches of X, as `examples` returns it; with several inputs, Parts."""
        return self._inputs.batch_dtype(X)

    # --- another precision -----------------------------------------------------------------------

    def astype(self, dtype: npt.DTypeLike) -> Network:
        """A copy that computes in this dtype, with the same parameters and state.

        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
        >>> network.astype(np.float64).parameters.dtype
        dtype('float64')
        """
        body = deepcopy(self.body)  # copies belong to no network
        layers = body if isinstance(body, Graph) else body.layers
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
        """A description that rebuilds the network without its parameters, as JSON data."""
        kept = [layer for layer in self.body.walk() if layer.name in self._kept]
        return {
            "layers": self.body.config()
            if isinstance(self.body, Graph)
            else [layer.config() for layer in self.layers],
            "loss": self.loss.config(),
            "input_shape": {name: list(shape) for name, shape in self.input_shape.items()}
            if self.body.takes_several
            else list(self.input_shape),
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

    def summary(self) -> Summary:
        """A table of the layers: output shapes, numbers of parameters, and what is frozen.

        It is a string; a notebook shows it as HTML.
        """
        return summary_of(self)

    def draw(self, *, depth: int = 1) -> Drawing:
        """A drawing of how the layers are connected: text when printed, SVG in a notebook.

        Parameters
        ----------
        depth : int
            How many levels to draw: 1 for the layers of the list or the nodes of the graph, 2 for
            the layers inside them too.

        Examples
        --------
        >>> from plainnet.layers import Dense, ReLU, Residual
        >>> from plainnet.losses import MeanSquaredError
        >>> layers = [Residual([Dense(3), ReLU()]), Dense(1)]
        >>> network = Network(layers, loss=MeanSquaredError(), input_shape=3)
        >>> network.draw(depth=2)
        ○    input                input               (m, 3)
        ├─●  0.residual.0.dense   Dense(3)            (m, 3)  12
        │ ●  0.residual.1.relu    ReLU()              (m, 3)
        ●─╯  0.residual           Residual            (m, 3)
        ●    1.dense              Dense(1)            (m, 1)   4
        ◆    loss                 MeanSquaredError()
        """
        from plainnet.inspection.drawing import drawing_of

        return drawing_of(self, depth)

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        body = repr(self.body) if isinstance(self.body, Graph) else f"[{layers}]"
        return f"Network({body}, loss={self.loss!r}, input_shape={self.input_shape})"

    def _repr_html_(self) -> str:
        from plainnet.inspection.markup import drawn, folded, output, table

        summary = self.summary()
        listed = folded(summary.notes[-1], table(summary.table), rows=len(summary.table.rows))
        return output(drawn(self.draw()), listed)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in METHODS]


for _name, _remedy in METHODS.items():
    setattr(Network, _name, Elsewhere(_name, _remedy))


def _shapes_of_inputs(body: Layer, input_shape: Any) -> dict[str, Shape]:
    """The shape of each input by its name; "" is the name of the only one."""
    if not body.takes_several:
        names = input_names(body, 0)
        return {"": as_shape(only("input_shape", names, input_shape, SettingError))}
    n = len(input_shape) if isinstance(input_shape, Mapping | tuple | list) else 0
    names = input_names(body, n)
    if not names:
        raise SettingError(
            f"input_shape must be a tuple of shapes, one for each input of {body!r}; got "
            f"{shown(input_shape)}"
        )
    shapes = by_name("input_shape", names, input_shape, SettingError)
    return {name: as_shape(shape) for name, shape in shapes.items()}


def _built_loss(loss: Any, body: Layer, output_shape: Shape) -> Loss:
    """The network's own copy of the loss, which remembers the output's shape."""
    several = body.gives_several
    if not several:
        loss = only("loss", output_names(body, 0), loss, SettingError)
    if several:
        names = output_names(body, len(output_shape))
        given = loss.losses if isinstance(loss, EachOutput) else loss
        if not isinstance(given, Mapping | tuple | list):
            raise SettingError(
                f"loss must be a dict with a loss for each output, {', '.join(names)}; got "
                f"{shown(loss)}"
            )
        loss = EachOutput(by_name("loss", names, given, SettingError))
    require_object("loss", loss, Loss)
    losses = [each for each, _ in loss.losses.values()] if several else [loss]
    for each, last in zip(losses, last_layers(body), strict=False):
        if type(last).__name__ == each.includes:
            raise SettingError(
                f"{each!r} has {each.includes} built in: leave the last layer, {last!r}, out"
            )
    if loss.of_positions and len(output_shape) > 1:
        loss = EachPosition(loss)
    own: Loss = copy(loss)
    own.output_shape = output_shape
    own.build(output_shape)
    return own
