"""Classifiers, regressors and taggers: predictions, streams, validation."""

import numpy as np
import pytest

import bptt
from bptt import SequenceClassifier, SequenceRegressor, SequenceTagger
from bptt.errors import ConfigError, ShapeError
from tests.support.cases import same_bits
from tests.support.model_cases import (
    LABELS,
    MODELS,
    NUMBERS,
    SENTENCES,
    SERIES,
    STRINGS,
    TAGS,
    N,
)
from tests.support.sequence_models import QUIET, SMALL, alike, classifier
from tests.support.tolerances import assert_close

# What they say


@pytest.mark.parametrize("name", [n for n in MODELS if n.startswith("Sequence")])
def test_a_sequence_is_predicted_alone_as_among_others(name):
    row = MODELS[name]
    model, X = row.build().fit(*row.data, **QUIET), row.data[0]
    together = model.predict(X)
    for i, x in enumerate(X):
        alike(np.array(model.predict([x])[0]), np.array(together[i]))


def test_probabilities_are_those_of_the_classes():
    model = classifier()
    p = model.predict_proba(SERIES)
    assert p.shape == (N, 2)
    assert_close(p.sum(axis=1), np.ones(N), "equations")
    assert (model.predict(SERIES) == model.classes_[p.argmax(axis=1)]).all()
    assert model.score(SERIES, LABELS) == np.mean(model.predict(SERIES) == np.array(LABELS))


@pytest.mark.parametrize(
    "labels",
    [
        [i % 3 for i in range(N)],
        np.arange(N, dtype=np.int32) % 2 * 7 - 3,
        [i % 2 == 0 for i in range(N)],
        [float(i % 2) for i in range(N)],
        ["Ä" * (i % 3 + 1) for i in range(N)],
        np.array(["a", "b"] * 6, dtype=object),
        [5] * N,
    ],
)
def test_labels_of_every_kind_come_back(labels, tmp_path):
    model = SequenceClassifier(**SMALL).fit(SERIES, labels, **QUIET)
    assert model.classes_.tolist() == sorted(set(np.asarray(labels).tolist()))
    assert set(model.predict(SERIES).tolist()) <= set(np.asarray(labels).tolist())
    model.save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.predict(SERIES).tolist() == model.predict(SERIES).tolist()
    assert loaded.score(SERIES, labels) == model.score(SERIES, labels)


def test_models_learn():
    rng = np.random.default_rng(1)
    X = [rng.standard_normal((rng.integers(2, 9), 2)) for _ in range(60)]
    y = [int(x[:, 0].sum() > 0) for x in X]
    how = {"units": 16, "epochs": 40, "batch_size": 10, "learning_rate": 0.02, "cell": "gru"}
    for pooling in ("last", "mean", "max"):
        for both in (False, True):
            model = SequenceClassifier(**how, pooling=pooling, bidirectional=both)
            assert model.fit(X, y, **QUIET).score(X, y) > 0.93, (pooling, both)
    tags = [(x.cumsum(axis=0)[:, 0] > 0).astype(int) for x in X]
    assert SequenceTagger(**how).fit(X, tags, **QUIET).score(X, tags) > 0.93
    sums = [x.sum(axis=0) for x in X]
    assert SequenceRegressor(**how).fit(X, sums, **QUIET).score(X, sums) > 0.9


def test_class_weights_move_the_decision():
    y = ["rare" if i == 0 else "common" for i in range(N)]
    X = [np.zeros((3, 1))] * N  # nothing to tell them by
    how = dict(SMALL, epochs=150, learning_rate=0.05)
    plain = SequenceClassifier(**how).fit(X, y, **QUIET).predict_proba(X)[0]
    balanced = SequenceClassifier(**how, class_weight="balanced").fit(X, y, **QUIET)
    heavy = SequenceClassifier(**how, class_weight={"rare": 33.0}).fit(X, y, **QUIET)
    assert plain[1] == pytest.approx(1 / 12, abs=0.04)
    assert balanced.predict_proba(X)[0, 1] == pytest.approx(0.5, abs=0.1)
    assert heavy.predict_proba(X)[0, 1] == pytest.approx(0.75, abs=0.1)


def test_regression_does_not_depend_on_the_unit_of_the_target():
    one = SequenceRegressor(**SMALL).fit(SERIES, NUMBERS, **QUIET)
    far = SequenceRegressor(**SMALL).fit(SERIES, [1e6 * v - 5e7 for v in NUMBERS], **QUIET)
    assert_close(far.predict(SERIES), 1e6 * one.predict(SERIES) - 5e7, "float32")
    two = SequenceRegressor(**SMALL).fit(SERIES, [[v, 2 * v] for v in NUMBERS], **QUIET)
    assert two.predict(SERIES).shape == (N, 2)
    assert one.predict(SERIES).shape == (N,)


# Streams


@pytest.mark.parametrize("initial_state", ["zero", "learned"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_a_classifier_streams_what_it_says_of_each_beginning(pooling, initial_state):
    model = classifier(pooling=pooling, initial_state=initial_state, cell="gru")
    if initial_state == "learned":
        assert model.parameters_["gru0.a0"].any()
    x, other = SERIES[2], SERIES[10]
    stream = model.stream(2)
    for t in range(6):
        p = stream.step(np.stack([x[t], other[t]]))
        alike(p, model.predict_proba([x[: t + 1], other[: t + 1]]))
        if t == 2:
            kept, expected = stream.state, stream.step(np.stack([x[3], other[3]]))
            stream.state = kept
            assert same_bits(stream.step(np.stack([x[3], other[3]])), expected)
            stream.state = kept
    stream.reset()
    alike(stream.step(np.stack([x[0]] * 2)), model.predict_proba([x[:1]] * 2))


def test_taggers_and_regressors_stream_too():
    tagger = SequenceTagger(**SMALL, bidirectional=False).fit(SENTENCES, TAGS, **QUIET)
    stream, whole = tagger.stream(), tagger.predict_proba([["the", "newt", "sat"]])[0]
    for t, word in enumerate(["the", "newt", "sat"]):
        alike(stream.step([word])[0], whole[t])
    letters = SequenceClassifier(**SMALL).fit(STRINGS, LABELS, **QUIET)
    stream = letters.stream()
    for t, c in enumerate("anna"):
        alike(stream.step(c), letters.predict_proba(["anna"[: t + 1]]))
    numbers = SequenceRegressor(**SMALL).fit(SERIES, NUMBERS, **QUIET)
    alike(numbers.stream().step(SERIES[0][:1]), numbers.predict([SERIES[0][:1]]))


def test_streams_refuse():
    with pytest.raises(ConfigError, match="bidirectional; expected one direction"):
        classifier(bidirectional=True).stream()
    with pytest.raises(ShapeError, match=r"xt has shape \(1, 2\); expected \(1, 3\)"):
        classifier().stream().step(np.zeros((1, 2)))
    with pytest.raises(ConfigError, match="xt holds NaN at step 0, feature 1"):
        classifier().stream().step([[0.0, np.nan, 0.0]])
    tagger = SequenceTagger(**SMALL, bidirectional=False).fit(SENTENCES, TAGS, **QUIET)
    with pytest.raises(ShapeError, match="expected 2 of words, each a str"):
        tagger.stream(2).step(["one"])


# Validation


def test_early_stopping_keeps_the_best_parameters():
    how = dict(SMALL, epochs=30, learning_rate=0.1)
    model = SequenceClassifier(**how, patience=2)
    model.fit(SERIES, LABELS, validation=(SERIES[:4], ["up"] * 4), **QUIET)
    losses = [row["validation"] for row in model.history_]
    assert len(losses) < 30
    assert losses.index(min(losses)) == len(losses) - 3
    p = model.predict_proba(SERIES[:4])[:, 1]
    assert -np.log(p).mean() == pytest.approx(min(losses), rel=1e-5)
