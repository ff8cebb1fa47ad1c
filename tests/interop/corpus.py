"""Print the corpus' table, a line a task: python -m tests.interop.corpus

Runs the tests of the corpus and notes the largest difference and the tolerance of each task.
"""

import sys

import numpy as np
import pytest

from tests.support.interop import tasks

FOUND = {}
CURRENT = []


def noted(compare):
    """Return `compare` (numpy.testing.assert_allclose), which notes its differences too."""

    def wrapped(actual, desired, rtol=1e-7, atol=0, **options):
        compare(actual, desired, rtol, atol, **options)
        difference = float(np.abs(np.asarray(actual) - np.asarray(desired)).max(initial=0.0))
        for name in CURRENT:
            worst = max(difference, FOUND.get(name, (0.0,))[0])
            FOUND[name] = worst, rtol, atol

    return wrapped


class Notes:
    """A plug-in of pytest that says which task is compared, and which failed."""

    def __init__(self, names):
        self.names, self.failed = names, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        CURRENT[:] = [n for n in self.names if item.name.endswith(f"[{n}]")]
        return (yield)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed |= {n: "failed" for n in self.names if report.nodeid.endswith(f"[{n}]")}


def main():
    names = [name for name in tasks("") if name not in ("hostile", "README.md")]
    notes = Notes(names)
    np.testing.assert_allclose = noted(np.testing.assert_allclose)
    words = "corpus or published or test_outputs"
    pytest.main(["-q", "--no-header", "-k", words, "tests/interop"], plugins=[notes])
    print("| task | largest difference | absolute, relative tolerance |\n| --- | ---: | --- |")
    for name in names:
        worst, rtol, atol = FOUND.get(name, (np.nan, np.nan, np.nan))
        what = notes.failed.get(name) or ("not run" if np.isnan(worst) else f"{worst:.1e}")
        print(f"| {name} | {what} | {atol:g}, {rtol:g} |")
    print(f"\n{len(FOUND)} of {len(names)} tasks compared, {len(notes.failed)} failed.")
    sys.exit(bool(notes.failed) or len(FOUND) < len(names))


if __name__ == "__main__":
    main()
