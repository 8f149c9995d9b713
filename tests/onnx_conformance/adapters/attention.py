"""Attention, rotary positions, and the look-up of vectors by ids."""

from itertools import count
from math import sqrt
from unittest.mock import patch

import numpy as np

from onnx_conformance.adapters.through import through
from plainnet import Cache, Network
from plainnet.engine.sequences import Source
from plainnet.kernels import rotary
from plainnet.layers import CrossAttention, Embedding, Layer, MultiHeadAttention
from plainnet.losses import MeanSquaredError


def gather(table: np.ndarray, ids: np.ndarray, *, axis: int = 0) -> np.ndarray:
    rows = np.moveaxis(table, axis, 0)
    E = rows.reshape(len(rows), -1)
    vectors = through(Embedding(*E.shape), ids.reshape(1, -1), E=E)
    return np.moveaxis(vectors.reshape(ids.size, *rows.shape[1:]), 0, axis).reshape(
        *table.shape[:axis], *ids.shape, *table.shape[axis + 1 :]
    )


def rotary_embedding(
    X: np.ndarray,
    cosines: np.ndarray,
    sines: np.ndarray,
    ids: np.ndarray | None = None,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> np.ndarray:
    """The vectors' cosines and sines are random numbers: an angle, and a length that is not 1.

    The angles take the place of ours, and the lengths stretch the pairs beforehand.
    """
    if ids is not None:
        cosines, sines = cosines[ids], sines[ids]  # (m, time, pairs)
    by_head = X.reshape(*X.shape[:2], num_heads, -1) if X.ndim == 3 else X.transpose(0, 2, 1, 3)
    Y = np.array(by_head)  # (m, time, heads, width)
    turned = Y[..., : rotary_embedding_dim or None]
    pairs = turned.reshape(*turned.shape[:3], *((-1, 2) if interleaved else (2, -1)))
    of_heads = np.hypot(cosines, sines)[:, :, None]
    pairs *= of_heads[..., None] if interleaved else of_heads[..., None, :]
    turned[...] = pairs.reshape(turned.shape)
    for i, theta in enumerate(np.arctan2(sines, cosines)):
        with patch.object(rotary, "angles", lambda length, *_, theta=theta: _of(length, theta)):
            pairing = "interleaved" if interleaved else "halves"
            own = np.ascontiguousarray(turned[i : i + 1])
            rotary.rotate(own, 0, next(NEW_BASES), pairing, own, np.empty(own.size, own.dtype))
            turned[i] = own[0]
    return Y.reshape(X.shape) if X.ndim == 3 else Y.transpose(0, 2, 1, 3)


NEW_BASES = count(2.0)
"""The tables of sines and cosines are kept by base; a base that nobody had gets new ones."""


def _of(length: int, theta: np.ndarray) -> np.ndarray:
    return np.concatenate([theta, np.zeros((length - len(theta), theta.shape[1]))])


class Given(Layer):
    """Tells the layers after it the mask, or an encoder's output, and changes nothing."""

    def __init__(self, mask: np.ndarray | None = None, source: Source | None = None) -> None:
        self.mask, self.source = mask, source

    def forward(self, A: np.ndarray, cache: Cache) -> np.ndarray:
        cache.sequences.mask, cache.sequences.source = self.mask, self.source
        return A

    def backward(self, dA: np.ndarray, cache: Cache) -> np.ndarray:
        return dA


def attention(
    Q: np.ndarray,
    K: np.ndarray,
    V: np.ndarray,
    attn_mask: np.ndarray | None = None,
    past_key: np.ndarray | None = None,
    past_value: np.ndarray | None = None,
    lengths: np.ndarray | None = None,
    *,
    is_causal: int = 0,
    scale: float | None = None,
    q_num_heads: int | None = None,
    kv_num_heads: int | None = None,
    left_window_size: int = -1,
    right_window_size: int = -1,
) -> tuple[np.ndarray | None, ...]:
    """Causal as self-attention, otherwise as attention to an encoder's output.

    Our layers have weights, which pick the numbers of Q, K and V here, and Q's contain the scale.
    """
    assert left_window_size == right_window_size == -1
    flat = Q.ndim == 3
    heads, groups = (q_num_heads, kv_num_heads) if flat else (Q.shape[1], K.shape[1])
    Q, K, V, past_K, past_V = (
        A if A is None or A.ndim == 3 else _heads_last(A) for A in (Q, K, V, past_key, past_value)
    )
    of_K, of_V = K.shape[2] // groups, V.shape[2] // groups
    d = max(of_K, of_V)
    from_Q = np.kron(np.eye(heads), np.eye(d, of_K)) * (scale or 1 / sqrt(of_K)) * sqrt(d)
    from_K, from_V = (np.kron(np.eye(groups), np.eye(d, width)) for width in (of_K, of_V))
    to_Y = np.kron(np.eye(heads), np.eye(of_V, d))
    settings = {"key_value_heads": groups, "head_width": d, "bias": False}
    mask = _mask_of_keys(attn_mask, lengths, K)
    KV = np.concatenate([K, V], axis=2)
    present: list[np.ndarray | None] = [None, None]
    if is_causal:
        layer = MultiHeadAttention(heads, causal=True, **settings)
        W = {"W": _block_diagonal(from_Q, from_K, from_V), "W_out": to_Y}
        past = None if past_K is None else np.concatenate([past_K, past_V], axis=2)
        Y, cache = _causal(layer, W, Q, KV, past, mask, lengths)
        if past is not None:
            carried = cache.children[""].children[layer.name].carried
            steps = past.shape[1] + K.shape[1]
            present = [
                carried[name][:, :steps, :, :width].transpose(0, 2, 1, 3)
                for name, width in (("K", of_K), ("V", of_V))
            ]
    else:
        layer = CrossAttention(heads, source_width=KV.shape[2], **settings)
        W = {"W": from_Q, "W_kv": _block_diagonal(from_K, from_V), "W_out": to_Y}
        width = max(Q.shape[2], len(to_Y))
        A = np.concatenate([Q, np.zeros((*Q.shape[:2], width - Q.shape[2]), Q.dtype)], axis=2)
        Y = _network(Given(source=Source(KV, mask)), layer, A, W).forward(A)
    Y = Y[..., : len(to_Y)]
    if flat:
        return Y, *present, None
    return Y.reshape(*Y.shape[:2], heads, of_V).transpose(0, 2, 1, 3), *present, None


def _causal(
    layer: Layer,
    W: dict[str, np.ndarray],
    Q: np.ndarray,
    KV: np.ndarray,
    past: np.ndarray | None,
    mask: np.ndarray | None,
    lengths: np.ndarray | None,
) -> tuple[np.ndarray, Cache]:
    """Self-attention of [Q K V], with zeros where there is a key but no query.

    The queries come first, but last among the keys that are data where ONNX gives their number.
    """
    time = np.tile(np.arange(Q.shape[1]), (len(Q), 1))
    if lengths is not None:
        time += lengths[:, None] - Q.shape[1]
    examples = np.arange(len(Q))[:, None]
    filled = np.zeros((*KV.shape[:2], Q.shape[2]), Q.dtype)
    filled[examples, time] = Q
    A = np.concatenate([filled, KV], axis=2)
    network, cache = _network(Given(mask), layer, A, W), Cache(carry=past is not None)
    if past is not None:
        no_Q = np.zeros((*past.shape[:2], Q.shape[2]), Q.dtype)
        network.forward(np.concatenate([no_Q, past], axis=2), cache)
    return network.forward(A, cache)[examples, time], cache


def _network(first: Layer, layer: Layer, A: np.ndarray, W: dict[str, np.ndarray]) -> Network:
    """The two layers, these weights in the corners of the second's, and zeros around them."""
    network = Network(
        [first, layer], loss=MeanSquaredError(), input_shape=(None, A.shape[2]), dtype=A.dtype
    )
    network.parameters[:] = 0
    for name, corner in W.items():
        network[f"{layer.name}.{name}"][: len(corner), : len(corner.T)] = corner
    return network


def _heads_last(A: np.ndarray) -> np.ndarray:
    """(m, heads, time, width) to (m, time, heads * width)."""
    m, heads, time, width = A.shape
    return A.transpose(0, 2, 1, 3).reshape(m, time, heads * width)


def _block_diagonal(*blocks: np.ndarray) -> np.ndarray:
    matrix = np.zeros(np.sum([block.shape for block in blocks], axis=0))
    row = column = 0
    for block in blocks:
        matrix[row : row + len(block), column : column + len(block.T)] = block
        row, column = row + len(block), column + len(block.T)
    return matrix


def _mask_of_keys(
    attn_mask: np.ndarray | None, lengths: np.ndarray | None, K: np.ndarray
) -> np.ndarray | None:
    if lengths is not None:
        assert attn_mask is None
        return np.arange(K.shape[1]) < lengths[:, None]
    if attn_mask is None:
        return None
    assert attn_mask.dtype == bool
    keys = attn_mask.reshape(-1, attn_mask.shape[-1])
    assert (keys == keys[0]).all()
    return np.tile(keys[0], (len(K), 1))


ADAPTERS = {"Attention": attention, "Gather": gather, "RotaryEmbedding": rotary_embedding}
