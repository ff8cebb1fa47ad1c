"""End a rank in many ways, and show how the job ends: ``python failures.py 20 [EVENT...]``.

Not part of the test suite: it needs mpi4py and mpich (pip install mpi4py mpich), root for "disk"
and "link" (a small file system, two network namespaces), and takes five seconds or more for each
run. A line of the table has the event, how often it was tried, the exit statuses of mpiexec, the
seconds from the event to the end of all ranks, how often the last checkpoint was whole and gave the
result of an uninterrupted training, and a sentence that was printed.
"""

import contextlib
import faulthandler
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

import bptt
from bptt.models.runs import newest
from bptt.training import Checkpoints, fitting

if __package__:
    from .hosts import MPIEXEC, cut, two_hosts
else:
    from hosts import MPIEXEC, cut, two_hosts

EVENTS = {
    "kill": "SIGKILL", "bare": "SIGKILL without python -m bptt.distributed",
    "stop": "SIGSTOP", "fewer": "one step fewer", "more": "one message more",
    "early": "the end of the program before MPI",
    "before": "sys.exit(3) before fit", "exit": "sys.exit(3) in a step", "raise": "an exception",
    "gone": "os._exit(0) in a step",
    "disk": "rank 0's disk is full", "link": "link between two hosts cut",
    "terminate": "SIGTERM", "interrupt": "SIGINT",
}  # fmt: skip
SIGNALS = {
    "kill": signal.SIGKILL, "bare": signal.SIGKILL, "stop": signal.SIGSTOP,
    "terminate": signal.SIGTERM, "interrupt": signal.SIGINT,
}  # fmt: skip
RANKS, STEP, TIMEOUT = 3, 20, 3.0
LIMIT = 60  # seconds of a whole job
TEXT = "the cat sat on the mat. " * 60


def model():
    """Return the model that is trained: 90 steps."""
    return bptt.LanguageModel(
        units=8, batch_size=4, seq_length=8, micro_batches=4, epochs=2, verbose=0
    )


def job(event, path):
    """Train; on one rank the event happens."""
    faulthandler.enable()  # for SIGABRT, where a job does not end
    if event == "early" and os.environ["PMI_RANK"] == "1":
        path.with_suffix(".at").touch()
        sys.exit()
    communicator = bptt.distributed.MPI(timeout=TIMEOUT)
    here = communicator.rank == (0 if event in ("disk", "link") else 1)

    def happens():
        path.with_suffix(".at").touch()
        if event in SIGNALS:
            os.kill(os.getpid(), SIGNALS[event])
        if event == "raise":
            raise ZeroDivisionError("on purpose")
        if event in ("exit", "before"):
            sys.exit(3)
        if event == "gone":
            os._exit(0)
        if event == "more":
            communicator.sum(np.zeros(1))
        if event == "disk":
            with contextlib.suppress(OSError), open(path.with_suffix(".filler"), "wb") as f:
                while True:
                    f.write(bytes(1 << 12))
                    f.flush()
        if event == "link":
            path.with_suffix(".cut").touch()  # `watched` cuts it: it sees all namespaces
            time.sleep(0.2)

    def on_step(progress):
        if here and progress.step == STEP and event not in ("early", "before", "fewer"):
            happens()

    def fewer(*args, **options):
        for progress in steps(*args, **options):
            yield progress
            if progress.step == STEP:
                path.with_suffix(".at").touch()
                return

    steps = fitting.train
    if here and event == "fewer":
        fitting.train = fewer
    if here and event == "before":
        happens()
    places = Checkpoints(path, minutes=0)
    model().fit(TEXT, distributed=communicator, checkpoint=places, on_step=on_step)


def whole(path, expected):
    """Return whether the last checkpoint goes on to the result of an uninterrupted training."""
    places = Checkpoints(path)
    last = newest(places)
    if last is None or int(last.stem.rpartition("-")[2]) < STEP - 2:
        return False
    resumed = model().fit(TEXT, resume=last)
    return all(np.array_equal(p, expected[name]) for name, p in resumed.parameters_.items())


@contextlib.contextmanager
def place(event):
    """Yield the words that start a job, and its directory."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        words = [MPIEXEC]
        if event == "link":
            words = stack.enter_context(two_hosts())
        if event == "disk":
            mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(directory)]
            subprocess.run(mount, check=True)
            stack.callback(subprocess.run, ["umount", str(directory)], check=True)
        yield words, directory


def run(event, expected):
    """Run a job; return its status, the seconds from the event to its end, the last words."""
    with place(event) as (words, directory):
        path = directory / "m.safetensors"
        said = directory.with_suffix(".said")
        python = [sys.executable, *([] if event == "bare" else ["-m", "bptt.distributed"])]
        command = [*words, "-n", str(RANKS), *python, __file__, "--job", event, str(path)]
        with said.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        seconds, status = watched(process, path)
        output = said.read_text(errors="replace")
        sentence = next((s for s in output.splitlines() if s.startswith("bptt: ")), "")
        said.unlink()
        path.with_suffix(".filler").unlink(missing_ok=True)
        kept = event in ("early", "before") or whole(path, expected)
        if not kept or status not in (0, 1, 3, 9, 75):
            sys.stderr.write(f"{event} {status} {seconds} {kept}\n{output}\n")
        return status, seconds, kept, sentence


def watched(process, path):
    """Wait for the end of all ranks; return the seconds from the event, and mpiexec's status.

    A time in which this machine was stopped is not counted.
    """
    at, cut_at = path.with_suffix(".at"), path.with_suffix(".cut")
    last, whole, since, end = time.monotonic(), 0.0, None, None
    while True:
        time.sleep(0.02)
        now = time.monotonic()
        passed, last = min(now - last, 0.25), now
        whole += passed
        if since is None and at.exists():
            since = 0.0
        elif since is not None:
            since += passed
        if cut_at.exists():
            cut_at.unlink()
            cut()
        if end is None and not ranks(path) and (since is not None or process.poll() is not None):
            end = since or (0.0 if at.exists() else float("nan")), whole
        if end is not None and (status := process.poll()) is not None:
            return end[0], status
        if end is not None and whole > end[1] + 5:  # mpiexec waits for a host that is cut off
            process.kill()
            return end[0], "ranks ended; mpiexec waits"
        if whole > LIMIT:
            for pid in ranks(path):
                os.kill(pid, signal.SIGABRT)
            process.kill()
            return float("nan"), "none"


def ranks(path):
    """Return the processes of a job that have not ended."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (directory / "cmdline").read_bytes().split(b"\0")
            if words[0] == sys.executable.encode() and bytes(path) in words:
                found.append(int(directory.name))
    return found


def main(times, events):
    """Run every event; print a line of the table for each."""
    expected = model().fit(TEXT).parameters_
    sys.stdout.write("| event | tried | status | seconds to the end | checkpoint | sentence |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for event in events or EVENTS:
        results = [run(event, expected) for _ in range(times)]
        statuses, seconds, kept, said = zip(*results, strict=True)
        counted = ", ".join(f"{n} x {s}" for s, n in Counter(statuses).most_common())
        spread = f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        sys.stdout.write(
            f"| {EVENTS[event]} | {times} | {counted} | {spread} | {sum(kept)} of {times} | "
            f"{Counter(said).most_common(1)[0][0]} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        job(sys.argv[2], Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1, sys.argv[2:])
