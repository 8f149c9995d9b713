"""What the playground costs: a frame on the server and in the browser, and the first picture.

OPENBLAS_NUM_THREADS=1 python benchmarks/playground.py

Expected on a quiet machine (limits in brackets, for the default network, 2-8-8-3 on a spiral):
ten steps 1 ms alone, a frame with its ten steps 4 to 5 ms (twice that and 4 ms more), drawing it
2 to 4 ms (6 ms), the first picture after 0.3 s (2 s).
"""

import argparse
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from plainnet.playground.building import network_of, optimizer_of
from plainnet.playground.datasets import examples_of
from plainnet.playground.session import Session
from plainnet.playground.settings import Settings
from plainnet.playground.wire import packed
from plainnet.training import train

NETWORKS = {
    "2-8-8-3 on a spiral": "",
    "64-32-10 on digits": "data=digits&layers=32-relu",
    "64-64-32-10 on digits": "data=digits&layers=64-relu,32-relu",
}
FRAMES, ROUNDS = 50, 15


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


class Page:
    """Stands for a page that draws at once; counts frames and their bytes."""

    def __init__(self, link: str) -> None:
        self.arrived, self.frames, self.bytes = threading.Event(), 0, 0
        self.session = Session(self.take, Settings.from_link(link))
        self.session.start()
        self.wait()

    def take(self, content: dict[str, Any], buffers: Any) -> None:
        message = packed(content, buffers)
        if content["is"] == "frame":
            self.frames, self.bytes = self.frames + 1, len(message)
            self.session.post({"do": "drawn"})
        elif content["is"] == "state" and content["status"] == "paused":
            self.arrived.set()

    def wait(self) -> None:
        self.arrived.wait()
        self.arrived.clear()

    def play(self, frames: int) -> float:
        """Seconds per frame of ten steps."""
        start = time.perf_counter()
        self.session.post({"do": "advance", "steps": 10 * frames})
        self.wait()
        return (time.perf_counter() - start) / frames


def ten_steps_alone(link: str) -> Any:
    settings = Settings.from_link(link)
    examples = examples_of(settings)
    network, optimizer = network_of(settings, examples), optimizer_of(settings)
    per_epoch = -(-examples.n_train // settings.batch_size)
    epochs = -(-10 * FRAMES // per_epoch)

    def run() -> float:
        start = time.perf_counter()
        train(network, *examples.train, optimizer=optimizer, epochs=epochs,
              batch_size=settings.batch_size, seed=0, progress=False)  # fmt: skip
        return (time.perf_counter() - start) / (epochs * per_epoch) * 10

    return run


def on_the_server() -> None:
    print("| network | ten steps alone | a frame with its ten steps | limit | bytes |")
    print("|---|---|---|---|---|")
    for name, link in NETWORKS.items():
        alone, page = ten_steps_alone(link), Page(link)
        spent: dict[str, list[float]] = {"alone": [], "frame": []}
        for _ in range(ROUNDS):
            spent["alone"].append(1e3 * alone())
            spent["frame"].append(1e3 * page.play(FRAMES))
        page.session.close()
        ten, frame = (statistics.median(each) for each in spent.values())
        print(f"| {name} | {ten:.2f} ms | {frame:.2f} ms | {2 * ten + 4:.2f} ms | {page.bytes:,} |")


if __name__ == "__main__":
    print(f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}")
    on_the_server()
