"""TabularClassifier and TabularRegressor: tables as they come.

estimators     the two: what differs between classes and numbers
ensemble       what they share: several networks on one table, and their mean
sizes          what the number of rows decides: networks, epochs, rows in a batch
held_out       which rows each network learns, and which choose its epoch
intervals      prediction intervals from the errors on the rows held out
recipe         the network: RealMLP, its settings and its start
columns        what each column is, and its numbers; table.py has it as it comes
prediction     the mean of the networks' outputs, which no other row changes
calibration    the temperature of probabilities
"""

from plainnet.estimators.tabular.ensemble import Tabular
from plainnet.estimators.tabular.estimators import TabularClassifier, TabularRegressor
from plainnet.estimators.tabular.held_out import HELD_OUT, MOST_HELD_OUT, folds
from plainnet.estimators.tabular.sizes import networks_for

__all__ = [
    "HELD_OUT",
    "MOST_HELD_OUT",
    "Tabular",
    "TabularClassifier",
    "TabularRegressor",
    "folds",
    "networks_for",
]
