"""How tables are laid out: separators, quotes, headers, packed files, Parquet and Excel."""

import bz2
import gzip
import io
import lzma
import random
import zipfile

import numpy as np
import pytest

from bptt.errors import BpttError, ConfigError
from bptt.readers import read_conll, read_frame, read_json_lines, read_series, read_table
from tests.support.readers import refusal

pd = pytest.importorskip("pandas")


def cells(path, **options):
    """All cells of a table as text, with the names above."""
    frame = read_frame(path, **options)
    return [list(frame.columns), *frame.astype(str).to_numpy().tolist()]


# Separators


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a,b\n1,2\n3,4\n", {}),
        ("a;b\n1;2\n3;4\n", {}),
        ("a\tb\n1\t2\n3\t4\n", {}),
        ("a|b\n1|2\n3|4\n", {}),
        ("a b\n1 2\n3 4\n", {}),
        ("  a   b\n  1   2\n 3  4\n", {}),
        ("sep=;\na;b\n1;2\n3;4\n", {}),
        ('"sep=|"\na|b\n1|2\n3|4\n', {}),
        ("SEP=,\r\na,b\r\n1,2\r\n3,4\r\n", {}),
        ("a:b\n1:2\n3:4\n", {"separator": ":"}),
        ("a,b\r1,2\r3,4\r", {}),
        ("a,b\r\r\n1,2\r\r\n3,4\r\r\n", {}),
        ("\n\na,b\n\n1,2\n   \n3,4\n\n", {}),
        ('"a","b"\n"1","2"\n3,4\n', {}),
        ('a, "b"\n1, "2"\n 3 ,4 \n', {}),
        ("a,b,\n1,2,\n3,4,\n", {}),
        ("a,b\n1,2,\n3,4,\n", {}),
        ("a,b\n1,2\n3,4\n,\n,\n", {}),
        ("\ufeffa,b\n1,2\n3,4", {}),
    ],
)
def test_one_table_in_many_layouts(write, text, options):
    assert cells(write(text), **options) == [["a", "b"], ["1", "2"], ["3", "4"]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp1252"])
def test_encodings(write, encoding):
    data = "Größe;y\n1,5;2\n2,5;3\n".encode(encoding)
    if encoding == "utf-16-le":
        data = b"\xff\xfe" + data
    given = {"encoding": encoding} if encoding == "cp1252" else {}
    frame = read_frame(write(data), decimal=",", **given)
    assert (list(frame.columns), frame["Größe"].tolist()) == (["Größe", "y"], [1.5, 2.5])
    if encoding == "cp1252":
        refusal(read_frame, write(data), "is not UTF-8 .*encoding='latin-1'")


def test_a_decimal_comma_is_no_separator(write):
    refusal(read_series, write("y;z\n10,0;1\n11,5;2\n"), "line 2 has '10,0' in y; .*decimal=','")
    data = read_series(write("y;z\n10,0;1\n11,5;2\n"), decimal=",")
    assert data.X[0].tolist() == [[10, 1], [11.5, 2]]
    refusal(read_series, write("y\n10,0\n11,5\n"), "line 2 has '10,0' in y; .*decimal=','")
    assert read_series(write("y\n10,0\n11,5\n"), decimal=",").X[0].tolist() == [[10], [11.5]]
    refusal(read_series, write("y;z\n1.5;1\n"), "'1.5' .*with a decimal comma", decimal=",")
    assert read_series(write("y;z\n1,5e3;1\n"), decimal=",").X[0].tolist() == [[1500, 1]]


def test_thousands_are_groups_of_three(write):
    path = write("y;z\n1.234,5;1.000.000\n12;3\n")
    read = read_series(path, decimal=",", thousands=".").X[0]
    assert read.tolist() == [[1234.5, 1e6], [12, 3]]
    refusal(read_series, path, r"line 2 has '1.234,5' in y", decimal=",")
    for bad in ["1,23", "1,2345", "12,34,567", ",123", "1,,000"]:
        refusal(read_series, write(f"y;z\n{bad};1\n2;3\n"), "line 2 has", thousands=",")
    refusal(read_series, write('y;z\n"1,234";1\n'), "thousands=',' .*reads groups of thousands")
    for bad in [".", "1", "", ",,", "-"]:
        refusal(read_series, path, "thousands is", error=ConfigError, thousands=bad)
    refusal(read_series, path, "decimal is", error=ConfigError, decimal=";")
    refusal(read_series, path, "separator and decimal are both", error=ConfigError, separator=",",
            decimal=",")  # fmt: skip


# Quotes


def test_quotes_in_tables_with_tabs(write):
    path = write('"date"\t"y"\n"2024-01-01"\t"10.0"\n"2024-01-02"\t"11.0"\n', "a.tsv")
    assert read_series(path).X[0].tolist() == [[10], [11]]
    words = '"\tPUNCT\nsaid\tVERB\n"\tPUNCT\n'  # two quotation marks that are words
    data = read_table(write(words, "a.tsv"), text=0, label=1, header=False)
    assert (data.X, data.y) == (['"', "said", '"'], ["PUNCT", "VERB", "PUNCT"])
    assert data.notes == ("Quotes are read as text: not all of them enclose a field.",)
    data = read_table(write('w\tk\n"a\tb"\tx\nc\ty\n', "a.tsv"), text="w", label="k")
    assert data.X == ["a\tb", "c"]


def test_lines_are_counted_through_quoted_line_ends(write):
    path = write('t,y\n"a\nb",1\n"c\n\nd",2\n\n"e",x\n')
    refusal(read_table, path, "y holds 'x' in line 8|line 8 has 'x' in y", text=None, label="t")
    data = read_table(write('t,y\n"a ""x""\nb",1\n'), text="t")
    assert data.X == ['a "x"\nb']
    refusal(read_frame, write('t,y\n"a\nb",1\n2\n'), "line 4 has 1 field; expected 2")


# Headers


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("date,4046,price\n2024-01-01,1,2\n2024-01-02,3,4\n", ["date", "4046", "price"]),
        ("7,x\n1,2\n3,4\n", ["7", "x"]),
        (
            "country,2001,2002,2003\nFrance,5,1,7\nSpain,6,8,2\n",
            ["country", "2001", "2002", "2003"],
        ),
        ("1,2\n3,4\n", ["column 0", "column 1"]),
        ("1,?\n3,4\n", ["column 0", "column 1"]),
        ("2024-01-01,5.5\n2024-01-02,6.5\n", ["column 0", "column 1"]),
        ("walk\t0.5\t0.25\nrun\t1.5\t0.75\n", ["column 0", "column 1", "column 2"]),
        ("name,kind\nAnna,x\n", ["name", "kind"]),
    ],
)
def test_the_first_row_is_a_header_or_not(write, text, names):
    assert list(read_frame(write(text)).columns) == names


def test_a_guess_about_the_header_is_said(write):
    path = write("walk,0.5\nrun,1.5\n")
    (note,) = read_frame(path).attrs["notes"]
    assert note.startswith("The first row (walk, 0.5) is read as values, not as names of columns")
    assert read_frame(path, header=True).attrs["notes"] == ()
    assert len(read_frame(path, header=True)) == 1
    assert read_frame(write("a,b\n1,2\n"), header=False).shape == (2, 2)


def test_names_that_occur_twice_or_not_at_all(write):
    frame = read_frame(write("x,x,\n1,2,3\n"))
    assert list(frame.columns) == ["x", "x", "Unnamed: 2"]
    assert frame.attrs["notes"] == ("'x' is the name of 2 columns.",)
    refusal(read_table, write("x,x,\n1,2,3\n"), "has the columns x, x, column 2; expected 'x' once",
            label="x")  # fmt: skip
    assert read_table(write("x,x,k\n1,2,3\n"), label="k", columns=[1]).X[0].tolist() == [[2]]


def test_columns_by_quoted_names(write):
    path = write('date,"Temp, C","Load, kW"\n2024-01-01,1,2\n2024-01-02,3,4\n')
    assert read_series(path, columns="Temp, C").X[0].tolist() == [[1], [3]]
    both = read_series(path, columns='"Load, kW", "Temp, C"')
    assert (both.columns, both.X[0].tolist()) == (("Load, kW", "Temp, C"), [[2, 1], [4, 3]])
    assert read_series(path, columns=["Load, kW"]).X[0].tolist() == [[2], [4]]
    refusal(read_series, path, "expected each column once", error=ConfigError, columns=[1, 1])


# Cells


def test_a_frame_keeps_what_is_no_number(write):
    text = "id,k,n,f,m,t\n007,NA,1,1.5,,True\n012,None,-2,2,NaN,False\n"
    frame = read_frame(write(text))
    assert frame["id"].tolist() == ["007", "012"]
    assert frame["k"].tolist() == ["NA", "None"]
    assert (frame["n"].tolist(), frame["n"].dtype) == ([1, -2], np.int64)
    assert frame["f"].tolist() == [1.5, 2.0]
    assert frame["t"].tolist() == ["True", "False"]
    assert read_table(write(text), label="k", sequence="id", columns="n").ids == ["007", "012"]


def test_missing_values_at_the_end_of_a_row_are_no_steps(write):
    data = read_table(write("1,5,6,7\n2,8,,\n3,NaN,9,NaN\n"), label=0)
    assert list(map(len, data.X)) == [3, 1, 2]
    assert np.isnan(data.X[2][0, 0])
    assert data.notes == ("2 rows end in missing values: the sequence is what comes before them.",)


def test_an_empty_id_goes_on(write):
    text = "Sentence #,Word,Tag\nS1,Anna,B\n,sings,O\nS2,Ben,B\n,reads,O\n,on,O\n"
    named = {"text": "Word", "label": "Tag", "sequence": "Sentence #", "per_step": True}
    data = read_table(write(text), **named)
    assert data.X == [["Anna", "sings"], ["Ben", "reads", "on"]]
    assert "3 rows without an entry in Sentence #" in data.notes[0]
    accident = text.replace("\n,reads", "\nS2,reads")
    refusal(read_table, write(accident), "Sentence # has nothing in line 3", **named)


# Files


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files(write, pack):
    assert read_series(write(pack(b"a,b\n1,2\n"), "x.csv")).X[0].tolist() == [[1, 2]]
    assert read_conll(write(pack(b"a X\nb Y\n"))).X == [["a", "b"]]
    assert read_json_lines(write(pack(b'{"sequence": [1, 2], "label": "a"}\n'))).y == ["a"]
    damaged = pack(b"a,b\n1,2\n" * 1000)[:-9]
    refusal(read_series, write(damaged), "cannot read")
    refusal(read_conll, write(damaged), "cannot read")


def test_zip_files(write):
    def packed(*names):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name in names:
                archive.writestr(name, "a,b\n1,2\n")
        return write(data.getvalue(), "x.zip")

    assert read_series(packed("x.csv")).X[0].tolist() == [[1, 2]]
    assert read_series(packed("x.csv", "__MACOSX/._x.csv")).X[0].tolist() == [[1, 2]]
    refusal(read_series, packed("x.csv", "y.csv"), "holds 'x.csv', 'y.csv'; expected one file")


FRAME = pd.DataFrame(
    {
        "date": pd.date_range("2024-01-01", periods=3),
        "y": [1.5, 2.5, np.nan],
        "n": [16777217, 2, 3],
        "k": ["a", "NA", "b"],
    }
)


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    FRAME.to_parquet(tmp_path / "x.parquet")
    data = read_series(tmp_path / "x.parquet", columns=["y", "n"])
    assert data.X[0][:2].tolist() == [[1.5, 16777217], [2.5, 2]]
    assert data.frequency == "D"
    FRAME.set_index("date").to_parquet(tmp_path / "y")  # no suffix
    assert read_series(tmp_path / "y", columns="y").frequency == "D"
    data = read_table(tmp_path / "y", label="k", sequence="n", columns="y")
    assert (data.ids, data.y) == (["16777217", "2", "3"], ["a", "NA", "b"])
    refusal(read_series, tmp_path / "y", "separator is ';'", error=ConfigError, separator=";")
    (tmp_path / "z").write_bytes(b"PAR1" + b"\0" * 100)
    refusal(read_series, tmp_path / "z", "cannot read .* as Parquet")


def test_excel(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "x.xlsx"
    with pd.ExcelWriter(path) as writer:
        FRAME.to_excel(writer, sheet_name="one", index=False)
        FRAME.to_excel(writer, sheet_name="two")
    data = read_series(path, columns=["y", "n"])
    assert data.X[0][:2].tolist() == [[1.5, 16777217], [2.5, 2]]
    assert (data.frequency, data.notes[0]) == ("D", "The sheet 'one' is read; 'two' left out.")
    data = read_table(path, label="k", sequence="n", columns="y")
    assert (data.ids, data.y) == (["16777217", "2", "3"], ["a", "NA", "b"])
    refusal(read_table, path, "row 2 has 'a' in k", columns="k")
    path.write_bytes(path.read_bytes()[:500])
    refusal(read_series, path, "cannot read .* as an Excel workbook", format="excel")


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        ("pandas", "x.csv", r"pandas is not installed \(to read tables\); pip install 'bptt\[tab"),
        ("pyarrow", "x.parquet", r"\(to read Parquet\); pip install 'bptt\[arrow\]'"),
        ("openpyxl", "x.xlsx", r"\(to read Excel files\); pip install 'bptt\[excel\]'"),
    ],
)
def test_a_missing_package_gives_one_sentence(write, monkeypatch, module, name, words):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ConfigError, match=words):
        read_series(write("a\n1\n", name))


def test_a_format_by_name(write):
    assert read_series(write("a\tb\n1\t2\n", "x.csv"), format="tsv").X[0].tolist() == [[1, 2]]
    assert read_series(write("a;b\n1;2\n", "x.data")).X[0].tolist() == [[1, 2]]
    refusal(read_series, write("a"), "format is 'xml'; expected one of csv", error=ConfigError,
            format="xml")  # fmt: skip


# A second reader


def test_random_tables_are_read_as_pandas_and_csv_read_them(write):
    """What is accepted has the cells that pandas reads; a row more or less is refused."""
    rng, same = random.Random(0), 0
    pieces = ["1", "2.5", "x", "", " ", ",", "\n", '"', '""', "a b", "NA", "\t", "é", "\n\n", ";"]
    for _ in range(1500):
        text = "p,q\n" + "".join(rng.choices(pieces, k=rng.randint(1, 25)))
        path = write(text)
        try:
            frame = read_frame(path, separator=",", header=True)
        except BpttError:
            continue
        other = pd.read_csv(
            io.StringIO(text), names=range(9), dtype=str, keep_default_na=False,
            skipinitialspace=True,
        )  # fmt: skip
        other = other.iloc[1 : 1 + len(frame)]  # rows of separators at the end are left out
        for k in range(frame.shape[1]):
            for own, theirs in zip(frame.iloc[:, k].tolist(), other.iloc[:, k], strict=True):
                if isinstance(own, str):
                    assert own.strip() == theirs.strip(), text
                elif own is None or own != own:
                    assert theirs.strip().lower() in ("", "na"), text
                else:
                    assert own == float(theirs), text
        same += 1
    assert same > 100


def test_one_row_is_divided_by_its_most_frequent_separator(write):
    assert read_frame(write("semi; colon,2004,red,2024-06-16\n")).shape == (1, 4)
    assert read_frame(write("1,5;2;3;4\n")).shape == (1, 4)


def test_a_column_that_is_asked_for_is_not_left_out(write):
    refusal(read_table, write("1,\n2,\n"), "column 1 has nothing in line 1", label=1)
