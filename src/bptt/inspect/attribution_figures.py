"""Contributions to a prediction, drawn under a text or under series."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from .drawings import check_steps
from .plotting import COLORS, new_axes

_AGAINST = {"color": "white", "edgecolor": COLORS[1], "hatch": "/////", "linewidth": 0.8}


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
        The two do not have the same steps, or there are more or fewer names than features.
    """
    values = np.asarray(values, np.float64)
    text = isinstance(shown, str) or (len(shown) > 0 and isinstance(shown[0], str))
    check_steps(values, shown, text)
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
    x, values = x.reshape(len(x), -1), values.reshape(len(values), -1)
    n, steps = x.shape[1], np.arange(len(x))
    each = values.shape[1] == n
    places = -np.arange(n) * (2.4 if each else 1.1)  # of the series; bars hang below
    zeros = (places if each else places[-1:]) - 0.7
    ax = new_axes(ax, (6.4, 1.7 - 0.45 * (zeros[-1] - 0.9)))
    most = float(np.abs(values).max()) or 1.0
    names = [f"feature {j}" for j in range(n)] if names is None else list(names)
    if len(names) != n:
        raise ShapeError(f"names has {len(names)}; expected {n}, one for each feature.")
    ticks = []
    for place, name, own in zip(places, names, x.T, strict=True):
        low, high = float(own.min()), float(own.max())
        line = (own - low) / ((high - low) or 1.0)
        ax.plot(steps, place + 0.15 + 0.75 * line, color="black", linewidth=1.2)
        ticks.append((place + 0.5, f"{name}\n{low:.3g} to {high:.3g}"))
    for zero, column in zip(zeros, values.T, strict=True):
        for up, style in ((True, {"color": COLORS[0]}), (False, _AGAINST)):
            chosen = (column >= 0) == up
            ax.bar(steps[chosen], 0.75 * column[chosen] / most, 0.9, bottom=zero, **style)
        ax.axhline(zero, color="0.6", linewidth=0.5)
    if not each:
        ticks.append((zeros[0], "all features"))
    ax.set_ylim(zeros[-1] - 0.9, 1.1)
    ax.set_yticks(*zip(*ticks, strict=True), fontsize="small")
    ax.set(xlabel=f"step\n{_scale_note(most)}", xlim=(-0.7, len(x) - 0.3))
    ax.set_title("Inputs and their contributions", fontsize="medium")
    return ax
