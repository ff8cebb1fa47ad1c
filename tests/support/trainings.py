"""Small trainings, and what their tests share."""

import numpy as np

from bptt import LSTM, Dense, Embedding, LanguageModel, Network
from bptt.layers import Dropout

TEXT = "the cat sat on the mat. " * 40
DOCUMENTS = ["the cat", "sat on", "the mat", "a cat", "on a mat sat the cat", "the"] * 6
TINY = {
    "units": 12, "embedding": 8, "seq_length": 8, "batch_size": 4, "epochs": 3, "layers": 2,
    "dropout": 0.3, "input_dropout": 0.1, "initial_state": "learned",
}  # fmt: skip
TIMES = ("seconds", "steps_per_second")
V = 6  # tokens of the networks


def tiny(**settings):
    return LanguageModel(**(TINY | settings))


def quiet(model, X, **settings):
    return model.fit(X, progress="silent", **settings)


def without_times(history):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in history]


def assert_same(a, b):
    assert list(a.parameters_) == list(b.parameters_)
    for name, p in a.parameters_.items():
        np.testing.assert_array_equal(b.parameters_[name], p, err_msg=name)
    assert without_times(a.history_) == without_times(b.history_)


def network_and_parameters(learned=False, dropout=0.0):
    layers = [Embedding(V, 4), LSTM(4, 5)] + [Dropout(5, dropout)] * bool(dropout) + [Dense(5, V)]
    network = Network(layers, initial_state="learned" if learned else "zero")
    parameters = network.init(np.random.default_rng(1), np.float64)
    for name, p in parameters.items():
        if name.endswith("0") and "." in name:
            p[...] = np.random.default_rng(2).standard_normal(p.shape)
    return network, parameters


def sequences(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, V, n) for n in lengths], [rng.integers(0, V, n) for n in lengths]
