"""TextClassifier and TextRegressor: learn from one column of texts as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from plainnet.callbacks import Callback, EarlyStopping, Run
from plainnet.engine.cache import Cache
from plainnet.engine.settings import LIMITS, TrainingSettings
from plainnet.engine.stages import Stage
from plainnet.errors import DataError, require_sequence
from plainnet.estimators.base import Rows, checked_targets, generator, interval
from plainnet.estimators.calibration import CalibratedClassifier, fit_temperature
from plainnet.estimators.ensemble import Ensemble, Learned
from plainnet.estimators.standardised import StandardisedRegressor
from plainnet.estimators.texts import recipe as recipes
from plainnet.estimators.texts.column import as_texts
from plainnet.estimators.texts.features import MOST
from plainnet.estimators.texts.reading import (
    BagReader,
    Batches,
    Examples,
    Reader,
    TokenReader,
    finite,
    measured,
)
from plainnet.layers import Embedding, EmbeddingBag
from plainnet.network import Network
from plainnet.optimizers import AdamW
from plainnet.schedules import Polynomial
from plainnet.training import train
from plainnet.training.history import History

Array = npt.NDArray[Any]


def _at_least_one() -> Any:
    return Interval(Integral, 1, None, closed="left")


WORDS_SHOWN = 12
"""The most characters of a text in a trace."""

SETTINGS = (
    "n_networks", "epochs", "batch_size", "learning_rate", "dropout", "weight_decay",
    "validation_fraction",
)  # fmt: skip


class ReadRows(Rows):
    """Rows whose texts have been read."""

    def _some(self, X: Examples, rows: Array) -> Examples:
        return X.take(rows)


class Texts(Ensemble):
    """What the classifier and the regressor share: the vocabulary, the recipe, the training."""

    preset: str
    width: int | None
    min_count: int
    max_features: int
    reader_: Reader

    # --- training --------------------------------------------------------------------------------

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "preset": [StrOptions(set(recipes.RECIPES))],
        "width": [_at_least_one(), None],
        "min_count": [_at_least_one()],
        "max_features": [_at_least_one()],
        **{name: [interval(LIMITS[name]), None] for name in SETTINGS},
        **Ensemble._parameter_constraints,
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
        """Learn the vocabulary, train the networks and keep the best epoch of each.

        Parameters
        ----------
        X : list, array or Series of m texts
            Missing values count as "".
        y : array of m targets
        sample_weight : array of shape (m,), optional
        X_val, y_val : optional
            Texts that choose the epochs, in place of held-out texts of X.
        """
        self._validate_params()
        rng = generator(self.random_state)
        rows = self._training_rows(X, y, sample_weight, fresh=True, incremental=False)
        held = self._given_validation(X_val, y_val)
        recipe = self._recipe()
        self.reader_ = self._reader(rows.X, recipe)
        networks = self.n_networks or recipe.networks_for(len(rows))
        return self._train_all(
            self._read(rows), None if held is None else self._read(held), networks, rng
        )

    def _reader(self, texts: Array, recipe: recipes.Recipe) -> Reader:
        if recipe.in_order:
            return TokenReader(texts)
        return BagReader(texts, self.min_count, self.max_features)

    def _read(self, rows: Rows) -> Rows:
        examples = self.reader_.read(rows.X)
        return ReadRows(examples, rows.y, rows.targets, rows.weights, raw=examples)

    def _inputs(self, X: Examples) -> Examples:
        return X

    def _as_learned(self, X: Any, y: Any) -> tuple[Any, Array]:
        rows = self._read(self._known_rows(X, y))
        return rows.X.batch(np.arange(len(rows))), self._learnable(rows)

    def _outputs_of(self, network: Network, X: Examples) -> Array:
        return measured(network, X)

    def _measures(self, network: Network, Z: Array, held: Learned) -> dict[str, float]:
        """What is measured on held-out texts, from the network's outputs for them."""
        _, *truth = held
        targets, weights = network.check_targets(len(Z), *truth)
        measures = network.loss.measures(Z, targets, Cache(), weights)
        return {f"val_{name}": value for name, (value, _) in measures.items()}

    def _train(
        self, rows: Rows, held: Learned | None, networks: int, rng: np.random.Generator
    ) -> tuple[Network, History]:
        recipe, reader, loss = self._recipe(), self.reader_, self._loss()
        examples, targets, *weights = self._arrays(rows)
        batch_size = recipe.batch_for(len(rows))
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
            Batches(examples, targets, weights[0] if weights else None, batch_size, rng),
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
        return network, history

    @property
    def vocabulary_(self) -> list[str]:
        """What the network's ids, from 1 up, stand for: words and [n-grams], or pieces of words."""
        return list(self.reader_.tokens)

    def _recipe(self) -> recipes.Recipe:
        return recipes.RECIPES[self.preset].adapted(TrainingSettings.of(self), self.width)

    # --- data in and out -------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        texts = as_texts(X)
        y = checked_targets(self, y)
        check_consistent_length(texts, y)
        return texts, y

    def _features(self, X: Any) -> Examples:
        check_is_fitted(self)
        return self.reader_.read(as_texts(X))

    def _outputs(self, X: Examples) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return finite(super()._outputs(X))

    def _steps(self, X: Examples) -> int:
        return X.time

    def _stage_before(self, X: Any, rows: Examples) -> tuple[Stage | None, Any]:
        given = rows.block(0, len(rows), len(rows))
        ids = given[0] if isinstance(given, tuple) else given
        words = [self.vocabulary_[i - 1] for i in ids[0].tolist() if i > 0]
        shown = ", ".join(map(repr, words[:WORDS_SHOWN]))
        more = f" and {len(words) - WORDS_SHOWN:,} more" if len(words) > WORDS_SHOWN else ""
        note = f"the first text has {shown or 'nothing known'}{more}"
        return Stage("words", f"{len(self.vocabulary_):,} known", notes=(note,)), given

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
        self._expect_prediction(reader.read(as_texts(["a"])))

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

    def __init__(self, estimator: Texts, held: Learned) -> None:
        self.estimator, self.held = estimator, held

    def begin_training(self, run: Run) -> None:
        run.validates = True

    def end_epoch(self, run: Run) -> None:
        Z = measured(run.network, self.held[0])
        run.history.append(self.estimator._measures(run.network, Z, self.held))


# --- the two --------------------------------------------------------------------------------------


class TextClassifier(CalibratedClassifier, Texts):
    """Predicts classes of texts as they come, with calibrated probabilities.

    By default a text is a bag of words, pairs of words and character n-grams. Their vocabulary is
    learned from the training texts; each entry has a learned vector, and the classes are a linear
    function of their weighted sum, as in fastText (Joulin et al. 2016; Bojanowski et al. 2017).
    If texts are few, several networks are trained, each of which holds out different texts; their
    outputs are averaged. Each network keeps the epoch with the best calibrated log-loss on its
    held-out texts. One temperature is fitted to all held-out texts.

    Parameters
    ----------
    preset : {"default", "gru", "transformer"}
        The last two read the sequence of word pieces with a bidirectional GRU or two Transformer
        blocks. They train a single network, are slower, and are better only if the order of words
        matters and there are many texts.
    width : int or None
        Length of a learned vector, for "transformer" a multiple of 4; None is the preset's.
    learning_rate, epochs, batch_size, dropout, weight_decay
        The preset's values, unless given. Training stops earlier when it no longer helps.
    min_count, max_features : int
        For "default": features that occur in fewer than min_count texts are left out; the
        max_features most frequent of the rest are kept.
    class_weight : dict, "balanced" or None
    n_networks : int or None
        How many networks are averaged. None: with "default", five for up to 20,000 texts; else
        one.
    validation_fraction : float or None
        Share of the texts that a network holds out to choose its epoch and the temperature; 0 for
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
        The same for the first network.
    vocabulary_ : list of str
        What the network's ids, from 1 up, stand for.
    classes_ : array of shape (K,)
    temperature_ : float
        What the mean of the networks' last pre-activations is divided by.

    Examples
    --------
    >>> texts = ["a fine film", "a dull film", "fine acting", "dull and long"] * 8
    >>> model = TextClassifier(random_state=0).fit(texts, ["good", "bad"] * 16)
    >>> model.predict(["a fine finish", "dullest"])
    array(['good', 'bad'], dtype='<U4')
    """

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

    def _measures(self, network: Network, Z: Array, held: Learned) -> dict[str, float]:
        refined = fit_temperature(network, Z, *held[1:])[1]
        return {**super()._measures(network, Z, held), self._monitor: refined}

    def _finish(self, held: Sequence[Learned], shared: bool) -> None:
        self._calibrate(self._predicted(held, shared))


class TextRegressor(StandardisedRegressor, Texts):
    """Predicts numbers from texts as they come.

    The networks are the same as in `TextClassifier`, trained on the mean squared error of
    standardised targets. Predictions stay between the smallest and the largest training target.
    Each network keeps the epoch with the smallest error on its held-out texts.

    Parameters and attributes are the same as in `TextClassifier`, except those for classes and
    the temperature.

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

    def _numbers(self, X: Examples) -> Array:
        return np.log1p(X.lengths)[:, None]
