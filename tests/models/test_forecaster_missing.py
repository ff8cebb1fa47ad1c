"""Forecaster: missing values are filled as it was fitted, read no later value, and do not count."""

import numpy as np
import pytest

from bptt import Forecaster, load
from bptt.errors import BpttError
from bptt.models.series import filled
from bptt.models.windows import Framing, Windows
from tests.support.cases import same_bits
from tests.support.sequence_models import QUIET, SMALL

HOW = {"window": 12, "horizon": 3, **SMALL}
WAVE = np.stack([np.sin(np.arange(80) / 3), np.cos(np.arange(80) / 5)], axis=1)
GAPS = WAVE.copy()
GAPS[[30, 31, 32, 60, 79], 0] = np.nan
GAPS[[0, 1, 45], 1] = np.nan
METHODS = ("interpolate", "forward", "indicator")
every_method = pytest.mark.parametrize("method", METHODS)


def windows_of(series, method):
    framing, mean = Framing(4, 2, "none", 1, masks=method == "indicator"), np.full(2, 0.5)
    whole, gone = filled([series], method, mean[: series.shape[1]])
    return Windows(whole, framing, 1, missing=gone, first=mean[: series.shape[1]])


@every_method
def test_a_model_of_gaps_forecasts_scores_and_is_kept(method, tmp_path):
    model = Forecaster(**HOW, missing=method, validation_fraction=0.3).fit(GAPS, **QUIET)
    np.testing.assert_allclose(model.mean_, np.nanmean(GAPS[:56], axis=0))
    forecast = model.predict()
    assert np.isfinite(forecast).all()
    assert same_bits(model.predict(GAPS), forecast)
    assert all(np.isfinite(row["validation"]) for row in model.history_)
    predicted, actual = model.backtest(GAPS)
    assert np.isfinite(predicted).all()
    np.testing.assert_array_equal(actual[15], GAPS[27:30])
    assert np.isnan(actual[16:21, :, 0]).any(axis=1).all()
    assert np.isfinite(model.score(GAPS))
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert same_bits(again.predict(), forecast)
    assert same_bits(again.predict(GAPS), forecast)


@every_method
def test_without_gaps_the_result_is_that_of_raise(method):
    plain = Forecaster(**HOW, validation_fraction=0.2).fit(WAVE, **QUIET)
    model = Forecaster(**HOW, validation_fraction=0.2, missing=method).fit(WAVE, **QUIET)
    if method == "indicator":
        assert model.predict().shape == plain.predict().shape
        return
    assert same_bits(model.predict(), plain.predict())
    assert [r["loss"] for r in model.history_] == [r["loss"] for r in plain.history_]


@every_method
def test_a_window_reads_nothing_after_it(method):
    """Also at its end, where a line to the next value would be drawn with a value to forecast."""
    for start in range(75):
        later = GAPS.copy()
        later[start + 4 :] += 100.0
        own, changed = (windows_of(x, method).cut(np.array([start]))[0] for x in (GAPS, later))
        np.testing.assert_array_equal(own, changed)


def test_windows_are_filled_up_to_their_end():
    x = np.array([np.nan, 1.0, np.nan, 3.0, np.nan, np.nan, 6.0, 7.0])[:, np.newaxis]
    expected = {"interpolate": [1, 2, 3, 3], "forward": [1, 1, 3, 3]}
    for method, values in expected.items():
        window, future = windows_of(x, method).cut(np.array([1]))
        np.testing.assert_array_equal(window[0, :, 0], values)
        np.testing.assert_array_equal(future[0, :, 0], [np.nan, 6])
    window, _ = windows_of(x, "indicator").cut(np.array([1]))
    np.testing.assert_array_equal(window[0], [[1, 0], [1, 1], [3, 0], [3, 1]])
    window, _ = windows_of(x, "forward").cut(np.array([0]))
    np.testing.assert_array_equal(window[0, :, 0], [0.5, 1, 1, 3])


@every_method
def test_missing_targets_have_no_weight(method):
    windows = windows_of(GAPS, method)
    for at, batch in zip(windows.order(None), windows.batches(windows.order(None)), strict=True):
        gone = np.isnan(GAPS[windows.starts[at] + 4 : windows.starts[at] + 6]).reshape(1, -1)
        if batch.weight is None:
            assert not gone.any()
        else:
            np.testing.assert_array_equal(batch.weight, ~gone)
        assert np.isfinite(batch.target).all()
    empty = GAPS.copy()
    empty[40:50] = np.nan
    counted = windows_of(empty, method)
    assert counted.n_counted == len(counted.starts) - 9
    assert all(b.weight is None or b.weight.any() for b in counted.batches(counted.order(None)))


def test_streams_fill_what_is_missing():
    for method in ("forward", "indicator"):
        model = Forecaster(**HOW, missing=method).fit(GAPS, **QUIET)
        stream = model.stream(1)
        for t in range(80):
            forecast = stream.step(GAPS[t : t + 1])
        np.testing.assert_allclose(forecast[0], model.predict(), rtol=1e-6)
    model = Forecaster(**HOW, missing="interpolate").fit(GAPS, **QUIET)
    with pytest.raises(BpttError, match=r"xt is \(1, 2\); expected \(1, 2\), finite numbers"):
        model.stream(1).step(GAPS[:1])


def test_what_cannot_be_filled_is_refused():
    cases = [
        ({}, GAPS, "X holds NaN at step 0, feature 1; expected finite numbers (missing='interpol"),
        ({"missing": "zero"}, GAPS, "missing is 'zero'; expected one of"),
        ({"missing": "forward"}, GAPS * [np.nan, 1], "X holds no value in feature 0, all are mis"),
        (
            {"missing": "forward"},
            np.where(np.arange(80) < 12, WAVE[:, 0], np.nan),
            "no value after",
        ),
        (
            {"missing": "forward"},
            GAPS + np.array([np.inf, 0]),
            "X holds inf at step 0, feature 0; expected",
        ),
    ]
    for settings, X, text in cases:
        with pytest.raises(BpttError) as caught:
            Forecaster(**HOW, **settings).fit(X, **QUIET)
        assert text in str(caught.value)
    with pytest.raises(BpttError, match="validation: X holds NaN at step 0, feature 1"):
        Forecaster(**HOW).fit(WAVE, validation=GAPS, **QUIET)
    with pytest.raises(BpttError, match="patience is 2; expected None where nothing is held out"):
        Forecaster(**HOW, patience=2, validation_fraction=0.01).fit(WAVE, **QUIET)
