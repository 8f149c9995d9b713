"""Tokens, positions, attention and Transformer blocks, with loops and `math`."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from plainnet.layers import (
    CrossAttention,
    Embedding,
    EmbeddingBag,
    EncoderDecoder,
    LearnedPositions,
    MultiHeadAttention,
    SinusoidalPositions,
    SwiGLU,
    TiedEmbedding,
)

Chain = Callable[[np.ndarray, Any], np.ndarray]


def linear(X: np.ndarray, W: np.ndarray, b: np.ndarray | None) -> list[list[float]]:
    return [
        [
            math.fsum(float(x) * float(w) for x, w in zip(row, weights, strict=True))
            + (0.0 if b is None else float(b[j]))
            for j, weights in enumerate(W)
        ]
        for row in X
    ]


def looked_up_tokens(example: np.ndarray, layer: Embedding | TiedEmbedding) -> np.ndarray:
    return np.array(
        [
            [0.0 if k == layer.padding else float(layer.E[k, j]) for j in range(layer.width)]
            for k in example.tolist()
        ]
    )


def bag(example: np.ndarray, layer: EmbeddingBag) -> np.ndarray:
    counted = [k for k in example.tolist() if k != layer.padding]
    out = np.zeros(layer.width)
    for k in counted:
        for j in range(layer.width):
            out[j] += float(layer.E[k, j])
    return out / max(len(counted), 1) if layer.combine == "mean" else out


def learned_positions(example: np.ndarray, layer: LearnedPositions) -> np.ndarray:
    out = np.empty_like(example)
    for t, j in np.ndindex(example.shape):
        out[t, j] = example[t, j] + float(layer.P[t, j])
    return out


def sinusoidal_positions(example: np.ndarray, layer: SinusoidalPositions) -> np.ndarray:
    out = np.empty_like(example)
    for t in range(len(example)):
        for i in range(example.shape[1] // 2):
            angle = t / 10000 ** (2 * i / example.shape[1])
            out[t, 2 * i] = example[t, 2 * i] + math.sin(angle)
            out[t, 2 * i + 1] = example[t, 2 * i + 1] + math.cos(angle)
    return out


def turned(x: list[float], t: int, base: float, pairing: str) -> list[float]:
    """A vector of place t, as complex numbers turned by their angles."""
    d, out = len(x), [0.0] * len(x)
    for i in range(d // 2):
        a, b = (2 * i, 2 * i + 1) if pairing == "interleaved" else (i, i + d // 2)
        z = complex(x[a], x[b]) * complex(
            math.cos(t / base ** (2 * i / d)), math.sin(t / base ** (2 * i / d))
        )
        out[a], out[b] = z.real, z.imag
    return out


def attended(
    q: list[float], keys: list[list[float]], values: list[list[float]], seen: list[bool]
) -> list[float]:
    """One query's weighted mean of the values."""
    powers = [
        math.exp(math.fsum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(len(q)))
        if see
        else 0.0
        for k, see in zip(keys, seen, strict=True)
    ]
    total = math.fsum(powers)
    if total == 0:
        return [0.0] * len(values[0])
    return [
        math.fsum(p * v[j] for p, v in zip(powers, values, strict=True)) / total
        for j in range(len(values[0]))
    ]


def self_attention(
    example: np.ndarray, layer: MultiHeadAttention, mask: list[bool] | None = None
) -> np.ndarray:
    h, g = layer.heads, layer.key_value_heads or layer.heads
    d = layer.head_width or example.shape[1] // h
    Z = linear(example, layer.W, layer.b if layer.bias else None)
    T = len(Z)
    kind = "interleaved" if layer.rotary == "interleaved" else "halves"

    def part(t: int, i: int, turn: bool) -> list[float]:
        x = Z[t][i * d : (i + 1) * d]
        return turned(x, t, layer.rotary_base, kind) if turn else x

    means = [[] for _ in range(T)]
    for i in range(h):
        group = i * g // h
        keys = [part(s, h + group, bool(layer.rotary)) for s in range(T)]
        values = [part(s, h + g + group, False) for s in range(T)]
        for t in range(T):
            seen = [(s <= t or not layer.causal) and (mask is None or mask[s]) for s in range(T)]
            means[t] += attended(part(t, i, bool(layer.rotary)), keys, values, seen)
    return np.array(linear(np.array(means), layer.W_out, layer.b_out if layer.bias else None))


def cross_attention(
    example: np.ndarray, source: np.ndarray, layer: CrossAttention, mask: list[bool] | None = None
) -> np.ndarray:
    h, g = layer.heads, layer.key_value_heads or layer.heads
    d = layer.head_width or example.shape[1] // h
    Q = linear(example, layer.W, layer.b if layer.bias else None)
    KV = linear(source, layer.W_kv, layer.b_kv if layer.bias else None)
    means = [[] for _ in Q]
    for i in range(h):
        k = i * g // h
        keys = [row[k * d : (k + 1) * d] for row in KV]
        values = [row[(g + k) * d : (g + k + 1) * d] for row in KV]
        for t, q in enumerate(Q):
            seen = [True] * len(KV) if mask is None else mask
            means[t] += attended(q[i * d : (i + 1) * d], keys, values, seen)
    return np.array(linear(np.array(means), layer.W_out, layer.b_out if layer.bias else None))


def swiglu(example: np.ndarray, layer: SwiGLU) -> np.ndarray:
    rows = example.reshape(-1, example.shape[-1])
    Z = linear(rows, layer.W, layer.b if layer.bias else None)
    n = layer.units
    out = [[row[j] / (1 + math.exp(-row[j])) * row[n + j] for j in range(n)] for row in Z]
    return np.array(out).reshape(*example.shape[:-1], n)


def encoder_decoder(chain: Chain) -> Chain:
    """Of a decoder whose only layer is `CrossAttention`; `chain` is the twin of layers in order."""

    def twin(example: np.ndarray, layer: EncoderDecoder) -> np.ndarray:
        s, (attention,) = layer.source_length, layer.decoder
        encoded = chain(example[:s], SimpleNamespace(layers=layer.encoder))
        return cross_attention(example[s:], encoded, attention)

    return twin


def tied(chain: Chain) -> Chain:
    """Of an embedding around other layers; `chain` is the twin of layers in order."""

    def twin(example: np.ndarray, layer: TiedEmbedding) -> np.ndarray:
        vectors = looked_up_tokens(example, layer)
        return np.array(linear(chain(vectors, layer), layer.E, None))

    return twin
