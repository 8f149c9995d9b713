"""The mathematics of the attention layers as data, by their settings."""

from plainnet.engine.formulas import Formula, Formulas
from plainnet.layers.positions import Pairing

_TURNED = {
    "halves": "concatenate([{0}[..., : d // 2] * cos(theta) {1} {0}[..., d // 2 :] * sin(theta),"
    " {0}[..., d // 2 :] * cos(theta) {2} {0}[..., : d // 2] * sin(theta)], axis=3)",
    "interleaved": "concatenate([({0}[..., ::2] * cos(theta) {1} {0}[..., 1::2] * sin(theta))"
    "[..., None], ({0}[..., 1::2] * cos(theta) {2} {0}[..., ::2] * sin(theta))[..., None]],"
    " axis=4).reshape({0}.shape)",
}


def self_attention_formulas(
    causal: bool, pairing: Pairing | None, bias: bool, dropout: float
) -> Formulas:
    """Of `MultiHeadAttention`."""
    apart = "_0" if pairing else ""  # queries and keys before they are turned
    forward = [
        _linear("Z", "A", "W", "b", bias),
        _split(f"Q{apart}", "Z[..., : heads * d]"),
        _split(f"K{apart}", "Z[..., heads * d : (heads + groups) * d]"),
        _split("V", "Z[..., (heads + groups) * d :]"),
    ]
    turned_back = []
    if pairing:
        forward += [
            Formula(
                "theta",
                "arange(A.shape[1])[:, None, None] * rotary_base ** (-arange(d // 2) / (d // 2))",
                r"\theta_{ti} = t\, \beta^{-2i/d}",
            )
        ]
        turned = _TURNED[pairing]
        forward += [
            Formula(
                name, turned.format(f"{name}_0", "-", "+"), rf"{name}_t = R(\theta_t) {name}^0_t"
            )
            for name in "QK"
        ]
        turned_back = [
            Formula(
                f"{name}_0",
                turned.format(name, "+", "-"),
                rf"{name}^0_t = R(\theta_t)^\top {name}_t",
            )
            for name in ("dQ", "dK")
        ]
    forward += _forward(causal, dropout)
    forward += [_linear("Y", "O.reshape(*A.shape[:2], -1)", "W_out", "b_out", bias)]
    backward = [
        *_output_backward(bias),
        *_backward(dropout),
        *turned_back,
        _joined("dZ", "A", f"dQ{apart}", f"dK{apart}", "dV"),
        *_linear_backward("dZ", "A", "W", "b", bias),
        Formula("dA", "dZ @ W", r"dA = dZ\, W"),
    ]
    return Formulas("A", "Y", tuple(forward), tuple(backward))


def cross_attention_formulas(bias: bool, dropout: float) -> Formulas:
    """Of `CrossAttention`."""
    forward = [
        _linear("Z_q", "A", "W", "b", bias),
        _linear("Z", "X", "W_kv", "b_kv", bias),
        _split("Q", "Z_q"),
        _split("K", "Z[..., : groups * d]"),
        _split("V", "Z[..., groups * d :]"),
        *_forward(causal=False, dropout=dropout),
        _linear("Y", "O.reshape(*A.shape[:2], -1)", "W_out", "b_out", bias),
    ]
    backward = [
        *_output_backward(bias),
        *_backward(dropout),
        Formula("dZ_q", "dQ.reshape(*A.shape[:2], -1)", r"dZ_q = dQ"),
        _joined("dZ", "X", "dK", "dV"),
        *_linear_backward("dZ_q", "A", "W", "b", bias),
        *_linear_backward("dZ", "X", "W_kv", "b_kv", bias),
        Formula("dX", "dZ @ W_kv", r"dX = dZ\, W_{kv}"),
        Formula("dA", "dZ_q @ W", r"dA = dZ_q W"),
    ]
    return Formulas("A", "Y", tuple(forward), tuple(backward))


def _split(result: str, part: str) -> Formula:
    return Formula(
        result,
        f"({part}).reshape(*({part}).shape[:2], -1, d)",
        rf"{result.replace('_', '^')}_{{thj}} = Z_{{t,\, h d + j}}",
    )


def _joined(result: str, like: str, *parts: str) -> Formula:
    flat = ", ".join(f"{part}.reshape(*{like}.shape[:2], -1)" for part in parts)
    shown = r"\; ".join(part.replace("_0", "^0") for part in parts)
    return Formula(result, f"concatenate([{flat}], axis=2)", rf"{result} = [{shown}]")


def _linear(result: str, A: str, W: str, b: str, bias: bool) -> Formula:
    shown = A[0]
    return Formula(
        result,
        f"{A} @ {W}.T" + (f" + {b}" if bias else ""),
        rf"{_latex(result)} = {shown} {_latex(W)}^\top" + (f" + {_latex(b)}" if bias else ""),
    )


def _linear_backward(dZ: str, A: str, W: str, b: str, bias: bool) -> list[Formula]:
    dW = Formula(
        f"d{W}",
        f"einsum('mti,mtj->ij', {dZ}, {A})",
        rf"d{_latex(W)} = \sum d{_latex(dZ[1:])}^\top {A[0]}",
    )
    db = Formula(f"d{b}", f"{dZ}.sum(axis=(0, 1))", rf"d{_latex(b)} = \sum d{_latex(dZ[1:])}")
    return [dW, db] if bias else [dW]


def _output_backward(bias: bool) -> list[Formula]:
    return [
        *_linear_backward("dY", "O.reshape(*A.shape[:2], -1)", "W_out", "b_out", bias),
        Formula("dO", "(dY @ W_out).reshape(O.shape)", r"dO = dY\, W_{out}"),
    ]


def _latex(name: str) -> str:
    letter, _, index = name.partition("_")
    return rf"{letter}_{{{index}}}" if index else letter


# --- from queries, keys and values to O, and back -------------------------------------------------

# Head h reads the keys and values of group share[h].
SHARE = Formula(
    "share", "arange(heads) // (heads // groups)", r"g(h) = \lfloor h\, n_g / n_h \rfloor"
)


def _forward(causal: bool, dropout: float) -> tuple[Formula, ...]:
    """From Q, K and V, of shape (m, time, heads or groups, d), to O."""
    seen = " * (arange(S.shape[2])[:, None] >= arange(S.shape[3]))" if causal else ""
    seen_latex = r"\, [s \le t]" if causal else ""
    kept = "P * M / (1 - dropout)" if dropout else "P"
    kept_latex = r"P \odot M / (1 - p)" if dropout else "P"
    return (
        SHARE,
        Formula(
            "S",
            "einsum('mthd,mshd->mhts', Q, K[:, :, share]) / sqrt(d)",
            r"S_h = Q_h K_{g(h)}^\top / \sqrt d",
        ),
        Formula(
            "E",
            f"exp(S - S.max(axis=3, keepdims=True)){seen}",
            rf"E_{{hts}} = e^{{S_{{hts}} - \max S_{{ht}}}}{seen_latex}",
        ),
        Formula("P", "E / E.sum(axis=3, keepdims=True)", r"P_{hts} = E_{hts} / \sum_s E_{hts}"),
        Formula("kept", kept, rf"\tilde P = {kept_latex}"),
        Formula(
            "O",
            "einsum('mhts,mshd->mthd', kept, V[:, :, share])",
            r"O_h = \tilde P_h V_{g(h)}",
        ),
    )


def _backward(dropout: float) -> tuple[Formula, ...]:
    """From dO to dQ, dK and dV."""
    kept = " * M / (1 - dropout)" if dropout else ""
    kept_latex = r" \odot M_h / (1 - p)" if dropout else ""
    return (
        Formula(
            "dV",
            "einsum('mhts,mthd,hg->msgd', kept, dO, share[:, None] == arange(groups))",
            r"dV_g = \sum_{h \in g} \tilde P_h^\top dO_h",
        ),
        Formula(
            "dP",
            f"einsum('mthd,mshd->mhts', dO, V[:, :, share]){kept}",
            rf"dP_h = dO_h V_{{g(h)}}^\top{kept_latex}",
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
