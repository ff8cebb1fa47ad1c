"""Frequencies: inferred, and continued, as pandas does."""

import numpy as np
import pandas as pd
import pytest

from bptt.errors import ConfigError
from bptt.readers.times import Frequency, infer_frequency, show_times

ALIASES = ["h", "15min", "30s", "D", "2D", "B", "W-SUN", "W-TUE", "2W-MON", "MS", "ME", "QS-JAN",
           "QS-FEB", "QE-DEC", "QE-NOV", "YS-JAN", "YS-APR", "YE-DEC", "YE-MAR", "2MS", "2QS-JAN",
           "ms", "250ms", "us", "7h", "2YE-DEC", "4MS", "5ME", "6h"]  # fmt: skip


@pytest.mark.parametrize("alias", ALIASES)
def test_frequencies_are_those_of_pandas_and_continue_as_its_ranges(alias):
    times = pd.date_range("2019-03-05", periods=60, freq=alias).to_numpy()
    frequency = infer_frequency([times[:40]])
    assert frequency is not None
    assert frequency.text == alias
    np.testing.assert_array_equal(frequency.after(times[39], 20), times[40:])
    with_gaps = infer_frequency([np.delete(times[:40], [7, 8, 20]), times[:2]])
    assert with_gaps is not None
    assert with_gaps.text == alias
    places = with_gaps.places(np.delete(times, [7, 8, 20]))
    assert places is not None
    assert places[-1] - places[0] == 59
    assert with_gaps.places(np.append(times, times[-1] + np.timedelta64(1, "ns"))) is None


@pytest.mark.parametrize(
    ("times", "text", "after"),
    [
        (np.arange(5), "1", [5, 6]),
        (np.arange(0, 50, 5), "5", [50, 55]),
        (np.array([1871, 1872, 1874]), "1", [1875, 1876]),
        (np.arange(0, 1, 0.125), "0.125", [1, 1.125]),
        (np.round(1949 + np.arange(48) / 12, 3), "0.0833404", [1953.0, 1953.083]),
    ],
)
def test_numbers_have_a_distance(times, text, after):
    frequency = infer_frequency([times])
    assert frequency is not None
    assert frequency.text == text
    np.testing.assert_allclose(frequency.after(times[-1], 2), after, atol=1e-3)


@pytest.mark.parametrize(
    "times",
    [
        np.array([0, 1, 2, 5, 6, 9]) ** 2,
        np.array(["2024-01-01", "2024-01-02", "2024-01-02T07:30", "2024-01-05"], "datetime64[us]"),
        np.array([3]),
    ],
)
def test_uneven_times_have_no_frequency(times):
    assert infer_frequency([times]) is None


def test_frequencies_of_a_file_are_not_trusted():
    for text in ("", "fortnight", "0D", "-1", "nan", "1e400", "W-FOO", "MS" * 99, "0"):
        with pytest.raises(ConfigError, match="the frequency is"):
            Frequency(text)
    with pytest.raises(ConfigError, match="reach beyond the year 9999"):
        Frequency("YS-JAN").after(np.datetime64("2024-01-01", "us"), 9000)


def test_times_are_shown_as_short_as_they_are():
    days = np.array(["2024-01-01", "2024-01-02"], "datetime64[us]")
    assert show_times(days) == ["2024-01-01", "2024-01-02"]
    assert show_times(days + np.timedelta64(1, "h"))[0] == "2024-01-01 01:00:00"
    assert show_times(np.array([1, 2])) == ["1", "2"]
