"""Callbacks of `fit`: they see the model and its progress after each step and each epoch."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from .event_files import EventFile
from .optimizers import global_norm
from .progress import LastStep, Progress


class Callback:
    """What `fit` calls; derive from it and define what is needed.

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


class Monitor(Callback):
    """Record gradient norms, sizes of updates and losses by length during a training.

    Parameters
    ----------
    every : int (steps)
        Distance between the steps that are recorded.
    log : callable (step, dict of str to float), optional
        Called with each record as ``grad_norm/lstm0.Wf``, ``update_ratio/lstm0.Wf``:
        `TensorBoardLogger.write`, for example.

    Attributes
    ----------
    steps : list of int
    grad_norms : dict of str to list of float
        Euclidean norm of the mean gradient of each parameter, before clipping.
    update_ratios : dict of str to list of float
        Norm of a step's change of each parameter divided by the parameter's norm; 0 where that is
        0. Values near 1e-3 are usual.
    losses : list of (float, float)
        Mean length of the sequences of a batch, and its loss.
    """

    def __init__(self, every: int = 20, log: Callable[[int, dict[str, float]], Any] | None = None):
        if every < 1:
            raise ConfigError(f"every is {every}; expected a number of steps >= 1.")
        self.every, self.log = every, log
        self.steps: list[int] = []
        self.grad_norms: dict[str, list[float]] = {}
        self.update_ratios: dict[str, list[float]] = {}
        self.losses: list[tuple[float, float]] = []
        self._before: dict[str, np.ndarray] = {}

    def after_step(self, model: Any, progress: Progress, last: LastStep) -> None:
        """Record every `every`-th step; copy the parameters one step before it."""
        p = model.parameters_
        if progress.step % self.every == 0:
            self._record(p, progress.step, last)
            self._before = {}
        if (progress.step + 1) % self.every == 0:
            self._before = {name: value.copy() for name, value in p.items()}

    def _record(self, parameters, step, last):
        lengths = last.batch.lengths
        mean = last.batch.x.shape[1] if lengths is None else float(np.mean(lengths))
        self.losses.append((float(mean), last.loss))
        self.steps.append(step)
        named = {}
        for name, value in parameters.items():
            norm = global_norm({name: last.gradients[name]}) * last.scale
            ratio = np.nan  # the first record may have no step before it
            if name in self._before:
                size = global_norm({name: value})
                change = global_norm({name: value - self._before[name]})
                ratio = change / size if size else 0.0
            self.grad_norms.setdefault(name, []).append(norm)
            self.update_ratios.setdefault(name, []).append(ratio)
            named |= {f"grad_norm/{name}": norm, f"update_ratio/{name}": ratio}
        if self.log is not None:
            self.log(step, named)

    def loss_by_length(self, edges: Sequence[float]) -> list[float]:
        """Return the mean loss of the batches whose mean length is in each interval; NaN if none.

        Parameters
        ----------
        edges : sequence of k + 1 float
            Intervals edges[i] <= length < edges[i + 1].
        """
        lengths, losses = np.array(self.losses, float).reshape(-1, 2).T
        which = np.digitize(lengths, edges) - 1
        return [
            float(losses[which == i].mean()) if (which == i).any() else float("nan")
            for i in range(len(edges) - 1)
        ]
