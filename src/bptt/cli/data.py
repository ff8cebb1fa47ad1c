"""Data files of every kind of model, and the options that say what stands where in them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .. import corpus
from ..errors import ConfigError, DataError
from ..models import (
    Forecaster,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from ..readers import Data, read_conll, read_json_lines, read_series, read_table, read_ts
from .options import flag, keyword

_TABLES = (".csv", ".tsv", ".tab")
_JSON_LINES = (".jsonl", ".ndjson")
_CONLL = (".conll", ".conllu", ".tsv", ".txt")


def _option(name, hint, help, metavar=None):
    return name, keyword(name, hint, None, help=help, metavar=metavar, rich_help_panel="Data")


# All are None where not given, so that one that makes no sense for a model can be refused.
OPTIONS: dict[str, inspect.Parameter] = dict(
    (
        _option(
            "documents",
            str | None,
            "Read documents, which do not continue one another: each file, what stands between "
            "blank lines, or each line. Without: one running text.",
            "file|paragraph|line",
        ),
        _option(
            "label",
            str | None,
            "Column (tables) or key (JSON lines) of the labels. Columns are names or numbers from "
            "0; negative ones count from the end. Without: label.",
            "COLUMN",
        ),
        _option(
            "sequence",
            str | None,
            "Tables: column that says which sequence a row is a step of; without: each row is a "
            "sequence, its values the steps. JSON lines: key of the sequence; without: sequence.",
            "COLUMN",
        ),
        _option(
            "columns",
            str | None,
            "Tables: columns of numbers, separated by commas. Without: all that are not named "
            "elsewhere and hold no dates.",
            "COLUMN,...",
        ),
        _option("text", str | None, "Tables: column of a text instead of numbers.", "COLUMN"),
        _option("word", int | None, "CoNLL: column of the word, from 0. Without: 0; of CoNLL-U 1."),
        _option("tag", int | None, "CoNLL: column of the tag, from 0. Without: 1; of CoNLL-U 3."),
    )
)


class Task(NamedTuple):
    """What a command of `bptt train` learns, and from what."""

    kind: type
    read: Callable[[str, list[Path], dict[str, Any], bool], Data]
    options: tuple[str, ...]


def read(where, task, paths, given, labelled=True):
    """Read the files of a task, one after another.

    Parameters
    ----------
    where : str
        The command, for messages.
    task : Task
    paths : list of Path
    given : dict
        Options; those of other tasks must be None.
    labelled : bool
        Whether labels are needed; where they are not, ``y`` means nothing.

    Returns
    -------
    Data
        Of one text X is a str, of one series an array, else a list.

    Raises
    ------
    BpttError
        A file that does not hold what it should, or an option of another task.
    """
    stray = [n for n in OPTIONS if given.get(n) is not None and n not in task.options]
    if stray:
        raise ConfigError(
            f"{where}: {flag(stray[0])} is given for a {task.kind.__name__}; expected of the "
            f"options of data only {', '.join(map(flag, task.options))}."
        )
    return task.read(where, paths, {name: given.get(name) for name in task.options}, labelled)


def _texts(where, paths, options, labelled):
    """Read one text, or documents."""
    if options["documents"] is None:
        text: Any = corpus.read_text(paths) if paths else corpus.default_corpus()
        return Data(text, None)
    if not paths:
        raise ConfigError(f"{where}: --documents without a FILE; expected at least one.")
    return Data(corpus.read_documents(paths, options["documents"]), None)


def _together(read_one):
    """Make a reader of files one of a file."""

    def read_all(where, paths, options, labelled):
        if not paths:
            raise ConfigError(f"{where}: no FILE given; expected at least one.")
        parts = [read_one(where, path, options, labelled) for path in paths]
        columns = parts[0].columns
        for path, part in zip(paths, parts, strict=True):
            if part.columns != columns:
                raise DataError(
                    f"{where}: {path} has the columns {', '.join(part.columns)}; expected "
                    f"{', '.join(columns)}, as {paths[0]} has."
                )
            if labelled and part.y is None:
                raise DataError(f"{where}: {path} holds no labels; expected some.")
        y = [label for part in parts for label in part.y or ()]
        return Data([x for part in parts for x in part.X], y if labelled else None, columns)

    return read_all


def _one_label(where, path, options, labelled):
    """Read sequences with a label each."""
    ending = _ending(where, path, (".ts", *_TABLES, *_JSON_LINES))
    if ending == ".ts":
        for name in ("label", "sequence", "columns", "text"):
            _refuse_option(where, path, options, name)
        return read_ts(path)
    label = options["label"] or ("label" if labelled else None)
    if ending in _JSON_LINES:
        return _json_lines(where, path, options, label if labelled else None)
    return read_table(path, label=label, **_of_table(options))


def _one_number(where, path, options, labelled):
    """Read sequences with a number each."""
    data = _one_label(where, path, options, labelled)
    if not labelled or data.y is None:
        return data
    try:
        return data._replace(y=[float(value) for value in data.y])
    except (TypeError, ValueError):
        raise DataError(
            f"{where}: {path} has labels that are no numbers; expected numbers, because the model "
            f"is a SequenceRegressor."
        ) from None


def _one_label_a_step(where, path, options, labelled):
    """Read sequences with a label for every step."""
    ending = _ending(where, path, (*_CONLL, ".csv", *_JSON_LINES))
    if ending in _CONLL:
        for name in ("label", "sequence", "columns", "text"):
            _refuse_option(where, path, options, name)
        return read_conll(path, word=options["word"], tag=options["tag"], tagged=labelled)
    for name in ("word", "tag"):
        _refuse_option(where, path, options, name)
    label = options["label"] or ("label" if labelled else None)
    if ending in _JSON_LINES:
        return _json_lines(where, path, options, label if labelled else None)
    return read_table(path, label=label, per_step=True, **_of_table(options))


def _series(where, paths, options, labelled):
    """Read the series of tables: an array where there is one table."""
    for path in paths:
        _ending(where, path, _TABLES)
    data = _together(
        lambda where, path, options, _: read_series(path, columns=_split(options["columns"]))
    )(where, paths, options, labelled=False)
    return data._replace(X=data.X[0]) if len(data.X) == 1 else data


def _json_lines(where, path, options, label):
    for name in ("columns", "text"):
        _refuse_option(where, path, options, name)
    return read_json_lines(path, sequence=options["sequence"] or "sequence", label=label)


def _of_table(options):
    return {
        "sequence": options["sequence"],
        "columns": _split(options["columns"]),
        "text": options["text"],
    }


def _split(columns):
    return None if columns is None else [name.strip() for name in columns.split(",")]


def _ending(where, path, known):
    ending = path.suffix.lower()
    if ending not in known:
        raise DataError(f"{where}: {path} ends in {ending!r}; expected one of {', '.join(known)}.")
    return ending


def _refuse_option(where, path, options, name):
    if options[name] is not None:
        raise ConfigError(
            f"{where}: {flag(name)} is {options[name]!r}; expected it left out, because {path} "
            f"ends in {path.suffix!r}."
        )


_LABELLED = ("label", "sequence", "columns", "text")
TASKS = {
    "text": Task(LanguageModel, _texts, ("documents",)),
    "classify": Task(SequenceClassifier, _together(_one_label), _LABELLED),
    "tag": Task(SequenceTagger, _together(_one_label_a_step), ("word", "tag", *_LABELLED)),
    "forecast": Task(Forecaster, _series, ("columns",)),
}
_REGRESS = Task(SequenceRegressor, _together(_one_number), _LABELLED)


def task_of(model) -> Task:
    """Return the task that a model was trained for."""
    return next((t for t in TASKS.values() if type(model) is t.kind), _REGRESS)


def extent(model, data):
    """Say how much there is: "270 sequences with 9 classes"."""
    if isinstance(data.X, str):
        return f"{len(data.X):,} characters"
    if isinstance(model, LanguageModel):
        return f"{len(data.X):,} documents"
    if isinstance(model, Forecaster):
        if isinstance(data.X, list):
            return f"{len(data.X):,} series"
        return f"{len(data.X):,} steps x {len(data.columns)} columns"
    if isinstance(model, SequenceTagger):
        tags = {tag for tags in data.y for tag in tags}
        steps = sum(map(len, data.X))
        return f"{len(data.X):,} sequences of {steps:,} steps with {len(tags):,} tags"
    if isinstance(model, SequenceClassifier):
        return f"{len(data.X):,} sequences with {len(set(data.y)):,} classes"
    return f"{len(data.X):,} sequences"
