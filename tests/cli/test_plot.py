"""`bptt plot`."""

from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["classify", "tag", "forecast", "model.safetensors"])
def test_plot_of_every_kind(run, models, name):
    assert run("plot", models / name) == (0, "Saved the plot to history.png.\n", "")
    assert Path("history.png").read_bytes().startswith(b"\x89PNG")
    assert run("plot", models / name, "--out", "h.svg")[0] == 0
    assert "<svg" in Path("h.svg").read_text()
