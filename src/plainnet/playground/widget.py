"""`View`: a network in a notebook, as on the playground's page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from typing import Any
from weakref import finalize, ref

import numpy as np

from plainnet.errors import SettingError, optional, require_type
from plainnet.network import Network
from plainnet.playground import assets
from plainnet.playground.choices import CHANGEABLE
from plainnet.playground.given import examples_given
from plainnet.playground.session import Send, Session
from plainnet.playground.settings import Settings

anywidget: Any = optional("anywidget", purpose="a view in a notebook", extra="widget")


class View(anywidget.AnyWidget):  # type: ignore[misc]
    """A network that learns in a notebook cell, with every number to look at.

    It works in Jupyter, VS Code, Colab and marimo. The network itself is not changed: the view
    trains a copy, which `view.network` returns as it is shown. Its recorded steps take up to
    64 MB of memory until `view.close()`, or until the notebook closes it.

    Parameters
    ----------
    network : Network
        Of rows of numbers, with any number of inputs, or of images.
    X : array of shape (m, *input_shape)
    y : array of m targets
        Class ids or numbers, as the network's loss takes them.
    test : (X, y), optional
        Held-out rows.
    names, classes : sequence of str, optional
        What the inputs and the classes are called.
    **settings
        How it learns: `optimizer`, `learning_rate`, `schedule`, `batch_size`, `epochs`, `l1`, `l2`,
        `clip_norm`, as on the page, and `network_seed`, which shuffles the batches.

    Raises
    ------
    MissingExtraError
        Without the extra `widget`.
    SettingError
        For networks of ids or of several inputs, and for unknown settings.
    ShapeError, DataError
        If the data do not suit the network.

    Examples
    --------
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import SoftmaxCrossEntropy
    >>> X = np.random.default_rng(0).standard_normal((200, 2))
    >>> network = Network(
    ...     [Dense(8), ReLU(), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0
    ... )
    >>> view = View(network, X, (X[:, 0] * X[:, 1] > 0).astype(int), learning_rate=0.03)
    >>> view.network.parameters.size
    42
    >>> view.close()
    """

    _esm = assets.module("widget")
    _css = assets.style()

    def __init__(
        self,
        network: Network,
        X: Any,
        y: Any,
        *,
        test: tuple[Any, Any] | None = None,
        names: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        require_type("network", network, Network)
        _expect_known(settings)
        examples = examples_given(network, X, y, test=test, names=names, classes=classes)
        first = Settings(data="given").with_changes(settings)
        super().__init__()
        self._session = session = Session(
            _to_page_of(self), first, given=deepcopy(network), examples=examples
        )
        finalize(self, session.close)
        if self.comm is not None:
            self.comm.on_close(_closing(self))
        self.on_msg(lambda _, content, buffers: session.post(content, buffers))
        session.start()

    @property
    def network(self) -> Network:
        """A copy of the network at the step that the view shows."""
        shown = self._session.shown
        network = deepcopy(shown.network)
        network.parameters[:] = shown.parameters
        network.state[:] = shown.state
        return network

    def close(self) -> None:
        """End training, and the view."""
        if "_session" in vars(self):  # it has none if what was given was refused
            self._session.close()
        super().close()


def _to_page_of(view: View) -> Send:
    """Sends to the view's page, without keeping the view: its session ends with it."""
    found = ref(view)

    def send(content: dict[str, Any], buffers: Sequence[Any]) -> None:
        view = found()
        if view is None:
            raise ConnectionError("the view is gone")
        view.send(content, [np.ascontiguousarray(each).tobytes() for each in buffers])

    return send


def _closing(view: View) -> Callable[[Any], None]:
    """Closes the view, when the notebook has closed its end of it."""
    found = ref(view)

    def close(message: Any) -> None:
        view = found()
        if view is not None:
            view.close()

    return close


def _expect_known(settings: Collection[str]) -> None:
    """Refuse what the network and the rows have settled."""
    known = *CHANGEABLE, "network_seed"
    for name in settings:
        if name not in known:
            raise SettingError(
                f"{name} is not a setting of a view, which are {', '.join(known)}: the network, X "
                "and y say the rest"
            )
