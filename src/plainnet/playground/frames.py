"""Frames: what the page draws of the network at one step, as JSON and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.inspection.doctor.signs import Signal, signals_of
from plainnet.network import Network
from plainnet.playground.columns import MOST_TILES, Column, columns_of, state_tensors_of, tensors_of
from plainnet.playground.examples import Examples
from plainnet.playground.past import Record

Array = npt.NDArray[Any]

SIDE = 80
"""Cells along a side of the decision regions; a unit's tile has every second one."""
STRIP_ROWS = 256
BINS = 24

Frame = tuple[dict[str, Any], list[Array]]


class Frames:
    """Makes frames of a network's records. The network itself is not touched.

    A frame's arrays, in order:

    parameters, gradients : float32, (n,)
        The layout is described by `description()["tensors"]`.
    tiles : uint8, (units, 40, 40)
        The response of each unit over the plane, of all columns with tiles in order; 128 is zero,
        and 1 and 255 are minus and plus the unit's entry in `scales`.
    scales : float32, (units,)
    regions, confidence : uint8, (80, 80)
        The class decided in each cell, and its probability times 255. Of regression, the prediction
        as in `tiles` with the last entry of `scales`, and nothing.
    decided : uint8 or float32, (m,)
        The decision for each example.
    strips : uint8, (columns, 3, 24)
        Histograms of each column's activations, gradients and updates; 255 is the fullest bin.
    state : float32, (n_state,)
        The running state, by `description()["state_tensors"]`.

    Its JSON has `sizes`, for each column the range and the root mean square of the same three, the
    shares of dead and saturated units, which units are dead, and the ratio of the update to the
    weights.
    """

    def __init__(self, network: Network, examples: Examples) -> None:
        self.examples = examples
        self.network = deepcopy(network)
        self._grid = examples.plane.inputs(examples.plane.grid(SIDE))
        self._grid_cache, self._rows_cache = Cache(record=True), Cache(record=True)
        self._measuring = Cache(backward=False)
        signals = signals_of(self.network, self._grid, self._grid_cache)
        self.columns = columns_of(signals, len(self._grid))
        self._is_last = {column.last: column for column in self.columns}

    def description(self) -> dict[str, Any]:
        """What stays the same from frame to frame."""
        return {
            "columns": [vars(column) | {"has_tiles": column.has_tiles} for column in self.columns],
            "most_tiles": MOST_TILES,
            "tensors": tensors_of(self.network),
            "state_tensors": state_tensors_of(self.network),
            "bins": BINS,
            "loss": repr(self.network.loss),
            "parameters": self.network.parameters.size,
        }

    def frame(self, record: Record) -> Frame:
        """The network as it was recorded."""
        network, examples = self.network, self.examples
        self.show(record)
        with np.errstate(all="ignore"):
            signals = signals_of(network, self._grid, self._grid_cache)
            Z = signals[-1].Y
            Y = self._activated(Z)
            tiles, scales = self._tiles(signals, Y)
            regions, confidence, scale = self._regions(Z, Y)
            measures = self.measures()
            strips, sizes = self._strips(record)
            decided = network.predict(examples.X)
        kind = np.uint8 if examples.classes else np.float32
        arrays = [
            record.parameters.astype(np.float32), record.gradients.astype(np.float32), tiles,
            np.append(scales, np.float32(scale)), regions, confidence,
            decided.reshape(-1).astype(kind), strips, record.state.astype(np.float32),
        ]  # fmt: skip
        content = {
            "is": "frame",
            "step": record.step,
            "epoch": record.epoch,
            "measures": measures,
            "sizes": sizes,
        }
        return content, [np.ascontiguousarray(array) for array in arrays]

    def measures(self) -> dict[str, dict[str, float | None]]:
        """The loss, and the accuracy of classes, on the rows for training and for testing."""
        found = {}
        for name, rows in (("train", self.examples.train), ("test", self.examples.test)):
            if rows is not None:
                scores = self.network.evaluate(*rows, cache=self._measuring)
                found[name] = {key: finite(value) for key, value in scores.items()}
        return found

    def measures_of(self, record: Record) -> dict[str, dict[str, float | None]]:
        """The measures of the network as it was recorded, without a frame."""
        self.show(record)
        with np.errstate(all="ignore"):
            return self.measures()

    def show(self, record: Record) -> None:
        """Let the network be as it was recorded."""
        self.network.parameters[:] = record.parameters
        self.network.state[:] = record.state

    def outputs(self, record: Record, X: Array) -> dict[str, Array]:
        """What each column hands on for these rows, by its name.

        It has a row for each of them, or one for each position in them.
        """
        self.show(record)
        by_path = {signal.path: signal.Y for signal in signals_of(self.network, X)}
        return {column.name: by_path[column.last] for column in self.columns}

    def _tiles(self, signals: Sequence[Signal], Y: Array) -> tuple[Array, Array]:
        """The tiles of all columns that have some, and their scales."""
        responses = []
        for signal in signals:
            column = self._is_last.get(signal.path)
            if column is not None and column.is_dense and column.has_tiles:
                response = Y if column is self.columns[-1] else signal.Y
                tiles = response.reshape(SIDE, SIDE, -1)[::2, ::2]
                responses.append(np.moveaxis(tiles, -1, 0))
        if not responses:
            return np.zeros((0, SIDE // 2, SIDE // 2), np.uint8), np.zeros(0, np.float32)
        all_units = np.concatenate(responses)
        scales = np.abs(all_units).max(axis=(1, 2)).astype(np.float32)
        return _shades(all_units, scales[:, None, None]), scales

    def _activated(self, Z: Array) -> Array:
        """What the loss makes of the last pre-activations: probabilities of classes."""
        loss = self.network.loss
        return np.asarray(loss.probabilities(Z)) if loss.gives_probabilities else Z

    def _regions(self, Z: Array, Y: Array) -> tuple[Array, Array, float]:
        if not self.examples.classes:
            scale = float(np.abs(Z).max())
            shades = _shades(Z[:, 0], np.float32(scale))
            return shades.reshape(SIDE, SIDE), np.zeros(0, np.uint8), scale
        decided = np.asarray(self.network.loss.decide(Z)).reshape(-1).astype(np.uint8)
        confidence = np.nan_to_num(255 * self._confidence(Y)).astype(np.uint8)
        return decided.reshape(SIDE, SIDE), confidence.reshape(SIDE, SIDE), 0.0

    def _confidence(self, P: Array) -> Array:
        """The largest probability of each row; of scores, 1/2 to 1 as the best leads by 0 to 1."""
        if P.shape[1] == 1:
            sure = np.maximum(P[:, 0], 1 - P[:, 0])
        elif self.network.loss.gives_probabilities:
            sure = P.max(axis=1)
        else:
            second, first = np.partition(P, -2, axis=1)[:, -2:].T
            sure = np.minimum(first - second, 1) / 2 + 0.5
        return np.asarray(sure)

    def _strips(self, record: Record) -> tuple[Array, list[dict[str, Any]]]:
        """Histograms and sizes of activations, gradients and updates, column by column."""
        by_path = self._signals_of_rows()
        dead_units = self.dead_units(by_path)
        strips = np.zeros((len(self.columns), 3, BINS), np.uint8)
        sizes: list[dict[str, Any]] = []
        for i, column in enumerate(self.columns):
            own = [by_path[name] for name, _ in column.layers]
            weights = self._part(record.parameters, column)
            gradient = self._part(record.gradients, column)
            update = self._part(record.update, column)
            said: dict[str, Any] = {
                "dead_units": dead_units[i],
                "dead": round(max(signal.dead for signal in own), 4) if own else 0.0,
                "saturated": round(max(signal.saturated for signal in own), 4) if own else 0.0,
                "ratio": finite(_rms(update) / (_rms(weights) or 1.0)),
            }
            for j, (name, values) in enumerate(
                (("activations", own[-1].Y), ("gradients", gradient), ("updates", update))
            ):
                strips[i, j], low, high = histogram(values)
                said[name] = {"low": low, "high": high, "rms": finite(_rms(values))}
            sizes.append(said)
        return strips, sizes

    def _signals_of_rows(self) -> dict[str, Signal]:
        X, _ = self.examples.train
        signals = signals_of(self.network, X[:STRIP_ROWS], self._rows_cache)
        return {signal.path: signal for signal in signals}

    def dead_units(self, signals: Mapping[str, Signal] | None = None) -> list[list[int]]:
        """For each column, the units that give the same for every row for training."""
        signals = self._signals_of_rows() if signals is None else signals
        found = []
        for column in self.columns:
            each = [signals[name].dead_units for name, _ in column.layers]
            dead = [units for units in each if len(units) == column.units]
            found.append(np.flatnonzero(np.any(dead, axis=0)).tolist() if dead else [])
        return found

    def _part(self, vector: Array, column: Column) -> Array:
        """What belongs to the column's weights."""
        prefix = f"{column.name}."
        parts = [
            vector[s.start : s.stop]
            for s in self.network.segments
            if s.name.startswith(prefix) and self.network.tensors[s.name].ndim > 1
        ]
        return np.concatenate(parts) if parts else np.zeros(1, vector.dtype)


def _shades(values: Array, scale: Array | np.float32) -> Array:
    """-scale to scale as 1 to 255; what is not a number as 128."""
    scale = np.asarray(scale)
    if ((scale > 0) & (scale < 1e-36)).any():  # 127 / scale is more than a float32 can hold
        scale = scale.astype(np.float64)
    shades = values * (127 / np.where(scale > 0, scale, 1)) + 128.5
    if not np.isfinite(scale).all():
        shades = np.nan_to_num(shades, nan=128, posinf=255, neginf=1)
    return shades.astype(np.uint8)


def _rms(values: Array) -> float:
    flat = values.astype(np.float64).ravel()
    return float(np.sqrt(flat @ flat / flat.size))


def histogram(values: Array) -> tuple[Array, float | None, float | None]:
    """How many values are in each bin, the most as 255, and the range of the bins."""
    flat = values.ravel().astype(np.float64)  # the range may be too wide or narrow for float32
    low, high = float(flat.min()), float(flat.max())
    width = (high - low) or 1.0
    if not np.isfinite(width):
        return np.zeros(BINS, np.uint8), None, None
    places = ((flat - low) / width * (BINS - 1e-3)).astype(np.intp)
    counts = np.bincount(places, minlength=BINS)
    return (counts * (255 / counts.max())).astype(np.uint8), low, high


def finite(value: float | None) -> float | None:
    """The number, or None where JSON has none."""
    return float(value) if value is not None and np.isfinite(value) else None
