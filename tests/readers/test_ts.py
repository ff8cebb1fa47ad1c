"""The .ts format: what comes back, and what is refused with which words."""

import tracemalloc

import numpy as np
import pytest

from bptt.readers import read_ts
from tests.support.readers import DATA, refusal, shared

HEAD = "#c\n@problemName Mine\n@timeStamps false\n@missing false\n"


def test_channels_of_several_lengths(write):
    X, y = read_ts(write(HEAD + "@classLabel true a b\n@data\n1,2:3,4:a\n5 : -6e1: b \n\n"))
    assert [x.tolist() for x in X] == [[[1, 3], [2, 4]], [[5, -60]]]
    assert y == ["a", "b"]


def test_ts_with_targets_or_without_labels(write):
    data = read_ts(write("@TARGETLABEL TRUE\n@DATA\n1,2:0.5\n"))
    assert (data.X[0].tolist(), data.y) == ([[1], [2]], [0.5])
    data = read_ts(write("@univariate true\n@classLabel false\n@data\n1,2\n"))
    assert (data.X[0].tolist(), data.y) == ([[1], [2]], None)


@pytest.mark.parametrize(
    ("head", "case", "words"),
    [
        ("", "", "holds no case"),
        ("@timestamps true\n", "1", "line 3 has no time stamps in channel 1; expected .time,value"),
        ("@timestamps false\n", "(0,1),(1,2)", "line 3 has time stamps in channel 1; .* is false"),
        ("", "1,,2", "line 2 has an empty value in channel 1; expected a number, or \\?"),
        ("", "1,2,", "line 2 has an empty value in channel 1"),
        ("", "1: ", "line 2 has nothing in channel 2"),
        ("", "1,x", "line 2 has 'x' in channel 1"),
        ("", "1,NA", "line 2 has .*'NA'.* in channel 1"),
        ("", "1,inf", "line 2 has 'inf' in channel 1"),
        ("", "1,1_0", "line 2 has '1_0' in channel 1"),
        ("", "1,1e999", "line 2 has '1e999' in channel 1"),
        ("", "1,2:3", "line 2 has 1 values in channel 2; expected 2"),
        ("@dimensions 2\n", "1:2:3", "line 3 has 3 channels; expected 2"),
        ("@dimension 2\n", "1", "line 3 has 1 channels; expected 2"),
        ("@univariate true\n", "1:2", "line 3 has 2 channels; expected 1"),
        ("", "1:2\n3", "line 3 has 1 channels; expected 2"),
        ("@equalLength true\n", "1,2\n3", "line 4 has 1 steps; expected 2"),
        ("@equalLength true\n@seriesLength 3\n", "1,2", "line 4 has 2 steps; expected 3"),
        ("@equalLength true\n@seriesLength 0\n", "1,2", "line 2 is '@seriesLength 0'; expected a"),
        ("@seriesLength 0\n@equalLength true\n", "1,2", "expected a @seriesLength >= 1, because"),
        ("@classLabel true a b\n", "1:c", "line 3 ends in the class 'c'"),
        ("@classLabel true a A\n", "1:B", "line 3 ends in the class 'B'"),
        ("@classLabel true ab AB\n", "1:Ab", "line 3 ends in the class 'Ab'"),
        ("@classLabel true a\n", "1:", "line 3 ends in the class ''"),
        ("@classLabel true a\n", "a", "line 3 has one field only"),
        ("@classLabel true\n", "1:a", "line 1 lists no class"),
        ("@classLabel\n", "1:a", "line 1 is '@classLabel'; expected @classLabel true or"),
        ("@classLabel true a\n@targetLabel true\n", "1:a", "line 2 declares a target as well"),
        ("@targetLabel true\n", "1:a", "line 3 has 'a' in the target"),
        ("@targetLabel true\n", "1:?", "line 3 has no target"),
        ("@dimensions 0\n", "1", "line 1 is '@dimensions 0'; expected @dimensions and a whole"),
        ("@dimensions -1\n", "1", "line 1 is '@dimensions -1'; expected"),
        ("@seriesLength 1e9\n", "1", "expected @seriesLength and a whole number"),
        ("@dimensions 9" + "0" * 30 + "\n", "1", "a whole number"),
        ("@missing false\n@missing false\n", "1", "line 2 has '@missing' a second time"),
        ("@dimension 1\n@dimensions 1\n", "1", "line 2 has '@dimensions' a second time"),
        ("@dimensions 1\n@dimension 1\n", "1", "line 2 has '@dimension' a second time"),
        ("@a\n" * 101, "1", "line 101 is the 101st unknown header line"),
        ("1,2:3\n", "1", "line 1 is '1,2:3' before @data"),
    ],
)
def test_refused_ts(write, head, case, words):
    refusal(read_ts, write(f"{head}@data\n{case}\n", "a.ts"), words)


def test_a_large_count_in_a_header_takes_no_memory(write):
    path = write("@dimensions 999999999\n@seriesLength 99999999999\n@data\n1,2\n")
    tracemalloc.start()
    try:
        refusal(read_ts, path, "has 1 channels; expected 999999999")
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@shared
@pytest.mark.parametrize(
    ("name", "count", "channels", "lengths", "classes"),
    [
        ("japanese_vowels/JapaneseVowels_TRAIN.ts", 270, 12, (7, 26), 9),
        ("japanese_vowels/JapaneseVowels_TEST.ts", 370, 12, (7, 29), 9),
        ("basic_motions/BasicMotions_TEST.ts", 40, 6, (100, 100), 4),
        ("italy_power_demand/ItalyPowerDemand_TEST.ts", 1029, 1, (24, 24), 2),
        ("plaid/PLAID_TRAIN.ts", 537, 1, (100, 1344), 11),
    ],
)
def test_real_ts_files(name, count, channels, lengths, classes):
    X, y = read_ts(DATA / name)
    assert len(X) == len(y) == count
    assert {x.shape[1] for x in X} == {channels}
    assert (min(map(len, X)), max(map(len, X))) == lengths
    assert len(set(y)) == classes


# Comments, unknown header lines, classes, missing values


def test_what_is_skipped_is_said(write):
    data = read_ts(write("% one\n#two\n@frequency 50\n@data\n%3\n1,2\n"))
    assert data.X[0].tolist() == [[1], [2]]
    assert data.notes == (
        "Skipped 3 comment lines.",
        "Skipped the unknown header lines @frequency.",
    )


def test_comments_may_be_in_any_encoding(write):
    data = "# donn\xe9es\n@problemName \xe9t\xe9\n@data\n1\n".encode("latin-1")
    refusal(read_ts, write(data), "line 2 is not UTF-8 from its byte 14; .*encoding='latin-1'")
    assert read_ts(write(data), encoding="latin-1").X[0].tolist() == [[1]]
    assert read_ts(write(data.replace(b"@problemName", b"%"))).X[0].tolist() == [[1]]


def test_classes_have_the_spelling_of_the_header(write):
    data = read_ts(write("@classLabel true walk Run RUN\n@data\n1:Walk\n2:Run\n3:RUN\n4:walk\n"))
    assert data.y == ["walk", "Run", "RUN", "walk"]
    assert data.notes == (
        "The classes of 1 of 4 cases are spelled as in the header, which differs in upper and "
        "lower case.",
    )


def test_missing_values_and_missing_ends(write):
    data = read_ts(write("@missing true\n@data\n1,?,3:NaN,2,nan\n1,2,NaN:3, ? ,?\n"))
    np.testing.assert_array_equal(data.X[0], [[1, np.nan], [np.nan, 2], [3, np.nan]])
    np.testing.assert_array_equal(data.X[1], [[1, 3], [2, np.nan]])
    note = "Values are missing at the end of 1 of 2 cases, which are shorter."
    assert data.notes == (note,)
    for head, case in [("@equalLength false\n", "1,?\n1,2"), ("", "1,?\n1,2,3"), ("", "?,?\n1,2")]:
        data = read_ts(write(f"{head}@data\n{case}\n"))
        assert len(data.X[0]) == 2
        assert data.notes == ()


def test_digits_are_kept(write):
    (x,), _ = read_ts(write("@data\n16777217,1e300,0.1, -5e-1 ,+2.,.5\n"))
    assert x.dtype == np.float64
    assert x[:, 0].tolist() == [16777217, 1e300, 0.1, -0.5, 2, 0.5]


def test_series_length_0_of_files_whose_lengths_vary(write):
    X, _ = read_ts(write("@equalLength false\n@seriesLength 0\n@data\n1,2\n3\n"))
    assert list(map(len, X)) == [2, 1]


# Time stamps


def test_evenly_spaced_times(write):
    data = read_ts(
        write("@timeStamps true\n@data\n(0,1.5),(1,2.0):(0,3),(1,?)\n(5, 3) , (6,4):(5,1),(6,2)")
    )
    np.testing.assert_array_equal(data.X[0], [[1.5, 3], [2, np.nan]])
    assert data.X[1].tolist() == [[3, 1], [4, 2]]
    assert [own.tolist() for own in data.index] == [[0, 1], [5, 6]]
    assert data.notes == ("The time stamps are evenly spaced: 1 apart.",)
    data = read_ts(
        write("@data\n(2020-02-28 23:00,1),(2020-02-29 00:00:00,2),(2020-02-29T01:00,3)\n")
    )
    assert data.X[0].tolist() == [[1], [2], [3]]
    assert data.index[0][-1] == np.datetime64("2020-02-29T01")
    assert data.notes == ("The time stamps are evenly spaced: 3600 s apart.",)
    data = read_ts(write("@data\n(0.1,1),(0.2,2),(0.3,3)\n(7,1)\n"))
    assert list(map(len, data.index)) == [3, 1]


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        (
            "(0,1),(1,2),(3,3)",
            "has the times 1.0 and 3.0 one after .* steps that are 1 apart",
        ),
        ("(0,1),(1,2)\n(0,1),(2,2)", "line 3 has the times 0.0 and 2.0"),
        ("(2020-01-01,1),(2020-01-02,2),(2020-01-04,3)", "expected steps that are 86400 s apart"),
        ("(1,1),(0,2)", "expected times that rise"),
        ("(1,1),(1,2)", "expected times that rise"),
        ("(1e308,1),(-1e308,2)", "one after another"),
        ("(0,1),(1,2):(0,1),(2,2)", "line 2 has other times in channel 2; expected those of"),
        ("(0,1),(1,2)\n1,2", "line 3 has no time stamps; expected .time,value"),
        ("(0,1),(x,2)", "line 2 has the time 'x' in channel 1; expected dates"),
        ("(2020-13-01,1)", "line 2 has the time '2020-13-01'"),
        ("(2020-01-01,1),(3,1)", "line 2 has the time '3'"),
        ("(0,1),(1,2)\n(2020-01-01,1),(2020-01-02,1)", "line 3 has dates as times; expected numb"),
        ("(0,1),1", "line 2 has '.0,1.,1' in channel 1"),
        ("(nan,1)", "line 2 has the time 'nan'"),
        ("(0,1,2),(1,2,3)", "line 2 has the time '0,1'"),
        ("(1)", "line 2 has the time ''"),
    ],
)
def test_refused_times(write, cases, words):
    refusal(read_ts, write(f"@data\n{cases}\n", "a.ts"), words)
