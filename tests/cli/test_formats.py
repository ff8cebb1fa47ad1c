"""Formats of data files, the options of tables, and what the first lines of commands say."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli_cases import cases, write_csv, write_series
from tests.support.readers import DATA

pytest.importorskip("pandas")

SMALL = ["--units", 4, "--epochs", 1, "--force"]
FORECAST = ["--window", 4, "--horizon", 2, *SMALL]
FAULTS = DATA.parent / "faults" / "files"
faults = pytest.mark.skipif(not FAULTS.is_dir(), reason="the folder with shared data is not here")


@pytest.fixture
def run(run):
    """Run a command; several trainings write the same file."""
    return lambda *arguments: run(*arguments, *["--force"] * (arguments[0] == "train"))


@pytest.fixture
def lines(run):
    """Run a training that must succeed; the lines before the first one about losses."""

    def lines(*arguments):
        status, out, err = run("train", *arguments)
        assert (status, err) == (0, "")
        return out.split("\nepoch ")[0].splitlines()

    return lines


def days(n=28):
    return [f"2024-01-{k + 1:02}" for k in range(n)]


# The first lines


def test_classify_says_what_it_read(lines):
    write_csv("x.csv", *cases())
    assert lines("classify", "x.csv", "--sequence", "id", *SMALL) == [
        "Training on 24 sequences with 2 classes of x.csv.",
        "Input: 3 to 7 steps of 2 columns: a, b.",
        "Label label: down (12), up (12).",
    ]


def test_a_wide_table_says_what_it_read(lines):
    rows = [f"r{i},{'ab'[i % 2]}{',1' * 10},?,\n" for i in range(4)]
    Path("x.csv").write_text(
        "name,k," + ",".join(f"t{i}" for i in range(12)) + "\n" + "".join(rows)
    )
    assert lines("classify", "x.csv", "--label", "k", *SMALL) == [
        "Training on 4 sequences with 2 classes of x.csv.",
        "Input: 10 steps of 1 column; the steps are the columns "
        + ", ".join(f"t{i}" for i in range(10))
        + ", ... (12 in all).",
        "Label k: a (2), b (2).",
        "name names the rows ('r0') and is left out.",
        "4 rows end in missing values: the sequence is what comes before them.",
    ]


def test_tag_says_what_it_read(lines):
    Path("x.testa").write_text("-DOCSTART- -X- O\n\nAnna NNP B\nsings VBZ O\n\nBen NNP B\n")
    assert lines("tag", "x.testa", "--tag", -1, *SMALL) == [
        "Training on 2 sequences of 3 steps with 2 tags of x.testa.",
        "Input: lists of 1 to 2 words.",
        "Label: B (2), O (1).",
        "x.testa is read as CoNLL columns (--format chooses another).",
        "Skipped 1 -DOCSTART- line.",
    ]


def test_regress_says_what_it_read(lines):
    Path("x.jsonl").write_text('{"sequence": ["1", "2"], "label": 0.5}\n' * 3)
    assert lines("regress", "x.jsonl", *SMALL) == [
        "Training on 3 sequences of x.jsonl.",
        "Input: lists of 2 words.",
        "Label: numbers from 0.5 to 0.5.",
    ]


def test_forecast_says_what_it_read(lines):
    rows = [f"{day},{k % 7},,3\n" for k, day in enumerate(days())]
    Path("x.csv").write_text("day,y,,c\n" + "".join(reversed(rows)))
    assert lines("forecast", "x.csv", *FORECAST) == [
        "Training on 28 steps x 2 columns of x.csv.",
        "Index: day, 2024-01-01 to 2024-01-28, frequency D.",
        "Input: 28 steps of 2 columns: y, c.",
        "column 2 has no name and no value and is left out.",
        "The rows were newest first by day: they are turned round.",
        "c holds one value only.",
    ]


def test_several_series_are_read_by_id(lines, run):
    rows = [f"{name},{t},{t % 5 + k}\n" for k, name in enumerate("BA") for t in range(30)]
    Path("x.csv").write_text("unique_id,ds,y\n" + "".join(rows))
    assert lines("forecast", "x.csv", *FORECAST)[:4] == [
        "Training on 2 series of x.csv.",
        "Series by unique_id: B, A.",
        "Index: ds, 0 to 29, frequency 1.",
        "Input: 30 steps of 1 column: y.",
    ]
    status, out, err = run("predict", "model.safetensors", "x.csv")
    assert (status, err.splitlines()[0]) == (0, "Read 2 series of x.csv.")
    assert [row.split(",")[:2] for row in out.splitlines()[1:]] == [
        ["B", "30"], ["B", "31"], ["A", "30"], ["A", "31"],
    ]  # fmt: skip
    Path("y.csv").write_text("who,t,y\n" + "".join(rows))
    arguments = ["--sequence", "who", "--time", "t"]
    assert lines("forecast", "y.csv", *arguments, *FORECAST)[1] == "Series by who: B, A."


def test_predict_and_score_say_it_on_standard_error(run):
    write_csv("x.csv", *cases())
    assert run("train", "classify", "x.csv", "--sequence", "id", *SMALL, "--quiet")[0] == 0
    for command in ("predict", "score"):
        status, out, err = run(command, "model.safetensors", "x.csv", "--sequence", "id")
        assert status == 0
        assert err.splitlines()[:2] == [
            "Read 24 sequences of x.csv.",
            "Input: 3 to 7 steps of 2 columns: a, b.",
        ]
        assert "Read" not in out


def test_long_lists_are_cut(lines):
    names = [f"c{k}" for k in range(14)]
    rows = [",".join([str(k % 3)] * 14 + [f"k{k % 12}"]) for k in range(36)]
    Path("x.csv").write_text("\n".join([",".join([*names, "label"]), *rows]) + "\n")
    first = lines("classify", "x.csv", *SMALL)
    assert any(line.endswith("c9, ... (14 in all).") for line in first)
    assert any(line.endswith(", ... (12 in all).") for line in first)


# Columns of several files


def test_columns_are_matched_by_name(run):
    X, y = cases()
    write_csv("x.csv", X, y)
    table = [line.split(",") for line in Path("x.csv").read_text().splitlines()]
    at = {name: k for k, name in enumerate(table[0])}
    order = [at[n] for n in ("id", "b", "label", "a")]
    swapped = "\n".join(",".join([*(row[k] for k in order), "note" if i == 0 else "text"])
                        for i, row in enumerate(table))  # fmt: skip
    Path("y.csv").write_text(swapped + "\n")
    base = ["train", "classify", "--sequence", "id", "--epochs", 3, "--units", 6, "--force"]
    status, out, _ = run(*base, "x.csv", "--test", "y.csv", "--validation", "y.csv")
    assert status == 0
    assert "y.csv: Put the columns in the model's order: 'a', 'b'." in out
    assert "y.csv: Left out 'note'" in out
    tested = next(line for line in out.splitlines() if line.startswith("y.csv: accuracy"))
    scored = run("score", "model.safetensors", "x.csv", "--sequence", "id")[1].splitlines()[0]
    assert tested == f"y.csv: {scored}"
    status, _, err = run("score", "model.safetensors", "y.csv", "--sequence", "id")
    assert status == 0
    assert "Put the columns in the model's order: 'a', 'b'." in err
    Path("z.csv").write_text("id,a,label\n0,1,up\n0,2,up\n")
    status, _, err = run("score", "model.safetensors", "z.csv", "--sequence", "id")
    assert (status, err.count("\n")) == (2, 1)
    assert "expected 'a', 'b', as in fit: 'b' missing" in err


def test_columns_of_several_training_files(run):
    write_series("x.csv")
    table = [line.split(",") for line in Path("x.csv").read_text().splitlines()]
    Path("y.csv").write_text("\n".join(",".join([row[0], row[2], row[1]]) for row in table) + "\n")
    status, out, _ = run("train", "forecast", "x.csv", "y.csv", *FORECAST)
    assert status == 0
    assert "y.csv: Put the columns in the model's order: 'load', 'oil'." in out
    Path("z.csv").write_text("\n".join(",".join(row[:2]) for row in table) + "\n")
    status, _, err = run("train", "forecast", "x.csv", "z.csv", *FORECAST)
    assert (status, "z.csv: the columns are 'load'; expected 'load', 'oil'" in err) == (2, True)


# Formats and options


def test_any_ending(lines):
    text = "y\n" + "".join(f"{k % 7}\n" for k in range(40))
    for name in ("x.csv.gz", "x.dat", "x.series", "x"):
        Path(name).write_bytes(gzip.compress(text.encode()) if "gz" in name else text.encode())
        first = lines("forecast", name, *FORECAST)
        assert first[0] == f"Training on 40 steps x 1 column of {name}."
        guessed = f"{name} is read as a table (--format chooses another)."
        assert (guessed in first) == (name in ("x.series", "x"))
    Path("y.txt").write_text('{"sequence": [1, 2], "label": "a"}\n' * 3)
    assert lines("classify", "y.txt", "--format", "jsonl", *SMALL)[2] == "Label: a (3)."
    Path("y").write_text('{"sequence": [1, 2], "label": "a"}\n' * 3)
    assert lines("classify", "y", *SMALL)[3].startswith("y is read as JSON lines")
    Path("z").write_text("@classLabel true a b\n@data\n1,2:a\n2,3:b\n")
    assert lines("classify", "z", *SMALL)[3].startswith("z is read as a .ts file")


def test_options_of_tables(lines):
    text = "Datum;Größe, cm;n\n" + "".join(
        f"{k % 28 + 1:02}.{k // 28 + 1:02}.2024;1.{k:03},5;{k}\n" for k in range(40)
    )
    Path("x.csv").write_bytes(text.encode("latin-1"))
    given = ["--encoding", "latin-1", "--decimal", ",", "--thousands", "."]
    first = lines("forecast", "x.csv", "--columns", "Größe, cm", *given, *FORECAST)
    assert first[0] == "Training on 40 steps x 1 column of x.csv."
    assert "Input: 40 steps of 1 column: 'Größe, cm'." in first
    Path("y.csv").write_text("1 2\n" * 40)
    first = lines("forecast", "y.csv", "--separator", " ", "--header", *FORECAST)
    assert first[0] == "Training on 39 steps x 2 columns of y.csv."
    first = lines("forecast", "y.csv", "--no-header", "--columns", "1", *FORECAST)
    assert first[:2] == ["Training on 40 steps x 1 column of y.csv.",
                         "Input: 40 steps of 1 column: column 1."]  # fmt: skip


def test_gaps_are_filled_when_asked_for(lines, run):
    rows = [f"{day},{k % 7}\n" for k, day in enumerate(days(28)) if k != 9]
    Path("x.csv").write_text("date,y\n" + "".join(rows))
    given = ["--fill-gaps", "--missing", "interpolate"]
    first = lines("forecast", "x.csv", *given, *FORECAST)
    assert first[:2] == [
        "Training on 28 steps x 1 column of x.csv.",
        "Index: date, 2024-01-01 to 2024-01-28, frequency D.",
    ]
    assert "1 value is missing." in first
    status, out, _ = run("train", "forecast", "x.csv", *FORECAST)
    assert (status, "1 time is missing in date" in out) == (0, True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "forecast x.csv --format ts",
            "--format is 'ts'; expected one of csv, tsv, parquet, arrow, excel",
        ),
        ("tag x.csv --format text", "--format is 'text'; expected one of conll, conllu, csv"),
        ("forecast x.csv --encoding klingon", "encoding is 'klingon'; expected the name of an enc"),
        ("forecast x.csv --separator ab", "separator is 'ab'; expected one ASCII character"),
        ("forecast x.csv --decimal x", "decimal is 'x'; expected '.' or ','"),
        ("classify x.jsonl --decimal ,", "--decimal is ','; expected it left out, because x.jsonl"),
        ("forecast x.csv --fill-gaps", "fill_gaps is True; expected a column of times"),
        ("forecast x.csv --time y", "y is named twice|expected a column of times|leaves no column"),
        ("text text.txt --separator ,", "--separator is not an option|No such option"),
        ("regress x.csv --label y", "a label is not a number ('1_0'); expected numbers to predict"),
    ],
)
def test_mistakes_in_options(run, line, words):
    Path("x.csv").write_text("x,y\n2,1_0\n" if "regress" in line else "y\n1\n2\n4\n9\n")
    Path("x.jsonl").write_text('{"sequence": [1], "label": "a"}\n')
    status, out, err = run("train", *line.split(), *SMALL)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert any(part in err for part in words.split("|"))


# The files of the faults


@faults
@pytest.mark.parametrize(
    ("name", "steps", "columns"),
    [
        ("f01_unnamed_index.csv", 80, "value"),
        ("f03_newest_first.csv", 80, "y"),
        ("f06_excel_sep_line.csv", 80, "y"),
        ("f07_trailing_separator.csv", 80, "y"),
        ("f13_utf16.csv", 80, "y"),
        ("f14_cr_cr_lf.csv", 80, "y"),
        ("f15_plain.txt", 80, "column 0, column 1"),
        ("f16_packed.csv.gz", 80, "y"),
        ("f17_large_counter.csv", 80, "counter"),
        ("f18_yyyymm.csv", 80, "Value"),
        ("f28_tsv_with_quotes.tsv", 80, "y"),
        ("f29_spaces.csv", 80, "column 0, column 1"),
    ],
)
def test_faulty_series(lines, name, steps, columns):
    n = columns.count(",") + 1
    first = lines("forecast", FAULTS / name, *FORECAST)
    assert f"Input: {steps} steps of {n} column{'s' * (n > 1)}: {columns}." in first


def test_a_pipe_is_read_once():
    code = "import sys; from bptt.cli import main; main(sys.argv[1:])"
    small = " ".join(map(str, FORECAST))
    Path("x.csv").write_text("y\n" + "".join(f"{k % 7}\n" for k in range(40)))
    line = f"{sys.executable} -c '{code}' train forecast <(cat x.csv) {small}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert "Training on 40 steps x 1 column of /dev/fd/" in result.stdout, result.stderr
