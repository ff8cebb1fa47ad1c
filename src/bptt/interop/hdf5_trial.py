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

SECONDS = 10.0  # that a process has to start and read, and more for large files
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
    seconds = SECONDS + Path(path).stat().st_size / BYTES_A_SECOND
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__, path], env=environment, timeout=seconds, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InteropError(
            f"{path} is a damaged HDF5 file: reading it did not end within {seconds:.0f} s; "
            f"expected one that h5py reads."
        ) from None
    if ended.returncode < 0:
        raise InteropError(
            f"{path} is a damaged HDF5 file: it ended the process that read it with signal "
            f"{-ended.returncode}; expected one that h5py reads."
        )


def _main() -> None:
    from .keras_files import content

    with contextlib.suppress(BpttError):  # the process that started this one says it
        content(sys.argv[1], tried=True)


if __name__ == "__main__":
    _main()
