"""Checkpoints of a training run: how often they are written and how many are kept."""

import contextlib
import itertools
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..checks import is_number, is_whole
from ..errors import BpttError, CheckpointError, ConfigError, operation
from ..safe_files import obstacle, remove_strays
from .array_files import read_config


class Checkpoints:
    """Where and how often to save the training state, and how many files to keep.

    The file names contain the number of steps: for ``model.safetensors``,
    ``model-00001200.safetensors`` in the same directory. Each file can be loaded as a model, and
    training can be resumed from it. Only files of the same run are replaced or removed: where
    another file has the name, a number is appended to it (``model-00001200-2.safetensors``).

    Parameters
    ----------
    path : str or path-like
    minutes : float
        Time between two files; 0 saves after every step.
    keep : int
        Number of files to keep: the last ones of this run.
    finished : bool
        Whether to save the last step of a training that was not interrupted, so that more epochs
        can be trained later. Where False, call `remove` after the model is saved.

    Attributes
    ----------
    last : Path or None
        The last file that was written.

    Raises
    ------
    ConfigError
    """

    @operation
    def __init__(
        self,
        path: str | os.PathLike[str],
        minutes: float = 5.0,
        keep: int = 2,
        *,
        finished: bool = True,
    ):
        if not (is_number(minutes) and minutes >= 0):
            raise ConfigError(f"minutes is {minutes!r}; expected a number >= 0.")
        if not is_whole(keep) or keep < 1:
            raise ConfigError(f"keep is {keep!r}; expected a whole number >= 1.")
        self.path: Path = Path(path)
        self.minutes: float = minutes
        self.keep: int = keep
        self.finished: bool = finished
        self.last: Path | None = None
        self._run: str | None = None
        self._files: dict[Path, int] = {}  # of this run: path -> step
        self._tried = time.monotonic()

    def begin(self, run: str, step: int) -> None:
        """Prepare for a run: try the directory, and find the files of a run that is resumed.

        Parameters
        ----------
        run : str
            The run's id; only files that hold it are files of this run.
        step : int
            The step at which the run is resumed, or 0.

        Raises
        ------
        CheckpointError
            No file can be written there.
        """
        if what := obstacle(self._named(10**8 - 1)):
            raise CheckpointError(
                f"the checkpoint {self.path} {what}; expected a path in a directory where files "
                f"can be written."
            )
        remove_strays(Path(os.path.realpath(self.path)).parent)
        self._run, self.last, self._tried = run, None, time.monotonic()
        own = self._pattern()
        found: list[tuple[int, Path]] = []
        with contextlib.suppress(OSError):  # a directory that can be written, but not listed
            names = ((p, own.fullmatch(p.name)) for p in self.path.parent.iterdir())
            found = sorted((int(m[1]), p) for p, m in names if m and int(m[1]) <= step)
        self._files = {p: n for n, p in found if self._is_own(p, n)}

    def found(self) -> list[Path]:
        """Return the checkpoints of any run at this path, the last one first."""
        own, paths = self._pattern(), []
        with contextlib.suppress(OSError):
            for path in self.path.parent.iterdir():
                if own.fullmatch(path.name) and _is_checkpoint(path):
                    paths.append(path)
        return sorted(paths, key=lambda path: (path.stat().st_mtime, path.name), reverse=True)

    def due(self) -> bool:
        """Return whether it is time for the next file."""
        return time.monotonic() - self._tried >= 60 * self.minutes

    def write(self, step: int, save: Callable[[Path], Any]) -> Path:
        """Call `save(path)`, then remove the oldest files beyond `keep`; return the path.

        Raises
        ------
        CheckpointError
            The file cannot be written; earlier files are not changed. It is `due` again after
            `minutes`.
        """
        path = self._free(step)
        try:
            save(path)
        finally:
            self._tried = time.monotonic()
        self.last = path
        self._files.pop(path, None)
        self._files[path] = step  # the last one
        self._keep(self.keep)
        return path

    def remove(self) -> None:
        """Remove all files of this run, as after the finished model was saved."""
        self._keep(0)
        self.last = None

    def _keep(self, count: int) -> None:
        for path in list(self._files)[: max(0, len(self._files) - count)]:
            if self._is_own(path, self._files.pop(path)):
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def _pattern(self):
        stem, suffix = re.escape(self.path.stem), re.escape(self.path.suffix)
        return re.compile(stem + r"-(\d{8,})(-\d+)?" + suffix)

    def _named(self, step: int, number: int = 1) -> Path:
        end = f"-{number}" if number > 1 else ""
        return self.path.with_name(f"{self.path.stem}-{step:08d}{end}{self.path.suffix}")

    def _free(self, step: int) -> Path:
        """Return the first name that is free, or that a file of this run and step has."""
        paths = (self._named(step, number) for number in itertools.count(1))
        return next(p for p in paths if not os.path.lexists(p) or self._is_own(p, step))

    def _is_own(self, path: Path, step: int) -> bool:
        """Return whether a file says of itself that it is this run's checkpoint of this step."""
        try:
            config = read_config(path)
        except BpttError:
            return False
        training = config.get("training")
        right = isinstance(training, dict) and training.get("step") == step
        return right and self._run is not None and config.get("run") == self._run


def _is_checkpoint(path: Path) -> bool:
    """Return whether a file holds the state of a training."""
    try:
        return isinstance(read_config(path).get("training"), dict)
    except BpttError:
        return False
