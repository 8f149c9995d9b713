"""Training: the one loop, and its step for custom loops.

loop.py           train(): its settings, and the loop of epochs and steps
steps.py          one step: gradient, clip, update
batches.py        the batches of an epoch, augmentation, mixup
validation.py     measuring after an epoch
history.py        the table of measures
averaging.py      averaged parameters in place of the network's
divergence.py     where a number stopped being finite, and the way back
interrupts.py     Ctrl-C between two steps
resuming.py       a run that continues from the checkpoint of an earlier one
learning_rate.py  a learning rate, found by trial
"""

from plainnet.training.loop import train
from plainnet.training.steps import step

__all__ = ["step", "train"]
