"""Augmentation against SciPy's resampling and slices by hand; training sees it, validation not."""

import numpy as np
import pytest
from scipy import ndimage

from plainnet import Network, train
from plainnet.augmentation import Crop, Erase, Flip, Rotate, Shift
from plainnet.errors import PlainnetError, SettingError
from plainnet.layers import Dense, Flatten
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import SGD

ALL = [Shift(2), Flip(), Erase(4), Crop(0.3), Rotate(15)]
every = pytest.mark.parametrize("transform", ALL, ids=repr)


@pytest.fixture
def X():
    return np.random.default_rng(0).random((40, 9, 8, 2)).astype(np.float32) + 1


def fresh():
    return np.random.default_rng(7)


@every
def test_it_returns_new_images_of_the_same_kind(transform, X):
    kept = X.copy()
    changed = transform(X, fresh())
    assert changed.shape == X.shape
    assert changed.dtype == X.dtype
    assert not np.shares_memory(changed, X)
    np.testing.assert_array_equal(X, kept)
    different = (changed != X).reshape(len(X), -1).any(axis=1)
    assert different.mean() > 0.3
    np.testing.assert_array_equal(transform(X, fresh()), changed)


def test_a_shift_moves_whole_images_and_fills_with_zeros(X):
    moves = set()
    for image, moved in zip(X, Shift(2)(X, fresh()), strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
        found = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if np.array_equal(padded[down : down + 9, right : right + 8], moved)
        ]
        assert len(found) == 1
        moves.add(found[0])
    assert len(moves) > 12


def test_a_shift_fills_with_what_it_is_told(X):
    for fill in (0.5, [0.5, 0.25]):
        filled, zeros = Shift(2, fill)(X, fresh()), Shift(2)(X, fresh())
        outside = zeros == 0
        np.testing.assert_array_equal(filled[~outside], zeros[~outside])
        expected = np.broadcast_to(np.array(fill, np.float32), X.shape)
        np.testing.assert_array_equal(filled[outside], expected[outside])
    with pytest.raises(PlainnetError, match="3 numbers for 2 channels"):
        Shift(2, [0, 0, 0])(X, fresh())
    with pytest.raises(SettingError, match="fill"):
        Shift(2, "black")


def test_half_of_the_images_are_mirrored(X):
    flipped = Flip()(X, fresh())
    mirrored = [np.array_equal(a[:, ::-1], b) for a, b in zip(X, flipped, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(X, flipped, strict=True)]
    assert sum(mirrored) + sum(same) == 40
    assert 10 < sum(mirrored) < 30


def test_one_square_is_erased(X):
    zero = Erase(4)(X, fresh()) == 0
    for erased in zero:
        assert (erased[..., 0] == erased[..., 1]).all()
        rows, columns = np.flatnonzero(erased.any((1, 2))), np.flatnonzero(erased.any((0, 2)))
        assert erased.sum() == 2 * len(rows) * len(columns)  # a rectangle
        assert 2 <= len(rows) <= 4  # less than 4 at an edge
        assert 2 <= len(columns) <= 4


def test_a_rotation_is_scipys(X):
    """The angles are drawn as the class draws them; the sampling is SciPy's."""
    angles = fresh().uniform(-15, 15, len(X))
    for image, turned, angle in zip(X, Rotate(15)(X, fresh()), angles, strict=True):
        expected = ndimage.rotate(image, angle, order=1, reshape=False, mode="grid-constant")
        np.testing.assert_allclose(turned, expected, rtol=1e-4, atol=1e-4)


def test_a_crop_is_a_window_of_the_image(X):
    ramp = np.broadcast_to(np.arange(64.0)[:, None, None], (30, 64, 64, 1)).copy()
    for cropped in Crop(0.5)(ramp, fresh()):
        inner = cropped[3:-3, 5, 0]
        step = np.diff(inner)
        assert 0.5 <= step.mean() <= 1
        np.testing.assert_allclose(step, step.mean(), rtol=1e-9)  # a line stays a line
        assert 0 <= inner.min()
        assert inner.max() <= 63


@pytest.mark.parametrize(
    "make", [lambda: Shift(0), lambda: Crop(1.0), lambda: Rotate(-3), lambda: Erase(1.5)]
)
def test_settings_are_checked(make):
    with pytest.raises(SettingError):
        make()


@every
def test_what_are_no_images_is_refused(transform):
    with pytest.raises(PlainnetError, match=r"\(m, height, width, channels\).*\(5, 4\)"):
        transform(np.zeros((5, 4)), fresh())


def test_a_shift_out_of_sight_is_refused(X):
    with pytest.raises(PlainnetError, match="9 x 8 out of sight"):
        Shift(8)(X, fresh())


# --- in training ----------------------------------------------------------------------------------


def classifier():
    return Network([Flatten(), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=(9, 8, 2), seed=0)


def settings():
    return {"optimizer": SGD(0.01), "epochs": 2, "progress": False, "seed": 0}


def test_training_sees_augmented_batches_and_validation_the_images(X):
    y = np.arange(40) % 3
    seen = []

    def double(batch, rng):
        seen.append(batch.copy())
        return batch * 2

    by_hand, augmented = classifier(), classifier()
    train(by_hand, X * 2, y, batch_size=16, validation_data=(X, y), **settings())
    history = train(
        augmented, X, y, batch_size=16, validation_data=(X, y), augment=[double], **settings()
    )
    assert len(seen) == 6
    np.testing.assert_allclose(augmented.parameters, by_hand.parameters, rtol=1e-6)
    assert history["val_loss"][-1] == pytest.approx(augmented.evaluate(X, y)["loss"])


def test_floats_of_another_size_are_converted(X):
    y = np.arange(40) % 3
    by_hand, augmented = classifier(), classifier()
    train(by_hand, X * np.float32(1.5), y, batch_size=16, **settings())
    train(
        augmented, X, y, batch_size=16, augment=[lambda X, rng: X * np.array([1.5])], **settings()
    )
    assert augmented.dtype == np.float32
    np.testing.assert_array_equal(augmented.parameters, by_hand.parameters)


def test_batches_of_somebody_else_stay_as_they_are(X):
    y = np.arange(40) % 3
    kept = X.copy()
    train(classifier(), [(X, y)], augment=ALL, **settings())
    np.testing.assert_array_equal(X, kept)


def test_the_same_seed_gives_the_same_training(X):
    y = np.arange(40) % 3
    one, other = classifier(), classifier()
    for network in (one, other):
        train(network, X, y, batch_size=16, augment=ALL, **settings())
    np.testing.assert_array_equal(one.parameters, other.parameters)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda X, rng: X[:, :-1], r"returned float32 of shape \(16, 8, 8, 2\)"),
        (lambda X, rng: X.astype(np.int64), "returned int64"),
        ("flip", "augment must be"),
    ],
)
def test_what_an_augmentation_must_not_do(X, wrong, message):
    y = np.arange(40) % 3
    with pytest.raises(PlainnetError, match=message):
        train(classifier(), X, y, batch_size=16, augment=[wrong], **settings())
