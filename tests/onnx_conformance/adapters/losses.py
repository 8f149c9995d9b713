"""Softmax with cross-entropy: the loss, and the log-softmax inside it."""

import numpy as np

from onnx_conformance.adapters.through import channels_first, channels_last
from plainnet import Cache
from plainnet.losses import EachPosition, SoftmaxCrossEntropy
from plainnet.losses.positions import NOT_COUNTED


def softmax_cross_entropy(
    scores: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    log_probabilities = channels_first(log_softmax_of_rows(channels_last(scores)))
    Z, ignored = channels_last(scores), labels == ignore_index
    if weights is not None:
        assert reduction == "mean"
        share = np.where(ignored, 0, weights[np.where(ignored, 0, labels)])
        losses = SoftmaxCrossEntropy()
        losses.build(Z.shape[-1:])
        y = losses.targets(np.where(ignored, 0, labels).ravel(), Z.dtype)
        mean = losses.mean(Z.reshape(-1, Z.shape[-1]), y, Cache(), share.ravel())
        return Z.dtype.type(mean)[()], log_probabilities
    loss = EachPosition(SoftmaxCrossEntropy())
    loss.build((None, *Z.shape[1:]))  # the examples are positions of a single one
    y = loss.targets(np.where(ignored, NOT_COUNTED, labels)[None], Z.dtype)
    if reduction == "none":
        return loss.forward(Z[None], y, Cache())[0], log_probabilities
    assert reduction == "mean"
    return Z.dtype.type(loss.mean(Z[None], y, Cache())), log_probabilities


def negative_log_likelihood(
    scores: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> np.ndarray:
    """Our loss takes the log-softmax of scores; these are to be taken as they are.

    Lowered by M so far that their exponentials sum up to less than 1, and with one class more that
    has the rest, they are log-probabilities: their log-softmax changes nothing. M is added again.
    """
    z = channels_last(scores).astype(np.float64)
    M = np.log(np.exp(z).sum(axis=-1)).max() + 1
    z -= M
    rest = np.log(1 - np.exp(z).sum(axis=-1, keepdims=True))
    Z = np.moveaxis(np.concatenate([z, rest], axis=-1), -1, 1).astype(scores.dtype)
    losses, _ = softmax_cross_entropy(
        Z, labels, weights, reduction=reduction, ignore_index=ignore_index
    )
    return (losses - M).astype(scores.dtype)[()]


def log_softmax(X: np.ndarray, *, axis: int = -1) -> np.ndarray:
    Z = np.ascontiguousarray(np.moveaxis(X, axis, -1))
    return np.moveaxis(log_softmax_of_rows(Z), -1, axis)


def log_softmax_of_rows(Z: np.ndarray) -> np.ndarray:
    """What the loss would be if the class were k is -log softmax(Z)_k."""
    loss, rows = SoftmaxCrossEntropy(), Z.reshape(-1, Z.shape[-1])
    loss.build(rows.shape[1:])
    result = np.empty_like(rows)
    for k in range(rows.shape[1]):
        y = loss.targets(np.full(len(rows), k), Z.dtype)
        result[:, k] = -loss.forward(rows, y, Cache())
    return result.reshape(Z.shape)


ADAPTERS = {
    "LogSoftmax": log_softmax,
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy,
}
