"""The recorded steps: the last is always there, and a full memory keeps every second."""

import numpy as np
import pytest

from plainnet import Network
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError
from plainnet.playground.past import Past

ARRAYS = "parameters", "gradients", "update"


@pytest.fixture
def network():
    return Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)


def recorded(network, steps, most_bytes):
    """A past in which the first parameter is the step, and the gradient's minus the step."""
    past = Past(most_bytes)
    for step in range(steps + 1):
        network.parameters[0], network.gradients[0] = step, -step
        past.add(network, step, 0, 1)
    return past


@pytest.mark.parametrize("most", [2, 3, 7, 50])
@pytest.mark.parametrize("steps", [0, 1, 2, 5, 49, 200])
def test_a_full_memory_keeps_every_second(network, most, steps):
    size = 3 * network.parameters.nbytes  # the network has no running state
    past = recorded(network, steps, most * size)
    assert 1 <= len(past) <= most
    assert sum(each.nbytes for each in past.records.values()) <= most * size
    assert sorted(past.records) == list(range(0, steps + 1, past.every))
    for step in range(steps + 1):
        found = past.at(step)
        assert found.step == (step if step == steps else step // past.every * past.every)
        assert found.parameters[0] == found.step
    assert past.at(10**6).step == steps


def test_the_bound_holds_for_records_of_a_larger_network_too(network):
    large = Network([Dense(20)], loss=MeanSquaredError(), input_shape=3, seed=0)
    past = Past(10 * 3 * large.parameters.nbytes)
    for step in range(200):
        if step == 9:  # as after a unit has been removed by hand
            past.amend(network=network, **{name: network.parameters.copy() for name in ARRAYS})
        past.add(large if step < 9 else network, step, 0, 1)
        assert sum(each.nbytes for each in past.records.values()) <= past.most_bytes


def test_gradients_and_update_are_those_of_the_step(network):
    past = recorded(network, 3, 10**6)
    assert not past.at(0).gradients.any()
    assert not past.at(0).update.any()
    assert past.at(2).gradients[0] == -2
    np.testing.assert_array_equal(past.at(2).update, [1, 0, 0, 0, 0, 0, 0, 0])


def test_a_change_by_hand_replaces_the_last_record_and_is_no_update(network):
    past = recorded(network, 3, 10**6)
    network.parameters[1] = 50
    past.amend(parameters=network.parameters.copy())
    assert past.at(3).parameters[1] == 50
    assert past.at(3).gradients[0] == -3
    network.parameters[0] = 4
    past.add(network, 4, 0, 1)
    assert past.at(4).update.tolist()[:2] == [1, 0]
    assert past.records[3] is past.at(3)


def test_records_do_not_change_with_the_network(network):
    past = recorded(network, 1, 10**6)
    network.parameters[:] = network.gradients[:] = 9
    assert past.at(1).parameters[0] == 1
    assert past.at(1).gradients[0] == -1
