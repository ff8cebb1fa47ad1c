"""Held-out parts by class, weights of sequences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV

from bptt import Forecaster, LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger
from bptt.errors import BpttError
from bptt.models.training_sets import held_out
from tests.support.cases import same_bits
from tests.support.model_cases import LABELS, NUMBERS, SENTENCES, SERIES, SIGNS, TAGS, WAVE, N
from tests.support.sequence_models import QUIET

SMALL = {"units": 4, "epochs": 2, "batch_size": 4}


# Held-out parts


@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    fraction=st.floats(0, 0.99),
    seed=st.integers(0, 5),
)
def test_each_class_keeps_a_sequence_and_gives_its_share(sizes, fraction, seed):
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = len(classes)
    out = held_out(n, fraction, np.random.default_rng(seed), classes)
    assert same_bits(out, held_out(n, fraction, np.random.default_rng(seed), classes))
    assert same_bits(out, np.unique(out))
    sizes = np.bincount(classes, minlength=1)
    taken = np.bincount(classes[out], minlength=len(sizes))
    assert (taken <= np.maximum(sizes - 1, 0)).all()
    assert len(out) == min(int(fraction * n), np.maximum(sizes - 1, 0).sum())
    free = taken < sizes - 1
    assert (taken[free] >= np.floor(fraction * sizes[free])).all()


def test_without_classes_the_split_is_that_of_a_permutation():
    out = held_out(20, 0.3, np.random.default_rng(3))
    assert same_bits(out, np.sort(np.random.default_rng(3).permutation(20)[:6]))


def test_a_rare_class_is_trained_on_and_scored_whatever_the_seed(monkeypatch):
    y = np.array(["common"] * 10 + ["rare"] * 2)
    parts = []
    batches = SequenceClassifier._batches
    monkeypatch.setattr(
        SequenceClassifier,
        "_batches",
        lambda self, X, t, chosen, w: parts.append(chosen) or batches(self, X, t, chosen, w),
    )
    for seed in range(12):
        SequenceClassifier(**SMALL, validation_fraction=0.5, seed=seed).fit(SERIES, y, **QUIET)
        scored, trained = parts[-2:]
        assert same_bits(np.sort([*scored, *trained]), np.arange(N))
        assert set(y[scored]) == set(y[trained]) == {"common", "rare"}


def test_a_fraction_that_holds_out_nothing_is_said():
    for model, data in [
        (SequenceClassifier(**SMALL), (SERIES, LABELS)),
        (SequenceClassifier(**SMALL), (SERIES, list(range(N)))),  # a sequence of each class
        (LanguageModel(**SMALL), (["one", "two", "three"],)),
    ]:
        fraction = 0.5 if data[-1] == list(range(N)) else 0.05
        model.set_params(validation_fraction=fraction)
        with pytest.warns(UserWarning, match=f"Nothing is held out: .* of {fraction}"):
            model.fit(*data, **QUIET)
        assert model.best_epoch_ is None


# Weights


KINDS = [
    (SequenceClassifier, SERIES, LABELS),
    (SequenceRegressor, SERIES, NUMBERS),
    (SequenceTagger, SENTENCES, TAGS),
    (SequenceTagger, SERIES, SIGNS),
]
every_kind = pytest.mark.parametrize(("kind", "X", "y"), KINDS)


@every_kind
@pytest.mark.parametrize("value", [1.0, 0.1, 7])
def test_equal_weights_change_nothing(kind, X, y, value):
    plain = kind(**SMALL, validation_fraction=0.25).fit(X, y, **QUIET)
    weighted = kind(**SMALL, validation_fraction=0.25)
    weighted.fit(X, y, sample_weight=[value] * N, **QUIET)
    for name, p in plain.parameters_.items():
        np.testing.assert_allclose(weighted.parameters_[name], p, rtol=1e-5, atol=1e-7)
    if value == 1.0:
        assert same_bits(weighted.parameters_, plain.parameters_)
    assert weighted.score(X, y, sample_weight=[value] * N) == pytest.approx(plain.score(X, y))


@every_kind
def test_sequences_of_weight_0_are_left_out(kind, X, y):
    zeros = np.array([1.0, 0, 1] * 4)
    weighted = kind(**SMALL).fit(X, y, sample_weight=zeros, **QUIET)
    kept = np.flatnonzero(zeros)
    assert len(kept) == 8
    assert weighted.history_[-1]["step"] == 2 * 2  # batches of 4
    if weighted.mean_ is not None:
        rows = np.concatenate([X[i] for i in kept])
        np.testing.assert_allclose(weighted.mean_, rows.mean(axis=0))


def test_a_whole_weight_is_that_many_sequences():
    """Trained in one batch, a sequence of weight 3 counts as three of them."""
    w = np.array([1, 3, 2] * 4)
    X, y = ([v for v, n in zip(of, w, strict=True) for _ in range(n)] for of in (SERIES, LABELS))
    settings = {"units": 4, "epochs": 20, "batch_size": 999, "standardize": False}
    repeated = SequenceClassifier(**settings).fit(X, y, **QUIET)
    weighted = SequenceClassifier(**settings).fit(SERIES, LABELS, sample_weight=w, **QUIET)
    for name, p in repeated.parameters_.items():
        np.testing.assert_allclose(weighted.parameters_[name], p, rtol=1e-3, atol=1e-5)
    assert weighted.history_[-1]["loss"] == pytest.approx(repeated.history_[-1]["loss"], rel=1e-4)
    plain = SequenceClassifier(**settings).fit(SERIES, LABELS, **QUIET)
    assert plain.history_[-1]["loss"] != pytest.approx(repeated.history_[-1]["loss"], rel=1e-3)


def test_scores_are_weighted_as_scikit_learn_weights_them():
    w = np.arange(N) + 0.5
    c = SequenceClassifier(**SMALL).fit(SERIES, LABELS, **QUIET)
    expected = accuracy_score(LABELS, c.predict(SERIES), sample_weight=w)
    assert c.score(SERIES, LABELS, sample_weight=w) == pytest.approx(expected)
    two = [[v, v**2] for v in NUMBERS]
    r = SequenceRegressor(**SMALL).fit(SERIES, two, **QUIET)
    expected = r2_score(two, r.predict(SERIES), sample_weight=w)
    assert r.score(SERIES, two, sample_weight=w) == pytest.approx(expected)
    t = SequenceTagger(**SMALL).fit(SENTENCES, TAGS, **QUIET)
    steps = np.repeat(w, list(map(len, TAGS)))
    expected = accuracy_score(
        np.concatenate(TAGS), np.concatenate(t.predict(SENTENCES)), sample_weight=steps
    )
    assert t.score(SENTENCES, TAGS, sample_weight=w) == pytest.approx(expected)


def test_weights_move_what_is_learned():
    """Where the same sequence has two labels, the heavier one is learned."""
    X, y = [np.ones((3, 1))] * 40, ["light", "heavy"] * 20
    for heavy in ("light", "heavy"):
        w = [5.0 if label == heavy else 1.0 for label in y]
        model = SequenceClassifier(units=4, epochs=40, learning_rate=0.05, standardize=False)
        model.fit(X, y, sample_weight=w, **QUIET)
        assert set(model.predict(X)) == {heavy}
        assert model.predict_proba(X[:1]).max() == pytest.approx(5 / 6, abs=0.05)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1.0] * (N - 1), r"sample_weight has shape \(11,\); expected \(12,\)"),
        (np.ones((N, 1)), r"sample_weight has shape \(12, 1\)"),
        ([1.0] * (N - 1) + [-1.0], r"sample_weight\[11\] is -1; expected a finite number >= 0"),
        ([np.nan] + [1.0] * (N - 1), r"sample_weight\[0\] is nan; expected a finite number"),
        ([0.0] * N, r"sample_weight is zero for every sequence"),
        (["a"] * N, r"sample_weight holds no numbers"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, text):
    with pytest.raises(BpttError, match=text):
        SequenceClassifier(**SMALL).fit(SERIES, LABELS, sample_weight=weights, **QUIET)
    model = SequenceRegressor(**SMALL).fit(SERIES, NUMBERS, **QUIET)
    with pytest.raises(BpttError, match=text):
        model.score(SERIES, NUMBERS, sample_weight=weights)


# Silence


def test_a_search_is_silent_with_verbose_0(capfd):
    search = GridSearchCV(SequenceClassifier(**SMALL, verbose=0), {"units": [2, 3]}, cv=2)
    search.fit(SERIES, LABELS)
    Forecaster(units=4, epochs=1, window=8, verbose=False).fit(WAVE)
    assert capfd.readouterr() == ("", "")
    SequenceClassifier(**SMALL).fit(SERIES, LABELS)  # shown where nothing is said
    assert "epoch 2/2" in capfd.readouterr().err
    with pytest.raises(BpttError, match="verbose is -1; expected True, False or a whole number"):
        SequenceClassifier(**SMALL, verbose=-1).fit(SERIES, LABELS)
