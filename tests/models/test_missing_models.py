"""Missing values in models: fitted, kept in the file, streamed."""

import numpy as np
import pytest

import bptt
from bptt import SequenceClassifier, SequenceRegressor
from bptt.errors import BpttError
from tests.support.cases import same_bits
from tests.support.model_cases import LABELS, MIXED, NUMBERS, SERIES
from tests.support.sequence_models import QUIET, SMALL, alike

METHODS = ["interpolate", "forward", "indicator"]
NAN = np.nan


def holes(sequences, seed=0):
    """Return sequences without some values, and one without any in its first channel."""
    rng = np.random.default_rng(seed)
    X = [np.where(rng.random(x.shape) < 0.25, NAN, x) for x in sequences]
    X[2][:, 0] = NAN
    X[0][0] = NAN
    return X


def fitted(X=None, **settings):
    return SequenceClassifier(**SMALL, **settings).fit(holes(SERIES) if X is None else X, LABELS,
                                                       **QUIET)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_model_with_holes_is_one_of_filled_sequences(method, tmp_path):
    X = holes(SERIES)
    rows = np.concatenate(X)
    model = fitted(missing=method)
    assert model.mean_ == pytest.approx(np.nanmean(rows, axis=0))
    assert model.scale_ == pytest.approx(np.nanstd(rows, axis=0))
    filler = model._encoder.filler
    filled = [filler.fill(x)[:, :3] for x in X]
    assert all(np.isfinite(x).all() for x in filled)
    if method != "indicator":  # the filled values are read as they are
        assert same_bits(model.predict_proba(X), model.predict_proba(filled))
    model.save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert same_bits(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.n_features_in_ == 3


def test_masks_are_inputs_that_are_not_scaled():
    X = holes(SERIES)
    model = fitted(missing="indicator")
    inputs = model._encoder.encode(bptt.readers.Data(X))
    for x, own in zip(X, inputs, strict=True):
        assert own.shape == (len(x), 6)
        assert np.array_equal(own[:, 3:], np.isnan(x))
        assert (own[:, :3][np.isnan(x)] == 0).all()  # the mean, scaled
    plain = [np.where(np.isnan(x), model.mean_, x) for x in X]
    assert not np.allclose(model.predict_proba(X), model.predict_proba(plain))


@pytest.mark.parametrize("method", METHODS)
def test_statistics_are_those_of_the_training_part(method):
    X = holes(SERIES)
    model = fitted(X, missing=method, validation_fraction=0.25)
    everything = np.nanmean(np.concatenate(X), axis=0)
    assert not np.allclose(model.mean_, everything)
    assert np.array_equal(model._encoder.filler.mean, model.mean_)
    assert np.isfinite(model.history_[-1]["validation"])


@pytest.mark.parametrize("method", METHODS)
def test_without_standardization_too(method):
    model = fitted(missing=method, standardize=False)
    assert np.isfinite(model.predict_proba(holes(SERIES, 1))).all()


@pytest.mark.parametrize("method", ["forward", "indicator"])
def test_streams_are_the_whole_sequence(method):
    X = holes(SERIES)
    model = fitted(missing=method)
    stream, kept = model.stream(2), None
    for t in range(5):
        p = stream.step(np.stack([X[0][t], X[2][t]]))
        alike(p, model.predict_proba([X[0][: t + 1], X[2][: t + 1]]))
        if t == 1:
            kept = stream.state
    stream.state = kept
    again = stream.step(np.stack([X[0][2], X[2][2]]))
    alike(again, model.predict_proba([X[0][:3], X[2][:3]]))
    stream.reset()
    alike(stream.step(np.full((2, 3), NAN)), model.predict_proba([[[NAN] * 3]] * 2))


def test_a_stream_cannot_interpolate():
    stream = fitted(missing="interpolate").stream()
    stream.step(np.zeros((1, 3)))
    with pytest.raises(BpttError) as raised:
        stream.step(np.array([[0.0, NAN, 0.0]]))
    assert str(raised.value) == (
        "ModelStream.step: xt holds NaN at step 0, feature 1; expected finite numbers in a stream, "
        "because missing='interpolate' needs the values after a missing one ('forward' and "
        "'indicator' do not)."
    )


def test_a_state_without_the_last_values_is_refused():
    stream = fitted(missing="forward").stream()
    with pytest.raises(BpttError, match="expected what `state` returned: a pair, because"):
        stream.state = stream.state[0]
    with pytest.raises(BpttError, match=r"state has last values \(2, 3\); expected \(1, 3\)"):
        stream.state = (stream.state[0], np.zeros((2, 3)))


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_category_is_the_unknown_one(method):
    X = [x.copy() for x in MIXED]
    model = fitted(X, missing=method, categories=(1,))
    lost, unknown = [x.copy() for x in MIXED], [x.copy() for x in MIXED]
    for x, u in zip(lost, unknown, strict=True):
        x[0, 1], u[0, 1] = NAN, 999
    if method != "indicator":
        assert same_bits(model.predict_proba(lost), model.predict_proba(unknown))
    assert np.isfinite(model.predict_proba(lost)).all()


def test_masked_arrays_and_none_are_missing():
    X = holes(SERIES)
    model = fitted(missing="forward")
    expected = model.predict_proba(X)
    masked = [np.ma.masked_invalid(np.where(np.isnan(x), NAN, x)) for x in X]
    for x in masked:
        x.data[x.mask] = 7.0  # must not be read
    assert same_bits(model.predict_proba(masked), expected)
    none = [[[None if np.isnan(v) else v for v in row] for row in x] for x in X]
    assert same_bits(model.predict_proba(none), expected)


def test_a_channel_without_any_value_is_refused():
    X = [np.c_[x[:, :2], np.full(len(x), NAN)] for x in SERIES]
    with pytest.raises(BpttError, match="X holds no value in feature 2, all are missing"):
        fitted(X, missing="forward")


@pytest.mark.parametrize("method", ["raise", *METHODS])
def test_infinity_is_never_filled(method):
    X = [x.copy() for x in SERIES]
    X[1][0, 0] = np.inf
    with pytest.raises(BpttError, match=r"X\[1\] holds inf at step 0, feature 0"):
        fitted(X, missing=method)


def test_complete_data_has_the_same_bits_for_every_method():
    one = fitted(SERIES)
    for method in ("interpolate", "forward"):
        assert same_bits(fitted(SERIES, missing=method).parameters_, one.parameters_)


def test_a_regressor_fills_too_but_not_its_targets():
    model = SequenceRegressor(**SMALL, missing="interpolate").fit(holes(SERIES), NUMBERS, **QUIET)
    assert np.isfinite(model.predict(holes(SERIES, 2))).all()
    with pytest.raises(BpttError, match="y holds NaN"):
        SequenceRegressor(**SMALL, missing="interpolate").fit(SERIES, [NAN, *NUMBERS[1:]], **QUIET)


# Numbers of other sizes and types


def test_categories_beyond_float32_and_float64():
    big = 2**60
    X = [np.column_stack([np.arange(len(x)) % 3 + big, np.arange(len(x))]) for x in SERIES]
    model = SequenceClassifier(**SMALL, categories=list(np.flatnonzero([True, False])))
    model.fit(X, LABELS, **QUIET)
    assert model._encoder.categories[0].tolist() == [big, big + 1, big + 2]
    other = [x + np.array([3, 0]) for x in X]
    assert not np.allclose(model.predict_proba(X), model.predict_proba(other))
    floats = [x.astype(float) for x in X]
    with pytest.raises(BpttError, match=r"expected whole numbers up to 2\*\*53, because it holds"):
        model.predict(floats)
    small = [np.float32(x % 2**24) for x in X]
    assert len(model.predict(small)) == len(X)
    with pytest.raises(BpttError, match=r"expected whole numbers up to 2\*\*24"):
        model.predict([np.float32(2**25 + x % 5) for x in X])
    with pytest.raises(BpttError, match=r"expected whole numbers up to 2\*\*63"):
        model.predict([np.full((2, 2), 2**63 + 5, np.uint64)])


def test_categories_of_numpy_integers_can_be_saved(tmp_path):
    model = SequenceClassifier(**SMALL, categories=list(np.flatnonzero([False, True])))
    model.fit(MIXED, LABELS, **QUIET).save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert same_bits(loaded.predict_proba(MIXED), model.predict_proba(MIXED))


@pytest.mark.parametrize("size", [1e-300, 1e-40, 1e30])
def test_features_of_any_size_are_learned(size, tmp_path):
    X = [size * s for s in SERIES]
    model = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    expected = SequenceClassifier(**SMALL).fit(SERIES, LABELS, **QUIET)
    assert model.predict_proba(X) == pytest.approx(expected.predict_proba(SERIES), abs=1e-5)
    model.save(tmp_path / "m")
    assert same_bits(bptt.load(tmp_path / "m").predict_proba(X), model.predict_proba(X))


def test_a_counter_keeps_its_digits_up_to_the_scaler():
    start = np.cumsum([0, *map(len, SERIES)])
    X = [2e9 + k + np.arange(len(s))[:, np.newaxis] for s, k in zip(SERIES, start, strict=False)]
    inputs = fitted(X)._encoder.encode(bptt.readers.Data(X))
    distinct = {v for own in inputs for v in own[:, 0].tolist()}
    assert len(distinct) == start[-1]  # float32 would leave one


@pytest.mark.parametrize(
    "x",
    [
        [[10**400]],
        [[[[1.0]]]],
        [{"a": 1}],
        [{1, 2}],
        [[1.0, [2.0, 3.0]]],
        [[object()]],
        [None],
        [3],
        [b"bytes"],
        {"a": [1.0]},
        [np.array([1 + 2j])],
        [np.array(["2024-01-01"], "M8[D]")],
        [np.zeros(3, [("a", float)])],
        3,
        [["a", None]],
    ],
)
def test_odd_inputs_raise_the_package_s_own_errors(x):
    model = fitted(SERIES)
    with pytest.raises(BpttError, match=r"SequenceClassifier\.predict: "):
        model.predict(x)
    with pytest.raises(BpttError, match=r"SequenceClassifier\.fit: "):
        SequenceClassifier(**SMALL).fit(x, ["a"], **QUIET)


@pytest.mark.parametrize(
    "change",
    [
        {"names": [1, 2, 3]},
        {"names": "abc"},
        {"frame": {"where": "id"}},
        {"frame": {"group": ["id"]}},
        {"frame": {"group": 1.5}},
        {"frame": None},
        {"missing": "guess", "fill": [0.0, 0.0, 0.0]},
        {"missing": ["forward"]},
        {"missing": "forward"},
        {"missing": "forward", "fill": [0.0]},
        {"missing": "indicator", "fill": [0.0, 0.0, "x"]},
        {"missing": "indicator", "fill": [0.0, 0.0, 1e308]},
    ],
)
def test_what_a_file_says_of_names_and_missing_values_is_checked(change):
    state = fitted(SERIES).fitted_state()
    state["reader"] |= change
    with pytest.raises((BpttError, KeyError, TypeError, ValueError)):
        SequenceClassifier(**SMALL).restore_state(state)
