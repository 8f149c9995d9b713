"""Dropout and noise: how much of it, what is kept, and that both rest outside training."""

import math

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients
from plainnet.engine.plan import Place
from plainnet.errors import SettingError
from plainnet.layers import Dense, Dropout, GaussianNoise, Tanh
from plainnet.losses import MeanSquaredError

rates = pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPE = (400, 250)
M = 100_000


def dropped(rate: float, seed: int = 0, A: np.ndarray | None = None, **mode: bool) -> np.ndarray:
    A = np.ones(SHAPE) if A is None else A
    return Dropout(rate).forward(A, Cache(**({"training": True, "seed": seed} | mode))).copy()


@rates
@every_dtype
def test_the_share_of_zeros_is_the_rate(rate, dtype):
    Y = dropped(rate, A=np.ones(SHAPE, dtype))
    error = math.sqrt(rate * (1 - rate) / M)
    assert abs((Y == 0).mean() - rate) < 5 * error
    assert Y.dtype == dtype


@rates
@every_dtype
def test_what_is_kept_grows_so_that_the_mean_stays(rate, dtype):
    Y = dropped(rate, A=np.full(SHAPE, 3, dtype))
    error = 3 * math.sqrt(rate / (1 - rate) / M)
    assert abs(Y.mean(dtype=np.float64) - 3) < 5 * error
    small, large = np.unique(Y)
    assert small == 0
    assert large * (1 - rate) == pytest.approx(3, rel=1e-6)


def test_rows_and_columns_are_dropped_alike():
    zero = dropped(0.3) == 0
    np.testing.assert_allclose(zero.mean(axis=0), 0.3, atol=0.12)
    np.testing.assert_allclose(zero.mean(axis=1), 0.3, atol=0.15)
    assert abs((zero[:, 1:] & zero[:, :-1]).mean() - 0.09) < 0.01  # neighbours do not know


def test_the_same_seed_drops_the_same():
    np.testing.assert_array_equal(dropped(0.5, seed=3), dropped(0.5, seed=3))
    assert not np.array_equal(dropped(0.5, seed=3), dropped(0.5, seed=4))


def test_each_step_and_each_layer_drops_others():
    first, second, cache = Dropout(0.5), Dropout(0.5), Cache(training=True, seed=0)
    own, other = cache.open("0.dropout"), cache.open("1.dropout")
    A = np.ones((20, 20))
    masks = [
        (layer.forward(A, place) == 0).tobytes()
        for _ in range(2)
        for layer, place in ((first, own), (second, other))
    ]
    assert len(set(masks)) == 4


def test_a_generator_may_be_shared():
    rng = np.random.default_rng(0)
    first, second = (
        Dropout(0.5).forward(np.ones(SHAPE), Cache(training=True, seed=rng)) for _ in "12"
    )
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("rate", [0, 0.0, 0.5, 0.9])
def test_outside_training_nothing_is_dropped(rate):
    A, layer, cache = np.ones((3, 4)), Dropout(rate), Cache(training=False)
    assert layer.forward(A, cache) is A
    assert layer.backward(A, cache) is A
    assert cache.nbytes == 0


def test_a_rate_of_zero_drops_nothing():
    A = np.ones((3, 4))
    np.testing.assert_array_equal(dropped(0, A=A), A)


def test_random_numbers_are_drawn_only_where_something_drops():
    for rate, training in ((0.5, False), (0.0, True)):
        cache = Cache(training=training, seed=0)
        Dropout(rate).forward(np.ones((3, 4)), cache)
        assert cache.rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("record", [False, True])
def test_the_gradient_passes_where_the_signal_did(reuse, record, rng):
    cache = Cache(training=True, record=record, seed=0)
    cache.place = Place(reuse_input=reuse, reuse_gradient=reuse)
    A, dY, layer = rng.standard_normal((6, 5)), rng.standard_normal((6, 5)), Dropout(0.4)
    a, d = A.copy(), dY.copy()
    Y = layer.forward(A, cache)
    dA = layer.backward(dY, cache)
    for place in np.ndindex(6, 5):
        factor = 0 if Y[place] == 0 else 1 / 0.6
        assert Y[place] == pytest.approx(a[place] * factor)
        assert dA[place] == pytest.approx(d[place] * factor)
    assert (Y is A) is reuse
    np.testing.assert_array_equal(cache["M"], Y != 0)


def test_a_network_predicts_without_and_trains_with():
    network = Network(
        [Dropout(0.5), Dense(1, bias=False)], loss=MeanSquaredError(), input_shape=50, seed=0
    )
    network.parameters[:] = 1
    X = np.ones((200, 50), np.float32)
    assert (network.predict(X) == 50).all()
    Z = network.forward(X, Cache(training=True, seed=0))
    assert abs(Z.mean() - 50) < 5 * math.sqrt(50 / 200)
    assert Z.std() == pytest.approx(math.sqrt(50), rel=0.2)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan")])
def test_a_rate_lies_between_0_and_1(rate):
    with pytest.raises(SettingError, match="rate must be >= 0 and < 1; got"):
        Dropout(rate)


# --- GaussianNoise --------------------------------------------------------------------------------


def noise(deviation: float, seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    A = np.full(SHAPE, 3, dtype)
    cache = Cache(training=True, seed=seed)
    return GaussianNoise(deviation).forward(A, cache) - 3


@pytest.mark.parametrize("deviation", [0.1, 2])
@every_dtype
def test_noise_is_normal_with_mean_0_and_its_deviation(deviation, dtype):
    E = noise(deviation, dtype=dtype).astype(np.float64) / deviation
    assert abs(E.mean()) < 5 / math.sqrt(M)
    assert abs((E**2).mean() - 1) < 5 * math.sqrt(2 / M)
    assert abs((E**3).mean()) < 5 * math.sqrt(15 / M)
    assert abs((E**4).mean() - 3) < 5 * math.sqrt(96 / M)
    assert abs((E[:, 1:] * E[:, :-1]).mean()) < 5 / math.sqrt(M)  # neighbours do not know
    assert noise(deviation, dtype=dtype).dtype == dtype


def test_the_same_seed_gives_the_same_noise_and_each_step_another():
    np.testing.assert_array_equal(noise(1, seed=3), noise(1, seed=3))
    assert not np.array_equal(noise(1, seed=3), noise(1, seed=4))
    layer, cache, A = GaussianNoise(1), Cache(training=True, seed=0), np.zeros((2, 3))
    assert not np.array_equal(layer.forward(A, cache).copy(), layer.forward(A, cache))


@pytest.mark.parametrize(("deviation", "training"), [(0.5, False), (0, True)])
def test_without_training_or_deviation_nothing_is_added_or_drawn(deviation, training):
    A, layer, cache = np.ones((3, 4)), GaussianNoise(deviation), Cache(training=training, seed=0)
    assert layer.forward(A, cache) is A
    assert layer.backward(A, cache) is A
    assert cache.nbytes == 0
    assert cache.rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("record", [False, True])
def test_noise_over_an_array_that_nobody_reads(record, rng):
    layers = [Dense(4), GaussianNoise(0.3), Tanh(), GaussianNoise(0.3), Dense(1)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64)
    X, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 1))
    check = check_gradients(network, X, y)
    assert check.passed, check
    cache = Cache(training=True, record=record, seed=0)
    network.loss_and_gradients(X, y, cache)
    before = X @ network["0.dense.W"].T + network["0.dense.b"]
    if record:
        Y, E = cache["1.gaussiannoise.Y"], cache["1.gaussiannoise.E"]
        np.testing.assert_allclose(Y, before + E, rtol=1e-12)
    else:
        below, noise = (cache.children[""].children[n] for n in ("0.dense", "1.gaussiannoise"))
        assert np.shares_memory(noise["Y"], below["Z"])


@pytest.mark.parametrize("deviation", [-0.1, float("inf"), float("nan")])
def test_a_deviation_is_not_negative(deviation):
    with pytest.raises(SettingError, match="standard_deviation must be >= 0; got"):
        GaussianNoise(deviation)
