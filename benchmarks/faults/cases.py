"""All cases of the benchmark: networks with one planted fault each, and healthy ones."""

from faults import convolution, dense, healthy, sequences, tables
from faults.setting import Case, Recipe, Setting, trained_score

__all__ = ["CASES", "HEALTHY", "Case", "Recipe", "Setting", "trained_score"]

CASES: list[Case] = [*dense.CASES, *convolution.CASES, *sequences.CASES, *tables.CASES]
HEALTHY: list[Case] = healthy.CASES
