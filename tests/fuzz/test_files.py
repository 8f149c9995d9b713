"""Hundreds of altered files, the same each time; `make fuzz` makes as many as one likes."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from fuzz.files import tries


@pytest.mark.filterwarnings("ignore")
def test_every_altered_file_works_or_is_refused():
    found = list(islice(tries(np.random.default_rng(12)), 400))
    faults = [f"{name}: {detail}" for name, kind, detail in found if kind == "raw"]
    assert faults == []
    kinds = Counter(kind for _, kind, _ in found)
    assert kinds["refused"] > 200
    assert kinds["works"] > 30
