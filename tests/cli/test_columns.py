"""Names of columns and missing values on the command line."""

import csv
from pathlib import Path

import numpy as np
import pytest

import bptt
from tests.support.cli_cases import cases

pytest.importorskip("pandas")

M = ["--units", 4, "--epochs", 1, "--out", "m"]


def write(path, columns, label="label", **changed):
    """Write the sequences of `cases` as a table with these columns."""
    X, y = cases()
    with Path(path).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        for i, (x, own) in enumerate(zip(X, y, strict=True)):
            for a, b in x:
                named = {"id": f"run {i}", "a": a, "b": b, label: own, "c": 1} | changed
                rows.writerow(named[name] for name in columns)


@pytest.fixture
def model(run):
    write("train.csv", ["id", "a", "b", "label"])
    assert run("train", "classify", "train.csv", "--sequence", "id", *M)[0] == 0
    return bptt.load("m")


def predicted(run, *arguments):
    status, out, err = run("predict", "m", *arguments)
    assert status == 0, err
    return out, err


def test_columns_in_another_order_give_the_same_bits(run, model):
    assert model.feature_names_in_.tolist() == ["a", "b"]
    write("other.csv", ["b", "label", "a", "id"])
    expected, _ = predicted(run, "train.csv", "--sequence", "id")
    out, err = predicted(run, "other.csv", "--sequence", "id")
    assert out == expected
    assert "Put the columns in the model's order: 'a', 'b'." in err
    first = run("score", "m", "train.csv", "--sequence", "id")[1]
    assert run("score", "m", "other.csv", "--sequence", "id")[1] == first
    losses = []
    for name in ("train.csv", "other.csv"):
        run("train", "classify", "train.csv", "--sequence", "id", "--validation", name,
            "--out", f"v-{name}", "--units", 4, "--epochs", 1)  # fmt: skip
        losses.append(bptt.load(f"v-{name}").history_[-1]["validation"])
    assert losses[0] == losses[1]


def test_ids_and_columns_of_the_training_are_remembered(run, model):
    out, err = predicted(run, "train.csv")
    assert "id holds the ids of the sequences, as in the training." in err
    rows = list(csv.reader(out.splitlines()))
    assert rows[0] == ["id", "class", "down", "up"]
    assert [row[0] for row in rows[1:]] == [f"run {i}" for i in range(len(cases()[0]))]


def test_a_label_that_has_another_name_is_remembered(run):
    write("train.csv", ["id", "kind", "b", "a"], label="kind")
    assert run("train", "classify", "train.csv", "--sequence", "id", "--label", "kind", *M)[0] == 0
    assert run("score", "m", "train.csv")[0] == 0
    assert predicted(run, "train.csv")[0].startswith("id,class,")


def test_unknown_columns_are_left_out_and_missing_ones_refused(run, model):
    write("more.csv", ["id", "c", "a", "b"])
    assert predicted(run, "more.csv")[0] == predicted(run, "train.csv")[0]
    assert "Left out 'c': the model does not have it." in predicted(run, "more.csv")[1]
    write("less.csv", ["id", "a", "c"])
    status, out, err = run("predict", "m", "less.csv")
    assert (status, out) == (2, "")
    assert "the columns are 'a', 'c'; expected 'a', 'b', as in fit: 'b' missing" in err


def test_the_frame_of_the_file_is_predicted_too(run, model):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv("train.csv")
    said = model.predict_proba(frame)
    rows = list(csv.reader(predicted(run, "train.csv")[0].splitlines()))
    assert said.index.tolist() == [row[0] for row in rows[1:]]
    assert said.to_numpy() == pytest.approx(np.array([row[2:] for row in rows[1:]], float))


@pytest.mark.parametrize("method", ["interpolate", "forward", "indicator"])
def test_missing_values_are_refused_with_the_way_out_or_filled(run, method):
    write("train.csv", ["id", "a", "b", "label"])
    lines = Path("train.csv").read_text().splitlines()
    lines[2] = lines[2].split(",")[0] + ",," + ",".join(lines[2].split(",")[2:])
    Path("holes.csv").write_text("\n".join(lines) + "\n")
    command = ["train", "classify", "holes.csv", "--sequence", "id", *M]
    status, _, err = run(*command)
    assert status == 2
    assert err.splitlines()[-1] == (
        "bptt: SequenceClassifier.fit: X[0] (id 'run 0') holds NaN at step 1, feature 0 ('a'); "
        "expected finite numbers (--missing interpolate, forward or indicator fills missing "
        "values)."
    )
    assert run(*command, "--missing", method)[0] == 0
    assert bptt.load("m").missing == method
    assert f"2 features per time step: 'a', 'b'; missing values: {method}" in run("info", "m")[1]
    assert predicted(run, "holes.csv")[0].count("\n") == 1 + len(cases()[0])
