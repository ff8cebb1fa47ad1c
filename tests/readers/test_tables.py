"""Reading tables: what comes back, and what is refused with which words."""

import numpy as np
import pytest

from bptt.errors import ConfigError, DataError
from bptt.readers import read_frame, read_series, read_table
from tests.support.readers import DATA, refusal, shared


def assert_arrays(X, expected):
    assert [x.tolist() for x in X] == expected
    assert all(x.dtype == np.float64 and x.flags.writeable for x in X)


TABLE = "who,speed,size,kind\na,1,2,x\nb,3,4.5,y\na,5,-6e-1,x\n"


def test_rows_that_share_an_entry_are_a_sequence(write):
    data = read_table(write(TABLE), sequence="who", label="kind")
    (X, y), columns = data, data.columns
    assert_arrays(X, [[[1, 2], [5, -0.6]], [[3, 4.5]]])
    assert (y, columns) == (["x", "y"], ("speed", "size"))


def test_columns_by_name_number_and_from_the_end(write):
    path = write(TABLE)
    for label, who in [("kind", "who"), (3, 0), (-1, -4), ("3", "0")]:
        data = read_table(path, label=label, sequence=who, columns=["size", 1])
        assert data.columns == ("size", "speed")
        assert_arrays(data.X, [[[2, 1], [-0.6, 5]], [[4.5, 3]]])
        assert data.y == ["x", "y"]


def test_a_column_called_by_a_number_is_found_by_its_name_first(write):
    assert read_table(write("1,0\n7,8\n"), header=True, columns="1").X[0].tolist() == [[7]]
    assert read_table(write("1,0\n7,8\n"), header=True, columns=1).X[0].tolist() == [[8]]
    path = write("date,4046,price\n2024-01-01,1,2.5\n2024-01-02,3,4.5\n")
    assert read_series(path).columns == ("4046", "price")
    assert read_series(path, columns="4046").X[0].tolist() == [[1], [3]]
    assert read_series(path, columns="-1").X[0].tolist() == [[2.5], [4.5]]


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


def test_a_separator_of_ones_own(write):
    assert_arrays(read_series(write("a:b\n1:2\n"), separator=":").X, [[[1, 2]]])
    assert_arrays(read_series(write("a b\n 1  2\n"), separator=" ").X, [[[1, 2]]])
    for bad in ["", ",,", '"', "\n", 7, "§", "\0"]:
        refusal(read_series, write("1"), "separator is", error=ConfigError, separator=bad)


def test_header_or_not(write):
    assert read_series(write("7,8\n9,10\n")).X[0].tolist() == [[7, 8], [9, 10]]
    assert read_series(write("7,8\n9,10\n"), header=True).columns == ("7", "8")
    message = refusal(read_series, write("a,b\n1,2\n"), "line 1", header=False, columns=[0])
    assert "line 1 has 'a' in column 0" in message


def test_series_leave_out_a_first_column_of_dates(write):
    for first in ["2020-01-01,1\n2020-01-02,2", "20200101,1\n20200102,2", "2020,1\n2021,2"]:
        data = read_series(write(f"Date,x\n{first}\n"))
        (X, y), columns = data, data.columns
        assert (X[0].tolist(), y, columns) == ([[1], [2]], None, ("x",))
        assert data.frequency in ("D", "YS", "1")
    assert read_series(write("year,x\n2020,1\n"), columns=["year"]).X[0].tolist() == [[2020]]
    assert read_series(write("speed,x\n2020,1\n")).columns == ("speed", "x")


@pytest.mark.parametrize("bad", ["", " ", "?", "NaN", "nAn", "NA", "null", "N/A"])
def test_missing_values_are_nan_and_labels_are_not(write, bad):
    data = read_table(write(f"k,x,y\na,1,2\nNA,3,{bad}\nNone,4,5\n"), label="k")
    assert np.isnan(data.X[1]).tolist() in ([[False]], [[False], [True]])  # length, at the end
    assert data.y == ["a", "NA", "None"]
    data = read_table(write(f"k,x,y\na,1,2\nNA,3,{bad}\nNone,4,5\n"), sequence="k")
    assert np.isnan(data.X[1]).tolist() == [[False, True]]
    assert (data.ids, data.columns) == (["a", "NA", "None"], ("x", "y"))


NO_NUMBERS = ["inf", "-Infinity", "1e400", "1_0", "٣", "0x1", "1.2.3", "True", "-nan", "1 0", "5%"]


@pytest.mark.parametrize("columns", [None, "y"])
@pytest.mark.parametrize("bad", NO_NUMBERS)
def test_what_is_no_number_is_refused(write, bad, columns):
    path = write(f"x,y\n1,2\n3,{bad}\n")
    refusal(read_table, path, "line 3 has '.* in y; expected a finite", columns=columns)
    path = write(f"x,y\n1,{bad}\n3,{bad}\n")
    refusal(read_table, path, "(has|holds) '.* in (y|line 2); expected", columns=columns)


def test_numbers_are_the_nearest_float64(write):
    texts = ["0.1", "1e39", "9007199254740993", "16777217", "9" * 65, "5e-324", ".5", "+7.", "-0"]
    X = read_series(write("\n".join(["y", *texts]) + "\n")).X[0]
    assert X[:, 0].tolist() == [float(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "is empty"),
        (" \n\n", {}, "is empty"),
        ("a,b\n", {}, "holds no row"),
        (",\n", {}, "holds no row"),
        ("0\t\n", {"sequence": 0, "label": -1}, "column 1 has nothing in line 1"),
        ("1,2\n3,4,\n", {}, "line 2 has 3 fields; expected 2, as in the first row"),
        ("a,b\n1,2\n3\n", {}, "line 3 has 1 field; expected 2"),
        ("a,b\n1,2\n3,4,5\n", {}, "line 3 has 3 fields; expected 2"),
        ("a,b\n1,2\n", {"label": "c"}, "has the columns a, b; expected 'c' once"),
        ("a,a\n1,2\n", {"label": "a"}, "has the columns a, a; expected 'a' once"),
        ("a,b\n1,2\n", {"label": 2}, "has the columns a, b; expected '2' once"),
        ("a,b\n1,2\n", {"label": -3}, "expected '-3' once"),
        ("a,b\n1,2\n", {"columns": ["a", "z"]}, "expected 'z' once"),
        ("a,b\n1,2\n", {"label": "a", "columns": ["a"]}, "has a among the columns of numbers"),
        ("a\n1\n", {"label": "a"}, "leaves no column of numbers"),
        ("a,b\n1,2\n", {"columns": []}, "leaves no column of numbers"),
        ("a,b\n1,\n", {"label": "b"}, "b has nothing in line 2"),
        ("a,b\n1, \n", {"sequence": "b"}, "b has nothing in line 2"),
        (
            "s,a,b\ns,1,x\ns,2,y\n",
            {"label": "b", "sequence": "s"},
            "the rows of 's' have the labels 'x' and 'y'",
        ),
        ('a,b\n"1,2\n', {}, "line 2 has a quote .* that no quote at its field's end closes"),
        ('a,b\n"1"2,2\n', {}, "line 2 has a quote"),
        ('a,b\n"1\n","2\n\n"\n1,"2"x\n', {}, "line 6 has a quote"),
        ('a,b\n"1\n2","2"\n1,2,3\n', {}, "line 4 has 3 fields"),
        ("a,b\n1\x002,2\n", {}, "has a NUL at byte offset 5"),
        ("# a note\na,b\n1,2\n", {}, "line 2 has 2 fields; expected 1"),
        ("a,b\n1,2,\n1,2,3\n", {}, "line 2 has 3 fields; expected 2"),
        (b"a,b\n1,\xff2\n", {}, "UTF-8 from byte offset 6, in line 2; .*encoding='latin-1'"),
        ("a,b\x1b[31m\n1,x\x1b[2J\n", {}, r"b\?\[31m holds 'x\?\[2J' in line 2"),
    ],
)
def test_refused_tables(write, text, options, words):
    refusal(read_table, write(text), words, **options)


def test_times_with_several_offsets_are_read_as_utc(write):
    data = read_series(write("t,b\n2024-03-31T01:00+01:00,1\n2024-03-31T03:00+02:00,2\n"))
    assert data.index[0].astype("datetime64[h]").astype(str).tolist() == [
        "2024-03-31T00", "2024-03-31T01",
    ]  # fmt: skip
    assert "The times of t have several offsets: they are read as UTC." in data.notes
    days = read_series(write("t,b\n2024-03-31T00:00+01:00,1\n2024-04-01T00:00+02:00,2\n"))
    assert days.index[0].astype("datetime64[D]").astype(str).tolist() == [
        "2024-03-31", "2024-04-01",
    ]  # fmt: skip
    assert days.frequency == "D"


def test_a_date_with_a_broken_zone(write):
    path = write("date,b\n2016-07-01 00:00,1\n2016-07-01 01:1-2,2\n")
    refusal(read_series, path, "date mixes times with and without a time zone")


def test_a_year_below_0(write):
    path = write("date,b\n2016-07-01 00:00,1\n-1-07-01 01:00,2\n2016-07-01 02:00,3\n")
    refusal(read_series, path, "date holds '-1-07-01 01:00' in line 3 beside '2016-07-01 00:00'")


def test_text_excludes_columns(write):
    refusal(read_table, write("a\n1\n"), "both", error=ConfigError, text=0, columns=[0])


def test_a_field_of_200_000_characters(write):
    text = "word " * 40_000
    data = read_table(write(f'text,label\n"{text}",a\nshort,b\n'), text="text", label="label")
    assert [text.strip(), "short"] == data.X
    refusal(read_table, write(f"b,a\n1,{text}\n"), "a holds 'word word .* in line 2")


@shared
def test_real_tables():
    data = read_series(DATA / "etth1" / "ETTh1.csv")
    ((x,), _), columns = data, data.columns
    assert (x.shape, columns) == (
        (17420, 7),
        ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"),
    )
    assert x[0, -1] == 30.5310001373291
    data = read_series(DATA / "time_series" / "sunspots_monthly_1749_1983.csv")
    ((x,), _), columns = data, data.columns
    assert (x.shape, columns) == ((2820, 1), ("sunspots",))
    weather = DATA / "time_series" / "seattle_weather_daily.csv"
    X, y = read_table(weather, label="weather", columns=range(1, 5), per_step=True)
    assert (X[0].shape, len(y[0]), len(set(y[0]))) == ((1461, 4), 1461, 5)
    (co2,), _ = read_series(DATA / "time_series" / "co2_weekly.csv")
    assert np.isnan(co2[6, 0])


def test_a_byte_order_mark_within_a_table_is_a_character(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n\xef\xbb\xbf1,2\n3,4\n")
    frame = read_frame(tmp_path / "a.csv", header=True)
    assert frame["a"].tolist() == ["\ufeff1", "3"]
    (tmp_path / "a.tsv").write_bytes(b"0x10\n\xef\xbb\xbf\n")
    assert read_frame(tmp_path / "a.tsv", separator="\t", header=True)["0x10"].tolist() == [
        "\ufeff"
    ]


def test_a_table_of_empty_fields_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'""\n\n""\n')
    with pytest.raises(DataError, match="expected"):
        read_frame(tmp_path / "a.csv", header=True)


def test_rows_that_pandas_refuses_are_refused_by_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"1\t0.5\tNaN\n2\t1.5\x0b3\n1\t2.5\t4\n")
    with pytest.raises(DataError, match="line 2"):
        read_table(tmp_path / "a.csv", label=0)
