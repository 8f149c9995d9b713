"""Attention in loops, with not one number of scratch memory too many."""

from typing import NamedTuple

import numpy as np
import pytest

from kernels.differences import close, gradient, nan
from plainnet.kernels import attention
from plainnet.kernels.attention import attend, attend_backward, attend_backward_size, attend_size

M, D, RATE = 2, 3, 0.4


class Case(NamedTuple):
    T: int
    S: int
    heads: int = 2
    groups: int = 2
    causal: bool = False
    masked: bool = False
    drops: bool = False


CASES = [
    Case(4, 3),
    Case(1, 1),
    Case(3, 5, groups=1, masked=True),
    Case(5, 5, causal=True),
    Case(2, 5, causal=True, masked=True),  # the last two of five positions
    Case(5, 4, 4, 2, drops=True),
    Case(5, 5, 4, 2, causal=True, masked=True, drops=True),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_use = pytest.mark.parametrize("keeps", [True, False])


@pytest.fixture(autouse=True, params=[64, 2])
def queries_at_once(request, monkeypatch):
    """Both in one block and in several."""
    monkeypatch.setattr(attention, "QUERIES_AT_ONCE", request.param)
    for remembered in (attention._scratch, attention._hidden_future):
        remembered.cache_clear()
    yield request.param
    for remembered in (attention._scratch, attention._hidden_future):
        remembered.cache_clear()


@pytest.fixture
def arrays(case, rng):
    """Q, K, V, dO and the mask: some keys of the first example are hidden, and all of the last."""
    mask = np.ones((M, case.S), bool)
    mask[0, : case.S // 2] = mask[-1] = False
    return (
        rng.standard_normal((M, case.T, case.heads, D)),
        *rng.standard_normal((2, M, case.S, case.groups, D)),
        rng.standard_normal((M, case.T, case.heads, D)),
        mask if case.masked else None,
    )


def seen(case: Case, mask: np.ndarray | None, n: int, t: int) -> list[int]:
    """The keys that query t of example n may see."""
    last = case.S - case.T + t if case.causal else case.S - 1
    return [s for s in range(last + 1) if mask is None or mask[n, s]]


def plain(case, Q, K, V, mask, M_kept) -> tuple[np.ndarray, np.ndarray]:
    """O and P, a query at a time, from scaled queries."""
    O, P = np.zeros(Q.shape), np.zeros((M, case.heads, case.T, case.S))
    for n, t, h in np.ndindex(M, case.T, case.heads):
        keys, g = seen(case, mask, n, t), h // (case.heads // case.groups)
        weights = np.exp([Q[n, t, h] @ K[n, s, g] for s in keys])
        for s, weight in zip(keys, weights, strict=True):
            P[n, h, t, s] = weight / weights.sum()
            factor = 1 if M_kept is None else M_kept[n, h, t, s] / (1 - RATE)
            O[n, t, h] += P[n, h, t, s] * factor * V[n, s, g]
    return O, P


def attended(case: Case, arrays: tuple, keeps: bool, seed: int = 3):
    """O, P and M."""
    Q, K, V, _, mask = arrays
    O, weights = nan(*Q.shape), (M, case.heads, case.T, case.S)
    P = nan(*weights) if keeps else None
    kept = nan(*weights, dtype=bool) if case.drops else None
    work = nan(attend_size(Q.shape, K.shape, keeps, case.drops))
    generator = np.random.default_rng(seed)
    assert attend(Q, K, V, mask, case.causal, RATE, generator, O, P, kept, work) is O
    return O, P, kept


@every_case
@every_use
def test_attend(case, keeps, arrays):
    Q, K, V, _, mask = arrays
    O, P, kept = attended(case, arrays, keeps)
    expected_O, expected_P = plain(case, Q, K, V, mask, kept)
    np.testing.assert_allclose(O, expected_O, rtol=1e-12, atol=1e-14)
    if P is not None:
        written = np.where(np.isnan(P), 0, P)  # what nobody sees is left as it is
        np.testing.assert_allclose(written, expected_P, rtol=1e-12, atol=1e-14)
    again, _, _ = attended(case, arrays, not keeps)
    np.testing.assert_array_equal(O, again)


@every_case
@every_use
def test_gradients(case, keeps, arrays):
    Q, K, V, dO, mask = arrays
    scaled = Q / np.sqrt(D)
    O, P, kept = attended(case, (scaled, *arrays[1:]), keeps)

    def of() -> float:
        return float((plain(case, Q / np.sqrt(D), K, V, mask, kept)[0] * dO).sum())

    outputs = nan(*Q.shape), nan(*K.shape), nan(*V.shape)
    work = nan(attend_backward_size(Q.shape, K.shape, keeps, case.drops))
    attend_backward(dO, scaled, K, V, mask, case.causal, RATE, O, P, kept, *outputs, work)
    for actual, X in zip(outputs, (Q, K, V), strict=True):
        close(actual, gradient(of, X))


@pytest.mark.parametrize("case", [Case(200, 30, drops=True)])
def test_dropout_keeps_its_share_and_differs_from_seed_to_seed(case, arrays):
    _, _, kept = attended(case, arrays, True)
    assert kept.mean() == pytest.approx(1 - RATE, abs=0.02)
    _, _, same = attended(case, arrays, False)
    _, _, other = attended(case, arrays, True, seed=4)
    np.testing.assert_array_equal(kept, same)
    assert (kept != other).any()


def test_scores_of_any_size_are_no_trouble(rng):
    Q, K, V = 1e4 * rng.standard_normal((3, M, 4, 2, D))
    O, P, _ = attended(Case(4, 4), (Q, K, V, None, None), True)
    np.testing.assert_allclose(P.sum(axis=-1), 1, rtol=1e-12)
    assert np.isfinite(O).all()


def wave(shape: tuple[int, ...], k: int) -> np.ndarray:
    """Numbers that another library can be given too."""
    return 0.5 * np.sin(k * np.arange(1, 1 + np.prod(shape))).reshape(shape)


def test_shared_keys_are_those_of_pytorch():
    """scaled_dot_product_attention(Q, K, V, is_causal=True, enable_gqa=True) of torch 2.13."""
    expected = [
        [0.0705600040299336, -0.13970774909946293, 0.12944273539020848, -0.1955830862044407],
        [0.2105474561661412, -0.2703805006736999, 0.0705600040299336, -0.13970774909946293],
        [0.12973371904083078, -0.19585920806894927, 0.210674939026182, -0.27045061726606145],
        [0.41832781926802803, -0.45278918100331195, 0.4443692878466396, -0.4707243533636714],
        [0.4689075190476683, -0.4827081491581585, 0.41832781926802803, -0.45278918100331195],
        [0.4443966570467124, -0.4707432029657662, 0.46865683165117145, -0.4824354614603335],
    ]
    Q, K, V = (wave((1, h, 3, 2), k).transpose(0, 2, 1, 3) for h, k in ((4, 1), (2, 2), (2, 3)))
    O, work = nan(1, 3, 4, 2), nan(attend_size((1, 3, 4, 2), (1, 3, 2, 2), False, False))
    rng = np.random.default_rng(0)
    attend(Q / np.sqrt(2), K, V, None, True, 0.0, rng, O, None, None, work)
    np.testing.assert_allclose(O.transpose(0, 2, 1, 3).ravel(), np.ravel(expected), rtol=1e-12)
