"""Ranks against threads: steps a second, and what the reduction of gradients costs.

One language model in one process with two threads, on one rank and on two ranks of one thread each,
with and without `micro_batches`; beside PyTorch in one process and with DDP over gloo (where a
Python with torch is given). The ways are run in turn, `--rounds` times, each in processes of its
own; the median over the rounds is shown.

``python benchmarks/machines.py medium --rounds 3 --torch-python /path/to/python``

``python benchmarks/machines.py medium --parts``: what `micro_batches` cost in one process, by the
rows of a batch; the trainings take turns, step by step.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIZES = {  # units, layers, vocabulary, steps that are timed
    "small": (64, 1, 60, 60),
    "medium": (220, 1, 60, 16),
    "large": (512, 2, 1000, 3),
}
ROWS, LENGTH, EMBEDDING, WARM = 64, 50, 32, 2
WAYS = {  # name: (program, processes, threads of each, micro_batches)
    "bptt, 1 process, 2 threads": ("bptt", 0, 2, 1),
    "bptt, 1 process, 2 threads, micro_batches 8": ("bptt", 0, 2, 8),
    "bptt, 1 rank": ("bptt", 1, 1, 1),
    "bptt, 1 rank, micro_batches 8": ("bptt", 1, 1, 8),
    "bptt, 2 ranks, plain sum": ("bptt", 2, 1, 1),
    "bptt, 2 ranks, micro_batches 8": ("bptt", 2, 1, 8),
    "torch, 1 process, 2 threads": ("torch", 1, 2, 1),
    "torch, 1 process, 1 thread": ("torch", 1, 1, 1),
    "torch, DDP over gloo, 2 processes": ("torch", 2, 1, 1),
}


def tokens(vocabulary, count):
    """Return tokens: the same for every program."""
    return np.random.default_rng(0).integers(0, vocabulary, count)


def training(size, micro_batches=1, communicator=None, rows=ROWS, steps=None):
    """Return run, shares and a generator of the steps of a training."""
    import bptt
    from bptt.training import Adam, CrossEntropy, Run, Schedule, Shares, TextStreams, train

    units, layers, vocabulary, default = SIZES[size]
    recurrent = bptt.LSTM(EMBEDDING, units, n_layers=layers)
    ends = bptt.Embedding(vocabulary, EMBEDDING), bptt.Dense(units, vocabulary)
    network = bptt.Network([ends[0], recurrent, ends[1]])
    rng = np.random.default_rng(0)
    run = Run(network.init(rng), Adam(), Schedule("constant", 2e-3), rng)
    shares = Shares(micro_batches, communicator)
    count = rows * LENGTH * ((steps or default) + WARM) + 1
    source = TextStreams(tokens(vocabulary, count), rows, LENGTH)
    made = train(run, network, CrossEntropy(), source, epochs=1, grad_clip=1.0, shares=shares)
    return run, shares, made


def run_bptt(size, ranks, micro_batches):
    """Train; return what was measured."""
    import bptt

    communicator = bptt.distributed.MPI(timeout=60) if ranks else bptt.distributed.Alone()
    run, shares, made = training(size, micro_batches, communicator)
    spent = {"bytes": 0, "seconds": 0.0}
    _watch(communicator, shares, spent)
    at = []
    for _ in made:
        at.append(time.perf_counter())
        if len(at) == WARM:
            spent.update(bytes=0, seconds=0.0)
    sha = hashlib.sha256(b"".join(p.tobytes() for p in run.parameters.values()))
    steps = len(at) - WARM
    return communicator.rank, {
        "ms": 1e3 * statistics.median(np.diff(at[WARM - 1 :])),
        "reduction_ms": 1e3 * spent["seconds"] / steps,
        "bytes": spent["bytes"] / steps,
        "parameters": sum(p.nbytes for p in run.parameters.values()),
        "hash": sha.hexdigest()[:16],
    }


def _watch(communicator, shares, spent):
    """Count the bytes that are sent, and the time from the gradients to their sums."""
    exchange, total, add = communicator.exchange, shares.total, communicator.sum

    def counted(sent, received):
        spent["bytes"] += sum(a.nbytes for _, a in sent)
        exchange(sent, received)

    def summed(*arrays):
        ranks = communicator.size
        spent["bytes"] += sum(2 * a.nbytes * (ranks - 1) // ranks for a in arrays)
        add(*arrays)

    def timed(*args):
        began = time.perf_counter()
        result = total(*args)
        spent["seconds"] += time.perf_counter() - began
        return result

    communicator.exchange, communicator.sum, shares.total = counted, summed, timed


def run_torch(size, processes, threads):
    """Train the same network in PyTorch; return what was measured."""
    import torch
    from torch import distributed, nn

    units, layers, vocabulary, steps = SIZES[size]
    torch.set_num_threads(threads)
    rank = int(os.environ.get("RANK", "0"))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, EMBEDDING)
            self.lstm = nn.LSTM(EMBEDDING, units, layers, batch_first=True)
            self.dense = nn.Linear(units, vocabulary)

        def forward(self, x, state):
            y, state = self.lstm(self.embedding(x), state)
            return self.dense(y), state

    torch.manual_seed(0)
    model = Model()
    trained = model
    if processes > 1:
        distributed.init_process_group("gloo")
        trained = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    ids = tokens(vocabulary, ROWS * LENGTH * (steps + WARM) + 1)
    stream = torch.from_numpy(ids[:-1].reshape(ROWS, -1))
    after = torch.from_numpy(ids[1:].reshape(ROWS, -1))
    own = slice(rank, None, processes)
    state, at = None, []
    for t in range(0, stream.shape[1], LENGTH):
        x, y = stream[own, t : t + LENGTH], after[own, t : t + LENGTH]
        logits, state = trained(x, state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(logits.reshape(-1, vocabulary), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        at.append(time.perf_counter())
    if processes > 1:
        distributed.destroy_process_group()
    bytes_of = sum(p.numel() * 4 for p in model.parameters())
    return rank, {"ms": 1e3 * statistics.median(np.diff(at[WARM - 1 :])), "parameters": bytes_of}


def start(way, size, torch_python):
    """Run one way in processes of its own; return what its rank 0 printed."""
    program, processes, threads, micro_batches = WAYS[way]
    own = [str(Path(__file__).resolve()), size, "--as", program, str(processes), str(threads)]
    own.append(str(micro_batches))
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    if program == "bptt":
        beside = Path(sys.executable).with_name("mpiexec")
        mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
        ranks = [mpiexec, "-n", str(processes)] if processes else []
        shown = subprocess.run(
            [*ranks, sys.executable, *own], env=environment, stdout=subprocess.PIPE, check=True
        ).stdout
        return json.loads(shown)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = [
        subprocess.Popen(
            [torch_python, *own],
            env=environment
            | {"RANK": str(rank), "WORLD_SIZE": str(processes)}
            | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
            stdout=subprocess.PIPE,
        )
        for rank in range(processes)
    ]
    outputs = [process.communicate()[0] for process in started]
    return json.loads(outputs[0])


def show_parts(size, steps=16):
    """Print how much more time than the whole batch its parts take, in %: median, shortest."""
    from bptt.engine import set_num_threads

    parts = (1, 4, 8, 16)
    for threads in (1, 2):
        set_num_threads(threads)
        for rows in (64, 128, 256):
            trainings = [training(size, n, rows=rows, steps=steps)[2] for n in parts]
            ms = np.zeros((WARM + steps, len(parts)))
            for row in ms:
                for k, made in enumerate(trainings):
                    began = time.perf_counter()
                    next(made)
                    row[k] = 1e3 * (time.perf_counter() - began)
            middle, best = np.median(ms[WARM:], axis=0), ms[WARM:].min(axis=0)
            more = zip(parts[1:], middle[1:] / middle[0], best[1:] / best[0], strict=True)
            shown = ", ".join(f"{n}: {100 * m - 100:.0f} ({100 * b - 100:.0f})" for n, m, b in more)
            sys.stdout.write(f"{threads} threads, {rows} rows, {middle[0]:.1f} ms; {shown} %\n")


def main():
    """Print a table for one size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch-python", default="")
    parser.add_argument("--as", dest="role", nargs=4)
    parser.add_argument("--parts", action="store_true")
    given = parser.parse_args()
    if given.parts:
        show_parts(given.size)
        return
    if given.role:
        program, processes, threads, micro_batches = given.role[0], *map(int, given.role[1:])
        rank, measured = (
            run_bptt(given.size, processes, micro_batches)
            if program == "bptt"
            else run_torch(given.size, processes, threads)
        )
        if rank == 0:
            sys.stdout.write(json.dumps(measured) + "\n")
        return
    ways = [way for way in WAYS if WAYS[way][0] == "bptt" or given.torch_python]
    found = {way: [] for way in ways}
    for _ in range(given.rounds):
        for way in ways:
            found[way].append(start(way, given.size, given.torch_python))
    fixed = {r["hash"] for way in ways if WAYS[way][3] > 1 for r in found[way]}
    assert len(fixed) == 1, f"micro_batches gave {fixed}"  # equality before speed
    sys.stdout.write(f"{given.size}: {found[ways[0]][0]['parameters'] / 1e6:.2f} MB\n\n")
    sys.stdout.write(
        "| way | steps/s | ms a step | sent, kB | reduction, ms |\n|---|---|---|---|---|\n"
    )
    for way, rows in found.items():
        ms = statistics.median(row["ms"] for row in rows)
        sent = rows[0].get("bytes", 0) / 1e3
        cost = statistics.median(row.get("reduction_ms", 0) for row in rows)
        sums = f"{sent:.0f} | {cost:.2f}" if "bytes" in rows[0] else "- | -"
        sys.stdout.write(f"| {way} | {1e3 / ms:.1f} | {ms:.1f} | {sums} |\n")


if __name__ == "__main__":
    main()
