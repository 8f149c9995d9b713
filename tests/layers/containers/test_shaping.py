"""Layers that change only the shape."""

import numpy as np
import pytest

from plainnet import Cache, Network
from plainnet.errors import ShapeError
from plainnet.layers import Dense, Flatten, Layer, Reshape
from plainnet.losses import MeanSquaredError

CASES = [
    (Flatten(), (6,), (6,)),
    (Flatten(), (2, 3), (6,)),
    (Flatten(), (2, 3, 4), (24,)),
    (Reshape((3, 2)), (2, 3), (3, 2)),
    (Reshape((3, -1)), (2, 3), (3, 2)),
    (Reshape([-1]), (2, 3), (6,)),
    (Reshape((-1, 1)), (6,), (6, 1)),
    (Reshape((2, -1, 2)), (4, 3), (2, 3, 2)),
    (Reshape((6, -1)), (6,), (6, 1)),
]
every_case = pytest.mark.parametrize(("layer", "before", "after"), CASES, ids=repr)


def placed(layer: Layer, shape: tuple[int, ...]) -> Layer:
    layer.place("0.layer", shape)
    return layer


@every_case
def test_the_shape_is_known_before_the_data(layer, before, after):
    assert placed(layer, before).output_shape == after


@every_case
@pytest.mark.parametrize("m", [1, 5])
def test_numbers_keep_their_order_and_each_example_its_own(layer, before, after, m):
    layer = placed(layer, before)
    A = np.arange(m * np.prod(before)).reshape(m, *before)
    Y = layer.forward(A, Cache())
    assert Y.shape == (m, *after)
    for example, original in zip(Y, A, strict=True):
        assert list(example.flat) == list(original.flat)


@every_case
def test_the_gradient_goes_back_to_where_the_number_was(layer, before, after):
    layer = placed(layer, before)
    A = np.arange(3 * np.prod(before)).reshape(3, *before)
    cache = Cache()
    np.testing.assert_array_equal(layer.backward(layer.forward(A, cache), cache), A)


@every_case
def test_it_is_a_view_and_keeps_nothing(layer, before, after):
    layer = placed(layer, before)
    A, cache = np.zeros((3, *before), np.float32), Cache(training=True)
    Y = layer.forward(A, cache)
    assert np.shares_memory(A, Y)
    assert np.shares_memory(Y, layer.backward(Y, cache))
    assert cache.nbytes == 0


@pytest.mark.parametrize("layer", [Flatten(), Reshape((-1, 2))], ids=repr)
def test_data_in_any_layout_are_right(layer):
    layer = placed(layer, (4, 6))
    A = np.arange(72.0).reshape(3, 4, 6)
    expected = layer.forward(A, Cache())
    for other in (np.asfortranarray(A), np.repeat(A, 2, axis=2)[:, :, ::2]):
        np.testing.assert_array_equal(layer.forward(other, Cache()), expected)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 2), r"cannot give 6 numbers, shape \(2, 3\), the shape \(4, 2\)"),
        ((4, -1), r"cannot give 6 numbers, shape \(2, 3\), the shape \(4, -1\)"),
        ((), r"cannot give 6 numbers"),
        ((-1, -1), r"positive numbers and at most one -1; got \(-1, -1\)"),
        ((0, -1), r"positive numbers and at most one -1; got \(0, -1\)"),
        ((0,), "positive numbers"),
        ((-2, -3), "positive numbers"),
        ((-6, -1), "positive numbers"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_with_the_layers_name(shape, message):
    with pytest.raises(ShapeError, match=rf"layer 0\.reshape .*{message}"):
        Network([Reshape(shape)], loss=MeanSquaredError(), input_shape=(2, 3))


def test_images_go_through_a_network_and_back():
    def network_of(*layers: Layer) -> Network:
        return Network(
            [*layers, Dense(3)],
            loss=MeanSquaredError(),
            input_shape=(2, 3),
            seed=0,
            dtype=np.float64,
        )

    X, y = np.random.default_rng(0).standard_normal((5, 2, 3)), np.zeros((5, 3))
    one, other = network_of(Flatten()), network_of(Reshape((3, 2)), Reshape((-1,)))
    caches = [Cache(record=True) for _ in range(2)]
    assert one.loss_and_gradients(X, y, caches[0]) == other.loss_and_gradients(X, y, caches[1])
    np.testing.assert_array_equal(one.gradients, other.gradients)
    assert caches[0]["dX"].shape == (5, 2, 3)
    np.testing.assert_array_equal(caches[0]["dX"], caches[1]["dX"])
