"""Columns of times: dates as text, whole numbers that write dates, plain numbers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from .. import extras
from ..errors import DataError
from .data import Caution
from .lines import shown
from .times import infer_frequency, show_time

TIME_NAMES = frozenset(("date", "dates", "datetime", "day", "ds", "epoch", "hour", "index", "month",
                        "observation_date", "period", "quarter", "step", "t", "time", "timestamp",
                        "unix", "week", "year", "yearmonth", "yyyymm", "yyyymmdd"))  # fmt: skip
# Digits, whole range, and what they write. In the order of trial.
_DIGITS = (
    (8, "%Y%m%d", "YYYYMMDD"),
    (6, "%Y%m", "YYYYMM"),
    (10, "%Y%m%d%H", "YYYYMMDDHH"),
    (12, "%Y%m%d%H%M", "YYYYMMDDHHMM"),
    (14, "%Y%m%d%H%M%S", "YYYYMMDDHHMMSS"),
)
_EPOCHS = (("s", 1e8), ("ms", 1e11), ("us", 1e14), ("ns", 1e17))  # from March 1973
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_NAMED = ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%b %Y",
          "%B %Y", "%b-%Y", "%b-%y", "%Y-%b", "%Y %b", "%YM%m", "%m/%Y", "%m-%Y", "%m.%Y",
          "%Y.%m.%d", "%Y/%m")  # fmt: skip
_ORDERS = (("day first", "%d{0}%m{0}{1}"), ("month first", "%m{0}%d{0}{1}"))
_ZONE = r"(Z|[-+]\d{2}(?::?\d{2})?)$"
_TWO_DIGITS = 60  # years: 68 and 69 are read as 2068 and 1969
_TRIED = 200  # values by which a format is chosen before all are read


class Times(NamedTuple):
    """The times in a column.

    Attributes
    ----------
    values : ndarray of datetime64 without a time zone, of int64 or of float64
        Of times with a zone: UTC. Of days, and of one time of each day: as they are written.
    notes : list of str
    zone : str or None
        The time zone of times that are now UTC.
    """

    values: np.ndarray
    notes: list[str]
    zone: str | None = None


def in_zone(times: np.ndarray, zone: str) -> Any:
    """Return times in UTC as a pandas DatetimeIndex in a time zone."""
    pd = extras.load("pandas", extra="tables", why="for times in a time zone")
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(zone)


def read_times(
    column: Any, name: str, sure: bool, place: Callable[[int], str] = lambda row: f"row {row + 1}"
) -> Times | None:
    """Return the times in a column; None where they are none.

    Parameters
    ----------
    column : pandas.Series
    name : str
        For messages.
    sure : bool
        Whether the column is known to hold times, or has the name of one: whole numbers are read
        as dates only then.
    place : callable
        Returns where a row is, counted from 0: `Columns.place`.

    Raises
    ------
    DataError
        A value is missing, dates contradict one another or can be read in two ways, or only some
        have a time zone.
    """
    pd = extras.load("pandas", extra="tables", why="to read tables")
    types = pd.api.types
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if types.is_datetime64_any_dtype(column.dtype):
        _refuse_missing(column, name, place)
        return _naive(pd, column, name)
    if types.is_bool_dtype(column.dtype):
        return None
    if types.is_numeric_dtype(column.dtype):
        return _numbers(pd, column, name, place) if sure else None
    return _texts(pd, column, name, sure, place)


def _naive(pd, column, name):
    """Return times without a zone."""
    notes, zone = [], None
    if column.dt.tz is not None:
        local, zone = column.dt.tz_localize(None), str(column.dt.tz)
        clock = (local - local.dt.normalize()).unique()
        # Days of a place do not all have 24 hours.
        if len(clock) == 1 and (len(column) > 2 or clock[0] == pd.Timedelta(0)):
            column, zone = local, None
        else:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
            notes = [f"The times of {name} are in {zone}."] if zone != "UTC" else []
            zone = zone if _is_zone(zone) else "UTC"
    exact = column.to_numpy()
    short = exact.astype("datetime64[us]")
    return Times(short if (short == exact).all() else exact, notes, zone)


def _is_zone(name):
    """Return whether pandas knows a time zone by its name."""
    try:
        in_zone(np.array(["2024-01-01"], "datetime64[us]"), name)
    except (ValueError, KeyError, OSError):
        return False
    return True


def _numbers(pd, column, name, place):
    """Return whole numbers that write dates as dates, other numbers as they are."""
    _refuse_missing(column, name, place)
    values = column.to_numpy(np.float64)
    if not np.isfinite(values).all():
        return None
    whole = (values == np.floor(values)).all() and (np.abs(values) < 2**62).all()
    if not whole:
        return Times(values, [])
    values = column.to_numpy().astype(np.int64)
    low, high = int(values.min()), int(values.max())
    for digits, form, shown_form in _DIGITS:
        if len(str(low)) == len(str(high)) == digits and low > 0:
            dates = pd.to_datetime(pd.Series(values.astype(str)), format=form, errors="coerce")
            if dates.notna().all() and dates.dt.year.between(1600, 2200).all():
                note = (
                    f"{name} holds dates as {shown_form}: {show_time(dates.to_numpy()[0])} first."
                )
                return Times(_naive(pd, dates, name).values, [note])
    for unit, least in _EPOCHS:
        if least <= low and high < least * 50:
            dates = values.astype(f"datetime64[{unit}]")
            seconds = "seconds" if unit == "s" else unit
            note = f"{name} holds {seconds} since 1970 (UTC): {show_time(dates[0])} first."
            dates = dates.astype("datetime64[ns]" if unit == "ns" else "datetime64[us]")
            return Times(dates, [note])
    return Times(values, [])


def _texts(pd, column, name, sure, place):
    """Return texts as dates; None where none of the first values is a date."""
    present = column[column.notna()]
    if len(present) == 0:
        return None
    texts = present.astype(str).str.strip()
    rows = np.flatnonzero(column.notna().to_numpy())
    _refuse_zones(present, name, lambda k: place(rows[k]))
    readings = _readings(pd, texts.iloc[:_TRIED])
    if not readings:
        _refuse_mixed(pd, texts, name, lambda k: place(rows[k]))
        return None
    _refuse_missing(column, name, place)
    found = []
    for what, form in readings:
        dates = _parse(pd, texts, form)
        if dates is None:
            raise DataError(
                f"{name} mixes times with and without a time zone; expected one kind: convert them "
                f"to UTC first."
            )
        if dates.notna().all():
            _refuse_centuries(dates, form, name)
            found.append((what, dates))
    if not found:
        _refuse_mixed(pd, texts, name, lambda k: place(rows[k]), readings[0][1])
    what, dates = found[0] if len(found) == 1 else _likelier(found, texts, name)
    times, notes, zone = _naive(pd, dates, name)
    if zone is not None and texts.str.extract(_ZONE)[0].nunique() > 1:
        notes.append(Caution(f"The times of {name} have several offsets: they are read as UTC."))
    if what:
        notes.append(
            f"The dates of {name} are read {what}: {texts.iloc[0]} is {show_time(times[0])}."
        )
    return Times(times, notes, zone)


def _readings(pd, texts):
    """Return the formats in which all of these texts can be read: (in words, format)."""
    iso = texts.str.match(r"\d{4}([-/]\d{1,2}|\d{4})") | texts.str.fullmatch(r"\d{4}")
    if texts.str.fullmatch(r"\d{4}[-\s]?Q[1-4]", case=False).all():
        return [("", "quarter")]
    if texts.str.fullmatch(r"\d{4}-?W\d{2}(-[1-7])?").all():
        return [("", "week")]
    if iso.all() and (texts.str.len() >= 6).all():
        dates = _parse(pd, texts, "ISO8601")
        if dates is None or dates.notna().all():
            return [("", "ISO8601")]
    separators = [s for s in "/.-" if texts.str.contains(s, regex=False).all()]
    forms = [
        (f"{what}", order.format(s, year) + clock)
        for clock in _CLOCKS
        for s in separators
        for what, order in _ORDERS
        for year in ("%Y", "%y")
    ]
    forms += [("", form) for form in _NAMED]
    forms += [("", form + clock) for form in ("%Y/%m/%d", "%Y.%m.%d") for clock in _CLOCKS]
    fitting = []
    for what, form in forms:
        if not _is_written(texts.iloc[0], form):  # pandas takes a millisecond
            continue
        dates = _parse(pd, texts, form)
        if dates is not None and dates.notna().all():
            fitting.append((what, form))
    return fitting


def _is_written(text, form):
    """Return whether one text can be read in a format."""
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _parse(pd, texts, form):
    """Return texts as dates, NaT where they are none; None where only some have a time zone.

    Times with several offsets, as those of a place with summer time, are returned in UTC; days, all
    at midnight, without a zone.
    """
    if form == "quarter":
        quarters = texts.str.replace(r"[-\s]", "", regex=True).str.upper()
        return pd.Series(pd.PeriodIndex(quarters, freq="Q").to_timestamp(), index=texts.index)
    if form == "week":
        days = texts.where(texts.str.contains(r"-[1-7]$"), texts + "-1").str.replace("-", "")
        return pd.to_datetime(days, format="%GW%V%u", errors="coerce")
    zoned = texts.str.contains(r":\d{2}[^-+]*(?:Z|[-+]\d{2}:?\d{2}|[-+]\d{2})$", regex=True)
    if zoned.any() and not zoned.all():
        return None
    if zoned.any():
        zones = texts.str.extract(_ZONE)[0].unique()
        if len(zones) > 1:
            local = pd.to_datetime(texts.str.replace(_ZONE, "", regex=True), format=form,
                                   errors="coerce")  # fmt: skip
            if (local == local.dt.normalize()).all():
                return local
            return pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    try:
        return pd.to_datetime(texts, format=form, errors="coerce")
    except ValueError:  # a zone that pandas reads and the pattern does not: 10:1-2
        return None


def _likelier(found, texts, name):
    """Return the one of two readings in which the dates are evenly spaced."""
    scores = []
    for _, dates in found:
        times = dates.to_numpy().astype("datetime64[s]")
        times = times if times[0] < times[-1] else times[::-1]
        frequency = infer_frequency([times]) if (times[1:] > times[:-1]).all() else None
        places = None if frequency is None else frequency.places(times)
        scores.append(2 if places is None else int((np.diff(places) > 1).any()))
    best = min(scores)
    if scores.count(best) > 1 and len({tuple(dates) for _, dates in found}) > 1:
        raise DataError(
            f"{name} holds {shown(texts.iloc[0])}, which can be read {found[0][0]} and "
            f"{found[1][0]}; expected dates that can be read in one way: write them as YYYY-MM-DD."
        )
    return found[scores.index(best)]


def _refuse_centuries(dates, form, name):
    years = dates.dt.year
    if "%y" in form and years.max() - years.min() > _TWO_DIGITS:
        raise DataError(
            f"{name} has years of two digits, read as {years.min()} to {years.max()}; expected "
            f"years of four digits."
        )


def _refuse_missing(column, name, place):
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise DataError(
            f"{name} has nothing in {place(missing[0])}; expected a time in every row: remove the "
            f"row, or fill its time."
        )


def _refuse_zones(times, name, place):
    """Refuse Timestamps of several time zones; offsets may be those of a place with summer time."""
    zones = (
        [] if isinstance(times.iloc[0], str) else [str(getattr(t, "tzinfo", None)) for t in times]
    )
    kinds = set(zones)
    if (
        len(kinds) > 1
        and "None" not in kinds
        and not all(z.startswith(("UTC+", "UTC-")) for z in kinds)
    ):
        k = next(k for k, zone in enumerate(zones) if zone != zones[0])
        raise DataError(
            f"{name} holds {times.iloc[k]} in {place(k)}, in the time zone {zones[k]}, beside "
            f"{times.iloc[0]} in {zones[0]}; expected one kind: convert them to UTC first."
        )


def _refuse_mixed(pd, texts, name, place, form=None):
    """Refuse a column in which some values are dates and others are not, or in other formats."""
    for own in [form] if form else {f for k in range(0, len(texts), 1 + len(texts) // 3)
                                    for _, f in _readings(pd, texts.iloc[k : k + 1])}:  # fmt: skip
        dates = _parse(pd, texts, own)
        if dates is None:
            raise DataError(
                f"{name} mixes times with and without a time zone; expected one kind: convert them "
                f"to UTC first."
            )
        bad = dates.isna()
        if own == "ISO8601":  # pandas reads a year of -1 too
            bad |= ~texts.str.match(r"\d{4}")
        wrong, right = np.flatnonzero(bad.to_numpy()), np.flatnonzero(~bad.to_numpy())
        if len(wrong) and (form or len(right) > len(wrong)):
            raise DataError(
                f"{name} holds {shown(texts.iloc[wrong[0]])} in {place(wrong[0])} beside "
                f"{shown(texts.iloc[right[0]])}; expected dates of one format."
            )
