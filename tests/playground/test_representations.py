"""Representations: what a layer makes of the examples, as points of a plane."""

import numpy as np
import pytest

from plainnet.playground.building import network_of
from plainnet.playground.datasets import examples_of
from plainnet.playground.representations import in_a_plane
from plainnet.playground.settings import Settings

LINK = "points=60&layers=6-tanh,2-relu"


@pytest.fixture
def H():
    rng = np.random.default_rng(3)
    return rng.standard_normal((50, 7)) @ np.diag([5, 3, 2, 1, 1, 0.5, 0.1]) + 4


def test_points_are_the_principal_components(H):
    pca = pytest.importorskip("sklearn.decomposition", reason="the extra `sklearn`").PCA(2)
    expected = pca.fit_transform(H)
    points, share = in_a_plane(H)
    signs = np.sign((points * expected).sum(axis=0))
    np.testing.assert_allclose(points * signs, expected, rtol=0, atol=1e-10)
    assert share == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-10)


def test_points_turn_to_where_they_were(H):
    rng = np.random.default_rng(1)
    before, _ = in_a_plane(H)
    angle = 2.0
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turned = before @ turn * [1, -1]  # which mirrors as well
    again, _ = in_a_plane(H, turned)
    np.testing.assert_allclose(again, turned, rtol=0, atol=1e-10)
    moved, _ = in_a_plane(H + 0.01 * rng.standard_normal(H.shape), turned)
    assert np.abs(moved - turned).max() < 0.1


def test_more_units_than_rows_give_the_same_points(H):
    wide = H @ np.random.default_rng(2).standard_normal((7, 60))
    points, share = in_a_plane(wide)
    centred = wide - wide.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    signs = np.sign((points * expected).sum(axis=0))
    np.testing.assert_allclose(points * signs, expected, rtol=0, atol=1e-9)
    assert share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), rel=1e-10)
    assert in_a_plane(wide[:1])[0].shape == (1, 2)


def test_few_units_are_drawn_as_they_are(H):
    np.testing.assert_array_equal(in_a_plane(H[:, :2])[0], H[:, :2])
    np.testing.assert_array_equal(in_a_plane(H[:, :1])[0], np.stack([H[:, 0], 0 * H[:, 0]], axis=1))
    assert in_a_plane(np.full((4, 3), np.nan))[1] == 0
    assert in_a_plane(np.ones((4, 3))) == (pytest.approx(np.zeros((4, 2))), 1)


@pytest.mark.parametrize("step", [7, 3])
def test_a_page_is_told_of_the_step_that_it_looks_at(open_page, step):
    page = open_page(LINK)
    page.train(steps=7)
    page.ask("show", step=step)
    sent = {}
    send = page.session.send
    page.session.send = lambda content, buffers: (
        sent.update({content["is"]: (content, buffers)}),
        send(content, buffers),
    )
    page.ask("represent", layer="2.dense")
    content, (points,) = sent["representation"]
    assert (content["step"], content["units"]) == (step, 2)

    settings = Settings.from_link(LINK)
    network, X = network_of(settings, examples_of(settings)), examples_of(settings).X
    network.parameters[:] = page.session.training.past.at(step).parameters
    first = np.tanh(X @ network["0.dense.W"].T + network["0.dense.b"])
    second = np.maximum(first @ network["2.dense.W"].T + network["2.dense.b"], 0)
    np.testing.assert_allclose(points, second, rtol=0, atol=1e-6)


def test_layers_that_there_are(open_page):
    page = open_page(LINK)
    page.ask("represent", layer="9.dense")
    assert page.refusals() == [
        "representations are those of inputs, 0.dense, 2.dense, 4.dense; got '9.dense'"
    ]
    page.ask("represent", layer="inputs")
    assert page.last("representation")["share"] == 1
