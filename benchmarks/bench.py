"""Compare bptt with PyTorch, ONNX Runtime, JAX and the plain NumPy loop; see README.md beside it.

Usage: python benchmarks/bench.py --out benchmarks.md [--rows lstm,gru] [--sizes tiny,xl] [--quick]
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from peers import report
from peers.cases import CHARACTER_SIZES, SIZES
from peers.goals import ROWS
from peers.processes import Contender, Load, WorkerFailed
from peers.yardstick import Yardstick

CONTENDERS = {
    "bptt": "bptt",
    "torch": "PyTorch",
    "ort": "ONNX Runtime",
    "jax": "JAX",
    "numpy": "NumPy",
}
# Largest difference from bptt, relative to the largest entry of the array.
TOLERANCES = {"float32": 2e-5, "float64": 1e-12}
# Adam's first steps are about the learning rate times the gradient's sign: where a gradient is
# itself of the size of rounding, the step is too, however well the gradients agree.
AFTER_ADAM = 1e-3
# A round in which the machine did not give all its cores is repeated, at most this many times the
# rounds that were asked for.
MOST_ROUNDS = 3


class Mismatch(RuntimeError):
    """A contender computes something else than bptt: nothing is timed."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Experiment:
    """Participants that take turns in the same rounds, because tables compare them."""

    def __init__(self, participants, cells):
        self.participants, self.cells = participants, cells
        self.tuned, self.rounds = {}, []
        self.repeated = 0  # rounds that were run again
        self.disturbed = 0  # rounds that count although the machine did not give all its cores

    def medians(self):
        return {p: statistics.median(r[p] for r in self.rounds) for p in self.tuned}

    def least(self):
        return {p: min(r[p] for r in self.rounds) for p in self.tuned}


def experiments(rows, sizes):
    """One experiment for every case of ours: the tables that need it share its turns."""
    found = {}
    for row in rows:
        for size in row.goals:
            if sizes and size not in sizes:
                continue
            ours = row.ours(size)
            experiment = found.setdefault(ours, Experiment([ours], []))
            new = [p for p in row.references(size) if p not in experiment.participants]
            experiment.participants += new
            experiment.cells.append((row, size))
    return list(found.values())


def difference(actual, expected):
    """Largest difference, relative to the largest expected entry; infinite where NaN."""
    if actual.shape != expected.shape or actual.dtype.kind != "f":
        return np.inf
    scale = max(float(np.abs(expected).max()), np.finfo(np.float64).tiny)
    error = float(np.abs(actual.astype(np.float64) - expected).max()) / scale
    return error if np.isfinite(error) else np.inf


def tolerance(case, name):
    """How far an array of a case may be from bptt's."""
    if case.kind == "character" and name not in ("loss", "norm"):
        return AFTER_ADAM
    return TOLERANCES[case.dtype]


class Run:
    """The contenders that are there, the settings, and what is noted on the way."""

    def __init__(self, arguments, folder):
        self.rounds, self.quick = arguments.rounds, arguments.quick
        self.seconds = 0.02 if self.quick else 0.1
        count = getattr(os, "sched_getaffinity", None)
        self.threads = len(count(0)) if count else os.cpu_count()
        self.load, self.yardstick = Load(), None
        self.largest = {}  # kind and dtype: (difference, where)
        self.contenders, self.versions, self.missing = {}, [], []
        self.config, self.duration, self.failure = "", 0.0, None
        self.folder, self.wanted = folder, ["bptt", *arguments.peers]

    def start(self, needed):
        self.yardstick = Yardstick(self.threads)
        for name in CONTENDERS:
            if name not in needed:
                continue
            if name not in self.wanted:
                self.missing.append(f"{CONTENDERS[name]}: left out, as asked")
                continue
            contender = Contender(name, self.folder, self.threads)
            if "missing" in contender.about:
                contender.close()
                if name == "bptt":
                    raise WorkerFailed(f"bptt: {contender.about['missing']}")
                why = contender.about["missing"]
                self.missing.append(f"{CONTENDERS[name]}: left out, not installed ({why})")
                continue
            self.contenders[name] = contender
            self.versions.append(contender.about["version"])
            self.config = contender.about.get("config", self.config)
            if warning := contender.about.get("warning"):
                self.missing.append(warning)
        for words in (*self.versions, *self.missing):
            say(words)

    def close(self):
        for contender in self.contenders.values():
            contender.close()
        if self.yardstick:
            self.yardstick.close()

    def measure(self, experiment):
        """Build, compare, tune, then the rounds."""
        here = [p for p in experiment.participants if p.contender in self.contenders]
        ids = {p: str(k) for k, p in enumerate(here)}
        saved = {}
        for p in here:
            question = {"id": ids[p], "case": p.case._asdict()}
            saved[p] = self.contenders[p.contender].ask("prepare", **question)["saved"]
        self.compare(here, saved)
        for p in here if self.rounds else ():
            self.yardstick.wait()
            tuned = self.contenders[p.contender].ask("tune", id=ids[p], seconds=self.seconds)
            experiment.tuned[p] = tuned
        disturbed = []
        while len(experiment.rounds) < self.rounds:
            made = len(experiment.rounds) + len(disturbed)
            if made == MOST_ROUNDS * self.rounds:
                break
            first = made % len(here)
            turns, whole = self.round(here[first:] + here[:first], ids)
            (experiment.rounds if whole else disturbed).append(turns)
        experiment.disturbed = self.rounds - len(experiment.rounds)
        experiment.repeated = len(disturbed) - experiment.disturbed
        experiment.rounds += disturbed[: experiment.disturbed]
        for contender in self.contenders.values():
            contender.ask("drop")

    def round(self, here, ids):
        """Give each one its turn; tell whether the machine gave all its cores meanwhile."""
        turns = {}
        self.yardstick.wait()
        whole = True
        for p in here:
            question = {"id": ids[p], "seconds": self.seconds}
            answer = self.load.watch(self.contenders[p.contender], "turn", **question)
            turns[p] = answer["seconds"]
            whole = self.yardstick.full() and whole
        return turns, whole

    def compare(self, here, saved):
        """Hold every configuration of every contender to bptt's results for the same case."""
        for p in here:
            ours = next((q for q in here if q.contender == "bptt" and q.case == p.case), None)
            if ours in (None, p):
                continue
            expected = np.load(next(iter(saved[ours].values())))
            for label, path in saved[p].items():
                actual = np.load(path)
                who = f"{CONTENDERS[p.contender]} ({label}), {report.name(p.case)}"
                if set(actual) != set(expected):
                    raise Mismatch(f"{who}: has {sorted(actual)}; expected {sorted(expected)}")
                for name in expected:
                    error = difference(actual[name], expected[name])
                    kind = f"{p.case.kind} {p.case.dtype}"
                    noted = error, f"{name}, {who}"
                    self.largest[kind] = max(self.largest.get(kind, noted), noted)
                    if error > tolerance(p.case, name):
                        raise Mismatch(f"{who}: {name} differs from bptt's by {error:.1e}")
        for paths in saved.values():
            for path in paths.values():
                Path(path).unlink()


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split(";")[0])
    ids, sizes = [row.id for row in ROWS], [*SIZES, *CHARACTER_SIZES]

    def some_of(known):
        def read(text):
            names = [name for name in text.split(",") if name]
            if unknown := [name for name in names if name not in known]:
                raise argparse.ArgumentTypeError(f"{unknown[0]}: expected {', '.join(known)}")
            return names

        return read

    peers = [name for name in CONTENDERS if name != "bptt"]
    add = parser.add_argument
    add("--rows", type=some_of(ids), default=ids, help=f"tables: {','.join(ids)}")
    add("--sizes", type=some_of(sizes), help=f"{','.join(sizes)}")
    add("--peers", type=some_of(peers), default=peers, help=f"{','.join(peers)}, or '' for none")
    add("--all-cores", action="store_true", help="peers may not choose to run on one thread")
    help = "turns of every contender: 15, or 3 with --quick; 0 checks equality and times nothing"
    add("--rounds", type=int, help=help)
    add("--quick", action="store_true", help="short turns: shows that all works, measures little")
    add("--out", type=Path, help="file for the report, in Markdown")
    found = parser.parse_args(argv)
    if found.rounds is None:
        found.rounds = 3 if found.quick else 15
    return found


def main(argv=None):
    asked = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stopped workers must not stay behind
    todo = experiments([row for row in ROWS if row.id in asked.rows], asked.sizes)
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)  # now, not after ten minutes
    if asked.all_cores:
        os.environ["BENCH_ALL_CORES"] = "1"
    began, done = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(asked, folder)
        try:
            run.start({p.contender for e in todo for p in e.participants})
            for k, experiment in enumerate(todo, start=1):
                who = ", ".join(dict.fromkeys(p.contender for p in experiment.participants))
                say(f"{k}/{len(todo)} {report.name(experiment.participants[0].case)}: {who}")
                run.measure(experiment)
                done.append(experiment)
        except (Mismatch, WorkerFailed, KeyboardInterrupt) as error:
            run.failure = str(error) or "interrupted"
            say(f"error: {run.failure}")
        finally:
            run.close()
    if not done:
        return 1
    run.duration = time.perf_counter() - began
    order = [row.id for row in ROWS]
    outcomes = [report.Outcome(row, size, e) for e in done for row, size in e.cells]
    outcomes.sort(key=lambda o: order.index(o.row.id))
    text = report.document(run, outcomes, done)
    print(text)
    if asked.out:
        asked.out.write_text(text)
    return 1 if run.failure else 0


if __name__ == "__main__":
    sys.exit(main())
