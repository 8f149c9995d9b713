"""The harness: what is asked of every loss; and a loss of one's own."""

import copy
import json
import pickle

import numpy as np
import pytest

import plainnet
from allocations import peak_of
from loss_cases import CASES, LossCase
from plainnet import Cache, Network, check_gradients, losses, train
from plainnet.arguments.config import rebuild
from plainnet.errors import DataError, SettingError, ShapeError
from plainnet.layers import Dense, Identity
from plainnet.losses import EachOutput, EachPosition, Loss, MeanSquaredError, real_targets
from plainnet.optimizers import SGD, Adam

EXPORTED = {
    name: kind
    for name, kind in vars(losses).items()
    if isinstance(kind, type)
    and issubclass(kind, Loss)
    and kind not in (EachOutput, EachPosition, Loss)
}
every_loss = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def network_of(case: LossCase, dtype: type = np.float64) -> Network:
    """A network whose pre-activations are its input."""
    return Network([Identity()], loss=case.loss, input_shape=case.outputs, dtype=dtype)


def dense(case: LossCase, dtype: type = np.float64) -> Network:
    return Network([Dense(case.outputs)], loss=case.loss, input_shape=4, seed=0, dtype=dtype)


def outputs(case: LossCase, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((5, case.outputs))


def test_every_exported_loss_has_a_case():
    of_others = {"EachOutput", "EachPosition"}  # test_outputs.py, test_positions.py
    assert {type(case.loss) for case in CASES} == set(EXPORTED.values())
    assert set(losses.__all__) == {*EXPORTED, *of_others, "Loss", "real_targets"}


@every_loss
def test_value_is_the_definition(case, rng):
    Z = outputs(case, rng)
    value = network_of(case).loss_and_gradients(Z, case.y)
    assert value == pytest.approx(np.mean(case.by_hand(Z)), rel=1e-12)


@every_loss
def test_weights_are_those_of_a_mean(case, rng):
    Z, w = outputs(case, rng), np.array([0.5, 0, 2, 1, 3.5])
    value = network_of(case).loss_and_gradients(Z, case.y, sample_weight=w)
    assert value == pytest.approx(np.average(case.by_hand(Z), weights=w), rel=1e-12)


@every_loss
def test_gradient_agrees_with_central_differences(case):
    check = check_gradients(case.loss, y=case.y, input_shape=case.outputs)
    assert check.passed, check


@every_loss
def test_a_weight_of_two_is_the_example_twice(case, rng):
    X = rng.standard_normal((5, 4))
    weighted, repeated = dense(case), dense(case)
    twice = [0, 1, 1, 2, 3, 3, 4]
    one = weighted.loss_and_gradients(X, case.y, sample_weight=[1, 2, 1, 2, 1])
    other = repeated.loss_and_gradients(X[twice], case.y[twice])
    assert one == pytest.approx(other, rel=1e-13)
    np.testing.assert_allclose(weighted.gradients, repeated.gradients, rtol=1e-10, atol=1e-15)


@every_loss
def test_weightless_batch_costs_nothing(case, rng):
    network = network_of(case)
    X, targets, _ = network.check(outputs(case, rng), case.y)
    cache = Cache(training=True, record=True)
    assert network.step(X, targets, cache, np.zeros(5)) == 0
    np.testing.assert_array_equal(cache["dX"], 0)


@every_loss
def test_float32_agrees_with_float64(case, rng):
    Z = outputs(case, rng).astype(np.float32)
    network, cache = network_of(case, np.float32), Cache(training=True, record=True)
    single = network.loss_and_gradients(Z, case.y, cache)
    double = network_of(case).loss_and_gradients(Z.astype(np.float64), case.y)
    assert single == pytest.approx(double, rel=2e-6)
    floats = {n: cache[n].dtype for n in cache if np.issubdtype(cache[n].dtype, np.floating)}
    assert set(floats.values()) == {np.dtype(np.float32)}, floats


@every_loss
def test_a_recording_cache_changes_no_bit(case, rng):
    X = rng.standard_normal((5, 4))
    network = dense(case)
    recorded = network.loss_and_gradients(X, case.y, Cache(training=True, record=True))
    gradients = network.gradients.copy()
    network.gradients.fill(np.nan)
    assert network.loss_and_gradients(X, case.y, Cache(training=True)) == recorded
    np.testing.assert_array_equal(network.gradients, gradients)


@every_loss
def test_batches_of_other_sizes_give_what_they_would_give_alone(case, rng):
    network, kept = dense(case), Cache(training=True)
    for rows in ([0, 1, 2, 3], [4], [3, 1], [0, 1, 2, 3, 4], [2, 0, 1]):
        X = rng.standard_normal((len(rows), 4))
        loss = network.loss_and_gradients(X, case.y[rows], kept)
        gradients = network.gradients.copy()
        assert network.loss_and_gradients(X, case.y[rows]) == loss
        np.testing.assert_array_equal(gradients, network.gradients)


@every_loss
def test_a_warm_step_allocates_nothing(case, rng):
    m = 128 * 1024
    network, cache = dense(case, np.float32), Cache(training=True)
    X, y, _ = network.check(
        rng.standard_normal((m, 4), np.float32), np.resize(case.y, (m, *case.y.shape[1:]))
    )
    w = rng.random(m, np.float32)
    for _ in range(2):
        network.step(X, y, cache, w)
    peak = peak_of(lambda: network.step(X, y, cache, w))
    # One byte per example would be too much; NumPy has a buffer of 8,192 numbers or indices.
    assert peak < 0.5 * m + np.getbufsize() * np.dtype(np.intp).itemsize


@every_loss
def test_copies_train_on(case, rng, tmp_path):
    network = dense(case)
    X = rng.standard_normal((5, 4))
    plainnet.save(network, tmp_path / "network.npz")
    copies = [
        pickle.loads(pickle.dumps(network)),
        copy.deepcopy(network),
        plainnet.load(tmp_path / "network.npz"),
    ]
    for one in (network, *copies):
        one.loss_and_gradients(X, case.y)
        SGD(0.1).update(one.parameters, one.gradients)
    for one in copies:
        np.testing.assert_array_equal(one.parameters, network.parameters)
        np.testing.assert_array_equal(one.predict(X), network.predict(X))


@every_loss
def test_a_description_rebuilds_it(case):
    other = rebuild(json.loads(json.dumps(case.loss.config())), EXPORTED)
    assert repr(other) == repr(case.loss) == repr(eval(repr(case.loss), dict(EXPORTED)))
    assert other.config() == case.loss.config()


@every_loss
def test_it_learns(case, rng):
    X = np.eye(5, 4) + 0.1 * rng.standard_normal((5, 4))
    network, before = dense(case), None
    for _ in range(3):
        history = train(
            network, X, case.y, optimizer=Adam(0.01), epochs=20, batch_size=5, progress=False
        )
        assert before is None or history["loss"][-1] < before
        before = history["loss"][-1]


# --- classes and probabilities --------------------------------------------------------------------

OF_IDS = [case for case in CASES if case.y.ndim == 1]
NUMBERS = [case for case in CASES if not case.loss.is_classifier]


@pytest.mark.parametrize("case", OF_IDS, ids=[case.id for case in OF_IDS])
def test_classes_are_counted_and_weighed(case, rng):
    X = rng.standard_normal((5, 4))
    by_class, by_sample = dense(case), dense(case)
    assert by_class.predict(X).dtype == np.intp
    scores = by_class.evaluate(X, case.y)
    assert scores["accuracy"] == np.mean(by_class.predict(X) == case.y)
    settings = {"epochs": 1, "batch_size": 2, "seed": 0, "progress": False}
    weights = np.where(case.y == 0, 3.0, 1.0)
    train(by_class, X, case.y, optimizer=SGD(0.1), class_weight={0: 3.0}, **settings)
    train(by_sample, X, case.y, optimizer=SGD(0.1), sample_weight=weights, **settings)
    np.testing.assert_array_equal(by_class.parameters, by_sample.parameters)


@pytest.mark.parametrize("case", NUMBERS, ids=[case.id for case in NUMBERS])
def test_numbers_have_no_accuracy_and_no_class_weights(case, rng):
    network, X = dense(case), rng.standard_normal((5, 4))
    assert list(network.evaluate(X, case.y)) == ["loss"]
    with pytest.raises(SettingError, match="class_weight needs classes"):
        train(
            network, X, case.y, optimizer=SGD(0.1), epochs=1, batch_size=2,
            class_weight="balanced", progress=False,
        )  # fmt: skip


@every_loss
def test_only_probabilities_are_given_as_such(case, rng):
    network, X = dense(case), rng.standard_normal((5, 4))
    if case.loss.gives_probabilities:
        P = network.predict_proba(X)
        assert P.shape == (5, case.outputs)
        assert ((P > 0) & (P < 1)).all()
    else:
        with pytest.raises(SettingError, match=r"does not give probabilities; use predict"):
            network.predict_proba(X)


# --- targets --------------------------------------------------------------------------------------


WITH_TARGETS = [case for case in CASES if case.loss.needs_targets]


@pytest.mark.parametrize("case", WITH_TARGETS, ids=[case.id for case in WITH_TARGETS])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda y: y[:-1],
        lambda y: y[..., None],
        lambda y: np.concatenate([y, y], axis=-1) if y.ndim == 2 else y[:, None],
        lambda y: y.astype(str),
        lambda y: y.astype(complex),
        lambda y: np.where(y == y.max(), np.nan, y),
        lambda y: np.where(y == y.max(), np.inf, y),
    ],
    ids=["a row short", "an axis more", "too wide", "text", "complex", "NaN", "infinity"],
)
def test_targets_that_cannot_be_learned_are_refused(case, spoil):
    with pytest.raises((ShapeError, DataError), match=r"targets|class ids|X has 5 rows"):
        network_of(case).loss_and_gradients(np.zeros((5, case.outputs)), spoil(case.y))


def test_real_targets_of_one_output_may_be_flat():
    y = real_targets([1, 2, 3], (1,), np.float32)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, [[1], [2], [3]])
    with pytest.raises(DataError, match="finite as float32"):
        real_targets([1e300], (1,), np.float32)


# --- a loss of one's own --------------------------------------------------------------------------


class Quartic(Loss):
    """Two methods, and nothing else."""

    def forward(self, Z, y, cache):
        cache["D"] = Z - y
        return (cache["D"] ** 4).sum(axis=1)

    def backward(self, cache):
        return 4 * cache["D"] ** 3


class WrongQuartic(Quartic):
    def backward(self, cache):
        return 3 * cache["D"] ** 3


class MeanQuartic(Quartic):
    def forward(self, Z, y, cache):
        return super().forward(Z, y, cache).mean()


class FlatQuartic(Quartic):
    def backward(self, cache):
        return super().backward(cache)[:, 0]


@pytest.mark.parametrize(("y", "outputs"), [(np.linspace(-1, 1, 5), 1), (np.ones((5, 3)), 3)])
def test_a_loss_of_ones_own_has_its_gradient_checked(y, outputs):
    assert check_gradients(Quartic(), y=y, input_shape=outputs).passed
    assert not check_gradients(WrongQuartic(), y=y, input_shape=outputs).passed
    network = Network(
        [Dense(4), Dense(outputs)], loss=Quartic(), input_shape=2, seed=0, dtype=np.float64
    )
    assert check_gradients(network, y=y).passed


def test_a_loss_of_ones_own_trains_and_predicts(rng, tmp_path):
    X = rng.standard_normal((40, 2))
    y = X @ [1.0, -2.0]
    network = Network([Dense(1)], loss=Quartic(), input_shape=2, seed=0, dtype=np.float64)
    history = train(
        network, X, y, optimizer=Adam(0.05), epochs=60, batch_size=10, seed=0, progress=False,
        validation_data=(X, y), sample_weight=np.ones(40),
    )  # fmt: skip
    assert history["val_loss"][-1] < 1e-3 * history["loss"][0]
    assert network.predict(X).shape == (40,)
    with pytest.raises(SettingError, match="does not give probabilities"):
        network.predict_proba(X)
    plainnet.save(network, tmp_path / "own.npz")
    other = plainnet.load(tmp_path / "own.npz", custom=[Quartic])
    np.testing.assert_array_equal(other.predict(X), network.predict(X))


def test_a_loss_of_ones_own_is_told_what_is_wrong():
    y = np.ones((5, 3))
    with pytest.raises(ShapeError, match=r"MeanQuartic\(\)\.forward must .* each example.*\(5,\)"):
        check_gradients(MeanQuartic(), y=y, input_shape=3)
    with pytest.raises(
        ShapeError, match=r"FlatQuartic\(\)\.backward must .* of Z, \(m, 3\); .*\(5,\)"
    ):
        check_gradients(FlatQuartic(), y=y, input_shape=3)
    with pytest.raises(ShapeError, match=r"\(m, 3\); got \(5,\)"):
        check_gradients(Quartic(), y=np.ones(5), input_shape=3)


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_a_loss_of_one_s_own_without_return_is_named(way):
    class Forgotten(MeanSquaredError):
        pass

    setattr(Forgotten, way, lambda self, *arguments: None)
    network = Network([Dense(2)], loss=Forgotten(), input_shape=3, seed=0)
    with pytest.raises(ShapeError, match=rf"Forgotten\(\)\.{way} must return"):
        network.loss_and_gradients(np.zeros((4, 3)), np.zeros((4, 2)))


def test_a_loss_of_one_s_own_that_writes_over_its_targets_is_named():
    class Writes(Loss):
        def forward(self, Z, y, cache):
            y -= Z
            return (y**2).sum(axis=1)

        def backward(self, cache):
            raise NotImplementedError

    network = Network([Dense(2)], loss=Writes(), input_shape=3, seed=0)
    X, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    for call in (network.evaluate, network.loss_and_gradients):
        with pytest.raises(SettingError, match=r"Writes\(\)\.forward writes over the array"):
            call(X, y)
    assert (y == 1).all()


class Weighted(MeanSquaredError):
    """One whose gradient comes as float64."""

    def backward(self, cache):
        return super().backward(cache) * np.array([1.0, 2.0])


class Constant(MeanSquaredError):
    """One whose gradient is an array of its own."""

    slope = np.ones((4, 2), np.float32)

    def backward(self, cache):
        return self.slope


@pytest.mark.parametrize(("loss", "mean"), [(Weighted(), None), (Constant(), 0.25)])
def test_the_gradient_of_a_loss_of_ones_own_is_not_written_over(loss, mean, rng):
    loss.build((2,))
    Z, y, cache = rng.standard_normal((4, 2)).astype(np.float32), np.zeros((4, 2), "f"), Cache()
    for _ in range(3):
        loss.mean(Z, y, cache)
        dZ = loss.mean_gradient(cache)
        assert dZ.dtype == np.float32
        wanted = Z * [0.25, 0.5] if mean is None else np.full((4, 2), mean)
        np.testing.assert_allclose(dZ, wanted, rtol=1e-6)
