"""The scikit-learn interface: estimators that fit into pipelines, searches and cross-validation.

base       what all of them share: data in, a network that train() trains, predictions out
targets    classes and numbers: what the labels are
mlp        MLPClassifier, MLPRegressor: scikit-learn's, parameter for parameter
networks   NetworkClassifier, NetworkRegressor: any layers
tabular    TabularClassifier, TabularRegressor: tables as they come
texts      TextClassifier, TextRegressor: a column of texts as it comes
images     ImageClassifier: images as they come

What the last three kinds share:

ensemble      several networks on the same examples, each of which holds out others
held_out      which examples are held out, and the epoch that they choose
calibration   classes: the temperature of their probabilities
standardised  numbers: targets on one scale
intervals     numbers: prediction intervals, from the errors on the rows held out
prediction    the mean of the networks' outputs, which for a row depends on no other row

state      the parts of an estimator that pickles, copies and files keep
saving     estimators as files; schema.py looks at a file before anything is made from it
"""

from plainnet.errors import optional

optional(
    "sklearn", purpose="its estimators", extra="sklearn"
)  # say what is missing, and how to install it

from plainnet.estimators.images import ImageClassifier  # noqa: E402
from plainnet.estimators.mlp import MLPClassifier, MLPRegressor  # noqa: E402
from plainnet.estimators.networks import NetworkClassifier, NetworkRegressor  # noqa: E402
from plainnet.estimators.saving import load, save  # noqa: E402
from plainnet.estimators.tabular import TabularClassifier, TabularRegressor  # noqa: E402
from plainnet.estimators.texts import TextClassifier, TextRegressor  # noqa: E402

__all__ = [
    "ImageClassifier",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "TextClassifier",
    "TextRegressor",
    "load",
    "save",
]
