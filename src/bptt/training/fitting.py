"""Run a training: progress display, checkpoints, early end by a signal or a callback."""

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import BpttError, CheckpointError
from ..network import Network
from .batches import Source
from .checkpoints import Checkpoints
from .display import Display
from .interrupts import Interrupts
from .loop import train
from .objectives import Objective
from .progress import Progress
from .run import Run, best_row

PathLike = str | os.PathLike[str]


def fit(
    run: Run,
    network: Network,
    objective: Objective,
    source: Source,
    validation: Source | None = None,
    *,
    epochs: int,
    grad_clip: float | None = None,
    patience: int | None = None,
    display: Display | None = None,
    checkpoint: Checkpoints | None = None,
    save: Callable[[Path], Any] | None = None,
    on_step: Callable[[Progress], Any] | None = None,
) -> Run:
    """Train a network for a number of epochs; return the run.

    Ctrl-C or SIGTERM ends the training after the current step (``run.interrupted``); a second
    Ctrl-C raises KeyboardInterrupt at once. At the end, also after an error, the parameters are
    those with the lowest validation loss where `patience` is given, otherwise the last ones.

    Parameters
    ----------
    run : Run
        The training state; its parameters are changed in place.
    network, objective, source, validation, epochs, grad_clip, patience
        See `train`.
    display : Display, optional
        Shows the progress; nothing is shown where None.
    checkpoint : Checkpoints, optional
        Where and how often to save. One is written at the end too: always where the training is
        interrupted, otherwise where `checkpoint.finished`. A checkpoint that cannot be written is a
        warning, and is tried again when the next one is due; the one at the end is an error.
    save : callable (path), required with `checkpoint`
        Writes the model and the run to a file.
    on_step : callable (Progress) -> bool, optional
        Called after every step; a true result ends the training early.

    Raises
    ------
    ConfigError
        `patience` is given without `validation`.
    BpttError
        A gradient or a loss is not finite; the parameters are those of the last good step or, with
        `patience`, of the best epoch.
    CheckpointError
        The checkpoint at the end cannot be written, or no file in the directory: that is tried
        before the first step.
    """
    write = None
    if checkpoint is not None and save is not None:
        checkpoint.begin(run.id, run.step)
        write = partial(checkpoint.write, save=save)
    display = display or Display("silent", epochs)
    steps = train(
        run, network, objective, source, validation,
        epochs=epochs, grad_clip=grad_clip, patience=patience,
    )  # fmt: skip
    failing = False
    try:
        with display, Interrupts() as interrupts:
            for progress in steps:
                display(progress)
                stop = on_step is not None and on_step(progress)
                if (stop or interrupts.requested) and run.epoch <= epochs:
                    run.interrupted = True
                    break
                if checkpoint is not None and write is not None and checkpoint.due():
                    failing = not _written(write, run.step, warn=not failing)
            _show_kept(display, run)
        ends = run.interrupted or (checkpoint is not None and checkpoint.finished)
        if write is not None and ends:
            write(run.step)  # the last parameters: resuming needs them
    except BpttError as error:
        if checkpoint is None or checkpoint.last is None or isinstance(error, CheckpointError):
            raise
        raise BpttError(f"{error} The last checkpoint is {checkpoint.last}.") from error
    finally:
        run.restore_best()
    return run


def _written(write, step, warn):
    """Write a checkpoint; return whether it could be written. The training goes on if not."""
    try:
        write(step)
    except CheckpointError as error:
        if warn:
            warnings.warn(f"{error} The training goes on; it is tried again.", stacklevel=2)
        return False
    return True


def _show_kept(display, run):
    best = best_row(run.history)
    if run.best is not None and best is not None and best["step"] < run.step:
        display.kept(run.history[-1]["epoch"], best["epoch"], best["validation"], run.stopped)
