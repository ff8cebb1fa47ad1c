"""Train on the default corpus, compare with n-grams on the same split, and sample.

Run: make demo
"""

import math
import sys

from ngram import ngram_nats

import bptt
from bptt.cli import main
from bptt.corpus import default_corpus

OUT = "demo.safetensors"


def bptt_command(*arguments):
    """Run a command of the command line, in this process; leave if it fails."""
    print(f"$ bptt {' '.join(arguments)}", flush=True)
    try:
        main(list(arguments))
    except SystemExit as status:
        if status.code:
            sys.exit(status.code)


def compare():
    """Print the validation score beside those of a 3-gram and a 5-gram."""
    model = bptt.load(OUT)
    train, valid = model.split(default_corpus())
    rows = {f"{n}-gram": ngram_nats(train, valid, n) for n in (3, 5)}
    rows[f"{model.cell.upper()} ({model.units} units)"] = model.history_[-1]["validation"]
    print(f"\nHeld-out part of the corpus, {len(valid):,} characters:")
    print(f"{'':18}{'nats/character':>15}{'bits/character':>16}")
    for name, nats in rows.items():
        print(f"{name:18}{nats:15.4f}{nats / math.log(2):16.4f}")
    print()


if __name__ == "__main__":
    bptt_command("train", "--units", "192", "--epochs", "12", "--out", OUT, "--force")
    compare()
    bptt_command("sample", OUT, "--length", "400", "--temperature", "0.7", "--seed", "1")
