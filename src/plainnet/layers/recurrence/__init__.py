"""The same weights at every step of a sequence, and a state that goes on.

bidirectional.py  a recurrent layer in both directions
gru.py            the gated recurrent unit
lstm.py           long short-term memory
masking.py        which steps of a sequence are data
recurrent.py      the common part of all cells: everything but the step itself
rnn.py            Elman's network
"""

from plainnet.layers.recurrence.bidirectional import Bidirectional
from plainnet.layers.recurrence.gru import GRU
from plainnet.layers.recurrence.lstm import LSTM
from plainnet.layers.recurrence.masking import Masking
from plainnet.layers.recurrence.recurrent import PerGate as PerGate  # files name it here
from plainnet.layers.recurrence.rnn import RNN

__all__ = ["GRU", "LSTM", "RNN", "Bidirectional", "Masking"]
