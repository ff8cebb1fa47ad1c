"""Checkpoints of a training run: how often they are written and how many are kept."""

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..checks import is_number, is_whole
from ..errors import ConfigError, operation


class Checkpoints:
    """Where and how often to save the training state, and how many files to keep.

    The file names contain the number of steps: for ``model.safetensors``,
    ``model-00001200.safetensors`` in the same directory. Each file can be loaded as a model, and
    training can be resumed from it.

    Parameters
    ----------
    path : str or path-like
    minutes : float
        Time between two files; 0 saves after every step.
    keep : int
        Number of files to keep: the last ones of this run.

    Raises
    ------
    ConfigError
    """

    @operation
    def __init__(self, path: str | os.PathLike[str], minutes: float = 5.0, keep: int = 2):
        if not (is_number(minutes) and minutes >= 0):
            raise ConfigError(f"minutes is {minutes!r}; expected a number >= 0.")
        if not is_whole(keep) or keep < 1:
            raise ConfigError(f"keep is {keep!r}; expected a whole number >= 1.")
        self.path: Path = Path(path)
        self.minutes: float = minutes
        self.keep: int = keep
        self.last: Path | None = None
        self._files: list[Path] = []
        self._saved = time.monotonic()

    def adopt(self, step: int) -> None:
        """Count the files of the run that is resumed at `step` as files of this run."""
        name = re.compile(re.escape(self.path.stem) + r"-(\d{8,})" + re.escape(self.path.suffix))
        with contextlib.suppress(OSError):
            found = ((p, name.fullmatch(p.name)) for p in self.path.parent.iterdir())
            own = sorted((int(m[1]), p) for p, m in found if m and int(m[1]) <= step)
            self._files = [p for _, p in own]

    def due(self) -> bool:
        """Return whether it is time for the next file."""
        return time.monotonic() - self._saved >= 60 * self.minutes

    def write(self, step: int, save: Callable[[Path], Any]) -> Path:
        """Call `save(path)`, then remove the oldest files beyond `keep`; return the path.

        Raises
        ------
        CheckpointError
            The file cannot be written; earlier files are not changed.
        """
        path = self.path.with_name(f"{self.path.stem}-{step:08d}{self.path.suffix}")
        save(path)
        self.last, self._saved = path, time.monotonic()
        self._files = [p for p in self._files if p != path] + [path]
        while len(self._files) > self.keep:
            with contextlib.suppress(OSError):
                os.unlink(self._files[0])
            del self._files[0]
        return path
