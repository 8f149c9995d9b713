"""The plan of a network: the order of its layers, and what each may do where it stands.

All of it follows from the layers, so it is made once, when a network is built. A cache is laid out
by the plan as a whole, and containers only walk what they find in theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from plainnet.engine.recording import Window

MOST_NESTED = 200
"""Layers in layers in layers: Python's stack holds a thousand calls, of which each takes four."""


class Planned:
    """A layer or a loss, as far as a plan knows it."""

    shown_by: type[Window] = Window
    """What a recording cache shows of it."""

    sources: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Of a graph: what each of the places inside it reads."""

    def plan(self, own: Place) -> Iterable[Place]:
        """Where what is inside it stands, in the order of the forward pass, given its own place."""
        return ()

    def expect_carry(self, training: bool) -> None:
        """Raise `SettingError` if it cannot continue the sequences of an earlier pass."""


@dataclass(slots=True, eq=False)
class Place:
    """Where a layer or loss stands. By default it may not do anything that others could notice.

    Attributes
    ----------
    name : str
        Of its part of the cache. "" adds nothing to the names of arrays.
    subject : Layer or Loss
    path : str
        The full name, with those of the places around it.
    reuse_input : bool
        `forward` may write over its input: nobody else reads it.
    reuse_gradient : bool
        `backward` may write over the gradient that it is given.
    needs_input_gradient : bool
        Somebody reads the gradient that `backward` returns.
    runs_back : bool
        The backward pass comes here. Below the first layer that learns, it need not.
    carries : bool
        With a carrying cache, its sequences continue from pass to pass.
    inner : tuple of Place
        Of what is inside it.
    """

    name: str = ""
    subject: Planned | None = None
    path: str = ""
    reuse_input: bool = False
    reuse_gradient: bool = False
    needs_input_gradient: bool = True
    runs_back: bool = True
    carries: bool = True
    inner: tuple[Place, ...] = field(default=(), repr=False)

    def within(self, name: str) -> str:
        """The full name of what is called `name` here."""
        return f"{self.path}.{name}" if self.path and name else self.path or name

    def walk(self) -> Iterator[Place]:
        """This place and all inside it, in the order of the forward pass."""
        ahead = [self]
        while ahead:
            here = ahead.pop()
            yield here
            ahead += reversed(here.inner)

    def recorded(self) -> Place:
        """The same place in a recording: every number is kept, and every gradient computed."""
        return replace(
            self,
            reuse_input=False,
            reuse_gradient=False,
            needs_input_gradient=True,
            runs_back=True,
        )


def planned(place: Place) -> Place:
    """The place, with those of everything inside it, at any depth."""
    ahead = [place]
    while ahead:
        here = ahead.pop()
        if here.subject is not None and not here.inner:
            here.inner = tuple(here.subject.plan(here))
        for each in here.inner:
            each.path = here.within(each.name)
        ahead += here.inner
    return place
