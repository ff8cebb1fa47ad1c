"""Reading data files: what comes back, and what is refused with which words."""

import tracemalloc

import numpy as np
import pytest

from bptt.corpus import MAX_FILE, read_documents
from bptt.errors import ConfigError, DataError
from bptt.readers import read_conll, read_json_lines, read_series, read_table, read_ts
from bptt.readers.lines import MAX_LINE
from tests.support.readers import DATA, refusal, shared


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
def test_real_documents():
    tunes = read_documents(sorted((DATA / "nottingham_abc").glob("*.abc")), "paragraph")
    assert len(tunes) == 1034
    assert all(tune.startswith("X:") for tune in tunes)
    assert len(read_documents(DATA / "names_us" / "names.txt", "line")) == 32033
