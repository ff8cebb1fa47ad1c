"""The index of a data frame: which column holds the times, in which order rows are, what misses."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from .columns import Column, Columns
from .data import Caution
from .dates import TIME_NAMES, read_times
from .times import Frequency, infer_frequency, show_time

_COUNTERS = frozenset(("#", "i", "id", "index", "line", "n", "no", "nr", "number", "obs", "row",
                       "rowid", "rownames", "rownum", "step", "t"))  # fmt: skip
_LARGEST_FILL = 10  # times as many rows as there are


class Index(NamedTuple):
    """The times of all rows.

    Attributes
    ----------
    name : str or None
        None where rows have no times.
    times : ndarray of datetime64, int64 or float64, or None
    left_out : set of int
        Positions of columns that are no features.
    zone : str or None
        Time zone of times that are now UTC.
    """

    name: str | None
    times: np.ndarray | None
    left_out: set[int]
    zone: str | None = None


def find_index(
    table: Columns, time: Column | None, taken: set[int], codes: np.ndarray | None
) -> Index:
    """Return the column of times, given or found; the table's notes name what is found.

    Parameters
    ----------
    table : Columns
    time : str or int, optional
    taken : set of int
        Positions of columns that were named for something else.
    codes : ndarray of int, optional
        Number of the series of each row.

    Raises
    ------
    DataError
        The given column holds no times, or a column of dates cannot be read.
    """
    if (at := table.find(time)) is not None:
        read = read_times(table.series(at), table.shown(at), True, table.place)
        if read is None or at in taken:
            what = "is named twice" if at in taken else f"holds {table.series(at).iloc[0]!r}"
            raise DataError(f"{table.shown(at)} {what}; expected a column of times.")
        table.notes += read.notes
        left_out = {at, *row_numbers(table, taken | {at}, codes)}
        return Index(_named(table, at), read.values, left_out, read.zone)
    free = [at for at in range(len(table.names)) if at not in taken]
    found: tuple[int, np.ndarray] | None = None
    zone, left_out = None, set()
    for at in free:
        if table.is_number(at):
            continue
        named = table.names[at].strip().lower() in TIME_NAMES
        if (read := read_times(table.series(at), table.shown(at), named, table.place)) is not None:
            left_out.add(at)
            if found is None:
                found, zone = (at, read.values), read.zone
                table.notes += read.notes
            else:
                table.notes.append(f"{table.shown(at)} holds dates too and is left out.")
    named = [(at, TIME_NAMES) for at in free]
    named += [(at, names) for names in (_COUNTERS, None) for at in free[:1]]
    for at, names in named:
        if found is None and (times := _numeric_times(table, at, names, codes)) is not None:
            found = at, times
            left_out.add(at)
    left_out |= row_numbers(table, taken | left_out, codes)
    if found is None:
        return Index(None, None, left_out)
    return Index(_named(table, found[0]), found[1], left_out, zone)


def _named(table, at):
    return "time" if at == 0 and table.unnamed_first() else table.names[at]


def _numeric_times(table, at, names, codes):
    """Return the times in a column of numbers that has the name of an index and rises.

    Where `names` is None, any name will do if the numbers write dates at a frequency and do not
    rise evenly themselves: 202411, 202412, 202501.
    """
    if not table.is_number(at):
        return None
    if names is not None and table.names[at].strip().lower() not in names:
        return None
    if table.series(at).isna().any():
        return None
    read = read_times(table.series(at), table.shown(at), True, table.place)
    if read is None:
        return None
    times, notes, _ = read
    steps = _steps(times, codes)
    zero = steps.dtype.type(0)
    if len(steps) == 0 or not ((steps > zero).all() or (steps < zero).all()):
        return None
    if (times.dtype.kind != "M" or names is None) and not _even(times, codes):
        return None
    if names is None and (times.dtype.kind != "M" or not _writes_dates(table, at, codes)):
        return None
    table.notes += notes or [f"{table.shown(at)} rises evenly and is the index: it is no feature."]
    return times


def _writes_dates(table, at, codes):
    values = table.series(at).to_numpy(np.float64)
    steps = np.abs(_steps(values, codes))
    return values.max() < 1e8 and len(steps) > 1 and steps.min() < steps.max()


def row_numbers(table: Columns, taken: set[int], codes: np.ndarray | None) -> set[int]:
    """Return the position of a first column that numbers the rows, to be left out.

    Parameters
    ----------
    table, taken, codes
        As for `find_index`.
    """
    at = next((at for at in range(len(table.names)) if at not in taken), None)
    if at is None or not table.is_number(at) or len(table.names) - len(taken) < 2:
        return set()
    values = table.series(at).to_numpy(np.float64, na_value=np.nan)
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()) or len(values) < 3:
        return set()
    steps = np.diff(values)
    rises, even = (steps > 0).all(), (steps == steps[0]).all() and steps[0] > 0
    within = _steps(values, codes)
    even_within = len(within) > 0 and (within == within[0]).all() and within[0] > 0
    name = table.shown(at)
    if at == 0 and table.unnamed_first() and (rises or even_within):
        table.notes.append(f"{name} has no name and numbers the rows: it is left out.")
        return {at}
    if (even or even_within) and table.names[at].strip().lower() in _COUNTERS | TIME_NAMES:
        table.notes.append(f"{name} numbers the rows and is left out; columns= brings it back.")
        return {at}
    if even:
        table.notes.append(
            f"{name} rises by {steps[0]:g} in every row and is read as values; if it is an index, "
            f"name it as the time."
        )
    return set()


def _steps(times, codes):
    """Return the distances of consecutive rows of the same series."""
    if codes is None:
        return np.diff(times)
    order = np.argsort(codes, kind="stable")
    return np.diff(times[order])[np.diff(codes[order]) == 0]


def _even(times, codes):
    order = np.lexsort([times] if codes is None else [times, codes])
    cuts = [] if codes is None else np.flatnonzero(np.diff(codes[order])) + 1
    return infer_frequency(np.split(times[order], cuts)) is not None


def sort_rows(
    index: Index,
    codes: np.ndarray,
    ids: Sequence[str] | None,
    notes: list[str],
    strict: bool,
    place: Callable[[int], str],
) -> list[np.ndarray]:
    """Return the rows of each series in the order of their times.

    Parameters
    ----------
    index : Index
    codes : ndarray of int
        Number of the series of each row.
    ids : sequence of str, optional
        Names of the series; None where there is one without a name.
    notes : list of str
        Sentences are appended.
    strict : bool
        Whether a time may occur once only.
    place : callable
        Returns where a row is, counted from 0: `Columns.place`.

    Raises
    ------
    DataError
        A time occurs twice in a series.
    """
    cuts = np.cumsum(np.bincount(codes))[:-1]
    times = index.times
    if times is None:
        return np.split(np.argsort(codes, kind="stable"), cuts)
    order = np.lexsort([times, codes])
    steps = _steps(times, codes)
    zero = steps.dtype.type(0)
    if len(steps) and (steps < zero).all():
        notes.append(f"The rows were newest first by {index.name}: they are turned round.")
    elif (steps < zero).any():
        notes.append(f"The rows were not in the order of {index.name}: they are sorted.")
    same = (np.diff(codes[order]) == 0) & (np.diff(times[order]) == zero)
    if same.any() and strict:
        _refuse_double(index, order, codes, ids, same, place)
    return np.split(order, cuts)


def _refuse_double(index, order, codes, ids, same, place):
    at = int(np.flatnonzero(same)[0])
    first, second = map(place, sorted((int(order[at]), int(order[at + 1]))))
    own = "" if ids is None else f" of {ids[codes[order[at]]]!r}"
    gap = _gaps([np.unique(index.times[codes == codes[order[at]]])], None, ids)[1]
    apart = (
        ""
        if ids is not None
        else ", or name the column of the ids of the series: group= (--sequence)"
    )
    others = f", as do {same.sum() - 1:,} others" if same.sum() > 1 else ""
    raise DataError(
        f"{show_time(index.times[order[at]])} occurs twice in {index.name}{own}, in {first} "
        f"and {second}{others}{gap}; expected each time once: remove rows{apart}."
    )


def _gaps(series, frequency, ids):
    """Return how many times are missing, and where the first gap is, in words."""
    frequency = frequency or infer_frequency(series)
    missing, first = 0, ""
    for i, times in enumerate(series):
        places = None if frequency is None else frequency.places(times)
        if places is None:
            return 0, ""
        jumps = np.diff(places)
        missing += int((jumps - 1).sum())
        if not first and (jumps > 1).any():
            own = f" of {ids[i]!r}" if ids is not None and len(series) > 1 else ""
            first = f"; the first gap is after {show_time(times[np.argmax(jumps > 1)])}{own}"
    return missing, first


def grid(
    index: Index,
    series: list[np.ndarray],
    ids: Sequence[str] | None,
    notes: list[str],
    fill_gaps: bool,
) -> tuple[Frequency | None, list[np.ndarray] | None]:
    """Return the frequency of the times and, with `fill_gaps`, where each row lies in its series.

    Parameters
    ----------
    index : Index
    series : list of ndarray
        The times of each series, ascending.
    ids, notes
        As for `sort_rows`.
    fill_gaps : bool

    Raises
    ------
    DataError
        Gaps cannot be filled, because times have no frequency or the gaps are too long.
    """
    frequency = infer_frequency(series)
    if frequency is None:
        return _without_frequency(index, series, ids, notes, fill_gaps), None
    missing, first = _gaps(series, frequency, ids)
    if missing == 0:
        return frequency, None
    if not fill_gaps:
        notes.append(
            Caution(
                f"{_times(missing)} missing in {index.name} at the frequency {frequency.text}"
                f"{first}: the rows around a gap are read as consecutive; series_of_frame or "
                f"read_series with fill_gaps=True (--fill-gaps) inserts rows."
            )
        )
        return frequency, None
    total = sum(map(len, series))
    if missing > _LARGEST_FILL * total:
        raise DataError(
            f"{_times(missing)} missing in {index.name} beside the {total:,} there are{first}; "
            f"expected at most {_LARGEST_FILL} times as many."
        )
    notes.append(f"{_times(missing)} inserted in {index.name}, with missing values{first}.")
    places = [frequency.places(times) for times in series]
    return frequency, [at - at[0] for at in places if at is not None]


def _times(n):
    return "1 time is" if n == 1 else f"{n:,} times are"


def _without_frequency(index, series, ids, notes, fill_gaps):
    """Say that times are not evenly spaced."""
    if max(map(len, series)) < 2:
        return
    i = max(range(len(series)), key=lambda i: len(series[i]))
    steps = np.diff(series[i])
    values, counts = np.unique(steps, return_counts=True)
    usual = values[np.argmax(counts)]
    t = int(np.argmax(steps != usual))
    own = f" of {ids[i]!r}" if ids is not None and len(series) > 1 else ""
    where = f"{show_time(series[i][t])} and {show_time(series[i][t + 1])}{own}"
    if (steps == usual).all():  # series differ
        where = "series have different distances"
    text = f"The times of {index.name} are not evenly spaced ({where})"
    if fill_gaps:
        raise DataError(f"{text[0].lower() + text[1:]}; expected one frequency to fill gaps.")
    notes.append(
        Caution(f"{text}: the rows are read as consecutive steps, forecasts have no dates.")
    )
