"""The private engine room: what layers, losses and networks are run by.

parameters.py       one vector for all parameters, with a named view for each tensor
plan.py             the order of the layers, and what each may do where it stands
cache.py            the memory of one call, laid out by the plan
sequences.py        masks, an encoder's output, what a sequence carries from call to call
formulas.py         mathematics as data: its grammar and its evaluation
formula_text.py     formulas from a text that somebody types
operations.py       the operations of formulas, each beside its derivatives
differentiation.py  the gradients of formulas, by reverse mode
recording.py        what a recording cache shows of a layer or loss
memory.py           aligned arrays
description.py      a network as a table
filling.py          networks whose numbers come from a file
weighted_mean.py    a mean over numbers that come one after the other
settings.py         the settings of a training that the command and the estimators share
moved.py            modules under the names that they had before they moved
"""
