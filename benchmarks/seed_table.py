"""Print the reference values of the course: name, expected, obtained (top level and equations).

Usage: python benchmarks/seed_table.py
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.course.test_seed_values import CASES, MODULES, agrees, obtained, results


def digits(value):
    """Write a value as the reference prints it: its first two entries where it has many."""
    if isinstance(value, (int, tuple)):
        return str(value)
    flat = np.ravel(value)
    more = f" ... ({flat.size})" if flat.size > 2 else ""
    return " ".join(f"{v:.8g}" for v in flat[:2]) + more


def main():
    width = 40
    print(f"{'value':{width}} {'expected':32} " + " ".join(f"{m:32}" for m in MODULES))
    wrong = 0
    for call, (_, expect) in CASES.items():
        print(call.__name__)
        runs = {name: results(call, module) for name, module in MODULES.items()}
        for expression, expected in expect.items():
            values = [obtained(expression, run) for run in runs.values()]
            good = [agrees(value, expected) for value in values]
            wrong += good.count(False)
            cells = [
                f"{digits(v) + ('' if ok else '  WRONG'):32}"
                for v, ok in zip(values, good, strict=True)
            ]
            print(f"  {expression:{width - 2}} {digits(expected):32} " + " ".join(cells))
    total = sum(len(expect) for _, expect in CASES.values())
    print(f"{total} values from {len(MODULES)} modules, {wrong} wrong.")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main()))
