"""This checkout beside an earlier commit, for every training step and layer of `make benchmark`.

    python benchmarks/against.py COMMIT [NAME ...] [--rounds 9] [--pairs 5]

Two processes, one of each version, do the same work in turns; then two others, since where its
arrays come to lie makes a process up to a third slower than another of the same version. A row
gives the median of new time / old time over the rounds of all pairs, and an interval that holds the
true median in 95 of 100 cases. Rows whose interval lies wholly above +3% are marked: they have
become slower. NAMEs choose the rows that contain one of them.

Needs git and PyTorch. For one thread set OPENBLAS_NUM_THREADS=1.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from math import comb
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 0.08
"""About how long a measurement takes."""
SLOWER = 1.03


def cases() -> dict[str, Callable[[], Callable[[], object]]]:
    """What is measured: by its name, a function that makes the call to repeat."""
    from parts import layers, training

    found: dict[str, Callable[[], Callable[[], object]]] = {
        f"train {row}": lambda row=row: training.plainnet_epochs(row, *row.data())
        for row in training.ROWS
    }
    for case in layers.cases():
        for way in case.ways:
            found[f"{case.name}, {case.size}, {way}"] = lambda case=case, way=way: case.ours()[way]
    return found


# --- the process of one version: a name makes the call ready, a number repeats it -----------------


def work() -> None:
    made, call = cases(), None
    print("\n".join(made), flush=True)
    print(flush=True)
    for line in sys.stdin:
        request = line.rstrip("\n")
        if request in made:
            call = made[request]()
            call()
        assert call is not None
        times = int(request) if request.isdigit() else 1
        start = time.perf_counter()
        for _ in range(times):
            call()
        print(time.perf_counter() - start, flush=True)


class Version:
    """A process that measures the plainnet of one tree."""

    def __init__(self, tree: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", "-"],
            env={**os.environ, "PYTHONPATH": str(tree / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names = list(iter(self._line, ""))

    def ask(self, request: str) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{request}\n")
        self.process.stdin.flush()
        return float(self._line())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def interval(values: list[float]) -> tuple[float, float]:
    """A 95% interval for the median, from the order of the values alone (binomial)."""
    n, outside, k = len(values), 0.0, 0
    while (outside := outside + comb(n, k) / 2**n) <= 0.025:
        k += 1
    ordered = sorted(values)
    return ordered[max(k - 1, 0)], ordered[n - 1 - max(k - 1, 0)]


def compare(new: Version, old: Version, name: str, rounds: int) -> list[float]:
    """New time / old time of each round."""
    times = str(max(1, round(SECONDS / max(new.ask(name), old.ask(name), 1e-9))))
    ratios = []
    for i in range(rounds):
        order = (new, old) if i % 2 else (old, new)
        taken = {version: version.ask(times) for version in order}
        ratios.append(taken[new] / taken[old])
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("names", nargs="*", help="only the rows that contain one of these")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each pair (9)")
    parser.add_argument("--pairs", type=int, default=5, help="of processes (5)")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work()
        return
    slower = 0
    with checked_out(arguments.commit) as tree:
        pairs = [(Version(ROOT), Version(tree)) for _ in range(arguments.pairs)]
        print("| row | new / old | 95% interval | |\n|---|---|---|---|")
        for name in pairs[0][0].names:
            chosen = not arguments.names or any(part in name for part in arguments.names)
            if not chosen or name not in pairs[0][1].names:
                continue
            ratios = [r for pair in pairs for r in compare(*pair, name, arguments.rounds)]
            low, high = interval(ratios)
            mark = "slower" if low > SLOWER else ""
            slower += bool(mark)
            median = statistics.median(ratios)
            print(f"| {name} | {median:.3f} | {low:.3f} to {high:.3f} | {mark} |", flush=True)
        for version in chain.from_iterable(pairs):
            version.end()
    print(f"\n{slower} rows are slower")


if __name__ == "__main__":
    main()
