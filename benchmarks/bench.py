"""Compare bptt with PyTorch, ONNX Runtime, JAX and the plain NumPy loop; see README.md beside it.

Usage: python benchmarks/bench.py --out benchmarks.md [--rows lstm,gru] [--sizes tiny,xl] [--quick]
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from peers import report
from peers.cases import CHARACTER_SIZES, SIZES
from peers.experiments import experiments
from peers.goals import ROWS, peak
from peers.instruction_sets import sentence
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
# A round in which the machine did not give all its cores is repeated while the experiment's part of
# the run's time lasts, at most this many times the rounds that were asked for.
MOST_ROUNDS = 3
BEGUN_WITHIN = 0.95  # of a run's time: what is under way then has the rest to come to its end
LEAST_ROUNDS = 5  # run for every experiment unless the whole run's time is over


class Mismatch(RuntimeError):
    """A contender computes something else than bptt: nothing is timed."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


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


def cores():
    """Cores that the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def instruction_set(config):
    """The set in use and all that the machine has, best first, of what show_config prints."""
    found = re.search(r"^isa +(\w+) \(of (.*)\)$", config, re.MULTILINE)
    return (found[1], found[2].split(", ")) if found else ("none", ["none"])


class Run:
    """The contenders that are there, the settings, and what is noted on the way."""

    def __init__(self, arguments, folder):
        self.rounds, self.quick = arguments.rounds, arguments.quick
        self.seconds = 0.02 if self.quick else 0.1
        self.minutes = arguments.minutes
        self.until = time.perf_counter() + BEGUN_WITHIN * 60 * arguments.minutes
        self.threads = cores()
        self.load, self.yardstick = Load(), None
        self.largest = {}  # kind and dtype: (difference, where)
        self.contenders, self.versions, self.missing = {}, [], []
        self.config, self.duration, self.failure = "", 0.0, None
        self.isa = self.held = ""  # instruction set; which peers were held to it
        self.left_out = []  # experiments for which there was no time
        self.folder, self.wanted = folder, ["bptt", *arguments.peers]

    def start(self, needed):
        """Start a process for every contender and number of threads (0: all)."""
        for name, threads in sorted(
            needed, key=lambda pair: ([*CONTENDERS].index(pair[0]), pair[1])
        ):
            if name not in self.wanted:
                self.miss(f"{CONTENDERS[name]}: left out, as asked")
                continue
            contender = Contender(name, self.folder, threads or self.threads)
            if "missing" in contender.about:
                contender.close()
                if name == "bptt":
                    raise WorkerFailed(f"bptt: {contender.about['missing']}")
                why = contender.about["missing"]
                self.miss(f"{CONTENDERS[name]}: left out, not installed ({why})")
                continue
            self.contenders[name, threads] = contender
            self.versions = list(dict.fromkeys([*self.versions, contender.about["version"]]))
            self.config = self.config or contender.about.get("config", "")
            if warning := contender.about.get("warning"):
                self.miss(warning)
        self.isa, available = instruction_set(self.config)
        peers = {name: CONTENDERS[name] for name, _ in self.contenders if name != "bptt"}
        self.held = sentence(self.isa, available, peers)
        self.yardstick = Yardstick(self.isa)
        for words in (*self.versions, *self.missing, self.held, f"peak: {self.yardstick.work}"):
            say(words)

    def miss(self, words):
        if words not in self.missing:
            self.missing.append(words)

    def close(self):
        for contender in self.contenders.values():
            contender.close()
        if self.yardstick:
            self.yardstick.close()

    def measure(self, experiment, experiments_left=1):
        """Build, compare, tune, then the rounds, within an equal share of the time that is left."""
        now = time.perf_counter()
        until = now + (self.until - now) / experiments_left
        here = [p for p in experiment.participants if (p.contender, p.threads) in self.contenders]
        ids = {p: str(k) for k, p in enumerate(here)}
        saved = {}
        for p in here:
            saved[p] = self.ask(p, "prepare", id=ids[p], case=p.case._asdict())["saved"]
        self.compare(here, saved)
        what = here[0].case.dtype, here[0].threads or self.threads  # the same of all
        for p in here if self.rounds else ():
            self.yardstick.wait(*what)
            experiment.tuned[p] = self.ask(p, "tune", id=ids[p], seconds=self.seconds)
        whole, disturbed = experiment.rounds, []
        while len(whole) < self.rounds:
            made, now = len(whole) + len(disturbed), time.perf_counter()
            enough = made >= LEAST_ROUNDS and now > until
            if made == MOST_ROUNDS * self.rounds or enough or (made and now > self.until):
                break
            first = made % len(here)
            self.yardstick.wait(*what)
            turns, full = self.round(here[first:] + here[:first], ids, what)
            (whole if full else disturbed).append(turns)
        experiment.disturbed = max(0, min(LEAST_ROUNDS, self.rounds) - len(whole))
        experiment.disturbed = min(experiment.disturbed, len(disturbed))
        experiment.repeated = len(disturbed) - experiment.disturbed
        experiment.rounds += disturbed[: experiment.disturbed]
        for contender in self.contenders.values():
            contender.ask("drop")

    def ask(self, participant, do, **question):
        return self.contenders[participant.contender, participant.threads].ask(do, **question)

    def round(self, here, ids, what):
        """Give each one its turn; tell whether the machine gave all its cores meanwhile."""
        turns, whole, yardstick = {}, True, peak(here[0])
        for p in here:
            contender = self.contenders[p.contender, p.threads]
            question = {"id": ids[p], "seconds": self.seconds}
            turns[p] = self.load.watch(contender, "turn", **question)["seconds"]
            found, full = self.yardstick.measure(*what)
            turns[yardstick] = min(found, turns.get(yardstick, found))
            whole = full and whole
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
    tables = ",".join(dict.fromkeys(ids))
    add("--rows", type=some_of(ids), default=ids, help=f"tables: {tables}")
    add("--sizes", type=some_of(sizes), help=f"{','.join(sizes)}")
    add("--peers", type=some_of(peers), default=peers, help=f"{','.join(peers)}, or '' for none")
    add("--all-cores", action="store_true", help="peers may not choose to run on one thread")
    help = "turns of every contender: 15, or 3 with --quick; 0 checks equality and times nothing"
    add("--rounds", type=int, help=help)
    add("--minutes", type=float, default=15, help="the run's time: 15")
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
    if cores() == 1:  # what runs on all cores runs on one
        todo = [e for e in todo if not e.participants[0].threads]
    began, done = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(asked, folder)
        try:
            run.start({(p.contender, p.threads) for e in todo for p in e.participants})
            for k, experiment in enumerate(todo):
                if time.perf_counter() > run.until:
                    run.left_out = [report.name(*e.participants[0][1:]) for e in todo[k:]]
                    break
                ours, *others = experiment.participants
                who = ", ".join(dict.fromkeys(p.contender for p in others))
                minutes = (time.perf_counter() - began) / 60
                say(f"{minutes:4.1f} min {k + 1}/{len(todo)} {report.name(*ours[1:])}: {who}")
                run.measure(experiment, len(todo) - k)
                done.append(experiment)
                written(run, done, began, asked.out)  # a run that is killed leaves this
        except (Mismatch, WorkerFailed, KeyboardInterrupt) as error:
            run.failure = str(error) or "interrupted"
            say(f"error: {run.failure}")
        finally:
            run.close()
    if not done:
        return 1
    print(written(run, done, began, asked.out))
    return 1 if run.failure else 0


def written(run, done, began, out):
    """Write the report so far to a file, if there is one, and return it."""
    run.duration = time.perf_counter() - began
    outcomes = [report.Outcome(row, size, e) for e in done for row, size in e.cells]
    outcomes.sort(key=lambda o: ROWS.index(o.row))
    text = report.document(run, outcomes, done)
    if out:
        out.write_text(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
