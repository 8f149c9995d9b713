"""Cases for the normalizations, softmax and the squared error."""

from __future__ import annotations

from functools import partial

import numpy as np

from kernels.twins.case import Arguments, Array, Case
from plainnet.kernels.batch_norm import (
    batch_norm,
    batch_norm_backward,
    batch_statistics,
    feature_lines_shape,
)
from plainnet.kernels.group_norm import (
    channel_lines_shape,
    group_norm,
    group_norm_backward,
)
from plainnet.kernels.layer_norm import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward
from plainnet.kernels.pieces import piece_size
from plainnet.kernels.softmax import softmax, softmax_backward
from plainnet.kernels.squared_error import squared_error

Shape = tuple[int, ...]
Rng = np.random.Generator

# The larger ones are divided into parts; in the last, a row has more features than a line needs.
SHAPES: list[tuple[Shape, str]] = [
    *[((1, 10), ""), ((7, 3), "in place"), ((2, 5, 7, 33), ""), ((700, 17), "sums only")],
    *[((700, 17), ""), ((30, 9, 80), "in place"), ((40, 1000), "")],
]


def result(given: Array, use: str) -> Array | None:
    return given if use == "in place" else None if use == "sums only" else np.zeros(given.shape)


def outputs(use: str, result: str, *others: str) -> str:
    return " ".join((*others, *([] if use == "sums only" else [result])))


# --- each row by itself ---------------------------------------------------------------------------


def forward_of_rows(shape: Shape, use: str, rng: Rng, *, centered: bool) -> Arguments:
    n, per_row = shape[-1], (*shape[:-1], 1)
    A, (gamma, beta) = 3 + 2 * rng.standard_normal(shape), rng.standard_normal((2, n))
    names = ("mean", "variance", "inverse_std") if centered else ("mean_square", "inverse_rms")
    return {
        "A": A,
        "gamma": gamma,
        **({"beta": beta} if centered else {}),
        "epsilon": 1e-5,
        "Y": result(A, use),
        "A_hat": np.zeros(shape),
        **{name: np.zeros(per_row) for name in names},
    }


def backward_of_rows(shape: Shape, use: str, rng: Rng, *, centered: bool) -> Arguments:
    n, size = shape[-1], piece_size(np.zeros(shape, np.float32))
    dY, A_hat = 1 + rng.standard_normal((2, *shape))
    return {
        "dY": dY,
        "gamma": rng.standard_normal(n),
        "A_hat": A_hat,
        "inverse_std" if centered else "inverse_rms": 1 + rng.random((*shape[:-1], 1)),
        "dgamma": np.ones(n),
        **({"dbeta": np.ones(n)} if centered else {}),
        "dA": result(dY, use),
        "product": np.zeros(size),
        "means": np.zeros(size // n),
        "part": np.zeros(n),
    }


def of_rows(shape: Shape, use: str) -> list[Case]:
    note = f"of {shape} {use}".strip()
    with_mean = partial(forward_of_rows, shape, use, centered=True)
    without = partial(forward_of_rows, shape, use, centered=False)
    with_mean_back = partial(backward_of_rows, shape, use, centered=True)
    without_back = partial(backward_of_rows, shape, use, centered=False)
    forward = [
        Case(layer_norm, with_mean, "Y A_hat mean variance inverse_std", 10, note),
        Case(rms_norm, without, "Y A_hat mean_square inverse_rms", 4, note),
    ]
    backward = [
        Case(layer_norm_backward, with_mean_back, outputs(use, "dA", "dgamma", "dbeta"), 7, note),
        Case(rms_norm_backward, without_back, outputs(use, "dA", "dgamma"), 6, note),
    ]
    return backward if use == "sums only" else [*forward, *backward]


CASES = [case for shape, use in SHAPES for case in of_rows(shape, use)]


# --- each feature ---------------------------------------------------------------------------------


def statistics(shape: Shape, rng: Rng) -> Arguments:
    """Where one pass, by the mean of the squares, would lose all digits of the variance."""
    A = 3000 + rng.standard_normal(shape)
    return {
        "A": A,
        "mean": np.ones(shape[-1]),
        "variance": np.ones(shape[-1]),
        "lines": np.zeros(feature_lines_shape(A)),
        "square": np.zeros(A.size),
        "part": np.zeros(shape[-1]),
    }


def forward_of_features(shape: Shape, use: str, rng: Rng) -> Arguments:
    A = 3 + 2 * rng.standard_normal(shape)
    mean, gamma, beta = rng.standard_normal((3, shape[-1]))
    return {
        "A": A,
        "mean": mean,
        "variance": rng.random(shape[-1]),
        "gamma": gamma,
        "beta": beta,
        "epsilon": 1e-5,
        "Y": result(A, use),
        "A_hat": np.zeros(shape),
        "inverse_std": np.zeros(shape[-1]),
        "lines": np.zeros(feature_lines_shape(A)),
    }


def backward_of_features(shape: Shape, use: str, rng: Rng, *, of_batch: bool) -> Arguments:
    dY, A_hat = 1 + rng.standard_normal((2, *shape))
    gamma, inverse_std = 0.5 + rng.random((2, shape[-1]))
    dgamma, dbeta = np.ones((2, shape[-1]))
    return {
        "dY": dY,
        "gamma": gamma,
        "A_hat": A_hat,
        "inverse_std": inverse_std,
        "of_batch": of_batch,
        "dgamma": dgamma,
        "dbeta": dbeta,
        "dA": result(dY, use),
        "lines": np.zeros(feature_lines_shape(dY)),
        "product": np.zeros(dY.size),
        "part": np.zeros((3, shape[-1])),
    }


def of_features(shape: Shape, use: str) -> list[Case]:
    note, back = f"of {shape} {use}".strip(), partial(backward_of_features, shape, use)
    written = outputs(use, "dA", "dgamma", "dbeta")
    backward = [
        Case(batch_norm_backward, partial(back, of_batch=True), written, 8, note),
        Case(batch_norm_backward, partial(back, of_batch=False), written, 8, f"{note}, running"),
    ]
    if use == "sums only":
        return backward
    forward = partial(forward_of_features, shape, use)
    return [
        Case(batch_statistics, partial(statistics, shape), "mean variance", 8, note),
        Case(batch_norm, forward, "Y A_hat inverse_std", 4, note),
        *backward,
    ]


CASES += [case for shape, use in SHAPES for case in of_features(shape, use)]


# --- groups of channels ---------------------------------------------------------------------------


def forward_of_groups(shape: Shape, groups: int, use: str, rng: Rng) -> Arguments:
    C, per_channel = shape[-1], (shape[0], *[1] * (len(shape) - 2), shape[-1])
    A, (gamma, beta) = 3 + 2 * rng.standard_normal(shape), rng.standard_normal((2, C))
    return {
        "A": A,
        "gamma": gamma,
        "beta": beta,
        "groups": groups,
        "epsilon": 1e-5,
        "Y": result(A, use),
        "A_hat": np.zeros(shape),
        **{name: np.zeros(per_channel) for name in ("mean", "variance", "inverse_std")},
        "lines": np.zeros(channel_lines_shape(A)),
        "repeats": np.zeros(A.size),
        "group_means": np.zeros(shape[0] * groups),
        "square": np.zeros(A.size),
    }


def backward_of_groups(shape: Shape, groups: int, use: str, rng: Rng) -> Arguments:
    C, per_channel = shape[-1], (shape[0], *[1] * (len(shape) - 2), shape[-1])
    dY, A_hat = 1 + rng.standard_normal((2, *shape))
    gamma, dgamma, dbeta = 1 + rng.random((3, C))
    inverse_std = np.repeat(1 + rng.random((*per_channel[:-1], groups)), C // groups, -1)
    return {
        "dY": dY,
        "gamma": gamma,
        "A_hat": A_hat,
        "inverse_std": inverse_std,
        "groups": groups,
        "dgamma": dgamma,
        "dbeta": dbeta,
        "dA": result(dY, use),
        "product": np.zeros(dY.size),
        "lines": np.zeros(channel_lines_shape(dY)),
        "repeats": np.zeros(dY.size),
        "channel_sums": np.zeros((2, *per_channel)),
        "group_means": np.zeros(shape[0] * groups),
        "part": np.zeros(C),
    }


def of_groups(shape: Shape, groups: int, use: str) -> list[Case]:
    note = f"of {shape} in {groups} {use}".strip()
    backward = partial(backward_of_groups, shape, groups, use)
    written = outputs(use, "dA", "dgamma", "dbeta")
    cases = [Case(group_norm_backward, backward, written, 8, note)]
    if use != "sums only":
        forward = partial(forward_of_groups, shape, groups, use)
        cases.append(Case(group_norm, forward, "Y A_hat mean variance inverse_std", 8, note))
    return cases


GROUPED: list[tuple[Shape, int, str]] = [
    *[((1, 10), 2, ""), ((3, 4, 3), 1, "in place"), ((9, 8, 9, 33), 3, "sums only")],
    *[((3, 5, 17), 17, ""), ((9, 8, 9, 33), 3, "in place"), ((2, 300, 40), 4, "")],
    *[((40, 1000), 8, "in place"), ((3, 20, 600), 5, "")],
]
CASES += [case for shape, n, use in GROUPED for case in of_groups(shape, n, use)]


# --- softmax --------------------------------------------------------------------------------------


def of_softmax(shape: Shape, use: str, scale: float) -> list[Case]:
    per_row, note = (*shape[:-1], 1), f"of {shape} times {scale} {use}".strip()

    def forward(rng: Rng) -> Arguments:
        Z = scale * rng.standard_normal(shape)
        return {"Z": Z, "A": result(Z, use), "per_row": np.zeros(per_row)}

    def backward(rng: Rng) -> Arguments:
        dA, A = rng.standard_normal(shape), rng.random(shape)
        return {
            "dA": dA,
            "A": A / A.sum(axis=-1, keepdims=True),
            "dZ": result(dA, use),
            "product": np.zeros(shape),
            "per_row": np.zeros(per_row),
        }

    return [
        Case(softmax, forward, "A", 10, note),
        Case(softmax_backward, backward, "dZ", 4, note),
    ]


CASES += [case for s, use in SHAPES if use != "sums only" for case in of_softmax(s, use, 4)]
CASES += of_softmax((30, 20), "", 1e5)


def not_finite(rng: Rng) -> Arguments:
    """Rows of 3 and of 20 with one such number each, and one that is all of it."""
    Z = rng.standard_normal((2, 4, 20))
    Z[0, range(3), [0, 7, 19]] = np.nan, np.inf, -np.inf
    Z[1, 0] = -np.inf
    Z[1, 1] = 3e38
    Z[1, 2, :2] = 3e38, -3e38
    return {"Z": Z, "A": np.zeros(Z.shape), "per_row": np.zeros((2, 4, 1))}


CASES.append(Case(softmax, not_finite, "A", note="of extremes", extremes=True))


# --- the squared error ----------------------------------------------------------------------------


def of_squared_error(m: int, k: int, scale: float, *, in_place: bool) -> Case:
    def build(rng: Rng) -> Arguments:
        Z, y, dL = rng.standard_normal((3, m, k))
        D = dL if in_place else np.zeros((m, k))
        losses = np.zeros(m)
        return {"Z": Z, "y": y, "scale": scale, "losses": losses, "D": D, "dL": dL}

    written = "losses dL" if in_place else "losses D dL"
    return Case(squared_error, build, written, 6, f"of {m} x {k}, {scale}{', in place' * in_place}")


SQUARED = [(1, 1, 1.0), (6000, 1, 0.25), (7, 10, 1 / 7), (900, 33, 1.0), (5, 700, 0.2)]
CASES += [of_squared_error(*sizes, in_place=sizes[1] in (1, 33)) for sizes in SQUARED]
