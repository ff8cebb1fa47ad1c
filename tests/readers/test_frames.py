"""Data frames into series and sequences: times, ids, columns that are no features."""

import numpy as np
import pandas as pd
import pytest

from bptt.errors import BpttError
from bptt.readers.frames import sequences_of_frame, series_of_frame

Y = (np.arange(80) % 7 * 6.1 + 10).round(1)
DAYS = pd.date_range("2024-01-01", periods=80)


def frame(dates, y=None, name="date"):
    return pd.DataFrame({name: dates, "y": Y[: len(dates)] if y is None else y})


def noted(data, text):
    return any(text in note for note in data.notes)


def long(ids="AB", n=60):
    parts = [
        pd.DataFrame({"unique_id": name, "ds": range(1, n + 1), "y": Y[:n] + 100 * i})
        for i, name in enumerate(ids)
    ]
    return pd.concat(parts, ignore_index=True)


# What is an index, and what is a measurement


@pytest.mark.parametrize(
    ("df", "columns", "index_name", "note"),
    [
        (pd.DataFrame({"Unnamed: 0": range(80), "value": Y}), ["value"], None, "has no name"),
        (pd.DataFrame({"Unnamed: 0": np.arange(80) * 3, "value": Y}), ["value"], None, "no name"),
        (pd.DataFrame({"t": range(80), "value": Y}), ["value"], "t", "t rises evenly"),
        (pd.DataFrame({"YEAR": 1900 + np.arange(80), "v": Y}), ["v"], "YEAR", "YEAR rises evenly"),
        (
            pd.DataFrame({"rownames": range(1, 81), "time": 1949 + np.arange(80) / 12, "v": Y}),
            ["v"],
            "time",
            "rownames numbers the rows and is left out; columns= brings it back",
        ),
        (
            pd.DataFrame({"Datum": DAYS.strftime("%Y%m%d").astype(int), "v": Y}),
            ["v"],
            "Datum",
            "Datum holds dates as YYYYMMDD: 2024-01-01 first",
        ),
        (
            pd.DataFrame({"cost": 202401 + np.arange(12), "v": Y[:12]}),
            ["cost", "v"],
            None,
            "cost r",
        ),
        (pd.DataFrame({"m": 202401 + np.arange(80) ** 2, "v": Y}), ["m", "v"], None, ""),
        (
            pd.DataFrame({"mileage": range(80), "v": Y}),
            ["mileage", "v"],
            None,
            "mileage rises by 1",
        ),
        (pd.DataFrame({"hour": np.arange(80) % 24, "v": Y}), ["hour", "v"], None, ""),
        (pd.DataFrame({"v": Y, "Unnamed: 1": np.nan}), ["v"], None, "without name and values"),
        (frame(DAYS), ["y"], "date", ""),
        (frame(DAYS.astype(str)).assign(changed=DAYS.astype(str)), ["y"], "date", "dates too"),
        (pd.DataFrame({"y": Y}, index=DAYS), ["y"], "time", ""),
        (pd.DataFrame({"y": Y}, index=DAYS.rename("when")), ["y"], "when", ""),
        (pd.Series(Y, DAYS, name="load"), ["load"], "time", ""),
        (pd.DataFrame({"y": Y, "z": 5.0}), ["y", "z"], None, "z holds one value only"),
        (pd.DataFrame({"y": Y, "z": np.nan}), ["y", "z"], None, "z holds no value"),
    ],
)
def test_an_index_is_no_feature_and_a_measurement_is_kept(df, columns, index_name, note):
    data = series_of_frame(df)
    assert list(data.columns) == columns
    assert data.index_name == index_name
    own = df if isinstance(df, pd.Series) else df[columns[0]]
    np.testing.assert_array_equal(data.X[0][:, 0], own)
    assert not note or noted(data, note)


def test_columns_bring_an_index_back_in_their_order():
    df = pd.DataFrame({"t": range(80), "v": Y})
    data = series_of_frame(df, columns=["v", "t"])
    assert data.columns == ("v", "t")
    assert data.index is None
    np.testing.assert_array_equal(data.X[0][:, 1], range(80))
    by_number = series_of_frame(df, columns=["-1", 0])
    np.testing.assert_array_equal(by_number.X[0], data.X[0])


def test_a_counter_keeps_its_digits():
    counter = 1_600_000_000 + 3 * np.arange(80)
    data = series_of_frame(frame(DAYS, counter))
    assert data.X[0].dtype == np.float64
    np.testing.assert_array_equal(data.X[0][:, 0], counter)
    assert noted(series_of_frame(frame(DAYS, 2**60 + np.arange(80))), "above 2**53")


# Times


@pytest.mark.parametrize(
    ("dates", "first", "frequency"),
    [
        (["2024-01-31", "2024-02-29", "2024-03-31"], "2024-01-31", "ME"),
        (["2024-01", "2024-02", "2024-03"], "2024-01-01", "MS"),
        ([202411, 202412, 202501], "2024-11-01", "MS"),
        ([20240101, 20240108, 20240115], "2024-01-01", "W-MON"),
        ([2024010100, 2024010101, 2024010102], "2024-01-01", "h"),
        ([1_700_000_000, 1_700_003_600, 1_700_007_200], "2023-11-14T22:13:20", "h"),
        ([1_700_000_000_000, 1_700_000_060_000, 1_700_000_120_000], "2023-11-14T22:13:20", "min"),
        (["2024Q1", "2024Q2", "2024Q3"], "2024-01-01", "QS-JAN"),
        (["2024-W01", "2024-W02", "2024-W03"], "2024-01-01", "W-MON"),
        (["Jan 2024", "Feb 2024", "Mar 2024"], "2024-01-01", "MS"),
        (["29/01/2024", "30/01/2024", "31/01/2024"], "2024-01-29", "D"),
        (["1/29/24", "1/30/24", "1/31/24"], "2024-01-29", "D"),
        (["31.1.2024 22:00", "31.1.2024 23:00", "1.2.2024 00:00"], "2024-01-31T22:00", "h"),
        (["01/01/2020", "01/07/2020", "01/01/2021", "01/07/2021"], "2020-01-01", "2QS-JAN"),
        (["2024/01/01 00:00", "2024/01/01 00:15", "2024/01/01 00:30"], "2024-01-01", "15min"),
        (["2024-01-01T00:00Z", "2024-01-01T06:00Z", "2024-01-01T12:00Z"], "2024-01-01", "6h"),
        (["2024-01-05", "2024-01-08", "2024-01-09"], "2024-01-05", "B"),
        (pd.period_range("2024-01", periods=3, freq="Q"), "2024-01-01", "QS-JAN"),
        (pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin"), "2024-03-30", "D"),
        (pd.date_range("2024-03-31", periods=9, freq="h", tz="CET"), "2024-03-30T23", "h"),
    ],
)
def test_times_are_read_as_people_write_them(dates, first, frequency):
    data = series_of_frame(frame(dates))
    assert data.frequency == frequency
    assert data.index[0][0] == np.datetime64(first)
    assert data.columns == ("y",)


def test_rows_are_put_in_the_order_of_their_times():
    newest_first = series_of_frame(frame(DAYS[::-1].astype(str)))
    assert noted(newest_first, "newest first by date: they are turned round")
    np.testing.assert_array_equal(newest_first.X[0][:, 0], Y[::-1])
    shuffled = frame(DAYS).sample(frac=1, random_state=0)
    data = series_of_frame(shuffled)
    assert noted(data, "not in the order of date: they are sorted")
    np.testing.assert_array_equal(data.X[0][:, 0], Y)
    np.testing.assert_array_equal(data.index[0], DAYS.to_numpy())


def test_gaps_are_named_or_filled():
    df = frame(DAYS).drop(index=[30, 31, 50])
    data = series_of_frame(df)
    assert noted(data, "3 times are missing in date at the frequency D; the first gap is after")
    assert noted(data, "2024-01-30")
    filled = series_of_frame(df, fill_gaps=True)
    assert noted(filled, "3 times are inserted")
    np.testing.assert_array_equal(filled.index[0], DAYS.to_numpy())
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(filled.X[0][:, 0])), [30, 31, 50])
    np.testing.assert_array_equal(np.delete(filled.X[0][:, 0], [30, 31, 50]), df["y"])


def test_uneven_times_are_said():
    data = series_of_frame(frame([*DAYS[:4].astype(str), "2024-01-04 07:00", "2024-01-06"]))
    assert data.frequency is None
    assert noted(data, "not evenly spaced (2024-01-04 and 2024-01-04 07:00:00)")


BAD = [
    (frame(["2024-01-01", "2024-01-02", "2024-01-02"]), {}, "2024-01-02 occurs twice in date, in "),
    (frame([202401, 202401], name="ds"), {"time": "ds"}, "2024-01-01 occurs twice in ds"),
    (frame(["01/02/2024", "02/02/2024"]), {}, "can be read day first and month first; expected"),
    (frame(["01.04.2024", "01.07.2024", "01.10.2024"]), {}, "can be read day first and month"),
    (
        frame(["Jan-63", "Jan-68", "Jan-73"]),
        {},
        "date has years of two digits, read as 1973 to 2068",
    ),
    (frame(["01/13/2024", "13/01/2024", "01/15/2024"]), {}, "'13/01/2024' in row 2 beside"),
    (
        frame(["2024-01-01", "2024-01-02", "3.1.2024"]),
        {},
        "'3.1.2024' in row 3 beside '2024-01-01'",
    ),
    (frame(["2024-01-01", "2024-02-30", "2024-03-01"]), {}, "'2024-02-30' in row 2 beside"),
    (frame(["2024-01-01", None, "2024-01-03"]), {}, "date has nothing in row 2; expected a time"),
    (frame(["2024-01-01T00:00+01:00", "2024-01-01T00:00"]), {}, "date mixes times with and"),
    (frame(["2024-01-01T00:00+01:00", "2024-01-01T00:00"]), {}, "date mixes times with and"),
    (frame(["a", "b"]), {"time": "date"}, "date holds 'a'; expected a column of times."),
    (frame(["a", "b"]), {"time": "when"}, "has the columns date, y; expected 'when' once among"),
    (frame(["a", "b", "b", "a"]), {}, "date holds 'a' in row 1; expected numbers: choose"),
    (frame(DAYS, ["0,5"] * 80), {}, "y holds '0,5' in row 1; expected numbers: choose the columns"),
    (frame(["2024-01-01", "2024-01-02", "2924-01-01"]), {"fill_gaps": True}, "expected at most 10"),
    (frame(["2024-01-01 00:07", "2024-01-02", "2024-01-04"]), {"fill_gaps": True}, "one frequency"),
    (pd.DataFrame({"y": Y}), {"fill_gaps": True}, "expected a column of times to find gaps in"),
    (pd.DataFrame({"y": []}), {}, "the table holds no row"),
    (pd.DataFrame(index=range(3)), {}, "the table holds no column"),
    (pd.DataFrame([[1, 2]], columns=["y", "y"]), {"columns": ["y"]}, "expected 'y' once among"),
    (frame(DAYS), {"columns": ["y"], "time": "y"}, "y is named twice; expected a column of times"),
    (long().assign(ds=1), {}, "1 occurs twice in ds of 'A', in row 1 and row 2, as do 117 others"),
    ([1, 2], {}, "df is a list; expected a pandas.DataFrame."),
]


@pytest.mark.parametrize(("df", "settings", "text"), BAD)
def test_frames_that_make_no_sense_are_refused(df, settings, text):
    with pytest.raises(BpttError) as caught:
        series_of_frame(df, **settings)
    assert text in str(caught.value)
    assert str(caught.value).startswith("series_of_frame: ")


# Several series


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_long_frame_holds_several_series(shuffle):
    df = long()
    data = series_of_frame(df.sample(frac=1, random_state=1) if shuffle else df)
    assert noted(data, "unique_id holds the ids of the series, ds their times")
    assert sorted(data.ids) == ["A", "B"]
    assert (data.ids_name, data.index_name, data.frequency) == ("unique_id", "ds", "1")
    for name, x, times in zip(data.ids, data.X, data.index, strict=True):
        np.testing.assert_array_equal(x[:, 0], Y[:60] + 100 * (name == "B"))
        np.testing.assert_array_equal(times, range(1, 61))


def test_a_group_may_have_any_name_and_series_their_own_starts():
    df = pd.DataFrame({"store": ["7", "7", "7", "9", "9"], "when": [*DAYS[:3], *DAYS[10:12]]})
    df["sold"] = [1.0, 2.0, 3.0, 4.0, np.nan]
    data = series_of_frame(df, group="store")
    assert data.ids == ["7", "9"]
    assert [len(x) for x in data.X] == [3, 2]
    assert data.frequency == "D"
    assert data.index[1][0] == np.datetime64("2024-01-11")
    assert np.isnan(data.X[1][1, 0])
    mixed = pd.MultiIndex.from_product([["A", "B"], DAYS[:3]], names=["unique_id", "ds"])
    assert series_of_frame(pd.DataFrame({"y": range(6)}, index=mixed)).ids == ["A", "B"]


# Sequences


def test_rows_of_a_group_are_the_steps_of_a_sequence():
    df = pd.DataFrame(
        {"a": [1.0, 2, 3, 4, 5], "id": [8, 8, 9, 9, 9], "b": 6, "label": [0, 0, 1, 1, 1]}
    )
    data = sequences_of_frame(df, group="id", label="label")
    assert data.y == [0, 1]
    assert data.ids == ["8", "9"]
    assert data.columns == ("a", "b")
    np.testing.assert_array_equal(data.X[1], [[3, 6], [4, 6], [5, 6]])
    shuffled = df.assign(when=DAYS[:5].astype(str)).iloc[[4, 0, 1, 3, 2]]
    again = sequences_of_frame(shuffled, group="id", label="label")
    assert noted(again, "not in the order of when")
    np.testing.assert_array_equal(again.X[0], data.X[1])
    with pytest.raises(BpttError, match="the rows of '9' have the labels '1' and '0'"):
        sequences_of_frame(df.assign(label=[0, 0, 1, 1, 0]), group="id", label="label")


def test_a_row_is_a_sequence_without_its_missing_end_and_its_number():
    df = pd.DataFrame([[1.0, 2.0, 3.0], [4.0, np.nan, np.nan], [5.0, np.nan, 6.0]])
    df.insert(0, "id", [3, 4, 5])
    data = sequences_of_frame(df.assign(label=["u", "v", "u"]), label="label")
    assert [len(x) for x in data.X] == [3, 1, 3]
    assert noted(data, "1 row ends in missing values")
    assert noted(data, "id numbers the rows and is left out")
    assert data.ids == ["3", "4", "5"]
    assert data.y == ["u", "v", "u"]
    assert np.isnan(data.X[2][1, 0])


def test_words_of_a_group_are_a_sequence_and_an_empty_entry_continues_it():
    df = pd.DataFrame(
        {"Sentence": ["1", None, "2", None], "Word": ["A", "b", "C", "d"], "Tag": list("NVNV")}
    )
    data = sequences_of_frame(df, group="Sentence", label="Tag", text="Word", per_step=True)
    assert data.X == [["A", "b"], ["C", "d"]]
    assert data.y == [["N", "V"], ["N", "V"]]
    assert noted(data, "2 rows without an entry in Sentence continue the one above")
    with pytest.raises(BpttError, match="Sentence has nothing in row 2"):
        sequences_of_frame(df.assign(Sentence=["1", None, "1", "2"]), group="Sentence", text="Word")


def test_a_column_without_a_label_is_refused():
    with pytest.raises(BpttError, match="label has nothing in row 2"):
        sequences_of_frame(pd.DataFrame({"a": [1, 2], "label": ["x", None]}), label="label")
    with pytest.raises(BpttError, match="label has nothing in row 2"):
        sequences_of_frame(pd.DataFrame({"a": [1, 2], "label": [1, None]}), label="label")
