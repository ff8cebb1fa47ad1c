"""What comes out: tables in Markdown, the machine, the versions."""

import datetime
import platform
import statistics
from pathlib import Path

from .goals import passes, value
from .yardstick import FULL

NOISY = 1.1  # upper quartile of the rounds' ratios / lower: from here on a figure is marked
DISTURBED = 0.05  # share of the CPU's time taken by others: from here on the report warns


def number(z):
    """Three significant digits."""
    if z is None:
        return "-"
    return f"{z:.0f}" if z >= 999.5 else f"{z:.3g}"  # not 1e+03


def line(cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


class Outcome:
    """The figure of a row at a size: medians, its goal, and its range over the rounds."""

    def __init__(self, row, size, experiment):
        self.row, self.size, self.experiment = row, size, experiment
        self.figure, self.ours, self.reference = value(row, size, experiment.medians())
        self.at_best, *_ = value(row, size, experiment.least())
        rounds = [value(row, size, seconds)[0] for seconds in experiment.rounds]
        self.rounds = [] if self.figure is None else rounds
        self.passed = None if self.figure is None else passes(row, size, self.figure)

    @property
    def verdict(self):
        return {None: "-", True: "pass", False: "**MISS**"}[self.passed]

    @property
    def noisy(self):
        low, high = self.middle()
        return high > NOISY * low

    def middle(self):
        """Quartiles of the figure over the rounds."""
        if len(self.rounds) < 2:
            return (*self.rounds, *self.rounds)[:2] or (1.0, 1.0)
        low, _, high = statistics.quantiles(self.rounds, n=4, method="inclusive")
        return low, high

    def cells(self):
        spread = "-"
        if self.rounds:
            low, high = map(number, self.middle())
            spread = f"{number(min(self.rounds))} - {number(max(self.rounds))} ({low} - {high})"
            spread += " noisy" if self.noisy else ""
        bound = "<=" if self.row.measure == "ragged" else ">="
        case = self.row.ours(self.size).case
        how = "; ".join(self._reference_ran_as()) or "missing"
        shape = case.size[:2] if case.kind == "stream" else case.size
        return [
            self.size,
            ", ".join(map(str, shape)),
            number(self.ours),
            number(self.reference),
            number(self.figure),
            f"{bound} {self.row.goals[self.size]}",
            self.verdict,
            spread,
            number(self.at_best),
            how,
        ]

    def _reference_ran_as(self):
        medians = self.experiment.medians()
        for p in self.row.references(self.size):
            if p in medians:
                rate = f"{p.contender} {1e-9 / medians[p]:.0f}: " * (p.case.kind == "sgemm")
                yield rate + self.experiment.tuned[p]["chosen"]


def table(row, outcomes):
    """One row of the goals, as a table with one line a size."""
    unit = "GFLOP/s" if row.measure == "peak" else "ms"
    reference = {"faster": "peer", "ragged": "uniform x share", "peak": "peak"}[row.measure]
    figure = {"faster": "ratio", "ragged": "cost", "peak": "share"}[row.measure]
    sizes = "units, layers, m, T_x" if row.case["kind"] == "character" else "n_x, n_a, m, T_x"
    sizes = "n_x, n_a" if row.case["kind"] == "stream" else sizes
    head = ["size", sizes, f"ours {unit}", f"{reference} {unit}", figure]
    head += ["goal", "", "spread", "at best", "reference ran as"]
    lines = [f"### {row.title}", "", row.what, "", line(head), line(["---"] * len(head))]
    return "\n".join(lines + [line(o.cells()) for o in outcomes])


def overview(outcomes):
    """All figures at a glance: a line a table, `figure (goal)`, bold where it is missed."""
    sizes = list(dict.fromkeys(o.size for o in outcomes))
    lines = [line(["", *sizes]), line(["---"] * (1 + len(sizes)))]
    for row in dict.fromkeys(o.row.id for o in outcomes):
        cells = dict.fromkeys(sizes, "")
        for o in outcomes:
            if o.row.id == row:
                bold = "**" * (o.passed is False)
                cells[o.size] = f"{bold}{number(o.figure)}{bold} ({o.row.goals[o.size]})"
        lines.append(line([row, *cells.values()]))
    return "\n".join(lines)


def summary(outcomes):
    judged = [o for o in outcomes if o.passed is not None]
    missed = [o for o in judged if not o.passed]
    text = f"{len(judged) - len(missed)} of {len(judged)} goals reached."
    if missed:
        text += " Missed: " + ", ".join(
            f"{o.row.id} {o.size} ({number(o.figure)}, goal {o.row.goals[o.size]})" for o in missed
        )
        text += "."
    unmeasured = [f"{o.row.id} {o.size}" for o in outcomes if o.passed is None]
    if unmeasured:
        text += f" Not measured, because the peer is missing: {', '.join(unmeasured)}."
    noisy = [f"{o.row.id} {o.size}" for o in outcomes if o.noisy]
    if noisy:
        text += f" Noisy (middle half of the rounds wider than {NOISY:g}): {', '.join(noisy)}."
    return text


def choices(experiments):
    """Every configuration that was tried, as it came out in the tuning."""
    head = ["contender", "case", "configuration", "ms in tuning"]
    lines = [line(head), line(["---"] * len(head))]
    for experiment in experiments:
        for participant, tuned in experiment.tuned.items():
            if len(tuned["tried"]) < 2 or participant.case.kind == "sgemm":
                continue
            for label, seconds in sorted(tuned["tried"].items(), key=lambda pair: pair[1]):
                cells = [participant.contender, name(participant.case), label]
                lines.append(line([*cells, number(seconds * 1e3)]))
    return "\n".join(lines)


def turns(experiments):
    """How even each participant's own turns were: whose noise it is."""
    head = ["contender", "case", "repetitions", "least ms", "median ms", "most ms"]
    lines = [line(head), line(["---"] * len(head))]
    for experiment in experiments:
        for participant, tuned in experiment.tuned.items():
            if participant.case.kind == "sgemm":
                continue
            times = [1e3 * seconds[participant] for seconds in experiment.rounds]
            cells = [participant.contender, name(participant.case), tuned["repetitions"]]
            cells += map(number, (min(times), statistics.median(times), max(times)))
            lines.append(line(cells))
    return "\n".join(lines)


def name(case):
    """A case in words."""
    if case.kind == "sgemm":
        return "sgemm"
    parts = [case.cell.replace("_", " "), case.kind, "x".join(map(str, case.size)), case.dtype]
    parts += ["ragged"] * case.ragged + ["forward"] * (not case.backward)
    return " ".join(parts)


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), "unknown")


def _cores(run, done):
    """How often the machine did not give all its cores, and what became of those rounds."""
    repeated, disturbed = sum(e.repeated for e in done), sum(e.disturbed for e in done)
    text = (
        f"Rounds in which the yardstick found less than {1 / FULL:.0%} of the machine, repeated: "
        f"{repeated} beside {run.rounds * len(done)} that count"
    )
    if disturbed:
        cases = ", ".join(
            f"{name(e.participants[0].case)} ({e.disturbed})" for e in done if e.disturbed
        )
        text += f"; {disturbed} such rounds count, for lack of better ones: {cases}"
    return text


def _facts(run, done):
    """What the figures depend on, one sentence each."""
    facts = [
        f"Date: {datetime.date.today().isoformat()}",
        f"Machine: {processor()}, {platform.system()} {platform.machine()}",
        f"Threads: {run.threads}, all that the process may use, for every contender",
        f"Python {platform.python_version()}; " + "; ".join(run.versions),
        *run.missing,
        f"Rounds: {run.rounds} of {run.seconds * 1e3:g} ms a turn; times are medians over the "
        "rounds of the mean over a turn; ratios are of medians; spread is the smallest and the "
        "largest figure of one round (and the quartiles); at best: from each side's least turn",
        "Largest differences from bptt found before timing, relative to the largest entry of an "
        "array: " + ("; ".join(f"{k} {e:.1e} ({w})" for k, (e, w) in run.largest.items()) or "-"),
        _cores(run, done),
        f"CPU time taken by other processes during the turns: {100 * run.load.share:.1f} %",
        f"Duration: {run.duration / 60:.1f} minutes",
    ]
    if run.load.share > DISTURBED:
        facts.insert(0, "**Not a quiet machine: see the CPU time taken by other processes.**")
    if not run.rounds:
        facts.insert(0, "**Results compared; nothing timed.**")
    if run.failure:
        facts.insert(0, f"**Error: {run.failure.splitlines()[-1]}. The run ended there.**")
    if run.quick:
        facts.insert(0, "**Quick run: it shows that everything works; its times mean little.**")
    return facts


def document(run, outcomes, experiments):
    """The whole report."""
    facts = _facts(run, experiments)
    head = ["# Benchmark", "\n".join(f"- {fact}" for fact in facts)]
    if not run.rounds:
        return "\n\n".join(head) + "\n"
    rows = list(dict.fromkeys(o.row.id for o in outcomes))
    tables = []
    for id in rows:
        own = [o for o in outcomes if o.row.id == id]
        tables.append(table(own[0].row, own))
    parts = [
        *head,
        summary(outcomes),
        overview(outcomes),
        *tables,
        "## Configurations tried",
        choices(experiments),
        "## Turns",
        turns(experiments),
    ]
    parts += ["## bptt", "```\n" + run.config.rstrip() + "\n```"]
    return "\n\n".join(parts) + "\n"
