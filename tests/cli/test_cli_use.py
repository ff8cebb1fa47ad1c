"""`bptt predict`, `score`, `info` and `plot` for models of every kind."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt import Forecaster, LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger
from bptt.readers import read_series
from tests.support.cli_cases import (
    SENTENCES,
    TAGS,
    TEXT,
    Terminal,
    cases,
    command,
    train_text,
    write_conll,
    write_csv,
    write_json_lines,
    write_series,
    write_ts,
)

SMALL = {"units": 6, "epochs": 8, "batch_size": 4, "learning_rate": 0.03}


@pytest.fixture(autouse=True)
def data(here):
    """Data of every kind in every test's directory."""
    X, y = cases()
    write_ts("x.ts", X, y)
    write_csv("x.csv", X, y)
    write_json_lines("x.jsonl", X, y)
    write_conll("x.conll")
    write_series("series.csv")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A file of every kind of model."""
    folder = tmp_path_factory.mktemp("models")
    X, y = cases()
    t = np.arange(160)
    series = np.stack([np.sin(t / 4), np.cos(t / 4) + 5], axis=1).round(4)
    framing = {"window": 12, "horizon": 3, "output": "gaussian"}
    fitted = {
        "classify": SequenceClassifier(**SMALL).fit(X, y, progress="silent"),
        "regress": SequenceRegressor(**SMALL).fit(X, [len(x) for x in X], progress="silent"),
        "tag": SequenceTagger(**SMALL).fit(SENTENCES, TAGS, progress="silent"),
        "forecast": Forecaster(**SMALL, **framing).fit(series, progress="silent"),
        "several": Forecaster(**SMALL, **framing).fit([series, -series], progress="silent"),
    }
    for name, model in fitted.items():
        model.save(folder / name)
    train_text(folder)
    return folder


# bptt predict


@pytest.mark.parametrize(
    "arguments", [["x.ts"], ["x.csv", "--sequence", "id", "--label", "label"], ["x.jsonl"]]
)
def test_a_classifier_writes_a_line_a_sequence(run, models, arguments):
    status, out, err = run("predict", models / "classify", *arguments)
    assert (status, err) == (0, "")
    p = bptt.load(models / "classify").predict_proba(cases()[0])
    expected = [f"{['down', 'up'][row.argmax()]}\t{row.max():.4f}" for row in p]
    assert out.splitlines() == expected
    assert len(set(expected)) > 2


def test_labels_are_not_needed(run, models):
    Path("x.jsonl").write_text('{"sequence": [[1, 2], [3, 4]]}\n')
    status, out, _ = run("predict", models / "classify", "x.jsonl")
    assert (status, out.count("\n")) == (0, 1)
    Path("x.csv").write_text("id,a,b\n0,1,2\n0,3,4\n1,5,6\n")
    status, out, _ = run("predict", models / "classify", "x.csv", "--sequence", "id")
    assert (status, out.count("\n")) == (0, 2)
    Path("x.txt").write_text("a\ndog\n\nthe\n")
    status, out, _ = run("predict", models / "tag", "x.txt")
    assert (status, re.sub(r"[A-Z]+", "TAG", out)) == (0, "a\tTAG\ndog\tTAG\n\nthe\tTAG\n\n")


def test_a_tagger_writes_a_word_a_line(run, models):
    status, out, err = run("predict", models / "tag", "x.conll")
    assert (status, err) == (0, "")
    tags = bptt.load(models / "tag").predict(SENTENCES)
    sentences = [
        "".join(f"{word}\t{tag}\n" for word, tag in zip(words, own, strict=True))
        for words, own in zip(SENTENCES, tags, strict=True)
    ]
    assert out == "".join(sentence + "\n" for sentence in sentences)
    # It is what `bptt train tag` reads.
    assert run("predict", models / "tag", "x.conll", "--out", "y.conll") == (0, "", "")
    assert Path("y.conll").read_text() == out
    assert run("score", models / "tag", "y.conll")[1].startswith("accuracy 1.0000 ")


def test_a_tagger_of_numbers_writes_them(run):
    X, y = cases(6)
    y = [[label] * len(x) for x, label in zip(X, y, strict=True)]
    SequenceTagger(**SMALL).fit(X, y, progress="silent").save("m")
    status, out, _ = run("predict", "m", "x.csv", "--sequence", "id", "--label", "label")
    assert status == 0
    assert re.fullmatch(r"-?[\d.]+ -?[\d.]+\t(up|down)", out.splitlines()[0])


def test_a_regressor_writes_a_number_a_line(run, models):
    status, out, _ = run("predict", models / "regress", "x.ts")
    assert status == 0
    expected = bptt.load(models / "regress").predict(cases()[0])
    assert [float(line) for line in out.splitlines()] == pytest.approx(expected)


def test_a_forecaster_writes_a_table(run, models):
    model, series = bptt.load(models / "forecast"), read_series("series.csv").X[0]
    status, out, err = run("predict", models / "forecast", "series.csv")
    assert (status, err) == (0, "")
    header, *rows = csv.reader(out.splitlines())
    assert header == ["step", "load", "oil"]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    numbers = np.array([row[1:] for row in rows], float)
    assert numbers == pytest.approx(model.predict(series), rel=1e-6)
    arguments = ["--coverage", 0.8, "--out", "f.csv"]
    assert run("predict", models / "forecast", "series.csv", *arguments) == (0, "", "")
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
    assert err == "bptt: predict: cannot write y.csv: No space left on device [errno 28].\n"
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
    assert process.stderr.read() == b""
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


# bptt score, info, plot


@pytest.mark.parametrize(
    ("name", "arguments", "measure"),
    [
        ("classify", ["x.ts"], "accuracy"),
        ("classify", ["x.csv", "--sequence", "id"], "accuracy"),
        ("classify", ["x.jsonl"], "accuracy"),
        ("tag", ["x.conll"], "accuracy"),
        ("forecast", ["series.csv"], "R2"),
    ],
)
def test_score_names_the_measure(run, models, name, arguments, measure):
    status, out, err = run("score", models / name, *arguments)
    assert (status, err) == (0, "")
    model = bptt.load(models / name)
    X, y = {
        "classify": cases(),
        "tag": (SENTENCES, TAGS),
        "forecast": (read_series("series.csv").X[0], None),
    }[name]
    assert out.startswith(f"{measure} {model.score(X, y):.4f} ")
    assert out.count("\n") == 1


def test_labels_that_were_whole_numbers_are_found_in_a_file_of_text(run):
    X, y = cases()
    numbers = [int(label == "up") for label in y]
    model = SequenceClassifier(**SMALL).fit(X, numbers, progress="silent")
    model.save("m")
    write_csv("n.csv", X, [str(k) for k in numbers])
    status, out, _ = run("score", "m", "n.csv", "--sequence", "id")
    assert status == 0
    assert out.startswith(f"accuracy {model.score(X, numbers):.4f} ")


def test_a_regressor_is_scored_on_numbers(run, models):
    X, _ = cases()
    write_csv("n.csv", X, [str(len(x)) for x in X], label="n")
    status, out, _ = run("score", models / "regress", "n.csv", "--sequence", "id", "--label", "n")
    expected = bptt.load(models / "regress").score(X, [len(x) for x in X])
    assert (status, out) == (0, f"R2 {expected:.4f} (24 sequences)\n")
    status, _, err = run("score", models / "regress", "x.csv", "--sequence", "id")
    assert status == 2
    assert "x.csv: a label is not a number; expected numbers" in err


def test_a_file_without_labels_is_not_scored(run, models):
    Path("x.ts").write_text("@univariate false\n@classLabel false\n@data\n1,2:3,4\n")
    status, _, err = run("score", models / "classify", "x.ts")
    assert status == 2
    assert err == "bptt: score: x.ts has no labels; expected a label for each sequence.\n"


def test_a_model_that_knows_nothing_has_a_perplexity_all_the_same(run, monkeypatch):
    monkeypatch.setattr(LanguageModel, "score", lambda *_: -1e5)
    sizes = {"units": 4, "seq_length": 8, "batch_size": 4, "epochs": 1}
    LanguageModel(**sizes).fit(TEXT, progress="silent").save("m")
    status, out, _ = run("score", "m", "text.txt")
    assert status == 0
    assert "perplexity inf " in out


@pytest.mark.parametrize(
    ("name", "knowledge"),
    [
        ("classify", "reads 2 features a step\nclasses: down, up\n"),
        ("regress", "reads 2 features a step\n\n"),
        ("tag", "vocabulary: 7 tokens\nclasses: ADV, DET, NOUN, VERB\n"),
        ("forecast", "reads 12 steps of 2 values, forecasts 3\n"),
        ("model.safetensors", "vocabulary: 12 characters and one symbol for all others; learned "),
    ],
)
def test_info_of_every_kind(run, models, name, knowledge):
    status, out, err = run("info", models / name)
    assert (status, err) == (0, "")
    assert knowledge in out
    model = bptt.load(models / name)
    assert out.startswith(f"{models / name}: {type(model).__name__}\n")
    in_unit = f"in {model.loss_unit}" if model.unit else model.loss_unit
    assert f"\nTraining, losses {in_unit}\n" in out


@pytest.mark.parametrize("name", ["classify", "tag", "forecast", "model.safetensors"])
def test_plot_of_every_kind(run, models, name):
    assert run("plot", models / name) == (0, "Saved the plot to history.png.\n", "")
    assert Path("history.png").read_bytes().startswith(b"\x89PNG")
    assert run("plot", models / name, "--out", "h.svg")[0] == 0
    assert "<svg" in Path("h.svg").read_text()


def test_sample_is_for_language_models(run, models):
    status, out, err = run("sample", models / "tag")
    assert (status, out) == (2, "")
    assert "holds a SequenceTagger; expected a LanguageModel" in err


def test_only_plot_loads_matplotlib_and_nothing_loads_scikit_learn():
    code = "import sys, bptt.cli; print({'matplotlib', 'sklearn', 'pydoc_data'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n"
