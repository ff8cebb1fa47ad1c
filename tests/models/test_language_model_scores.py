"""LanguageModel: learning, scores, cross-entropy, perplexity."""

import math
from collections import Counter

import numpy as np
import pytest

from bptt import LanguageModel
from bptt.corpus import default_corpus
from bptt.errors import ConfigError
from tests.support.language_models import TEXT, tiny


def unigram_nats(training, held_out):
    counts = Counter(training)
    total = len(training) + len(counts) + 1
    return -sum(math.log((counts[c] + 1) / total) for c in held_out) / len(held_out)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_it_learns_real_text_better_than_counting_characters(cell):
    text = default_corpus()[:20_000]
    model = LanguageModel(
        cell=cell,
        units=24,
        embedding=16,
        seq_length=20,
        batch_size=20,
        epochs=4,
        learning_rate=0.01,
    ).fit(text)
    training, held_out = model.split(text)
    uniform = math.log(len(model.vocabulary_) + 1)
    unigram = unigram_nats(training, held_out)
    assert unigram < uniform - 0.5
    assert model.history_[-1]["validation"] < unigram - 0.3
    assert model.cross_entropy(held_out) < unigram - 0.3
    losses = [row["loss"] for row in model.history_]
    assert losses == sorted(losses, reverse=True)


def test_a_model_that_has_learnt_nothing_scores_the_log_of_its_symbols():
    model = tiny(epochs=1, learning_rate=1e-12).fit(TEXT)
    assert model.score(TEXT) == pytest.approx(-math.log(len(model.vocabulary_) + 1), rel=0.03)
    model.parameters_ = {n: np.zeros_like(w) for n, w in model.parameters_.items()}
    assert model.score(TEXT) == pytest.approx(-math.log(len(model.vocabulary_) + 1), rel=1e-6)


def test_a_text_learned_by_heart_has_a_cross_entropy_near_zero():
    model = tiny(cell="gru", units=24, learning_rate=0.02, epochs=12, seed=3).fit(TEXT)
    assert 0 < model.cross_entropy("the mat. the cat sat on the ") < 0.4
    assert model.cross_entropy("tac eht") > 3


def test_the_score_does_not_depend_on_the_window(fitted, monkeypatch):
    text = TEXT[:700]
    score = fitted.score(text)
    assert isinstance(score, float)
    for window in (1, 13, 10_000):
        monkeypatch.setattr("bptt.models.language_model._WINDOW", window)
        assert fitted.score(text) == pytest.approx(score, rel=1e-5)


def test_the_score_is_the_mean_over_the_characters_after_the_first(fitted):
    text = "the cat sat. the mat."
    tokens = [1 + fitted.vocabulary_.index(c) for c in text]
    z, _, _ = fitted.network_.forward(np.array([tokens]), fitted.parameters_)
    p = np.exp(z[0].astype(float))
    p /= p.sum(1, keepdims=True)
    nats = [-math.log(p[t, tokens[t + 1]]) for t in range(len(text) - 1)]
    assert fitted.score(text) == pytest.approx(-np.mean(nats), rel=1e-5)


def test_unknown_characters_are_all_scored_as_the_one_unknown_symbol(fitted):
    known, unknown = fitted.score("the cat"), fitted.score("the ☃at")
    assert unknown == fitted.score("the 語at") == fitted.score("the \0at")
    assert math.isfinite(unknown)
    assert unknown < known
    assert list(fitted.encode("a☃t語")) == [
        1 + fitted.vocabulary_.index("a"),
        0,
        1 + fitted.vocabulary_.index("t"),
        0,
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 characters; expected at least 2"),
        ("a", "has 1 character; expected at least 2"),
        (None, "is None; expected a str"),
        (b"bytes", "is b'bytes'; expected a str"),
        ([], r"is \[\]; expected a str"),
    ],
)
def test_texts_that_cannot_be_scored_are_refused(fitted, text, words):
    with pytest.raises(ConfigError, match=rf"^LanguageModel\.score: the text {words}"):
        fitted.score(text)
