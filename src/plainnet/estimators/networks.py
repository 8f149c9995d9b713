"""NetworkClassifier and NetworkRegressor: any layers, behind scikit-learn's interface."""

# scikit-learn has no types.
# mypy: disable-error-code="misc,untyped-decorator"
from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from copy import deepcopy
from math import prod
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from plainnet.arguments.arrays import as_shape, fits
from plainnet.arguments.sparse import DenseSlices
from plainnet.callbacks import Callback, EarlyStopping
from plainnet.errors import SettingError, ShapeError, require_sequence
from plainnet.estimators.base import Array, NeuralEstimator, Rows, generator
from plainnet.estimators.targets import Classifier, Regressor
from plainnet.estimators.threads import suitable_threads
from plainnet.layers import Graph, Layer, Sequential
from plainnet.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.network import Network
from plainnet.optimizers import Adam, Optimizer
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.training import train

Layers = Sequence[Layer] | Graph | Callable[[int, int], Sequence[Layer] | Graph]
Shape = tuple[int, ...]


class NetworkEstimator(NeuralEstimator):
    """What the two have in common."""

    _allow_nd = True
    scoring: Any = None
    loss: Loss | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "layers": [list, tuple, Graph, callable],
        "loss": [Loss, None],
        "optimizer": [Optimizer, LBFGS, None],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "input_shape": [tuple, list, None],
        "callbacks": [list, tuple],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state", np.random.Generator],
    }

    @abstractmethod
    def _default_loss(self, output_shape: Shape) -> Loss:
        """The loss where none is given."""

    # --- shapes ----------------------------------------------------------------------------------

    def _example_shape(self, X: Any) -> Shape:
        return tuple(X.shape[1:]) if self.input_shape is None else as_shape(self.input_shape)

    def _for_training(self, X: Any) -> Any:
        shape = self._example_shape(X)
        if fits(X.shape[1:], shape):
            return super()._for_training(X)
        given, step = prod(X.shape[1:]), prod(n for n in shape if n is not None)
        if given % step if None in shape else given != step:
            each = f"{step} numbers" + (" a step" if None in shape else "")
            raise ShapeError(
                f"input_shape is {shape}, {each}; X has the shape {X.shape}, {given} to an example"
            )
        shape = tuple(given // step if n is None else n for n in shape)
        return DenseSlices(X, shape) if hasattr(X, "toarray") else X.reshape(len(X), *shape)

    # --- training --------------------------------------------------------------------------------

    def _template(self, n_features: int) -> Any:
        """Copies for the network: the given layers stay unbuilt, for the next fit and for clone."""
        layers = self.layers
        if callable(layers):
            layers = layers(n_features, self._n_network_outputs)
        if not isinstance(layers, Graph):
            return deepcopy(require_sequence("layers", layers, "Layer objects"))
        if layers.takes_several or layers.gives_several:
            inputs, outputs = ", ".join(layers.inputs), ", ".join(layers.outputs)
            raise SettingError(
                f"{type(self).__name__} has one X and one y; the Graph has the inputs {inputs} and "
                f"the outputs {outputs}: train a Network"
            )
        return deepcopy(layers)

    @property
    def _n_network_outputs(self) -> int:
        return self._n_targets

    def _network(self, X: Any) -> Network:
        shape = self._example_shape(X)
        layers = self._template(prod(n for n in shape if n is not None))
        loss = deepcopy(self.loss)
        if loss is None:
            body = deepcopy(layers)
            body = body if isinstance(body, Graph) else Sequential(body)
            loss = self._default_loss(body.place("", shape))
        return Network(layers, loss=loss, input_shape=shape, seed=self._rng, dtype=X.dtype)

    def _begin(self, X: Any) -> None:
        self._rng = generator(self.random_state)
        self.network_ = self._network(X)
        self._split_seed = int(self._rng.integers(2**31))
        self._optimizer = Adam() if self.optimizer is None else deepcopy(self.optimizer)

    def _metrics(self, held: Rows | None) -> tuple[str, ...]:
        """The usual measure, unless predictions do not have the size of targets, as quantiles."""
        if held is None:
            return ()
        predicted = self._decide(_one_output(self.network_))
        return (self._metric,) if predicted.size == held.targets[:1].size else ()

    def expect_to_work(self) -> None:
        super().expect_to_work()
        if hasattr(self, "network_"):
            self._expect_to_go_on("_optimizer")

    def _fit(self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any) -> Any:
        fresh = not (self.warm_start and hasattr(self, "network_"))
        rows = self._training_rows(X, y, sample_weight, fresh, incremental=False)
        if fresh:
            self._begin(rows.X)
        self._expect_squares(rows.targets)
        held = self._given_validation(X_val, y_val)
        if held is None and self.early_stopping:
            rows, held = self._split(rows, self.validation_fraction, self._split_seed)
        rows = self._balanced(rows)
        callbacks = list(self.callbacks)
        if self.early_stopping:
            callbacks.append(EarlyStopping(patience=self.patience))
        full_batch = isinstance(self._optimizer, LBFGS)
        batch_size = len(rows) if full_batch else min(self.batch_size, len(rows))
        with suitable_threads(self.network_, batch_size):
            self.history_ = train(
                self.network_,
                self._for_training(rows.X),
                rows.targets,
                optimizer=self._optimizer,
                epochs=self.epochs,
                batch_size=None if full_batch else batch_size,
                validation_data=None if held is None else self._for_validation(held),
                sample_weight=rows.weights,
                callbacks=callbacks,
                seed=self._rng,
                progress=bool(self.verbose),
                metrics=self._metrics(held),
            )
        if self.history_.stopped == "Ctrl-C":
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=4)
        self.n_iter_ = len(self.history_)
        return self


def _one_output(network: Network) -> Array:
    """What the network gives for one example, by its shape."""
    return np.zeros((1, *network.output_shape), network.dtype)


class NetworkClassifier(Classifier, NetworkEstimator):
    """Any layers as a scikit-learn classifier, for pipelines, grid searches and cross-validation.

    Parameters
    ----------
    layers : list of Layer, Graph with one input and one output, or function
        The layers up to the last pre-activation, as for `Network`, or a function of
        (n_features, n_outputs) that returns them. They are copied, and the originals stay unbuilt.
        n_outputs is the number of classes, or of labels.
    loss : Loss, optional
        By default softmax cross-entropy; for a single output or several labels, sigmoid
        cross-entropy.
    optimizer : Optimizer, optional
        By default `Adam()`. It is copied.
    epochs, batch_size : int
    early_stopping : bool
        Set `validation_fraction` of the rows aside, or take fit's X_val and y_val; stop after
        `patience` epochs without a lower validation loss, and put the best parameters back.
    class_weight : {label: weight} or "balanced", optional
    input_shape : tuple, optional
        Shape of one example, if rows of X are to be reshaped: (28, 28, 1). X may also come in that
        shape itself.
    callbacks : sequence of Callback
    warm_start : bool
        Whether fit continues with the network and the optimizer's state.
    verbose : bool
        Show progress.
    random_state : int, Generator, RandomState or None

    Attributes
    ----------
    network_ : Network
    history_ : History
    classes_ : array of shape (classes,)
    n_iter_ : int
        Number of epochs in the last fit.

    Examples
    --------
    >>> from plainnet.layers import Dense, ReLU
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> from plainnet.optimizers import Adam
    >>> layers = [Dense(16), ReLU(), Dense(3)]
    >>> model = NetworkClassifier(layers, optimizer=Adam(0.01), random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkEstimator._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        layers: Layers,
        *,
        loss: Loss | None = None,
        optimizer: Any = None,
        epochs: int = 50,
        batch_size: int = 32,
        early_stopping: bool = False,
        patience: int = 10,
        validation_fraction: float = 0.1,
        class_weight: Any = None,
        input_shape: Shape | None = None,
        callbacks: Sequence[Callback] = (),
        warm_start: bool = False,
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self._store(locals())

    @property
    def _n_network_outputs(self) -> int:
        return len(self.classes_)

    def _default_loss(self, output_shape: Shape) -> Loss:
        if self._multilabel or output_shape == (1,):
            return SigmoidCrossEntropy()
        return SoftmaxCrossEntropy()

    def _network(self, X: Any) -> Network:
        network, K = super()._network(X), len(self.classes_)
        outputs = network.loss.activate(_one_output(network)).shape[1]
        if outputs != K and (outputs > 1 or K > 2 or self._multilabel):
            what = "labels" if self._multilabel else "classes"
            raise ShapeError(f"y has {K} {what}, and the last layer gives {outputs} outputs")
        return network

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None
    ) -> NetworkClassifier:
        """Learn from X, shape (m, ...), and labels y, shape (m,) or (m, k) of 0 and 1."""
        self._fit(X, y, sample_weight, X_val, y_val)
        return self


class NetworkRegressor(Regressor, NetworkEstimator):
    """Any layers as a scikit-learn regressor.

    Parameters are those of `NetworkClassifier` without `class_weight`; the loss is the mean squared
    error unless `loss` says otherwise.

    Examples
    --------
    >>> from plainnet.layers import Dense, Tanh
    >>> X = np.linspace(-1, 1, 64)[:, None]
    >>> from plainnet.optimizers import Adam
    >>> layers = [Dense(16), Tanh(), Dense(1)]
    >>> model = NetworkRegressor(layers, optimizer=Adam(0.02), epochs=200, random_state=0)
    >>> model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.9
    True
    """

    def __init__(
        self,
        layers: Layers,
        *,
        loss: Loss | None = None,
        optimizer: Any = None,
        epochs: int = 50,
        batch_size: int = 32,
        early_stopping: bool = False,
        patience: int = 10,
        validation_fraction: float = 0.1,
        input_shape: Shape | None = None,
        callbacks: Sequence[Callback] = (),
        warm_start: bool = False,
        verbose: bool = False,
        random_state: Any = None,
    ) -> None:
        self._store(locals())

    def _default_loss(self, output_shape: Shape) -> Loss:
        return MeanSquaredError()

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None
    ) -> NetworkRegressor:
        """Learn from X, shape (m, ...), and numbers y, shape (m,) or (m, k)."""
        self._fit(X, y, sample_weight, X_val, y_val)
        return self
