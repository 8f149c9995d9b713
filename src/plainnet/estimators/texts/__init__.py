"""TextClassifier and TextRegressor: a column of texts as it comes.

estimators  the two, and what they share
reading     texts as what the network reads: bags of features, or tokens in their order; batches
recipe      the networks, a preset each
features    words and character n-grams, and a few numbers for each text for use in tables
column      a user's texts, checked
"""

from plainnet.estimators.texts.estimators import TextClassifier, TextRegressor
from plainnet.estimators.texts.features import NGrams, TextFeatures

__all__ = ["NGrams", "TextClassifier", "TextFeatures", "TextRegressor"]
