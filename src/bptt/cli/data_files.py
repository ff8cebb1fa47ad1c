"""Data files, read for a model by the options of the command line.

`CONTENTS` has an entry for each kind of data that a model may read, under the name that the model's
class gives as `reads`.
"""

from collections.abc import Callable, Iterator
from inspect import unwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import corpus
from ..errors import ConfigError, DataError
from ..models import TokenFile
from ..models.data_frames import NO_COLUMNS
from ..models.names import aligned
from ..models.token_files import is_token_file
from ..readers import Data, read_frame
from ..readers.lines import shown
from ..readers.numerals import Numerals
from ..readers.table_parts import has_lists, is_large, table_parts
from .data_options import OPTIONS
from .formats import SEQUENCES, SERIES, STEPS, Request, read_file
from .options import flag


class Content(NamedTuple):
    """A kind of data: what FILE is, in words; the options it has; its reader."""

    files: str
    options: tuple[str, ...]
    read: Callable[[list[Path], dict[str, Any], Request], Data]


def read(
    kind: Any,
    paths: list[Path],
    given: dict[str, Any],
    labeled: bool = True,
    columns: tuple[str, ...] = (),
    static: tuple[str, ...] = (),
) -> Data:
    """Read the data files of a kind of model, one after another.

    Parameters
    ----------
    kind : class of a model, or model
    paths : list of Path
    given : dict
        Options by name; those of other kinds of data must be None.
    labeled : bool
        Whether labels are needed; if not, ``y`` has no meaning.
    columns : tuple of str
        Of the training data, for a class of models; a fitted model knows its own.
    static : tuple of str
        Columns with one value for each series, for a class of models.

    Returns
    -------
    Data
        X is a str for one text, else a list.

    Raises
    ------
    BpttError
        A file with other content, or an option that this kind of data does not have.
    """
    content, options, request = _asked(kind, given, labeled, columns, static)
    return _aligned(content.read(paths, options, request), request)


def read_future(model: Any, given: dict[str, Any]) -> Any:
    """Return a data frame with the covariates of the steps that are forecast: the file of `FUTURE`.

    Raises
    ------
    BpttError
        The model has no such covariates, or the file cannot be read.
    """
    path = given["future"]
    if path is None:
        return None
    if not getattr(model, "future", ()):
        raise ConfigError("--future is given; expected a model trained with --future.")
    names = ("format", "encoding", "separator", "decimal", "thousands", "header")
    return unwrap(read_frame)(path, **{n: v for n in names if (v := given.get(n)) is not None})


def read_parts(
    kind: Any, path: Path, given: dict[str, Any], labeled: bool = True
) -> Iterator[Data] | None:
    """Return the data of a large file in parts; None where it is read as a whole.

    Sequences without ids have their places in the file as ids. The columns of all parts are read
    as those of the first.

    Parameters
    ----------
    kind, given, labeled
        As for `read`; `kind` is a fitted model.
    path : Path

    Raises
    ------
    BpttError
        As `read`, and where the rows of a sequence are not consecutive.
    """
    content, options, request = _asked(kind, given, labeled)
    if kind.reads not in ("labels", "numbers", "tags") or not is_large(path):
        return None
    group = options["sequence"] or request.others.group
    lists = has_lists(path, str(group or "sequence"))
    if kind.reads == "tags" and group is None and not lists:
        return None  # one sequence
    return _parts(content, path, options, request, None if lists or not group else str(group))


def _parts(content, path, options, request, group):
    first, done = None, 0
    for table in table_parts(path, group):
        data = _aligned(content.read([path], options, request._replace(table=table)), request)
        if data.ids is None:
            data = data.but(ids=list(range(done, done + len(data.X))))
        own = (data.columns, data.ids_name, data.index_name)
        if first is not None and own != first:
            raise DataError(
                f"{path}: the columns from sequence {done} on are not read as those before; "
                f"expected --columns, --sequence and --time to say what each column is."
            )
        first, done = own, done + len(data.X)
        yield data


def _asked(kind, given, labeled, columns=(), static=()):
    """Return what a kind of model reads, the options given for it, and what is asked of files."""
    content = CONTENTS[kind.reads]
    stray = [n for n in OPTIONS if n not in content.options and given.get(n) is not None]
    if stray:
        raise ConfigError(
            f"{flag(stray[0])} is not an option for the data of `{kind.command}`; expected of the "
            f"options for data only {', '.join(map(flag, content.options))}."
        )
    options = {name: given.get(name) for name in content.options}
    if not isinstance(kind, type) and hasattr(kind, "data_options"):  # as in training
        own = {name: column for name, column in kind.data_options().items() if name in options}
        options |= {name: column for name, column in own.items() if options[name] is None}
    known = columns if isinstance(kind, type) else getattr(kind, "feature_names_in_", ())
    known = tuple(map(str, known))
    static = tuple(static if isinstance(kind, type) else getattr(kind, "static", ()))
    others = NO_COLUMNS if isinstance(kind, type) else getattr(kind, "frame_columns", NO_COLUMNS)
    file_format = options.pop("format", None)
    return content, options, Request(labeled, file_format, False, known, others, None, static)


def _aligned(data, request):
    known = request.columns
    return aligned(data, known) if known and isinstance(data.X, list) else data


def _texts(paths, options, request):
    """Read one text, or documents, or a token file."""
    if any(is_token_file(path) for path in paths):
        if len(paths) > 1 or options["documents"] is not None:
            raise ConfigError(
                f"{', '.join(map(str, paths))} is given with other files or --documents; expected "
                f"one token file alone (bptt tokenize takes several texts, and --documents)."
            )
        return Data(TokenFile(paths[0]), None)
    if options["documents"] is None:
        encoding = options["encoding"]
        text: Any = corpus.read_text(paths, encoding) if paths else corpus.default_corpus()
        return Data(text, None)
    if not paths:
        raise ConfigError("--documents is given without a FILE; expected at least one.")
    return Data(corpus.read_documents(paths, options["documents"], options["encoding"]), None)


def _sequences(formats, paths, options, request):
    """Read sequences from files of any of these formats, as one."""
    if not paths:
        raise ConfigError("no FILE is given; expected at least one.")
    parts = [read_file(formats, path, options, request) for path in paths]
    if request.labeled:
        for path, part in zip(paths, parts, strict=True):
            if part.y is None:
                raise DataError(f"{path} has no labels; expected a label for each sequence.")
    return parts[0] if len(parts) == 1 else _joined(paths, parts)


def _joined(paths, parts):
    """Return the data of several files as one; the columns are those of the first file."""
    first, notes = parts[0], []
    for k, (path, part) in enumerate(zip(paths, parts, strict=True)):
        try:
            parts[k] = aligned(part, first.columns, f"as {paths[0]} has")
        except ConfigError as error:
            raise DataError(f"{path}: {error}") from error
        notes += [f"{path}: {note}" for note in parts[k].notes]
    together = {
        name: [x for part in parts for x in getattr(part, name)]
        for name in ("X", "y", "ids", "index")
        if all(getattr(part, name) is not None for part in parts)
    }
    frequencies = {part.frequency for part in parts}
    zones = {part.zone for part in parts}
    if None in zones and len(zones) > 1:
        raise DataError(
            f"{', '.join(map(str, paths))} have times with and without a time zone; expected one "
            f"kind: convert them to UTC first."
        )
    static = None
    if all(part.static for part in parts):
        static = {n: [v for part in parts for v in part.static[n]] for n in first.static}
    return Data(
        **together,
        columns=first.columns,
        frequency=first.frequency if len(frequencies) == 1 else None,
        notes=tuple(dict.fromkeys(notes)),
        ids_name=first.ids_name,
        index_name=first.index_name,
        label_name=first.label_name,
        static=static,
        whole_ids=all(part.whole_ids for part in parts),
        zone=first.zone if len(zones) == 1 else "UTC",
    )


def _numbers(formats, paths, options, request):
    """Read sequences whose labels are numbers."""
    data = _sequences(formats, paths, options, request._replace(numeric=True))
    if not request.labeled or all(isinstance(label, float) for label in data.y):
        return data
    numerals = Numerals(options["decimal"] or ".", options["thousands"])
    values, bad = numerals.read([label if isinstance(label, str) else "" for label in data.y])
    missing = np.isnan(values)
    if bad is not None or missing.any():
        wrong = bad if bad is not None else int(np.argmax(missing))
        raise DataError(
            f"{', '.join(map(str, paths))}: a label is not a number ({shown(str(data.y[wrong]))}); "
            f"expected numbers to predict (classes are for `classify`)."
        )
    return data.but(y=values.tolist())


def _series(formats, paths, options, request):
    """Read series; None to continue those of the training."""
    if not (paths or request.labeled):
        return Data(None, None)
    return _sequences(formats, paths, options, request._replace(labeled=False))


def _content(files, read, formats):
    options = dict.fromkeys(name for f in formats for name in ("format", *f.options))
    return Content(files, tuple(options), lambda *rest: read(formats, *rest))


CONTENTS = {
    "texts": Content(
        "FILE is UTF-8 text, or a token file (.npy) of `bptt tokenize`, read part by part. "
        "Without one, the text is the Python language reference that comes with Python.",
        ("documents", "encoding"),
        _texts,
    ),
    "labels": _content(
        "FILE is a table (.csv, .tsv, .parquet, .arrow, .xlsx; also packed: .csv.gz) with a column "
        "of labels; a .ts file of the UEA and UCR archives; or JSON lines (.jsonl) such as "
        '`{"sequence": [[0.1, 2.0], [0.3, 1.5]], "label": "up"}`, where a sequence is a text, a '
        "list of words, a list of numbers or a list of lists of numbers.",
        _sequences,
        SEQUENCES,
    ),
    "numbers": _content(
        "FILE is a table (.csv, .tsv, .parquet, .arrow, .xlsx; also packed: .csv.gz) with a column "
        "of numbers to predict; JSON lines (.jsonl) such as "
        '`{"sequence": [[0.1, 2.0], [0.3, 1.5]], "label": 0.7}`; or a .ts file.',
        _numbers,
        SEQUENCES,
    ),
    "tags": _content(
        "FILE has CoNLL columns (.conll, .conllu, .tsv, .txt and others): a word and its tag a "
        "line, a blank line between sentences; or it is JSON lines (.jsonl) with a list of labels "
        "for each sequence; or a table (.csv, .parquet, .xlsx) with a row for each step.",
        _sequences,
        STEPS,
    ),
    "series": _content(
        "FILE is a table (.csv, .tsv, .txt, .parquet, .arrow, .xlsx; also packed: .csv.gz) with a "
        "row for each time step and a column for each value. Dates are found and are the index. "
        "Several series follow one another, with their ids in a column (`unique_id, ds, y`, or "
        "--sequence).",
        _series,
        SERIES,
    ),
}
