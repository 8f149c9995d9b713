"""Where plots are drawn, with matplotlib, which the extra `plots` brings."""

from typing import Any

from plainnet.errors import optional


def new_axes() -> Any:
    """The axes of a new figure, which a notebook shows."""
    pyplot = optional("matplotlib.pyplot", purpose="plots", extra="plots")
    return pyplot.figure(layout="constrained").add_subplot()
