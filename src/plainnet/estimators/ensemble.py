"""Several networks, each holding out different examples, and the mean of their outputs."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from plainnet.callbacks import Callback
from plainnet.estimators.base import NeuralEstimator, Rows
from plainnet.estimators.held_out import best_epoch, drawn, held_out_share
from plainnet.estimators.prediction import mean_outputs
from plainnet.losses import Loss
from plainnet.network import Network
from plainnet.training.history import History

Array = npt.NDArray[Any]
Learned = tuple[Any, ...]
"""X and the targets in the networks' form, and the weights, if any."""


class Ensemble(NeuralEstimator):
    """What the estimators for tables and for texts share."""

    n_networks: int | None
    validation_fraction: float | None
    callbacks: Sequence[Callback]
    random_state: Any
    verbose: bool
    scoring = None
    networks_: list[Network]
    histories_: list[History]
    best_epochs_: list[int]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "callbacks": ["array-like"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["boolean"],
    }

    # --- what classes and numbers say ------------------------------------------------------------

    _monitor: ClassVar[str]
    """The measure in the history that chooses the epoch; lower is better."""

    @abstractmethod
    def _loss(self, label_smoothing: float = 0.0) -> Loss: ...

    def _scale(self, rows: Rows) -> None:
        """Look at all targets before `_learnable` is called."""

    @abstractmethod
    def _learnable(self, rows: Rows) -> Array:
        """The targets as the networks learn them."""

    def _finish(self, held: Sequence[Learned], shared: bool) -> None:
        """The last step, with the rows that each network held out, or those that all did."""

    # --- what tables and texts say ---------------------------------------------------------------

    @abstractmethod
    def _inputs(self, X: Any) -> Any:
        """X of some rows as the networks take it."""

    @abstractmethod
    def _train(
        self, rows: Rows, held: Learned | None, networks: int, rng: np.random.Generator
    ) -> tuple[Network, History]:
        """One of so many networks, and what its training was like."""

    @abstractmethod
    def _outputs_of(self, network: Network, X: Any) -> Array:
        """One network's last pre-activations for what `_inputs` gave: fast, to measure by."""

    # --- predictions -----------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        return mean_outputs(self.networks_, X)

    # --- training --------------------------------------------------------------------------------

    def _train_all(
        self, rows: Rows, held: Rows | None, networks: int, rng: np.random.Generator
    ) -> Self:
        """So many networks, with the best epoch of each; `held` is what the user has held out."""
        self._scale(rows)
        self.networks_, self.histories_, self.best_epochs_ = [], [], []
        validations = []
        for learned, out in self._parts(rows, held, networks, rng):
            validation = None if out is None else self._arrays(out)
            network, history = self._train(learned, validation, networks, rng)
            interrupted = history.stopped == "Ctrl-C"
            if interrupted:
                warnings.warn("Training interrupted by user.", UserWarning, stacklevel=3)
            if interrupted and self.networks_ and not len(history):
                break  # in the mean with the others, its first weights would be noise
            self.networks_.append(network)
            self.histories_.append(history)
            self.best_epochs_.append(best_epoch(history, self._monitor))
            if validation is not None:
                validations.append(validation)
            if interrupted:
                break
        self._finish(validations, shared=held is not None)
        return self

    def _parts(
        self, rows: Rows, held: Rows | None, networks: int, rng: np.random.Generator
    ) -> Iterator[tuple[Rows, Rows | None]]:
        """What each network learns and holds out, one copy of rows at a time."""
        parts = []
        if held is None:
            parts = drawn(len(rows), self._fraction(rows), networks, rng, self._strata(rows.y))
        if not parts:
            yield from repeat((rows, held), networks)
        for kept, out in parts:
            yield rows.take(kept), rows.take(out)

    def _fraction(self, rows: Rows) -> float:
        if self.validation_fraction is not None:
            return self.validation_fraction
        return held_out_share(len(rows))

    def _arrays(self, rows: Rows) -> Learned:
        rows = self._balanced(rows)
        arrays = self._inputs(rows.X), self._learnable(rows)
        return arrays if rows.weights is None else (*arrays, rows.weights)

    def _as_learned(self, X: Any, y: Any) -> tuple[Any, Array]:
        rows = self._known_rows(X, y)
        return self._inputs(rows.X), self._learnable(rows)

    def _predicted(self, held: Sequence[Learned], shared: bool) -> list[tuple[Array, Learned]]:
        """(outputs, rows) of what each network held out; or of their mean, where that is shared."""
        if not held:
            return []
        Z = [self._outputs_of(net, X) for net, (X, *_) in zip(self.networks_, held, strict=True)]
        if shared:
            return [(np.mean(Z, axis=0), held[0])]
        return list(zip(Z, held, strict=True))

    # The first of the networks stands for what every estimator has.

    @property
    def network_(self) -> Network:  # type: ignore[override]  # the others assign theirs
        if not self.networks_:
            raise AttributeError("no network has been trained: fit was broken off")
        return self.networks_[0]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    @property
    def history_(self) -> History:
        return self.histories_[0]

    @property
    def best_epoch_(self) -> int:
        return self.best_epochs_[0]

    @property
    def n_iter_(self) -> int:
        return len(self.history_)
