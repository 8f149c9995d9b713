"""GaussianKL: against PyTorch and many digits, with any targets, and what it refuses."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients, train
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.layers import Dense, Graph, Identity, Sample, Tanh
from plainnet.losses import EachPosition, GaussianKL, MeanSquaredError, SigmoidCrossEntropy
from plainnet.optimizers import Adam


def both(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    loss, cache = GaussianKL(), Cache()
    loss.build(Z.shape[1:])
    return loss.forward(Z, loss.targets(Z, Z.dtype), cache), loss.backward(cache)


def test_the_standard_normal_costs_nothing():
    losses, gradient = both(np.zeros((2, 6)))
    np.testing.assert_array_equal(losses, 0)
    np.testing.assert_array_equal(gradient, 0)


def test_by_hand():
    losses, gradient = both(np.array([[1, 2, 0, np.log(4)]]))  # means 1 and 2, deviations 1 and 2
    np.testing.assert_allclose(losses, [1 / 2 + (4 + 4 - 1 - np.log(4)) / 2], rtol=1e-14)
    np.testing.assert_allclose(gradient, [[1, 2, 0, 1.5]], rtol=1e-14)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2e-7), (np.float64, 1e-11)])
@pytest.mark.parametrize("size", [1e-4, 1e-2, 0.3, 1, 10, 60])
@pytest.mark.parametrize("sign", [-1, 1])
def test_it_keeps_its_digits_where_the_variance_is_next_to_1(dtype, bound, size, sign):
    Z = np.array([[sign * size / 7, sign * size]], dtype)
    losses, gradient = both(Z)
    with localcontext() as context:
        context.prec = 60
        mu, log_var = (Decimal(float(z)) for z in Z[0])
        exact = (mu**2 + log_var.exp() - 1 - log_var) / 2
        slope = (log_var.exp() - 1) / 2
    np.testing.assert_allclose(losses, [float(exact)], rtol=bound)
    np.testing.assert_allclose(gradient, [[float(mu), float(slope)]], rtol=bound)
    assert losses.dtype == gradient.dtype == dtype


def test_it_is_pytorchs(rng):
    torch = pytest.importorskip("torch")
    Z = rng.standard_normal((7, 8))
    theirs = torch.tensor(Z, requires_grad=True)
    mean, log_var = theirs.chunk(2, dim=1)
    code = torch.distributions.Normal(mean, log_var.mul(0.5).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(code, prior).sum(dim=1)
    expected.sum().backward()
    losses, gradient = both(Z)
    np.testing.assert_allclose(losses, expected.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("y", [np.empty((5, 0)), [0] * 5, list("abcde"), np.full((5, 2), np.nan)])
def test_targets_may_be_anything(y, rng):
    network = Network([Dense(4)], loss=GaussianKL(), input_shape=3, seed=0)
    X = rng.standard_normal((5, 3))
    value = network.loss_and_gradients(X, y)
    assert value == network.loss_and_gradients(X, np.empty((5, 0)))
    with pytest.raises((ShapeError, DataError), match="5 rows"):
        network.loss_and_gradients(X, y[:-1])
    with pytest.raises(ShapeError, match=r"targets must have the length m.*np\.empty"):
        network.loss_and_gradients(X, None)


def test_a_gradient_check_needs_no_targets():
    assert check_gradients(GaussianKL(), input_shape=6).passed
    with pytest.raises(SettingError, match="targets y are missing"):
        check_gradients(MeanSquaredError(), input_shape=6)


def test_it_is_not_a_loss_of_positions():
    with pytest.raises(SettingError, match=r"must have targets, .* got GaussianKL\(\)"):
        EachPosition(GaussianKL())


@pytest.mark.parametrize("layers", [[Identity()], [Dense(4), Sample(), Dense(3)]])
def test_it_needs_means_and_variances(layers):
    with pytest.raises(ShapeError, match=r"GaussianKL\(\) needs an output of shape \(2 k,\)"):
        Network(layers, loss=GaussianKL(), input_shape=3)


# --- a variational autoencoder --------------------------------------------------------------------


def autoencoder(dtype: type = np.float64) -> Network:
    """Six numbers between 0 and 1, their code, two numbers, and what that says of the six."""
    nodes = {
        "code": ([Dense(8), Tanh(), Dense(4)], "X"),
        "Z": ([Sample(), Dense(8), Tanh(), Dense(6)], "code"),
    }
    losses = {"Z": (SigmoidCrossEntropy(), 6.0), "code": GaussianKL()}
    graph = Graph(nodes, inputs="X", outputs=("Z", "code"))
    return Network(graph, loss=losses, input_shape=6, seed=0, dtype=dtype)


def test_the_losses_of_an_autoencoder_add_up_to_the_bound(rng):
    network, X = autoencoder(), rng.random((5, 6))
    cache = Cache(training=True, record=True, seed=0)
    value = network.loss_and_gradients(X, {"Z": X}, cache)
    A, Z = cache["code.2.dense.Z"], cache["Z.3.dense.Z"]
    bound = 0.0  # of the logarithm of the probability of X, term by term
    for x, z, a in zip(X, Z, A, strict=True):
        for t, v in zip(x, z, strict=True):
            p = 1 / (1 + math.exp(-v))
            bound += t * math.log(p) + (1 - t) * math.log(1 - p)
        for mean, log_var in zip(a[:2], a[2:], strict=True):
            bound += (1 + log_var - mean**2 - math.exp(log_var)) / 2
    assert value == pytest.approx(-bound / 5, rel=1e-12)
    check = check_gradients(network, X, {"Z": X})
    assert check.passed, check


def test_an_autoencoder_learns():
    """Four words of six bits, two bits of which are noise."""
    rng = np.random.default_rng(0)
    words = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 1, 0]])
    X = np.hstack([words[rng.integers(0, 4, 400)], rng.integers(0, 2, (400, 2))]).astype(np.float32)
    network = autoencoder(np.float32)
    history = train(
        network, X, {"Z": X}, optimizer=Adam(0.01), epochs=40, batch_size=50, seed=0, progress=False
    )
    by_chance = 6 * math.log(2)
    exact = math.log(4) + 2 * math.log(2)  # the entropy of X, below which no bound is
    assert exact < history["loss"][-1] < by_chance - 0.5
