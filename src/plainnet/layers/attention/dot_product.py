"""The common part of both attention layers, given queries, keys and values."""

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_boolean,
    require_integer,
    require_number,
    require_optional,
)
from plainnet.initializers import Initializer
from plainnet.kernels.affine import affine, affine_backward
from plainnet.kernels.arrays import rows
from plainnet.kernels.attention import attend, attend_backward, attend_backward_size, attend_size
from plainnet.layers.base import Array, Layer

BOOL = np.dtype(bool)

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
    Formula("kept", "P", r"\tilde P = P", when="not dropout or not training"),
    Formula(
        "kept",
        "P * M / (1 - dropout)",
        r"\tilde P = P \odot M / (1 - p)",
        when="dropout and training",
    ),
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
        when="not dropout or not training",
    ),
    Formula(
        "dP",
        "einsum('mthd,mshd->mhts', dO, V[:, :, share]) * M / (1 - dropout)",
        r"dP_h = dO_h V_{g(h)}^\top \odot M_h / (1 - p)",
        when="dropout and training",
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


class DotProduct(Layer):
    """From scaled queries, keys and values to Y = [O_1 ... O_n] W_out^T + b_out, and back.

    Queries are (m, time, heads, d), keys and values (m, source time, groups, d). A subclass
    declares W_out and, if `bias`, b_out.
    """

    W: Array
    b: Array
    W_out: Array
    b_out: Array
    dW: Array
    db: Array
    dW_out: Array
    db_out: Array

    causal = False
    releases_arrays = True
    carries_back = False

    def __init__(
        self,
        heads: int,
        key_value_heads: int | None,
        bias: bool,
        dropout: float,
        head_width: int | None,
        initializer: Initializer | None,
        output_initializer: Initializer | None,
    ) -> None:
        self.heads = require_integer("heads", heads, at_least=1)
        self.groups = _groups(self.heads, key_value_heads)
        require_boolean("bias", bias)
        require_number("dropout", dropout, at_least=0, below=1)
        if head_width is not None:
            require_integer("head_width", head_width, at_least=1)
        require_optional("initializer", initializer, Initializer)
        require_optional("output_initializer", output_initializer, Initializer)
        self.key_value_heads = key_value_heads
        self.bias = bias
        self.dropout = dropout
        self.head_width = head_width
        self.initializer = initializer
        self.output_initializer = output_initializer

    def _choose_width(self, width: int) -> int:
        """d, the width of a head."""
        if self.head_width is None and width % self.heads:
            raise ShapeError(
                f"needs a width that {self.heads} heads divide, or a head_width; got the width "
                f"{width}"
            )
        self.d = self.head_width or width // self.heads
        return self.d

    def _attend(self, Q: Array, K: Array, V: Array, mask: Array | None, cache: Cache) -> Array:
        """Y; the queries are scaled, and `mask`, (m, source time), says which keys are data."""
        (m, T, heads, _), S = Q.shape, K.shape[1]
        if mask is not None and mask.shape[1] != S:
            raise ShapeError(f"the mask has the shape {mask.shape}, and there are {S} keys")
        keeps = cache.training or cache.record
        drops = cache.training and self.dropout > 0
        P = cache.array("P", (m, heads, T, S), Q.dtype) if keeps else None
        M = cache.array("M", (m, heads, T, S), BOOL) if drops else None
        if cache.record and P is not None:
            P.fill(0)  # otherwise nobody looks at the weights of keys that are not seen
        cache["mask"] = mask
        O = cache.array("O", Q.shape, Q.dtype)
        work = cache.array("work", (attend_size(Q.shape, K.shape, keeps, drops),), Q.dtype)
        attend(Q, K, V, mask, self.causal, self.dropout, cache.rng, O, P, M, work)
        Y = cache.array("Y", (m, T, len(self.W_out)), Q.dtype)
        affine(O.reshape(m * T, -1), self.W_out, self.b_out if self.bias else None, rows(Y))
        return Y

    def _attend_backward(
        self,
        dY: Array,
        Q: Array,
        K: Array,
        V: Array,
        dQ: Array,
        dK: Array,
        dV: Array,
        cache: Cache,
    ) -> None:
        """Writes dQ, with respect to the unscaled queries, dK, dV, dW_out and db_out."""
        O, in_rows = cache["O"], rows(dY)
        dO = cache.array("dO", O.shape, dY.dtype)
        affine_backward(
            in_rows, O.reshape(len(in_rows), -1), self.W_out,
            self.dW_out, self.db_out if self.bias else None, dO.reshape(len(in_rows), -1),
        )  # fmt: skip
        keeps = cache.training or cache.record
        drops = cache.training and self.dropout > 0
        size = attend_backward_size(Q.shape, K.shape, keeps, drops)
        attend_backward(
            dO, Q, K, V, cache["mask"], self.causal, self.dropout, O,
            cache["P"] if keeps else None, cache["M"] if drops else None,
            dQ, dK, dV, cache.array("work", (size,), dY.dtype),
        )  # fmt: skip


def _groups(heads: int, key_value_heads: int | None) -> int:
    if key_value_heads is None:
        return heads
    groups = require_integer("key_value_heads", key_value_heads, at_least=1)
    if heads % groups:
        raise SettingError(
            f"key_value_heads must divide the number of heads, {heads}; got {key_value_heads}"
        )
    return groups
