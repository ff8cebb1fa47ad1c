"""A tiny language model and what its tests share."""

import numpy as np

from bptt import LanguageModel

TEXT = "the cat sat on the mat. " * 40
TINY = {"units": 12, "embedding": 8, "seq_length": 8, "batch_size": 4, "epochs": 2}


def tiny(**settings):
    """Return an unfitted model that trains in a moment."""
    return LanguageModel(**(TINY | settings))


def assert_same_parameters(a, b):
    """Assert that two models have bit-identical parameters."""
    assert list(a.parameters_) == list(b.parameters_)
    for name, w in a.parameters_.items():
        np.testing.assert_array_equal(b.parameters_[name], w, err_msg=name)
