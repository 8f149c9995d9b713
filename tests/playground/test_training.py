"""One training: what is changed by hand, and that the settings decide every bit."""

from dataclasses import replace

import numpy as np
import pytest

from plainnet.errors import SettingError
from plainnet.playground.datasets import examples_of
from plainnet.playground.settings import Change, Settings
from plainnet.playground.training import Training

DEEP = "points=40&batch_size=8&layers=5-tanh-bn,4-relu-drop0.2,3"


def begun(link="", **changed):
    settings = Settings.from_link(link).with_changes(changed)
    return Training(settings, examples_of(settings))


def trained(training, steps):
    """Train to this step, however many epochs that takes."""
    while training.step < steps and not training.failed:
        training.run(lambda: training.step >= steps)
    return training


def state_of(training):
    vectors = training.optimizer.state
    return [
        training.network.parameters.tobytes(),
        training.network.state.tobytes(),
        *(vectors[name].tobytes() for name in sorted(vectors)),
        training.rng.bit_generator.state,
        training.step,
        training.epoch,
        training.settings,
    ]


def outputs(training):
    return training.network.predict_proba(training.examples.X)


def test_the_settings_decide_every_bit():
    one, other = (trained(begun(DEEP), 23) for _ in range(2))
    assert state_of(one) == state_of(other)
    assert state_of(one) != state_of(trained(begun(DEEP, network_seed=1), 23))


def test_steps_and_epochs():
    training = begun(DEEP, test_share=0.25)  # 30 rows in batches of 8
    assert training.steps_per_epoch == 4
    trained(training, 9)
    assert (training.step, training.epoch) == (9, 2)
    assert [training.past.at(step).left for step in range(10)] == [4, 3, 2, 1, 4, 3, 2, 1, 4, 3]
    assert [training.past.at(step).epoch for step in range(10)] == [0, 1, 1, 1, 1, 2, 2, 2, 2, 3]


@pytest.mark.parametrize("units", [(0, 4), (4, 0), (1, 3), (2, 2)])
def test_a_unit_that_moves_changes_nothing_but_its_place(units):
    training = trained(begun(DEEP), 11)
    before, first = outputs(training), state_of(training)
    start, end = units
    W = training.network["0.dense.W"].copy()
    last = training.past.at(11)
    training.change(Change(11, move=("0.dense", start, end)))
    np.testing.assert_allclose(outputs(training), before, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(training.network["0.dense.W"][end], W[start])
    amended = training.past.at(11)
    assert amended.parameters.tobytes() == training.network.parameters.tobytes()
    assert amended.state.tobytes() == training.network.state.tobytes()
    assert sorted(amended.gradients) == sorted(last.gradients)
    assert sorted(amended.update) == sorted(last.update)
    training.change(Change(11, move=("0.dense", end, start)))
    assert state_of(training) == first
    assert training.past.at(11).gradients.tobytes() == last.gradients.tobytes()


def test_a_unit_takes_its_gradient_and_its_statistics_along():
    training = trained(begun(DEEP), 11)
    names = ["1.batchnorm.running_mean", "1.batchnorm.running_variance"]
    before = [training.network.state_tensors[name].copy() for name in names]
    gradient = training.network.gradient_tensors["0.dense.W"].copy()
    training.change(Change(11, move=("0.dense", 0, 2)))
    for name, values in zip(names, before, strict=True):
        moved = training.network.state_tensors[name]
        np.testing.assert_array_equal(moved, values[[1, 2, 0, 3, 4]])
    moved = training.network.gradient_tensors["0.dense.W"]
    np.testing.assert_array_equal(moved, gradient[[1, 2, 0, 3, 4]])


def test_a_unit_that_has_moved_goes_on_learning_as_it_did():
    """Without dropout, whose random numbers belong to places, only rounding differs."""
    link = "points=40&batch_size=8&layers=5-tanh-bn,4-tanh&optimizer=momentum"
    one, other = (trained(begun(link), 11) for _ in range(2))
    other.change(Change(11, move=("0.dense", 0, 3)))
    other.change(Change(11, move=("3.dense", 2, 0)))
    for training in (one, other):
        trained(training, 20)
    np.testing.assert_allclose(outputs(one), outputs(other), rtol=1e-3, atol=1e-4)


def test_a_unit_that_is_removed_takes_only_its_own_numbers_away():
    training = trained(begun(DEEP), 11)
    network = training.network
    moments = {name: each.copy() for name, each in training.optimizer.state.items()}
    before = {name: view.copy() for name, view in network.tensors.items()}
    state = {name: view.copy() for name, view in network.state_tensors.items()}
    gradient = network.gradient_tensors["0.dense.W"].copy()
    without = {**dict.fromkeys(before), "0.dense.W": 0, "0.dense.b": 0, "3.dense.W": 1}
    without |= {"1.batchnorm.gamma": 0, "1.batchnorm.beta": 0}
    network["3.dense.W"][:, 2] = 0  # so that nothing reads it
    before["3.dense.W"] = network["3.dense.W"].copy()
    said = outputs(training)
    assert training.change(Change(11, remove=("0.dense", 2)))
    network = training.network
    for name, axis in without.items():
        kept = before[name] if axis is None else np.delete(before[name], 2, axis)
        np.testing.assert_array_equal(network[name], kept, err_msg=name)
    for name, values in state.items():
        kept = np.delete(values, 2) if name.startswith("1.") else values
        np.testing.assert_array_equal(network.state_tensors[name], kept, err_msg=name)
    np.testing.assert_allclose(outputs(training), said, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        network.gradient_tensors["0.dense.W"], np.delete(gradient, 2, axis=0)
    )
    for name, moment in training.optimizer.state.items():
        assert moment.shape == network.parameters.shape
        assert set(moment) <= set(moments[name])
    assert [layer.units for layer in training.settings.layers] == [4, 4, 3]
    assert [layer.units for layer in training.layers_at(10)] == [5, 4, 3]
    assert training.past.at(10).network["0.dense.W"].shape == (5, 2)
    assert training.past.at(11).parameters.tobytes() == network.parameters.tobytes()
    again = begun(DEEP, changes=[{"step": 0, "remove": ["6.dense", 0]}])
    assert again.network["8.dense.W"].shape == (3, 2)


def test_an_edit_is_recorded():
    training = trained(begun(DEEP), 5)
    training.change(Change(5, edit=("0.dense.W", (3, 1), 0.3)))
    assert training.network["0.dense.W"][3, 1] == np.float32(0.3)
    assert training.past.at(5).parameters.tobytes() == training.network.parameters.tobytes()
    assert training.until(5).changes == (Change(5, edit=("0.dense.W", (3, 1), 0.3)),)
    assert training.until(4).changes == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change(0, edit=("1.dense.W", (0, 0), 1.0)), "there is no tensor '1.dense.W'; the network"),
        (Change(0, edit=("0.dense.W", (0,), 1.0)), r"the shape \(5, 2\); got the index \(0,\)"),
        (Change(0, edit=("0.dense.W", (0, 2), 1.0)), r"the shape \(5, 2\); got the index \(0, 2\)"),
        (Change(0, move=("9.dense", 0, 1)), "units move within 0.dense, 3.dense, 6.dense; got"),
        (Change(0, move=("0.dense", 0, 5)), "0.dense has the units 0 to 4; got 5"),
        (Change(0, move=("0.dense", 7, 0)), "0.dense has the units 0 to 4; got 7"),
        (Change(0, remove=("7.dense", 0)), "units can be removed from 0.dense, 3.dense, 6.dense;"),
        (Change(0, remove=("0.dense", 5)), "0.dense has the units 0 to 4; got 5"),
    ],
    ids=str,
)
def test_what_the_network_does_not_have(change, message):
    training = begun(DEEP)
    before = state_of(training)
    with pytest.raises(SettingError, match=message):
        training.change(change)
    assert state_of(training) == before
    assert not training.made
    late = replace(change, step=70)
    with pytest.raises(SettingError, match=message):
        begun(DEEP + f"&changes={late}")


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle", "step", "exponential"])
def test_a_learning_rate_that_is_changed_during_a_schedule_stays(schedule):
    training = begun(DEEP, schedule=schedule, epochs=5)

    def change_once():
        if training.step == 6 and not training.made:
            return training.change(Change(6, settings={"learning_rate": 0.5}))
        return training.step >= 7

    training.run(change_once)
    training.run(change_once)
    fresh = begun(DEEP, schedule=schedule, epochs=5, learning_rate=0.5)
    trained(fresh, 1)
    assert training.optimizer.learning_rate == fresh.optimizer.learning_rate == 0.5


def test_settings_that_change_begin_an_epoch():
    training = trained(begun(DEEP, test_share=0), 7)
    training.change(Change(7, settings={"batch_size": 20}))
    assert training.past.at(7).left == training.steps_per_epoch == 2
    assert training.past.at(7).gradients.any()
    trained(training, 9)
    assert (training.step, training.epoch) == (9, 2)


def test_a_learning_rate_of_zero_with_a_schedule():
    training = begun(DEEP, learning_rate=0, schedule="cosine", optimizer="sgd")
    first = training.network.parameters.copy()
    trained(training, 5)
    assert training.step == 5
    assert not training.failed
    np.testing.assert_array_equal(training.network.parameters, first)


def test_a_training_that_diverges_fails_with_a_sentence():
    training = begun(DEEP, optimizer="sgd", learning_rate=1000, loss="cross_entropy", epochs=50,
                     layers=[{"units": 8, "activation": "identity"}] * 4)  # fmt: skip
    trained(training, 1000)
    assert "the loss" in training.failed or "parameter" in training.failed
    assert "the network is back" not in training.failed  # the page shows where it diverged
    assert training.verdicts
    assert trained(training, 2000).step < 1000
