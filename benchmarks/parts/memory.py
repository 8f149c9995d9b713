"""The most that a process holds in two training steps beyond what it held before them.

A small network is trained first, since libraries load a part of themselves only then. Linux's /proc
says how much the process holds; elsewhere, this part is left out.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from timing import Call, table

from parts import layers, training
from parts.kinds import KINDS

NAMES = (
    "Conv2d 3x3",
    "causal attention, 4 heads",
    "LeNet-5",
    "letters, 2 blocks of width 64",
)
LIBRARIES = ("plainnet", "PyTorch")
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
SMALL = 0
"""The row of `training` that comes first."""


def steps(library: str, row: int, kind: int, shape: int) -> Call:
    """What is measured: an epoch of a row of `training`, or a step of a layer."""
    if row >= 0:
        make = training.plainnet_epochs if library == "plainnet" else training.torch_epochs
        return make(training.ROWS[row], *training.ROWS[row].data())
    make_layer = layers.plainnet_calls if library == "plainnet" else layers.torch_calls
    return make_layer(KINDS[kind], KINDS[kind].shapes[shape])["step"]


def peak(library: str, *which: int) -> int:
    """Bytes that two steps add, for a process that does nothing else."""
    steps(library, SMALL, 0, 0)()
    if CLEAR.exists():
        CLEAR.write_text("5")  # forget the peak until here
    before = _memory("VmRSS")
    call = steps(library, *which)
    call()
    call()
    return _memory("VmHWM") - before


def _memory(name: str) -> int:
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def in_fresh_process(*which: Any) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return {"megabytes": pool.submit(peak, *which).result() / 1e6}


def measure(rounds: int) -> dict[str, Any]:
    """Once: the same steps take the same memory."""
    if not STATUS.exists():
        return table([], [], ["all of it (only Linux's /proc tells)"])
    rows: list[list[Any]] = []
    for i, row in enumerate(training.ROWS):
        if i == SMALL:
            continue
        rows.append([f"{row}, an epoch", *(in_fresh_process(name, i, 0, 0) for name in LIBRARIES)])
    for i, kind in enumerate(KINDS):
        for j, shape in enumerate(kind.shapes if kind.name in NAMES else ()):
            if j:  # the larger ones
                title = f"{kind.name}, {' x '.join(map(str, shape))}"
                rows.append([title, *(in_fresh_process(name, -1, i, j) for name in LIBRARIES)])
    return table(["two steps of", *LIBRARIES], rows)
