"""Large tables, read, predicted and scored in parts: as the whole; predictions can go on."""

from pathlib import Path

import pytest

import bptt
from bptt.cli import parts as cli_parts
from bptt.readers import table_parts
from tests.support.cli_cases import cases, write_json_lines

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")


@pytest.fixture
def large(monkeypatch):
    """Read every table in parts of a few rows."""
    monkeypatch.setattr(table_parts, "LARGE", 0)
    monkeypatch.setattr(table_parts, "PART", 300)


@pytest.fixture
def tables(here):
    """Write the cases as a long table, and as a table of lists, each in Parquet and Arrow."""
    X, y = cases()
    lengths = list(map(len, X))
    long = pd.DataFrame({"id": [f"s{i}" for i, n in enumerate(lengths) for _ in range(n)]})
    long["label"] = [y[i] for i, n in enumerate(lengths) for _ in range(n)]
    for j in range(X[0].shape[1]):
        long[f"v{j}"] = [float(row[j]) for x in X for row in x]
    lists = pd.DataFrame({"sequence": [x.tolist() for x in X], "label": y})
    for name, frame in (("long", long), ("lists", lists)):
        frame.to_parquet(f"{name}.parquet")
        table = pa.Table.from_pandas(frame)
        with pa.ipc.new_file(f"{name}.arrow", table.schema) as file:
            file.write_table(table, max_chunksize=7)
    lists.drop(columns="label").to_feather("own.feather", compression="uncompressed")


COLUMNS = {"long": ["--sequence", "id", "--label", "label"], "lists": ["--label", "label"]}


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("name", ["long.parquet", "long.arrow", "lists.parquet", "lists.arrow"])
def test_parts_are_predicted_as_the_whole(run, models, large, monkeypatch, name):
    arguments = ["predict", models / "classify", name, *COLUMNS[Path(name).stem]]
    status, in_parts, err = run(*arguments)
    assert status == 0
    assert f"24 sequences of {name} are predicted." in err
    monkeypatch.setattr(table_parts, "LARGE", 2**28)
    assert run(*arguments)[:2] == (0, in_parts)
    write_json_lines("x.jsonl", *cases())
    p = bptt.load(models / "classify").predict_proba(cases()[0])
    assert in_parts.splitlines()[1].split(",")[2:] == [f"{v:.8g}" for v in p[0].tolist()]
    for out in ("a.csv", "a.parquet"):
        monkeypatch.setattr(table_parts, "LARGE", 0)
        assert run(*arguments, "--out", out)[0] == 0
        assert not Path(f"{out}.parts").exists()
    assert Path("a.csv").read_text() == in_parts
    table = pd.read_parquet("a.parquet")
    assert len(table) == 24
    assert table["up"].tolist() == p[:, 1].tolist()


@pytest.mark.usefixtures("tables")
def test_a_file_without_labels_is_read(run, models, large):
    status, out, _ = run("predict", models / "classify", "own.feather")
    assert (status, out.count("\n")) == (0, 25)


@pytest.mark.usefixtures("tables")
def test_an_interrupted_prediction_goes_on_with_what_is_done(run, models, large, monkeypatch):
    arguments = ["predict", models / "classify", "long.parquet", *COLUMNS["long"], "--out", "p.csv"]
    made, write = [], cli_parts.Parts.write

    def stop(self, k, rows, quoted):
        if len(made) == 2:
            raise OSError(28, "No space left on device")
        made.append(k)
        write(self, k, rows, quoted)

    with monkeypatch.context() as patch:
        patch.setattr(cli_parts.Parts, "write", stop)
        status, _, err = run(*arguments)
    assert status == 1
    assert "cannot write p.csv: No space left on device" in err
    assert "--resume goes on" in err
    assert not Path("p.csv").exists()
    status, _, err = run(*arguments)
    assert status == 2
    assert "give --resume to go on" in err
    status, _, err = run("predict", models / "classify", "long.parquet", "--out", "p.csv",
                         "--sequence", "id", "--label", "label", "--columns", "v1,v0",
                         "--resume")  # fmt: skip
    assert status == 2
    assert "holds the parts of another prediction" in err

    def count(self, k, rows, quoted):
        made.append(k)
        write(self, k, rows, quoted)

    monkeypatch.setattr(cli_parts.Parts, "write", count)
    assert run(*arguments, "--resume")[0] == 0
    assert made == list(range(len(made)))  # no part twice
    monkeypatch.setattr(table_parts, "LARGE", 2**28)
    assert run(*arguments[:-1], "whole.csv")[0] == 0
    assert Path("p.csv").read_text() == Path("whole.csv").read_text()


@pytest.mark.usefixtures("tables")
def test_rows_of_a_sequence_that_do_not_stand_together_are_refused(run, models, large):
    frame = pd.read_parquet("long.parquet")
    pd.concat([frame, frame[:3]]).to_parquet("twice.parquet", index=False)
    status, _, err = run("predict", models / "classify", "twice.parquet", *COLUMNS["long"])
    assert status == 2
    assert "the rows of 's0' are not consecutive; expected a file sorted by id" in err


def test_sequences_are_told_apart_by_their_names(run, models, large):
    """Python's hashes of -1 and -2 are equal."""
    frame = pd.DataFrame({"id": [-1] * 9 + [-2] * 9, "a": 1.0, "b": 2.0})
    frame.to_parquet("x.parquet")
    status, out, _ = run("predict", models / "classify", "x.parquet", "--sequence", "id")
    assert (status, out.count("\n")) == (0, 3)


@pytest.mark.usefixtures("tables")
def test_resume_needs_a_file_in_parts(run, models):
    status, _, err = run("predict", models / "classify", "long.parquet", "--resume")
    assert status == 2
    assert "--resume is given; expected it left out" in err


def test_a_list_that_is_no_sequence_is_named(run, models, large):
    pd.DataFrame({"sequence": [[1.0, 2.0], None]}).to_parquet("x.parquet")
    status, _, err = run("predict", models / "classify", "x.parquet")
    assert status == 2
    assert "row 2 has 'None' as its sequence; expected a list of numbers" in err


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("name", ["long.parquet", "lists.arrow"])
def test_parts_are_scored_as_the_whole(run, models, large, monkeypatch, name):
    arguments = ["score", models / "classify", name, *COLUMNS[Path(name).stem]]
    status, in_parts, _ = run(*arguments)
    assert status == 0
    monkeypatch.setattr(table_parts, "LARGE", 2**28)
    _, whole, _ = run(*arguments)
    assert in_parts.splitlines()[0].endswith("(24 sequences, read in parts)")
    assert in_parts.split("(")[0] == whole.split("(")[0]
    assert in_parts.splitlines()[1:] == whole.splitlines()[1:]


@pytest.mark.usefixtures("tables")
def test_numbers_in_parts_are_scored_as_the_whole(run, models, large, monkeypatch):
    frame = pd.read_parquet("lists.parquet")
    frame["label"] = [1e6 + len(x) for x in frame["sequence"]]
    frame.to_parquet("numbers.parquet")
    arguments = ["score", models / "regress", "numbers.parquet", "--label", "label"]
    in_parts = run(*arguments)[1]
    monkeypatch.setattr(table_parts, "LARGE", 2**28)
    whole = run(*arguments)[1]
    (score, *_), (expected, *_) = (text.split(" (") for text in (in_parts, whole))
    assert float(score.removeprefix("R2 ")) == pytest.approx(float(expected.removeprefix("R2 ")))
    assert in_parts.splitlines()[1:] == whole.splitlines()[1:]
