"""The examples of a network that was given, rather than described by settings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError, ShapeError, counted
from plainnet.network import Network
from plainnet.playground.choices import CHANGEABLE, MOST_CLASSES, OF_DATA
from plainnet.playground.examples import Examples
from plainnet.playground.planes import Plane, plane_of_columns, plane_of_components

Array = npt.NDArray[Any]


class Fixed(NamedTuple):
    """Whether the data, and the layers with the loss, are given and cannot change."""

    data: bool = False
    layers: bool = False

    def check(self, names: Collection[str]) -> None:
        """Refuse settings that cannot change here."""
        if self.data and (own := sorted(set(names) & set(OF_DATA))):
            raise SettingError(f"{own[0]} cannot change here: the rows were given in Python")
        if self.layers and (own := sorted(set(names) - {*OF_DATA, *CHANGEABLE})):
            raise SettingError(
                f"{own[0]} cannot change here: the network was given in Python, and has layers or "
                "a loss that the playground does not build"
            )


def examples_given(
    network: Network,
    X: Any,
    y: Any,
    *,
    test: tuple[Any, Any] | None = None,
    names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> Examples:
    """The rows as the network takes them, on the plane of two inputs or two components.

    Raises
    ------
    SettingError, ShapeError, DataError
        If the network cannot be shown, or the rows do not suit it.
    """
    _expect_shown(network)
    if names is None and hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
    parts = [_rows(network, X, y)]
    if test is not None:
        parts.append(_rows(network, *test))
    X, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    shape = network.input_shape
    flat = X.reshape(len(X), -1)
    n_train = len(parts[0][0])
    names = _named("names", names, [f"x{i + 1}" for i in range(flat.shape[1])])
    if flat.shape[1] <= 2:
        plane = plane_of_columns(flat[:n_train], names, range(flat.shape[1]))
    else:
        plane = plane_of_components(flat[:n_train])
    is_image = len(shape) == 3 and shape[-1] == 1
    return Examples(
        X, y, n_train, _Shaped.of(plane, shape), tuple(names), _classes(network, classes),
        plane.points(flat), tuple(shape[:2]) if is_image else None,
    )  # fmt: skip


class _Shaped(Plane):
    """A plane whose inputs have the shape that the network takes."""

    shape: tuple[int, ...] = ()

    @classmethod
    def of(cls, plane: Plane, shape: tuple[int, ...]) -> Plane:
        """The plane itself where rows are flat."""
        if len(shape) == 1:
            return plane
        shaped = cls(plane.labels, plane.low, plane.high, plane.center, plane.axes)
        object.__setattr__(shaped, "shape", shape)
        return shaped

    def inputs(self, points: Array) -> Array:
        flat = super().inputs(points)
        return flat.reshape(len(flat), *self.shape)


def _expect_shown(network: Network) -> None:
    several = network.body.takes_several or network.body.gives_several
    if several or network.body.takes_ids_at(0) or None in network.input_shape:
        raise SettingError(
            "a view shows networks of one array of numbers, of a fixed shape; got "
            f"input_shape={network.input_shape!r}"
            + (" of ids" if not several and network.body.takes_ids_at(0) else "")
        )
    if len(network.output_shape) != 1:
        raise SettingError(
            f"a view shows networks with a row of outputs; got {network.output_shape}"
        )
    if not network.loss.is_classifier and network.output_shape != (1,):
        raise SettingError(
            f"a view shows classes or one number a row; got {network.output_shape[0]} numbers"
        )


def _rows(network: Network, X: Any, y: Any) -> tuple[Array, Array]:
    inputs, targets, _ = network.check(X, y)
    if targets.ndim > 1 and prod(targets.shape[1:]) != 1:
        raise ShapeError(f"a view takes one target a row; y has the shape {targets.shape}")
    return np.array(inputs), np.array(targets).reshape(len(targets))


def _classes(network: Network, names: Sequence[str] | None) -> tuple[str, ...]:
    if not network.loss.is_classifier:
        if names is not None:
            raise SettingError(f"classes: {network.loss!r} predicts numbers, not classes")
        return ()
    k = max(network.output_shape[0], 2)
    if k > MOST_CLASSES:
        raise SettingError(f"a view shows at most {MOST_CLASSES} classes; the network has {k}")
    return _named("classes", names, [str(i) for i in range(k)])


def _named(what: str, names: Sequence[str] | None, default: list[str]) -> tuple[str, ...]:
    if names is None:
        return tuple(default)
    if len(names) != len(default):
        raise SettingError(f"{what}: {counted(len(default), 'name')} needed; got {len(names)}")
    return tuple(map(str, names))
