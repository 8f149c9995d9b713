"""Objects that `train` calls while it runs: early stopping, files, progress, or your own."""

from plainnet.callbacks.averaging import EMA
from plainnet.callbacks.base import Callback, Run
from plainnet.callbacks.files import Checkpoint, CSVLog, TensorBoardLog
from plainnet.callbacks.measuring import Evaluate
from plainnet.callbacks.progress import Progress
from plainnet.callbacks.stopping import EarlyStopping, TimeLimit

__all__ = [
    "EMA",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Evaluate",
    "Progress",
    "Run",
    "TensorBoardLog",
    "TimeLimit",
]
