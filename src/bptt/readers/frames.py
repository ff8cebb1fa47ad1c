"""Data frames into sequences and series."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError, operation
from .columns import Column, Columns
from .data import Data
from .frame_index import find_index, grid, row_numbers, sort_rows
from .lines import shown
from .static_columns import one_each

# Names of the columns of ids and times in long tables of several series.
_CONVENTIONS = (("unique_id", "ds"), ("item_id", "timestamp"))


@operation
def series_of_frame(
    df: Any,
    *,
    group: Column | None = None,
    time: Column | None = None,
    columns: Sequence[Column] | None = None,
    fill_gaps: bool = False,
    static: Sequence[Column] = (),
) -> Data:
    """Read time series from a data frame: each row is a time step.

    Without `group` there is one series with a value for each column of numbers. In a long frame,
    `group` is the column of the series' ids; it is found where the columns are called `unique_id`
    and `ds`.

    The times are those of `time`, of an index of dates, or of a column of dates or of numbers that
    rise evenly and have the name of an index. They are sorted, and are not values.

    Parameters
    ----------
    df : pandas.DataFrame or pandas.Series
    group : str or int, optional
        Column of the series' ids, by name or number.
    time : str or int, optional
        Column of the times. Default: found.
    columns : sequence of str or int, optional
        Columns of values. Default: all columns of numbers that are not ids or times.
    fill_gaps : bool
        Insert rows of missing values where times are missing.
    static : sequence of str or int
        Columns with one value for each series, numbers or texts. They are no values.

    Returns
    -------
    Data
        X : list of ndarray of float64, shape (T, columns); NaN where a value is missing.

    Raises
    ------
    DataError
        A column does not exist, holds no numbers or no times; a time is missing, or occurs twice;
        dates can be read in two ways; a static column has two values in a series.
    """
    table = Columns(df)
    at_group = table.find(group)
    if group is None and (own := _convention(table)) is not None:
        at_group = table.find(own[0])
        time = own[1] if time is None else time
        table.notes.append(f"{own[0]} holds the ids of the series, {own[1]} their times.")
    special = set() if at_group is None else {at_group}
    codes, ids = (np.zeros(table.n_rows, np.int64), None)
    if at_group is not None:
        codes, ids = table.groups(at_group)
    at_static = [at for column in static if (at := table.find(column)) is not None]
    once = {table.names[at]: one_each(table, at, codes, ids) for at in at_static}
    special |= set(at_static)
    wanted = set() if columns is None else set(table.choose(columns, special))
    index = find_index(table, time, special | wanted, codes if ids else None)
    special |= index.left_out
    if columns is None:
        special |= _texts_of_rows(table, special)
    chosen = table.choose(columns, special)
    values = table.numbers(chosen)
    rows = sort_rows(index, codes, ids, table.notes, True, table.place)
    X, times, frequency = [values[own] for own in rows], None, None
    if index.times is not None:
        times = [index.times[own] for own in rows]
        frequency, places = grid(index, times, ids, table.notes, fill_gaps)
        if places is not None and frequency is not None:
            X = [_spread(x, at) for x, at in zip(X, places, strict=True)]
            firsts = [(t[0], at[-1]) for t, at in zip(times, places, strict=True)]
            times = [np.concatenate([[t], frequency.after(t, int(n))]) for t, n in firsts]
    elif fill_gaps:
        raise ConfigError("fill_gaps is True; expected a column of times to find gaps in.")
    names = tuple(table.names[at] for at in chosen)
    _note_constant(names, values, table.notes)
    return Data(
        X,
        None,
        names,
        ids,
        times,
        frequency.text if frequency else None,
        tuple(table.notes),
        table.names[at_group] if at_group is not None else None,
        index.name,
        static=once or None,
        whole_ids=at_group is not None and table.is_whole(at_group),
        zone=index.zone,
    )


@operation
def sequences_of_frame(
    df: Any,
    *,
    group: Column | None = None,
    label: Column | None = None,
    columns: Sequence[Column] | None = None,
    text: Column | None = None,
    time: Column | None = None,
    per_step: bool = False,
) -> Data:
    """Read sequences and their labels from a data frame.

    With `group`, rows with the same entry in that column are the time steps of one sequence, in the
    order of their times. Without it, each row is a sequence, whose steps are the row's values (one
    feature); missing values at a row's end are not part of it. With `per_step`, the whole frame is
    one sequence.

    Parameters
    ----------
    df : pandas.DataFrame
    group, label, text, time : str or int, optional
        Columns of the sequences' ids, of labels, of a text or a word, and of times; by name or
        number.
    columns : sequence of str or int, optional
        Columns of numbers. Default: all columns that are not named elsewhere, and no index.
    per_step : bool
        Each step has its own label; otherwise all steps of a sequence have the same label.

    Returns
    -------
    Data
        X : list of ndarray of float64, shape (T, columns), or of str or lists of str;
        y : list of labels, or of lists of them, or None.

    Raises
    ------
    DataError
        A column does not exist, or holds no numbers or no times; an entry is missing; the steps of
        a sequence have different labels.
    ConfigError
        Options contradict one another.
    """
    if text is not None and columns is not None:
        raise ConfigError("columns and text are both given; expected one of them.")
    table = Columns(df)
    at_group, at_label, at_text = map(table.find, (group, label, text))
    special = {at for at in (at_group, at_label, at_text) if at is not None}
    labels = None if at_label is None else table.labels(at_label)
    if group is None and not per_step:
        if time is not None:
            raise ConfigError(
                "time is given without group; expected group, because each row is a sequence."
            )
        data = _rows(table, special, labels, columns, at_text)
        return data if at_label is None else data.but(label_name=table.names[at_label])
    codes, ids = (np.zeros(table.n_rows, np.int64), None)
    if at_group is not None:
        codes, ids = table.groups(at_group)
    wanted = special if columns is None else special | set(table.choose(columns, special))
    if at_text is not None and time is None:  # other columns are not read
        wanted = set(range(len(table.names)))
    index = find_index(table, time, wanted, codes if ids else None)
    special |= index.left_out
    rows = sort_rows(index, codes, ids, table.notes, False, table.place)
    chosen: list[int] = []
    if at_text is not None:
        words = table.texts(at_text)
        X: list[Any] = [[words[row] for row in own] for own in rows]
    else:
        chosen = table.choose(columns, special)
        values = table.numbers(chosen)
        X = [values[own] for own in rows]
        _note_constant([table.names[at] for at in chosen], values, table.notes)
    y = None if labels is None else [[labels[row] for row in own] for own in rows]
    if y is not None and not per_step:
        y = [_one_label(own, i, ids) for i, own in enumerate(y)]
    return Data(
        X,
        y,
        tuple(table.names[at] for at in chosen),
        ids,
        None if index.times is None else [index.times[own] for own in rows],
        None,
        tuple(table.notes),
        table.names[at_group] if at_group is not None else None,
        index.name,
        table.names[at_label] if at_label is not None else None,
    )


def _rows(table, special, labels, columns, at_text):
    """Return each row as a sequence."""
    if at_text is not None:
        return Data(table.texts(at_text), labels, notes=tuple(table.notes))
    wanted = special if columns is None else special | set(table.choose(columns, special))
    ids, ids_name = None, None
    if columns is None:
        left_out = row_numbers(table, wanted, None) or _texts_of_rows(table, wanted)
        if left_out:
            at = min(left_out)
            ids, ids_name = table.as_texts(table.series(at)).tolist(), table.names[at]
        special = special | left_out
    chosen = table.choose(columns, special)
    values = table.numbers(chosen)
    there = ~np.isnan(values)
    lengths = values.shape[1] - np.argmax(there[:, ::-1], axis=1)
    lengths[~there.any(axis=1)] = values.shape[1]  # the model refuses or fills them
    short = int((lengths < values.shape[1]).sum())
    if short:
        rows = "1 row ends" if short == 1 else f"{short:,} rows end"
        table.notes.append(f"{rows} in missing values: the sequence is what comes before them.")
    X = [row[:n, np.newaxis] for row, n in zip(values, lengths, strict=True)]
    names = tuple(table.names[at] for at in chosen)
    return Data(X, labels, names, ids, None, None, tuple(table.notes), ids_name)


def _convention(table):
    """Return the names of the columns of ids and times where they are the usual ones."""
    return next((own for own in _CONVENTIONS if all(table.names.count(n) == 1 for n in own)), None)


def _texts_of_rows(table, special):
    """Return the position of a first column of texts that names the rows, to be left out."""
    first = next((at for at in range(len(table.names)) if at not in special), None)
    if (
        first is None
        or not table.is_text(first)
        or not table.as_texts(table.series(first)).is_unique
    ):
        return set()
    example = shown(str(table.series(first).iloc[0]))
    table.notes.append(f"{table.shown(first)} names the rows ({example}) and is left out.")
    return {first}


def _one_label(labels, i, ids):
    """Return the label that all steps of a sequence have."""
    other = next((label for label in labels if label != labels[0]), labels[0])
    if other != labels[0]:
        name = "the table" if ids is None else repr(ids[i])
        raise DataError(
            f"the rows of {name} have the labels {shown(str(labels[0]))} and {shown(str(other))}; "
            f"expected one label for each sequence."
        )
    return labels[0]


def _spread(x, places):
    """Return rows at their places, with rows of NaN between them."""
    full = np.full((int(places[-1]) + 1, x.shape[1]), np.nan)
    full[places] = x
    return full


def _note_constant(names, values, notes):
    """Name the columns that hold nothing, or one value only."""
    missing = np.isnan(values)
    empty = missing.all(axis=0)
    filled = np.where(missing, np.max(values, axis=0, initial=-np.inf, where=~missing), values)
    constant = ~empty & (filled == filled[:1]).all(axis=0) & (len(values) > 1)
    for what, which in (("no value", empty), ("one value only", constant)):
        own = [shown(name, 60, "") for name, is_so in zip(names, which, strict=True) if is_so]
        if own:
            more = f" and {len(own) - 5} more" if len(own) > 5 else ""
            verb = "holds" if len(own) == 1 else "hold"
            notes.append(f"{', '.join(own[:5])}{more} {verb} {what}.")
