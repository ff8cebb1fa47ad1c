"""`bptt predict`: a model's predictions for a file, as a table."""

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import extras
from ..errors import ConfigError, operation
from ..models import load
from . import data_files, options
from .console import check_destination, field, put, put_bytes, show_input
from .options import Model

_OPTIONS = options.panel(
    "Options",
    (
        "out",
        "File to write: .csv, .tsv or .parquet; other endings as standard output, which is written "
        "without it.",
        Path,
    ),
    (
        "coverage",
        "Add intervals that contain each value with this probability, above 0 and below 1 "
        "(forecasters with --output gaussian or quantile).",
        float,
    ),
)


@operation
@options.takes(*_OPTIONS.values(), *data_files.OPTIONS.values())
def predict(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Data, in a format that the model trains on; labels are not needed. Without a "
            "file, a forecaster continues the series that it was trained on.",
        ),
    ] = None,
    **given: Any,
) -> None:
    """Write a model's predictions for a file.

    A classifier writes a table (CSV) with the id of each sequence, its class and the probabilities
    of all classes; a regressor the id and the number of each sequence; a forecaster the next steps.
    A tagger of words writes each word, a tab and its tag, and a blank line after each sentence; a
    tagger of numbers, and with --out FILE.csv that of words, a table with a row for each step.
    Sequences without ids are numbered from 0.

    A table with a column of labels needs --label here too: the labels are not features.
    """
    m, out, coverage = load(model), given["out"], given["coverage"]
    if not hasattr(m, "prediction_rows"):
        raise ConfigError(
            f"{model} holds a {type(m).__name__}; expected another model, because this one "
            f"predicts text: bptt sample."
        )
    if coverage is not None and not hasattr(m, "predict_interval"):
        raise ConfigError(f"--coverage is given for a {type(m).__name__}; expected a Forecaster.")
    if out is not None:
        check_destination(out, model, file)
    data = data_files.read(m, [] if file is None else [file], given, labeled=False)
    suffix = "" if out is None else out.suffix.lower()
    conll = getattr(m, "conll", False) and suffix not in (".csv", ".parquet")
    if hasattr(m, "predict_interval"):
        rows = m.prediction_rows(data, coverage=coverage, columns=data.columns)
    else:
        rows = m.prediction_rows(data, **({"table": not conll} if hasattr(m, "conll") else {}))
    rows = list(rows)  # a mistake gives one sentence only
    if file is not None:
        show_input(m, data, file)
    if suffix == ".parquet":
        _put_parquet(rows, out)
    else:
        put(_text(rows, "\t" if conll or suffix == ".tsv" else ",", quoted=not conll), out)


def _text(rows, separator, quoted):
    """Return rows as text; entries of CoNLL columns are not quoted."""
    text = io.StringIO()
    quotes = {} if quoted else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    writer = csv.writer(text, delimiter=separator, lineterminator="\n", **quotes)
    writer.writerows([_entry(entry) for entry in row] for row in rows)
    return text.getvalue()


def _entry(value):
    return f"{value:.8g}" if isinstance(value, float) else field(value)


def _put_parquet(rows, out):
    """Write a table with numbers as numbers."""
    pandas = extras.load("pandas", extra="tables", why="to write Parquet")
    extras.load("pyarrow", extra="arrow", why="to write Parquet")
    heading, *rows = rows
    buffer = io.BytesIO()
    pandas.DataFrame(rows, columns=heading).to_parquet(buffer, index=False)
    put_bytes(buffer.getvalue(), out)
