"""The textbook class: what the guide's listing does, and the oracle of the engine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plainnet import Cache, NeuralNetwork, one_hot
from plainnet.optimizers import SGD


def problem(n: int, K: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """X and one-hot Y, a column per example."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, m)), one_hot(rng.integers(0, K, m), K).T


# --- the listing ----------------------------------------------------------------------------------


def test_names_and_shapes_are_the_guides():
    network = NeuralNetwork(4, [5, 3], 2)
    assert (network.L, network.learning_rate) == (2, 0.01)
    assert {name: p.shape for name, p in network.parameters.items()} == {
        "W1": (5, 4), "b1": (5, 1), "W2": (3, 5), "b2": (3, 1), "W3": (2, 3), "b3": (2, 1),
    }  # fmt: skip
    X, Y = problem(4, 2, 7)
    cache = network.forward_propagation(X)
    assert list(cache) == ["A0", "Z1", "A1", "Z2", "A2", "Z3", "A3"]
    assert cache["A3"].shape == (2, 7)
    np.testing.assert_allclose(cache["A3"].sum(axis=0), 1)
    grads = network.backward_propagation(cache, Y)
    assert {name: g.shape for name, g in grads.items()} == {
        f"d{name}": p.shape for name, p in network.parameters.items()
    }
    assert network.predict(X).shape == (1, 7)


def test_a_worked_example():
    """One example, one hidden layer, numbers to redo by hand."""
    network = NeuralNetwork(2, [2], 2, learning_rate=0.5)
    network.parameters |= {
        "W1": np.array([[1.0, -1.0], [0.5, 2.0]]),
        "b1": np.array([[0.5], [-1.0]]),
        "W2": np.array([[2.0, 0.0], [1.0, 1.0]]),
        "b2": np.array([[0.0], [1.0]]),
    }
    X, Y = np.array([[1.0], [2.0]]), np.array([[1.0], [0.0]])
    cache = network.forward_propagation(X)
    # Z1 = (1 - 2 + 0.5, 0.5 + 4 - 1): the first unit is off.
    np.testing.assert_array_equal(cache["Z1"], [[-0.5], [3.5]])
    np.testing.assert_array_equal(cache["A1"], [[0.0], [3.5]])
    # Z2 = (0, 3.5 + 1); softmax(0, 4.5) = (1, e^4.5) / (1 + e^4.5), and e^4.5 = 90.0171...
    np.testing.assert_array_equal(cache["Z2"], [[0.0], [4.5]])
    p = 1 / 91.01713130052181
    np.testing.assert_allclose(cache["A2"], [[p], [1 - p]], rtol=1e-14)
    # The true class has the probability p: the loss is log 91.017... = 4.51104...
    assert network.compute_loss(cache["A2"], Y) == pytest.approx(4.511047, abs=2e-6)
    # dZ2 = (p - 1, 1 - p); dW2 = dZ2 A1^T; dA1 = W2^T dZ2 = (2 (p - 1) + (1 - p), 1 - p)
    q = 1 - p
    grads = network.backward_propagation(cache, Y)
    np.testing.assert_allclose(grads["dW2"], [[0, -3.5 * q], [0, 3.5 * q]], rtol=1e-14)
    np.testing.assert_allclose(grads["db2"], [[-q], [q]], rtol=1e-14)
    # The unit that is off gets no blame.
    np.testing.assert_allclose(grads["dW1"], [[0, 0], [q, 2 * q]], rtol=1e-14)
    np.testing.assert_allclose(grads["db1"], [[0], [q]], rtol=1e-14)
    network.update_parameters(grads)
    np.testing.assert_allclose(network.parameters["W1"], [[1, -1], [0.5 - q / 2, 2 - q]])


def test_training_prints_what_the_guide_prints(capsys):
    network = NeuralNetwork(3, [8], 10, seed=0)
    network.parameters["W2"][:] = 0  # every class equally probable: the loss is log 10
    X, Y = problem(3, 10, 50)
    network.train(X, Y, epochs=201)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "Epoch 0 loss: 2.3026"
    assert second.startswith("Epoch 100 loss: ")
    assert third.startswith("Epoch 200 loss: ")
    network.train(X, Y, epochs=5, print_loss=False)
    assert capsys.readouterr().out == ""


def test_it_learns_a_spiral():
    rng = np.random.default_rng(0)
    radius, arm = np.tile(np.linspace(0.1, 1, 50), 3), np.repeat(np.arange(3), 50)
    angle = 4 * radius + 2 * np.pi * arm / 3 + 0.1 * rng.standard_normal(150)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)])
    network = NeuralNetwork(2, [32, 32], 3, learning_rate=0.5, seed=0)
    network.train(X, one_hot(arm, 3).T, epochs=1500, print_loss=False)
    assert (network.predict(X) == arm).mean() > 0.97


def test_without_hidden_layers_it_is_softmax_regression():
    from sklearn.linear_model import LogisticRegression

    X, Y = problem(3, 3, 60)
    network = NeuralNetwork(3, [], 3, learning_rate=1.0, seed=0)
    network.train(X, Y, epochs=3000, print_loss=False)
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X.T, Y.argmax(axis=0))
    probabilities = network.forward_propagation(X)["A1"].T
    np.testing.assert_allclose(probabilities, reference.predict_proba(X.T), atol=1e-3)


def test_weights_start_by_hes_rule():
    W = NeuralNetwork(400, [500], 2, seed=0).parameters["W1"]
    assert W.std() == pytest.approx((2 / 400) ** 0.5, rel=0.01)


def test_seed_and_global_state():
    state = np.random.get_state()[1].copy()
    one, same, other = (NeuralNetwork(3, [4], 2, seed=s).parameters["W1"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


# --- bad input ------------------------------------------------------------------------------------

X5, Y5 = problem(4, 3, 5)
NAN = np.where(np.arange(5) == 2, np.nan, X5)


@pytest.mark.parametrize(
    ("X", "Y", "message"),
    [
        (X5.T, Y5, r"X must have the shape \(4, m\); got \(5, 4\)"),
        (X5[:, 0], Y5, r"X must have the shape \(4, m\); got \(4,\)"),
        (X5[:, :0], Y5[:, :0], r"shape \(4, m\); got \(4, 0\)"),
        (NAN, Y5, "finite; got NaN"),
        (X5 * np.inf, Y5, "finite"),
        ([[1.0], [2.0, 3.0]], Y5, "X must have rows of one length"),
        (X5.astype(str), Y5, "real numbers"),
        (X5 + 1j, Y5, "real numbers"),
        (X5, "Y", "Y must be an array of real numbers; got str"),
        (X5, Y5.T, r"shape \(3, 5\).*got \(5, 3\)"),
        (X5, Y5[:, :4], r"got \(3, 4\)"),
        (X5, Y5 * 0.5, "one-hot"),
        (X5, np.ones_like(Y5), "one-hot"),
        (X5, np.where(Y5 == 1, np.nan, 0), "Y must be finite"),
        (X5, Y5.argmax(axis=0), r"got \(5,\)"),
    ],
)
def test_bad_input_changes_nothing(X, Y, message):
    network = NeuralNetwork(4, [3], 3, seed=0)
    before = {name: p.copy() for name, p in network.parameters.items()}
    with pytest.raises(ValueError, match=message):
        network.train(X, Y, epochs=3)
    for name, p in network.parameters.items():
        np.testing.assert_array_equal(p, before[name])


@pytest.mark.parametrize(
    "shaped",
    [
        lambda ids: ids,
        lambda ids: ids.tolist(),
        lambda ids: ids[None],
        lambda ids: ids[:, None],
        lambda ids: ids.astype(float),
        lambda ids: np.array(["cat", "dog", "eel"])[ids],
    ],
)
def test_class_ids_are_told_how_they_become_columns(shaped):
    network = NeuralNetwork(4, [3], 3, seed=0)
    with pytest.raises(ValueError, match=r"plainnet.one_hot\(Y, 3\).T, and names .*np.unique"):
        network.train(X5, shaped(Y5.argmax(axis=0)))


def test_two_classes_need_two_outputs():
    network = NeuralNetwork(4, [3], 1, seed=0)
    with pytest.raises(ValueError, match="two classes need output_size=2"):
        network.train(X5, np.array([[0, 1, 0, 1, 1]]))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (X5.T, r"got \(5, 4\); an example is a column here, so pass X.T"),
        (X5[:, 0], r"one example is a column too: X.reshape\(-1, 1\)"),
        (np.ma.masked_array(X5), "MaskedArray"),
        (None, "NoneType"),
    ],
)
def test_x_is_told_what_a_column_is(X, message):
    with pytest.raises(ValueError, match=message):
        NeuralNetwork(4, [3], 3, seed=0).predict(X)


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64, np.uint8, bool, object, list])
def test_numbers_of_every_kind_are_taken(kind):
    """Small whole numbers are the same in all of them."""
    X, Y = np.array([[0, 1, 1], [1, 0, 1]]), np.eye(3)
    one, other = NeuralNetwork(2, [4], 3, seed=0), NeuralNetwork(2, [4], 3, seed=0)
    one.train(X.astype(float), Y, epochs=5, print_loss=False)
    given = [A.tolist() if kind is list else A.astype(kind) for A in (X, Y)]
    other.train(*given, epochs=5, print_loss=False)
    np.testing.assert_array_equal(other.parameters["W1"], one.parameters["W1"])
    np.testing.assert_array_equal(other.predict(given[0]), one.predict(X))


def test_data_frames_are_taken():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the extra `cli`")
    table = pandas.DataFrame({"a": [0.5, 1.5, -1.0], "b": [True, False, True], "c": [1, 2, 3]})
    classes = pandas.get_dummies(pandas.Series(["x", "y", "x"]))
    one, other = NeuralNetwork(3, [4], 2, seed=0), NeuralNetwork(3, [4], 2, seed=0)
    one.train(table.T, classes.T, epochs=5, print_loss=False)
    X = np.array([[0.5, 1.5, -1], [1, 0, 1], [1, 2, 3]])
    other.train(X, np.array([[1, 0, 1], [0, 1, 0]]), epochs=5, print_loss=False)
    np.testing.assert_array_equal(one.parameters["W1"], other.parameters["W1"])
    with pytest.raises(ValueError, match=r"X must have the shape \(3, m\)|pass Y.T"):
        one.train(table.T, classes)
    with pytest.raises(ValueError, match=r"one_hot\(Y, 2\).T"):
        one.train(table.T, pandas.Series(["x", "y", "x"]))
    with pytest.raises(ValueError, match="DataFrame of dtype object"):
        one.predict(table.assign(c="text").T)


# --- divergence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "epochs"), [(50.0, 300), (1e3, 300), (1e155, 9), (1e200, 1), (1e308, 1)]
)
def test_a_divergence_advises_a_smaller_rate(rate, epochs):
    """And leaves the last parameters with which the loss is a number."""
    network = NeuralNetwork(4, [3], 3, learning_rate=rate, seed=0)
    with pytest.raises(
        ValueError, match=r"diverged: the loss of epoch (\d+).*smaller learning"
    ) as e:
        network.train(10 * X5, Y5, epochs, print_loss=False)
    epoch = int(str(e.value).split("epoch ")[1].split()[0])
    assert f"than {rate:g} or" in str(e.value)
    assert f"those of epoch {epoch - 1}" in str(e.value)
    AL = network.forward_propagation(10 * X5)["A2"]
    assert np.isfinite(network.compute_loss(AL, Y5))
    again = NeuralNetwork(4, [3], 3, learning_rate=rate, seed=0)
    again.train(10 * X5, Y5, epoch - 1, print_loss=False)
    for name, parameter in again.parameters.items():
        np.testing.assert_array_equal(network.parameters[name], parameter)


def test_what_is_too_large_from_the_start_says_so():
    network = NeuralNetwork(4, [3, 3], 3, seed=0)
    before, huge = network.parameters["W1"].copy(), np.where(X5 > 0, 1e308, -1e308)
    with pytest.raises(ValueError, match="the first step is not finite: X or the parameters"):
        network.train(huge, Y5)
    np.testing.assert_array_equal(network.parameters["W1"], before)
    network.parameters["W3"][0] = np.inf
    with pytest.raises(ValueError, match="the probabilities are not finite"):
        network.predict(X5)


@pytest.mark.parametrize("epochs", [2.5, "3", None, -1])
def test_epochs_are_a_whole_number(epochs):
    with pytest.raises(ValueError, match="epochs must be a whole number >= 0; got"):
        NeuralNetwork(4, [3], 3).train(X5, Y5, epochs)


# --- parameters that are replaced -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"b1": np.zeros(3)}, r"b1 must have the shape \(3, 1\); got \(3,\)"),
        ({"b1": np.zeros((1, 3))}, r"b1 must have the shape \(3, 1\); got \(1, 3\)"),
        ({"W1": np.zeros((2, 4)), "b1": np.zeros((2, 1))}, r"W2 must have the shape \(3, 2\)"),
        ({"W2": 5}, "W2 must have the shape"),
        ({"W1": np.zeros((3, 4), complex)}, "W1 must be an array of real numbers"),
        (
            {"W3": np.zeros((3, 3))},
            "L=1 needs the parameters W1, b1, W2, b2; got W1, b1, W2, b2, W3",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(changed, message):
    network = NeuralNetwork(4, [3], 3, seed=0)
    network.parameters |= changed
    for use in (lambda: network.predict(X5), lambda: network.train(X5, Y5), network.to_network):
        with pytest.raises(ValueError, match=message):
            use()


def test_another_number_of_layers_is_refused():
    network = NeuralNetwork(4, [3], 3, seed=0)
    network.L = 2
    for use in (lambda: network.predict(X5), lambda: network.train(X5, Y5), network.to_network):
        with pytest.raises(ValueError, match="L=2 needs the parameters"):
            use()


def test_whole_numbers_as_parameters_learn():
    network = NeuralNetwork(2, [2], 2, learning_rate=0.5)
    network.parameters |= {"W1": [[1, -1], [0, 2]], "b1": [[0], [-1]]}
    before = network.forward_propagation(np.eye(2))["Z1"]
    np.testing.assert_array_equal(before, [[1, -1], [-1, 1]])
    network.train(np.eye(2), np.eye(2), epochs=3, print_loss=False)
    assert network.parameters["W1"].dtype == float


def test_repr():
    assert repr(NeuralNetwork(4, [5, 3], 2)) == "NeuralNetwork(4, [5, 3], 2, learning_rate=0.01)"
    assert repr(NeuralNetwork(4, [], 2, 1)) == "NeuralNetwork(4, [], 2, learning_rate=1.0)"


def test_gradients_of_the_wrong_shape_change_nothing():
    network = NeuralNetwork(4, [3], 3, seed=0)
    grads = network.backward_propagation(network.forward_propagation(X5), Y5)
    grads["db2"] = grads["db2"][:, 0]
    before = network.parameters["W1"].copy()
    with pytest.raises(ValueError, match=r"db2 must have the shape \(3, 1\); got \(3,\)"):
        network.update_parameters(grads)
    grads["db2"] = np.full((3, 1), np.nan)
    with pytest.raises(ValueError, match="db2 must be finite"):
        network.update_parameters(grads)
    np.testing.assert_array_equal(network.parameters["W1"], before)


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf"), "0.1", None])
def test_the_learning_rate_is_a_number(rate):
    with pytest.raises(ValueError, match="learning_rate"):
        NeuralNetwork(4, [3], 2, rate)


@pytest.mark.parametrize(
    "sizes", [(0, [3], 2), (4, [0], 2), (4, [2.5], 2), (4, [3], 0), (4, [True], 2)]
)
def test_layers_without_units_are_refused(sizes):
    with pytest.raises(ValueError, match="a whole number of units, at least 1"):
        NeuralNetwork(*sizes)


def test_hidden_layers_are_a_list():
    with pytest.raises(ValueError, match=r"hidden_layers must be a list .*such as \[4\]; got 4"):
        NeuralNetwork(2, 4, 2)
    with pytest.raises(ValueError, match="hidden_layers must be a list"):
        NeuralNetwork(2, None, 2)
    assert NeuralNetwork(2, np.array([4]), 2).L == NeuralNetwork(2, (4,), 2).L == 1


# --- the engine agrees ----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 8),
    hidden=st.lists(st.integers(1, 9), max_size=4),
    K=st.integers(2, 6),
    m=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_engine_has_the_same_loss_gradients_and_updates(n, hidden, K, m, seed):
    X, Y = problem(n, K, m, seed)
    book = NeuralNetwork(n, hidden, K, learning_rate=0.1, seed=seed)
    engine = book.to_network()
    optimizer, cache = SGD(0.1), Cache(training=True)
    rows, ids = np.ascontiguousarray(X.T), Y.argmax(axis=0)
    for _ in range(10):
        pages = book.forward_propagation(X)
        grads = book.backward_propagation(pages, Y)
        AL = pages[f"A{book.L + 1}"]
        loss = engine.loss_and_gradients(rows, ids, cache)
        # The guide's loss has 1e-8 inside the logarithm, which takes up to 1e-8 / p off. Where p is
        # next to 1, its A - Y and log A have the rounding of A, which the engine has not.
        rounding = 4 * np.finfo(float).eps * max(np.abs(A).max() for A in pages.values())
        slack = 1e-8 / AL[Y == 1].min() + rounding
        assert abs(loss - book.compute_loss(AL, Y)) <= slack + 1e-12 * abs(loss)
        for l in range(1, book.L + 2):
            name = f"{2 * l - 2}.dense"
            close(engine.gradient_tensors[f"{name}.W"], grads[f"dW{l}"], rounding)
            close(engine.gradient_tensors[f"{name}.b"], grads[f"db{l}"][:, 0], rounding)
        book.update_parameters(grads)
        optimizer.update(engine.parameters, engine.gradients)
    for l in range(1, book.L + 2):
        close(engine[f"{2 * l - 2}.dense.W"], book.parameters[f"W{l}"])
        close(engine[f"{2 * l - 2}.dense.b"], book.parameters[f"b{l}"][:, 0])
    np.testing.assert_array_equal(engine.predict(rows), book.predict(X)[0])


class Tanh(NeuralNetwork):
    def relu(self, Z):
        return np.tanh(Z)

    def relu_derivative(self, Z):
        return 1 - np.tanh(Z) ** 2


FORMULAS = [
    "relu",
    "relu_derivative",
    "softmax",
    "forward_propagation",
    "compute_loss",
    "backward_propagation",
    "update_parameters",
    "predict",
]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("where", ["subclass", "object", "class"])
def test_the_engine_refuses_formulas_of_ones_own(name, where, monkeypatch):
    """It would go on with ReLU and the rest of the guide's."""
    Own = type("Own", (NeuralNetwork,), {name: lambda *_: None} if where == "subclass" else {})
    network = Own(2, [3], 2, seed=0)
    if where == "object":
        setattr(network, name, np.tanh)
    elif where == "class":
        monkeypatch.setattr(NeuralNetwork, name, lambda *_: None)
    with pytest.raises(ValueError, match=f"this Own overrides {name}, which the engine"):
        network.to_network()


def test_the_engine_takes_a_subclass_that_only_adds():
    class Deep(NeuralNetwork):
        def __init__(self):
            super().__init__(2, [3] * 4, 2, seed=1)

        def accuracy(self, X, Y):
            return (self.predict(X) == Y.argmax(axis=0)).mean()

    book, X = Deep(), np.random.default_rng(0).standard_normal((2, 9))
    expected = book.forward_propagation(X)["A5"].T
    np.testing.assert_allclose(book.to_network().predict_proba(X.T), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="this Tanh overrides relu"):
        Tanh(2, [3], 2).to_network()


@pytest.mark.parametrize(("value", "dtype"), [(np.nan, "float64"), (1e300, "float32")])
def test_the_engine_gets_finite_numbers_only(value, dtype):
    book = NeuralNetwork(2, [3], 2, seed=0)
    book.parameters["W1"][0, 0] = value
    with pytest.raises(ValueError, match=f"finite in {dtype}"):
        book.to_network(dtype)


def close(actual: np.ndarray, expected: np.ndarray, rounding: float = 1e-300) -> None:
    """Relative difference below 1e-12, relative to the largest number of the array."""
    largest = np.abs(expected).max()
    assert np.abs(actual - expected).max() <= 1e-12 * largest + rounding


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda n, cache: n.update_parameters({}), "L=1 needs the gradients dW1, .*; got none"),
        (lambda n, cache: n.update_parameters(None), "gradients must be a dictionary; got None"),
        (lambda n, cache: n.backward_propagation({}, Y5), "L=1 needs the arrays of a cache A0, Z1"),
        (lambda n, cache: n.backward_propagation(None, Y5), "must be a dictionary; got NoneType"),
        (
            lambda n, cache: n.backward_propagation({**cache, "A1": None}, Y5),
            "A1 must be an array of real numbers; got NoneType",
        ),
        (
            lambda n, cache: n.backward_propagation({**cache, "Z1": cache["Z1"][:, :1]}, Y5),
            r"Z1 must have the shape \(3, 5\); got \(3, 1\)",
        ),
    ],
)
def test_a_cache_and_gradients_of_something_else(use, message):
    network = NeuralNetwork(4, [3], 3, seed=0)
    with pytest.raises(ValueError, match=message):
        use(network, network.forward_propagation(X5))


@pytest.mark.parametrize("parameters", [{}, None, {"W1": 3}], ids=repr)
def test_a_network_without_its_parameters(parameters):
    network = NeuralNetwork(4, [3], 3, seed=0)
    cache = network.forward_propagation(X5)
    network.parameters = parameters
    assert repr(network) == "NeuralNetwork(parameters that do not fit, learning_rate=0.01)"
    for use in (
        lambda: network.predict(X5),
        lambda: network.compute_loss(cache["A2"], Y5),
        lambda: network.backward_propagation(cache, Y5),
        lambda: network.update_parameters({}),
    ):
        with pytest.raises(ValueError, match="parameters"):
            use()
