"""Cases for the kernels that go through sequences."""

from __future__ import annotations

import numpy as np

from kernels.twins.case import Arguments, Array, Case
from plainnet.kernels.attention import attend, attend_backward, attend_backward_size, attend_size
from plainnet.kernels.embedding import add_to_rows, add_to_rows_sizes
from plainnet.kernels.gru import gru, gru_backward
from plainnet.kernels.lstm import lstm, lstm_backward
from plainnet.kernels.rnn import rnn, rnn_backward

# --- recurrence: steps, examples and units --------------------------------------------------------

RECURRENT = ((1, 1, 3), (3, 2, 10), (2, 9, 17), (4, 70, 33), (9, 16, 64))


def steps_of(rng: np.random.Generator, size: tuple[int, int, int], gates: int) -> Arguments:
    """What all recurrent kernels take."""
    time, m, units = size
    return {
        "Z": 2 * rng.standard_normal((time, m, gates * units)),
        "U": rng.standard_normal((units, gates * units)).T / np.sqrt(units),
        "H": rng.uniform(-1, 1, (time + 1, m, units)),
        "dY": rng.standard_normal((m, time, units)).swapaxes(0, 1),
    }


def padding(rng: np.random.Generator, size: tuple[int, int, int], padded: bool) -> Array | None:
    if not padded:
        return None
    steps = rng.random((*size[:2], 1)) < 0.4
    steps[0, 0] = False
    return steps


def of_rnn(size: tuple[int, int, int], padded: bool, rectified: bool) -> list[Case]:
    time, m, units = size

    def forward(rng: np.random.Generator) -> Arguments:
        given = steps_of(rng, size, 1)
        return {
            "Z": given["Z"],
            "U": given["U"],
            "rectified": rectified,
            "padded": padding(rng, size, padded),
            "H": given["H"],
            "pre": np.zeros((m, units)),
        }

    def backward(rng: np.random.Generator) -> Arguments:
        made, given = forward(rng), steps_of(rng, size, 1)
        rnn(*made.values())
        return {
            "dY": None if units == 17 else given["dY"],
            "H": made["H"],
            "U": made["U"],
            "rectified": rectified,
            "padded": made["padded"],
            "dZ": np.zeros((time, m, units)),
            "dh": rng.standard_normal((m, units)),
            "slope": np.zeros((m, units), bool if rectified else float),
            "kept": np.zeros((m, units)),
        }

    note = f"of {size}{', padded' * padded}{', rectified' * rectified}"
    return [
        Case(rnn, forward, "H", note=note, ulps=32),
        Case(rnn_backward, backward, "dZ dh", note=note, ulps=48),
    ]


def of_lstm(size: tuple[int, int, int], padded: bool) -> list[Case]:
    time, m, units = size

    def forward(rng: np.random.Generator) -> Arguments:
        given, S = steps_of(rng, size, 4), np.zeros((time + 1, 6, m, units))
        S[0, 4] = rng.standard_normal((m, units))
        return {
            "Z": given["Z"],
            "U": given["U"],
            "padded": padding(rng, size, padded),
            "H": given["H"],
            "S": S,
            "E": np.zeros((time, 3, m, units)),
        }

    def backward(rng: np.random.Generator) -> Arguments:
        made, given = forward(rng), steps_of(rng, size, 4)
        lstm(*made.values())
        return {
            "dY": None if units == 17 else given["dY"],
            "U": made["U"],
            "padded": made["padded"],
            "S": made["S"],
            "E": made["E"],
            "dZ": np.zeros((time, m, 4 * units)),
            "dc": rng.standard_normal((m, units)),
            "dh": rng.standard_normal((m, units)),
            "slopes": np.zeros((5, m, units)),
            "part": np.zeros((m, units)),
            "kept": np.zeros((m, units)),
        }

    note = f"of {size}{', padded' * padded}"
    return [
        Case(lstm, forward, "H S E", note=note, ulps=32),
        Case(lstm_backward, backward, "dZ dc dh", note=note, ulps=48),
    ]


def of_gru(size: tuple[int, int, int], padded: bool, after: bool) -> list[Case]:
    time, m, units = size

    def forward(rng: np.random.Generator) -> Arguments:
        given = steps_of(rng, size, 3)
        return {
            "Z": given["Z"],
            "U": given["U"],
            "b_reset": rng.standard_normal(units) if after else None,
            "padded": padding(rng, size, padded),
            "H": given["H"],
            "S": np.zeros((time, 3, m, units)),
            "V": np.zeros((time, m, units)),
            "Q": np.zeros((3, m, units)),
        }

    def backward(rng: np.random.Generator) -> Arguments:
        made, given = forward(rng), steps_of(rng, size, 3)
        gru(*made.values())
        return {
            "dY": None if units == 17 else given["dY"],
            "H": made["H"],
            "U": made["U"],
            "reset": "after" if after else "before",
            "padded": made["padded"],
            "S": made["S"],
            "V": made["V"],
            "dZ": np.zeros((time, m, 3 * units)),
            "dQ": np.zeros((time, m, (3 if after else 2) * units)),
            "dh": rng.standard_normal((m, units)),
            "slopes": np.zeros((3, m, units)),
            "dV": np.zeros((m, units)),
            "kept": np.zeros((m, units)),
            "change": np.zeros((m, units)),
        }

    note = f"of {size}{', padded' * padded}{', before' * (not after)}"
    return [
        Case(gru, forward, "H S V", note=note, ulps=32),
        Case(gru_backward, backward, "dZ dQ dh", note=note, ulps=48),
    ]


# --- attention: examples, queries, keys, heads, groups and numbers in a head ----------------------


def of_attention(
    sizes: tuple[int, ...], causal: bool, masked: bool, keeps: bool = True
) -> list[Case]:
    m, T, S, heads, groups, d = sizes
    queries, keys, weights = (m, T, heads, d), (m, S, groups, d), (m, heads, T, S)

    def forward(rng: np.random.Generator) -> Arguments:
        mask = rng.random((m, S)) < 0.7
        mask[-1] = False
        return {
            "Q": rng.standard_normal(queries) / np.sqrt(d),
            "K": rng.standard_normal(keys),
            "V": rng.standard_normal(keys),
            "mask": mask if masked else None,
            "causal": causal,
            "rate": 0.1,
            "rng": None,
            "O": np.zeros(queries),
            "P": np.zeros(weights) if keeps else None,
            "M": None,
            "work": np.zeros(attend_size(queries, keys, keeps, False)),
        }

    def backward(rng: np.random.Generator) -> Arguments:
        made = forward(rng)
        attend(*made.values())
        given = {name: made[name] for name in ["Q", "K", "V", "mask", "causal", "rate"]}
        return {
            "dO": rng.standard_normal(queries),
            **given,
            "O": made["O"],
            "P": made["P"],
            "M": None,
            "dQ": np.zeros(queries),
            "dK": np.zeros(keys),
            "dV": np.zeros(keys),
            "work": np.zeros(attend_backward_size(queries, keys, True, False)),
        }

    note = f"of {sizes}{', causal' * causal}{', masked' * masked}{', P not kept' * (not keeps)}"
    cases = [Case(attend, forward, "O P" if keeps else "O", note=note, ulps=48)]
    return [*cases, Case(attend_backward, backward, "dQ dK dV", note=note, ulps=96)][: 1 + keeps]


ATTENTION = [
    ((1, 1, 3, 1, 1, 1), True, False),
    ((2, 5, 7, 2, 1, 3), False, True),
    ((2, 17, 33, 4, 2, 10), True, True),
    ((2, 70, 70, 2, 2, 17), True, False),
    ((1, 130, 90, 3, 1, 33), False, False),
    ((2, 40, 150, 4, 4, 16), True, False),
    ((2, 100, 100, 2, 2, 32), True, True, False),
]


CASES = [
    case
    for size in RECURRENT
    for padded in (False, True)
    for made in (
        of_rnn(size, padded, False),
        of_rnn(size, padded, True),
        of_lstm(size, padded),
        of_gru(size, padded, True),
        of_gru(size, padded, False),
    )
    for case in made
]
CASES += [case for sizes in ATTENTION for case in of_attention(*sizes)]


# --- embeddings: ids, vectors and the numbers of a vector -----------------------------------------


def of_add_to_rows(N: int, K: int, n: int, anew: bool) -> Case:
    n_integers, n_floats = add_to_rows_sizes(N, K, n)

    def build(rng: np.random.Generator) -> Arguments:
        ids = rng.integers(0, K, N)
        return {
            "dY": rng.standard_normal((1, N, n)),
            "ids": np.where(rng.random(N) < 0.5, ids, K // 2).reshape(1, N),
            "dE": rng.standard_normal((K, n)),
            "anew": anew,
            "index": np.zeros(n_integers, np.intp),
            "work": np.zeros(n_floats),
        }

    return Case(add_to_rows, build, "dE", note=f"of {N} ids, {K} x {n}{', anew' * anew}", ulps=64)


EMBEDDED = ((1, 1, 1), (7, 5, 3), (90, 40, 17), (700, 65, 64), (5000, 9, 33), (2000, 900, 150))
CASES += [of_add_to_rows(*sizes, anew) for sizes in EMBEDDED for anew in (False, True)]
