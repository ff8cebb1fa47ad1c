"""Kill a rank of a training, go on with another number of ranks: ``python resume.py [TIMES]``.

The command line trains on 4 ranks, of which one is killed at a random step; ``--resume auto`` goes
on in one process, which is killed too, and on 3 ranks to the end. Prints the steps, the statuses,
and the hash of the model beside that of a training that was not interrupted. ``--models`` names
commands of ``bptt train``; default: all.
"""

import argparse
import contextlib
import hashlib
import json
import math
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
    "--cell", "gru", "--units", "12", "--batch-size", "8", "--epochs", "4", "--micro-batches", "8",
    "--dropout", "0.2", "--seed", "3", "--validation-fraction", "0.1", "--quiet",
    "--checkpoint-minutes", "0", "--distributed", "mpi", "--timeout", "20",
]  # fmt: skip
MODELS = {
    "text": ["--seq-length", "12"], "classify": [], "regress": [],
    "tag": ["--char-units", "4", "--embedding", "8"],
    "forecast": ["--window", "12", "--horizon", "2"],
}  # fmt: skip
STEPS = 300  # of the whole training, at least


def write_data(model, directory):
    """Write a training set; return its path."""
    rng = random.Random(1)
    if model == "text":
        path = directory / "corpus.txt"
        path.write_text("".join(rng.choices("abc def\n", k=9_000)))
        return path
    if model == "forecast":
        path = directory / "series.csv"
        path.write_text("y\n" + "".join(f"{math.sin(t / 4) + rng.random()}\n" for t in range(750)))
        return path
    path = directory / "sequences.jsonl"
    with path.open("w") as file:
        for _ in range(680):
            n = rng.randint(1, 9)
            x = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(n)]
            label = {"classify": "up" if x[-1][0] > 0 else "down", "regress": sum(v for v, _ in x)}
            own = {"sequence": x, "label": label.get(model)}
            if model == "tag":
                words = rng.choices(["the", "a", "dog", "cat", "runs", "sleeps"], k=n)
                own = {"sequence": words, "label": [word[0] for word in words]}
            file.write(json.dumps(own) + "\n")
    return path


def training(words, model, data, out, *options):
    """Start a training by the words of a launcher; return its process."""
    command = [
        sys.executable,
        "-m",
        "bptt.cli",
        "train",
        model,
        str(data),
        *OPTIONS,
        *MODELS[model],
    ]
    return subprocess.Popen([*words, *command, "--out", str(out), *options])


def by_mpiexec(ranks):
    """Return the words that start a program on several ranks."""
    return [MPIEXEC, "-n", str(ranks)] if ranks > 1 else []


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


def once(model, directory):
    """Run all; return whether the hashes agree."""
    data = write_data(model, directory)
    whole, out = directory / "whole.safetensors", directory / "m.safetensors"
    assert training([], model, data, whole).wait() == 0
    at = sorted(random.sample(range(20, STEPS), 2))
    shown = []
    for ranks, step in zip((4, 1), at, strict=True):
        process = training(by_mpiexec(ranks), model, data, out, "--resume", "auto")
        status = killed(process, out, step)
        shown.append(f"{ranks} ranks killed at step {last_step(out)}: status {status}")
    status = training(by_mpiexec(3), model, data, out, "--resume", "auto").wait()
    a, b = hash_of(whole), hash_of(out)
    sys.stdout.write(f"{model}: {'; '.join(shown)}; 3 ranks: status {status}; {a} {b}\n")
    sys.stdout.flush()
    return a == b


def main():
    """Run each model several times; exit with 1 where a hash differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("times", type=int, nargs="?", default=1)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    given = parser.parse_args()
    same = {}
    for model in given.models:
        same[model] = 0
        for _ in range(given.times):
            with tempfile.TemporaryDirectory() as directory:
                same[model] += once(model, Path(directory))
    for model, count in same.items():
        sys.stdout.write(f"{model}: one hash {count} of {given.times} times\n")
    return int(min(same.values()) < given.times)


if __name__ == "__main__":
    sys.exit(main())
