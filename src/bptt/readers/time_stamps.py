"""Time stamps in ``.ts`` files: (time,value), where a time is a number or a date."""

import re
from typing import Any

import numpy as np

from .lines import MAX_NUMBER, Lines, shown

_BETWEEN = re.compile(r"\)\s*,\s*\(")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", re.ASCII)


def split_channels(line: str) -> list[str]:
    """Split a case at its colons, except those of times in parentheses."""
    if "(" not in line:
        return line.split(":")
    safe = re.sub(r"\([^()]*\)", lambda match: match[0].replace(":", "\0"), line)
    return [field.replace("\0", ":") for field in safe.split(":")]


class Stamps:
    """The time stamps of a file: all steps must have the same distance.

    Parameters
    ----------
    lines : Lines
        Of the file, for messages.
    """

    def __init__(self, lines: Lines):
        self._lines = lines
        self._times: list[np.ndarray] = []  # of each case that has them
        self._own: np.ndarray | None = None  # of the current case
        self._distance: Any = None

    def read(self, text: str, channel: int) -> str:
        """Return the values of a channel, separated by commas; check its times."""
        body = text.strip()
        if not (body.startswith("(") and body.endswith(")")):
            self._lines.refuse(f"has {shown(body)} in channel {channel}", "(time,value),(time,...")
        pairs = [entry.rpartition(",") for entry in _BETWEEN.split(body[1:-1])]
        times = self._as_times([time.strip() for time, _, _ in pairs], channel)
        if self._own is None:
            self._own = times
            self._check_distance(times)
        elif times.dtype != self._own.dtype or not np.array_equal(times, self._own):
            self._lines.refuse(f"has other times in channel {channel}", "those of channel 1")
        return ",".join(value for _, _, value in pairs)

    def _as_times(self, texts, channel):
        dates = _DATE.fullmatch(texts[0]) is not None
        times = []
        for text in texts:
            try:
                if dates and _DATE.fullmatch(text):
                    times.append(np.datetime64(text, "us"))
                    continue
                if not dates and len(text) <= MAX_NUMBER and np.isfinite(time := float(text)):
                    times.append(time)
                    continue
            except ValueError:
                pass
            self._lines.refuse(
                f"has the time {shown(text)} in channel {channel}",
                "dates such as 2020-01-31 12:00:00, or numbers",
            )
        return np.array(times)

    def _check_distance(self, times):
        with np.errstate(over="ignore"):
            distances = np.diff(times)
        if not len(distances):
            return
        first = self._distance = distances[0] if self._distance is None else self._distance
        if isinstance(first, np.timedelta64):
            uneven = distances != first
        elif distances.dtype.kind == "m":
            self._lines.refuse("has dates as times", "numbers, as in the cases before")
        else:
            with np.errstate(all="ignore"):
                rounding = 1e-6 * abs(first) + 8 * np.spacing(np.abs(times).max())
                uneven = ~(np.abs(distances - first) <= rounding)
        if uneven.any() or not first > 0 * first:
            t = int(np.argmax(uneven))
            self._lines.refuse(
                f"has the times {times[t]} and {times[t + 1]} one after another",
                f"steps that are {_named(first)} apart, as the first two are"
                if uneven.any()
                else "times that rise",
            )

    def end_case(self) -> None:
        """Keep the times of the case that was read."""
        if self._own is not None:
            self._times.append(self._own)
        elif self._times:
            self._lines.refuse("has no time stamps", "(time,value), as in the cases before")
        self._own = None

    def index(self, lengths: list[int]) -> list[np.ndarray] | None:
        """Return the times of the first steps of each case, or None."""
        if not self._times or len(self._times) != len(lengths):
            return None
        return [times[:n] for times, n in zip(self._times, lengths, strict=True)]

    def notes(self) -> list[str]:
        """Return a sentence about the distance of the steps, if there is one."""
        if self._distance is None:
            return []
        return [f"The time stamps are evenly spaced: {_named(self._distance)} apart."]


def _named(distance):
    if isinstance(distance, np.timedelta64):
        return f"{distance / np.timedelta64(1, 's'):g} s"
    return f"{distance:g}"
