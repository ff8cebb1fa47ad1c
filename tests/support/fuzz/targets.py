"""What is fuzzed: seeds of files by the name of a target, and faults that the fuzzer must see."""

import os
import signal
import time
import warnings

from bptt.errors import DataError
from tests.support.fuzz.interop import array_seeds, audio_seeds, onnx_seeds, torch_seeds
from tests.support.fuzz.keras import keras_seeds
from tests.support.fuzz.models import checkpoint_seeds
from tests.support.fuzz.seeds import CONLL, DATA_SEEDS, JSON, TABLES, TEXT, TS

# Faults of every kind, to show that the fuzzer sees them.


def faulty(how):
    """Return a check that fails in one way."""

    def check(path):
        match how:
            case "dies":
                os.abort()
            case "another error":
                raise KeyError("not ours")
            case "warns":
                warnings.warn("not ours", stacklevel=1)
            case "loops":
                while True:
                    pass
            case "sleeps":
                time.sleep(1000)
            case "deaf":
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
                while True:
                    pass
            case "greedy":
                bytearray(2**40)
            case "refuses":
                raise DataError("refused")

    return how, b"seed", check


FAULTS = [
    "dies", "another error", "warns", "loops", "sleeps", "deaf", "greedy",
    "refuses", "loads",
]  # fmt: skip
TARGETS = {
    "data": lambda: DATA_SEEDS,
    "tables": lambda: TABLES,
    "ts": lambda: TS,
    "conll": lambda: CONLL,
    "json": lambda: JSON,
    "text": lambda: TEXT,
    "checkpoints": checkpoint_seeds,
    "torch": torch_seeds,
    "arrays": array_seeds,
    "audio": audio_seeds,
    "onnx": onnx_seeds,
    "keras": keras_seeds,
    "faults": lambda: [faulty(how) for how in FAULTS],
}
