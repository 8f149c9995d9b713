"""Caches that a network keeps for its next prediction of a few rows.

To make a cache takes ten times as long as to predict one row with it. Whoever predicts takes one
out, so that none serves two calls at a time: neither of two threads, nor of a layer that itself
predicts. After a fork, the child begins without any, or its random numbers would be its parent's.
"""

import os

from plainnet.engine.cache import Cache

MOST_BYTES = 2**20
"""Of a cache that is kept, so that a large batch leaves no memory behind. A pass that needs more
takes long enough for the making of its cache not to matter."""

MOST_CACHES = 8
"""That a network keeps: for as many calls at the same time."""


class SpareCaches:
    """The caches of one network that no call uses at the moment."""

    def __init__(self) -> None:
        self._caches: list[Cache] = []
        self._process = os.getpid()

    def take(self) -> Cache:
        """A cache for one call."""
        if self._process != os.getpid():
            self._caches, self._process = [], os.getpid()
        try:
            return self._caches.pop()
        except IndexError:
            return Cache(backward=False)

    def give_back(self, cache: Cache) -> None:
        """Keep the cache after the call, unless it has grown too large by it."""
        if cache._has_grown() and cache.nbytes > MOST_BYTES:
            return
        if len(self._caches) < MOST_CACHES:
            self._caches.append(cache)
