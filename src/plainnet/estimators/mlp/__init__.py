"""MLPClassifier and MLPRegressor: scikit-learn's, parameter for parameter.

estimators     the two classes: their parameters, and what differs between classes and numbers
multilayer     what they share: the solver and the course of training
layers         the layers that the settings ask for, and scikit-learn's first weights
weights        coefs_ and intercepts_: views, into which arrays can be assigned
rules          scikit-learn's rules of stopping and learning, as callbacks
losses         scikit-learn's losses, with the same factors
"""

from plainnet.estimators.mlp.estimators import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
