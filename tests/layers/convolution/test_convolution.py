"""Convolutions against PyTorch, SciPy and their own transposes; masks, carrying, memory, refusals.

The harness holds every layer against a loop and central differences; layer_cases.py.
"""

import numpy as np
import pytest
from scipy import signal

from plainnet import Cache, Network, check_gradients
from plainnet.errors import SettingError, ShapeError
from plainnet.initializers import GlorotUniform, HeNormal
from plainnet.kernels.correlation import (
    correlate_backward_size,
    correlate_size,
    transposed_correlate_backward_size,
    transposed_correlate_size,
)
from plainnet.kernels.sliding import BLOCK
from plainnet.layers import (
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dense,
    GlobalAveragePool1d,
    Layer,
    Masking,
    ReLU,
)
from plainnet.losses import MeanSquaredError


@pytest.fixture(autouse=True)
def fresh_sizes():
    """Sizes of scratch memory are remembered, and BLOCK, which decides them, does not stay."""
    yield
    for size in (
        correlate_size,
        correlate_backward_size,
        transposed_correlate_size,
        transposed_correlate_backward_size,
    ):
        size.cache_clear()


def placed(layer: Layer, input_shape: tuple[int | None, ...], dtype: type = np.float64) -> Network:
    network = Network(
        [layer, *([GlobalAveragePool1d()] if input_shape[0] is None else [])],
        loss=MeanSquaredError(),
        input_shape=input_shape,
        seed=0,
        dtype=dtype,
    )
    network.parameters[:] += 0.1
    return network


def pattern(shape: tuple[int, ...], step: int) -> np.ndarray:
    """Whole numbers from -5 to 5, so that sums of their products are exact."""
    return ((np.arange(np.prod(shape)) * step) % 11 - 5.0).reshape(shape)


def passes(layer: Layer, A: np.ndarray, dZ_step: int) -> tuple[np.ndarray, np.ndarray]:
    cache = Cache(record=True)
    Z = layer.forward(A, cache)
    return Z, layer.backward(pattern(Z.shape, dZ_step), cache)


# --- against others -------------------------------------------------------------------------------


def test_stride_dilation_groups_and_padding_together_are_pytorchs():
    layer = Conv2d(4, (3, 2), stride=2, dilation=2, groups=2, padding=((1, 2), (3, 0)))
    placed(layer, (7, 6, 4))
    layer.W[...], layer.b[...] = pattern((4, 3, 2, 2), 7), [1, -2, 3, -4]
    Z, dA = passes(layer, pattern((1, 7, 6, 4), 3), 5)
    # torch.nn.functional.conv2d on the padded image, and its gradients
    # fmt: off
    assert Z.astype(int).ravel().tolist() == [
        1, -2, 3, -4, 31, -47, 9, -4, -13, 11, -8, 18, -23, 14, -14, 14,
        1, -2, 3, -4, 50, 5, 5, 10, -2, 28, -12, 12, -12, -34, 6, -33,
        1, -2, 3, -4, -14, 24, 8, 1, -53, 16, 7, -10, -38, 0, -18, 11,
    ]
    assert layer.dW.astype(int).ravel().tolist() == [
        -12, 43, -1, -27, 47, -2, 43, 24, 11, -36, -28, -20,
        -8, -3, 35, -11, 2, -34, -29, -23, 24, 15, -28, 15,
        -6, 15, 27, 27, -1, 20, 16, -30, -4, 14, 7, -3,
        8, -10, -10, -19, 13, -8, 5, -5, 8, -13, 0, 14,
    ]
    assert dA[0, 1::2, 1::2].astype(int).ravel().tolist() == [
        16, -21, -40, 65, -43, 72, -37, -22, -21, -8, 30, -29,
        19, -48, 74, -44, 106, -63, -43, 56, -3, -3, -22, 13,
        -37, 39, -3, -27, -38, -8, 69, -45, -8, -21, -11, -8,
    ]
    # fmt: on
    dA[0, 1::2, 1::2] = 0
    assert not dA.any()


def test_the_transpose_with_output_padding_is_pytorchs():
    layer = ConvTranspose2d(
        2, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), dilation=(1, 2)
    )
    placed(layer, (2, 3, 4))
    layer.W[...], layer.b[...] = pattern((2, 3, 2, 4), 7), [1, -2]
    Z, dA = passes(layer, pattern((1, 2, 3, 4), 3), 5)
    # torch.nn.functional.conv_transpose2d and its gradients
    # fmt: off
    assert Z[..., 0].astype(int).tolist() == [[
        [-6, 1, 4, -13, 1, 10, 35, 1, 5, 1, 1],
        [-24, 1, 2, -27, 1, 3, 36, 1, -62, 1, 1],
        [28, 1, 11, 21, 1, 17, 25, 1, -32, 1, 1],
        [27, 1, -34, 24, 1, -35, 21, 1, 19, 1, 1],
    ]]
    assert Z[0, :, 2, 1].astype(int).tolist() == [-16, 1, -39, -18]
    assert layer.dW.astype(int).ravel().tolist() == [
        7, 1, -5, 11, -9, 0, 31, -15, 20, 8, -4, 6, -27, -9, 31, 16, 20, 8, -4, 6, -27, -9, 31, 16,
        3, 9, -40, -1, 9, -3, -48, 17, 0, 12, -31, -41, 30, 6, -51, -31, 0, 12, -31, -41,
        30, 6, -51, -31,
    ]
    assert dA.astype(int).ravel().tolist() == [
        55, -53, 15, 39, -13, 30, 7, -60, -15, -30, 10, 6,
        76, -75, 49, 8, -41, 18, 22, -51, -15, 1, -5, 0,
    ]
    # fmt: on


def test_output_padding_below_the_dilation():
    """Worked by hand: Z_y = w_0 A_y + w_1 A_(y-2) + b; PyTorch takes it, and has the same."""
    layer = ConvTranspose2d(1, (2, 1), dilation=(2, 1), output_padding=(1, 0))
    placed(layer, (2, 1, 1))
    layer.W[0, :, 0, 0], layer.b[:] = [3, 5], 1
    cache = Cache()
    Z = layer.forward(np.array([1.0, 2]).reshape(1, 2, 1, 1), cache)
    assert Z.ravel().tolist() == [3 + 1, 6 + 1, 5 + 1, 10 + 1, 1]
    dA = layer.backward(np.arange(1.0, 6).reshape(Z.shape), cache)
    assert dA.ravel().tolist() == [3 * 1 + 5 * 3, 3 * 2 + 5 * 4]
    assert layer.dW.ravel().tolist() == [1 * 1 + 2 * 2, 1 * 3 + 2 * 4]
    assert layer.db.tolist() == [15]


def test_a_plain_convolution_is_scipys_correlation(rng):
    layer = Conv2d(3, (4, 3), padding="same", bias=False)
    placed(layer, (7, 6, 2))
    A = rng.standard_normal((2, 7, 6, 2))
    Z = layer.forward(A, Cache())
    for i, f in np.ndindex(2, 3):
        full = sum(signal.correlate(A[i, :, :, c], layer.W[f, :, :, c]) for c in range(2))
        np.testing.assert_allclose(Z[i, :, :, f], full[2:9, 1:7], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "more", "image", "small"),
    [
        ({"kernel_size": 3}, 0, (6, 5), (4, 3)),
        ({"kernel_size": 3, "padding": "same", "stride": 2}, 0, (6, 4), (3, 2)),
        (
            {"kernel_size": (2, 3), "stride": (3, 2), "padding": ((1, 0), (2, 1))},
            (1, 0),
            (8, 6),
            (3, 4),
        ),
        ({"kernel_size": 2, "dilation": 3, "groups": 2}, 0, (5, 6), (2, 3)),
        ({"kernel_size": 3, "groups": 4, "stride": 2}, 0, (5, 7), (2, 3)),
    ],
)
def test_the_transpose_is_the_transpose(settings, more, image, small, rng):
    """<Conv x, y> = <x, ConvTranspose y> for the same kernel."""
    filters = channels = 4
    conv = Conv2d(filters, bias=False, **settings)
    transpose = ConvTranspose2d(channels, bias=False, output_padding=more, **settings)
    placed(conv, (*image, channels))
    placed(transpose, (*small, filters))
    assert conv.output_shape == transpose.input_shape
    assert transpose.output_shape == conv.input_shape
    groups = settings.get("groups", 1)
    split = conv.W.reshape(groups, filters // groups, *conv.W.shape[1:])
    transpose.W[...] = split.transpose(0, 4, 2, 3, 1).reshape(transpose.W.shape)
    x, y = rng.standard_normal((2, *image, channels)), rng.standard_normal((2, *small, filters))
    Z, back = conv.forward(x, Cache()), transpose.forward(y, Cache())
    np.testing.assert_allclose(np.vdot(Z, y), np.vdot(x, back), rtol=1e-12, atol=1e-12)


# --- shapes and starts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "image", "output"),
    [
        (Conv2d(2, 5), (28, 28, 1), (24, 24, 2)),
        (Conv2d(2, 3, padding="same", stride=2), (7, 8, 1), (4, 4, 2)),
        (Conv2d(2, 3, padding=1, stride=2), (7, 8, 1), (4, 4, 2)),
        (Conv2d(2, 2, padding=((0, 1), (2, 0))), (3, 3, 1), (3, 4, 2)),
        (Conv2d(2, 1, stride=4), (9, 8, 1), (3, 2, 2)),
        (ConvTranspose2d(2, 5), (24, 24, 1), (28, 28, 2)),
        (ConvTranspose2d(2, 3, stride=2, padding="same"), (4, 5, 1), (8, 10, 2)),
        (ConvTranspose2d(2, 3, stride=2, padding=1, output_padding=1), (4, 5, 1), (8, 10, 2)),
        (Conv1d(2, 3), (7, 1), (5, 2)),
        (Conv1d(2, 3, padding="causal", dilation=4), (7, 1), (7, 2)),
        (Conv1d(2, 3, padding="same", stride=2), (7, 1), (4, 2)),
    ],
    ids=repr,
)
def test_output_shapes(layer, image, output):
    assert placed(layer, image).output_shape == output


def test_same_puts_the_odd_zero_after():
    layer = Conv2d(1, (2, 4), padding="same", bias=False)
    network = placed(layer, (2, 3, 1))
    network.parameters[:] = 1
    Z = network.forward(np.ones((1, 2, 3, 1)))
    assert Z[0, :, :, 0].tolist() == [[6, 6, 4], [3, 3, 2]]


def test_weights_start_by_the_kernels_fans_and_each_group_by_its_own():
    def deviation(layer: Conv2d, *after: Layer) -> float:
        Network([layer, *after], loss=MeanSquaredError(), input_shape=(9, 9, 64), seed=0)
        return float(layer.W.std())

    assert deviation(Conv2d(128, 3), ReLU()) == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert deviation(Conv2d(128, 3)) == pytest.approx((2 / (9 * 192)) ** 0.5, rel=0.02)
    grouped = Conv2d(128, 3, groups=16)
    assert deviation(grouped) == pytest.approx((2 / (9 * 12)) ** 0.5, rel=0.02)
    depthwise = Conv2d(64, 5, groups=64, initializer=GlorotUniform())
    assert deviation(depthwise) == pytest.approx((2 / 50) ** 0.5, rel=0.05)
    given = Conv2d(8, 3, initializer=HeNormal())
    assert deviation(given) == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.05)


# --- blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "image"),
    [
        (lambda: Conv2d(3, 3, padding=2), (9, 7, 4)),
        (lambda: Conv2d(3, 3, stride=2, padding="same"), (9, 7, 2)),
        (lambda: Conv2d(4, 3, groups=4, stride=2, padding=1), (9, 7, 4)),
        (lambda: ConvTranspose2d(3, 3, stride=2), (5, 4, 4)),
    ],
)
@pytest.mark.parametrize("block", [1, 1500])
def test_the_size_of_a_block_changes_nothing(make, image, block, rng, monkeypatch):
    def results() -> list[np.ndarray]:
        layer = make()
        placed(layer, image)
        Z, dA = passes(layer, A, 7)
        return [Z, dA, layer.dW.copy(), layer.db.copy()]

    A = rng.standard_normal((5, *image))
    whole = results()
    monkeypatch.setattr("plainnet.kernels.sliding.BLOCK", block)
    for one, other in zip(whole, results(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        Conv2d(16, 3, padding="same"),
        Conv2d(16, 3, groups=16, padding=1),
        Conv2d(16, 3, stride=2, groups=2),
        ConvTranspose2d(16, 3, stride=2),
    ],
    ids=repr,
)
def test_the_memory_beside_inputs_and_outputs_is_bounded(layer, rng):
    network = placed(layer, (32, 32, 16), np.float32)
    X = rng.standard_normal((64, 32, 32, 16)).astype(np.float32)
    cache = Cache(record=True)
    Z = layer.forward(X, cache)
    dA = layer.backward(Z.copy(), cache)
    columns = 9 * X.nbytes
    assert network.output_shape == Z.shape[1:]
    assert cache.nbytes - Z.nbytes - dA.nbytes < 3 * BLOCK < columns / 5


def test_large_images_are_cut_into_lines(rng):
    layer = Conv2d(2, 3)
    placed(layer, (200, 300, 8), np.float32)
    X = rng.standard_normal((1, 200, 300, 8)).astype(np.float32)
    cache = Cache()
    Z = layer.forward(X, cache)
    assert cache.nbytes - Z.nbytes < 2 * BLOCK < 9 * X.nbytes


def test_an_input_that_does_not_lie_in_one_piece(rng):
    layer = Conv2d(3, 3, padding=1)
    placed(layer, (4, 5, 2))
    A = rng.standard_normal((5, 4, 2, 3)).transpose(3, 1, 0, 2)
    expected = layer.forward(np.ascontiguousarray(A), Cache()).copy()
    np.testing.assert_array_equal(layer.forward(A, Cache()), expected)


# --- time -----------------------------------------------------------------------------------------


def test_a_causal_convolution_knows_of_no_later_step(rng):
    layer = Conv1d(3, 3, padding="causal", dilation=2)
    placed(layer, (9, 2))
    A = rng.standard_normal((1, 9, 2))
    before = layer.forward(A, Cache()).copy()
    A[:, 5:] += 1
    after = layer.forward(A, Cache())
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert (after[:, 5:] != before[:, 5:]).all()


@pytest.mark.parametrize("padding", ["valid", "same", "causal", 2])
def test_an_open_length(padding, rng):
    open_, fixed = Conv1d(3, 3, padding=padding, stride=2), Conv1d(3, 3, padding=padding, stride=2)
    network, cache = placed(open_, (None, 2)), Cache(training=True)
    for time in (9, 4, 12):
        placed(fixed, (time, 2))
        A = rng.standard_normal((4, time, 2))
        np.testing.assert_array_equal(open_.forward(A, Cache()), fixed.forward(A, Cache()))
        network.loss_and_gradients(A, np.ones((4, 3)), cache)
        fixed = Conv1d(3, 3, padding=padding, stride=2)
    with pytest.raises(ShapeError, match=r"is larger, \(3, 1\), than its padded input, \(2, 1\)"):
        Conv1d.forward(placed(Conv1d(1, 3), (None, 2)).layers[0], np.ones((1, 2, 2)), Cache())


@pytest.mark.parametrize("padding", ["same", "causal"])
def test_a_masked_sequence_gives_what_it_gives_alone(padding, rng):
    """Two layers: what the first one writes where there is no data must not reach the second."""
    network = Network(
        [
            Masking(),
            Conv1d(4, 3, padding=padding),
            Conv1d(4, 3, padding=padding),
            GlobalAveragePool1d(),
            Dense(2),
        ],
        loss=MeanSquaredError(),
        input_shape=(None, 2),
        seed=0,
        dtype=np.float64,
    )
    network.parameters[:] += 0.1
    A = rng.standard_normal((3, 7, 2))
    together = A.copy()
    together[1, 4:] = together[2, 2:] = 0
    expected = [network.forward(A[i : i + 1, :n])[0].copy() for i, n in enumerate((7, 4, 2))]
    np.testing.assert_allclose(network.forward(together), expected, rtol=1e-12)
    check = check_gradients(network, together, rng.standard_normal((3, 2)))
    del check.errors["input"]  # a step that is no longer zero is data: the mask jumps
    assert check.passed, check


def test_a_mask_asks_for_a_length_that_stays():
    layer, cache = Conv1d(1, 3), Cache()
    placed(layer, (5, 2))
    cache.mask = np.ones((1, 5), bool)
    with pytest.raises(SettingError, match="turns 5 steps into 3, and the mask no longer fits"):
        layer.forward(np.ones((1, 5, 2)), cache)


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_carrying_cache_goes_on_where_it_was(dilation, rng):
    layer = Conv1d(3, 3, padding="causal", dilation=dilation)
    placed(layer, (None, 2))
    A = rng.standard_normal((4, 9, 2))
    whole, cache = layer.forward(A, Cache()), Cache(training=True, carry=True)
    parts = [layer.forward(A[:, a:b], cache).copy() for a, b in ((0, 4), (4, 5), (5, 9))]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12)
    dA = layer.backward(np.ones_like(parts[2]), cache)
    assert dA.shape == (4, 4, 2)
    plain = Cache()
    layer.forward(A[:, 5:], plain)
    np.testing.assert_allclose(dA, layer.backward(np.ones_like(parts[2]), plain), rtol=1e-12)
    cache.forget()
    np.testing.assert_allclose(layer.forward(A[:2], cache), whole[:2], rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"padding": "same"}, {"padding": "causal", "stride": 2}])
def test_only_causal_convolutions_of_stride_1_carry(settings):
    network = Network([Conv1d(1, 3, **settings)], loss=MeanSquaredError(), input_shape=(None, 2))
    with pytest.raises(SettingError, match=r'carry=True needs padding="causal" and stride=1'):
        network.forward(np.ones((1, 5, 2)), Cache(carry=True))


def test_another_number_of_sequences_does_not_go_on():
    layers = [Conv1d(1, 3, padding="causal")]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(None, 2))
    cache = Cache(carry=True)
    network.forward(np.ones((4, 5, 2)), cache)
    with pytest.raises(ShapeError, match=r"continues 4 sequences; got 2: call forget\(\)"):
        network.forward(np.ones((2, 5, 2)), cache)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(0, 3), "filters must be a whole number >= 1; got 0"),
        (lambda: Conv2d(4, 0), "kernel_size must be a whole number >= 1; got 0"),
        (lambda: Conv2d(4, (3, 3, 3)), r"kernel_size must be one number or two; got \(3, 3, 3\)"),
        (lambda: Conv2d(4, 3, stride=(1, 0)), "stride must be a whole number >= 1; got 0"),
        (lambda: Conv2d(4, 3, dilation=0), "dilation must be a whole number >= 1; got 0"),
        (lambda: Conv2d(4, 3, groups=3), "filters must be a multiple of groups; got 4 filters in"),
        (lambda: Conv2d(4, 3, padding="full"), "padding must be one of 'valid', 'same' or numbers"),
        (lambda: Conv2d(4, 3, padding=-1), "padding must be a whole number >= 0; got -1"),
        (lambda: Conv2d(4, 3, padding=(1, 2, 3)), "padding must have a part for each of 2"),
        (lambda: Conv2d(4, 3, initializer=HeNormal), "initializer must be an Initializer object"),
        (lambda: Conv1d(4, 3, padding="full"), "padding must be one of 'valid', 'same', 'causal'"),
        (lambda: Conv1d(4, (3, 3)), "kernel_size must be a whole number"),
        (
            lambda: ConvTranspose2d(4, 3, stride=2, output_padding=2),
            r"output_padding must be less than the stride or the dilation, \(2, 2\); got 2",
        ),
        (
            lambda: ConvTranspose2d(4, 3, stride=2, padding="same", output_padding=1),
            'padding="same" does not take output_padding; got 1',
        ),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2d(1, 5), (4, 9, 1), r"is larger, \(5, 5\), than its padded input, \(4, 9\)"),
        (Conv2d(1, 3, dilation=3, padding=1), (4, 9, 1), r"\(7, 7\), than its padded input, \(6"),
        (
            Conv2d(1, 3),
            (8, 8),
            r"needs an input of shape \(height, width, channels\).*got \(8, 8\)",
        ),
        (Conv2d(1, 3), (None, 8, 1), r"\(height, width, channels\).*got \(None, 8, 1\)"),
        (Conv2d(2, 3, groups=2), (8, 8, 3), "of channels that 2 groups divide; got 3"),
        (Conv1d(2, 3), (8, 8, 3), r"needs an input of shape \(time, features\); got \(8, 8, 3\)"),
        (Conv1d(2, 3), (2, 3), r"is larger, \(3, 1\), than its padded input, \(2, 1\)"),
        (ConvTranspose2d(2, 3, padding=2), (1, 1, 3), "its padding cuts them all off"),
    ],
    ids=repr,
)
def test_inputs_that_do_not_fit(layer, shape, message):
    with pytest.raises(ShapeError, match=rf"layer 0.{type(layer).__name__.lower()}.*{message}"):
        Network([layer], loss=MeanSquaredError(), input_shape=shape)
