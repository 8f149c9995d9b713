"""TabularClassifier and TabularRegressor: tables as they come.

estimators     the two: what differs between classes and numbers
base           what they share: the table, and a network's training
sizes          what the number of rows decides: epochs, rows in a batch
intervals      prediction intervals from the errors on the rows held out
recipe         the network: RealMLP, its settings and its start
columns        what each column is, and its numbers; table.py has it as it comes
"""

from plainnet.estimators.held_out import HELD_OUT, MOST_HELD_OUT, folds, networks_for
from plainnet.estimators.tabular.base import Tabular
from plainnet.estimators.tabular.estimators import TabularClassifier, TabularRegressor

__all__ = [
    "HELD_OUT",
    "MOST_HELD_OUT",
    "Tabular",
    "TabularClassifier",
    "TabularRegressor",
    "folds",
    "networks_for",
]
