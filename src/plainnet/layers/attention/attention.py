"""Attention: every position takes a weighted mean over others; see `kernels/attention.py`."""

from __future__ import annotations

from math import sqrt
from typing import Any, cast, get_args

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_boolean,
    require_integer,
    require_number,
    shown,
)
from plainnet.initializers import Initializer, Zeros
from plainnet.kernels.affine import affine, affine_backward
from plainnet.kernels.arrays import rows
from plainnet.kernels.rotary import Pairing, rotate, rotate_backward
from plainnet.layers.attention.dot_product import (
    ATTEND,
    ATTEND_BACK,
    PROJECT,
    PROJECT_BACK,
    DotProduct,
)
from plainnet.layers.attention.positions import carried_steps, count_steps, expect_sequence
from plainnet.layers.base import NO_GRADIENT, Array, Shape

# The parts of Z, (m, time, heads or groups, d), and of its gradient.
QUERIES = "Z[..., : heads * d].reshape(*A.shape[:2], heads, d)"
KEYS = "Z[..., heads * d : (heads + groups) * d].reshape(*A.shape[:2], groups, d)"
VALUES = "Z[..., (heads + groups) * d :].reshape(*A.shape[:2], groups, d)"
JOINED = (
    "concatenate([{0}.reshape(*A.shape[:2], -1), {1}.reshape(*A.shape[:2], -1),"
    " dV.reshape(*A.shape[:2], -1)], axis=2)"
)
TURNED = {
    "halves": "concatenate([{0}[..., : d // 2] * cos(theta) {1} {0}[..., d // 2 :] * sin(theta),"
    " {0}[..., d // 2 :] * cos(theta) {2} {0}[..., : d // 2] * sin(theta)], axis=3)",
    "interleaved": "concatenate([({0}[..., ::2] * cos(theta) {1} {0}[..., 1::2] * sin(theta))"
    "[..., None], ({0}[..., 1::2] * cos(theta) {2} {0}[..., ::2] * sin(theta))[..., None]],"
    " axis=4).reshape({0}.shape)",
}


def _turned(pairing: Pairing, back: bool) -> tuple[Formula, ...]:
    """Queries and keys as they are turned by their places, or their gradients turned back."""
    d, signs, turn = ("d", "+-", r"R(\theta_t)^\top ") if back else ("", "-+", r"R(\theta_t) ")
    formulas = []
    for name in (f"{d}Q", f"{d}K"):
        given, result = (name, f"{name}_0") if back else (f"{name}_0", name)
        latex = rf"{result.replace('_', '^')}_t = {turn}{given.replace('_', '^')}_t"
        plain = TURNED[pairing].format(given, *signs)
        formulas.append(Formula(result, plain, latex, when=f"rotary and pairing == {pairing!r}"))
    return tuple(formulas)


class MultiHeadAttention(DotProduct):
    """Self-attention: Y = [O_1 ... O_n] W_out^T + b_out, O_h = softmax(Q_h K_h^T / sqrt d) V_h.

    Vaswani et al. 2017, section 3.2.2. The queries, keys and values of all heads come from one
    product, Z = A W^T + b. Masked steps get no weight; where nothing is left to attend to, O is
    zero.

    With `Cache(carry=True)` and causal attention, the keys and values of earlier passes are kept,
    and a pass computes only the new steps.

    Parameters
    ----------
    heads : int
        n, the number of attention heads.
    causal : bool
        Whether a position attends only to itself and to earlier positions.
    key_value_heads : int, optional
        The number of heads for keys and values, a divisor of `heads`; by default `heads`. If there
        are fewer, neighbouring heads of queries share them (Ainslie et al. 2023, GQA).
    rotary : bool, "halves" or "interleaved"
        Whether to rotate queries and keys by their positions (Su et al. 2021, RoFormer). True means
        "halves", as in Llama; `kernels/rotary.py` says which pairs each of the two rotates.
    rotary_base : float
        The slowest pair rotates by about 1 / rotary_base per step.
    bias : bool
        Whether there are `b` and `b_out`.
    dropout : float
        The probability with which an attention weight becomes zero in training.
    head_width : int, optional
        d; by default the input's width divided by `heads`.
    initializer : Initializer, optional
        For `W`. By default Glorot's, which suits linear layers.
    output_initializer : Initializer, optional
        For `W_out`. By default that of `W`.

    Tensors
    -------
    W : ((heads + 2 key_value_heads) d, n_in), decays; queries, keys, values. In memory transposed.
    b : (heads + 2 key_value_heads) d
    W_out : (n_in, heads d), decays. In memory transposed.
    b_out : (n_in,)
    """

    uses_mask = True

    def __init__(
        self,
        heads: int,
        *,
        causal: bool = False,
        key_value_heads: int | None = None,
        rotary: bool | Pairing = False,
        rotary_base: float = 10000.0,
        bias: bool = True,
        dropout: float = 0.0,
        head_width: int | None = None,
        initializer: Initializer | None = None,
        output_initializer: Initializer | None = None,
    ) -> None:
        super().__init__(
            heads, key_value_heads, bias, dropout, head_width, initializer, output_initializer
        )
        self.causal = require_boolean("causal", causal)
        self.rotary = rotary = require_rotary(rotary)
        self.rotary_base = float(require_number("rotary_base", rotary_base, above=1))
        self.pairing: Pairing = "interleaved" if rotary == "interleaved" else "halves"

    def build(self, input_shape: Shape) -> Shape:
        _, width = expect_sequence(input_shape)
        d = self._choose_width(width)
        if self.rotary and d % 2:
            raise ShapeError(f"turns pairs of numbers, so a head's width must be even; got {d}")
        n, first = (self.heads + 2 * self.groups) * d, self.initializer
        self.declare("W", (n, width), first, decays=True, order="F")
        if self.bias:
            self.declare("b", (n,), Zeros())
        last = self.output_initializer or first
        self.declare("W_out", (width, self.heads * d), last, decays=True, order="F")
        if self.bias:
            self.declare("b_out", (width,), Zeros())
        return input_shape

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("Z", "A @ W.T + b", r"Z = A W^\top + b", when="bias"),
            Formula("Z", "A @ W.T", r"Z = A W^\top", when="not bias"),
            Formula("Q", QUERIES, r"Q_h = Z^q_h", when="not rotary"),
            Formula("K", KEYS, r"K_g = Z^k_g", when="not rotary"),
            Formula("Q_0", QUERIES, r"Q^0_h = Z^q_h", when="rotary"),
            Formula("K_0", KEYS, r"K^0_g = Z^k_g", when="rotary"),
            Formula("V", VALUES, r"V_g = Z^v_g"),
            Formula(
                "theta",
                "arange(A.shape[1])[:, None, None] * rotary_base ** (-arange(d // 2) / (d // 2))",
                r"\theta_{ti} = t\, \beta^{-2i/d}",
                when="rotary",
            ),
            *_turned("halves", back=False),
            *_turned("interleaved", back=False),
            *ATTEND,
            *PROJECT,
        ),
        backward=(
            *PROJECT_BACK,
            *ATTEND_BACK,
            *_turned("halves", back=True),
            *_turned("interleaved", back=True),
            Formula("dZ", JOINED.format("dQ", "dK"), r"dZ = [dQ \; dK \; dV]", when="not rotary"),
            Formula(
                "dZ", JOINED.format("dQ_0", "dK_0"), r"dZ = [dQ^0 \; dK^0 \; dV]", when="rotary"
            ),
            Formula("dW", "einsum('mti,mtj->ij', dZ, A)", r"dW = \sum_t dZ_t^\top A_t"),
            Formula("db", "dZ.sum(axis=(0, 1))", r"db = \sum_{it} dZ_{it}", when="bias"),
            Formula("dA", "dZ @ W", r"dA = dZ\, W"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        m, T, _ = A.shape
        mask, start = cache.mask, carried_steps(cache)
        cache["A"] = A
        Z = cache.array("Z", (m, T, len(self.W)), A.dtype)
        affine(A, self.W, self.b if self.bias else None, Z)
        Q, K, V = self._parts(Z)
        Q = np.multiply(Q, 1 / sqrt(self.d), out=cache.array("scaled_Q", Q.shape, A.dtype))
        if self.rotary:
            turned_K = cache.array("K", K.shape, A.dtype)
            work = cache.array("turning", (Q.size,), A.dtype)
            rotate(Q, start, self.rotary_base, self.pairing, Q, work)
            K = rotate(K, start, self.rotary_base, self.pairing, turned_K, work)

        if cache.carry:
            mask = _with_earlier_mask(mask, start, T, cache)
            K, V = _with_earlier("K", K, start, cache), _with_earlier("V", V, start, cache)
            count_steps(cache, T)
        return self._attend(Q, K, V, mask, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        A, Z, Q = cache["A"], cache["Z"], cache["scaled_Q"]
        _, K, V = self._parts(Z)
        dZ = cache.array("dZ", Z.shape, dY.dtype)
        dQ, dK, dV = self._parts(dZ)
        if self.rotary:
            dQ_turned = cache.array("dQ_turned", dQ.shape, dY.dtype)
            dK_turned = cache.array("dK_turned", dK.shape, dY.dtype)
            self._attend_backward(dY, Q, cache["K"], V, dQ_turned, dK_turned, dV, cache)
            work = cache.array("turning", (Q.size,), dY.dtype)
            for turned, out in ((dQ_turned, dQ), (dK_turned, dK)):
                rotate_backward(turned, 0, self.rotary_base, self.pairing, turned, work)
                np.copyto(out, turned)
        else:
            self._attend_backward(dY, Q, K, V, dQ, dK, dV, cache)
        dA = cache.array("dA", A.shape, dY.dtype) if cache.needs_input_gradient else None
        affine_backward(dZ, A, self.W, self.dW, self.db if self.bias else None, dA)
        return NO_GRADIENT if dA is None else dA

    def _parts(self, Z: Array) -> tuple[Array, Array, Array]:
        """Views of the queries (m, time, heads, d), and the keys and values of each group."""
        h, g = self.heads, self.groups
        split = Z.reshape(*Z.shape[:2], h + 2 * g, self.d)
        return split[:, :, :h], split[:, :, h : h + g], split[:, :, h + g :]

    def expect_carry(self, training: bool) -> None:
        if training or not self.causal:
            need = "no training" if training else "causal=True"
            raise SettingError(
                f"layer {self.name} ({self!r}) can continue a sequence (carry=True) only with "
                f"{need}: earlier positions would have to be computed again"
            )


class CrossAttention(DotProduct):
    """Attention whose keys and values come from an encoder (Vaswani et al. 2017, section 3.2.3).

    It is one of a decoder's layers in an `EncoderDecoder`. The queries come from its input,
    Q = A W^T + b, and keys and values from the encoder's output X, [K V] = X W_kv^T + b_kv.
    Otherwise it works like `MultiHeadAttention`.

    Parameters
    ----------
    heads, key_value_heads, bias, dropout, head_width, initializer, output_initializer
        As in `MultiHeadAttention`.
    source_width : int, optional
        The width of X; by default that of the input.

    Tensors
    -------
    W, b : queries, (heads d, n_in), decays, and (heads d,). In memory transposed.
    W_kv, b_kv : keys and values, (2 key_value_heads d, source_width), decays. In memory transposed.
    W_out, b_out : (n_in, heads d), decays, and (n_in,). In memory transposed.
    """

    W_kv: Array
    b_kv: Array
    dW_kv: Array
    db_kv: Array

    def __init__(
        self,
        heads: int,
        *,
        key_value_heads: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        head_width: int | None = None,
        source_width: int | None = None,
        initializer: Initializer | None = None,
        output_initializer: Initializer | None = None,
    ) -> None:
        super().__init__(
            heads, key_value_heads, bias, dropout, head_width, initializer, output_initializer
        )
        if source_width is not None:
            source_width = require_integer("source_width", source_width, at_least=1)
        self.source_width = source_width

    def build(self, input_shape: Shape) -> Shape:
        _, width = expect_sequence(input_shape)
        d = self._choose_width(width)
        n, first = self.heads * d, self.initializer
        n_kv = 2 * self.groups * d
        source = self.source_width or width
        last = self.output_initializer or first
        self.declare("W", (n, width), first, decays=True, order="F")
        self.declare("W_kv", (n_kv, source), first, decays=True, order="F")
        self.declare("W_out", (width, n), last, decays=True, order="F")
        if self.bias:
            self.declare("b", (n,), Zeros())
            self.declare("b_kv", (n_kv,), Zeros())
            self.declare("b_out", (width,), Zeros())
        return input_shape

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("Z_q", "A @ W.T + b", r"Z^q = A W^\top + b", when="bias"),
            Formula("Z_q", "A @ W.T", r"Z^q = A W^\top", when="not bias"),
            Formula("Z", "X @ W_kv.T + b_kv", r"Z = X W_{kv}^\top + b_{kv}", when="bias"),
            Formula("Z", "X @ W_kv.T", r"Z = X W_{kv}^\top", when="not bias"),
            Formula("Q", "Z_q.reshape(*A.shape[:2], heads, d)", r"Q_h = Z^q_h"),
            Formula("K", "Z[..., : groups * d].reshape(*X.shape[:2], groups, d)", r"K_g = Z^k_g"),
            Formula("V", "Z[..., groups * d :].reshape(*X.shape[:2], groups, d)", r"V_g = Z^v_g"),
            *ATTEND,
            *PROJECT,
        ),
        backward=(
            *PROJECT_BACK,
            *ATTEND_BACK,
            Formula("dZ_q", "dQ.reshape(*A.shape[:2], -1)", r"dZ^q = dQ"),
            Formula(
                "dZ",
                "concatenate([dK.reshape(*X.shape[:2], -1), dV.reshape(*X.shape[:2], -1)], axis=2)",
                r"dZ = [dK \; dV]",
            ),
            Formula("dW", "einsum('mti,mtj->ij', dZ_q, A)", r"dW = \sum_t (dZ^q_t)^\top A_t"),
            Formula("db", "dZ_q.sum(axis=(0, 1))", r"db = \sum_{it} dZ^q_{it}", when="bias"),
            Formula("dW_kv", "einsum('msi,msj->ij', dZ, X)", r"dW_{kv} = \sum_s dZ_s^\top X_s"),
            Formula("db_kv", "dZ.sum(axis=(0, 1))", r"db_{kv} = \sum_{is} dZ_{is}", when="bias"),
            Formula("dX", "dZ @ W_kv", r"dX = dZ\, W_{kv}"),
            Formula("dA", "dZ_q @ W", r"dA = dZ^q W"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        source = cache.sequences.source
        if source is None:
            raise SettingError(f"layer {self.name} ({self!r}) works only inside an EncoderDecoder")
        X = source.X
        cache["A"], cache["X"] = A, X
        if cache.record:  # as the formulas have it, where it is not None
            cache["data"] = np.ones(X.shape[:2], bool) if source.mask is None else source.mask
        m, T, _ = A.shape
        Q = cache.array("scaled_Q", (m, T, self.heads, self.d), A.dtype)
        affine(A, self.W, self.b if self.bias else None, Q.reshape(m, T, -1))
        Q *= 1 / sqrt(self.d)
        Z = self._keys_and_values(X, cache)
        return self._attend(Q, *self._parts(Z), source.mask, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        A, X, Z, Q = cache["A"], cache["X"], cache["Z"], cache["scaled_Q"]
        dQ = cache.array("dQ", Q.shape, dY.dtype)
        dZ = cache.array("dZ", Z.shape, dY.dtype)
        self._attend_backward(dY, Q, *self._parts(Z), dQ, *self._parts(dZ), cache)
        dX = cache.array("dX", X.shape, dY.dtype)
        affine_backward(dZ, X, self.W_kv, self.dW_kv, None, dX)
        if self.bias:
            np.add.reduce(rows(dZ), axis=0, out=self.db_kv)
        source = cache.sequences.source
        if source is not None and source.dX is not None:
            source.dX += dX
        dA = cache.array("dA", A.shape, dY.dtype) if cache.needs_input_gradient else None
        dZ_q = dQ.reshape(*A.shape[:2], -1)
        affine_backward(dZ_q, A, self.W, self.dW, self.db if self.bias else None, dA)
        return NO_GRADIENT if dA is None else dA

    def _keys_and_values(self, X: Array, cache: Cache) -> Array:
        """The same for every pass that continues a sequence: made in the first."""
        if "Z" in cache.carried:
            made: Array = cache.carried["Z"]
            return made
        Z = cache.array("Z", (*X.shape[:2], 2 * self.groups * self.d), X.dtype)
        affine(X, self.W_kv, self.b_kv if self.bias else None, Z)
        if cache.carry:
            cache.carried["Z"] = Z
        return Z

    def _parts(self, Z: Array) -> tuple[Array, Array]:
        split = Z.reshape(*Z.shape[:2], 2 * self.groups, self.d)
        return split[:, :, : self.groups], split[:, :, self.groups :]


def require_rotary(rotary: Any) -> bool | Pairing:
    """Whether to rotate queries and keys, and which pairs."""
    if isinstance(rotary, str) and rotary in get_args(Pairing):
        return cast("Pairing", rotary)
    if isinstance(rotary, bool | np.bool_):
        return bool(rotary)
    raise SettingError(
        f'rotary must be True, False, "halves" or "interleaved"; got {shown(rotary)}'
    )


# --- passes that continue -------------------------------------------------------------------------


def _with_earlier(name: str, new: Array, start: int, cache: Cache) -> Array:
    """What earlier passes left, shape (m, time ...), and the new behind it; memory doubles."""
    m, T = new.shape[:2]
    held = cache.carried.get(name)
    if held is None or held.shape[1] < start + T:
        capacity = 1 << (start + T - 1).bit_length()
        grown = np.empty((m, capacity, *new.shape[2:]), new.dtype)
        if held is not None:
            grown[:, :start] = held[:, :start]
        held = cache.carried[name] = grown
    held[:, start : start + T] = new
    return held[:, : start + T]


def _with_earlier_mask(mask: Array | None, start: int, T: int, cache: Cache) -> Array | None:
    if mask is None and "mask" not in cache.carried:
        return None
    m = len(cache.carried["mask"] if mask is None else mask)
    if "mask" not in cache.carried:  # the first passes had none: all was data
        cache.carried["mask"] = np.ones((m, max(start, 1)), bool)
    new = np.ones((m, T), bool) if mask is None else mask
    return _with_earlier("mask", new, start, cache)
