"""`bptt predict`: a model's predictions for a file, as a table."""

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ConfigError, operation
from ..models import load
from . import data_files, options
from .console import check_destination, field, put
from .options import Model

_OPTIONS = options.panel(
    "Options",
    ("out", "File to write. Without: standard output.", Path),
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

    A classifier writes the class of each sequence, a tab and its probability. A tagger writes each
    step, a tab and its tag, and a blank line after each sequence. A regressor writes the number of
    each sequence. A forecaster writes a table (CSV) of the next steps.

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
        check_destination(out)
    data = data_files.read(m, [] if file is None else [file], given, labeled=False)
    of_series = {"coverage": coverage, "columns": data.columns}
    rows = m.prediction_rows(data.X, **(of_series if hasattr(m, "predict_interval") else {}))
    put(_table(rows, m.separator), out)


def _table(rows, separator):
    """Return rows as text; only with commas are entries quoted."""
    text = io.StringIO()
    quotes = {} if separator == "," else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    writer = csv.writer(text, delimiter=separator, lineterminator="\n", **quotes)
    writer.writerows([field(entry) for entry in row] for row in rows)
    return text.getvalue()
