"""What the models of sequences refuse, and in which words."""

import numpy as np
import pytest

from bptt import SequenceClassifier, SequenceRegressor, SequenceTagger
from bptt.errors import BpttError
from tests.support.cases import copies
from tests.support.model_cases import (
    LABELS,
    SENTENCES,
    SERIES,
    STRINGS,
    TAGS,
    N,
)
from tests.support.sequence_models import QUIET, SMALL, classifier


def fit(X=SERIES, y=LABELS, kind=SequenceClassifier, **settings):
    return lambda: kind(**SMALL, **settings).fit(X, y, **QUIET)


def said(X, method="predict", **settings):
    return lambda: getattr(classifier(**settings), method)(X)


def with_nan(i, t, j, value=np.nan):
    X = copies(SERIES)
    X[i][t, j] = value
    return X


BAD = [
    (
        fit([*SERIES[:7], np.zeros((4, 11)), *SERIES[8:]]),
        "SequenceClassifier.fit: X[7] has 11 features; expected 3, as X[0].",
    ),
    (said([SERIES[0], SERIES[1][:, :2]]), "predict: X[1] has 2 features; expected 3, as in fit."),
    (
        fit(with_nan(4, 2, 1)),
        "X[4] holds NaN at step 2, feature 1; expected finite numbers (mis",
    ),
    (fit(with_nan(4, 2, 1, -np.inf)), "X[4] holds inf at step 2, feature 1; expected finite"),
    (said(with_nan(0, 0, 2)), "SequenceClassifier.predict: X[0] holds NaN at step 0, feature 2"),
    (fit([]), "X has 0 sequence(s); expected a minimum of 1."),
    (fit(np.zeros(12)), "X has shape (12,); expected a list of sequences, or an array (m, T)"),
    (fit("text"), "X is a str; expected a list of sequences, or an object with len and [i]."),
    (fit({"a": 1}), "X is a dict; expected a list of sequences, or an object with len and [i]."),
    (fit([np.zeros((2, 0))] * N), "X[0] has 0 feature(s) (2, 0); expected a minimum of 1."),
    (fit([np.zeros((2, 2, 2))] * N), "X[0] has shape (2, 2, 2); expected (steps, features)."),
    (fit([[[1.0], [1.0, 2.0]]] * N), "X[0] is not an array of numbers"),
    (
        fit([np.zeros((2, 2), complex)] * N),
        "X[0] cannot be read: Complex data not supported; expected",
    ),
    (fit([*SERIES[:-1], "text"]), "X[0] is a ndarray; expected a str, as the others are."),
    (fit([*STRINGS[:-1], SERIES[0]]), "X[11] is a ndarray; expected a str, as the others are."),
    (fit([*SENTENCES[:-1], "text"]), "X[11] is a str; expected a list of words, each a str."),
    (fit([*SENTENCES[:-1], ["a", 1]]), "X[11] holds 1; expected a list of words, each a str."),
    (said(STRINGS), "X[0] holds text; expected numbers, as in fit."),
    (fit(y=None), "requires y to be passed, but the target y is None; expected one target"),
    (fit(y=LABELS[:-1]), "y has 11 targets; expected 12, one for each sequence."),
    (fit(y=[0.5] * N), "y holds 0.5. Unknown label type: continuous numbers"),
    (fit(y=["a", 1] * 6), "y holds int, str. Unknown label type; expected labels of one kind."),
    (
        fit(y=[None, "a"] * 6),
        "y holds NoneType, str. Unknown label type; expected labels of one kind.",
    ),
    (fit(y=np.zeros((N, 2))), "y has shape (12, 2); expected one label each, (n,)."),
    (fit(SENTENCES, TAGS[:-1], SequenceTagger), "y has 11 sequences of labels; expected 12."),
    (
        fit(SENTENCES, [*TAGS[:-1], ["D"]], SequenceTagger),
        "y[11] has 1 labels; expected 4, because X[11] has as many steps.",
    ),
    (
        fit(SENTENCES, LABELS, SequenceTagger),
        "y[0] is 'down'; expected a label for every step (one label for each sequence is for",
    ),
    (fit(SERIES, [np.nan] * N, SequenceRegressor), "y holds NaN at step 0, feature 0; expected"),
    (fit(SERIES, LABELS, SequenceRegressor), "expected an array of real numbers"),
    (fit(categories=(3,)), "categories is (3,); expected columns in 0..2, as X[0] has."),
    (fit(categories=(0,)), "in column 0; expected whole numbers up to 2**53, because it holds"),
    (fit(STRINGS, categories=(0,)), "categories is (0,); expected None, because X holds char"),
    (fit(categories="some"), "categories is 'some'; expected None, 'all' or a list of columns."),
    (fit(class_weight={"left": 1.0}), "expected classes of y alone; 'left' is none of them."),
    (fit(class_weight={"up": -1.0}), "expected None, 'balanced' or a dict of class to weight"),
    (fit(class_weight={"up": 0, "down": 0}), "expected weights that are not all 0."),
    (fit(patience=2), "patience is 2; expected None where nothing is held out"),
    (fit([1e200 * s for s in SERIES]), "X holds numbers too large to square; expected < 1e150."),
    (said([1e200 * s for s in SERIES]), "X[0] holds numbers too large for float32"),
    (
        lambda: SequenceClassifier(**SMALL).fit(SERIES, LABELS, lengths=[1] * N, **QUIET),
        "lengths given with a list; expected none, as it has its own.",
    ),
    (
        lambda: SequenceClassifier(**SMALL).fit(SERIES, LABELS, validation=SERIES, **QUIET),
        "SequenceClassifier.fit, validation: it is a list; expected a pair (X, y), a data frame",
    ),
    (
        lambda: SequenceClassifier(**SMALL).fit(
            SERIES, LABELS, validation=(SERIES, ["left"] * N), **QUIET
        ),
        "SequenceClassifier.fit, validation: every sequence has an unknown label. Labels of",
    ),
    (lambda: SequenceClassifier().predict(SERIES), "not fitted yet; expected fit or load first."),
]


@pytest.mark.parametrize(("call", "text"), BAD)
def test_what_makes_no_sense_is_refused(call, text):
    if text is None:
        call()
        return
    with pytest.raises(BpttError) as caught:
        call()
    assert text in str(caught.value)


def test_parameters_too_large_to_compute_with_are_said_to_be():
    model = classifier()
    model.parameters_["dense0.Wy"][:] = np.inf
    with pytest.raises(BpttError, match="predict: the result is not finite"):
        model.predict(SERIES)
