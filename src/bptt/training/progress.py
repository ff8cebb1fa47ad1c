"""The progress of a training run, reported after each step."""

from typing import Any, NamedTuple

import numpy as np


class Progress(NamedTuple):
    """Training progress after one step."""

    epoch: int  # 1, 2, ...
    step: int  # counted over all epochs: 1, 2, ...
    n_steps: int  # of the whole run; an estimate where epochs differ in their number of batches
    loss: float  # mean over the epoch after its last step; else over about the last 50 steps
    validation: float | None  # validation loss; only after the last step of an epoch
    grad_norm: float  # Euclidean norm of all gradients together, before clipping
    learning_rate: float
    items_per_second: float  # items are what the loss is averaged over: characters, sequences
    seconds: float  # since the start, validation included
    seconds_left: float  # estimated from the steps done since the start or the resumption
    end_of_epoch: bool


class LastStep(NamedTuple):
    """What the last training step computed, for callbacks.

    After local steps: the last batch, the mean loss over them, and the change of the parameters
    (before minus after) in place of gradients.
    """

    batch: Any  # bptt.training.Batch
    loss: float  # mean over the batch
    gradients: dict[str, np.ndarray]  # of the sum of the losses; refers to the arrays of the step
    scale: float  # scale * gradients is the mean gradient, before clipping
