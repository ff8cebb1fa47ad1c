"""What data hold, in words: lines that the commands print after their first one."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from .data import Data
from .lines import shown
from .times import show_time

_MOST = 10  # names in a line


def described(data: Data) -> list[str]:
    """Return lines about the sequences or series, their columns, times and labels.

    The notes of the data are not among them.
    """
    if not isinstance(data.X, list) or not data.X:
        return []
    lines = list(_series(data) if data.y is None and data.index is not None else ())
    lines += [_steps(data), *_missing(data)]
    if data.y is not None:
        lines.append(_labels(data))
    return lines


def counted(names: Iterable[object]) -> str:
    """Return names separated by commas, cut after the tenth, with their number."""
    names = list(names)
    text = ", ".join(shown(str(n), 40, "'" * ("," in str(n))) for n in names[:_MOST])
    return f"{text}, ... ({len(names):,} in all)" if len(names) > _MOST else text


def _steps(data):
    """Return the kind of steps, and how many there are in a sequence."""
    x = data.X[0]
    lengths = [len(x) for x in data.X]
    least, most = min(lengths), max(lengths)
    count = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    if isinstance(x, str):
        return f"Input: texts of {count} character{'s' * (most != 1)}."
    if isinstance(x, list):
        return f"Input: lists of {count} word{'s' * (most != 1)}."
    n = np.shape(x)[1] if np.ndim(x) > 1 else 1
    text = f"Input: {count} step{'s' * (most != 1)} of {n} column{'s' * (n != 1)}"
    if len(data.columns) == n:
        return f"{text}: {counted(data.columns)}."
    if n == 1 and len(data.columns) > 1:
        return f"{text}; the steps are the columns {counted(data.columns)}."
    return f"{text}."


def _missing(data) -> Iterator[str]:
    """Yield how many values are missing."""
    if isinstance(data.X[0], np.ndarray) and data.X[0].dtype.kind == "f":
        missing = sum(int(np.isnan(x).sum()) for x in data.X)
        if missing:
            yield f"{missing:,} value{'s are' if missing > 1 else ' is'} missing."


def _series(data) -> Iterator[str]:
    """Yield the series and their times."""
    if data.ids is not None:
        yield f"Series by {data.ids_name or 'id'}: {counted(data.ids)}."
    if not data.index or not len(data.index[0]):
        return
    first = min(times[0] for times in data.index)
    last = max(times[-1] for times in data.index)
    frequency = f", frequency {data.frequency}" if data.frequency else ""
    yield f"Index: {data.index_name or 'time'}, {show_time(first)} to {show_time(last)}{frequency}."


def _labels(data):
    """Return the labels with their counts, or the range of the numbers to predict."""
    name = f"Label {shown(data.label_name, 40, '')}" if data.label_name else "Label"
    y: list[Any] = list(data.y)
    if isinstance(y[0], list):
        y = list(chain.from_iterable(y))
    if isinstance(y[0], float):
        return f"{name}: numbers from {min(y):.6g} to {max(y):.6g}."
    counts = Counter(y)
    kinds = [f"{shown(str(k), 40, '')} ({n:,})" for k, n in sorted(counts.items(), key=str)]
    return f"{name}: {counted(kinds)}."
