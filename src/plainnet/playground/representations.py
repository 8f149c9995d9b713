"""Representations: what a layer makes of the examples, drawn in a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError, shown

if TYPE_CHECKING:
    from plainnet.playground.session import Session

Array = npt.NDArray[Any]

INPUTS = "inputs"
"""In place of a layer's name: the examples as the network takes them."""
MOST_ROWS = 1000


def in_a_plane(H: Array, before: Array | None = None) -> tuple[Array, float]:
    """Representations as points, and the share of their variance that the points have.

    Parameters
    ----------
    H : array of shape (m, units)
    before : array of shape (m, 2), optional
        The points that are shown now. The new ones are turned, or mirrored, to lie as near to them
        as can be (Schönemann 1966), since principal components may turn from one step to the next.

    Returns
    -------
    points : array of shape (m, 2)
        The outputs of one or two units as they are; of more, their first two principal components.
    share : float
    """
    m, units = H.shape
    H = H.astype(np.float64)
    if not np.isfinite(H).all():
        return np.full((m, 2), np.nan), 0.0
    if units <= 2:
        return np.pad(H, ((0, 0), (0, 2 - units))), 1.0
    H -= H.mean(axis=0)
    if units <= m:
        variances, components = np.linalg.eigh(H.T @ H)
        points: Array = H @ components[:, :-3:-1]
    else:  # a convolution's many outputs: the products of rows have the same variances
        variances, left = np.linalg.eigh(H @ H.T)
        points = left[:, :-3:-1] * np.sqrt(np.maximum(variances[:-3:-1], 0))
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))  # of a single row
    if before is not None and np.isfinite(before).all():
        turn, _, back = np.linalg.svd(points.T @ before)
        points = points @ turn @ back
    total = float(variances.sum())
    return points, float(variances[-2:].sum()) / total if total > 0 else 1.0


def represent(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """The command `represent`: what a layer makes of the first rows, at the step that is shown."""
    frames, layer = session.frames, fields["layer"]
    known = [INPUTS, *(column.name for column in frames.columns)]
    if layer not in known:
        names = ", ".join(known)
        raise SettingError(f"representations are those of {names}; got {shown(layer)}")
    X = session.training.examples.X[:MOST_ROWS]
    H = X if layer == INPUTS else frames.outputs(session.shown, X)[layer]
    H = H.reshape(len(X), -1)
    points, share = in_a_plane(H, session.represented.get(layer))
    session.represented[layer] = points
    session.send(
        {
            "is": "representation",
            "layer": layer,
            "step": session.shown.step,
            "share": share,
            "units": H.shape[1],
        },
        [points.astype(np.float32)],
    )
