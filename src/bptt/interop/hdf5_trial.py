"""Read a file of Keras in a process of its own before this process reads it.

HDF5's library does not come back from some damaged files, and no signal of Python's reaches it
there. What it does to a process shows in one that can be ended.
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


def try_out(path: str) -> None:
    """Read a file in a process of its own; return if that ends well, whatever it finds.

    Raises
    ------
    InteropError
        The process does not end within its time, or ends by a signal.
    """
    if not sys.executable:  # an embedded interpreter: there is no program to start
        return
    seconds = SECONDS + int(Path(path).stat().st_size / BYTES_A_SECOND)
    signal_number = _ended_by(path, seconds)
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


def _ended_by(path: str, seconds: int) -> int:
    """Read a file in a new process; return the signal that ended it, or 0."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__, path, str(seconds)], env=environment, check=False,
            timeout=WAIT * seconds,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return SIGXCPU
    return max(0, -ended.returncode)


def _main(path: str, seconds: int) -> None:
    from .keras_files import content

    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    with contextlib.suppress(BpttError):  # the process that started this one says it
        content(path, tried=True)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
