"""The trace of a `NeuralNetwork`: the guide's names, and a column for each example."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np

from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import Window
from plainnet.inspection.tracing.parts import Part
from plainnet.inspection.tracing.trace import Direction, Step, Trace
from plainnet.textbook import NeuralNetwork


def trace_of_textbook(book: NeuralNetwork, X: Any, Y: Any = None) -> Trace:
    """Trace one step of gradient descent: forward, backward and update, or only forward without Y.

    The arrays are named as in the cache, the gradients and the parameters: A0, Z1, dW1, W1,
    and W1_next after the update.
    """
    book.to_network()  # refuses a class that overrides what the formulas say
    own = deepcopy(book)
    X = np.array(X, float)
    cache = own.forward_propagation(X)
    last = own.L + 1
    loss, arrays = None, {**own.parameters, **cache}
    if Y is not None:
        loss = own.compute_loss(cache[f"A{last}"], Y)
        gradients = own.backward_propagation(cache, Y)
        arrays |= {"Y": np.asarray(Y, float), "loss": np.array(loss), **gradients}
        arrays = {name: array.copy() for name, array in arrays.items()}
        own.update_parameters(gradients)
        arrays |= {f"{name}_next": array for name, array in own.parameters.items()}
    window = _window(own, arrays, X.shape[1])
    part = Part("", window, "layer")
    record = Trace([part], {}, loss)
    record.steps = tuple(
        Step(record, i, part, direction, layer, subject, formulas)
        for i, (layer, subject, direction, formulas) in enumerate(_steps(own, Y is not None))
    )
    return record


def _window(book: NeuralNetwork, arrays: dict[str, Any], m: int) -> Window:
    steps = _steps(book, "Y" in arrays)
    forward = [f for *_, direction, each in steps if direction == "forward" for f in each]
    back = [f for *_, direction, each in steps if direction != "forward" for f in each]
    subject = SimpleNamespace(m=m, learning_rate=book.learning_rate)
    subject.formulas = Formulas("A0", f"A{book.L + 1}", tuple(forward), tuple(back))
    window = Window(subject, {})
    window.went_back = "Y" in arrays
    for name, array in arrays.items():
        window.note(name, array)
    return window


def _steps(
    book: NeuralNetwork, learns: bool
) -> list[tuple[str, str, Direction, tuple[Formula, ...]]]:
    """The layer, what it is, the direction and the formulas of each step."""
    last = book.L + 1
    steps: list[tuple[str, str, Direction, tuple[Formula, ...]]] = [
        (f"layer {l}", "softmax" if l == last else "ReLU", "forward", _layer(l, last))
        for l in range(1, last + 1)
    ]
    if not learns:
        return steps
    steps.append(
        (
            "loss",
            "cross-entropy",
            "forward",
            (
                Formula(
                    "loss",
                    f"-(Y * log(A{last} + 1e-8)).sum() / m",
                    r"L = -\tfrac1m \sum_i \sum_j y_{ij} \log a_{ij}",
                ),
            ),
        )
    )
    back: list[tuple[str, str, Direction, tuple[Formula, ...]]] = [
        (f"layer {l}", "softmax" if l == last else "ReLU", "backward", _layer_back(l, last))
        for l in range(last, 0, -1)
    ]
    change: list[tuple[str, str, Direction, tuple[Formula, ...]]] = [
        (f"layer {l}", "gradient descent", "update", _update(l)) for l in range(1, last + 1)
    ]
    return steps + back + change


def _layer(l: int, last: int) -> tuple[Formula, ...]:
    Z = Formula(
        f"Z{l}",
        f"W{l} @ A{l - 1} + b{l}",
        f"Z^{{[{l}]}} = W^{{[{l}]}} A^{{[{l - 1}]}} + b^{{[{l}]}}",
    )
    if l < last:
        return Z, Formula(f"A{l}", f"maximum(0, Z{l})", rf"A^{{[{l}]}} = \max(0, Z^{{[{l}]}})")
    exp_Z = Formula(
        "exp_Z", f"exp(Z{l} - Z{l}.max(axis=0, keepdims=True))", rf"E = e^{{Z^{{[{l}]}} - \max}}"
    )
    A = Formula(
        f"A{l}", "exp_Z / exp_Z.sum(axis=0, keepdims=True)", rf"A^{{[{l}]}} = E / \textstyle\sum E"
    )
    return Z, exp_Z, A


def _layer_back(l: int, last: int) -> tuple[Formula, ...]:
    dZ, above = f"dZ{l}", f"dZ^{{[{l}]}}"
    first: tuple[Formula, ...]
    if l == last:
        first = (Formula(dZ, f"A{l} - Y", f"{above} = A^{{[{l}]}} - Y"),)
    else:
        first = (
            Formula(
                f"dA{l}",
                f"W{l + 1}.T @ dZ{l + 1}",
                rf"dA^{{[{l}]}} = W^{{[{l + 1}]\top}} dZ^{{[{l + 1}]}}",
            ),
            Formula(dZ, f"dA{l} * (Z{l} > 0)", rf"{above} = dA^{{[{l}]}} \odot [Z^{{[{l}]}} > 0]"),
        )
    return (
        *first,
        Formula(
            f"dW{l}",
            f"{dZ} @ A{l - 1}.T / m",
            rf"dW^{{[{l}]}} = \tfrac1m {above} A^{{[{l - 1}]\top}}",
        ),
        Formula(
            f"db{l}",
            f"{dZ}.sum(axis=1, keepdims=True) / m",
            rf"db^{{[{l}]}} = \tfrac1m \sum_i {above}_i",
        ),
    )


def _update(l: int) -> tuple[Formula, ...]:
    return tuple(
        Formula(
            f"{name}_next",
            f"{name} - learning_rate * d{name}",
            rf"{name[0]}^{{[{l}]}} \leftarrow {name[0]}^{{[{l}]}} - \alpha\, d{name[0]}^{{[{l}]}}",
        )
        for name in (f"W{l}", f"b{l}")
    )
