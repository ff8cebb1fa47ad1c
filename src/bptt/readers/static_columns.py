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
    if table.is_text(at):
        values = table.texts(at)
    else:
        numbers = table.numbers([at])[:, 0]
        table.refuse_missing(at, np.isnan(numbers))
        values = numbers.tolist()
    column = np.array(values, object)
    first = np.unique(codes, return_index=True)[1]
    wrong = np.flatnonzero(column != column[first][codes])
    if len(wrong):
        row = int(wrong[0])
        whose = "" if ids is None else f" of {ids[codes[row]]!r}"
        raise DataError(
            f"{table.shown(at)}{whose} is {shown(str(column[first[codes[row]]]))} and, in "
            f"{table.place(row)}, {shown(str(column[row]))}; expected one value for each series, "
            f"because it is static."
        )
    return column[first].tolist()
