"""Small models of sequences."""

import numpy as np

from bptt import SequenceClassifier, engine
from tests.support.model_cases import (
    LABELS,
    SERIES,
)
from tests.support.tolerances import assert_close

SMALL = {"units": 4, "epochs": 1, "batch_size": 4}


QUIET = {"progress": "silent"}


def classifier(**settings):
    return SequenceClassifier(**SMALL, **settings).fit(SERIES, LABELS, **QUIET)


def alike(actual, expected):
    """Equal to the bit on the native engine, labels on every one; else as float32 is."""
    if np.asarray(actual).dtype.kind == "f" and engine.provider().name != "native":
        assert_close(np.asarray(actual, np.float32), expected, "rows")
    else:
        assert np.array_equal(actual, expected)
