"""The corpus of published model files, where it is present, and how a task of it is compared."""

import json
from pathlib import Path

import numpy as np
import pytest

CORPUS = Path(__file__).parents[3] / "shared" / "interop"
corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of models is not here")
GOLDEN = Path(__file__).parents[1] / "golden"


def tasks(*starts):
    """Return the names of the tasks of the corpus that start like one of these; [] without it."""
    return sorted(d.name for d in CORPUS.glob("*") if d.name.startswith(starts))


def task(name):
    """Return the folder of a task, what it says, and its arrays by names."""
    folder = CORPUS / name
    with np.load(folder / "vectors.npz") as arrays:
        return folder, json.loads((folder / "task.json").read_text()), dict(arrays)


def close(actual, expected, tolerance):
    """Assert that outputs have the tolerance of a task; return the largest difference."""
    np.testing.assert_allclose(actual, expected, tolerance["rtol"], tolerance["atol"])
    return float(np.abs(actual - expected).max())
