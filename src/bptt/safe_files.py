"""Write files atomically; read JSON strictly; show untrusted text without harm to a terminal."""

import contextlib
import errno
import json
import math
import os
import secrets
import stat
import time
from pathlib import Path
from typing import Any

__all__ = ["parse_json", "printable", "reason", "write_atomically"]

TEMPORARY = ".bptt-", ".tmp"  # how the name of an unfinished file begins and ends
STRAY_AGE = 600.0  # seconds without a write after which the writer of an unfinished file is dead


def write_atomically(path: str | os.PathLike[str], data: bytes | memoryview) -> None:
    """Write a file so that it holds the old or the new content at any moment, even after a crash.

    The content goes to a temporary file in the same directory, is flushed to the disk, and then
    replaces `path` in one step. An existing file keeps its permissions, and a symbolic link stays a
    link. A failure or an interruption leaves no temporary file behind.

    Parameters
    ----------
    path : str or path-like
        Its directory must exist.
    data : bytes-like

    Raises
    ------
    OSError, ValueError
        The file cannot be written; ValueError where the path has a NUL. See `reason`.
    """
    target = Path(os.path.realpath(path))  # replace what a symbolic link points to, not the link
    mode = None
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(target)
        if not stat.S_ISREG(status.st_mode):  # os.replace would put a file in place of /dev/null
            raise OSError("it exists and is not a regular file")
        mode = stat.S_IMODE(status.st_mode)
    _remove_strays(target.parent)
    temporary = target.parent / secrets.token_hex(8).join(TEMPORARY)

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if mode is None else mode)  # never wider than the old

    try:
        # Unbuffered: a buffer would try again on closing and hide the first error behind a second.
        with open(temporary, "xb", buffering=0, opener=create) as file:
            if mode is not None:
                os.chmod(temporary, mode)  # what the umask took away
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # makes the new name durable; Windows has no such call
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: this file system cannot sync directories
                raise
        finally:
            os.close(directory)


def _remove_strays(directory: Path) -> None:
    """Remove the unfinished files of writers that were killed, so that they do not pile up."""
    begin, end = TEMPORARY
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            ours = entry.name.startswith(begin) and entry.name.endswith(end)
            if ours and time.time() - entry.stat().st_mtime > STRAY_AGE:
                os.unlink(entry)


def reason(error: Exception) -> str:
    """Return why a file could not be read or written: "No space left on device [errno 28]"."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} [errno {error.errno}]"
    return str(error) or type(error).__name__


def printable(text: object, limit: int | None = None) -> str:
    """Return a text on one line, with ``?`` for control characters and escape codes.

    Parameters
    ----------
    text : object
        Its ``str``; for example a name that a file holds.
    limit : int, optional
        Characters to keep.
    """
    short = str(text)[:limit]
    return "".join(c if c.isprintable() else " " if c == "\n" else "?" for c in short)


def parse_json(text: str) -> dict[str, Any]:
    """Read a JSON object strictly: each key once, all numbers finite.

    Raises
    ------
    ValueError
        It is not such an object.
    RecursionError
        It is nested too deeply.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(result := dict(pairs)) != len(pairs):
            raise ValueError("a key occurs twice")
        return result

    def finite(number: str) -> float:
        if not math.isfinite(value := float(number)):
            raise ValueError(f"{number} is not a finite number")
        return value

    result = json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
    if not isinstance(result, dict):
        raise ValueError("it is not an object")
    return result
