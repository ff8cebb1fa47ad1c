"""How forecasts of series are named and dated, and the form in which they are returned."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from .. import extras
from ..checks import is_whole
from ..errors import ConfigError
from ..readers.dates import in_zone
from ..readers.times import Frequency, show_times

_LONGEST_NAME = 2**10


@dataclass(frozen=True)
class Layout:
    """How forecasts are named and dated: as the series that they continue.

    Attributes
    ----------
    single : bool
        Whether there is one series, whose forecast has no axis of series.
    framed : bool
        Whether forecasts are data frames.
    names : tuple of str
        Names of the values; empty where they have none.
    ids : tuple of str, optional
        Names of the series.
    whole_ids : bool
        Whether the ids are whole numbers in what a user gets.
    ends : tuple of int or float, optional
        The last time of each series: a number, or microseconds since 1970 (UTC).
    frequency : str, optional
        Distance of the times, see `bptt.readers.times.Frequency`.
    ids_name, index_name : str, optional
        Names of the columns of ids and times.
    zone : str, optional
        Time zone of the times in what a user gets.
    mapped : bool
        Whether forecasts are a dict by id.
    """

    single: bool = True
    framed: bool = False
    names: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None
    ends: tuple[int | float, ...] | None = None
    frequency: str | None = None
    ids_name: str | None = None
    index_name: str | None = None
    mapped: bool = False
    whole_ids: bool = False
    zone: str | None = None

    def times(self, horizon: int) -> list[np.ndarray] | None:
        """Return the next times of each series, or None where they have none."""
        return self._each(horizon, Frequency.after)

    def times_until(self, n: int) -> list[np.ndarray] | None:
        """Return the last n times of each series, or None where they have none."""
        return self._each(n, Frequency.until)

    def _each(self, n, times):
        if self.ends is None or self.frequency is None:
            return None
        frequency = Frequency(self.frequency)
        ends: list[Any] = list(self.ends)
        if frequency.dated:
            ends = [np.datetime64(end, "us") for end in ends]
        return [times(frequency, end, n) for end in ends]

    def form(self, forecasts: np.ndarray) -> Any:
        """Return forecasts (m, horizon, k) as a user gets them: arrays or data frames."""
        if self.mapped:
            return {
                name: self._alone(i).form(forecasts[i : i + 1])
                for i, name in enumerate(self.given_ids(len(forecasts)))
            }
        if self.framed:
            return self.frame(forecasts)
        return forecasts[0] if self.single else forecasts

    def frame(self, forecasts: np.ndarray) -> Any:
        """Return forecasts (m, horizon, k) as a data frame.

        One series: times are its index, names its columns. Several: columns of ids, times and
        values, one row for each step.
        """
        pd = extras.load("pandas", extra="tables", why="for forecasts as data frames")
        m, horizon, k = forecasts.shape
        times, names = self.times(horizon), self.columns(k)
        steps = [np.arange(1, horizon + 1)] * m if times is None else times
        index_name = "step" if times is None else self.index_name
        if self.single:
            index = pd.Index(self.in_zone(steps[0]), name=index_name)
            return pd.DataFrame(forecasts[0], index=index, columns=list(names))
        ids = np.array(self.given_ids(m), np.int64 if self.whole_ids else object)
        table = {self.ids_name or "series": np.repeat(ids, horizon)}
        table[index_name or "time"] = self.in_zone(np.concatenate(steps))
        table |= {name: forecasts[:, :, j].reshape(-1) for j, name in enumerate(names)}
        return pd.DataFrame(table)

    def _alone(self, i):
        """Return the layout of one of several series."""
        ends = None if self.ends is None else self.ends[i : i + 1]
        return replace(self, single=True, mapped=False, ids=None, ids_name=None, ends=ends)

    def given_ids(self, m: int) -> list[Any]:
        """Return the ids of m series as they were given; numbers from 1 where they have none."""
        ids = self.ids or [str(i + 1) for i in range(m)]
        return list(map(int, ids)) if self.whole_ids else list(ids)

    def in_zone(self, times: np.ndarray) -> Any:
        """Return dates as a pandas DatetimeIndex in the time zone; other times as they are."""
        return times if self.zone is None or times.dtype.kind != "M" else in_zone(times, self.zone)

    def columns(self, k: int) -> tuple[str, ...]:
        """Return the names of the values: numbered where they have none."""
        return self.names or tuple(f"value {j + 1}" for j in range(k))

    def rows(
        self,
        parts: Sequence[tuple[str, np.ndarray]],
        scale: np.ndarray,
        columns: Sequence[str],
        typed: bool = False,
    ) -> Iterator[list[Any]]:
        """Yield a heading, then each step of forecasts: as text, or times and numbers.

        Parameters
        ----------
        parts : sequence of (str, ndarray), each (m, horizon, k)
            What is written of each value, and what its name ends in: "" or " lower".
        scale : ndarray, shape (k,)
            Standard deviations of the values, which digits depend on.
        columns : sequence of str
            Names of the values, where the series have none; numbered where not given.
        typed : bool
            Times and numbers as they are, not as text.
        """
        m, horizon, k = parts[0][1].shape
        names = self.names or columns
        names = names if len(names) == k else self.columns(k)
        every, several = self.times(horizon), not self.single
        heading = "step" if every is None else self.index_name or "time"
        titles = [name + part for name in names for part, _ in parts]
        yield [*[self.ids_name or "series"] * several, heading, *titles]
        ids = self.given_ids(m)
        digits = np.repeat(scale, len(parts))
        for i, series in enumerate(np.stack([a for _, a in parts], axis=-1)):
            steps = np.arange(1, horizon + 1) if every is None else every[i]
            own = self.in_zone(steps)
            if typed:
                times = own.tolist()
            else:
                times = show_times(steps) if own is steps else list(map(str, own))
            for time, row in zip(times, series, strict=True):
                flat = row.reshape(-1)
                values = flat.tolist() if typed else map(_show_value, flat, digits)
                yield [*[ids[i]] * several, time, *values]

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {n: list(v) if isinstance(v, tuple) else v for n, v in asdict(self).items()}

    @classmethod
    def from_json(cls, state: dict[str, Any], m: int | None, k: int) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Parameters
        ----------
        state : dict
        m : int or None
            Number of series, where it is known.
        k : int
            Number of values in a step.

        Raises
        ------
        ConfigError, KeyError, TypeError
        """
        if not isinstance(state, dict):
            raise ConfigError("its layout is not a dict.")
        given: dict[str, Any] = {
            n: tuple(v) if isinstance(v, list) else v for n, v in state.items()
        }
        own = cls(**given)
        parts = (own.names, own.ids or (), own.ends or ())
        if not all(isinstance(part, tuple) for part in parts):
            raise ConfigError("its names, ids or ends are not lists.")
        texts = [
            *own.names,
            *(own.ids or ()),
            own.frequency,
            own.ids_name,
            own.index_name,
            own.zone,
        ]
        if not all(t is None or (isinstance(t, str) and len(t) <= _LONGEST_NAME) for t in texts):
            raise ConfigError("its names are not texts.")
        for name in ("single", "framed", "mapped", "whole_ids"):
            if not isinstance(getattr(own, name), bool):
                raise ConfigError(f"its {name} is not a bool.")
        if own.whole_ids and not all(re.fullmatch(r"-?[0-9]{1,18}", i) for i in own.ids or ()):
            raise ConfigError("its ids are not whole numbers.")
        if len(own.names) not in (0, k) or len(set(own.names)) < len(own.names):
            raise ConfigError(f"its names are not those of {k} values.")
        many = {len(part) for part in (own.ids, own.ends) if part is not None}
        if len(many) > 1 or (many and m is not None and many != {m}):
            raise ConfigError("its ids and times are not those of its series.")
        dated = own.frequency is not None and Frequency(own.frequency).dated
        for end in own.ends or ():
            good = is_whole(end) if dated else isinstance(end, (int, float))
            if not good or not abs(end) < 2**62:
                raise ConfigError(f"its series end at {end!r:.40}.")
        return own


def _show_value(value: float, scale: float) -> str:
    """Return a number with 8 digits, and as many more as the series is far from 0."""
    more = int(np.log10(max(abs(value) / scale, 1)))
    return f"{value:.{min(8 + more, 17)}g}"
