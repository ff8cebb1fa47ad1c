"""`bptt score`: the score of a model on a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import operation
from ..models import load
from ..models.reports import Report
from . import data_files, data_options, options
from .console import Console, show_input
from .options import Model


@operation
@options.takes(*data_options.OPTIONS.values())
def score(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Data, in a format that the model trains on.")
    ],
    **given: Any,
) -> None:
    """Score a model on a file.

    A language model: cross-entropy per token in nats and bits, and perplexity; lower is better. A
    classifier or a tagger: accuracy, balanced accuracy, precision, recall and F1 of each class, the
    confusion matrix; a tagger of spans (B-PER, I-PER, O) also their F1. A regressor: R2 (1 is
    perfect), RMSE, MAE. A forecaster: R2 of forecasts from every step that has a window before it
    and a horizon after it; MAE, RMSE, sMAPE, MASE, coverage and others beside the seasonal naive
    forecast, overall and of each step.

    A Parquet or Arrow file of more than 256 MiB is read in parts, in constant memory.
    """
    m = load(model)
    parts = data_files.read_parts(m, file, given)
    if parts is None:
        data = data_files.read(m, [file], given)
        report = scored(m, data)
        show_input(m, data, file)
    else:
        counts: list[int] = []
        first, *rest = m.score_report(_counted(parts, counts))
        report = [f"{first} ({sum(counts):,} sequences, read in parts)", *rest]
    Console().report(report)


def _counted(parts, counts):
    """Yield parts; append the number of sequences in each to a list."""
    for part in parts:
        counts.append(len(part.X))
        yield part


def scored(model: Any, data: Any) -> Report:
    """Return the score of a model, on how much data, and the tables after it."""
    first, *rest = model.score_report(data)
    return [f"{first} ({model.extent(data)})", *rest]
