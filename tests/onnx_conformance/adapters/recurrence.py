"""RNN, LSTM and GRU, in one direction or in both."""

from collections.abc import Callable

import numpy as np

from onnx_conformance.adapters.through import through
from plainnet import Cache
from plainnet.layers import GRU, LSTM, RNN, Bidirectional
from plainnet.layers.recurrence.recurrent import Recurrent


def recurrent(
    make: Callable[..., Recurrent], order: list[int], **settings: str
) -> Callable[..., tuple[np.ndarray, ...]]:
    """The adapter of a layer whose gates stand at `order` among those of ONNX."""

    def adapter(
        X: np.ndarray,
        W: np.ndarray,
        R: np.ndarray,
        B: np.ndarray | None = None,
        *,
        hidden_size: int,
        direction: str = "forward",
        layout: int = 0,
    ) -> tuple[np.ndarray, ...]:
        A = X if layout else X.swapaxes(0, 1)  # (m, time, features)
        B = np.zeros((len(W), 2 * W.shape[1]), W.dtype) if B is None else B
        reverse, both = direction == "reverse", direction == "bidirectional"
        tensors = {}
        for name, *given in zip(("forward.", "backward.") if both else ("",), W, R, B, strict=True):
            tensors |= {name + tensor: A for tensor, A in _tensors(order, *given).items()}

        outputs, cache = [], Cache(record=True)
        for return_sequences in (True, False):
            cell = make(hidden_size, return_sequences=return_sequences, reverse=reverse, **settings)
            layer = Bidirectional(cell) if both else cell
            Y = through(layer, A, cache, **tensors)
            outputs.append(Y.reshape(*Y.shape[:-1], -1, hidden_size))
        if make is LSTM:
            cells = layer.layers if both else [layer]
            states = [cache[f"{c.name}.C_next"][:, 0 if c.reverse else -1] for c in cells]
            outputs.append(np.stack(states, axis=1))
        Y, *last = outputs  # (m, time, directions, units), and (m, directions, units)
        if layout:
            return (Y, *last)
        return (Y.transpose(1, 2, 0, 3), *(states.swapaxes(0, 1) for states in last))

    return adapter


def _tensors(
    order: list[int], W: np.ndarray, R: np.ndarray, B: np.ndarray
) -> dict[str, np.ndarray]:
    b = np.add(*np.split(B, 2))  # ONNX has a bias beside W, and one beside R
    parts = {"W": W, "U": R, "b": b}
    return {
        name: np.concatenate([np.split(A, len(order))[gate] for gate in order])
        for name, A in parts.items()
    }


ADAPTERS = {
    "GRU": recurrent(GRU, [1, 0, 2], reset="before"),  # no vector has linear_before_reset=1
    "LSTM": recurrent(LSTM, [0, 2, 1, 3]),
    "RNN": recurrent(RNN, [0]),
}
