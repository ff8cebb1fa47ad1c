"""Series in every form that a forecaster takes: arrays, lists, data frames, dicts, `Data`."""

from collections.abc import Sequence
from dataclasses import replace
from inspect import unwrap
from typing import Any

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, ShapeError, warn, within
from ..readers import Data, series_of_frame
from ..readers.data import Caution
from ..readers.times import Frequency, infer_frequency
from .inputs import as_frame
from .layouts import Layout
from .names import aligned, changes, warn_of_changes
from .sequences import as_plain, as_sequences, named, numeric
from .series import Series, number_of


def read_series(
    X: Any,
    lengths: Sequence[int] | None = None,
    *,
    known: Layout | None = None,
    group: str | int | None = None,
    time: str | int | None = None,
    static: Sequence[str] = (),
) -> Series:
    """Read series in any form that a forecaster takes.

    Parameters
    ----------
    X : ndarray, shape (n,) or (n, k), or a list of numbers; a list of such arrays, or an array
        (m, n, k) with lengths; Data or a data frame; a dict of arrays or of data frames by id;
        Series, returned as they are
    lengths : sequence of m int, optional
    known : Layout, optional
        That of the series of `fit`: X must have its columns and its frequency.
    group, time : str or int, optional
        Columns of a data frame, see `bptt.readers.series_of_frame`.
    static : sequence of str
        Columns of a data frame with one value for each series.

    Raises
    ------
    ShapeError, ConfigError, DataError
    """
    if isinstance(X, Series):
        return X
    if isinstance(X, dict):
        return _of_dict(X, lengths, known, group, time, static)
    table = _table(X)
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
    data = X if table is None else _of_frame(table, known, group, time, static)
    warn_cautions(() if table is None else data.notes)
    return _of_data(X, data, known)


def _of_dict(X, lengths, known, group, time, static):
    """Read a dict of arrays, or of data frames with a series each."""
    if not X or lengths is not None or group is not None:
        raise ShapeError("X is a dict; expected series by id, without lengths and group.")
    ids = tuple(map(str, X))
    if len(set(ids)) < len(ids):
        raise ConfigError("X has two keys that are written alike; expected ids as str.")
    whole = all(is_whole(name) for name in X)
    tables = {name: _table(x) for name, x in X.items()}
    if any(table is None for table in tables.values()):
        if any(table is not None for table in tables.values()):
            raise ShapeError("X is a dict of arrays and data frames; expected one kind.")
        values = [
            numeric(f"X[{name!r}]", x, missing=True).astype(np.float64) for name, x in X.items()
        ]
        names = known.names if known is not None else ()
        series = Series(values, Layout(False, mapped=True, names=names, ids=ids, whole_ids=whole))
        series.check_width(values[0].shape[1], f"as {series.name(0)}")
        return series
    _check_zones(X)
    if known is not None:
        known = replace(known, ids_name=None)  # the keys are the ids
    parts = []
    for name, table in tables.items():
        with within(f"series {name!r}"):
            one = _of_frame(table, known, None, time, static)
            if one.ids is not None or len(one.X) > 1:
                raise ConfigError("it holds several series by id; expected one.")
            parts.append(aligned(one, parts[0].columns, "as the first series") if parts else one)
    _check_same({name: part.zone for name, part in zip(tables, parts, strict=True)})
    first = parts[0]
    indices = [part.index for part in parts]
    data = first.but(
        X=[part.X[0] for part in parts],
        ids=list(ids),
        whole_ids=whole,
        index=None if any(i is None for i in indices) else [i[0] for i in indices],
        frequency=None,
        notes=tuple(note for part in parts for note in part.notes),
        static={n: [part.static[n][0] for part in parts] for n in first.static or {}} or None,
    )
    warn_cautions(data.notes)
    series = _of_data(data, data, known)
    return replace(series, layout=replace(series.layout, mapped=True))


def _check_zones(X):
    """Refuse dated series in several time zones."""
    zones = {
        name: getattr(x.index, "tz", None)
        for name, x in X.items()
        if getattr(getattr(x, "index", None), "dtype", np.dtype(int)).kind == "M"
    }
    _check_same(zones)


def _check_same(zones):
    first = next(iter(zones), None)
    for name, zone in zones.items():
        if str(zone) != str(zones[first]):
            raise ConfigError(
                f"series {name!r} has the time zone {zone} and {first!r} {zones[first]}; expected "
                f"one zone: convert them to UTC first."
            )


def warn_cautions(notes: Sequence[str]) -> None:
    """Warn of the notes that a user should see."""
    for note in notes:
        if isinstance(note, Caution):
            warn(note)


def _table(X):
    """Return a data frame, or a column of one, as a data frame of pandas; None for other X."""
    if hasattr(X, "to_frame") and hasattr(X, "iloc") and not hasattr(X, "columns"):
        X = X.to_frame("y" if X.name is None else X.name)
    return as_frame(X)


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


def _of_frame(table, known, group, time, static=()):
    """Read a data frame; that of `predict` has the columns of that of `fit`."""
    columns, notes = None, ()
    if known is not None and known.framed:
        own = [str(name) for name in table.columns]
        group = known.ids_name if group is None else group
        if time is None and known.index_name in (*own, *map(str, table.index.names)):
            time = known.index_name
        special = {str(name) for name in (group, time, *static)}
        given = tuple(name for name in own if name not in special)
        if known.names:
            aligned(Data([np.zeros((1, len(given)))], columns=given), known.names)  # may raise
            columns, notes = known.names, changes(given, known.names)
    data = unwrap(series_of_frame)(table, group=group, time=time, columns=columns, static=static)
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
        whole_ids=data.whole_ids,
        ids_name=data.ids_name,
        index_name=data.index_name,
        zone=data.zone,
    )
    frequency = data.frequency or (None if index is None else _common_frequency(index, data.ids))
    if index is not None and frequency is not None:
        ends = [number_of(times[-1]) for times in index]
        layout = replace(layout, ends=tuple(ends), frequency=frequency)
    series = Series(data.X, layout, index, static=data.static)
    series.check_width(data.X[0].shape[1], f"as {series.name(0)}")
    series.refuse("inf")
    return series if known is None else _of_known_frequency(series, known)


def check_zone(name: str, given: str | None, known: str | None) -> None:
    """Raise where times have a time zone and those of `fit` have none, or the reverse.

    Raises
    ------
    ConfigError
    """
    if (given is None) != (known is None):
        own, other = (
            "no time zone" if zone is None else f"the time zone {zone}" for zone in (given, known)
        )
        raise ConfigError(f"the times of {name} have {own}; expected {other}, as in fit.")


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


def _of_known_frequency(series, known):
    """Return series with the frequency of `fit`; raise where they have another one."""
    if known.frequency is None or not series.layout.framed:
        return series
    if series.index is None:
        raise ConfigError(
            f"X has no times; expected a column {known.index_name or 'time'!r}, as in fit, or an "
            f"array."
        )
    check_zone(series.name(0), series.layout.zone, known.zone)
    frequency = Frequency(known.frequency)
    for i, times in enumerate(series.index):
        places = frequency.places(times)
        if places is None or (len(places) > 1 and np.median(np.diff(places)) != 1):
            given = series.layout.frequency
            what = f"the frequency {given!r}" if given else "times that are not evenly spaced"
            raise ConfigError(
                f"{series.name(i)} has {what}; expected {known.frequency!r}, as in fit."
            )
    ends = tuple(number_of(times[-1]) for times in series.index)
    return replace(series, layout=replace(series.layout, ends=ends, frequency=known.frequency))
