"""Normalization over the batch, the features of an example, or groups of its channels."""

from math import prod

import numpy as np

from onnx_conformance.adapters.through import channels_first, channels_last, through
from plainnet import Cache
from plainnet.layers import BatchNorm, GroupNorm, LayerNorm, RMSNorm


def batch_norm(
    X: np.ndarray,
    scale: np.ndarray,
    B: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    is_test: int = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ONNX's running variance takes the batch's as it is, ours times N / (N - 1)."""
    layer = BatchNorm(momentum=momentum, epsilon=epsilon)
    tensors = {"gamma": scale, "beta": B, "running_mean": mean, "running_variance": variance}
    Y = through(layer, channels_last(X), Cache(training=bool(training_mode)), **tensors)
    N, kept = X.size // X.shape[1], variance.dtype.type(momentum) * variance
    new = (layer.running_variance - kept) * variance.dtype.type((N - 1) / N)
    return channels_first(Y), layer.running_mean, kept + new


def layer_norm(
    X: np.ndarray, scale: np.ndarray, B: np.ndarray, *, axis: int = -1, epsilon: float = 1e-5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    layer, cache = LayerNorm(epsilon=epsilon), Cache(record=True)
    Y = through(layer, rows_from(X, axis), cache, gamma=scale.ravel(), beta=B.ravel())
    axis %= X.ndim
    per_row = (*X.shape[:axis], *(1,) * (X.ndim - axis))
    mean, inverse_std = (cache[f"{layer.name}.{name}"] for name in ("mean", "inverse_std"))
    return Y.reshape(X.shape), mean.reshape(per_row), inverse_std.reshape(per_row)


def rms_norm(
    X: np.ndarray, scale: np.ndarray, *, axis: int = -1, epsilon: float = 1e-5
) -> np.ndarray:
    return through(RMSNorm(epsilon=epsilon), rows_from(X, axis), gamma=scale.ravel()).reshape(
        X.shape
    )


def group_norm(
    X: np.ndarray, scale: np.ndarray, B: np.ndarray, *, num_groups: int, epsilon: float = 1e-5
) -> np.ndarray:
    layer = GroupNorm(num_groups, epsilon=epsilon)
    return channels_first(through(layer, channels_last(X), gamma=scale, beta=B))


def instance_norm(
    X: np.ndarray, scale: np.ndarray, B: np.ndarray, *, epsilon: float = 1e-5
) -> np.ndarray:
    return group_norm(X, scale, B, num_groups=X.shape[1], epsilon=epsilon)


def rows_from(X: np.ndarray, axis: int) -> np.ndarray:
    """The axes from this one on as one."""
    return X.reshape(-1, prod(X.shape[axis:]))


ADAPTERS = {
    "BatchNormalization": batch_norm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
}
