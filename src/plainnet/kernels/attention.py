"""Attention: weighted means of values, and back.

With a row for each position, and d numbers in a row (Vaswani et al. 2017, Attention Is All You
Need, equation 1):

    S = Q K^T / sqrt(d)        P = softmax(S)        O = P V

Softmax's derivative of row i is dS_i = P_i (dP_i - sum_j P_ij dP_ij). Since dP = dO V^T, that sum
is the product of two short rows, dO_i and O_i, and with D = rowsum(dO O):

    dV = P^T dO        dS = P (dO V^T - D)        dQ = dS K / sqrt(d)        dK = dS^T Q / sqrt(d)

Memory. P is one array of shape (m, heads, T, S), the scores are computed in its place, and dropout
keeps which of its weights are dropped besides, a byte each. Everything else of that size exists for
64 queries at a time. Where P is not kept, as in prediction, `attend_backward` computes it again.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, pairwise
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np

from plainnet.kernels.arrays import Array, Shape, aligned, ones, shaped
from plainnet.kernels.compiled import twin
from plainnet.kernels.dropout import dropout, dropout_backward

QUERIES_AT_ONCE = 64

LOWEST = {np.dtype(kind): np.array(np.finfo(kind).min) for kind in (np.float32, np.float64)}


def attend_size(Q: Shape, K: Shape, keeps: bool, drops: bool) -> int:
    """The numbers of scratch memory that `attend` needs; whether there is a P, and an M."""
    return _size(_scratch(Q, K, keeps, drops))


@twin
def attend(
    Q: Array,  # (m, T, heads, d), times 1 / sqrt(d)
    K: Array,  # (m, S, groups, d)
    V: Array,  # (m, S, groups, d)
    mask: Array | None,  # (m, S), booleans: the keys that may be seen
    causal: bool,
    rate: float,
    rng: np.random.Generator,
    O: Array,  # (m, T, heads, d)
    P: Array | None,  # (m, heads, T, S), left as it is where `causal` hides a block's keys
    M: Array | None,  # (m, heads, T, S), booleans: the weights that are kept; left likewise
    work: Array,  # (attend_size(...),), scratch
) -> Array:
    """O = P V, P = softmax(Q K'); with M, O = (P M / (1 - rate)) V.

    Neighbouring heads share a group's keys and values. With `causal`, the last query sees all keys,
    and each query before it one key less. A query that sees no key gets zeros. M is drawn from
    `rng`, some queries at a time.
    """
    T, (_, S, g, _) = Q.shape[1], K.shape
    at = _scratch(Q.shape, K.shape, P is not None, M is not None)
    hidden = None if mask is None else _hidden(mask, work[at.mask])
    Q, K, V, means = _by_head(Q, g), _by_head(K, g), _by_head(V, g), _by_head(O, g)
    P, M = _grouped(P, g), _grouped(M, g)
    for queries, keys in _blocks(T, S, causal):
        weights = _weights(queries, keys, Q, K, hidden, causal, P, work, at)
        if M is not None:
            scale = shaped(work[at.dropped], weights.shape)
            rng.random(out=scale, dtype=scale.dtype)
            weights = dropout(weights, rate, scale, M[..., queries, :keys], scale)
        np.matmul(weights, V[..., :keys, :], means[..., queries, :])
    return O


def attend_backward_size(Q: Shape, K: Shape, keeps: bool, drops: bool) -> int:
    """The numbers of scratch memory that `attend_backward` needs."""
    return _size(_scratch(Q, K, keeps, drops, back=True))


@twin
def attend_backward(
    dO: Array,  # (m, T, heads, d)
    Q: Array,  # (m, T, heads, d), times 1 / sqrt(d)
    K: Array,  # (m, S, groups, d)
    V: Array,  # (m, S, groups, d)
    mask: Array | None,  # (m, S), booleans
    causal: bool,
    rate: float,
    O: Array,  # (m, T, heads, d)
    P: Array | None,  # (m, heads, T, S)
    M: Array | None,  # (m, heads, T, S), booleans
    dQ: Array,  # (m, T, heads, d), of the queries before they were scaled
    dK: Array,  # (m, S, groups, d)
    dV: Array,  # (m, S, groups, d)
    work: Array,  # (attend_backward_size(...),), scratch
) -> None:
    """dV = P' dO, dS = P (dO V' - D), D = rowsum(dO O), dQ = dS K / sqrt(d), dK = dS' Q.

    With M, P in dV and dO V' in dS are multiplied by M / (1 - rate). dK and dV are summed over the
    heads of a group.
    """
    T, (m, S, g, d) = Q.shape[1], K.shape
    at = _scratch(Q.shape, K.shape, P is not None, M is not None, back=True)
    hidden = None if mask is None or P is not None else _hidden(mask, work[at.mask])
    sum_dK, sum_dV = shaped(work[at.sums], (2, m, g, S, d))
    scaled_K = _by_head(np.multiply(K, 1 / sqrt(d), shaped(work[at.scaled_K], K.shape)), g)
    Q, K, V = _by_head(Q, g), _by_head(K, g), _by_head(V, g)
    O, dO, dQ = _by_head(O, g), _by_head(dO, g), _by_head(dQ, g)
    P, M = _grouped(P, g), _grouped(M, g)

    # The last queries see all keys: that block writes dK and dV, and the earlier ones add to them.
    first = True
    for queries, keys in reversed(list(_blocks(T, S, causal))):
        if P is not None:
            weights = P[..., queries, :keys]
        else:
            weights = _weights(queries, keys, Q, K, hidden, causal, None, work, at)
        kept, do = weights, dO[..., queries, :]
        dS = shaped(work[at.dS], weights.shape)
        np.matmul(do, V[..., :keys, :].swapaxes(-1, -2), dS)
        if M is not None:
            scale = shaped(work[at.dropped], weights.shape)
            np.multiply(M[..., queries, :keys], scale.dtype.type(1 / (1 - rate)), scale)
            dropout_backward(dS, scale, dS)
            kept = np.multiply(weights, scale, scale)
        _accumulate(kept, do, sum_dV[:, :, :keys], work[at.part], write=first)
        D = np.vecdot(do, O[..., queries, :], shaped(work[at.per_query], weights.shape[:-1]))
        dS -= D[..., None]
        dS *= weights
        np.matmul(dS, scaled_K[..., :keys, :], dQ[..., queries, :])
        _accumulate(dS, Q[..., queries, :], sum_dK[:, :, :keys], work[at.part], write=first)
        first = False
    np.copyto(dK.transpose(0, 2, 1, 3), sum_dK)
    np.copyto(dV.transpose(0, 2, 1, 3), sum_dV)


# --- the weights of a block of queries ------------------------------------------------------------


def _blocks(T: int, S: int, causal: bool) -> Iterator[tuple[slice, int]]:
    """Some queries at a time, each block with the number of keys that its last query may see."""
    for start in range(0, T, QUERIES_AT_ONCE):
        stop = min(start + QUERIES_AT_ONCE, T)
        yield slice(start, stop), S - T + stop if causal else S


def _weights(
    queries: slice,
    keys: int,
    Q: Array,  # (m, groups, heads in a group, T, d)
    K: Array,  # (m, groups, 1, S, d)
    hidden: Array | None,  # (m, 1, 1, 1, S)
    causal: bool,
    P: Array | None,  # (m, groups, heads in a group, T, S)
    work: Array,  # scratch
    at: "_Places",
) -> Array:
    """softmax(Q K') of some queries, with zeros for the keys that they may not see."""
    Q, n = Q[..., queries, :], queries.stop - queries.start
    S = shaped(work[at.scores], (*Q.shape[:-1], keys)) if P is None else P[..., queries, :keys]
    np.matmul(Q, K[..., :keys, :].swapaxes(-1, -2), S)
    if causal:
        future = S[..., keys - n :]
        future += _hidden_future(Q.dtype)[:n, :n]
    if hidden is not None:
        S += hidden[..., :keys]

    per_query = shaped(work[at.per_query], S.shape[:-1])
    highest = total = per_query[..., None]
    np.maximum.reduce(S, axis=-1, out=per_query)
    # Of minus infinities only, the highest would be one, and their difference not a number.
    np.maximum(per_query, LOWEST[S.dtype], out=per_query)
    S -= highest
    np.exp(S, S)
    np.matmul(S, ones(keys, S.dtype), per_query)
    np.maximum(per_query, 1, out=per_query)  # less than exp(0) = 1 only where no key is seen: P = 0
    np.reciprocal(per_query, per_query)
    S *= total
    return S


def _hidden(mask: Array, scratch: Array) -> Array:
    """What is added to the scores of keys: minus infinity where the mask leaves one out."""
    m, S = mask.shape
    hidden = shaped(scratch, (m, 1, 1, 1, S))
    hidden.fill(-np.inf)
    np.copyto(hidden[:, 0, 0, 0], 0, where=mask)
    return hidden


@lru_cache(maxsize=2)
def _hidden_future(dtype: np.dtype[Any]) -> Array:
    """Minus infinity above the diagonal."""
    future = np.triu(np.full((QUERIES_AT_ONCE, QUERIES_AT_ONCE), -np.inf, dtype), 1)
    future.flags.writeable = False
    return future


def _accumulate(X: Array, Y: Array, total: Array, part: Array, *, write: bool) -> None:
    """Write or add X' Y, summed over the heads of a group."""
    for head in range(X.shape[2]):
        is_first = write and head == 0
        product = total if is_first else shaped(part, total.shape)
        np.matmul(X[:, :, head].swapaxes(-1, -2), Y[:, :, head], product)
        if not is_first:
            total += product


# --- views and scratch memory ---------------------------------------------------------------------


def _by_head(X: Array, groups: int) -> Array:
    """A view of (m, time, heads, d) as (m, groups, heads in a group, time, d)."""
    m, T, heads, d = X.shape
    return X.reshape(m, T, groups, heads // groups, d).transpose(0, 2, 3, 1, 4)


def _grouped(P: Array | None, groups: int) -> Array | None:
    """A view of (m, heads, T, S) as (m, groups, heads in a group, T, S)."""
    if P is None:
        return None
    m, heads, T, S = P.shape
    return P.reshape(m, groups, heads // groups, T, S)


class _Places(NamedTuple):
    """Where in scratch memory what lies; empty, what is not needed."""

    mask: slice
    per_query: slice  # a number for each query of a block
    scores: slice  # of a block, where P is not kept
    dropped: slice  # the weights of a block with dropout
    dS: slice
    scaled_K: slice
    sums: slice  # for dK and dV
    part: slice  # of one of these


@lru_cache
def _scratch(Q: Shape, K: Shape, keeps: bool, drops: bool, back: bool = False) -> _Places:
    (m, T, heads, _), S = Q, K[1]
    queries = m * heads * min(T, QUERIES_AT_ONCE)
    weights, n = queries * S, prod(K)
    sizes = [m * S, queries, weights * (not keeps), weights * drops]
    sizes += [weights * back, n * back, 2 * n * back, n * back]
    ends = accumulate(map(aligned, sizes), initial=0)
    return _Places(*(slice(*pair) for pair in pairwise(ends)))


def _size(places: _Places) -> int:
    size: int = places[-1].stop
    return size
