"""Every public model with small data that it learns from: the registry of the models' tests.

A new model is a row here; `test_contract` fails until it has one. Names before a space are classes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import bptt


class ModelRow(NamedTuple):
    build: Callable[[], Any]
    data: tuple  # for fit
    outcomes: Callable[[Any], Any]  # everything that can be asked of the fitted model
    bad_data: tuple
    bad_setting: dict
    shown: str


TEXT = "the cat sat on the mat. " * 30
_RNG = np.random.default_rng(0)
N = 12

SERIES = [_RNG.standard_normal((n, 3)).cumsum(axis=0) for n in (5, 3, 7, 1, 4, 6, 2, 5, 3, 4, 6, 5)]
LABELS = ["up" if x[-1, 0] > 0 else "down" for x in SERIES]
NUMBERS = [float(x[-1, 0]) for x in SERIES]
SIGNS = [(x[:, 0] > 0).astype(int) for x in SERIES]
MIXED = [x.copy() for x in SERIES]
for _x in MIXED:
    _x[:, 1] = _RNG.integers(-3, 4, len(_x))
STRINGS = ["anna", "otto", "eva", "ben", "ada", "udo", "ida", "jan", "mia", "tim", "lea", "max"]
SENTENCES = [s.split() for s in ("the cat sat", "a dog ran", "the dog", "a Cat sat there")] * 3
TAGS = [["D", "N", "V", "R"][: len(s)] for s in SENTENCES]
WAVE = np.sin(np.arange(80) / 3) + 0.01 * np.arange(80)
WAVES = np.stack([WAVE, np.cos(np.arange(80) / 3)], axis=1)

SMALL = {"units": 4, "epochs": 2, "batch_size": 4}


def bad_series():
    """The third sequence has a feature too few."""
    return [*SERIES[:2], SERIES[2][:, :2], *SERIES[3:]]


def of_sequences(X):
    """Everything a classifier or tagger says of X, as lists."""

    def ask(model):
        said = [model.predict(X), model.predict_proba(X)]
        return [[np.asarray(row).tolist() for row in part] for part in said]

    return ask


def forecasts(model):
    return [model.predict().tolist(), model.backtest(WAVE[:60])[0].tolist(), model.score(WAVE)]


def row(kind, data, outcomes, bad_data, bad_setting, **settings):
    cls, given = getattr(bptt, kind), SMALL | settings
    names = [f.name for f in dataclasses.fields(cls) if f.name in given]
    shown = ", ".join(f"{name}={given[name]!r}" for name in names)
    return ModelRow(
        lambda: cls(**SMALL, **settings), data, outcomes, bad_data, bad_setting, f"{kind}({shown})"
    )


MODELS = {
    "LanguageModel": ModelRow(
        build=lambda: bptt.LanguageModel(
            units=8, embedding=4, seq_length=16, batch_size=4, epochs=1
        ),
        data=(TEXT,),
        outcomes=lambda model: (model.score("a cat sat."), model.sample("the", 20, seed=1)),
        bad_data=(b"bytes",),
        bad_setting={"units": 0},
        shown="LanguageModel(units=8, batch_size=4, epochs=1, embedding=4, seq_length=16)",
    ),
    "SequenceClassifier": row(
        "SequenceClassifier",
        (SERIES, LABELS),
        of_sequences(SERIES),
        (bad_series(), LABELS),
        {"pooling": "sum"},
        class_weight="balanced",
    ),
    "SequenceClassifier mixed": row(
        "SequenceClassifier",
        (MIXED, [i % 3 for i in range(N)]),
        of_sequences(MIXED),
        (MIXED, [0.5] * N),
        {"class_weight": {7: 1.0}},
        cell="gru",
        layers=2,
        dropout=0.2,
        validation_fraction=0.25,
        bidirectional=True,
        categories=(1,),
        class_weight={0: 2.0, 2: 0.5},
        pooling="mean",
    ),
    "SequenceClassifier strings": row(
        "SequenceClassifier",
        (STRINGS, [s[-1] in "aeiou" for s in STRINGS]),
        of_sequences([*STRINGS, "Übermensch", ""]),
        ([*STRINGS[:-1], 3.0], LABELS),
        {"categories": (0,)},
        initial_state="learned",
        pooling="max",
    ),
    "SequenceClassifier words": row(
        "SequenceClassifier",
        (SENTENCES, LABELS),
        of_sequences([*SENTENCES, ["never", "seen"], []]),
        ([*SENTENCES[:-1], ["a", 3]], LABELS),
        {"char_units": -1},
        char_units=3,
    ),
    "SequenceRegressor": row(
        "SequenceRegressor",
        (SERIES, NUMBERS),
        lambda model: (model.predict(SERIES).tolist(), model.score(SERIES, NUMBERS)),
        (SERIES, NUMBERS[:-1]),
        {"standardize": 1},
    ),
    "SequenceRegressor two": row(
        "SequenceRegressor",
        (SERIES, [[v, -v] for v in NUMBERS]),
        lambda model: (model.predict(SERIES).tolist(), len(model.y_mean_)),
        (SERIES, [[np.nan, 0.0]] * N),
        {"cell": "transformer"},
        standardize=False,
    ),
    "SequenceTagger": row(
        "SequenceTagger",
        (SENTENCES, TAGS),
        of_sequences([*SENTENCES, ["unseen"], ["x" * 200], []]),
        (SENTENCES, [*TAGS[:-1], ["D"]]),
        {"embedding": 0},
        char_units=3,
    ),
    "SequenceTagger numbers": row(
        "SequenceTagger",
        (SERIES, SIGNS),
        of_sequences(SERIES),
        (SERIES, [*SIGNS[:-1], SIGNS[-1] + 0.5]),
        {"bidirectional": "yes"},
        bidirectional=False,
        class_weight={0: 3.0},
    ),
    "Forecaster": row(
        "Forecaster",
        (WAVE,),
        forecasts,
        (WAVE[:13],),
        {"window": 0},
        validation_fraction=0.2,
        window=12,
        horizon=3,
    ),
    "Forecaster gaussian": row(
        "Forecaster",
        ([WAVES, WAVES[:50]],),
        lambda model: [
            model.predict().tolist(),
            model.predict(WAVES).tolist(),
            np.array(model.predict_interval(coverage=0.8)).tolist(),
        ],
        ([WAVES, WAVES[:, :1]],),
        {"strategy": "oracle"},
        window=12,
        horizon=3,
        strategy="recursive",
        output="gaussian",
        residual="target",
        season=6,
    ),
    "Forecaster quantile": row(
        "Forecaster",
        (WAVE,),
        lambda model: [*forecasts(model), np.array(model.predict_interval()).tolist()],
        (np.where(WAVE > 1.5, np.nan, WAVE),),
        {"levels": (0.9, 0.5)},
        window=12,
        horizon=3,
        output="quantile",
        residual="none",
    ),
}
