"""What each unit gives where one points, held to NumPy and finite differences."""

import numpy as np
import pytest

LINK = "points=60&layers=5-tanh,4-tanh-bn"
STEPS = 7


@pytest.fixture
def page(open_page):
    page = open_page(LINK)
    page.train(steps=STEPS)
    return page


def probed(page, **fields):
    page.ask("probe", **fields)
    assert page.refusals() == []
    return page.last("probe")


def network_of(page):
    return page.session.training.network


def forward(network, X):
    """The outputs of both hidden layers, and the probabilities, in float64."""
    t = {name: value.astype(np.float64) for name, value in network.tensors.items()}
    state = network.state_tensors
    first = np.tanh(X @ t["0.dense.W"].T + t["0.dense.b"])
    Z = first @ t["2.dense.W"].T + t["2.dense.b"]
    mean, variance = (state[f"3.batchnorm.running_{name}"] for name in ("mean", "variance"))
    Z = t["3.batchnorm.gamma"] * (Z - mean) / np.sqrt(variance + 1e-5) + t["3.batchnorm.beta"]
    second = np.tanh(Z)
    powers = np.exp(second @ t["5.dense.W"].T + t["5.dense.b"])
    return first, second, powers / powers.sum(axis=1, keepdims=True)


def test_a_point_has_the_value_of_every_unit(page):
    found = probed(page, point=[0.3, -0.2])
    assert (found["step"], found["gradients"], found["are_probabilities"]) == (STEPS, None, True)
    expected = forward(network_of(page), np.array([[0.3, -0.2]]))
    for values, Y in zip(found["values"], expected, strict=True):
        np.testing.assert_allclose(values, Y[0], rtol=0, atol=1e-4)


def test_without_a_point_the_values_are_root_mean_squares(page):
    X, _ = page.session.training.examples.train
    expected = forward(network_of(page), X)
    for values, Y in zip(probed(page)["values"], expected, strict=True):
        np.testing.assert_allclose(values, np.sqrt((Y**2).mean(axis=0)), rtol=0, atol=1e-4)


def test_an_example_has_the_gradients_of_its_own_loss(page):
    network, examples = network_of(page), page.session.training.examples
    before = network.gradients.copy()
    row = 3
    found = probed(page, row=row)
    _, second, P = forward(network, examples.X[row : row + 1])
    dZ = P[0] - np.eye(3)[examples.y[row]]
    np.testing.assert_allclose(found["gradients"][-1], dZ, rtol=0, atol=1e-5)
    W, b = (network.tensors[f"5.dense.{name}"].astype(np.float64) for name in "Wb")

    def loss(A):
        Z = W @ A + b
        return np.log(np.exp(Z).sum()) - Z[examples.y[row]]

    steps = 1e-6 * np.eye(4)
    slopes = [(loss(second[0] + e) - loss(second[0] - e)) / 2e-6 for e in steps]
    np.testing.assert_allclose(found["gradients"][1], slopes, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(network.gradients, before)


def test_an_earlier_step_is_probed_as_it_was(page):
    page.ask("show", step=3)
    first = probed(page, point=[0, 0])
    other = page.session.training.past.at(3).parameters
    assert first["step"] == 3
    assert not np.array_equal(other, network_of(page).parameters)
    page.ask("show", step=STEPS)
    assert probed(page, point=[0, 0])["values"] != first["values"]


def test_what_cannot_be_probed(page):
    page.ask("probe", row=60)
    page.ask("probe", row=1, point=[0, 0])
    assert page.refusals() == [
        "there are 60 examples; there is no row 60",
        "probe takes a row or a point; got both",
    ]
