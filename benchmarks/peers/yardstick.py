"""Whether the machine gives all its cores: a fixed product on every core at once, timed.

The cores of a rented machine are often threads of one real core, shared with whoever else is on the
host: for seconds at a time two of them then compute no more than one. No median helps against that.

`python -m peers.yardstick THREADS` is the process that computes: a line in, seconds out. NumPy's
BLAS must run on one thread in it, so that every core gets its own thread.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from .processes import end, python_process

SIDE, PRODUCTS = 192, 40  # some milliseconds in all
TRIES = 3  # the best counts: threads that have slept may need a while to be given cores
FULL = 1.2  # a time up to this much above the least ever seen is that of the whole machine
PATIENCE = 5.0  # seconds to wait for the whole machine before going on without it


class Yardstick:
    """Times the same work again and again; what it took at best is what the machine can do."""

    def __init__(self, threads):
        self.process = python_process(["peers.yardstick", str(threads)], threads=1)
        self.best = min(self._once() for _ in range(10))

    def _once(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def full(self):
        """Tell whether the machine gives all that it has given before."""
        for _ in range(TRIES):
            seconds = self._once()
            self.best = min(self.best, seconds)
            if seconds <= FULL * self.best:
                return True
        return False

    def wait(self, seconds=PATIENCE):
        """Wait for the whole machine, but not for ever."""
        until = time.perf_counter() + seconds
        while not self.full() and time.perf_counter() < until:
            time.sleep(0.05)

    def close(self):
        end(self.process)


def main(threads):
    import numpy as np

    a = np.random.default_rng(0).normal(size=(SIDE, SIDE)).astype(np.float32)

    def work(_):
        for _ in range(PRODUCTS):
            a @ a

    with ThreadPoolExecutor(threads) as pool:
        for _ in sys.stdin:
            start = time.perf_counter()
            list(pool.map(work, range(threads)))
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
