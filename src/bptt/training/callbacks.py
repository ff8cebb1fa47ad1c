"""Callbacks of `fit`: they see the model and its progress after each step and each epoch."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .event_files import EventFile
from .progress import LastStep, Progress


class Callback:
    """Base class of callbacks, which `fit` calls: override the methods that are needed.

    A true result of `after_step` or `after_epoch` ends the training early. ``model.parameters_``
    are those of the training and may be changed in place.
    """

    def after_step(self, model: Any, progress: Progress, last: LastStep) -> Any:
        """Called after each step, with the loss and the gradients of the batch."""

    def after_epoch(self, model: Any, row: dict[str, Any]) -> Any:
        """Called after each epoch, with its row of ``history_``."""

    def close(self) -> None:
        """Called at the end, also after an error."""


def check_callbacks(callbacks: Any) -> None:
    """Refuse what is no sequence of callbacks.

    Raises
    ------
    ConfigError
    """
    if not isinstance(callbacks, (list, tuple)) or not all(
        isinstance(c, Callback) for c in callbacks
    ):
        raise ConfigError(
            f"callbacks is {callbacks!r:.60}; expected a list of bptt.training.Callback."
        )


def call(callbacks: Sequence[Callback], model: Any, progress: Progress, run: Any) -> bool:
    """Call all callbacks after a step; return whether one of them ends the training."""
    stop = False
    for callback in callbacks:
        stop = bool(callback.after_step(model, progress, run.last)) or stop
        if progress.end_of_epoch:
            stop = bool(callback.after_epoch(model, run.history[-1])) or stop
    return stop


class CSVLogger(Callback):
    """Write the row of each epoch to a CSV file.

    Parameters
    ----------
    path : str or path-like
        Replaced where it exists.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._file: Any = None

    def after_epoch(self, model: Any, row: dict[str, Any]) -> None:
        """Append a row; the first one writes the names above it."""
        if self._file is None:
            self._file = self.path.open("w", newline="", encoding="utf-8")
            csv.writer(self._file).writerow(row)
        csv.writer(self._file).writerow("" if v is None else v for v in row.values())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class TensorBoardLogger(Callback):
    """Write scalars to an event file of TensorBoard: loss, validation, gradient norm, rate.

    Parameters
    ----------
    directory : str or path-like
        The log directory; a new event file is written in it.
    every : int (steps)
        Distance between the steps that are written.
    """

    def __init__(self, directory: str | Path, every: int = 10):
        self.directory, self.every = Path(directory), every
        self._file: EventFile | None = None

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Write scalars by name; other callbacks may call it too."""
        if self._file is None:
            self._file = EventFile(self.directory)
        self._file.scalars(step, scalars)

    def after_step(self, model: Any, progress: Progress, last: LastStep) -> None:
        """Write loss, gradient norm and learning rate."""
        if progress.step % self.every == 0:
            rate = progress.learning_rate
            scalars = {"loss": last.loss, "grad_norm": progress.grad_norm, "learning_rate": rate}
            self.write(progress.step, scalars)

    def after_epoch(self, model: Any, row: dict[str, Any]) -> None:
        """Write the losses of the epoch."""
        losses = {"epoch/loss": row["loss"], "epoch/validation": row["validation"]}
        self.write(row["step"], {name: v for name, v in losses.items() if v is not None})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
