"""Series that a forecaster takes: their values, and how forecasts of them are named and dated."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..errors import ConfigError, ShapeError
from ..readers import Data, series_of_frame
from ..readers.data import Caution
from ..readers.times import Frequency, infer_frequency, show_time
from .inputs import as_frame
from .layouts import Layout
from .missing import WAYS_OUT, Filler, Missing
from .names import aligned, changes, warn_of_changes
from .sequences import as_plain, as_sequences, named, numeric


@dataclass(frozen=True)
class Series:
    """Series as a forecaster takes them.

    Attributes
    ----------
    values : list of ndarray of float64, each (n_i, k)
        NaN where a value is missing.
    layout : Layout
    index : list of ndarray, optional
        Times of the steps.
    covariates : list of ndarray of float64, each (n_i, c), optional
        Past, then future covariates: see `bptt.models.covariates`.
    """

    values: list[np.ndarray]
    layout: Layout
    index: list[np.ndarray] | None = None
    covariates: list[np.ndarray] | None = None

    def name(self, i: int) -> str:
        """Return how messages name a series."""
        return "X" if self.layout.single else named(i, self.layout.ids)

    def only(self, cuts: Sequence[int]) -> list[np.ndarray]:
        """Return the beginnings of the series."""
        return [x[:n] for x, n in zip(self.values, cuts, strict=True)]

    def check_steps(self, series: list[np.ndarray], least: int, what: str) -> None:
        """Raise where one of these parts of the series is too short.

        Raises
        ------
        ConfigError
        """
        for i, x in enumerate(series):
            if len(x) < least:
                raise ConfigError(
                    f"{self.name(i)} has {len(x)} steps; expected at least {least}, {what}."
                )

    def check_width(self, k: int, whence: str) -> None:
        """Raise where a series has another number of values per time step.

        Raises
        ------
        ShapeError
        """
        for i, x in enumerate(self.values):
            if x.shape[1] != k:
                raise ShapeError(
                    f"{self.name(i)} has {x.shape[1]} features; expected {k}, {whence}."
                )

    def refuse(self, what: Literal["NaN", "inf"]) -> None:
        """Raise where a value is missing or infinite.

        Raises
        ------
        ConfigError
        """
        is_wrong, way_out = (np.isnan, WAYS_OUT) if what == "NaN" else (np.isinf, "")
        for i, x in enumerate(self.values):
            if not (wrong := is_wrong(x)).any():
                continue
            t, j = (int(at) for at in np.argwhere(wrong)[0])
            when = "" if self.index is None else f" ({show_time(self.index[i][t])})"
            name = f" ({self.layout.names[j]!r})" if self.layout.names else ""
            raise ConfigError(
                f"{self.name(i)} holds {what} at step {t}{when}, feature {j}{name}; expected "
                f"finite numbers{way_out}."
            )


def filled(
    series: Sequence[np.ndarray], method: Missing, mean: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    """Return series without missing values, and which were missing; None where none was.

    "indicator" fills as "forward": a forecast is relative to the last value.

    Parameters
    ----------
    series : sequence of ndarray, each (n, k)
    method : {"raise", "interpolate", "forward", "indicator"}
    mean : ndarray, shape (k,)
        Replaces values before the first one.
    """
    missing = [np.isnan(x) for x in series]
    if not any(own.any() for own in missing):
        return list(series), None
    filler = Filler("interpolate" if method == "interpolate" else "forward", mean)
    return [filler.fill(x) for x in series], missing


def read_series(
    X: Any,
    lengths: Sequence[int] | None = None,
    *,
    known: Layout | None = None,
    group: str | int | None = None,
    time: str | int | None = None,
) -> Series:
    """Read series in any form that a forecaster takes.

    Parameters
    ----------
    X : ndarray, shape (n,) or (n, k), or a list of numbers; a list of such arrays, or an array
        (m, n, k) with lengths; Data or a data frame
    lengths : sequence of m int, optional
    known : Layout, optional
        That of the series of `fit`: X must have its columns and its frequency.
    group, time : str or int, optional
        Columns of a data frame, see `bptt.readers.series_of_frame`.

    Raises
    ------
    ShapeError, ConfigError, DataError
    """
    table = as_frame(X.to_frame("y" if X.name is None else X.name) if _is_column(X) else X)
    if table is None and not isinstance(X, Data):
        for role, name in {"group": group, "time": time}.items():
            if name is not None:
                given = type(X).__name__
                raise ConfigError(f"{role} is {name!r}, X a {given}; expected a data frame.")
        values, single = _arrays(X, lengths)
        names = known.names if known is not None else ()
        return Series(values, Layout(single=single, names=names))
    if lengths is not None:
        given = type(X).__name__
        raise ShapeError(f"lengths given with a {given}; expected none, as it has its own.")
    data = X if table is None else _of_frame(table, known, group, time)
    for note in () if table is None else data.notes:
        if isinstance(note, Caution):
            warnings.warn(note, stacklevel=7)
    return _of_data(X, data, known)


def _is_column(X):
    return hasattr(X, "to_frame") and hasattr(X, "iloc") and not hasattr(X, "columns")


def _arrays(X, lengths):
    """Return the series of X, each (n, k), and whether X is a single series."""
    X = as_plain(X)
    several = isinstance(X, (list, tuple)) and len(X) > 0 and np.ndim(X[0]) > 0
    several = several or (isinstance(X, np.ndarray) and (X.ndim > 2 or X.dtype.kind == "O"))
    if not several:
        if isinstance(X, (str, dict, set)) or X is None:
            raise ShapeError(f"X is a {type(X).__name__}; expected a series of numbers.")
        return [numeric("X", X, missing=True).astype(np.float64)], True
    values = [
        numeric(f"X[{i}]", x, missing=True).astype(np.float64)
        for i, x in enumerate(as_sequences(X, lengths))
    ]
    Series(values, Layout(single=False)).check_width(values[0].shape[1], "as X[0]")
    return values, False


def _of_frame(table, known, group, time):
    """Read a data frame; that of `predict` has the columns of that of `fit`."""
    columns, notes = None, ()
    if known is not None and known.framed:
        own = [str(name) for name in table.columns]
        group = known.ids_name if group is None else group
        if time is None and known.index_name in (*own, *map(str, table.index.names)):
            time = known.index_name
        special = {str(name) for name in (group, time)}
        given = tuple(name for name in own if name not in special)
        if known.names:
            aligned(Data([np.zeros((1, len(given)))], columns=given), known.names)  # may raise
            columns, notes = known.names, changes(given, known.names)
    data = series_of_frame(table, group=group, time=time, columns=columns)
    return data.but(notes=(*data.notes, *notes))


def _of_data(X, data, known):
    values = data.X if isinstance(data.X, (list, tuple)) else [data.X]
    columns = tuple(data.columns)
    data = data.but(X=[_numbers(i, x, data) for i, x in enumerate(values)])
    if known is not None:
        data = aligned(data, known.names)
        warn_of_changes(X, data)
    index = data.index
    layout = Layout(
        single=data.ids is None and len(values) == 1,
        framed=bool(columns or data.ids or index),
        names=tuple(data.columns),
        ids=None if data.ids is None else tuple(data.ids),
        ids_name=data.ids_name,
        index_name=data.index_name,
    )
    frequency = data.frequency or (None if index is None else _common_frequency(index, data.ids))
    if index is not None and frequency is not None:
        ends = [_number(times[-1]) for times in index]
        layout = replace(layout, ends=tuple(ends), frequency=frequency)
    series = Series(data.X, layout, index)
    series.check_width(data.X[0].shape[1], f"as {series.name(0)}")
    series.refuse("inf")
    return series if known is None else _of_known_frequency(series, known)


def _common_frequency(index, ids):
    """Return the frequency of series from several files; raise where they have different ones."""
    if (frequency := infer_frequency(index)) is not None:
        return frequency.text
    own = [infer_frequency([times]) for times in index]
    texts = [None if f is None else f.text for f in own]
    first = next((i for i, text in enumerate(texts) if text is not None), 0)
    other = next((i for i, text in enumerate(texts) if text not in (None, texts[first])), first)
    if other != first:
        raise ConfigError(
            f"{named(other, ids)} has the frequency {texts[other]!r}; expected {texts[first]!r}, "
            f"as {named(first, ids)}: a model has one frequency."
        )
    return None


def _numbers(i, x, data):
    """Return the values of a series as float64 (n, k); infinite ones are refused later, by date."""
    if isinstance(x, np.ndarray) and x.dtype == np.float64 and x.ndim == 2:
        return x
    name = "X" if data.ids is None and len(data.X) == 1 else named(i, data.ids)
    return numeric(name, x, columns=data.columns, missing=True).astype(np.float64)


def _number(time):
    time = np.asarray(time)
    return time.astype("datetime64[us]").astype(np.int64).item() if time.dtype.kind == "M" else (
        time.item()
    )  # fmt: skip


def _of_known_frequency(series, known):
    """Return series with the frequency of `fit`; raise where they have another one."""
    if known.frequency is None or not series.layout.framed:
        return series
    if series.index is None:
        raise ConfigError(
            f"X has no times; expected a column {known.index_name or 'time'!r}, as in fit, or an "
            f"array."
        )
    frequency = Frequency(known.frequency)
    for i, times in enumerate(series.index):
        places = frequency.places(times)
        if places is None or (len(places) > 1 and np.median(np.diff(places)) != 1):
            given = series.layout.frequency
            what = f"the frequency {given!r}" if given else "times that are not evenly spaced"
            raise ConfigError(
                f"{series.name(i)} has {what}; expected {known.frequency!r}, as in fit."
            )
    ends = tuple(_number(times[-1]) for times in series.index)
    return replace(series, layout=replace(series.layout, ends=ends, frequency=known.frequency))
