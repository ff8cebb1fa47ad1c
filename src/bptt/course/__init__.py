"""The course exercise: its functions on the engine, and checks of a learner's own.

* `rnn_forward`, `rnn_backward`, `lstm_forward`, `lstm_backward`, `gru_forward`, `gru_backward`:
  the course's functions through time; the engine runs the loop.
* `check`: compare a learner's function with the textbook; name the first wrong equation.
* `grading`: check files of submissions, each in a process of its own (``bptt grade``).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "rnn_backward",
    "rnn_forward",
]

_LAZY = {"EXERCISES": ".checking", "check": ".checking", "Report": ".report"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module 'bptt.course' has no attribute {name!r}")
