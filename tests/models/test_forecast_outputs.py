"""Outputs of forecasters: distributions, quantiles, counts, paths, any horizon, limits at 0."""

import numpy as np
import pytest

from bptt import Forecaster
from bptt.errors import BpttError, ConfigError
from bptt.models import load, quantiles
from bptt.models.forecast_outputs import NegativeBinomial, StudentT
from bptt.models.quantiles import negative_binomial_quantile, student_t_quantile
from bptt.models.scales import Scales
from bptt.models.windows import Counts
from tests.support.cases import same_bits
from tests.support.sequence_models import QUIET

COUNTS = np.random.default_rng(0).poisson(4 + 3 * np.sin(np.arange(160) / 4)).astype(float)
HOW = {"window": 12, "horizon": 3, "units": 4, "epochs": 3, "learning_rate": 0.01, "seed": 1}
# scipy 1.17.1: stats.t.ppf and stats.nbinom.ppf
T_QUANTILES = {
    (0.975, 3.0): 3.182446305283708,
    (0.6, 2.5): 0.2814595127485477,
    (0.01, 7.3): -2.9639404475838975,
    (0.9, 1e4): 1.2816362297304775,
}
COUNT_QUANTILES = {
    (0.9, 0.5, 1.0): 2,
    (0.9, 20.0, 4.0): 35,
    (0.05, 300.0, 0.5): 1,
    (0.5, 3e4, 1e9): 30000,
}


@pytest.fixture(scope="module")
def counted():
    return Forecaster(**HOW, output="negative_binomial", strategy="recursive").fit(COUNTS, **QUIET)


@pytest.fixture(scope="module")
def heavy():
    return Forecaster(**HOW, output="student_t").fit(COUNTS, **QUIET)


def test_quantiles_are_those_of_a_known_package(monkeypatch):
    for (level, nu), golden in T_QUANTILES.items():
        assert student_t_quantile(level, np.array([nu]))[0] == pytest.approx(golden, rel=1e-6)
    assert student_t_quantile(0.5, np.array([3.0])) == 0
    for (level, mean, size), golden in COUNT_QUANTILES.items():
        assert negative_binomial_quantile(level, np.array([mean]), np.array([size])) == golden
    assert quantiles._LARGEST_COUNT == 2**20
    monkeypatch.setattr(quantiles, "_LARGEST_COUNT", 2**14)  # 2**20 counts take 10 s
    with pytest.raises(BpttError, match="above 16,384; expected smaller counts"):
        negative_binomial_quantile(0.5, np.array([1e8]), np.array([1e-3 * 1e8]))


def test_draws_have_the_quantiles_that_are_predicted():
    rng, base = np.random.default_rng(0), np.zeros((1, 20000, 1))
    scales = Scales(np.array([[6.0]]), np.array([[3.0]]))
    y = np.broadcast_to(np.array([0.3, -1.0, 0.5])[:, None, None, None], (3, *base.shape))
    for output in (StudentT(), NegativeBinomial()):
        parts = output.read(y[: output.n_outputs], base, 1.5, scales)
        drawn = output.draw(parts, rng)
        for level in (0.1, 0.5, 0.9):
            below = (drawn <= output.quantile(parts[:, :, :1], level)).mean()
            assert level - 0.015 < below < level + (0.15 if output.counts else 0.015)
        assert output.point(parts)[0, 0, 0] == pytest.approx(drawn.mean(), rel=0.05)


def test_an_output_of_0_is_the_naive_count():
    scales = Scales(np.array([[40.0]]), np.array([[3.0]]))
    base = np.array([[[2.0]]])  # 46, far above the unit
    mean, _ = NegativeBinomial().read(np.zeros((2, 1, 1, 1)), base, 1.5, scales)
    assert mean.item() == pytest.approx(46, rel=1e-3)


def test_counts_are_forecast_by_whole_quantiles_and_paths(counted, tmp_path):
    quantiles = counted.predict_quantiles(levels=[0.1, 0.5, 0.9], horizon=1)
    low, middle, high = quantiles.values()
    assert (low <= middle).all()
    assert (middle <= high).all()
    paths = counted.sample_paths(n_paths=40, horizon=7)
    assert paths.shape == (40, 7, 1)
    assert (paths == np.floor(paths)).all()
    assert (paths >= 0).all()
    assert same_bits(counted.sample_paths(n_paths=40, horizon=7, seed=1), paths)
    assert not same_bits(counted.sample_paths(n_paths=40, horizon=7, seed=2), paths)
    assert counted.sample_paths([COUNTS, COUNTS[:50]], n_paths=2).shape == (2, 2, 3, 1)
    counted.save(tmp_path / "m.safetensors")
    assert same_bits(load(tmp_path / "m.safetensors").predict(), counted.predict())
    assert "CRPS" in counted.backtest(COUNTS, windows=2, coverage=(0.8,)).metrics()


def test_counts_with_missing_values_are_trained_on():
    gaps = COUNTS.copy()
    gaps[5::9] = np.nan
    model = Forecaster(**HOW, output="negative_binomial", missing="forward").fit(gaps, **QUIET)
    assert model.history_[-1]["loss"] < 4
    assert (model.predict() > 0).all()


def test_a_missing_count_has_no_weight():
    scales = Scales(np.zeros((1, 1)), np.ones((1, 1)))
    counts = Counts([np.array([[1.0], [np.nan], [4.0]])], scales)
    at, base = np.array([[0, 1], [1, 2]]), np.zeros((2, 2, 1))
    target, weight = counts.target(at, np.array([0, 0]), base, 1.0)
    assert target[:, :2].tolist() == [[1, 0], [0, 4]]
    assert weight.tolist() == [[1, 0] * 3, [0, 1] * 3]


def test_a_recursion_reads_the_counts_that_it_forecasts(counted):
    stream = counted.stream()
    for count in COUNTS[-12:]:
        first = stream.step([[count]])[:, 0]
    forecast = counted.predict(horizon=2)
    np.testing.assert_allclose(forecast[0], first[0], rtol=1e-6)
    np.testing.assert_allclose(forecast[1], stream.step(first)[0, 0], rtol=1e-5)


def test_a_recursive_forecast_has_any_length(counted):
    long = counted.predict(horizon=20)
    assert long.shape == (20, 1)
    assert same_bits(long[:3], counted.predict())
    low, high = counted.predict_interval(coverage=0.5, horizon=5, n_paths=30)
    assert low.shape == (5, 1)
    assert (low <= high).all()


def test_a_direct_forecast_may_be_shorter(heavy):
    assert same_bits(heavy.predict(horizon=2), heavy.predict()[:2])
    quantiles = heavy.predict_quantiles(horizon=2, levels=(0.25, 0.75))
    assert same_bits(quantiles[0.25], heavy.predict_interval(coverage=0.5, horizon=2)[0])
    rows = list(heavy.prediction_rows(horizon=2, levels=(0.25,), typed=True))
    assert rows[0] == ["step", "value 1", "value 1 0.25"]
    assert rows[2] == [2, heavy.predict()[1, 0], quantiles[0.25][1, 0]]


def test_conformal_quantiles_are_the_ends_of_intervals(heavy):
    model = Forecaster(**HOW).fit(COUNTS[:100], **QUIET).calibrate(COUNTS[88:])
    low, high = model.predict_interval(coverage=0.8, horizon=2)
    quantiles = model.predict_quantiles(levels=(0.1, 0.5, 0.9), horizon=2)
    assert same_bits(quantiles[0.1], low)
    assert same_bits(quantiles[0.9], high)
    assert same_bits(quantiles[0.5], model.predict(horizon=2))
    assert (model.predict_interval(coverage=0.98)[0] < 0).any()
    cut = Forecaster(**HOW, nonnegative=True).fit(COUNTS[:100], **QUIET).calibrate(COUNTS[88:])
    assert (cut.predict_interval(coverage=0.98)[0] >= 0).all()


def test_quantiles_are_by_default_those_of_the_model(heavy):
    model = Forecaster(**HOW | {"output": "quantile"}, levels=(0.2, 0.5)).fit(COUNTS, **QUIET)
    assert list(model.predict_quantiles()) == [0.2, 0.5]
    assert list(heavy.predict_quantiles()) == [0.1, 0.5, 0.9]


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_nonnegative_forecasts_are_cut_at_0(strategy):
    fall = np.linspace(5, 0, 80)
    how = {**HOW, "output": "gaussian", "strategy": strategy}
    free = Forecaster(**how).fit(fall, **QUIET)
    model = Forecaster(**how, nonnegative=True).fit(fall, **QUIET)
    assert free.predict_interval(coverage=0.99)[0].min() < 0
    assert same_bits(model.parameters_["lstm0.Wf"], free.parameters_["lstm0.Wf"])
    for forecast in (model.predict(), *model.predict_interval(coverage=0.99)):
        assert (forecast >= 0).all()
    assert (model.sample_paths(n_paths=20) >= 0).all()


def test_a_recursion_reads_the_0_that_it_forecasts():
    wave = np.sin(2 * np.pi * (np.arange(83) + 0.4) / 12)  # then -0.31 and 0.21
    how = HOW | {"strategy": "recursive", "season": 12, "horizon": 1}
    model = Forecaster(**how, nonnegative=True).fit(wave, **QUIET)
    first, second = model.predict(horizon=2)
    assert first == 0
    assert second > 0
    np.testing.assert_allclose(second, model.predict(np.append(wave, 0.0))[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda c, h: h.predict(horizon=4), "horizon is 4; expected at most 3, as the model was"),
        (lambda c, h: c.predict(horizon=0), "horizon is 0; expected a whole number >= 1"),
        (lambda c, h: c.predict(horizon=2**21), "expected at most 1,048,576"),
        (lambda c, h: c.sample_paths(n_paths=2**26), "the paths of 1 series over 3 steps hold"),
        (lambda c, h: c.sample_paths(n_paths=0), "n_paths is 0; expected a whole number >= 1"),
        (lambda c, h: c.sample_paths(seed=-1), "seed is -1; expected a whole number >= 0"),
        (lambda c, h: h.predict_quantiles(levels=[1.0]), "levels are (1.0,); expected numbers in"),
        (
            lambda c, h: Forecaster(**HOW, output="negative_binomial").fit(COUNTS + 0.5, **QUIET),
            "X holds 2.5 at step 0; expected counts, whole numbers >= 0",
        ),
        (
            lambda c, h: Forecaster(**HOW).fit(COUNTS, **QUIET).sample_paths(),
            "output is 'point'; expected 'gaussian', 'student_t' or 'negative_binomial' to draw",
        ),
        (
            lambda c, h: Forecaster(**HOW).fit(COUNTS, **QUIET).calibrate(COUNTS).predict_quantiles(
                levels=[0.999]
            ),
            "expected at most 0.9932",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_forecast_is_refused(counted, heavy, call, text):
    with pytest.raises(ConfigError) as caught:
        call(counted, heavy)
    assert text in str(caught.value)
