"""The course exercise: its functions on the engine, and checks of a learner's own.

* `rnn_forward`, `rnn_backward`, `lstm_forward`, `lstm_backward`, `gru_forward`, `gru_backward`:
  the course's functions through time; the engine runs the loop.
* `rnn_cell_forward` ... `gru_cell_backward`, `pad_sequences`: those of the equations.
* `characters`, `music`: the exercise after it: names by a plain RNN, improvising by an LSTM.
* `check`: compare a learner's function with the textbook; name the first wrong equation.
* `grading`: check files of submissions, each in a process of its own (``bptt grade``).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..equations import (
    gru_cell_backward,
    gru_cell_forward,
    lstm_cell_backward,
    lstm_cell_forward,
    pad_sequences,
    rnn_cell_backward,
    rnn_cell_forward,
)
from ..equations import rnn_cell_backward as rnnCell_backward  # as one source spells it
from ..equations import rnn_cell_forward as rnnCell_forward
from .sequences import (
    ENGINE,
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    rnn_backward,
    rnn_forward,
)

if TYPE_CHECKING:
    from .checking import EXERCISES, check
    from .report import Report

__all__ = [
    "ENGINE",
    "EXERCISES",
    "Report",
    "check",
    "gru_backward",
    "gru_cell_backward",
    "gru_cell_forward",
    "gru_forward",
    "lstm_backward",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "lstm_forward",
    "pad_sequences",
    "rnnCell_backward",
    "rnnCell_forward",
    "rnn_backward",
    "rnn_cell_backward",
    "rnn_cell_forward",
    "rnn_forward",
]

_LAZY = {"EXERCISES": ".checking", "check": ".checking", "Report": ".report"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module 'bptt.course' has no attribute {name!r}")
