"""TextClassifier and TextRegressor: several networks on one column of texts, and their mean."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import repeat
from math import inf
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import is_regressor
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_y, check_consistent_length, check_is_fitted

from plainnet.arguments.arrays import as_numbers
from plainnet.callbacks import Callback, EarlyStopping, Run
from plainnet.engine.cache import Cache
from plainnet.engine.settings import LIMITS, Limits, TrainingSettings
from plainnet.errors import DataError, require_number, require_sequence
from plainnet.estimators.base import NeuralEstimator, Rows, generator
from plainnet.estimators.calibration import fit_temperature
from plainnet.estimators.held_out import LEAST_ROWS, folds, held_out_share, networks_for
from plainnet.estimators.targets import Classifier, Regressor
from plainnet.estimators.texts import recipe as recipes
from plainnet.estimators.texts.column import as_texts
from plainnet.estimators.texts.features import MOST
from plainnet.estimators.texts.reading import (
    BagReader,
    Batches,
    Examples,
    Reader,
    TokenReader,
    outputs,
)
from plainnet.layers import Embedding, EmbeddingBag
from plainnet.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.network import Network
from plainnet.optimizers import AdamW
from plainnet.schedules import Polynomial
from plainnet.training import train
from plainnet.training.history import History

Array = npt.NDArray[Any]
Held = tuple[Examples, Array, Array | None]
"""Examples, targets and weights."""


def _interval(limits: Limits) -> Any:
    """Limits as scikit-learn checks them."""
    high = None if limits.high == inf else limits.high
    return Interval(limits.kind, limits.low, high, closed="neither" if limits.above else "left")


def _at_least_one() -> Any:
    return Interval(Integral, 1, None, closed="left")


SETTINGS = (
    "n_networks", "epochs", "batch_size", "learning_rate", "dropout", "weight_decay",
    "validation_fraction",
)  # fmt: skip


class Texts(NeuralEstimator):
    """What the classifier and the regressor share: the vocabulary, the recipe, the training."""

    preset: str
    width: int | None
    min_count: int
    max_features: int
    n_networks: int | None
    validation_fraction: float | None
    callbacks: Sequence[Callback]
    random_state: Any
    verbose: bool
    scoring = None
    reader_: Reader
    networks_: list[Network]
    histories_: list[History]
    best_epochs_: list[int]

    # --- what the two say ------------------------------------------------------------------------

    _monitor: ClassVar[str]
    """The history's measure that chooses the epoch; less is better."""

    @abstractmethod
    def _loss(self) -> Loss: ...

    @abstractmethod
    def _standardised(self, rows: Rows) -> Array:
        """The targets as the networks learn them."""

    def _scale(self, rows: Rows) -> None:
        """Look at all targets before `_standardised` is called."""

    def _measures(self, network: Network, Z: Array, held: Held) -> dict[str, float]:
        """What is measured on held-out texts, from the network's outputs for them."""
        targets, weights = network.check_targets(len(Z), *held[1:])
        measures = network.loss.measures(Z, targets, Cache(), weights)
        return {f"val_{name}": value for name, (value, _) in measures.items()}

    def _finish(self, held: Sequence[Held], shared: bool) -> None:
        """The last step, with the texts that each network held out, or those that all did."""

    # --- training --------------------------------------------------------------------------------

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "preset": [StrOptions(set(recipes.RECIPES))],
        "width": [_at_least_one(), None],
        "min_count": [_at_least_one()],
        "max_features": [_at_least_one()],
        **{name: [_interval(LIMITS[name]), None] for name in SETTINGS},
        "callbacks": ["array-like"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["boolean"],
    }

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Learn the vocabulary, train the networks, keep the best epoch of each.

        Parameters
        ----------
        X : list, array or Series of m texts
            Missing values count as "".
        y : array of m targets
        sample_weight : array of shape (m,), optional
        X_val, y_val : optional
            Texts that choose the epochs, instead of shares of X.
        """
        self._validate_params()
        rng = generator(self.random_state)
        rows = self._training_rows(X, y, sample_weight, fresh=True, incremental=False)
        rows.raw = rows.X  # which a scorer would ask for, and there is none
        given = self._given_validation(X_val, y_val)
        recipe = self._recipe()
        networks = self.n_networks or recipe.networks or networks_for(len(rows))
        self.reader_ = self._reader(rows.X, recipe)
        self._scale(rows)
        everything = self._read(self.reader_.read(rows.X), rows)
        shared = None if given is None else self._read(self.reader_.read(given.X), given)
        parts: Iterable[tuple[Held, Held | None]] = repeat((everything, shared), networks)
        if given is None and self._holds_out(rows):
            fraction = self._fraction(rows)
            drawn = folds(len(rows), fraction, networks, rng, self._common(rows.y, fraction))
            texts = everything[0]
            parts = (
                (self._read(texts.take(a), rows.take(a)), self._read(texts.take(b), rows.take(b)))
                for a, b in drawn
            )
        self.networks_, self.histories_, self.best_epochs_ = [], [], []
        validations = []
        for learned, held in parts:
            self._train(learned, held, recipe, rng)
            if held is not None:
                validations.append(held)
            if self.histories_[-1].stopped == "Ctrl-C":
                warnings.warn("Training interrupted by user.", UserWarning, stacklevel=2)
                break
        self._finish(validations, shared=shared is not None)
        return self

    def _reader(self, texts: Array, recipe: recipes.Recipe) -> Reader:
        if recipe.in_order:
            return TokenReader(texts)
        return BagReader(texts, self.min_count, self.max_features)

    def _holds_out(self, rows: Rows) -> bool:
        return self._fraction(rows) > 0 and len(rows) >= LEAST_ROWS

    def _fraction(self, rows: Rows) -> float:
        if self.validation_fraction is not None:
            return self.validation_fraction
        return held_out_share(len(rows))

    def _common(self, y: Array, fraction: float) -> Array | None:
        """The labels whose shares a split keeps, unless most classes have too few texts for it."""
        strata = self._strata(y)
        if strata is None or len(np.unique(strata)) > min(fraction, 1 - fraction) * len(y):
            return None
        return strata

    def _read(self, examples: Examples, rows: Rows) -> Held:
        """The rows, whose texts have been read, as the networks learn them."""
        rows = self._balanced(rows)
        return examples, self._standardised(rows), rows.weights

    def _train(
        self, learned: Held, held: Held | None, recipe: recipes.Recipe, rng: np.random.Generator
    ) -> None:
        """One network, and what its training was like."""
        reader, n_rows = self.reader_, len(learned[1])
        loss = self._loss()
        network = recipes.build(
            recipe, reader.vocabulary, reader.length, self._n_targets, loss, rng
        )
        watch: list[Callback] = []
        keep: list[Callback] = []
        if held is not None:
            watch = [HeldOut(self, held)]
            keep = [EarlyStopping(self._monitor, patience=recipe.patience, mode="min")]
        history = train(
            network,
            Batches(*learned, recipe.batch_for(n_rows), rng),
            optimizer=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
            epochs=recipe.epochs,
            callbacks=[
                Polynomial(),
                *watch,
                *require_sequence("callbacks", self.callbacks, "Callback objects"),
                *keep,
            ],
            clip_norm=1.0 if recipe.in_order else None,
            seed=rng,
            progress=self.verbose,
        )
        best = len(history) - 1
        if self._monitor in history:  # Ctrl-C may have come before the first epoch's end
            best = int(np.nanargmin(history[self._monitor]))
        self.networks_.append(network)
        self.histories_.append(history)
        self.best_epochs_.append(best)

    # The first of the networks stands for what every estimator has.

    @property
    def network_(self) -> Network:  # type: ignore[override]  # the others assign theirs
        return self.networks_[0]

    @property
    def history_(self) -> History:
        return self.histories_[0]

    @property
    def best_epoch_(self) -> int:
        return self.best_epochs_[0]

    @property
    def n_iter_(self) -> int:
        return len(self.history_)

    @property
    def vocabulary_(self) -> list[str]:
        """What the network's ids from 1 on stand for: words and [n-grams], or pieces of words."""
        return list(self.reader_.tokens)

    def _recipe(self) -> recipes.Recipe:
        return recipes.RECIPES[self.preset].adapted(TrainingSettings.of(self), self.width)

    # --- data in and out -------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        texts = as_texts(X)
        y = _check_y(y, multi_output=True, y_numeric=is_regressor(self), estimator=self)
        check_consistent_length(texts, y)
        return texts, y

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        return as_texts(X)

    def _outputs(self, X: Array) -> Array:
        """The mean of the networks' outputs."""
        return outputs(self.networks_, self.reader_.read(X))

    # --- out of a file ---------------------------------------------------------------------------

    def expect_to_work(self) -> None:
        super().expect_to_work()
        if {"reader_", "networks_"} & vars(self).keys():
            self._expect_to_predict()

    def _expect_to_predict(self) -> None:
        for name in ("reader_", "networks_"):
            if not vars(self).get(name):
                raise DataError(f"it lacks {name}")
        reader, in_order = self.reader_, self._recipe().in_order
        if type(reader) is not (TokenReader if in_order else BagReader):
            raise DataError(f"it reads texts by {type(reader).__name__}, unlike its preset")
        reader.expect_to_work()
        first = Embedding if in_order else EmbeddingBag
        for network in self.networks_:
            layer = network.layers[0]
            if type(layer) is not first or layer.vocabulary != reader.vocabulary:
                raise DataError(f"its network does not read {reader.vocabulary} ids")
        self._expect_prediction(as_texts(["a"]))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags


class HeldOut(Callback):
    """Measures the held-out texts after each epoch."""

    def __init__(self, estimator: Texts, held: Held) -> None:
        self.estimator, self.held = estimator, held

    def begin_training(self, run: Run) -> None:
        run.validates = True

    def end_epoch(self, run: Run) -> None:
        Z = outputs([run.network], self.held[0])
        run.history.append(self.estimator._measures(run.network, Z, self.held))


# --- the two --------------------------------------------------------------------------------------


class TextClassifier(Texts, Classifier):
    """Classes from texts as they come, with calibrated probabilities.

    By default a text is a bag of words, pairs of words and character n-grams of a vocabulary that
    is learned from the training texts; each has a learned vector, and the classes are a linear
    function of their weighted sum, as in fastText (Joulin et al. 2016; Bojanowski et al. 2017).
    Small sets of texts get several networks, each of which holds out other texts; their outputs are
    averaged. Each keeps the epoch with the best calibrated log-loss on the texts it held out. One
    temperature is fitted to all these texts.

    Parameters
    ----------
    preset : {"default", "gru", "transformer"}
        The last two read pieces of words in their order, by a bidirectional GRU or two Transformer
        blocks: one network, slower, and better only where the order of words matters and there are
        many texts.
    width : int or None
        Length of a learned vector; None is the preset's.
    learning_rate, epochs, batch_size, dropout, weight_decay
        The preset's values, unless given. Training stops earlier when it no longer helps.
    min_count, max_features : int
        For "default": features that fewer texts have are left out, and of the rest all but the most
        frequent.
    class_weight : dict, "balanced" or None
    n_networks : int or None
        How many networks are averaged. None: of "default", five for up to 20,000 texts; else one.
    validation_fraction : float or None
        Share of the texts that a network holds out, to choose its epoch and the temperature; 0 for
        none. None is a fifth, but no more than 3,000 texts.
    callbacks : sequence of plainnet.callbacks.Callback
        Called in each network's training, one network after the other.
    random_state : int, RandomState, Generator or None
    verbose : bool

    Attributes
    ----------
    networks_ : list of Network
    histories_ : list of History
    best_epochs_ : list of int
        The epoch, counted from 0, whose parameters each network has.
    network_, history_, best_epoch_
        Those of the first network.
    vocabulary_ : list of str
        What the network's ids from 1 on stand for.
    classes_ : array of shape (K,)
    temperature_ : float
        The mean of the networks' last pre-activations is divided by it.

    Examples
    --------
    >>> texts = ["a fine film", "a dull film", "fine acting", "dull and long"] * 8
    >>> model = TextClassifier(random_state=0).fit(texts, ["good", "bad"] * 16)
    >>> model.predict(["a fine finish", "dullest"])
    array(['good', 'bad'], dtype='<U4')
    """

    _monitor = "val_refined_loss"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Texts._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        preset: str = "default",
        *,
        width: int | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        min_count: int = 2,
        max_features: int = MOST,
        class_weight: dict[Any, float] | str | None = None,
        n_networks: int | None = None,
        validation_fraction: float | None = None,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self._store(locals())

    @property
    def _n_targets(self) -> int:
        return len(self.classes_) if self._multilabel else max(2, len(self.classes_))

    def _loss(self) -> Loss:
        return SigmoidCrossEntropy() if self._multilabel else SoftmaxCrossEntropy()

    def _standardised(self, rows: Rows) -> Array:
        return np.asarray(rows.targets, np.float32) if self._multilabel else rows.targets

    def _measures(self, network: Network, Z: Array, held: Held) -> dict[str, float]:
        _, refined = fit_temperature(network, Z, *held[1:])
        return {**super()._measures(network, Z, held), "val_refined_loss": refined}

    def _finish(self, held: Sequence[Held], shared: bool) -> None:
        self.temperature_ = 1.0
        if not held:
            return
        if shared:
            Z, (_, targets, weights) = outputs(self.networks_, held[0][0]), held[0]
        else:
            each = zip(self.networks_, held, strict=True)
            Z = np.concatenate([outputs([network], examples) for network, (examples, *_) in each])
            targets = np.concatenate([targets for _, targets, _ in held])
            given = [weights for *_, weights in held if weights is not None]
            weights = np.concatenate(given) if given else None
        self.temperature_, _ = fit_temperature(self.network_, Z, targets, weights)

    def _outputs(self, X: Array) -> Array:
        return super()._outputs(X) / self.temperature_

    def _expect_prediction(self, X: Array) -> None:
        require_number("temperature_", self.temperature_, above=0)
        super()._expect_prediction(X)

    def predict_proba(self, X: Any) -> Array:
        """Calibrated probabilities, shape (m, classes), in the order of `classes_`."""
        P = super().predict_proba(X)
        return np.ones((len(P), 1)) if len(self.classes_) == 1 else P


class TextRegressor(Texts, Regressor):
    """Numbers from texts as they come.

    The networks are those of `TextClassifier`, with the mean squared error of standardised targets.
    Predictions stay between the least and the largest target of the texts trained on. Each network
    keeps the epoch with the least error on the texts that it holds out.

    Parameters and attributes are those of `TextClassifier`, without classes and temperature.

    Examples
    --------
    >>> texts = ["one", "two", "one one", "one two", "two two", "two one"] * 8
    >>> model = TextRegressor(random_state=0).fit(texts, [1, 2, 2, 3, 4, 3] * 8)
    >>> model.predict(["two two"]).round()
    array([4.])
    """

    _monitor = "val_loss"

    def __init__(
        self,
        preset: str = "default",
        *,
        width: int | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        min_count: int = 2,
        max_features: int = MOST,
        n_networks: int | None = None,
        validation_fraction: float | None = None,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self._store(locals())

    def _loss(self) -> Loss:
        return MeanSquaredError()

    def _scale(self, rows: Rows) -> None:
        y = as_numbers("targets y", rows.targets).astype(np.float64)
        unit = np.abs(y).max(axis=0)
        unit = np.where(unit > 0, unit, 1.0)  # squares of very large or small numbers overflow
        self._center, self._spread = (y / unit).mean(axis=0) * unit, (y / unit).std(axis=0) * unit
        self._spread = np.where(self._spread > 0, self._spread, 1.0)
        self._least, self._largest = y.min(axis=0), y.max(axis=0)

    def _standardised(self, rows: Rows) -> Array:
        y = as_numbers("targets y", rows.targets).astype(np.float64)
        return np.asarray((y - self._center) / self._spread, np.float32)

    def _decide(self, Z: Array) -> Array:
        y = super()._decide(Z) * self._spread + self._center
        return np.asarray(np.clip(y, self._least, self._largest))
