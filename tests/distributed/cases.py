"""Small trainings of every model, and a hash of their results.

``mpiexec -n 3 python tests/distributed/cases.py lstm [CASE]`` prints a line for each case; the
lines must be the same for every number of ranks. ``all`` in place of a cell: all cells, and the
cases of `more`. ``python tests/distributed/one_hash.py`` compares numbers of ranks.
"""

import hashlib
import sys

import numpy as np

import bptt
from bptt.equations.cell import cell_of


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


def more(cell="lstm"):
    """Yield cases with other layers, inputs, outputs, losses, optimizers and schedules."""
    by_name = {name: (model, data) for name, model, data in cases(cell)}

    def other(name, **params):
        model, data = by_name[name]
        return model.set_params(**params), data

    yield "deep", *other("classify", layers=2, bidirectional=True, input_dropout=0.1)
    yield "few rows", *other("regress", batch_size=3, optimizer="sgd", learning_rate=0.05)
    yield "weights", *other("tag", class_weight="balanced", grad_clip=0.1, schedule="cosine")
    yield "gaussian", *other("forecast", output="gaussian", missing="indicator", patience=1)
    diloco = {"local_steps": 3, "outer_learning_rate": 0.7, "outer_momentum": 0.9}
    yield "local steps", *other("text", **diloco, patience=None)
    model, (X, _) = other("classify")
    words = [["ab" * (i % 3), "cd", "e"][: 1 + i % 3] for i in range(len(X))]
    labels = [len(w) for w in words]
    yield "words", model.set_params(char_units=3, optimizer="rmsprop"), (words, labels)
    model, (docs,) = other("documents", schedule="plateau", patience=1, epochs=4, burn_in=2)
    yield "plateau", model, (docs,)


CELLS = (
    "rnn", "rnn_relu", "lstm", "gru", "gru_reset_after", "lstm_cifg", "lstm_peephole",
    "lstm_cifg_peephole", "rnn__softsign", "lstm__hard_sigmoid__tanh__relu",
    "gru__hard_sigmoid__tanh", "gru_reset_after__sigmoid__relu",
    "lstm_peephole__sigmoid__tanh__tanh__clip_3p0",
)  # fmt: skip


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
    names = CELLS if cell == "all" else [cell]
    chosen = [(c, case) for c in names for case in cases(cell_of(c))]
    chosen += [("lstm", case) for case in more()] if cell == "all" else []
    for kind, (name, model, data) in chosen:
        if only in (None, name):
            model.fit(*data, distributed=communicator)
            if communicator.rank == 0:
                sys.stdout.write(f"{kind} {name}: {hash_of(model)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
