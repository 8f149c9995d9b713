"""The result of training: a model, its scores for the terminal, and the page of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from plainnet.cli.pages.document import Document


class Learned(NamedTuple):
    """A model, and what to show about it once it is saved."""

    model: Any
    show_test: Callable[[], None]
    """Prints how good the model is."""
    document: Callable[[], Document]
    """Makes the page that `--report` asks for."""
