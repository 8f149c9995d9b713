"""Every optimizer, with each of its options at least once."""

from collections.abc import Callable

import pytest

from plainnet.engine.parameters import Segment
from plainnet.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, Optimizer, RMSprop

EVERY: list[Callable[[], Optimizer]] = [
    lambda: SGD(0.1),
    lambda: SGD(0.1, momentum=0.9),
    lambda: SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda: SGD(0.1, momentum=0.9, l1=0.2),
    lambda: Adam(0.1),
    lambda: Adam(0.1, weight_decay=0.1),
    lambda: Adam(0.1, betas=(0.9, 0.6), amsgrad=True),
    lambda: AdamW(0.1, weight_decay=0.1),
    lambda: AdamW(0.1, weight_decay=0.1, amsgrad=True),
    lambda: AdamW(0.1, weight_decay=0.1, l1=0.2),
    lambda: NAdam(0.1),
    lambda: NAdam(0.1, momentum_decay=0.5, weight_decay=0.1),
    lambda: Adagrad(0.1),
    lambda: Adagrad(0.1, weight_decay=0.1),
    lambda: RMSprop(0.1),
    lambda: RMSprop(0.1, momentum=0.9),
    lambda: RMSprop(0.1, epsilon=0.01, centered=True),
    lambda: RMSprop(0.1, epsilon=0.01, momentum=0.9, centered=True, weight_decay=0.1),
    lambda: RMSprop(0.1, weight_decay=0.1, l1=0.2),
    lambda: Adadelta(),
    lambda: Adadelta(0.5, epsilon=0.001, weight_decay=0.1),
    lambda: Lion(0.1),
    lambda: Lion(0.1, weight_decay=0.1),
]
every_optimizer = pytest.mark.parametrize("make", EVERY, ids=[repr(make()) for make in EVERY])


def decaying(size: int, n_decaying: int) -> list[Segment]:
    """The segments of a vector whose first elements decay."""
    weights = Segment("W", 0, n_decaying, (n_decaying,), weight_decay=1.0)
    return [weights, Segment("b", n_decaying, size, (size - n_decaying,))]
