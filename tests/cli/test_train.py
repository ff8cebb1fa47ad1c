"""`bptt train`: every kind of model from every format."""

import json
import math
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import bptt
from bptt import LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger
from bptt.corpus import default_corpus
from bptt.equations import CELLS
from bptt.models.files import KINDS as MODELS
from bptt.readers import read_series
from tests.support.cases import same_bits
from tests.support.cli_cases import (
    BRIEF,
    SENTENCES,
    TAGS,
    TEXT,
    TINY,
    cases,
    write_conll,
    write_csv,
    write_json_lines,
    write_series,
    write_ts,
)


def test_train_prints_progress_and_saves(run):
    status, out, err = run("train", "text.txt", *TINY, "--epochs", 2, "--out", "m.safetensors")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Training on 1,296 characters of text.txt; 144 held out."
    number = r"\d+\.\d{3}"
    pair = rf"{number} nats \({number} bits\)"
    for epoch, line in enumerate(lines[1:3], start=1):
        where = f"epoch {epoch}/2, step {41 * epoch}/82"
        losses = f"loss {pair}, validation {pair} per character"
        assert re.fullmatch(rf"{where}: {losses}, [\d,]+ characters/s, 0:00:\d\d left", line)
    nats, bits = map(float, re.search(r"validation (\S+) nats \((\S+) bits", lines[2]).groups())
    assert bits == pytest.approx(nats / math.log(2), abs=2e-3)
    model = bptt.load("m.safetensors")
    assert nats == pytest.approx(model.history_[-1]["validation"], abs=1e-3)
    n = sum(w.size for w in model.parameters_.values())
    assert lines[3] == f"Saved the model to m.safetensors: {n:,} parameters."
    assert len(lines) == 4
    assert "\x1b" not in out
    assert "\r" not in out


def test_train_hands_every_option_to_the_model(run):
    given = {
        "cell": "gru", "units": 5, "layers": 2, "seq_length": 6, "batch_size": 3,
        "learning_rate": 0.015, "grad_clip": 1.5, "epochs": 1, "seed": 11,
    }  # fmt: skip
    given |= {
        "dropout": 0.1, "input_dropout": 0.2, "initial_state": "learned", "optimizer": "rmsprop",
        "momentum": 0.5, "weight_decay": 0.001, "schedule": "cosine", "warmup": 3, "patience": 2,
        "validation_fraction": 0.2, "tokenizer": "words", "max_vocabulary": 4, "embedding": 7,
        "burn_in": 1, "min_count": 2, "micro_batches": 2,
        "local_steps": 2, "local_after": 0.25, "outer_learning_rate": 0.7, "outer_momentum": 0.5,
    }  # fmt: skip
    only_in_python = {"verbose", "warm_start"}
    assert given.keys() == LanguageModel().get_params().keys() - only_in_python
    options = [x for name, v in given.items() for x in (f"--{name.replace('_', '-')}", v)]
    assert run("train", *options, "text.txt", "--out", "deep.safetensors")[0] == 0
    model = bptt.load("deep.safetensors")
    assert model.get_params() == given | {"verbose": True, "warm_start": False}
    # It is the model that the library makes of the same settings.
    other = LanguageModel(**given).fit(TEXT)
    assert model.score(TEXT) == other.score(TEXT)


def test_the_options_default_to_those_of_the_library(run, monkeypatch):
    seen = []
    monkeypatch.setattr(LanguageModel, "fit", lambda self, *_, **__: seen.append(self))
    monkeypatch.setattr(LanguageModel, "save", lambda *_: None)
    monkeypatch.setattr(LanguageModel, "interrupted_", False, raising=False)
    monkeypatch.setattr(LanguageModel, "parameters_", {}, raising=False)
    Path("text.txt").write_text(TEXT * 3)
    assert run("train", "text.txt")[0] == 0
    assert seen[0].get_params() == LanguageModel().get_params()


def test_several_files_are_read_one_after_another(run):
    Path("other.txt").write_text("zzz" * 100)
    status, out, _ = run("train", "text.txt", "other.txt", *TINY, "--epochs", 1)
    assert status == 0
    assert "Training on 1,566 characters of text.txt, other.txt; 175 held out." in out
    assert "z" in bptt.load("model.safetensors").vocabulary_


def test_without_a_file_it_trains_on_the_default_corpus(run, monkeypatch):
    corpus = default_corpus()[:3000]
    monkeypatch.setattr("bptt.corpus.default_corpus", lambda: corpus)
    status, out, _ = run("train", *TINY, "--epochs", 1)
    assert status == 0
    assert "Training on 2,700 characters of Python's language reference; 300 held out." in out
    assert bptt.load("model.safetensors").vocabulary_ == sorted(set(corpus[:2700]))


def test_a_long_epoch_reports_on_the_way(run, monkeypatch):
    monkeypatch.setattr("bptt.training.display.LINE_INTERVAL", 0.0)
    _, out, _ = run("train", "text.txt", *TINY, "--epochs", 1)
    lines = out.splitlines()[1:-1]
    assert len(lines) == 41
    assert lines[0].startswith("epoch 1/1, step 1/41: loss ")
    assert "validation" not in lines[0]


def test_names_of_files_are_not_markup(run):
    Path("[red]x[").mkdir()
    Path("[red]x[/]").write_text(TEXT)
    status, out, err = run("train", "[red]x[/]", *TINY, "--epochs", 1, "--out", ":cat:[b]")
    assert (status, err) == (0, "")
    assert "of [red]x[/]; 144 held out." in out
    assert "Saved the model to :cat:[b]: " in out
    assert ":cat:[b]: LanguageModel" in run("info", ":cat:[b]")[1]


def test_the_kind_may_be_named_and_a_file_of_its_name_is_reached_by_a_path(run):
    Path("text").write_text("zz" * 400)
    assert run("train", "text", "text.txt", *TINY, "--epochs", 1)[0] == 0
    assert "z" not in bptt.load("model.safetensors").vocabulary_
    assert run("train", "./text", *TINY, "--epochs", 1, "--force")[0] == 0
    assert bptt.load("model.safetensors").vocabulary_ == ["z"]


@pytest.mark.filterwarnings("ignore:Nothing is held out")
@pytest.mark.parametrize(("split", "n"), [("file", 2), ("paragraph", 4), ("line", 6)])
def test_texts_are_read_as_documents(run, split, n):
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("the cat\nsat\n\non the mat\n")
    arguments = ["--documents", split, *TINY, "--epochs", 1, "--validation-fraction", 0.2]
    status, out, _ = run("train", "a.txt", "b.txt", *arguments, "--test", "a.txt")
    assert status == 0
    held_out = int(0.2 * n)
    assert f"Training on {n - held_out} documents of a.txt, b.txt; {held_out} held out." in out
    assert bptt.load("model.safetensors").documents_
    assert re.search(
        rf"^a.txt: .* nats .*per character, .*\({n // 2} documents\)$", out, re.MULTILINE
    )


def test_a_validation_file_takes_the_place_of_a_held_out_part(run):
    Path("other.txt").write_text("the cat sat on the hat.\n" * 5)
    arguments = ["text.txt", "--validation", "other.txt", "--test", "other.txt", *TINY]
    status, out, _ = run("train", *arguments, "--tokenizer", "words", "--epochs", 2)
    assert status == 0
    opening = (
        "Training on 1,440 characters of text.txt; 120 characters of other.txt for validation."
    )
    assert out.splitlines()[0] == opening
    assert re.search(r"^other.txt: .* nats .*per token, .* \(120 characters\)$", out, re.MULTILINE)
    model = bptt.load("model.safetensors")
    same = LanguageModel(**model.get_params()).fit(
        TEXT, validation=Path("other.txt").read_text(), progress="silent"
    )
    assert [row["validation"] for row in model.history_] == [
        row["validation"] for row in same.history_
    ]


def test_quiet_is_quiet(run):
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--quiet") == (0, "", "")
    assert Path("model.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "write", "options"),
    [
        ("x.ts", write_ts, []),
        ("x.csv", write_csv, ["--sequence", "id"]),
        ("x.csv", write_csv, ["--sequence", "id", "--columns", "a,b"]),
        ("x.tsv", partial(write_csv, delimiter="\t"), ["--sequence", "0"]),
        ("x.csv", partial(write_csv, label="kind"), ["--sequence", "id", "--label", "kind"]),
        ("x.jsonl", write_json_lines, []),
        (
            "x.jsonl",
            partial(write_json_lines, sequence="x", label="y"),
            ["--sequence", "x", "--label", "y"],
        ),
    ],
)
def test_classify_reads_every_format_alike(run, name, write, options):
    X, y = cases()
    write(name, X, y)
    arguments = ["train", "classify", name, *options, *BRIEF, "--bidirectional"]
    status, out, err = run(*arguments, "--pooling", "mean", "--no-standardize", "--test", name)
    assert (status, err) == (0, "")
    assert out.startswith(f"Training on 24 sequences with 2 classes of {name}.\n")
    model = bptt.load("model.safetensors")
    same = SequenceClassifier(
        units=6, batch_size=4, epochs=3, learning_rate=0.03, bidirectional=True, pooling="mean",
        standardize=False,
    ).fit(X, y, progress="silent")  # fmt: skip
    assert model.get_params() == same.get_params()
    assert same_bits(model.parameters_, same.parameters_)
    expected = f"{name}: accuracy {same.score(X, y):.4f} (24 sequences with 2 classes)"
    assert expected in out.splitlines()


@pytest.mark.parametrize(
    ("name", "write", "options"),
    [
        ("x.csv", write_csv, ["--sequence", "id"]),
        ("x.jsonl", write_json_lines, []),
    ],
)
def test_regress_reads_numbers(run, name, write, options):
    X, _ = cases()
    y = [len(x) / 2 for x in X]
    write(name, X, y if name.endswith("jsonl") else list(map(str, y)))
    status, out, err = run("train", "regress", name, *options, *BRIEF, "--test", name)
    assert (status, err) == (0, "")
    assert out.startswith(f"Training on 24 sequences of {name}.\n")
    model = bptt.load("model.safetensors")
    same = SequenceRegressor(units=6, batch_size=4, epochs=3, learning_rate=0.03)
    same.fit(X, y, progress="silent")
    assert same_bits(model.parameters_, same.parameters_)
    assert f"{name}: R2 {same.score(X, y):.4f} (24 sequences)" in out.splitlines()


def test_a_model_of_ones_own_gets_its_command_from_its_class(run, monkeypatch, built_anew):
    class Sorter(SequenceClassifier):
        """Sort sequences into boxes."""

        command = "sort"

    monkeypatch.setitem(MODELS, "Sorter", Sorter)
    assert "Sort sequences into boxes." in run("train", "--help")[1]
    assert "--pooling " in run("train", "sort", "--help")[1]
    write_ts("x.ts", *cases())
    assert run("train", "sort", "x.ts", *BRIEF, "--quiet") == (0, "", "")
    assert type(bptt.load("model.safetensors")) is Sorter
    assert run("score", "model.safetensors", "x.ts")[1].startswith("accuracy ")


def test_a_cell_of_ones_own_is_a_choice(run, monkeypatch, built_anew):
    monkeypatch.setitem(CELLS, "mine", replace(CELLS["gru"], name="mine"))
    assert ", mine." in " ".join(run("train", "text", "--help")[1].split())
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--cell", "mine", "--quiet")[0] == 0
    assert bptt.load("model.safetensors").cell == "mine"


def test_classify_reads_texts_and_several_files(run):
    Path("a.csv").write_text("name,label\nada,x\nbob,y\n" * 1 + "eve,x\n")
    Path("b.csv").write_text("name,label\nzoe,y\n")
    arguments = ["a.csv", "b.csv", "--text", "name", *BRIEF, "--class-weight", "x=2,y=0.5"]
    status, out, _ = run("train", "classify", *arguments)
    assert status == 0
    assert out.startswith("Training on 4 sequences with 2 classes of a.csv, b.csv.\n")
    model = bptt.load("model.safetensors")
    assert model.vocabulary_ == sorted(set("adabobevezoe"))
    assert model.class_weight == {"x": 2.0, "y": 0.5}


@pytest.mark.parametrize(
    ("name", "universal", "options"),
    [
        ("x.conll", False, []),
        ("x.tsv", False, ["--word", 0, "--tag", -1]),
        ("x.txt", False, []),
        ("x.conllu", True, []),
        ("x.jsonl", None, []),
    ],
)
def test_tag_reads_every_format_alike(run, name, universal, options):
    if universal is None:
        rows = zip(SENTENCES, TAGS, strict=True)
        lines = [json.dumps({"sequence": x, "label": y}) + "\n" for x, y in rows]
        Path(name).write_text("".join(lines))
    else:
        write_conll(name, universal)
    arguments = [name, *options, *BRIEF, "--no-bidirectional", "--char-units", 0, "--test", name]
    status, out, err = run("train", "tag", *arguments)
    assert (status, err) == (0, "")
    assert out.startswith(f"Training on 12 sequences of 40 steps with 4 tags of {name}.\n")
    model = bptt.load("model.safetensors")
    same = SequenceTagger(
        units=6, batch_size=4, epochs=3, learning_rate=0.03, bidirectional=False, char_units=0
    ).fit(SENTENCES, TAGS, progress="silent")
    assert same_bits(model.parameters_, same.parameters_)
    assert f"{name}: accuracy {same.score(SENTENCES, TAGS):.4f} " in out


def test_tag_reads_a_table_with_a_row_a_step(run):
    X, y = cases()
    write_csv("x.csv", X, y)
    status, out, _ = run("train", "tag", "x.csv", "--sequence", "id", *BRIEF)
    assert status == 0
    steps = sum(map(len, X))
    assert f"Training on 24 sequences of {steps} steps with 2 tags of x.csv." in out


def test_forecast_reads_the_columns_of_a_table(run):
    write_series("x.csv")
    write_series("x.tsv", delimiter="\t")
    arguments = ["--window", 12, "--horizon", 3, "--output", "quantile", "--levels", "0.1,0.5,0.9"]
    arguments += [*BRIEF, "--validation-fraction", 0.2, "--test", "x.csv"]
    status, out, err = run("train", "forecast", "x.csv", "--columns", "oil", *arguments)
    assert (status, err) == (0, "")
    assert out.startswith("Training on 160 steps x 1 column of x.csv; 20% held out.\n")
    model = bptt.load("model.safetensors")
    assert (model.window, model.horizon, model.levels) == (12, 3, (0.1, 0.5, 0.9))
    series = read_series("x.csv", columns=["oil"]).X[0]
    assert model.mean_ == pytest.approx(series[:128].mean())
    assert "x.csv: R2 " in out
    assert run("train", "forecast", "x.tsv", *arguments[:-1], "x.tsv", "--force")[0] == 0
    assert len(bptt.load("model.safetensors").mean_) == 2
    assert run("train", "forecast", "x.csv", "x.csv", *arguments, "--force")[0] == 0
    forecast = bptt.load("model.safetensors").predict()
    assert (len(forecast), [*forecast.columns][-2:]) == (2 * 3, ["load", "oil"])
