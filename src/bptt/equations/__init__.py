"""The textbook: recurrent networks in NumPy, one line an equation, numbered.

Features first, as in the sequence-models course: x (n_x, m, T_x), states (n_a, m).

==========  ===========================================================
n_x         features of the input at one step
n_a         units: the size of the hidden state a (and of the LSTM's cell state c)
n_y         classes (or outputs) of the output layer
m           examples in the batch
T_x         steps
d + name    gradient of the loss, a scalar, with respect to that name; same shape
==========  ===========================================================

Read in this order: `activations`, `rnn` (one step), `sequences` (the loop through time, ragged
batches), `lstm`, `gru`, `losses` and `regression` (from the states to a number), `updates` (from
the gradients to new parameters), `batch_first` (the same on transposed arrays). `cell` is the
record of a cell and the registry, `initializers` draws weights, `functions` is what the functions
of the course share.
"""

from . import batch_first as batch_first
from .activations import relu, sigmoid, softmax
from .cell import CELLS, Cell, built_in, cell_of, register
from .gru import (
    GRU,
    GRU_RESET_AFTER,
    gru_backward,
    gru_cell_backward,
    gru_cell_forward,
    gru_forward,
)
from .losses import output_backward, output_forward, softmax_cross_entropy, squared_error
from .lstm import LSTM, lstm_backward, lstm_cell_backward, lstm_cell_forward, lstm_forward
from .lstm_cifg import LSTM_CIFG
from .nonlinearities import nonlinearity
from .rnn import RNN, RNN_RELU, rnn_backward, rnn_cell_backward, rnn_cell_forward, rnn_forward
from .sequences import pad_sequences
from .variants import variant

for _cell in (RNN, RNN_RELU, LSTM, GRU, GRU_RESET_AFTER, LSTM_CIFG):
    built_in(_cell)

__all__ = [
    "CELLS",
    "Cell",
    "batch_first",
    "cell_of",
    "gru_backward",
    "gru_cell_backward",
    "gru_cell_forward",
    "gru_forward",
    "lstm_backward",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "lstm_forward",
    "nonlinearity",
    "output_backward",
    "output_forward",
    "pad_sequences",
    "register",
    "relu",
    "rnn_backward",
    "rnn_cell_backward",
    "rnn_cell_forward",
    "rnn_forward",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "squared_error",
    "variant",
]
