"""CPU time and memory of texts before the first training step, each case in its own process.

    python benchmarks/text_memory.py TEXT [--megabytes 20]
    python benchmarks/text_memory.py TEXT --stored --megabytes 2000 --limit 500

The text is repeated up to the size. The first form reads it and prepares the training. The second
makes a token file of it and trains 200 steps from that, each in a process whose address space is
limited (RLIMIT_AS, in megabytes above what it has after its imports and a training of a few
characters; everything counts: heap, stacks, maps of files).

Printed: CPU seconds of reading and preparing, and the peak of the resident size above that of the
process before.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES = {"units": 32, "embedding": 16, "batch_size": 32, "seq_length": 64}


def peak():
    """Largest resident size of this process so far, in bytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def address_space():
    """Bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def train(X, steps=1, **settings):
    """Train a small language model; return the model and the CPU seconds before its first step."""
    from bptt import LanguageModel

    began, first = time.process_time(), []

    def count(progress):
        first.append(time.process_time())
        return len(first) >= steps

    model = LanguageModel(epochs=1, **SIZES, **settings)
    model.fit(X, progress="silent", on_step=count)
    return model, first[0] - began


def warm():
    """Import everything and train once; return peak and address space."""

    train("the cat sat on the mat. " * 200)
    return peak(), address_space()


def from_memory(path, tokenizer):
    """Read a text and prepare all that the first step needs."""
    from bptt import LanguageModel
    from bptt.corpus import read_text
    from bptt.models.language_data import prepare

    before, _ = warm()
    began = time.process_time()
    text = read_text(path)
    read = time.process_time() - began
    model = LanguageModel(tokenizer=tokenizer, **SIZES)
    prepared = prepare(model, text, None, np.random.default_rng(0))
    seconds, n = time.process_time() - began, len(text)
    print(
        f"{tokenizer:10} {n:,} characters, vocabulary of {len(prepared.encoder.vocabulary):,}: "
        f"{seconds:.2f} s CPU (reading {read:.2f}), {(peak() - before) / n:.1f} bytes a character"
    )


def limited(path, what, limit):
    """Write or train from a token file within a limit of the address space."""
    from bptt.models import TokenFile, write_token_file

    before, space = warm()
    resource.setrlimit(resource.RLIMIT_AS, (space + limit * 10**6,) * 2)
    began, target = time.process_time(), Path(path).with_suffix(".npy")
    if what == "tokenize":
        n = len(write_token_file(path, target))
        print(f"tokenize: {n:,} tokens, ", end="")
    else:
        stored = TokenFile(target)
        model, seconds = train(stored, 200)
        print(f"train: {len(stored):,} tokens, {seconds:.2f} s CPU to the first step, ", end="")
        print(f"200 steps, loss {model.history_[-1]['loss']:.3f}, ", end="")
    print(
        f"{time.process_time() - began:.1f} s CPU, peak {(peak() - before) / 1e6:.0f} MB above the "
        f"{before / 1e6:.0f} MB of the process, address space limited to {limit} MB more"
    )


def repeated(text, size, path):
    """Write a text again and again up to a size in bytes."""
    data, rest = Path(text).read_bytes(), size
    with open(path, "wb") as file:
        while rest > 0:
            rest -= file.write(data[:rest])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text")
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--limit", type=int, default=500, help="MB of address space")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case in ("tokenize", "train"):
        return limited(given.text, given.case, given.limit)
    if given.case:
        return from_memory(given.text, given.case)
    cases = ["tokenize", "train"] if given.stored else ["characters", "words", "whitespace"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text.txt")
        repeated(given.text, given.megabytes * 10**6, path)
        for case in cases:
            command = [sys.executable, __file__, path, "--limit", str(given.limit), "--case", case]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
