"""A loss at every position: the same numbers as with the positions laid out as examples."""

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Network, check_gradients, train
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.layers import Dense, Tanh
from plainnet.losses import EachPosition, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.optimizers import SGD

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 4, 3))
IDS = RNG.integers(0, 6, (5, 4))


def tagger(loss=None, units=6, dtype=np.float64, input_shape=(None, 3)):
    return Network(
        [Dense(7), Tanh(), Dense(units)],
        loss=loss or SoftmaxCrossEntropy(),
        input_shape=input_shape,
        seed=0,
        dtype=dtype,
    )


def plain(loss=None, units=6):
    """The same network for one position."""
    return tagger(loss, units, input_shape=3)


@pytest.mark.parametrize(
    ("loss", "units", "y"),
    [
        (SoftmaxCrossEntropy(label_smoothing=0.1), 6, IDS),
        (SoftmaxCrossEntropy(), 6, np.eye(6)[IDS]),
        (SigmoidCrossEntropy(), 2, (RNG.random((5, 4, 2)) > 0.5).astype(float)),
        (MeanSquaredError(), 2, RNG.standard_normal((5, 4, 2))),
    ],
)
def test_positions_are_examples(loss, units, y):
    sequences, rows = tagger(loss, units), plain(loss, units)
    weights = np.array([1.0, 0.5, 0.25, 1.0, 0.0])
    value = sequences.loss_and_gradients(X, y, sample_weight=weights)
    expected = rows.loss_and_gradients(
        X.reshape(20, 3), y.reshape(20, *y.shape[2:]), sample_weight=weights.repeat(4)
    )
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(sequences.gradients, rows.gradients, rtol=1e-11, atol=1e-15)
    by_row = rows.evaluate(X.reshape(20, 3), y.reshape(20, *y.shape[2:]))
    assert sequences.evaluate(X, y) == pytest.approx(by_row)


def test_positions_of_class_minus_one_do_not_count():
    y = IDS.copy()
    y[0, 2:] = y[3, :] = -1
    counted = y.reshape(-1) >= 0
    sequences, rows = tagger(), plain()
    value = sequences.loss_and_gradients(X, y)
    expected = rows.loss_and_gradients(X.reshape(20, 3)[counted], y.reshape(-1)[counted])
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(sequences.gradients, rows.gradients, rtol=1e-11, atol=1e-15)
    scores = rows.evaluate(X.reshape(20, 3)[counted], y.reshape(-1)[counted])
    assert sequences.evaluate(X, y) == pytest.approx(scores)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1)])
def test_yes_or_no_at_counted_positions(shape):
    y = (RNG.random((5, 4)) > 0.5).astype(int)
    y[1, 1:] = -1
    counted = y.reshape(-1) >= 0
    sequences, rows = tagger(SigmoidCrossEntropy(), 1), plain(SigmoidCrossEntropy(), 1)
    value = sequences.loss_and_gradients(X, y.reshape(shape))
    expected = rows.loss_and_gradients(X.reshape(20, 3)[counted], y.reshape(-1)[counted])
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(sequences.gradients, rows.gradients, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("settings", [{"accumulate": 5}, {"accumulate": 3, "batch_size": 2}])
def test_batches_count_as_many_positions_as_they_have(settings):
    """Added up over batches, the gradient and the loss are those of one batch."""
    y = IDS.copy()
    y[0, 1:] = y[3, :] = -1
    network, whole = tagger(), tagger()
    common = {"epochs": 1, "shuffle": False, "progress": False}
    in_parts = train(network, X, y, optimizer=SGD(0.5), **{"batch_size": 1, **settings}, **common)
    at_once = train(whole, X, y, optimizer=SGD(0.5), batch_size=5, **common)
    assert in_parts["loss"] == pytest.approx(at_once["loss"], rel=1e-13)
    np.testing.assert_allclose(network.parameters, whole.parameters, rtol=1e-12)


def test_the_gradients_of_a_sequence_of_any_length_are_right():
    for length in (1, 4, 9):
        some = RNG.standard_normal((3, length, 3))
        check = check_gradients(tagger(), some, RNG.integers(0, 6, (3, length)))
        assert check.passed, check


def test_the_shapes_of_what_its_user_reads():
    network = tagger(dtype=np.float32)
    A = X.astype(np.float32)
    assert network.predict(A).shape == (5, 4)
    assert network.predict_proba(A).shape == (5, 4, 6)
    np.testing.assert_allclose(network.predict_proba(A).sum(axis=-1), 1, rtol=1e-6)
    assert isinstance(network.loss, EachPosition)
    assert "(m, time, 6)" in network.summary()


def test_training_lowers_the_loss_and_gives_the_accuracy():
    network = tagger(dtype=np.float32)
    A = X.astype(np.float32)
    history = train(
        network, A, IDS, optimizer=SGD(0.5), epochs=60, batch_size=2, validation_data=(A, IDS),
        seed=0, progress=False,
    )  # fmt: skip
    assert history["val_loss"][-1] < 0.7 * history["val_loss"][0]
    assert history["val_accuracy"][-1] > 0.6


def test_what_does_not_fit_is_refused():
    network = tagger(dtype=np.float32, input_shape=(4, 3))
    A = X.astype(np.float32)
    with pytest.raises(ShapeError, match=r"\(m, 4\) or \(m, 4, 6\).*got \(5,\).*Flatten"):
        network.loss_and_gradients(A, IDS[:, 0])
    with pytest.raises(DataError, match="between 0 and 5, for 6 outputs; got -2 to"):
        network.evaluate(A, np.where(IDS == 0, -2, IDS))
    with pytest.raises(DataError, match="every target is -1"):
        network.evaluate(A, np.full((5, 4), -1))
    with pytest.raises(ShapeError, match=r"needs an output .*with positions.*gives \(6,\)"):
        tagger(EachPosition(SoftmaxCrossEntropy()), input_shape=3)
    settings = {"optimizer": SGD(0.1), "epochs": 1, "batch_size": 2, "progress": False}
    for wrong in (
        {"class_weight": "balanced"},
        {"mixup": 0.2},
        {"validation_data": (A, IDS), "metrics": ["f1"]},
    ):
        with pytest.raises(SettingError, match=r"per example|each position"):
            train(network, A, IDS, **settings, **wrong)


def test_the_losses_of_the_positions_can_be_looked_at():
    network, cache = tagger(), Cache(training=True)
    value = network.loss_and_gradients(X, IDS, cache)
    loss, own = network.loss, cache.children["loss"]
    each = loss.forward(network.forward(X, Cache()), IDS, own)
    assert each.shape == (5, 4)
    assert each.mean() == pytest.approx(value)
    assert loss.backward(own).shape == (5, 4, 6)


def test_it_is_saved_with_the_network(tmp_path):
    network = tagger(SoftmaxCrossEntropy(label_smoothing=0.1), dtype=np.float32)
    plainnet.save(network, tmp_path / "tagger.npz")
    loaded = plainnet.load(tmp_path / "tagger.npz")
    assert loaded.input_shape == (None, 3)
    assert repr(loaded.loss) == "EachPosition(SoftmaxCrossEntropy(label_smoothing=0.1))"
    A = X.astype(np.float32)
    np.testing.assert_array_equal(loaded.predict_proba(A), network.predict_proba(A))


class Doubled(EachPosition):
    def mean(self, Z, y, cache, sample_weight=None):
        return 2 * super().mean(Z, y, cache, sample_weight)

    def mean_gradient(self, cache, sample_weight=None):
        return 2 * super().mean_gradient(cache, sample_weight)


def test_a_derived_loss_with_a_mean_of_its_own_is_trained_with_it(rng):
    X, y = rng.standard_normal((4, 5, 3)), rng.standard_normal((4, 5, 2))
    found = []
    for loss in (EachPosition(MeanSquaredError()), Doubled(MeanSquaredError())):
        network = Network([Dense(2)], loss=loss, input_shape=(5, 3), seed=0)
        value = network.loss_and_gradients(X, y)
        found.append((value, network.gradients.copy()))
        assert network.evaluate(X, y)["loss"] == pytest.approx(value)
    assert found[1][0] == pytest.approx(2 * found[0][0])
    np.testing.assert_allclose(found[1][1], 2 * found[0][1], rtol=1e-6)
