"""Columns of a data frame: found by name or number, read as numbers or as texts."""

import re
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from .. import extras
from ..errors import ConfigError, DataError
from .lines import shown

Column = str | int

_UNNAMED = re.compile(r"\s*(|nan|None|Unnamed: [0-9]+)\s*")  # as pandas names them
_EXACT = 2**53  # whole numbers up to here survive float64


class Position(int):
    """A column's position in a data frame, whatever names the columns have."""


class Columns:
    """The columns of a data frame by position, its index among them where that means something.

    Parameters
    ----------
    df : pandas.DataFrame

    Attributes
    ----------
    names : list of str
    n_rows : int
    notes : list of str

    Raises
    ------
    DataError
        The data frame has no rows or no columns.
    """

    def __init__(self, df: Any):
        self._pd = extras.load("pandas", extra="tables", why="to read tables")
        if isinstance(df, self._pd.Series):
            df = df.to_frame("y" if df.name is None else df.name)
        if not isinstance(df, self._pd.DataFrame):
            raise ConfigError(f"df is a {type(df).__name__}; expected a pandas.DataFrame.")
        own = df.index
        counts = isinstance(own, self._pd.RangeIndex) or own.dtype.kind in "iuf"
        if own.nlevels > 1 or own.name is not None or not counts:
            taken = {str(name) for name in df.columns}
            usual = "index" if counts or own.dtype.kind == "O" else "time"
            names = [self._free(name, usual, k, taken) for k, name in enumerate(own.names)]
            df = df.reset_index(names=names)
        self.names: list[str] = [self._name(name, k) for k, name in enumerate(df.columns)]
        self.n_rows: int = len(df)
        self.notes: list[str] = []
        self._origin = df.attrs.get("origin")
        self._df = self._without_empty(df)
        if self.n_rows == 0:
            raise DataError("the table holds no row; expected at least one.")
        if not self.names:
            raise DataError("the table holds no column; expected at least one.")

    def _without_empty(self, df):
        """Leave out columns without name and value: a separator at the end of each line."""
        kept = [
            k
            for k, name in enumerate(df.columns)
            if not (isinstance(name, str) and self.is_unnamed(name) and df.iloc[:, k].isna().all())
        ]
        if len(kept) < len(self.names):
            gone = [name for k, name in enumerate(self.names) if k not in kept]
            self.notes.append(f"{', '.join(gone[:5])} without name and values: left out.")
            self.names = [self.names[k] for k in kept]
        return df.iloc[:, kept]

    def _free(self, name, usual, k, taken):
        name = (usual if k == 0 else f"level_{k}") if name is None else name
        while str(name) in taken:
            name = f"{name}_"
        return name

    def _name(self, name, k):
        if isinstance(name, tuple):  # of a MultiIndex
            return " ".join(str(part) for part in name)
        return f"column {k}" if name is None or self.is_unnamed(str(name)) else str(name)

    @staticmethod
    def is_unnamed(name: str) -> bool:
        """Return whether a name stands for none, as in a column of a file without a name."""
        return _UNNAMED.fullmatch(name) is not None

    def unnamed_first(self) -> bool:
        """Return whether the first column has no name."""
        first = self._df.columns[0]
        return isinstance(first, str) and self.is_unnamed(first)

    def find(self, column: Column | None) -> int | None:
        """Return the position of a column that is given by name or number.

        Raises
        ------
        DataError
            There is no such column, or several.
        """
        if column is None:
            return None
        if isinstance(column, Position):
            return int(column)
        if isinstance(column, str) and self.names.count(column) == 1:
            return self.names.index(column)
        if not isinstance(column, str) and column in self._df.columns:
            return self.names.index(str(column))
        try:
            at = int(column)
        except ValueError:
            at = len(self.names)
        many = self.names.count(str(column))
        if many or not -len(self.names) <= at < len(self.names):
            what = ", ".join(self.shown(k) for k in range(min(20, len(self.names))))
            what += ", ..." * (len(self.names) > 20)
            often = f" {many} times" if many else ""
            raise DataError(
                f"the table has the columns {what}; expected {shown(str(column))} once among "
                f"them{', not' * bool(often)}{often}."
            )
        return at % len(self.names)

    def place(self, row: int) -> str:
        """Return where a row is, counted from 0: "row 5", or "line 6" of a file."""
        return self._origin.line(row) if self._origin is not None else f"row {row + 1}"

    def shown(self, at: int) -> str:
        """Return the name of a column for a message."""
        return shown(self.names[at], 60, "")

    def choose(self, columns: Sequence[Column] | None, special: set[int]) -> list[int]:
        """Return the positions of the columns of numbers: all others than `special` by default.

        Raises
        ------
        DataError
        """
        if columns is None:
            chosen = [at for at in range(len(self.names)) if at not in special]
        else:
            columns = [columns] if isinstance(columns, (str, int)) else list(columns)
            chosen = [at for column in columns if (at := self.find(column)) is not None]
        if both := special.intersection(chosen):
            raise DataError(
                f"{self.shown(min(both))} is named among the columns of numbers and elsewhere; "
                f"expected it named once."
            )
        if not chosen:
            raise DataError("the table leaves no column of numbers; expected at least one.")
        return chosen

    def series(self, at: int) -> Any:
        """Return a column as a pandas.Series."""
        return self._df.iloc[:, at]

    def is_text(self, at: int) -> bool:
        """Return whether a column holds texts."""
        column = self.series(at)
        kinds = self._pd.api.types
        if isinstance(column.dtype, self._pd.CategoricalDtype):
            return not kinds.is_numeric_dtype(column.cat.categories.dtype)
        return kinds.is_object_dtype(column.dtype) or kinds.is_string_dtype(column.dtype)

    def is_number(self, at: int) -> bool:
        """Return whether a column holds numbers, by its dtype."""
        kinds = self._pd.api.types
        dtype = self.series(at).dtype
        return kinds.is_numeric_dtype(dtype) and not (
            kinds.is_bool_dtype(dtype) or kinds.is_complex_dtype(dtype)
        )

    def is_whole(self, at: int) -> bool:
        """Return whether a column holds whole numbers, by its dtype."""
        return self._pd.api.types.is_integer_dtype(self.series(at).dtype)

    def numbers(self, chosen: list[int]) -> np.ndarray:
        """Return columns as an array of float64 (rows, columns), NaN where a value is missing.

        Raises
        ------
        DataError
            A value is not a number.
        """
        values = np.empty((self.n_rows, len(chosen)))
        for k, at in enumerate(chosen):
            values[:, k] = self._column_of_numbers(at)
        return values

    def _column_of_numbers(self, at):
        column, kinds = self.series(at), self._pd.api.types
        if isinstance(column.dtype, self._pd.CategoricalDtype) and not self.is_text(at):
            column = column.astype(column.cat.categories.dtype)
        if kinds.is_complex_dtype(column.dtype) or not (
            kinds.is_numeric_dtype(column.dtype) or self.is_text(at)
        ):
            self._refuse_number(at, 0, column.iloc[0])
        try:
            column = self._of_texts(at, column) if self.is_text(at) else column
            values = column.to_numpy(np.float64, na_value=np.nan)
        except OverflowError:
            raise DataError(
                f"{self.shown(at)} holds a whole number too large for float64; expected numbers "
                f"below 1.8e308."
            ) from None
        if kinds.is_integer_dtype(column.dtype) and (np.abs(values) > _EXACT).any():
            self.notes.append(
                f"{self.shown(at)} holds whole numbers above 2**53, which keep 15 digits."
            )
        return values

    def _of_texts(self, at, column):
        texts = column.astype(object)
        column = self._pd.to_numeric(texts, errors="coerce")
        wrong = np.flatnonzero((column.isna() & texts.notna()).to_numpy())
        if len(wrong):
            self._refuse_number(at, wrong[0], texts.iloc[wrong[0]])
        return column

    def _refuse_number(self, at, row, value) -> NoReturn:
        also = ""
        if self.as_texts(self.series(at)).nunique() * 2 <= self.n_rows:
            also = ", or name it as ids (--sequence) or as one value for each series (--static)"
        raise DataError(
            f"{self.shown(at)} holds {shown(str(value))} in {self.place(row)}; expected numbers: "
            f"choose the columns to read{also}."
        )

    def texts(self, at: int) -> list[str]:
        """Return the entries of a column as texts, stripped of white space at their ends.

        Raises
        ------
        DataError
            An entry is empty.
        """
        column = self.series(at)
        texts = self.as_texts(column)
        self.refuse_missing(at, (column.isna() | (texts == "")).to_numpy())
        return texts.tolist()

    def refuse_missing(self, at: int, missing: np.ndarray, what: str = "an entry") -> None:
        """Raise where an entry of a column is missing.

        Raises
        ------
        DataError
        """
        if missing.any():
            row = int(np.argmax(missing))
            raise DataError(
                f"{self.shown(at)} has nothing in {self.place(row)}; expected {what} in every row."
            )

    def as_texts(self, column: Any) -> Any:
        """Return a column as texts: whole numbers without a fraction."""
        if self._pd.api.types.is_float_dtype(column.dtype):
            whole = column.dropna()
            if (whole == np.floor(whole)).all() and (whole.abs() < _EXACT).all():
                column = column.astype("Int64")
        return column.astype(object).astype(str).str.strip()

    def labels(self, at: int) -> list[Any]:
        """Return the entries of a column as they are: texts, numbers or booleans.

        Raises
        ------
        DataError
            An entry is missing.
        """
        if self.is_text(at):
            return self.texts(at)
        column = self.series(at)
        self.refuse_missing(at, column.isna().to_numpy(), "a label")
        return column.tolist()

    def groups(self, at: int) -> tuple[np.ndarray, list[str]]:
        """Return the number of each row's group, in order of first appearance, and their names.

        An empty entry continues the group above where every other entry begins a new one, as in
        tables that name a sentence in its first row alone.

        Raises
        ------
        DataError
            An entry is empty in a table of another kind.
        """
        column = self.series(at)
        missing = column.isna() | (self.as_texts(column) == "")
        if missing.any() and not missing.iloc[0] and column[~missing].is_unique:
            self.notes.append(
                f"{int(missing.sum()):,} rows without an entry in {self.shown(at)} continue the "
                f"one above."
            )
            column = column.mask(missing).ffill()
            missing = column.isna()
        if missing.any():
            self.texts(at)  # raises
        codes, names = self._pd.factorize(self.as_texts(column))
        return codes.astype(np.int64), [str(name) for name in names]
