"""What each unit gives for one point or example, for the page to show where one points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.errors import SettingError
from plainnet.inspection.doctor.signs import recorded
from plainnet.playground.frames import STRIP_ROWS, Frames, finite
from plainnet.playground.past import Record

if TYPE_CHECKING:
    from plainnet.playground.session import Session

Array = npt.NDArray[Any]
ByColumn = list[list[float | None] | None]


def probe(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """The command `probe`: the units' values at the step that is shown.

    They are those of an example, with the gradients of its loss; or at a point of the plane; or,
    without either, root mean squares over the first rows for training.

    Raises
    ------
    SettingError
        If there is no such row, or both a row and a point are given.
    """
    examples, frames = session.training.examples, session.frames
    row, point = fields.get("row"), fields.get("point")
    if row is not None and point is not None:
        raise SettingError("probe takes a row or a point; got both")
    if row is not None and row >= len(examples.X):
        raise SettingError(f"there are {len(examples.X)} examples; there is no row {row}")
    if row is not None:
        X = examples.X[row : row + 1]
    elif point is not None:
        X = examples.plane.inputs(np.array([point], float))
    else:
        X = examples.train[0][:STRIP_ROWS]
    values = values_of(frames, session.shown, X, is_mean=row is None and point is None)
    gradients = None
    if row is not None:
        gradients = gradients_of(frames, session.shown, X, examples.y[row : row + 1])
    session.send(
        {
            "is": "probe",
            "step": session.shown.step,
            "row": row,
            "point": point,
            "values": values,
            "gradients": gradients,
            "are_probabilities": bool(examples.classes and frames.network.loss.gives_probabilities),
        },
        [],
    )


def values_of(frames: Frames, record: Record, X: Array, *, is_mean: bool) -> ByColumn:
    """For each dense column its units' outputs for one row, or the root mean squares of all rows.

    The last column gives what the loss makes of it: probabilities, where there are some.
    """
    found: ByColumn = []
    outputs, loss = frames.outputs(record, X), frames.network.loss
    for column in frames.columns:
        if not column.is_dense:
            found.append(None)
            continue
        Y = outputs[column.name]
        if column is frames.columns[-1] and loss.gives_probabilities:
            Y = np.asarray(loss.probabilities(Y))
        with np.errstate(all="ignore"):
            found.append(_finite(_rms_of_units(Y) if is_mean else Y[0]))
    return found


def gradients_of(frames: Frames, record: Record, X: Array, y: Array) -> ByColumn:
    """The gradients of one example's loss with respect to the outputs of the units.

    Of the last column, those with respect to its sums, before the loss makes probabilities of them.
    """
    frames.show(record)
    network, cache = frames.network, Cache(record=True)
    with np.errstate(all="ignore"):
        network.loss_and_gradients(X, y, cache)
    windows = dict(recorded(cache))
    found: ByColumn = []
    for column in frames.columns:
        window = windows[column.last]
        gradient = window.noted.get(f"d{window.formulas.output}")
        found.append(None if gradient is None or not column.is_dense else _finite(gradient[0]))
    return found


def _rms_of_units(Y: Array) -> Array:
    return np.asarray(np.sqrt(np.square(Y.astype(np.float64)).mean(axis=0)))


def _finite(values: Array) -> list[float | None]:
    return [finite(value) for value in values.tolist()]
