"""Sample: its distribution, its modes, its limits."""

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Network, check_gradients
from plainnet.errors import DivergedError, ShapeError
from plainnet.layers import Dense, Sample, Tanh
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD

M = 100_000


def drawn(mean: float, log_var: float, seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    A = np.tile(np.array([mean, 0, log_var, 0], dtype), (M, 1))
    return Sample().forward(A, Cache(training=True, seed=seed))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("mean", "variance"), [(3, 4), (-1, 0.01)])
def test_it_is_normal_with_its_mean_and_variance(mean, variance, dtype):
    Z = drawn(mean, np.log(variance), dtype=dtype)
    assert (Z.shape, Z.dtype) == ((M, 2), dtype)
    E = (Z[:, 0].astype(np.float64) - mean) / np.sqrt(variance)
    assert abs(E.mean()) < 5 / np.sqrt(M)
    assert abs((E**2).mean() - 1) < 5 * np.sqrt(2 / M)
    assert abs((E**3).mean()) < 5 * np.sqrt(15 / M)
    assert abs((E * Z[:, 1]).mean()) < 5 / np.sqrt(M)  # neighbours do not know


def test_the_same_seed_draws_the_same_and_each_step_another():
    np.testing.assert_array_equal(drawn(0, 0, seed=3), drawn(0, 0, seed=3))
    assert not np.array_equal(drawn(0, 0, seed=3), drawn(0, 0, seed=4))
    layer, cache, A = Sample(), Cache(training=True, seed=0), np.zeros((2, 6))
    assert not np.array_equal(layer.forward(A, cache).copy(), layer.forward(A, cache))


def test_outside_training_it_is_the_mean_and_nothing_is_drawn(rng):
    A, cache = rng.standard_normal((3, 4)), Cache(seed=0)
    np.testing.assert_array_equal(Sample().forward(A, cache), A[:, :2])
    assert cache.rng.random() == np.random.default_rng(0).random()
    assert check_gradients(Sample(), input_shape=4, training=False).passed
    recording = Cache(record=True)
    Sample().forward(A, recording)
    np.testing.assert_array_equal(recording["E"], 0)  # as the formula has it


def test_amid_a_network(rng):
    network = Network(
        [Dense(6), Sample(), Tanh(), Dense(2)],
        loss=MeanSquaredError(), input_shape=4, seed=0, dtype=np.float64,
    )  # fmt: skip
    check = check_gradients(network, y=rng.standard_normal((5, 2)))
    assert check.passed, check


def test_the_gradient_is_that_of_torchs_draw(rng):
    torch = pytest.importorskip("torch")
    A, dZ = rng.standard_normal((5, 6)), rng.standard_normal((5, 3))
    layer, cache = Sample(), Cache(training=True, record=True, seed=0)
    Z = layer.forward(A, cache)
    theirs = torch.tensor(A, requires_grad=True)
    mean, log_var = theirs.chunk(2, dim=1)
    drawn = torch.distributions.Normal(mean, log_var.mul(0.5).exp())
    noise = torch.tensor(cache["E"])
    Z_theirs = drawn.loc + drawn.scale * noise
    Z_theirs.backward(torch.tensor(dZ))
    np.testing.assert_allclose(Z, Z_theirs.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(dZ, cache), theirs.grad.numpy(), rtol=1e-12)


def test_an_infinite_deviation_ends_training_in_words():
    network = Network([Sample()], loss=MeanSquaredError(), input_shape=2, seed=0)
    X = np.array([[0.0, 400.0]], np.float32)
    with pytest.raises(DivergedError):
        plainnet.train(
            network, X, [[0.0]], optimizer=SGD(0.1), epochs=1, batch_size=1, progress=False
        )


@pytest.mark.parametrize("input_shape", [3, (4, 5)])
def test_it_needs_two_halves(input_shape):
    with pytest.raises(ShapeError, match=r"needs an input of shape \(\.\.\., 2 k\), k means and"):
        Network([Sample()], loss=MeanSquaredError(), input_shape=input_shape)
