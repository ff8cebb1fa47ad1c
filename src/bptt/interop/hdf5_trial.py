"""Read a file of Keras in a process of its own before this process reads it.

HDF5's library does not come back from some damaged files, and no signal of Python's reaches it
there; of others it believes sizes of gigabytes. Both show in a process with limits.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from ..errors import BpttError, InteropError

__all__ = ["try_out"]

SIGXCPU = 24  # the signal of too much processor time, which Windows has no name for
SECONDS = 10  # of processor time that a process has to start and read, and more for large files
WAIT = 12  # times as many seconds of the clock, on a machine with other work
BYTES_A_SECOND = 20e6
MEMORY = 2**29  # bytes that reading may take, and _TIMES as many as the file has
_TIMES = 16


def try_out(path: str) -> None:
    """Read a file in a process of its own, with limits on time and memory.

    Raises
    ------
    InteropError
        The process refuses the file, does not end within its time, or ends by a signal.
    """
    if not sys.executable:  # an embedded interpreter: there is no program to start
        return
    seconds = SECONDS + int(Path(path).stat().st_size / BYTES_A_SECOND)
    signal_number, refusal = _tried(path, seconds)
    if signal_number == SIGXCPU:
        raise InteropError(
            f"{path} is a damaged HDF5 file: reading it did not end within {seconds} s of "
            f"processor time or {WAIT * seconds:.0f} s of the clock; expected one that h5py reads."
        )
    if signal_number:
        raise InteropError(
            f"{path} is a damaged HDF5 file: it ended the process that read it with signal "
            f"{signal_number}; expected one that h5py reads."
        )
    if refusal:
        raise InteropError(refusal)


def _tried(path: str, seconds: int) -> tuple[int, str]:
    """Read a file in a new process; return the signal that ended it, or 0, and its refusal."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__, path, str(seconds)], env=environment, check=False,
            timeout=WAIT * seconds,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return SIGXCPU, ""
    return max(0, -ended.returncode), ended.stdout.decode(errors="replace")


def refusal_of(path: str, seconds: int) -> str:
    """Read a file with limits on this process; return why it is refused, or ""."""
    from .keras_files import content

    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        with contextlib.suppress(OSError, ValueError):  # no /proc, or a lower limit
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = MEMORY + _TIMES * Path(path).stat().st_size
            most += pages * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        content(path, tried=True)
    except InteropError as error:
        return str(error)
    except BpttError:  # such as h5py that is missing, in this environment alone
        return ""
    return ""


if __name__ == "__main__":
    sys.stdout.buffer.write(refusal_of(sys.argv[1], int(sys.argv[2])).encode(errors="replace"))
