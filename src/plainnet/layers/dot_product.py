"""From queries, keys and values to their weighted means, and back: what attention layers share.

With a row for each position, and d numbers in a row (Vaswani et al. 2017, Attention Is All You
Need, equation 1):

    S = Q K^T / sqrt(d)        P = softmax(S)        O = P V

Softmax's derivative of row i is dS_i = P_i (dP_i - sum_j P_ij dP_ij). Since dP = dO V^T, that sum
is the product of two short rows, dO_i and O_i, and with D = rowsum(dO O):

    dV = P^T dO        dS = P (dO V^T - D)        dQ = dS K / sqrt(d)        dK = dS^T Q / sqrt(d)

Memory. A pass for training keeps P, one array of shape (m, heads, time, time), and S is computed in
its place; dropout keeps which of its weights are dropped besides, a byte each. Everything else of
that size exists for 64 queries at a time. A pass for inference keeps no P either; should a
backward pass follow it, that computes P again.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.errors import ShapeError
from plainnet.kernels.arrays import ones
from plainnet.layers.base import Array

QUERIES_AT_ONCE = 64
BOOL = np.dtype(bool)


def attend(
    Q: Array, K: Array, V: Array, O: Array, cache: Cache, causal: bool, dropout: float
) -> None:
    """O = softmax(Q K^T) V, of queries that are scaled already, and hidden keys left out.

    Q and O have the shape (m, time, heads, d), K and V (m, source time, groups, d).
    """
    m, T, h, _ = Q.shape
    S, g = K.shape[1:3]
    Q, O, K, V = by_head(Q, g), by_head(O, g), by_head(K), by_head(V)
    P = _kept_weights((m, h, T, S), g, cache, Q.dtype)
    drops = cache.training and dropout > 0
    M = _grouped(cache.array("M", (m, h, T, S), BOOL), g) if drops else None
    for queries, keys in _blocks(T, S, causal):
        weights = _weights_of(queries, keys, Q, K, P, cache, causal)
        if P is not None and cache.record:  # otherwise nobody looks there
            P[..., queries, keys:] = 0
        if M is not None:
            weights = _dropped(weights, queries, M, dropout, cache, draw=True)
        np.matmul(weights, V[..., :keys, :], out=O[..., queries, :])


def attend_backward(
    dO: Array,
    dQ: Array,
    dK: Array,
    dV: Array,
    Q: Array,
    K: Array,
    V: Array,
    cache: Cache,
    causal: bool,
    dropout: float,
) -> None:
    """Writes dQ, with respect to the unscaled queries, dK and dV, from the gradient of O."""
    m, T, h, d = Q.shape
    S, g = K.shape[1:3]
    O = by_head(cache["O"], g)
    scaled_K = cache.array("scaled_K", K.shape, K.dtype)
    np.multiply(K, 1 / sqrt(d), out=scaled_K)
    Q, dO, dQ = by_head(Q, g), by_head(dO, g), by_head(dQ, g)
    K, V = by_head(K), by_head(V)
    sum_dK = cache.array("sum_dK", (m, g, S, d), dO.dtype)
    sum_dV = cache.array("sum_dV", (m, g, S, d), dO.dtype)
    P = _kept_weights((m, h, T, S), g, cache, Q.dtype)
    M = _grouped(cache["M"], g) if cache.training and dropout else None

    # The last queries see all keys: that block writes dK and dV, and the earlier ones add to them.
    first = True
    for queries, keys in reversed(list(_blocks(T, S, causal))):
        if P is None:
            weights = _weights_of(queries, keys, Q, K, P, cache, causal)
        else:
            weights = P[..., queries, :keys]
        dropped = weights
        dS = cache.array("block_dS", weights.shape, dO.dtype)
        np.matmul(dO[..., queries, :], V[..., :keys, :].swapaxes(-1, -2), out=dS)
        if M is not None:
            dropped = _dropped(weights, queries, M, dropout, cache, draw=False)
            dS *= M[..., queries, :keys]
            dS *= 1 / (1 - dropout)
        _accumulate(dropped, dO[..., queries, :], sum_dV[:, :, :keys], cache, write=first)
        D = cache.array("D", (*weights.shape[:-1], 1), dO.dtype)
        np.vecdot(dO[..., queries, :], O[..., queries, :], out=D[..., 0])
        dS -= D
        dS *= weights
        np.matmul(dS, by_head(scaled_K)[..., :keys, :], out=dQ[..., queries, :])
        _accumulate(dS, Q[..., queries, :], sum_dK[:, :, :keys], cache, write=first)
        first = False
    np.copyto(dK.transpose(0, 2, 1, 3), sum_dK)
    np.copyto(dV.transpose(0, 2, 1, 3), sum_dV)


def by_head(X: Array, groups: int | None = None) -> Array:
    """A view of (m, time, heads, d) as (m, groups, heads in a group, time, d)."""
    m, T, heads, d = X.shape
    groups = groups or heads
    return X.reshape(m, T, groups, heads // groups, d).transpose(0, 2, 3, 1, 4)


def hide(mask: Array | None, S: int, cache: Cache, dtype: np.dtype[Any]) -> None:
    """Note which keys get no weight: minus infinity is added to their scores."""
    if mask is None:
        cache.array("hidden", (0, 1, 1, 1, S), dtype)
        return
    if mask.shape[1] != S:
        raise ShapeError(f"the mask has the shape {mask.shape}, and there are {S} keys")
    hidden = cache.array("hidden", (len(mask), 1, 1, 1, S), dtype)
    hidden.fill(-np.inf)
    np.copyto(hidden[:, 0, 0, 0], 0, where=mask)


def _blocks(T: int, S: int, causal: bool) -> Iterator[tuple[slice, int]]:
    """Some queries at a time, each block with the number of keys that its last query may see."""
    for start in range(0, T, QUERIES_AT_ONCE):
        stop = min(start + QUERIES_AT_ONCE, T)
        yield slice(start, stop), S - T + stop if causal else S


def _kept_weights(
    shape: tuple[int, int, int, int], groups: int, cache: Cache, dtype: np.dtype[Any]
) -> Array | None:
    if not (cache.training or cache.record):
        return None
    return _grouped(cache.array("P", shape, dtype), groups)


def _grouped(P: Array, groups: int) -> Array:
    m, h, T, S = P.shape
    return P.reshape(m, groups, h // groups, T, S)


def _weights_of(
    queries: slice, keys: int, Q: Array, K: Array, P: Array | None, cache: Cache, causal: bool
) -> Array:
    """softmax(Q K^T) of some queries, with zeros for the keys that they may not see."""
    Q, n = Q[..., queries, :], queries.stop - queries.start
    if P is None:
        S = cache.array("weights", (*Q.shape[:-1], keys), Q.dtype)
    else:
        S = P[..., queries, :keys]
    np.matmul(Q, K[..., :keys, :].swapaxes(-1, -2), out=S)
    if causal:
        future = S[..., keys - n :]
        future += _hidden_future(Q.dtype)[:n, :n]
    hidden = cache["hidden"]
    if len(hidden):
        S += hidden[..., :keys]

    highest = cache.array("highest", (*S.shape[:-1], 1), S.dtype)
    np.maximum.reduce(S, axis=-1, keepdims=True, out=highest)
    # Of minus infinities only, the highest would be one, and their difference not a number.
    np.maximum(highest, np.finfo(S.dtype).min, out=highest)
    S -= highest
    np.exp(S, out=S)
    total = cache.array("total", S.shape[:-1], S.dtype)
    np.matmul(S, ones(keys, S.dtype), out=total)
    np.maximum(total, 1, out=total)  # below exp(0) = 1 only where no key is seen: then P = 0
    np.reciprocal(total, out=total)
    S *= total[..., None]
    return S


def _dropped(
    weights: Array, queries: slice, M: Array, rate: float, cache: Cache, *, draw: bool
) -> Array:
    """The weights times M / (1 - rate), in memory of its own."""
    dropped = cache.array("dropped", weights.shape, weights.dtype)
    M = M[..., queries, : weights.shape[-1]]
    if draw:
        cache.rng.random(out=dropped, dtype=dropped.dtype)
        np.greater_equal(dropped, rate, out=M)
    np.multiply(weights, M, out=dropped)
    dropped *= 1 / (1 - rate)
    return dropped


def _accumulate(X: Array, Y: Array, out: Array, cache: Cache, *, write: bool) -> None:
    """Write or add X^T Y, summed over the heads of a group."""
    for head in range(X.shape[2]):
        is_first = write and head == 0
        product = out if is_first else cache.array("product", out.shape, X.dtype)
        np.matmul(X[:, :, head].swapaxes(-1, -2), Y[:, :, head], out=product)
        if not is_first:
            out += product


@lru_cache(maxsize=2)
def _hidden_future(dtype: np.dtype[Any]) -> Array:
    """Minus infinity above the diagonal."""
    future = np.triu(np.full((QUERIES_AT_ONCE, QUERIES_AT_ONCE), -np.inf, dtype), 1)
    future.flags.writeable = False
    return future
