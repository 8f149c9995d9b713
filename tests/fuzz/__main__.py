"""`PYTHONPATH=tests python -m fuzz --minutes 10 [files|arguments]`: as long as one likes.

Each room has `tries(rng)`, an endless iterator of outcomes. The seed is printed: with it, the same
tries come again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from importlib import import_module

import numpy as np

ROOMS = ("files", "arguments")


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("rooms", nargs="*", choices=ROOMS, default=ROOMS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    wanted = parser.parse_args()
    faults = 0
    for room in wanted.rooms:
        faults += _run(room, 60 * wanted.minutes / len(wanted.rooms), wanted.seed)
    return 1 if faults else 0


def _run(room: str, seconds: float, seed: int) -> int:
    """How many faults were found; the first of each kind are shown."""
    found: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    end = time.monotonic() + seconds
    for outcome in import_module(f"fuzz.{room}").tries(np.random.default_rng(seed)):
        found[outcome.kind] += 1
        if outcome.kind == "raw":
            shown[outcome.name] += 1
            if shown[outcome.name] <= 3:
                print(f"{outcome.name}: {outcome.detail}", file=sys.stderr)
        if time.monotonic() > end:
            break
    counts = ", ".join(f"{found[kind]:,} {kind}" for kind in ("works", "refused", "raw"))
    print(f"{room}, seed {seed}: {found.total():,} tries, {counts}")
    return found["raw"]


if __name__ == "__main__":
    sys.exit(main())
