"""Covariates of a forecaster: past, future, calendar."""

import numpy as np
import pytest

from bptt import Forecaster
from bptt.errors import ConfigError
from bptt.models import load
from bptt.models.covariates import calendar_features
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


def test_past_covariates_are_read_and_not_forecast():
    frame = DATA[["wind", "load"]]
    one = Forecaster(**HOW).fit(frame[:120], **QUIET)
    other = frame[:120].assign(wind=0.0)
    assert list(one.predict().columns) == ["load"]
    assert not np.allclose(one.predict(frame[:120]), one.predict(other))


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
            "future lacks 'promo' at 2024-01-06 02:00:00 to 2024-01-06 03:00:00 (2 steps); "
            "expected all 4 steps of the horizon.",
        ),
        (lambda m: m.stream(), "a stream reads the targets alone"),
        (lambda m: m.backtest(DATA, windows=2, refit=True), "refit is given to a model with"),
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
            lambda m: Forecaster(window=8, strategy="recursive", calendar=["hour"]).fit(DATA),
            "strategy is 'recursive'; expected 'direct' with target, future or calendar",
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
