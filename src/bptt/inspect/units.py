"""Units whose values follow something in the data, and where a unit is most active."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from typing import Any, NamedTuple

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, ShapeError, operation
from .inputs import blocks, name_list, need_counts
from .trace import Trace

Labels = Sequence[Any] | Callable[[Sequence[str]], Any]


class Follower(NamedTuple):
    """A unit, and the correlation of its values with the labels over all steps."""

    name: str
    unit: int
    correlation: float


class Context(NamedTuple):
    """A step at which a unit is active, and the tokens around it."""

    sequence: int
    step: int
    value: float
    before: str
    token: str
    after: str


@operation
def followers(
    trace: Trace,
    labels: Labels,
    tokens: Sequence[Sequence[str]] | None = None,
    *,
    names: str | Sequence[str] | None = None,
    count: int = 10,
) -> list[Follower]:
    """Return the units that follow labels most closely, by the absolute Pearson correlation.

    Parameters
    ----------
    trace : Trace
    labels : list of array-like, each (T_i,), or callable
        Numbers or booleans, one for each step; or a function that returns them for the tokens of
        a sequence: `position_in_line`, ``partial(inside, opening="(", closing=")")``, your own.
    tokens : list of list of str, optional
        Only with a function: those of each sequence, as `tokens` returns them.
    names : str or list of str, optional
        Patterns of the names that are searched, as of `fnmatch`. None: all states, gates and
        outputs with a row for each step.
    count : int
        Units to return.

    Returns
    -------
    list of Follower
        Largest absolute correlation first. A unit that never changes has 0.

    Raises
    ------
    ConfigError
        No name fits, `count` is not at least 1, the labels are constant or not numbers, or a
        function is given without tokens.
    ShapeError
        There are more or fewer labels than steps.

    Examples
    --------
    >>> seen = Trace({"lstm0.c": np.array([[0.0, 1], [1, 1], [2, 0], [0, 1]])}, np.array([4]))
    >>> followers(seen, [[1, 2, 3, 1]], count=1)
    [Follower(name='lstm0.c', unit=0, correlation=1.0)]
    """
    need_counts(count=count)
    y = _labels(trace, labels, tokens)
    patterns = ("*",) if names is None else name_list(names)
    found = []
    for name in trace.names:
        if any(fnmatch(name, p) for p in patterns) and trace.by_step(name):
            r = correlations(trace.flat(name), y)
            best = np.argsort(-np.abs(r), kind="stable")[:count]
            found += [Follower(name, int(i), float(r[i])) for i in best]
    if not found:
        raise ConfigError(f"names is {names!r}; expected some of {', '.join(trace.names)}.")
    return sorted(found, key=lambda f: -abs(f.correlation))[:count]


def _labels(trace, labels, tokens):
    """Return the labels of all steps, (sum T_i,) of float64."""
    if callable(labels):
        if tokens is None:
            raise ConfigError(
                "labels is a function, and tokens is None; expected the tokens of each sequence."
            )
        labels = [labels(sequence) for sequence in tokens]
    if not isinstance(labels, (list, tuple, np.ndarray)):
        raise ConfigError(f"labels is {labels!r:.60}; expected a list of arrays, or a function.")
    arrays = [np.asarray(label) for label in labels]
    if any(a.dtype.kind not in "biuf" for a in arrays):
        raise ConfigError("a label is not a number; expected a number or a boolean for each step.")
    given, expected = [a.shape for a in arrays], [(int(n),) for n in trace.lengths]
    if given != expected:
        bad = [i for i, (a, b) in enumerate(zip(given, expected, strict=False)) if a != b]
        where = f"of sequence {bad[0]} have the shape {given[bad[0]]}" if bad else "are of another"
        wanted = expected[bad[0]] if bad else f"{len(expected)} sequences, not {len(given)}"
        raise ShapeError(f"the labels {where}; expected {wanted}.")
    y = np.concatenate(arrays).astype(np.float64)
    if not np.isfinite(y).all():
        raise ConfigError("a label is not finite; expected a number or a boolean for each step.")
    if np.ptp(y) == 0:
        raise ConfigError(f"all labels are {y[0]:g}; expected at least two different ones.")
    return y


def correlations(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the Pearson correlation of each column with y, (n,); 0 where one is constant."""
    mean = values.mean(axis=0, dtype=np.float64)
    y = y - y.mean()
    products, squares = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    begin = 0
    for rows in blocks(values):
        z = rows - mean
        products += y[begin : begin + len(z)] @ z
        squares += (z * z).sum(axis=0)
        begin += len(z)
    scale = np.sqrt(squares * (y @ y))
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)


def position_in_line(tokens: Sequence[str]) -> np.ndarray:
    """Return the number of tokens since the last line break or end mark, (T,)."""
    found, n = np.zeros(len(tokens)), 0
    for t, token in enumerate(tokens):
        found[t] = n = 0 if token in ("", "\n") else n + 1
    return found


def inside(tokens: Sequence[str], opening: str = '"', closing: str | None = None) -> np.ndarray:
    """Return the depth of quotes or brackets after each token, (T,).

    Parameters
    ----------
    tokens : sequence of str
    opening : str
        The token that opens, and closes where `closing` is None: then the depth is 0 or 1.
    closing : str, optional
        The depth does not fall below 0. An end mark of a document sets it to 0.
    """
    found, depth = np.zeros(len(tokens)), 0
    for t, token in enumerate(tokens):
        if token == "":
            depth = 0
        elif token == opening:
            depth = 1 - depth if closing is None else depth + 1
        elif token == closing:
            depth = max(0, depth - 1)
        found[t] = depth
    return found


@operation
def contexts(
    trace: Trace,
    name: str,
    unit: int,
    tokens: Sequence[Sequence[str]] | None = None,
    *,
    count: int = 10,
    width: int = 30,
    lowest: bool = False,
) -> list[Context]:
    """Return the steps at which a unit is most active, with the tokens around them.

    Parameters
    ----------
    trace : Trace
    name : str
        "lstm0.c"
    unit : int
    tokens : list of list of str, optional
        Those of each sequence; without, the texts are empty.
    count : int
        Steps to return; between two of one sequence lie at least `width` steps.
    width : int
        Tokens before and after the step.
    lowest : bool
        Return the steps with the lowest values instead.

    Returns
    -------
    list of Context
        Most active first.

    Raises
    ------
    ConfigError
        There is no such name or unit, or `count` or `width` is not at least 1.
    """
    need_counts(count=count, width=width)
    values, at = trace.flat(name), trace.offsets(name)
    if not is_whole(unit) or not 0 <= unit < values.shape[1]:
        raise ConfigError(f"unit is {unit!r}; expected 0 to {values.shape[1] - 1} of {name}.")
    if tokens is not None and [*map(len, tokens)] != np.diff(at).tolist():
        raise ShapeError(f"tokens are of {len(tokens)} sequences; expected one for each step.")
    column = values[:, unit]
    found: list[Context] = []
    for k in np.argsort(column if lowest else -column, kind="stable"):
        if len(found) == count:
            break
        i = int(np.searchsorted(at, k, side="right")) - 1
        t = int(k - at[i])
        if any(c.sequence == i and abs(c.step - t) < width for c in found):
            continue
        own = [] if tokens is None else tokens[i]
        texts = (own[max(0, t - width) : t], own[t : t + 1], own[t + 1 : t + 1 + width])
        found.append(Context(i, t, float(column[k]), *map("".join, texts)))
    return found
