"""End a rank in several ways, and show how the job ends: ``python failures.py 20``.

Not part of the test suite: it needs mpi4py and mpiexec (pip install mpi4py mpich) and takes ten
seconds or more for each run. A line has the event, the status, the seconds to the end, the last
checkpoint that can be loaded, and the sentence that was printed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import bptt
from bptt.models.runs import newest
from bptt.training import Checkpoints

EVENTS = ("kill", "raise", "exit", "stop", "skip", "terminate")
RANKS, STEP, TIMEOUT = 3, 20, 4.0


def job(event, path):
    """Train; on rank 1 the event happens."""
    communicator = bptt.distributed.MPI(timeout=TIMEOUT)

    def on_step(progress):
        if communicator.rank != 1 or progress.step != STEP:
            return
        if event == "raise":
            raise ZeroDivisionError("on purpose")
        if event == "exit":
            sys.exit(3)
        if event == "skip":  # a message too many: the next step does not fit
            communicator.sum(np.zeros(1))
        numbers = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "terminate": signal.SIGTERM}
        if event in numbers:
            os.kill(os.getpid(), numbers[event])

    model = bptt.LanguageModel(
        units=8, batch_size=4, seq_length=8, micro_batches=4, epochs=3, verbose=0
    )
    places = Checkpoints(path, minutes=0)
    text = "the cat sat on the mat. " * 60
    model.fit(text, distributed=communicator, checkpoint=places, on_step=on_step)


def main(times):
    """Run every event; print a line for each run."""
    for event in [e for e in EVENTS for _ in range(times)]:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "m.safetensors"
            mpiexec = Path(sys.executable).with_name("mpiexec")
            command = [mpiexec, "-n", RANKS, sys.executable, __file__, event, path]
            began = time.perf_counter()
            done = subprocess.run(
                list(map(str, command)), capture_output=True, text=True, timeout=120
            )
            seconds = time.perf_counter() - began
            said = next((s for s in done.stderr.splitlines() if s.startswith("bptt:")), "")
            last = newest(Checkpoints(path))
            name = last.name if last else "none"
            sys.stdout.write(f"{event} {done.returncode} {seconds:.1f} s {name} {said}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        job(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1)
