"""The trace of a network: a recorded pass over a copy of it."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.parts import Parts
from plainnet.arguments.spelling import require_object, spelled
from plainnet.data import check_features
from plainnet.engine.cache import Cache
from plainnet.errors import SettingError, require_boolean, require_optional
from plainnet.inspection.tracing.parts import activation_shown, parts_of
from plainnet.inspection.tracing.textbook import trace_of_textbook
from plainnet.inspection.tracing.trace import Trace
from plainnet.inspection.tracing.updates import updated
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.textbook import NeuralNetwork


@spelled
def trace(
    network: Any,
    X: Any,
    y: Any = None,
    optimizer: Optimizer | None = None,
    *,
    sample_weight: npt.ArrayLike | None = None,
    training: bool | None = None,
    seed: int | np.random.Generator | None = 0,
) -> Trace:
    """Record one pass over a few examples, so that every number in it can be inspected.

    Nothing is changed: not the network's parameters, gradients or running state, the optimizer, or
    any random numbers.

    Parameters
    ----------
    network : Network, NeuralNetwork, estimator or agent
        For a `NeuralNetwork`, the trace is a step of gradient descent, X and Y have one column per
        example, and the names are the guide's: A0, Z1, dW1. For an estimator, it is a prediction
        that starts at the cells of the rows X; for an agent, the decision for an observation X.
    X : array of shape (m, *input_shape)
        One example or a few. With several inputs, a dict of arrays.
    y : array of m targets, optional
        Targets as for the network's loss. Without them, the pass ends with the loss's activation of
        the output, such as probabilities.
    optimizer : Optimizer, optional
        With an optimizer, the trace ends with its next update.
    sample_weight : array of shape (m,), optional
        They appear in the trace in the form that the loss uses: divided by the largest.
    training : bool, optional
        Whether dropout is active and batch norm uses the batch; by default if there are targets.
    seed : int, numpy.random.Generator or None
        For dropout.

    Raises
    ------
    SettingError
        If there is an optimizer but no y.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> from plainnet.optimizers import SGD
    >>> network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, dtype=np.float64)
    >>> network["0.dense.W"] = [[0.5, -0.25]]
    >>> record = trace(network, [[3.0, 2.0]], [2.0], SGD(0.1))
    >>> print(record.unit("0.dense.Z", (0, 0)))
    Z[0, 0] = 3*0.5 + 2*(-0.25) + 0 = 1
    >>> print(record.unit("0.dense.dW", (0, 1)))
    dW[0, 1] = -2*2 = -4
    >>> print(record.unit("update.0.dense.W.p_next", (0, 1)))
    p_next[0, 1] = -0.25 - 0.1*(-4) = 0.15
    """
    others = {"sample_weight": sample_weight, "training": training}
    estimators = sys.modules.get("plainnet.estimators.base")
    if estimators is not None and isinstance(network, estimators.NeuralEstimator):
        from plainnet.inspection.tracing.estimators import trace_of_estimator

        _expect_only("an estimator", y=y, optimizer=optimizer, **others)
        return trace_of_estimator(network, X)
    agents = sys.modules.get("plainnet.rl.agent")
    if agents is not None and isinstance(network, agents.Agent):
        from plainnet.inspection.tracing.agents import trace_of_agent

        _expect_only("an agent", y=y, optimizer=optimizer, **others)
        return trace_of_agent(network, X)
    if isinstance(network, NeuralNetwork):
        _expect_only("a NeuralNetwork", optimizer=optimizer, **others)
        return trace_of_textbook(network, X, y)
    require_object("network", network, Network)
    require_optional("optimizer", optimizer, Optimizer)
    if training is not None:
        require_boolean("training", training)
    if optimizer is not None and y is None:
        raise SettingError("an update follows from a loss: pass the targets y with the optimizer")
    own = deepcopy(network)
    seed = deepcopy(seed)  # a generator is not advanced
    cache = Cache(training=y is not None if training is None else training, record=True, seed=seed)
    loss, updates = None, {}
    if y is None:
        if sample_weight is not None:
            raise SettingError("sample_weight weighs the losses of targets: pass y too")
        X, outputs = recorded_outputs(own, kept(own.inputs(X)), cache)
        activation_shown(own.loss, outputs, cache.children["loss"])
    else:
        X, targets, weights = own.check(X, y, sample_weight)
        X = kept(X)
        loss = own.step(X, targets, cache, weights)
        updates = {} if optimizer is None else dict(updated(own, deepcopy(optimizer)))
    return Trace(parts_of(cache, updates), named(X), loss)


OWN_NETWORK = {
    "an estimator": "; a step of training can be traced of estimator.network_",
    "an agent": "",
    "a NeuralNetwork": "; to_network() makes a network that can be traced with them",
}


def _expect_only(kind: str, **given: Any) -> None:
    """Refuse what a trace of this kind has no use for."""
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        what = "a step of gradient descent" if kind == "a NeuralNetwork" else "a prediction"
        raise SettingError(
            f"the trace of {kind} is that of {what}: leave out {', '.join(wrong)}"
            f"{OWN_NETWORK[kind]}"
        )


def recorded_outputs(network: Network, X: Any, cache: Cache) -> tuple[Any, Any]:
    """The data in the network's form, and the outputs of a pass with this cache."""
    X = network.inputs(X)
    check_features(X)
    return X, network.forward(X.arrays if isinstance(X, Parts) else X, cache)


def kept(X: Any) -> Any:
    """A copy of the data, since the caller may change the original."""
    return X.map(np.array) if isinstance(X, Parts) else np.array(X)


def named(X: Any) -> dict[str, Any]:
    """The data by its names in a trace: X, or X.left and X.right."""
    if isinstance(X, Parts):
        return {f"X.{name}": array for name, array in X.arrays.items()}
    return {"X": X}
