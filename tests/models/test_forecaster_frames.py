"""Forecaster: data frames with times, names and ids; forecasts in the same form; files."""

import contextlib

import numpy as np
import pandas as pd
import pytest

from bptt import Forecaster, load
from bptt.errors import BpttError
from bptt.models.files import upgraded
from bptt.readers import Data, series_of_frame
from bptt.training.array_files import load_arrays
from tests.support.cases import same_bits
from tests.support.sequence_models import QUIET, SMALL

HOW = {"window": 12, "horizon": 3, **SMALL}
DAYS = pd.date_range("2024-01-01", periods=80)
LOAD = np.arange(80) % 7 * 6.1 + 10
WIDE = pd.DataFrame({"date": DAYS.astype(str), "load": LOAD, "oil": LOAD[::-1]})
LONG = pd.concat(
    [pd.DataFrame({"unique_id": n, "ds": DAYS, "y": LOAD + 50 * i}) for i, n in enumerate("AB")]
)
NEXT = pd.DatetimeIndex(["2024-03-21", "2024-03-22", "2024-03-23"])


@pytest.fixture(scope="module")
def wide():
    return Forecaster(**HOW, output="gaussian").fit(WIDE, **QUIET)


@pytest.fixture(scope="module")
def long():
    return Forecaster(**HOW).fit(LONG, **QUIET)


def test_the_forecast_of_a_frame_has_its_times_and_names(wide):
    forecast = wide.predict()
    assert list(forecast.columns) == ["load", "oil"]
    assert forecast.index.name == "date"
    assert (forecast.index == NEXT).all()
    assert list(wide.feature_names_in_) == ["load", "oil"]
    array = np.ascontiguousarray(WIDE[["load", "oil"]])
    alone = Forecaster(**HOW, output="gaussian").fit(array, **QUIET)
    np.testing.assert_array_equal(alone.predict(), forecast)
    np.testing.assert_array_equal(wide.predict(array), forecast)
    assert not hasattr(alone, "feature_names_in_")
    lower, upper = wide.predict_interval()
    assert (lower < upper).all(axis=None)
    assert (upper.index == NEXT).all()
    assert same_bits(wide.backtest(WIDE)[0], alone.backtest(array)[0])
    assert wide.score(WIDE) == alone.score(array)
    assert wide.describe() == [
        "input: 12 steps of 2 values (load, oil); forecast: 3 steps",
        "frequency: D; times in date",
    ]


@pytest.mark.parametrize(
    ("other", "warned"),
    [
        (WIDE[["oil", "date", "load"]], "Put the columns in the model's order: 'load', 'oil'"),
        (WIDE.assign(more=1.0), "Left out 'more': the model does not have"),
        (WIDE.assign(more="text"), "Left out 'more'"),
        (series_of_frame(WIDE[["oil", "date", "load"]]), "Put the columns in the model's order"),
        (WIDE.iloc[::-1], ""),
        (WIDE.assign(date=DAYS).set_index("date"), ""),
        (WIDE.iloc[-12:], ""),
    ],
)
def test_frames_are_put_in_the_order_of_the_model(wide, other, warned):
    with pytest.warns(UserWarning, match=warned) if warned else contextlib.nullcontext():
        forecast = wide.predict(other)
    pd.testing.assert_frame_equal(forecast, wide.predict())


def test_columns_of_other_names_or_times_are_refused(wide, long):
    cases = [
        (wide, WIDE.rename(columns={"oil": "gas"}), "expected 'load', 'oil', as in fit: 'oil' mis"),
        (wide, WIDE.drop(columns="date"), "X has no times; expected a column 'date', as in fit"),
        (wide, WIDE.assign(date=pd.date_range("2024", periods=80, freq="h")), "frequency 'h'; exp"),
        (wide, WIDE.assign(date=pd.date_range("2024", periods=80, freq="2D")), "frequency '2D'"),
        (wide, WIDE.iloc[:5], "X has 5 steps; expected at least 12, a window"),
        (wide, WIDE.assign(oil=np.inf), "X holds inf at step 0 (2024-01-01), feature 1 ('oil')"),
        (long, LONG.replace("B", "C"), "X has the series 'C'; expected ids of the series in fit"),
        (long, LONG.drop(columns="unique_id"), "expected 'unique_id' once among them"),
        (long, LONG[LONG["ds"] < "2024-01-05"], "X[0] (id 'A') has 4 steps; expected at least 12"),
    ]
    for model, df, text in cases:
        with pytest.raises(BpttError) as caught:
            model.predict(df)
        assert text in str(caught.value)
    with pytest.raises(BpttError, match=r"validation: X has no times; expected a column 'date'"):
        Forecaster(**HOW).fit(WIDE, validation=WIDE.drop(columns="date"), **QUIET)
    with pytest.raises(BpttError, match=r"X\[1\] \(id 'B'\) has 4 steps; expected at least 15"):
        Forecaster(**HOW).fit(LONG.iloc[:84], **QUIET)
    with pytest.raises(BpttError, match="group is 'id', X a ndarray; expected a data frame"):
        Forecaster(**HOW).fit(LOAD, group="id", **QUIET)


def test_several_series_are_forecast_by_id(long):
    forecast = long.predict()
    assert list(forecast.columns) == ["unique_id", "ds", "y"]
    assert forecast["unique_id"].tolist() == ["A"] * 3 + ["B"] * 3
    assert (forecast["ds"] == [*NEXT, *NEXT]).all()
    arrays = Forecaster(**HOW).fit([LOAD, LOAD + 50], **QUIET)
    assert same_bits(arrays.predict().reshape(-1), forecast["y"].to_numpy())
    own = long.predict(LONG[LONG["unique_id"] == "B"])
    pd.testing.assert_frame_equal(own, forecast[3:].reset_index(drop=True))
    assert long.score(LONG.replace("B", "C")) == long.score(LONG)  # a score of other series
    named = LONG.rename(columns={"unique_id": "store", "ds": "day", "y": "sold"})
    by_name = Forecaster(**HOW).fit(named, group="store", time="day", **QUIET).predict(named)
    assert list(by_name.columns) == ["store", "day", "sold"]
    assert same_bits(by_name["sold"].to_numpy(), forecast["y"].to_numpy())


def test_times_need_not_be_dates_and_may_be_missing():
    numbered = LONG.assign(ds=np.tile(np.arange(80), 2) * 5)
    model = Forecaster(**HOW).fit(numbered, **QUIET)
    assert model.predict()["ds"].tolist() == [400, 405, 410] * 2
    bare = Forecaster(**HOW).fit(WIDE[["load"]], **QUIET).predict()
    assert bare.index.name == "step"
    assert bare.index.tolist() == [1, 2, 3]
    series = pd.Series(LOAD, DAYS, name="load")
    assert (Forecaster(**HOW).fit(series, **QUIET).predict().index == NEXT).all()
    monthly = pd.Series(LOAD, pd.period_range("2017-05", periods=80, freq="M"))
    assert str(Forecaster(**HOW).fit(monthly, **QUIET).predict().index[-1].date()) == "2024-03-01"


def test_series_of_two_frequencies_are_refused():
    hourly = pd.DataFrame({"unique_id": "H", "ds": pd.date_range("2024", periods=80, freq="h")})
    mixed = pd.concat([LONG, hourly.assign(y=LOAD)])
    parts = [series_of_frame(df) for df in (WIDE[["date", "load"]], hourly[["ds"]].assign(y=LOAD))]
    joined = parts[0].but(
        X=[*parts[0].X, *parts[1].X], index=[*parts[0].index, *parts[1].index], frequency=None
    )
    with pytest.raises(BpttError, match=r"X\[1\] has the frequency 'h'; expected 'D', as X\[0\]"):
        Forecaster(**HOW).fit(joined, **QUIET)
    with (
        pytest.warns(UserWarning, match="not evenly spaced"),
        pytest.raises(
            BpttError, match=r"'H'. has the frequency 'h'; expected 'D', as X.0. .id 'A'"
        ),
    ):
        Forecaster(**HOW).fit(mixed, **QUIET)


def test_gaps_are_warned_of():
    with pytest.warns(UserWarning, match="2 times are missing in date at the frequency D"):
        Forecaster(**HOW).fit(WIDE.drop(index=[30, 31]), **QUIET)


def test_a_file_keeps_names_ids_and_times(wide, long, tmp_path):
    for model in (wide, long):
        path = tmp_path / "model.safetensors"
        model.save(path)
        loaded = load(path)
        pd.testing.assert_frame_equal(loaded.predict(), model.predict())
        assert list(loaded.prediction_rows()) == list(model.prediction_rows())
        assert loaded.feature_names_in_.tolist() == model.feature_names_in_.tolist()


def test_rows_of_a_forecast_have_times_and_ids(wide, long):
    heading, first, *_ = wide.prediction_rows(coverage=0.9)
    assert heading == ["date", "load", "load lower", "load upper", "oil", "oil lower", "oil upper"]
    assert first[0] == "2024-03-21"
    assert float(first[1]) == pytest.approx(wide.predict()["load"].iloc[0])
    rows = list(long.prediction_rows(LONG))
    assert rows[0] == ["unique_id", "ds", "y"]
    assert [row[:2] for row in rows[3:5]] == [["A", "2024-03-23"], ["B", "2024-03-21"]]
    counter = Forecaster(**HOW).fit(16e8 + 3 * LOAD, **QUIET)
    row = next(r for r in counter.prediction_rows() if r[0] == "1")
    assert float(row[1]) == pytest.approx(counter.predict()[0, 0], abs=1e-4)


def test_files_without_names_and_times_still_load(tmp_path):
    model = Forecaster(**HOW).fit([LOAD, LOAD[:40]], **QUIET)
    model.save(tmp_path / "model.safetensors")
    arrays, config = load_arrays(tmp_path / "model.safetensors")
    del config["hyperparameters"]["missing"]
    for name in ("layout", "context_masks"):
        del config["fitted"][name]
    config["fitted"]["single"] = False
    old = upgraded(arrays, config)[1]
    again = Forecaster(**HOW)
    again.restore_state(old["fitted"])
    again.network_, again.parameters_ = model.network_, model.parameters_
    assert old["hyperparameters"]["missing"] == "raise"
    again.fitted_params_ = again.get_params()
    assert same_bits(again.predict(), model.predict())


def test_data_without_names_and_times_give_arrays():
    model = Forecaster(**HOW).fit(Data([LOAD[:, np.newaxis]]), **QUIET)
    assert same_bits(model.predict(), Forecaster(**HOW).fit(LOAD, **QUIET).predict())
    with pytest.raises(BpttError, match="lengths given with a Data; expected none"):
        Forecaster(**HOW).fit(Data([LOAD]), lengths=[80], **QUIET)


@pytest.mark.parametrize("horizon", [2**20 + 1, 2**29])
def test_a_recursion_is_not_endless(horizon):
    with pytest.raises(BpttError, match="expected at most 1,048,576 steps with strategy 'recursi"):
        Forecaster(window=12, horizon=horizon, strategy="recursive").fit(LOAD, **QUIET)
    long = Forecaster(**HOW | {"horizon": 2**20}, output="gaussian", strategy="recursive")
    with pytest.raises(BpttError, match="the paths of 1 series over 1,048,576 steps hold 524,288"):
        long.fit(LOAD, **QUIET).predict_interval()
