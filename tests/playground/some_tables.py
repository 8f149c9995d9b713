"""Small tables as text, and the examples in them."""

from dataclasses import replace

import numpy as np

from plainnet.playground import table_files, tables
from plainnet.playground.settings import Settings

SETTINGS = Settings(data="table")


def examples_of(text, name="t.csv", **changes):
    data = text if isinstance(text, bytes) else text.encode()
    return tables.examples_of(replace(SETTINGS, **changes), table_files.read(name, data))


def csv(columns, separator=","):
    """The columns as the text of a file."""
    rows = zip(*columns.values(), strict=True)
    return "\n".join(separator.join(map(str, row)) for row in [list(columns), *rows])


def some(m=120, seed=0):
    """Two numbers, a category, and classes that follow from the three."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-3, 3, m).round(3), rng.uniform(0, 10, m).round(3)
    town = rng.choice(["Köln", "Rom", "Wien"], m)
    target = np.where((a > 0) ^ (town == "Rom"), "yes", "no")
    return {"a": a, "b": b, "town": town, "target": target}
