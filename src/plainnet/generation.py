"""Text, or anything else made of ids, drawn from a network one token after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array, as_generator
from plainnet.engine.cache import Cache
from plainnet.engine.memory import zeros
from plainnet.errors import (
    DataError,
    DTypeError,
    SettingError,
    ShapeError,
    require_integer,
    require_number,
    require_type,
)
from plainnet.layers.attention.embedding import Embedding, TiedEmbedding
from plainnet.layers.attention.positions import LearnedPositions
from plainnet.layers.attention.transformer import EncoderDecoder
from plainnet.layers.base import Layer
from plainnet.network import Network

Array = npt.NDArray[Any]


def generate(
    network: Network,
    prompt: npt.ArrayLike,
    n: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | np.random.Generator | None = None,
) -> Array:
    """Continue a prompt by n tokens.

    Each pass computes only the new token: attention keeps its keys and values, recurrent layers
    their state. Beyond the last position of `LearnedPositions`, a sliding window is used instead,
    and each token costs a pass over the last `length` tokens. Attention must be causal.

    With an `EncoderDecoder`, the prompt is the source followed by at least one token of the target;
    the encoder runs once, and there is no sliding window.

    Parameters
    ----------
    network : Network
        It takes ids, with input_shape=(None,), and gives a score for each id of the vocabulary:
        at every step, (m, time, vocabulary), or after the last step only, (m, vocabulary).
    prompt : array of integers, shape (time,) or (m, time)
        Without padding, since the next token follows the last one; so prompts of different lengths
        need separate calls. The padding id is never drawn.
    n : int
        How many tokens to generate.
    temperature : float
        Scores are divided by it: below 1, likely tokens become likelier. At 0, the likeliest is
        taken.
    top_k : int, optional
        Draw from the k likeliest tokens only.
    top_p : float, optional
        Draw from the smallest set of likeliest tokens whose probabilities add up to at least this
        (Holtzman et al. 2020, section 3.1); within the top_k, where both are given.
    seed : int, numpy.random.Generator or None

    Returns
    -------
    ids : array of integers, shape (time + n,) or (m, time + n)
    """
    require_type("network", network, Network)
    temperature = require_number("temperature", temperature, at_least=0)
    if top_k is not None:
        top_k = require_integer("top_k", top_k, at_least=1)
    if top_p is not None:
        top_p = require_number("top_p", top_p, above=0)
        if top_p > 1:
            raise SettingError(f"top_p must be <= 1; got {top_p!r}")
    n = require_integer("n", n, at_least=0)
    if not network.body.takes_ids or network.input_shape != (None,):
        raise SettingError(
            "generate needs a network whose first layer takes ids, with input_shape=(None,); got "
            f"{network!r}"
        )
    given = _prompt(prompt)
    rng = as_generator(seed)
    source = next((w for w in network.body.walk() if isinstance(w, EncoderDecoder)), None)
    s = 0 if source is None else source.source_length
    writing = list(network.body.walk()) if source is None else list(source.walk_decoder())
    padding = _padding(writing)
    if np.isin(given[..., s:], padding).any():
        raise DataError(f"the prompt contains padding, the id {padding[0]}; leave it out")
    tables = [layer.length for layer in writing if isinstance(layer, LearnedPositions)]
    window = min(tables, default=None)

    known = given.shape[-1]
    if source is not None and window is not None and known - s + n > window + 1:
        raise SettingError(
            f"the decoder has {window} positions, and a target of {known - s} tokens can get "
            f"{max(window + 1 - known + s, 0)} more; got n={n}"
        )
    ids = zeros(f"{n} tokens more", (given.size // known, known + n), np.intp)
    ids[:, :known] = given
    cache, seen = Cache(carry=True, backward=False), 0
    for end in range(known, known + n):
        if source is None and window is not None and end > window:
            cache.forget()
            seen = end - window
        Z = network.forward(ids[:, seen:end], cache)
        seen = end
        scores = Z[:, -1] if Z.ndim == 3 else Z
        if not np.isfinite(scores.max(axis=1)).all():
            raise DataError("the network's scores are infinite or NaN: has its training diverged?")
        scores[:, padding] = -np.inf
        ids[:, end] = _drawn(scores, temperature, top_k, top_p, rng)
    return ids.reshape(*given.shape[:-1], known + n)


def _padding(layers: Iterable[Layer]) -> list[int]:
    """The ids of padding."""
    tokens = (layer for layer in layers if isinstance(layer, Embedding | TiedEmbedding))
    return [layer.padding for layer in tokens if layer.padding is not None]


def _prompt(prompt: npt.ArrayLike) -> Array:
    try:
        ids = as_array("prompt", prompt)
    except DataError as error:
        raise ShapeError(f"{error}; prompts of different lengths need separate calls") from None
    if ids.size == 0:
        raise DataError("the prompt is empty: generation needs at least one token to begin with")
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"the prompt must be integers, the ids of tokens; got {ids.dtype}")
    if ids.max() > np.iinfo(np.intp).max:
        raise DataError(f"the prompt has the id {ids.max()}, which is beyond any vocabulary")
    if ids.ndim not in (1, 2):
        raise ShapeError(f"the prompt must have the shape (time,) or (m, time); got {ids.shape}")
    return ids


def _drawn(
    scores: Array,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    rng: np.random.Generator,
) -> Array:
    """An id for each row of scores, shape (m,)."""
    if temperature == 0:
        return np.asarray(scores.argmax(axis=1))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
    S = np.take_along_axis(scores, order, axis=1).astype(np.float64)
    with np.errstate(over="ignore"):  # a temperature near 0: exp(-inf) = 0 is right
        P = np.exp((S - S[:, :1]) / temperature)  # the likeliest come first
    P /= P.sum(axis=1, keepdims=True)
    before = np.cumsum(P, axis=1) - P
    if top_p is not None:
        P[before >= top_p] = 0
    reached = np.cumsum(P, axis=1)
    # Below the total, so that rounding never leads past the last id.
    u = rng.random((len(P), 1)) * reached[:, -1:]
    place = (reached <= u).sum(axis=1)
    return np.asarray(order[np.arange(len(P)), place])
