"""Fitted models of every kind, with inputs of their ONNX graphs and their own predictions."""

import numpy as np
import pytest

from bptt.models import (
    Forecaster,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from bptt.readers import Data

LABELS = np.array(list("abcabcab"))
OPTIONS = {"units": 5, "epochs": 1, "verbose": 0}


def padded(sequences):
    out = np.zeros((len(sequences), max(map(len, sequences)), *sequences[0].shape[1:]))
    for row, x in zip(out, sequences, strict=True):
        row[: len(x)] = x
    return out, np.array([len(x) for x in sequences], np.int32)


def there(y, given):
    """Return what counts of an output (m, T_x, ...): the steps that exist."""
    if "lengths" not in given or y.ndim < 3:
        return y
    return y[np.arange(y.shape[1]) < given["lengths"][:, np.newaxis]]


def sequences(**options):
    rng = np.random.default_rng(0)
    X = [5 * rng.standard_normal((n, 3)) + 2 for n in (4, 1, 7, 3, 2, 5, 6, 4)]
    if "missing" in options:
        X[0][1, 2] = X[2][0, 0] = np.nan
    if "categories" in options:
        for x in X:
            x[:, 1] = np.abs(x[:, 1]).round() * 3
    return X


def classifier(**options):
    X = sequences(**options)
    model = SequenceClassifier(**OPTIONS, **options).fit(X, LABELS)
    x, lengths = padded(X)
    x = x.astype(np.float32)
    expected = model.predict_proba([row[:n] for row, n in zip(x, lengths, strict=True)])
    return model, {"x": x, "lengths": lengths}, "probabilities", expected


def regressor():
    X = sequences()
    model = SequenceRegressor(**OPTIONS).fit(X, np.array([x.sum() for x in X]) * 3 + 50)
    x, lengths = padded(X)
    expected = model.predict(X)[:, np.newaxis]
    return model, {"x": x.astype(np.float32), "lengths": lengths}, "prediction", expected


def documents():
    X = ["the cat sat", "a dog", "the dog ran off", "a cat", "off", "the cat ran", "dog", "sat off"]
    model = SequenceClassifier(**OPTIONS).fit(X, LABELS)
    ids, lengths = padded(model.encoder_.encode(Data(X)))
    given = {"tokens": ids.astype(np.int64), "lengths": lengths}
    return model, given, "probabilities", model.predict_proba(X)


def tagger(char_units):
    X = [["the", "cat", "sat"], ["a", "dog"], ["the", "dog", "ran", "off"]]
    y = [["D", "N", "V"], ["D", "N"], ["D", "N", "V", "P"]]
    model = SequenceTagger(**OPTIONS, char_units=char_units, bidirectional=True).fit(X, y)
    ids, lengths = padded(model.encoder_.encode(Data(X)))
    given = {"tokens": ids.astype(np.int64), "lengths": lengths}
    return model, given, "probabilities", padded(model.predict_proba(X))[0]


def language_model():
    model = LanguageModel(units=5, layers=2, epochs=1, verbose=0, batch_size=2, seq_length=8)
    model.fit("the quick brown fox jumps over the lazy dog. " * 4)
    ids = np.random.default_rng(0).integers(0, 10, (3, 7))
    zeros = np.zeros((1, 3, 5), np.float32)
    states = {f"lstm{k}.{s}": zeros for k in (0, 1) for s in "ac"}
    expected = model.network_.forward(ids, model.parameters_)[0]
    return model, {"tokens": ids, **states}, "logits", expected


def forecaster(**options):
    t = np.arange(120.0)
    series = np.stack([10 * np.sin(t / 5) + 50, 3 * np.cos(t / 7)], axis=1)
    if "missing" in options:
        series[[5, 40, 41]] = np.nan
    if options.get("output") == "negative_binomial":
        series = np.round(np.abs(series))
    model = Forecaster(**{**OPTIONS, "window": 24, "horizon": 4, **options}).fit(series)
    pieces = [series[i : i + 24] for i in (0, 30, 60)]
    if "missing" in options:
        ends = [model._last(model._read(piece, 24, "a window")) for piece in pieces]
        rows = np.concatenate([end.windows() for end in ends])
        windows, masks = np.split(rows.astype(np.float32), 2, axis=2)
        given = {"window": windows, "masks": masks}
    else:
        given = {"window": np.stack(pieces).astype(np.float32)}
    steps = 1 if "strategy" in options else model.horizon
    return model, given, "forecast", np.stack([model.predict(w)[:steps] for w in pieces])


def forecaster_of_dates():
    """With a past covariate, one that is known in the future, and the calendar."""
    pandas = pytest.importorskip("pandas")
    t = np.arange(96)
    columns = {"load": np.sin(t / 4), "promo": t % 3.0, "wind": t % 5.0}
    table = pandas.DataFrame(columns, index=pandas.date_range("2024-01-01", periods=96, freq="h"))
    model = Forecaster(**OPTIONS, window=12, horizon=4, target=["load"], future=["promo"],
                       calendar=["hour"]).fit(table[:72])  # fmt: skip
    inputs = model.network_inputs(table[:72], future=table[72:])[0]
    window = table[["load"]].to_numpy(np.float32)[np.newaxis, 60:72]
    given = {"window": window, "covariates": inputs[np.newaxis, :, -model.n_covariates :]}
    return model, given, "forecast", model.predict(table[:72], future=table[72:]).to_numpy()[None]


def forecaster_of_scales(**options):
    """Two series, each scaled by its own mean and deviation."""
    t = np.arange(60.0)
    waves = (5 * np.sin(t / 5) + 9, 80 * np.cos(t / 7) + 99)
    series = [np.round(wave)[:, np.newaxis] for wave in waves]
    how = OPTIONS | {"window": 12, "horizon": 4, "scaling": "series"} | options
    model = Forecaster(**how).fit(series)
    scales = model._ends(None)[0].scales
    given = {
        "window": np.stack([x[-12:] for x in series]).astype(np.float32),
        "mean": scales.mean[:, np.newaxis].astype(np.float32),
        "scale": scales.scale[:, np.newaxis].astype(np.float32),
    }
    return model, given, "forecast", model.predict()


MODELS = {
    "classifier": classifier,
    "classifier, both ways, mean": lambda: classifier(bidirectional=True, layers=2, cell="gru",
                                                      pooling="mean"),
    "classifier, max, learned": lambda: classifier(pooling="max", standardize=False,
                                                   initial_state="learned"),
    "classifier, missing": lambda: classifier(missing="indicator"),
    "classifier, categories": lambda: classifier(categories=[1]),
    "classifier of documents": documents,
    "regressor": regressor,
    "tagger": lambda: tagger(0),
    "tagger of characters": lambda: tagger(3),
    "language model": language_model,
    "forecaster": forecaster,
    "forecaster, gaussian": lambda: forecaster(output="gaussian", residual="target"),
    "forecaster, Student's t": lambda: forecaster(output="student_t", season=6),
    "forecaster, counts": lambda: forecaster(output="negative_binomial"),
    "forecaster, not below 0": lambda: forecaster(output="gaussian", nonnegative=True),
    "forecaster, season": lambda: forecaster(season=12, horizon=5),
    "forecaster, quantile": lambda: forecaster(output="quantile", residual="none", horizon=9,
                                               season=7),
    "forecaster, recursive": lambda: forecaster(strategy="recursive"),
    "forecaster, missing": lambda: forecaster(missing="indicator"),
    "forecaster, covariates": forecaster_of_dates,
    "forecaster, scales": forecaster_of_scales,
    "forecaster, scales, counts": lambda: forecaster_of_scales(output="negative_binomial"),
}  # fmt: skip
