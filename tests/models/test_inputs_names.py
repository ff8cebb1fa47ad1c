"""Names of features: kept by the model, compared with those of all later data."""

import numpy as np
import pytest

import bptt
from bptt import SequenceClassifier, SequenceRegressor
from bptt.errors import BpttError
from bptt.readers import Data
from tests.support.cases import same_bits
from tests.support.model_cases import LABELS, NUMBERS, SERIES
from tests.support.sequence_models import QUIET, SMALL

NAMES = ("a", "b", "c")
DATA = Data(SERIES, LABELS, NAMES)
MIXED_UP = Data([x[:, [1, 2, 0]] for x in SERIES], LABELS, ("b", "c", "a"))


@pytest.fixture(scope="module")
def model():
    return SequenceClassifier(**SMALL).fit(DATA, **QUIET)


def test_data_of_a_reader_is_taken_as_arrays_are(model):
    plain = SequenceClassifier(**SMALL).fit(SERIES, LABELS, **QUIET)
    assert same_bits(model.parameters_, plain.parameters_)
    assert same_bits(model.predict_proba(DATA), plain.predict_proba(SERIES))
    assert model.score(DATA) == plain.score(SERIES, LABELS)
    assert not hasattr(plain, "feature_names_in_")


def test_names_are_kept_in_the_file(model, tmp_path):
    model.save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert loaded.feature_names_in_.tolist() == list(NAMES)
    assert loaded.feature_names_in_.dtype == object
    with pytest.warns(UserWarning, match="Put the columns in the model's order: 'a', 'b', 'c'"):
        assert same_bits(loaded.predict_proba(MIXED_UP), model.predict_proba(SERIES))


def test_columns_in_another_order_give_the_same_bits(model):
    with pytest.warns(UserWarning, match="Put the columns"):
        assert same_bits(model.predict_proba(MIXED_UP), model.predict_proba(DATA))
    with pytest.warns(UserWarning, match="Put the columns"):
        assert model.score(MIXED_UP) == model.score(DATA)
    with pytest.warns(UserWarning, match="Put the columns"):
        one = SequenceClassifier(**SMALL).fit(DATA, validation=MIXED_UP, **QUIET)
    other = SequenceClassifier(**SMALL).fit(DATA, validation=(SERIES, LABELS), **QUIET)
    assert one.history_[-1]["validation"] == other.history_[-1]["validation"]


def test_a_missing_column_is_refused_by_name(model):
    other = Data([x[:, :2] for x in SERIES], LABELS, ("a", "bb"))
    with pytest.raises(BpttError) as raised:
        model.predict(other)
    assert str(raised.value) == (
        "SequenceClassifier.predict: the columns are 'a', 'bb'; expected 'a', 'b', 'c', as in fit: "
        "'b', 'c' missing. Did you mean 'bb'?"
    )
    with pytest.raises(BpttError, match="score: the columns are 'a', 'bb'"):
        model.score(other)
    with pytest.raises(BpttError, match=r"fit, validation: the columns are 'a', 'bb'"):
        SequenceClassifier(**SMALL).fit(DATA, validation=other, **QUIET)


def test_an_unknown_column_is_left_out_with_a_warning(model):
    more = Data([np.c_[x, x[:, :1]] for x in SERIES], LABELS, (*NAMES, "d"))
    with pytest.warns(UserWarning, match="Left out 'd': the model does not have it"):
        assert same_bits(model.predict_proba(more), model.predict_proba(DATA))


def test_arrays_have_no_names_to_compare(model):
    assert same_bits(model.predict_proba(SERIES), model.predict_proba(DATA))


def test_steps_of_a_wide_table_are_put_in_order_too():
    steps = ("t0", "t1", "t2", "t3")
    X = np.random.default_rng(0).standard_normal((len(NUMBERS), 4))
    model = SequenceRegressor(**SMALL).fit(Data(list(X), NUMBERS, steps), **QUIET)
    assert model.n_features_in_ == 1
    turned = Data(list(X[:, ::-1]), NUMBERS, steps[::-1])
    with pytest.warns(UserWarning, match="which are time steps"):
        assert same_bits(model.predict(turned), model.predict(X))
    assert model.predict(Data(list(X[:, :2]), columns=steps[:2])).shape == (len(X),)
    with pytest.raises(BpttError, match="which are time steps, are 't1', 't0'; expected the order"):
        model.predict(Data(list(X[:, 1::-1]), columns=("t1", "t0")))


def test_a_sentence_names_sequence_step_and_channel():
    X = [x.copy() for x in SERIES]
    X[2][4, 1] = np.nan
    ids = [f"run {i}" for i in range(len(X))]
    with pytest.raises(BpttError) as raised:
        SequenceClassifier(**SMALL).fit(Data(X, LABELS, NAMES, ids), **QUIET)
    assert str(raised.value) == (
        "SequenceClassifier.fit: X[2] (id 'run 2') holds NaN at step 4, feature 1 ('b'); expected "
        "finite numbers (missing='interpolate', 'forward' or 'indicator' fills missing values)."
    )


def test_warnings_name_the_line_of_the_caller():
    X, other = [np.zeros((3, 2))] * 4, Data([np.zeros((3, 2))] * 4, [0, 1, 0, 1], ("b", "a"))
    model = SequenceClassifier(**SMALL)
    calls = {
        "left out of the loss": lambda: model.fit(X, [0, 1, 0, 1], validation=(X, [0, 1, 2, 1])),
        "count as wrong": lambda: model.score(X, [0, 1, 2, 1]),
        "in the model's order": lambda: model.fit(Data(X, [0, 1, 0, 1], ("a", "b"))).predict(other),
        "Nothing is held out": lambda: model.set_params(validation_fraction=0.1).fit(X, [0, 1] * 2),
    }
    for message, call in calls.items():
        with pytest.warns(UserWarning, match=message) as caught:
            call()
        assert [w.filename for w in caught] == [__file__]
