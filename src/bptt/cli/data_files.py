"""Data files: their formats, and the options that name columns and keys in them.

`CONTENTS` has an entry for each kind of data that a model may read, under the name that the model's
class gives as `reads`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .. import corpus
from ..errors import ConfigError, DataError
from ..readers import Data, read_conll, read_json_lines, read_series, read_table, read_ts
from .options import flag, panel

# All are None if not given, so that an option that a model or a format does not have is refused.
OPTIONS = panel(
    "Data",
    (
        "documents",
        "Read documents that do not continue one another instead of one running text: each file, "
        "each paragraph (between blank lines) or each line is one.",
        str,
        None,
        None,
        ("file", "paragraph", "line"),
    ),
    (
        "label",
        "Column (tables) or key (JSON lines) of the labels. A column is a name, or a number from "
        "0; negative numbers count from the end. Without: label.",
        str,
        None,
        "COLUMN",
    ),
    (
        "sequence",
        "Tables: column that tells which sequence a row is a step of; without it each row is a "
        "sequence and its values are the steps. JSON lines: key of the sequence; without: "
        "sequence.",
        str,
        None,
        "COLUMN",
    ),
    (
        "columns",
        "Tables: columns of numbers, separated by commas. Without: all columns that are neither "
        "named in another option nor dates.",
        str,
        None,
        "COLUMN,...",
    ),
    ("text", "Tables: column of a text, read instead of numbers.", str, None, "COLUMN"),
    (
        "word",
        "CoNLL: column of the word, a number from 0 or, in CoNLL-U, a name. Without: 0; CoNLL-U: "
        "FORM.",
        str,
        None,
        "COLUMN",
    ),
    (
        "tag",
        "CoNLL: column of the tag, a number from 0 or, in CoNLL-U, a name. Without: 1; CoNLL-U: "
        "UPOS.",
        str,
        None,
        "COLUMN",
    ),
)


class Format(NamedTuple):
    """A format of files: its suffixes, those of `OPTIONS` that it has, and its reader."""

    suffixes: tuple[str, ...]
    options: tuple[str, ...]
    read: Callable[..., Data]  # path, whether labels are needed, an argument for each option


class Content(NamedTuple):
    """A kind of data: what FILE is, in words; the options it has; its reader."""

    files: str
    options: tuple[str, ...]
    read: Callable[[list[Path], dict[str, Any], bool], Data]


def read(kind: Any, paths: list[Path], given: dict[str, Any], labeled: bool = True) -> Data:
    """Read the data files of a kind of model, one after another.

    Parameters
    ----------
    kind : class of a model, or model
    paths : list of Path
    given : dict
        Options by name; those of other kinds of data must be None.
    labeled : bool
        Whether labels are needed; if not, ``y`` has no meaning.

    Returns
    -------
    Data
        X is a str for one text and an array for one series, else a list.

    Raises
    ------
    BpttError
        A file with other content, or an option that this kind of data does not have.
    """
    content = CONTENTS[kind.reads]
    stray = [n for n in OPTIONS if n not in content.options and given.get(n) is not None]
    if stray:
        raise ConfigError(
            f"{flag(stray[0])} is not an option for the data of `{kind.command}`; expected of the "
            f"options for data only {', '.join(map(flag, content.options))}."
        )
    return content.read(paths, {name: given.get(name) for name in content.options}, labeled)


def _texts(paths, options, labeled):
    """Read one text, or documents."""
    if options["documents"] is None:
        text: Any = corpus.read_text(paths) if paths else corpus.default_corpus()
        return Data(text, None)
    if not paths:
        raise ConfigError("--documents is given without a FILE; expected at least one.")
    return Data(corpus.read_documents(paths, options["documents"]), None)


def _sequences(formats, paths, options, labeled):
    """Read sequences from files of any of these formats."""
    if not paths:
        raise ConfigError("no FILE is given; expected at least one.")
    parts = [_file(formats, path, options, labeled) for path in paths]
    columns = parts[0].columns
    for path, part in zip(paths, parts, strict=True):
        if part.columns != columns:
            raise DataError(
                f"{path} has the columns {', '.join(part.columns)}; expected "
                f"{', '.join(columns)}, as {paths[0]} has."
            )
        if labeled and part.y is None:
            raise DataError(f"{path} has no labels; expected a label for each sequence.")
    y = [label for part in parts for label in part.y or ()]
    return Data([x for part in parts for x in part.X], y if labeled else None, columns)


def _file(formats, path, options, labeled):
    suffix = path.suffix.lower()
    own = next((f for f in formats if suffix in f.suffixes), None)
    if own is None:
        known = ", ".join(s for f in formats for s in f.suffixes)
        raise DataError(f"{path} ends in {suffix!r}; expected one of {known}.")
    for name, value in options.items():
        if value is not None and name not in own.options:
            raise ConfigError(
                f"{flag(name)} is {value!r}; expected it left out, because {path} ends in "
                f"{path.suffix!r}."
            )
    return own.read(path, labeled, **{name: options[name] for name in own.options})


def _numbers(formats, paths, options, labeled):
    """Read sequences whose labels are numbers."""
    data = _sequences(formats, paths, options, labeled)
    try:
        return data.but(y=data.y and [float(label) for label in data.y])
    except (TypeError, ValueError):
        raise DataError(
            f"{', '.join(map(str, paths))}: a label is not a number; expected numbers to predict "
            f"(classes are for `classify`)."
        ) from None


def _series(formats, paths, options, labeled):
    """Read series: an array if there is one file; None to continue those of the training."""
    if not (paths or labeled):
        return Data(None, None)  # type: ignore[arg-type]
    data = _sequences(formats, paths, options, labeled=False)
    return data.but(X=data.X[0]) if len(data.X) == 1 else data


def _table(path, labeled, label, sequence, columns, text, per_step=False):
    label = label or ("label" if labeled else None)
    columns = _split(columns)
    return read_table(
        path, label=label, sequence=sequence, columns=columns, text=text, per_step=per_step
    )


def _json_lines(path, labeled, label, sequence, **kind):
    label = (label or "label") if labeled else None
    return read_json_lines(path, sequence=sequence or "sequence", label=label, **kind)


def _classes(path, labeled):
    data = read_ts(path)
    if labeled and data.y and isinstance(data.y[0], float):
        raise DataError(
            f"{path} has numbers to predict (@targetLabel true); expected classes (numbers are for "
            f"`bptt train regress`)."
        )
    return data


def _split(columns):
    return None if columns is None else [name.strip() for name in columns.split(",")]


def _content(files, read, *formats):
    options = dict.fromkeys(name for f in formats for name in f.options)
    return Content(files, tuple(options), lambda *rest: read(formats, *rest))


_LABELED = ("label", "sequence", "columns", "text")
_TABLES = (".csv", ".tsv", ".tab")


def _json_format(**kind):
    """Return the format of JSON lines whose labels are of this kind."""
    return Format((".jsonl", ".ndjson"), ("label", "sequence"), partial(_json_lines, **kind))


_LABELS = (
    Format((".ts",), (), _classes),
    Format(_TABLES, _LABELED, _table),
    _json_format(per_step=False),
)
_NUMBERS = (
    Format((".ts",), (), lambda path, labeled: read_ts(path)),
    _LABELS[1],
    _json_format(numeric=True),
)
_STEPS = (
    Format(
        (".conll", ".conllu", ".tsv", ".txt"),
        ("word", "tag"),
        lambda path, labeled, word, tag: read_conll(path, word=word, tag=tag, tagged=labeled),
    ),
    Format((".csv",), _LABELED, lambda *args, **named: _table(*args, **named, per_step=True)),
    _json_format(per_step=True),
)
_COLUMNS = Format(
    _TABLES,
    ("columns",),
    lambda path, labeled, columns: read_series(path, columns=_split(columns)),
)
CONTENTS = {
    "texts": Content(
        "FILE is UTF-8 text. Without one, the text is the Python language reference that comes "
        "with Python.",
        ("documents",),
        _texts,
    ),
    "labels": _content(
        "FILE is a .ts file of the UEA and UCR archives; a table (.csv, .tsv) with a column of "
        'labels; or JSON lines (.jsonl) such as `{"sequence": [[0.1, 2.0], [0.3, 1.5]], "label": '
        '"up"}`, where a sequence is a text, a list of words, a list of numbers or a list of lists '
        "of numbers.",
        _sequences,
        *_LABELS,
    ),
    "numbers": _content(
        "FILE is a table (.csv, .tsv) with a column of numbers to predict; JSON lines (.jsonl) "
        'such as `{"sequence": [[0.1, 2.0], [0.3, 1.5]], "label": 0.7}`; or a .ts file.',
        _numbers,
        *_NUMBERS,
    ),
    "tags": _content(
        "FILE has CoNLL columns (.conll, .conllu, .tsv, .txt): a word and its tag a line, a blank "
        "line between sentences; or it is JSON lines (.jsonl) with a list of labels for each "
        "sequence; or a table (.csv) with a row for each step.",
        _sequences,
        *_STEPS,
    ),
    "series": _content(
        "FILE is a table (.csv, .tsv) with a row for each time step and a column for each series. "
        "A first column of dates is left out.",
        _series,
        _COLUMNS,
    ),
}
