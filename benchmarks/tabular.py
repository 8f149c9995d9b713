"""Tables: the tabular estimators beside scikit-learn's MLP and its gradient boosting.

    python benchmarks/tabular.py                     # everything, five seeds: hours on two cores
    python benchmarks/tabular.py adult --seeds 1     # one table, one seed

Each row of the result is the mean over the seeds, with the standard deviation behind it, and the
median time to fit. Adult keeps its original test rows, so that a seed changes the model only; the
others hold out a fifth of their rows by the seed. scikit-learn's MLP has its defaults, behind
StandardScaler and OneHotEncoder; HistGradientBoosting has its defaults and knows which columns are
categories.
"""

import argparse
import os
import warnings
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from plainnet.estimators.tabular import TabularClassifier, TabularRegressor

FOLDER = Path(os.environ.get("PLAINNET_DATA", Path(__file__).parents[2] / "shared" / "data"))
Parts = tuple[pd.DataFrame, pd.DataFrame, Any, Any]


def held_out(X: pd.DataFrame, y: Any, seed: int, classes: bool = True) -> Parts:
    return train_test_split(X, y, test_size=0.2, random_state=seed, stratify=y if classes else None)


def adult(seed: int) -> Parts:
    train, test = (pd.read_csv(FOLDER / f"adult_{part}.csv.gz") for part in ("train", "test"))
    X, X_test = train.drop(columns="income"), test.drop(columns="income")
    return X, X_test, train["income"], test["income"].str.rstrip(".")


def california(seed: int) -> Parts:
    """The eight features of Pace and Barry 1997; the target in units of 100,000 dollars."""
    t = pd.read_csv(FOLDER / "california_housing.csv.gz")
    X = pd.DataFrame(
        {
            "MedInc": t["median_income"],
            "HouseAge": t["housing_median_age"],
            "AveRooms": t["total_rooms"] / t["households"],
            "AveBedrms": t["total_bedrooms"] / t["households"],
            "Population": t["population"],
            "AveOccup": t["population"] / t["households"],
            "Latitude": t["latitude"],
            "Longitude": t["longitude"],
        }
    )
    return held_out(X, t["median_house_value"] / 1e5, seed, classes=False)


def titanic(seed: int) -> Parts:
    table = pd.read_csv(FOLDER / "titanic.csv")
    return held_out(table.drop(columns=["Survived", "PassengerId"]), table["Survived"], seed)


def digits(seed: int) -> Parts:
    return held_out(*datasets.load_digits(return_X_y=True, as_frame=True), seed)


def breast_cancer(seed: int) -> Parts:
    return held_out(*datasets.load_breast_cancer(return_X_y=True, as_frame=True), seed)


TABLES = {
    "adult": adult,
    "california": california,
    "titanic": titanic,
    "digits": digits,
    "breast-cancer": breast_cancer,
}


def sklearn_mlp(regression: bool, seed: int) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore")
    prepare = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )
    network = MLPRegressor if regression else MLPClassifier
    return make_pipeline(prepare, network(random_state=seed))


def boosting(regression: bool, seed: int) -> Any:
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(categorical_features="from_dtype", random_state=seed)


def plainnet(preset: str) -> Any:
    def make(regression: bool, seed: int) -> Any:
        return (TabularRegressor if regression else TabularClassifier)(preset, random_state=seed)

    return make


MODELS = {
    "plainnet": plainnet("default"),
    "plainnet, fast": plainnet("fast"),
    "scikit-learn MLP": sklearn_mlp,
    "HistGradientBoosting": boosting,
}


def as_categories(parts: Parts) -> Parts:
    """Texts as pandas categories, those of too many kinds for boosting left out."""
    X, X_test, y, y_test = parts
    X, X_test = X.copy(), X_test.copy()
    for name in X.select_dtypes(exclude="number"):
        if X[name].nunique() > 255:
            X, X_test = X.drop(columns=name), X_test.drop(columns=name)
        else:
            X[name] = X[name].astype("category")
            known = X[name].cat.categories
            X_test[name] = X_test[name].astype("category").cat.set_categories(known)
    return X, X_test, y, y_test


def measure(model: str, table: str, seed: int) -> tuple[dict[str, float], float]:
    regression = table == "california"
    parts = TABLES[table](seed)
    X, X_test, y, y_test = as_categories(parts) if model == "HistGradientBoosting" else parts
    estimator = MODELS[model](regression, seed)
    begun = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the MLP's 200 iterations were not enough
        estimator.fit(X, y)
    seconds = perf_counter() - begun
    if regression:
        return {"RMSE": root_mean_squared_error(y_test, estimator.predict(X_test))}, seconds
    P = estimator.predict_proba(X_test)
    return {
        "accuracy": accuracy_score(y_test, estimator.classes_[P.argmax(axis=1)]),
        "log-loss": log_loss(y_test, P, labels=estimator.classes_),
    }, seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("tables", nargs="*", choices=[*TABLES, []], default=[])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    chosen = arguments.parse_args()
    print("| table | model | result | seconds |\n|---|---|---|---|", flush=True)
    for table in chosen.tables or TABLES:
        for model in chosen.models:
            scores, times = zip(
                *(measure(model, table, seed) for seed in range(chosen.seeds)), strict=True
            )
            shown = ", ".join(
                f"{name} {np.mean([s[name] for s in scores]):.4f}"
                f" ± {np.std([s[name] for s in scores]):.4f}"
                for name in scores[0]
            )
            print(f"| {table} | {model} | {shown} | {median(times):.1f} |", flush=True)


if __name__ == "__main__":
    main()
