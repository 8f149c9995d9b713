"""Attention: every position takes a weighted mean of others, as `dot_product` computes it."""

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
    require_optional,
    shown,
)
from plainnet.initializers import Initializer, Zeros
from plainnet.kernels.arrays import rows, sum_rows
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape
from plainnet.layers.dot_product import attend, attend_backward, hide
from plainnet.layers.positions import (
    Pairing,
    carried_steps,
    count_steps,
    expect_sequence,
    rotate,
)

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


# From queries, keys and values (m, time, heads or groups, d) to O, and back; head h reads the keys
# and values of group share[h]. `data` is the mask, (m, source time).
ATTEND = (
    Formula("share", "arange(heads) // (heads // groups)", r"g(h) = \lfloor h\, n_g / n_h \rfloor"),
    Formula(
        "S",
        "einsum('mthd,mshd->mhts', Q, K[:, :, share]) / sqrt(d)",
        r"S_h = Q_h K_{g(h)}^\top / \sqrt d",
    ),
    Formula("seen", "data[:, None, None]", r"m_{ts} = \mathrm{data}_s", when="not causal"),
    Formula(
        "seen",
        "data[:, None, None] & (arange(S.shape[2])[:, None] >= arange(S.shape[3]))",
        r"m_{ts} = \mathrm{data}_s\, [s \le t]",
        when="causal",
    ),
    Formula(
        "E",
        "exp(S - S.max(axis=3, keepdims=True)) * seen",
        r"E_{hts} = e^{S_{hts} - \max S_{ht}}\, m_{ts}",
    ),
    Formula("n", "E.sum(axis=3, keepdims=True)", r"n_{ht} = \sum_s E_{hts}"),
    Formula("P", "E / (n + (n == 0))", r"P_{hts} = E_{hts} / n_{ht}, \quad 0/0 = 0"),
    Formula("kept", "P", r"\tilde P = P", when="not dropout"),
    Formula("kept", "P * M / (1 - dropout)", r"\tilde P = P \odot M / (1 - p)", when="dropout"),
    Formula("O", "einsum('mhts,mshd->mthd', kept, V[:, :, share])", r"O_h = \tilde P_h V_{g(h)}"),
)
ATTEND_BACK = (
    Formula("dO", "(dY @ W_out).reshape(O.shape)", r"dO = dY\, W_{out}"),
    Formula(
        "dV",
        "einsum('mhts,mthd,hg->msgd', kept, dO, share[:, None] == arange(groups))",
        r"dV_g = \sum_{h \in g} \tilde P_h^\top dO_h",
    ),
    Formula(
        "dP",
        "einsum('mthd,mshd->mhts', dO, V[:, :, share])",
        r"dP_h = dO_h V_{g(h)}^\top",
        when="not dropout",
    ),
    Formula(
        "dP",
        "einsum('mthd,mshd->mhts', dO, V[:, :, share]) * M / (1 - dropout)",
        r"dP_h = dO_h V_{g(h)}^\top \odot M_h / (1 - p)",
        when="dropout",
    ),
    Formula(
        "dS",
        "P * (dP - (dP * P).sum(axis=3, keepdims=True))",
        r"dS_{hts} = P_{hts} (dP_{hts} - \sum_s dP_{hts} P_{hts})",
    ),
    Formula(
        "dQ",
        "einsum('mhts,mshd->mthd', dS, K[:, :, share]) / sqrt(d)",
        r"dQ_h = dS_h K_{g(h)} / \sqrt d",
    ),
    Formula(
        "dK",
        "einsum('mhts,mthd,hg->msgd', dS, Q, share[:, None] == arange(groups)) / sqrt(d)",
        r"dK_g = \sum_{h \in g} dS_h^\top Q_h / \sqrt d",
    ),
)
PROJECT = (
    Formula(
        "Y",
        "O.reshape(*A.shape[:2], -1) @ W_out.T + b_out",
        r"Y = O W_{out}^\top + b_{out}",
        when="bias",
    ),
    Formula("Y", "O.reshape(*A.shape[:2], -1) @ W_out.T", r"Y = O W_{out}^\top", when="not bias"),
)
PROJECT_BACK = (
    Formula(
        "dW_out",
        "einsum('mti,mtj->ij', dY, O.reshape(*A.shape[:2], -1))",
        r"dW_{out} = \sum_t dY_t^\top O_t",
    ),
    Formula("db_out", "dY.sum(axis=(0, 1))", r"db_{out} = \sum_{it} dY_{it}", when="bias"),
)


class MultiHeadAttention(Layer):
    """Self-attention: Y = [O_1 ... O_n] W_out^T + b_out, O_h = softmax(Q_h K_h^T / sqrt d) V_h.

    Vaswani et al. 2017, section 3.2.2. The queries, keys and values of all heads come from one
    product, Z = A W^T + b. Steps that the mask leaves out get no weight; where nothing is left to
    attend to, O is zero.

    With `Cache(carry=True)` and causal attention, the keys and values of earlier passes are kept,
    and a pass computes only what is new.

    Parameters
    ----------
    heads : int
    causal : bool
        A position sees itself and those before it.
    key_value_heads : int, optional
        Fewer heads of keys and values than of queries: neighbouring heads share them (Ainslie et
        al. 2023, GQA). A divisor of `heads`, which is also the default.
    rotary : bool, "halves" or "interleaved"
        Queries and keys are turned by their positions (Su et al. 2021, RoFormer). True is "halves",
        as in Llama; `positions.rotate` says which pairs the two are.
    rotary_base : float
        The slowest pair turns by about 1 / rotary_base a step.
    bias : bool
        Whether there are `b` and `b_out`.
    dropout : float
        The probability with which a weight of P becomes zero in training.
    head_width : int, optional
        d; by default the input's width divided by `heads`.
    initializer : Initializer, optional
        For `W`. By default the one that suits linear layers, Glorot.
    output_initializer : Initializer, optional
        For `W_out`. By default that of `W`.

    Tensors
    -------
    W : ((heads + 2 key_value_heads) d, n_in), decays; queries, keys, values. In memory transposed.
    b : (heads + 2 key_value_heads) d
    W_out : (n_in, heads d), decays. In memory transposed.
    b_out : (n_in,)
    """

    W: Array
    b: Array
    W_out: Array
    b_out: Array
    dW: Array
    db: Array
    dW_out: Array
    db_out: Array

    releases_arrays = True
    uses_mask = True
    carries_back = False

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
        self.heads = require_integer("heads", heads, at_least=1)
        self.groups = _groups(self.heads, key_value_heads)
        require_boolean("causal", causal)
        rotary = require_rotary(rotary)
        require_boolean("bias", bias)
        require_number("rotary_base", rotary_base, above=1)
        require_number("dropout", dropout, at_least=0, below=1)
        _require_optional(head_width, initializer, output_initializer)
        self.causal = causal
        self.key_value_heads = key_value_heads
        self.rotary = rotary
        self.rotary_base = float(rotary_base)
        self.bias = bias
        self.dropout = dropout
        self.head_width = head_width
        self.initializer = initializer
        self.output_initializer = output_initializer
        self.pairing: Pairing = "interleaved" if rotary == "interleaved" else "halves"

    def build(self, input_shape: Shape) -> Shape:
        _, width = expect_sequence(input_shape)
        self.d = d = _head_width(width, self.heads, self.head_width)
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
        h, g, d = self.heads, self.groups, self.d
        mask, start = cache.mask, carried_steps(cache)
        cache["A"] = A
        Z = cache.array("Z", (m, T, (h + 2 * g) * d), A.dtype)
        np.dot(rows(A), self.W.T, out=rows(Z))
        if self.bias:
            Z += self.b
        Q, K, V = self._parts(Z)

        scaled_Q = cache.array("scaled_Q", Q.shape, A.dtype)
        np.multiply(Q, 1 / sqrt(d), out=scaled_Q)
        if self.rotary:
            self._turn(scaled_Q, start, cache)
            turned_K = cache.array("K", K.shape, A.dtype)
            np.copyto(turned_K, K)
            self._turn(turned_K, start, cache)
            K = turned_K

        if cache.carry:
            mask = _with_earlier_mask(mask, start, T, cache)
            K, V = _with_earlier("K", K, start, cache), _with_earlier("V", V, start, cache)
            count_steps(cache, T)
        hide(mask, K.shape[1], cache, A.dtype)
        O = cache.array("O", (m, T, h, d), A.dtype)
        attend(scaled_Q, K, V, O, cache, self.causal, self.dropout)
        return project(O, self.W_out, self.b_out if self.bias else None, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        A, Z, Q = cache["A"], cache["Z"], cache["scaled_Q"]
        _, K, V = self._parts(Z)
        if self.rotary:
            K = cache["K"]
        dO = project_backward(
            dY, self.W_out, self.dW_out, self.db_out if self.bias else None, cache
        )
        dZ = cache.array("dZ", Z.shape, dY.dtype)
        dQ, dK, dV = self._parts(dZ)
        if self.rotary:
            dQ = cache.array("turned_dQ", dQ.shape, dY.dtype)
            dK = cache.array("turned_dK", dK.shape, dY.dtype)
        attend_backward(dO, dQ, dK, dV, Q, K, V, cache, self.causal, self.dropout)
        if self.rotary:
            for turned, out in zip((dQ, dK), self._parts(dZ)[:2], strict=True):
                self._turn(turned, 0, cache, sign=-1)
                np.copyto(out, turned)

        np.matmul(rows(A).T, rows(dZ), out=self.dW.T)
        if self.bias:
            sum_rows(dZ, self.db)
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA = cache.array("dA", A.shape, dY.dtype)
        np.dot(rows(dZ), self.W, out=rows(dA))
        return dA

    def _parts(self, Z: Array) -> tuple[Array, Array, Array]:
        """Views of the queries (m, time, heads, d), and the keys and values of each group."""
        h, g = self.heads, self.groups
        split = Z.reshape(*Z.shape[:2], h + 2 * g, self.d)
        return split[:, :, :h], split[:, :, h : h + g], split[:, :, h + g :]

    def _turn(self, X: Array, start: int, cache: Cache, sign: int = 1) -> None:
        work = cache.array("work", X.shape, X.dtype)
        rotate(X, start, self.rotary_base, self.pairing, work, sign)

    def expect_carry(self, training: bool) -> None:
        if training or not self.causal:
            need = "no training" if training else "causal=True"
            raise SettingError(
                f"layer {self.name} ({self!r}) can continue a sequence (carry=True) only with "
                f"{need}: earlier positions would have to be computed again"
            )


class CrossAttention(Layer):
    """Attention whose keys and values come from an encoder (Vaswani et al. 2017, section 3.2.3).

    It stands among a decoder's layers in an `EncoderDecoder`, and gets the queries from its input:
    Q = A W^T + b, and [K V] = X W_kv^T + b_kv of the encoder's output X. Otherwise it is as
    `MultiHeadAttention`.

    Parameters
    ----------
    heads, key_value_heads, bias, dropout, head_width, initializer, output_initializer
        As of `MultiHeadAttention`.
    source_width : int, optional
        The width of X; by default that of the input.

    Tensors
    -------
    W, b : queries, (heads d, n_in), decays, and (heads d,). In memory transposed.
    W_kv, b_kv : keys and values, (2 key_value_heads d, source_width), decays. In memory transposed.
    W_out, b_out : (n_in, heads d), decays, and (n_in,). In memory transposed.
    """

    W: Array
    b: Array
    W_kv: Array
    b_kv: Array
    W_out: Array
    b_out: Array
    dW: Array
    db: Array
    dW_kv: Array
    db_kv: Array
    dW_out: Array
    db_out: Array

    releases_arrays = True
    causal = False
    carries_back = False

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
        self.heads = require_integer("heads", heads, at_least=1)
        self.groups = _groups(self.heads, key_value_heads)
        require_boolean("bias", bias)
        require_number("dropout", dropout, at_least=0, below=1)
        _require_optional(head_width, initializer, output_initializer)
        if source_width is not None:
            source_width = require_integer("source_width", source_width, at_least=1)
        self.key_value_heads = key_value_heads
        self.bias = bias
        self.dropout = dropout
        self.head_width = head_width
        self.source_width = source_width
        self.initializer = initializer
        self.output_initializer = output_initializer

    def build(self, input_shape: Shape) -> Shape:
        _, width = expect_sequence(input_shape)
        self.d = d = _head_width(width, self.heads, self.head_width)
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
        (m, T, _), S, d = A.shape, X.shape[1], self.d
        Q = cache.array("scaled_Q", (m, T, self.heads, d), A.dtype)
        np.dot(rows(A), self.W.T, out=Q.reshape(m * T, -1))
        if self.bias:
            Q += self.b.reshape(-1, d)
        Q *= 1 / sqrt(d)
        Z = self._keys_and_values(X, cache)
        hide(source.mask, S, cache, A.dtype)
        O = cache.array("O", Q.shape, A.dtype)
        attend(Q, *self._parts(Z), O, cache, False, self.dropout)
        return project(O, self.W_out, self.b_out if self.bias else None, cache)

    def backward(self, dY: Array, cache: Cache) -> Array:
        A, X, Z, Q = cache["A"], cache["X"], cache["Z"], cache["scaled_Q"]
        dO = project_backward(
            dY, self.W_out, self.dW_out, self.db_out if self.bias else None, cache
        )
        dQ = cache.array("dQ", Q.shape, dY.dtype)
        dZ = cache.array("dZ", Z.shape, dY.dtype)
        attend_backward(dO, dQ, *self._parts(dZ), Q, *self._parts(Z), cache, False, self.dropout)
        dQ = dQ.reshape(len(rows(A)), -1)
        np.matmul(rows(A).T, dQ, out=self.dW.T)
        np.matmul(rows(X).T, rows(dZ), out=self.dW_kv.T)
        if self.bias:
            sum_rows(dQ, self.db)
            np.add.reduce(rows(dZ), axis=0, out=self.db_kv)

        dX = cache.array("dX", X.shape, dY.dtype)
        np.dot(rows(dZ), self.W_kv, out=rows(dX))
        source = cache.sequences.source
        if source is not None and source.dX is not None:
            source.dX += dX
        if not cache.needs_input_gradient:
            return NO_GRADIENT
        dA = cache.array("dA", A.shape, dY.dtype)
        np.dot(dQ, self.W, out=rows(dA))
        return dA

    def _keys_and_values(self, X: Array, cache: Cache) -> Array:
        """The same for every pass that continues a sequence: made in the first."""
        if "Z" in cache.carried:
            made: Array = cache.carried["Z"]
            return made
        Z = cache.array("Z", (*X.shape[:2], 2 * self.groups * self.d), X.dtype)
        np.dot(rows(X), self.W_kv.T, out=rows(Z))
        if self.bias:
            Z += self.b_kv
        if cache.carry:
            cache.carried["Z"] = Z
        return Z

    def _parts(self, Z: Array) -> tuple[Array, Array]:
        split = Z.reshape(*Z.shape[:2], 2 * self.groups, self.d)
        return split[:, :, : self.groups], split[:, :, self.groups :]


# --- what both have -------------------------------------------------------------------------------


def project(O: Array, W_out: Array, b_out: Array | None, cache: Cache) -> Array:
    """Y = O W_out^T + b_out, the heads of O in one row."""
    m, T = O.shape[:2]
    Y = cache.array("Y", (m, T, len(W_out)), O.dtype)
    np.dot(O.reshape(m * T, -1), W_out.T, out=rows(Y))
    if b_out is not None:
        Y += b_out
    return Y


def project_backward(
    dY: Array, W_out: Array, dW_out: Array, db_out: Array | None, cache: Cache
) -> Array:
    """The gradient of O; writes those of W_out and b_out."""
    O = cache["O"]
    in_rows = O.reshape(len(rows(dY)), -1)
    np.matmul(in_rows.T, rows(dY), out=dW_out.T)
    if db_out is not None:
        sum_rows(dY, db_out)
    dO = cache.array("dO", O.shape, dY.dtype)
    np.dot(rows(dY), W_out, out=dO.reshape(in_rows.shape))
    return dO


def _groups(heads: int, key_value_heads: int | None) -> int:
    if key_value_heads is None:
        return heads
    groups = require_integer("key_value_heads", key_value_heads, at_least=1)
    if heads % groups:
        raise SettingError(
            f"key_value_heads must divide the number of heads, {heads}; got {key_value_heads}"
        )
    return groups


def _head_width(width: int, heads: int, head_width: int | None) -> int:
    if head_width is None and width % heads:
        raise ShapeError(
            f"needs a width that {heads} heads divide, or a head_width; got the width {width}"
        )
    return head_width or width // heads


def _require_optional(
    head_width: int | None, initializer: Initializer | None, output_initializer: Initializer | None
) -> None:
    if head_width is not None:
        require_integer("head_width", head_width, at_least=1)
    require_optional("initializer", initializer, Initializer)
    require_optional("output_initializer", output_initializer, Initializer)


def require_rotary(rotary: Any) -> bool | Pairing:
    """Whether to turn queries and keys, and which pairs."""
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
