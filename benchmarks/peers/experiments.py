"""Experiments: participants that take turns, and the rounds in which they did."""

import statistics


class Experiment:
    """Participants that take turns in the same rounds, because tables compare them."""

    def __init__(self, participants, cells):
        self.participants, self.cells = participants, cells
        self.tuned, self.rounds = {}, []  # a round: participant to seconds
        self.repeated = 0  # rounds that were run again
        self.disturbed = 0  # rounds that count although the machine did not give all its cores

    def timed(self):
        """The participants, and the yardstick."""
        return self.rounds[0] if self.rounds else ()

    def medians(self):
        return {p: statistics.median(r[p] for r in self.rounds) for p in self.timed()}

    def least(self):
        return {p: min(r[p] for r in self.rounds) for p in self.timed()}


def experiments(rows, sizes):
    """One experiment for every case of ours: the tables that need it share its turns."""
    found = {}
    for row in rows:
        for size in row.goals:
            if sizes and size not in sizes:
                continue
            ours = row.ours(size)
            experiment = found.setdefault(ours, Experiment([ours], []))
            new = [p for p in row.participants(size) if p not in experiment.participants]
            experiment.participants += new
            experiment.cells.append((row, size))
    return list(found.values())
