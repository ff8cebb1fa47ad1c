"""`bptt score`."""

import math
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt import LanguageModel, SequenceClassifier
from bptt.readers import read_series
from tests.support.cli_cases import (
    SENTENCES,
    SMALL,
    TAGS,
    TEXT,
    cases,
    write_csv,
)

pytestmark = pytest.mark.usefixtures("data")


def test_score_prints_nats_bits_and_perplexity(run, trained):
    status, out, err = run("score", trained, "text.txt")
    nats = bptt.load(trained).cross_entropy(TEXT)
    assert (status, err) == (0, "")
    assert out == (
        f"cross-entropy {nats:.4f} nats ({nats / math.log(2):.4f} bits) per character, "
        f"perplexity {math.exp(nats):.3f} (1,440 characters)\n"
    )


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
    monkeypatch.setattr(LanguageModel, "_nats", lambda *_: (np.array([2e5]), np.array([2]), 0.0))
    sizes = {"units": 4, "seq_length": 8, "batch_size": 4, "epochs": 1}
    LanguageModel(**sizes).fit(TEXT, progress="silent").save("m")
    status, out, _ = run("score", "m", "text.txt")
    assert status == 0
    assert "perplexity inf " in out
