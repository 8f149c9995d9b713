"""How fast plainnet is beside other libraries, on this machine; the tables are Markdown.

    python benchmarks/run.py [--only layers training] [--threads one] [--rounds 5] [--json file]

Each part runs in a process of its own, once with one thread and once with as many threads as each
library takes by default. Within a round the contenders take turns; a ratio is the median over the
rounds, with its quartiles in brackets, and above 1 plainnet is faster. The extra `benchmarks`
installs all peers; those that are missing are named and left out.
"""

import argparse
import datetime
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
import report
from parts import PARTS
from timing import ONE_THREAD, table

PEERS = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "PYTHONWARNINGS": "ignore",  # of scikit-learn: too few iterations
    "TORCHINDUCTOR_COMPILE_THREADS": "1",  # or it forks, which may hang beside JAX's threads
    "OPENBLAS_THREAD_TIMEOUT": "18",  # as `import plainnet` sets it where that comes before NumPy
}


def environment(threads: str) -> dict[str, str]:
    return {**os.environ, **PEERS, **(ONE_THREAD if threads == "one" else {})}


def measured(part: str, threads: str, rounds: int) -> dict[str, Any] | None:
    """The table of a part from a process of its own, or None where that fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.json"
        command = [sys.executable, __file__, "--work", part, str(path), "--rounds", str(rounds)]
        done = subprocess.run(command, env=environment(threads), check=False, stdout=sys.stderr)
        if done.returncode:
            return None
        result = json.loads(path.read_text(encoding="utf-8"))
    about = {"part": part, "title": PARTS[part].title, "about": PARTS[part].about}
    return {**about, "threads": threads, "load": machine.load(), "table": result}


def work(part: str, path: Path, rounds: int) -> None:
    try:
        found = importlib.import_module(f"parts.{part}").measure(rounds)
    except ModuleNotFoundError as error:  # of the one peer beside which the whole part stands
        if error.name is None or error.name.startswith(("plainnet", "parts")):
            raise
        found = table([], [], [f"all of it ({error.name} is not installed)"])
    path.write_text(json.dumps(short(found)), encoding="utf-8")


def short(value: Any) -> Any:
    """The same with four digits of every number, which is more than a measurement has."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: short(each) for name, each in value.items()}
    return [short(each) for each in value] if isinstance(value, (list, tuple)) else value


def text_of(results: dict[str, Any]) -> str:
    """As JSON, a line a part."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in results.items()
        if name != "parts"
    ]
    parts = ",\n".join(json.dumps(part, ensure_ascii=False) for part in results["parts"])
    lines.append(f'"parts": [\n{parts}\n]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def headed(rounds: int) -> dict[str, Any]:
    return {
        "date": datetime.date.today().isoformat(),
        "rounds": rounds,
        "machine": machine.described(),
        "warnings": machine.warnings(),
        "parts": [],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--threads", choices=["one", "all"], help="instead of both")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (5)")
    parser.add_argument("--json", type=Path, help="where to write the results too")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work[0], Path(arguments.work[1]), arguments.rounds)
        return
    for part in arguments.only:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"there is no folder {arguments.json.parent}")
    for name in ONE_THREAD:  # what is to use all cores must not inherit these
        os.environ.pop(name, None)
    results = headed(arguments.rounds)
    print("\n".join(report.head(results)), flush=True)
    failed, before = [], ""
    for part in arguments.only:
        for threads in PARTS[part].threads:
            if arguments.threads not in (None, threads):
                continue
            found = measured(part, threads, arguments.rounds)
            if found is None:
                failed.append(f"{part}, {report.THREADS[threads].lower()}")
                continue
            results["parts"].append(found)
            print("", *report.part(found, title=part != before), sep="\n", flush=True)
            before = part
            if arguments.json:
                arguments.json.write_text(text_of(results), encoding="utf-8")
    print(f"\nLoad average at the end: {machine.load()}")
    if failed:
        sys.exit(f"these parts failed, see above: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
