"""`bptt plot`."""

from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["classify", "tag", "forecast", "model.safetensors"])
def test_plot_of_every_kind(run, models, name):
    assert run("plot", models / name) == (0, "Saved the plot to history.png.\n", "")
    assert Path("history.png").read_bytes().startswith(b"\x89PNG")
    assert run("plot", models / name, "--out", "h.svg")[0] == 0
    assert "<svg" in Path("h.svg").read_text()


@pytest.mark.usefixtures("data")
def test_plot_of_a_forecast(run, models):
    status, out, _ = run("plot", models / "forecast", "--forecast", "series.csv", "--out", "f.svg")
    assert (status, out) == (0, "Saved the plot to f.svg.\n")
    assert "<svg" in Path("f.svg").read_text()
    status, _, err = run("plot", models / "classify", "--forecast", "series.csv")
    assert (status, "expected a Forecaster" in err) == (2, True)
    assert "without --forecast" in run("plot", models / "forecast", "--history", "9")[2]
