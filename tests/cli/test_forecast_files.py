"""`bptt train forecast`, `predict` and `score` on files with dates, ids and gaps."""

import csv
from pathlib import Path

import pytest

pytest.importorskip("pandas")

SMALL = ["--window", 4, "--horizon", 2, "--units", 4, "--epochs", 1, "--out", "m.safetensors"]


def days(n=28, day="2024-01-{:02}"):
    return [day.format(k + 1) for k in range(n)]


def table(name, heading, rows):
    Path(name).write_text("\n".join([heading, *(",".join(map(str, row)) for row in rows)]) + "\n")


def rows_of(run, *arguments):
    status, out, err = run("predict", "m.safetensors", *arguments)
    assert status == 0, err
    return list(csv.reader(out.splitlines()))


def test_a_forecast_continues_the_dates_with_the_names(run):
    table("x.csv", "date,load,oil", [(d, k % 5, k % 3) for k, d in enumerate(days())][::-1])
    status, out, err = run("train", "forecast", "x.csv", *SMALL)
    assert (status, err) == (0, "")
    assert "The rows were newest first by date: they are turned round." in out
    own = rows_of(run)
    assert own[0] == ["date", "load", "oil"]
    assert [row[0] for row in own[1:]] == ["2024-01-29", "2024-01-30"]
    table("y.csv", "oil,date,load", [(k % 3, d, k % 5) for k, d in enumerate(days())])
    assert rows_of(run, "y.csv") == own
    table("z.csv", "gas,date,load", [(k % 3, d, k % 5) for k, d in enumerate(days())])
    status, _, err = run("predict", "m.safetensors", "z.csv")
    assert status == 2
    assert "'oil' missing" in err or "expected 'oil'" in err


def test_a_model_remembers_the_columns_of_ids_and_times(run):
    rows = [(s, d, k % 5 + 10 * (s == "B")) for s in "AB" for k, d in enumerate(days())]
    table("x.csv", "store,when,sold", rows)
    assert (
        run("train", "forecast", "x.csv", "--sequence", "store", "--time", "when", *SMALL)[0] == 0
    )
    own = rows_of(run)
    assert own[0] == ["store", "when", "sold"]
    assert [row[:2] for row in own[1:]] == [
        [s, d] for s in "AB" for d in ("2024-01-29", "2024-01-30")
    ]
    assert rows_of(run, "x.csv") == own
    status, out, _ = run("score", "m.safetensors", "x.csv")
    assert status == 0
    assert "(2 series)" in out
    table("y.csv", "store,when,sold", [("C", d, v) for _, d, v in rows[:28]])
    status, _, err = run("predict", "m.safetensors", "y.csv")
    assert status == 2
    assert "X has the series 'C'; expected ids of the series in fit" in err


@pytest.mark.parametrize("method", ["interpolate", "forward", "indicator"])
def test_gaps_are_filled_by_the_way_that_is_asked_for(run, method):
    table("x.csv", "date,y", [(d, k % 5) for k, d in enumerate(days()) if k not in (6, 7, 20)])
    status, out, _ = run("train", "forecast", "x.csv", *SMALL)
    assert status == 0
    assert (
        "3 times are missing in date at the frequency D; the first gap is after 2024-01-06" in out
    )
    Path("m.safetensors").unlink()
    status, _, err = run("train", "forecast", "x.csv", "--fill-gaps", *SMALL)
    assert status == 2
    assert "X holds NaN at step 6 (2024-01-07), feature 0 ('y')" in err
    status, out, _ = run("train", "forecast", "x.csv", "--fill-gaps", "--missing", method, *SMALL)
    assert status == 0
    assert "3 times are inserted in date" in out
    assert rows_of(run)[1][0] == "2024-01-29"


def test_files_of_two_frequencies_are_refused(run):
    table("x.csv", "date,y", [(d, k % 5) for k, d in enumerate(days(24))])
    table(
        "y.csv", "date,y", [(d, k % 5) for k, d in enumerate(days(24, "2024-01-01 {:02}:30"))][:-1]
    )
    status, _, err = run("train", "forecast", "x.csv", "y.csv", *SMALL)
    assert status == 2
    assert "X[1] has the frequency 'h'; expected 'D', as X[0]: a model has one frequency." in err


def test_static_and_future_columns_of_counts(run):
    rows = [
        (s, d, k % 5, k % 3, "north" if s == "A" else "south")
        for s in "AB"
        for k, d in enumerate(days())
    ]
    names = "unique_id,ds,sold,promo,region"
    table("x.csv", names, [row for row in rows if row[1] <= "2024-01-24"])
    table("future.csv", names, rows)
    options = ["--static", "region", "--future", "promo", "--output", "negative_binomial"]
    assert run("train", "forecast", "x.csv", *options, "--scaling", "series", *SMALL)[0] == 0
    own = rows_of(run, "x.csv", "--future", "future.csv", "--levels", "0.1,0.9", "--horizon", 1)
    assert own[0] == ["unique_id", "ds", "sold", "sold 0.1", "sold 0.9"]
    assert [row[:2] for row in own[1:]] == [["A", "2024-01-25"], ["B", "2024-01-25"]]
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    arguments = ["x.csv", "--future", "future.csv", "--out", "y.parquet"]
    assert run("predict", "m.safetensors", *arguments)[0] == 0
    written = pd.read_parquet("y.parquet")
    assert written["ds"][0] == pd.Timestamp("2024-01-25")
    assert written["sold"].dtype == float
    other = [(*row[:4], "west") for row in rows if row[0] == "A"]
    table("other.csv", names, other)
    status, _, err = run("predict", "m.safetensors", "other.csv", "--future", "future.csv")
    assert status == 2
    assert "(id 'A') has the region 'west'; expected one of those in fit, 'north', 'south'" in err
    pytest.importorskip("matplotlib")
    how = ["--forecast", "x.csv", "--future", "future.csv", "--out", "p.svg"]
    assert run("plot", "m.safetensors", *how)[0] == 0
    assert Path("p.svg").stat().st_size > 10_000
    status, _, err = run("predict", "m.safetensors", "--levels", "a")
    assert status == 2
    assert "--levels is 'a'; expected numbers such as 0.1,0.5,0.9" in err
