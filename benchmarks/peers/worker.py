"""A contender's process: `python -m peers.worker NAME`. One line of JSON in, one out.

hello    import the library; answer its version, or why it is missing
prepare  build a case; run every configuration once and save what it computed, for comparison
tune     choose the fastest configuration and how many repetitions fill a turn
turn     warm up, then time one block of repetitions: the mean
drop     forget all cases
"""

import gc
import importlib
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .cases import Case

MODULES = {
    "bptt": "ours",
    "bptt fit": "fits",
    "numpy": "numpy_loop",
    "torch": "pytorch",
    "ort": "onnx_runtime",
    "jax": "jax_scan",
}
WARM_UP = 0.2  # share of a turn's time spent warming up before the clock starts
TUNING_PASSES = 3
HOPELESS = 3  # a configuration this many times slower than the best is tried no more
FIRST_RUN = 10  # the same of the very first run, which may have more to do
LONG = 0.25  # seconds of a repetition from which on one pass, one repetition and no warm-up do


@dataclass
class Configuration:
    """One way in which a contender can compute a case."""

    run: Callable[[], Any]  # one repetition
    read: Callable[[Any], dict]  # what the *first* repetition returned -> arrays by name
    use: Callable[[], None] = lambda: None  # thread counts and flags, before every turn
    work: float = 1.0  # what one repetition counts for: steps of a stream, FLOPs of a product


def thread_counts():
    """Thread counts that a peer may choose from: its own, and one unless that is forbidden."""
    own = int(os.environ["OMP_NUM_THREADS"])
    return [own] + [1] * (own > 1 and "BENCH_ALL_CORES" not in os.environ)


def block(run, repetitions):
    """Mean seconds of a repetition: the clock is read once before and once after all of them."""
    start = time.perf_counter()
    for _ in range(repetitions):
        run()
    return (time.perf_counter() - start) / repetitions


def warmed(run, seconds):
    """Run at least once and for some time; return the repetitions and seconds it took."""
    start, n = time.perf_counter(), 0
    while not n or time.perf_counter() - start < seconds:
        run()
        n += 1
    return n, time.perf_counter() - start


class Worker:
    def __init__(self, name, folder):
        self.name, self.folder = name, Path(folder)
        self.cases = {}  # id -> label -> Configuration
        self.first = {}  # id -> label -> seconds of its first run
        self.chosen = {}  # id -> label, repetitions

    def hello(self):
        try:
            self.module = importlib.import_module(f".{MODULES[self.name]}", __package__)
        except ImportError as missing:
            return {"missing": str(missing)}
        return self.module.hello()

    def prepare(self, id, case):
        case["size"] = tuple(case["size"])
        self.cases[id] = self.module.prepare(Case(**case))
        saved, self.first[id] = {}, {}
        for k, (label, configuration) in enumerate(self.cases[id].items()):
            configuration.use()
            start = time.perf_counter()
            results = configuration.run()
            self.first[id][label] = time.perf_counter() - start
            arrays = configuration.read(results)
            saved[label] = str(self.folder / f"{self.name}-{id}-{k}.npz")
            np.savez(saved[label], **arrays)
        return {"saved": saved}

    def tune(self, id, seconds):
        """Interleave the configurations; of each its best pass counts."""
        best, first = {}, self.first[id]
        most = max(LONG, FIRST_RUN * min(first.values()))
        for _ in range(TUNING_PASSES if len(self.cases[id]) > 1 else 1):
            for label, c in self.cases[id].items():
                if first[label] > most:
                    continue
                least, known = min(best.values(), default=math.inf), best.get(label, 0)
                if known > HOPELESS * least or known * c.work > LONG:
                    continue
                c.use()
                n, spent = warmed(c.run, seconds / 4)
                mean = spent / n / c.work
                if mean <= HOPELESS * least:
                    mean = block(c.run, max(1, math.ceil(n * seconds / 2 / spent))) / c.work
                best[label] = min(best.get(label, math.inf), mean)
        label = min(best, key=best.get)
        once = best[label] * self.cases[id][label].work
        self.chosen[id] = label, max(1 if once > LONG else 2, math.ceil(seconds / once))
        return {"chosen": label, "repetitions": self.chosen[id][1], "tried": best}

    def turn(self, id, seconds):
        label, repetitions = self.chosen[id]
        c = self.cases[id][label]
        c.use()
        gc.collect()  # rubbish of earlier cases; the collector stays on while the clock runs
        if repetitions > 1:
            warmed(c.run, WARM_UP * seconds)
        return {"seconds": block(c.run, repetitions) / c.work}

    def drop(self):
        self.cases, self.first, self.chosen = {}, {}, {}
        gc.collect()
        return {}


def main(name, folder):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to stderr, not among the answers
    worker = Worker(name, folder)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = getattr(worker, question.pop("do"))(**question)
        except Exception:
            answer = {"error": traceback.format_exc()}
        answer["cpu"] = time.process_time()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
