"""Which processes of this host have ended, by Linux' /proc; elsewhere nothing is known.

A process that supervises this one knows of its end; `tell` sends it what it needs beside.
"""

import contextlib
import os
from pathlib import Path

import numpy as np

PID, START, SPACE = range(3)
SUPERVISED = "BPTT_SUPERVISED"  # environment: the process that supervises, and a pipe to it
JOINED, LEFT = b"+", b"-"  # this rank is in the MPI job, and no longer


def identity() -> np.ndarray:
    """Return what tells this process from every other one of its host.

    Returns
    -------
    ndarray of int64, shape (3,)
        Number, start time, and the namespace in which the number holds; zeros without /proc.
    """
    pid = os.getpid()
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        space = 0
    _, start = _state(pid)
    return np.array([pid, start, space] if start and space else [0, 0, 0], np.int64)


def can_be_seen(other: np.ndarray) -> bool:
    """Return whether a process is one of those that this process can look up."""
    own = identity()
    return bool(other[SPACE] and other[SPACE] == own[SPACE] and not has_ended(other))


def has_ended(other: np.ndarray) -> bool:
    """Return whether a process that can be seen has ended, killed ones included."""
    state, start = _state(int(other[PID]))
    return state in "ZX" or start != other[START]


def tell(what: bytes) -> None:
    """Send `JOINED` or `LEFT` to the process that supervises this one, if one does."""
    parent, _, pipe = os.environ.get(SUPERVISED, "").partition(" ")
    if os.name != "nt" and parent == str(os.getppid()) and pipe.isdigit():
        with contextlib.suppress(OSError):
            os.write(int(pipe), what)


def _state(pid):
    """Return state and start time of a process; "X", 0 where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X", 0
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return fields[0], int(fields[19])
