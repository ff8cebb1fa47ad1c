"""Training: batches, optimisers, the loop over a text, checkpoints."""

from .batches import text_windows
from .loop import Interrupts, Progress, evaluate_text, train_text
from .optimisers import SGD, Adam, clip_by_global_norm

__all__ = [
    "SGD",
    "Adam",
    "Interrupts",
    "Progress",
    "clip_by_global_norm",
    "evaluate_text",
    "text_windows",
    "train_text",
]
