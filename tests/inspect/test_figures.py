"""Figures show the numbers that they are made of, with labels, in Axes that are given or new."""

import numpy as np
import pytest

from bptt import LSTM, Dense, Network, SequenceClassifier, inspect
from bptt.errors import ConfigError, ShapeError
from bptt.inspect import figures
from bptt.training import Monitor
from tests.support.sequence_models import QUIET

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in (9, 4, 12, 7)]


@pytest.fixture(scope="module")
def network():
    net = Network([LSTM(2, 5), Dense(5, 2)])
    return net, net.init(np.random.default_rng(0), np.float64)


@pytest.fixture(scope="module")
def seen(network):
    return inspect.trace(network[0], X, network[1])


def drawn(ax, lay_out=False):
    """Return the texts of the legend; lay the figure out where asked, which takes 0.2 s."""
    if lay_out:
        ax.figure.draw_without_rendering()
    assert ax.get_title()
    assert ax.get_xlabel()
    legend = ax.get_legend()
    return [] if legend is None else [t.get_text() for t in legend.get_texts()]


def test_saturation_and_time_constants(seen):
    ax = figures.plot_saturation(seen, "lstm0.ft")
    share = inspect.saturation(seen, "lstm0.ft")
    np.testing.assert_allclose(
        ax.collections[0].get_offsets(), np.stack([share.closed, share.open], axis=1)
    )
    assert drawn(ax) == ["lstm0.ft"]
    found = figures.plot_time_constants(seen).collections[0].get_offsets()[:, 1]
    np.testing.assert_allclose(found, np.sort(inspect.time_constants(seen, "lstm0.ft"))[::-1])


def test_histograms_hold_all_values(seen, network):
    for ax in (
        figures.plot_histogram(seen),
        figures.plot_histogram(seen, "lstm0.c", bins=7),
        figures.plot_weights(*network, "lstm0"),
    ):
        drawn(ax)
    tops = [p.get_data().values.max() for p in ax.patches[::2]]  # one scale, one under another
    assert tops[0] <= 0.85
    assert max(top + k for k, top in enumerate(tops)) == pytest.approx(0.85)
    drawing = inspect.drawings.of_histograms({"c": inspect.histogram(seen, "lstm0.c", 7)})
    assert drawing.series[0].y.sum() == pytest.approx(1)
    for row in inspect.drawings.of_weights(*network, "lstm0").series:
        assert row.y.sum() == pytest.approx(1)
    with pytest.raises(ConfigError, match="layer is 'dense0'; expected a recurrent one: lstm0"):
        figures.plot_weights(*network, "dense0")


def test_flow_memory_and_eigenvalues(network):
    net, p = network
    flow = inspect.gradient_flow(net, X, p, lags=5)
    ax = figures.plot_flow(flow)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), flow.mean)
    assert flow.half_life is not None
    assert drawn(ax, True)[0] == f"mean, half-life {inspect.flow.in_steps(flow.half_life)}"
    drawn(figures.plot_flow({"one": flow, "two": flow}))
    memory = inspect.effective_memory(net, X, p, lags=4)
    assert figures.plot_memory(memory).lines[0].get_ydata()[0] == 1
    J = np.array([[0.0, 2.0], [-2.0, 0.0]])
    ax = figures.plot_eigenvalues(J)
    assert drawn(ax)[0] == "spectral radius 2"
    np.testing.assert_allclose(np.abs(ax.collections[0].get_offsets()), [[0, 2], [0, 2]])


def test_maps_neighbors_and_states(seen):
    points = inspect.map_states(seen, "lstm0.a")
    labels = np.repeat(list("abcd"), seen.lengths)
    ax = figures.plot_map(points, labels)
    assert drawn(ax) == ["a", "b", "c", "d"]
    np.testing.assert_allclose(ax.collections[1].get_offsets(), points[labels == "b"])
    drawn(figures.plot_map(points))
    with pytest.raises(ConfigError, match="labels has 3"):
        figures.plot_map(points, labels[:3])
    matches = inspect.neighbors(seen, "lstm0.c", 0, 2, 5, count=2)
    ax = figures.plot_neighbors(seen, "lstm0.c", 0, 2, 5, matches, unit=1)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), seen["lstm0.c"][0][:, 1])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), np.arange(9) - 2)
    assert drawn(ax)[0] == "the stretch"
    image = figures.plot_states(seen, "lstm0.c", 2).images[0].get_array()
    np.testing.assert_array_equal(image, seen["lstm0.c"][2].T)


def test_attributions_of_a_series_and_of_a_text():
    values = np.array([[0.5, -1.0], [0.25, 0.0], [0.0, 2.0]])
    ax = figures.plot_attribution(values, X[0][:3], names=["height", "width"])
    assert ax.get_yticklabels()[1].get_text().startswith("width")
    heights = [p.get_height() for p in ax.patches]
    assert max(heights) == pytest.approx(0.75)  # the largest one, 2.0
    assert min(heights) == pytest.approx(-0.375)
    drawn(ax)
    ax = figures.plot_attribution(-values[:, ::-1], X[0][:3])  # the largest one hangs down
    lowest = min(p.get_y() + p.get_height() for p in ax.patches[:3])
    assert lowest > max(ax.lines[1].get_ydata())  # above the next series
    ax = figures.plot_attribution(values.sum(axis=1), X[0][:3])  # of steps: one band for all
    assert ax.get_yticklabels()[-1].get_text() == "all features"
    assert {p.get_y() for p in ax.patches} == {ax.get_yticks()[-1]}
    drawn(ax)
    ax = figures.plot_attribution(np.array([1.0, -0.5, 0.0, 0.5]), "a\nbc", width=2)
    assert [t.get_text() for t in ax.texts] == ["a", "\u21b5", "b", "c"]
    heights = [p.get_height() for p in ax.patches]
    np.testing.assert_allclose(heights, [0.45, -0.225, 0, 0.225])
    assert ax.patches[1].get_hatch()
    drawn(ax, True)
    drawn(figures.plot_attribution(np.ones(2), ["the", "cat"]))
    with pytest.raises(ShapeError, match=r"values has the shape \(2,\); expected \(4,\)"):
        figures.plot_attribution(np.ones(2), "text")
    with pytest.raises(ShapeError, match="names has 1; expected 2, one for each feature"):
        figures.plot_attribution(values, X[0][:3], names=["height"])


def test_trainings():
    monitor = Monitor(every=1)
    with pytest.raises(ConfigError, match="the monitor has no record"):
        figures.plot_training(monitor)
    model = SequenceClassifier(units=3, epochs=2, batch_size=2, validation_fraction=0)
    model.fit(X, [0, 1, 0, 1], callbacks=[monitor], **QUIET)
    for what in ("grad_norms", "update_ratios", "weight_norms"):
        ax = figures.plot_training(monitor, what)
        assert drawn(ax) == ["lstm0", "dense0"]
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), monitor.by_layer(what)["dense0"])
    assert drawn(figures.plot_training(monitor, "dead_units")) == ["lstm0"]
    ax = figures.plot_loss_by_length(inspect.loss_by_length(model, X, [0, 1, 0, 1], [0, 5, 10, 20]))
    assert [p.get_width() for p in ax.patches] == [5, 5, 10]
    with pytest.raises(ConfigError, match="what is 'losses'"):
        figures.plot_training(monitor, "losses")


def test_axes_that_are_given_are_used(seen):
    figure = figures.new_axes(None).figure
    ax = figure.axes[0]
    assert figures.plot_saturation(seen, ax=ax) is ax
    with pytest.raises(ConfigError, match=r"the trace has none of ft, ut; expected names"):
        figures.plot_time_constants(inspect.trace(*_plain()))


def _plain():
    net = Network([Dense(2, 2)])
    return net, X, net.init(np.random.default_rng(0), np.float64)
