"""Losses, layers, optimizers and metrics of one's own that are written wrongly are told so."""

import numpy as np
import pytest

from plainnet import LBFGS, Network, train
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.initializers import Initializer
from plainnet.layers import Dense, Embedding, Flatten, Identity, Layer, Softmax, Tanh
from plainnet.losses import Loss, MeanSquaredError, Poisson
from plainnet.optimizers import SGD, Optimizer

rng = np.random.default_rng(0)
X = rng.standard_normal((12, 4)).astype(np.float32)
Y = rng.standard_normal((12, 3)).astype(np.float32)


def network(*layers: Layer, loss: Loss | None = None) -> Network:
    return Network(layers or [Dense(3)], loss=loss or MeanSquaredError(), input_shape=4, seed=0)


def learn(net: Network, optimizer: Optimizer | None = None, **settings):
    return train(net, X, Y, optimizer=optimizer or SGD(0.1), epochs=2, progress=False, seed=0,
                 **{"batch_size": 6} | settings)  # fmt: skip


class Squares(Loss):
    """Right, and in float32."""

    def forward(self, Z, y, cache):
        cache["D"] = Z - y
        return (cache["D"] ** 2).mean(axis=1)

    def backward(self, cache):
        return 2 * cache["D"] / cache["D"].shape[1]


# --- losses ---------------------------------------------------------------------------------------


class OverZ(Squares):
    def forward(self, Z, y, cache):
        Z -= y
        cache["D"] = Z.copy()
        return (Z**2).mean(axis=1)


class OverY(Squares):
    def forward(self, Z, y, cache):
        y *= 2
        return super().forward(Z, y, cache)


@pytest.mark.parametrize("last", [Dense(3), Tanh(), Softmax()], ids=repr)
@pytest.mark.parametrize("loss", [OverZ, OverY])
def test_a_loss_that_writes_over_what_it_is_handed(loss, last):
    pytest.importorskip("scipy", reason="the extra `scipy` is not installed")
    net = network(Dense(3), type(last)(**({"units": 3} if isinstance(last, Dense) else {})),
                  loss=loss())  # fmt: skip
    for use in (
        lambda: net.loss_and_gradients(X, Y),
        lambda: net.evaluate(X, Y),
        lambda: learn(net),
        lambda: train(net, X, Y, optimizer=LBFGS(), epochs=2, progress=False),
    ):
        with pytest.raises(SettingError, match=f"{loss.__name__}.*writes over the array"):
            use()


class InFloat64(Squares):
    weights = np.array([1.0, 2, 3])

    def forward(self, Z, y, cache):
        super().forward(Z, y, cache)
        return (self.weights * cache["D"] ** 2).mean(axis=1)

    def backward(self, cache):
        return self.weights * super().backward(cache)


def test_a_loss_in_another_dtype_is_converted():
    net = network(Dense(3), Tanh(), Dense(3), loss=InFloat64())
    net.loss_and_gradients(X, Y)
    D = net.predict(X) - Y
    np.testing.assert_allclose(
        net.gradient_tensors["2.dense.b"], (2 * InFloat64.weights * D / 3).mean(axis=0), rtol=1e-5
    )
    assert np.isfinite(learn(net)["loss"]).all()


class Summed(Squares):
    def backward(self, cache):
        return super().backward(cache).sum(axis=0, keepdims=True)


class WithoutTargets(Squares):
    def targets(self, y, dtype):
        pass


class WithoutBuild(Squares):
    def build(self, output_shape):
        pass


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Summed(), r"Summed\(\)\.backward must .* for 6 examples it returned float32 of shape \(1"),
        (WithoutTargets(), "targets must return an array of m targets; it returned None"),
    ],
    ids=repr,
)
def test_a_loss_that_returns_something_else(loss, message):
    with pytest.raises(ShapeError, match=message):
        learn(network(loss=loss))


def test_a_loss_that_does_not_remember_the_shape():
    assert learn(network(loss=WithoutBuild()))["loss"] == learn(network(loss=Squares()))["loss"]


def test_a_row_that_does_not_count_may_overflow():
    net = Network([Dense(1)], loss=Poisson(), input_shape=1)
    net.parameters.fill(1)
    rows, y, weights = [[1.0], [1000.0]], [1.0, 1.0], [1.0, 0.0]
    with np.errstate(over="ignore"):
        loss = net.loss_and_gradients(rows, y, sample_weight=weights)
        assert net.evaluate(rows, y, weights)["loss"] == loss
    assert loss == pytest.approx(np.exp(2) - 2, rel=1e-6)  # exp(Z) - y Z at Z = 2
    np.testing.assert_allclose(net.gradients, [np.exp(2) - 1] * 2, rtol=1e-6)


# --- layers ---------------------------------------------------------------------------------------


class Through(Layer):
    def forward(self, A, cache):
        return A

    def backward(self, dA, cache):
        return dA


class TooEarly(Through):
    def __init__(self):
        self.declare("g", (3,), None)


class OfShape3(Through):
    def build(self, input_shape):
        self.declare("g", 3, None)
        return input_shape


class FromANumber(Through):
    def build(self, input_shape):
        self.declare("g", (3,), 1.0)
        return input_shape


class Seven(Initializer):
    def __call__(self, rng, shape):
        return np.zeros(7)


class WithSeven(Through):
    def build(self, input_shape):
        self.declare("g", (3,), Seven())
        return input_shape


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (TooEarly, "declares 'g' too early: declare in build"),
        (OfShape3, "'g' with a shape that is not a tuple of positive integers: 3"),
        (FromANumber, "the initializer of 'g' of FromANumber.* must be an Initializer object"),
        (WithSeven, r"must return an array of the shape \(3,\), for 0.withseven.g; got float64"),
    ],
)
def test_a_declaration_that_cannot_be(kind, message):
    with pytest.raises(SettingError, match=message):
        network(kind())


def test_ids_that_come_as_floats():
    def net(vocabulary: int, dtype: type = np.float32) -> Network:
        layers = [Identity(), Embedding(vocabulary, 1), Flatten()]
        return Network(layers, loss=MeanSquaredError(), input_shape=1, seed=0, dtype=dtype)

    with pytest.raises(DataError, match=r"whole numbers as ids; got 1\.5"):
        net(20).predict([[1.5]])
    large = 2**24 + 4
    with pytest.raises(SettingError, match="which tells 16,777,216 apart"):
        net(large).predict([[1.0]])
    exact = net(large, np.float64)
    exact["1.embedding.E"][:, 0] = np.arange(large) % 991
    ids = np.array([[2**24 + 1], [2**24], [2**24 + 3]])
    assert exact.predict(ids).ravel().tolist() == (ids.ravel() % 991).tolist()


# --- optimizers and metrics -----------------------------------------------------------------------


class OneName(Optimizer):
    accumulators = "velocity"

    def rule(self, p, g, work, V):
        pass


class WithoutSuper(Optimizer):
    def __init__(self):
        self.learning_rate, self.weight_decay = 0.1, 0

    def rule(self, p, g, work):
        pass


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (OneName(0.1), "accumulators must be a tuple of names"),
        (WithoutSuper(), r"must call super\(\)"),
    ],
    ids=["accumulators", "super"],
)
def test_an_optimizer_that_cannot_work(optimizer, message):
    with pytest.raises(SettingError, match=message):
        learn(network(), optimizer)


def spoil(y_true, y_pred):
    y_true[:] = 0
    return 1.0


def loss(y_true, y_pred):
    return 1.0


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([spoil], "the metric spoil writes over the array"),
        ([loss], "two measures called 'loss'"),
        ([lambda a, b: 1.0, lambda a, b: 2.0], "two measures called '<lambda>'"),
    ],
    ids=["writes", "loss", "twice"],
)
def test_metrics_that_do_harm(metrics, message):
    with pytest.raises(SettingError, match=message):
        learn(network(), validation_data=(X, Y), metrics=metrics)
