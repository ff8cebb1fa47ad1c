"""Recurrent neural networks on ordinary CPUs, every gradient written out by hand.

* Functions of the course, by their names: `rnn_cell_forward` ... `lstm_backward`, `gru_backward`;
  the batch-first functions of CS231n in `bptt.batch_first`; the equations in `bptt.equations`.
* `check_grads` for any pair of a forward and a backward function.
* Layers and networks: `RNN`, `LSTM`, `GRU`, `Embedding`, `Dense`, `Network`; more in `bptt.layers`.
* Models: `LanguageModel`, `SequenceClassifier`, `SequenceRegressor`, `SequenceTagger`,
  `Forecaster`, each saved to one file and loaded by `load`.
* `bptt.training`, `bptt.readers`, `bptt.corpus`: optimizers and checkpoints; data files; texts.
* `bptt.inspect`: states, gates and gradients of a trained network, as arrays.
* `bptt.interop`: models of PyTorch, Keras, ONNX and audio tools, read and written.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    from . import cli as cli
    from . import corpus as corpus
    from . import distributed as distributed
    from . import inspect as inspect
    from . import interop as interop
    from . import models as models
    from . import readers as readers
    from . import training as training
    from .models import (
        Forecaster,
        LanguageModel,
        SequenceClassifier,
        SequenceRegressor,
        SequenceTagger,
        load,
    )

    __version__: str

# Imported when they are used: they need more than NumPy.
_MODULES = ("cli", "corpus", "distributed", "inspect", "interop", "models", "readers", "training")
_MODELS = (
    "Forecaster",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "load",
)

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


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _MODELS:
        return getattr(import_module(".models", __name__), name)
    if name == "__version__":
        from .config import version

        return version()
    raise AttributeError(f"module 'bptt' has no attribute {name!r}")


def __dir__() -> list[str]:
    loaded = ("course", "engine", "equations", "errors", "gradcheck", "layers", "network", "stream")
    return [*__all__, *_MODULES, *loaded, "__version__"]
