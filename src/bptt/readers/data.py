"""`Data`: what readers return and what models take."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

Path = str | os.PathLike[str]


class Caution(str):
    """A note that a user should see: models that take a data frame warn of it."""


@dataclass(frozen=True)
class Data:
    """Sequences, their labels, ids and names, as read from a file or a data frame.

    All readers return it, and every model takes it in place of `X`.

    Attributes
    ----------
    X : list
        For each sequence an array of float64 (T, n) or float32, a str or a list of words. Of time
        series, an array (T, n) for each series.
    y : list, optional
        For each sequence a label or a number, or a list with one for each step.
    columns : tuple of str
        Names of the n features; empty where there are none.
    ids : list of str, optional
        Names of the sequences or series.
    whole_ids : bool
        Whether the ids were whole numbers: forecasts have them as numbers again.
    index : list of ndarray, optional
        For each series the times of its steps: datetime64 or whole numbers.
    zone : str, optional
        Time zone that forecasts are returned in; the times of the index are UTC then.
    frequency : str, optional
        Distance of the times, as pandas writes it: "h", "D", "MS"; of whole numbers "1".
    notes : tuple of str
        What was left out, skipped, sorted, filled or guessed: one sentence each.
    ids_name, index_name, label_name : str, optional
        Names of the columns that held the ids, the times and the labels.
    static : dict of str to list, optional
        Columns with one value for each series: numbers, or str.
    """

    X: Any
    y: Any = None
    columns: tuple[str, ...] = ()
    ids: list[str] | None = None
    index: list[Any] | None = None
    frequency: str | None = None
    notes: tuple[str, ...] = ()
    ids_name: str | None = None
    index_name: str | None = None
    label_name: str | None = None
    static: dict[str, list[Any]] | None = None
    whole_ids: bool = False
    zone: str | None = None

    @staticmethod
    def parts(X: Any, y: Any = None) -> tuple[Any, Any]:
        """Return X and y of what may be `Data`, or X and y apart."""
        return (X.X, X.y) if isinstance(X, Data) else (X, y)

    def __iter__(self) -> Iterator[Any]:
        """Yield X and y: ``X, y = read_ts(path)``."""
        yield from (self.X, self.y)

    def but(self, **changes: Any) -> Self:
        """Return the data with some attributes replaced."""
        return replace(self, **changes)
