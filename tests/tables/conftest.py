"""Tables as people export them: small estimators, and the command of tests/cli."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer", reason="the extra `cli` is not installed")

from cli.conftest import Refused, Result, Run, folder, refused, run
from plainnet.estimators import TabularClassifier, TabularRegressor

__all__ = ["LEARNED", "QUICK", "Refused", "Result", "Run", "folder", "refused", "run"]

QUICK = (
    *("--preset", "fast", "--networks", "1", "--hidden", "8", "--epochs", "2"),
    *("--test-size", "0.2", "-q"),
)
LEARNED = ("--epochs", 60, "--learning-rate", 0.1)
"""Enough to tell classes by a column that says which they are."""
SETTINGS = {
    "preset": "fast",
    "n_networks": 1,
    "epochs": 2,
    "hidden_layer_sizes": [8],
    "random_state": 0,
}


def classifier(**settings: Any) -> TabularClassifier:
    """One that is trained in no time."""
    return TabularClassifier(**{**SETTINGS, **settings})


def regressor(**settings: Any) -> TabularRegressor:
    """One that is trained in no time."""
    return TabularRegressor(**{**SETTINGS, **settings})


def quietly(model: Any, X: Any, y: Any) -> Any:
    """The model, fitted to a table whose warnings are not the subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def write(path: Path, table: Any, **settings: Any) -> Path:
    """The table as a CSV file without an index."""
    table.to_csv(path, index=False, **settings)
    return path


def predicted(result: Result) -> list[str]:
    """The first column of what `plainnet predict` prints."""
    assert (result.code, result.err) == (0, "")
    return [line.split(",")[0].strip('"') for line in result.out.splitlines()[1:]]
