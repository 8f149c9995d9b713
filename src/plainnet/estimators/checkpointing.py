"""Estimators whose training a caller may save to disk, network by network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plainnet.callbacks import Callback

OfNetwork = Callable[[int], tuple[Callback, Path | None]]


class Checkpointed:
    """An estimator that takes a `Checkpoint` and a file to resume from for each network."""

    _checkpoint_of: OfNetwork | None = None

    @contextmanager
    def checkpointed(self, of: OfNetwork) -> Iterator[None]:
        """In this context, `fit` gives network k, from 0, a `Checkpoint` and a file to resume from.

        Networks that were finished before the interruption end at once if they have a file.
        """
        self._checkpoint_of = of
        try:
            yield
        finally:
            del self._checkpoint_of

    def _saving(self, network: int = 0) -> tuple[list[Callback], Path | None]:
        """The callbacks that keep this network, and the file to resume from."""
        if self._checkpoint_of is None:
            return [], None
        checkpoint, resume = self._checkpoint_of(network)
        return [checkpoint], resume
