"""Backtests, metrics of forecasts, conformal intervals, searches over forecasters."""

import warnings

import numpy as np
import pytest

from bptt import Forecaster
from bptt.errors import ConfigError
from bptt.models import forecast_metrics as metrics
from bptt.models import load
from bptt.models.backtested import negative_mase
from bptt.models.conformal import Conformal
from bptt.readers import Data
from tests.support.cases import same_bits
from tests.support.model_cases import WAVE
from tests.support.sequence_models import QUIET

Y = [[5.004, 5.896, 4.178, 2.328], [3.636, 2.025, 5.18, 9.021], [3.523, 3.139, 6.47, 6.071]]
F = [[5.109, 4.966, 4.149, 3.023], [2.292, 1.567, 3.279, 7.731], [1.681, 2.904, 5.203, 6.342]]
TRAINING = [
    [5.47, 4.439, -2.55, 3.384, 4.854, 5.34, 0.41, 3.567, 2.064, 2.573, 8.183, 2.577],
    [4.902, 7.653, 3.249, 4.665, 5.331, 5.191, 1.325, 5.228, 9.076, 0.359, 7.578, 5.358],
    [3.076, 11.001, 7.287, 1.402, 5.224, 6.73, 4.434, 7.049, 4.8, 7.002, 9.316, 2.973],
]
GOLDEN = {  # utilsforecast 0.2.17: a number for each series; quantiles are F - 1.5, F, F + 1
    "mae": [0.4397500000000001, 1.2482500000000003, 0.9037499999999998],
    "rmse": [0.5830503837576989, 1.3503704121462379, 1.132135040531826],
    "half smape": [0.057341794702035466, 0.16399075051034406, 0.13080487277334885],
    "mase, season 3": [0.1569290245836638, 0.5955706939511215, 0.37907209768373945],
    "quantile_loss, 0.1": [0.15397499999999997, 0.27482500000000004, 0.226825],
    "mqloss, 0.1 0.5 0.9": [0.15662500000000001, 0.41929166666666684, 0.3263749999999999],
    "coverage": [1.0, 0.25, 0.5],
}
SETTINGS = {"window": 12, "horizon": 3, "units": 4, "epochs": 1, "season": 6, "verbose": False}


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(**SETTINGS, output="gaussian").fit(WAVE[:50], **QUIET)


def test_metrics_agree_with_a_known_package():
    y, f = (np.array(a)[:, :, np.newaxis] for a in (Y, F))
    scale = np.stack([metrics.naive_error(np.array(x)[:, np.newaxis], 3) for x in TRAINING])
    axis = (1, 2)
    ours = [
        metrics.mae(y, f, axis),
        metrics.rmse(y, f, axis),
        metrics.smape(y, f, axis) / 2,
        metrics.mase(y, f, scale[:, np.newaxis], axis),
        metrics.pinball(y, f - 1.5, 0.1, axis),
        metrics.crps(y, {0.1: f - 1.5, 0.5: f, 0.9: f + 1}, axis) / 2,
        metrics.coverage(y, f - 1.5, f + 1, axis),
    ]
    for (name, golden), own in zip(GOLDEN.items(), ours, strict=True):
        assert np.abs(own - golden).max() < 1e-12, name
    assert metrics.width(y, f - 1.5, f + 1) == pytest.approx(2.5)


def test_missing_values_count_in_no_metric():
    y, f = (np.array(a)[:, :, np.newaxis] for a in (Y, F))
    y[:, 2] = np.nan
    kept = [0, 1, 3]
    for metric in (metrics.mae, metrics.rmse, metrics.smape):
        assert metric(y, f) == pytest.approx(metric(y[:, kept], f[:, kept]))
    assert metrics.coverage(y, f - 1, f + 1) == metrics.coverage(
        y[:, kept], f[:, kept] - 1, f[:, kept] + 1
    )
    assert np.isnan(metrics.mae(y, f, metrics.STEPS)[2])


def test_a_constant_training_part_gives_no_scaled_error():
    assert np.isnan(metrics.naive_error(np.full((5, 1), 3.0))).all()


def test_a_backtest_stands_beside_the_seasonal_naive_forecast(fitted):
    tested = fitted.backtest(WAVE, windows=4, stride=5, coverage=(0.8,))
    assert tested.origin.tolist() == [62, 67, 72, 77]
    assert tested.actual[-1, :, 0].tolist() == WAVE[77:].tolist()
    assert tested.naive[-1, :, 0].tolist() == pytest.approx(WAVE[71:74].tolist())
    scale = np.abs(WAVE[6:50] - WAVE[:44]).mean()  # of the training
    assert tested.scale.reshape(-1) == pytest.approx([scale] * 4)
    assert same_bits(tested.forecast[2], fitted.predict(WAVE[:72]))
    low, high = tested.intervals[0.8]
    assert (low < tested.forecast).all()
    assert (tested.forecast < high).all()
    table = tested.table()
    assert list(table.index) == [1, 2, 3, "all"]
    mase = np.abs(tested.forecast - tested.actual).mean() / scale
    assert table["MASE", "model"]["all"] == pytest.approx(mase)
    assert negative_mase(fitted, WAVE) < 0


@pytest.mark.parametrize("ids", [None, ["b", "a"]])
def test_errors_are_scaled_by_those_of_the_training(ids, tmp_path):
    def errors(x, season=6):
        return np.abs(x[season:] - x[:-season]).mean()

    held = 0.2
    series = {"b": WAVE * np.arange(80), "a": WAVE[:60]} if ids else {"": WAVE}
    given = series if ids else WAVE
    settings = SETTINGS | {"window": 6, "validation_fraction": held}  # not longer than a season
    model = Forecaster(**settings).fit(given, **QUIET)
    model.save(tmp_path / "m.safetensors")
    parts = {name: x[: int(0.8 * len(x))] for name, x in series.items()}
    for own in (model, load(tmp_path / "m.safetensors")):
        tested = own.backtest(given)
        assert np.isfinite(tested.metrics()["MASE"]).all()
        for i, x in enumerate(parts.values()):
            np.testing.assert_allclose(tested.scale[tested.series == i], errors(x))
    other = model.backtest(given, season=2, windows=1)
    np.testing.assert_allclose(other.scale[:, 0, 0], [errors(x[:-3], 2) for x in series.values()])
    new = model.backtest({"new": WAVE} if ids else [WAVE, WAVE], windows=1)
    np.testing.assert_allclose(new.scale.reshape(-1), errors(WAVE[:-3]))


def test_a_refit_trains_on_the_steps_before_the_origin_alone(fitted):
    how = {"windows": 3, "stride": 4, "refit": True}
    model = Forecaster(**SETTINGS)
    tested = model.backtest(WAVE, **how)
    own = Forecaster(**SETTINGS).fit(WAVE[:73], **QUIET)
    assert same_bits(tested.forecast[1], own.predict())
    after = WAVE.copy()
    after[73:] = 1e6
    assert same_bits(model.backtest(after, **how).forecast[:2], tested.forecast[:2])
    sliding = model.backtest(WAVE, **how, training_steps=40)
    own = Forecaster(**SETTINGS).fit(WAVE[33:73], **QUIET)
    assert same_bits(sliding.forecast[1], own.predict())
    rare = model.backtest(WAVE, windows=3, stride=4, refit=2)
    assert same_bits(rare.forecast[0], tested.forecast[0])
    assert same_bits(rare.forecast[2], tested.forecast[2])
    assert not same_bits(rare.forecast[1], tested.forecast[1])


def test_backtests_refuse_what_cannot_be_tested(fitted):
    for how, expected in (
        ({"refit": True}, "windows is not given with refit"),
        ({"windows": 0}, "expected a whole number >= 1"),
        ({"windows": 90}, "expected at least 104"),
        ({"season": 13}, "at most window = 12"),
        ({"training_steps": 9}, "expected refit=True"),
    ):
        with pytest.raises(ConfigError, match=expected):
            fitted.backtest(WAVE, **how)


def test_conformal_intervals_cover_and_are_kept_in_the_file(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.standard_exponential(3000)
    model = Forecaster(**SETTINGS, residual="none").fit(noise[:400], **QUIET)
    with pytest.raises(ConfigError, match="calibrate"):
        model.predict_interval(noise, coverage=0.9)
    model.calibrate(noise[400:1500])
    for coverage in (0.8, 0.95):
        tested = model.backtest(noise[1500:], coverage=(coverage,))
        low, high = tested.intervals[coverage]
        reached = metrics.coverage(tested.actual, low, high, metrics.STEPS)
        assert np.abs(reached - coverage).max() < 0.03
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert same_bits(again.predict_interval(noise)[1], model.predict_interval(noise)[1])
    heading, *_ = again.prediction_rows(noise, coverage=0.8)
    assert heading[-2:] == ["value 1 lower", "value 1 upper"]


def test_conformal_half_widths_are_order_statistics_of_finite_samples():
    conformal = Conformal.of(np.zeros((19, 1, 1)), np.arange(1.0, 20).reshape(19, 1, 1))
    assert conformal.radius(0.95).item() == 19  # ceil(20 * 0.95)
    assert conformal.radius(0.94).item() == 19
    assert conformal.radius(0.9).item() == 18
    with pytest.raises(ConfigError, match=r"expected at most 0\.95"):
        conformal.radius(0.96)


def test_a_calibration_keeps_a_bounded_number_of_errors():
    zeros = np.zeros((2**15, 2, 2))
    assert Conformal.of(zeros, zeros).errors.shape == (2**14, 2, 2)


def test_a_report_has_the_intervals_that_the_calibration_reaches():
    model = Forecaster(**SETTINGS).fit(WAVE[:50], **QUIET).calibrate(WAVE[:18])  # 4 forecasts
    metrics_of_all = [row[0] for row in model.score_report(Data([WAVE[:, np.newaxis]]))[1].rows]
    assert [name for name in metrics_of_all if "coverage" in name] == ["coverage 0.8"]


def test_scikit_learn_searches_window_units_and_learning_rate(capfd):
    search = pytest.importorskip("sklearn.model_selection")
    grid = {"window": [8, 12], "units": [2, 4], "learning_rate": [0.01]}
    model = Forecaster(**{**SETTINGS, "window": 8})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = search.GridSearchCV(
            model, grid, scoring=negative_mase, cv=search.TimeSeriesSplit(2, test_size=25)
        ).fit(WAVE)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert capfd.readouterr() == ("", "")


def test_fit_calibrates_on_what_it_holds_out(tmp_path):
    noise = np.random.default_rng(0).standard_exponential(900)
    how = SETTINGS | {"residual": "none", "intervals": "conformal", "validation_fraction": 0.5}
    model = Forecaster(**how).fit(noise[:600], **QUIET)
    low, high = model.predict_interval(coverage=0.8)
    by_hand = Forecaster(**how | {"intervals": "output"}).fit(noise[:600], **QUIET)
    by_hand.calibrate(noise[300 - model.window : 600])
    assert same_bits(np.stack([low, high]), np.stack(by_hand.predict_interval(coverage=0.8)))
    model.save(tmp_path / "m.safetensors")
    assert same_bits(load(tmp_path / "m.safetensors").predict_interval(coverage=0.8)[0], low)
    given = Forecaster(**how | {"validation_fraction": 0})
    given.fit(noise[:300], validation=noise[300 - model.window : 600], **QUIET)
    np.testing.assert_allclose(
        given.predict_interval(noise, 0.8), model.predict_interval(noise, 0.8)
    )
    tested = Forecaster(**how).backtest(noise, windows=20, stride=10, refit=10, coverage=(0.8,))
    assert 0.6 < tested.metrics()["coverage 0.8"][0] < 0.95
    assert model.partial_fit(noise[600:])._conformal is None


def test_conformal_intervals_have_the_size_of_their_series(tmp_path):
    noise = np.random.default_rng(0).standard_normal((2, 900))
    sizes = {"a": 1.0, "b": 100.0}
    X = {name: size * x for (name, size), x in zip(sizes.items(), noise, strict=True)}
    how = SETTINGS | {"scaling": "series", "intervals": "conformal", "validation_fraction": 0.5}
    model = Forecaster(**how).fit({name: x[:600] for name, x in X.items()}, **QUIET)
    by_hand = Forecaster(**how | {"intervals": "output"})
    by_hand.fit({name: x[:600] for name, x in X.items()}, **QUIET)
    by_hand.calibrate({name: x[300 - model.window : 600] for name, x in X.items()})
    model.save(tmp_path / "m.safetensors")
    for own in (model, by_hand, load(tmp_path / "m.safetensors")):
        low, high = own.predict_interval(coverage=0.8)
        width = {name: (high[name] - low[name]).mean() for name in X}
        assert 90 < width["b"] / width["a"] < 110
    tested = model.backtest({name: x[600:] for name, x in X.items()}, coverage=(0.8,))
    low, high = tested.intervals[0.8]
    for i in (0, 1):
        of = tested.series == i
        assert abs(metrics.coverage(tested.actual[of], low[of], high[of]) - 0.8) < 0.1


@pytest.mark.parametrize(("fraction", "steps"), [(0.0, 0), (0.04, 2)])
def test_a_calibration_needs_a_held_out_horizon(fraction, steps):
    model = Forecaster(**SETTINGS, intervals="conformal", validation_fraction=fraction)
    with pytest.raises(ConfigError, match=f"{steps} steps of each series are held out at most; ex"):
        model.fit(WAVE[:50], **QUIET)
