"""Typical mistakes in a network written from scratch, each with the array it produces.

`compare` names a mistake only where the array under test is the one that is listed here. The
formulas are those of `plainnet.textbook`; P are the parameters, C is the cache, and layer `last` is
the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
Mistakes = Iterable[tuple[str, Array]]
"""A message, and the array that the mistake would produce."""


def in_pre_activation(l: int, P: Arrays, C: Arrays) -> Iterator[tuple[str, Array]]:
    """Z[l] = W[l] A[l-1] + b[l]."""
    W, b, A = P[f"W{l}"], P[f"b{l}"], C[f"A{l - 1}"]
    yield f"as without b{l}", W @ A
    yield f"as with b{l} subtracted", W @ A - b
    yield f"it is A{l}: the activation has written over it", C[f"A{l}"]
    if l > 1:
        yield f"as of Z{l - 1} in place of A{l - 1}", W @ C[f"Z{l - 1}"] + b
        if len(C["A0"]) == W.shape[1]:
            yield f"as of A0 in place of A{l - 1}", W @ C["A0"] + b


def in_activation(l: int, C: Arrays) -> Iterator[tuple[str, Array]]:
    """A[l] = ReLU(Z[l]), in the output softmax(Z[l])."""
    Z = C[f"Z{l}"]
    E = np.exp(Z - Z.max())
    yield f"it is Z{l}, as without an activation", Z
    yield f"it is the ReLU of Z{l}", np.maximum(0, Z)
    yield f"it is the softmax of Z{l}", E / E.sum(axis=0, keepdims=True)
    yield "the softmax is over axis=1, the examples, instead of axis=0", E / E.sum(1, keepdims=True)
    yield "the softmax is over the whole array instead of axis=0", E / E.sum()
    yield "as without the division by the sum", np.exp(Z)
    yield "as without the division by the sum", np.exp(Z - Z.max(axis=0, keepdims=True))
    yield f"it is the sigmoid of Z{l}", 1 / (1 + np.exp(-Z))
    yield f"it is the tanh of Z{l}", np.tanh(Z)
    yield f"it is the leaky ReLU of Z{l}", np.where(Z > 0, Z, 0.01 * Z)
    yield f"it is the derivative of the ReLU of Z{l}", np.where(Z > 0, 1.0, 0.0)


def in_loss(A: Array, Y: Array) -> Iterator[tuple[str, Array]]:
    """L = -1/m sum_ij y_ij log a_ij."""
    K, m = Y.shape
    for small in (1e-8, 1e-15):
        terms = -Y * np.log(A + small)
        other_terms = -(1 - Y) * np.log(1 - A + small)
        total, both = terms.sum(), terms + other_terms
        yield "as without 1/m", total
        yield "as without the minus sign", -total / m
        yield "as without the minus sign and 1/m", -total
        yield f"as divided by m K = {m * K}, the size of Y, in place of m", total / (m * K)
        yield f"as divided by Y.shape[0] = {K} in place of m = Y.shape[1] = {m}", total / K
        for each in (terms, terms / m):
            yield "its terms are not added up", each
        for keep in (False, True):
            each = terms.sum(axis=0, keepdims=keep)
            yield "it is the loss of each example, not their mean", each
        for wrong in (both.sum() / m, both.mean()):
            yield "it has the terms (1 - Y) log(1 - A) of a yes-or-no loss too", wrong
        yield "as with the logarithm to the base 2", total / m / np.log(2)
        yield "as with the logarithm to the base 10", total / m / np.log(10)
    for wrong in (((A - Y) ** 2).sum() / m, ((A - Y) ** 2).mean()):
        yield "it is the mean squared error", wrong


def in_weight_gradient(l: int, last: int, P: Arrays, C: Arrays, Y: Array) -> Mistakes:
    """dW[l] = 1/m dZ[l] A[l-1]^T."""
    A, m = C[f"A{l - 1}"], Y.shape[1]
    for text, dZ in _in_dZ(l, last, P, C, Y):
        yield text, dZ @ A.T / m
    dZ = _dZ(l, last, P, C, Y)
    if l > 1:
        yield f"as of Z{l - 1} in place of A{l - 1}", dZ @ C[f"Z{l - 1}"].T / m
    yield from _divided(dZ @ A.T, Y)


def in_bias_gradient(l: int, last: int, P: Arrays, C: Arrays, Y: Array) -> Mistakes:
    """db[l] = 1/m sum_i dZ[l]_i."""
    dZ, m = _dZ(l, last, P, C, Y), Y.shape[1]
    db = dZ.sum(axis=1, keepdims=True)
    for array in (dZ, dZ / m):
        yield f"as of dZ{l} without the sum over the examples, axis=1", array
        for keep in (True, False):
            over_rows = array.sum(axis=0, keepdims=keep)
            yield "summed over axis=0, the units, in place of axis=1, the examples", over_rows
        for total in (array.sum(), np.full_like(db, array.sum())):
            yield "summed over the whole array in place of axis=1", total
        yield "the numbers agree, as without keepdims=True", array.sum(axis=1)
    for text, wrong in _in_dZ(l, last, P, C, Y):
        yield text, wrong.sum(axis=1, keepdims=True) / m
    yield from _divided(db, Y)


def _dZ(l: int, last: int, P: Arrays, C: Arrays, Y: Array) -> Array:
    dZ: Array = C[f"A{last}"] - Y
    for k in range(last - 1, l - 1, -1):
        dZ = P[f"W{k + 1}"].T @ dZ * (C[f"Z{k}"] > 0)
    return dZ


def _in_dZ(l: int, last: int, P: Arrays, C: Arrays, Y: Array) -> Iterator[tuple[str, Array]]:
    """dZ[l] = W[l+1]^T dZ[l+1] * (Z[l] > 0), in the output A[l] - Y."""
    if l == last:
        A = C[f"A{l}"]
        yield f"as with dZ{l} = (A{l} - Y) A{l} (1 - A{l})", (A - Y) * A * (1 - A)
        yield f"as with dZ{l} = A{l}, without Y", A
        yield f"as with dZ{l} = -Y / A{l}, which is dA{l}", -Y / A
        return
    Z, W, below = C[f"Z{l}"], P[f"W{l + 1}"], _dZ(l + 1, last, P, C, Y)
    dA = W.T @ below
    yield f"as with dZ{l} = dA{l}, without ReLU's mask Z{l} > 0", dA
    yield "as with ReLU in place of its derivative", dA * np.maximum(0, Z)
    yield f"as with the mask dA{l} > 0 in place of Z{l} > 0", dA * (dA > 0)
    yield f"as with the mask Z{l} < 0 in place of Z{l} > 0", dA * (Z < 0)
    if W.shape[0] == W.shape[1]:
        yield f"as with W{l + 1} in place of its transpose", W @ below * (Z > 0)


def _divided(total: Array, Y: Array) -> Iterator[tuple[str, Array]]:
    """The sum over the examples, which is to be divided by their number."""
    K, m = Y.shape
    yield f"m = {m} times the book's, as without 1/m", total
    yield f"1/m = 1/{m} of the book's, as divided by m twice", total / m**2
    yield f"as divided by Y.shape[0] = {K} in place of m = Y.shape[1] = {m}", total / K
    yield f"as divided by m K = {m * K}, the size of Y, in place of m", total / (m * K)
    yield "the sign is turned, and 1/m is missing", -total


def in_update(before: Array, step: Array, rate: float) -> Iterator[tuple[str, Array]]:
    """W <- W + step, step = -rate dW."""
    yield "it is as it was before the update", before
    yield "the gradient is added, not subtracted", before - step
    yield "updated twice", before + 2 * step
    if rate:
        yield "as without the learning rate", before + step / rate
        yield "the gradient is added, without the learning rate", before - step / rate


def in_any(mine: Array, book: Array, close: Callable[[Array, Array], bool]) -> str | None:
    """Mistakes that relate two arrays whatever they mean."""
    if mine.ndim == 2 and close(mine.T, book):
        return "it is the book's, transposed"
    if mine.shape != book.shape:
        if mine.size == book.size and close(mine.reshape(book.shape), book):
            return "the numbers agree"
        turned = mine.ndim == 2 and mine.shape == book.shape[::-1]
        return "transposed?" if turned else None
    if not mine.any():
        return "all of it is 0"
    if close(mine, -book):
        return "the sign is turned"
    factor = np.vdot(book, mine) / (np.vdot(book, book) or 1.0)
    if book.size > 1 and factor and close(mine, factor * book):
        return f"all of it is {factor:.4g} times the book's"
    return None
