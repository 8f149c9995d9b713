"""Importing plainnet imports NumPy and nothing else from outside; and who may import whom."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import plainnet

SOURCE = Path(plainnet.__file__).parent

FOREIGN = """
import sys
at_startup = set(sys.modules)  # site-packages may load helpers of its own before any program runs
{statement}
allowed = set(sys.stdlib_module_names) | {{"numpy", "plainnet", "plainnet_kernels"}}
for name, module in sorted(sys.modules.items()):
    # Compiled modules register helpers such as cython_runtime, which come from no file.
    if getattr(module, "__file__", None) and name not in at_startup:
        if name.partition(".")[0] not in allowed:
            print(name)
"""


def foreign_modules(statement: str) -> list[str]:
    """What a fresh interpreter holds beside NumPy, our kernels and the standard library."""
    code = FOREIGN.format(statement=statement)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    "statement",
    [
        "import plainnet",
        "import plainnet.textbook",
        "from plainnet import *",
        "import plainnet, pickle; pickle.dumps(plainnet.Network([], "
        "loss=plainnet.losses.MeanSquaredError(), input_shape=1))",
    ],
)
def test_nothing_comes_along(statement):
    assert foreign_modules(statement) == []


def test_importing_the_package_imports_nothing_of_it_yet():
    code = "import sys, plainnet; print([n for n in sys.modules if n.startswith('plainnet')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['plainnet']"


def test_plots_are_there_without_an_import_of_their_own():
    code = "import plainnet; print(plainnet.inspection.plots.calibration.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "calibration"


@pytest.mark.parametrize("name", ["nonsense", "_private", "Nonsense"])
def test_a_name_that_is_nowhere(name):
    assert not hasattr(plainnet, name)
    with pytest.raises(AttributeError, match=f"module 'plainnet' has no attribute '{name}'"):
        getattr(plainnet, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from plainnet import {name}")


def test_the_textbook_runs_as_a_script_in_its_own_folder():
    """Where a module of ours must not stand in for one of Python's."""
    done = subprocess.run(
        [sys.executable, "textbook.py"], capture_output=True, text=True, check=False,
        cwd=SOURCE, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not {path.stem for path in SOURCE.iterdir()} & sys.stdlib_module_names


def test_what_comes_along_would_be_seen():
    pytest.importorskip("scipy", reason="the extra `scipy` is not installed")
    assert "scipy.special" in foreign_modules("import plainnet, scipy.special")


def test_every_public_name_is_there():
    assert sorted(plainnet.__all__) == sorted(set(plainnet.__all__))
    for name in plainnet.__all__:
        assert hasattr(plainnet, name), name
    assert plainnet.__version__


# --- who may import whom --------------------------------------------------------------------------


def module_level(tree: ast.Module) -> list[ast.stmt]:
    """All statements that run on import: not those of functions, nor those for type checkers."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.stmt):
            found.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
    return found


def imports_of(source: str) -> set[str]:
    """The full names of all modules, and names in them, that are imported at module level."""
    names: set[str] = set()
    for node in module_level(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_module_level_imports_are_found():
    source = """
import numpy as np
from plainnet.network import Network
if TYPE_CHECKING:
    import pandas
else:
    import json
try:
    import tqdm
except ImportError:
    import re
class A:
    import os.path
    def method(self):
        import scipy
def function():
    import sklearn
"""
    found = {"numpy", "plainnet.network.Network", "json", "tqdm", "re", "os.path"}
    assert imports_of(source) == found


def test_the_textbook_class_needs_numpy_only():
    allowed = sys.stdlib_module_names | {"numpy"}
    imports = imports_of((SOURCE / "textbook.py").read_text(encoding="utf-8"))
    assert {name.partition(".")[0] for name in imports} <= allowed
    assert "numpy" in imports


def test_kernels_need_numpy_and_each_other_only():
    ours = {"plainnet.kernels", "plainnet.errors", "plainnet_kernels"}
    allowed = sys.stdlib_module_names | {"numpy"} | ours
    files = sorted((SOURCE / "kernels").rglob("*.py"))
    assert len(files) > 10
    for file in files:
        for name in imports_of(file.read_text(encoding="utf-8")):
            parts = name.split(".")
            top = ".".join(parts[:2]) if parts[0] == "plainnet" else parts[0]
            assert top in allowed, f"{file.name} imports {name}"


@pytest.mark.parametrize(
    ("places", "never"),
    [
        (["layers", "losses", "optimizers"], ["network", "training", "Network", "train"]),
        (["network.py"], ["training", "train", "step"]),
        (
            ["network.py", "training", "callbacks", "data.py", "layers", "losses"],
            ["estimators", "cli", "rl", "distributed"],
        ),
        (["training"], ["inspection"]),
        (["engine"], ["layers", "losses", "optimizers", "network", "training"]),
        (["files"], ["estimators", "rl", "cli", "training"]),
        (["inspection", "estimators", "rl", "tables"], ["cli", "playground"]),
    ],
)
def test_lower_parts_know_nothing_of_higher_ones(places, never):
    files = [file for place in places for file in sorted((SOURCE / place).rglob("*.py"))]
    files += [SOURCE / place for place in places if place.endswith(".py")]
    assert len(files) >= len(places)
    forbidden = {f"plainnet.{name}" for name in never}
    for file in files:
        for name in imports_of(file.read_text(encoding="utf-8")):
            parts = name.split(".")
            assert ".".join(parts[:2]) not in forbidden, f"{file.name} imports {name}"


def modules() -> dict[str, Path]:
    """All modules of the package, by their full names."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ("plainnet", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported_by(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules that a file imports at module level: the longest part that is one."""
    found = set()
    for name in imports_of(path.read_text(encoding="utf-8")):
        parts = name.split(".")
        while parts and ".".join(parts) not in known:
            parts.pop()
        if parts and parts != ["plainnet"]:
            found.add(".".join(parts))
    return found


def test_there_is_no_circle_of_imports():
    known = modules()
    order = {name: imported_by(path, known) - {name} for name, path in known.items()}
    list(TopologicalSorter(order).static_order())  # CycleError names the circle


def test_a_circle_would_be_found():
    with pytest.raises(CycleError, match="nodes are in a cycle"):
        list(TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())
