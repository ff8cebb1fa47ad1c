"""`bptt predict`: a model's predictions for a file, as a table."""

from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ConfigError, DataError, operation
from ..models import load
from ..models.kinds import Levels
from . import data_files, data_options, options
from .console import check_destination, note, put, put_bytes, show_input
from .options import Model
from .parts import predict_parts, table

_LEVELS = Levels()  # how quantiles are written: here they need not hold the median
_OPTIONS = options.panel(
    "Options",
    (
        "out",
        "File to write: .csv, .tsv or .parquet; with another ending, as standard output. Default: "
        "standard output.",
        Path,
    ),
    (
        "coverage",
        "Forecasters: add intervals that contain each value with this probability, above 0 and "
        "below 1. The model must be trained with an --output other than point, or be calibrated.",
        float,
    ),
    (
        "horizon",
        "Forecasters: steps to forecast, at most the --horizon of the training; any number after "
        "--strategy recursive. Default: the --horizon of the training.",
        int,
    ),
    (
        "levels",
        f"Forecasters: add the quantiles of these probabilities: {_LEVELS.spelled}.",
        str,
        None,
        _LEVELS.metavar,
    ),
    data_options.FUTURE,
    (
        "resume",
        "Continue the interrupted prediction of a large file; its finished parts are in FILE.parts "
        "beside --out FILE.",
        bool,
    ),
)


@operation
@options.takes(*_OPTIONS.values(), *data_options.OPTIONS.values())
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

    A Parquet or Arrow file of more than 256 MiB is read and predicted in parts, in constant memory;
    the rows of a sequence must be consecutive. After Ctrl-C, --resume continues.

    A table with a column of labels needs --label here too: the labels are not features.
    """
    m, out, coverage = load(model), given["out"], given["coverage"]
    if not hasattr(m, "prediction_rows"):
        raise ConfigError(
            f"{model} holds a {type(m).__name__}; expected another model, because this one "
            f"predicts text: bptt sample."
        )
    for name in ("coverage", "horizon", "levels"):
        if given[name] is not None and not hasattr(m, "predict_interval"):
            raise ConfigError(
                f"{options.flag(name)} is given for a {type(m).__name__}; expected a Forecaster."
            )
    if out is not None:
        check_destination(out, model, file)
    suffix = "" if out is None else out.suffix.lower()
    conll = getattr(m, "conll", False) and suffix not in (".csv", ".parquet")
    asked = {
        "coverage": coverage,
        "horizon": given["horizon"],
        "levels": _levels(given["levels"]),
        "future": data_files.read_future(m, given),
        "typed": suffix == ".parquet",
    }
    predicted = partial(_rows, m, asked, conll)
    parts = None if file is None else data_files.read_parts(m, file, given, labeled=False)
    if parts is not None and file is not None:
        _large(m, model, file, parts, predicted, given, quoted=not conll)
        return
    if given["resume"]:
        what = "the forecast" if file is None else str(file)
        raise ConfigError(f"--resume is given; expected it left out: {what} is computed at once.")
    data = data_files.read(m, [] if file is None else [file], given, labeled=False)
    rows = list(predicted(data))  # a mistake gives one sentence only
    if file is not None:
        show_input(m, data, file)
    content = table(rows, suffix, quoted=not conll)
    if out is None:
        put(content.decode(), None)
    else:
        put_bytes(content, out)


def _levels(text):
    try:
        return () if text is None else _LEVELS.read(text)
    except ValueError:
        raise ConfigError(f"--levels is {text!r}; expected numbers such as 0.1,0.5,0.9.") from None


def _rows(model, asked, conll, data):
    """Return a heading and the predictions for data."""
    if hasattr(model, "predict_interval"):
        return model.prediction_rows(data, columns=data.columns, **asked)
    return model.prediction_rows(data, **({"table": not conll} if hasattr(model, "conll") else {}))


def _large(m, model, file, parts, predicted, given, quoted):
    """Predict a file that is read in parts."""
    first = next(parts, None)
    if first is None:
        raise DataError(f"{file} has no rows; expected some to predict.")
    columns = f"; its columns are {', '.join(first.columns)}" if first.columns else ""
    for line in (f"{file} is read in parts{columns}.", *first.notes):
        note(line)
    parts, out = chain([first], parts), given["out"]
    if out is None:
        n = 0
        for part in parts:
            put(table(predicted(part), "", heading=not n, quoted=quoted).decode(), None)
            n += len(part.X)
    else:
        options = {name: given[name] for name in (*data_options.OPTIONS, "coverage")}
        n = predict_parts(parts, predicted, out, given["resume"], model, file, options, quoted)
    note(f"{n:,} sequences of {file} are predicted.")
