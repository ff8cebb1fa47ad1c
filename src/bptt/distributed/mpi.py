"""Ranks of an MPI job, by mpi4py; a watchdog ends the job where a rank is lost."""

import atexit
import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, NoReturn

import numpy as np

from .. import extras
from ..checks import is_number
from ..engine import get_num_threads, set_num_threads
from ..errors import ConfigError, operation
from . import library, processes
from .communicator import Messages, end_all, gather, gather_texts, where

STATUS_LOST = 75  # EX_TEMPFAIL of sysexits.h: a batch system may start the job again
SPIN = 0.02  # seconds of waiting without a pause: a reduction of 1 MB takes 0.5 ms
PAUSE = 2e-4  # seconds between two tests after that
LOOK = 0.05  # seconds between two checks for messages of waiting ranks and ended processes
STOPPED = 0.25  # seconds: a longer pause is that of a machine that was stopped, and is not counted
SURE = 0.5  # seconds from the end of a process, or from MPI_Abort, until this one ends
FORWARD = 0.1  # seconds in which mpiexec forwards what was written: at MPI_Abort it may drop it
TURN = 0.3  # seconds that each rank leaves to those before it to end the job
AT_END = -1  # in place of the number of an exchange
LAST_RESORT = 2.0  # seconds after the timeout: a call of the MPI library itself does not return
QUESTION, TAGS = 32767, 32767  # tags: 32767 is the largest that every MPI library has


class MPI:
    """The ranks of an MPI job.

    No rank waits forever: where others are not there within `timeout`, or processes of this host
    have ended, the job ends on all ranks with status 75 and a sentence that names the ranks that
    are missing. An exception that nothing catches ends the job too.

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
        self.timeout: float = float(timeout)
        extras.load("mpi4py", extra="mpi", why="to train over MPI")
        self._left = timeout + LAST_RESORT  # seconds in which a call of MPI must return
        self._status = STATUS_LOST
        self._number = 0  # of the exchange or sum that this rank is in
        self.rank = self.size = -1
        threading.Thread(target=self._last_resort, daemon=True).start()
        self._mpi: Any = library.module()
        comm = self._mpi.COMM_WORLD if comm is None else comm
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.hosts: list[str] = [f"the host of rank {j}" for j in range(self.size)]
        self._comm: Any = None
        self._told: dict[int, tuple[int, int]] = {}  # rank -> where it waits, the number asked for
        self._seen: dict[int, np.ndarray] = {}  # rank -> a process that can be watched
        self._notes: list[Any] = []  # requests of what was told: they hold its memory
        self._noticed = False  # by the launcher: a process has ended
        with self._watched():
            copy, request = comm.Idup()
            self._wait([(None, request)])
        self._comm = copy
        self.hosts = gather_texts(self, socket.gethostname(), 256)
        if self.size > 1:
            found = enumerate(gather(self, processes.identity()))
            self._seen = {j: p for j, p in found if j != self.rank and processes.can_be_seen(p)}
            self._share_cpus()
            sys.excepthook = lambda kind, error, trace: end_all(self, error)
            self._outlive_a_notice()
            processes.tell(processes.JOINED)
            atexit.register(self._leave)  # before mpi4py's own, which waits without end

    def exchange(self, sent: Messages, received: Messages) -> None:
        """Send arrays to other ranks and fill arrays with what they send."""
        with self._watched():
            tag = self._number % TAGS  # a rank that is a step ahead fills no arrays of this one
            into = [(j, self._comm.Irecv(library.raw(a), source=j, tag=tag)) for j, a in received]
            out = [(j, self._comm.Isend(library.raw(a), dest=j, tag=tag)) for j, a in sent]
            self._wait([*into, *out])

    def sum(self, *arrays: np.ndarray) -> None:
        """Replace each array by its sum over all ranks."""
        if self.size > 1:
            whole = self._mpi.IN_PLACE
            with self._watched():
                self._wait([(None, self._comm.Iallreduce(whole, a)) for a in arrays])

    def abort(self, status: int, sentence: str = "") -> NoReturn:
        """Write a sentence to standard error and end all ranks with a status.

        Where several ranks do so for the same reason, only the first one writes.
        """
        self._abort(status, sentence, range(self.size))

    # -- waiting -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _watched(self, timeout=None):
        """Count an exchange or sum; end the job where it is not complete in time or fails."""
        self._number += 1
        timeout = self.timeout if timeout is None else timeout
        self._left = timeout + LAST_RESORT
        try:
            yield
        except self._mpi.Exception as error:
            self._end([], f"{where(self, self.rank)} failed to send: {error}")
        self._left = math.inf

    def _wait(self, requests, timeout=None):
        """Wait for (other rank or None for all, request); end the job where one is lost."""
        timeout = self.timeout if timeout is None else timeout
        pending = [request for _, request in requests]
        statuses = [self._mpi.Status() for _ in requests]
        last, waited, looked = time.perf_counter(), 0.0, 0.0
        asked, gone = False, {}
        while not self._tested(requests, pending, statuses):
            if waited > SPIN:
                time.sleep(PAUSE)
            now = time.perf_counter()
            waited, last = waited + min(now - last, STOPPED), now
            if waited - looked < LOOK:
                continue
            looked = waited
            self._listen()
            if waited > timeout / 2 and not asked:
                asked = True
                self._tell(range(self.size), 0)
            for j, process in self._seen.items():
                if j not in gone and processes.has_ended(process):
                    gone[j] = waited
            waits = {j for j, request in requests if j is None or not request.Test()}
            lost = [j for j, at in gone.items() if waited - at > SURE and waits & {j, None}]
            if lost or (self._noticed and timeout == math.inf):
                self._end(lost, f"{self._named(lost) or 'a rank'} ended")
            if waited > timeout:
                self._end(*self._missing(waits - {None}))

    def _tested(self, requests, pending, statuses):
        """Return whether all requests are complete; end the job where one failed."""
        try:
            return self._mpi.Request.Testall(pending, statuses)
        except self._mpi.Exception as error:
            codes = [(j, s.Get_error()) for (j, _), s in zip(requests, statuses, strict=True)]
            fine = (self._mpi.SUCCESS, self._mpi.ERR_PENDING)
            j, code = next(((j, c) for j, c in codes if c not in fine), (None, error.error_code))
            with_whom = "of all ranks" if j is None else f"with {where(self, j)}"
            words = " ".join(self._mpi.Get_error_string(code).split())
            self._end(
                [], f"an exchange of {where(self, self.rank)} {with_whom} failed ({words:.200})"
            )

    def _last_resort(self):
        """End this process, on a thread of its own, where a call of MPI does not return in time."""
        last = time.perf_counter()
        while self._left > 0:
            time.sleep(min(STOPPED, self.timeout / 10))
            now = time.perf_counter()
            self._left, last = self._left - min(now - last, STOPPED), now
            if self.size == 1:
                return
        what = "MPI did not begin on all ranks" if self.size < 0 else "a call of MPI did not return"
        here = f"rank {self.rank} on {socket.gethostname()}" if self.rank >= 0 else "this rank"
        self._write(f"{what} in time; {here} ends with status {self._status}.")
        os._exit(self._status)

    def _tell(self, ranks, asked):
        """Tell other ranks that this one waits, and where; `asked` is 0 in a question."""
        if self._comm is None:
            return
        note = np.array([self._number, asked], np.int64)
        self._notes = [request for request in self._notes if not request.Test()]
        for j in ranks:
            if j != self.rank:
                self._notes.append(self._comm.Isend(note, dest=j, tag=QUESTION))

    def _listen(self):
        """Read what other ranks tell, and answer their questions."""
        if self._comm is None:
            return
        note, status = np.zeros(2, np.int64), self._mpi.Status()
        while self._comm.Iprobe(tag=QUESTION, status=status):
            j = status.Get_source()
            self._comm.Recv(note, source=j, tag=QUESTION)
            at, asked = map(int, note)
            if asked:
                self._told[j] = at, asked
            else:
                self._tell([j], at)

    def _places(self):
        """Return in which exchange each rank waits, of those that have answered."""
        answers = {j: at for j, (at, asked) in self._told.items() if asked == self._number}
        return answers | {self.rank: self._number}

    def _missing(self, late):
        """Return the ranks that do not answer or are out of step, and a sentence about them."""
        places = self._places()
        if silent := [j for j in range(self.size) if j not in places]:
            if self._comm is None:
                return [], f"a rank did not answer for {self.timeout:g} s"
            return silent, f"{self._named(silent)} did not answer for {self.timeout:g} s"
        if ended := [j for j, at in places.items() if at == AT_END]:
            return ended, f"{self._named(ended)} came to the end of the program before the others"
        if self._number > min(places.values()):  # those that are behind know more
            time.sleep(TURN * min(self.size, 5))
        apart = sorted(late) or [j for j, at in places.items() if at != self._number]
        return apart, f"{self._named(apart) or 'a rank'} took another step than the others"

    def _write(self, sentence):
        sys.stderr.write(f"bptt: {sentence}\n")
        sys.stdout.flush()
        sys.stderr.flush()

    def _named(self, ranks):
        return ", ".join(where(self, j) for j in ranks)

    def _end(self, lost, what):
        """End the job; the sentence comes from the first rank that is left."""
        sentence = (
            f"{what}; the job ends with status {STATUS_LOST}. Go on from the last checkpoint with "
            f"resume='auto'."
        )
        self._abort(STATUS_LOST, sentence, [j for j in range(self.size) if j not in lost])

    def _abort(self, status, sentence, left):
        """End the job; a rank writes after those before it in `left`, if it has not ended yet."""
        turn = left.index(self.rank) if self.rank in left else len(left)
        time.sleep(TURN * min(turn, 5))
        if sentence:
            self._write(sentence)
            time.sleep(FORWARD)
        self._left, self._status = SURE, status
        library.abort(self._mpi, status)
        os._exit(status)

    def _outlive_a_notice(self):
        """Let SIGUSR1 end nothing: `mpiexec -disable-auto-cleanup` sends it where a rank ended."""
        number = getattr(signal, "SIGUSR1", None)
        if number is None or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda *_: setattr(self, "_noticed", True))

    def _leave(self):
        """Wait for the others at the end of the program, as long as none is lost."""
        if not self._mpi.Is_finalized():
            with self._watched(math.inf):
                self._number = AT_END
                self._wait([(None, self._comm.Ibarrier())], math.inf)
        processes.tell(processes.LEFT)

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
