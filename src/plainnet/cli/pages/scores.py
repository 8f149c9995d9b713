"""How good the predictions on the test rows are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from plainnet import metrics
from plainnet.cli import measures, report
from plainnet.cli.pages.document import Fact, Section, aside, side_by_side, wide
from plainnet.cli.pages.figures import figure
from plainnet.engine.tables import Table
from plainnet.inspection import plots
from plainnet.inspection.charts import BLUE, ORANGE
from plainnet.inspection.markup import Markup, paragraph

Array = npt.NDArray[Any]

NUMBERED = 15
"""With more classes, a confusion matrix has colours only: its numbers would overlap."""
DRAWN = 60
"""With more classes, not even the names can be read."""
COVERAGE = 0.9
BINS = 20


@dataclass(frozen=True)
class Classes:
    """Predicted classes of test rows.

    Attributes
    ----------
    model : Network or estimator
    X : rows as the model takes them
    y : array of shape (m,)
        Labels, or class ids of a network.
    ids : array of shape (m,)
        Positions in `names`.
    P : array of shape (m, K)
        Probabilities.
    names : sequence
        Names of the classes.
    what : str
        The word for rows, in the plural.
    """

    model: Any
    X: Any
    y: Any
    ids: Array
    P: Array
    names: Sequence[Any]
    what: str = "rows"
    all_well: ClassVar[str] = (
        "There are none: the right class always has at least half of the probability."
    )

    @property
    def losses(self) -> Array:
        """The log-loss of each row."""
        p = self.P[np.arange(len(self.ids)), self.ids].astype(np.float64)
        return np.asarray(-np.log(np.maximum(p, np.finfo(np.float32).tiny)))

    @property
    def worth_a_look(self) -> Array:
        """Rows whose right class has less than half of the probability."""
        return np.asarray(self.losses > np.log(2))

    @property
    def facts(self) -> list[Fact]:
        """The key numbers at the top of the page."""
        matrix = measures.counts(self.ids, self.P)
        commonest = matrix.sum(axis=1).max()
        return [
            Fact("test accuracy", f"{matrix.trace() / len(self.ids):.4f}"),
            Fact("always the commonest class", f"{commonest / len(self.ids):.4f}"),
            Fact("test log-loss", f"{metrics.log_loss(self.ids, self.P):.4f}"),
        ]

    def said(self, i: int) -> str:
        """The prediction for a row, and its target."""
        k, true = int(self.P[i].argmax()), int(self.ids[i])
        said = f"{self.names[k]} with {self.P[i, k]:.1%}"
        if k == true:
            return f"predicted {said}, and right"
        return f"predicted {said}; it is {self.names[true]}, which had {self.P[i, true]:.1%}"

    def sections(self) -> Iterator[Section]:
        """How often classes were confused, and how good the probabilities are."""
        yield Section("Test", list(self._confusion()))
        yield Section("Calibration", list(self._calibration()))

    def _confusion(self) -> Iterator[Markup]:
        matrix, K = measures.counts(self.ids, self.P), len(self.names)
        yield paragraph(f"{matrix.trace():,} of {len(self.ids):,} test {self.what} are right.")

        def draw(ax: Any) -> None:
            plots.confusion(self.model, self.X, self.y, class_names=[*map(str, self.names)], ax=ax)
            for text in ax.texts:
                text.set_visible(K <= NUMBERED)

        shown = wide(self._rates(matrix))
        if K <= DRAWN:
            side = min(max(3.0, 1.6 + 0.42 * K), 7.5)
            said = f"how often each of {K} classes was taken for each"
            yield side_by_side(figure(draw, said, (side + 1.0, side)), shown)
            if K > report.CLASSES_SHOWN:
                yield aside(f"The table has the {report.CLASSES_SHOWN} classes with the lowest F1.")
        else:
            yield paragraph(f"The {report.CLASSES_SHOWN} classes with the lowest F1, of {K:,}:")
            yield shown
        found = measures.confusions(matrix)[: report.CONFUSIONS_SHOWN]
        if found and K > 2:
            rows = [[str(self.names[i]), str(self.names[j]), f"{n:,}"] for i, j, n in found]
            yield paragraph("Most frequent confusions:")
            yield wide(Table(["true class", "taken for", self.what], rows, numbers=[self.what]))

    def _rates(self, matrix: Array) -> Table:
        precision, recall, f1 = measures.rates(matrix)
        shown = np.arange(len(self.names))
        if len(shown) > report.CLASSES_SHOWN:
            shown = np.argsort(f1, kind="stable")[: report.CLASSES_SHOWN]
        titles = ["class", "precision", "recall", "F1", self.what]
        rows = []
        for k in shown.tolist():
            of_class = (f"{rate[k]:.3f}" for rate in (precision, recall, f1))
            rows.append([str(self.names[k]), *of_class, f"{matrix[k].sum():,}"])
        return Table(titles, rows, numbers=titles[1:])

    def _calibration(self) -> Iterator[Markup]:
        sure, right = self.P.max(axis=1), self.P.argmax(axis=1) == self.ids

        def draw(ax: Any) -> None:
            plots.calibration(self.model, self.X, self.y, ax=ax)
            ax.get_legend().remove()

        def draw_sure(ax: Any) -> None:
            ax.hist(
                [sure[right], sure[~right]], BINS, range=(0, 1), stacked=True,
                color=[BLUE, ORANGE], label=["right", "wrong"],
            )  # fmt: skip
            ax.set(xlabel="probability of the predicted class", ylabel=self.what)
            ax.legend()

        yield paragraph(
            f"The predicted class has a probability of {sure.mean():.1%} on average, and is right "
            f"in {right.mean():.1%} of the {self.what}."
        )
        yield side_by_side(
            figure(draw, "how often what is probable comes true", (3.6, 3.4)),
            figure(draw_sure, "how probable the predicted classes are"),
        )
        yield aside("On the dotted line, probabilities are what they say.")


@dataclass(frozen=True)
class Numbers:
    """Predicted numbers of test rows.

    Attributes
    ----------
    model : estimator
    X : rows as the model takes them
    y, predicted : arrays of shape (m,)
    seen : array
        The targets of the training rows.
    """

    model: Any
    X: Any
    y: Array
    predicted: Array
    seen: Array
    all_well: ClassVar[str] = "There are none: every prediction is exact."

    @property
    def losses(self) -> Array:
        """How far each prediction is from its target."""
        return np.asarray(np.abs(self.y - self.predicted))

    @property
    def worth_a_look(self) -> Array:
        """Rows whose prediction is not exact."""
        return np.asarray(self.losses > 0)

    @property
    def facts(self) -> list[Fact]:
        """The key numbers at the top of the page."""
        found = measures.of_numbers(self.y, self.predicted, self.seen)
        return [
            Fact("test R2", f"{found['R2']:.4f}"),
            *(Fact(n, report.number(value)) for n, value in found.items() if n != "R2"),
        ]

    def said(self, i: int) -> str:
        """The prediction for a row, and its target."""
        predicted, y = report.number(float(self.predicted[i])), report.number(float(self.y[i]))
        return f"predicted {predicted}; it is {y}"

    def sections(self) -> Iterator[Section]:
        """How far the predictions are off, and whether their intervals foresee it."""
        figures = []
        for kind, said in (
            ("actual_vs_predicted", "targets over predictions"),
            ("residual_vs_predicted", "errors over predictions"),
        ):

            def draw(ax: Any, kind: Any = kind) -> None:
                plots.residuals(self.model, self.X, self.y, kind=kind, ax=ax)
                ax.ticklabel_format(axis="both", style="plain", useOffset=False)
                ax.tick_params(axis="x", labelrotation=30)

            figures.append(figure(draw, said, (4.4, 3.6)))
        yield Section("Test", [side_by_side(*figures)])
        if hasattr(self.model, "predict_interval"):

            def draw_intervals(ax: Any) -> None:
                plots.intervals(self.model, self.X, self.y, coverage=COVERAGE, ax=ax)

            said = f"the intervals that should hold {COVERAGE:.0%} of the targets"
            yield Section("Calibration", [figure(draw_intervals, said, (7.0, 3.4))])
