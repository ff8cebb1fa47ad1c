"""Checkpoints to fuzz: small models of every kind, finished and in the middle of their training."""

import contextlib
import json
import math
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

import bptt
from bptt import (
    Forecaster,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from bptt.training import columns
from bptt.training.array_files import load_arrays, save_arrays

# Checkpoints: an unchanged digest means unchanged content; a forged one gives a usable model.

TEXT = "the cat sat on the mat. " * 6
SMALL = {"units": 3, "embedding": 2, "seq_length": 4, "batch_size": 2, "epochs": 2}


def checkpoint_seeds():
    """Train small models of every kind and return their files as seeds."""
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        arrays = {"w": np.array([[1, -2.5]], np.float32), "n": np.array(-3, np.int64)}
        save_arrays(path, arrays, {"kind": "none", "a": [1.5, "é", {"b": None}]})
        seeds.append(("arrays", path.read_bytes(), check_arrays))
        seeds.append(("columns", _with_columns(path, arrays), check_arrays))
        for name, model in models():
            example = EXAMPLES.get(name, (None,))[0]
            check = partial(check_model, X=example)
            model.save(path)
            seeds.append((name, path.read_bytes(), check))
            if name in ("language", "tagger", "quantiles"):
                with _everything_large():
                    model.save(path)
                seeds.append((f"{name} in columns", path.read_bytes(), check))
        for name, (model, *data) in unfinished().items():
            path = Path(folder) / name
            model.fit(*data, progress="silent", checkpoint=path, on_step=_stop_in_epoch_2)
            (written,) = path.parent.glob(f"{name}-*")
            seeds.append((name, written.read_bytes(), partial(check_training, data=data)))
    return seeds


@contextlib.contextmanager
def _everything_large():
    """Store every list and text of a configuration in arrays, whatever its size."""
    small, columns.SMALL = columns.SMALL, 2
    try:
        yield
    finally:
        columns.SMALL = small


def _with_columns(path, arrays):
    row = {"epoch": 1, "loss": 0.5, "validation": None}
    config = {
        "texts": ["abc", "", "é"],
        "floats": [0.5, -1.0],
        "mixed": [None, 1, 0.5],
        "lists": [[[1], []], [[2, 3]]],
        "rows": [row, row | {"validation": 0.25}],
        "text": "long",
    }
    with _everything_large():
        save_arrays(path, arrays, config)
    return path.read_bytes()


def models():
    """Yield fitted models, one of each kind, small."""
    yield "language", LanguageModel(**SMALL).fit(TEXT, progress="silent")
    documents = ["the cat", "a mat", "sat on it"] * 2
    options = {"cell": "gru", "initial_state": "learned", "validation_fraction": 0.0}
    deep = LanguageModel(**SMALL, layers=2, **options)
    yield "documents", deep.fit(documents, progress="silent")
    for name, model in learners():
        yield name, model.fit(*EXAMPLES[name], progress="silent")


def learners():
    """Yield models of every other kind, not fitted."""
    tiny = {"units": 2, "epochs": 1, "batch_size": 2}
    yield "classifier", SequenceClassifier(**tiny, pooling="mean", bidirectional=True)
    yield "strings", SequenceClassifier(**tiny, embedding=2)
    yield "columns", SequenceClassifier(**tiny, categories=[1], embedding=2)
    yield "regressor", SequenceRegressor(**tiny, cell="rnn")
    yield "tagger", SequenceTagger(**tiny, embedding=2, char_units=1, char_embedding=2)
    yield "forecaster", Forecaster(**tiny, window=4, horizon=2, output="gaussian")
    quantiles = {"output": "quantile", "levels": [0.1, 0.5, 0.9]}
    yield "quantiles", Forecaster(**tiny, window=4, horizon=2, season=2, **quantiles)


_STEPS = [np.array([[0.5, 1], [-1, 0], [2, 2]], np.float32), np.array([[1, 1], [3, 0]], np.float32)]
_WORDS = [["the", "cat"], ["a", "mat", "sat"]]
_SERIES = np.sin(np.arange(24.0))
EXAMPLES = {  # name -> what the model is fitted on, and then used on
    "classifier": (_STEPS * 2, ["a", "b"] * 2),
    "strings": (["anna", "bob"] * 2, ["x", "y"] * 2),
    "columns": (_STEPS * 2, [1, 2] * 2),
    "regressor": (_STEPS * 2, [0.5, -1.0] * 2),
    "tagger": (_WORDS * 2, [["D", "N"], ["D", "N", "V"]] * 2),
    "forecaster": (_SERIES,),
    "quantiles": (np.stack([_SERIES, _SERIES**2], axis=1),),
}


def check_arrays(path):
    """Load arrays and write them again: the same bytes come back."""
    arrays, config = load_arrays(path)
    again = path.with_name("again")
    save_arrays(again, arrays, config)
    arrays_again, config_again = load_arrays(again)
    assert json.dumps(config_again) == json.dumps(config)
    assert list(arrays_again) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(arrays_again[name], array, strict=True)


def check_model(path, X=None):
    """Load a model, write it again, and use it."""
    model = bptt.load(path)
    again = path.with_name("again")
    model.save(again)
    other = bptt.load(again)
    assert repr(other) == repr(model)
    for name, p in model.parameters_.items():
        np.testing.assert_array_equal(other.parameters_[name], p, strict=True)
    use(model, X)


def use(model, X):
    """Predict with a model of any kind; a model may refuse the X of another."""
    if isinstance(model, LanguageModel):
        assert math.isfinite(model.score("the cat"))
        model.sample("the", length=3, seed=0)
        return
    predicted = model.predict(X)
    if isinstance(model, Forecaster):
        assert np.isfinite(predicted).all()
        assert np.isfinite(model.predict()).all()
        model.stream().step(np.zeros((1, len(model.mean_))))
        return
    assert len(predicted) == len(X)
    if hasattr(model, "predict_proba"):
        for p in model.predict_proba(X):
            np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-5)
    if not model.bidirectional:
        model.stream()


def unfinished():
    """Return models whose training shall end in its second epoch, and what they learn from."""
    X, y = EXAMPLES["columns"]
    tagger = {"units": 2, "char_units": 1, "embedding": 2, "optimizer": "sgd", "batch_size": 1}
    return {
        "training": (LanguageModel(**SMALL, dropout=0.1, cell="gru", patience=1), TEXT),
        "training documents": (
            LanguageModel(**SMALL, optimizer="rmsprop", validation_fraction=0.0),
            ["abcde", "bcdef"] * 3,
        ),
        "training columns": (
            SequenceClassifier(units=2, batch_size=1, schedule="plateau", epochs=3, categories=[1]),
            X,
            y,
        ),
        "training tagger": (SequenceTagger(**tagger, epochs=3), *EXAMPLES["tagger"]),
    }


def _stop_in_epoch_2(p):
    return p.epoch == 2


def check_training(path, data):
    """Load a checkpoint, and train two steps more from where it ends."""
    model = bptt.load(path)
    first = []
    model.fit(
        *data,
        progress="silent",
        resume=path,
        on_step=lambda p: first.append(p.step) or p.step > first[0],
    )
