"""ImageClassifier: images as they come, alone and in scikit-learn's company."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import plainnet
from plainnet.augmentation import Erase, Shift
from plainnet.callbacks import Callback
from plainnet.errors import DataError, FileError, PlainnetError, SettingError, ShapeError
from plainnet.estimators import ImageClassifier
from plainnet.estimators.images import Pixels
from plainnet.estimators.images.recipe import PRESETS
from plainnet.estimators.images.resizing import resized

QUICK = {"preset": "fast", "epochs": 6, "random_state": 0}


def stripes(n=80, height=10, width=12, channels=None, seed=0):
    """Images of horizontal and vertical stripes, as bytes, and which they are."""
    rng = np.random.default_rng(seed)
    y = np.array(["across", "down"] * (n // 2))
    X = rng.integers(0, 120, (n, height, width), dtype=np.uint8)
    for image, label in zip(X, y, strict=True):
        lines = image if label == "across" else image.T
        lines[rng.integers(2) :: 2] += 120
    if channels:
        X = np.repeat(X[..., None], channels, axis=3)
        X[..., 0] //= 2
    return X, y


@pytest.fixture(scope="module")
def model():
    return ImageClassifier(**QUICK).fit(*stripes())


# --- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_images_are_learned(preset):
    X, y = stripes()
    model = ImageClassifier(preset, epochs=8, random_state=0).fit(X[:60], y[:60])
    assert model.score(X[60:], y[60:]) > 0.9
    P = model.predict_proba(X[60:])
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    assert list(model.classes_) == ["across", "down"]


def test_digits_are_learned():
    data = load_digits()
    X, X_test, y, y_test = train_test_split(
        data.images, data.target, test_size=0.2, stratify=data.target, random_state=0
    )
    model = ImageClassifier("fast", epochs=8, random_state=0).fit(X, y)
    assert model.score(X_test, y_test) > 0.95


def test_colours_are_learned():
    """Two classes of the same brightness."""
    X = np.full((60, 9, 9, 3), 40, np.uint8)
    y = np.arange(60) % 2
    X[y == 0, ..., 0] = 200
    X[y == 1, ..., 2] = 200
    model = ImageClassifier(**QUICK).fit(X, y)
    assert model.pixels_.channels == 3
    assert model.score(X, y) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3), (5, 5), (13, 31), (40, 33), (70, 20)])
@pytest.mark.parametrize("preset", PRESETS)
def test_any_shape_has_a_network(preset, shape):
    X = np.random.default_rng(0).integers(0, 255, (24, *shape)).astype(float)
    model = ImageClassifier(preset, epochs=1, random_state=0).fit(X, np.arange(24) % 3)
    assert model.predict_proba(X).shape == (24, 3)


def test_several_labels_to_an_image():
    X, y = stripes()
    several = np.column_stack([y == "across", y == "down", np.ones(len(y))]).astype(int)
    model = ImageClassifier(**QUICK).fit(X, several)
    assert model.predict(X).shape == (80, 3)


def test_the_best_epoch_is_kept():
    class Snapshots(Callback):
        def __init__(self):
            self.parameters = []

        def end_epoch(self, run):
            self.parameters.append(run.network.parameters.copy())

    snapshots = Snapshots()
    rng = np.random.default_rng(0)
    X, y = rng.random((60, 6, 6)), rng.integers(0, 2, 60)  # nothing to learn: it gets worse
    settings = QUICK | {"epochs": 12, "callbacks": [snapshots]}
    model = ImageClassifier(**settings).fit(X, y)
    assert model.best_epoch_ == int(np.argmin(model.history_["val_refined_loss"])) < 11
    kept = snapshots.parameters[model.best_epoch_]
    np.testing.assert_array_equal(model.network_.parameters, kept)
    impatient = ImageClassifier(**settings | {"patience": 1}).fit(X, y)
    assert impatient.n_iter_ < 12


def test_given_images_choose_the_epoch_and_the_temperature():
    X, y = stripes()
    given = {"X_val": X[60:], "y_val": y[60:]}
    wrong = {"X_val": X[60:], "y_val": np.where(y[60:] == "down", "across", "down")}
    right = ImageClassifier(**QUICK).fit(X[:60], y[:60], **given)
    other = ImageClassifier(**QUICK).fit(X[:60], y[:60], **wrong)
    assert right.history_["loss"] == other.history_["loss"]
    assert right.temperature_ < other.temperature_
    none = ImageClassifier(**QUICK, validation_fraction=0).fit(X[:60], y[:60])
    assert "val_loss" not in none.history_
    assert none.temperature_ == 1


def test_weights():
    X, y = stripes()
    weights = np.ones(80)
    weights[40:] = 0
    weighted = ImageClassifier(**QUICK).fit(X, y, sample_weight=weights)
    without = ImageClassifier(**QUICK).fit(X[:40], y[:40], sample_weight=weights[:40])
    np.testing.assert_array_equal(weighted.predict_proba(X), without.predict_proba(X))
    doubtful = np.where(np.random.default_rng(0).random(80) < 0.4, "down", "across")
    shares = [
        np.mean(ImageClassifier(**QUICK, class_weight=w).fit(X, doubtful).predict(X) == "down")
        for w in (None, {"down": 20.0})
    ]
    assert shares[1] > shares[0] + 0.2


def test_the_same_seed_gives_the_same_model(model):
    X, y = stripes()
    again = ImageClassifier(**QUICK).fit(X, y)
    np.testing.assert_array_equal(again.network_.parameters, model.network_.parameters)
    other = ImageClassifier(**QUICK | {"random_state": 1}).fit(X, y)
    assert not np.array_equal(other.network_.parameters, model.network_.parameters)


def test_ctrl_c_keeps_what_was_learned():
    class CtrlC(Callback):
        def end_epoch(self, run):
            run.interrupt("Ctrl-C")

    X, y = stripes()
    with pytest.warns(UserWarning, match="interrupted"):
        model = ImageClassifier(**QUICK, callbacks=[CtrlC()]).fit(X, y)
    assert model.n_iter_ == 1
    assert model.predict(X).shape == (80,)


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_every_class_once():
    X, _ = stripes(12)
    model = ImageClassifier(**QUICK).fit(X, np.arange(12))
    assert model.temperature_ == 1  # nothing was held out to fit it to
    assert model.predict_proba(X).shape == (12, 12)


def test_training_moves_and_mirrors_images():
    seen = []

    def look(X, rng):
        seen.append(X.copy())
        return X

    X, y = stripes(40)
    X[:] = 7
    X[:, 4, 5] = 255
    settings = QUICK | {"epochs": 2, "validation_fraction": 0, "augment": [look]}
    ImageClassifier(**settings).fit(X, y)
    places = {tuple(np.argwhere(image[..., 0] > 0)[0]) for image in np.concatenate(seen)}
    assert places == {(4 + i, 5 + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert len(np.unique(np.concatenate(seen))) == 2  # what comes in has the border's colour
    seen.clear()
    ImageClassifier(**settings, shift=0, flip=True).fit(X, y)
    places = {tuple(np.argwhere(image[..., 0] > 0)[0]) for image in np.concatenate(seen)}
    assert places == {(4, 5), (4, 6)}


# --- predictions ----------------------------------------------------------------------------------


def test_a_prediction_does_not_depend_on_the_images_beside_it(model):
    X, _ = stripes(200, seed=1)
    P = model.predict_proba(X)
    order = np.random.default_rng(0).permutation(200)
    np.testing.assert_array_equal(model.predict_proba(X[order]), P[order])
    for i in range(0, 200, 7):
        np.testing.assert_array_equal(model.predict_proba(X[i : i + 1]), P[i : i + 1])
        np.testing.assert_array_equal(model.predict_proba(X[i : i + 3]), P[i : i + 3])


def test_the_form_of_an_image_does_not_matter(model):
    X, _ = stripes(20, seed=1)
    P = model.predict_proba(X)
    for same in (
        X.astype(float), X.astype(np.int32), X[..., None], list(X), tuple(X), X.tolist(),
        np.repeat(X[..., None], 3, axis=3), [*X[:5, :, :, None], *X[5:].astype(np.float32)],
    ):  # fmt: skip
        np.testing.assert_array_equal(model.predict_proba(same), P)
    assert model.predict(X[:1]).shape == (1,)


# --- with scikit-learn ----------------------------------------------------------------------------


def test_searches_pipelines_and_copies(model):
    X, y = stripes()
    again = clone(model)
    assert again.get_params() == model.get_params()
    assert not hasattr(again, "network_")
    assert len(cross_val_score(ImageClassifier(**QUICK), list(X), y, cv=2)) == 2
    search = GridSearchCV(ImageClassifier(**QUICK), {"shift": [0, 1]}, cv=2).fit(X, y)
    assert search.best_params_["shift"] in (0, 1)
    negative = make_pipeline(FunctionTransformer(lambda X: 255 - X), ImageClassifier(**QUICK))
    assert negative.fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("copied", ["pickle", "deepcopy", "file"])
def test_copies_predict_the_same(model, copied, tmp_path):
    X, y = stripes()
    if copied == "file":
        plainnet.save(model, tmp_path / "model.skops")
        copy = plainnet.load(tmp_path / "model.skops")
    else:
        copy = deepcopy(model) if copied == "deepcopy" else pickle.loads(pickle.dumps(model))
    assert type(copy) is ImageClassifier
    small = resized(X[..., None], (8, 9))
    for images in (X, small):
        np.testing.assert_array_equal(copy.predict_proba(images), model.predict_proba(images))
    np.testing.assert_array_equal(copy.fit(X, y).network_.parameters, model.network_.parameters)


def test_augmentation_is_saved(tmp_path):
    X, y = stripes()
    model = ImageClassifier(**QUICK, augment=[Erase(3), Shift(2, [0.5])]).fit(X, y)
    plainnet.save(model, tmp_path / "model.skops")
    assert repr(plainnet.load(tmp_path / "model.skops")) == repr(model)
    own = ImageClassifier(**QUICK, augment=[lambda X, rng: X]).fit(X, y)
    with pytest.raises(SettingError, match="not plainnet's own"):
        plainnet.save(own, tmp_path / "own.skops")


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model.pixels_, "size", (3, 3)),
        lambda model: setattr(model.pixels_, "channels", 3),
        lambda model: setattr(model.pixels_, "scale", np.zeros(1)),
        lambda model: setattr(model.pixels_, "mean", np.full(1, np.nan)),
        lambda model: setattr(model.pixels_, "mean", None),
        lambda model: setattr(model, "temperature_", 0.0),
        lambda model: setattr(model, "classes_", np.array(["a", "b", "c"])),
        lambda model: delattr(model, "pixels_"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused(model, change, tmp_path):
    damaged = deepcopy(model)
    change(damaged)
    plainnet.save(damaged, tmp_path / "model.skops")
    with pytest.raises(FileError, match="does not hold a working estimator"):
        plainnet.load(tmp_path / "model.skops")


# --- sizes and scales -----------------------------------------------------------------------------


def test_rows_of_pixels_need_their_shape():
    X, y = stripes(40, 8, 8)
    with pytest.raises(ShapeError, match=r"image_shape=\(8, 8\)"):
        ImageClassifier(**QUICK).fit(X.reshape(40, -1), y)
    flat = ImageClassifier(**QUICK, image_shape=(8, 8)).fit(X.reshape(40, -1), y)
    whole = ImageClassifier(**QUICK).fit(X, y)
    assert flat.n_features_in_ == 64
    P = whole.predict_proba(X)
    for same in (X.reshape(40, -1), X, X.reshape(40, -1).tolist()):
        np.testing.assert_array_equal(flat.predict_proba(same), P)
    with pytest.raises(ValueError, match="63"):
        flat.predict(X.reshape(40, -1)[:, 1:])
    with pytest.raises(ShapeError, match="a row of X has 64 numbers"):
        ImageClassifier(**QUICK, image_shape=(7, 9)).fit(X.reshape(40, -1), y)


def test_the_shape_of_rows_has_its_channels_last():
    X, y = stripes()
    with pytest.raises(ShapeError, match=r"channels come last: \(10, 12, 1\)"):
        ImageClassifier(**QUICK, image_shape=(1, 10, 12)).fit(X.reshape(len(X), -1), y)


def test_any_sizes_are_brought_to_one():
    X, y = stripes(60, 12, 12)
    sizes = [(12, 12), (24, 24), (12, 24)]
    images = [resized(x[..., None], sizes[i % 3])[..., 0] for i, x in enumerate(X)]
    model = ImageClassifier(**QUICK).fit(images, y)
    assert model.pixels_.size == (12, 24)
    assert model.score(images, y) > 0.9
    for size, shape in ((6, (6, 6)), ((6, 9), (6, 9))):
        assert ImageClassifier(**QUICK | {"epochs": 1}, size=size).fit(
            images, y
        ).network_.input_shape == (*shape, 1)


def test_pixels_are_standardised():
    X = np.random.default_rng(0).integers(0, 256, (700, 3, 4, 3), dtype=np.uint8)
    X[..., 2] = 9  # a channel that never changes
    pixels = Pixels()
    pixels.measure(pixels.fit(X))
    standardised = pixels.standardised(X)
    assert standardised.dtype == np.float32
    np.testing.assert_allclose(standardised.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(standardised.std(axis=(0, 1, 2)), [1, 1, 0], atol=1e-5)


def test_large_images_are_made_smaller():
    assert Pixels().fit(np.zeros((3, 100, 200), np.uint8)).shape == (3, 32, 64, 1)
    assert Pixels().fit([np.zeros((500, 2), np.uint8)]).shape == (1, 64, 1, 1)


def test_a_smaller_image_is_made_of_means():
    image = np.arange(16.0, dtype=np.float32).reshape(4, 4, 1)
    np.testing.assert_allclose(resized(np.full((9, 7, 1), 5.0, np.float32), (3, 5)), 5, rtol=1e-6)
    np.testing.assert_allclose(resized(image, (4, 4)), image)
    assert resized(image.astype(np.uint8), (2, 2)).dtype == np.uint8
    several = np.stack([image, 2 * image])
    np.testing.assert_array_equal(resized(several, (3, 2))[1], resized(2 * image, (3, 2)))


def test_resizing_is_pillows():
    Image = pytest.importorskip("PIL.Image", reason="Pillow is the extra `images`")
    rng = np.random.default_rng(0)
    for before, after in (((40, 30), (12, 13)), ((9, 8), (20, 31)), ((10, 40), (25, 7))):
        image = rng.integers(0, 256, (*before, 3), dtype=np.uint8)
        theirs = Image.fromarray(image).resize(after[::-1], Image.Resampling.BILINEAR)
        difference = resized(image, after).astype(int) - np.asarray(theirs)
        assert np.abs(difference).max() <= 1


def test_grey_and_colour_are_told_from_the_data(model):
    X, y = stripes(40, channels=3)
    colour = ImageClassifier(**QUICK).fit(X, y)
    assert colour.network_.input_shape == (10, 12, 3)
    assert colour.predict(stripes(20)[0]).shape == (20,)  # grey ones are welcome
    assert model.predict(X).shape == (40,)  # and colours to a model of grey ones
    grey = np.repeat(X[..., 1:2], 3, axis=3)
    assert ImageClassifier(**QUICK | {"epochs": 1}).fit(grey, y).pixels_.channels == 1


@pytest.mark.parametrize(
    "change", [lambda X: X / 255, lambda X: X * 257.0, lambda X: X > 127, lambda X: (X > 127) * 1]
)
def test_another_scale_than_in_training_is_refused(model, change):
    X, _ = stripes()
    with pytest.raises(DataError, match="scale of the training"):
        model.predict(change(X))
    fractions = ImageClassifier(**QUICK | {"epochs": 1}).fit(X / 255, stripes()[1])
    with pytest.raises(DataError, match=r"X\[0\].*up to 0\.9"):
        fractions.predict(X)
    assert model.predict(np.zeros((2, 10, 12))).shape == (2,)
    nearly_black = np.ones((2, 10, 12), np.uint8)  # bytes have one scale
    assert model.predict(nearly_black).shape == (2,)


def test_bytes_are_not_sixteen_bits():
    X, y = stripes()
    deep = ImageClassifier(**QUICK | {"epochs": 1}).fit(X.astype(np.uint16) * 257, y)
    with pytest.raises(DataError, match=r"X\[0\].*its pixels are bytes"):
        deep.predict(X)


def test_two_scales_in_one_training_are_refused():
    X, y = stripes()
    both = [image if i % 2 else image / 255 for i, image in enumerate(X)]
    with pytest.raises(DataError, match="X has images of two scales: one with fractions up to 0"):
        ImageClassifier(**QUICK).fit(both, y)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((20, 4, 6, 5)), "one channel or three"),
        (np.zeros((20, 3, 16, 16)), "np.moveaxis"),
        (np.zeros((20, 6, 6, 4)), r"leave alpha out, as in X\[..., :3\]"),
        (np.zeros((20, 2, 3, 4, 5)), "have the shape"),
        (np.zeros(20), "have the shape"),
        (np.full((20, 3, 3), np.nan), "nan"),
        (np.full((20, 3, 3), 1e300), "float32"),
        (iter([np.zeros((3, 3))] * 20), r"list\(X\) makes a list of it"),
        (np.zeros((20, 0, 3)), "no images"),
        (np.zeros((0, 3, 3)), "no images"),
        ([], "no images"),
        (np.full((20, 3, 3), "a"), "real numbers"),
        (np.zeros((20, 3, 3), complex), "real numbers"),
        ([np.zeros((3, 3))] * 19 + [np.zeros((3, 3, 2))], r"X\[19\]"),
        ([np.zeros((3, 3))] * 19 + [np.zeros((0, 3))], r"X\[19\]"),
        ([np.zeros((3, 3))] * 19 + [None], r"X\[19\]"),
        ([np.zeros((3, 3))] * 19 + [np.full((3, 3), np.inf)], r"X\[19\].*inf"),
        (np.ma.masked_array(np.zeros((20, 3, 3))), "masked"),
        (np.zeros((19, 3, 3)), "inconsistent numbers"),
    ],
)
def test_what_is_not_images_is_refused(X, says):
    with pytest.raises((PlainnetError, ValueError), match=says):
        ImageClassifier(**QUICK).fit(X, np.arange(20) % 2)


def test_one_image_in_place_of_several_is_refused():
    X, y = stripes(40, channels=3)
    model = ImageClassifier(**QUICK | {"epochs": 1}).fit(X, y)
    with pytest.raises(ShapeError, match=r"X\[None\]"):
        model.predict(X[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 0}, {"size": (3, 4, 5)}, {"size": (3, 0)}, {"size": "large"},
        {"image_shape": (8,)}, {"image_shape": (-1, -1)}, {"image_shape": (0, 8)},
        {"shift": -1}, {"shift": 10}, {"patience": 0}, {"flip": 1}, {"augment": 3},
        {"preset": "slow"}, {"epochs": 0}, {"dropout": 1.0}, {"learning_rate": 0},
    ],
)  # fmt: skip
def test_settings_that_do_not_make_sense_are_refused(settings):
    with pytest.raises((PlainnetError, ValueError)):
        ImageClassifier(**QUICK | settings).fit(*stripes())


# --- pictures -------------------------------------------------------------------------------------


@pytest.fixture
def Image():
    return pytest.importorskip("PIL.Image", reason="Pillow is the extra `images`")


def test_files_and_pictures_are_their_pixels(model, Image, tmp_path):
    X, y = stripes(20, seed=1)
    pictures = [Image.fromarray(x) for x in X]
    paths = [tmp_path / f"{i}.png" for i in range(20)]
    for picture, path in zip(pictures, paths, strict=True):
        picture.save(path)
    P = model.predict_proba(X)
    strings = np.array([str(path) for path in paths])
    for same in (pictures, paths, strings, strings.astype(object), [*paths[:9], *pictures[9:]]):
        np.testing.assert_array_equal(model.predict_proba(same), P)
    pandas = pytest.importorskip("pandas")
    for same in (pandas.Series(strings), pandas.DataFrame({"file": strings})):
        np.testing.assert_array_equal(model.predict_proba(same), P)
    assert ImageClassifier(**QUICK).fit(paths, y).score(pictures, y) > 0.9
    assert len(cross_val_score(ImageClassifier(**QUICK), pictures, y, cv=2)) == 2


def read(path):
    return Pixels((1, 1)).fit([path]).ravel().tolist()


def test_paths_come_in_any_list(Image, tmp_path):
    pd = pytest.importorskip("pandas", reason="pandas is the extra `cli`")
    X, y = stripes(20)
    for i, image in enumerate(X):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    paths = [str(tmp_path / f"{i}.png") for i in range(20)]
    expected = ImageClassifier(**QUICK | {"epochs": 1}).fit(X, y).predict_proba(X)
    for given in (paths, pd.Index(paths), pd.Series(paths), np.array(paths)):
        found = ImageClassifier(**QUICK | {"epochs": 1}).fit(given, y).predict_proba(given)
        np.testing.assert_array_equal(found, expected)


def test_transparent_pixels_lie_on_white(Image):
    red = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert read(red) == [255]
    assert read(Image.new("RGBA", (4, 4), (255, 0, 0, 255))) == [255, 0, 0]
    assert read(Image.new("LA", (4, 4), (0, 0))) == [255]
    assert read(Image.new("LA", (4, 4), (9, 255))) == [9]
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30] + [0, 0, 0] * 255)
    assert read(palette) == [10, 20, 30]
    palette.info["transparency"] = 0
    assert read(palette) == [255]


def test_other_modes(Image, tmp_path):
    assert read(Image.new("1", (4, 4), 1)) == [255]
    assert read(Image.new("CMYK", (4, 4), (0, 255, 255, 0))) == [255, 0, 0]
    sixteen = Image.fromarray(np.full((4, 4), 257 * 99 + 128, np.uint16))
    sixteen.save(tmp_path / "16.png")
    assert read(tmp_path / "16.png") == pytest.approx([99 + 128 / 257])
    with pytest.raises(FileError, match="floats"):
        read(Image.new("F", (4, 4)))
    with pytest.raises(FileError, match="sixteen bits"):
        read(Image.fromarray(np.full((4, 4), 10**6, np.int32)))


def test_a_camera_held_sideways(Image, tmp_path):
    """Orientation 6: the top of the scene is the left side of the stored picture."""
    pixels = np.zeros((8, 16), np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    upright = Pixels().fit([tmp_path / "a.png"])
    assert upright.shape == (1, 16, 8, 1)
    assert (upright[0, :4] == 255).all()
    assert not upright[0, 4:].any()


def test_what_is_wrong_with_a_file_names_it(model, Image, tmp_path, monkeypatch):
    good = tmp_path / "good.png"
    Image.fromarray(stripes()[0][0]).save(good)
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "short.png").write_bytes(good.read_bytes()[:-40])
    for name in ("text.png", "empty.png", "short.png"):
        with pytest.raises(FileError, match=f"{name} cannot be read as a picture"):
            model.predict([good, tmp_path / name])
    with pytest.raises(FileError, match=r"no file .*gone\.png"):
        model.predict([tmp_path / "gone.png"])
    with pytest.raises(FileError, match="cannot be read"):
        model.predict([tmp_path, good])
    for alone in (good, str(good), Image.new("L", (3, 3))):
        with pytest.raises(DataError, match="put it in a list"):
            model.predict(alone)
    for most in (100, 10):  # of 120 pixels: Pillow warns, and refuses what is twice as large
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(FileError, match=r"good\.png is too large"):
            model.predict([good])
