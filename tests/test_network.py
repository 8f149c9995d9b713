"""The network: construction that says what is wrong, one vector, prediction and evaluation."""

import copy
import pickle
import random
from typing import ClassVar

import numpy as np
import pytest
from sklearn import metrics

import plainnet
from plainnet import Cache, Network, train
from plainnet.errors import ArgumentError, DataError, PlainnetError, SettingError, ShapeError
from plainnet.initializers import Constant
from plainnet.layers import (
    Dense,
    Dropout,
    Flatten,
    Layer,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    Transposed,
)
from plainnet.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.network import ROWS_AT_ONCE
from plainnet.optimizers import SGD, Adam


def network_of(
    loss: Loss | None = None, outputs: int = 3, dtype: type = np.float32, seed: int = 0
) -> Network:
    return Network(
        [Dense(5), Tanh(), Residual([Dense(5), Dropout(0.3)]), Dense(outputs)],
        loss=loss or SoftmaxCrossEntropy(),
        input_shape=4,
        seed=seed,
        dtype=dtype,
    )


def inputs(m: int, dtype: type = np.float32, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((m, 4)).astype(dtype)


# --- construction that says what is wrong ---------------------------------------------------------


class Rows(Layer):
    """Wants an image."""

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ShapeError(f"needs (height, width); got {input_shape}")
        return input_shape

    def forward(self, A, cache):
        return A

    def backward(self, dA, cache):
        return dA


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(6), Reshape((4, 2))], r"layer 1\.reshape .* 6 numbers.* shape \(4, 2\)"),
        (
            [Dense(6), Residual([Dense(5)])],
            r"layer 1\.residual .* return the shape they get, \(6,\); they return \(5,\)",
        ),
        (
            [Dense(6), Residual([Tanh(), Sequential([Rows()])])],
            r"layer 1\.residual\.1\.sequential\.0\.rows \(Rows\(\)\) needs \(height, width\); "
            r"got \(6,\)",
        ),
    ],
)
def test_a_shape_that_does_not_fit_names_the_layer(layers, message):
    with pytest.raises(ShapeError, match=message) as caught:
        Network(layers, loss=MeanSquaredError(), input_shape=4)
    assert str(caught.value).count("layer ") == 1


def test_an_output_that_does_not_fit_names_the_loss():
    with pytest.raises(
        ShapeError, match=r"SoftmaxCrossEntropy\(\) needs .*\(classes,\).*gives \(1,"
    ):
        Network([Dense(1)], loss=SoftmaxCrossEntropy(), input_shape=4)


def test_a_class_in_place_of_an_object_is_told_to_add_parentheses():
    with pytest.raises(SettingError, match=r"layer 1 must be a Layer object.*ReLU.*parentheses"):
        Network([Dense(3), ReLU], loss=MeanSquaredError(), input_shape=4)
    with pytest.raises(SettingError, match=r"loss must be a Loss object.*add parentheses"):
        Network([Dense(3)], loss=MeanSquaredError, input_shape=4)
    with pytest.raises(SettingError, match=r"layer 0 must be a Layer object; got 'dense'$"):
        Network(["dense"], loss=MeanSquaredError(), input_shape=4)
    with pytest.raises(SettingError, match=r"got 'mse', which is MeanSquaredError\(\)"):
        Network([Dense(3)], loss="mse", input_shape=4)


def test_a_layer_object_has_one_place():
    layer = Dense(4)
    with pytest.raises(SettingError, match=r"Dense\(4\) is at two places"):
        Network([layer, ReLU(), layer], loss=MeanSquaredError(), input_shape=4)
    Network([layer], loss=MeanSquaredError(), input_shape=4)  # it was not taken


@pytest.mark.parametrize(
    "arrange",
    [
        lambda layer: [layer, Residual([layer])],
        lambda layer: [Sequential([layer]), Sequential([layer])],
        lambda layer: [Residual([Residual([layer]), Sequential([ReLU(), layer])])],
    ],
)
def test_a_layer_object_has_one_place_in_all_containers_together(arrange):
    with pytest.raises(SettingError, match="its own layer object"):
        Network(arrange(Dense(4)), loss=MeanSquaredError(), input_shape=4)


def test_layers_of_another_network_come_with_their_weights():
    old = network_of()
    old.state[:] += 1
    before = old.parameters.copy(), old.state.copy()
    head = Dense(7)
    new = Network([*old.layers[:-1], head], loss=MeanSquaredError(), input_shape=4, seed=9)
    for name in new.tensors:
        if name.startswith(tuple(layer.name for layer in old.layers[:-1])):
            np.testing.assert_array_equal(new[name], old[name])
    assert new.layers[-1] is head  # whoever made it finds it in the network
    new.parameters[:] = 7
    new.state[:] = 7
    np.testing.assert_array_equal(old.parameters, before[0])
    np.testing.assert_array_equal(old.state, before[1])
    assert old.layers[0].W.base is not new.layers[0].W.base


def test_a_container_around_a_layer_of_another_network():
    old = Network([Dense(4), Tanh()], loss=MeanSquaredError(), input_shape=4, seed=0)
    fresh = Dense(4)
    inside = [Residual([old.layers[0], fresh, old.layers[1]])]
    new = Network(inside, loss=MeanSquaredError(), input_shape=4, seed=1)
    np.testing.assert_array_equal(new["0.residual.0.dense.W"], old["0.dense.W"])
    assert new.layer("0.residual.1.dense") is fresh
    assert old.layers[0].name == "0.dense"


def test_a_layer_of_another_network_needs_its_shape():
    old = network_of()
    with pytest.raises(SettingError, match=r"is 0\.dense of another network, in which W has.*new"):
        Network([Dense(5), old.layers[0]], loss=MeanSquaredError(), input_shape=4)
    assert old.predict(np.zeros((2, 4))).shape[0] == 2


def test_a_layer_is_found_by_its_name():
    network = Network([Dense(4), Residual([Tanh()])], loss=MeanSquaredError(), input_shape=4)
    assert network.layer("1.residual.0.tanh") is network.layers[1].layers[0]
    with pytest.raises(KeyError, match=r"no layer 'dense'; the network has 0\.dense, 1\.residual"):
        network.layer("dense")


def test_a_copy_of_a_layer_is_free():
    network = network_of()
    layer = copy.deepcopy(network.layers[0])
    other = Network([layer], loss=MeanSquaredError(), input_shape=4, seed=5)
    other.parameters[:] = 7
    assert not (network.parameters == 7).any()


def test_a_failed_construction_leaves_the_layers_free():
    layer = Dense(5)
    with pytest.raises(ShapeError):
        Network([layer, Reshape((2,))], loss=MeanSquaredError(), input_shape=4)
    assert Network([layer], loss=MeanSquaredError(), input_shape=3)["0.dense.W"].shape == (5, 3)


@pytest.mark.parametrize("shape", [0, -1, (), (3, 0), (3, -2), "ab", (2.0,), 2.0, None])
def test_an_input_shape_is_made_of_positive_integers(shape):
    with pytest.raises(PlainnetError, match=r"input_shape must be a positive integer or a tuple"):
        Network([Dense(3)], loss=MeanSquaredError(), input_shape=shape)


@pytest.mark.parametrize("shape", [4, np.int64(4), (4,), [4], np.array([4])])
def test_an_input_shape_is_a_number_or_a_sequence(shape):
    network = Network([Dense(3)], loss=MeanSquaredError(), input_shape=shape)
    assert network.input_shape == (4,)
    assert network.output_shape == (3,)


def test_units_may_be_a_numpy_integer():
    classes = np.array([0, 2, 1])
    network = Network([Dense(classes.max() + 1)], loss=SoftmaxCrossEntropy(), input_shape=4)
    assert network["0.dense.W"].shape == (3, 4)


@pytest.mark.parametrize("dtype", ["float16", "int32", ">f4", complex, object])
def test_the_dtype_is_float32_or_float64(dtype):
    with pytest.raises(SettingError, match="dtype must be float32 or float64"):
        Network([Dense(3)], loss=MeanSquaredError(), input_shape=4, dtype=dtype)


def test_the_loss_of_two_networks_may_be_one_object():
    loss = SoftmaxCrossEntropy()
    first = Network([Dense(3)], loss=loss, input_shape=4)
    second = Network([Dense(7)], loss=loss, input_shape=4)
    assert first.predict_proba(inputs(2)).shape == (2, 3)
    with pytest.raises(DataError, match="between 0 and 2"):
        first.evaluate(inputs(1), [5])
    assert np.isfinite(second.evaluate(inputs(1), [5])["loss"])


# --- the vectors ----------------------------------------------------------------------------------


def test_tensors_are_named_by_position_layer_and_tensor():
    network = network_of()
    shapes = {
        "0.dense.W": (5, 4),
        "2.residual.0.dense.W": (5, 5),
        "3.dense.W": (3, 5),
        "0.dense.b": (5,),
        "2.residual.0.dense.b": (5,),
        "3.dense.b": (3,),
    }
    assert {name: view.shape for name, view in network.tensors.items()} == shapes
    assert {name: view.shape for name, view in network.gradient_tensors.items()} == shapes
    assert network.parameters.shape == network.gradients.shape == (73,)
    assert network.n_decaying == 60
    assert network.state.shape == (0,)


def test_reading_and_writing_by_name():
    network = network_of()
    network["3.dense.b"] = [1, 2, 3]
    assert network["3.dense.b"].tolist() == [1, 2, 3]
    assert network.parameters[-3:].tolist() == [1, 2, 3]
    network["3.dense.b"][1] = 9
    assert network.parameters[-3:].tolist() == [1, 9, 3]


@pytest.mark.parametrize("values", [[1, 2], [[1, 2, 3]], 1, np.zeros((3, 1))])
def test_writing_by_name_never_broadcasts(values):
    network = network_of()
    before = network.parameters.copy()
    with pytest.raises(ShapeError, match=r"3\.dense\.b has the shape \(3,\); got \("):
        network["3.dense.b"] = values
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("name", ["0.dense.V", "dense.W", "W", "", "1.tanh.W"])
def test_an_unknown_tensor_is_told_what_there_is(name):
    network = network_of()
    with pytest.raises(
        KeyError, match=r"no parameter .*; the network has 0\.dense\.W, 2\.residual\.0"
    ):
        network[name]
    with pytest.raises(KeyError, match="no parameter"):
        network[name] = 0


def test_a_network_says_which_parameters_it_has():
    network = Network([Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=3, seed=0)
    assert "0.dense.W" in network
    assert "0.dense.dW" not in network
    assert 0 not in network
    with pytest.raises(TypeError, match="not iterable"):
        list(network)


@pytest.mark.parametrize("name", ["parameters", "gradients", "state", "tensors", "n_decaying"])
def test_vectors_are_written_into_and_never_replaced(name):
    network = network_of()
    with pytest.raises(AttributeError):
        setattr(network, name, np.zeros(73, np.float32))


@pytest.mark.parametrize(
    "copied",
    [
        lambda n: n,
        copy.deepcopy,
        lambda n: pickle.loads(pickle.dumps(n)),
        lambda n: copy.deepcopy(pickle.loads(pickle.dumps(copy.deepcopy(n)))),
    ],
    ids=["itself", "deepcopy", "pickle", "all"],
)
def test_layers_see_the_vector_and_the_vector_sees_the_layers(copied):
    original = network_of()
    kept = original.parameters.copy()
    network = copied(original)
    network.parameters[:] = np.arange(73)
    network.gradients[:] = -np.arange(73)
    found = []
    for layer in network.body.walk():
        for name in layer.declared:
            view, gradient = getattr(layer, name), getattr(layer, f"d{name}")
            assert np.shares_memory(view, network.parameters)
            assert np.shares_memory(gradient, network.gradients)
            np.testing.assert_array_equal(view, network[f"{layer.name}.{name}"])
            np.testing.assert_array_equal(gradient, -view)
            found += view.ravel().tolist()
    assert sorted(found) == list(range(73))
    first = network.layers[0]
    first.b[:] = 100
    assert (network.parameters == 100).sum() == 5
    if network is not original:
        np.testing.assert_array_equal(original.parameters, kept)


def test_the_prediction_follows_the_vector():
    network, X = network_of(MeanSquaredError()), inputs(6)
    best, expected = network.parameters.copy(), network.predict(X)
    network.parameters[:] = 0
    np.testing.assert_array_equal(network.predict(X), np.zeros((6, 3)))
    network.parameters[:] = best
    np.testing.assert_array_equal(network.predict(X), expected)


# --- randomness -----------------------------------------------------------------------------------


def trained(seed: int | np.random.Generator) -> Network:
    network = network_of(seed=seed)
    y = np.arange(40) % 3
    train(
        network,
        inputs(40),
        y,
        optimizer=Adam(0.01),
        epochs=3,
        batch_size=16,
        seed=seed,
        progress=False,
    )
    return network


def test_the_same_seed_gives_the_same_bits():
    first, again, other = trained(4), trained(4), trained(5)
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert (first.parameters != other.parameters).mean() > 0.9


def test_one_generator_gives_one_network_after_another():
    rng = np.random.default_rng(0)
    first, second = (
        Network([Dense(3)], loss=MeanSquaredError(), input_shape=4, seed=rng) for _ in "12"
    )
    assert not np.array_equal(first.parameters, second.parameters)


def test_both_dtypes_start_from_the_same_numbers():
    single, double = network_of(dtype=np.float32), network_of(dtype=np.float64)
    assert double.parameters.dtype == np.float64
    np.testing.assert_array_equal(single.parameters, double.parameters.astype(np.float32))


@pytest.mark.parametrize("seed", [0, 123])
def test_global_random_states_are_neither_read_nor_set(seed):
    np.random.seed(seed)
    random.seed(seed)
    before, before_python = np.random.get_state(), random.getstate()
    network = trained(7)
    network.predict(inputs(10))
    Network([Dense(3), Dropout(0.5)], loss=MeanSquaredError(), input_shape=4).loss_and_gradients(
        inputs(2), np.zeros((2, 3))
    )
    after = np.random.get_state()
    assert after[0] == before[0]
    np.testing.assert_array_equal(after[1], before[1])
    assert after[2:] == before[2:]
    assert random.getstate() == before_python
    np.testing.assert_array_equal(network.parameters, trained(7).parameters)
    np.random.seed(seed + 1)
    np.testing.assert_array_equal(network.parameters, trained(7).parameters)


# --- forward and backward -------------------------------------------------------------------------


def test_one_step_by_hand():
    # z = w x + b with w = 2, b = 1, x = 3, y = 5: z = 7, loss (7 - 5)^2 = 4, dz = 2 * 2 = 4.
    network = Network(
        [Dense(1, initializer=Constant(2))],
        loss=MeanSquaredError(),
        input_shape=1,
        dtype=np.float64,
    )
    network["0.dense.b"] = [1]
    cache = Cache(training=True, record=True)
    assert network.loss_and_gradients(np.array([[3.0]]), [5], cache) == 4
    assert network.gradient_tensors["0.dense.W"].tolist() == [[12]]
    assert network.gradient_tensors["0.dense.b"].tolist() == [4]
    assert cache["dX"].tolist() == [[8]]
    SGD(0.01).update(network.parameters, network.gradients)
    np.testing.assert_allclose(network.parameters, [1.88, 0.96], rtol=1e-15)


def test_a_kept_cache_changes_nothing_but_the_memory():
    network = Network([Dense(5), ReLU(), Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
    X = np.random.default_rng(0).standard_normal((40, 3))
    y, cache = X[:, :2], Cache()
    for rows in (40, 7, 25):
        np.testing.assert_array_equal(network.outputs(X[:rows], cache), network.outputs(X[:rows]))
        fresh = network.evaluate(X[:rows], y[:rows])
        assert network.evaluate(X[:rows], y[:rows], cache=cache) == fresh
    with pytest.raises(SettingError, match="cache must be a Cache"):
        network.outputs(X, {})


def test_the_loss_of_a_step_is_that_of_evaluate_before_it():
    network, X, y = network_of(), inputs(30), np.arange(30) % 3
    network.layers[2].layers[1].rate = 0
    assert network.loss_and_gradients(X, y) == pytest.approx(network.evaluate(X, y)["loss"])


def test_gradients_are_written_not_added():
    network, X, y = network_of(), inputs(9), np.arange(9) % 3
    network.loss_and_gradients(X, y, Cache())
    once = network.gradients.copy()
    network.gradients.fill(1e9)
    network.loss_and_gradients(X, y, Cache())
    np.testing.assert_array_equal(network.gradients, once)
    assert np.abs(once).min() > 0


def test_any_layout_of_the_data_gives_the_same():
    network, X, y = network_of(dtype=np.float64), inputs(20, np.float64), np.arange(20) % 3
    wide = np.zeros((40, 8))
    wide[::2, ::2] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    loss = network.loss_and_gradients(X, y, Cache())
    gradients = network.gradients.copy()
    for other in (np.asfortranarray(X), wide[::2, ::2], read_only):
        assert network.loss_and_gradients(other, y, Cache()) == pytest.approx(loss, rel=1e-14)
        np.testing.assert_allclose(network.gradients, gradients, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(network.predict_proba(other), network.predict_proba(X))


# --- what cannot be learned from ------------------------------------------------------------------

calls = pytest.mark.parametrize(
    "call",
    [
        lambda n, X: n.predict(X),
        lambda n, X: n.predict_proba(X),
        lambda n, X: n.evaluate(X, np.zeros(len(X), int)),
        lambda n, X: n.loss_and_gradients(X, np.zeros(len(X), int)),
    ],
    ids=["predict", "predict_proba", "evaluate", "loss_and_gradients"],
)


@calls
@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 1), (0,), (4,)])
def test_a_wrong_shape_is_named(call, shape):
    with pytest.raises(ShapeError) as caught:
        call(network_of(), np.zeros(shape, np.float32))
    assert str(caught.value) == f"X must have the shape (m, 4); got {shape}"


def test_a_number_is_no_batch():
    with pytest.raises(ShapeError, match=r"must have the shape \(m, 4\); got \(\)"):
        network_of().predict(np.float32(3))


@calls
def test_no_rows_are_refused(call):
    with pytest.raises(DataError, match="X has no rows"):
        call(network_of(), np.zeros((0, 4), np.float32))


@calls
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_named(call, bad):
    X = inputs(5)
    X[3, 2] = bad
    with pytest.raises(DataError, match=f"X must be finite; got {bad} in row 3, column 2"):
        call(network_of(), X)


@pytest.mark.parametrize("method", ["evaluate", "loss_and_gradients"])
def test_as_many_targets_as_rows(method):
    with pytest.raises(ShapeError, match="X has 5 rows and y has 4; they must agree"):
        getattr(network_of(), method)(inputs(5), [0, 1, 2, 0])


@pytest.mark.parametrize("method", ["evaluate", "loss_and_gradients"])
@pytest.mark.parametrize(
    ("weights", "error"), [([1, 1], ShapeError), ([1, -1, 1], DataError), ([0, 0, 0], DataError)]
)
def test_weights_are_checked(method, weights, error):
    with pytest.raises(error, match="sample_weight"):
        getattr(network_of(), method)(inputs(3), [0, 1, 2], sample_weight=weights)


def test_refused_data_change_nothing():
    network = network_of()
    network.gradients.fill(3)
    with pytest.raises(DataError):
        network.loss_and_gradients(np.full((2, 4), np.nan, np.float32), [0, 1])
    assert (network.gradients == 3).all()


# --- prediction -----------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 2500])
def test_slices_give_what_all_at_once_gives(m):
    network, X = network_of(MeanSquaredError()), inputs(m)
    at_once = network.forward(X, Cache())
    assert at_once.shape == (m, 3)
    np.testing.assert_allclose(network.predict(X), at_once, rtol=1e-5, atol=1e-6)


class Noting(Tanh):
    """Notes how many rows come at once."""

    seen: ClassVar[list[int]] = []

    def forward(self, Z, cache):
        Noting.seen.append(len(Z))
        return super().forward(Z, cache)


def test_prediction_takes_a_bounded_number_of_rows_at_once():
    Noting.seen.clear()
    network = Network([Noting()], loss=MeanSquaredError(), input_shape=4)
    network.predict(inputs(2500))
    assert max(Noting.seen) == ROWS_AT_ONCE < 2500
    assert sum(Noting.seen) == 2500


def test_a_prediction_belongs_to_its_caller():
    network, X = network_of(MeanSquaredError()), inputs(3)
    first = network.predict(X)
    kept = first.copy()
    network.predict(-X)
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, network.predict(X))


def test_dropout_rests_while_predicting():
    network, X = network_of(), inputs(50)
    np.testing.assert_array_equal(network.predict_proba(X), network.predict_proba(X))
    expected = network.forward(X, Cache(training=False)).copy()
    assert not np.allclose(network.forward(X, Cache(training=True, seed=0)), expected)


def test_probabilities_of_classes_sum_to_one():
    network = network_of()
    network.parameters[:] *= 10
    P = network.predict_proba(inputs(2000))
    assert P.shape == (2000, 3)
    assert P.dtype == np.float32
    assert (P >= 0).all()
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    ids = network.predict(inputs(2000))
    assert ids.shape == (2000,)
    assert np.issubdtype(ids.dtype, np.integer)
    assert [max(range(3), key=row.__getitem__) for row in P.tolist()] == ids.tolist()


@pytest.mark.parametrize(
    ("loss", "outputs", "predicted", "probabilities"),
    [
        (SoftmaxCrossEntropy(), 3, (6,), (6, 3)),
        (SigmoidCrossEntropy(), 1, (6,), (6, 1)),
        (SigmoidCrossEntropy(), 2, (6, 2), (6, 2)),
        (MeanSquaredError(), 1, (6,), None),
        (MeanSquaredError(), 2, (6, 2), None),
    ],
)
def test_shapes_of_predictions(loss, outputs, predicted, probabilities):
    network, X = network_of(loss, outputs), inputs(6)
    assert network.predict(X).shape == predicted
    if probabilities:
        assert network.predict_proba(X).shape == probabilities
        assert set(np.unique(network.predict(X))) <= {0, 1, 2}
    else:
        with pytest.raises(SettingError, match=r"MeanSquaredError\(\) does not give probabilities"):
            network.predict_proba(X)


def test_images_go_in_with_all_their_axes():
    network = Network([Flatten(), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=(2, 2), seed=0)
    X = inputs(7)
    flat = Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=4, seed=0)
    np.testing.assert_array_equal(network.predict_proba(X.reshape(7, 2, 2)), flat.predict_proba(X))
    with pytest.raises(ShapeError, match=r"\(m, 2, 2\); got \(7, 4\)"):
        network.predict(X)


# --- evaluation -----------------------------------------------------------------------------------

weighted = pytest.mark.parametrize("w", [None, np.linspace(0, 3, 1500)], ids=["even", "weighted"])


@weighted
def test_evaluating_classes_agrees_with_scikit_learn(w):
    network, X = network_of(dtype=np.float64), inputs(1500, np.float64)
    y = np.random.default_rng(2).integers(0, 3, 1500)
    scores = network.evaluate(X, y, w)
    P = network.predict_proba(X)
    assert scores["loss"] == pytest.approx(metrics.log_loss(y, P, sample_weight=w), rel=1e-12)
    expected = metrics.accuracy_score(y, P.argmax(axis=1), sample_weight=w)
    assert scores["accuracy"] == pytest.approx(expected, rel=1e-12)
    assert 0.1 < scores["accuracy"] < 0.9
    one_hot = network.evaluate(X, np.eye(3)[y], w)
    assert one_hot == pytest.approx(scores, rel=1e-12)


@weighted
def test_evaluating_yes_or_no_agrees_with_scikit_learn(w):
    network, X = network_of(SigmoidCrossEntropy(), 1, np.float64), inputs(1500, np.float64)
    y = np.random.default_rng(2).integers(0, 2, 1500)
    scores = network.evaluate(X, y, w)
    p = network.predict_proba(X)[:, 0]
    assert scores["loss"] == pytest.approx(metrics.log_loss(y, p, sample_weight=w), rel=1e-12)
    expected = metrics.accuracy_score(y, p > 0.5, sample_weight=w)
    assert scores["accuracy"] == pytest.approx(expected, rel=1e-12)


@weighted
def test_evaluating_several_labels_agrees_with_scikit_learn(w):
    network, X = network_of(SigmoidCrossEntropy(), 2, np.float64), inputs(1500, np.float64)
    Y = np.random.default_rng(2).integers(0, 2, (1500, 2))
    scores = network.evaluate(X, Y, w)
    P = network.predict_proba(X)
    losses = [metrics.log_loss(Y[:, k], P[:, k], sample_weight=w) for k in range(2)]
    assert scores["loss"] == pytest.approx(sum(losses) / 2, rel=1e-12)
    expected = metrics.accuracy_score(Y, (P > 0.5).astype(int), sample_weight=w)  # all labels right
    assert scores["accuracy"] == pytest.approx(expected, rel=1e-12)


@weighted
@pytest.mark.parametrize("outputs", [1, 3])
def test_evaluating_numbers_agrees_with_scikit_learn(outputs, w):
    network, X = network_of(MeanSquaredError(), outputs, np.float64), inputs(1500, np.float64)
    Y = np.random.default_rng(2).standard_normal((1500, outputs))
    scores = network.evaluate(X, Y, w)
    expected = metrics.mean_squared_error(Y, network.predict(X), sample_weight=w)
    assert scores == {"loss": pytest.approx(expected, rel=1e-12)}


# --- description ----------------------------------------------------------------------------------


def test_the_summary_is_a_table_of_layers():
    assert network_of(MeanSquaredError()).summary().splitlines() == [
        "layer                 output shape  parameters",
        "----------------------------------------------",
        "input                 (m, 4)",
        "0.dense               (m, 5)                25",
        "1.tanh                (m, 5)",
        "2.residual            (m, 5)",
        "2.residual.0.dense    (m, 5)                30",
        "2.residual.1.dropout  (m, 5)",
        "3.dense               (m, 3)                18",
        "MeanSquaredError()",
        "73 parameters, float32, 0.00 MB",
    ]


def test_large_numbers_of_parameters_have_separators():
    network = Network([Dense(1000)], loss=MeanSquaredError(), input_shape=(2000,), dtype=np.float64)
    lines = network.summary().splitlines()
    assert lines[3].endswith("2,001,000")
    assert lines[-1] == "2,001,000 parameters, float64, 16.01 MB"


def test_repr_is_the_code_that_makes_it():
    shown = "Network([Dense(5), ReLU()], loss=MeanSquaredError(), input_shape=(4,))"
    network = Network([Dense(5), ReLU()], loss=MeanSquaredError(), input_shape=4)
    assert repr(network) == shown
    assert repr(eval(shown)) == shown


def test_an_activation_that_the_loss_has_built_in_is_refused():
    for last, loss in ((Softmax(), SoftmaxCrossEntropy()), (Sigmoid(), SigmoidCrossEntropy())):
        with pytest.raises(SettingError, match=r"built in: leave the last layer, .*, out"):
            Network([Dense(3), last], loss=loss, input_shape=4)


# --- rates of their own ---------------------------------------------------------------------------


def test_adjust_reaches_tensors_by_name_layer_and_pattern():
    network = Network([Dense(4), Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    network.adjust("0.dense", learning_rate=0.5)
    network.adjust("*.b", weight_decay=1.0)
    network.freeze("1.dense.W")
    rates = {s.name: (s.learning_rate, s.weight_decay) for s in network.segments}
    assert rates == {
        "0.dense.W": (0.5, 1),
        "1.dense.W": (0, 1),
        "0.dense.b": (0.5, 1),
        "1.dense.b": (1, 1),
    }
    network.unfreeze("1.*")
    assert {s.learning_rate for s in network.segments if s.name.startswith("1.")} == {1}
    with pytest.raises(
        SettingError, match=r"no parameter is called '2\.dense'; the network has 0\.dense"
    ):
        network.freeze("2.dense")
    with pytest.raises(SettingError, match="learning_rate must be"):
        network.adjust("*", learning_rate=-1)


def test_frozen_layers_stay_and_the_file_remembers_it(rng, tmp_path):
    network = Network([Dense(4), Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    network.freeze("0.dense")
    plainnet.save(network, tmp_path / "network.npz")
    loaded = plainnet.load(tmp_path / "network.npz")
    assert loaded.segments == network.segments
    before = loaded.parameters.copy()
    X = rng.standard_normal((20, 2)).astype(np.float32)
    plainnet.train(
        loaded, X, X.sum(axis=1), optimizer=SGD(0.1), epochs=2, batch_size=5, progress=False
    )
    changed = before != loaded.parameters
    for segment in loaded.segments:
        assert changed[segment.start : segment.stop].any() == segment.name.startswith("1.")


def test_another_precision_of_a_subclass_is_the_subclass():
    class Doubled(Network):
        def predict(self, X):
            return 2 * super().predict(X)

    network = Doubled([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
    network.names = ["a", "b"]
    double = network.astype(np.float64)
    assert (type(double), double.names) == (Doubled, ["a", "b"])
    X = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(double.predict(X), 2 * (X @ network["0.dense.W"].T), rtol=1e-6)
    assert not np.shares_memory(double.parameters, network.parameters)
    assert network.parameters.dtype == np.float32


# --- a loss of one's own, and gradients of the data -----------------------------------------------


def upstream(network, X, seed=3):
    return np.random.default_rng(seed).standard_normal(network.forward(X).shape)


def test_backward_goes_on_from_any_gradient():
    network = network_of(MeanSquaredError(), dtype=np.float64)
    X, cache = inputs(6, np.float64), Cache(training=True, seed=0, input_gradient=True)
    y = upstream(network, X)
    network.loss_and_gradients(X, y, Cache(training=True, seed=0))
    expected = network.gradients.copy()
    dX_expected = network.input_gradient(
        X, y, cache=Cache(training=True, seed=0, input_gradient=True)
    ).copy()
    Z = network.forward(X, cache)
    dZ = 2 * (Z - y) / Z.size  # of the mean squared error
    kept = dZ.copy()
    network.gradients.fill(np.nan)
    dX = network.backward(dZ, cache)
    np.testing.assert_allclose(network.gradients, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dX, dX_expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(dZ, kept)


def test_backward_needs_a_forward_pass_of_this_network():
    network, other = network_of(), network_of()
    X, cache = inputs(6), Cache(training=True)
    with pytest.raises(ArgumentError, match=r"which must be forward\(X, cache\)"):
        network.backward(np.zeros((6, 3)), cache)
    network.forward(X, cache)
    assert network.backward(np.zeros((6, 3)), cache) is None
    with pytest.raises(ShapeError, match=r"dZ must have the shape \(6, 3\); got \(5, 3\)"):
        network.backward(np.zeros((5, 3)), cache)
    with pytest.raises(ArgumentError, match="last pass"):
        other.backward(np.zeros((6, 3)), cache)
    network.loss_and_gradients(X, np.zeros(6, int), cache)
    with pytest.raises(ArgumentError, match="last pass"):  # of another pass than that of forward
        network.backward(np.zeros((6, 3)), cache)


def test_the_gradient_of_the_data_changes_no_other():
    network = network_of(dtype=np.float64)
    X, y = inputs(6, np.float64), np.array([0, 1, 2] * 2)
    found = []
    for wanted in (False, True):
        cache = Cache(training=True, seed=0, input_gradient=wanted)
        for _ in range(3):
            network.loss_and_gradients(X, y, cache)
        found.append(network.gradients.copy())
    np.testing.assert_array_equal(*found)
    with pytest.raises(SettingError, match=r"must be a Cache\(input_gradient=True\)"):
        network.input_gradient(X, y, cache=Cache())


def test_a_container_that_forgets_a_layer_is_refused():
    class Forgetful(Layer):
        def __init__(self, layer):
            self.layer, self.layers = layer, (layer,)

        def forward(self, A, cache):
            return A

        def backward(self, dA, cache):
            return dA

    with pytest.raises(
        SettingError, match=r"Dense\(2\) is among the layers of a container that has"
    ):
        Network([Forgetful(Dense(2))], loss=MeanSquaredError(), input_shape=3)


def test_transposed_needs_its_layer_in_the_same_network():
    old = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
    for layer in (old.layers[0], Dense(2)):
        with pytest.raises(ShapeError, match="needs its dense layer in an earlier node"):
            Network([Dense(2), Transposed(layer)], loss=MeanSquaredError(), input_shape=3)


def test_the_body_of_a_network_makes_another():
    old = network_of()
    again = Network(old.body, loss=SoftmaxCrossEntropy(), input_shape=4, seed=8)
    np.testing.assert_array_equal(again.parameters, old.parameters)
    assert not np.shares_memory(again.parameters, old.parameters)
