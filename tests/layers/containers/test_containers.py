"""Layers made of layers."""

import numpy as np
import pytest

from plainnet import Cache, Network, check_gradients
from plainnet.errors import SettingError, ShapeError
from plainnet.layers import (
    Dense,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LeakyReLU,
    Parallel,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from plainnet.layers.base import NO_GRADIENT
from plainnet.losses import MeanSquaredError


def network_of(*layers: Layer, n: int = 4, seed: int = 0) -> Network:
    return Network(layers, loss=MeanSquaredError(), input_shape=n, seed=seed, dtype=np.float64)


def pass_through(network: Network, cache: Cache | None = None) -> tuple[float, np.ndarray]:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((5, *network.input_shape))
    y = rng.standard_normal((5, *network.output_shape))
    loss = network.loss_and_gradients(X, y, cache or Cache(training=True, seed=0))
    return loss, network.gradients.copy()


# --- Sequential -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arrange",
    [
        lambda a, b, c, d: [Sequential([a, b, c, d])],
        lambda a, b, c, d: [Sequential([a, b]), Sequential([c, d])],
        lambda a, b, c, d: [a, Sequential([Sequential([b, c]), d])],
        lambda a, b, c, d: [Sequential([]), a, b, Sequential([Sequential([c])]), d],
    ],
)
def test_brackets_change_nothing(arrange):
    def layers() -> list[Layer]:
        return [Dense(6), ReLU(), Dropout(0.3), Dense(2)]

    flat, nested = network_of(*layers()), network_of(*arrange(*layers()))
    np.testing.assert_array_equal(nested.parameters, flat.parameters)
    loss, gradients = pass_through(flat)
    nested_loss, nested_gradients = pass_through(nested)
    assert nested_loss == loss
    np.testing.assert_array_equal(nested_gradients, gradients)
    assert np.abs(gradients).max() > 0


def test_an_empty_sequential_is_the_identity():
    X = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(network_of(Sequential([])).predict(X), X)


def test_names_say_the_way_to_a_layer():
    network = network_of(Sequential([Dense(3), Sequential([ReLU(), Dense(2)])]), Dense(1))
    assert list(network.tensors) == [
        "0.sequential.0.dense.W",
        "0.sequential.1.sequential.1.dense.W",
        "1.dense.W",
        "0.sequential.0.dense.b",
        "0.sequential.1.sequential.1.dense.b",
        "1.dense.b",
    ]


def test_walking_goes_from_the_input_to_the_output():
    network = network_of(Dense(4), Residual([Tanh(), Sequential([Dense(4)])]), ReLU())
    assert [layer.name for layer in network.body.walk()] == [
        "",
        "0.dense",
        "1.residual",
        "1.residual.0.tanh",
        "1.residual.1.sequential",
        "1.residual.1.sequential.0.dense",
        "2.relu",
    ]


# --- Residual -------------------------------------------------------------------------------------


def test_a_residual_adds_its_input():
    network = network_of(Residual([Dense(4)]))
    X = np.random.default_rng(0).standard_normal((3, 4))
    W, b = network["0.residual.0.dense.W"], network["0.residual.0.dense.b"]
    b[:] = [1, 2, 3, 4]
    for x, z in zip(X, network.predict(X), strict=True):
        expected = [x[j] + b[j] + sum(W[j, k] * x[k] for k in range(4)) for j in range(4)]
        np.testing.assert_allclose(z, expected, rtol=1e-13)


def test_an_empty_residual_doubles_both_ways():
    network = network_of(Residual([]))
    X = np.ones((2, 4))
    np.testing.assert_array_equal(network.predict(X), 2 * X)
    cache = Cache(training=True, record=True)
    network.loss_and_gradients(X, np.zeros((2, 4)), cache)
    # L = mean (2 x)^2, so dL/dx = 8 x / (2 * 4).
    np.testing.assert_allclose(cache["dX"], np.ones((2, 4)))


def test_the_gradient_does_not_vanish_with_depth():
    def size_of_first_gradient(wrap: bool) -> float:
        layers: list[Layer] = [Dense(4)]
        for _ in range(40):
            block = [Dense(4), Sigmoid()]
            layers += [Residual(block)] if wrap else block
        network = network_of(*layers)
        pass_through(network)
        return float(np.abs(network.gradient_tensors["0.dense.W"]).max())

    assert size_of_first_gradient(wrap=False) < 1e-12
    assert size_of_first_gradient(wrap=True) > 1e-3


@pytest.mark.parametrize(
    ("inner", "returned"),
    [([Dense(3)], r"\(3,\)"), ([Reshape((2, 2))], r"\(2, 2\)"), ([Dense(4), Dense(5)], r"\(5,\)")],
)
def test_a_residual_needs_the_shape_that_it_got(inner, returned):
    message = rf"layer 1\.residual .* the shape they get, \(4,\); they return {returned}"
    with pytest.raises(ShapeError, match=message):
        network_of(Tanh(), Residual(inner))


# --- arrays that are written over -----------------------------------------------------------------

# What comes after a layer that keeps its output changes every number, so that writing would show.
ARRANGEMENTS = {
    "activations in a row": lambda: [Dense(4), ReLU(), Tanh(), Sigmoid(), Tanh(), ReLU()],
    "dropout after what it must keep": lambda: [Dense(4), Sigmoid(), Dropout(0.5), Tanh()],
    "identity between": lambda: [Dense(4), Tanh(), Identity(), Sigmoid(), Identity(), Dropout(0.5)],
    "views between": lambda: [Dense(4), Tanh(), Reshape((2, 2)), Sigmoid(), Flatten(), Tanh()],
    "sequential ends in what it must keep": lambda: [
        Dense(4),
        Sequential([Identity(), Tanh(), Identity()]),
        Sigmoid(),
    ],
    "sequential of views": lambda: [
        Dense(4),
        Tanh(),
        Sequential([Identity(), Sequential([])]),
        Sigmoid(),
    ],
    "residual starts with what writes": lambda: [Dense(4), Residual([Sigmoid(), Tanh()]), Tanh()],
    "residual ends in a view": lambda: [Dense(4), Residual([Tanh(), Identity(), Flatten()])],
    "residual of a view": lambda: [Dense(4), Tanh(), Residual([Identity()]), Sigmoid()],
    "residual of a sequential of views": lambda: [
        Dense(4),
        Residual([Tanh(), Sequential([Identity()])]),
        Sigmoid(),
    ],
    "residual in residual": lambda: [
        Dense(4),
        Residual([Residual([Sigmoid(), Dropout(0.2)]), Dense(4), Tanh()]),
        Residual([]),
        Dropout(0.3),
    ],
    "writes first": lambda: [ReLU(), Sigmoid(), Dense(4), Dropout(0.5)],
    "residual first": lambda: [Residual([Dense(4), ReLU()]), Residual([ReLU()]), Dense(4)],
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_writing_over_changes_no_number(name):
    layers = ARRANGEMENTS[name]
    network = network_of(*layers())
    loss, gradients = pass_through(network, Cache(training=True, record=True, seed=1))
    again, regained = pass_through(network, Cache(training=True, seed=1))
    assert again == loss
    np.testing.assert_array_equal(regained, gradients)


@pytest.mark.parametrize("name", ARRANGEMENTS)
@pytest.mark.parametrize("training", [False, True])
def test_data_and_predictions_are_never_written_over(name, training):
    network = network_of(*ARRANGEMENTS[name]())
    X = np.random.default_rng(0).standard_normal((5, 4))
    kept = X.copy()
    network.predict(X)
    network.loss_and_gradients(X, np.zeros((5, 4)), Cache(training=training))
    np.testing.assert_array_equal(X, kept)


# --- below the first parameters ------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        lambda: [Dropout(0.5)],
        lambda: [ReLU()],
        lambda: [LeakyReLU()],
        lambda: [Softmax()],
        lambda: [Flatten(), Tanh(), Reshape((2, 2)), Flatten()],
        lambda: [Sequential([ReLU(), Dropout(0.5)])],
        lambda: [Residual([Sigmoid()])],
        lambda: [Residual([ReLU(), Dense(4)]), Dropout(0.5)],
        lambda: [ReLU(), Sequential([Tanh(), Residual([Tanh(), Dense(4)])])],
    ],
)
def test_a_network_may_begin_with_layers_that_learn_nothing(first):
    network = network_of(*first(), Dense(3))
    loss, gradients = pass_through(network, Cache(training=True, record=True, seed=0))
    again, regained = pass_through(network, Cache(training=True, seed=0))
    assert again == loss
    np.testing.assert_array_equal(regained, gradients)
    assert np.abs(gradients).max() > 0


def test_a_network_may_have_nothing_to_learn():
    loss, gradients = pass_through(network_of(ReLU(), Dropout(0.5)))
    assert loss > 0
    assert gradients.shape == (0,)


class Noting(Tanh):
    """Notes that somebody wants its gradient."""

    called = False

    def backward(self, dA, cache):
        Noting.called = True
        return super().backward(dA, cache)


@pytest.mark.parametrize("record", [False, True])
def test_below_the_first_parameters_a_gradient_is_computed_only_to_be_recorded(record):
    Noting.called = False
    pass_through(network_of(Noting(), Dense(3)), Cache(training=True, record=record))
    assert Noting.called is record


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("box", [Sequential, Residual])
def test_a_container_holds_layer_objects(box):
    with pytest.raises(SettingError, match=r"layer 1 must be a Layer object.*add parentheses"):
        box([Dense(3), ReLU])
    with pytest.raises(SettingError, match=r"layer 0 must be a Layer object; got 3$"):
        box([3])


@pytest.mark.parametrize("box", [Sequential, Residual])
def test_a_layer_has_one_place_in_a_container(box):
    layer = ReLU()
    with pytest.raises(SettingError, match=r"ReLU\(\) is at two places.*its own layer object"):
        network_of(box([layer, Dense(4), layer]))


def test_the_list_that_was_handed_in_is_not_kept():
    layers: list[Layer] = [Dense(3)]
    box = Sequential(layers)
    layers.append(ReLU())
    assert len(box.layers) == 1
    assert repr(box) == "Sequential((Dense(3),))"


def test_layers_come_in_a_list():
    with pytest.raises(SettingError, match=r"list of Layer objects; got Dense\(2\)"):
        Sequential(Dense(2))


class Kept(Layer):
    """A user's layer in the plainest way: it keeps what it returns, in an array of its own."""

    def forward(self, Z, cache):
        cache["Y"] = np.exp(Z)
        return cache["Y"]

    def backward(self, dY, cache):
        return dY * cache["Y"]


class Passing(Layer):
    """A user's layer that returns what it is handed."""

    def forward(self, A, cache):
        return A

    def backward(self, dA, cache):
        return dA


@pytest.mark.parametrize("make", [Kept, Passing])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_layers_of_a_user_are_safe_among_layers_that_write(make, place):
    layers = [Dense(4), Tanh(), Dropout(0.2), Sigmoid(), Residual([ReLU()]), Dense(3)]
    layers.insert(place, make())
    network = network_of(*layers)
    X = np.random.default_rng(0).standard_normal((5, 4))
    kept = X.copy()
    check = check_gradients(network, X, np.zeros((5, 3)))
    assert check.passed, check
    network.predict(X)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda A: A[:, :1], r"layer 1.wrong .* said .* \(5, 4\); it returned .* \(5, 1\)"),
        (lambda A: A.astype(np.float32), "said that it returns float64 .* it returned float32"),
        (lambda A: None, "it returned None: is its `return` missing"),
    ],
)
def test_a_layer_that_returns_something_else_is_named(wrong, message):
    class Wrong(Passing):
        def forward(self, A, cache):
            return wrong(A)

    with pytest.raises(ShapeError, match=message):
        network_of(Dense(4), Wrong(), Dense(3)).predict(np.zeros((5, 4)))


def test_views_cannot_be_replaced_by_mistake():
    network = network_of(Dense(3))
    layer = network.layers[0]
    with pytest.raises(AttributeError, match=r"W is a view .* self.W\[...\] ="):
        layer.W = np.zeros((3, 4))
    layer.W += 1
    layer.W[...] = 2
    assert (network["0.dense.W"] == 2).all()


@pytest.mark.parametrize("names", [["name"], ["W", "W"], ["W", "dW"], ["forward"]])
def test_names_of_tensors_that_are_taken_are_refused(names):
    class Clashing(Passing):
        def build(self, input_shape):
            for name in names:
                self.declare(name, (2,), None)
            return input_shape

    with pytest.raises(SettingError, match=f"cannot declare '{names[-1]}'"):
        network_of(Clashing())


# --- a layer of one's own that goes wrong is named ------------------------------------------------


@pytest.mark.parametrize("place", [1, 3])  # below, nobody asks for a gradient
@pytest.mark.parametrize("box", [lambda layer: layer, lambda layer: Residual([layer]),
                                 lambda layer: Parallel([(0, 4)], [layer])])  # fmt: skip
def test_a_backward_without_return_is_named(place, box):
    class Forgotten(Passing):
        def backward(self, dA, cache):
            dA * 2

    layers = [Dense(4), Tanh(), Dense(4)]
    layers.insert(place, box(Forgotten()))
    network = network_of(*layers)
    with pytest.raises(
        ShapeError,
        match=r"forgotten .*\.backward must return .* it returned None: is its `return` missing",
    ):
        network.loss_and_gradients(np.zeros((5, 4)), np.zeros((5, 4)))


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [
        (lambda dA: dA[:, :1], r"float64 of shape \(5, 1\)"),
        (lambda dA: dA.sum(), r"np\.float64\(0\.0\)"),
        (lambda dA: dA.astype(np.float32), "float32"),
        (lambda dA: dA.tolist(), r"\[\[0"),
    ],
)
def test_a_gradient_of_another_shape_or_dtype_is_named(wrong, seen):
    class Wrong(Passing):
        def backward(self, dA, cache):
            return wrong(dA)

    network = network_of(Dense(4), Wrong(), Dense(3))
    with pytest.raises(ShapeError, match=rf"layer 1\.wrong .* shape \(5, 4\); it returned {seen}"):
        network.loss_and_gradients(np.zeros((5, 4)), np.zeros((5, 3)))


@pytest.mark.parametrize("returned", [None, 4, "4", (4.0,), (0,), ("4",), [4], (None, -1)])
def test_a_build_that_returns_no_shape_is_named(returned):
    class Wrong(Passing):
        def build(self, input_shape):
            return returned

    with pytest.raises(
        ShapeError, match=r"layer 0\.wrong .* must return the output's shape from build"
    ):
        network_of(Wrong(), Dense(3))


def doubled(A):
    A *= 2
    return A


def filled(A):
    A[0] = 0
    return A + 1


def put(A):
    return np.exp(A, out=A)


def sorted_in_place(A):
    A.sort(axis=0)
    return A.copy()


@pytest.mark.parametrize("write", [doubled, filled, put, sorted_in_place])
def test_a_forward_that_changes_what_it_is_handed_is_named(write):
    class Writes(Passing):
        def forward(self, A, cache):
            return write(A)

    X = np.random.default_rng(0).standard_normal((5, 4))
    kept = X.copy()
    for network in (network_of(Writes(), Dense(3)), network_of(Residual([Writes()]), Dense(3))):
        for call in (
            network.predict,
            network.forward,
            lambda X, n=network: n.evaluate(X, X[:, :3]),
        ):
            with pytest.raises(
                SettingError, match=r"writes .*\.forward writes over the array that"
            ):
                call(X)
        np.testing.assert_array_equal(X, kept)


def test_a_backward_that_changes_what_it_is_handed_is_named():
    class Writes(Passing):
        def backward(self, dA, cache):
            dA *= 2
            return dA

    network = network_of(Dense(4), Residual([Writes()]), Dense(3))
    with pytest.raises(
        SettingError, match=r"layer 1\.residual\.0\.writes .*\.backward writes over"
    ):
        network.loss_and_gradients(np.zeros((5, 4)), np.zeros((5, 3)))


def test_other_errors_of_a_layer_stay_what_they_are():
    class Fails(Passing):
        def forward(self, A, cache):
            raise ValueError("no such thing")

    with pytest.raises(ValueError, match=r"^no such thing$"):
        network_of(Fails()).predict(np.zeros((5, 4)))


def test_the_gradient_of_ids_is_nobody_s():
    class Look(Layer):
        takes_ids = True

        def build(self, input_shape):
            return (2,)

        def forward(self, A, cache):
            return np.ones((len(A), 2))

        def backward(self, dA, cache):
            return NO_GRADIENT

    network = Network([Look(), Dense(3)], loss=MeanSquaredError(), input_shape=3, dtype=np.float64)
    network.loss_and_gradients(np.zeros((5, 3), int), np.zeros((5, 3)))


def test_the_data_are_guarded_in_every_pass_with_a_cache():
    class Cleans(Passing):
        def forward(self, A, cache):
            if (A < -99).any():
                A[A < -99] = 0
            return 2 * A

    network, X = network_of(Cleans(), Dense(3)), np.ones((1500, 4))
    X[1200] = -100  # in the second slice of a prediction
    with pytest.raises(SettingError, match=r"cleans .*\.forward writes over the array"):
        network.predict(X)
    cache = Cache()
    network.forward(X[:3], cache)
    with pytest.raises(SettingError, match=r"cleans .*\.forward writes over the array"):
        network.forward(X[1199:1202], cache)
    assert (X[1200] == -100).all()
