"""Activations where it is hard: the ends of the number line, zero, and the weights below."""

import copy
import math

import numpy as np
import pytest
from scipy import special

from plainnet import Cache, Network
from plainnet.engine.plan import Place
from plainnet.errors import SettingError
from plainnet.initializers import Constant, GlorotUniform, HeNormal, Initializer, LeCunNormal
from plainnet.layers import (
    ELU,
    GELU,
    SELU,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LeakyReLU,
    Mish,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activations,
)
from plainnet.losses import MeanSquaredError

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

# The limits of A and of its slope far below and far above zero: numbers, or None for Z itself.
ELEMENTWISE: list[tuple[Layer, float | None, float | None, float, float]] = [
    (Identity(), None, None, 1, 1),
    (ReLU(), 0, None, 0, 1),
    (LeakyReLU(0.0), 0, None, 0, 1),
    (ELU(), -1, None, 0, 1),
    (ELU(0.5), -0.5, None, 0, 1),
    (GELU(), 0, None, 0, 1),
    (GELU("tanh"), 0, None, 0, 1),
    (SiLU(), 0, None, 0, 1),
    (Mish(), 0, None, 0, 1),
    (Sigmoid(), 0, 1, 0, 0),
    (Tanh(), -1, 1, 0, 0),
    (Softplus(), 0, None, 0, 1),
]
# These are not 0, 1 or Z at the ends.
SLOPED = [LeakyReLU(), LeakyReLU(0.3), SELU()]
LAYERS = [*(row[0] for row in ELEMENTWISE), *SLOPED, Softmax()]
every_layer = pytest.mark.parametrize("layer", LAYERS, ids=repr)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

EXPORTED = {
    kind
    for kind in vars(activations).values()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}


def passes(layer: Layer, Z: np.ndarray, *, reuse: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A and the slope dA/dZ; `reuse` writes over the input and the gradient where it may."""
    cache = Cache(training=True)
    cache.place = Place(reuse_input=reuse, reuse_gradient=reuse)
    A = layer.forward(Z.copy(), cache).copy()
    return A, layer.backward(np.ones_like(Z), cache).copy()


def test_every_activation_is_listed_here():
    assert {type(layer) for layer in LAYERS} == EXPORTED


# --- the ends of the number line ------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize(("layer", "low", "high", "slope_low", "slope_high"), ELEMENTWISE, ids=repr)
def test_far_from_zero_an_activation_is_its_limit(
    layer, low, high, slope_low, slope_high, reuse, dtype
):
    Z = np.array([[-1e4, -300, -110, 110, 300, 1e4]], dtype)
    A, slope = passes(layer, Z, reuse=reuse)
    limits = [low] * 3 + [high] * 3
    expected = [z if limit is None else limit for z, limit in zip(Z[0], limits, strict=True)]
    np.testing.assert_allclose(A[0], expected, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(slope[0], [slope_low] * 3 + [slope_high] * 3, rtol=1e-6, atol=1e-30)
    assert A.dtype == slope.dtype == dtype


@every_dtype
def test_sloped_activations_far_from_zero(dtype):
    Z = np.array([[-1e4, 1e4]], dtype)
    A, slope = passes(LeakyReLU(0.3), Z)
    np.testing.assert_allclose(A, [[-3000, 1e4]], rtol=1e-6)
    np.testing.assert_allclose(slope, [[0.3, 1]], rtol=1e-6)
    A, slope = passes(SELU(), Z)
    np.testing.assert_allclose(A, [[-SELU_SCALE * SELU_ALPHA, SELU_SCALE * 1e4]], rtol=1e-6)
    np.testing.assert_allclose(slope, [[0, SELU_SCALE]], rtol=1e-6)


@every_layer
@every_dtype
@pytest.mark.parametrize("size", [0.0, 1e-40, 1e-7, 1, 20, 30, 88.7, 90, 709.7, 711, 1e4])
def test_forward_and_backward_are_finite(layer, size, dtype):
    Z = np.array([[-size, size, 0, -0.0]], dtype)
    A, slope = passes(layer, Z)
    assert np.isfinite(A).all()
    assert np.isfinite(slope).all()


@every_dtype
@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [
        (Identity(), -np.inf, np.inf),
        (ReLU(), 0, np.inf),
        (LeakyReLU(0.5), -np.inf, np.inf),
        (ELU(), -1, np.inf),
        (SELU(), -SELU_SCALE * SELU_ALPHA, np.inf),
        (Sigmoid(), 0, 1),
        (Tanh(), -1, 1),
        (Softplus(), 0, np.inf),
    ],
    ids=repr,
)
def test_at_infinity_an_activation_is_its_limit(layer, low, high, dtype):
    A, slope = passes(layer, np.array([[-np.inf, np.inf]], dtype))
    np.testing.assert_allclose(A[0], [low, high], rtol=1e-6, atol=1e-37)
    assert np.isfinite(slope).all()


@every_dtype
@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(
    ("layer", "value", "slope"),
    [
        (Identity(), 0, 1),
        (ReLU(), 0, 0),
        (LeakyReLU(0.3), 0, 0.3),
        (ELU(0.5), 0, 0.5),
        (SELU(), 0, SELU_SCALE * SELU_ALPHA),
        (GELU(), 0, 0.5),
        (GELU("tanh"), 0, 0.5),
        (SiLU(), 0, 0.5),
        (Mish(), 0, 0.6),
        (Sigmoid(), 0.5, 0.25),
        (Tanh(), 0, 1),
        (Softplus(), math.log(2), 0.5),
    ],
    ids=repr,
)
def test_at_zero(layer, value, slope, zero, dtype):
    A, found = passes(layer, np.array([[zero]], dtype))
    assert A.item() == pytest.approx(value, abs=1e-7)
    assert found.item() == pytest.approx(slope, rel=1e-6)


@every_dtype
def test_softmax_at_the_ends(dtype):
    Z = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [0, -0.0, -np.inf]], dtype)
    cache = Cache()
    A = Softmax().forward(Z, cache)
    np.testing.assert_allclose(A, [[1, 0, 0], [1 / 3] * 3, [0.5, 0.5, 0]], rtol=1e-6)
    dZ = Softmax().backward(np.eye(3, dtype=dtype), cache)
    # dA picks one class a row: dZ_j = A_k ([j = k] - A_j).
    expected = [[0, 0, 0], [-1 / 9, 2 / 9, -1 / 9], [0, 0, 0]]
    np.testing.assert_allclose(dZ, expected, rtol=1e-6, atol=1e-12)


@every_layer
@every_dtype
def test_nan_comes_out_as_nan(layer, dtype):
    A, _ = passes(layer, np.array([[np.nan, 1, 2], [1, 2, 3]], dtype))
    assert np.isnan(A[0, 0])
    assert np.isfinite(A[1]).all()


@every_dtype
@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (GELU(), lambda z: z * special.ndtr(z)),
        (SiLU(), lambda z: z * special.expit(z)),
        (Mish(), lambda z: z * np.tanh(np.logaddexp(0, z))),
        (Softplus(), lambda z: np.logaddexp(0, z)),
        (ELU(), lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1)),
        (Sigmoid(), special.expit),
        (Tanh(), lambda z: 2 * special.expit(2 * z) - 1),
    ],
    ids=lambda value: repr(value) if isinstance(value, Layer) else "",
)
def test_between_the_ends_an_activation_is_its_function(layer, function, dtype):
    Z = np.linspace(-12, 25, 371).astype(dtype)[None]
    A, _ = passes(layer, Z)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(A, function(Z.astype(np.float64)), rtol=40 * eps, atol=20 * eps)


# --- weights below --------------------------------------------------------------------------------

SUITING: list[tuple[Layer, Initializer]] = [
    (ReLU(), HeNormal()),
    (LeakyReLU(0.3), HeNormal(0.3)),
    (ELU(), HeNormal()),
    (SELU(), LeCunNormal()),
    (GELU(), HeNormal()),
    (SiLU(), HeNormal()),
    (Mish(), HeNormal()),
    (Softplus(), HeNormal()),
    (Sigmoid(), GlorotUniform()),
    (Tanh(), GlorotUniform()),
    (Softmax(), GlorotUniform()),
]


def weights(layers: list[Layer], name: str = "0.dense.W") -> np.ndarray:
    """The first weights of this name, always from the same random numbers."""
    return Network(layers, loss=MeanSquaredError(), input_shape=6, seed=0)[name].copy()


def fresh(layer: Layer) -> Layer:
    """A layer like this one, for another network."""
    return copy.deepcopy(layer)


@pytest.mark.parametrize(("activation", "rule"), SUITING, ids=repr)
@pytest.mark.parametrize(
    "between",
    [
        lambda a: [a],
        lambda a: [Dropout(0.5), a],
        lambda a: [Identity(), Dropout(0.5), Reshape((2, 2)), Flatten(), a],
        lambda a: [Sequential([a])],
        lambda a: [Sequential([Dropout(0.1), Sequential([Identity(), a])]), Dense(4)],
        lambda a: [Dropout(0.1), Sequential([]), Residual([Dense(4), Tanh()]), a],
    ],
    ids=["next", "dropout", "shapes", "sequential", "nested", "residual"],
)
def test_the_activations_rule_reaches_the_dense_layer_below(activation, rule, between):
    found = weights([Dense(4), *between(fresh(activation))])
    expected = weights([Dense(4, initializer=rule), *between(fresh(activation))])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("activation", "rule"), SUITING, ids=repr)
def test_the_rule_reaches_into_containers_below(activation, rule):
    for box in (Sequential, Residual):
        name = f"0.{box.__name__.lower()}.0.dense.W"
        found = weights([box([Dense(6), Dropout(0.5)]), fresh(activation)], name)
        expected = weights(
            [box([Dense(6, initializer=rule), Dropout(0.5)]), fresh(activation)], name
        )
        np.testing.assert_array_equal(found, expected)


def test_rules_are_told_apart_by_their_numbers():
    distinct = {
        weights([Dense(4, initializer=rule)]).tobytes() for rule in {rule for _, rule in SUITING}
    }
    assert len(distinct) == 4  # He, He with a slope, LeCun, Glorot


def test_without_an_activation_it_is_glorots():
    expected = weights([Dense(4, initializer=GlorotUniform())])
    np.testing.assert_array_equal(weights([Dense(4)]), expected)
    np.testing.assert_array_equal(weights([Dense(4), Dense(3), ReLU()]), expected)
    np.testing.assert_array_equal(weights([Dense(4), Identity(), Flatten()]), expected)


def test_an_initializer_of_ones_own_stays():
    found = weights([Dense(4, initializer=Constant(0.5)), ReLU()])
    assert (found == 0.5).all()


def test_biases_start_at_zero():
    network = Network([Dense(4), ReLU()], loss=MeanSquaredError(), input_shape=6, seed=0)
    assert network["0.dense.b"].tolist() == [0] * 4


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [-0.1, 1, 2, float("nan")])
def test_the_slope_below_zero_has_bounds(slope):
    with pytest.raises(SettingError, match="negative_slope must be >= 0 and < 1"):
        LeakyReLU(slope)


@pytest.mark.parametrize("alpha", [-1, float("nan")])
def test_alpha_is_not_negative(alpha):
    with pytest.raises(SettingError, match="alpha must be >= 0"):
        ELU(alpha)


@pytest.mark.parametrize("approximate", ["erf", None, True, "TANH"])
def test_gelu_has_two_forms(approximate):
    with pytest.raises(SettingError, match='approximate must be "none" or "tanh"; got'):
        GELU(approximate)


def test_both_forms_of_gelu_are_close_and_not_the_same():
    Z = np.linspace(-6, 6, 1201)[None]
    exact, approximate = passes(GELU(), Z)[0], passes(GELU("tanh"), Z)[0]
    assert 1e-5 < np.abs(exact - approximate).max() < 5e-4
