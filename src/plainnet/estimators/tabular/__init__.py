"""TabularClassifier and TabularRegressor: tables as they come.

estimators     the two classes, and what differs between classes and numbers
base           what they share: the table and the training of a network
sizes          what depends on the number of rows: networks, units, epochs, batch size
recipe         the network: RealMLP, its settings and its initialization

From a table to numbers:

table            the table as it comes, column by column
cells            single values: which are missing, which are numbers or dates
telling          decides from all cells what a column is
kinds            number, date, category, text, left out: how each becomes numbers
written_numbers  numbers as people write them
written_dates    dates as people write them; date_texts takes one apart
columns          all columns together
"""

from plainnet.estimators.held_out import HELD_OUT, MOST_HELD_OUT, folds
from plainnet.estimators.tabular.base import Tabular
from plainnet.estimators.tabular.estimators import TabularClassifier, TabularRegressor
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
