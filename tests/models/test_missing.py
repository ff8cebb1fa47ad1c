"""Missing values: how each method fills them."""

import numpy as np
import pytest

from bptt.errors import ConfigError
from bptt.models.missing import Filler
from bptt.models.scaling import mean_and_scale
from tests.support.cases import same_bits

NAN = np.nan
GAPS = np.array([[NAN, 1.0], [2.0, NAN], [NAN, NAN], [NAN, 4.0], [8.0, NAN]])
MEAN = np.array([100.0, 200.0])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("interpolate", [[2, 1], [2, 2], [4, 3], [6, 4], [8, 4]]),
        ("forward", [[100, 1], [2, 1], [2, 1], [2, 4], [8, 4]]),
        (
            "indicator",
            [[100, 1, 1, 0], [2, 200, 0, 1], [100, 200, 1, 1], [100, 4, 1, 0], [8, 200, 0, 1]],
        ),
    ],
)
def test_each_method_fills_as_it_says(method, expected):
    before = GAPS.copy()
    assert Filler(method, MEAN).fill(GAPS).tolist() == np.array(expected, float).tolist()
    assert same_bits(GAPS, before)


@pytest.mark.parametrize("method", ["interpolate", "forward", "indicator"])
def test_a_feature_without_any_value_is_the_mean(method):
    x = np.array([[NAN, 1.0], [NAN, 2.0]])
    filled = Filler(method, MEAN).fill(x)
    assert filled[:, :2].tolist() == [[100, 1], [100, 2]]


@pytest.mark.parametrize("method", ["raise", "interpolate", "forward"])
def test_what_is_complete_keeps_its_bits(method):
    x = np.random.default_rng(0).standard_normal((5, 2))
    assert same_bits(Filler(method, MEAN).fill(x), x)


def test_the_refusal_names_the_place_and_the_way_out():
    with pytest.raises(ConfigError) as raised:
        Filler("raise", MEAN).fill(GAPS, "X[3]", ("heart rate", "speed"))
    assert str(raised.value) == (
        "X[3] holds NaN at step 0, feature 0 ('heart rate'); expected finite numbers "
        "(missing='interpolate', 'forward' or 'indicator' fills missing values)."
    )


@pytest.mark.parametrize("method", ["forward", "indicator"])
def test_step_by_step_is_the_whole_sequence(method):
    filler = Filler(method, MEAN)
    whole, last = filler.fill(GAPS), filler.first(1)
    for t, row in enumerate(GAPS):
        filled, last = filler.fill_step(row[np.newaxis], last)
        assert filled[0].tolist() == whole[t].tolist()


def test_statistics_are_of_the_values_that_are_there():
    mean, scale = mean_and_scale("X", GAPS)
    assert mean.tolist() == [5.0, 2.5]
    assert scale.tolist() == [3.0, 1.5]
    with pytest.raises(ConfigError, match="X holds no value in 'b', all are missing"):
        mean_and_scale("X", np.array([[1.0, NAN], [2.0, NAN]]), ("a", "b"))


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-20, 1.0, 1e140])
def test_the_size_of_the_numbers_does_not_matter(size):
    x = np.array([[1.0], [2.0], [4.0]])
    mean, scale = mean_and_scale("X", size * x)
    expected = mean_and_scale("X", x)
    assert (size * x - mean) / scale == pytest.approx((x - expected[0]) / expected[1], rel=1e-9)


def test_a_counter_of_fifteen_digits_is_not_constant():
    x = 2.0**50 + np.arange(100.0)[:, np.newaxis]
    assert mean_and_scale("X", x)[1][0] == pytest.approx(np.arange(100).std())
    assert mean_and_scale("X", np.full((1000, 1), 0.1))[1][0] == 1
    mean, scale = mean_and_scale("X", np.full((1000, 3), [0.1, 100.1, -7.3]))  # added row by row
    assert mean.tolist() == [0.1, 100.1, -7.3]
    assert scale.tolist() == [1, 1, 1]
