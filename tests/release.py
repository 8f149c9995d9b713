"""Wheels and sdists, made and tried: what `make release` does.

    python tests/release.py           of this checkout
    python tests/release.py v0.2.0    and this is its tag: version and changelog must say so

The wheel is tried in an environment of the oldest and of the newest Python: the tests run from the
unpacked sdist, in an empty folder, with NumPy and pytest alone, and what needs more skips. Then the
compiled kernels are installed beside it, and the tests of kernels run with them. With the sdist the
command is tried. The files are in dist/ only if all went well, all but the kernels' wheel, which is
for this machine: the workflow of a release makes one for each platform.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from versions import ENVIRONMENT, LOWEST, PYTEST, PYTHONS, ROOT, UV, find_python, make

DIST = ROOT / "dist"


class Failed(Exception):
    """Something is wrong with what would be published."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tag", nargs="?", help="the tag of this commit, such as v0.2.0")
    tag, start = parser.parse_args().tag, time.monotonic()
    shutil.rmtree(DIST, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = release(Path(folder).resolve(), tag)
    except (Failed, OSError, subprocess.CalledProcessError) as failed:  # the others: of the tools
        print(f"failed: {failed}")
        return 1
    print(f"{time.monotonic() - start:4.0f} s  in all: dist/ has {', '.join(found)}")
    return 0


def release(folder: Path, tag: str | None) -> list[str]:
    pythons = {version: find_python(version) for version in (PYTHONS[0], PYTHONS[-1])}
    for version, python in pythons.items():
        if python is None:
            raise Failed(f"neither PATH nor pyenv has Python {version}")
    made, of_kernels = folder / "made", folder / "kernels"
    step("build", lambda: build(ROOT, made))
    step("build of kernels/", lambda: build(ROOT / "kernels", of_kernels))
    (wheel,), (sdist,) = made.glob("*.whl"), made.glob("*.tar.gz")
    (compiled,), (to_compile,) = of_kernels.glob("*.whl"), of_kernels.glob("*.tar.gz")
    step("contents", lambda: contents(wheel, sdist))
    step("contents of kernels/", lambda: contents_of_kernels(compiled, to_compile))
    step("metadata", lambda: metadata(wheel, tag))
    with tarfile.open(sdist) as file:
        file.extractall(folder, filter="data")
    source = folder / sdist.name.removesuffix(".tar.gz")
    for version, python in pythons.items():
        place = folder / version
        step(f"wheel on {version}", lambda at=place, p=python: suite(wheel, at, p, source))
        step(f"kernels on {version}", lambda at=place: with_kernels(compiled, at, source))
    newest = pythons[PYTHONS[-1]]
    step("sdist", lambda: commands(sdist, wheel, folder / "sdist", newest, source))
    shutil.copytree(made, DIST)
    shutil.copy(to_compile, DIST)
    return [path.name for path in sorted(DIST.iterdir())]


def step(name: str, act) -> None:
    start = time.monotonic()
    said = act()
    print(f"{time.monotonic() - start:4.0f} s  {name}: {said}", flush=True)


def build(project: Path, made: Path) -> str:
    """The sdist from the checkout, and the wheel from the sdist."""
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", made, project)
    return ", ".join(f"{p.name} ({p.stat().st_size / 1e3:.0f} kB)" for p in sorted(made.iterdir()))


def contents(wheel: Path, sdist: Path) -> str:
    n_files = expect_tracked(sdist, ROOT)
    run("check-wheel-contents", wheel, cwd=ROOT)
    return f"the {n_files} files of the repository in the sdist, the package alone in the wheel"


def contents_of_kernels(wheel: Path, sdist: Path) -> str:
    n_files = expect_tracked(sdist, ROOT / "kernels")
    with ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    if names != {"plainnet_kernels/__init__.py", "plainnet_kernels/_kernels.abi3.so"}:
        raise Failed(f"the wheel of kernels/ has {', '.join(sorted(names))}")
    if f"-cp{LOWEST.replace('.', '')}-abi3-" not in wheel.name:
        raise Failed(f"{wheel.name} is not for Python {LOWEST} and newer")
    run("abi3audit", "--strict", wheel)
    run("twine", "check", "--strict", wheel, sdist)
    return f"the {n_files} files of the folder in the sdist, one extension for {LOWEST} and newer"


def expect_tracked(sdist: Path, folder: Path) -> int:
    """The sdist has what git has, so that tests and docs are there, and nothing beside it."""
    with tarfile.open(sdist) as file:
        inside = {name.partition("/")[2] for name in file.getnames() if "/" in name}
    tracked = set(run("git", "ls-files", "-z", cwd=folder).rstrip("\0").split("\0"))
    if inside - {"PKG-INFO"} != tracked:
        differ = sorted((inside - {"PKG-INFO"}) ^ tracked)
        raise Failed(f"git and {sdist.name} differ: {', '.join(differ[:5])}")
    return len(tracked)


def metadata(wheel: Path, tag: str | None) -> str:
    run("twine", "check", "--strict", *sorted(wheel.parent.iterdir()))
    with ZipFile(wheel) as file:
        name = next(name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        said = HeaderParser().parsestr(file.read(name).decode())
    version = said["Version"]
    if tag is not None:
        if tag != f"v{version}":
            raise Failed(f"the tag is {tag}, and the version is {version}")
        heading = rf"^## {re.escape(version)}\b"
        if not re.search(
            heading, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
        ):
            raise Failed(f"CHANGELOG.md has no heading for {version}")
        if re.search(r"\]\((?!https?:)", said.get_payload()):
            raise Failed("the README's links are relative: set PLAINNET_REPOSITORY to its address")
    return f"version {version}, which renders on an index"


def suite(wheel: Path, place: Path, python: str, source: Path) -> str:
    make(place, python, wheel, *PYTEST)
    return passed(place, source, "tests")


def with_kernels(compiled: Path, place: Path, source: Path) -> str:
    inside = place / "bin" / "python"
    subprocess.run(
        [*UV, "pip", "install", "--python", inside, compiled], env=ENVIRONMENT, check=True
    )
    used = run(inside, "-c", "from plainnet import kernels; print(kernels.info())", empty=place)
    if "kind='c'" not in used:
        raise Failed(f"plainnet does not use the kernels that were installed: {used}")
    return passed(place, source, "tests/kernels")


def passed(place: Path, source: Path, tests: str) -> str:
    """How many of these tests pass with the plainnet that is installed there."""
    project = ("-c", source / "pyproject.toml", "--rootdir", source, "-p", "no:cacheprovider")
    pytest = (place / "bin" / "python", "-m", "pytest", "-n", "2")
    said = run(*pytest, *project, source / tests, empty=place)
    if f"plainnet: {place}" not in said:
        raise Failed("the tests did not import the plainnet that was installed")
    return re.findall(r"\d+ passed.*?(?= in )", said)[-1]


def commands(sdist: Path, wheel: Path, place: Path, python: str, source: Path) -> str:
    """The sdist with the command's extras: it installs the wheel's files, and they work."""
    inside = make(place, python, f"plainnet[cli,progress] @ {sdist.as_uri()}")
    (package,) = place.glob("lib/*/site-packages/plainnet")
    with ZipFile(wheel) as file:
        names = [name for name in file.namelist() if name.startswith("plainnet/")]
        wrong = [n for n in names if (package.parent / n).read_bytes() != file.read(n)]
    if wrong:
        raise Failed(f"sdist and wheel differ in {', '.join(wrong[:5])}")
    said = run(place / "bin" / "plainnet", "train", "digits", empty=place)
    run(inside, "-P", source / "tests" / "alone.py", "cli", empty=place)
    accuracy = re.search(r"Test accuracy [\d.]+", said)
    if accuracy is None:
        raise Failed(f"`plainnet train digits` ends without a test accuracy:\n{said}")
    return f"installs the wheel's files; `plainnet train digits` ends with: {accuracy[0]}"


def run(program: str | Path, *arguments: str | Path, cwd: Path | None = None, empty=None) -> str:
    """What a program prints; `empty` is the environment beside which its empty folder is made."""
    if empty is not None:
        cwd = Path(tempfile.mkdtemp(prefix="empty-", dir=empty.parent))
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={**ENVIRONMENT, "PATH": scripts},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(*done.stdout.splitlines()[-40:], sep="\n")
        words = " ".join(str(word) for word in (Path(program).name, *arguments))
        raise Failed(f"{words} (exit code {done.returncode}; it said what is above)")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
