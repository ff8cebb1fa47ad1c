"""Forecaster: forecasts, intervals, quantiles, streams, refusals."""

import numpy as np
import pytest

from bptt import Forecaster
from bptt.errors import BpttError, ConfigError, ShapeError
from bptt.models.forecast_outputs import OUTPUTS
from bptt.models.scales import Scales
from tests.support.cases import same_bits
from tests.support.model_cases import (
    WAVE,
    WAVES,
)
from tests.support.sequence_models import QUIET, SMALL, alike
from tests.support.tolerances import assert_close


@pytest.mark.slow
def test_a_forecaster_beats_the_naive_forecast_on_a_wave():
    wave = np.sin(np.arange(600) / 5)
    for settings in (
        {},
        {"strategy": "recursive"},
        {"residual": "none"},
        {"residual": "target", "output": "gaussian"},
        {"output": "quantile"},
    ):
        model = Forecaster(
            window=30, horizon=8, units=16, epochs=15, batch_size=16, learning_rate=0.01, **settings
        ).fit(wave[:500], **QUIET)
        forecast, actual = model.backtest(wave[450:])
        naive = wave[450 + 29 : 450 + 29 + len(actual), np.newaxis, np.newaxis]
        error, floor = np.mean((forecast - actual) ** 2), np.mean((naive - actual) ** 2)
        assert error < 0.05 * floor, settings
        assert model.score(wave[450:]) > 0.9


def test_what_is_held_out_is_forecast_from_the_steps_before_it():
    how = {"window": 12, "horizon": 3, **SMALL}
    held = Forecaster(**how, validation_fraction=0.25).fit(WAVE, **QUIET)
    cut = int(0.75 * len(WAVE))
    given = Forecaster(**how).fit(WAVE[:cut], validation=WAVE[cut - 12 :], **QUIET)
    assert held.history_[-1]["validation"] == given.history_[-1]["validation"]


def test_forecasts_come_in_the_units_and_the_shape_of_the_series():
    how = {"window": 12, "horizon": 3, **SMALL}
    one = Forecaster(**how).fit(WAVE, **QUIET)
    assert one.predict().shape == (3, 1)
    assert same_bits(one.predict(WAVE), one.predict())
    assert same_bits(one.predict(WAVE[-12:].tolist()), one.predict())
    far = Forecaster(**how).fit(1e4 * WAVE + 1e6, **QUIET)
    assert_close(far.predict(), 1e4 * one.predict() + 1e6, "float32")
    two = Forecaster(**how).fit([WAVES, WAVES[:40]], **QUIET)
    assert two.predict().shape == (2, 3, 2)
    assert two.predict(WAVES).shape == (3, 2)
    assert same_bits(two.predict([WAVES])[0], two.predict(WAVES))
    forecast, actual = two.backtest(WAVES, stride=5)
    assert forecast.shape == actual.shape == (14, 3, 2)
    assert np.array_equal(actual[1], WAVES[17:20])
    alike(forecast[1], two.predict(WAVES[5:17]))


@pytest.mark.parametrize(("season", "base"), [(1, WAVE[[79] * 5]), (4, WAVE[[76, 77, 78, 79, 76]])])
def test_an_untrained_network_of_zeros_says_the_naive_forecast(season, base):
    model = Forecaster(window=12, horizon=5, season=season, **SMALL).fit(WAVE, **QUIET)
    for p in model.parameters_.values():
        p[:] = 0
    assert_close(model.predict()[:, 0], base, "float32")


def test_a_drifted_series_looks_as_it_did():
    how = {"window": 12, "horizon": 3, **SMALL}
    shifted = {
        residual: Forecaster(**how, residual=residual).fit(WAVE, **QUIET)
        for residual in ("window", "target", "none")
    }
    change = {r: m.predict(WAVE + 10) - m.predict(WAVE) - 10 for r, m in shifted.items()}
    assert np.abs(change["window"]).max() < 1e-5
    assert np.abs(change["target"]).max() > 1e-3
    assert np.abs(change["none"]).max() > 1


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_gaussian_intervals_cover_what_they_say(strategy):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(1500)
    model = Forecaster(
        window=4, horizon=2, output="gaussian", strategy=strategy, residual="none", units=4,
        epochs=6, batch_size=32, learning_rate=0.01,
    ).fit(noise, **QUIET)  # fmt: skip
    lower, upper = model.predict_interval(coverage=0.8)
    assert lower.shape == upper.shape == (2, 1)
    assert np.allclose(upper - lower, 2 * 1.2816, atol=0.4)
    narrow = model.predict_interval(coverage=0.2)
    assert (narrow[1] - narrow[0] < upper - lower).all()
    assert same_bits(model.predict_interval(coverage=0.8), model.predict_interval(coverage=0.8))


def test_quantiles_are_quantiles():
    rng = np.random.default_rng(0)
    noise = rng.exponential(size=2000)
    model = Forecaster(
        window=2, output="quantile", levels=(0.1, 0.5, 0.9), residual="none", units=4, epochs=10,
        batch_size=32, learning_rate=0.01,
    ).fit(noise, **QUIET)  # fmt: skip
    lower, upper = model.predict_interval(coverage=0.8)
    assert lower[0, 0] == pytest.approx(-np.log(0.9), abs=0.1)
    assert model.predict()[0, 0] == pytest.approx(np.log(2), abs=0.15)
    assert upper[0, 0] == pytest.approx(-np.log(0.1), abs=0.4)


def test_forecasts_stream():
    model = Forecaster(window=12, horizon=3, **SMALL).fit(WAVES, **QUIET)
    stream = model.stream(2)
    for t in range(15):
        forecast = stream.step(np.stack([WAVES[t], WAVES[t + 20]]))
        assert forecast.shape == (2, 3, 2)
        if t < 11:
            assert np.isnan(forecast).all()
        else:
            ends = [WAVES[t - 11 : t + 1], WAVES[t + 9 : t + 21]]
            assert same_bits(forecast, model.predict(ends))
    kept = stream.state
    expected = stream.step(np.zeros((2, 2)))
    stream.state = kept
    assert same_bits(stream.step(np.zeros((2, 2))), expected)
    stream.reset()
    assert np.isnan(stream.step(np.zeros((2, 2)))).all()
    with pytest.raises(ShapeError, match=r"xt is \(2,\); expected \(2, 2\)"):
        stream.step(np.zeros(2))


def forecaster(X=WAVE, **settings):
    return lambda: Forecaster(**(SMALL | {"window": 12, "horizon": 3} | settings)).fit(X, **QUIET)


BAD_SERIES = [
    (forecaster(WAVE[:14]), "X has 14 steps; expected at least 15, window + horizon."),
    (forecaster([WAVE, WAVE[:14]]), "X[1] has 14 steps; expected at least 15, window + horizon ("),
    (forecaster(WAVE[:1]), "X has 1 step; expected at least 15, window + horizon."),
    (
        lambda: forecaster()().predict(WAVES.T),
        "features; expected 1, as in fit (several series are a",
    ),
    (forecaster(target="y"), "target is 'y'; expected a list of different names: ['y']."),
    (forecaster(WAVE[:16], validation_fraction=0.5), "X has 8 steps; expected at least 15, window"),
    (forecaster([WAVES, WAVE]), "X[1] has 1 features; expected 2, as X[0]."),
    (forecaster(np.where(WAVE > 1, np.nan, WAVE)), "X holds NaN at step"),
    (forecaster("sine"), "X is a str; expected a series of numbers."),
    (forecaster(None), "X is a NoneType; expected a series of numbers."),
    (forecaster(season=13), "season is 13; expected at most window = 12."),
    (forecaster(output="quantile", levels=(0.1, 0.9)), "levels is (0.1, 0.9); expected increasing"),
    (
        forecaster(output="quantile", strategy="recursive"),
        "output is 'quantile'; expected any other",
    ),
    (forecaster(patience=1), "patience is 1; expected None where nothing is held out"),
    (lambda: forecaster()().predict(WAVE[:11]), "X has 11 steps; expected at least 12, a window."),
    (lambda: forecaster()().predict(WAVES), "X has 2 features; expected 1, as in fit."),
    (lambda: forecaster()().predict_interval(), "output is 'point'; expected 'gaussian', "),
    (
        lambda: forecaster(output="gaussian")().predict_interval(coverage=1),
        "coverage is 1; expected a number in (0, 1).",
    ),
    (
        lambda: forecaster(output="quantile")().predict_interval(coverage=0.5),
        "expected one whose ends 0.25 and 0.75 are among the levels (0.05, 0.5, 0.95).",
    ),
]


@pytest.mark.parametrize(("call", "text"), BAD_SERIES)
def test_series_that_make_no_sense_are_refused(call, text):
    with pytest.raises(BpttError) as caught:
        call()
    assert text in str(caught.value)


# Outputs


def test_each_output_reads_what_its_network_predicts():
    base = np.arange(6.0).reshape(2, 3, 1)
    y = np.random.default_rng(0).standard_normal((3, 2, 3, 1))
    scales = Scales(np.zeros((1, 1)), np.ones((1, 1)))
    names = ("point", "gaussian", "quantile")
    point, gaussian, quantiles = (OUTPUTS[name]((0.1, 0.5, 0.9)) for name in names)
    assert [o.n_outputs for o in (point, gaussian, quantiles)] == [1, 2, 3]
    np.testing.assert_array_equal(
        point.point(point.read(y[:1], base, 2.0, scales)), 2 * y[0] + base
    )
    parts = gaussian.read(y[:2], base, 2.0, scales)
    np.testing.assert_allclose(parts[1], 2 * np.exp(y[1] / 2))
    np.testing.assert_array_equal(gaussian.point(parts), gaussian.quantile(parts, 0.5))
    low, high = (gaussian.quantile(parts, level) for level in gaussian.tails(0.8))
    np.testing.assert_allclose((high - low) / parts[1], 2 * 1.2815515655446004)
    drawn = gaussian.draw(np.repeat(parts[:, :1], 4000, axis=1), np.random.default_rng(1))
    np.testing.assert_allclose(drawn.std(axis=0), parts[1, 0], rtol=0.05)
    parts = quantiles.read(y, base, 2.0, scales)
    assert (np.diff(parts, axis=0) >= 0).all()  # they do not cross
    np.testing.assert_array_equal(quantiles.point(parts), np.median(2 * y + base, axis=0))
    assert quantiles.tails(0.8) == pytest.approx((0.1, 0.9))
    with pytest.raises(ConfigError, match=r"expected one whose ends 0\.25 and 0\.75 are among"):
        quantiles.tails(0.5)
    with pytest.raises(ConfigError, match="output is 'point'; expected 'gaussian'"):
        point.tails(0.8)
