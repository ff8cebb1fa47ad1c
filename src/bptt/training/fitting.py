"""Run a training: progress display, checkpoints, early end by a signal or a callback."""

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..distributed.communicator import end_all
from ..errors import BpttError, CheckpointError
from ..network import Network
from .batches import Source
from .checkpoints import Checkpoints
from .display import Display
from .interrupts import Interrupts
from .local_steps import LocalSteps
from .loop import train
from .objectives import Objective
from .progress import Progress
from .run import Run, best_row
from .shares import Shares

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
    shares: Shares | None = None,
    local: LocalSteps | None = None,
) -> Run:
    """Train a network for a number of epochs; return the run.

    Ctrl-C or SIGTERM ends the training after the current step (``run.interrupted``); a second
    Ctrl-C raises KeyboardInterrupt at once. At the end, also after an error, the parameters are
    those with the lowest validation loss where `patience` is given, otherwise the last ones.

    Parameters
    ----------
    run : Run
        The training state; its parameters are changed in place.
    network, objective, source, validation, epochs, grad_clip, patience, local
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
    shares : Shares, optional
        How batches are divided into parts and among ranks. With several ranks, rank 0 shows the
        progress and writes the checkpoints; a signal or `on_step` on any rank ends the training
        after one more step; an exception on one rank ends all of them.

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
    shares = shares or Shares()
    write = None
    if checkpoint is not None and save is not None:
        _on_rank_0(shares, partial(checkpoint.begin, run.id, run.step))
        write = partial(checkpoint.write, save=save)
    display = display or Display("silent", epochs)
    steps = train(
        run, network, objective, source, validation,
        epochs=epochs, grad_clip=grad_clip, patience=patience, shares=shares, local=local,
    )  # fmt: skip
    failing = False
    due = checkpoint.due if checkpoint is not None and write is not None else lambda: False
    try:
        with display, Interrupts() as interrupts:
            for progress in steps:
                display(progress)
                stop = bool(on_step is not None and on_step(progress)) or bool(interrupts.requested)
                agreed_stop, agreed_due = shares.agreed(stop, due())
                if agreed_stop and run.epoch <= epochs:
                    run.interrupted = True
                    break
                if agreed_due and write is not None:
                    _collect(run, network, shares)
                    if shares.communicator.rank == 0:
                        failing = not _written(write, run.step, warn=not failing)
                shares.asked = [stop, due()]
            _show_kept(display, run)
        ends = run.interrupted or (checkpoint is not None and checkpoint.finished)
        if write is not None and ends:
            _collect(run, network, shares)
            _on_rank_0(shares, partial(write, run.step))  # resuming needs the last parameters
    except BpttError as error:
        if checkpoint is None or checkpoint.last is None or isinstance(error, CheckpointError):
            raise
        raise BpttError(f"{error} The last checkpoint is {checkpoint.last}.") from error
    except BaseException as error:
        if shares.communicator.size > 1:
            end_all(shares.communicator, error)
        raise
    finally:
        run.restore_best()
    return run


def _collect(run, network, shares):
    """Gather carried states and optimizers on rank 0, from where they are saved."""
    if shares.communicator.size > 1:
        run.carried = shares.carried(network)
        shares.optimizers(run)


def _on_rank_0(shares, action):
    """Run an action on rank 0; its error is raised on all ranks."""
    failed = None
    if shares.communicator.rank == 0:
        try:
            action()
        except BpttError as error:
            failed = error
    message = shares.message("" if failed is None else str(failed))
    if failed is not None:
        raise failed
    if message:
        raise CheckpointError(message)


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
