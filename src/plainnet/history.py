"""What training measured, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from plainnet.plots import new_axes


@dataclass
class History:
    """One list per measure, one number per epoch: `history["loss"]`, `history["val_accuracy"]`.

    `pandas.DataFrame(history.columns)` is the table; `stopped` says why training ended.
    """

    columns: dict[str, list[float]] = field(default_factory=dict)
    stopped: str = ""

    def append(self, row: dict[str, float]) -> None:
        """Add an epoch's measures."""
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.columns:
            raise KeyError(
                f"history has no {name!r}; it has {', '.join(self.columns) or 'nothing'}"
            )
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        """How many epochs were completed."""
        return max(map(len, self.columns.values()), default=0)

    def last(self) -> dict[str, float]:
        """The measures of the last completed epoch."""
        return {name: values[-1] for name, values in self.columns.items()}

    def plot(self, measure: str = "loss", ax: Any = None) -> Any:
        """A measure over the epochs, and what it is on the validation rows if that is known.

        Parameters
        ----------
        measure : str
            `loss`, `accuracy` or whatever else there is a column of.
        ax : matplotlib.axes.Axes or None
            Where to draw; None for a new figure.

        Returns
        -------
        ax : matplotlib.axes.Axes
        """
        curves = {"training": measure, "validation": f"val_{measure}"}
        if curves["validation"] not in self:
            self[measure]  # which says what there is
        ax = new_axes() if ax is None else ax
        for label, name in curves.items():
            if name in self:
                epochs = range(len(self) - len(self[name]) + 1, len(self) + 1)
                ax.plot(epochs, self[name], label=label)
        ax.set(xlabel="epoch", ylabel=measure)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        return ax

    def __repr__(self) -> str:
        measures = ", ".join(f"{name}={value:.4g}" for name, value in self.last().items())
        return f"<History of {len(self)} epochs: {measures or 'nothing yet'}; {self.stopped}>"
