"""Pools against PyTorch, equal maxima, masks, and what they refuse; upsampling; Dropout2d."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.errors import SettingError, ShapeError
from plainnet.layers import (
    AveragePool2d,
    Dropout2d,
    GlobalAveragePool1d,
    GlobalAveragePool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
    Layer,
    MaxPool2d,
    Upsample,
)
from plainnet.losses import MeanSquaredError


def placed(layer: Layer, input_shape: tuple[int | None, ...]) -> Layer:
    Network([layer], loss=MeanSquaredError(), input_shape=input_shape, dtype=np.float64)
    return layer


def pattern(shape: tuple[int, ...], step: int) -> np.ndarray:
    return ((np.arange(np.prod(shape)) * step) % 11 - 5.0).reshape(shape)


def passes(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Output and input gradient, on the numbers that PyTorch got."""
    cache = Cache(record=True)
    Y = placed(layer, (5, 6, 1)).forward(pattern((1, 5, 6, 1), 3), cache)
    return Y[0, :, :, 0], layer.backward(pattern(Y.shape, 5), cache)[0, :, :, 0]


def test_windows_that_overlap_and_reach_beyond_are_pytorchs_maxima():
    Y, dA = passes(MaxPool2d(3, stride=2, padding=1, ceil_mode=True))
    # torch.nn.functional.max_pool2d
    assert Y.tolist() == [[5, 5, 4, -1], [5, 5, 3, 2], [5, 4, 5, 5]]
    assert dA.tolist() == [
        [0, 0, 0, 5, 0, -1],
        [0, -3, 0, 0, 3, 0],
        [0, 0, 0, 0, 0, -3],
        [2, 0, 0, 0, 0, 0],
        [0, -4, 0, 0, 0, -4],
    ]


@pytest.mark.parametrize(
    ("count_padding", "output", "left", "right"),
    [
        (
            True,
            [[0, 1 / 2], [4 / 3, -2 / 3], [7 / 6, -1 / 6]],
            [-5 / 6, 0, 5 / 6, 3 / 2, 2 / 3],
            [0, -1 / 6, -1 / 6, -1 / 2, -1 / 3],
        ),
        (
            False,
            [[0, 3 / 4], [4 / 3, -2 / 3], [7 / 4, -1 / 4]],
            [-5 / 4, -5 / 12, 5 / 6, 11 / 6, 1],
            [0, -1 / 6, -1 / 6, -2 / 3, -1 / 2],
        ),
    ],
)
def test_what_counts_in_an_average_is_as_in_pytorch(count_padding, output, left, right):
    layer = AveragePool2d(
        (3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True, count_padding=count_padding
    )
    Y, dA = passes(layer)
    # torch.nn.functional.avg_pool2d with count_include_pad
    zero = np.zeros(5)
    np.testing.assert_allclose(Y, output, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dA.T, [left, left, zero, right, right, zero], rtol=1e-12, atol=1e-12)


def test_what_lies_beyond_the_padding_never_counts():
    Y, _ = passes(AveragePool2d(3, stride=2, padding=1, ceil_mode=True, count_padding=True))
    # torch.nn.functional.avg_pool2d; the last window of a line reaches two columns beyond the image
    np.testing.assert_allclose(
        Y,
        [[0, 5 / 9, -1 / 3, -1], [8 / 9, 1 / 3, -1, -5 / 6], [7 / 9, -1 / 9, 2 / 9, 1 / 2]],
        rtol=1e-12,
        atol=1e-12,
    )


# Of n = 1 ... 5 pixels, a line each, under kernels from 1 (with padding 1, from 2) to 5: what
# torch.nn.functional.max_pool2d(..., ceil_mode=True) has; 0 where it refuses.
CEILED = {
    (1, 0): [[1, 0, 0, 0, 0], [2, 1, 0, 0, 0], [3, 2, 1, 0, 0], [4, 3, 2, 1, 0], [5, 4, 3, 2, 1]],
    (2, 0): [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [2, 2, 1, 1, 0], [2, 2, 2, 1, 1], [3, 3, 2, 2, 1]],
    (3, 0): [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [2, 2, 2, 1, 1], [2, 2, 2, 2, 1]],
    (4, 0): [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [2, 2, 2, 2, 1]],
    (1, 1): [[2, 1, 0, 0], [3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]],
    (2, 1): [[1, 1, 1, 0], [2, 2, 1, 1], [2, 2, 2, 1], [3, 3, 2, 2], [3, 3, 3, 2]],
    (3, 1): [[1, 1, 1, 1], [1, 1, 1, 1], [2, 2, 2, 1], [2, 2, 2, 2], [2, 2, 2, 2]],
    (4, 1): [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [2, 2, 2, 2], [2, 2, 2, 2]],
}


@pytest.mark.parametrize(("stride", "padding"), CEILED, ids=str)
@pytest.mark.parametrize("make", [MaxPool2d, AveragePool2d])
def test_the_number_of_places_with_ceil_mode_is_pytorchs(make, stride, padding):
    for n, line in enumerate(CEILED[stride, padding], start=1):
        for kernel, places in enumerate(line, start=1 + padding):
            settings = {"stride": stride, "padding": ((padding, padding), (0, 0))}
            layer = make((kernel, 1), ceil_mode=True, **settings)
            if places:
                assert placed(layer, (n, 1, 1)).output_shape == (places, 1, 1)
            else:
                with pytest.raises(ShapeError, match="is larger"):
                    placed(layer, (n, 1, 1))


@pytest.mark.parametrize(
    ("layer", "output", "gradient"),
    [
        (
            MaxPool2d(3, stride=2, ceil_mode=True),
            [6, 9],
            [[0, 0, 0, 0, 0], [0, 0, 12, 0, 36]],
        ),
        *(
            (
                AveragePool2d(3, stride=2, ceil_mode=True, count_padding=counted),
                [19 / 6, 22 / 6],  # 1 + 5 + 2 + 4 + 1 + 6 and 2 + 0 + 3 + 6 + 2 + 9
                [[2, 2, 2 + 6, 6, 6], [2, 2, 2 + 6, 6, 6]],
            )
            for counted in (False, True)
        ),
    ],
    ids=repr,
)
def test_a_window_that_is_larger_than_the_image(layer, output, gradient):
    A = np.array([[1.0, 5, 2, 0, 3], [4, 1, 6, 2, 9]]).reshape(1, 2, 5, 1)
    cache = Cache()
    Y = placed(layer, (2, 5, 1)).forward(A, cache)
    assert Y.shape == (1, 1, 2, 1)
    np.testing.assert_allclose(Y.ravel(), output, rtol=1e-12)
    dA = layer.backward(np.array([12.0, 36.0]).reshape(Y.shape), cache)
    np.testing.assert_allclose(dA[0, :, :, 0], gradient, rtol=1e-12)


def test_a_huge_window_costs_no_more_than_the_image():
    layer = placed(MaxPool2d(2**30, ceil_mode=True), (2, 2, 1))
    assert layer.forward(np.arange(4.0).reshape(1, 2, 2, 1), Cache()).tolist() == [[[[3.0]]]]


@pytest.mark.parametrize(
    "layer",
    [MaxPool2d(2), MaxPool2d(2, stride=1), MaxPool2d((2, 2), padding=((0, 1), (0, 0)))],
    ids=repr,
)
def test_of_equal_maxima_the_first_has_the_gradient(layer):
    placed(layer, (2, 2, 1))
    A = np.array([[[[1.0], [3.0]], [[3.0], [3.0]]]])
    cache = Cache()
    dA = layer.backward(np.full_like(layer.forward(A, cache), 5), cache)
    assert dA[0, :, :, 0].tolist() == [[0, 5], [0, 0]]


def test_negative_numbers_are_larger_than_no_numbers():
    layer = placed(MaxPool2d(2, stride=1, padding=1), (2, 2, 1))
    Y = layer.forward(np.full((1, 2, 2, 1), -7.0), Cache())
    assert (Y == -7).all()
    assert Y.shape == (1, 3, 3, 1)


def test_pixels_under_no_window_have_no_gradient(rng):
    for layer in (MaxPool2d(2), AveragePool2d(2)):
        placed(layer, (5, 5, 3))
        cache = Cache()
        Y = layer.forward(rng.standard_normal((2, 5, 5, 3)), cache)
        dA = layer.backward(np.ones_like(Y), cache)
        assert not dA[:, 4].any()
        assert not dA[:, :, 4].any()
        assert dA.sum() == pytest.approx(Y.size)


@pytest.mark.parametrize("make", [MaxPool2d, AveragePool2d])
@pytest.mark.parametrize("settings", [{}, {"stride": 2, "padding": 1}], ids=repr)
def test_the_size_of_a_block_changes_nothing(make, settings, rng, monkeypatch):
    A = rng.standard_normal((5, 6, 6, 2))
    results = []
    for block in (2**20, 1, 200):
        monkeypatch.setattr("plainnet.kernels.sliding.BLOCK", block)
        layer, cache = placed(make(3, **settings), (6, 6, 2)), Cache()
        Y = layer.forward(A, cache)
        results.append((Y, layer.backward(pattern(Y.shape, 3), cache)))
    for Y, dA in results[1:]:
        np.testing.assert_array_equal(Y, results[0][0])
        np.testing.assert_allclose(dA, results[0][1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPool2d(0), "kernel_size must be a whole number >= 1; got 0"),
        (lambda: MaxPool2d(2, padding=2), r"padding must be less than the kernel, \(2, 2\)"),
        (lambda: AveragePool2d((3, 1), padding=(2, 1)), "a window sees nothing else; got"),
        (lambda: AveragePool2d(2, padding="causal"), "'valid', 'same' or numbers; got 'causal'"),
        (lambda: AveragePool2d(2, stride=0), "stride must be a whole number >= 1; got 0"),
        (lambda: MaxPool2d(2, ceil_mode=1), "ceil_mode must be True or False; got 1"),
        (lambda: Upsample(0), "factor must be a whole number >= 1; got 0"),
        (lambda: Upsample(2, mode="cubic"), 'mode must be "nearest" or "bilinear"; got'),
        (lambda: Dropout2d(1), "rate must be >= 0 and < 1; got 1"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MaxPool2d(3), (2, 5, 1), r"is larger, \(3, 3\), than its padded input, \(2, 5\)"),
        (AveragePool2d(2), (4, 4), r"needs an input of shape \(height, width, channels\)"),
        (GlobalAveragePool2d(), (4, 4), r"needs an input of shape \(height, width, channels\)"),
        (GlobalMaxPool1d(), (4,), r"needs an input of shape \(time, features\); got \(4,\)"),
        (Upsample(2), (None, 4, 1), r"\(height, width, channels\).*got \(None, 4, 1\)"),
        (Dropout2d(0.5), (4,), r"needs an input of shape \(height, width, channels\)"),
    ],
    ids=repr,
)
def test_inputs_that_do_not_fit(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        placed(layer, shape)


# --- all places -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [GlobalAveragePool1d, GlobalMaxPool1d])
def test_a_masked_sequence_gives_what_it_gives_alone(make, rng):
    layer, cache = placed(make(), (None, 3)), Cache()
    assert layer.uses_mask
    assert layer.ends_time  # so that a container takes the mask away
    A, dY = rng.standard_normal((3, 6, 3)) - 5, rng.standard_normal((3, 3))
    lengths = [6, 2, 0]
    cache.mask = np.arange(6) < np.array(lengths)[:, None]
    Y = layer.forward(A, cache)
    dA = layer.backward(dY, cache)
    for i, n in enumerate(lengths[:2]):
        alone = Cache()
        np.testing.assert_allclose(Y[i], layer.forward(A[i : i + 1, :n], alone)[0], rtol=1e-12)
        expected = layer.backward(dY[i : i + 1], alone)[0]
        np.testing.assert_allclose(dA[i, :n], expected, rtol=1e-12)
        assert not dA[i, n:].any()
    assert not Y[2].any()
    assert not dA[2].any()
    cache.mask = None
    again = layer.forward(A[:, :4], cache)  # without a mask, with the same cache
    np.testing.assert_array_equal(again, layer.forward(A[:, :4], Cache()))


@pytest.mark.parametrize(
    ("layer", "shape"), [(GlobalMaxPool1d(), (3, 1)), (GlobalMaxPool2d(), (1, 3, 1))]
)
def test_of_equal_maxima_of_all_the_first_has_the_gradient(layer, shape):
    placed(layer, shape)
    cache = Cache()
    assert layer.forward(np.array([1.0, 2, 2]).reshape(1, *shape), cache).tolist() == [[2]]
    assert layer.backward(np.array([[5.0]]), cache).ravel().tolist() == [0, 5, 0]


# --- Upsample, Dropout2d --------------------------------------------------------------------------


def test_bilinear_is_pytorchs():
    layer = placed(Upsample((2, 3), mode="bilinear"), (2, 3, 1))
    Y = layer.forward(pattern((1, 2, 3, 1), 3), Cache())
    # torch.nn.functional.interpolate with align_corners=False
    expected = [
        [-5, -5, -4, -3, -2, -1, 0, 1, 1],
        [-2.75, -2.75, -8 / 3, -31 / 12, -2.5, -1.5, -0.5, 0.5, 0.5],
        [1.75, 1.75, 0, -1.75, -3.5, -2.5, -1.5, -0.5, -0.5],
        [4, 4, 4 / 3, -4 / 3, -4, -3, -2, -1, -1],
    ]
    np.testing.assert_allclose(Y[0, :, :, 0], expected, rtol=1e-12, atol=1e-12)


def test_nearest_repeats_pixels():
    layer = placed(Upsample((1, 2)), (2, 2, 1))
    Y = layer.forward(np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]]), Cache())
    assert Y[0, :, :, 0].tolist() == [[1, 1, 2, 2], [3, 3, 4, 4]]


def test_dropout2d_drops_whole_channels():
    layer, cache = placed(Dropout2d(0.3), (4, 5, 50)), Cache(training=True, seed=0)
    A = np.full((200, 4, 5, 50), 3.0)
    Y = layer.forward(A, cache)
    channels = Y.reshape(200, 20, 50)
    assert (channels == channels[:, :1]).all()
    np.testing.assert_allclose(np.unique(Y), [0, 3 / 0.7], rtol=1e-12)
    assert abs((channels[:, 0] == 0).mean() - 0.3) < 5 * (0.3 * 0.7 / 10_000) ** 0.5
    np.testing.assert_array_equal(layer.backward(A, cache), Y)
    assert layer.forward(A, Cache()) is A
    assert placed(Dropout2d(0), (4, 5, 50)).forward(A, cache) is A
