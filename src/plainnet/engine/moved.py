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
    "plainnet.batches": "plainnet.training.batches",
    "plainnet.cache": "plainnet.engine.cache",
    "plainnet.clipping": "plainnet.optimizers.clipping",
    "plainnet.config": "plainnet.arguments.config",
    "plainnet.divergence": "plainnet.training.divergence",
    "plainnet.estimators.columns": "plainnet.estimators.tabular.columns",
    "plainnet.estimators.losses": "plainnet.estimators.mlp.losses",
    "plainnet.estimators.tabular.intervals": "plainnet.estimators.intervals",
    "plainnet.history": "plainnet.training.history",
    "plainnet.installation": "plainnet.arguments.installation",
    "plainnet.interrupts": "plainnet.training.interrupts",
    "plainnet.layers.activations": "plainnet.layers.dense.activations",
    "plainnet.layers.bidirectional": "plainnet.layers.recurrence.bidirectional",
    "plainnet.layers.dropout": "plainnet.layers.dense.dropout",
    "plainnet.layers.embeddings": "plainnet.layers.tabular",
    "plainnet.layers.gates": "plainnet.layers.dense.gates",
    "plainnet.layers.global_pooling": "plainnet.layers.convolution.global_pooling",
    "plainnet.layers.group_normalization": "plainnet.layers.normalization.group_norm",
    "plainnet.layers.gru": "plainnet.layers.recurrence.gru",
    "plainnet.layers.lstm": "plainnet.layers.recurrence.lstm",
    "plainnet.layers.masking": "plainnet.layers.recurrence.masking",
    "plainnet.layers.pooling": "plainnet.layers.convolution.pooling",
    "plainnet.layers.positions": "plainnet.layers.attention.positions",
    "plainnet.layers.scaling": "plainnet.layers.dense.scaling",
    "plainnet.layers.shaping": "plainnet.layers.containers.shaping",
    "plainnet.layers.sliding": "plainnet.layers.convolution.sliding",
    "plainnet.layers.tokens": "plainnet.layers.attention.embedding",
    "plainnet.layers.transformer": "plainnet.layers.attention.transformer",
    "plainnet.layers.upsampling": "plainnet.layers.convolution.upsampling",
    "plainnet.lbfgs": "plainnet.optimizers.lbfgs",
    "plainnet.learning_rate": "plainnet.training.learning_rate",
    "plainnet.memory": "plainnet.engine.memory",
    "plainnet.parameters": "plainnet.engine.parameters",
    "plainnet.plots": "plainnet.inspection.plots",
    "plainnet.running_state": "plainnet.training.averaging",
    "plainnet.spelling": "plainnet.arguments.spelling",
    "plainnet.validation": "plainnet.training.validation",
}
"""From the old name of a module to the present one."""


class Present(Loader):
    """Loads the module itself in place of its old name."""

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


def spec_of(name: str) -> ModuleSpec | None:
    """How to import a module by an old name; None for any other."""
    return ModuleSpec(name, Present()) if name in MOVED else None
