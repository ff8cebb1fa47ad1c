"""The machine's peak, and whether it gives all its cores: multiply-adds on every core, timed.

The cores of a rented machine are often threads of one real core, shared with whoever else is on the
host: for seconds at a time two of them then compute no more than one. No median helps against that.

`python -m peers.yardstick ISA` is the process that computes: a data type and a number of threads
in, seconds per floating-point operation out. It runs fma.c, compiled for the instruction set by the
system's compiler; without one, NumPy's product of two matrices.
"""

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .instruction_sets import SETS, held
from .processes import end, python_process

SECONDS = 0.008  # of one measurement; starting the threads takes less than a hundredth of it
TRIES = 3  # the best counts: threads that have slept may need a while to be given cores
FULL = 1.2  # a time up to this much above the least ever seen is that of the whole machine
PATIENCE = 1.0  # seconds to wait for the whole machine before going on without it
CHAINS = 12  # as in fma.c
PRODUCT = 512  # rows and columns of the matrices where there is no compiler


class Yardstick:
    """Times the same work again and again; what it took at best is what the machine can do."""

    def __init__(self, isa):
        self.process = python_process(["peers.yardstick", isa], 1, environment=held("numpy"))
        self.work = self.process.stdout.readline().strip()  # in words
        self.best = {}  # (dtype, threads): least seconds per operation
        self.seen = []  # (dtype, threads), seconds per operation: the first try of each measurement

    def _once(self, *what):
        self.process.stdin.write(" ".join(map(str, what)) + "\n")
        self.process.stdin.flush()
        seconds = float(self.process.stdout.readline())
        self.best[what] = min(self.best.get(what, seconds), seconds)
        return seconds

    def measure(self, dtype, threads):
        """Return seconds per operation, and whether the machine gives all that it has given."""
        what = dtype, threads
        if what not in self.best:
            for _ in range(10):
                self._once(*what)
        least = first = self._once(*what)
        self.seen.append((what, first))
        for _ in range(TRIES - 1):
            if least <= FULL * self.best[what]:
                break
            least = min(least, self._once(*what))
        return least, least <= FULL * self.best[what]

    def wait(self, dtype, threads, seconds=PATIENCE):
        """Wait for the whole machine, but not for ever."""
        until = time.perf_counter() + seconds
        while not self.measure(dtype, threads)[1] and time.perf_counter() < until:
            time.sleep(0.05)

    def noise(self):
        """All measurements relative to the least of their kind: median, upper quartile, largest."""
        ratios = [seconds / self.best[what] for what, seconds in self.seen]
        if len(ratios) < 2:
            return (1.0, 1.0, 1.0)
        _, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return median, high, max(ratios)

    def close(self):
        end(self.process)


def compiled(isa):
    """Compile fma.c for an instruction set: its loops by data type; OSError where that fails."""
    lanes, flags = SETS[isa]
    source = Path(__file__).with_name("fma.c")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "fma.so"
        command = [os.environ.get("CC", "cc"), "-O3", "-ffp-contract=fast", "-shared", "-fPIC"]
        command += [f"-DLANES={lanes}", *flags, str(source), "-o", str(library)]
        if subprocess.run(command, capture_output=True).returncode:
            raise OSError(" ".join(command))
        loops = ctypes.CDLL(str(library))
    found = {}
    for dtype, per_vector in (("float32", lanes), ("float64", lanes // 2)):
        loop = getattr(loops, f"loop_{dtype}")
        loop.argtypes, loop.restype = [ctypes.c_long], ctypes.c_double
        found[dtype] = loop, 2 * CHAINS * per_vector  # ctypes releases the interpreter's lock
    return found


def products():
    """NumPy's products, to be called as the loops are: a number of repetitions."""
    import numpy as np

    def loop(a, n):
        for _ in range(n):
            a @ a

    found = {}
    for dtype in ("float32", "float64"):
        a = np.random.default_rng(0).standard_normal((PRODUCT, PRODUCT)).astype(dtype)
        found[dtype] = lambda n, a=a: loop(a, n), 2 * PRODUCT**3
    return found


def repetitions(loop):
    """How often a loop must run to take `SECONDS`."""
    n, spent = 1, 0.0
    while spent < SECONDS:
        n *= 2
        start = time.perf_counter()
        loop(n)
        spent = time.perf_counter() - start
    return max(1, round(n * SECONDS / spent))


def main(isa):
    try:
        loops, words = compiled(isa), f"a bare loop of multiply-adds, {isa}"
    except (OSError, KeyError):
        loops, words = products(), "NumPy's matrix product (no C compiler)"
    counts = {dtype: repetitions(loop) for dtype, (loop, _) in loops.items()}
    print(words, flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in sys.stdin:
            dtype, threads = line.split()
            (loop, operations), n = loops[dtype], counts[dtype]
            start = time.perf_counter()
            list(pool.map(loop, [n] * int(threads)))
            seconds = time.perf_counter() - start
            print(seconds / (n * operations * int(threads)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
