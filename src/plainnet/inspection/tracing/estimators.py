"""The trace of an estimator's prediction: from the cells of a row to the prediction."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage
from plainnet.errors import DataError
from plainnet.estimators.base import NeuralEstimator
from plainnet.estimators.ensemble import Ensemble
from plainnet.estimators.images import ImageClassifier
from plainnet.inspection.tracing.stages import Way
from plainnet.inspection.tracing.trace import Trace

MOST_ROWS = 256
"""The most rows in a trace, which keeps every number of the pass."""


def trace_of_estimator(estimator: NeuralEstimator, X: Any) -> Trace:
    """Trace the prediction for a few rows: preprocessing, each network, and what follows."""
    rows = estimator._features(X)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise DataError(f"a trace is for a few rows, 1 to {MOST_ROWS}; got {len(rows):,}")
    way = Way()
    several = isinstance(estimator, Ensemble)
    exact = several or isinstance(estimator, ImageClassifier)  # they predict in float64
    networks = estimator.networks_ if several else [estimator.network_]
    networks = [network.astype(np.float64) if exact else deepcopy(network) for network in networks]
    given = way.add_before(*estimator._stage_before(X, rows), networks[0])
    outputs = [
        way.add_network(network, given, f"network_{i}" if len(networks) > 1 else "")
        for i, network in enumerate(networks, 1)
    ]
    Z = outputs[0]
    if len(outputs) > 1:
        names = [f"Z_{i}" for i in range(1, len(outputs) + 1)]
        mean = Formula("Z", f"({' + '.join(names)}) / {len(names)}", r"Z = \tfrac1n \sum_i Z_i")
        known = dict(zip(names, outputs, strict=True))
        Z = way.add(Stage("mean", f"of {len(names)} networks", (mean,), known))
    after = estimator._stage_after()
    if after is not None:
        Z = way.add(after, Z=Z)
    classes = getattr(estimator, "classes_", ())
    ends = after is not None and after.ends
    if not ends and len(classes) != 1:  # of one class there is no doubt
        way.add_activation(estimator.network_.loss, Z)
    way.parts[-1].notes = estimator._notes_on(estimator._outputs(rows))
    return Trace(way.parts, way.data, None)
