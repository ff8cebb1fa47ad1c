"""Pictures of forecasts: history, forecast and intervals of each series and value."""

import math
from typing import Any

import numpy as np

from .. import extras
from ..errors import ConfigError

MOST_PANELS = 24


def draw(
    history: list[np.ndarray],
    times: list[np.ndarray] | None,
    forecast: np.ndarray,
    after: list[np.ndarray] | None,
    intervals: dict[float, Any],
    titles: list[list[str]],
    axes: Any = None,
) -> np.ndarray:
    """Draw the forecasts of series, a panel for each value of each.

    Parameters
    ----------
    history : list of ndarray, each (n, k)
    times, after : list of ndarray, optional
        Times of the history and of the forecast; without, steps from the end of the history.
    forecast : ndarray, shape (m, horizon, k)
    intervals : dict of float to (lower, upper), each (m, horizon, k)
    titles : list of list of str
        Of each series and value.
    axes : sequence of matplotlib Axes, optional
        To draw into, one for each panel. Default: a new figure.

    Returns
    -------
    ndarray of Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed, or there are more than 24 panels, or too few axes.
    """
    m, horizon, k = forecast.shape
    if m * k > MOST_PANELS:
        raise ConfigError(
            f"the picture has {m * k} panels; expected at most {MOST_PANELS}: choose fewer series."
        )
    panels: Any = (
        _panels(m * k) if axes is None else np.atleast_1d(np.asarray(axes, object)).reshape(-1)
    )
    if len(panels) < m * k:
        raise ConfigError(f"axes has {len(panels)} of them; expected {m * k}, one for each panel.")
    for i in range(m):
        past, future = np.arange(1 - len(history[i]), 1), np.arange(1, horizon + 1)
        if times is not None and after is not None:
            past, future = times[i], after[i]
        for j in range(k):
            panel = panels[i * k + j]
            own = {c: (low[i, :, j], high[i, :, j]) for c, (low, high) in intervals.items()}
            _panel(panel, past, history[i][:, j], future, forecast[i, :, j], own)
            panel.set_title(titles[i][j], fontsize="medium")
            panel.set_xlabel("" if times is not None else "step")
    panels[0].legend(fontsize="small", loc="best")
    return panels[: m * k]


def _panels(n):
    """Return the panels of a new figure without a window system and without global state."""
    figures = extras.load("matplotlib.figure", extra="plot", why="to plot forecasts")
    columns = min(math.ceil(math.sqrt(n)), 4) if n > 2 else 1
    rows = math.ceil(n / columns)
    size = (9 if columns == 1 else 5.5 * columns, 3.2 * rows + 0.4)
    figure = figures.Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for panel in panels[n:]:
        panel.set_axis_off()
    return panels


def _panel(axes, past, history, future, forecast, intervals):
    axes.plot(past, history, color="0.3", linewidth=1, label="history")
    color = "C0"
    for rank, c in enumerate(sorted(intervals, reverse=True)):
        low, high = intervals[c]
        marks = {"marker": "_"} if len(future) == 1 else {}
        axes.fill_between(
            future,
            low,
            high,
            color=color,
            alpha=0.18 + 0.14 * rank,
            linewidth=0,
            label=f"{100 * c:.3g} %",
        )
        if marks:  # an area of one step is not visible
            axes.vlines(future, low, high, color=color, alpha=0.4, linewidth=3)
    # The line begins at the last value, so that one step is visible too.
    axes.plot(
        np.concatenate([past[-1:], future]),
        np.concatenate([history[-1:], forecast]),
        color=color,
        linewidth=1.5,
        label="forecast",
    )
    axes.axvline(past[-1], color="0.6", linewidth=0.8, linestyle=":")
    axes.grid(alpha=0.3)
    if past.dtype.kind == "M":
        dates = extras.load("matplotlib.dates", extra="plot", why="to plot forecasts")
        locator = dates.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
