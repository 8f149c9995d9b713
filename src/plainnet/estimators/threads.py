"""One thread for BLAS while a network with small products is trained.

BLAS's threads wait for each other without giving up the processor. If one of them has to share its
core with another program, each product takes as long as a turn of the scheduler: a fit of 2,000
rows of 40 numbers took 2.7 s on two busy cores, and 0.1 s with one thread. Where products are as
small as `SMALL`, a second thread does not pay on idle cores either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import prod
from threading import Lock
from typing import Any

from plainnet.network import Network

SMALL = 2**21
"""Multiplications of a product: up to 2 million, two threads on idle cores took from two thirds to
one and a half times as long as one."""


_limiting = Lock()


@contextmanager
def suitable_threads(network: Network, batch_size: int) -> Iterator[None]:
    """One thread for BLAS, in the whole process, while all products of a batch are small.

    Of trainings side by side, one at a time sets the limit and lifts it.
    """
    if _largest_product(network) * batch_size > SMALL or not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with _blas().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limiting.release()


def _largest_product(network: Network) -> int:
    """The multiplications of an example, if each of a layer's positions meets all its weights."""
    largest = 0
    for layer in network.body.walk():
        weights = max((tensor.size for tensor in layer.declared.values()), default=0)
        shapes = *layer.inputs_of(layer.input_shape), *layer.outputs_of(layer.output_shape)
        positions = max(prod(n or SMALL for n in shape[:-1]) for shape in shapes)
        largest = max(largest, weights * positions)
    return largest


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # scikit-learn brings it

    return ThreadpoolController()
