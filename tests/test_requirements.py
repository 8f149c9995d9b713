"""pyproject.toml names every package that plainnet imports, in the extra that should bring it."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

import plainnet

SOURCE = Path(plainnet.__file__).parent
PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
PROJECT = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_USERS = [name for name in EXTRAS if name not in ("docs", "dev", "all-tests")]
PACKAGES = {"sklearn": "scikit-learn", "PIL": "pillow"}
"""Packages whose name is not that of the module."""

FILES = {path.relative_to(SOURCE): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def packages(extra: str) -> set[str]:
    """What an extra brings, by name, with the extras that it includes."""
    found = set()
    for requirement in EXTRAS[extra]:
        name, inner = re.match(r"([\w-]+)(?:\[([\w,-]+)\])?", requirement).groups()
        if name == "plainnet":
            found |= set().union(*(packages(included) for included in inner.split(",")))
        else:
            found.add(name.lower())
    return found


def package(module: str) -> str:
    top = module.partition(".")[0]
    return PACKAGES.get(top, top).lower()


def foreign_imports(tree: ast.AST) -> set[str]:
    """The packages that are imported, wherever that stands, beside NumPy and the standard library.

    Our own kernels are in no extra: they are installed from the clone.
    """
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module.partition(".")[0])
    ours = {"plainnet", "plainnet_kernels"}
    return {package(m) for m in modules - {"numpy"} - ours - sys.stdlib_module_names}


def optional_calls(tree: ast.AST) -> list[tuple[str, str]]:
    """Module and extra of each call of `optional`; a module from a loop stands for each in it."""
    loops = {
        (node, ast.unparse(loop.target)): loop.iter
        for loop in ast.walk(tree)
        if isinstance(loop, ast.For)
        for node in ast.walk(loop)
    }
    calls = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "optional":
            extra = next(ast.literal_eval(k.value) for k in node.keywords if k.arg == "extra")
            first = node.args[0]
            if isinstance(first, ast.Name):
                modules = ast.literal_eval(loops[node, first.id])
            else:
                modules = [ast.literal_eval(first)]
            calls += [(module, extra) for module in modules]
    return calls


def test_what_is_imported_is_found():
    source = """
import os, numpy, PIL.Image
if TYPE_CHECKING:
    import pandas as pd
def f():
    from sklearn.utils import Bunch
    for name in ("typer", "rich"):
        optional(name, purpose="this", extra="cli")
    return errors.optional("scipy.optimize", purpose="that", extra="scipy")
"""
    tree = ast.parse(source)
    assert foreign_imports(tree) == {"pillow", "pandas", "scikit-learn"}
    expected = [("typer", "cli"), ("rich", "cli"), ("scipy.optimize", "scipy")]
    assert sorted(optional_calls(tree)) == sorted(expected)


def test_each_import_is_a_requirement():
    known = set().union(*(packages(extra) for extra in FOR_USERS))
    imported = {name: foreign_imports(tree) for name, tree in TREES.items()}
    assert {"scikit-learn", "pandas", "typer"} <= set().union(*imported.values())
    for name, found in imported.items():
        assert found <= known, f"{name}: in no extra"


def test_the_extra_that_a_message_names_brings_the_package():
    calls = [(name, *call) for name, tree in TREES.items() for call in optional_calls(tree)]
    assert len(calls) > 15
    for name, module, extra in calls:
        assert package(module) in packages(extra), f"{name}: {module} is not in [{extra}]"


def test_a_folder_imports_what_its_extra_brings():
    """`estimators` and `cli` ask for their extra in `__init__`; their files need nothing else."""
    rooms = {
        name.parent: set().union(*(packages(extra) for _, extra in optional_calls(tree)))
        for name, tree in TREES.items()
        if name.name == "__init__.py" and optional_calls(tree)
    }
    assert {str(room) for room in rooms} >= {"cli", "estimators"}
    for room, brought in rooms.items():
        for name in (name for name in TREES if room in name.parents):
            on_import = [s for s in TREES[name].body if isinstance(s, ast.Import | ast.ImportFrom)]
            assert foreign_imports(ast.Module(on_import, [])) <= brought, name


@pytest.mark.parametrize("extra", [*EXTRAS, None])
def test_every_requirement_has_a_lower_bound(extra):
    for requirement in PROJECT["dependencies"] if extra is None else EXTRAS[extra]:
        assert re.search(r">=|==|^plainnet\[", requirement), requirement
