"""Covariates of a forecaster: past, future, calendar."""

import numpy as np
import pytest

from bptt import Forecaster
from bptt.errors import ConfigError, DataError, ShapeError
from bptt.models import load
from bptt.models.calendar import calendar_features
from tests.support.cases import same_bits
from tests.support.sequence_models import QUIET

pd = pytest.importorskip("pandas")

HOW = {"window": 8, "horizon": 4, "units": 6, "epochs": 2, "target": ["load"]}


def table(n=120, start="2024-01-01", seed=0):
    rng = np.random.default_rng(seed)
    promo = (rng.random(n) < 0.3).astype(float)
    index = pd.date_range(start, periods=n, freq="h")
    wind = rng.normal(size=n)
    return pd.DataFrame({"wind": wind, "promo": promo, "load": 3 * promo + 10}, index=index)


DATA = table(130)


@pytest.fixture(scope="module")
def model():
    how = HOW | {"future": ["promo"], "calendar": ["hour", "dayofweek"], "epochs": 40}
    return Forecaster(**how, residual="none", learning_rate=0.02).fit(DATA[:120], **QUIET)


def test_forecasts_follow_future_covariates(model):
    future = DATA[["promo"]].iloc[120:124]
    forecast = model.predict(future=future)
    assert list(forecast.columns) == ["load"]
    assert list(forecast.index) == list(future.index)
    assert np.abs(forecast["load"] - DATA["load"][120:124]).max() < 0.8
    turned = model.predict(future=1 - future)
    assert (np.abs(turned - forecast)["load"] > 1).all()  # every step reads its own
    assert same_bits(model.predict(DATA[:120], future=DATA).to_numpy(), forecast.to_numpy())
    array = model.predict(DATA[:120], future=future.to_numpy())
    assert same_bits(array.to_numpy(), forecast.to_numpy())


def test_inputs_of_the_network_without_future_end_where_the_data_has_it(model):
    expected = model.network_inputs(DATA[:120], future=DATA)
    found = model.network_inputs(DATA[:124])
    assert same_bits(found[0], expected[0])
    assert len(model.input_names()) == found[0].shape[1]
    with pytest.raises(ConfigError, match="8 steps; expected at least 12, a window and 4 more"):
        model.network_inputs(DATA[:8])


def test_static_covariates_are_among_the_names_of_inputs():
    rows = pd.concat([table(40).assign(shop=k, kind="ab"[k], size=float(k)) for k in range(2)])
    given = {"static": ["kind", "size"], "future": ["promo"], "epochs": 1}
    model = Forecaster(**HOW | given).fit(rows, group="shop", **QUIET)
    names = ["load", "wind", "promo", "kind a", "kind b", "size", "promo, 4 later"]
    assert model.input_names() == names
    x = model.network_inputs(rows)
    assert [own[0, 3:5].tolist() for own in x] == [[1, 0], [0, 1]]


def test_a_backtest_reads_what_a_forecast_does(model):
    forecast, actual = model.backtest(DATA[100:124])
    last = model.predict(DATA[100:120], future=DATA).to_numpy()
    np.testing.assert_allclose(forecast[-1], last, rtol=1e-5)
    assert same_bits(actual[-1], DATA[["load"]][120:124].to_numpy())


def test_files_keep_covariates(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert same_bits(again.predict(future=DATA).to_numpy(), model.predict(future=DATA).to_numpy())
    assert list(again.feature_names_in_) == ["wind", "promo", "load"]


def test_several_series_have_their_own_covariates():
    parts = [table(60, seed=s).assign(unique_id=name) for s, name in enumerate("ab")]
    long = pd.concat(parts).rename_axis("ds").reset_index()
    past = long[long.ds < "2024-01-03"]
    own = Forecaster(**HOW, future=["promo"], calendar=["hour"]).fit(past, **QUIET)
    both = own.predict(future=long)
    assert list(both.columns) == ["unique_id", "ds", "load"]
    assert len(both) == 8
    alone = own.predict(past[past.unique_id == "b"], future=long)
    np.testing.assert_allclose(alone["load"], both["load"][4:], rtol=1e-6)
    with pytest.raises(ConfigError, match="future has no series 'b'; expected the ids of X"):
        own.predict(future=long[long.unique_id == "a"])


def test_covariates_are_standardized_by_the_training_part_alone():
    data = table(80)
    data.loc[data.index[60:], "promo"] += 100.0  # held out
    held = Forecaster(**HOW, future=["promo"], validation_fraction=0.25).fit(data, **QUIET)
    alone = Forecaster(**HOW, future=["promo"]).fit(data[:60], **QUIET)
    for name, values in alone.parameters_.items():
        assert same_bits(held.parameters_[name], values)


def test_future_covariates_without_ids_are_those_of_all_series():
    both = pd.concat([table(40, seed=k).assign(id=name) for k, name in enumerate("ab")])
    model = Forecaster(**HOW, future=["promo"]).fit(both, group="id", **QUIET)
    after = pd.date_range("2024-01-02 16:00", periods=4, freq="h", name="time")
    future = pd.DataFrame({"promo": [1.0, 0.0, 1.0, 0.0]}, index=after)
    each = pd.concat([future.assign(id=name) for name in "ab"])
    assert model.predict(future=future).equals(model.predict(future=each))
    twice = pd.concat([future, future])
    with pytest.raises(DataError, match=r"^Forecaster.predict, future: .* occurs twice in time"):
        model.predict(future=twice)


def test_past_covariates_are_read_and_not_forecast():
    frame = DATA[["wind", "load"]]
    one = Forecaster(**HOW).fit(frame[:120], **QUIET)
    other = frame[:120].assign(wind=0.0)
    assert list(one.predict().columns) == ["load"]
    assert not np.allclose(one.predict(frame[:120]), one.predict(other))


def test_a_recursive_forecast_reads_future_covariates_of_each_step(tmp_path):
    how = HOW | {"strategy": "recursive", "future": ["promo"], "calendar": ["hour"], "epochs": 40}
    frame = DATA[["promo", "load"]]
    model = Forecaster(**how, residual="none", learning_rate=0.02, output="gaussian")
    model.fit(frame[:110], **QUIET)
    future = frame[["promo"]].iloc[110:118]
    forecast = model.predict(future=future, horizon=8)
    assert np.abs(forecast["load"] - frame["load"][110:118]).max() < 1
    assert (np.abs(model.predict(future=1 - future, horizon=8) - forecast)["load"] > 1).all()
    actual = model.backtest(frame[100:118]).forecast[2]
    start = model.predict(frame[100:110], future=frame, horizon=4)
    np.testing.assert_allclose(actual, start.to_numpy(), rtol=1e-5)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    low, high = again.predict_interval(future=future, horizon=8, n_paths=50)
    assert (low < high).to_numpy().all()


def test_a_stream_reads_covariates(model):
    stream = model.stream(1, start="2024-01-01")
    wind, promo, load = (DATA[[name]].to_numpy() for name in ("wind", "promo", "load"))
    for t in range(12):
        future = promo[np.newaxis, t : t + 5]
        forecast = stream.step(load[t : t + 1], past=wind[t : t + 1], future=future)
    expected = model.predict(DATA[:12], future=DATA)
    np.testing.assert_allclose(forecast[0], expected.to_numpy(), rtol=1e-6)
    with pytest.raises(ShapeError, match=r"future is \(1, 0, 1\); expected \(1, 5, 1\)"):
        stream.step(load[:1], past=wind[:1], future=promo[np.newaxis, :0])


def test_a_refit_takes_covariates(model):
    how = {"windows": 2, "stride": 3, "refit": True}
    small = Forecaster(**HOW, future=["promo"], calendar=["hour"])
    tested = small.backtest(DATA[:60], **how)
    own = Forecaster(**HOW, future=["promo"], calendar=["hour"]).fit(DATA[:53], **QUIET)
    assert same_bits(tested.forecast[0], own.predict(future=DATA).to_numpy())
    at_once = small.backtest(DATA[:60], **how, n_jobs=2)
    assert same_bits(at_once.forecast, tested.forecast)


def test_calendar_features_count_from_the_beginning_of_their_period():
    times = np.array(["2023-03-02T05:07"], "datetime64[us]")
    sines = calendar_features(["minute", "hour", "dayofyear", "month"], times)[0, ::2]
    turns = np.array([7 / 60, 5 / 24, 60 / 365.25, 2 / 12])
    np.testing.assert_allclose(sines, np.sin(2 * np.pi * turns), atol=1e-12)


def test_calendar_features_are_cyclic():
    times = np.array(["2024-01-01T06", "2024-02-04T18"], "datetime64[us]")
    hour, day = np.split(calendar_features(["hour", "dayofweek"], times), 2, axis=1)
    np.testing.assert_allclose(hour, [[1, 0], [-1, 0]], atol=1e-12)
    sunday = 2 * np.pi * 6 / 7
    np.testing.assert_allclose(day, [[0, 1], [np.sin(sunday), np.cos(sunday)]], atol=1e-9)
    assert np.allclose(calendar_features(["month"], times)[1], [0.5, np.sqrt(0.75)])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda m: m.predict(), "future is not given; expected 'promo' of the 4 steps from 2024-"),
        (
            lambda m: m.predict(future=DATA[["promo"]].iloc[120:122]),
            "future lacks 'promo' at 2024-01-06 02:00:00, 2024-01-06 03:00:00; "
            "expected all 4 steps of the horizon.",
        ),
        (
            lambda m: m.predict(future=DATA[["promo"]].drop(DATA.index[[121, 123]])),
            "future lacks 'promo' at 2024-01-06 01:00:00, 2024-01-06 03:00:00; expected",
        ),
        (
            lambda m: m.predict(DATA[:120], future=DATA.assign(promo=np.nan)),
            "future lacks 'promo' at 2024-01-06 to 2024-01-06 03:00:00 (4 steps)",
        ),
        (lambda m: m.stream(), "start is not given; expected the time of the first step"),
        (
            lambda m: m.predict(DATA[:120].assign(promo=np.nan), future=DATA),
            "X lacks the covariate 'promo' at step 2024-01-01; expected a number at each step.",
        ),
        (
            lambda m: Forecaster(**HOW, future=["promos"]).fit(DATA, **QUIET),
            "future has 'promos'; expected columns among",
        ),
        (
            lambda m: Forecaster(window=8, calendar=["hour"]).fit(np.arange(40.0), **QUIET),
            "X has no evenly spaced dates",
        ),
        (
            lambda m: Forecaster(**HOW, strategy="recursive").fit(DATA[["load", "wind"]]),
            "strategy is 'recursive', and X has the past covariates 'wind', which are not known",
        ),
        (
            lambda m: Forecaster(window=3, horizon=4, calendar=["hour"]).fit(DATA),
            "horizon is 4; expected at most window = 3 with future or calendar",
        ),
    ],
)
def test_what_covariates_cannot_be_is_refused(model, call, text):
    with pytest.raises(ConfigError) as caught:
        call(model)
    assert text in str(caught.value)
