"""Forms of X that the models read: arrays, lists, tables, categories, words."""

import numpy as np
import pytest

from bptt import SequenceClassifier, SequenceTagger
from tests.support.cases import copies, same_bits
from tests.support.model_cases import (
    LABELS,
    MIXED,
    MODELS,
    SENTENCES,
    SERIES,
    TAGS,
    N,
)
from tests.support.sequence_models import QUIET, SMALL, classifier
from tests.support.tolerances import assert_close


def padded(sequences, junk=np.nan):
    lengths = [len(s) for s in sequences]
    X = np.full((len(sequences), max(lengths), *sequences[0].shape[1:]), junk)
    for row, s in zip(X, sequences, strict=True):
        row[: len(s)] = s
    return X, lengths


def test_a_padded_array_with_lengths_is_the_list():
    X, lengths = padded(SERIES)
    model = SequenceClassifier(**SMALL).fit(X, LABELS, lengths=lengths, **QUIET)
    expected = classifier()
    assert same_bits(model.parameters_, expected.parameters_)
    p = expected.predict_proba(SERIES)
    assert same_bits(model.predict_proba(X, lengths), p)
    assert same_bits(model.predict_proba(tuple(SERIES)), p)
    assert same_bits(model.predict_proba([s.tolist() for s in SERIES]), p)
    objects = np.empty(N, object)
    objects[:] = SERIES
    assert same_bits(model.predict_proba(objects), p)
    assert model.score(X, LABELS, lengths) == expected.score(SERIES, LABELS)


def test_one_axis_and_one_column_are_the_same():
    thin = [s[:, 0] for s in SERIES]
    model = SequenceClassifier(**SMALL).fit(thin, LABELS, **QUIET)
    assert same_bits(model.predict_proba(thin), model.predict_proba([s[:, :1] for s in SERIES]))
    assert model.n_features_in_ == 1


def test_a_table_is_a_sequence_a_row():
    X = np.random.default_rng(0).standard_normal((N, 5))
    model = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    assert same_bits(model.predict_proba(X), model.predict_proba(X[:, :, np.newaxis]))


def test_integers_are_numbers_as_their_floats():
    X = [np.round(s).astype(int) for s in SERIES]
    model = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    assert same_bits(model.predict_proba(X), model.predict_proba([x.astype(float) for x in X]))


@pytest.mark.parametrize("name", MODELS)
def test_data_is_left_alone(name):
    row = MODELS[name]
    before = copies(row.data)
    row.outcomes(row.build().fit(*row.data, **QUIET))
    assert same_bits(copies(row.data), before)


def test_features_are_scaled_by_the_steps_of_the_training_set():
    model = classifier()
    rows = np.concatenate(SERIES)
    assert_close(model.mean_, rows.mean(axis=0), "equations")
    assert_close(model.scale_, rows.std(axis=0), "equations")
    far = [1000 * s + 5 for s in SERIES]
    other = SequenceClassifier(**SMALL).fit(far, LABELS, **QUIET)
    assert_close(other.predict_proba(far), model.predict_proba(SERIES), "float32")
    plain = classifier(standardize=False)
    assert plain.mean_ is None
    held_out = SequenceClassifier(**SMALL, validation_fraction=0.5).fit(SERIES, LABELS, **QUIET)
    assert not np.allclose(held_out.mean_, model.mean_)


def test_a_constant_feature_is_no_trouble():
    X = [np.column_stack([s[:, 0], np.full(len(s), 1e6)]) for s in SERIES]
    model = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    assert model.scale_[1] == 1
    assert np.isfinite(model.predict_proba(X)).all()


def test_categories_are_whatever_whole_numbers_they_are():
    names = {-3: 7, -2: -1, -1: 100, 0: 5, 1: 6, 2: 0, 3: 44}
    renamed = [x.copy() for x in MIXED]
    for x in renamed:
        x[:, 1] = [names[int(v)] for v in x[:, 1]]
    build = dict(SMALL, categories=[1])
    one = SequenceClassifier(**build).fit(MIXED, LABELS, **QUIET)
    assert one.parameters_["featureembedding0.column1.We"].shape == (8, 32)
    unseen = [x.copy() for x in MIXED]
    for x in unseen:
        x[:, 1] = 999
    lost = [x.copy() for x in MIXED]
    for x in lost:
        x[:, 1] = -12345
    assert same_bits(one.predict_proba(unseen), one.predict_proba(lost))  # one unknown
    assert not np.allclose(one.predict_proba(unseen), one.predict_proba(MIXED))
    tokens = [x[:, 1].astype(int) for x in MIXED]
    every = SequenceClassifier(**dict(SMALL, categories="all")).fit(tokens, LABELS, **QUIET)
    assert every.mean_ is not None
    assert every.parameters_["featureembedding0.column0.We"].shape == (8, 32)
    assert SequenceClassifier(**build).fit(renamed, LABELS, **QUIET).classes_.tolist() == [
        "down",
        "up",
    ]


def test_words_and_letters_that_were_never_seen_are_read():
    tagger = SequenceTagger(**SMALL).fit(SENTENCES, TAGS, **QUIET)
    assert tagger.vocabulary_ == ["a", "cat", "dog", "ran", "sat", "the", "there"]
    same, other = tagger.predict_proba([["zebra"], ["zebra"]]), tagger.predict_proba([["ibex"]])
    assert same_bits(same[0], same[1])
    assert not np.allclose(same[0], other[0])  # letters tell them apart
    blind = SequenceTagger(**SMALL, char_units=0).fit(SENTENCES, TAGS, **QUIET)
    assert same_bits(blind.predict_proba([["zebra"]]), blind.predict_proba([["ibex"]]))
    assert same_bits(blind.predict_proba([["CAT"]]), blind.predict_proba([["cat"]]))
    assert not np.allclose(tagger.predict_proba([["CAT"]]), tagger.predict_proba([["cat"]]))


def test_rare_words_are_the_unknown_word():
    sentences = [*SENTENCES[:-1], ["hapax", "cat", "sat", "there"]]
    tagger = SequenceTagger(**SMALL, char_units=0).fit(sentences, TAGS, **QUIET)
    assert "hapax" not in tagger.vocabulary_
    assert same_bits(tagger.predict_proba([["hapax"]]), tagger.predict_proba([["other"]]))
