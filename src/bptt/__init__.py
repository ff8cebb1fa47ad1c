"""Recurrent neural networks on ordinary CPUs, every gradient written out by hand.

* The course functions, by their names: `rnn_cell_forward` ... `lstm_backward`, `gru_backward`;
  the batch-first family in `bptt.batch_first`. The textbook itself: `bptt.equations`.
* `check_grads` for any forward/backward pair, yours too.
* Layers and networks: `RNN`, `LSTM`, `GRU`, `Embedding`, `Dense`, `Network`.
* Models: `LanguageModel`, `SequenceClassifier`, `SequenceRegressor`, `SequenceTagger`,
  `Forecaster`, each saved to one file and read back by `load`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .config import show_config
from .course import (
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    rnn_backward,
    rnn_forward,
)
from .engine import get_num_threads, set_num_threads
from .equations import (
    batch_first,
    gru_cell_backward,
    gru_cell_forward,
    lstm_cell_backward,
    lstm_cell_forward,
    pad_sequences,
    rnn_cell_backward,
    rnn_cell_forward,
    sigmoid,
    softmax,
)
from .equations.batch_first import (
    lstm_step_backward,
    lstm_step_forward,
    rnn_step_backward,
    rnn_step_forward,
    temporal_affine_backward,
    temporal_affine_forward,
    temporal_softmax_loss,
    word_embedding_backward,
    word_embedding_forward,
)
from .errors import BpttError
from .gradcheck import check_grads
from .layers import GRU, LSTM, RNN, Dense, Embedding
from .network import Network
from .stream import Stream

if TYPE_CHECKING:
    from .models import (
        Forecaster,
        LanguageModel,
        SequenceClassifier,
        SequenceRegressor,
        SequenceTagger,
        load,
    )

__version__ = "0.1.0"

_LAZY = {  # what needs more than NumPy
    "Forecaster": ".models",
    "LanguageModel": ".models",
    "SequenceClassifier": ".models",
    "SequenceRegressor": ".models",
    "SequenceTagger": ".models",
    "load": ".models",
}

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "BpttError",
    "Dense",
    "Embedding",
    "Forecaster",
    "LanguageModel",
    "Network",
    "SequenceClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "Stream",
    "batch_first",
    "check_grads",
    "get_num_threads",
    "gru_backward",
    "gru_cell_backward",
    "gru_cell_forward",
    "gru_forward",
    "load",
    "lstm_backward",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "lstm_forward",
    "lstm_step_backward",
    "lstm_step_forward",
    "pad_sequences",
    "rnn_backward",
    "rnn_cell_backward",
    "rnn_cell_forward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "set_num_threads",
    "show_config",
    "sigmoid",
    "softmax",
    "temporal_affine_backward",
    "temporal_affine_forward",
    "temporal_softmax_loss",
    "word_embedding_backward",
    "word_embedding_forward",
]


def __getattr__(name):
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module 'bptt' has no attribute {name!r}")


def __dir__():
    return __all__
