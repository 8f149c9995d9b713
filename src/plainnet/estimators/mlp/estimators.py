"""MLPClassifier and MLPRegressor, with scikit-learn's parameters and checks."""

# scikit-learn has no types.
# mypy: disable-error-code="misc,untyped-decorator"
from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call

from plainnet.callbacks import Callback
from plainnet.estimators.mlp.losses import (
    HalfPoissonDeviance,
    HalfSquaredError,
    SummedSigmoidCrossEntropy,
)
from plainnet.estimators.mlp.multilayer import MultilayerPerceptron
from plainnet.estimators.targets import Classifier, Regressor
from plainnet.losses import Loss, SoftmaxCrossEntropy


class MLPClassifier(Classifier, MultilayerPerceptron):
    """scikit-learn's MLPClassifier on plainnet: only the import changes.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, ... max_fun
        As in `sklearn.neural_network.MLPClassifier`, with the same defaults.
    activation : str, Layer or list of them
        Also any activation of plainnet, such as "gelu", or a list with one per hidden layer.
    dropout : float
        Share of the hidden units that each step drops, 0 <= dropout < 1.
    batch_norm : bool
        Batch normalisation between the weights and the activation of each hidden layer.
    class_weight : {label: weight} or "balanced", optional
    label_smoothing : float
        Share of each target that is spread over all classes.
    callbacks : sequence of Callback
        Passed to `plainnet.train`.
    schedule : Schedule, optional
        A learning-rate schedule from `plainnet.schedules`.
    optimizer : Optimizer, optional
        An optimizer of plainnet that replaces `solver` and its settings. Its own `weight_decay`
        replaces `alpha`.
    ema : float, optional
        Predict with a moving average of the weights that decays by this factor per step. Not for
        partial_fit; with warm_start, each fit continues from the average and begins a new one.
    scoring : str or function, optional
        The validation score; by default accuracy.

    Attributes
    ----------
    classes_, loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, t_
        As in scikit-learn.
    coefs_, intercepts_ : lists of arrays
        As in scikit-learn. They are views: writing into them, or assigning a list or an element,
        changes the network. If assigned before the first fit, they are the start of partial_fit
        and of a fit with warm_start.
    n_features_in_, feature_names_in_, n_iter_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.
    validation_loss_curve_ : list of float
        The validation loss of each epoch.
    network_ : Network
        The network itself, for `plainnet.trace` or `plainnet.save`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((20,), solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        batch_norm: bool = False,
        class_weight: Any = None,
        label_smoothing: float = 0.0,
        callbacks: Sequence[Callback] = (),
        schedule: Callback | None = None,
        optimizer: Any = None,
        ema: float | None = None,
        scoring: Any = None,
    ) -> None:
        self._store(locals())

    def _loss(self) -> Loss:
        if self._n_targets > 1 and not self._multilabel:
            return SoftmaxCrossEntropy(self.label_smoothing)
        return SummedSigmoidCrossEntropy(self.label_smoothing)

    def _output_activation(self, loss: Loss) -> str:
        return "softmax" if isinstance(loss, SoftmaxCrossEntropy) else "logistic"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None
    ) -> MLPClassifier:
        """Learn from X, shape (m, n), dense or sparse, and labels y, shape (m,) or 0/1 in (m, k).

        With X_val and y_val, the scores and losses on them are recorded, and early stopping uses
        them in place of a part of X.
        """
        self._fit(X, y, sample_weight, X_val, y_val)
        return self

    @available_if(lambda self: self._can_partial_fit())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """One epoch on this data, continuing with the network as it is.

        The first call needs all `classes` that will ever occur.
        """
        if _check_partial_fit_first_call(self, classes):
            self._declare_classes(classes)
        self._fit(X, y, sample_weight, incremental=True)
        return self


class MLPRegressor(Regressor, MultilayerPerceptron):
    """scikit-learn's MLPRegressor on plainnet: only the import changes.

    Parameters
    ----------
    loss : "squared_error" or "poisson"
        "poisson" is for counts and rates, which are not negative.
    others
        As in `MLPClassifier`, without `class_weight` and `label_smoothing`; the validation score is
        R^2 unless `scoring` says otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=20, solver="lbfgs", random_state=0)
    >>> model.fit(X, 3 * X[:, 0] + 1).score(X, 3 * X[:, 0] + 1) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        batch_norm: bool = False,
        callbacks: Sequence[Callback] = (),
        schedule: Callback | None = None,
        optimizer: Any = None,
        ema: float | None = None,
        scoring: Any = None,
    ) -> None:
        self._store(locals())

    def _loss(self) -> Loss:
        return HalfPoissonDeviance() if self.loss == "poisson" else HalfSquaredError()

    def _output_activation(self, loss: Loss) -> str:
        return "exp" if isinstance(loss, HalfPoissonDeviance) else "identity"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None
    ) -> MLPRegressor:
        """Learn from X, shape (m, n), dense or sparse, and numbers y, shape (m,) or (m, k).

        With X_val and y_val, the scores and losses on them are recorded, and early stopping uses
        them in place of a part of X.
        """
        self._fit(X, y, sample_weight, X_val, y_val)
        return self

    @available_if(lambda self: self._can_partial_fit())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """One epoch on this data, continuing with the network as it is."""
        self._fit(X, y, sample_weight, incremental=True)
        return self
