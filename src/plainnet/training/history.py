"""The measures of training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from math import isnan, nan
from typing import Any

from plainnet.arguments.spelling import Elsewhere
from plainnet.engine.tables import Table
from plainnet.errors import DataError, counted

SHOWN = 10
"""How many epochs the printed table shows, counted from the end."""


class History(dict[str, list[float]]):
    """One list per measure, one number per epoch: `history["loss"]`, `history["val_accuracy"]`.

    It is a dict of columns, so `dict(history)` and `pandas.DataFrame(history)` give the table. As
    with a DataFrame, `len` counts the rows, which are epochs; `in` and iteration use the column
    names. Printing shows a table of the last epochs; a notebook adds the curves.

    Parameters
    ----------
    columns : mapping of str to list of float, optional
        A list for each measure, all of the same length.
    stopped : str
        Why training ended.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 0.9})
    >>> history.append({"loss": 0.5, "val_loss": 0.75})
    >>> dict(history), len(history)
    ({'loss': [0.9, 0.5], 'val_loss': [nan, 0.75]}, 2)
    """

    def __init__(self, columns: Mapping[str, list[float]] | None = None, stopped: str = "") -> None:
        columns = {} if columns is None else dict(columns)
        lists = {name: values for name, values in columns.items() if isinstance(values, list)}
        if len(lists) < len(columns) or len(set(map(len, lists.values()))) > 1:
            raise DataError("the columns of a History must be lists of one length")
        super().__init__(columns)
        self.stopped = stopped
        self._measured = set(self)  # in the last epoch

    def append(self, row: Mapping[str, float]) -> None:
        """Add an epoch's measures, at once or in several calls with different names.

        A measure that is missing in an epoch is NaN there. A repeated name begins the next epoch.
        """
        if not self or not self._measured.isdisjoint(row):
            for values in self.values():
                values.append(nan)
            self._measured = set()
        epochs = max(len(self), 1)
        for name, value in row.items():
            self.setdefault(name, [nan] * epochs)[-1] = value
        self._measured.update(row)

    history = Elsewhere("history", 'it is the table itself: history["loss"]')

    @property
    def columns(self) -> dict[str, list[float]]:
        """The same table as a plain dict, with the same lists."""
        return dict(self)

    def __missing__(self, name: str) -> list[float]:
        raise KeyError(f"history has no {name!r}; it has {', '.join(self) or 'nothing'}")

    def __len__(self) -> int:
        """The number of completed epochs."""
        return max(map(len, self.values()), default=0)

    def __eq__(self, other: object) -> bool:
        same = not isinstance(other, History) or self.stopped == other.stopped
        return same and dict.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.update(state.get("columns", {}))  # files of versions in which it was not a dict
        self.stopped = state["stopped"]
        self._measured = set(state.get("_measured", self))

    def resume_state(self) -> dict[str, Any]:
        return {"columns": self.columns, "measured": sorted(self._measured)}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.update(state["columns"])
        self._measured = set(state["measured"])

    def copy(self) -> History:
        """A new history with the same lists, like `dict.copy`."""
        return copy(self)

    def last(self) -> dict[str, float]:
        """The measures of the last completed epoch."""
        return {name: values[-1] for name, values in self.items()}

    def plot(self, measure: str = "loss", ax: Any = None) -> Any:
        """Plot a measure over the epochs, with its values on the validation data if there are any.

        Parameters
        ----------
        measure : str
            `loss`, `accuracy` or the name of any other column.
        ax : matplotlib.axes.Axes or None
            The axes to draw on; None makes a new figure.

        Returns
        -------
        ax : matplotlib.axes.Axes
        """
        curves = {"training": measure, "validation": f"val_{measure}"}
        if curves["validation"] not in self:
            self[measure]  # which lists the columns
        from plainnet.inspection.plots import new_axes

        ax = new_axes() if ax is None else ax
        for label, name in curves.items():
            if name in self:
                points = [(i, value) for i, value in enumerate(self[name], 1) if not isnan(value)]
                ax.plot(*zip(*points, strict=True), label=label)
        ax.set(xlabel="epoch", ylabel=measure)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        return ax

    def _table(self) -> Table:
        """The last epochs, as text."""
        first = max(len(self) - SHOWN, 0)
        rows = [
            [f"{epoch + 1:,}", *(_shown(values[epoch]) for values in self.values())]
            for epoch in range(first, len(self))
        ]
        return Table(["epoch", *self], rows, numbers=["epoch", *self])

    def __str__(self) -> str:
        return "\n".join([str(self._table()), self._done()] if len(self) else [self._done()])

    def _repr_html_(self) -> str:
        from plainnet.inspection.charts import curves_of
        from plainnet.inspection.markup import output, paragraph, table

        done = paragraph(self._done())
        return output(curves_of(self), table(self._table()), done) if len(self) else output(done)

    def _done(self) -> str:
        return "; ".join(filter(None, (counted(len(self), "epoch"), self.stopped)))

    def __repr__(self) -> str:
        measures = ", ".join(f"{name}={value:.4g}" for name, value in self.last().items())
        epochs = counted(len(self), "epoch")
        return f"<History of {epochs}: {measures or 'nothing yet'}; {self.stopped}>"


def _shown(value: float) -> str:
    return "-" if isnan(value) else f"{value:.4g}"
