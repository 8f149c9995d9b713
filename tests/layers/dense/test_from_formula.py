"""A layer from its formula alone: what it understands, what it refuses, and what it is then."""

import copy
import json
import pickle
import tracemalloc

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Network
from plainnet.arguments.config import rebuild
from plainnet.errors import DataError, DTypeError, FileError, SettingError, ShapeError
from plainnet.files.native import known_kinds
from plainnet.initializers import Constant, Initializer, Normal
from plainnet.layers import (
    GELU,
    Dense,
    Flatten,
    FromFormula,
    GlobalAveragePool1d,
    LayerNorm,
    Masking,
    PReLU,
    Residual,
)
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import SGD


def network(*layers, input_shape=3, dtype=np.float64) -> Network:
    return Network([*layers], loss=MeanSquaredError(), input_shape=input_shape, seed=0, dtype=dtype)


@pytest.mark.parametrize(
    ("text", "given", "output", "lines"),
    [
        ("2 * Z", "Z", "A", ["A = 2 * Z"]),
        ("2*X", "X", "Y", ["Y = 2*X"]),
        ("B = 2 * Z", "Z", "B", ["B = 2 * Z"]),
        ("R = maximum(Z, 0); R**2", "Z", "A", ["R = maximum(Z, 0)", "A = R**2"]),
        ("\n  n = len(A)\n  Y = A.reshape(n,\n    -1)\n", "A", "Y",
         ["n = len(A)", "Y = A.reshape(n, -1)"]),
    ],
)  # fmt: skip
def test_lines_and_the_names_of_input_and_output(text, given, output, lines):
    formulas = FromFormula(text).formulas
    assert (formulas.input, formulas.output) == (given, output)
    assert [str(formula) for formula in formulas.forward] == lines
    assert formulas.backward == ()


def test_parameters_begin_as_given():
    values = {"s": 2, "g": [1, 2, 3], "W": np.ones((2, 3), np.float32), "n": Constant(0.5)}
    net = network(FromFormula("(s * g * (n + A)) @ W.T", **values), Dense(1))
    prefix = "0.fromformula."
    found = {name: net[prefix + name] for name in values}
    assert {n: v.tolist() for n, v in found.items()} == {
        "s": 2, "g": [1, 2, 3], "W": [[1] * 3] * 2, "n": [0.5] * 3,
    }  # fmt: skip
    declared = net.layers[0].declared
    assert [name for name in values if declared[name].decays] == ["W"]


@pytest.mark.parametrize(
    ("formula", "layer", "shape"),
    [
        (FromFormula("Z * Phi(Z)"), GELU(), (4,)),
        (FromFormula("maximum(Z, 0) + alpha_ * minimum(Z, 0)", alpha_=Constant(0.25)), PReLU(),
         (2, 3)),
        (
            FromFormula(
                """
                mean = A.mean(axis=-1, keepdims=True)
                variance = ((A - mean) ** 2).mean(axis=-1, keepdims=True)
                g * (A - mean) / sqrt(variance + 1e-5) + h
                """,
                g=Constant(1),
                h=Constant(0),
            ),
            LayerNorm(epsilon=1e-5),
            (2, 5),
        ),
    ],
)  # fmt: skip
def test_computes_what_the_written_layer_computes(formula, layer, shape, rng):
    one, other = (network(each, Flatten(), input_shape=shape) for each in (formula, layer))
    X = rng.standard_normal((6, *shape))
    y = rng.standard_normal((6, *one.output_shape))
    np.testing.assert_allclose(one.loss_and_gradients(X, y), other.loss_and_gradients(X, y))
    np.testing.assert_allclose(one.gradients, other.gradients, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(one.input_gradient(X, y), other.input_gradient(X, y), rtol=1e-11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Z +", "invalid syntax"),
        ("", "it is empty"),
        ("Z = Z", "Z has two meanings"),
        ("if Z: Z", "is not name = expression"),
        ("R = S = Z; R", "is not name = expression"),
        ("Z; 2 * Z", "is not name = expression"),
        ("[z for z in Z]", "ListComp is not in the grammar"),
        ("open(Z)", "a formula cannot call open"),
        ("Z.sum(axis=1, dtype=1)", "a formula has no keyword dtype"),
        ("Z.__class__", "a formula has no attribute __class__"),
        ("layers(Z)", "layers is for containers"),
        ("Z * 2 ** 9 ** 9", r"2 \*\* 9 \*\* 9 may have any number of digits"),
        ("n = len(Z); Z * n ** Z.shape[0]", "may have any number of digits"),
        ("Z" + "+ Z" * 4000, "more than 10000"),
        ("-" * 3000 + "Z", "cannot be used"),
        ("[Z, Z]", "cannot be differentiated"),
        ("a * Z", "the one name .* got Z, a|got a, Z|got Z, a"),
        ("2 + 2", "the one name .* got none"),
        ("A = 2 * Z; A = 3 * A", "A has two meanings"),
        ("dZ = 2 * Z; Z + dZ", "dZ has two meanings"),
        ("exp = 2 * Z; exp", "exp has two meanings"),
    ],
)  # fmt: skip
def test_what_is_not_a_formula_of_a_layer(text, message):
    with pytest.raises(SettingError, match=message):
        FromFormula(text)


@pytest.mark.parametrize(
    ("parameters", "kind", "message"),
    [
        ({"g": 1, "h": 2}, SettingError, "the parameter h is not in it"),
        ({"g": "one"}, DataError, "g must be real numbers"),
        ({"g": [1, np.nan]}, SettingError, "g must begin with finite numbers"),
        ({"g": 1, "name": 2}, SettingError, "a parameter cannot be called name"),
        ({"g": 1, "forward": 2}, SettingError, "a parameter cannot be called forward"),
        ({"g": 1, "exp": 2}, SettingError, "exp has two meanings"),
        ({"g": 1, "Z": 2}, SettingError, "the one name .* got none"),
    ],
)
def test_what_is_not_a_parameter(parameters, kind, message):
    with pytest.raises(kind, match=message):
        FromFormula("g * Z", **parameters)


@pytest.mark.parametrize(
    ("text", "shape", "kind", "message"),
    [
        ("Z.sum()", 3, ShapeError, "the first axis must be that of the examples"),
        ("Z.sum(axis=0)", 3, ShapeError, "the first axis must be that of the examples"),
        ("Z.T", 4, ShapeError, "another result when other examples are beside it"),
        ("Z - Z.mean(axis=0)", 3, ShapeError, "another result when other examples are beside it"),
        ("Z - Z.max()", 3, ShapeError, "another result when other examples are beside it"),
        ("Z / len(Z)", 3, ShapeError, "another result when other examples are beside it"),
        ("log(Z - Z.mean() + 9)", 3, ShapeError, "another result when other examples"),
        ("Z.argmax(axis=1)", 3, DTypeError, "gives int64; a layer's output is real numbers"),
        ("Z > 0", 3, DTypeError, "gives bool; a layer's output is real numbers"),
        ("Z.reshape(len(Z), 7)", 3, ShapeError, "cannot be computed .* cannot reshape"),
        ("Z[:, 5]", 3, ShapeError, "cannot be computed .* out of bounds"),
        ("Z * arange(10 ** 15.0)", 3, ShapeError, "cannot be computed"),
    ],
)
def test_what_a_network_cannot_use(text, shape, kind, message):
    with pytest.raises(kind, match=message) as caught:
        network(Dense(shape), FromFormula(text), input_shape=2)
    assert "layer 1.fromformula" in str(caught.value)


def test_an_initializer_needs_features():
    layers = FromFormula("Z.sum(axis=1)"), FromFormula("g * Z", g=Normal())
    with pytest.raises(
        ShapeError, match=r"1\.fromformula .* needs an input of shape \(\.\.\., feat"
    ):
        network(*layers)


def test_sequences_of_any_length():
    net = network(FromFormula("tanh(Z)"), FromFormula("A.mean(axis=1)"), input_shape=(None, 3))
    assert net.layers[0].output_shape == (None, 3)
    assert net.output_shape == (3,)
    for time in (1, 6):
        assert net.predict(np.ones((2, time, 3))).shape == (2, 3)


def test_a_mask_goes_as_far_as_the_time_axis(rng):
    """The mean over time ends it; what is done to each step does not."""
    layers = Masking(), FromFormula("tanh(Z)"), GlobalAveragePool1d()
    X = rng.standard_normal((1, 4, 3))
    X[:, 2:] = 0
    found = network(*layers, input_shape=(4, 3)).predict(X)
    np.testing.assert_allclose(found, np.tanh(X[:, :2]).mean(axis=1))
    net = network(Masking(), FromFormula("A.mean(axis=1)"), Dense(2), input_shape=(4, 3))
    assert np.isfinite(net.loss_and_gradients(X, np.ones((1, 2))))


def test_an_example_that_is_one_number():
    layer = FromFormula("Z = A.sum(axis=1); s * Z[:, None] ** 2", s=[3, 1])
    np.testing.assert_allclose(network(layer).predict(np.array([[1.0, 0, 1]])), [[12, 4]])


def mixed() -> FromFormula:
    return FromFormula("g * Z**2 + h @ U.T", g=Normal(0.5), h=[0.5, -1], U=[[1, 2], [3, 4], [5, 6]])


def test_it_is_saved_copied_and_trained_on_as_any_other(tmp_path, rng):
    net = network(Residual([mixed()]), dtype=np.float32)
    X, y = rng.standard_normal((2, 5, 3)).astype(np.float32)
    plainnet.save(net, tmp_path / "net.npz")
    copies = [pickle.loads(pickle.dumps(net)), copy.deepcopy(net)]
    copies.append(plainnet.load(tmp_path / "net.npz"))
    for other in (net, *copies):
        other.loss_and_gradients(X, y)
        SGD(0.1).update(other.parameters, other.gradients)
    for other in copies:
        np.testing.assert_array_equal(other.parameters, net.parameters)
        assert repr(other.layers[0]) == repr(net.layers[0])


def test_repr_and_config_make_it_anew():
    again = eval(repr(mixed()), {"FromFormula": FromFormula, "Normal": Normal})
    assert repr(again) == repr(mixed())
    text = json.dumps(mixed().config())
    assert repr(rebuild(json.loads(text), known_kinds())) == repr(mixed())


def test_repr_leaves_out_what_nobody_reads():
    layer = FromFormula("A @ W.T", W=np.ones((40, 30)))
    assert repr(layer) == "FromFormula('A @ W.T', W=...)"
    with pytest.raises(DataError, match="W must be real numbers"):
        eval(repr(layer))
    assert repr(rebuild(layer.config(), known_kinds())) == repr(layer)


def test_a_description_with_another_formula_is_refused():
    config = mixed().config() | {"formula": "__import__('os').getcwd()"}
    with pytest.raises((FileError, SettingError)):
        rebuild(config, known_kinds())
    state = {**mixed().__getstate__(), "formula": "g * Z + h + U + Z.__init__()"}
    layer = FromFormula.__new__(FromFormula)
    layer.__setstate__(state)
    with pytest.raises(SettingError, match="a formula cannot call"):
        network(layer)


def test_an_initializer_of_ones_own_among_the_parameters(tmp_path):
    class Ramp(Initializer):
        def __call__(self, rng, shape):
            return np.arange(shape[0], dtype=float)

    net = network(FromFormula("g * Z", g=Ramp()))
    assert net["0.fromformula.g"].tolist() == [0, 1, 2]
    plainnet.save(net, tmp_path / "net.npz")
    with pytest.raises(FileError, match="Ramp"):
        plainnet.load(tmp_path / "net.npz")
    assert plainnet.load(tmp_path / "net.npz", custom=[Ramp])["0.fromformula.g"].tolist() == [
        0,
        1,
        2,
    ]


def test_a_recording_shows_every_line(rng):
    net = network(FromFormula("R = maximum(Z, 0); A = g * R**2", g=2))
    X, cache = rng.standard_normal((4, 3)), Cache(training=True, record=True)
    net.loss_and_gradients(X, np.zeros((4, 3)), cache)
    R = np.where(X > 0, X, 0)
    np.testing.assert_allclose(cache["0.fromformula.R"], R)
    np.testing.assert_allclose(cache["0.fromformula.A"], 2 * R**2)
    assert cache["0.fromformula.dZ"].shape == (4, 3)
    assert cache["0.fromformula.dg"].shape == ()


def test_what_a_step_allocates_is_gone_with_the_next(rng):
    net, cache = network(Dense(3), FromFormula("Z * sigmoid(g * Z)", g=Normal())), Cache()
    X, y = rng.standard_normal((2, 4096, 3))
    tracemalloc.start()
    try:
        held = []
        for _ in range(4):
            net.step(X, y, cache)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(held[1:]) - min(held[1:]) < X.nbytes / 10
