"""Run a rank in a process of its own, and report where it is killed.

A process that is killed, as for using too much memory, cannot report its end, and launchers end the
job with the number of the signal. The supervisor needs little memory and reports it.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from .mpi import STATUS_LOST
from .processes import JOINED, LEFT, SUPERVISED

# The number of the rank and of all ranks in an MPI job: Hydra and PMI, Open MPI, SLURM.
LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_PR_SET_PDEATHSIG = 1


def in_job() -> bool:
    """Return whether this is one of several ranks and nothing supervises it yet."""
    return _number(1) > 1 and SUPERVISED not in os.environ


def supervise(arguments: Sequence[str]) -> int:
    """Run Python with arguments; return the exit status.

    It is 75 where the process was killed, or ended with 0 without leaving the MPI job, which the
    other ranks wait for. Signals are forwarded; of one that ends the other process, the status is
    128 + its number. Where this process is killed, so is the other (on Linux).

    Parameters
    ----------
    arguments : sequence of str
        As of the command ``python``.
    """
    forwarded = set()

    def forward(number, frame):
        forwarded.add(number)
        process.send_signal(number)

    with contextlib.ExitStack() as stack:
        told, pipe = os.pipe()
        stack.callback(os.close, told)
        os.set_inheritable(pipe, True)
        process = subprocess.Popen(
            [sys.executable, *arguments],
            close_fds=False,  # the launcher's
            env=os.environ | {SUPERVISED: f"{os.getpid()} {pipe}"},
            **({} if os.name == "nt" else {"process_group": 0, "preexec_fn": _die_with_parent}),
        )
        os.close(pipe)
        for name in FORWARDED:
            if number := getattr(signal, name, None):
                before = signal.signal(number, forward)
                stack.callback(signal.signal, number, before)
        status = process.wait()
        said = _said(told)
    if -status in forwarded:
        return 128 - status
    if status < 0:
        _report(f"was ended by {signal.Signals(-status).name}")
    elif status == 0 and said.count(JOINED) > said.count(LEFT):
        _report("ended before the other ranks")
    elif status != STATUS_LOST:
        return status
    _abort_hydra()
    return STATUS_LOST


def _said(pipe):
    """Return what the other process has sent."""
    with contextlib.suppress(OSError, AttributeError):
        os.set_blocking(pipe, False)  # processes that the other one has started may hold it open
        return os.read(pipe, 2**16)
    return b""


def _report(what):
    sys.stderr.write(
        f"bptt: rank {_number(0)} on {socket.gethostname()} {what}; the job ends with status "
        f"{STATUS_LOST}. Go on from the last checkpoint with resume='auto'.\n"
    )
    sys.stderr.flush()
    time.sleep(0.3)  # a launcher that aborts at once forwards no more of the ranks' output


def _abort_hydra():
    """Let MPICH's launcher end the job with our status: else it is that of the ranks it kills."""
    fd = os.environ.get("PMI_FD", "")
    if fd.isdigit() and "HYDI_CONTROL_FD" in os.environ:
        with contextlib.suppress(OSError):
            os.write(int(fd), b"cmd=abort exitcode=%d\n" % STATUS_LOST)
            time.sleep(1)  # it ends this process too


def _number(which):
    names = (pair[which] for pair in LAUNCHERS)
    return next((int(n) for name in names if (n := os.environ.get(name, "")).isdigit()), 0)


def _die_with_parent():
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
