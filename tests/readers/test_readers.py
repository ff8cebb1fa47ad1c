"""Reading data files: what comes back, and what is refused with which words."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bptt.corpus import MAX_FILE, read_documents
from bptt.errors import ConfigError, DataError
from bptt.readers import read_conll, read_json_lines, read_series, read_table, read_ts
from bptt.readers.lines import MAX_LINE

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def refusal(read, path, words, *, error=DataError, **options):
    """The one sentence of a refusal; it names the reader and, but for options, the file."""
    with pytest.raises(error, match=words) as caught:
        read(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{read.__name__}: ")
    assert error is ConfigError or str(path)[:300] in message
    assert "; expected " in message or "cannot read" in message
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 500
    return message


def assert_arrays(X, expected):
    assert [x.tolist() for x in X] == expected
    assert all(x.dtype == np.float32 and x.flags.writeable for x in X)


# Tables


TABLE = "who,speed,size,kind\na,1,2,x\nb,3,4.5,y\na,5,-6e-1,x\n"


def test_rows_that_share_an_entry_are_a_sequence(write):
    data = read_table(write(TABLE), sequence="who", label="kind")
    (X, y), columns = data, data.columns
    assert_arrays(X, [[[1, 2], [5, np.float32(-0.6)]], [[3, 4.5]]])
    assert (y, columns) == (["x", "y"], ("speed", "size"))


def test_columns_by_name_number_and_from_the_end(write):
    path = write(TABLE)
    for label, who in [("kind", "who"), (3, 0), (-1, -4), ("3", "0")]:
        data = read_table(path, label=label, sequence=who, columns=["size", 1])
        assert data.columns == ("size", "speed")
        assert_arrays(data.X, [[[2, 1], [np.float32(-0.6), 5]], [[4.5, 3]]])
        assert data.y == ["x", "y"]


def test_a_column_called_by_a_number_is_found_by_its_name_first(write):
    assert read_table(write("1,0\n7,8\n"), header=True, columns="1").X[0].tolist() == [[7]]
    assert read_table(write("1,0\n7,8\n"), header=True, columns=1).X[0].tolist() == [[8]]


def test_each_row_is_a_sequence_without_a_column_that_says_so(write):
    X, y = read_table(write("3\t1\t2\n4\t5\t6\n", "ucr.tsv"), label=0)
    assert_arrays(X, [[[1], [2]], [[5], [6]]])
    assert y == ["3", "4"]


def test_a_label_for_every_step(write):
    X, y = read_table(write("x,tag\n1,a\n2,b\n3,a\n"), label="tag", per_step=True)
    assert_arrays(X, [[[1], [2], [3]]])
    assert y == [["a", "b", "a"]]
    path = write("s,w,tag\n1,the,D\n2,we,P\n1,cat,N\n")
    X, y = read_table(path, text="w", label="tag", sequence="s", per_step=True)
    assert (X, y) == ([["the", "cat"], ["we"]], [["D", "N"], ["P"]])


def test_texts_with_labels(write):
    path = write('name,language\n"Smith, John",English\n"O""Hara\nJr",Irish\n')
    assert tuple(read_table(path, text="name", label=1)) == (
        ["Smith, John", 'O"Hara\nJr'],
        ["English", "Irish"],
    )


def test_no_labels(write):
    data = read_table(write("1,2\n"))
    (X, y), columns = data, data.columns
    assert_arrays(X, [[[1], [2]]])
    assert (y, columns) == (None, ("column 0", "column 1"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "a;b\n1;2\n"),
        ("a.csv", "a,b\r\n1,2\r\n"),
        ("a.csv", "\ufeffa,b\n\n1,2"),
        ("a.csv", "a|b\n1|2\n \n"),
        ("a.txt", "a\tb\n1\t 2 \n"),
        ("a.TSV", "a\tb\n1\t2\n"),
        ("a.csv", '"a, or c",b\n"1",2\n'),
    ],
)
def test_delimiters_and_line_ends(write, name, text):
    assert_arrays(read_series(write(text, name)).X, [[[1, 2]]])


def test_a_delimiter_of_ones_own(write):
    assert_arrays(read_series(write("a:b\n1:2\n"), delimiter=":").X, [[[1, 2]]])
    for bad in ["", ",,", '"', "\n", 7]:
        refusal(read_series, write("1"), "delimiter is", error=ConfigError, delimiter=bad)


def test_quotes_are_text_in_tables_with_tabs(write):
    assert read_table(write('w\n"\n""\n', "a.tsv"), text="w").X == ['"', '""']


def test_header_or_not(write):
    assert read_series(write("7,8\n9,10\n")).X[0].tolist() == [[7, 8], [9, 10]]
    assert read_series(write("7,8\n9,10\n"), header=True).columns == ("7", "8")
    message = refusal(read_series, write("a,b\n1,2\n"), "line 1", header=False, columns=[0])
    assert "line 1 has 'a' in column 0" in message


def test_series_leave_out_a_first_column_of_dates(write):
    for first in ["when,x\n2020-01-01,1\n", "Date,x\n20200101,1\n", "year,x\n2020,1\n"]:
        data = read_series(write(first))
        (X, y), columns = data, data.columns
        assert (X[0].tolist(), y, columns) == ([[1]], None, ("x",))
    assert read_series(write("year,x\n2020,1\n"), columns=["year"]).X[0].tolist() == [[2020]]
    assert read_series(write("speed,x\n2020,1\n")).columns == ("speed", "x")


@pytest.mark.parametrize("bad", ["", " ", "?", "NaN", "NA", "null"])
def test_missing_values_are_refused_by_name(write, bad):
    message = refusal(read_table, write(f"x,y\n1,2\n3,{bad}\n"), "line 3 has a missing value")
    assert " in y; expected a finite number" in message


@pytest.mark.parametrize("bad", ["inf", "-Infinity", "1e39", "1_0", "٣", "0x1", "1.2.3", "9" * 65])
def test_what_is_no_number_is_refused(write, bad):
    refusal(read_table, write(f"x,y\n1,2\n3,{bad}\n"), "line 3 has '.* in y; expected a finite")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "is empty"),
        (" \n\n", {}, "is empty"),
        ("a,b\n", {}, "holds no row"),
        ("a,b\n1,2\n3\n", {}, "line 3 has 1 fields; expected 2"),
        ("a,b\n1,2\n3,4,5\n", {}, "line 3 has 3 fields; expected 2"),
        ("a,b\n1,2\n", {"label": "c"}, "has the columns a, b; expected 'c' once"),
        ("a,a\n1,2\n", {"label": "a"}, "has the columns a, a; expected 'a' once"),
        ("a,b\n1,2\n", {"label": 2}, "has the columns a, b; expected '2' once"),
        ("a,b\n1,2\n", {"label": -3}, "expected '-3' once"),
        ("a,b\n1,2\n", {"columns": ["a", "z"]}, "expected 'z' once"),
        ("a,b\n1,2\n", {"label": "a", "columns": ["a"]}, "has a among the columns of numbers"),
        ("a\n1\n", {"label": "a"}, "leaves no column of numbers"),
        ("a,b\n1,2\n", {"columns": []}, "leaves no column of numbers"),
        ("a,b\n1,\n", {"label": "b"}, "line 2 has nothing in b"),
        ("a,b\n1, \n", {"sequence": "b"}, "line 2 has nothing in b"),
        ("s,a,b\ns,1,x\ns,2,y\n", {"label": "b", "sequence": "s"}, "line 3 labels 's' 'y'; .* 'x'"),
        ('a,b\n"1,2\n', {}, "line 2 is not a row of a table .*unexpected end of data"),
        ('a,b\n"1"2,2\n', {}, "line 2 is not a row of a table"),
        ('a,b\n"' + "x" * 200_000 + '",1\n', {}, "line 2 is not a row of a table .*field larger"),
        ("a,b\n1\x002,2\n", {}, "line 2 has a NUL"),
        (b"a,b\n1,\xff2\n", {}, "line 2 is not UTF-8 from its byte 3; .*--encoding latin-1"),
        ("a,b\x1b[31m\n1,x\x1b[2J\n", {}, r"line 2 has 'x\?\[2J' in b\?\[31m"),
    ],
)
def test_refused_tables(write, text, options, words):
    refusal(read_table, write(text), words, **options)


def test_text_excludes_columns(write):
    refusal(read_table, write("a\n"), "both", error=ConfigError, text=0, columns=[0])


# CoNLL


@pytest.mark.parametrize("gap", ["\t", " ", "   "])
def test_words_and_tags(write, gap):
    text = "-DOC- O\n\n# a comment\nthe D\ncat N\n\n\n \nsat V"
    X, y = read_conll(write(text.replace("# a comment", "#").replace(" ", gap)))
    assert X == [["-DOC-"], ["the", "cat"], ["sat"]]
    assert y == [["O"], ["D", "N"], ["V"]]


def test_other_columns(write):
    path = write("U.N. NNP I-NP I-ORG\nofficial NN I-NP O\n")
    assert tuple(read_conll(path, tag=-1)) == ([["U.N.", "official"]], [["I-ORG", "O"]])
    assert read_conll(path, word=1, tag=2).X == [["NNP", "NN"]]
    assert tuple(read_conll(path, tagged=False)) == ([["U.N.", "official"]], None)
    assert read_conll(write("one\ntwo\n"), tagged=False).X == [["one", "two"]]


def test_a_hash_that_is_a_word(write):
    assert read_conll(write("we\tP\n#\tSYM\n# 1\tN\n# no word\n#x\tV\n")).X == [
        ["we", "#", "# 1", "#x"]
    ]
    assert read_conll(write("# # 1\nwe P\n# SYM\n# no\tword at all\n")).X == [["we", "#"]]


def row(number, word, tag):
    return "\t".join([number, word, "_", tag, *"______"]) + "\n"


def test_conll_u(write):
    text = "# text = du lait\t\n" + row("1-2", "du", "_") + row("1", "de", "ADP")
    text += row("2", "le", "DET") + row("2.1", "_", "_") + "#\t comment\n" + row("3", "#", "SYM")
    path = write(text + "\n", "a.conllu")
    assert tuple(read_conll(path)) == ([["de", "le", "#"]], [["ADP", "DET", "SYM"]])
    assert tuple(read_conll(path, word=0, tag=1)) == ([["1", "2", "3"]], [["de", "le", "#"]])
    refusal(read_conll, write(text + row("x", "a", "b")), "line 8 has the id 'x'")


def test_conll_words_are_kept_once(write):
    X, _ = read_conll(write("wordy\tT\n\nwordy\tT\n"))
    assert X[0][0] is X[1][0]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "holds no sentence"),
        ("\n# nothing\n", {}, "holds no sentence"),
        ("a\tX\nb\n", {}, "line 2 has 1 columns; expected 2"),
        ("a X\nb X Y\n", {}, "line 2 has 3 columns; expected 2"),
        ("a\nb\n", {}, "line 1 has 1 columns; expected more, because the tag is in column 1"),
        ("a\tX\n", {"tag": 2}, "the tag is in column 2"),
        ("a\tX\n", {"word": -3}, "the word is in column -3"),
        ("a\tX\nb\t \n", {}, "line 2 has an empty tag"),
        ("a\tX\n\tX\n", {}, "line 2 has an empty word"),
        (b"a\tX\n\xc3\tX\n", {}, "line 2 is not UTF-8 from its byte 1"),
        ("a\tX\n# b c\td\te\n#\n", {"tag": 5}, "line 1 has 2 columns"),
    ],
)
def test_refused_conll(write, text, options, words):
    refusal(read_conll, write(text), words, **options)


# .ts


HEAD = "#c\n@problemName Mine\n@timeStamps false\n@missing false\n"


def test_channels_of_several_lengths(write):
    X, y = read_ts(write(HEAD + "@classLabel true a b\n@data\n1,2:3,4:a\n5 : -6e1: b \n\n"))
    assert_arrays(X, [[[1, 3], [2, 4]], [[5, -60]]])
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


# JSON lines


@pytest.mark.parametrize(
    ("line", "X"),
    [
        ('{"sequence": "abc", "label": "x"}', "abc"),
        ('{"sequence": ["the", "cat"], "label": "x"}', ["the", "cat"]),
        ('{"label": "x", "sequence": [1, 2.5]}', [[1], [2.5]]),
        ('{"sequence": [[1, 2], [3, 4]], "label": "x", "more": null}', [[1, 2], [3, 4]]),
    ],
)
def test_json_lines(write, line, X):
    data = read_json_lines(write(f"{line}\n\n{line}\r\n"))
    assert [getattr(x, "tolist", lambda x=x: x)() for x in data.X] == [X, X]
    assert data.y == ["x", "x"]
    assert read_json_lines(write(line), label=None).y is None


def test_json_labels(write):
    path = write('{"x": [1, 2], "y": [0, "b"]}\n')
    assert read_json_lines(path, sequence="x", label="y").y == [["0", "b"]]
    assert read_json_lines(write('{"x": "a", "y": 7}'), sequence="x", label="y").y == ["7"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no sequence"),
        ("{", "line 1 is invalid"),
        ("[1]", r"line 1 is invalid .*not an object\); expected a JSON object"),
        ("null", "line 1 is invalid .*not an object"),
        ('{"sequence": [1]}', "line 1 has 'sequence'; expected also 'label'"),
        ("{}", "line 1 has no key; expected also 'sequence'"),
        ('{"a": 1, "a": 2}', "line 1 is invalid .*a key occurs twice"),
        ('{"sequence": [NaN], "label": 1}', "NaN is not a finite number"),
        ('{"sequence": [1e999], "label": 1}', "1e999 is not a finite number"),
        ('{"sequence": [1e39], "label": 1}', "line 1 has a list"),
        ('{"sequence": [' + "9" * 5000 + '], "label": 1}', "line 1 is invalid"),
        ('{"sequence": [' + "9" * 4000 + '], "label": 1}', "line 1 has a list"),
        ('{"sequence": [true], "label": 1}', "line 1 has a list"),
        ('{"sequence": [], "label": 1}', "line 1 has a list"),
        ('{"sequence": "", "label": 1}', "line 1 has a text"),
        ('{"sequence": [[]], "label": 1}', "line 1 has a list"),
        ('{"sequence": [[1], [1, 2]], "label": 1}', "line 1 has a list"),
        ('{"sequence": [1, [2]], "label": 1}', "line 1 has a list"),
        ('{"sequence": ["a", 1], "label": 1}', "line 1 has a list"),
        ('{"sequence": {"a": 1}, "label": 1}', "line 1 has an object"),
        ('{"sequence": "\\ud800", "label": 1}', "line 1 has a text"),
        ('{"sequence": "a", "label": 1.5}', "line 1 has the value '1.5' in 'label'"),
        ('{"sequence": "a", "label": null}', "line 1 has null"),
        ('{"sequence": "a", "label": true}', "line 1 has the value 'true'"),
        ('{"sequence": "a", "label": []}', "line 1 has a list"),
        ('{"sequence": "a", "label": [["a"]]}', "line 1 has a list"),
        ('{"sequence": [1], "label": ["a", "b"]}', "line 1 has 2 labels; expected 1, one"),
        (
            '{"sequence": "a", "label": 1}\n{"sequence": ["a"], "label": 1}',
            "line 2 has a list of words in 'sequence'; expected a text",
        ),
        (
            '{"sequence": [[1, 2]], "label": 1}\n{"sequence": [[1]], "label": 1}',
            "line 2 has steps of 1 numbers in 'sequence'; expected steps of 2 numbers",
        ),
        (
            '{"sequence": "a", "label": 1}\n{"sequence": "a", "label": ["b"]}',
            "line 2 has a list of labels in 'label'; expected a label",
        ),
        ('{"sequence": ' + "[" * 100_000, "line 1 is nested too deeply|line 1 is invalid"),
    ],
)
def test_refused_json_lines(write, text, words):
    refusal(read_json_lines, write(text), words)


# Files


@pytest.mark.parametrize("read", [read_table, read_series, read_conll, read_ts, read_json_lines])
def test_refuses_what_cannot_be_read(tmp_path, read):
    missing = tmp_path / "missing\nfile"
    with pytest.raises(DataError) as caught:
        read(missing)
    name = str(missing).replace("\n", " ")
    assert str(caught.value) == f"{read.__name__}: cannot read {name}: No such file or directory."
    refusal(read, tmp_path, "directory|Permission")
    with pytest.raises(DataError, match="cannot read"):
        read("a\0b")


@pytest.mark.parametrize("read", [read_table, read_series, read_conll, read_ts, read_json_lines])
def test_a_file_of_one_endless_line_is_refused_in_little_memory(tmp_path, read):
    path = tmp_path / "endless"
    with open(path, "wb") as file:
        file.truncate(2**40)  # sparse: takes no room
    tracemalloc.start()
    try:
        refusal(read, path, f"line 1 has more than {MAX_LINE} characters")
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_LINE
    finally:
        tracemalloc.stop()


def test_a_file_that_is_too_long_is_refused(write, monkeypatch):
    monkeypatch.setattr("bptt.readers.lines.MAX_FILE", 7)
    assert read_series(write("1,2\n3,4")).X[0].shape == (2, 2)
    refusal(read_series, write("1,2\n3,45"), "line 2 is too far; expected a file of at most 7")
    assert MAX_FILE == 2**30


# Documents


def test_documents(write):
    path, more = write("one\ntwo\n \t\n\n\nthree\n"), write("\ufefffour\r\n\r\n", "b")
    assert read_documents([path, more]) == ["one\ntwo\n \t\n\n\nthree\n", "four\n\n"]
    assert read_documents([path, more], "paragraph") == ["one\ntwo", "three", "four"]
    assert read_documents([path, more], "line") == ["one", "two", "three", "four"]
    with pytest.raises(ConfigError, match="split is 'word'; expected one of file, paragraph"):
        read_documents(path, "word")
    with pytest.raises(DataError, match="all lines are blank"):
        read_documents(write(" \n"), "line")
    with pytest.raises(DataError, match=r"^read_documents: cannot read"):
        read_documents("missing")


# Real files

shared = pytest.mark.skipif(not DATA.is_dir(), reason="the folder with shared data is not here")


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


@shared
def test_real_tables():
    data = read_series(DATA / "etth1" / "ETTh1.csv")
    ((x,), _), columns = data, data.columns
    assert (x.shape, columns) == (
        (17420, 7),
        ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"),
    )
    assert x[0, -1] == np.float32(30.5310001373291)
    data = read_series(DATA / "time_series" / "sunspots_monthly_1749_1983.csv")
    ((x,), _), columns = data, data.columns
    assert (x.shape, columns) == ((2820, 1), ("sunspots",))
    weather = DATA / "time_series" / "seattle_weather_daily.csv"
    X, y = read_table(weather, label="weather", columns=range(1, 5), per_step=True)
    assert (X[0].shape, len(y[0]), len(set(y[0]))) == ((1461, 4), 1461, 5)
    refusal(read_series, DATA / "time_series" / "co2_weekly.csv", "line 8 has a missing value")


@shared
def test_real_sentences():
    X, y = read_conll(DATA / "ud_english_ewt" / "dev.tsv")
    assert (len(X), sum(map(len, X)), len({t for tags in y for t in tags})) == (2001, 25147, 17)
    assert list(map(len, X)) == list(map(len, y))


@shared
def test_real_documents():
    tunes = read_documents(sorted((DATA / "nottingham_abc").glob("*.abc")), "paragraph")
    assert len(tunes) == 1034
    assert all(tune.startswith("X:") for tune in tunes)
    assert len(read_documents(DATA / "names_us" / "names.txt", "line")) == 32033
