"""Series by id: dicts, static covariates, scales of each series, short series, bad input."""

import numpy as np
import pytest

from bptt import Forecaster
from bptt.errors import BpttError, ConfigError
from bptt.models import load
from bptt.models.layouts import Layout
from bptt.models.scales import series_scales
from bptt.models.series import Series
from bptt.models.static_covariates import Static
from bptt.readers.times import Frequency
from tests.support.cases import same_bits
from tests.support.sequence_models import QUIET

pd = pytest.importorskip("pandas")

HOW = {"window": 8, "horizon": 2, "units": 4, "epochs": 2}
WAVE = 10 + np.sin(np.arange(60) / 3)
DAYS = pd.date_range("2024-01-01", periods=60, freq="D")


def long(**series):
    parts = [
        pd.DataFrame({"unique_id": name, "ds": DAYS[: len(y)], "y": y})
        for name, y in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def table():
    both = long(a=WAVE, b=100 * WAVE[:40])
    return both.assign(store=both.unique_id.map({"a": "north", "b": "south"}), area=2.5)


@pytest.fixture(scope="module")
def static(table):
    return Forecaster(**HOW, static=["store", "area"], scaling="series").fit(table, **QUIET)


def test_a_dict_gives_a_dict():
    X = {"a": WAVE, "b": 2 * WAVE[:40]}
    model = Forecaster(**HOW).fit(X, **QUIET)
    forecast = model.predict()
    assert list(forecast) == ["a", "b"]
    listed = Forecaster(**HOW).fit(list(X.values()), **QUIET).predict()
    assert same_bits(np.stack(list(forecast.values())), listed)
    assert list(model.predict({"b": 2 * WAVE[:40]})) == ["b"]
    assert same_bits(model.predict({"b": 2 * WAVE[:40]})["b"], forecast["b"])
    with pytest.raises(ConfigError, match="X has the series 'c'; expected ids of the series in"):
        model.predict({"c": WAVE})


def test_whole_numbers_are_ids(tmp_path):
    frame = long(**{"10": WAVE, "2": WAVE}).astype({"unique_id": int})
    model = Forecaster(**HOW).fit(frame, **QUIET)
    forecast = model.predict()
    assert forecast["unique_id"].dtype == int
    assert len(forecast.merge(frame[["unique_id"]].drop_duplicates(), on="unique_id")) == 4
    assert next(iter(list(model.prediction_rows(typed=True))[1])) == 10
    model.save(tmp_path / "m.safetensors")
    pd.testing.assert_frame_equal(load(tmp_path / "m.safetensors").predict(), forecast)
    own = model.predict({2: pd.Series(WAVE, DAYS, name="y")})
    assert list(own) == [2]
    assert own[2]["y"].tolist() == forecast["y"][2:].tolist()
    assert list(Forecaster(**HOW).fit({7: WAVE, 3: WAVE}, **QUIET).predict()) == [7, 3]
    assert list(Forecaster(**HOW).fit({"7": WAVE, 3: WAVE}, **QUIET).predict()) == ["7", "3"]


def test_a_dict_of_dated_series_gives_dated_forecasts(tmp_path):
    X = {"a": pd.Series(WAVE, DAYS, name="load"), "b": pd.Series(WAVE[:40], DAYS[:40], name="load")}
    model = Forecaster(**HOW).fit(X, **QUIET)
    forecast = model.predict()
    assert list(forecast["b"].index) == list(DAYS[40:42])
    assert list(forecast["b"].columns) == ["load"]
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors").predict()
    assert same_bits(again["a"].to_numpy(), forecast["a"].to_numpy())
    rows = list(model.prediction_rows())
    assert rows[0] == ["series", "time", "load"]
    assert rows[3][0] == "b"


@pytest.mark.parametrize("typed", [False, True])
def test_rows_take_the_times_of_each_series_once(monkeypatch, typed):
    """Computing the times of all series again for each one took 46 s for 2,000 series."""
    computed, after = [], Frequency.after
    monkeypatch.setattr(Frequency, "after", lambda *own: computed.append(own) or after(*own))
    layout = Layout(single=False, ids=("a", "b", "c"), ends=(0, 1, 2), frequency="D")
    rows = list(layout.rows([("", np.zeros((3, 2, 1)))], np.ones(1), (), typed))
    assert len(rows) == 7
    assert len(computed) == 3


def test_each_series_has_its_own_scale(tmp_path):
    X = {"a": WAVE, "b": 1000 * WAVE + 5e4}
    model = Forecaster(**HOW, scaling="series").fit(X, **QUIET)
    forecast = model.predict()
    np.testing.assert_allclose(forecast["b"], 1000 * forecast["a"] + 5e4, rtol=1e-4)
    one = model.predict({"b": X["b"][20:]})["b"]  # by id: with the scale of the training
    assert same_bits(one, forecast["b"])
    other = model.predict([X["b"]])[0]  # without an id: by its own steps, which are the same here
    assert same_bits(other, forecast["b"])
    tested = model.backtest({"c": 7 * WAVE}).forecast
    later = model.backtest({"c": np.concatenate([7 * WAVE, [1e6]])}).forecast
    assert same_bits(later[: len(tested)], tested)  # no later step is in a new series' scale
    assert "scaling: by mean and standard deviation of each series" in model.describe()
    model.save(tmp_path / "m.safetensors")
    assert same_bits(load(tmp_path / "m.safetensors").predict()["b"], forecast["b"])
    with pytest.raises(ConfigError, match="a stream has no ids"):
        model.stream()


def test_a_warm_start_scales_new_series_by_their_own_steps():
    how = HOW | {"scaling": "series", "warm_start": True}
    model = Forecaster(**how).fit([WAVE, 100 * WAVE], **QUIET).fit([7 * WAVE], **QUIET)
    assert same_bits(model.predict(), model.predict([7 * WAVE]))


def test_static_covariates_are_read(static, table, tmp_path):
    forecast = static.predict()
    assert list(forecast.columns) == ["unique_id", "ds", "y"]
    own = table[table.unique_id == "a"]
    alike = static.predict(own.assign(store="south"))["y"].to_numpy()
    assert not np.allclose(alike, forecast["y"][:2])
    np.testing.assert_allclose(static.predict(own)["y"], forecast["y"][:2], rtol=1e-6)
    static.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert same_bits(again.predict(table)["y"].to_numpy(), forecast["y"].to_numpy())
    assert "covariates: static: store, area" in static.describe()
    assert static.backtest(table, windows=2, refit=True, stride=3).forecast.shape == (4, 2, 1)


def test_a_short_series_is_filled_up_or_named():
    short = {"a": WAVE, "b": WAVE[:7]}
    with pytest.raises(ConfigError, match=r"\(id 'b'\) has 7 steps; expected at least 10, window"):
        Forecaster(**HOW).fit(short, **QUIET)
    model = Forecaster(**HOW, missing="forward").fit(short, **QUIET)
    assert np.isfinite(model.predict()["b"]).all()
    whole = Forecaster(**HOW, missing="forward").fit({"a": WAVE, "b": WAVE[:10]}, **QUIET)
    padded = {"a": WAVE, "b": np.concatenate([[np.nan] * 3, WAVE[:7]])}
    again = Forecaster(**HOW, missing="forward").fit(padded, **QUIET)
    assert same_bits(again.predict()["b"], model.predict()["b"])
    assert whole.predict({"b": WAVE[:3]})["b"].shape == (2, 1)
    known = Series([np.ones((2, 1))], Layout(), covariates=[np.array([[3.0], [4.0]])])
    assert known.padded(4).covariates[0].tolist() == [[3], [3], [3], [4]]


def test_the_order_of_series_does_not_matter(table):
    plain = table[["unique_id", "ds", "y"]]
    turned = pd.concat([plain[plain.unique_id == name] for name in "ba"])
    for scaling in ("global", "series"):
        model, other = (Forecaster(**HOW, scaling=scaling).fit(t, **QUIET) for t in (plain, turned))
        for name, values in model.parameters_.items():
            assert same_bits(values, other.parameters_[name])
        assert list(other.predict().unique_id) == ["b", "b", "a", "a"]
        assert same_bits(other.predict()["y"].to_numpy()[:2], model.predict()["y"].to_numpy()[2:])


def test_covariates_follow_their_series_in_any_order(table):
    own = table.assign(
        promo=np.arange(len(table)) % 7.0, area=table.unique_id.map({"a": 2, "b": 4})
    )
    turned = pd.concat([own[own.unique_id == name] for name in "ba"])
    how = HOW | {"target": ["y"], "future": ["promo"], "static": ["store", "area"]}
    model, other = (Forecaster(**how).fit(t, **QUIET) for t in (own, turned))
    for name, values in model.parameters_.items():
        assert same_bits(values, other.parameters_[name])


def test_each_series_is_scaled_by_its_own_mean_and_standard_deviation():
    clean, gaps = np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[4.0, np.nan], [8.0, 5.0]])
    scales = series_scales([clean, gaps, clean[:1]], np.zeros(2))
    np.testing.assert_allclose(scales.mean, [[2, 4], [6, 5], [1, 2]])
    np.testing.assert_allclose(scales.scale, [[1, 2], [2, 1], [1, 1]])  # 1 where all are equal


def test_static_inputs_are_standardized_numbers_and_one_input_for_each_category():
    table = {"size": [1.0, 3.0], "store": ["n", "s"], "area": [10.0, 30.0]}
    static = Static.learned(tuple(table), table, None)
    assert static.inputs(table, None).tolist() == [[-1, 1, 0, -1], [1, 0, 1, 1]]
    assert static.inputs({"size": [2.0], "store": ["s"], "area": [40.0]}, None).tolist() == [
        [0, 0, 1, 2]
    ]


def test_a_constant_series_is_forecast():
    model = Forecaster(**HOW, scaling="series").fit({"a": WAVE, "b": np.full(40, 7.0)}, **QUIET)
    assert np.abs(model.predict()["b"] - 7).max() < 2


def changed(table, row, column, value):
    other = table.astype({column: object})
    other.loc[row, column] = value
    return other


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.assign(store="west"), "(id 'a') has the store 'west'; expected one of those"),
        (lambda t: t.assign(store=4.0), "the static column 'store' holds numbers; expected texts"),
        (lambda t: changed(t, 3, "store", "x"), "store of 'a' is 'north' and, in row 4, 'x'"),
        (lambda t: t.drop(columns="store"), "expected 'store' once among them"),
        (
            lambda t: t.assign(area=np.where(t.unique_id == "b", np.nan, 2.5)),
            "area has nothing in row 61; expected an entry in every row",
        ),
        (lambda t: t.assign(unique_id="c", store="north"), "occurs twice in ds of 'c'"),
        (lambda t: t[t.unique_id == "a"].assign(unique_id="c"), "X has the series 'c'; expected"),
        (lambda t: t.assign(y=np.nan), "(id 'a') holds no value, all 60 are missing"),
        (lambda t: changed(t, 2, "y", np.inf), "(id 'a') holds inf at step 2 (2024-01-03)"),
        (lambda t: changed(t, 2, "y", np.nan), "(id 'a') holds NaN at step 2 (2024-01-03)"),
        (lambda t: t.iloc[::2], "(id 'a') has the frequency '2D'; expected 'D', as in fit"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "2024-01-01 occurs twice in ds of 'a'"),
        (lambda t: t.iloc[:5], "(id 'a') has 5 steps; expected at least 8, a window"),
    ],
)
def test_bad_input_is_named_by_id_and_date(static, table, change, text):
    with pytest.raises(BpttError) as caught:
        static.predict(change(table))
    assert text in str(caught.value)


HOURS = pd.date_range("2024-03-29", periods=60, freq="h", tz="Europe/Paris")


def test_forecasts_are_in_the_time_zone_of_the_series(tmp_path):
    table = pd.DataFrame({"y": WAVE, "h": 1.0}, HOURS)
    model = Forecaster(**HOW, target=["y"], future=["h"], calendar=["hour"]).fit(table, **QUIET)
    after = pd.DataFrame({"h": 1.0}, pd.date_range(HOURS[-1], periods=3, freq="h"))
    model.save(tmp_path / "m.safetensors")
    for own in (model, load(tmp_path / "m.safetensors")):
        forecast = own.predict(future=after)
        assert list(forecast.index) == list(after.index[1:])
        assert forecast.index.dtype == HOURS.dtype
        assert own.predict(table, future=after).equals(forecast)
        _, row, _ = own.prediction_rows(future=after)
        assert row[0] == "2024-03-31 13:00:00+02:00"
        _, row, _ = own.prediction_rows(future=after, typed=True)
        assert row[0] == after.index[1]
    naive = table.tz_localize(None)
    expected = naive[:48].index.hour  # before summer time
    inputs = model.network_inputs(table[:48], future=table)[0]
    np.testing.assert_allclose(inputs[:, 2], np.sin(2 * np.pi * expected[-8:] / 24), atol=1e-6)
    utc = table.tz_convert("UTC")
    np.testing.assert_array_equal(model.predict(utc, future=after), forecast)
    assert str(model.predict(utc, future=after).index.dtype) == "datetime64[us, UTC]"
    with pytest.raises(ConfigError, match="the times of X have no time zone; expected the time"):
        model.predict(naive[:48], future=after)
    with pytest.raises(ConfigError, match="the times of future have no time zone; expected"):
        model.predict(future=after.tz_localize(None))
    long = table.assign(unique_id="a").reset_index(names="ds")
    dated = Forecaster(**HOW).fit(long, **QUIET).predict()
    assert list(dated["ds"]) == list(after.index[1:])


@pytest.mark.parametrize("refit", [False, 2])
def test_the_forecasts_of_a_backtest_are_a_dated_frame(refit, table):
    table = table.drop(columns=["store", "area"])
    model = Forecaster(**HOW, output="gaussian").fit(table, **QUIET)
    tested = model.backtest(table, windows=3, stride=4, refit=refit, coverage=(0.8,))
    frame = tested.frame()
    assert list(frame.columns) == [
        "unique_id", "origin", "ds", "y", "y actual", "y naive", "y lower 0.8", "y upper 0.8",
    ]  # fmt: skip
    assert len(frame) == 12
    both = frame.merge(table, on=["unique_id", "ds"], suffixes=("", " of table"))
    assert both["y of table"].tolist() == frame["y actual"].tolist()
    first = frame[(frame.unique_id == "b") & (frame.origin == DAYS[30])]
    assert first["ds"].tolist() == list(DAYS[30:32])
    if not refit:
        before = table[(table.unique_id == "b") & (table.ds < DAYS[30])]
        np.testing.assert_array_equal(model.predict(before)["y"], first["y"])


def test_the_forecasts_of_a_backtest_of_arrays_are_numbered():
    model = Forecaster(**HOW).fit(WAVE, **QUIET)
    frame = model.backtest(WAVE, windows=2).frame()
    assert frame["step"].tolist() == [57, 58, 58, 59]
    assert frame["value 1 actual"].tolist() == WAVE[[57, 58, 58, 59]].tolist()
    zoned = pd.DataFrame({"y": WAVE}, HOURS)
    tested = Forecaster(**HOW).fit(zoned, **QUIET).backtest(zoned, windows=1)
    assert tested.frame()["time"].tolist() == list(HOURS[-2:])


def test_one_time_of_each_day_is_evenly_spaced_in_summer_time():
    days = pd.date_range("2024-03-01 06:00", periods=60, tz="Europe/Paris")
    forecast = Forecaster(**HOW).fit(pd.DataFrame({"y": WAVE}, days), **QUIET).predict()
    assert forecast.index[0] == pd.Timestamp("2024-04-30 06:00")


def zones(first, second):
    return {
        "a": pd.Series(WAVE, DAYS.tz_localize(first)),
        "b": pd.Series(WAVE, DAYS.tz_localize(second)),
    }


def columns(X):
    return {name: x.rename("y").rename_axis("ds").reset_index() for name, x in X.items()}


def stacked(X):
    parts = [part.assign(unique_id=name) for name, part in columns(X).items()]
    return pd.concat([part.astype({"ds": object}) for part in parts], ignore_index=True)


def shifted(X):
    return {name: x.set_axis(x.index + pd.to_timedelta(range(60), "h")) for name, x in X.items()}


@pytest.mark.parametrize("form", [dict, stacked, lambda X: columns(shifted(X))])
def test_mixed_time_zones_are_refused(form):
    with pytest.raises(BpttError, match="time zone"):
        Forecaster(**HOW).fit(form(zones("UTC", "Asia/Tokyo")), **QUIET)
