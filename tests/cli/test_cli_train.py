"""`bptt train`: every kind of model from every format, checkpoints, going on."""

import json
import math
import re
from functools import partial
from pathlib import Path

import pytest

import bptt
from bptt import LanguageModel, SequenceClassifier, SequenceTagger
from bptt.corpus import default_corpus
from bptt.readers import read_series
from tests.support.cases import same_bits
from tests.support.cli_cases import (
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

# A language model


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
        "burn_in": 1, "min_count": 2,
    }  # fmt: skip
    assert given.keys() == LanguageModel().get_params().keys()
    options = [x for name, v in given.items() for x in (f"--{name.replace('_', '-')}", v)]
    assert run("train", *options, "text.txt", "--out", "deep.safetensors")[0] == 0
    model = bptt.load("deep.safetensors")
    assert model.get_params() == given
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
    assert run("train", "./text", *TINY, "--epochs", 1)[0] == 0
    assert bptt.load("model.safetensors").vocabulary_ == ["z"]


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
    opening = "Training on 1,440 characters of text.txt; 120 characters of other.txt to validate."
    assert out.splitlines()[0] == opening
    assert re.search(r"^other.txt: .* nats .*per word, .* \(120 characters\)$", out, re.MULTILINE)
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


# The other kinds, from every format

SMALL = ["--units", 6, "--batch-size", 4, "--epochs", 3, "--learning-rate", 0.03]


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
    arguments = ["train", "classify", name, *options, *SMALL, "--bidirectional"]
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
    assert out.splitlines()[-1] == expected


def test_classify_reads_texts_and_several_files(run):
    Path("a.csv").write_text("name,label\nada,x\nbob,y\n" * 1 + "eve,x\n")
    Path("b.csv").write_text("name,label\nzoe,y\n")
    arguments = ["a.csv", "b.csv", "--text", "name", *SMALL, "--class-weight", "x=2,y=0.5"]
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
    arguments = [name, *options, *SMALL, "--no-bidirectional", "--char-units", 0, "--test", name]
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
    status, out, _ = run("train", "tag", "x.csv", "--sequence", "id", *SMALL)
    assert status == 0
    steps = sum(map(len, X))
    assert f"Training on 24 sequences of {steps} steps with 2 tags of x.csv." in out


def test_forecast_reads_the_columns_of_a_table(run):
    write_series("x.csv")
    write_series("x.tsv", delimiter="\t")
    arguments = ["--window", 12, "--horizon", 3, "--output", "quantile", "--levels", "0.1,0.5,0.9"]
    arguments += [*SMALL, "--validation-fraction", 0.2, "--test", "x.csv"]
    status, out, err = run("train", "forecast", "x.csv", "--columns", "oil", *arguments)
    assert (status, err) == (0, "")
    assert out.startswith("Training on 160 steps x 1 column of x.csv; 20% held out.\n")
    model = bptt.load("model.safetensors")
    assert (model.window, model.horizon, model.levels) == (12, 3, (0.1, 0.5, 0.9))
    series = read_series("x.csv", columns=["oil"]).X[0]
    assert model.mean_ == pytest.approx(series[:128].mean())
    assert "x.csv: R2 " in out
    assert run("train", "forecast", "x.tsv", *arguments[:-1], "x.tsv")[0] == 0
    assert len(bptt.load("model.safetensors").mean_) == 2
    assert run("train", "forecast", "x.csv", "x.csv", *arguments)[0] == 0
    assert bptt.load("model.safetensors").predict().shape == (2, 3, 2)


# Checkpoints and going on

LINES = {
    "text": ["text", "text.txt", *TINY, "--dropout", 0.2, "--schedule", "cosine"],
    "documents": ["text", "text.txt", "--documents", "line", *TINY],
    "classify": ["classify", "x.ts", *SMALL[:4], "--dropout", 0.1, "--validation-fraction", 0.2],
    "tag": ["tag", "x.conll", *SMALL[:4], "--char-units", 3],
    "forecast": ["forecast", "x.csv", *SMALL[:4], "--window", 12, "--optimizer", "sgd"],
}


def files():
    return sorted(p.name for p in Path().glob("*.safetensors"))


@pytest.mark.parametrize("kind", LINES)
def test_going_on_gives_the_bits_of_a_run_never_interrupted(run, kind):
    write_ts("x.ts", *cases())
    write_conll("x.conll")
    write_series("x.csv")
    line = ["train", *LINES[kind], "--epochs", 2]
    assert run(*line, "--out", "whole.safetensors")[0] == 0
    every = ["--checkpoint-minutes", 0, "--keep", 1000]
    assert run(*line, *every, "--out", "part.safetensors")[0] == 0
    whole, places = bptt.load("whole.safetensors"), [f for f in files() if f.startswith("part-")]
    assert len(places) == whole.history_[-1]["step"]
    place = places[len(places) // 3]
    data = LINES[kind][: 4 if kind == "documents" else 2]
    status, _, err = run("train", *data, "--resume", place, "--out", "again.safetensors")
    assert (status, err) == (0, "")
    again = bptt.load("again.safetensors")
    assert again.get_params() == whole.get_params()
    assert same_bits(again.parameters_, whole.parameters_)
    timeless = [
        [{k: v for k, v in row.items() if "second" not in k} for row in model.history_]
        for model in (whole, again)
    ]
    assert timeless[0] == timeless[1]


def test_going_on_for_more_epochs(run):
    line = ["train", "text.txt", *TINY, "--epochs", 2]
    assert run(*line, "--keep", 1)[0] == 0
    assert files() == ["model-00000082.safetensors", "model.safetensors"]
    arguments = ["--resume", "model-00000082.safetensors", "--epochs", 3, "--out", "b.safetensors"]
    assert run("train", "text.txt", *TINY, *arguments)[0] == 0
    before = ["model-00000082.safetensors", "model.safetensors"]
    assert files() == ["b-00000123.safetensors", "b.safetensors", *before]
    assert run(*line[:-1], 3, "--out", "c.safetensors")[0] == 0
    b, c = bptt.load("b.safetensors"), bptt.load("c.safetensors")
    assert b.epochs == 3
    assert same_bits(b.parameters_, c.parameters_)


def test_a_training_that_had_ended_is_left_as_it_is(run):
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--keep", 1)[0] == 0
    before = Path("model.safetensors").read_bytes()
    place = "model-00000041.safetensors"
    status, out, err = run("train", "text.txt", "--resume", place)
    assert (status, err) == (0, "")
    assert f"\nNothing left to train: {place} had ended after epoch 1.\n" in out
    assert files() == [place, "model.safetensors"]
    assert Path("model.safetensors").read_bytes() == before


def test_other_data_are_refused(run):
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--keep", 1)[0] == 0
    Path("text.txt").write_text(TEXT[::-1])
    status, _, err = run("train", "text.txt", "--resume", "model-00000041.safetensors")
    assert status == 2
    assert err.endswith("was trained on other data; expected the same.\n")


def test_the_last_checkpoints_stay_and_nobody_elses_are_touched(run):
    line = ["train", "text.txt", *TINY, "--epochs", 1]
    Path("model-00000007.safetensors").write_text("mine")
    assert run(*line)[0] == 0
    first = ["model-00000007.safetensors", "model-00000041.safetensors", "model.safetensors"]
    assert files() == first
    assert run(*line, "--checkpoint-minutes", 0, "--out", "m.safetensors")[0] == 0
    own = ["m-00000040.safetensors", "m-00000041.safetensors", "m.safetensors"]
    assert files() == [*own, *first]
    assert run(*line, "--checkpoint-minutes", 0, "--keep", 3, "--out", "k.safetensors")[0] == 0
    assert "k-00000039.safetensors" in files()
