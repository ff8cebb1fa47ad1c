"""The ``.ts`` format of the UEA and UCR archives of time series classification.

Lines that begin with # or % are comments, lines that begin with @ the header. Each line after @data
is one case: channels separated by colons, their values by commas, the class or target last (Loning
et al. 2019, sktime). With time stamps a value is written as (time,value).
"""

import contextlib
import re
from collections import Counter
from typing import Any

import numpy as np

from ..errors import operation
from .data import Data, Path
from .lines import Lines, counted, shown
from .time_stamps import Stamps, split_channels

_FLAGS = ("timestamps", "missing", "univariate", "equallength", "classlabel", "targetlabel")
_COUNTS = ("dimensions", "dimension", "serieslength")
_OTHER = ("problemname", "data")
_COMMENTS = ("#", "%")
_MISSING = ("?", "nan")
_PLAIN = re.compile(r"[0-9.+\-eE, ]*")  # numbers that NumPy reads as `Lines.value` does


@operation
def read_ts(path: Path, *, encoding: str | None = None) -> Data:
    """Read a file of the UEA and UCR archives.

    Missing values, ``?`` or NaN, become NaN. Where all cases have the same number of values, those
    missing at the end of a case are no steps: the case is shorter. Time stamps are read if the
    steps are evenly spaced. A class that the header lists in another case is spelled as there.

    Parameters
    ----------
    path : path-like
    encoding : str, optional
        Of a file without a byte-order mark. Default: UTF-8; comments may be in any encoding.

    Returns
    -------
    Data
        X : list of ndarray of float64, shape (T, channels); y : list of str (``@classLabel true``),
        list of float (``@targetLabel true``) or None; index : the times, where there are any;
        notes : what was skipped.

    Raises
    ------
    DataError
        The file cannot be read; the header contradicts itself or the data; the channels of a case
        have different lengths or times; the steps are not evenly spaced; a class is not listed in
        the header.
    """
    lines = Lines(path, encoding, _COMMENTS)
    header: dict[str, Any] = {}
    cases, X, y, comments = _Cases(lines, header), [], [], 0
    for line in lines:
        if not (line := line.strip()):
            continue
        if line.startswith(_COMMENTS):
            comments += 1
        elif "data" not in header:
            _add_to(header, line, lines)
        else:
            x, target = cases.read(line)
            X.append(x)
            y.append(target)
    if not X:
        lines.refuse_file("holds no case", "at least one line after @data")
    notes = [f"Skipped {counted(comments, 'comment line')}."] if comments else []
    if unknown := header.get("unknown"):
        notes.append(f"Skipped the unknown header lines {', '.join(unknown)}.")
    notes += cases.notes(len(X))
    if header.get("equallength", True) and len({len(x) for x in X}) == 1:
        shorter = [_without_missing_end(x) for x in X]
        if n := sum(len(a) < len(b) for a, b in zip(shorter, X, strict=True)):
            notes.append(
                f"Values are missing at the end of {n:,} of {len(X):,} cases, which are shorter."
            )
        X = shorter
    index = cases.stamps.index([len(x) for x in X])
    labeled = header.get("classlabel") or header.get("targetlabel")
    return Data(X, y if labeled else None, index=index, notes=tuple(notes))


def _without_missing_end(x):
    """Return a case up to the last step that has a value; a case without values as it is."""
    steps = np.flatnonzero(~np.isnan(x).all(axis=1))
    return x[: steps[-1] + 1] if len(steps) else x


def _add_to(header, line, lines: Lines):
    """Read one line of the header."""
    key, *values = line.split()
    name = key[1:].lower()
    if not key.startswith("@"):
        lines.refuse(f"is {shown(line)} before @data", "a header line that begins with @, # or %")
    if name not in _FLAGS + _COUNTS + _OTHER:
        header.setdefault("unknown", []).append(shown(key, 40, ""))
        if len(header["unknown"]) > 100:
            lines.refuse("is the 101st unknown header line", "those of the .ts format")
        return
    if name in header or (name == "dimension" and "dimensions" in header):
        lines.refuse(f"has {shown(key)} a second time", "every header once")
    header[name] = values
    if name in _FLAGS:
        if not values or values[0].lower() not in ("true", "false"):
            lines.refuse(f"is {shown(line)}", f"{key} true or {key} false")
        header[name] = values[0].lower() == "true"
    if name in _COUNTS:
        number = "".join(values)
        whole = number.isascii() and number.isdigit() and len(number) < 19
        # Writers of files whose lengths vary put 0 there.
        if not whole or (int(number) == 0 and name != "serieslength"):
            lines.refuse(f"is {shown(line)}", f"{key} and a whole number >= 1")
        header["dimensions" if name == "dimension" else name] = int(number)
    if header.get("equallength") and header.get("serieslength") == 0:
        lines.refuse(f"is {shown(line)}", "a @seriesLength >= 1, because @equalLength is true")
    if name == "classlabel" and header[name]:
        header["classes"] = _spellings(values[1:])
        if not values[1:]:
            lines.refuse("lists no class", "the classes after @classLabel true")
    if header.get("classlabel") and header.get("targetlabel"):
        lines.refuse("declares a target as well as a class", "one of the two")


def _spellings(classes):
    """Return classes by their names, and those by their names in lower case that are distinct."""
    count = Counter(c.lower() for c in classes)
    return set(classes), {c.lower(): c for c in classes if count[c.lower()] == 1}


class _Cases:
    """Read cases, and remember what was found in them."""

    def __init__(self, lines: Lines, header: dict[str, Any]):
        self.stamps = Stamps(lines)
        self._lines, self._header = lines, header
        self._respelled = 0

    def read(self, line: str) -> tuple[np.ndarray, Any]:
        """Return a case: its steps (T, channels) and its class, target or None."""
        lines, header = self._lines, self._header
        *channels, target = split_channels(line)
        if header.get("classlabel"):
            target = self._class(target.strip())
        elif header.get("targetlabel"):
            target = self._number(target, "the target")
            if np.isnan(target):
                lines.refuse("has no target", "a number after the last colon")
        else:
            channels, target = [*channels, target], None
        if not channels:
            lines.refuse("has one field only", "channels and a class, separated by colons")
        # The first case determines what the header does not declare.
        n = header.setdefault("dimensions", 1 if header.get("univariate") else len(channels))
        if len(channels) != n:
            lines.refuse(
                f"has {len(channels)} channels", f"{n}, as in the header or the first case"
            )
        values = [self._channel(text, k) for k, text in enumerate(channels, start=1)]
        uneven = next((k for k, v in enumerate(values, start=1) if len(v) != len(values[0])), None)
        if uneven:
            lines.refuse(
                f"has {len(values[uneven - 1])} values in channel {uneven}",
                f"{len(values[0])}, as in channel 1",
            )
        if header.get("equallength"):
            length = header.setdefault("serieslength", len(values[0]))
            if len(values[0]) != length:
                lines.refuse(
                    f"has {len(values[0])} steps", f"{length}, because @equalLength is true"
                )
        self.stamps.end_case()
        return np.stack(values, axis=1), target

    def notes(self, n_cases: int) -> list[str]:
        """Return sentences about what was found."""
        notes = self.stamps.notes()
        if self._respelled:
            notes.append(
                f"The classes of {self._respelled:,} of {n_cases:,} cases are spelled as in the "
                f"header, which differs in upper and lower case."
            )
        return notes

    def _class(self, target):
        known, by_case = self._header["classes"]
        name = target if target in known else by_case.get(target.lower())
        if name is None:
            self._lines.refuse(f"ends in the class {shown(target)}", "one that @classLabel lists")
        self._respelled += name != target
        return name

    def _channel(self, text, k):
        name, stamped = f"channel {k}", self._header.get("timestamps")
        if not text.strip():
            self._lines.refuse(f"has nothing in {name}", "a value for each step")
        if "(" in text and stamped is not False:
            text = self.stamps.read(text, k)
        elif "(" in text:
            self._lines.refuse(
                f"has time stamps in {name}", "values only, because @timeStamps is false"
            )
        elif stamped:
            self._lines.refuse(
                f"has no time stamps in {name}", "(time,value), because @timeStamps is true"
            )
        return self._numbers(text, name)

    def _numbers(self, text, name):
        texts = text.split(",")
        if _PLAIN.fullmatch(text):
            with contextlib.suppress(ValueError):  # the slow way finds the place
                values = np.array(texts, np.float64)
                if np.isfinite(values).all():
                    return values
        return np.array([self._number(text, name) for text in texts])

    def _number(self, text, name):
        if not text.strip():
            self._lines.refuse(f"has an empty value in {name}", "a number, or ? if it is missing")
        return self._lines.value(text, name, _MISSING)
