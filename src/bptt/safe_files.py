"""Write files atomically; read JSON strictly; show untrusted text without harm to a terminal."""

import contextlib
import errno
import functools
import hashlib
import json
import math
import os
import platform
import re
import secrets
import stat
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["obstacle", "parse_json", "printable", "reason", "replacing", "write_atomically"]

# The name of an unfinished file: process and machine of its writer, and random digits. Earlier
# versions wrote the random digits alone.
TEMPORARY = re.compile(r"\.bptt-(?:(\d+)-([0-9a-f]{8})-)?[0-9a-z]+\.tmp")
STRAY_AGE = 600.0  # seconds without a write after which a writer that cannot be found is dead
NOT_SUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # by a file system
MOST_DIGITS = 40  # of a whole number in JSON: 2**128, as the state of a generator takes, has 39


def write_atomically(path: str | os.PathLike[str], data: Any) -> None:
    """Write a file so that it holds the old or the new content at any moment: see `replacing`.

    Parameters
    ----------
    path : str or path-like
        Its directory must exist.
    data : bytes-like, or list of them

    Raises
    ------
    OSError, ValueError
        The file cannot be written; ValueError where the path has a NUL. See `reason`.
    """
    with replacing(path) as file:
        for part in data if isinstance(data, list) else [data]:
            write_all(file, part)


def write_all(file: Any, data: Any) -> None:
    """Write bytes to an unbuffered file, which may take a part of them at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a new file that replaces another one when the block ends without an error.

    The content goes to a temporary file in the same directory, is flushed to the disk, and then
    replaces `path` in one step. An existing file keeps its permissions, and a symbolic link stays a
    link. A failure or an interruption leaves no temporary file behind; those of processes that were
    killed are removed. Where the file was replaced, but its directory cannot be flushed to the
    disk, a warning says so.

    Parameters
    ----------
    path : str or path-like
        Its directory must exist.

    Yields
    ------
    unbuffered binary file, to write and read

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
    remove_strays(target.parent)
    temporary = target.parent / f".bptt-{os.getpid()}-{_machine()}-{secrets.token_hex(8)}.tmp"

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if mode is None else mode)  # never wider than the old

    try:
        # Unbuffered: a buffer would try again on closing and hide the first error behind a second.
        with open(temporary, "x+b", buffering=0, opener=create) as file:
            if mode is not None:
                os.chmod(temporary, mode)  # what the umask took away
            yield file
            _sync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # makes the new name durable; Windows has no such call
        _sync_directory(target.parent)


def _sync(descriptor: int) -> None:
    """Flush a file to the disk, where the file system can."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise


def _sync_directory(directory: Path) -> None:
    """Flush the names in a directory to the disk; warn where that fails: the file is replaced."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, MemoryError) as error:
        warnings.warn(
            f"bptt: the directory {directory} cannot be flushed to the disk ({reason(error)}). "
            f"The files written there are complete; only a power failure can bring back the ones "
            f"that they replaced.",
            RuntimeWarning,
            stacklevel=3,
        )


@functools.cache
def _machine() -> str:
    """Return 8 digits for where the ids of processes count: machine, boot and container."""
    sources = [platform.node()]
    with contextlib.suppress(OSError):
        sources.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        sources.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()[:8]


def remove_strays(directory: Path) -> None:
    """Remove the unfinished files of writers that were killed, so that they do not pile up."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if name := TEMPORARY.fullmatch(entry.name):
                dead = name[2] == _machine() and not _runs(int(name[1]))
                if dead or time.time() - entry.stat().st_mtime > STRAY_AGE:
                    with contextlib.suppress(OSError):
                        os.unlink(entry)


def _runs(process: int) -> bool:
    """Return whether a process of this machine still runs; True where that is not known."""
    if os.name != "posix":  # there os.kill ends the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it runs, and belongs to another user
        return True
    return True


def obstacle(path: str | os.PathLike[str]) -> str | None:
    """Return why a file cannot be written, before any work: "is a directory"; None if it can be."""
    try:
        directory = os.path.dirname(os.path.realpath(path))
        if not os.path.isdir(directory):
            return "is in a directory that does not exist"
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode):
                return "is a directory" if stat.S_ISDIR(mode) else "is not a regular file"
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"\0")
            file.flush()
        return None
    except (OSError, ValueError) as error:
        return f"cannot be written ({reason(error)})"


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
    """Read a JSON object strictly: each key once, all numbers finite, none with many digits.

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

    def whole(number: str) -> int:
        if len(number) > MOST_DIGITS:
            raise ValueError(f"a whole number has {len(number)} digits")
        return int(number)

    result = json.loads(
        text,
        object_pairs_hook=unique,
        parse_float=finite,
        parse_constant=finite,
        parse_int=whole,
    )
    if not isinstance(result, dict):
        raise ValueError("it is not an object")
    return result
