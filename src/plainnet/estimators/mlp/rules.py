"""scikit-learn's rules as callbacks of train(): when to stop, how fast to learn, what to record."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from plainnet.callbacks import Callback, Run
from plainnet.errors import counted


class L2Penalty(Callback):
    """alpha / 2 ||W||^2 / n_batch in the loss of each batch, as in scikit-learn.

    Its gradient is the optimizer's weight decay, alpha / n_batch; n_batch counts weights, so a row
    of weight 2 counts as two. The current batch is known by its place in the epoch.
    """

    def __init__(self, alpha: float, rows: int, batch_size: int, weight: float) -> None:
        self.alpha, self.rows, self.batch_size = alpha, rows, batch_size
        self.mean_weight = weight / rows

    def begin_training(self, run: Run) -> None:
        run.claim(run.optimizer, "weight_decay", f"alpha={self.alpha!r}")
        self.total = 0.0
        self._row = 0
        self._prepare(run)

    def end_step(self, run: Run) -> None:
        self.total += self._share
        self._row += self.batch_size
        if self._row >= self.rows:
            self._row = 0
        self._prepare(run)

    def _prepare(self, run: Run) -> None:
        batch = min(self.batch_size, self.rows - self._row)
        run.optimizer.weight_decay = self.alpha / (batch * self.mean_weight)
        self._share = self.of(run)

    def of(self, run: Run) -> float:
        """The penalty in the loss, with the current weights."""
        W = run.network.parameters[: run.network.n_decaying]
        return 0.5 * self.alpha * float(np.dot(W, W)) / (self.rows * self.mean_weight)

    def take(self) -> float:
        """The penalty in the mean loss of the epoch that ends."""
        total, self.total = self.total, 0.0
        return total


class Recorder(Callback):
    """Keeps the estimator's attributes up to date: n_iter_, loss_, loss_curve_.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    rows : int
        Number of examples in an epoch.
    penalty : L2Penalty or None
    outputs : int
        The data's loss is divided by this number: scikit-learn reports the squared error averaged
        over the outputs but follows the gradient of the sum.
    """

    def __init__(
        self, estimator: Any, rows: int, penalty: L2Penalty | None, outputs: int = 1
    ) -> None:
        self.estimator, self.rows, self.penalty, self.outputs = estimator, rows, penalty, outputs

    def end_epoch(self, run: Run) -> None:
        measures, e = run.history.last(), self.estimator
        e.n_iter_ += 1
        e.loss_ = measures["loss"] / self.outputs + self.penalty_of(run)
        e.loss_curve_.append(e.loss_)
        if "val_loss" in measures:
            e.validation_loss_curve_.append(measures["val_loss"])
        self.say(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")

    def penalty_of(self, run: Run) -> float:
        """The part of the loss that decays the weights."""
        return self.penalty.of(run) if self.penalty else 0.0

    def say(self, line: str) -> None:
        """Print a line if the estimator is verbose."""
        if self.estimator.verbose:
            sys.stdout.write(line + "\n")


class StoppingRules(Recorder):
    """Ends training when the loss or the validation score has not improved by tol for too long.

    The score comes from `scorer`, or is the measure in the history that the estimator names. It is
    recorded whenever there are validation rows, and decides only with `early_stopping`.
    """

    def __init__(
        self,
        estimator: Any,
        rows: int,
        penalty: L2Penalty | None,
        outputs: int,
        schedule: str,
        scorer: Callable[[], float] | None,
    ) -> None:
        super().__init__(estimator, rows, penalty, outputs)
        self.schedule, self.scorer = schedule, scorer
        self.stopped = False

    def begin_training(self, run: Run) -> None:
        if self.schedule != "constant":
            run.claim(run.optimizer, "learning_rate", f"learning_rate={self.schedule!r}")

    def penalty_of(self, run: Run) -> float:
        return self.penalty.take() if self.penalty else 0.0

    def end_epoch(self, run: Run) -> None:
        super().end_epoch(run)
        e = self.estimator
        e.t_ += self.rows
        if run.validates:
            measured = run.history.last()[f"val_{e._metric}"]
            self._validate(run, measured if self.scorer is None else self.scorer())
        if not e.early_stopping:
            improved = e.loss_ <= e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_)
            self._count(improved)
        if self.schedule == "invscaling":
            e._optimizer.learning_rate = e.learning_rate_init / (e.t_ + 1) ** e.power_t
        if e._no_improvement_count > e.n_iter_no_change:
            self._end_or_slow_down(run)

    def _validate(self, run: Run, score: float) -> None:
        e, best = self.estimator, self.estimator.best_validation_score_
        e.validation_scores_.append(score)
        self.say(f"Validation score: {score:f}")
        if score > best:
            e.best_validation_score_ = score
        if e.early_stopping:
            self._count(score >= best + e.tol)
            if score > best:
                e._best = run.network.parameters.copy(), run.network.state.copy()

    def _count(self, improved: bool) -> None:
        self.estimator._no_improvement_count = (
            0 if improved else self.estimator._no_improvement_count + 1
        )

    def _end_or_slow_down(self, run: Run) -> None:
        e = self.estimator
        what = "Validation score" if e.early_stopping else "Training loss"
        epochs = counted(e.n_iter_no_change, "epoch")
        why = f"{what} did not improve more than tol={e.tol:f} for {epochs}."
        rate = e._optimizer.learning_rate
        if self.schedule == "adaptive" and rate > 1e-6:
            e._optimizer.learning_rate = rate / 5
            e._no_improvement_count = 0
            self.say(f"{why} Setting learning rate to {rate / 5:f}")
            return
        self.stopped = True
        run.stop(why)
        self.say(f"{why} Stopping.")
