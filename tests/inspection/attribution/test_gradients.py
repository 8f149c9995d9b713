from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cache

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.inspection import (
    attention_rollout,
    grad_cam,
    gradient_times_input,
    integrated_gradients,
    occlusion,
)
from plainnet.inspection.attribution.lines import Lines
from plainnet.inspection.attribution.probing import Probe
from plainnet.layers import (
    GELU,
    LSTM,
    Add,
    BatchNorm,
    CategoryEmbedding,
    Concatenate,
    Conv1d,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    EmbeddingBag,
    Flatten,
    GlobalAveragePool1d,
    Graph,
    Layer,
    LayerNorm,
    Masking,
    MaxPool2d,
    ReLU,
    Tanh,
    TiedEmbedding,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.optimizers import Adam

F64 = np.float64


def network_of(layers, input_shape, *, loss=None, dtype=F64, biases=True):
    """With biases that are not 0, and running statistics that say something."""
    loss = SoftmaxCrossEntropy() if loss is None else loss
    network = Network(layers, loss=loss, input_shape=input_shape, seed=0, dtype=dtype)
    if biases:
        rng = np.random.default_rng(1)
        network.parameters[:] += 0.1 * rng.standard_normal(network.parameters.shape)
        network.state[:] += 0.1 * rng.random(network.state.shape)
    return network


def linear(W, b=0.0):
    """Z = X W^T + b."""
    W = np.atleast_2d(W).astype(float)
    network = network_of([Dense(len(W))], W.shape[1], loss=MeanSquaredError(), biases=False)
    network["0.dense.W"], network["0.dense.b"] = W, np.full(len(W), b)
    return network


def table():
    return network_of([Dense(16), ReLU(), Dropout(0.5), Dense(3)], 5), (7, 5)


def smooth():
    return network_of([Dense(16), BatchNorm(), GELU(), Dense(3)], 5), (7, 5)


def images():
    layers = [Conv2d(4, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2d(2), Conv2d(4, 2),
              Tanh(), Flatten(), Dense(3)]  # fmt: skip
    return network_of(layers, (6, 6, 2)), (4, 6, 6, 2)


def sequences():
    return network_of([Masking(), LSTM(6, return_sequences=False), Dense(3)], (None, 4)), (5, 6, 4)


def attending():
    layers = [Masking(), TransformerBlock(2, hidden=8), GlobalAveragePool1d(), Dense(3)]
    return network_of(layers, (None, 4)), (5, 6, 4)


def ids_network(padding=0):
    layers = [Embedding(9, 4, padding=padding), TransformerBlock(2, hidden=8), LayerNorm(),
              GlobalAveragePool1d(), Dense(3)]  # fmt: skip
    return network_of(layers, (None,))


def inputs(shape):
    """Normal numbers; of sequences, the last ones end before the others."""
    X = np.random.default_rng(2).standard_normal(shape)
    if len(shape) == 3:
        X[-1, 2:] = X[-2, 4:] = 0
    return X


def ids():
    return np.array([[1, 2, 3, 4], [8, 8, 0, 0], [5, 0, 0, 0]])


def two_inputs(dtype=F64):
    graph = Graph(
        {
            "word": ([Embedding(9, 3), GlobalAveragePool1d()], "ids"),
            "number": ([Dense(3), Tanh()], "numbers"),
            "both": ([Concatenate(), Dense(8), Tanh(), Dense(2)], "word", "number"),
        },
        inputs=("numbers", "ids"),
        outputs="both",
    )
    shapes = {"numbers": 4, "ids": (None,)}
    X = {"numbers": inputs((3, 4)), "ids": ids()}
    return network_of(graph, shapes, dtype=dtype), X


def two_outputs():
    graph = Graph(
        {"below": (Dense(4), "x"), "kind": (Dense(3), "below"), "size": (Dense(1), "below")},
        inputs="x",
        outputs=("kind", "size"),
    )
    loss = {"kind": SoftmaxCrossEntropy(), "size": MeanSquaredError()}
    return network_of(graph, 5, loss=loss), inputs((6, 5))


def outputs_at(network, X, k):
    return network.outputs(X)[np.arange(len(k)), k]


def rows_of(R):
    """The sum of each row."""
    parts = R.values() if isinstance(R, dict) else [R]
    return sum(part.reshape(len(part), -1).sum(axis=1) for part in parts)


CASES = {made.__name__: made for made in (table, smooth, images, sequences, attending)}
each_network = pytest.mark.parametrize("made", CASES.values(), ids=CASES)
BY_GRADIENT = [gradient_times_input, integrated_gradients]
by_gradient = pytest.mark.parametrize("method", BY_GRADIENT)


# --- worked by hand -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*BY_GRADIENT, occlusion])
def test_in_a_linear_network_a_feature_gets_its_weight_times_itself(method):
    network = linear([[2, -1, 0], [0.5, 3, 1]], b=7.0)
    X = [[3, 5, 2], [-1, 4, 0]]
    np.testing.assert_allclose(method(network, X, 0), [[6, -5, 0], [-2, -4, 0]])
    np.testing.assert_allclose(method(network, X, [1, 0]), [[1.5, 15, 2], [-2, -4, 0]])
    assert method(network, X, 0).dtype == F64


def test_the_papers_example_of_a_gradient_that_misses_what_matters():
    """Sundararajan et al. 2017, section 2.1: f(x) = 1 - ReLU(1 - x) is 0 at 0 and 1 at 2."""
    network = network_of([Dense(1), ReLU(), Dense(1)], 1, loss=MeanSquaredError(), biases=False)
    network.parameters[:] = -1
    network["0.dense.b"] = network["2.dense.b"] = [1]
    assert gradient_times_input(network, [[2.0]]) == 0
    assert integrated_gradients(network, [[2.0]]) == pytest.approx(1, rel=1e-3)
    assert integrated_gradients(network, [[2.0]], baseline=0.5) == pytest.approx(0.5, rel=1e-3)


def test_a_line_from_another_baseline():
    network, X = linear([2, -1]), [[3.0, 5.0], [1.0, 1.0]]
    from_mean = integrated_gradients(network, X, baseline=[1, 2])
    np.testing.assert_allclose(from_mean, [[4, -3], [0, 1]])
    each = integrated_gradients(network, X, baseline=[[1, 2], [1, 1]])
    np.testing.assert_allclose(each, [[4, -3], [0, 0]])


def test_ids_get_the_sum_over_their_vectors():
    network = network_of(
        [Embedding(3, 2, padding=0), GlobalAveragePool1d(), Dense(1)], (None,),
        loss=MeanSquaredError(), biases=False,
    )  # fmt: skip
    network["0.embedding.E"] = [[0, 0], [1, 2], [3, 4]]
    network["2.dense.W"] = [[10, 1]]
    expected = [[12 / 3, 34 / 3, 12 / 3], [34, 0, 0]]
    for method in BY_GRADIENT:
        np.testing.assert_allclose(method(network, [[1, 2, 1], [2, 0, 0]]), expected)


# --- independent of the backward pass -------------------------------------------------------------


@each_network
def test_the_gradient_is_that_of_central_differences(made):
    network, shape = made()
    X, h = inputs(shape), 1e-6
    k = network.outputs(X).argmax(axis=1)
    R = gradient_times_input(network, X)
    data = X.any(axis=-1, keepdims=True) if len(shape) == 3 else np.ones_like(X)
    for place in np.random.default_rng(3).integers(0, shape[1:], (20, len(shape) - 1)):
        at = (slice(None), *place)
        above, below = X.copy(), X.copy()
        above[at] += h
        below[at] -= h
        slope = (outputs_at(network, above, k) - outputs_at(network, below, k)) / (2 * h)
        counts = np.broadcast_to(data, shape)[at] != 0
        np.testing.assert_allclose(R[at][counts], (slope * X[at])[counts], atol=1e-7)
        assert not R[at][~counts].any()


@pytest.mark.parametrize("dtype", [np.float32, F64])
@each_network
def test_attributions_add_up_to_the_difference_of_the_outputs(made, dtype):
    network, shape = made()
    network, X = network.astype(dtype), inputs(shape)
    X = X.astype(dtype)
    R = integrated_gradients(network, X)
    assert R.dtype == dtype
    assert R.shape == shape
    zero = np.zeros_like(X)
    if len(shape) == 3:
        assert not R[-1, 2:].any()
        zero[X != 0] = 1e-12  # what is 0 everywhere would be padding for `Masking`
    k = network.outputs(X).argmax(axis=1)
    difference = outputs_at(network, X, k) - outputs_at(network, zero, k)
    assert np.all(np.abs(rows_of(R) - difference) <= 1.01e-3 * np.abs(difference) + 1e-6)


def test_attributions_are_the_integral_of_a_plain_sum():
    network, shape = smooth()
    X, baseline = inputs(shape), np.full(5, 0.3)
    k = np.arange(7) % 3
    total = np.zeros(shape)
    for a in (np.arange(200) + 0.5) / 200:
        point = baseline + a * (X - baseline)
        total += gradient_times_input(network, point, k) / point / 200
    R = integrated_gradients(network, X, k, baseline=baseline, tolerance=1e-6)
    np.testing.assert_allclose(R, total * (X - baseline), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("padding", [0, None])
def test_ids_add_up_too_and_padding_gets_nothing(padding):
    network = ids_network(padding)
    R = integrated_gradients(network, ids(), 1)
    assert R.shape == ids().shape
    assert np.all(R[ids() == 0] == 0) == (padding == 0)
    zero = deepcopy(network)
    zero["0.embedding.E"] *= 0
    difference = network.outputs(ids())[:, 1] - zero.outputs(ids())[:, 1]
    np.testing.assert_allclose(rows_of(R), difference, rtol=1.01e-3)
    alone = integrated_gradients(network, ids()[2:, :1], 1)
    if padding == 0:
        np.testing.assert_allclose(R[2, 0], alone[0, 0], rtol=1e-6)


def test_several_inputs_give_a_dict():
    network, X = two_inputs()
    for method in BY_GRADIENT:
        R = method(network, X, 1)
        assert {name: part.shape for name, part in R.items()} == {"numbers": (3, 4), "ids": (3, 4)}
    zero = deepcopy(network)
    zero["word.0.embedding.E"] *= 0
    numbers = np.full((3, 4), 0.5)
    difference = network.outputs(X) - zero.outputs({"numbers": numbers, "ids": X["ids"]})
    for baseline in (0.5, {"numbers": 0.5}):
        R = integrated_gradients(network, X, 1, baseline=baseline)
        np.testing.assert_allclose(rows_of(R), difference[:, 1], rtol=1.01e-3)


def test_an_embedding_in_two_places():
    shared = Embedding(9, 3)
    graph = Graph(
        {
            "left": (shared, "a"),
            "right": (shared, "b"),
            "sum": ([Add(), GlobalAveragePool1d(), Dense(1)], "left", "right"),
        },
        inputs=("a", "b"),
        outputs="sum",
    )
    shapes = {"a": (None,), "b": (None,)}
    network = network_of(graph, shapes, loss=MeanSquaredError(), biases=False)
    w = network["sum.2.dense.W"][0]
    for method in BY_GRADIENT:
        R = method(network, {"a": ids(), "b": ids()[::-1]})
        np.testing.assert_allclose(R["a"], network["left.E"][ids()] @ w / 4)
        np.testing.assert_allclose(R["b"], network["left.E"][ids()[::-1]] @ w / 4)


@pytest.mark.parametrize("method", [*BY_GRADIENT, occlusion])
def test_several_outputs_are_asked_by_name(method):
    network, X = two_outputs()
    W = network["size.W"] @ network["below.W"]
    np.testing.assert_allclose(method(network, X, {"size": 0}), W * X, atol=1e-12)
    kind = network["kind.W"] @ network["below.W"]
    k = network.predict(X)["kind"]
    np.testing.assert_allclose(method(network, X, {"kind": None}), kind[k] * X, atol=1e-12)


@pytest.mark.parametrize("method", [*BY_GRADIENT, occlusion])
@each_network
def test_by_default_it_is_the_predicted_class(made, method):
    network, shape = made()
    X = inputs(shape)
    expected = method(network, X, network.predict(X))
    np.testing.assert_array_equal(method(network, X), expected)


def test_the_only_output_is_the_log_odds_of_class_1():
    network = network_of([Dense(1)], 2, loss=SigmoidCrossEntropy(), biases=False)
    network["0.dense.W"] = [[1, -2]]
    np.testing.assert_allclose(gradient_times_input(network, [[3, 1]]), [[3, -2]])


@pytest.mark.parametrize("method", [*BY_GRADIENT, occlusion])
def test_what_the_network_does_not_read_gets_nothing(method):
    """Sensitivity (b), the dummy axiom: Sundararajan et al. 2017, section 2.1."""
    network, shape = table()
    network["0.dense.W"][:, 2] = 0
    R = method(network, inputs(shape))
    np.testing.assert_allclose(R[:, 2], 0, atol=1e-12)
    assert np.all(R[:, [0, 1, 3, 4]].any(axis=0))


def test_rows_do_not_depend_on_their_company(monkeypatch):
    network, shape = table()
    X = inputs(shape)
    for method in [*BY_GRADIENT, occlusion]:
        whole = method(network, X)
        with monkeypatch.context() as patch:
            patch.setattr("plainnet.inspection.attribution.probing.NUMBERS_AT_ONCE", 100)
            np.testing.assert_allclose(method(network, X), whole, rtol=1e-9)
        alone = [method(network, X[i : i + 1]) for i in range(len(X))]
        np.testing.assert_allclose(np.concatenate(alone), whole, rtol=1e-9)


class Jumps(Layer):
    """1 above 0.3, with a gradient that knows nothing of it."""

    def forward(self, A, cache):
        return A + (A > 0.3)

    def backward(self, dA, cache):
        return dA


def test_what_does_not_add_up_is_said_with_figures():
    network = network_of([Jumps()], 1, loss=MeanSquaredError())
    message = r"512 parts .* 1 row are not within tolerance=0.001 .* row 1, off by 1, .* is 1.5$"
    with pytest.warns(UserWarning, match=message):
        R = integrated_gradients(network, [[0.2], [0.5]])
    np.testing.assert_allclose(R, [[0.2], [0.5]])
    lines = Lines(Probe(network, [[0.5]], None), {"": np.zeros((1, 1))})
    assert len(lines.parts(np.array([1e-3])).row) < 50  # a jump is not chased for ever


def test_outputs_that_are_equal_but_for_rounding():
    """2 tanh(0.4) - tanh(x) is 0, and so are errors of 1e-9 of outputs near 1."""
    network = network_of([Tanh(), Dense(1)], 2, loss=MeanSquaredError(), biases=False)
    network["1.dense.W"], network["1.dense.b"] = [[2, -1]], [1]
    same = np.arctanh(2 * np.tanh(0.4))
    R = integrated_gradients(network, [[0.4, same]])
    np.testing.assert_allclose(R, [[2 * np.tanh(0.4), -2 * np.tanh(0.4)]])


def test_parts_are_short_where_the_output_is_steep():
    """LayerNorm of small numbers: z / sqrt(z^2 + epsilon) rises within 0.003 of 0."""
    network = network_of([LayerNorm(), Dense(1)], 2, loss=MeanSquaredError(), biases=False)
    network["1.dense.W"] = [[1, 0]]
    X = np.array([[1.0, -1.0]])
    parts = Lines(Probe(network, X, 0), {"": np.zeros_like(X)}).parts(np.array([1e-6]))
    assert parts.width[parts.left == 0] < 0.01
    assert parts.width[parts.left == 0.5] == 0.25
    assert len(parts.row) < 20
    np.testing.assert_allclose(integrated_gradients(network, X), [[0.5, 0.5]], rtol=1e-3)


def test_halves_take_the_place_of_the_whole():
    network, shape = table()
    X = inputs(shape)
    lines = Lines(Probe(network, X, None), {"": np.zeros_like(X)})
    parts = lines.parts(np.full(7, 1e-3))
    for i in range(7):
        own = parts.some(parts.row == i)
        own = own.some(np.argsort(own.left))
        np.testing.assert_allclose(own.left[1:], (own.left + own.width)[:-1])
        assert own.left[0] == 0
        assert own.width.sum() == pytest.approx(1)
        np.testing.assert_allclose(own.Z_left, lines.outputs(own.row, own.left))
        np.testing.assert_allclose(own.Z_right, lines.outputs(own.row, own.left + own.width))


# --- the network stays as it is -------------------------------------------------------------------

ALL = [*BY_GRADIENT, occlusion, grad_cam, attention_rollout]


def everything():
    layers = [Masking(), Conv1d(4, 3, padding="same"), BatchNorm(), Dropout(0.5)]
    layers += [TransformerBlock(2, hidden=8, dropout=0.5), GlobalAveragePool1d(), Dense(3)]
    return network_of(layers, (None, 4), dtype=np.float32), inputs((5, 6, 4)).astype(np.float32)


@pytest.mark.parametrize("method", ALL)
def test_nothing_changes(method):
    network, X = everything()
    network.gradients[:] = 3
    kept, state = deepcopy(network), np.random.get_state()[1].copy()
    classes = [type(layer) for layer in network.body.walk()]
    original = X.copy()
    first = method(network, X)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(X, original)
    for name in ("parameters", "gradients", "state"):
        np.testing.assert_array_equal(getattr(network, name), getattr(kept, name))
    assert [type(layer) for layer in network.body.walk()] == classes
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.testing.assert_array_equal(method(network, X), first)  # no dropout
    with ThreadPoolExecutor(2) as threads:
        for again in threads.map(lambda _: method(network, X), range(4)):
            np.testing.assert_array_equal(again, first)


# --- a network that has learned, and one that has not ---------------------------------------------


@cache
def learned():
    """Images whose class is where their bright spot is; other spots are darker."""
    rng = np.random.default_rng(0)
    X = 0.6 * rng.random((400, 8, 8, 1))
    y = rng.integers(0, 4, 400)
    for i, k in enumerate(y):
        down, across = 4 * (k // 2) + rng.integers(0, 3), 4 * (k % 2) + rng.integers(0, 3)
        X[i, down : down + 2, across : across + 2] += 1
    network = Network(
        [Conv2d(6, 3, padding="same"), ReLU(), Conv2d(8, 3, padding="same"), ReLU(), MaxPool2d(4),
         Flatten(), Dense(4)],
        loss=SoftmaxCrossEntropy(), input_shape=(8, 8, 1), seed=0,
    )  # fmt: skip
    train(network, X, y, epochs=6, optimizer=Adam(0.01), batch_size=32, seed=0, progress=False)
    assert network.evaluate(X, y)["accuracy"] > 0.97
    return network, X[:20], y[:20]


def rank_correlation(a, b):
    """Spearman's, of two maps."""
    ranks = [np.argsort(np.argsort(each.ravel())) for each in (a, b)]
    return np.corrcoef(*ranks)[0, 1]


@pytest.mark.parametrize("method", [*BY_GRADIENT, occlusion, grad_cam])
def test_random_weights_give_another_map(method):
    """Adebayo et al. 2018, Sanity Checks for Saliency Maps, section 3."""
    network, X, y = learned()
    other = Network(network.layers, loss=network.loss, input_shape=network.input_shape, seed=5)
    rng = np.random.default_rng(5)
    for name, tensor in other.tensors.items():
        if name.endswith("W"):
            tensor[...] = rng.permutation(tensor.ravel()).reshape(tensor.shape)
    similar = rank_correlation(method(network, X, y), method(other, X, y))
    assert abs(similar) < 0.4, similar
    assert rank_correlation(method(network, X, y), method(network, 1.01 * X, y)) > 0.9


@pytest.mark.parametrize("method", [*BY_GRADIENT, occlusion])
def test_the_spot_that_decides_stands_out(method):
    network, X, y = learned()
    R = method(network, X, y).reshape(20, 8, 8)
    quarters = R.reshape(20, 2, 4, 2, 4).sum(axis=(2, 4)).reshape(20, 4)
    assert np.mean(quarters.argmax(axis=1) == y) > 0.9


# --- scikit-learn's own ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["TabularClassifier", "TabularRegressor"])
def test_permutation_importance_ranks_the_column_that_decides_first(kind, rng):
    pytest.importorskip("skops")
    pd = pytest.importorskip("pandas")
    from sklearn.inspection import permutation_importance

    from plainnet import estimators

    table = pd.DataFrame({
        "noise": rng.standard_normal(80),
        "decides": rng.choice(["red", "green", "blue"], 80),
        "helps": rng.standard_normal(80),
    })  # fmt: skip
    y = 3.0 * (table["decides"] == "red") + 0.5 * (table["helps"] > 0)
    y = y > 1 if kind == "TabularClassifier" else y
    model = getattr(estimators, kind)(random_state=0, n_networks=1, epochs=20).fit(table, y)
    found = permutation_importance(model, table, y, n_repeats=3, random_state=0)
    assert found.importances_mean.argmax() == 1
    assert found.importances_mean[1] > 5 * abs(found.importances_mean[0])
    for name, tensor in model.network_.tensors.items():
        if name.endswith("W"):
            tensor[...] = rng.permutation(tensor.ravel()).reshape(tensor.shape)
    other = permutation_importance(model, table, y, n_repeats=3, random_state=0)
    assert other.importances_mean[1] < 0.6 * found.importances_mean[1]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ALL)
def test_only_a_network_has_attributions(method):
    with pytest.raises(SettingError, match="network must be a Network object; got"):
        method(Dense(3), np.ones((2, 5)))


@pytest.mark.parametrize("method", ALL)
def test_data_are_checked(method):
    network, X = everything()
    X[1, 2, 0] = np.nan
    with pytest.raises(DataError, match=r"X must be finite; got nan in row 1, column 2, 0"):
        method(network, X)
    with pytest.raises(DataError, match="X has no rows"):
        method(network, X[:0])
    with pytest.raises(ShapeError, match=r"X must have the shape \(m, time, 4\); got \(5, 6, 3\)"):
        method(network, np.ones((5, 6, 3)))


@pytest.mark.parametrize("method", ALL[:4])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        (3, "target must be a whole number <= 2; got 3"),
        (-1, "target must be a whole number >= 0; got -1"),
        (True, "target must be a whole number >= 0; got True"),
        (1.0, "target must be a whole number >= 0; got 1.0"),
        ("a", "target must be a whole number >= 0; got 'a'"),
        ([0, 1, 2], r"an array of 5 of them, .* got dtype int64 of shape \(3,\)"),
        (np.zeros(5), r"an array of 5 of them, .* got dtype float64 of shape \(5,\)"),
        ([0, 1, 2, 3, 0], "target must be from 0 to 2, an index of Z; got 3"),
        ([0, -1, 2, 1, 0], "target must be from 0 to 2, an index of Z; got -1"),
    ],
)
def test_targets_are_checked(method, target, message):
    network, X = everything()
    with pytest.raises(SettingError, match=message):
        method(network, X, target)


@pytest.mark.parametrize("method", [*BY_GRADIENT, occlusion])
def test_which_of_several_numbers_has_to_be_said(method):
    network = linear([[1, 2], [3, 4]])
    with pytest.raises(SettingError, match=r"which of the 2 outputs, 0 to 1: MeanSquaredError\(\)"):
        method(network, [[1, 2]])
    several, X = two_outputs()
    for target in (None, 0, {"colour": 0}, {"kind": 0, "size": 0}):
        with pytest.raises(SettingError, match=r"\{'kind': 0\} for example; .* kind, size; got"):
            method(several, X, target)


@pytest.mark.parametrize(
    ("baseline", "error", "message"),
    [
        (np.ones(4), ShapeError, r"broadcasts to the shape of X, \(7, 5\); got \(4,\)"),
        (np.inf, DataError, "baseline must be finite; got inf"),
        ("mean", DataError, "baseline must be real numbers; got 'mean'"),
        (None, DataError, "baseline must be real numbers; got None"),
        ({"X": 0}, DataError, "baseline must be real numbers; got {'X': 0}"),
    ],
)
def test_baselines_are_checked(baseline, error, message):
    network, shape = table()
    with pytest.raises(error, match=message):
        integrated_gradients(network, inputs(shape), baseline=baseline)


def test_baselines_of_several_inputs_are_checked():
    network, X = two_inputs()
    with pytest.raises(SettingError, match="baseline must have numbers; got ids"):
        integrated_gradients(network, X, baseline={"ids": 0})
    with pytest.raises(
        ShapeError, match=r"baseline\['numbers'\] must .* of X\['numbers'\], \(3, 4"
    ):
        integrated_gradients(network, X, baseline={"numbers": [0, 1]})
    with pytest.raises(SettingError, match=r"the baseline of ids is the zero vector.*; got 1"):
        integrated_gradients(ids_network(), ids(), baseline=1)


@pytest.mark.parametrize("tolerance", [0, -1, "small", np.nan])
def test_tolerances_are_checked(tolerance):
    with pytest.raises(SettingError, match="tolerance must be "):
        integrated_gradients(linear([1, 2]), [[1, 2]], tolerance=tolerance)


@by_gradient
def test_what_looks_vectors_up_by_numbers_is_named(method):
    network = network_of([EmbeddingBag(9, 2), Dense(2)], (None,))
    with pytest.raises(
        SettingError, match=r"X is ids.* here they go to 0\.embeddingbag .*occlusion"
    ):
        method(network, ids())
    network = network_of([CategoryEmbedding([3, 4], 2), Dense(2)], 2)
    with pytest.raises(SettingError, match=r"layer 0\.categoryembedding .*use occlusion"):
        method(network, [[1, 2]])
    network = network_of([TiedEmbedding(9, 2, [Dense(2)]), Flatten(), Dense(2)], 4)
    with pytest.raises(SettingError, match=r"one Embedding; here they go to 0\.tiedembedding"):
        method(network, ids())
    assert occlusion(network, ids()).shape == (3, 4)


@by_gradient
def test_an_output_for_each_step_is_refused(method):
    network = network_of([Dense(3)], (4, 2))
    with pytest.raises(ShapeError, match=r"one vector of outputs for each row, .*\(1, 4, 3\)"):
        method(network, np.ones((1, 4, 2)))
