"""All cases of the benchmark: networks with one planted fault each, and healthy ones."""

from faults import agents, convolution, dense, healthy, sequences, tables
from faults.agents import AgentCase
from faults.setting import Case, Recipe, Setting, trained_score

__all__ = ["CASES", "HEALTHY", "AgentCase", "Case", "Recipe", "Setting", "trained_score"]

CASES: list[Case | AgentCase] = [
    *dense.CASES,
    *convolution.CASES,
    *sequences.CASES,
    *tables.CASES,
    *agents.CASES,
]
HEALTHY: list[Case | AgentCase] = [*healthy.CASES, *agents.HEALTHY]
