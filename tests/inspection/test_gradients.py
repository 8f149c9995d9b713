"""The gradient check finds what is planted, passes what is right, and leaves no trace."""

import numpy as np
import pytest

from plainnet import Cache, GradientCheck, Network, check_gradients
from plainnet.errors import DataError, DTypeError, SettingError
from plainnet.initializers import Constant
from plainnet.layers import Dense, Dropout, Layer, ReLU, Residual, Tanh
from plainnet.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

# --- errors to plant ------------------------------------------------------------------------------


class Own(Dense):
    """A dense layer with an own backward pass, to plant errors in."""

    def forward(self, A, cache):
        cache["A"] = A
        return A @ self.W.T + self.b

    def backward(self, dZ, cache):
        A = cache["A"]
        self.dW[...] = dZ.T @ A
        self.db[...] = dZ.sum(axis=0)
        return dZ @ self.W


class WrongSign(Own):
    def backward(self, dZ, cache):
        dA = super().backward(dZ, cache)
        np.negative(self.db, out=self.db)
        return dA


class TransposedInInput(Own):
    def backward(self, dZ, cache):
        super().backward(dZ, cache)
        return dZ @ self.W.T


class TransposedGradient(Own):
    def backward(self, dZ, cache):
        dA = super().backward(dZ, cache)
        self.dW[...] = self.dW.T.copy()
        return dA


class DividedByM(Own):
    def backward(self, dZ, cache):
        dA = super().backward(dZ, cache)
        self.dW[...] /= len(dZ)
        return dA


class MissesARow(Own):
    def backward(self, dZ, cache):
        dA = super().backward(dZ, cache)
        self.db[...] = dZ[1:].sum(axis=0)
        return dA


class Unwritten(Own):
    def backward(self, dZ, cache):
        self.dW[...] = dZ.T @ cache["A"]
        return dZ @ self.W


class Accumulates(Own):
    def backward(self, dZ, cache):
        before = self.dW.copy()
        dA = super().backward(dZ, cache)
        self.dW[...] += before
        return dA


class SlightlyOff(Own):
    def backward(self, dZ, cache):
        return super().backward(dZ, cache) * (1 + 1e-5)


class OneElementOff(Own):
    def backward(self, dZ, cache):
        dA = super().backward(dZ, cache)
        self.dW[1, 2] *= 1.01
        return dA


class NaNGradient(Own):
    def backward(self, dZ, cache):
        dA = super().backward(dZ, cache)
        self.dW[...] = np.nan
        return dA


class OneNaN(Own):
    def backward(self, dZ, cache):
        dA = super().backward(dZ, cache)
        dA[0, 0] = np.nan
        return dA


class MissingTerm(Tanh):
    def backward(self, dA, cache):
        return dA * (1 - cache["A"])  # in place of 1 - A^2


@pytest.mark.parametrize(
    ("layer", "wrong"),
    [
        (Own(4), []),
        (WrongSign(4), ["b"]),
        (TransposedInInput(4), ["input"]),
        (TransposedGradient(4), ["W"]),
        (DividedByM(4), ["W"]),
        (MissesARow(4), ["b"]),
        (Unwritten(4), ["b"]),
        (SlightlyOff(4), ["input"]),
        (OneElementOff(4), ["W"]),
        (NaNGradient(4), ["W"]),
        (OneNaN(4), ["input"]),
        (MissingTerm(), ["input"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else "",
)
def test_a_planted_error_is_found_where_it_is(layer, wrong):
    check = check_gradients(layer, input_shape=4)
    found = [name.rpartition(".")[2] for name, error in check.errors.items() if not error <= 1e-7]
    assert found == wrong
    assert check.passed is (not wrong)
    assert str(check).count("WRONG") == len(wrong)
    assert str(check).count("right") == len(check.errors) - len(wrong)


def test_a_layer_that_adds_to_its_gradient_is_found_at_the_second_pass():
    network = Network([Accumulates(2)], loss=MeanSquaredError(), input_shape=3, dtype=np.float64)
    X, y = np.ones((2, 3)), np.ones((2, 2))
    network.loss_and_gradients(X, y)
    assert not check_gradients(network, X, y).passed


class NotAMean(MeanSquaredError):
    """Forgets 1/m."""

    def mean_gradient(self, cache, sample_weight=None):
        return self.backward(cache)


class NoTwo(MeanSquaredError):
    """d/dz z^2 is 2 z, not z."""

    def backward(self, cache):
        dZ = super().backward(cache)
        dZ /= 2
        return dZ


class NaNLoss(MeanSquaredError):
    def forward(self, Z, y, cache):
        return super().forward(Z, y, cache) * np.nan


@pytest.mark.parametrize("loss", [NotAMean(), NoTwo(), NaNLoss()], ids=lambda v: type(v).__name__)
def test_a_wrong_loss_is_found(loss):
    check = check_gradients(loss, y=np.ones((5, 3)), input_shape=3)
    assert not check.passed
    assert "WRONG" in str(check)


def test_a_wrong_loss_spoils_every_gradient_of_a_network():
    network = Network([Own(3)], loss=NotAMean(), input_shape=4, dtype=np.float64, seed=0)
    check = check_gradients(network, y=np.ones((5, 3)))
    np.testing.assert_allclose(list(check.errors.values()), 0.8, rtol=1e-6)  # 1 - 1/5


# --- what is right --------------------------------------------------------------------------------


def test_a_right_network_passes():
    check = check_gradients(network_of(), y=np.arange(5) % 3)
    assert check.passed, check
    assert list(check.errors) == [
        "0.dense.W",
        "2.residual.0.dense.W",
        "3.dense.W",
        "0.dense.b",
        "2.residual.0.dense.b",
        "3.dense.b",
        "input",
    ]
    assert 0 < max(check.errors.values()) < 1e-7


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (SoftmaxCrossEntropy(label_smoothing=0.1), [0, 2, 1, 1, 0]),
        (SigmoidCrossEntropy(), np.eye(5, 3)),
        (MeanSquaredError(), np.eye(5, 3)),
    ],
    ids=repr,
)
def test_right_losses_pass(loss, y):
    check = check_gradients(loss, y=y, input_shape=3)
    assert check.passed, check
    assert list(check.errors) == ["input"]


@pytest.mark.parametrize("training", [False, True])
def test_dropout_passes_in_both_modes(training):
    assert check_gradients(Dropout(0.5), input_shape=6, training=training).passed


def test_a_gradient_that_is_zero_is_right():
    layer = Dense(2, bias=False, initializer=Constant(0))
    network = Network([layer, ReLU()], loss=MeanSquaredError(), input_shape=3, dtype=np.float64)
    network.parameters[:] = -1
    check = check_gradients(network, np.ones((4, 3)), np.zeros((4, 2)))
    assert check.errors == {"0.dense.W": 0, "input": 0}
    assert check.passed


# --- settings -------------------------------------------------------------------------------------


def network_of(dtype: type = np.float64) -> Network:
    return Network(
        [Dense(6), Tanh(), Residual([Dense(6), Dropout(0.2)]), Dense(3)],
        loss=SoftmaxCrossEntropy(),
        input_shape=4,
        seed=0,
        dtype=dtype,
    )


class Counting(Dense):
    """Counts the forward passes."""

    passes = 0

    def forward(self, A, cache):
        Counting.passes += 1
        return super().forward(A, cache)


@pytest.mark.parametrize(("samples", "differences"), [(3, 3 + 3 + 3), (None, 24 + 4 + 30), (5, 14)])
def test_samples_bounds_the_number_of_differences(samples, differences):
    Counting.passes = 0
    check_gradients(Counting(4), input_shape=6, batch_size=5, samples=samples)
    assert Counting.passes == 2 + 2 * differences


def test_the_tolerance_decides():
    loose = check_gradients(SlightlyOff(4), input_shape=4, tolerance=1e-3)
    assert loose.passed
    assert loose.tolerance == 1e-3
    assert not check_gradients(SlightlyOff(4), input_shape=4, tolerance=1e-6).passed


def test_the_same_seed_gives_the_same_errors():
    first, again, other = (
        check_gradients(network_of(), y=[0, 1, 2, 1, 0], seed=seed).errors for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_the_size_of_the_batch():
    assert check_gradients(network_of(), y=[0, 1, 2], batch_size=3).passed


def test_what_is_shown():
    check = GradientCheck({"0.dense.W": 2e-10, "b": 0.5, "input": 1e-7}, 1e-7)
    assert str(check).splitlines() == [
        "relative error of the gradients (tolerance 1e-07)",
        "0.dense.W   2.0e-10  right",
        "b           5.0e-01  WRONG",
        "input       1.0e-07  right",
    ]
    assert not check.passed
    assert not GradientCheck({"W": float("nan")}, 1e-7).passed
    assert "WRONG" in str(GradientCheck({"W": float("nan")}, 1e-7))


# --- no trace -------------------------------------------------------------------------------------


class Running(Layer):
    """Adds to its state at every training pass, and uses it."""

    def build(self, input_shape):
        self.declare_state("total", (1,), Constant(1))
        return input_shape

    def forward(self, A, cache):
        if cache.training:
            self.total += 1
        return A * self.total[0]

    def backward(self, dA, cache):
        return dA * self.total[0]


@pytest.mark.parametrize("fails", [False, True])
def test_parameters_gradients_and_state_are_as_before(fails, rng):
    network = Network(
        [Dense(3), Running(), Failing(1 + 20 * fails)],
        loss=MeanSquaredError(),
        input_shape=4,
        dtype=np.float64,
        seed=0,
    )
    network.gradients[:] = 9
    X, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    X.flags.writeable = y.flags.writeable = False
    kept = [array.copy() for array in (network.parameters, network.state, X, y)]
    if fails:
        with pytest.raises(RuntimeError, match="enough"):
            check_gradients(network, X, y)
    else:
        assert check_gradients(network, X, y).passed
    assert (network.gradients == 9).all()
    for array, before in zip((network.parameters, network.state, X, y), kept, strict=True):
        np.testing.assert_array_equal(array, before)


class Failing(Layer):
    """Raises in a later pass; with 1, never."""

    def __init__(self, passes: int) -> None:
        self.passes = passes
        self.done = 0

    def forward(self, A, cache):
        self.done += 1
        if self.done == self.passes > 1:
            raise RuntimeError("enough")
        return A

    def backward(self, dA, cache):
        return dA


# --- what cannot be checked -----------------------------------------------------------------------


def test_a_float32_network_is_refused_with_the_remedy():
    with pytest.raises(
        DTypeError, match=r"need float64; the network is float32.*dtype=np\.float64"
    ):
        check_gradients(network_of(np.float32), y=[0, 1, 2, 1, 0])


@pytest.mark.parametrize("subject", [Dense(3), MeanSquaredError()], ids=repr)
def test_a_layer_or_loss_needs_a_shape(subject):
    with pytest.raises(SettingError, match=r".* needs an X or an input_shape"):
        check_gradients(subject, y=np.ones((5, 3)))


@pytest.mark.parametrize("subject", [network_of(), MeanSquaredError()], ids=["network", "loss"])
def test_a_network_or_loss_needs_targets(subject):
    with pytest.raises(SettingError, match="targets y are missing"):
        check_gradients(subject, input_shape=4)


def test_data_are_checked():
    with pytest.raises(DataError, match="row 0, column 1"):
        check_gradients(network_of(), np.array([[0, np.nan, 0, 0]]), [0])


def test_a_class_is_told_to_add_parentheses():
    with pytest.raises(SettingError, match="add parentheses"):
        check_gradients(ReLU, input_shape=4)


def test_a_loss_keeps_its_own_shape():
    loss: Loss = MeanSquaredError()
    check_gradients(loss, y=np.ones((5, 3)), input_shape=3)
    check_gradients(loss, y=np.ones((5, 2)), input_shape=2)
    assert not hasattr(loss, "output_shape")


def test_a_cache_is_not_needed_afterwards():
    network = network_of()
    cache = Cache(training=True, seed=0)
    X, y = np.ones((5, 4)), np.arange(5) % 3
    loss = network.loss_and_gradients(X, y, cache)
    gradients = network.gradients.copy()
    check_gradients(network, X, y)
    assert network.loss_and_gradients(X, y, Cache(training=True, seed=0)) == loss
    np.testing.assert_array_equal(network.gradients, gradients)


def test_the_layer_itself_stays_free():
    layer = Dense(3)
    for _ in range(2):
        assert check_gradients(layer, input_shape=4).passed
    Network([layer], loss=MeanSquaredError(), input_shape=4)


def test_gradients_that_are_added_up_are_found():
    class Accumulating(Dense):
        def backward(self, dZ, cache):
            kept = self.dW.copy()
            dA = super().backward(dZ, cache)
            self.dW += kept
            return dA

    assert not check_gradients(Accumulating(3), input_shape=4).passed


def test_a_layer_that_reads_what_it_released_is_found():
    class Exp(Layer):
        releases_arrays = True  # but backward reads it

        def forward(self, Z, cache):
            return np.exp(Z, out=cache.array("A", Z.shape, Z.dtype))

        def backward(self, dA, cache):
            return dA * cache["A"]

    network = Network(
        [Dense(4), Exp(), Tanh(), Dense(2)],
        loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64,
    )  # fmt: skip
    X = np.random.default_rng(0).standard_normal((5, 3))
    check = check_gradients(network, X, np.zeros((5, 2)))
    assert not check.passed
    assert "0.dense.W, written over" in str(check)
    Exp.releases_arrays = False
    network = Network(
        [Dense(4), Exp(), Tanh(), Dense(2)],
        loss=MeanSquaredError(), input_shape=3, seed=0, dtype=np.float64,
    )  # fmt: skip
    assert check_gradients(network, X, np.zeros((5, 2))).passed


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_rounding_of_a_large_loss_is_no_error(size):
    check = check_gradients(MeanSquaredError(), y=np.full((5, 3), size), input_shape=3)
    assert check.passed, check


def test_a_class_is_no_layer():
    with pytest.raises(SettingError, match=r"got <class .*add parentheses"):
        check_gradients(Dense, input_shape=3)


def test_the_wrong_element_is_shown():
    check = check_gradients(OneElementOff(4), input_shape=4)
    place, analytic, numeric = check.worst["0.oneelementoff.W"]
    assert place == (1, 2)
    assert analytic == pytest.approx(1.01 * numeric)
    assert "WRONG at [1, 2]: " in str(check)


def test_nan_in_place_of_a_gradient_of_zero_is_found():
    class Unwritten(Own):
        def backward(self, dZ, cache):
            self.db[...] = dZ.sum(axis=0)
            return dZ @ self.W

    assert not check_gradients(Unwritten(3), np.zeros((2, 4))).passed
