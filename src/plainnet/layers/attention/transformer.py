"""Transformers: blocks of attention and dense layers, and an encoder with a decoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.plan import Place
from plainnet.engine.sequences import Source
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_boolean,
    require_integer,
    require_number,
    require_one_of,
    require_optional,
)
from plainnet.initializers import Initializer
from plainnet.kernels.rotary import Pairing
from plainnet.layers.attention.attention import CrossAttention, MultiHeadAttention
from plainnet.layers.attention.positions import expect_sequence
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.layers.containers.residual import Residual
from plainnet.layers.containers.sequential import Sequential
from plainnet.layers.dense.activations import GELU, ReLU
from plainnet.layers.dense.dense import Dense
from plainnet.layers.dense.dropout import Dropout
from plainnet.layers.dense.gates import SwiGLU
from plainnet.layers.normalization.layer_norm import LayerNorm, RMSNorm

NORMALIZATIONS = {"LayerNorm": LayerNorm, "RMSNorm": RMSNorm}


class TransformerBlock(Layer):
    """Attention, then two dense layers for each position, each part with a shortcut around it.

    With norm="pre", a part computes A + F(normalize(A)) (as in GPT-2; Xiong et al. 2020), which is
    easy to train; add a normalization after the last block. With norm="post", it computes
    normalize(A + F(A)) (Vaswani et al. 2017). The layers inside are in `layers`, with names such as
    "0.residual.1.multiheadattention".

    Parameters
    ----------
    heads : int
        The number of attention heads.
    hidden : int, optional
        Units of the first dense layer. By default 4 times the width, or 8/3 times for "swiglu",
        which has three matrices instead of two (Shazeer 2020, section 2).
    activation : {"gelu", "swiglu", "relu"}
        Follows the first dense layer.
    norm : {"pre", "post"}
        Where each part normalizes: before F, or after the sum.
    causal : bool
        Whether a position attends only to itself and to earlier positions, as decoders and language
        models need it.
    cross : bool
        Whether a part between the two attends to an encoder's output; see `EncoderDecoder`.
    dropout : float
        The rate for attention weights, and for what each part adds to the shortcut.
    rotary, rotary_base, key_value_heads, head_width
        As in `MultiHeadAttention`.
    bias : bool
        Whether dense layers and attention have biases.
    normalization : {"LayerNorm", "RMSNorm"}
    initializer : Initializer, optional
        For all weights. By default He's for the first dense layer, Glorot's for all others.
    residual_initializer : Initializer, optional
        For the weights whose output is added to the shortcut; by default the same as for the
        others. GPT-2 uses Normal(0.02) for the others and Normal(0.02 / sqrt(2 * blocks)) for
        these, so that a sum over many blocks is not larger than one over few.
    """

    releases_arrays = True

    def __init__(
        self,
        heads: int,
        *,
        hidden: int | None = None,
        activation: Literal["gelu", "swiglu", "relu"] = "gelu",
        norm: Literal["pre", "post"] = "pre",
        causal: bool = False,
        cross: bool = False,
        dropout: float = 0.0,
        rotary: bool | Pairing = False,
        rotary_base: float = 10000.0,
        key_value_heads: int | None = None,
        head_width: int | None = None,
        bias: bool = True,
        normalization: Literal["LayerNorm", "RMSNorm"] = "LayerNorm",
        initializer: Initializer | None = None,
        residual_initializer: Initializer | None = None,
    ) -> None:
        require_one_of("activation", activation, ("gelu", "swiglu", "relu"))
        require_one_of("norm", norm, ("pre", "post"))
        require_one_of("normalization", normalization, tuple(NORMALIZATIONS))
        require_optional("residual_initializer", residual_initializer, Initializer)
        require_number("dropout", dropout, at_least=0, below=1)
        self.heads = require_integer("heads", heads, at_least=1)
        self.hidden = hidden if hidden is None else require_integer("hidden", hidden, at_least=1)
        self.activation = activation
        self.norm = norm
        self.causal = require_boolean("causal", causal)
        self.cross = require_boolean("cross", cross)
        self.dropout = dropout
        self.rotary = rotary
        self.rotary_base = rotary_base
        self.key_value_heads = key_value_heads
        self.head_width = head_width
        self.bias = require_boolean("bias", bias)
        self.normalization = normalization
        self.initializer = initializer
        self.residual_initializer = residual_initializer
        self.branch = Sequential([])
        self._attention()  # refuses settings here rather than in a network

    def build(self, input_shape: Shape) -> Shape:
        _, width = expect_sequence(input_shape)
        parts = [self._attention()]
        if self.cross:
            parts.append(self._cross_attention())
        parts.append(self._dense(width))
        self.branch = Sequential([layer for part in parts for layer in self._with_shortcut(part)])
        self.layers = self.branch.layers
        return self.branch.place(self.name, input_shape)

    def suggest(self, following: Initializer) -> Initializer:
        return self.branch.suggest(following)

    def users_of(self, setting: str) -> Iterator[tuple[Layer, str]]:
        yield self, setting
        for layer in self.branch.walk():
            if isinstance(layer, MultiHeadAttention | CrossAttention) and hasattr(layer, setting):
                yield layer, setting
            elif isinstance(layer, Dropout) and setting == "dropout":
                yield layer, "rate"

    def plan(self, own: Place) -> Iterable[Place]:
        yield replace(own, name="", subject=self.branch)

    formulas = Sequential.formulas

    def forward(self, A: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        return self.branch.forward(A, inner)

    def backward(self, dY: Array, cache: Cache) -> Array:
        inner = cache.inside(self)
        return self.branch.backward(dY, inner)

    def _with_shortcut(self, part: list[Layer]) -> list[Layer]:
        normalize = NORMALIZATIONS[self.normalization]()
        dropout = [Dropout(self.dropout)] if self.dropout else []
        if self.norm == "pre":
            return [Residual([normalize, *part, *dropout])]
        return [Residual([*part, *dropout]), normalize]

    def _attention(self) -> list[Layer]:
        attention = MultiHeadAttention(
            self.heads,
            causal=self.causal,
            key_value_heads=self.key_value_heads,
            rotary=self.rotary,
            rotary_base=self.rotary_base,
            head_width=self.head_width,
            bias=self.bias,
            dropout=self.dropout,
            initializer=self.initializer,
            output_initializer=self.residual_initializer,
        )
        return [attention]

    def _cross_attention(self) -> list[Layer]:
        attention = CrossAttention(
            self.heads,
            key_value_heads=self.key_value_heads,
            head_width=self.head_width,
            bias=self.bias,
            dropout=self.dropout,
            initializer=self.initializer,
            output_initializer=self.residual_initializer,
        )
        return [attention]

    def _dense(self, width: int) -> list[Layer]:
        last = self.residual_initializer or self.initializer
        out = Dense(width, bias=self.bias, initializer=last)
        if self.activation == "swiglu":
            units = self.hidden or max(8 * width // 3, 1)
            return [SwiGLU(units, bias=self.bias, initializer=self.initializer), out]
        units = self.hidden or 4 * width
        first = Dense(units, bias=self.bias, initializer=self.initializer)
        return [first, GELU() if self.activation == "gelu" else ReLU(), out]


class EncoderDecoder(Layer):
    """Y = decoder(target), whose cross-attention reads encoder(source) (Vaswani et al. 2017).

    The input holds source and target one after the other along the time axis: ids of shape (m,
    source_length + time), or numbers of shape (m, source_length + time, features). The
    `CrossAttention` layers in the decoder, for example in `TransformerBlock(cross=True)`, get the
    encoder's output X, and the gradients that they return for it are added up. Padding in the
    source gets no attention.

    With `Cache(carry=True)`, as in `plainnet.generate`, the first pass takes source and target;
    later passes take only further steps of the target, and the encoder is not run again.

    Parameters
    ----------
    encoder, decoder : sequence of Layer
        Either both or neither begin with an `Embedding`.
    source_length : int
        The number of steps of the input that are the source.
    """

    releases_arrays = True

    def __init__(
        self, encoder: Sequence[Layer], decoder: Sequence[Layer], source_length: int
    ) -> None:
        self._encoder, self._decoder = Sequential(encoder), Sequential(decoder)
        self.encoder, self.decoder = self._encoder.layers, self._decoder.layers
        self.layers = (*self.encoder, *self.decoder)
        self.source_length = require_integer("source_length", source_length, at_least=1)
        self.takes_ids = self._decoder.takes_ids
        if self._encoder.takes_ids != self.takes_ids:
            raise SettingError("encoder and decoder must both begin with an Embedding, or neither")

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(source_length + time, ...)")
        time, s = input_shape[0], self.source_length
        if time is not None and time <= s:
            raise ShapeError(f"needs more than its {s} steps of the source; got {input_shape}")
        encoded = self._encoder.place(f"{self.name}.encoder", (s, *input_shape[1:]))
        target = None if time is None else time - s
        output_shape = self._decoder.place(f"{self.name}.decoder", (target, *input_shape[1:]))
        for layer in self._decoder.walk():
            if isinstance(layer, CrossAttention):
                width = layer.source_width or layer.input_shape[-1]
                if encoded != (s, width):
                    raise ShapeError(
                        f"has in its decoder {layer.name}, which needs an encoder's output of "
                        f"shape ({s}, {width}); got {encoded}"
                    )
        return output_shape

    def suggest(self, following: Initializer) -> Initializer:
        self._encoder.suggest(following)
        return self._decoder.suggest(following)

    def walk_decoder(self) -> Iterator[Layer]:
        """The decoder's layers, and those inside them."""
        for layer in self.decoder:
            yield from layer.walk()

    def plan(self, own: Place) -> Iterable[Place]:
        """Encoder and decoder both get copies; the decoder's gradient comes from outside."""
        needed = own.needs_input_gradient
        yield Place(
            "encoder",
            self._encoder,
            reuse_input=True,
            reuse_gradient=True,
            needs_input_gradient=needed,
            carries=False,
        )
        yield Place("decoder", self._decoder, reuse_input=True, needs_input_gradient=needed)

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("S", "A[:, :source_length]", r"S = A_{\cdot,\, 1 \dots s}"),
            Formula("T", "A[:, source_length:]", r"T = A_{\cdot,\, s+1 \dots}"),
            Formula("X", "encode(S)", r"X = f(S)"),
            Formula("Y", "decode(T, X)", r"Y = g(T, X)"),
        ),
        backward=(
            Formula("dT", "decode_back(dY)", r"dT = g'_T(dY)"),
            Formula("dX", "attend_back(dY)", r"dX = g'_X(dY)"),
            Formula("dS", "encode_back(dX)", r"dS = f'(dX)"),
            Formula("dA", "concatenate([dS, dT], axis=1)", r"dA = [dS \; dT]"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        (_, in_encoder), (_, in_decoder) = cache.layers_of(self)
        sequences = cache.sequences
        if "source" in cache.carried:  # the encoder's part is done
            sequences.source = cache.carried["source"]
            return self._decoder.forward(A, in_decoder)
        s, mask = self.source_length, sequences.mask
        if A.shape[1] <= s:
            raise ShapeError(
                f"layer {self.name} ({self!r}) needs more than its {s} steps of the source; got an "
                f"input of shape {A.shape}"
            )
        source, target = _copies(cache, ("S", A[:, :s]), ("T", A[:, s:]))
        sequences.mask = None if mask is None else mask[:, :s]
        X = cache["X"] = self._encoder.forward(source, in_encoder)
        sequences.source = Source(X, sequences.mask)
        if cache.carry:
            cache.carried["source"] = sequences.source
        sequences.mask = None if mask is None else mask[:, s:]
        return self._decoder.forward(target, in_decoder)

    def backward(self, dY: Array, cache: Cache) -> Array:
        (_, in_encoder), (_, in_decoder) = cache.layers_of(self)
        X = cache["X"]
        dX = cache.array("dX", X.shape, dY.dtype)
        dX.fill(0)
        cache.sequences.source = Source(X, dX=dX)  # each CrossAttention adds to it
        dT = cache["dT"] = self._decoder.backward(dY, in_decoder)
        dS = cache["dS"] = self._encoder.backward(dX, in_encoder)
        if self.takes_ids or not cache.needs_input_gradient:
            return NO_GRADIENT
        m, time, *features = dT.shape
        s = self.source_length
        dA = cache.array("dA", (m, s + time, *features), dY.dtype)
        np.copyto(dA[:, :s], dS)
        np.copyto(dA[:, s:], dT)
        return dA


def _copies(cache: Cache, *named: tuple[str, Array]) -> Iterator[Array]:
    """Contiguous: the layers make one axis of batch and time without another copy."""
    for name, part in named:
        copy = cache.array(name, part.shape, part.dtype)
        np.copyto(copy, part)
        yield copy
