"""TextClassifier and TextRegressor: a column of texts as it comes.

estimators  the two, and what they share
reading     texts in the network's form: bags of features, or sequences of tokens; batches
recipe      the networks, one for each preset
features    words and character n-grams; a few numbers per text for use in tables
column      checks a user's texts
"""

from plainnet.estimators.texts.estimators import TextClassifier, TextRegressor
from plainnet.estimators.texts.features import NGrams, TextFeatures

__all__ = ["NGrams", "TextClassifier", "TextFeatures", "TextRegressor"]
