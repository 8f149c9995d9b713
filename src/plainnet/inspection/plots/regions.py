"""A model's predictions in the plane of two features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_numbers
from plainnet.data import check_features
from plainnet.errors import DataError, SettingError, ShapeError, optional, require_integer, shown
from plainnet.inspection.plots.axes import COLORS, MARKERS, axes_or_new, colorbar
from plainnet.inspection.plots.predictions import (
    class_names_of,
    classes_of,
    is_classifier,
    predicted_classes,
    predicted_numbers,
    probabilities,
    require_known,
    require_model,
    targets,
)

Array = npt.NDArray[Any]

MARGIN = 0.05
"""The margin on each side, as a share of the features' range."""
PALEST = 0.08
"""The strength of a class's colour where the model is undecided."""


def decision_regions(
    model: Any,
    X: Any,
    y: Any,
    *,
    features: tuple[Any, Any] = (0, 1),
    at: Any = None,
    class_names: Any = None,
    resolution: int = 200,
    ax: Any = None,
) -> Any:
    """Draw a model's predictions in the plane of two features, and the rows as points.

    Each position has the colour of its most probable class, stronger for a higher probability; on
    the lines, two classes are equally probable. If the model gives no probabilities, the colours
    are uniform. If it predicts numbers, they are shown as shades, on the same scale as y.

    Parameters
    ----------
    model : Network or estimator
        An estimator needs `predict`, and may have `predict_proba` and `classes_`.
    X : array of shape (m, n), or DataFrame
    y : array of shape (m,)
        Class ids of a network, labels of an estimator, or numbers.
    features : pair of int, or of str
        The columns that are drawn across and up: their positions, or names in a DataFrame.
    at : array of shape (n,), or mapping, optional
        Fixed values of the other columns; a mapping gives some of them by position or name. The
        default for a column is its median, or its most frequent value if a DataFrame's column does
        not hold numbers.
    class_names : sequence of str, optional
        Names for the legend; by default the labels.
    resolution : int
        The model predicts resolution^2 points.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    ax : matplotlib.axes.Axes
        Its first image holds colours, shape (resolution, resolution, 4), or numbers, shape
        (resolution, resolution).

    Raises
    ------
    SettingError
        If the model cannot predict, has more than 10 classes, or a feature is not a column.
    ShapeError, DataError
        If X is not a table of finite numbers, or y does not match it or the model.

    Examples
    --------
    >>> from plainnet import Network
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import SigmoidCrossEntropy
    >>> network = Network([Dense(1)], loss=SigmoidCrossEntropy(), input_shape=2)
    >>> network["0.dense.W"] = [[1.0, 1.0]]
    >>> ax = decision_regions(network, [[-1, -1], [1, 0], [1, 1]], [0, 1, 1])
    >>> ax.images[0].get_array().shape
    (200, 200, 4)
    """
    require_model(model)
    resolution = require_integer("resolution", resolution, at_least=2, at_most=2000)
    plane = _Plane(X, features, at, resolution)
    answers = _Classes(model, plane, X, y, class_names) if is_classifier(model) else None
    if answers is None:
        values = predicted_numbers(model, plane.grid)
        y = targets(X, y, numbers=True)
    ax = axes_or_new(ax)
    if answers is not None:
        answers.draw(ax, plane)
    else:
        limits = min(values.min(), y.min()), max(values.max(), y.max())
        shades = values.reshape(resolution, resolution)
        look = {"cmap": "viridis", "vmin": limits[0], "vmax": limits[1]}
        picture = ax.imshow(shades, **plane.place, **look)
        ax.scatter(*plane.points, c=y, edgecolors="black", linewidths=0.7, s=25, **look)
        colorbar(ax, picture, "prediction, and y")
    ax.set(xlabel=plane.names[0], ylabel=plane.names[1])
    return ax


class _Plane:
    """A grid over two columns, with the others held.

    Attributes
    ----------
    grid : array of shape (resolution^2, n), or DataFrame
        Row by row, from below.
    points : two arrays of shape (m,)
    across, up : arrays of shape (resolution,)
    """

    def __init__(self, X: Any, features: Any, at: Any, resolution: int) -> None:
        is_frame = hasattr(X, "columns") and hasattr(X, "iloc")
        if not is_frame:
            X = as_numbers("X", X)
            if X.ndim == 2:
                check_features(X)
        if len(X.shape) != 2 or X.shape[1] < 2 or not len(X):
            raise ShapeError(
                f"X must have two columns or more, and a row or more; got shape {X.shape}"
            )
        names = [*X.columns] if is_frame else list(range(X.shape[1]))
        chosen = [_position("features", each, names) for each in _pair(features)]
        if chosen[0] == chosen[1]:
            raise SettingError(f"features must be two different columns; got {shown(features)}")
        held = _held(X, names, at, is_frame)
        self.names = [str(names[j]) if is_frame else f"X[:, {j}]" for j in chosen]
        columns = [X.iloc[:, j] if is_frame else X[:, j] for j in chosen]
        numbers = [
            as_numbers(f"column {name}", column).astype(np.float64)
            for name, column in zip(self.names, columns, strict=True)
        ]
        for name, column in zip(self.names, numbers, strict=True):
            if not np.isfinite(column).all():
                raise DataError(f"column {name} must be finite, since it is drawn")
        self.points: list[Array] = numbers
        self.across, self.up = (_spaced(column, resolution) for column in numbers)
        first, second = (each.ravel() for each in np.meshgrid(self.across, self.up))
        if is_frame:
            self.grid = X.iloc[np.zeros(len(first), int)].reset_index(drop=True)
            for j, value in enumerate(held):
                self.grid[names[j]] = dict(zip(chosen, (first, second), strict=True)).get(j, value)
        else:
            self.grid = np.empty((len(first), len(names)))
            self.grid[:] = held
            self.grid[:, chosen[0]], self.grid[:, chosen[1]] = first, second
        half = [(each[1] - each[0]) / 2 for each in (self.across, self.up)]
        ends = zip((self.across, self.up), half, strict=True)
        extent = [end for each, h in ends for end in (each[0] - h, each[-1] + h)]
        self.place = {
            "extent": extent, "origin": "lower", "aspect": "auto", "interpolation": "nearest",
        }  # fmt: skip


class _Classes:
    """What a classifier says of a plane."""

    def __init__(self, model: Any, plane: _Plane, X: Any, y: Any, class_names: Any) -> None:
        self.y = targets(X, y, numbers=False)
        P, labels = probabilities(model, plane.grid), classes_of(model)
        decided = predicted_classes(model, plane.grid) if P is None else None
        if labels is None and P is not None and len(np.unique(self.y)) == P.shape[1]:
            labels = np.unique(self.y)
        if labels is None and decided is not None:
            labels = np.unique([*decided, *self.y])
        if labels is None or (P is not None and P.shape[1] != len(labels)):
            raise SettingError("model must say in `classes_` whose probabilities it gives")
        if len(labels) > len(COLORS):
            raise SettingError(
                f"decision_regions has colours for {len(COLORS)} classes; the model has "
                f"{len(labels)}"
            )
        if P is None:
            P = (decided[:, None] == labels).astype(np.float64)  # type: ignore[index]
        require_known(self.y, labels)
        self.names = class_names_of(class_names, labels)
        self.labels, self.P = labels, P

    def draw(self, ax: Any, plane: _Plane) -> None:
        n, K = len(plane.up), len(self.labels)
        conversion = optional("matplotlib.colors", purpose="plots", extra="plots")
        palette = np.array([conversion.to_rgba(color) for color in COLORS[:K]])
        best = self.P.argmax(axis=1)
        certain = (self.P.max(axis=1) - 1 / K) / (1 - 1 / K) if K > 1 else np.ones(len(self.P))
        share = PALEST + (0.7 - PALEST) * certain[:, None]
        colors = share * palette[best] + (1 - share)  # towards white
        colors[:, 3] = 1
        ax.imshow(colors.reshape(n, n, 4), **plane.place)
        for k in range(K if K > 2 else K - 1):
            lead = self.P[:, k] - np.delete(self.P, k, axis=1).max(axis=1)
            if lead.min() < 0 < lead.max():
                ax.contour(
                    plane.across, plane.up, lead.reshape(n, n), [0.0],
                    colors="black", linewidths=0.8,
                )  # fmt: skip
        for k, (label, name) in enumerate(zip(self.labels.tolist(), self.names, strict=True)):
            own = self.y == label
            ax.scatter(
                plane.points[0][own], plane.points[1][own], label=name, color=COLORS[k], s=25,
                marker=MARKERS[k], edgecolors="black", linewidths=0.7,
            )  # fmt: skip
        ax.legend(title="class")


def _pair(features: Any) -> tuple[Any, Any]:
    given = tuple(features) if np.iterable(features) and not isinstance(features, str) else ()
    if len(given) != 2:
        raise SettingError(f"features must be two columns, such as (0, 1); got {shown(features)}")
    return given[0], given[1]


def _position(setting: str, feature: Any, names: list[Any]) -> int:
    """Of a column, by its name or position; a name comes first."""
    if feature in names:
        return names.index(feature)
    if isinstance(feature, str):
        known = ", ".join(map(str, names))
        raise SettingError(f"{setting} names a column {feature!r}; X has {known}")
    return require_integer(setting, feature, at_least=0, at_most=len(names) - 1)


def _held(X: Any, names: list[Any], at: Any, is_frame: bool) -> list[Any]:
    """The value of each column where it is not drawn."""
    given = {}
    if isinstance(at, Mapping):
        given = {_position("at", name, names): value for name, value in at.items()}
    elif at is not None:
        values = list(at) if np.iterable(at) and not isinstance(at, str) else []
        if len(values) != len(names):
            raise SettingError(
                f"at must be a mapping, or {len(names)} values, one for each column; got "
                f"{shown(at)}"
            )
        given = dict(enumerate(values))
    if is_frame:
        return [given.get(j, _typical(X.iloc[:, j])) for j in range(len(names))]
    held = as_numbers("at", [given.get(j, np.median(X[:, j])) for j in range(len(names))])
    if not np.isfinite(held).all():
        raise DataError(f"at must be finite; got {held[~np.isfinite(held)][0]}")
    return list(held)


def _typical(column: Any) -> Any:
    """Of a DataFrame's column."""
    if column.dtype.kind in "fiu":
        return column.median()
    modes = column.mode()
    return modes.iloc[0] if len(modes) else None


def _spaced(column: Array, resolution: int) -> Array:
    low, high = column.min(), column.max()
    margin = MARGIN * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, resolution)
