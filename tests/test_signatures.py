"""The public signatures, as they were when somebody decided on them.

    python tests/test_signatures.py    writes them anew

A difference is a decision and belongs into the CHANGELOG. An old name goes on for one release, with
a warning that names the new one. What is new need not be here before its first release.
"""

import importlib
import inspect
from functools import cache
from pathlib import Path

import pytest

KEPT = Path(__file__).with_name("signatures.txt")
MODULES = {
    "plainnet": None,
    "plainnet.augmentation": None,
    "plainnet.callbacks": None,
    "plainnet.data": None,
    "plainnet.datasets": None,
    "plainnet.errors": None,
    "plainnet.files": None,
    "plainnet.initializers": None,
    "plainnet.kernels": None,
    "plainnet.inspection": None,
    "plainnet.inspection.plots": None,
    "plainnet.layers": None,
    "plainnet.losses": None,
    "plainnet.metrics": None,
    "plainnet.optimizers": None,
    "plainnet.schedules": None,
    "plainnet.text": None,
    "plainnet.estimators": "skops",
    "plainnet.rl": "gymnasium",
    "plainnet.playground": "anywidget",
}
"""Each with the package that it needs."""


def public(module: object) -> list[str]:
    """What a module offers: its `__all__`, or the names of its own without an underscore."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    own = module.__name__
    return sorted(
        name
        for name, value in vars(module).items()
        if name[0] != "_" and callable(value) and getattr(value, "__module__", "") == own
    )


def signatures(name: str) -> list[str]:
    """A line for each function and class, and for each method that no other line has."""
    module, lines = importlib.import_module(name), []
    for each in public(module):
        value = getattr(module, each)
        if not callable(value):
            continue
        lines.append(f"{name}.{each}{_signature(value)}")
        if not inspect.isclass(value) or not value.__module__.startswith("plainnet"):
            continue
        for method, function in sorted(_methods(value).items()):
            function = getattr(function, "__func__", function)
            if method[0] != "_" and inspect.isfunction(function):
                lines.append(f"{name}.{each}.{method}{_signature(function)}")
            elif method[0] != "_" and isinstance(function, property):
                lines.append(f"{name}.{each}.{method}: property")
    return lines


def _methods(kind: type) -> dict[str, object]:
    """Those of a class, and of its bases up to the first that has lines of its own."""
    found: dict[str, object] = {}
    for base in kind.__mro__:
        if base is not kind and base in _listed():
            break
        if base.__module__.startswith("plainnet"):
            found = {**vars(base), **found}
    return found


@cache
def _listed() -> frozenset[type]:
    modules = [importlib.import_module(name) for name, needs in MODULES.items() if not needs]
    values = [getattr(module, name) for module in modules for name in public(module)]
    return frozenset(value for value in values if inspect.isclass(value))


def _signature(value: object) -> str:
    """Names and defaults; annotations may become more exact."""
    if inspect.isclass(value) and issubclass(value, Exception):
        return "(...)"  # as Python has it, which differs from version to version
    signature = inspect.signature(value)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


@pytest.mark.parametrize(("name", "needs"), MODULES.items(), ids=MODULES)
def test_public_signatures_change_by_decision(name, needs):
    if needs:
        pytest.importorskip(needs)
    kept = [
        line
        for line in KEPT.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"{name}.") and _owner(line) == name
    ]
    known = {_name(line, name) for line in kept}
    assert [line for line in signatures(name) if _name(line, name) in known] == kept


def _name(line: str, module: str) -> str:
    """The function or class that a line is of."""
    return line.removeprefix(f"{module}.").partition("(")[0].partition(".")[0].partition(":")[0]


def _owner(line: str) -> str:
    return max((name for name in MODULES if line.startswith(f"{name}.")), key=len)


if __name__ == "__main__":
    found = [line for name in MODULES for line in signatures(name)]
    KEPT.write_text("\n".join(found) + "\n", encoding="utf-8")
