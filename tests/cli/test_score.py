"""`bptt score`."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt import LanguageModel, SequenceClassifier, SequenceTagger
from bptt.readers import read_series
from tests.support.cli_cases import (
    SENTENCES,
    SMALL,
    TAGS,
    TEXT,
    cases,
    write_csv,
)

metrics = pytest.importorskip("sklearn.metrics")

pytestmark = pytest.mark.usefixtures("data")


def test_score_prints_nats_bits_and_perplexity(run, trained):
    status, out, err = run("score", trained, "text.txt")
    nats = bptt.load(trained).cross_entropy(TEXT)
    assert (status, err[:5]) == (0, "Read ")
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
    assert (status, err[:5]) == (0, "Read ")
    model = bptt.load(models / name)
    X, y = {
        "classify": cases(),
        "tag": (SENTENCES, TAGS),
        "forecast": (read_series("series.csv").X[0], None),
    }[name]
    assert out.startswith(f"{measure} {model.score(X, y):.4f} ")
    assert ("seasonal naive" in out) == (name == "forecast")
    assert out.count("\n") > 1


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
    first, errors = out.splitlines()
    assert (status, first) == (0, f"R2 {expected:.4f} (24 sequences)")
    off = bptt.load(models / "regress").predict(X) - [len(x) for x in X]
    assert errors == f"RMSE {np.mean(off**2) ** 0.5:.6g}, MAE {np.abs(off).mean():.6g}"
    status, _, err = run("score", models / "regress", "x.csv", "--sequence", "id")
    assert status == 2
    assert "x.csv: a label is not a number ('down'); expected numbers" in err


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


def rows_after(out, heading):
    """Return the rows of the table whose first line begins with a heading."""
    lines = iter(out.splitlines())
    next(line for line in lines if line.startswith(heading))
    return [line.split() for line in iter(lambda: next(lines, ""), "")]


def test_a_classifier_s_report_is_scikit_learn_s(run, models):
    X, y = cases()
    y = [label if i % 3 else "up" for i, label in enumerate(y)]
    write_csv("wrong.csv", X, y)
    status, out, _ = run("score", models / "classify", "wrong.csv", "--sequence", "id")
    said = bptt.load(models / "classify").predict(X)
    assert status == 0
    assert f"\nbalanced accuracy {metrics.balanced_accuracy_score(y, said):.4f}\n" in out
    expected = metrics.classification_report(y, said, output_dict=True)
    for name, row in (("down", "down"), ("up", "up"), ("macro", "macro avg")):
        own = next(r for r in rows_after(out, "class ") if r[0] == name)
        numbers = [expected[row][k] for k in ("precision", "recall", "f1-score")]
        assert own[-4:-1] == [f"{v:.4f}" for v in numbers]
    matrix = metrics.confusion_matrix(y, said, labels=["down", "up"]).tolist()
    (heading, *rows) = rows_after(out, "confusion matrix")
    assert heading == ["down", "up"]
    assert rows == [["down", *map(str, matrix[0])], ["up", *map(str, matrix[1])]]


def test_a_class_that_was_never_seen_counts_as_wrong_and_is_named(run, models):
    X, y = cases()
    new = ["sideways" if i < 6 else label for i, label in enumerate(y)]
    write_csv("new.csv", X, new)
    status, out, _ = run("score", models / "classify", "new.csv", "--sequence", "id")
    said = bptt.load(models / "classify").predict(X)
    assert status == 0
    assert out.startswith(f"accuracy {np.mean(said == np.array(new)):.4f} (24 sequences with 3")
    assert (
        "\nLabels of classes that are not in the training set: 6 of 24 ('sideways'). They count as "
        "wrong.\n" in out
    )
    assert ["sideways", "0.0000", "0.0000", "0.0000", "6"] in rows_after(out, "class ")


def test_new_whole_numbers_beside_known_ones_are_named(run):
    X, _ = cases()
    SequenceClassifier(**SMALL).fit(X, [1, 2] * 12, progress="silent").save("m")
    write_csv("n.csv", X, ["1", "3"] * 12)
    status, out, _ = run("score", "m", "n.csv", "--sequence", "id")
    assert status == 0
    assert "not in the training set: 12 of 24 ('3'). They count" in out


def test_many_classes_are_shown_by_the_most_confused_pairs(run):
    X, _ = cases()
    names = [f"kind {k}" for k in range(24)]
    SequenceClassifier(**SMALL).fit(X, names, progress="silent").save("m")
    write_csv("n.csv", X, names)
    status, out, _ = run("score", "m", "n.csv", "--sequence", "id")
    assert (status, "confusion matrix" in out) == (0, False)
    n_wrong = sum(bptt.load("m").predict(X) != np.array(names))
    assert f"most confused pairs of the 24 ({n_wrong} errors in all)" in out
    assert len(rows_after(out, "true ")) == min(12, n_wrong)


def test_without_scikit_learn_the_accuracy_is_printed(run, models, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    status, out, _ = run("score", models / "classify", "x.ts")
    first, *rest = out.splitlines()
    assert status == 0
    assert first.startswith("accuracy 1.0000 (24 sequences")
    assert rest[-1].endswith(
        "(for precision, recall, F1 and the confusion matrix); pip install 'bptt[scores]'."
    )


def test_a_tagger_of_names_has_span_f1(run):
    words = [["Anna", "Lee", "sings"], ["in", "New", "York"]] * 6
    tags = [["B-PER", "I-PER", "O"], ["O", "B-LOC", "I-LOC"]] * 6
    SequenceTagger(**SMALL | {"epochs": 60}).fit(words, tags, progress="silent").save("m")
    Path("n.conll").write_text("Anna B-PER\nLee I-PER\nsings O\n\nin O\nNew B-LOC\nYork B-LOC\n\n")
    status, out, _ = run("score", "m", "n.conll")
    assert status == 0
    assert out.startswith("accuracy 0.8333 (2 sequences of 6 steps with 4 tags)\n")
    assert "\nspan F1 0.4000 (exact spans, counted as conlleval does)\n" in out
    rows = rows_after(out, "span  ")
    assert rows[0] == ["LOC", "0.0000", "0.0000", "0.0000", "2"]
    assert rows[-1] == ["all", "0.5000", "0.3333", "0.4000", "3"]


def test_a_test_file_of_training_has_the_report_too(run):
    out = run("train", "classify", "x.ts", "--test", "x.ts", "--units", 4, "--epochs", 1)[1]
    assert "\nx.ts: accuracy " in out
    assert "\nbalanced accuracy " in out
    assert "\nconfusion matrix" in out


def test_names_in_a_report_do_not_steer_the_terminal(run):
    X, _ = cases()
    SequenceClassifier(**SMALL).fit(X, ["e\x1b[2Jvil", "b"] * 12, progress="silent").save("m")
    write_csv("n.csv", X, ["b", "z\x1b[2J"] * 12)
    assert "\x1b" not in run("score", "m", "n.csv", "--sequence", "id")[1]
