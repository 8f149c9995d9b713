"""Plant one error after another in kernels, layers and losses, and see whether the tests notice.

    python tests/mutants.py            every mutant; prints those that survive, and the score
    python tests/mutants.py --backward only errors in backward passes
    python tests/mutants.py rl/returns.py --tests tests/rl    one file, and what tests it

A mutant is one change to the syntax tree: a sign, an operation or a comparison turned around, a
number changed, a transpose left out, a line (a missing term) dropped, an argument swapped. Each is
written to a copy of the package, on which the tests of all these run until the first failure.
Survivors are either errors that no test would see, or no errors at all; read them.
"""

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "plainnet"
FILES = [
    str(path.relative_to(PACKAGE))
    for part in ("kernels", "layers", "losses")
    for path in sorted((PACKAGE / part).rglob("*.py"))
]
TESTS = ["tests/kernels", "tests/layers", "tests/losses"]
METHODS = (
    *("forward", "backward", "mean", "mean_gradient", "weight", "_expected"),
    "_remember",
    *("steps", "steps_back", "recurrent_gradients"),
    *("log_probability", "log_probability_gradient", "entropy", "entropy_gradient"),
    *("add", "draw", "set", "see"),
)
NOT_MATHEMATICS = ("expect_axes", "real_targets", "_distributions", "_class_ids", "_checked")

UFUNCS = {
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "maximum": "minimum",
    "minimum": "maximum",
    "greater": "less",
    "greater_equal": "less",
    "exp": "expm1",
    "tanh": "sin",
    "log": "sqrt",
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function that computes: "Class.forward", or a module's own helper."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name in METHODS:
                    yield f"{node.name}.{inner.name}", inner


def mutations(node: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    """(what is done, the node that takes this one's place; None drops a statement)."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        other = copy.deepcopy(node)
        other.op = OPERATORS[type(node.op)]()
        yield "another operator", other
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        other = copy.deepcopy(node)
        other.ops = [OPERATORS[type(node.ops[0])]()]
        yield "the opposite comparison", other
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "no minus", copy.deepcopy(node.operand)
    if isinstance(node, ast.Attribute) and node.attr in UFUNCS and ast.unparse(node.value) == "np":
        other = copy.deepcopy(node)
        other.attr = UFUNCS[node.attr]
        yield f"np.{other.attr}", other
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "no transpose", copy.deepcopy(node.value)
    if isinstance(node, ast.Attribute) and node.attr == "W" and ast.unparse(node) == "self.W":
        yield "a transpose", ast.Attribute(copy.deepcopy(node), "T", ast.Load())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "another number", ast.Constant(node.value + 1)
    if isinstance(node, ast.Call) and len(node.args) == 2 and ast.unparse(node.func)[:3] == "np.":
        other = copy.deepcopy(node)
        other.args.reverse()
        if ast.unparse(node.func) in ("np.subtract", "np.divide", "np.greater", "np.dot"):
            yield "swapped arguments", other
    if isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "dropped", None


class Replace(ast.NodeTransformer):
    """Puts `new` in the place of the node at `place`, counted in the order of `ast.walk`."""

    def __init__(self, old: ast.AST, new: ast.AST | None) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.old:
            return ast.Pass() if self.new is None else self.new
        return self.generic_visit(node)


def mutants(path: Path, backward_only: bool) -> Iterator[tuple[str, str]]:
    """(description, source) of every mutant of a file."""
    source = path.read_text()
    tree = ast.parse(source)
    for name, function in functions(tree):
        if name in NOT_MATHEMATICS:
            continue
        if backward_only and "backward" not in name and "gradient" not in name:
            continue
        for place, node in enumerate(ast.walk(function)):
            for kind, (what, _) in enumerate(mutations(node)):
                fresh = ast.parse(source)
                twin = dict(functions(fresh))[name]
                old = list(ast.walk(twin))[place]
                new = list(mutations(old))[kind][1]
                changed = ast.unparse(ast.fix_missing_locations(Replace(old, new).visit(fresh)))
                line = source.splitlines()[node.lineno - 1].strip()
                yield f"{path.name}:{node.lineno} {name}: {what} in `{line}`", changed


def survives(job: tuple[Path, str, list[str]]) -> bool:
    """Whether all tests pass on this mutant of the file."""
    path, source, tests = job
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "plainnet"
        shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / path.relative_to(PACKAGE)).write_text(source)
        environment = os.environ | {
            "PYTHONPATH": folder,
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        try:
            run = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return run.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", default=FILES, help="in src/plainnet")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files or folders of tests")
    parser.add_argument("--backward", action="store_true", help="only backward passes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    paths = [PACKAGE / file for file in options.files]
    found = [(path, *m) for path in paths for m in mutants(path, options.backward)]
    print(f"{len(found)} mutants of {len(paths)} files")
    noticed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = [(path, source, options.tests) for path, _, source in found]
        for (_, description, _), survived in zip(found, pool.map(survives, jobs), strict=True):
            noticed += not survived
            if survived:
                print(f"survived: {description}", flush=True)
    print(f"{noticed} of {len(found)} noticed")


if __name__ == "__main__":
    main()
