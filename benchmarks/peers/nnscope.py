"""nnscope, which looks on while plainnet trains, with all that its rules read."""

from __future__ import annotations

from copy import deepcopy
from math import nan
from types import SimpleNamespace
from typing import Any

import numpy as np
from doctor import options_of
from faults.setting import Setting, score_on
from nnscope import Scope
from nnscope.adapters import activation_name

import plainnet
from peers import Message
from plainnet import Cache
from plainnet.callbacks import Callback, Run
from plainnet.errors import DivergedError
from plainnet.inspection.doctor.signs import signals_of
from plainnet.layers import RNN


class Watched(Callback):
    """Logs what nnscope takes, each epoch and each step."""

    def __init__(self) -> None:
        self.by_epoch = Scope(live=False, quiet=True, layout="out_in")
        self.by_step = Scope(live=False, quiet=True, layout="out_in")
        self._cache = Cache(record=True)

    def end_step(self, run: Run) -> None:
        if (run.step + 1) % run.steps_per_epoch:
            self._log(run, [self.by_step], run.loss)

    def end_epoch(self, run: Run) -> None:
        last = run.history.last()
        self._log(run, [self.by_epoch, self.by_step], last["loss"], val_loss=last["val_loss"])

    def fail(self, run: Run, error: BaseException) -> None:
        if run.X is not None:
            self._log(run, [self.by_epoch, self.by_step], nan)

    def _log(self, run: Run, scopes: list[Scope], loss: float, **metrics: float) -> None:
        model, outputs = dense_layers(run.network, run.X, self._cache)
        values = {"model": model, "loss": loss, "metrics": metrics, "activations": outputs}
        with np.errstate(all="ignore"):
            for scope in scopes:
                scope.log(run.step, snapshot=False, **values)


def dense_layers(network: plainnet.Network, X: Any, cache: Cache) -> tuple[Any, list[Any]]:
    """Every matrix as a dense layer, with its activation behind it, and the activations' outputs.

    Kernels count as matrices with a row for each filter; tables of embeddings do not.
    """
    layers: list[Any] = []
    outputs: list[Any] = []
    for signal in signals_of(network, X, cache):
        layer = signal.layer
        for name in [each for each in layer.declared if each[0] in "WU"]:
            W, dW = getattr(layer, name), getattr(layer, f"d{name}")
            layers.append(SimpleNamespace(W=W.reshape(len(W), -1), dW=dW.reshape(len(W), -1)))
            outputs.append(None)
        activation = layer.activation if type(layer) is RNN else type(layer).__name__
        stand_in = type(activation, (), {})()
        if outputs and outputs[-1] is None and activation_name(stand_in):
            layers.append(stand_in)
            outputs[-1] = signal.Y
    return SimpleNamespace(layers=layers), outputs


def by_nnscope(setting: Setting) -> tuple[list[list[Message]], float]:
    """What it says by epoch and by step, and the trained network's score on the test rows."""
    network, watched = deepcopy(setting.network), Watched()
    try:
        plainnet.train(
            network, setting.X, setting.y, optimizer=deepcopy(setting.optimizer),
            validation_data=setting.validation, seed=setting.options["seed"], progress=False,
            callbacks=[watched], **options_of(setting),
        )  # fmt: skip
        score = score_on(network, setting.test)
    except DivergedError:
        score = nan
    return [insights(watched.by_epoch), insights(watched.by_step)], score


def insights(scope: Scope) -> list[Message]:
    return [Message(each["kind"], each["level"] != "info") for each in scope.insights]
