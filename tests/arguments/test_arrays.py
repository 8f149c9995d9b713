"""Seeds, dtypes and arrays as callers hand them in."""

import json
from fractions import Fraction

import numpy as np
import pytest

from plainnet import Cache, Network, NeuralNetwork, generate, one_hot, train
from plainnet.arguments.arrays import as_array, as_dtype, as_generator, as_labels, as_numbers
from plainnet.arguments.config import rebuild
from plainnet.data import split
from plainnet.errors import DataError, OutOfMemoryError, PlainnetError, SettingError, ShapeError
from plainnet.files.native import known_kinds
from plainnet.layers import Dense, Embedding, MultiHeadAttention, TransformerBlock
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam

NO_SEEDS = ["x", b"x", -1, np.int64(-1), 0.5, 1j, True, object(), {}, [], [0.5], [-1], np.arange(2)]


@pytest.mark.parametrize("seed", [0, 2**70, np.int64(3), np.uint8(3), [1, 2]], ids=repr)
def test_a_seed_gives_the_generator_that_numpy_gives(seed):
    drawn = as_generator(seed).random(3)
    np.testing.assert_array_equal(drawn, np.random.default_rng(seed).random(3))


def test_a_generator_is_taken_as_it_is(rng):
    assert as_generator(rng) is rng
    sequence = np.random.SeedSequence(5)
    assert as_generator(sequence).random() == np.random.default_rng(5).random()
    assert as_generator(None).random() != as_generator(None).random()


@pytest.mark.parametrize("seed", NO_SEEDS, ids=lambda seed: type(seed).__name__)
def test_what_is_no_seed(seed):
    text = Network([Embedding(3, 2), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=(None,))
    for use in (
        as_generator,
        lambda seed: Cache(seed=seed),
        lambda seed: Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=seed),
        lambda seed: split(5, 0.5, seed=seed),
        lambda seed: generate(text, [0], 1, seed=seed),
    ):
        with pytest.raises(SettingError, match=r"seed must be a whole number >= 0"):
            use(seed)
    with pytest.raises(ValueError, match="seed must be a whole number >= 0 or None"):
        NeuralNetwork(2, [2], 2, seed=seed)


def test_a_random_state_is_told_what_a_generator_is():
    with pytest.raises(SettingError, match="default_rng"):
        as_generator(np.random.RandomState(0))


@pytest.mark.parametrize("dtype", ["float16", "int", "x", "", None, 3, ">f4", object(), [None]])
def test_what_is_no_dtype_of_a_network(dtype):
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2)
    with pytest.raises(SettingError, match="dtype must be float32 or float64; got"):
        Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, dtype=dtype)
    with pytest.raises(SettingError, match="dtype must be float32 or float64; got"):
        network.astype(dtype)


def test_dtypes():
    assert as_dtype("dtype", "f4", "f", "a float") == np.float32
    assert as_dtype("dtype", float, "f", "a float") == np.float64
    with pytest.raises(SettingError, match="dtype must be a dtype of real numbers; got 'M8"):
        one_hot([0], 1, "M8[s]")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [2, 3]], "X cannot be made an array, whose rows have one length"),
        (np.ma.masked_equal([1, 2], 1), "X is a masked array, and its mask would be lost"),
        (np.ones(2, complex), "X must be real numbers; got dtype complex128"),
        (["a"], "X must be real numbers; got dtype <U1"),
        (iter([1]), "X must be real numbers; got <list_iterator"),
        (np.zeros(2, "M8[s]"), "X must be real numbers; got dtype datetime64"),
        (np.zeros(2, [("a", "f4")]), "X must be real numbers; got dtype"),
        ([None, 1.0], "X must be real numbers; got dtype object"),
    ],
)
def test_what_is_no_array_of_numbers(values, message):
    with pytest.raises(DataError, match=message):
        as_numbers("X", values)


def test_arrays_of_numbers_and_labels():
    assert as_numbers("X", [[True, False]]).dtype == bool
    assert as_array("X", ["a"]).dtype.kind == "U"
    assert as_labels("y", np.array(["a", "b"], object)).tolist() == ["a", "b"]
    with pytest.raises(DataError, match="y must be labels of one type"):
        as_labels("y", np.array(["a", None], object))


# --- NumPy's numbers where Python's are ----------------------------------------------------------


def test_settings_from_numpy_are_pythons_and_survive_json():
    """A vector of settings out of a search is NumPy's; nothing of it may stay in the layer."""
    block = TransformerBlock(
        np.int64(2),
        hidden=np.int32(4),
        head_width=np.int64(2),
        key_value_heads=np.uint8(1),
        causal=np.bool_(True),
        bias=np.False_,
        dropout=np.float32(0.5),
        rotary=np.True_,
        rotary_base=np.float64(100),
    )
    attention = MultiHeadAttention(np.int64(2), head_width=np.int64(2), causal=np.True_)
    for layer in (block, attention):
        again = rebuild(json.loads(json.dumps(layer.config())), known_kinds())
        assert again.config() == layer.config()
        assert "np." not in repr(layer)
        network = Network([layer], loss=MeanSquaredError(), input_shape=(3, 4), seed=0)
        X = np.ones((2, 3, 4), np.float32)
        train(network, X, X, optimizer=SGD(0.1), epochs=1, batch_size=2, progress=False, seed=0)
    assert type(block.dropout) is float
    assert block.dropout == 0.5
    assert type(block.causal) is bool


def test_a_numpy_float_computes_what_a_python_float_does():
    steps = []
    for kind in (float, np.float64, np.float32, Fraction):
        p, g = np.ones(3, np.float32), np.array([1, -2, 3], np.float32)
        optimizer = Adam(kind(0.25), betas=(kind(0.5), kind(0.75)), weight_decay=kind(0.5))
        for _ in range(3):
            optimizer.update(p, g)
        assert type(optimizer.learning_rate) is float
        assert p.dtype == np.float32
        steps.append(p.tolist())
    assert steps == steps[:1] * 4


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [2**40, 2**62, 2**63, 2**70])
def test_a_size_that_no_machine_has_is_refused_at_once(units):
    with pytest.raises(PlainnetError, match=str(units)):
        Network([Dense(units)], loss=MeanSquaredError(), input_shape=3)


def test_no_memory_is_said_so():
    with pytest.raises(OutOfMemoryError, match=r"not enough memory for rows .*: 8\.8e\+12 bytes"):
        one_hot([0], 2**40 + 1, np.float64)
    with pytest.raises(MemoryError):  # which code that knows nothing of plainnet may catch
        one_hot([0], 2**62)


# --- what looks like a setting -------------------------------------------------------------------


@pytest.mark.parametrize(
    "bias", [object(), 1, "x", None, [], np.ones(2), NotImplemented], ids=lambda b: type(b).__name__
)
def test_only_true_and_false_are_boolean(bias):
    for make in (lambda: Dense(2, bias=bias), lambda: MultiHeadAttention(2, bias=bias)):
        with pytest.raises(SettingError, match="bias must be True or False; got"):
            make()


def test_true_is_no_number():
    with pytest.raises(SettingError, match="units must be a whole number >= 1; got True"):
        Dense(True)
    with pytest.raises(SettingError, match="learning_rate must be a number; got True"):
        Adam(True)


@pytest.mark.parametrize(
    ("transform", "returned"),
    [
        (lambda X, rng: None, "None"),
        (lambda X, rng: X[:1], r"float32 of shape \(1, 3\)"),
        (lambda X, rng: X.tolist(), r"\[\[0\.0"),
    ],
)
def test_an_augmentation_must_return_images_like_those_it_got(transform, returned):
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=3)
    X = np.zeros((2, 3), np.float32)
    with pytest.raises(ShapeError, match=f"must return the same; it returned {returned}"):
        train(
            network, X, X[:, :1], optimizer=SGD(0.1), epochs=1, batch_size=2,
            augment=[transform], progress=False,
        )  # fmt: skip
