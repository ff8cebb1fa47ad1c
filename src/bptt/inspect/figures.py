"""Figures of `bptt.inspect` as functions that return matplotlib Axes.

Each takes what the functions of `bptt.inspect` return, and ``ax=`` to draw into. Series differ in
color (Okabe and Ito's palette), in dashes and in markers, so that they can be told apart in black
and white.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import extras
from . import drawings
from .drawings import Drawing, Series
from .flow import Flow, Memory
from .gates import saturation, time_constants
from .losses import LossByLength
from .trace import Trace

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31")
DASHES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (7, 3)))
MARKERS = "o^sDvPX*"


def new_axes(ax: Any, size: tuple[float, float] = (5.2, 3.6)) -> Any:
    """Return the Axes; those of a new figure, without window system or global state, if None."""
    if ax is not None:
        return ax
    figures = extras.load("matplotlib.figure", extra="plot", why="to draw figures")
    return figures.Figure(figsize=size, layout="constrained").subplots()


def draw(drawing: Drawing, ax: Any = None) -> Any:
    """Draw a figure.

    Parameters
    ----------
    drawing : Drawing
    ax : matplotlib Axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    """
    rows = [s for s in drawing.series if s.kind == "row"]
    bands = [s for s in drawing.series if s.kind == "band"]
    series = [s for s in drawing.series if s.kind not in ("row", "band")]
    tall = 1.1 + 0.45 * len(rows) if rows else 3.8
    ax = new_axes(ax, (4.6, 4.6) if drawing.square else (5.6, tall))
    for k, own in enumerate(series):
        _SERIES[own.kind](ax, own, k)
    for own in bands:
        ax.fill_between(own.x, own.low, own.y, color=COLORS[0], alpha=0.2, label=own.label)
    for value, text in drawing.x_lines:
        ax.axvline(value, color="0.35", linewidth=1, linestyle=(0, (4, 2)), label=text or None)
    for value, text in drawing.y_lines:
        ax.axhline(value, color="0.35", linewidth=1, linestyle=(0, (1, 2)), label=text or None)
    if drawing.y_log and any((np.nan_to_num(s.y) > 0).any() for s in series):
        ax.set_yscale("log")
        _plain_ticks(ax.yaxis, ax.get_ylim())
    if drawing.square:
        ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel=drawing.x_label, ylabel=drawing.y_label)
    if drawing.y_range is not None:
        ax.set_ylim(drawing.y_range)
    ax.set_title(drawing.title, fontsize="medium")
    ax.grid(alpha=0.25)
    if rows:
        _rows(ax, rows, drawing.y_label)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize="small")
    return ax


def _plain_ticks(axis, limits):
    """Label a logarithmic axis by numbers as they are read: 0.1, not a power of ten."""
    ticker = extras.load("matplotlib.ticker", extra="plot", why="to draw figures")
    low, high = (math.log10(v) for v in limits)
    subs = (1.0,) if high - low > 2.2 else (1.0, 2.0, 5.0)
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=8))
    axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _rows(ax, rows, label):
    """Draw histograms under one another, all of one scale."""
    most = max(float(own.y.max()) for own in rows) or 1.0
    for k, own in enumerate(rows):
        heights = 0.85 * own.y / most - k
        ax.stairs(heights, own.x, baseline=-k, fill=True, color=COLORS[k % 8], alpha=0.6)
        ax.stairs(heights, own.x, baseline=-k, color="black", linewidth=0.7)
    ax.set_yticks(-np.arange(len(rows)), [own.label for own in rows])
    ax.set_ylim(-len(rows) + 0.9, 1)
    ax.set_ylabel(f"{label},\nhighest {most:.2g}")


def _line(ax, own: Series, k):
    plain = {"color": "0.35", "linewidth": 1, "linestyle": "--"} if not own.label else {}
    style = {"color": COLORS[k % 8], "linestyle": DASHES[k % 8], "linewidth": 1.5}
    if own.strong:
        style |= {"color": "black", "linestyle": "-", "linewidth": 3}
    if len(own.x) == 1:
        style["marker"] = "o"
    ax.plot(own.x, own.y, label=own.label or None, **style | plain)


def _points(ax, own: Series, k):
    size = 26 if len(own.x) < 400 else 8
    style = {"edgecolors": COLORS[k % 8], "facecolors": "none", "linewidths": 1.2}
    ax.scatter(own.x, own.y, size, marker=MARKERS[k % 8], label=own.label or None, **style)


def _bars(ax, own: Series, k):
    ax.bar(
        own.x[:-1], own.y, np.diff(own.x), align="edge", color=COLORS[k % 8], edgecolor="white",
        label=own.label or None,
    )  # fmt: skip


_SERIES: dict[str, Callable[..., None]] = {
    "line": _line, "points": _points, "bars": _bars,
}  # fmt: skip


def plot_saturation(trace: Trace, names: Any = None, ax: Any = None) -> Any:
    """Plot how often each unit of a gate is closed and open (Karpathy et al. 2015, figure 3).

    Parameters
    ----------
    trace : Trace
    names : str or list of str, optional
        Gates; all of them by default.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    found = {n: saturation(trace, n) for n in drawings.chosen(trace, names, drawings.GATES)}
    return draw(drawings.of_saturation(found), ax)


def plot_histogram(trace: Trace, names: Any = None, bins: int = 40, ax: Any = None) -> Any:
    """Plot the distribution of the values of gates, or of other names; return the Axes."""
    chosen = drawings.chosen(trace, names, drawings.GATES)
    low = min(float(trace.flat(n).min()) for n in chosen)
    high = max(float(trace.flat(n).max()) for n in chosen)
    limits = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    found = {n: np.histogram(trace.flat(n), bins, limits) for n in chosen}
    return draw(drawings.of_histograms(found), ax)


def plot_time_constants(trace: Trace, names: Any = None, ax: Any = None) -> Any:
    """Plot the time constant of each unit of the forget or update gates; return the Axes."""
    chosen = drawings.chosen(trace, names, drawings.MEMORY_GATES)
    found = {n: time_constants(trace, n) for n in chosen}
    return draw(drawings.of_time_constants(found, float(trace.lengths.max())), ax)


def plot_flow(flow: Flow | Mapping[str, Flow], ax: Any = None) -> Any:
    """Plot the gradient flow over the lag, with spread and half-life; return the Axes.

    A dict of flows by name draws several layers or models.
    """
    return draw(drawings.of_flow(flow), ax)


def plot_memory(memory: Memory, tolerance: float = 0.05, ax: Any = None) -> Any:
    """Plot the effective memory; return the Axes."""
    return draw(drawings.of_memory(memory, tolerance), ax)


def plot_eigenvalues(jacobian: np.ndarray | Mapping[str, np.ndarray], ax: Any = None) -> Any:
    """Plot the eigenvalues of Jacobians of a step and the unit circle; return the Axes."""
    return draw(drawings.of_eigenvalues(jacobian), ax)


def plot_weights(network: Any, arrays: Any, layer: str, bins: int = 40, ax: Any = None) -> Any:
    """Plot the distributions of a layer's weights, or of their gradients, by gate.

    Parameters
    ----------
    network : Network
    arrays : dict of str to ndarray
        Parameters, or gradients by their names.
    layer : str
        A recurrent layer.
    bins : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ConfigError
        There is no such recurrent layer.
    """
    return draw(drawings.of_weights(network, arrays, layer, bins), ax)


def plot_map(points: np.ndarray, labels: Sequence[Any] | None = None, ax: Any = None) -> Any:
    """Plot a two-dimensional map of states, as of `map_states`, with a marker for each label.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
    labels : sequence of n, optional
        At most 8 different ones.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    return draw(drawings.of_map(points, labels), ax)


def plot_neighbors(
    trace: Trace, name: str, sequence: int, start: int, stop: int, matches: Sequence[Any], *,
    unit: int | None = None, ax: Any = None,
) -> Any:  # fmt: skip
    """Plot one unit over a stretch and over its neighbors, as of `neighbors`; return the Axes.

    `unit` is by default the one that varies most over the stretch.
    """
    return draw(drawings.of_neighbors(trace, name, (sequence, start), stop, matches, unit), ax)


def plot_training(monitor: Any, what: str = "grad_norms", ax: Any = None) -> Any:
    """Plot what a `bptt.training.Monitor` recorded, by layer, over the steps of a training.

    Parameters
    ----------
    monitor : Monitor
    what : {"grad_norms", "update_ratios", "weight_norms", "dead_units"}
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ConfigError
        There is no record.
    """
    return draw(drawings.of_training(monitor, what), ax)


def plot_loss_by_length(losses: LossByLength, ax: Any = None) -> Any:
    """Plot the mean loss of sequences by their length, as of `loss_by_length`; return the Axes."""
    return draw(drawings.of_loss_by_length(losses), ax)


def plot_states(trace: Trace, name: str, sequence: int = 0, ax: Any = None) -> Any:
    """Plot all units of a name over the steps of a sequence, darker for lower values.

    Parameters
    ----------
    trace : Trace
    name : str
        States, gates or outputs: "lstm0.c".
    sequence : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    values = trace[name][sequence]
    ax = new_axes(ax, (6.4, 3.6))
    image = ax.imshow(
        values.T, aspect="auto", cmap="cividis", interpolation="nearest", origin="lower"
    )
    ax.figure.colorbar(image, ax=ax, label=f"value of {name}")
    ax.set(xlabel="step", ylabel="unit")
    ax.set_title(f"{name}, sequence {sequence}", fontsize="medium")
    return ax


def plot_attribution(
    values: np.ndarray, shown: Any, *, names: Sequence[str] | None = None, width: int = 60,
    ax: Any = None,
) -> Any:  # fmt: skip
    """Plot the contributions to a prediction under a text, or under the series that it read.

    Bars go up (filled) where a part contributes, and down (hatched) where it works against the
    output; all have one scale.

    Parameters
    ----------
    values : ndarray, shape (T,) or (T, n)
        One of `Attribution.values`.
    shown : str or sequence of T str, or ndarray of shape (T,) or (T, n)
        Text, or the series.
    names : sequence of n str, optional
        Of the features.
    width : int (characters)
        Of a line of text.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError
        The two do not have the same steps.
    """
    values = np.asarray(values, np.float64)
    text = isinstance(shown, str) or (len(shown) > 0 and isinstance(shown[0], str))
    drawings.check_steps(values, shown, text)
    if text:
        return _text(values.reshape(len(values), -1).sum(axis=1), shown, width, ax)
    return _series(values, np.asarray(shown), names, ax)


def _lines_of(tokens, width):
    """Return the (row, column) of each token, in characters: lines end at line breaks too."""
    places, row, column = [], 0, 0
    for token in tokens:
        if column and column + len(token) > width:
            row, column = row + 1, 0
        places.append((row, column))
        column += len(token)
        if "\n" in token:
            row, column = row + 1, 0
    return places


def _text(values, tokens, width, ax):
    words = not isinstance(tokens, str) and any(len(t) > 1 for t in tokens)
    tokens = [f"{t} " for t in tokens] if words else list(tokens)
    places = _lines_of(tokens, width)
    rows = 1 + max(row for row, _ in places)
    wide = max(column + len(t) for (_, column), t in zip(places, tokens, strict=True))
    ax = new_axes(ax, (max(3.2, 0.13 * wide + 0.6), 0.62 * rows + 1.0))
    most = float(np.abs(values).max()) or 1.0
    for (row, column), token, value in zip(places, tokens, values, strict=True):
        n, up = max(1, len(token.rstrip()) if words else 1), value >= 0
        ax.text(
            column + n / 2, -2 * row, "\u21b5" if token == "\n" else token.rstrip("\n"),
            ha="center", va="center", family="monospace", fontsize=11,
        )  # fmt: skip
        ax.bar(
            column + n / 2, 0.45 * value / most, 0.9 * n, bottom=-2 * row - 1, linewidth=0.8,
            color=COLORS[0] if up else "white", edgecolor=COLORS[0 if up else 1],
            hatch="" if up else "/////",
        )  # fmt: skip
    for row in range(rows):
        ax.axhline(-2 * row - 1, color="0.7", linewidth=0.5, zorder=0)
    ax.set(xlim=(-0.5, wide + 0.5), ylim=(-2 * rows + 0.4, 0.8), xticks=[], yticks=[])
    ax.set_xlabel(_scale_note(most))
    ax.set_title("Contribution of each part of the text", fontsize="medium")
    return ax


def _scale_note(most):
    return f"bars: contribution,\nlargest {most:.3g} (units of the output)"


def _series(values, x, names, ax):
    x = x.reshape(len(x), -1)
    values = values.reshape(len(values), -1)
    n = x.shape[1]
    ax = new_axes(ax, (6.4, 1.2 + 0.9 * max(n, values.shape[1])))
    most, steps = float(np.abs(values).max()) or 1.0, np.arange(len(x))
    names = [f"feature {j}" for j in range(n)] if names is None else list(names)
    places, ticks = [], []
    for j in range(n):
        low, high = float(x[:, j].min()), float(x[:, j].max())
        line = (x[:, j] - low) / ((high - low) or 1.0)
        ax.plot(steps, -2 * j + 0.15 + 0.75 * line, color="black", linewidth=1.2)
        places.append(-2 * j + 0.5)
        ticks.append(f"{names[j]}\n{low:.3g} to {high:.3g}")
    if n != 1 and values.shape[1] == 1:  # of steps: a band of its own
        places.append(-2 * n - 0.7)
        ticks.append("all features")
    bands = range(n) if values.shape[1] == n else [n]
    for j, column in zip(bands, values.T, strict=True):
        for up, style in ((True, {"color": COLORS[0]}), (False, _AGAINST)):
            chosen = (column >= 0) == up
            ax.bar(steps[chosen], 0.75 * column[chosen] / most, 0.9, bottom=-2 * j - 0.7, **style)
        ax.axhline(-2 * j - 0.7, color="0.6", linewidth=0.5)
    ax.set_ylim(-2 * max(bands) - 1.6, 1.1)
    ax.set_yticks(places, ticks, fontsize="small")
    ax.set(xlabel=f"step\n{_scale_note(most)}", xlim=(-0.7, len(x) - 0.3))
    ax.set_title("Inputs, and the contribution of each under it", fontsize="medium")
    return ax


_AGAINST = {"color": "white", "edgecolor": COLORS[1], "hatch": "/////", "linewidth": 0.8}
