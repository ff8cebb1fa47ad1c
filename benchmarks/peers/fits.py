"""Whole training steps by bptt's public models: what compare.py times beside bench.py's rows.

Only names that no version has changed are used, so that any version can run it.
"""

import numpy as np

import bptt

from .cases import FIT_STEPS
from .worker import Configuration


def hello():
    return {"version": f"bptt {bptt.__version__}"}


def prepare(case):
    return {"SequenceClassifier.fit": fit(case)}


def fit(case):
    """`SequenceClassifier.fit`, one epoch of `FIT_STEPS` batches: all that a user waits for."""
    n_x, units, batch_size, T_x = case.size
    rng = np.random.default_rng(5)
    m = FIT_STEPS * batch_size
    X = list(rng.standard_normal((m, T_x, n_x), dtype=np.float32))
    y = ["up", "down"] * (m // 2)
    model = bptt.SequenceClassifier(
        cell=case.cell, units=units, batch_size=batch_size, epochs=1, seed=0
    )
    return Configuration(
        lambda: model.fit(X, y, progress="silent"),
        lambda fitted: fitted.parameters_,
        work=FIT_STEPS,
    )
