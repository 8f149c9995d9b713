"""The diagnosis of an estimator: its table, the user's settings, and what it has learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from plainnet.errors import SettingError
from plainnet.estimators import MLPClassifier, MLPRegressor
from plainnet.estimators.base import NeuralEstimator
from plainnet.estimators.ensemble import Ensemble
from plainnet.estimators.images import ImageClassifier
from plainnet.estimators.tabular.table import as_table
from plainnet.estimators.texts.column import as_texts
from plainnet.estimators.texts.estimators import Texts
from plainnet.inspection.doctor.data import guessed, of_classes
from plainnet.inspection.doctor.diagnosing import Examined
from plainnet.inspection.doctor.ending import of_end
from plainnet.inspection.doctor.ranking import ranked
from plainnet.inspection.doctor.setups import sampled
from plainnet.inspection.doctor.tables import of_table
from plainnet.inspection.doctor.verdicts import Report, Verdict
from plainnet.optimizers.lbfgs import LBFGS

ROWS = 20_000
"""The most rows that are checked."""


def diagnose_estimator(
    estimator: NeuralEstimator, X: Any, y: Any, validation: tuple[Any, Any] | None,
    steps: int | None, seed: int,
) -> Report:  # fmt: skip
    """`diagnose` for a fitted estimator; y holds labels or numbers as for `fit`."""
    if not hasattr(estimator, "network_"):
        raise SettingError(f"{type(estimator).__name__} is not fitted: call fit(X, y) first")
    if isinstance(estimator, Texts):  # all of them, padded to the longest, might take much memory
        rng = np.random.default_rng(seed)
        X, y = sampled(as_texts(X), np.asarray(y), rng)
        if validation is not None:
            validation = sampled(as_texts(validation[0]), np.asarray(validation[1]), rng)
    inputs, targets = estimator._as_learned(X, y)
    pair = None if validation is None else estimator._as_learned(*validation)
    optimizer = getattr(estimator, "_optimizer", None)
    history = getattr(estimator, "history_", None)
    if history is None:
        history = {"loss": [float(loss) for loss in getattr(estimator, "loss_curve_", ())]}
    settings = {"epochs": max(len(history["loss"]), 1)}
    batch = getattr(estimator, "batch_size", None)
    if not isinstance(optimizer, LBFGS):
        settings["batch_size"] = batch if isinstance(batch, int) else min(200, len(targets))
    examined = Examined(
        estimator.network_, inputs, targets, optimizer, history, pair, settings, seed
    )
    if isinstance(estimator, Ensemble | ImageClassifier):
        return _of_recipe(estimator, X, targets, validation, examined)
    report = examined.report(steps)
    verdicts = [_for_estimator(verdict, estimator) for verdict in report]
    return Report(verdicts, report.looked_at, report.left_out)


def _of_recipe(
    estimator: NeuralEstimator, X: Any, targets: Any, validation: Any, examined: Examined
) -> Report:
    """Of one that scales columns, starts and trains by a recipe: its rows, and what is learned."""
    setup, looked_at = examined.setup, ["what is learned"]
    found: list[Verdict] = []
    if examined.ids is not None:
        found += of_classes(setup, examined.ids)
    if hasattr(estimator, "columns_"):
        looked_at.insert(0, "the table")
        found += _of_its_table(estimator, X, guessed(setup.network, targets), validation, examined)
    found += of_end(setup, None, examined.seed)  # the best epoch is kept, whatever came after it
    left_out = {}
    if validation is None:
        left_out["whether others are predicted as well"] = "there are no validation rows"
    # Outputs of one network are not the probabilities, which are of the mean, and calibrated.
    found = [verdict for verdict in found if verdict.name != "miscalibrated"]
    verdicts = [_for_estimator(verdict, estimator) for verdict in ranked(found, 1.0)]
    return Report(verdicts, looked_at, left_out)


def _of_its_table(
    estimator: Any, X: Any, y: Any, validation: Any, examined: Examined
) -> Iterator[Verdict]:
    """What its columns say, as it reads them."""
    if y is None:  # several targets a row
        return
    drawn = np.random.default_rng(examined.seed).permutation(len(y))[:ROWS]
    rows = np.sort(drawn)

    def table(X: Any, rows: Any) -> Any:
        whole = estimator._table(as_table(X), reset=False)
        return whole.iloc[rows] if hasattr(whole, "iloc") else whole[rows]

    others = None if validation is None else table(validation[0], slice(ROWS))
    yield from of_table(table(X, rows), y[rows], others, estimator.columns_.kinds)


def _for_estimator(verdict: Verdict, estimator: NeuralEstimator) -> Verdict:
    """With code for the estimator, where it has a setting for the remedy."""
    code = verdict.code if verdict.name == "leaking_feature" and "drop" in verdict.code else ""
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        rate = verdict.code.partition("optimizer.learning_rate = ")[2]
        if rate:
            code = f"model.set_params(learning_rate_init={rate.splitlines()[0]})"
        elif verdict.name == "strong_regularization":
            code = f"model.set_params(alpha={estimator.alpha / 100:.2g})"
        elif verdict.name == "underfitting":
            code = "model.set_params(hidden_layer_sizes=(256, 128), max_iter=1000)"
        elif verdict.name in ("overfitting", "loss_and_metric_disagree"):
            code = "model.set_params(early_stopping=True)"
    if verdict.name == "unscaled_inputs":
        code = (
            "from sklearn.pipeline import make_pipeline\n"
            "from sklearn.preprocessing import StandardScaler\n"
            "model = make_pipeline(StandardScaler(), model)"
        )
    if verdict.name == "imbalanced_classes":
        code = 'model.set_params(class_weight="balanced")'
    return replace(verdict, code=code)
