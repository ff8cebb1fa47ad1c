"""Checkpoints of a training run: how often they are written and how many are kept."""

import contextlib
import os
import re
import time
from pathlib import Path

from ..checks import is_number, is_whole
from ..errors import ConfigError


class Checkpoints:
    """Where and how often a training saves itself, and how many files stay.

    The files stand beside `path` and carry the number of steps done: for ``model.safetensors``,
    ``model-00001200.safetensors``. Each can be loaded as a model and resumed as a training.

    Parameters
    ----------
    path : str or path-like
    minutes : float
        Between two files; 0 saves after every step.
    keep : int
        Files that stay: the last ones of this run.

    Raises
    ------
    ConfigError
    """

    def __init__(self, path, minutes=5.0, keep=2):
        if not (is_number(minutes) and minutes >= 0):
            raise ConfigError(f"Checkpoints: minutes is {minutes!r}; expected a number >= 0.")
        if not is_whole(keep) or keep < 1:
            raise ConfigError(f"Checkpoints: keep is {keep!r}; expected a whole number >= 1.")
        self.path, self.minutes, self.keep = Path(path), minutes, keep
        self.last: Path | None = None
        self._files: list[Path] = []
        self._saved = time.monotonic()

    def adopt(self, step):
        """Count the files of a run that goes on at `step` among this run's own."""
        name = re.compile(re.escape(self.path.stem) + r"-(\d{8,})" + re.escape(self.path.suffix))
        with contextlib.suppress(OSError):
            found = ((p, name.fullmatch(p.name)) for p in self.path.parent.iterdir())
            own = sorted((int(m[1]), p) for p, m in found if m and int(m[1]) <= step)
            self._files = [p for _, p in own]

    def due(self):
        """Tell whether it is time for the next file."""
        return time.monotonic() - self._saved >= 60 * self.minutes

    def write(self, step, save):
        """Save with `save(path)`, then remove the oldest files beyond `keep`.

        Raises
        ------
        CheckpointError
            The file cannot be written; those before it are untouched.
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
