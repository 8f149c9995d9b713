"""The formulas of weight decay and L1 regularisation, which surround every optimizer's rule.

L1 is a proximal step (Parikh and Boyd 2014, Proximal Algorithms, sections 4.2 and 6.5.2): soft
thresholding after the rule instead of a subgradient in it, which would leave weights next to 0.
"""

from plainnet.engine.formulas import Formula

DECAY = (
    Formula("g", "dp", "g = dp", when="decoupled or not weight_decay"),
    Formula(
        "g", "dp + weight_decay * p", r"g = dp + \lambda p", when="not decoupled and weight_decay"
    ),
    Formula(
        "p_decayed",
        "(1 - learning_rate * weight_decay) * p",
        r"\tilde p = (1 - \eta \lambda)\, p",
        when="decoupled and weight_decay",
    ),
)
"""The formulas of weight decay, which come before every optimizer's rule."""


def update(step: str, latex: str, when: str = "") -> tuple[Formula, ...]:
    """p_next = p - step, where p is the parameter after decay; with L1, p_next is shrunk."""
    also = f"({when}) and " if when else ""
    return (
        *_moved("p_next", "p'", step, latex, f"{also}not l1"),
        *_moved("p_moved", r"\hat p", step, latex, f"{also}l1"),
        Formula(
            "p_next",
            "sign(p_moved) * maximum(abs(p_moved) - learning_rate * l1, 0)",
            r"p' = \operatorname{sign}(\hat p) \max(|\hat p| - \eta \lambda_1, 0)",
            when=f"{also}l1",
        ),
    )


def _moved(result: str, symbol: str, step: str, latex: str, when: str) -> tuple[Formula, ...]:
    decays = "decoupled and weight_decay"
    return tuple(
        Formula(result, f"{p} - {step}", f"{symbol} = {p_latex} - {latex}", f"{when} and {whether}")
        for p, p_latex, whether in (
            ("p", "p", f"not ({decays})"),
            ("p_decayed", r"\tilde p", decays),
        )
    )
