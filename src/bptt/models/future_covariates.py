"""Future covariates of the steps that are forecast: found by id and time, or given as an array."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError, within
from ..readers.times import show_time
from .inputs import as_frame
from .layouts import Layout
from .names import CHANGES, listed
from .series_reading import check_zone, read_series

_MOST_DATES = 10  # in a message


def future_values(
    names: tuple[str, ...], layout: Layout, m: int, horizon: int, future: Any
) -> np.ndarray:
    """Return the future covariates of the steps after series, (m, horizon, len(names)).

    Parameters
    ----------
    names : tuple of str
    layout : Layout
        That of the series that end before these steps.
    m, horizon : int
    future : data frame or Data with the times of the forecast, dict of them by id; ndarray
        (m, horizon, len(names))

    Raises
    ------
    ConfigError, ShapeError, DataError
        They do not reach the horizon, by series and time.
    """
    times = layout.times(horizon)
    if future is not None and not names:
        raise ConfigError("future is given, and the model has no future covariates.")
    if not names:
        return np.zeros((m, horizon, 0))
    if future is None:
        until = "" if times is None else f" from {show_time(times[0][0])}"
        raise ConfigError(
            f"future is not given; expected {listed(names)} of the {horizon} steps{until} that are "
            f"forecast."
        )
    if isinstance(future, np.ndarray):
        shape = (m, horizon, len(names))
        if future.shape not in (shape, shape[1:] if m == 1 else shape):
            raise ShapeError(f"future is {future.shape}; expected {shape}.")
        values = future.reshape(shape).astype(np.float64)
        if not np.isfinite(values).all():
            raise ConfigError("future holds NaN or inf; expected finite numbers.")
        return values
    return _looked_up(names, layout, m, times, future)


def _looked_up(names, layout, m, times, future):
    """Return future covariates (m, horizon, columns) by id and time."""
    known = replace(layout, names=names, ends=None, frequency=None, ids=None)
    table = as_frame(future)
    if table is not None and layout.ids_name not in map(str, (*table.columns, *table.index.names)):
        known = replace(known, ids_name=None)  # the same for all series
    with warnings.catch_warnings(), within("future"):
        # Other columns and times may be there, and gaps between them.
        warnings.filterwarnings("ignore", message="|".join((*CHANGES, ".*rows .*are read as cons")))
        given = read_series(future, known=replace(known, framed=True))
    if times is None or given.index is None:
        raise ConfigError(
            "the series or future has no evenly spaced times to find future covariates by; "
            "expected them, or an array (series, horizon, columns)."
        )
    check_zone("future", given.layout.zone, layout.zone)
    values = []
    for i, j in enumerate(_places(layout, m, given)):
        at = np.searchsorted(given.index[j], times[i])
        inside = np.minimum(at, len(given.index[j]) - 1)
        own = given.values[j][inside]
        gone = (given.index[j][inside] != times[i]) | np.isnan(own).any(axis=1)
        if gone.any():
            whose = "" if layout.ids is None else f" of series {layout.ids[i]!r}"
            raise ConfigError(
                f"future lacks {listed(names)}{whose} at {_dates(times[i], gone)}; expected all "
                f"{len(times[i])} steps of the horizon."
            )
        values.append(own)
    return np.stack(values)


def _dates(times, gone):
    """Return the times of missing steps in words: the ends where none of those between is there."""
    which, dates = np.flatnonzero(gone), [show_time(t) for t in times[gone]]
    if len(which) > 2 and which[-1] - which[0] < len(which):
        return f"{dates[0]} to {dates[-1]} ({len(dates)} steps)"
    more = f", ... ({len(dates)} steps)" * (len(dates) > _MOST_DATES)
    return ", ".join(dates[:_MOST_DATES]) + more


def _places(layout, m, given):
    """Return which of the series of future covariates is that of each of m series."""
    if given.layout.single:
        return [0] * m  # the same for all series
    known = {name: j for j, name in enumerate(given.layout.ids or ())}
    own = layout.ids or [None] * m
    for name in own:
        if name not in known:
            raise ConfigError(f"future has no series {name!r}; expected the ids of X.")
    return [known[name] for name in own]
