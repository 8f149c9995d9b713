"""The order in which the nodes of a graph run, and the graphs that are refused."""

from __future__ import annotations

from collections.abc import Mapping

from plainnet.errors import SettingError


def in_order(
    sources: Mapping[str, tuple[str, ...]], inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> list[str]:
    """The nodes, each after its sources; in the given order if that is such an order.

    Parameters
    ----------
    sources : mapping of str to tuple of str
        What each node reads: inputs, and other nodes.
    inputs, outputs : tuple of str

    Raises
    ------
    SettingError
        If a name is unknown or used twice, nodes form a cycle, or something is not used.
    """
    _expect_known(sources, inputs, outputs)
    order: list[str] = []
    done = set(inputs)
    for first in sources:
        path = [first]  # each the source of the one before
        while path:
            waiting = next((name for name in sources.get(path[-1], ()) if name not in done), None)
            if path[-1] in done:
                path.pop()
            elif waiting is None:
                done.add(path[-1])
                order.append(path.pop())
            elif waiting in path:
                cycle = [*path[path.index(waiting) :], waiting]
                raise SettingError(f"the nodes form a cycle: {' reads '.join(cycle)}")
            else:
                path.append(waiting)
    used = {source for each in sources.values() for source in each} | set(outputs)
    for what, names in (("input", inputs), ("node", order)):
        unused = [name for name in names if name not in used]
        if unused:
            raise SettingError(
                f"{what} {unused[0]!r} is read by no node and is not an output: leave it out"
            )
    return order


def _expect_known(
    sources: Mapping[str, tuple[str, ...]], inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> None:
    for name in inputs:
        if name in sources:
            raise SettingError(f"{name!r} is the name of an input and of a node: rename one")
    known = [*inputs, *sources]
    for name, reads in sources.items():
        for source in reads:
            if source not in known:
                raise SettingError(
                    f"node {name!r} reads {source!r}, which is neither an input nor a node; "
                    f"there are {', '.join(known)}"
                )
    for name in outputs:
        if name not in sources:
            what = "an input" if name in inputs else "unknown"
            raise SettingError(
                f"the output {name!r} is {what}; an output is one of the nodes, "
                f"{', '.join(sources)}"
            )
