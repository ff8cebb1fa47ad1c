"""Files of Keras to fuzz: .keras, .h5 and .weights.h5 of `golden/keras_files.npz`."""

from pathlib import Path

import numpy as np

from tests.support.fuzz.interop import check_whole

FILES = Path(__file__).parents[2] / "golden" / "keras_files.npz"
MODELS = ("lstm_sequences", "both_sequences", "embedding_mask", "norms", "functional", "branched")


def keras_seeds():
    """Return small files: (name, bytes, check)."""
    with np.load(FILES) as files:
        return [
            (f"{name}{ending}", files[f"{name}/{ending}"].tobytes(), check_whole)
            for name in MODELS
            for ending in (".keras", ".h5", ".weights.h5")
        ]
