"""A model of weak and strong scaling over many machines.

A step of R ranks takes

(1)  T = C(m) + S(R)
(2)  S(R) = 2 (a + (R - 1) o) + 2 (R - 1) / R B / w       micro_batches: all exchange with all
(3)  S(R) = 2 log2(R) a + 2 (R - 1) / R B / w             plain sum: MPI's all-reduce

C(m) seconds of computing for m rows a rank (measured here, one thread), B bytes of parameters, a
latency and w bandwidth of the network, o time to post one message (all three assumed). With local
steps, S is paid once in H steps. (2) is for R a power of two, at most `micro_batches`; (3):
Rabenseifner 2004.

``python benchmarks/scaling.py`` prints the tables; ``--measure`` measures C again;
``--replay`` compares (1) with steps of two ranks on two hosts made of network namespaces, whose
link is slowed down (Linux, root, mpi4py and mpich).
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import machines
import numpy as np

NETWORKS = {  # latency in s, bytes a second
    "10 GbE": (40e-6, 1.1e9),
    "25 GbE": (30e-6, 2.8e9),
    "InfiniBand": (3e-6, 11e9),
}
RANKS = (8, 64, 512)
POST = 4e-6  # o, in s
ROWS = (64, 32, 16, 8, 4, 2, 1)
STEPS = {"small": 20, "medium": 9, "large": 3}  # that are timed
GLOBAL = 512  # rows of a batch, strong scaling
COMPUTE = {  # ms of a step of ROWS rows
    "small": (8.51, 4.3, 2.35, 1.26, 0.8, 0.58, 0.45),
    "medium": (58.66, 29.8, 16.76, 9.03, 5.37, 3.24, 2.29),
    "large": (880.38, 455.4, 237.75, 129.41, 76.41, 46.38, 33.65),
}
BYTES = {"small": 122608, "medium": 951280, "large": 15041440}
RATES = ("", "1gbit", "100mbit")  # of the link, in a replay; "": not slowed down


def reduction(ranks, bytes_, network, fixed=True):
    """Return S in seconds: (2), or (3)."""
    latency, bandwidth = NETWORKS[network] if isinstance(network, str) else network
    moved = 2 * (ranks - 1) / ranks * bytes_ / bandwidth
    if fixed:
        return 2 * (latency + (ranks - 1) * POST) + moved
    return 2 * math.log2(ranks) * latency + moved


def compute(size, rows):
    """Return C in seconds for a number of rows in ROWS, or more."""
    if rows > ROWS[0]:
        return COMPUTE[size][0] / 1e3 * rows / ROWS[0]
    return COMPUTE[size][ROWS.index(rows)] / 1e3


def tables():
    """Print efficiency (weak scaling) and speed-up (strong scaling)."""
    out = sys.stdout.write
    out("| model | network | S at 8 / 64 / 512, ms | weak scaling, efficiency | ")
    out("with 16 local steps | strong scaling, speed-up |\n|---|---|---|---|---|---|\n")
    for size in COMPUTE:
        for network in NETWORKS:
            cost = [reduction(r, BYTES[size], network) for r in RANKS]
            c = compute(size, ROWS[0])
            weak = " / ".join(f"{100 * c / (c + s):.0f}" for s in cost)
            local = " / ".join(f"{100 * c / (c + s / 16):.0f}" for s in cost)
            whole = compute(size, GLOBAL)
            pairs = zip(RANKS, cost, strict=True)
            strong = [whole / (compute(size, GLOBAL // r) + s) for r, s in pairs]
            name = f"{size}, {BYTES[size] / 1e6:.2g} MB"
            shown = " / ".join(f"{1e3 * s:.2g}" for s in cost)
            ups = " / ".join(f"{s:.3g}" for s in strong)
            out(f"| {name} | {network} | {shown} | {weak} % | {local} % | {ups} |\n")


def measure():
    """Print COMPUTE and BYTES as measured now, by one thread."""
    for size in machines.SIZES:
        times = []
        for rows in ROWS:
            run, _, made = machines.training(size, rows=rows, steps=STEPS[size])
            at = [time.perf_counter() for _ in made][machines.WARM - 1 :]
            times.append(round(1e3 * float(np.median(np.diff(at))), 2))
        size_of = sum(p.nbytes for p in run.parameters.values())
        sys.stdout.write(f"{size}: {tuple(times)} ms, {size_of} bytes\n")


def link(bytes_=2**19, times=25):
    """Print latency and bandwidth between two ranks, both sending."""
    import bptt

    communicator = bptt.distributed.MPI(timeout=60)
    other, found = 1 - communicator.rank, []
    for n in (4, bytes_):
        sent, received = np.zeros(n, np.uint8), np.empty(n, np.uint8)
        took = []
        for _ in range(times):
            began = time.perf_counter()
            communicator.exchange([(other, sent)], [(other, received)])
            took.append(time.perf_counter() - began)
        found.append(float(np.median(took)))
    if communicator.rank == 0:
        sys.stdout.write(json.dumps([found[0], bytes_ / (found[1] - found[0])]) + "\n")


def replay(sizes=("small", "medium")):
    """Print (1) beside measured steps of two ranks on two hosts, for several rates of the link."""
    root = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(root))
    from tests.distributed.hosts import LINK, NAMES, two_hosts

    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def run(words, script, *arguments):
        command = [*words, "-n", "2", sys.executable, str(root / "benchmarks" / script)]
        return json.loads(
            subprocess.run(
                [*command, *arguments], check=True, env=environment, stdout=subprocess.PIPE
            ).stdout
        )

    out = sys.stdout.write
    out("| link | latency, us | bandwidth, MB/s | model | computed, ms | measured, ms |\n")
    out("|---|---|---|---|---|---|\n")
    with two_hosts() as words:
        for rate in RATES:
            for name, device in zip(NAMES, LINK, strict=True):
                slow = f"qdisc replace dev {device} root tbf rate {rate} burst 64kb latency 200ms"
                if rate:
                    subprocess.run(["tc", "-n", name, *slow.split()], check=True)
            network = run(words, "scaling.py", "--link")
            for size in sizes:
                expected = compute(size, machines.ROWS // 2) + reduction(2, BYTES[size], network)
                measured = run(words, "machines.py", size, "--as", "bptt", "2", "1", "2")["ms"]
                out(f"| {rate or 'veth'} | {1e6 * network[0]:.0f} | {network[1] / 1e6:.0f} ")
                out(f"| {size} | {1e3 * expected:.1f} | {measured:.1f} |\n")


def main():
    """Print tables, or measure."""
    parser = argparse.ArgumentParser()
    for name in ("measure", "link", "replay"):
        parser.add_argument(f"--{name}", action="store_true")
    given = parser.parse_args()
    if given.measure:
        measure()
    elif given.link:
        link()
    elif given.replay:
        replay()
    else:
        tables()


if __name__ == "__main__":
    main()
