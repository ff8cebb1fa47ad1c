"""Stretches of states that are alike, and two-dimensional maps of states."""

from typing import Any, Literal, NamedTuple

import numpy as np

from .. import extras
from ..checks import is_whole
from ..errors import ConfigError, operation
from .inputs import need_counts
from .trace import Trace

_ROWS = 1024  # steps that are compared at a time: they stay in the processor's cache


class Match(NamedTuple):
    """A stretch of steps with the distance of its states."""

    sequence: int
    start: int
    distance: float  # Euclidean, per step and unit


@operation
def neighbors(
    trace: Trace, name: str, sequence: int, start: int, stop: int, *,
    units: Any = None, count: int = 10,
) -> list[Match]:  # fmt: skip
    """Return the stretches whose states are nearest to those of a given one (as LSTMVis).

    Parameters
    ----------
    trace : Trace
    name : str
        States or gates: "lstm0.c".
    sequence, start, stop : int
        The given stretch, ``trace[name][sequence][start:stop]``; stretches that overlap it are
        left out, and so are those that overlap a nearer one.
    units : sequence of int, optional
        Units that are compared; all where None.
    count : int
        Matches to return, nearest first.

    Raises
    ------
    ConfigError
        There is no such name or stretch.
    """
    need_counts(count=count)
    states = trace[name]
    places = all(map(is_whole, (sequence, start, stop)))
    if not (places and 0 <= sequence < len(states) and 0 <= start < stop <= len(states[sequence])):
        raise ConfigError(
            f"there is no stretch {start}:{stop} in sequence {sequence} of {len(states)}; "
            f"expected steps within its length."
        )
    width = states[sequence].shape[1]
    chosen = np.arange(width) if units is None else np.asarray(units)
    if chosen.dtype.kind not in "iu" or not ((chosen >= 0) & (chosen < width)).all():
        raise ConfigError(f"units is {units!r:.60}; expected some of 0 to {width - 1} of {name}.")
    given, n = states[sequence][start:stop][:, chosen].astype(np.float64), stop - start
    found = []
    for i, rows in enumerate(states):
        own = np.sqrt(_squares(rows[:, chosen], given) / given.size)
        found += [Match(i, j, float(distance)) for j, distance in enumerate(own)]
    kept: list[Match] = [Match(sequence, start, 0.0)]
    for match in sorted(found, key=lambda m: m.distance):
        if all(m.sequence != match.sequence or abs(m.start - match.start) >= n for m in kept):
            kept.append(match)
            if len(kept) > count:
                break
    return kept[1:]


def _squares(rows, given):
    """Return the squared distance of every stretch of rows from the given one."""
    n, found = len(given), np.zeros(max(0, len(rows) - len(given) + 1))
    for begin in range(0, len(found), _ROWS):
        part = rows[begin : begin + _ROWS + n - 1].astype(np.float64)
        own = found[begin : begin + _ROWS]
        for k in range(n):
            own += ((part[k : k + len(own)] - given[k]) ** 2).sum(axis=1)
    return found


@operation
def map_states(
    trace: Trace, name: str, *, method: Literal["pca", "tsne"] = "pca", seed: int = 0
) -> np.ndarray:
    """Return two coordinates of every step's states, (sum T_i, 2).

    Parameters
    ----------
    trace : Trace
    name : str
    method : {"pca", "tsne"}
        "pca": the two directions of largest variance, by SVD; "tsne" by scikit-learn.
    seed : int
        Of "tsne".

    Raises
    ------
    ConfigError
        There is no such name, or scikit-learn is not installed.
    """
    z = trace.flat(name).astype(np.float64)
    z = z - z.mean(axis=0)
    if method == "tsne":
        manifold = extras.load("sklearn.manifold", extra="scores", why="for t-SNE")
        perplexity = min(30.0, (len(z) - 1) / 3)
        return manifold.TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(z)
    if method != "pca":
        raise ConfigError(f"method is {method!r}; expected 'pca' or 'tsne'.")
    _, axes = np.linalg.eigh(z.T @ z)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.pad(z @ axes, ((0, 0), (0, 2 - axes.shape[1])))
