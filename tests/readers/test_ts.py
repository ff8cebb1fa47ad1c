"""The .ts format: what comes back, and what is refused with which words."""

import tracemalloc

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
        ("@timestamps true\n", "1", "line 1 declares time stamps"),
        ("@missing true\n", "1,?", r"line 3 has a missing value \('\?'\) in channel 1"),
        ("", "1,NaN:2,3", r"has a missing value \('NaN'\) in channel 1"),
        ("", "(0,1),(1,2)", "line 2 has time stamps in channel 1"),
        ("", "1,x", "line 2 has 'x' in channel 1"),
        ("", "1,2:3", "line 2 has 1 values in channel 2; expected 2"),
        ("@dimensions 2\n", "1:2:3", "line 3 has 3 channels; expected 2"),
        ("@dimension 2\n", "1", "line 3 has 1 channels; expected 2"),
        ("@univariate true\n", "1:2", "line 3 has 2 channels; expected 1"),
        ("", "1:2\n3", "line 3 has 1 channels; expected 2"),
        ("@equalLength true\n", "1,2\n3", "line 4 has 1 steps; expected 2"),
        ("@equalLength true\n@seriesLength 3\n", "1,2", "line 4 has 2 steps; expected 3"),
        ("@classLabel true a b\n", "1:c", "line 3 ends in the class 'c'"),
        ("@classLabel true\n", "1:c", "line 1 lists no class"),
        ("@classLabel true a\n", "1,2", "line 3 ends in the class '1,2'"),
        ("@classLabel true a\n", "a", "line 3 has one field only"),
        ("@targetLabel true\n", "1:x", "line 3 has 'x' in the target"),
        ("@targetLabel true\n@classLabel true a\n", "1:a", "target as well as a class"),
        ("@missing perhaps\n", "1", "line 1 is '@missing perhaps'; expected @missing true or"),
        ("@dimensions -1\n", "1", "line 1 is '@dimensions -1'; expected"),
        ("@seriesLength 1e9\n", "1", "expected @seriesLength and a whole number"),
        ("@dimensions 9" + "0" * 30 + "\n", "1", "a whole number"),
        ("@missing false\n@missing false\n", "1", "line 2 has '@missing' a second time"),
        ("@import os\n", "1", "line 1 has the unknown header '@import'"),
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
