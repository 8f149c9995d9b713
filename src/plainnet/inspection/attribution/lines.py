"""Straight lines from a baseline to each row, cut into parts as short as the integral needs.

Over a part from a to b, the integral of the output's slope must be Z(b) - Z(a), by the fundamental
theorem of calculus. So each part's error is known, not estimated, and the parts with the largest
errors are halved. Near a kink of ReLU, or where a normalization of small numbers is steep,
they become short; elsewhere they stay long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from plainnet.inspection.attribution.probing import Array, Arrays, Probe, beside, rows_at_once

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
"""The Gauss-Legendre rule on (-1, 1), exact for polynomials up to degree 15."""

MOST_PARTS = 512
"""The most parts of one row's line."""

SHORTEST = 2.0**-40
"""A part this short is not halved any more: the output jumps there."""


class Parts(NamedTuple):
    """Parts of all lines, each starting at `left`; positions run from 0 (baseline) to 1 (row)."""

    row: Array
    left: Array
    width: Array
    Z_left: Array
    Z_right: Array
    error: Array
    """The integral by the rule, minus Z_right - Z_left."""

    def some(self, which: Array) -> Parts:
        """These parts only."""
        return Parts(*(each[which] for each in self))

    def positions(self) -> Array:
        """The positions of the rule's points, (parts, 8)."""
        return self.left[:, None] + self.width[:, None] * (NODES + 1) / 2

    def weights(self) -> Array:
        """The weights of the rule's points, as shares of the whole line."""
        return self.width[:, None] * WEIGHTS / 2


class Lines:
    """The lines from each row's baseline to the row.

    Attributes
    ----------
    probe : Probe
    starts, ways : dict of arrays
        For each input, the baselines and the differences from them to the rows.
    Z : array of shape (m,)
        The target at the baselines.
    """

    def __init__(self, probe: Probe, starts: Arrays) -> None:
        self.probe, self.starts = probe, starts
        self.ways = {name: point - starts[name] for name, point in probe.points.items()}
        self.Z = self.outputs(np.arange(len(probe.Z)), np.zeros(len(probe.Z)))

    def follow(self, row: Array, position: Array) -> Iterator[tuple[slice, Array, Arrays]]:
        """The target, and its gradient times the line, at these positions of these rows' lines.

        They come in pieces, each with a slice that says which positions.
        """
        for some, i, ways, points in self._points(row, position):
            Z, gradients = self.probe.follow(points, i)
            yield some, Z, {name: gradients[name] * way for name, way in ways.items()}

    def outputs(self, row: Array, position: Array) -> Array:
        """The target at these positions."""
        found = [self.probe.outputs(points, i) for _, i, _, points in self._points(row, position)]
        return np.concatenate(found)

    def _points(self, row: Array, position: Array) -> Iterator[tuple[slice, Array, Arrays, Arrays]]:
        """Some positions at a time: which, on whose lines, with which ways, and where they lie."""
        size = rows_at_once(self.probe.network, self.probe.X)
        for begin in range(0, len(row), size):
            some = slice(begin, begin + size)
            i, a = row[some], position[some]
            ways = {name: way[i] for name, way in self.ways.items()}
            points = {n: self.starts[n][i] + beside(a, way) * way for n, way in ways.items()}
            yield some, i, ways, points

    def parts(self, allowed: Array) -> Parts:
        """Parts whose absolute errors add up to at most this for each row.

        There are four at first. Errors are taken without sign because those that cancel in the sum
        over all inputs need not cancel for each input. A row with 512 parts gets no more.
        """
        m = len(allowed)
        zeros = np.zeros(m)
        parts = Parts(np.arange(m), zeros, np.ones(m), self.Z, self.probe.Z, zeros)
        parts = self._measured(self._halves(self._halves(parts)))
        while True:
            n, size = np.bincount(parts.row), np.bincount(parts.row, np.abs(parts.error))
            goes_on = ~(size <= allowed) & (n < MOST_PARTS)
            halved = goes_on[parts.row] & (np.abs(parts.error) >= (size / n)[parts.row])
            halved &= parts.width > SHORTEST
            if not halved.any():
                return parts
            parts = _joined(parts.some(~halved), self._measured(self._halves(parts.some(halved))))

    def _halves(self, parts: Parts) -> Parts:
        width = parts.width / 2
        middle = parts.left + width
        Z = self.outputs(parts.row, middle)
        before = parts._replace(width=width, Z_right=Z)
        after = parts._replace(left=middle, width=width, Z_left=Z)
        return _joined(before, after)

    def _measured(self, parts: Parts) -> Parts:
        """With their errors."""
        positions = parts.positions()
        slopes = np.empty(positions.size)
        for some, _, products in self.follow(np.repeat(parts.row, len(NODES)), positions.ravel()):
            each = [product.reshape(len(product), -1) for product in products.values()]
            slopes[some] = sum(product.sum(axis=1) for product in each)
        integrals = (slopes.reshape(positions.shape) * parts.weights()).sum(axis=1)
        return parts._replace(error=integrals - (parts.Z_right - parts.Z_left))

    def integrals(self, parts: Parts) -> Arrays:
        """The integral of the gradient times the line, for each row of each input."""
        parts = parts.some(np.argsort(parts.row, kind="stable"))
        row, weights = np.repeat(parts.row, len(NODES)), parts.weights().ravel()
        totals = {name: np.zeros_like(way) for name, way in self.ways.items()}
        for some, _, products in self.follow(row, parts.positions().ravel()):
            rows, first = np.unique(row[some], return_index=True)
            for name, product in products.items():
                product *= beside(weights[some], product)
                totals[name][rows] += np.add.reduceat(product, first, axis=0)
        return totals


def _joined(*parts: Parts) -> Parts:
    return Parts(*map(np.concatenate, zip(*parts, strict=True)))
