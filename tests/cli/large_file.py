"""Predict and score a Parquet file larger than the memory that is allowed, and kill it on the way.

    python -m tests.cli.large_file [--megabytes 2000] [--limit 1800] [FOLDER]

Needs bptt[tables,arrow]. Not part of the suite: it writes a file of that size. The address space of
the commands is limited (RLIMIT_AS, in MB; the libraries map 1.6 GB of it). A prediction is killed
twice and goes on; its rows are those of one that was not.
"""

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import bptt

T, N_X, ROWS = 50, 4, 2000


def write(path, megabytes):
    """Write sequences (T, N_X) in lists, and their labels; return how many."""
    rng = np.random.default_rng(0)
    schema = pa.schema([("sequence", pa.list_(pa.list_(pa.float64()))), ("label", pa.string())])
    n = 0
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as file:
        while path.stat().st_size < megabytes * 2**20:
            x = rng.normal(size=(ROWS, T, N_X))
            y = np.where(x[:, :, 0].sum(axis=1) > 0, "up", "down")
            flat = pa.array(x.reshape(-1))
            inner = pa.ListArray.from_arrays(np.arange(0, ROWS * T * N_X + 1, N_X, np.int32), flat)
            outer = pa.ListArray.from_arrays(np.arange(0, ROWS * T + 1, T, np.int32), inner)
            file.write_table(pa.table([outer, pa.array(y)], schema=schema))
            n += ROWS
    return n


def run(limit, *arguments, ending=None):
    """Run a command within a limit of memory; return its status and output, and the seconds.

    `ending`: (folder, count, signal), the signal is sent when the folder has so many parts.
    """
    began = time.perf_counter()

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (limit * 2**20, limit * 2**20))

    process = subprocess.Popen(
        [sys.executable, "-m", "bptt.cli", *map(str, arguments)],
        preexec_fn=limited, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while ending is not None and process.poll() is None:
        if parts(ending[0]) >= ending[1]:
            process.send_signal(ending[2])
            break
        time.sleep(0.02)
    out, _ = process.communicate()
    return process.returncode, out, time.perf_counter() - began


def parts(folder):
    """Return how many parts are finished."""
    return len(list(folder.glob("0*")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--limit", type=int, default=1800)
    parser.add_argument("folder", nargs="?", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    big, model = folder / "big.parquet", folder / "model.safetensors"
    n = write(big, given.megabytes)
    print(f"{n:,} sequences, {big.stat().st_size / 2**20:,.0f} MB")
    first = pq.ParquetFile(big).read_row_group(0).to_pandas()[:300]
    X = [np.array(x.tolist()) for x in first["sequence"]]
    fitted = bptt.SequenceClassifier(units=16, epochs=3).fit(
        X, list(first["label"]), progress="silent"
    )
    fitted.save(model)
    whole, again = folder / "whole.parquet", folder / "again.parquet"
    status, out, seconds = run(given.limit, "predict", model, big, "--out", whole)
    print(f"predict: status {status}, {seconds:.0f} s: {out.splitlines()[-1]}")
    assert status == 0, out
    arguments = ("predict", model, big, "--out", again)
    folder_of_parts = folder / "again.parquet.parts"
    for count, number in ((1, signal.SIGTERM), (2, signal.SIGKILL)):
        ending = (folder_of_parts, count, number)
        status, out, _ = run(given.limit, *arguments, "--resume", ending=ending)
        done = parts(folder_of_parts)
        print(f"{number.name}: status {status}, {done} parts done {out.strip()[-90:]}")
        assert status in (128 + number, -number), out
    status, out, seconds = run(given.limit, *arguments, "--resume")
    print(f"resumed: status {status}, {seconds:.0f} s")
    assert pq.read_table(whole).equals(pq.read_table(again))
    assert pq.ParquetFile(whole).metadata.num_rows == n
    status, out, seconds = run(given.limit, "score", model, big, "--label", "label")
    print(f"score: status {status}, {seconds:.0f} s: {out.splitlines()[0]}")
    assert status == 0, out


if __name__ == "__main__":
    main()
