"""The tests of the compiled kernels again: for other instructions, and under sanitizers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tiers import second_tier

plainnet_kernels = pytest.importorskip("plainnet_kernels", reason="plainnet_kernels is missing")

ROOT = Path(__file__).parent.parent.parent
SETS = ("avx512", "avx2", "baseline")
AVAILABLE = SETS[SETS.index(plainnet_kernels.instructions) :]
FLAGS = ("-Db_sanitize=address,undefined", "-Doptimization=0")  # a quarter of the time to compile
TESTS = "tests/kernels/test_compiled.py"
WHOLE_CALLS = (  # each case, in parts and as a whole, and calls that are declined
    f"{TESTS}::test_any_number_of_threads_gives_the_same_bits",
    f"{TESTS}::test_what_the_twin_is_not_written_for_is_left_to_numpy",
)


def run(*command: str | Path, **settings: str) -> str:
    """What it prints. Programs of this Python's environment are found first, as meson is."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": path, **settings}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:]
    return done.stdout


def run_tests(*tests: str, instructions: str, **settings: str) -> None:
    settings["PLAINNET_INSTRUCTIONS"] = instructions
    code = "import plainnet_kernels as p; print(p.__file__, p.instructions)"
    file, used = run(sys.executable, "-c", code, **settings).split()
    assert used == instructions
    assert file.startswith(settings.get("PYTHONPATH", "").split(os.pathsep)[0])
    # Nothing is captured: a sanitizer prints what it found, and ends the process.
    options = ("-q", "-x", "--capture=no", "-p", "no:cacheprovider")
    run(sys.executable, "-m", "pytest", *options, *tests, **settings)


@second_tier
@pytest.mark.parametrize("instructions", ["avx2", "baseline"])
def test_for_fewer_instructions(instructions):
    if instructions in AVAILABLE:
        run_tests(TESTS, instructions=instructions)


@second_tier
@pytest.mark.skipif(sys.platform != "linux", reason="gcc's sanitizers are looked for on Linux only")
def test_under_sanitizers(tmp_path):
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is missing")
    library = Path(run(compiler, "-print-file-name=libasan.so").strip())
    if not library.is_absolute():
        pytest.skip("gcc's library of AddressSanitizer is missing")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--target", tmp_path)
    flags = [f"--config-settings=setup-args={flag}" for flag in FLAGS]
    run(sys.executable, "-m", "pip", "install", *options, *flags, "./kernels", CC=compiler)
    for instructions in AVAILABLE:
        run_tests(
            *WHOLE_CALLS,
            instructions=instructions,
            PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
            LD_PRELOAD=str(library),
            PYTHONMALLOC="malloc",  # each object in a piece of memory with guarded ends
            ASAN_OPTIONS="detect_leaks=0",  # Python frees not all at its end
            UBSAN_OPTIONS="halt_on_error=1",
        )
