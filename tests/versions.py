"""The suite on other versions than the newest on this Python: what `make test-all` ends with.

    python tests/versions.py                all of these
    python tests/versions.py lowest         the lowest version of each package, on the lowest Python
    python tests/versions.py alone          each extra by itself, at its lowest versions
    python tests/versions.py 3.12           the newest version of each package, on Python 3.12

pyproject.toml says what is lowest, and in its classifiers which Pythons there are. Each environment
is made anew, .venv-lowest and so on. A Python that is not at hand is left out with a message, or is
an error where PLAINNET_NO_SKIPS is set.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOWEST = PROJECT["requires-python"].removeprefix(">=")
PYTHONS = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: Python :: 3." in c]
NOT_FOR_USERS = ("benchmarks", "docs", "dev", "release", "all-tests")
LOWEST_VERSIONS = ("--resolution", "lowest-direct")
UV = [sys.executable, "-m", "uv", "--quiet"]
ENVIRONMENT = {
    **os.environ,
    "OPENBLAS_NUM_THREADS": "1",  # as in `make test`
    "UV_PYTHON_DOWNLOADS": "never",
}


def main() -> int:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    others = [version for version in PYTHONS if version != running]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("stages", nargs="*", default=["lowest", "alone", *others])
    failed, missing = [], []
    for stage in parser.parse_args().stages:
        python = find_python(LOWEST if stage in ("lowest", "alone") else stage)
        if python is None:
            missing.append(stage)
            continue
        start = time.monotonic()
        failed += {"lowest": lowest, "alone": alone}.get(stage, newest)(stage, python)
        print(f"{stage}: {time.monotonic() - start:.0f} s", flush=True)
    if missing:
        print(f"left out, since neither PATH nor pyenv has their Python: {', '.join(missing)}")
    if failed:
        print(f"failed: {', '.join(failed)}")
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


def suite(stage: str, python: Path) -> list[str]:
    print(f"--- {stage} ---", flush=True)
    command = [python, "-m", "pytest", "-n", "2"]
    code = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=False).returncode
    return [stage] if code else []


if __name__ == "__main__":
    sys.exit(main())
