"""Drawings by matplotlib: color-blind safe, and told apart in black and white."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import extras
from .drawings import Drawing, Series

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
