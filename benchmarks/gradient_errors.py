"""Print the largest gradient-check error of every gradient of every cell, float64, entry by entry.

One step and whole sequences (T_x in {1, 2, 7}, m in {1, 4}, uniform, ragged and zero lengths, with
gradients on the final states), then the output layer, the losses and the batch-first family. Each
error is the distance to the central difference, relative to the largest entry of that gradient.

Usage: python benchmarks/gradient_errors.py
"""

import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.equations.test_equation_gradients import OTHERS
from tests.support.cases import (
    CELLS,
    EXAMPLES,
    PATTERNS,
    STEPS,
    cell_pair,
    checked_case,
    pattern_lengths,
    sequence_pair,
)

from bptt.gradcheck import entry_errors


def pairs(name):
    """Every forward/backward pair of a cell that the tests check."""
    spec = CELLS[name]
    for m in EXAMPLES:
        yield cell_pair(spec, checked_case(name, m=m, T_x=1))
    for T_x, m, pattern in product(STEPS, EXAMPLES, PATTERNS):
        case = checked_case(name, m=m, T_x=T_x, lengths=pattern_lengths(pattern, m, T_x))
        yield sequence_pair(spec, case)


def largest_errors(pairs):
    """Largest relative error of each gradient over some pairs: {gradient: error}."""
    worst = {}
    for pair in pairs:
        for entry, error in entry_errors(*pair).items():
            worst[f"d{entry}"] = max(worst.get(f"d{entry}", 0.0), error.error)
    return worst


def main():
    for name, checked in ({name: pairs(name) for name in CELLS} | OTHERS).items():
        worst = largest_errors(checked)
        print(f"{name}: {max(worst.values()):.1e}")
        for gradient, error in worst.items():
            print(f"    {gradient:10} {error:.1e}")


if __name__ == "__main__":
    main()
