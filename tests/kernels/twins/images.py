"""Cases for the kernels that slide over images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from kernels.twins.case import Arguments, Array, Case
from plainnet.kernels.correlation import (
    correlate,
    correlate_backward,
    correlate_backward_size,
    correlate_size,
    transposed_correlate,
    transposed_correlate_backward,
    transposed_correlate_backward_size,
    transposed_correlate_size,
)
from plainnet.kernels.depthwise import (
    depthwise,
    depthwise_input_gradient,
    depthwise_size,
    depthwise_weight_gradient,
)
from plainnet.kernels.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
    pool_block_size,
)
from plainnet.kernels.sliding import Window

Shape = tuple[int, ...]
Kernel = tuple[Callable[..., Any], np.ndarray]
"""With its scratch memory."""

# Each is an image, (m, height, width, channels), and a window with the zeros behind the image.
SAME = Window((3, 3), before=(1, 1)), (1, 1)
STRIDED = Window((3, 3), (2, 2), before=(1, 1)), (1, 1)
UNEVEN = Window((2, 5), (1, 3), (3, 2), (2, 1)), (0, 6)
WIDER = Window((5, 4), (2, 1), (1, 1), (4, 3)), (3, 3)  # than the image, and more zeros than it
IMAGES: list[tuple[Shape, tuple[Window, tuple[int, int]]]] = [
    ((1, 6, 7, 3), SAME),
    ((2, 5, 6, 17), STRIDED),
    ((3, 8, 11, 10), UNEVEN),
    ((2, 3, 2, 33), WIDER),
    ((8, 14, 14, 16), SAME),
    ((3, 28, 28, 48), STRIDED),
]
SEQUENCES: list[tuple[Shape, tuple[Window, tuple[int, int]]]] = [
    ((3, 17, 1, 5), (Window((3, 1), (1, 1), (2, 1), (4, 0)), (0, 0))),
    ((2, 40, 1, 16), (Window((4, 1), (2, 1), before=(1, 0)), (2, 0))),
    ((1, 1200, 1, 16), (Window((5, 1), before=(2, 0)), (2, 0))),
]


def described(A: Shape, window: Window) -> str:
    return f"of {A}, kernel {window.kernel}, stride {window.stride}"


# --- a kernel for each channel --------------------------------------------------------------------


def of_depthwise(A: Shape, window: Window, after: tuple[int, int]) -> list[Case]:
    m, *size, C = A
    down, across = window.places((size[0], size[1]), after)
    W, Z = (C, *window.kernel, 1), (m, down, across, C)
    work = np.zeros(depthwise_size(W, Z, 8))

    def forward(rng: np.random.Generator, biased: bool) -> Arguments:
        return {
            "A": rng.standard_normal(A),
            "W": rng.standard_normal(W),
            "bias": rng.standard_normal(Z[2:]) if biased else None,
            "window": window,
            "Z": np.zeros(Z),
            "work": work,
        }

    def weight_gradient(rng: np.random.Generator) -> Arguments:
        dZ, images = rng.standard_normal(Z), rng.standard_normal(A)
        return {"dZ": dZ, "A": images, "window": window, "dW": np.ones(W), "work": work}

    def input_gradient(rng: np.random.Generator) -> Arguments:
        dZ, kernel, dA = (rng.standard_normal(shape) for shape in (Z, W, A))
        return {"dZ": dZ, "W": kernel, "window": window, "dA": dA, "work": work}

    note = described(A, window)
    return [
        Case(depthwise, partial(forward, biased=True), "Z", 6, f"{note}, biased"),
        Case(depthwise, partial(forward, biased=False), "Z", 6, note),
        Case(depthwise_weight_gradient, weight_gradient, "dW", 8, note),
        Case(depthwise_input_gradient, input_gradient, "dA", 8, note),
    ]


CASES = [case for A, window in IMAGES for case in of_depthwise(A, *window)]


# --- all channels ---------------------------------------------------------------------------------


def of_correlation(
    A: Shape, window: Window, after: tuple[int, int], filters: int, groups: int = 1
) -> list[Case]:
    m, *size, C = A
    down, across = window.places((size[0], size[1]), after)
    W, Z = (filters, *window.kernel, C // groups), (m, down, across, filters)
    forward_work = np.zeros(correlate_size(A, W, window, groups, Z, 8))
    work = np.zeros(correlate_backward_size(Z, A, W, window, groups, 8))
    note = f"{described(A, window)}, {filters} filters, {groups} groups"
    return of_filters(
        (correlate, forward_work), (correlate_backward, work), A, W, Z, window, groups, note, 24
    )


def of_transposed(
    Z: Shape, window: Window, after: tuple[int, int], channels: int, groups: int
) -> list[Case]:
    m, *size, filters = Z
    down, across = window.places((size[0], size[1]), after)
    W, A = (channels, *window.kernel, filters // groups), (m, down, across, channels)
    forward_work = np.zeros(transposed_correlate_size(A, W, window, groups, Z, 8))
    work = np.zeros(transposed_correlate_backward_size(Z, A, W, window, groups, 8))
    forward = transposed_correlate, forward_work
    backward = transposed_correlate_backward, work
    note = f"{described(Z, window)}, of {channels} channels, {groups} groups"
    return of_filters(forward, backward, A, W, Z, window, groups, note, 32)


def of_filters(
    forward: Kernel, backward: Kernel, A: Shape, W: Shape, Z: Shape, window: Window, groups: int,
    note: str, ulps: float,
) -> list[Case]:  # fmt: skip
    """From images of shape A to images of shape Z and back; `ulps` of the gradients."""

    def given(rng: np.random.Generator, biased: bool) -> Arguments:
        return {
            "A": rng.standard_normal(A),
            "W": rng.standard_normal(W),
            "b": rng.standard_normal(Z[-1:]) if biased else None,
            "window": window,
            "groups": groups,
            "Z": np.ones(Z),
            "work": forward[1],
        }

    def gradients(rng: np.random.Generator, all_of_them: bool) -> Arguments:
        return {
            "dZ": rng.standard_normal(Z),
            "A": rng.standard_normal(A),
            "W": rng.standard_normal(W),
            "window": window,
            "groups": groups,
            "dW": np.ones(W),
            "db": np.ones(Z[-1:]) if all_of_them else None,
            "dA": np.ones(A) if all_of_them else None,
            "work": backward[1],
        }

    both, only_dW = (partial(gradients, all_of_them=each) for each in (True, False))
    return [
        Case(forward[0], partial(given, biased=True), "Z", 24, f"{note}, biased"),
        Case(forward[0], partial(given, biased=False), "Z", 24, note),
        Case(backward[0], both, "dW db dA", ulps, note),
        Case(backward[0], only_dW, "dW", ulps, f"{note}, dW"),
    ]


CASES += [
    case
    for A, window in [*IMAGES, *SEQUENCES]
    for filters, groups in ((6, 1), (A[-1], A[-1]), (33, 1))
    for made in ((of_correlation, of_transposed) if groups == 1 else (of_correlation,))
    for case in made(A, *window, filters, groups)
    if (groups == 1 or A[-1] in (3, 16)) and A[-1] * filters * prod(window[0].kernel) < 2**14
]


# --- pools ----------------------------------------------------------------------------------------

TILES = Window((2, 2), (2, 2)), (0, 0)
POOLED = [*IMAGES, ((3, 8, 6, 6), TILES), ((8, 28, 28, 48), TILES), ((2, 9, 9, 20), STRIDED)]


def of_pools(A: Shape, window: Window, after: tuple[int, int], *, extremes: bool) -> list[Case]:
    m, *size, C = A
    down, across = window.places((size[0], size[1]), after)
    Y, tiles = (m, down, across, C), window.kernel == window.stride
    inside = after == window.before == (0, 0)
    block = pool_block_size(np.zeros(A, np.float32), Y)
    share = 1 / np.arange(1.0, down * across + 1).reshape(down, across, 1)

    def numbers(rng: np.random.Generator) -> Array:
        """With many that are equal, and with maxima that are not finite."""
        images = rng.integers(-3, 9, A).astype(float)
        if extremes:
            images[images == 1] = np.nan
            images[images == 2] = np.inf
            images[images < 1] = -np.inf
        return images

    def forward(rng: np.random.Generator) -> Arguments:
        return {"A": numbers(rng), "window": window, "inside": inside, "Y": np.zeros(Y)}

    def backward(rng: np.random.Generator) -> Arguments:
        arguments = forward(rng)
        max_pool(*arguments.values())
        return {
            "dY": rng.standard_normal(Y),
            "A": arguments["A"],
            "Y": arguments["Y"],
            "window": window,
            "tiles": tiles,
            "dA": np.ones(A),
            "free": np.zeros(block, bool),
            "firsts": np.zeros(block, bool),
            "term": np.zeros(block),
        }

    def average(rng: np.random.Generator) -> Arguments:
        return {"A": numbers(rng), "window": window, "share": share, "Y": np.zeros(Y)}

    def average_backward(rng: np.random.Generator) -> Arguments:
        return {
            "dY": rng.standard_normal(Y),
            "window": window,
            "share": share,
            "tiles": tiles,
            "dA": np.ones(A),
            "part": np.zeros(block),
        }

    note = f"{described(A, window)}{', not finite' * extremes}"
    return [
        Case(max_pool, forward, "Y", 0, note, extremes),
        Case(max_pool_backward, backward, "dA", 6, note, extremes),
        Case(average_pool, average, "Y", 4, note, extremes),
        Case(average_pool_backward, average_backward, "dA", 6, note, extremes),
    ]


CASES += [
    case
    for A, window in POOLED
    for extremes in (False, True)
    for case in of_pools(A, *window, extremes=extremes)
    if prod(A) < 5000 or not extremes
]
