"""What a measurement depends on: the machine, the threads, the versions, the kernels."""

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from timing import ONE_THREAD

VERSIONS = ("plainnet", "plainnet-kernels", "numpy", "scikit-learn", "torch", "jax", "keras")
BUSY = 0.3
"""Processes that want to run, for each core."""
SETS = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"), ("asimd", "NEON"))
"""Flags of Linux's /proc/cpuinfo for the widest vectors, the widest first."""


def described() -> list[list[str]]:
    """Names and values, as they stand above the tables."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        ["Processor", f"{processor()}, {instructions()}, {cores} of {os.cpu_count()} cores"],
        ["System", f"{platform.system()} {platform.release()}, {platform.machine()}"],
        ["Load average at the start", load()],
        ["Threads", f"one by {', '.join(ONE_THREAD)} = 1; or as many as each library takes"],
        ["Versions", f"Python {platform.python_version()}, {', '.join(versions())}"],
        ["BLAS", blas()],
        ["Kernels of plainnet", kernels()],
    ]


def warnings() -> list[str]:
    found = []
    if core := os.environ.get("OPENBLAS_CORETYPE"):
        found.append(
            f"OPENBLAS_CORETYPE={core} chooses the kernels of OpenBLAS, which slows down NumPy "
            "where the processor has better ones. `env -u OPENBLAS_CORETYPE` measures without it."
        )
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY * (os.cpu_count() or 1):
        found.append(
            "The machine is busy with other work. Ratios of one thread withstand that; those of "
            "all cores do not."
        )
    return found


def processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    if found:
        return re.sub(r"\s+", " ", found[1])
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or "unknown"


def instructions() -> str:
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    flags = found[1].split() if found else []
    names = [name for flag, name in SETS if flag in flags]
    if names[:1] == ["AVX2"] and "fma" in flags:
        return "AVX2 with FMA"
    return names[0] if names else f"vectors of {platform.machine()}"


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def load() -> str:
    """How many processes wanted to run, over the last minute."""
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except (AttributeError, OSError):
        return "unknown"


def versions() -> list[str]:
    found = []
    for name in VERSIONS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def blas() -> str:
    """Each BLAS that NumPy and SciPy bring, and for which processor its kernels were written."""
    import numpy as np

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{built['name']} {built['version']} (threadpoolctl tells which kernels run)"
    np.dot(np.ones((2, 2)), np.ones((2, 2)))
    found = [
        f"{each['internal_api']} {each['version']}, kernels {each.get('architecture', 'unknown')}, "
        f"{each['num_threads']} threads"
        for each in threadpool_info()
        if each["user_api"] == "blas"
    ]
    return "; ".join(found) or "none that threadpoolctl knows"


def kernels() -> str:
    """The kernel set in use and what it says about itself."""
    from plainnet.kernels import info

    told = info()
    if told.kind == "numpy":
        return "NumPy"
    return (
        f"C ({len(told.compiled)} twins of plainnet-kernels {told.version}, {told.instructions}, "
        f"{told.threads} threads for large calls), NumPy for the rest"
    )
