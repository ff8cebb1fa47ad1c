"""`bptt predict`."""

import csv
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt import Forecaster, SequenceClassifier, SequenceTagger
from bptt.readers import read_series
from tests.support.cli_cases import (
    SENTENCES,
    SMALL,
    Terminal,
    cases,
    command,
)

pytestmark = pytest.mark.usefixtures("data")


@pytest.mark.parametrize(
    "arguments", [["x.ts"], ["x.csv", "--sequence", "id", "--label", "label"], ["x.jsonl"]]
)
def test_a_classifier_writes_a_line_a_sequence(run, models, arguments):
    status, out, err = run("predict", models / "classify", *arguments)
    assert (status, err[:5]) == (0, "Read ")
    p = bptt.load(models / "classify").predict_proba(cases()[0])
    heading, *rows = csv.reader(out.splitlines())
    assert heading == ["id", "class", "down", "up"]
    assert [row[1] for row in rows] == [["down", "up"][own.argmax()] for own in p]
    assert np.array([row[2:] for row in rows], float) == pytest.approx(p, rel=1e-5)
    assert len({row[0] for row in rows}) == len(p)


def test_labels_are_not_needed(run, models):
    Path("x.jsonl").write_text('{"sequence": [[1, 2], [3, 4]]}\n')
    status, out, _ = run("predict", models / "classify", "x.jsonl")
    assert (status, out.count("\n")) == (0, 2)
    Path("x.csv").write_text("id,a,b\n0,1,2\n0,3,4\n1,5,6\n")
    status, out, _ = run("predict", models / "classify", "x.csv", "--sequence", "id")
    assert (status, out.count("\n")) == (0, 3)
    Path("x.txt").write_text("a\ndog\n\nthe\n")
    status, out, _ = run("predict", models / "tag", "x.txt")
    assert (status, re.sub(r"[A-Z]+", "TAG", out)) == (0, "a\tTAG\ndog\tTAG\n\nthe\tTAG\n\n")


def test_a_tagger_writes_a_word_a_line(run, models):
    status, out, err = run("predict", models / "tag", "x.conll")
    assert (status, err[:5]) == (0, "Read ")
    tags = bptt.load(models / "tag").predict(SENTENCES)
    sentences = [
        "".join(f"{word}\t{tag}\n" for word, tag in zip(words, own, strict=True))
        for words, own in zip(SENTENCES, tags, strict=True)
    ]
    assert out == "".join(sentence + "\n" for sentence in sentences)
    # It is what `bptt train tag` reads.
    assert run("predict", models / "tag", "x.conll", "--out", "y.conll")[:2] == (0, "")
    assert Path("y.conll").read_text() == out
    assert run("score", models / "tag", "y.conll")[1].startswith("accuracy 1.0000 ")


def test_a_tagger_of_numbers_writes_them(run):
    X, y = cases(6)
    y = [[label] * len(x) for x, label in zip(X, y, strict=True)]
    SequenceTagger(**SMALL).fit(X, y, progress="silent").save("m")
    status, out, _ = run("predict", "m", "x.csv", "--sequence", "id", "--label", "label")
    assert status == 0
    heading, *rows = csv.reader(out.splitlines())
    assert heading == ["id", "step", "a", "b", "tag"]
    assert [row[1] for row in rows] == [str(t) for x in cases()[0] for t in range(len(x))]
    numbers = np.array([row[2:4] for row in rows], float)
    assert numbers == pytest.approx(np.concatenate(cases()[0]), rel=1e-4)
    assert {row[4] for row in rows} <= {"up", "down"}


def test_the_ending_of_the_output_is_its_format(run, models):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    p = bptt.load(models / "classify").predict_proba(cases()[0])
    for name, read in (("y.csv", pandas.read_csv), ("y.parquet", pandas.read_parquet),
                       ("y.tsv", lambda f: pandas.read_csv(f, sep="\t"))):  # fmt: skip
        assert run("predict", models / "classify", "x.ts", "--out", name)[:2] == (0, "")
        table = read(name)
        assert table.columns.tolist() == ["id", "class", "down", "up"]
        assert table["id"].tolist() == list(range(len(p)))
        assert table[["down", "up"]].to_numpy() == pytest.approx(p, rel=1e-5)
    run("predict", models / "tag", "x.conll", "--out", "t.csv")
    table = pandas.read_csv("t.csv")
    assert table.columns.tolist()[1:] == ["step", "token", "tag"]
    assert table["token"].tolist() == [w for s in SENTENCES for w in s]


def test_names_of_classes_are_quoted_as_in_csv(run):
    names = ['a, "b"', "c;d", "é\tf"]
    X = [str(k) * 3 for k in range(3)] * 4
    SequenceClassifier(**SMALL).fit(X, names * 4, progress="silent").save("m")
    Path("x.jsonl").write_text('{"sequence": "000"}\n{"sequence": "111"}\n')
    out = run("predict", "m", "x.jsonl")[1]
    heading, *rows = csv.reader(out.splitlines())
    assert heading == ["id", "class", 'a, "b"', "c;d", "é\ufffdf"]
    assert [len(row) for row in rows] == [5, 5]
    assert [float(row[2]) + float(row[3]) + float(row[4]) for row in rows] == pytest.approx([1, 1])


def test_a_regressor_writes_a_number_a_line(run, models):
    status, out, _ = run("predict", models / "regress", "x.ts")
    assert status == 0
    expected = bptt.load(models / "regress").predict(cases()[0])
    heading, *rows = csv.reader(out.splitlines())
    assert heading == ["id", "prediction"]
    assert [row[0] for row in rows] == [str(i) for i in range(len(expected))]
    assert [float(row[1]) for row in rows] == pytest.approx(expected)


def test_a_forecaster_writes_a_table(run, models):
    model, series = bptt.load(models / "forecast"), read_series("series.csv").X[0]
    status, out, err = run("predict", models / "forecast", "series.csv")
    assert (status, err[:5]) == (0, "Read ")
    header, *rows = csv.reader(out.splitlines())
    assert header == ["step", "load", "oil"]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    numbers = np.array([row[1:] for row in rows], float)
    assert numbers == pytest.approx(model.predict(series), rel=1e-6)
    arguments = ["--coverage", 0.8, "--out", "f.csv"]
    assert run("predict", models / "forecast", "series.csv", *arguments)[:2] == (0, "")
    header, *rows = csv.reader(Path("f.csv").read_text().splitlines())
    assert header[1:] == [
        name + end for name in ("load", "oil") for end in ("", " lower", " upper")
    ]
    numbers = np.array([row[1:] for row in rows], float).reshape(3, 2, 3)
    lower, upper = model.predict_interval(series, 0.8)
    expected = np.stack([model.predict(series), lower, upper], axis=-1)
    assert numbers == pytest.approx(expected, rel=1e-6)


def test_a_forecaster_goes_on_from_what_it_was_trained_on(run, models):
    out = run("predict", models / "forecast")[1]
    assert out.splitlines()[0] == "step,value 1,value 2"
    out = run("predict", models / "several")[1]
    header, *rows = csv.reader(out.splitlines())
    assert header == ["series", "step", "value 1", "value 2"]
    assert [row[:2] for row in rows] == [[s, t] for s in "12" for t in "123"]
    expected = bptt.load(models / "several").predict().reshape(6, 2)
    assert np.array([row[2:] for row in rows], float) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("classify", "predict: no FILE is given; expected at least one."),
        (
            "classify x.ts --coverage 0.9",
            "--coverage is given for a SequenceClassifier; expected a",
        ),
        ("forecast series.csv --coverage 2", r"coverage is 2.0; expected a number in \(0, 1\)."),
        ("forecast series.csv --columns oil", "X has 1 features; expected 2, as in fit."),
        (
            "forecast series.csv --label oil",
            "predict: --label is not an option for the data of `forecast`; expected",
        ),
        ("classify series.csv", "X\\[0\\]|line 2 has .* in date; expected a finite number"),
        ("classify x.ts --out no/y", "predict: --out no/y is in a directory that does not exist;"),
        ("tag x.ts", "predict: x.ts ends in '.ts'; expected one of .conll"),
    ],
)
def test_mistakes_of_predicting(run, models, line, sentence):
    name, *arguments = line.split()
    status, out, err = run("predict", models / name, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert re.match(f"bptt: .*({sentence})", err)


def test_a_file_is_written_at_once_or_not_at_all(run, models, monkeypatch):
    Path("y.csv").write_text("mine")
    os.chmod("y.csv", 0o640)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    before = sorted(Path().iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("bptt.safe_files.os.fsync", refuse)
        status, _, err = run("predict", models / "classify", "x.ts", "--out", "y.csv")
    assert status == 1
    assert err.splitlines()[-1] == (
        "bptt: predict: cannot write y.csv: No space left on device [errno 28]."
    )
    assert sorted(Path().iterdir()) == before
    assert Path("y.csv").read_text() == "mine"
    assert run("predict", models / "classify", "x.ts", "--out", "y.csv")[0] == 0
    assert os.stat("y.csv").st_mode & 0o777 == 0o640
    assert sorted(Path().iterdir()) == before


def test_a_closed_pipe_is_silent(models):
    process = subprocess.Popen(
        command("predict", models / "classify", "x.ts"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert b"bptt" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0


EVIL = "e\x1b[2Jvil\u202e"


def test_neither_words_nor_tags_steer_a_terminal_or_break_a_line(run):
    X, y = [["a", EVIL]] * 8, [["T", "x\ny\tz"]] * 8
    SequenceTagger(**SMALL).fit(X, y, progress="silent").save("m")
    Path("x.txt").write_text(f"a\n{EVIL}\n")
    mark = "\ufffd"
    out = run("predict", "m", "x.txt")[1]
    assert out == f"a\tT\ne{mark}[2Jvil\u202e\tx{mark}y{mark}z\n\n"
    terminal = Terminal("predict", "m", "x.txt")
    try:
        terminal.read_until(None)
        assert terminal.process.wait(30) == 0
    finally:
        terminal.close()
    assert f"e{mark}[2Jvil{mark}\tx" in terminal.shown
    assert "\x1b" not in terminal.shown


def test_no_name_in_a_file_steers_the_terminal(run):
    model = SequenceClassifier(**SMALL).fit([EVIL, "b"] * 8, [EVIL, "b"] * 8, progress="silent")
    model.save("m")
    assert "\x1b" not in run("info", "m")[1]
    Path("s.csv").write_text(f"{EVIL},b\n" + "1,2\n" * 30)
    Forecaster(window=3, **SMALL).fit(np.zeros((30, 2)), progress="silent").save("f")
    assert "\x1b" not in "".join(run("predict", "f", "s.csv")[1:])
    assert "\x1b" not in "".join(run("score", "f", "s.csv")[1:])
