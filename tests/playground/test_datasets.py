"""The playground's data: geometry by independent facts, splits, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from plainnet.errors import MissingExtraError, SettingError
from plainnet.playground import datasets
from plainnet.playground.choices import DATA
from plainnet.playground.datasets import examples_of
from plainnet.playground.settings import Settings
from plainnet.playground.training import Training

CLASSES = ("circle", "xor", "moons", "spirals", "gaussians")
SURFACES = ("plane", "waves", "hills")
BUNDLED = ("iris", "digits")
POINTS = ((-0.5, 0, 0), (0.5, 0, 1), (0.4, 0.1, 1))


def of(data, **changes):
    if data in BUNDLED:
        pytest.importorskip("sklearn", reason="the extra `sklearn` has these datasets")
    return examples_of(replace(Settings(), data=data, **changes))


def rows_of(examples):
    """The rows as a set, whatever their order."""
    return {(*x, y) for x, y in zip(examples.X.tolist(), examples.y.tolist(), strict=True)}


@pytest.mark.parametrize("data", [*CLASSES, *SURFACES, *BUNDLED])
def test_what_examples_are(data):
    examples = of(data)
    m, n = examples.X.shape
    assert examples.X.dtype == np.float32
    assert (len(examples.names), examples.points.shape, len(examples.y)) == (n, (m, 2), m)
    assert np.isfinite(examples.X).all()
    if data in SURFACES:
        assert (examples.classes, examples.y.dtype) == ((), np.float32)
    else:
        assert set(examples.y) == set(range(len(examples.classes)))
        for part in (examples.train, examples.test):
            assert set(part[1]) == set(examples.y)
    assert examples.n_train == pytest.approx(0.75 * m, abs=2 + len(examples.classes))
    assert (examples.points > examples.plane.low).all()
    assert (examples.points < examples.plane.high).all()


@pytest.mark.parametrize("data", [*CLASSES, *SURFACES, *BUNDLED])
def test_the_seed_decides_every_bit(data):
    one, again, other = of(data), of(data), of(data, data_seed=1)
    np.testing.assert_array_equal(one.X, again.X)
    np.testing.assert_array_equal(one.y, again.y)
    assert not np.array_equal(one.y, other.y)


@pytest.mark.parametrize("data", [*CLASSES, "waves", "drawn"])
def test_a_larger_share_for_testing_takes_more_rows_beside_the_same(data):
    drawn = tuple((k / 50, 0.1, k % 3) for k in range(50))
    small, large = (of(data, test_share=share, drawn=drawn) for share in (0.2, 0.5))
    assert rows_of(small) == rows_of(large)
    assert set(map(tuple, small.test[0])) < set(map(tuple, large.test[0]))


@pytest.mark.parametrize("data", CLASSES)
def test_noise_moves_points_and_nothing_else(data):
    still, noisy, twice = (of(data, noise=noise, points=2000) for noise in (0, 0.1, 0.2))
    np.testing.assert_array_equal(still.y, noisy.y)
    moved = noisy.points - still.points
    np.testing.assert_allclose(twice.points - still.points, 2 * moved, atol=1e-12)
    assert moved.std() == pytest.approx(0.03, rel=0.05)  # the same for all datasets
    assert np.abs(still.points).mean() < 1


@pytest.mark.parametrize("data", SURFACES)
def test_noise_of_surfaces_is_in_the_targets(data):
    still, noisy = (of(data, noise=noise, points=2000) for noise in (0, 0.5))
    np.testing.assert_array_equal(still.points, noisy.points)
    assert (noisy.y - still.y).std() == pytest.approx(0.15, rel=0.05)
    assert np.abs(still.y).max() <= 1.0001
    assert still.y.std() > 0.3


# --- geometry -------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
@pytest.mark.parametrize("data", ["spirals", "gaussians"])
def test_classes_are_balanced(data, classes):
    examples = of(data, classes=classes, points=100)
    assert examples.classes == tuple("01234"[:classes])
    counts = np.bincount(examples.y)
    assert counts.max() - counts.min() <= 1


def test_a_disc_within_a_ring():
    examples = of("circle", noise=0.0, points=2000)
    radius = np.hypot(*examples.points.T)
    inside, outside = radius[examples.y == 0], radius[examples.y == 1]
    assert len(inside) == len(outside) == 1000
    assert inside.max() < 0.5 < 0.65 < outside.min()
    assert outside.max() <= 1
    # Uniform over the disc: half of its points lie within the radius that halves its area.
    assert (inside < inside.max() / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.05)


def test_xor_by_quadrants():
    examples = of("xor", noise=0.0, points=400)
    x1, x2 = examples.points.T
    np.testing.assert_array_equal(examples.y, (x1 > 0) != (x2 > 0))
    quadrants = np.unique(np.sign(examples.points), axis=0, return_counts=True)[1]
    assert quadrants.tolist() == [100] * 4


def test_moons_are_half_circles_that_reach_into_each_other():
    examples = of("moons", noise=0.0)
    upper, lower = (examples.points[examples.y == k] for k in (0, 1))
    for half, center in ((upper, (-0.3, -0.15)), (lower, (0.3, 0.15))):
        np.testing.assert_allclose(np.hypot(*(half - center).T), 0.6)
    assert upper[:, 1].min() >= -0.15
    assert lower[:, 1].max() <= 0.15
    assert upper[:, 1].min() < lower[:, 1].max()
    assert upper[:, 0].max() > lower[:, 0].min()


def test_spirals_are_one_arm_turned():
    examples = of("spirals", noise=0.0, classes=5, points=500)
    radius = np.hypot(*examples.points.T)
    angle = np.arctan2(*examples.points.T[::-1])
    start = np.exp(1j * (angle - 1.5 * np.pi * radius))  # turned back by 0.75 of a turn
    np.testing.assert_allclose(start, np.exp(2j * np.pi * examples.y / 5), atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_network_learns_the_spirals(seed):
    settings = replace(Settings(), data_seed=seed, network_seed=seed)
    training = Training(settings, examples_of(settings))
    training.run(lambda: training.step >= 1000)
    assert training.network.evaluate(*training.examples.test)["accuracy"] >= 0.95


def test_gaussians_lie_around_a_circle():
    examples = of("gaussians", classes=4, noise=0.0, points=2000)
    for k in range(4):
        cloud = examples.points[examples.y == k]
        assert np.hypot(*cloud.mean(axis=0)) == pytest.approx(0.6, abs=0.03)
        assert cloud.std(axis=0) == pytest.approx([0.15, 0.15], rel=0.1)


def test_surfaces_by_their_symmetries():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 50))
    plane, waves, hills = (datasets.SURFACES[name] for name in SURFACES)
    assert plane(1, 1) == 1
    np.testing.assert_allclose(plane(a, b) + plane(-a, -b), 0, atol=1e-12)
    np.testing.assert_allclose(waves(a, b), waves(a + 1, b - 1), atol=1e-12)
    np.testing.assert_allclose(waves(a, b), -waves(-a, -b), atol=1e-12)
    np.testing.assert_allclose(hills(a, b), -hills(-a, b), atol=1e-12)
    np.testing.assert_allclose(hills(a, b), hills(-a, -b), atol=1e-12)
    assert hills(0.5, 0.5) > 0.9


# --- drawn points ---------------------------------------------------------------------------------


def test_few_drawn_points_are_all_for_training():
    examples = of("drawn", drawn=POINTS, classes=2)
    assert (examples.n_train, examples.test) == (3, None)
    assert examples.notes
    assert {(*p, k) for p, k in zip(examples.points.tolist(), examples.y, strict=True)} == {
        (float(a), float(b), k) for a, b, k in POINTS
    }


def test_drawn_classes_are_those_of_the_setting():
    assert of("drawn", drawn=POINTS, classes=4).classes == ("0", "1", "2", "3")


def test_many_drawn_points_are_split():
    drawn = tuple((k / 10, 0, k % 2) for k in range(10))
    assert of("drawn", drawn=drawn, classes=2).n_train == 8


def test_drawn_points_may_have_numbers_to_predict():
    drawn = tuple((k / 10, -k / 10, k / 8 - 0.5) for k in range(12))
    link = Settings(data="drawn", drawn=drawn, drawn_target="number", classes=2).to_link()
    settings = Settings.from_link(link)
    examples = examples_of(settings)
    assert (examples.classes, examples.n_train, examples.y.dtype) == ((), 9, np.float32)
    found = sorted(zip(examples.points[:, 0], examples.y, strict=True))
    np.testing.assert_allclose(found, sorted((u, t) for u, _, t in settings.drawn), atol=1e-6)
    with pytest.raises(SettingError, match="drawn_target must be one of class, number"):
        Settings.from_link("drawn_target=text")


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        ((), "draw at least two points; there are 0"),
        (POINTS[:1], "draw at least two points; there are 1"),
        ((*POINTS, (0, 0, 3)), "from 0 to 2; point 3 is of 3"),
        ((*POINTS, (0, 0, 0.5)), "point 3 is of 0.5"),
        ((*POINTS, (0, 0, -1)), "point 3 is of -1"),
    ],
)
def test_drawn_points_that_cannot_be(drawn, message):
    with pytest.raises(SettingError, match=message):
        of("drawn", drawn=drawn)


# --- features, iris and digits --------------------------------------------------------------------


def test_features_are_the_inputs_of_planar_data():
    examples = of("xor", features=("x1*x2", "x2"))
    assert examples.names == ("x1*x2", "x2")
    np.testing.assert_allclose(examples.X[:, 0], examples.points.prod(axis=1), atol=1e-6)


def test_iris():
    examples = of("iris", features=("x2",))
    assert examples.classes == ("setosa", "versicolor", "virginica")
    assert examples.names[0] == "sepal length (cm)"
    known = examples.train[0].astype(float)
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(known.std(axis=0), 1, rtol=1e-6)
    decomposition = pytest.importorskip("sklearn.decomposition")
    places = decomposition.PCA(2).fit(known).transform(examples.X)
    np.testing.assert_allclose(np.abs(examples.points), np.abs(places), atol=1e-5)


def test_the_plane_of_two_columns_of_iris_is_in_centimetres():
    columns = ("petal length (cm)", "sepal width (cm)")
    examples = of("iris", plane=columns)
    assert examples.plane.labels == columns
    assert examples.points.min(axis=0) == pytest.approx([1.0, 2.0])
    assert examples.points.max(axis=0) == pytest.approx([6.9, 4.4])


def test_an_unknown_column_is_named():
    with pytest.raises(SettingError, match="there is no input 'weight'; there are 'sepal length"):
        of("iris", plane=("weight", "sepal width (cm)"))
    with pytest.raises(SettingError, match=r"'pixel_1_1', \.\.\.$"):
        of("digits", plane=("a", "b"))


def test_digits_are_pictures():
    examples = of("digits")
    assert examples.X.shape == (1797, 64)
    assert examples.image_shape == (8, 8)
    assert examples.classes == tuple("0123456789")
    assert examples.train[0].std() == pytest.approx(1, rel=1e-4)
    assert "pixel" in examples.notes[0]


def test_a_missing_package_is_told(monkeypatch):
    def missing(name):
        raise MissingExtraError("plainnet needs sklearn")

    monkeypatch.setattr(datasets, "_load", missing)
    with pytest.raises(MissingExtraError):
        examples_of(replace(Settings(), data="iris"))


def test_some_examples_are_elsewhere():
    assert {*CLASSES, *SURFACES, *BUNDLED, "drawn", *datasets.ELSEWHERE} == set(DATA)
    with pytest.raises(SettingError, match="only in the page that the table was dropped into"):
        of("table")
