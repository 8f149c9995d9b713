"""Layers that make one array of several, against numbers that a pass has recorded."""

import numpy as np
import pytest

from formulas import evaluate
from plainnet import Cache, Network, check_gradients
from plainnet.errors import SettingError, ShapeError
from plainnet.layers import Add, Concatenate, Dot, GlobalAveragePool1d, Graph, Identity, Multiply
from plainnet.losses import MeanSquaredError

MERGES = [
    (Add(), [(3,), (3,)]),
    (Add(), [(2, 3)] * 4),
    (Multiply(), [(3,)] * 2),
    (Multiply(), [(2, 3)] * 3),
    (Dot(), [(3,)] * 2),
    (Dot(), [(2, 3)] * 2),
    (Concatenate(), [(3,), (1,), (2,)]),
    (Concatenate(), [(2, 3), (2, 1)]),
    (Concatenate(1), [(2, 3), (4, 3), (1, 3)]),
    (Concatenate(-2), [(2, 3), (4, 3)]),
    (Concatenate(2), [(2, 3, 4), (2, 1, 4)]),
]
every_merge = pytest.mark.parametrize(("merge", "shapes"), MERGES, ids=str)


def placed(merge, shapes):
    """The merge, built by itself."""
    merge.place("merge", tuple(shapes))
    return merge


@every_merge
def test_its_formulas_are_what_a_pass_records(merge, shapes, rng):
    merge = placed(merge, shapes)
    cache = Cache(training=True, record=True)
    A = tuple(rng.standard_normal((5, *shape)) for shape in shapes)
    Y = merge.forward(A, cache)
    assert Y.shape == (5, *merge.output_shape)
    dY = rng.standard_normal(Y.shape)
    gradients = merge.backward(dY, cache)
    known = {f"A_{i}": each for i, each in enumerate(A, 1)} | {"dY": dY}
    known |= {name: value for name, value in vars(merge).items() if not name.startswith("_")}
    results = evaluate(merge.formulas, known)
    np.testing.assert_allclose(results["Y"], Y, rtol=1e-12)
    for i, gradient in enumerate(gradients, 1):
        np.testing.assert_allclose(results[f"dA_{i}"], gradient, rtol=1e-12)


@every_merge
def test_gradients_agree_with_central_differences(merge, shapes):
    check = check_gradients(type(merge)(*([merge.axis] if "axis" in vars(merge) else [])),
                            input_shape=tuple(shapes))  # fmt: skip
    assert check.passed, check
    assert set(check.errors) >= {f"input {i}" for i in range(len(shapes))}


def test_numbers_worked_by_hand():
    one, other = np.array([[1.0, 2.0]]), np.array([[3.0, -4.0]])
    for merge, expected in (
        (Add(), [[4, -2]]),
        (Multiply(), [[3, -8]]),
        (Dot(), [[-5]]),
        (Concatenate(), [[1, 2, 3, -4]]),
    ):
        Y = placed(merge, [(2,), (2,)]).forward((one, other), Cache())
        np.testing.assert_array_equal(Y, expected)


def test_the_gate_that_is_zero_still_learns():
    """The gradient of a factor is the product of the others, not Y / A."""
    merge = placed(Multiply(), [(1,)] * 3)
    cache = Cache()
    merge.forward((np.zeros((1, 1)), np.full((1, 1), 3.0), np.full((1, 1), 5.0)), cache)
    assert [float(dA[0, 0]) for dA in merge.backward(np.ones((1, 1)), cache)] == [15, 0, 0]


@pytest.mark.parametrize(
    ("merge", "shapes", "message"),
    [
        (Add(), [(3,)], r"layer merge \(Add\(\)\) needs two inputs or more; got one of shape \(3,"),
        (Add(), [(3,), (2,)], r"needs inputs of the same shape; got \(3,\) and \(2,\)"),
        (Multiply(), [(3,), (3, 1)], r"needs inputs of the same shape; got \(3,\) and \(3, 1\)"),
        (Dot(), [(3,)] * 3, "needs two inputs; got 3"),
        (Concatenate(), [(3,)], "needs two inputs or more"),
        (Concatenate(), [(2, 3), (4, 3)], r"of one shape but for axis -1; got \(2, 3\) and \(4, 3"),
        (Concatenate(), [(2, 3), (3,)], "of one shape but for axis -1"),
        (Concatenate(2), [(3,), (3,)], r"has axis=2, and its inputs are \(3,\) and \(3,\)"),
        (Concatenate(-2), [(3,), (3,)], "has axis=-2, and its inputs are"),
        (Concatenate(1), [(None, 3), (4, 2)], "of one shape but for axis 1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(merge, shapes, message):
    with pytest.raises(ShapeError, match=message):
        placed(merge, shapes)


@pytest.mark.parametrize(("axis", "message"), [(0, "must not be 0"), ("x", "axis"), (1.5, "axis")])
def test_an_axis_that_is_none_is_refused(axis, message):
    with pytest.raises(SettingError, match=message):
        Concatenate(axis)


def of_any_length(merge) -> Network:
    nodes = {"both": (merge, "a", "b"), "Y": (GlobalAveragePool1d(), "both")}
    shape = {"a": (None, 2), "b": (None, 2)}
    graph = Graph(nodes, inputs=("a", "b"), outputs="Y")
    return Network(graph, loss=MeanSquaredError(), input_shape=shape)


def test_sequences_of_any_length_join_in_time_and_refuse_to_be_added():
    X = {"a": np.ones((3, 4, 2)), "b": np.zeros((3, 2, 2))}
    np.testing.assert_allclose(of_any_length(Concatenate(1)).predict(X), 2 / 3, rtol=1e-6)
    for merge in (Add(), Multiply()):
        with pytest.raises(ShapeError, match=r"layer both .* got \(3, 4, 2\) and \(3, 2, 2\)"):
            of_any_length(merge).predict(X)


@pytest.mark.parametrize("time", [1, 2])  # one step is not repeated
def test_features_beside_features_of_another_length_are_refused(time):
    X = {"a": np.ones((3, 4, 2)), "b": np.zeros((3, time, 2))}
    with pytest.raises(ShapeError, match=rf"layer both .* got \(3, 4, 2\) and \(3, {time}, 2\)"):
        of_any_length(Concatenate()).predict(X)


def test_a_merge_may_begin_a_list_of_layers(rng):
    network = Network(
        [Add(), Identity()], loss=MeanSquaredError(), input_shape=(2, 2), dtype=np.float64
    )
    X = rng.standard_normal((2, 5, 2))
    np.testing.assert_array_equal(network.predict((X[0], X[1])), X[0] + X[1])
