"""Local steps against synchronous training: loss on a held-out text after the same tokens.

``python benchmarks/local_steps.py [--units 128] [--epochs 4] [--seeds 0 1]`` trains character
models on the package's corpus; 8 parts, each in the place of a rank. Shown: held-out nats per
character, and how often the ranks would exchange parameters in 1,000 steps.
"""

import argparse
import statistics
import sys

from bptt import LanguageModel
from bptt.corpus import default_corpus

DILOCO = {"outer_learning_rate": 0.7, "outer_momentum": 0.9}
WAYS = {
    "synchronous": {},
    "local_steps 4": {"local_steps": 4},
    "local_steps 16": {"local_steps": 16},
    "local_steps 64": {"local_steps": 64},
    "local_steps 16, local_after 0.5": {"local_steps": 16, "local_after": 0.5},
    "local_steps 64, local_after 0.5": {"local_steps": 64, "local_after": 0.5},
    "DiLoCo 16": {"local_steps": 16} | DILOCO,
    "DiLoCo 64": {"local_steps": 64} | DILOCO,
    "DiLoCo 64, local_after 0.1": {"local_steps": 64, "local_after": 0.1} | DILOCO,
}


def main():
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    given = parser.parse_args()
    text = default_corpus()
    sys.stdout.write(f"{len(text):,} characters, {given.epochs} epochs, seeds {given.seeds}\n\n")
    sys.stdout.write("| way | nats per character | exchanges in 1,000 steps |\n|---|---|---|\n")
    for way, params in WAYS.items():
        losses = []
        for seed in given.seeds:
            model = LanguageModel(
                units=given.units, batch_size=32, seq_length=50, micro_batches=8, verbose=0,
                validation_fraction=0.1,
                epochs=given.epochs, seed=seed, schedule="cosine", warmup=50, learning_rate=4e-3,
                **params,
            )  # fmt: skip
            losses.append(model.fit(text).history_[-1]["validation"])
        after = params.get("local_after", 0)
        often = 1000 * (after + (1 - after) / params.get("local_steps", 1))
        sys.stdout.write(f"| {way} | {statistics.mean(losses):.4f} | {often:.0f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
