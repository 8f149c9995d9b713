"""The mean of the parameters over the last steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.callbacks.base import Callback, Run
from plainnet.errors import SettingError, require_number

Array = npt.NDArray[Any]


class EMA(Callback):
    """An exponential moving average of the parameters, which averages out the noise of the steps.

        average <- d average + (1 - d) p,    d = min(decay, (1 + t) / (10 + t)) at step t

    The mean is due to Polyak and Juditsky (1992); the warm-up of d is TensorFlow's. Training itself
    continues with the current parameters. The average replaces them while an epoch is validated and
    its `end_epoch` hooks run, so that early stopping and checkpoints keep what was measured, and
    permanently when training ends or is stopped. After an error the network keeps its own
    parameters.

    The running statistics of `BatchNorm` depend on the weights, so they are measured again for the
    average, on the last 2,048 training examples, or on one epoch if that is shorter. A network with
    BatchNorm keeps copies of these examples, and makes one more forward pass over them after each
    epoch.

    Parameters
    ----------
    decay : float
        0 <= decay < 1; the average covers about the last 1 / (1 - decay) steps.
    """

    def __init__(self, decay: float = 0.999) -> None:
        require_number("decay", decay, at_least=0, below=1)
        self.decay = decay

    def begin_training(self, run: Run) -> None:
        if run.average is not None:
            raise SettingError(
                f"EMA({self.decay!r}) would replace the average that another callback keeps: leave "
                "one of them out"
            )
        self._work: Array = np.empty_like(run.network.parameters)
        self._average = run.average = run.network.parameters.copy()

    def end_step(self, run: Run) -> None:
        difference = np.subtract(run.network.parameters, self._average, out=self._work)
        difference *= 1 - min(self.decay, (1 + run.step) / (10 + run.step))
        self._average += difference
