"""Formats of data files: which one a file has, and how it is read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError, DataError
from ..models.data_frames import NO_COLUMNS, FrameColumns
from ..models.names import changes
from ..readers import Data, read_conll, read_json_lines, read_ts
from ..readers.packed import read_head, suffix_of
from ..readers.table_base import Table
from ..readers.table_files import FORMATS, TYPED, check_layout, format_of, open_table
from ..readers.tables import sequences_of_table, series_of_table
from .options import flag

LAYOUT = ("encoding", "separator", "decimal", "thousands", "header")  # of tables in text
_TABLES = tuple(suffix for own in FORMATS.values() for suffix in own if suffix != ".txt")


class Format(NamedTuple):
    """A format of files.

    Attributes
    ----------
    names : tuple of str
        What ``--format`` calls it.
    suffixes : tuple of str
        Endings of names of such files.
    options : tuple of str
        Those of `bptt.cli.data_options.OPTIONS` that it has.
    read : callable
        Takes the path, the request and an argument for each option.
    words : str
        What it is, for messages.
    """

    names: tuple[str, ...]
    suffixes: tuple[str, ...]
    options: tuple[str, ...]
    read: Callable[..., Data]
    words: str


class Request(NamedTuple):
    """What is read for: whether labels are needed and are numbers, the columns of a model.

    `columns` are its features, `others` those of its training data that are not. `table` is a part
    of the file that is read in place of the whole. `static` are columns with one value for each
    series.
    """

    labeled: bool
    format: str | None = None
    numeric: bool = False
    columns: tuple[str, ...] = ()
    others: FrameColumns = NO_COLUMNS
    table: Table | None = None
    static: tuple[str, ...] = ()


def read_file(
    formats: Sequence[Format], path: Path, options: dict[str, Any], request: Request
) -> Data:
    """Read a file in one of these formats.

    Raises
    ------
    BpttError
        It is in no such format, or an option is given that its format does not have.
    """
    own, guessed = _format(formats, path, request.format)
    for name, value in options.items():
        if value is not None and name not in own.options:
            raise ConfigError(
                f"{flag(name)} is {value!r}; expected it left out, because {path} is read as "
                f"{own.words}."
            )
    data = own.read(path, request, **{name: options[name] for name in own.options})
    if guessed:
        data = data.but(notes=(f"{path} is read as {own.words} (--format chooses another).",
                               *data.notes))  # fmt: skip
    return data


def _format(formats, path, name):
    """Return the format of a file, and whether it was guessed by the file's content."""
    if name is not None:
        own = next((f for f in formats if name in f.names), None)
        if own is None:
            known = ", ".join(n for f in formats for n in f.names)
            raise ConfigError(f"--format is {name!r}; expected one of {known}.")
        return own, False
    suffix = suffix_of(path)
    own = next((f for f in formats if suffix in f.suffixes), None)
    if own is not None:
        return own, False
    if suffix in _FOREIGN:
        known = ", ".join(dict.fromkeys(s for f in formats for s in f.suffixes))
        raise DataError(
            f"{path} ends in {suffix!r}; expected one of {known}, or --format to say what it is."
        )
    if not path.exists():
        raise DataError(f"cannot read {path}: No such file or directory.")
    return _guess(formats, path), True


def _guess(formats, path):
    """Return the format that a file's first bytes look like."""
    head = read_head(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = "csv"
    if (own := format_of(path)) in (*TYPED, "excel"):
        kind = own
    elif head.startswith(b"{"):
        kind = "jsonl"
    elif b"@data" in head.lower():
        kind = "ts"
    by_name = {n: f for f in formats for n in f.names}
    lines = "conll" in by_name and kind == "csv"  # a word and its tag on a line
    return by_name["conll" if lines else kind] if kind in by_name or lines else formats[0]


def _open(path, request, layout):
    decimal = layout.pop("decimal") or "."
    if request.table is not None:
        check_layout(format_of(path) or "", decimal=decimal, **layout)
        return request.table
    return open_table(path, request.format, decimal=decimal, **layout)


def _known(table, request, named):
    """Return the columns of a model, if the table has them, and notes on the others."""
    own = [n for n in table.names if n and n not in named]
    if not request.columns or not set(request.columns) <= set(own):
        return None, []
    return request.columns, changes(own, request.columns)


def _table(path, request, label, sequence, columns, text, time, per_step=False, **layout):
    table, notes, others = _open(path, request, layout), [], request.others
    if sequence is None and others.group in table.names:
        sequence = others.group
        notes.append(f"{sequence} holds the ids of the sequences, as in the training.")
    if label is None and request.labeled:
        label = others.label if others.label in table.names else "label"
    if columns is None and text is None:
        columns, more = _known(table, request, (label, sequence, time, others.label))
        notes += more
    data = sequences_of_table(table, label, sequence, columns, text, time, per_step)
    return data.but(notes=(*data.notes, *notes))


def _steps(*arguments, **options):
    return _table(*arguments, **options, per_step=True)


def _series(path, request, columns, sequence, time, fill_gaps, **layout):
    table = _open(path, request, layout)
    if columns is None and request.columns:
        own = [n for n in table.names if n in request.columns]
        columns = own if set(own) == set(request.columns) else None
    static = request.static or None
    return series_of_table(table, columns, sequence, time, bool(fill_gaps), static)


def _json_lines(path, request, label, sequence, encoding, per_step):
    label = (label or "label") if request.labeled else None
    return read_json_lines(
        path, sequence=sequence or "sequence", label=label, per_step=per_step,
        numeric=request.numeric, encoding=encoding,
    )  # fmt: skip


def _json_labels(*arguments, **options):
    return _json_lines(*arguments, **options, per_step=False)


def _json_steps(*arguments, **options):
    return _json_lines(*arguments, **options, per_step=True)


def _ts(path, request, encoding):
    data = read_ts(path, encoding=encoding)
    if request.labeled and not request.numeric and data.y and isinstance(data.y[0], float):
        raise DataError(
            f"{path} has numbers to predict (@targetLabel true); expected classes (numbers are for "
            f"`bptt train regress`)."
        )
    return data


def _conll(path, request, word, tag, encoding):
    return read_conll(path, word=word, tag=tag, tagged=request.labeled, encoding=encoding)


# Endings that say what a file is, also where it cannot be read.
_FOREIGN = (*_TABLES, ".ts", ".jsonl", ".ndjson", ".conll", ".conllu", ".safetensors", ".npy")
_TABLE_NAMES = tuple(FORMATS)
_LABELED = ("label", "sequence", "columns", "text", "time", *LAYOUT)
_JSON = (("jsonl",), (".jsonl", ".ndjson"), ("label", "sequence", "encoding"))
_CONLL = (".conll", ".conllu", ".conllup", ".bio", ".iob", ".iob2", ".tsv", ".txt")

SEQUENCES = (
    Format(_TABLE_NAMES, (*_TABLES, ".txt"), _LABELED, _table, "a table"),
    Format(("ts",), (".ts",), ("encoding",), _ts, "a .ts file"),
    Format(*_JSON, _json_labels, "JSON lines"),
)
STEPS = (
    Format(("conll", "conllu"), _CONLL, ("word", "tag", "encoding"), _conll, "CoNLL columns"),
    Format(_TABLE_NAMES, _TABLES, _LABELED, _steps, "a table"),
    Format(*_JSON, _json_steps, "JSON lines"),
)
SERIES = (
    Format(
        _TABLE_NAMES,
        (*_TABLES, ".txt"),
        ("columns", "sequence", "time", "fill_gaps", *LAYOUT),
        _series,
        "a table",
    ),
)
