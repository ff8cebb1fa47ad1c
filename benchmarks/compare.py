"""Time two installed versions of bptt, in turns on one machine; see README.md beside it.

Usage: python benchmarks/compare.py OLD_PYTHON NEW_PYTHON --rounds 11 --out compare.md
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

import bench
from peers import report
from peers.cases import CHARACTER_SIZES, FITS, SIZES, Case
from peers.experiments import Experiment, experiments
from peers.goals import ROWS, Participant
from peers.processes import HERE, Contender, WorkerFailed
from peers.yardstick import Yardstick

SLOWER = 0.97  # a ratio below this is marked


def own_benchmarks(python):
    """The benchmarks beside a version's environment: they know its interface."""
    folder = Path(python).absolute().parents[2] / "benchmarks"
    return folder if (folder / "peers").is_dir() else HERE


class Run(bench.Run):
    """Two versions, each in its own process; whole fits in a second process of each."""

    def start(self, versions):
        for version, (python, benchmarks) in versions.items():
            for name, worker, folder in (
                (version, "bptt", benchmarks),
                (f"{version} fit", "bptt fit", HERE),
            ):
                contender = Contender(worker, self.folder / name, self.threads, python, folder)
                if "missing" in contender.about:
                    contender.close()
                    raise WorkerFailed(f"{python}: {contender.about['missing']}")
                self.contenders[name, 0] = contender
            about = self.contenders[version, 0].about
            self.versions.append(f"{version}: {about['version']}, {python}")
            self.config += f"{version}\n{about['config']}"
            bench.say(self.versions[-1])
        self.yardstick = Yardstick(bench.instruction_set(self.config)[0])

    def compare(self, here, saved):
        """Note whether both computed the same bits; refuse to time what differs by more."""
        old, new = (np.load(next(iter(saved[p].values()))) for p in here)
        if set(old) != set(new):
            raise bench.Mismatch(f"{report.name(here[0].case)}: {sorted(old)}; {sorted(new)}")
        self.bits = all(old[name].tobytes() == new[name].tobytes() for name in old)
        for name in old:
            error = bench.difference(new[name], old[name])
            if error > bench.tolerance(here[0].case, name):
                raise bench.Mismatch(f"{report.name(here[0].case)}: {name} differs by {error:.1e}")


def cases(rows, sizes):
    """Every computation that the rows of the benchmark ask of bptt, then the fits: once each."""
    found = dict.fromkeys(e.participants[0].case for e in experiments(rows, sizes))
    return [*found] + [Case("fit", s) for name, s in FITS.items() if not sizes or name in sizes]


def figures(experiment):
    """Milliseconds of both versions, the ratio old / new, its quartiles, whether it is noisy."""
    old, new = experiment.participants
    rounds = [r[old] / r[new] for r in experiment.rounds]
    low, _, high = (
        statistics.quantiles(rounds, n=4, method="inclusive") if rounds[1:] else rounds * 3
    )
    medians = experiment.medians()
    ms = 1e3 * medians[old], 1e3 * medians[new]
    return *ms, ms[0] / ms[1], low, high, high > report.NOISY * low


def document(run, done):
    head = ["case", "old ms", "new ms", "old / new", "quartiles", "least", "bits", ""]
    lines = [report.line(head), report.line(["---"] * len(head))]
    for experiment, bits in done if run.rounds else ():
        old, new, ratio, low, high, noisy = figures(experiment)
        least = experiment.least()
        remarks = ["**slower**"] * (ratio < SLOWER) + ["noisy"] * noisy
        remarks += [f"{experiment.disturbed} disturbed"] * bool(experiment.disturbed)
        cells = [report.name(experiment.participants[0].case), *map(report.number, (old, new))]
        cells += [f"{ratio:.3f}", f"{low:.3f} - {high:.3f}"]
        cells += [f"{least[experiment.participants[0]] / least[experiment.participants[1]]:.3f}"]
        lines.append(report.line([*cells, "same" if bits else "differ", ", ".join(remarks)]))
    same = sum(bits for _, bits in done)
    facts = [
        *run.versions,
        f"Machine: {report.processor()}; {run.threads} threads",
        f"Rounds: {run.rounds} of {run.seconds * 1e3:g} ms a turn; medians; quartiles of the "
        "rounds' ratios; least: ratio of each version's shortest turn",
        f"Results: {same} of {len(done)} cases bit-identical; the others equal within rounding",
        f"Rounds repeated because the machine did not give all its cores: "
        f"{sum(e.repeated for e, _ in done)}",
        f"CPU time taken by other processes during the turns: {100 * run.load.share:.1f} %",
        f"Duration: {run.duration / 60:.1f} minutes",
    ]
    if run.failure:
        facts.insert(0, f"**Error: {run.failure.splitlines()[-1]}. The run ended there.**")
    text = "# Two versions of bptt\n\n" + "\n".join(f"- {fact}" for fact in facts) + "\n"
    return text + ("\n" + "\n".join(lines) + "\n" if run.rounds else "")


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split(";")[0])
    add = parser.add_argument
    add("old", help="Python executable of an environment that has the old version")
    add("new", help="... the new version")
    add("--old-benchmarks", type=Path, help="folder; default: benchmarks/ beside the environment")
    add("--new-benchmarks", type=Path)
    ids = dict.fromkeys(row.id for row in ROWS)
    add("--rows", type=lambda text: [row for row in ROWS if row.id in text.split(",")],
        default=ROWS, help=",".join(ids))  # fmt: skip
    add("--sizes", type=lambda text: text.split(","), help=",".join([*SIZES, *CHARACTER_SIZES]))
    add("--rounds", type=int, default=11, help="0 compares results and times nothing")
    add("--quick", action="store_true", help="short turns: shows that all works, measures little")
    add("--out", type=Path, help="file for the report, in Markdown")
    found = parser.parse_args(argv)
    found.peers, found.minutes = [], float("inf")
    return found


def main(argv=None):
    asked = arguments(argv)
    os.environ.pop("PYTHONPATH", None)  # it would give both environments one version
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    versions = {
        "old": (asked.old, asked.old_benchmarks or own_benchmarks(asked.old)),
        "new": (asked.new, asked.new_benchmarks or own_benchmarks(asked.new)),
    }
    began, done = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(asked, Path(folder))
        for version in versions:
            (run.folder / version).mkdir()
            (run.folder / f"{version} fit").mkdir()
        try:
            run.start(versions)
            todo = cases(asked.rows, asked.sizes)
            for k, case in enumerate(todo, start=1):
                bench.say(f"{k}/{len(todo)} {report.name(case)}")
                kind = " fit" if case.kind == "fit" else ""
                experiment = Experiment([Participant(v + kind, case) for v in versions], [])
                run.measure(experiment)
                done.append((experiment, run.bits))
                written(run, done, began, asked.out)  # a run that is killed leaves what it measured
        except (bench.Mismatch, WorkerFailed, KeyboardInterrupt) as error:
            run.failure = str(error) or "interrupted"
            bench.say(f"error: {run.failure}")
        finally:
            run.close()
    print(written(run, done, began, asked.out))
    return 1 if run.failure or not done else 0


def written(run, done, began, out):
    """Write the report so far to a file, if there is one, and return it."""
    run.duration = time.perf_counter() - began
    text = document(run, done)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
