"""Modules under the names that they had before they moved.

Files of estimators and pickles name a class by the module that it stood in, and so do imports in
programs that reach past the public names. The old name of a module in the table goes on being the
module itself, so that whatever reads a name finds the class: `load`, skops and pickle alike. A
module that became a folder of its own name needs no row: the folder's `__init__` has its classes.

tests/old_names.txt holds the names that occur in files; one that is no longer found fails
tests/files/test_moved.py, which is when to add a row. Rows stay.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "plainnet.cache": "plainnet.engine.cache",
    "plainnet.parameters": "plainnet.engine.parameters",
    "plainnet.memory": "plainnet.engine.memory",
    "plainnet.batches": "plainnet.training.batches",
    "plainnet.validation": "plainnet.training.validation",
    "plainnet.divergence": "plainnet.training.divergence",
    "plainnet.interrupts": "plainnet.training.interrupts",
    "plainnet.history": "plainnet.training.history",
    "plainnet.running_state": "plainnet.training.averaging",
    "plainnet.learning_rate": "plainnet.training.learning_rate",
    "plainnet.lbfgs": "plainnet.optimizers.lbfgs",
    "plainnet.clipping": "plainnet.optimizers.clipping",
    "plainnet.plots": "plainnet.inspection.plots",
    "plainnet.estimators.columns": "plainnet.estimators.tabular.columns",
    "plainnet.estimators.losses": "plainnet.estimators.mlp.losses",
}
"""From the old name of a module to the present one."""


class Present(Loader):
    """Loads the module itself in place of its old name."""

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


def spec_of(name: str) -> ModuleSpec | None:
    """How to import a module by an old name; None for any other."""
    return ModuleSpec(name, Present()) if name in MOVED else None
