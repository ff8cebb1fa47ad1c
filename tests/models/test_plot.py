"""The picture of a training."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from bptt import Forecaster, LanguageModel
from bptt.errors import CheckpointError, ConfigError
from bptt.models.plot import _figure, plot_history, write_figure
from tests.support.model_cases import WAVE


@pytest.fixture(scope="module")
def model():
    sizes = {"units": 8, "embedding": 4, "seq_length": 8, "batch_size": 4, "epochs": 4}
    return LanguageModel(**sizes, schedule="cosine").fit("the cat sat. " * 30, progress="silent")


def test_a_picture_is_written_in_the_format_of_its_name(model, tmp_path):
    plot_history(model, tmp_path / "history.png")
    plot_history(model, tmp_path / "history.SVG")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert ET.parse(tmp_path / "history.SVG").getroot().tag.endswith("svg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history.SVG", "history.png"]


def test_the_curves_are_the_history(model):
    loss, norm, rate = _figure(model, model.history_).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in loss.lines}
    assert drawn["training"] == [row["loss"] for row in model.history_]
    assert drawn["validation"] == [row["validation"] for row in model.history_]
    assert list(norm.lines[0].get_ydata()) == [row["grad_norm"] for row in model.history_]
    assert list(rate.lines[0].get_ydata()) == [row["learning_rate"] for row in model.history_]
    assert list(rate.lines[0].get_xdata()) == [1, 2, 3, 4]
    assert loss.get_ylabel() == "loss (nats per character)"


def test_what_cannot_be_drawn_is_refused(model, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in '\.gif'; expected \.png or \.svg"):
        plot_history(model, tmp_path / "history.gif")
    with pytest.raises(ConfigError, match="not fitted yet"):
        plot_history(LanguageModel(), tmp_path / "history.png")
    with pytest.raises(CheckpointError, match=r"cannot write .*: No such file"):
        plot_history(model, tmp_path / "missing" / "history.png")
    assert not list(tmp_path.iterdir())


def test_a_forecast_is_drawn_with_its_history_intervals_and_dates(tmp_path):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(
        {"load": WAVE, "oil": WAVE[::-1]}, index=pd.date_range("2024-01-01", periods=80, freq="h")
    )
    small = {"window": 12, "horizon": 3, "units": 4, "epochs": 1, "verbose": False}
    model = Forecaster(**small, output="gaussian").fit(table)
    load, oil = model.plot_forecast(table, history=20)
    past, forecast = load.lines[:2]
    assert past.get_ydata().tolist() == WAVE[-20:].tolist()
    assert past.get_xdata()[-1] == np.datetime64("2024-01-04T07")
    assert forecast.get_ydata()[1:].tolist() == model.predict(table)["load"].tolist()
    assert forecast.get_xdata()[-1] == np.datetime64("2024-01-04T10")
    assert [area.get_label() for area in load.collections] == ["95 %", "80 %"]
    assert (load.get_title(), oil.get_title()) == ("load", "oil")
    write_figure(load.figure, tmp_path / "f.svg")
    assert ET.parse(tmp_path / "f.svg").getroot().tag.endswith("svg")
    panel = load.figure.axes[1]
    assert model.plot_forecast(table[["load", "oil"]], axes=[load, panel])[1] is panel
    alone = Forecaster(**small).fit([WAVE] * 25, progress="silent")
    with pytest.raises(ConfigError, match="25 panels; expected at most 24"):
        alone.plot_forecast()
