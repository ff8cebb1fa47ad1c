"""Kill a rank of a training, go on with another number of ranks: ``python resume.py [TIMES]``.

The command line trains on 4 ranks, of which one is killed at a random step; ``--resume auto`` goes
on in one process, which is killed too, and on 3 ranks to the end. Prints the steps, the statuses,
and the hash of the model beside that of a training that was not interrupted.
"""

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bptt

if __package__:
    from .hosts import MPIEXEC
else:
    from hosts import MPIEXEC

OPTIONS = [
    "--cell", "gru", "--units", "12", "--batch-size", "8", "--seq-length", "12", "--epochs", "4",
    "--micro-batches", "8", "--dropout", "0.2", "--seed", "3", "--quiet",
]  # fmt: skip
STEPS = 300  # of the whole training, at least


def training(ranks, corpus, out, *options):
    """Start a training; return its process."""
    command = [sys.executable, "-m", "bptt.cli", "train", str(corpus), *OPTIONS, "--out", str(out)]
    command += ["--checkpoint-minutes", "0", "--distributed", "mpi", "--timeout", "5", *options]
    return subprocess.Popen([MPIEXEC, "-n", str(ranks), *command] if ranks > 1 else command)


def hash_of(path):
    """Return a hash of the parameters of a model."""
    sha = hashlib.sha256()
    for name, p in bptt.load(path).parameters_.items():
        sha.update(name.encode() + p.tobytes())
    return sha.hexdigest()[:16]


def last_step(out):
    """Return the step of the last checkpoint, or 0."""
    return max((int(p.stem.rpartition("-")[2]) for p in out.parent.glob("m-0*")), default=0)


def workers(out):
    """Return the processes that train, not those that supervise them."""
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (directory / "cmdline").read_bytes().split(b"\0")
            if words[0] == sys.executable.encode() and bytes(out) in words:
                parent = (directory / "stat").read_text().rpartition(")")[2].split()[1]
                found[int(directory.name)] = int(parent)
    return [pid for pid in found if pid not in found.values()]


def killed(process, out, step):
    """Kill a rank at a step; return the status of the job."""
    while last_step(out) < step and process.poll() is None:
        time.sleep(0.005)
    os.kill(random.choice(workers(out)), signal.SIGKILL)
    return process.wait(30)


def once(directory):
    """Run all; return whether the hashes agree."""
    corpus = directory / "corpus.txt"
    corpus.write_text("".join(random.Random(1).choices("abc def\n", k=8_000)))
    whole, out = directory / "whole.safetensors", directory / "m.safetensors"
    assert training(1, corpus, whole).wait() == 0
    at = sorted(random.sample(range(20, STEPS), 2))
    shown = []
    for ranks, step in zip((4, 1), at, strict=True):
        status = killed(training(ranks, corpus, out, "--resume", "auto"), out, step)
        shown.append(f"{ranks} ranks killed at step {last_step(out)}: status {status}")
    status = training(3, corpus, out, "--resume", "auto").wait()
    a, b = hash_of(whole), hash_of(out)
    sys.stdout.write(f"{'; '.join(shown)}; 3 ranks: status {status}; {a} {b}\n")
    sys.stdout.flush()
    return a == b


def main(times=1):
    """Run it several times; exit with 1 where a hash differs."""
    same = 0
    for _ in range(int(times)):
        with tempfile.TemporaryDirectory() as directory:
            same += once(Path(directory))
    sys.stdout.write(f"one hash {same} of {times} times\n")
    return int(same < int(times))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
