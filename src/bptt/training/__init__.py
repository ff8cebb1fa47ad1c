"""Training: batches, objectives, optimizers, schedules, the training loop, checkpoints."""

from .batch_gradients import gradients
from .batches import Batch, SequenceBatches
from .callbacks import Callback, CSVLogger, TensorBoardLogger
from .checkpoints import Checkpoints
from .display import Display
from .fitting import fit
from .inference import infer
from .interrupts import Interrupts
from .local_steps import LocalSteps
from .loop import evaluate, train
from .monitor import Monitor
from .objectives import (
    CrossEntropy,
    GaussianNLL,
    NegativeBinomialNLL,
    Pinball,
    SquaredError,
    StudentTNLL,
)
from .optimizers import SGD, Adam, AdamW, RMSprop, clip_by_global_norm, clip_scale, global_norm
from .progress import LastStep, Progress
from .run import Run
from .schedules import Schedule
from .shares import Shares
from .text_batches import Documents, TextStreams, text_windows

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Batch",
    "CSVLogger",
    "Callback",
    "Checkpoints",
    "CrossEntropy",
    "Display",
    "Documents",
    "GaussianNLL",
    "Interrupts",
    "LastStep",
    "LocalSteps",
    "Monitor",
    "NegativeBinomialNLL",
    "Pinball",
    "Progress",
    "RMSprop",
    "Run",
    "Schedule",
    "SequenceBatches",
    "Shares",
    "SquaredError",
    "StudentTNLL",
    "TensorBoardLogger",
    "TextStreams",
    "clip_by_global_norm",
    "clip_scale",
    "evaluate",
    "fit",
    "global_norm",
    "gradients",
    "infer",
    "text_windows",
    "train",
]
