"""What comes out: tables in Markdown, the machine, the versions."""

import datetime
import platform
import statistics
from pathlib import Path

from .goals import judge
from .shares import share_table
from .tables import line, number
from .yardstick import FULL

NOISY = 1.1  # upper quartile of the rounds' ratios / lower: from here on a figure is marked
DISTURBED = 0.05  # share of the CPU's time taken by others: from here on the report warns


def milliseconds(seconds):
    return "-" if seconds is None else number(1e3 * seconds)


class Outcome:
    """The figure of a row at a size: medians, its goal, and its range over the rounds."""

    def __init__(self, row, size, experiment):
        self.row, self.size, self.experiment = row, size, experiment
        self.found = judge(row, size, experiment.medians())
        self.at_best = judge(row, size, experiment.least()).figure
        self.passed = self.found.passed if experiment.rounds else None
        rounds = [judge(row, size, seconds).figure for seconds in experiment.rounds]
        self.rounds = [] if self.found.figure is None else rounds

    @property
    def name(self):
        if self.row.measure == "share":
            return name(*self.row.ours(self.size)[1:]) + " share"
        return f"{self.row.id} {self.size}"

    @property
    def goal(self):
        """The least demanding goal, and its name where it is not the row's own."""
        if self.found.goal is None:
            return f"{self.row.goals[self.size]:g}"
        return number(self.found.goal) + f" ({self.found.held_to})" * bool(self.found.held_to)

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

    @property
    def spread(self):
        if not self.rounds:
            return "-"
        low, high = map(number, self.middle())
        text = f"{number(min(self.rounds))} - {number(max(self.rounds))} ({low} - {high})"
        return text + " noisy" * self.noisy

    def cells(self):
        bound = "<=" if self.row.measure == "ragged" else ">="
        case, found = self.row.ours(self.size).case, self.found
        shape = case.size[:2] if case.kind == "stream" else case.size
        return [
            self.size,
            ", ".join(map(str, shape)),
            milliseconds(found.ours),
            milliseconds(found.reference),
            number(found.figure),
            number(found.share),
            f"{bound} {self.goal}",
            self.verdict,
            self.spread,
            number(self.at_best),
            "; ".join(self._reference_ran_as()) or "missing",
        ]

    def _reference_ran_as(self):
        for p in self.row.references(self.size):
            if p in self.experiment.tuned:
                yield self.experiment.tuned[p]["chosen"]


def table(row, outcomes):
    """One row of the goals, as a table with one line a size."""
    reference = "uniform x share" if row.measure == "ragged" else "peer"
    figure = "cost" if row.measure == "ragged" else "ratio"
    sizes = "units, layers, m, T_x" if row.case["kind"] == "character" else "n_x, n_a, m, T_x"
    sizes = "n_x, n_a" if row.case["kind"] == "stream" else sizes
    head = ["size", sizes, "ours ms", f"{reference} ms", figure, "share of the peak"]
    head += ["goal", "", "spread", "at best", "reference ran as"]
    lines = [f"### {row.title}", "", row.what, "", line(head), line(["---"] * len(head))]
    return "\n".join(lines + [line(o.cells()) for o in outcomes])


def overview(outcomes):
    """All ratios at a glance: a line a table, `figure (goal)`, bold where it is missed."""
    outcomes = [o for o in outcomes if o.row.measure != "share"]
    sizes = list(dict.fromkeys(o.size for o in outcomes))
    lines = [line(["", *sizes]), line(["---"] * (1 + len(sizes)))]
    for row in dict.fromkeys(o.row.id for o in outcomes):
        cells = dict.fromkeys(sizes, "")
        for o in outcomes:
            if o.row.id == row:
                bold = "**" * (o.passed is False)
                cells[o.size] = f"{bold}{number(o.found.figure)}{bold} ({o.goal})"
        lines.append(line([row, *cells.values()]))
    return "\n".join(lines) if outcomes else ""


def summary(outcomes):
    judged = [o for o in outcomes if o.passed is not None]
    missed = [o for o in judged if not o.passed]
    text = f"{len(judged) - len(missed)} of {len(judged)} goals reached."
    if missed:
        text += " Missed: "
        text += ", ".join(f"{o.name} ({number(o.found.figure)}, goal {o.goal})" for o in missed)
        text += "."
    unmeasured = [o.name for o in outcomes if o.passed is None]
    if unmeasured:
        text += f" Not judged, because a peer is missing: {', '.join(unmeasured)}."
    noisy = [o.name for o in outcomes if o.noisy]
    if noisy:
        text += f" Noisy (middle half of the rounds wider than {NOISY:g}): {', '.join(noisy)}."
    return text


def choices(experiments):
    """Every configuration that was tried, as it came out in the tuning."""
    head = ["contender", "case", "configuration", "ms in tuning"]
    lines = [line(head), line(["---"] * len(head))]
    for experiment in experiments:
        for participant, tuned in experiment.tuned.items():
            if len(tuned["tried"]) < 2:
                continue
            for label, seconds in sorted(tuned["tried"].items(), key=lambda pair: pair[1]):
                cells = [participant.contender, name(*participant[1:]), label]
                lines.append(line([*cells, number(seconds * 1e3)]))
    return "\n".join(lines)


def turns(experiments):
    """How even each participant's own turns were: whose noise it is."""
    head = ["contender", "case", "rounds", "repetitions", "least ms", "median ms", "most ms"]
    lines = [line(head), line(["---"] * len(head))]
    for experiment in experiments:
        for participant, tuned in experiment.tuned.items():
            if participant.case.kind == "product":
                continue
            times = [1e3 * seconds[participant] for seconds in experiment.rounds]
            cells = [participant.contender, name(*participant[1:])]
            cells += [len(times), tuned["repetitions"]]
            cells += map(number, (min(times), statistics.median(times), max(times)))
            lines.append(line(cells))
    return "\n".join(lines)


def name(case, threads=0):
    """A case in words."""
    parts = [case.cell.replace("_", " "), case.kind, "x".join(map(str, case.size)), case.dtype]
    parts += ["ragged"] * case.ragged + ["forward"] * (not case.backward)
    parts += [f"{threads} thread{'s' * (threads > 1)}"] * bool(threads)
    return " ".join(parts)


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), "unknown")


def _cores(run, done):
    """How noisy the machine was, and what became of the rounds in which it was."""
    median, high, longest = run.yardstick.noise()
    repeated, disturbed = sum(e.repeated for e in done), sum(e.disturbed for e in done)
    text = (
        f"Noise: the yardstick took {median:.2f} times its least time in the median, {high:.2f} in "
        f"the upper quartile, {longest:.2f} at most. Rounds in which it found less than "
        f"{1 / FULL:.0%} of the machine: {repeated + disturbed} beside "
        f"{sum(len(e.rounds) - e.disturbed for e in done)} others"
    )
    if disturbed:
        cases = ", ".join(
            f"{name(*e.participants[0][1:])} ({e.disturbed})" for e in done if e.disturbed
        )
        text += f"; {disturbed} of them count, for lack of better ones: {cases}"
    return text


def _facts(run, done):
    """What the figures depend on, one sentence each."""
    rounds = [len(e.rounds) for e in done]
    facts = [
        f"Date: {datetime.date.today().isoformat()}",
        f"Machine: {processor()}, {platform.system()} {platform.machine()}",
        run.held,
        f"Threads: {run.threads}, all that the process may use, for every contender, or one",
        f"Python {platform.python_version()}; " + "; ".join(run.versions),
        *run.missing,
        f"Rounds: {run.rounds} of {run.seconds * 1e3:g} ms a turn, {min(rounds)} where time was "
        "short; times are medians over the rounds of the mean over a turn; ratios are of medians; "
        "spread is the smallest and the largest figure of one round (and the quartiles); at best: "
        "from each side's least turn",
        "Largest differences from bptt found before timing, relative to the largest entry of an "
        "array: " + ("; ".join(f"{k} {e:.1e} ({w})" for k, (e, w) in run.largest.items()) or "-"),
        _cores(run, done),
        f"CPU time taken by other processes during the turns: {100 * run.load.share:.1f} %",
        f"Duration: {run.duration / 60:.1f} minutes of {run.minutes:g}",
    ]
    if run.load.share > DISTURBED or run.yardstick.noise()[1] > NOISY:
        facts.insert(0, "**Not a quiet machine: see noise and the time taken by other processes.**")
    if run.left_out:
        facts.insert(0, f"**Not measured, for lack of time: {', '.join(run.left_out)}.**")
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
        share = own[0].row.measure == "share"
        tables.append(share_table(own, run) if share else table(own[0].row, own))
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
