"""Times of a series' steps: order, frequency, gaps, and the times after the last one.

Times are datetime64 without a time zone, or numbers. NumPy alone is needed, so that a saved model
can date its forecasts without pandas.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")  # 1970-01-01 was a Thursday
_SECONDS = {"W": 604800, "D": 86400, "h": 3600, "min": 60, "s": 1}  # largest first
_PARTS = {"ms": 1000, "us": 10**6, "ns": 10**9}  # of a second
_ALIAS = re.compile(
    rf"([1-9][0-9]{{0,17}})?(?:(h|min|s|ms|us|ns|D|B)|W-({'|'.join(_WEEKDAYS)})|"
    rf"M([SE])|([QY])([SE])-({'|'.join(_MONTHS)}))"
)
_TOLERANCE = 0.1  # of a step, for times that are rounded decimal fractions


class Frequency:
    """Even distance of times.

    Parameters
    ----------
    text : str
        As pandas writes it: "h", "15min", "D", "B" (Monday to Friday), "W-SUN", "MS", "ME",
        "QS-JAN", "YE-DEC". For times that are numbers, the distance: "1", "0.25".

    Attributes
    ----------
    text : str
    dated : bool
        Whether the times are dates, not numbers.

    Raises
    ------
    ConfigError
        There is no such frequency.

    Examples
    --------
    >>> Frequency("MS").after(np.datetime64("2024-11-01"), 3).astype("datetime64[D]").tolist()[-1]
    datetime.date(2025, 2, 1)
    """

    def __init__(self, text: str):
        self.text: str = text
        self._kind, self._end = "number", False
        self._step: Any = np.nan
        match = _ALIAS.fullmatch(text)
        if match is None:
            try:
                self._step = float(text) if len(text) <= 32 else np.nan
            except ValueError:
                self._step = np.nan
            if not 0 < self._step < 1e18:
                raise ConfigError(
                    f"the frequency is {text[:40]!r}; expected one such as 'D', 'h' or 'MS'."
                )
            self._step = int(self._step) if self._step == int(self._step) else self._step
        else:
            many, unit, _, month, longer, end, _ = match.groups()
            n = int(many or 1)
            if unit is None and month is None and longer is None:
                self._kind, self._step = "span", n * np.timedelta64(_SECONDS["W"], "s")
            elif unit == "B":
                self._kind, self._step = "business", n
            elif unit is not None and unit in _SECONDS:
                self._kind, self._step = "span", np.timedelta64(n * _SECONDS[unit], "s")
            elif unit is not None:
                self._kind, self._step = "span", np.timedelta64(n, unit)
            else:
                self._kind = "months"
                self._step = n * {"Q": 3, "Y": 12}.get(longer, 1)
                self._end = (month or end) == "E"

    @property
    def dated(self) -> bool:
        """Whether the times are dates, not numbers."""
        return self._kind != "number"

    def places(self, times: np.ndarray) -> np.ndarray | None:
        """Return whole numbers, one more for each step of time; None where times lie between.

        Parameters
        ----------
        times : ndarray of datetime64 or numbers, in ascending order

        Returns
        -------
        ndarray of int64
            Only their differences mean anything.
        """
        if len(times) == 0 or self.dated != (times.dtype.kind == "M"):
            return None if len(times) else np.zeros(0, np.int64)
        if self._kind == "months":
            days = times.astype("datetime64[D]")
            starts = days + 1 if self._end else days
            months = starts.astype("datetime64[M]")
            at = months.astype(np.int64)
            on_grid = (days == times) & (starts == months) & ((at - at[0]) % self._step == 0)
            return at // self._step if on_grid.all() else None
        if self._kind == "business":
            days = times.astype("datetime64[D]")
            at = np.busday_count(days[0], days)
            on_grid = (days == times) & np.is_busday(days) & (at % self._step == 0)
            return at // self._step if on_grid.all() else None
        since = times - times[0]
        if times.dtype.kind == "f":
            at = np.round(since / self._step)
            close = np.abs(since - at * self._step) <= _TOLERANCE * self._step
            return at.astype(np.int64) if close.all() else None
        at, rest = np.divmod(since, self._step)
        return None if np.any(rest.astype(np.int64)) else at.astype(np.int64)

    def after(self, last: Any, n: int) -> np.ndarray:
        """Return the n times after one, ndarray (n,).

        Raises
        ------
        ConfigError
            They are beyond the last date that can be written.
        """
        last = np.asarray(last)
        times = self._moved(last, np.arange(1, n + 1))
        if self.dated and n and not last < times[-1] < np.datetime64("9999-12-31"):
            raise ConfigError(
                f"{n} steps of {self.text!r} after {show_time(last)} reach beyond the year 9999; "
                f"expected fewer."
            )
        return times

    def until(self, last: Any, n: int) -> np.ndarray:
        """Return the n times that end with one, ndarray (n,)."""
        return self._moved(np.asarray(last), np.arange(1 - n, 1))

    def before(self, first: Any, n: int) -> np.ndarray:
        """Return the n times before one, ndarray (n,)."""
        return self._moved(np.asarray(first), np.arange(-n, 0))

    def _moved(self, last, steps):
        """Return the times that are some steps after one."""
        if self._kind in ("number", "span"):
            return last + steps * self._step
        if self._kind == "months":
            day = last.astype("datetime64[D]") + int(self._end)
            months = day.astype("datetime64[M]") + steps * self._step
            return (months.astype("datetime64[D]") - int(self._end)).astype(last.dtype)
        day = last.astype("datetime64[D]")
        return np.busday_offset(day, steps * self._step, "backward").astype(last.dtype)


def infer_frequency(series: Sequence[np.ndarray]) -> Frequency | None:
    """Return the distance that the times of all series have, gaps aside; None where there is none.

    Parameters
    ----------
    series : sequence of ndarray of datetime64 or numbers
        The times of each series, strictly ascending.
    """
    steps = np.concatenate([np.diff(times) for times in series]) if len(series) else np.zeros(0)
    if len(steps) == 0:
        return None
    values, counts = np.unique(steps, return_counts=True)
    usual, often = values[np.argmax(counts)], counts.max() * 2 >= len(steps)
    if steps.dtype.kind == "f":  # equal but for rounding
        longest = max(series, key=len)
        span = longest[-1] - longest[0]
        names = [_decimal(span / np.round(span / step)) for step in (np.median(steps), steps.min())]
    elif steps.dtype.kind == "m":
        names = [*_calendar(series, steps), *(_spans(series, usual) if often else ())]
    else:
        names = [str(usual)] if often else []
    for name in names:
        frequency = Frequency(name)
        if all(_is_of(frequency, times) for times in series):
            return frequency
    return None


def _is_of(frequency, times):
    """Return whether times are on the grid of a frequency and not all further apart."""
    places = frequency.places(times)
    return places is not None and (len(places) < 3 or bool(np.diff(places).min() == 1))


def show_time(time: Any) -> str:
    """Return a time as text: "2024-01-31", "2024-01-31 06:00:00", "12"."""
    time = np.asarray(time)
    if time.dtype.kind != "M":
        return f"{time.item():.10g}" if time.dtype.kind == "f" else str(time.item())
    if time.astype("datetime64[D]") == time:
        return str(time.astype("datetime64[D]"))
    seconds = time.astype("datetime64[s]")
    return str(seconds if seconds == time else time).replace("T", " ")


def show_times(times: np.ndarray) -> list[str]:
    """Return times as text; dates alone where all are at midnight."""
    days = times.dtype.kind == "M" and bool((times.astype("datetime64[D]") == times).all())
    if times.dtype.kind != "M" or days:
        return [show_time(t) for t in times]
    seconds = times.astype("datetime64[s]")
    exact = seconds if (seconds == times).all() else times
    return [str(t).replace("T", " ") for t in exact]


def _decimal(value):
    """Return the shortest decimal number within the tolerance."""
    return next(t for digits in range(1, 17) if _near(t := f"{value:.{digits}g}", value))


def _near(text, value):
    return abs(float(text) - value) <= 1e-6 * abs(value)


def _calendar(series, steps):
    """Return the names of frequencies in months or business days that may fit."""
    times = np.concatenate([*series])
    days = times.astype("datetime64[D]")
    if (days != times).any():
        return []
    names = []
    for end, anchor in ((0, "S"), (1, "E")):
        months = (days + end).astype("datetime64[M]")
        if (months != days + end).any():
            continue
        at = months.astype(np.int64)
        firsts = np.cumsum([0, *map(len, series)])[:-1]
        gaps = np.delete(np.diff(at), firsts[1:] - 1)
        many, counts = np.unique(gaps, return_counts=True)
        names += [_months(int(many[np.argmax(counts)]), int(at[0]) - end, anchor)]
    whole = steps.astype("timedelta64[D]").astype(np.int64)
    if np.is_busday(days).all() and whole.min() == 1:
        crossed = [np.busday_count(t[0], t[-1]) < (t[-1] - t[0]).astype(int) for t in
                   (t.astype("datetime64[D]") for t in series if len(t))]  # fmt: skip
        names += ["B"] * any(crossed)
    return names


def _months(n, at, anchor):
    """Return the name of n months; `at` is one of them, counted from January 1970."""
    if n % 3 or (n % 12 and n > 3 and 12 % n):
        return f"{n if n > 1 else ''}M{anchor}"
    unit, own = ("Y", 12) if n % 12 == 0 else ("Q", 3)
    many = n // own
    month = at % 12 if unit == "Y" else at % 3 + (9 if anchor == "E" else 0)
    return f"{many if many > 1 else ''}{unit}{anchor}-{_MONTHS[month]}"


def _spans(series, step):
    """Return the names of a fixed distance."""
    seconds, rest = divmod(step, np.timedelta64(1, "s"))
    if rest.astype(np.int64):
        unit = next(u for u in _PARTS if not (step % np.timedelta64(1, u)).astype(np.int64))
        return [_several(int(step / np.timedelta64(1, unit)), unit)]
    unit = next(u for u, n in _SECONDS.items() if seconds % n == 0)
    if unit != "W":
        return [_several(int(seconds) // _SECONDS[unit], unit)]
    first = {int((t[0].astype("datetime64[D]").astype(np.int64) + 3) % 7) for t in series if len(t)}
    if len(first) > 1:
        return [_several(int(seconds) // _SECONDS["D"], "D")]
    return [f"{_several(int(seconds) // _SECONDS['W'], 'W')}-{_WEEKDAYS[first.pop()]}"]


def _several(n, unit):
    return unit if n == 1 else f"{n}{unit}"
