"""The code of docs/migration.md runs."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from sklearn.datasets import load_iris

GUIDE = Path(__file__).parents[2] / "docs" / "migration.md"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_block_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 7
    X, y = load_iris(return_X_y=True)
    names = {"X": X, "y": y, "X_val": X[::3], "y_val": y[::3], "weights": np.ones(len(X))}
    names["np"] = np
    for block in blocks:
        exec(block, names)
    assert "0.dense" in capsys.readouterr().out
    network = names["NetworkClassifier"]
    assert network.__module__ == "plainnet.estimators.networks"
    fresh = names["MLPClassifier"]((8,), dropout=0.2, batch_norm=True, max_iter=3)
    assert fresh.fit(X, y).n_iter_ == 3
