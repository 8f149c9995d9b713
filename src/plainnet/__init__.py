"""Neural networks from scratch on NumPy: every formula next to its derivative."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

# OpenBLAS's threads, after a product, ask for the next one for 30 ms, on the processors that the
# threads of the compiled kernels need; then they sleep: here after 2^18 ticks, about 0.1 ms.
# NumPy reads it when it is imported; where that is done, nothing changes.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")

if TYPE_CHECKING:  # for editors and type checkers; at run time a name is imported when it is used
    from plainnet import (
        augmentation,
        callbacks,
        data,
        errors,
        initializers,
        kernels,
        layers,
        losses,
        metrics,
        optimizers,
        schedules,
        text,
    )
    from plainnet.callbacks import Callback, EarlyStopping
    from plainnet.data import one_hot
    from plainnet.engine.cache import Cache
    from plainnet.files import load, save
    from plainnet.generation import generate
    from plainnet.inspection import (
        Comparison,
        GradientCheck,
        check_gradients,
        compare,
        diagnose,
        trace,
    )
    from plainnet.network import Network
    from plainnet.optimizers.lbfgs import LBFGS
    from plainnet.textbook import NeuralNetwork
    from plainnet.training import step, train
    from plainnet.training.history import History
    from plainnet.training.learning_rate import find_learning_rate

__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "Cache",
    "Callback",
    "Comparison",
    "EarlyStopping",
    "GradientCheck",
    "History",
    "Network",
    "NeuralNetwork",
    "augmentation",
    "callbacks",
    "check_gradients",
    "compare",
    "data",
    "diagnose",
    "errors",
    "find_learning_rate",
    "generate",
    "initializers",
    "kernels",
    "layers",
    "load",
    "losses",
    "metrics",
    "one_hot",
    "optimizers",
    "save",
    "schedules",
    "step",
    "text",
    "trace",
    "train",
]

_AT_HOME = {
    "LBFGS": "optimizers.lbfgs",
    "Cache": "engine.cache",
    "Callback": "callbacks",
    "Comparison": "inspection",
    "EarlyStopping": "callbacks",
    "GradientCheck": "inspection",
    "History": "training.history",
    "Network": "network",
    "NeuralNetwork": "textbook",
    "check_gradients": "inspection",
    "compare": "inspection",
    "diagnose": "inspection",
    "find_learning_rate": "training.learning_rate",
    "generate": "generation",
    "load": "files",
    "one_hot": "data",
    "save": "files",
    "step": "training",
    "trace": "inspection",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """A public name, or a module of the package, imported when it is first asked for."""
    module = f"plainnet.{_AT_HOME.get(name, name)}"
    if name.startswith("_"):
        raise AttributeError(f"module 'plainnet' has no attribute {name!r}")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise AttributeError(f"module 'plainnet' has no attribute {name!r}") from None
    if name in _AT_HOME:
        found = globals()[name] = getattr(found, name)
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Moved:
    """Finds modules by the names they had before they moved; asked after all other finders."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if not name.startswith("plainnet."):
            return None
        return import_module("plainnet.engine.moved").spec_of(name)


sys.meta_path.append(_Moved)
