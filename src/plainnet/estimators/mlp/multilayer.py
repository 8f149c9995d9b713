"""What MLPClassifier and MLPRegressor share: the layers, the solver and the training."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, Options, StrOptions

from plainnet.callbacks import EMA, Callback
from plainnet.errors import (
    DataError,
    DivergedError,
    SettingError,
    require_integer,
    require_number,
    require_type,
)
from plainnet.estimators.base import Array, Rows, clipped_batch_size, generator, random_source
from plainnet.estimators.mlp.layers import ACTIVATIONS, hidden_layers, hidden_sizes, scikit_start
from plainnet.estimators.mlp.losses import HalfSquaredError
from plainnet.estimators.mlp.rules import L2Penalty, Recorder, StoppingRules
from plainnet.estimators.mlp.weights import Assignable, coefs, dense_layers, intercepts, output_is
from plainnet.estimators.threads import suitable_threads
from plainnet.layers import Dense, Layer
from plainnet.losses import Loss
from plainnet.network import Network
from plainnet.optimizers import SGD, Adam, Optimizer
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.schedules import Schedule
from plainnet.training import train

STOCHASTIC = ("sgd", "adam")

LEAST_WEIGHT = 1e-12
"""The least mean row weight at which data still counts beside the L2 penalty."""


class MultilayerPerceptron(Assignable):
    """What the two share: the layers, the solver and scikit-learn's training rules."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), Layer, list, tuple],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "callbacks": [list, tuple],
        "schedule": [Schedule, None],
        "optimizer": [Optimizer, LBFGS, None],
        "ema": [Interval(Real, 0, 1, closed="neither"), None],
        "scoring": [str, callable, None],
    }

    n_iter_: int
    t_: int
    loss_curve_: list[float]
    _ended_by_rule = False

    # --- the network -----------------------------------------------------------------------------

    @abstractmethod
    def _loss(self) -> Loss:
        """The loss that these settings ask for."""

    def _begin(self, rows: Rows, given: dict[str, Any]) -> None:
        """A new, untrained network, with the weights that were assigned beforehand."""
        n_in, n_out = rows.X.shape[1], self._n_targets
        hidden = hidden_sizes(self.hidden_layer_sizes)
        source = random_source(self.random_state)
        start = scikit_start(self.activation, [n_in, *hidden, n_out], source)
        self._rng = generator(source)
        layers = hidden_layers(
            hidden, self.activation, batch_norm=self.batch_norm, dropout=self.dropout
        )
        network = Network(
            [*layers, Dense(n_out)],
            loss=self._loss(),
            input_shape=n_in,
            seed=0 if start else self._rng,  # what is replaced below needs no random numbers
            dtype=rows.X.dtype,
        )
        if start:
            for layer, (W, b) in zip(dense_layers(network), start, strict=True):
                layer.W.T[...], layer.b[...] = W, b
        for name, views in (("coefs_", coefs(network)), ("intercepts_", intercepts(network))):
            views[:] = given.get(name, views)
        own = self._output_activation(network.loss)
        if given.get("out_activation_", own) != own:
            raise SettingError(output_is(own, given["out_activation_"]))
        self.network_ = network
        self._split_seed = int(self._rng.integers(2**31))
        self.n_outputs_ = n_out
        self.n_layers_ = len(hidden) + 2
        self._begin_progress()

    def _begin_progress(self) -> None:
        """What training starts from, before the first step."""
        self.t_ = 0
        self.loss_curve_ = []
        self.validation_loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = None
        self.best_validation_score_: float | None = None
        self.best_loss_: float | None = None
        self._no_improvement_count = 0
        self._best: tuple[Array, Array] | None = None
        self._optimizer: Any = None
        self._optimizer_settings = ""

    def expect_to_work(self) -> None:
        super().expect_to_work()
        self._check_numbers()
        if hasattr(self, "network_"):
            begun = object.__new__(type(self))
            begun._begin_progress()
            self._expect_to_go_on(*vars(begun), "n_outputs_")
            require_integer("t_", self.t_, at_least=0)
            require_type("loss_curve_", self.loss_curve_, list)

    # --- the solver ------------------------------------------------------------------------------

    def _is_stochastic(self) -> bool:
        if self.optimizer is not None:
            return isinstance(self.optimizer, Optimizer)
        return self.solver in STOCHASTIC

    def _can_partial_fit(self) -> bool:
        if not self._is_stochastic():
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not "
                "stochastic."
            )
        return True

    def _wanted_optimizer(self) -> Any:
        if self.optimizer is not None:
            return deepcopy(self.optimizer)
        if self.solver == "sgd":
            return SGD(
                self.learning_rate_init,
                momentum=self.momentum,
                nesterov=self.nesterovs_momentum and self.momentum > 0,
            )
        if self.solver == "adam":
            return Adam(
                self.learning_rate_init, betas=(self.beta_1, self.beta_2), epsilon=self.epsilon
            )
        return LBFGS(tolerance=self.tol, max_evaluations=self.max_fun)

    def _prepare_optimizer(self, incremental: bool) -> None:
        """The optimizer as the parameters say; its steps and moments stay where training continues.

        So does the learning rate, unless a stopping rule has ended the last fit: the next then
        starts from the initial one.
        """
        old, new = self._optimizer, self._wanted_optimizer()
        settings = repr(new)
        if old is None or type(old) is not type(new):
            self._optimizer = new
        elif settings == self._optimizer_settings:
            if self._ended_by_rule and not incremental and isinstance(new, Optimizer):
                old.learning_rate = new.learning_rate
        elif isinstance(new, Optimizer):
            if old.accumulators == new.accumulators:
                new.steps, new.state, new.missed = old.steps, old.state, old.missed
            self._optimizer = new
        else:
            self._optimizer = new
        self._optimizer_settings = settings
        if self._schedule_name() == "invscaling" and self.t_:
            self._optimizer.learning_rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t

    def _check_numbers(self) -> None:
        """What scikit-learn's check of the parameters lets pass: False for 0."""
        for name in ("alpha", "tol", "power_t"):
            require_number(name, getattr(self, name))

    def _schedule_name(self) -> str:
        """scikit-learn's `learning_rate`, which only its sgd knows."""
        return self.learning_rate if self.solver == "sgd" and self.optimizer is None else "constant"

    # --- training --------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any = None,
        y_val: Any = None,
        incremental: bool = False,
    ) -> Any:
        self._check_numbers()
        if incremental and self.early_stopping:
            raise SettingError("partial_fit does not support early_stopping=True")
        if incremental and getattr(self, "class_weight", None) == "balanced":
            raise SettingError(
                'class_weight="balanced" needs all data at once, and partial_fit sees a part: pass '
                "a dict of weights"
            )
        if incremental and self.ema is not None:
            raise SettingError(
                f"partial_fit does not support ema={self.ema!r}: the average is of one training, "
                "and each call is one"
            )
        if self.schedule is not None and (incremental or self._schedule_name() != "constant"):
            raise SettingError(
                f"schedule={self.schedule!r} goes with fit, which knows its end, and with "
                f"learning_rate='constant'; got learning_rate={self.learning_rate!r}"
                f"{' in partial_fit' if incremental else ''}"
            )
        fresh = not hasattr(self, "network_") or not (self.warm_start or incremental)
        rows = self._training_rows(X, y, sample_weight, fresh, incremental)
        if fresh:
            self._begin(rows, self._given if self.warm_start or incremental else {})
            self._given.clear()
        if not incremental:  # which may be given smaller targets later
            self._expect_squares(rows.targets)
        self._prepare_optimizer(incremental)
        held = self._given_validation(X_val, y_val)
        if held is None and self.early_stopping and self._is_stochastic():
            rows, held = self._split(rows, self.validation_fraction, self._split_seed)
        self._train(self._balanced(rows), held, incremental)
        return self

    def _train(self, rows: Rows, held: Rows | None, incremental: bool) -> None:
        n, stochastic = len(rows), self._is_stochastic()
        batch_size = clipped_batch_size(self.batch_size, n) if stochastic else n
        penalty = None
        if self.alpha and self.optimizer is None:
            if rows.weight / n < LEAST_WEIGHT:
                raise DataError(
                    f"the weights of the rows have the mean {rows.weight / n:.3g}, beside which "
                    f"alpha={self.alpha:g} decides alone: scale them to a mean of 1, or set alpha=0"
                )
            penalty = L2Penalty(self.alpha, n, batch_size, rows.weight)
        outputs = self.n_outputs_ if isinstance(self.network_.loss, HalfSquaredError) else 1
        rules: Recorder
        if stochastic:
            scorer = None if held is None else self._scorer(held)
            rules = StoppingRules(self, n, penalty, outputs, self._schedule_name(), scorer)
            self._expect_progress(held is not None)
        else:
            rules = Recorder(self, n, penalty, outputs)
        self.n_iter_ = 0
        epochs = 1 if incremental else self.max_iter
        try:
            with suitable_threads(self.network_, batch_size):
                history = train(
                    self.network_,
                    self._for_training(rows.X),
                    rows.targets,
                    optimizer=self._optimizer,
                    epochs=epochs,
                    batch_size=batch_size if stochastic else None,
                    validation_data=None if held is None else self._for_validation(held),
                    sample_weight=rows.weights,
                    callbacks=[*self._callbacks(), *([penalty] if penalty else []), rules],
                    seed=self._rng,
                    progress=False,
                    shuffle=self.shuffle,
                    metrics=() if held is None else (self._metric,),
                )
        except DivergedError as error:
            self._diverged(error)
        else:
            self._ended_by_rule = getattr(rules, "stopped", False)
            self._warn(history.stopped, epochs, incremental, self._ended_by_rule)
        if self.early_stopping and stochastic and self._best is not None:
            self.network_.parameters[:], self.network_.state[:] = self._best

    def _callbacks(self) -> list[Callback]:
        callbacks = [*self.callbacks, *([] if self.schedule is None else [self.schedule])]
        if self.ema is not None:
            callbacks.append(EMA(self.ema))
        return callbacks

    def _expect_progress(self, validates: bool) -> None:
        if validates and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if self.best_loss_ is None and not self.early_stopping:
            self.best_loss_ = np.inf

    def _diverged(self, error: DivergedError) -> None:
        """Fall back on the best validated weights; without any, the model cannot be used."""
        if not (self.early_stopping and self._best is not None):
            raise DivergedError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                f"values and need to be preprocessed. {error}",
                step=error.step,
                layer=error.layer,
            ) from error
        self.n_iter_ += 1
        self.loss_ = float("nan")
        self.loss_curve_.append(self.loss_)
        self.validation_scores_ = [*(self.validation_scores_ or []), float("nan")]
        warnings.warn(
            f"Training diverged; the best validated weights are kept. {error}",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _warn(self, stopped: str, epochs: int, incremental: bool, by_rule: bool) -> None:
        if stopped == "Ctrl-C":
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=5)
        elif not self._is_stochastic():
            if not stopped.startswith("converged"):
                warnings.warn(
                    f"lbfgs failed to converge after {self.n_iter_} iteration(s): {stopped}. "
                    "Increase max_iter or max_fun, or scale the data.",
                    ConvergenceWarning,
                    stacklevel=5,
                )
        elif self.n_iter_ == epochs and not (incremental or by_rule):
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
