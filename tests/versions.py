"""The suite on other versions than the newest on this Python.

    python tests/versions.py lowest         the lowest version of each package, on the lowest Python
    python tests/versions.py alone          each extra by itself, at its lowest versions
    python tests/versions.py compiled       kernels in C, built on the lowest Python, on the highest
    python tests/versions.py                these three, with which `make test-all` ends
    python tests/versions.py 3.13           the newest version of each package, on Python 3.13

pyproject.toml says what is lowest, and in its classifiers which Pythons there are. Each environment
is made anew, .venv-lowest and so on. A stage whose Python or C compiler is not at hand is left out
with a message, or is an error where PLAINNET_NO_SKIPS is set.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from subprocess import PIPE

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOWEST = PROJECT["requires-python"].removeprefix(">=")
PYTHONS = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: Python :: 3." in c]
NOT_FOR_USERS = ("benchmarks", "docs", "dev", "release", "all-tests")
PYTEST = [r for r in PROJECT["optional-dependencies"]["dev"] if r.startswith("pytest")]
OF_COMPILED = ("tests/kernels/test_compiled.py", "tests/kernels/test_use.py")
LOWEST_VERSIONS = ("--resolution", "lowest-direct")
UV = [sys.executable, "-m", "uv", "--quiet"]
ENVIRONMENT = {
    **os.environ,
    "OPENBLAS_NUM_THREADS": "1",  # as in `make test`
    "PYTHONDONTWRITEBYTECODE": "",  # as there
    "UV_PYTHON_DOWNLOADS": "never",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("stages", nargs="*", default=list(STAGES))
    failed, missing = [], []
    for stage in parser.parse_args().stages:
        python = find_python(LOWEST if stage in STAGES else stage)
        if python is None:
            missing.append(f"{stage}, whose Python is neither in PATH nor pyenv's")
            continue
        if stage == "compiled" and shutil.which(os.environ.get("CC", "cc")) is None:
            missing.append(f"{stage}, since there is no C compiler")
            continue
        start = time.monotonic()
        failed += STAGES.get(stage, newest)(stage, python)
        print(f"{stage}: {time.monotonic() - start:.0f} s", flush=True)
    for reason in missing:
        print(f"left out: {reason}")
    if failed:
        print("failed:", *failed, sep="\n  ")
    return bool(failed or (missing and os.environ.get("PLAINNET_NO_SKIPS")))


def lowest(stage: str, python: str) -> list[str]:
    return suite(stage, make(folder(stage), python, *LOWEST_VERSIONS, *this("dev")))


def newest(stage: str, python: str) -> list[str]:
    return suite(stage, make(folder(stage), python, *this("dev")))


def alone(stage: str, python: str) -> list[str]:
    failed = []
    extras = [name for name in PROJECT["optional-dependencies"] if name not in NOT_FOR_USERS]
    for extra in ["numpy", *extras]:
        inside = make(folder(stage), python, *LOWEST_VERSIONS, *this(extra))
        with tempfile.TemporaryDirectory() as empty:
            command = [inside, "-P", ROOT / "tests" / "alone.py", extra]
            done = subprocess.run(
                command, cwd=empty, env=ENVIRONMENT, check=False, capture_output=True, text=True
            )
        if done.returncode:
            failed.append(f"{extra} alone")
            print(done.stdout, done.stderr, sep="\n")
        print(f"{extra} alone: {'failed' if done.returncode else 'works'}", flush=True)
    return failed


def compiled(stage: str, python: str) -> list[str]:
    with tempfile.TemporaryDirectory() as made:
        build = ["build", "--wheel", "--python", python, "--out-dir", made, ROOT / "kernels"]
        subprocess.run([*UV, *build], env=ENVIRONMENT, check=True)
        (wheel,) = Path(made).glob("*.whl")
        highest = find_python(PYTHONS[-1]) or python
        inside = make(folder(stage), highest, *this("numpy"), *PYTEST, "joblib", wheel)
    return suite(stage, inside, *OF_COMPILED, PLAINNET_KERNELS="c")


STAGES = {"lowest": lowest, "alone": alone, "compiled": compiled}


def find_python(version: str) -> str | None:
    """The interpreter of this version: from PATH, or pyenv's, whose shims want to be told which."""
    for command in ([], ["pyenv", "exec"]):
        try:
            found = subprocess.run(
                [*command, f"python{version}", "-c", "import sys; print(sys.executable)"],
                env={**os.environ, "PYENV_VERSION": version},
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return found.stdout.strip()
    return None


def folder(stage: str) -> Path:
    return ROOT / f".venv-{stage}"


def this(extra: str) -> tuple[str, str]:
    """What installs this checkout with the extra, so that it can be edited."""
    return ("--editable", str(ROOT) if extra == "numpy" else f"{ROOT}[{extra}]")


def make(place: Path, python: str, *wanted: str | Path) -> Path:
    """A new environment with what is wanted; returns its interpreter."""
    inside = place / "bin" / "python"
    for command in (
        ["venv", "--clear", "--python", python, place],
        ["pip", "install", "--python", inside, *wanted],
    ):
        subprocess.run([*UV, *command], env=ENVIRONMENT, check=True)
    return inside


def suite(stage: str, python: Path, *tests: str, **settings: str) -> list[str]:
    print(f"--- {stage} ---", flush=True)
    command = [python, "-m", "pytest", "-n", "2", *tests]
    environment = {**ENVIRONMENT, **settings}
    found = []
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=PIPE, text=True) as tests_run:
        for line in tests_run.stdout or ():
            print(line, end="", flush=True)
            found += [line.strip()] if line.startswith(("FAILED ", "ERROR ")) else []
    return [f"{stage}: {line}" for line in found or ["pytest"]] if tests_run.returncode else []


if __name__ == "__main__":
    sys.exit(main())
