"""Normalization: batch and running statistics, numbers of PyTorch, and what must not matter."""

import copy
import math

import numpy as np
import pytest

from layer_cases import normalized
from plainnet import Cache, Network, check_gradients, train
from plainnet.errors import SettingError, ShapeError
from plainnet.layers import BatchNorm, Dense, GroupNorm, Layer, LayerNorm, ReLU, RMSNorm, Sequential
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD

LAYERS = [BatchNorm(), LayerNorm(), RMSNorm(), GroupNorm(2)]
every_layer = pytest.mark.parametrize("layer", LAYERS, ids=repr)

A = np.array([[1, 2], [3, -1], [2, 0.5], [-2, 4]])
DY = np.array([[1, 0], [0, 1], [-1, 2], [0.5, -1]])
A_WIDE = np.array([[1, 3, -2, 0.5], [2, -1, 0, 4]])
DY_WIDE = np.array([[1, 0, -1, 0.5], [0, 2, 1, -1]])


def placed(layer: Layer, shape: tuple[int, ...], **tensors: list[float]) -> Layer:
    """A copy of the layer in a float64 network, with these numbers in its tensors."""
    layer = copy.deepcopy(layer)
    Network([Sequential([layer])], loss=Free(), input_shape=shape, dtype=np.float64)
    for name, values in tensors.items():
        getattr(layer, name)[:] = values
    return layer


class Free(MeanSquaredError):
    """Takes an output of any shape."""

    def build(self, output_shape):
        pass


def passes(
    layer: Layer, A: np.ndarray, dY: np.ndarray, *, training: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    cache = Cache(training=training)
    Y = layer.forward(A, cache).copy()
    return Y, layer.backward(dY, cache).copy()


def same(found: np.ndarray, expected: list) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


# --- by hand, and with PyTorch --------------------------------------------------------------------


def test_batch_norm_by_hand():
    # Mean 4 and variance 1; with epsilon = 3, inverse_std = 1/2.
    layer = placed(BatchNorm(epsilon=3), (1,), gamma=[6], beta=[10])
    Y, _ = passes(layer, np.array([[3.0], [5], [3], [5]]), np.ones((4, 1)))
    same(Y, [[7], [13], [7], [13]])


def test_batch_norm_gives_what_pytorch_gives():
    """torch 2.13: nn.BatchNorm1d(2) in float64, one training pass, then eval()."""
    layer = placed(BatchNorm(), (2,), gamma=[1.5, 0.5], beta=[0.1, -0.2])
    Y, dA = passes(layer, A, DY)
    same(
        Y,
        [
            [0.09999999999999998, -0.031065902244291954],
            [1.7035651606688105, -0.8419495714716907],
            [0.9017825803344052, -0.4365077368579913],
            [-2.3053477410032155, 0.5095232105739739],
        ],
    )
    same(
        dA,
        [
            [0.7015597577926045, -0.05183755565025579],
            [0.18612728086304864, -0.18142966750181408],
            [-0.7588303511737811, 0.28880822303766446],
            [-0.12885668748187198, -0.055540999885594564],
        ],
    )
    same(layer.dgamma, [-1.3363043005573418, -3.648976511523294])
    same(layer.dbeta, [0.5, 2.0])
    same(layer.running_mean, [0.1, 0.1375])
    same(layer.running_variance, [1.3666666666666667, 1.3562500000000002])

    Y, dA = passes(layer, A, DY, training=False)
    same(Y[3], [-2.5944967488232478, 1.4583149656451764])
    same(dA[3], [0.6415468449579161, -0.42933720793402624])
    same(layer.dgamma, [-1.7535613762183042, -3.670833127835924])
    same(layer.dbeta, [0.5, 2.0])


def test_layer_norm_gives_what_pytorch_gives():
    """torch 2.13: nn.LayerNorm(4) in float64."""
    layer = placed(LayerNorm(), (4,), gamma=[1.5, 0.5, -1, 2], beta=[0.1, -0.2, 0.3, 0])
    Y, dA = passes(layer, A_WIDE, DY_WIDE)
    same(Y[0], [0.41583758498295564, 0.4667682349640175, 1.7739087299204597, -0.14037225999242472])
    same(dA[1], [0.4324909222847674, 0.2647920465918498, -0.547233224536151, -0.15004974434046622])
    same(
        layer.dgamma,
        [0.21055838998863707, -2.3433972201692277, 0.8229650576512297, -1.4671691439904122],
    )
    same(layer.dbeta, [1, 2, 0, -0.5])


def test_rms_norm_gives_what_pytorch_gives():
    """torch 2.13: nn.RMSNorm(4, eps=1e-5) in float64."""
    layer = placed(RMSNorm(), (4,), gamma=[1.5, 0.5, -1, 2])
    Y, dA = passes(layer, A_WIDE, DY_WIDE)
    same(Y[0], [0.7947182988457054, 0.7947182988457054, 1.0596243984609406, 0.5298121992304703])
    same(dA[1], [0.374086743013355, 0.24939199331277678, -0.4364353648194543, -0.12469724361219858])
    same(
        layer.dgamma,
        [0.5298121992304703, -0.8728707296389085, 1.0596243984609406, -1.6132884094701996],
    )


# --- batch statistics -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3)])
@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_in_training_each_feature_is_normalized_over_all_else(shape, epsilon, rng):
    layer = placed(BatchNorm(epsilon=epsilon), shape, gamma=[2, 0.5, -1], beta=[1, 2, 3])
    X = rng.standard_normal((4, *shape)) * 3 + 5
    Y, _ = passes(layer, X, X)
    for j in range(3):
        a_hat = normalized([float(a) for a in X[..., j].flat], epsilon)
        expected = [float(layer.gamma[j]) * a + float(layer.beta[j]) for a in a_hat]
        same(Y[..., j].ravel(), expected)


def test_running_statistics_move_towards_the_batchs(rng):
    layer = placed(BatchNorm(momentum=0.7), (2,), running_mean=[3, -1], running_variance=[2, 5])
    mean, variance = [3.0, -1.0], [2.0, 5.0]
    for m in (4, 2, 7):
        X = rng.standard_normal((m, 2)) * 2 + 1
        layer.forward(X, Cache(training=True))
        for j in range(2):
            batch_mean = math.fsum(X[:, j]) / m
            unbiased = math.fsum((x - batch_mean) ** 2 for x in X[:, j]) / (m - 1)
            mean[j] = 0.7 * mean[j] + 0.3 * batch_mean
            variance[j] = 0.7 * variance[j] + 0.3 * unbiased
        same(layer.running_mean, mean)
        same(layer.running_variance, variance)


def test_running_statistics_play_no_part_in_training():
    results = []
    for state in (0, 100):
        layer = placed(BatchNorm(), (2,), running_mean=[state] * 2, running_variance=[state] * 2)
        results.append(passes(layer, A, DY))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("record", [False, True])
def test_outside_training_running_statistics_stay(record):
    layer = placed(BatchNorm(), (2,), running_mean=[1, 2], running_variance=[4, 9])
    cache = Cache(record=record)
    layer.forward(A, cache)
    layer.backward(DY, cache)
    same(layer.running_mean, [1, 2])
    same(layer.running_variance, [4, 9])


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_in_either_mode(batch_size, training, rng):
    network = Network(
        [Dense(3), BatchNorm(), ReLU(), Dense(2)],
        loss=MeanSquaredError(),
        input_shape=4,
        seed=0,
        dtype=np.float64,
    )
    network["1.batchnorm.gamma"] = [1.5, -0.5, 2]
    network["1.batchnorm.beta"] = [0.3, 0.1, -0.2]
    network["1.batchnorm.running_mean"] = [1, -1, 0.5]
    network["1.batchnorm.running_variance"] = [0.5, 2, 3]
    X, y = rng.standard_normal((batch_size, 4)), rng.standard_normal((batch_size, 2))
    check = check_gradients(network, X, y, training=training)
    assert check.passed, check


def test_a_single_row_is_its_own_mean_and_leaves_no_trace():
    state = {"running_mean": [1, 2], "running_variance": [4, 9]}
    layer = placed(BatchNorm(), (2,), gamma=[2, 3], beta=[5, 6], **state)
    Y, dA = passes(layer, A[:1], DY[:1])
    np.testing.assert_array_equal(Y, [[5, 6]])
    np.testing.assert_array_equal(dA, [[0, 0]])
    for name, values in state.items():
        same(getattr(layer, name), values)


def test_a_single_image_has_rows_enough():
    layer = placed(BatchNorm(), (2, 2))
    Y, _ = passes(layer, np.array([[[1.0, 5], [3, 9]]]), np.ones((1, 2, 2)))
    np.testing.assert_allclose(Y, [[[-1, -1], [1, 1]]], atol=1e-5)
    same(layer.running_mean, [0.2, 0.7])
    same(layer.running_variance, [0.9 + 0.2, 0.9 + 0.8])  # unbiased: 2 and 8


def test_an_epoch_may_end_in_a_batch_of_one(rng):
    layers = [BatchNorm(), Dense(8), BatchNorm(), ReLU(), Dense(1)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=2, seed=0)
    X = (rng.standard_normal((33, 2)) * 10 + 1000).astype(np.float32)
    y = X[:, :1] / 10 - 100
    settings = {"epochs": 60, "batch_size": 8, "seed": 0, "progress": False}
    before = network.evaluate(X, y)["loss"]
    train(network, X, y, optimizer=SGD(0.05), **settings)
    # Prediction's own statistics have to be those of the data.
    assert network.evaluate(X, y)["loss"] < 0.1 < before


def test_after_many_passes_prediction_is_training(rng):
    layer = placed(BatchNorm(), (3,))
    X = rng.standard_normal((1000, 3)) * [1, 5, 0.1] + [10, -3, 0]
    for _ in range(300):
        layer.forward(X, Cache(training=True))
    trained, predicted = (layer.forward(X, Cache(training=mode)) for mode in (True, False))
    np.testing.assert_allclose(predicted, trained, rtol=1e-3, atol=1e-3)  # 1000 / 999


# --- masked steps ---------------------------------------------------------------------------------

DATA = np.array([[1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 1, 1]], bool)


def masked_passes(layer, X, dY, data, *, training=True):
    cache = Cache(training=training)
    cache.mask = data
    Y = layer.forward(X, cache).copy()
    return Y, layer.backward(dY, cache).copy()


def sequences_of_data(rng) -> tuple[Layer, Layer, np.ndarray, np.ndarray]:
    """Two equal layers, sequences with huge numbers where they are masked, and a gradient."""
    tensors = {"gamma": [1.5, -0.5, 2], "beta": [0.3, 0.1, -0.2]}
    both = placed(BatchNorm(), (4, 3), **tensors), placed(BatchNorm(), (3,), **tensors)
    X, dY = rng.standard_normal((2, 4, 4, 3))
    X[~DATA] += 1000
    return *both, X, dY


def test_masked_steps_do_not_count_in_the_statistics(rng):
    layer, alone, X, dY = sequences_of_data(rng)
    dY[~DATA] = 0  # as a loss has it, in which they do not count either
    Y, dA = masked_passes(layer, X, dY, DATA)
    expected_Y, expected_dA = passes(alone, X[DATA], dY[DATA])
    np.testing.assert_allclose(Y[DATA], expected_Y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(dA[DATA], expected_dA, rtol=1e-12, atol=1e-13)
    assert not dA[~DATA].any()
    for name in ("running_mean", "running_variance", "dgamma", "dbeta"):
        expected = getattr(alone, name)
        np.testing.assert_allclose(getattr(layer, name), expected, rtol=1e-12, atol=1e-13)


def test_masked_steps_are_normalized_by_what_the_data_give(rng):
    layer, alone, X, dY = sequences_of_data(rng)
    Y, _ = masked_passes(layer, X, dY, DATA)
    passes(alone, X[DATA], dY[DATA])
    share = 1 / (1 - alone.momentum)  # the batch's statistics, from one step towards them
    mean = alone.running_mean * share
    unbiased = (alone.running_variance - alone.momentum) * share
    n = DATA.sum()
    std = np.sqrt(unbiased * (n - 1) / n + alone.epsilon)
    expected = alone.gamma * (X - mean) / std + alone.beta
    np.testing.assert_allclose(Y, expected, rtol=1e-9)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3)])
def test_gradients_with_masked_steps(shape, training, rng):
    """Masked steps count in this loss: their outputs depend on the data, as the data's do."""

    class Masked(Layer):
        """Sets a mask, and leaves the numbers of masked steps alone."""

        def forward(self, A, cache):
            cache.mask = DATA
            return A

        def backward(self, dA, cache):
            return dA

    layers = [Dense(3), Masked(), BatchNorm(), ReLU()]
    network = Network(layers, loss=Squares(), input_shape=shape, seed=0, dtype=np.float64)
    network["2.batchnorm.gamma"] = [1.5, -0.5, 2]
    network["2.batchnorm.beta"] = [0.3, 0.1, -0.2]
    X = rng.standard_normal((4, *shape))
    y = rng.standard_normal((4, *shape))
    check = check_gradients(network, X, y, training=training)
    assert check.passed, check


class Squares(Free):
    """Of outputs of any shape, masked or not."""

    def targets(self, y, dtype):
        return np.asarray(y, dtype)

    def forward(self, Z, y, cache):
        cache["D"] = Z - y
        return (cache["D"] ** 2).reshape(len(Z), -1).sum(axis=1)

    def backward(self, cache):
        return 2 * cache["D"]


def test_a_mask_that_leaves_nothing_out_gives_the_same_bits(rng):
    X, dY = rng.standard_normal((2, 4, 4, 3)).astype(np.float32)
    results = []
    for mask in (None, np.ones((4, 4), bool)):
        network = Network([layer := BatchNorm()], loss=Free(), input_shape=(4, 3), seed=0)
        found = masked_passes(layer, X, dY, mask)
        results.append([*found, network.gradients, network.state])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(4,), (3, 3), (3, 4, 3)])
def test_a_mask_of_other_rows_says_nothing(shape, rng):
    X, dY = rng.standard_normal((2, 4, *shape))
    given = [placed(BatchNorm(), shape) for _ in range(2)]
    expected = passes(given[0], X, dY)
    for one, other in zip(masked_passes(given[1], X, dY, DATA), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_batch_without_data_leaves_no_trace():
    layer = placed(BatchNorm(), (4, 3), running_mean=[1, 2, 3])
    state = layer.running_mean.copy(), layer.running_variance.copy()
    X = np.zeros((4, 4, 3))
    Y, dA = masked_passes(layer, X, np.zeros_like(X), np.zeros((4, 4), bool))
    assert np.isfinite(Y).all()
    assert not dA.any()
    same(layer.running_mean, state[0])
    same(layer.running_variance, state[1])


def test_a_masked_batch_in_float32_and_again_without_a_mask(rng):
    """One cache, so that nothing of the masked pass is left."""
    network = Network([layer := BatchNorm()], loss=Free(), input_shape=(4, 3), seed=0)
    X, dY = rng.standard_normal((2, 4, 4, 3)).astype(np.float32)
    cache = Cache(training=True)
    cache.mask = DATA
    assert layer.forward(X, cache).dtype == np.float32
    assert layer.backward(dY, cache).dtype == np.float32
    cache.mask = None
    found = layer.forward(X, cache).copy(), layer.backward(dY, cache).copy()
    for one, other in zip(found, passes(network.layers[0], X, dY), strict=True):
        np.testing.assert_array_equal(one, other)


# --- what must not matter -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "axis"),
    [(BatchNorm(epsilon=1e-12), 0), (LayerNorm(epsilon=1e-12), 1), (GroupNorm(1), (1,))],
    ids=repr,
)
def test_shift_and_scale_of_the_set_do_not_matter(layer, axis, rng):
    layer.epsilon = 1e-12
    layer = placed(layer, (4,))
    X, dY = rng.standard_normal((2, 6, 4))
    Y, dA = passes(layer, X, dY)
    moved, _ = passes(layer, 7 * X + 3, dY)
    np.testing.assert_allclose(moved, Y, rtol=1e-8, atol=1e-9)
    # So the gradient is at right angles to both changes.
    np.testing.assert_allclose(dA.sum(axis=axis), 0, atol=1e-12)
    np.testing.assert_allclose((dA * X).sum(axis=axis), 0, atol=1e-9)


def test_scale_does_not_matter_to_rms_norm_and_shift_does(rng):
    layer = placed(RMSNorm(epsilon=1e-12), (4,))
    X, dY = rng.standard_normal((2, 6, 4))
    Y, dA = passes(layer, X, dY)
    np.testing.assert_allclose(passes(layer, 7 * X, dY)[0], Y, rtol=1e-9)
    assert np.abs(passes(layer, X + 3, dY)[0] - Y).max() > 0.1
    np.testing.assert_allclose((dA * X).sum(axis=1), 0, atol=1e-9)


def test_one_group_without_positions_is_layer_norm(rng):
    tensors = {"gamma": [1, 2, 3, 4], "beta": [4, 3, 2, 1]}
    X, dY = rng.standard_normal((2, 5, 4))
    results = [
        passes(placed(layer, (4,), **tensors), X, dY) for layer in (GroupNorm(1), LayerNorm())
    ]
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_a_group_for_each_channel_is_batch_norm_of_each_image_alone(rng):
    X, dY = rng.standard_normal((2, 3, 4, 5, 2))
    Y, dA = passes(placed(GroupNorm(2), (4, 5, 2)), X, dY)
    for i in range(3):
        alone = passes(placed(BatchNorm(), (4, 5, 2)), X[i : i + 1], dY[i : i + 1])
        np.testing.assert_allclose(Y[i : i + 1], alone[0], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(dA[i : i + 1], alone[1], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("layer", LAYERS[1:], ids=repr)
def test_examples_do_not_know_of_each_other(layer, rng):
    layer = placed(layer, (2, 4))
    X = rng.standard_normal((5, 2, 4))
    alone = [layer.forward(x[None], Cache(training=True))[0].copy() for x in X]
    np.testing.assert_allclose(layer.forward(X, Cache(training=True)), alone, rtol=1e-12)


@every_layer
def test_numbers_far_from_zero_keep_their_differences(layer, rng):
    network = Network([layer := copy.deepcopy(layer)], loss=Free(), input_shape=(64,), seed=0)
    differences = rng.standard_normal((128, 64)).astype(np.float32)
    if isinstance(layer, RMSNorm):  # it has no mean to take away
        network.parameters[:] = 1000
    Y = layer.forward(differences + 1000, Cache(training=True))
    assert Y.std(dtype=np.float64) == pytest.approx(1, rel=0.05)


@every_layer
@pytest.mark.parametrize("training", [False, True])
def test_constant_input_is_no_division_by_zero(layer, training):
    layer = placed(layer, (4,), gamma=[1, 2, 3, 4])
    for value in (0.0, 3.0):
        X = np.full((6, 4), value)
        Y, dA = passes(layer, X, np.ones((6, 4)), training=training)
        assert np.isfinite(Y).all()
        assert np.isfinite(dA).all()


@every_layer
def test_data_in_any_layout_are_right(layer, rng):
    X, dY = rng.standard_normal((2, 5, 3, 4))
    expected = passes(placed(layer, (3, 4)), X, dY)
    for lay in (np.asfortranarray, lambda x: np.repeat(x, 2, axis=2)[:, :, ::2]):
        found = passes(placed(layer, (3, 4)), lay(X), lay(dY))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@every_layer
def test_a_setting_of_numpys_does_not_make_float64(layer, rng):
    layer = copy.deepcopy(layer)
    settings = layer.config() | {"epsilon": np.float64(1e-3)}
    settings = {name: value for name, value in settings.items() if name != "type"}
    if "momentum" in settings:
        settings["momentum"] = np.float64(0.5)
    layer = type(layer)(**settings)
    network = Network([layer], loss=MeanSquaredError(), input_shape=4, seed=0)
    cache = Cache(training=True, record=True)
    network.loss_and_gradients(np.ones((3, 4), np.float32), np.ones((3, 4), np.float32), cache)
    dtypes = {cache[name].dtype for name in cache}
    assert {dtype for dtype in dtypes if dtype.kind == "f"} == {np.dtype(np.float32)}


# --- settings and shapes --------------------------------------------------------------------------


@every_layer
def test_nothing_decays_and_the_rule_for_weights_below_passes_through(layer):
    def weights(*between: Layer) -> Network:
        layers = [Dense(6), *between, ReLU(), Dense(1)]
        return Network(layers, loss=MeanSquaredError(), input_shape=4, seed=0)

    network, without = weights(copy.deepcopy(layer)), weights()
    assert network.n_decaying == without.n_decaying
    np.testing.assert_array_equal(network["0.dense.W"], without["0.dense.W"])  # He's, for ReLU


@pytest.mark.parametrize("momentum", [-0.1, 1, float("nan"), "0.9"])
def test_a_momentum_lies_between_0_and_1(momentum):
    with pytest.raises(SettingError, match="momentum must be"):
        BatchNorm(momentum=momentum)


@pytest.mark.parametrize("epsilon", [0, -1e-5, float("inf")])
@pytest.mark.parametrize("make", [BatchNorm, LayerNorm, RMSNorm, lambda **k: GroupNorm(2, **k)])
def test_epsilon_is_positive(make, epsilon):
    with pytest.raises(SettingError, match=r"epsilon must be > 0; got"):
        make(epsilon=epsilon)


@pytest.mark.parametrize("groups", [0, -1, 1.5])
def test_groups_are_counted(groups):
    with pytest.raises(SettingError, match="groups must be a whole number >= 1"):
        GroupNorm(groups)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (GroupNorm(4), (2, 6), r"channels that 4 groups divide; got an input of shape \(2, 6\)"),
        (GroupNorm(6), (6,), "at least 2 numbers in a group to normalize over; got 1"),
        (LayerNorm(), (3, 1), "at least 2 features to normalize over; got 1"),
        (RMSNorm(), (1,), "at least 2 features to normalize over; got 1"),
    ],
    ids=repr,
)
def test_shapes_that_cannot_be_normalized_are_refused(layer, shape, message):
    with pytest.raises(ShapeError, match=rf"layer 0\..*{message}"):
        Network([copy.deepcopy(layer)], loss=Free(), input_shape=shape)


# --- frozen ---------------------------------------------------------------------------------------


def test_frozen_batchnorm_is_pytorchs_in_eval_mode_while_training():
    # torch.nn.BatchNorm1d(2).eval(), version 2.13, in float64, with these statistics.
    network = Network([BatchNorm()], loss=Free(), input_shape=2, dtype=np.float64)
    network["0.batchnorm.gamma"] = [1.5, -0.5]
    network["0.batchnorm.beta"] = [0.1, 0.2]
    network["0.batchnorm.running_mean"] = [0.5, -1.0]
    network["0.batchnorm.running_variance"] = [2.0, 0.25]
    before = network.state.copy()
    network.freeze("*")
    cache = Cache(training=True)
    for _ in range(2):
        Y = network.forward(A, cache)
        same(Y[0], [0.6303287600696678, -2.79994000179994])
        same(Y[3], [-2.551643800348339, -4.7999000029999])
    body = cache.children[""]
    body.children["0.batchnorm"].needs_input_gradient = True
    dA = network.layers[0].backward(DY, body.children["0.batchnorm"])
    same(dA[1], [0, -0.9999800005999799])
    same(dA[2], [-1.0606575201393356, -1.9999600011999599])
    same(network.gradient_tensors["0.batchnorm.gamma"], [-1.5909862802090033, -3.9999200023999197])
    same(network.gradient_tensors["0.batchnorm.beta"], [0.5, 2])
    np.testing.assert_array_equal(network.state, before)

    network.unfreeze("*")
    network.forward(A, cache)
    assert (network.state != before).all()
