"""Ranks of an MPI job, by mpi4py; a watchdog ends the job where a rank is lost."""

import math
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .. import extras
from ..checks import is_number
from ..engine import get_num_threads, set_num_threads
from ..errors import ConfigError, operation
from .communicator import Messages, gather

STATUS_LOST = 75  # EX_TEMPFAIL of sysexits.h: a batch system may start the job again
SPIN = 0.02  # seconds of waiting without a pause: a reduction of 1 MB takes 0.5 ms
PAUSE = 2e-4  # seconds between two tests after that
ALIVE = 5.0  # seconds in which ranks answer whether they are there: their waiting began apart
_ALIVE_TAG = 7


class MPI:
    """The ranks of an MPI job.

    No rank waits for ever: where others are not there within `timeout`, the job ends on all ranks
    with status 75 and a sentence that names the ranks that are missing. An exception that nothing
    catches ends the job too.

    The CPUs of a host are shared among its ranks: the engine's threads are set accordingly, unless
    ``OMP_NUM_THREADS`` is set.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, optional
        Default: all ranks of the job.
    timeout : float
        Seconds, > 0.

    Attributes
    ----------
    rank, size : int
    hosts : list of str
        Name of each rank's host.

    Raises
    ------
    ConfigError
        mpi4py or an MPI library is not installed; `timeout` is no number > 0.
    """

    @operation
    def __init__(self, comm: Any = None, timeout: float = 600.0):
        if not (is_number(timeout) and timeout > 0):
            raise ConfigError(f"timeout is {timeout!r}; expected a number of seconds > 0.")
        self._mpi: Any = extras.load("mpi4py", extra="mpi", why="to train over MPI") and _library()
        self._comm: Any = (self._mpi.COMM_WORLD if comm is None else comm).Dup()
        self.timeout: float = float(timeout)
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        self._lost: str = ""
        name = np.zeros(256, np.uint8)
        own = socket.gethostname().encode()[:256]
        name[: len(own)] = np.frombuffer(own, np.uint8)
        names = gather(self, name)
        self.hosts: list[str] = [n.tobytes().rstrip(b"\0").decode(errors="replace") for n in names]
        if self.size > 1:
            self._share_cpus()
            _end_all_after_an_exception(self)

    def exchange(self, sent: Messages, received: Messages) -> None:
        """Send arrays to other ranks and fill arrays with what they send."""
        into = [self._comm.Irecv(_raw(a), source=j) for j, a in received]
        out = [self._comm.Isend(_raw(a), dest=j) for j, a in sent]
        pairs = [*zip((j for j, _ in received), into, strict=True)]
        self._wait([*into, *out], pairs)

    def sum(self, *arrays: np.ndarray) -> None:
        """Replace each array by its sum over all ranks."""
        if self.size > 1:
            whole = self._mpi.IN_PLACE
            self._wait([self._comm.Iallreduce(whole, a) for a in arrays], [])

    def abort(self, status: int, sentence: str = "") -> NoReturn:
        """Write a sentence to standard error and end all ranks with a status."""
        if sentence:
            sys.stderr.write(f"bptt: {sentence}\n")
        sys.stdout.flush()
        sys.stderr.flush()
        self._comm.Abort(status)
        os._exit(status)  # `Abort` returns in no MPI library

    def where(self, rank: int) -> str:
        """Return a rank in words: "rank 3 on node17"."""
        return f"rank {rank} on {self.hosts[rank]}"

    def _wait(self, requests, receiving):
        """Wait for requests; end the job where they are not complete within the timeout."""
        if self._completed(requests, self.timeout):
            return
        late = {j for j, request in receiving if not request.Test()}
        missing = self._missing() or sorted(late)
        lost = ", ".join(map(self.where, missing)) or "a rank"
        speaker = min(set(range(self.size)) - set(missing), default=self.rank)
        if self.rank != speaker:
            time.sleep(2)  # the sentence comes from one rank, before the job ends
        self.abort(
            STATUS_LOST,
            f"{lost} did not answer for {self.timeout:g} s; the job ends with status "
            f"{STATUS_LOST}. Go on from the last checkpoint with resume='auto'.",
        )

    def _completed(self, requests, seconds):
        test: Callable[[Any], bool] = self._mpi.Request.Testall
        began = time.perf_counter()
        while not test(requests):
            waited = time.perf_counter() - began
            if waited > seconds:
                return False
            if waited > SPIN:
                time.sleep(PAUSE)
        return True

    def _missing(self):
        """Return the ranks that do not answer now: each tells every other that it is there."""
        others = [j for j in range(self.size) if j != self.rank]
        buffers = {j: np.zeros(1, np.uint8) for j in others}
        asked = {j: self._comm.Irecv(buffers[j], source=j, tag=_ALIVE_TAG) for j in others}
        here = np.ones(1, np.uint8)
        told = [self._comm.Isend(here, dest=j, tag=_ALIVE_TAG) for j in others]
        self._completed([*asked.values(), *told], ALIVE)
        return [j for j in others if not buffers[j][0]]

    def _share_cpus(self):
        """Set the engine's threads to this rank's share of its host's CPUs."""
        if os.environ.get("OMP_NUM_THREADS", "").strip() or not hasattr(os, "sched_getaffinity"):
            return
        own = np.zeros(4096, np.uint8)
        own[[cpu for cpu in os.sched_getaffinity(0) if cpu < len(own)]] = 1
        masks = [
            mask
            for mask, host in zip(gather(self, own), self.hosts, strict=True)
            if host == self.hosts[self.rank]
        ]
        times = sum(int(mask.sum()) for mask in masks)  # each CPU as often as ranks may use it
        there = int(np.any(masks, axis=0).sum())
        set_num_threads(max(1, math.floor(get_num_threads() * there / max(1, times))))


def _library():
    try:
        from mpi4py import MPI as library  # type: ignore[import-not-found]
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"mpi4py finds no MPI library ({str(error).splitlines()[0]:.200}); load the MPI module "
            f"of the cluster, or pip install mpich."
        ) from error
    return library


def _raw(array):
    """Return the bytes of a contiguous array: every dtype is sent in the same way."""
    return array.reshape(-1).view(np.uint8)


def _end_all_after_an_exception(communicator):
    """Make an exception that nothing catches end all ranks, after its traceback."""
    before = sys.excepthook

    def hook(kind, error, traceback):
        before(kind, error, traceback)
        communicator.abort(1, f"the error was raised by {communicator.where(communicator.rank)}.")

    sys.excepthook = hook
