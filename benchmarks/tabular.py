"""Tables: the tabular estimators beside scikit-learn's MLP, gradient boosting, RealMLP and TabM.

    python benchmarks/tabular.py run results.jsonl                        # everything: hours
    python benchmarks/tabular.py run results.jsonl --tables cars --models plainnet RealMLP
    python benchmarks/tabular.py report results.jsonl

Each (table, model, seed) is a line in the file, so that a run which is cut off goes on where it
stopped, and a new version of plainnet needs only its own lines again (`--anew plainnet`). The
report has the mean over the seeds and its standard deviation, the median seconds to fit, and how
often plainnet is ahead.

All get the same rows. scikit-learn's MLP has its defaults, behind a median for missing values,
StandardScaler and OneHotEncoder; HistGradientBoosting has its defaults and knows which columns are
categories; RealMLP and TabM are those of pytabkit with tuned defaults (RealMLP-TD, TabM-D; extra
`benchmarks`, PyTorch). RealMLP is measured alone, as the mean of five that each hold out another
fifth, and with as many of its 256 epochs as fit into plainnet's time on the same table. Where
plainnet reads dates and names itself, the others get dates as the same five numbers and do without
texts of more than 255 kinds.
"""

import argparse
import json
import os
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from plainnet.estimators import TabularClassifier, TabularRegressor
from tables import CHOOSING, OTHERS, REGRESSION, TABLES, Parts, split

OURS, THEIRS, SHORTENED = "plainnet", "RealMLP", "RealMLP in plainnet's time"
EPOCHS = 256
"""Of RealMLP."""
LOSS, ACCURACY = ("RMSE", "log-loss"), ("accuracy",)


# --- models ---------------------------------------------------------------------------------------


def plainnet(regression: bool, seed: int, **settings: Any) -> Any:
    return (TabularRegressor if regression else TabularClassifier)(random_state=seed, **settings)


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


def pytabkit(name: str, n_cv: int = 1) -> Any:
    def make(regression: bool, seed: int, **settings: Any) -> Any:
        import pytabkit

        kind = getattr(pytabkit, f"{name}_{'Regressor' if regression else 'Classifier'}")
        threads = int(os.environ.get("OPENBLAS_NUM_THREADS", 0)) or os.cpu_count()
        return kind(
            random_state=seed, n_cv=n_cv, n_threads=threads, device="cpu", verbosity=0, **settings
        )

    return make


MODELS = {
    OURS: plainnet,
    "plainnet, fast": lambda *which: plainnet(*which, preset="fast"),
    "scikit-learn MLP": sklearn_mlp,
    "HistGradientBoosting": boosting,
    THEIRS: pytabkit("RealMLP_TD"),
    SHORTENED: pytabkit("RealMLP_TD"),
    "RealMLP, mean of 5": pytabkit("RealMLP_TD", n_cv=5),
    "TabM": pytabkit("TabM_D"),
}


# --- tables for those who do not read them as they come -------------------------------------------


def with_date_parts(X: pd.DataFrame) -> pd.DataFrame:
    for name in X.select_dtypes(include="datetime"):
        when = X[name].dt
        seconds = (X[name] - pd.Timestamp(0)).dt.total_seconds()
        X = X.drop(columns=name).assign(
            **{
                f"{name} time": seconds,
                f"{name} month": when.month,
                f"{name} day": when.day,
                f"{name} hour": when.hour,
                f"{name} day of the week": when.day_of_week,
            }
        )
    return X


def as_categories(parts: Parts) -> Parts:
    """Texts as pandas categories, those of too many kinds left out."""
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


def without_missing(parts: Parts) -> Parts:
    """The median for missing numbers, with a flag; a category of their own for missing texts."""
    X, X_test, y, y_test = as_categories(parts)
    for name in X.columns:
        if X[name].dtype == "category":
            X[name], X_test[name] = (
                each[name].cat.add_categories("(missing)").fillna("(missing)")
                for each in (X, X_test)
            )
        elif X[name].isna().any():
            middle = X[name].median()
            for each in (X, X_test):
                each[f"{name} missing"] = each[name].isna().astype(float)
                each[name] = each[name].fillna(middle)
        else:
            X_test[name] = X_test[name].fillna(X[name].median())
    return X, X_test, y, y_test


def parts_for(model: str, table: str, seed: int) -> Parts:
    X, X_test, y, y_test = split(table, seed)
    if model.startswith(OURS):
        return X, X_test, y, y_test
    parts = with_date_parts(X), with_date_parts(X_test), y, y_test
    if model == "HistGradientBoosting":
        return as_categories(parts)
    return parts if model == "scikit-learn MLP" else without_missing(parts)


# --- measuring ------------------------------------------------------------------------------------


def measure(model: str, table: str, seed: int, **settings: Any) -> dict[str, Any]:
    regression = table in REGRESSION
    X, X_test, y, y_test = parts_for(model, table, seed)
    estimator = MODELS[model](regression, seed, **settings)
    texts = [name for name in X if X[name].dtype == "category"]
    known = {"cat_col_names": texts} if "pytabkit" in type(estimator).__module__ else {}
    begun = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the MLP's 200 iterations were not enough
        estimator.fit(X, y, **known)
    seconds = perf_counter() - begun
    if regression:
        scores = {"RMSE": root_mean_squared_error(y_test, estimator.predict(X_test))}
    else:
        P = np.asarray(estimator.predict_proba(X_test))
        labels = estimator.classes_
        scores = {
            "accuracy": accuracy_score(y_test, labels[P.argmax(axis=1)]),
            "log-loss": log_loss(y_test, P / P.sum(axis=1, keepdims=True), labels=labels),
        }
    return {"table": table, "model": model, "seed": seed, **scores, "seconds": seconds}


def run(path: Path, tables: list[str], models: list[str], seeds: int, anew: list[str]) -> None:
    found = [line for line in read(path) if line["model"] not in anew]
    if anew:
        path.write_text("".join(json.dumps(line) + "\n" for line in found))
    done = {(line["table"], line["model"], line["seed"]) for line in found}
    for seed in range(seeds):
        for table in tables:
            for model in models:
                if (table, model, seed) not in done:
                    settings = shortened(read(path), table) if model == SHORTENED else {}
                    line = measure(model, table, seed, **settings)
                    with path.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                    print(json.dumps(line), flush=True)


def shortened(lines: list[dict[str, Any]], table: str) -> dict[str, int]:
    """How many epochs of RealMLP take as long as plainnet."""
    lines = [line for line in lines if line["table"] == table]
    ours, theirs = (
        median(line["seconds"] for line in lines if line["model"] == model)
        for model in (OURS, THEIRS)
    )
    return {"n_epochs": min(max(1, round(EPOCHS * ours / theirs)), EPOCHS)}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# --- the report -----------------------------------------------------------------------------------


def report(path: Path) -> None:
    lines: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in read(path):
        lines[line["table"], line["model"]].append(line)
    models = [model for model in MODELS if any(model == m for _, m in lines)]
    head = f"| | {' | '.join(models)} |\n|{'---|' * (len(models) + 1)}"
    for title, tables in (("Those that chose the defaults", CHOOSING), ("Others", OTHERS)):
        print(f"\n{title}: RMSE, or log-loss and accuracy\n\n{head}")
        for table in tables:
            cells = [_cell(lines[table, model]) for model in models]
            print(f"| {table} | {' | '.join(cells)} |")
        print(f"\n{title}: seconds to fit\n\n{head}")
        for table in tables:
            cells = [_seconds(lines[table, model]) for model in models]
            print(f"| {table} | {' | '.join(cells)} |")
        print()
        for model in models[1:]:
            print(_ahead(tables, lines, model))


def _ahead(tables: Iterable[str], lines: Mapping[tuple[str, str], Any], model: str) -> str:
    """On how many tables plainnet is ahead, by the means over the seeds, and on which it is not."""
    both = [table for table in tables if lines[table, OURS] and lines[table, model]]
    behind = [t for t in both if _mean(lines[t, OURS], LOSS) >= _mean(lines[t, model], LOSS)]
    classes = [table for table in both if table not in REGRESSION]
    right = sum(_mean(lines[t, OURS], ACCURACY) > _mean(lines[t, model], ACCURACY) for t in classes)
    others = f" (not on {', '.join(behind)})" if behind else ""
    return (
        f"ahead of {model} in RMSE or log-loss on {len(both) - len(behind)} of {len(both)}"
        f"{others}, in accuracy on {right} of {len(classes)}"
    )


def _mean(lines: list[dict[str, Any]], measures: tuple[str, ...]) -> float:
    return float(np.mean([line[name] for line in lines for name in measures if name in line]))


def _cell(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return ""
    losses = [line[name] for line in lines for name in LOSS if name in line]
    cell = f"{np.mean(losses):.3g} ± {np.std(losses):.2g}"
    return f"{cell}, {_mean(lines, ACCURACY):.3f}" if ACCURACY[0] in lines[0] else cell


def _seconds(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return ""
    seconds = median(line["seconds"] for line in lines)
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("what", choices=["run", "report"])
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    arguments.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--anew", nargs="*", choices=MODELS, default=[])
    chosen = arguments.parse_args()
    if chosen.what == "run":
        run(chosen.file, chosen.tables, chosen.models, chosen.seeds, chosen.anew)
    else:
        report(chosen.file)


if __name__ == "__main__":
    main()
