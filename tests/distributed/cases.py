"""Small trainings of every model, and a hash of their results.

``mpiexec -n 3 python tests/distributed/cases.py lstm [MODEL]`` prints a line for each model; the
lines must be the same for every number of ranks.
"""

import hashlib
import sys

import numpy as np

import bptt


def cases(cell="lstm", epochs=2):
    """Yield (name, model, data): texts, documents, ragged sequences, windows."""
    rng = np.random.default_rng(5)
    own = {
        "cell": cell, "units": 8, "epochs": epochs, "batch_size": 10, "micro_batches": 8,
        "dropout": 0.2, "verbose": 0, "seed": 3, "validation_fraction": 0.2,
    }  # fmt: skip
    X = [rng.standard_normal((n, 3)).astype(np.float32) for n in rng.integers(1, 12, 47)]
    docs = ["the cat sat " * int(k) for k in rng.integers(1, 9, 33)]
    language = {"embedding": 5, "seq_length": 9}
    text = "the cat sat on the mat. " * 20
    yield "text", bptt.LanguageModel(**own, **language, patience=2), (text,)
    yield "documents", bptt.LanguageModel(**own, **language, initial_state="learned"), (docs,)
    yield "classify", bptt.SequenceClassifier(**own), (X, [int(x.sum() > 0) for x in X])
    yield "regress", bptt.SequenceRegressor(**own), (X, np.array([x.mean() for x in X]))
    labels = [["a" if v > 0 else "b" for v in x[:, 0]] for x in X]
    yield "tag", bptt.SequenceTagger(**own), (X, labels)
    yield "forecast", bptt.Forecaster(**own, window=6, horizon=2), (np.sin(np.arange(90) / 4),)


def hash_of(model):
    """Return a hash of parameters and losses."""
    sha = hashlib.sha256()
    for name, p in model.parameters_.items():
        sha.update(name.encode() + p.tobytes())
    rows = [(row["loss"], row["validation"], row["grad_norm"]) for row in model.history_]
    sha.update(repr(rows).encode())
    return sha.hexdigest()[:16]


def main(cell="lstm", only=None):
    """Print the hashes on rank 0."""
    communicator = bptt.distributed.MPI(timeout=60)
    for name, model, data in cases(cell):
        if only in (None, name):
            model.fit(*data, distributed=communicator)
            if communicator.rank == 0:
                sys.stdout.write(f"{cell} {name} {hash_of(model)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
