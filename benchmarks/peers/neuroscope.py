"""neuroscope, on those networks that its own framework can express."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from faults.setting import Setting
from neuroscope import MLP, PreTrainingAnalyzer, TrainingMonitor

import plainnet
from peers import Message
from plainnet.layers import Dense, Dropout
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam, Optimizer, RMSprop

LIKE_MLP = re.compile(r"(Dense ((?:Dropout )?ReLU|Tanh|Sigmoid|SELU) )?\1*Dense")
"""The layers of a network that it can express: its hidden layers are all alike."""
OUTPUTS = {MeanSquaredError: None, SigmoidCrossEntropy: "sigmoid", SoftmaxCrossEntropy: "softmax"}
METHODS = {(SGD, 0.0): "sgd", (SGD, 0.9): "sgdm", (RMSprop, 0.0): "rmsprop", (Adam, 0.0): "adam"}
"""By class and momentum."""
ALWAYS = "Gradient computation failed"
"""An entry of every list, since the analyzer imports a module that is not there."""
LASTING = 0.75
"""The share of epochs in which a light has to show. Nearly every healthy network has a red light at
some time; of the shares tried, this calls fewest faulty, and hardly fewer faults are named."""


class Lights(TrainingMonitor):
    """Its monitor, which keeps what it shows after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[dict[str, Any]] = []

    def monitor_step(self, *values: Any, **named: Any) -> dict[str, Any]:
        self.epochs.append(super().monitor_step(*values, **named))
        return self.epochs[-1]

    def told(self) -> list[Message]:
        """Red and yellow lights; yellow ones of 0 had nothing to measure, and snr's is normal."""
        told, needed = [], LASTING * len(self.epochs)
        for name in self.epochs[0] if self.epochs else ():
            shown = [epoch[name] for epoch in self.epochs]
            red = sum(light["status"] == "🔴" for light in shown)
            yellow = sum(light["status"] == "🟡" and light["value"] > 0 for light in shown)
            yellow *= name != "snr"
            if red + yellow >= needed:
                told.append(Message(name, red >= needed))
        return told


def can_express(setting: Setting) -> bool:
    network = setting.network
    return (
        LIKE_MLP.fullmatch(names_of(network)) is not None
        and method_of(setting.optimizer) is not None
        and type(network.loss) in OUTPUTS
        and not getattr(network.loss, "label_smoothing", 0)
        and set(setting.options) <= {"seed", "clip_norm"}
        and all(segment.learning_rate for segment in network.segments)
    )


def names_of(network: plainnet.Network) -> str:
    return " ".join(type(layer).__name__ for layer in network.layers)


def method_of(optimizer: Optimizer) -> str | None:
    return METHODS.get((type(optimizer), getattr(optimizer, "momentum", 0.0)))


def as_mlp(setting: Setting) -> MLP:
    """The same network, with the same initial weights and the same optimizer."""
    network, optimizer = setting.network, setting.optimizer
    dense = [layer for layer in network.layers if type(layer) is Dense]
    rates = [layer.rate for layer in network.layers if type(layer) is Dropout]
    mlp = MLP(
        [dense[0].W.shape[1], *[len(layer.W) for layer in dense]],
        (LIKE_MLP.fullmatch(names_of(network))[2] or "Tanh").split()[-1].lower(),
        OUTPUTS[type(network.loss)],
        init_seed=setting.options["seed"],
        dropout_rate=max(rates, default=0.0),
    )
    mlp.weights = [layer.W.T.astype(np.float64) for layer in dense]
    mlp.biases = [layer.b[None].astype(np.float64) for layer in dense]
    decay = optimizer.weight_decay * setting.batch_size
    clip = setting.options.get("clip_norm")
    mlp.compile(method_of(optimizer), optimizer.learning_rate, "l2" if decay else None, decay, clip)
    return mlp


def by_neuroscope(setting: Setting) -> list[Message]:
    lights = Lights()
    with redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        mlp = as_mlp(setting)
        analyzer = PreTrainingAnalyzer(mlp)
        analyzer.analyze(setting.X, setting.y)
        mlp.fit(
            setting.X, setting.y, *setting.validation, epochs=setting.epochs,
            batch_size=setting.batch_size, early_stopping_patience=setting.epochs,
            reset_before_training=False, monitor=lights,
        )  # fmt: skip
    in_training = [Message("warning", True) for each in warned if each.category is UserWarning]
    return [*of_analyzer(analyzer.results), *in_training[:1], *lights.told()]


def of_analyzer(tests: dict[str, Any]) -> list[Message]:
    """Its tests that do not pass; of the last, what it lists."""
    told = []
    for name, test in tests.items():
        if name != "overall_status" and test["status"] in ("WARN", "FAIL"):
            says = test["issues"] if name == "Convergence Feasibility" else [name]
            told += [Message(each, test["status"] == "FAIL") for each in says if each != ALWAYS]
    return told
