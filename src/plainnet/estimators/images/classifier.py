"""ImageClassifier: predicts classes of images as they come, with a small residual network."""

# scikit-learn has no types.
# mypy: disable-error-code="misc"
from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from plainnet.arguments.arrays import as_array
from plainnet.augmentation import Flip, Transform
from plainnet.callbacks import Callback, EarlyStopping
from plainnet.engine.settings import LIMITS, TrainingSettings
from plainnet.engine.stages import Stage
from plainnet.errors import (
    SettingError,
    ShapeError,
    counted,
    require_integer,
    require_sequence,
    shown,
)
from plainnet.estimators.base import Rows, checked_targets, generator, interval
from plainnet.estimators.calibration import CalibratedClassifier
from plainnet.estimators.checkpointing import Checkpointed
from plainnet.estimators.held_out import best_epoch, drawn, held_out_share
from plainnet.estimators.images import recipe as recipes
from plainnet.estimators.images.pictures import is_path, is_picture
from plainnet.estimators.images.pixels import AT_ONCE, CHANNELS, Pixels
from plainnet.estimators.prediction import mean_outputs
from plainnet.optimizers import AdamW
from plainnet.schedules import OneCycle
from plainnet.training import train
from plainnet.training.history import History

Array = npt.NDArray[Any]

HELD_OUT = 0.1
MOST = 4096
"""Pixels along a side."""
OF_LIMITS = (
    "dropout", "weight_decay", "learning_rate", "epochs", "batch_size", "label_smoothing",
    "validation_fraction",
)  # fmt: skip


class Standardised:
    """Images that are standardised when sliced: only a batch at a time takes 4 bytes a pixel."""

    dtype = np.dtype(np.float32)

    def __init__(self, images: Array, pixels: Pixels) -> None:
        self.images, self.pixels, self.shape = images, pixels, images.shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Any) -> Array:
        return self.pixels.standardised(self.images[rows])


class ImageClassifier(CalibratedClassifier, Checkpointed):
    """Predicts classes of images as they come, with a small residual network.

    X may be an array of shape (m, height, width) or (m, height, width, channels) with one channel
    or three, a list of such images of any size, or a list of paths or Pillow images (extra
    `images`). All are brought to one size; they stay grey if no training image has a colour.
    Transparent pixels of pictures are put on white, and the orientation that the camera recorded is
    followed.

    The network is trained with AdamW and one cycle of the learning rate (Smith and Topin 2018), on
    images that are shifted a little. Some images are held out; they choose the epoch whose
    parameters are kept, by the log-loss after calibration, and the temperature that calibrates
    the probabilities (Guo et al. 2017).

    Parameters
    ----------
    preset : {"default", "fast"}
        "fast" has half as many filters, no residual block and fewer epochs: a fifth of the time.
    size : int or (int, int), optional
        The height and width to which images are brought. None is the median of the training images,
        scaled down if either is above 64.
    image_shape : (int, int) or (int, int, int), optional
        The shape of one image if each row of X is a flattened image: (8, 8) for scikit-learn's
        digits. One of the numbers may be -1, as in NumPy's reshape.
    shift : int, optional
        Images are shifted by up to this many pixels in training; the gap is filled with the colour
        of the border. None is a 28th of the smaller side, rounded up; 0 turns it off.
    flip : bool
        Mirror half of the images in training: good for photographs and clothes, not for letters.
    augment : sequence of functions (X, rng) -> X
        More augmentation; see `plainnet.augmentation`. The functions get standardised pixels.
    dropout, weight_decay, learning_rate, epochs, batch_size, label_smoothing
        The preset's values, unless given; epochs and batch_size depend on the number of images.
    patience : int, optional
        Stop after this many epochs without a better one. By default all epochs are run.
    class_weight : dict, "balanced" or None
        How much rows of each class count.
    validation_fraction : float, optional
        Share of the images that is held out; 0 for none. None is a tenth, at most 3,000.
    callbacks : sequence of plainnet.callbacks.Callback
    random_state : int, RandomState, Generator or None
    verbose : bool
        Show progress.

    Attributes
    ----------
    network_ : Network
    history_ : History
    best_epoch_ : int
        The epoch, counted from 0, whose parameters the network has.
    classes_ : array of shape (K,)
    temperature_ : float
        What the network's last pre-activations are divided by.
    pixels_ : Pixels
        The common size, and the means and scales by which pixels are standardised.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.integers(0, 99, (40, 6, 6), dtype=np.uint8)
    >>> y = np.array(["dark", "light"] * 20)
    >>> X[y == "light", :, 3:] += 99
    >>> model = ImageClassifier("fast", epochs=8, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    scoring = None
    pixels_: Pixels
    history_: History

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "preset": [StrOptions(set(recipes.PRESETS))],
        **{name: [interval(LIMITS[name]), None] for name in OF_LIMITS},
        "size": [Interval(Integral, 1, None, closed="left"), "array-like", None],
        "image_shape": ["array-like", None],
        "shift": [Interval(Integral, 0, None, closed="left"), None],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "flip": ["boolean"],
        "augment": ["array-like"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "callbacks": ["array-like"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["boolean"],
    }

    def __init__(
        self,
        preset: str = "default",
        *,
        size: int | tuple[int, int] | None = None,
        image_shape: tuple[int, ...] | None = None,
        shift: int | None = None,
        flip: bool = False,
        augment: Sequence[Transform] = (),
        dropout: float | None = None,
        weight_decay: float | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        label_smoothing: float | None = None,
        patience: int | None = None,
        class_weight: dict[Any, float] | str | None = None,
        validation_fraction: float | None = None,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self._store(locals())

    # --- training --------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Choose size and scale, train the network, keep its best epoch and calibrate it.

        Parameters
        ----------
        X : m images
            An array, or a list of arrays, paths or Pillow images.
        y : array of m labels, or of shape (m, k) of 0 and 1
        sample_weight : array of shape (m,), optional
        X_val, y_val : optional
            Images that choose the epoch and the temperature, instead of a share of X.
        """
        self._validate_params()
        rng = generator(self.random_state)
        if hasattr(X, "__array__") and not (isinstance(X, np.ndarray) or hasattr(X, "iloc")):
            X = as_array("X", X)  # which can be sliced
        rows = self._training_rows(X, y, sample_weight, fresh=True, incremental=False)
        self.pixels_.measure(rows.X)
        held = self._given_validation(X_val, y_val)
        if held is None:
            fraction, strata = self._fraction(len(rows)), self._strata(rows.y)
            for kept, out in drawn(len(rows), fraction, 1, rng, strata):
                rows, held = rows.take(kept), rows.take(out)
        validation = None if held is None else self._arrays(held)
        self._train(rows, validation, rng)
        if self.history_.stopped == "Ctrl-C":
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=2)
        found = [] if validation is None else [(self.network_.outputs(validation[0]), validation)]
        self._calibrate(found)
        return self

    def _validate_params(self) -> None:
        super()._validate_params()
        if self.size is not None:
            _expect_sides("size", self.size, (1, 2))
        if self.image_shape is not None:
            _expect_sides("image_shape", self.image_shape, (2, 3), unknown=True)

    def _fraction(self, images: int) -> float:
        if self.validation_fraction is not None:
            return float(self.validation_fraction)
        return held_out_share(images, HELD_OUT)

    def _arrays(self, rows: Rows) -> tuple[Any, ...]:
        """(X, targets), and the weights if there are any, as `train` takes them."""
        rows = self._balanced(rows)
        arrays = Standardised(rows.X, self.pixels_), self._learnable(rows)
        return arrays if rows.weights is None else (*arrays, rows.weights)

    def _as_learned(self, X: Any, y: Any) -> tuple[Any, Array]:
        rows = self._known_rows(X, y)
        return Standardised(rows.X, self.pixels_), self._learnable(rows)

    def _train(
        self, rows: Rows, validation: tuple[Any, ...] | None, rng: np.random.Generator
    ) -> None:
        """The network, and what its training was like."""
        recipe = recipes.PRESETS[self.preset].adapted(TrainingSettings.of(self))
        X, targets, *weights = self._arrays(rows)
        shape = X.shape[1:]
        loss = self._loss(recipe.label_smoothing)
        self.network_ = recipes.build(recipe, shape, self._n_targets, loss, rng)
        epochs = recipe.epochs_for(len(rows))
        watch: list[Callback] = []
        keep: list[Callback] = []
        if validation is not None:
            watch = self._watch(validation)
            keep = [EarlyStopping(self._monitor, patience=self.patience or epochs, mode="min")]
        saving, resume = self._saving()
        self.history_ = train(
            self.network_,
            X,
            targets,
            optimizer=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
            epochs=epochs,
            batch_size=recipe.batch_size_for(len(rows)),
            sample_weight=weights[0] if weights else None,
            validation_data=validation,
            augment=self._augmentation(shape),
            callbacks=[
                OneCycle(),
                *watch,
                *require_sequence("callbacks", self.callbacks, "Callback objects"),
                *keep,
                *saving,
            ],
            seed=rng,
            progress=self.verbose,
            resume=resume,
        )
        self.best_epoch_ = best_epoch(self.history_, self._monitor)

    def _augmentation(self, shape: tuple[int, int, int]) -> list[Transform]:
        shifts = recipes.shift_for(shape, self.shift, self.pixels_.border.tolist())
        more = require_sequence("augment", self.augment, "functions (X, rng) -> X")
        return [*shifts, *([Flip()] if self.flip else []), *more]

    @property
    def n_iter_(self) -> int:
        return len(self.history_)

    # --- data in ---------------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        y = checked_targets(self, y)
        X = self._unfolded(X, reset)
        if reset:
            self.pixels_ = Pixels(_sides(self.size))
        pixels = self.pixels_.fit(X) if reset else self.pixels_.take(X)
        check_consistent_length(pixels, y)
        return pixels, y

    def _features(self, X: Any) -> Array:
        check_is_fitted(self)
        return self.pixels_.take(self._unfolded(X, reset=False))

    def _unfolded(self, X: Any, reset: bool) -> Any:
        """X with its rows as images, if there is an `image_shape` for them."""
        if self.image_shape is None or _holds_images(X):
            return X
        X = validate_data(self, X, reset=reset)
        shape = tuple(self.image_shape)
        if len(shape) == 3 and shape[2] not in CHANNELS and shape[0] in CHANNELS:
            raise ShapeError(
                f"image_shape is {shape}; channels come last: {(*shape[1:], shape[0])}, if the "
                "pixels of a row lie in this order"
            )
        try:
            return X.reshape(len(X), *self.image_shape)
        except ValueError as error:
            raise ShapeError(
                f"image_shape is {tuple(self.image_shape)}, and a row of X has "
                f"{counted(X.shape[1], 'number')}"
            ) from error

    # --- predictions out -------------------------------------------------------------------------

    def _outputs(self, X: Array) -> Array:
        """The last pre-activations over the temperature, shape (m, outputs), in float64."""
        starts = range(0, len(X), AT_ONCE)
        some = (self.pixels_.standardised(X[start : start + AT_ONCE]) for start in starts)
        Z = np.concatenate([mean_outputs([self.network_], images) for images in some])
        return Z / self.temperature_

    def _stage_before(self, X: Any, rows: Any) -> tuple[Stage | None, Any]:
        return self.pixels_.stage(rows), self.pixels_.standardised(rows)

    def expect_to_work(self) -> None:
        self._validate_params()
        if hasattr(self, "network_"):
            self.pixels_.expect_to_work(self.network_.input_shape)
            self._expect_prediction(np.zeros((1, *self.network_.input_shape), np.float32))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = True
        return tags


def _holds_images(X: Any) -> bool:
    """Whether X holds images as they are, not rows of pixels."""
    if isinstance(X, list | tuple) and X:
        return is_path(X[0]) or is_picture(X[0]) or _axes(X[0]) > 1
    return _axes(X) > 2


def _axes(X: Any) -> int:
    if isinstance(X, list | tuple):
        return 1 + _axes(X[0]) if X else 1
    axes = getattr(X, "ndim", 0)
    return axes if isinstance(axes, int) else 0


def _sides(size: Any) -> tuple[int, int] | None:
    """The height and the width of a setting `size`."""
    if size is None:
        return None
    height, width = np.broadcast_to(size, 2).tolist()
    return height, width


def _expect_sides(name: str, value: Any, lengths: tuple[int, int], unknown: bool = False) -> None:
    """Refuse what is not as many whole numbers; one of them may be -1 if it can be worked out."""
    sides = [value] if np.ndim(value) == 0 else list(value)
    if len(sides) not in lengths:
        raise SettingError(f"{name} must be the height and the width; got {shown(value)}")
    if unknown and sides.count(-1) == 1:
        sides.remove(-1)
    for side in sides:
        require_integer(f"each number of {name}", side, at_least=1, at_most=MOST)
