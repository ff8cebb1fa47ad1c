"""Compare the results of all models and cells for several numbers of ranks.

``python tests/distributed/one_hash.py [1 2 3 4 8] [--cell lstm]`` prints a line for each case: one
hash, or what each number of ranks gave. The status is 1 where they differ.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def results(ranks, cell):
    """Return the hash of each case."""
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
    command = [mpiexec, "-n", str(ranks), sys.executable, str(HERE / "cases.py"), cell]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(line.rsplit(": ", 1) for line in shown.splitlines())


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ranks", type=int, nargs="*", default=[1, 2, 3, 4, 8])
    parser.add_argument("--cell", default="all")
    given = parser.parse_args()
    found = {n: results(n, given.cell) for n in given.ranks}
    same = 0
    for case in found[given.ranks[0]]:
        hashes = {n: found[n].get(case) for n in given.ranks}
        one = len(set(hashes.values())) == 1
        same += one
        sys.stdout.write(f"{case}: {hashes[given.ranks[0]] if one else hashes}\n")
    n = len(found[given.ranks[0]])
    ranks = ", ".join(map(str, given.ranks))
    sys.stdout.write(f"{same} of {n} cases have one hash for {ranks} ranks\n")
    return int(same < n)


if __name__ == "__main__":
    sys.exit(main())
