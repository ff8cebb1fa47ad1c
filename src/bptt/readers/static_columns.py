"""Columns of a data frame that have one value for each series."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from .columns import Columns
from .lines import shown


def one_each(table: Columns, at: int, codes: np.ndarray, ids: Sequence[str] | None) -> list[Any]:
    """Return the value that a column has in each series: numbers, or texts.

    Parameters
    ----------
    table : Columns
    at : int
        Position of the column.
    codes : ndarray of int
        Number of the series of each row.
    ids : sequence of str, optional

    Raises
    ------
    DataError
        An entry is missing, or a series has two values.
    """
    values = table.texts(at) if table.is_text(at) else table.numbers([at])[:, 0].tolist()
    own: dict[int, Any] = {}
    for row, (code, value) in enumerate(zip(codes.tolist(), values, strict=True)):
        first = own.setdefault(code, value)
        if value != first:
            whose = "" if ids is None else f" of {ids[code]!r}"
            raise DataError(
                f"{table.shown(at)}{whose} is {shown(str(first))} and, in {table.place(row)}, "
                f"{shown(str(value))}; expected one value for each series, because it is static."
            )
    return [own[code] for code in range(len(own))]
