"""What a trained model is good for: `bptt sample`, `bptt predict`, `bptt score`."""

import csv
import io
import math
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..errors import ConfigError
from ..models import (
    Forecaster,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
    load,
)
from . import data, options
from .console import Console, check_destination, field, put, shown

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="File that `bptt train` wrote.")]
_LARGEST_EXPONENT = 709.0  # beyond it float64 overflows


def sample(
    model: Model,
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    length: Annotated[
        int, typer.Option(help="Tokens (characters, or words) to draw at most.")
    ] = 400,
    temperature: Annotated[
        float, typer.Option(help="Below 1 bolder, above 1 wilder, 0 always the likeliest.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Draw among the k likeliest tokens only.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Draw among the likeliest tokens that together have at least this probability, "
            "above 0 and at most 1."
        ),
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="Ends the text where it would appear; is not printed.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same text. Without: another one every time.")
    ] = None,
):
    """Continue a prompt, token by token, with a language model."""
    m = load(model)
    if not isinstance(m, LanguageModel):
        raise ConfigError(
            f"sample: {model} holds a {type(m).__name__}; expected a LanguageModel (others have "
            f"bptt predict)."
        )
    pieces = m.generate(prompt, length, temperature, top_k, top_p, stop, seed)
    sys.stdout.write(shown(prompt))
    try:
        for piece in pieces:
            sys.stdout.write(shown(piece))
            sys.stdout.flush()
    finally:
        sys.stdout.write("\n")


@options.takes(*data.OPTIONS.values())
def score(
    model: Model,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File as the model was trained on.")],
    **given,
):
    """Score a model on a file.

    A language model: cross-entropy per token in nats and bits, and perplexity (lower is better). A
    classifier or a tagger: accuracy. A forecaster, on forecasts from every step that has a window
    before and a horizon after it, or a regressor: R2, 1 at best.
    """
    m = load(model)
    Console().say(measured(m, data.read("score", data.task_of(m), [file], given)))


def measured(model, read):
    """Say how good a model is: the measure by name, and on how much.

    Parameters
    ----------
    model : a fitted model
    read : Data
    """
    if isinstance(model, LanguageModel):
        nats = -model.score(read.X)
        each = "token" if callable(model.tokenizer) else model.items[:-1]
        perplexity = math.exp(nats) if nats < _LARGEST_EXPONENT else math.inf
        return (
            f"cross-entropy {nats:.4f} nats ({nats / math.log(2):.4f} bits) per {each}, "
            f"perplexity {perplexity:.3f} ({data.extent(model, read)})"
        )
    if isinstance(model, (SequenceClassifier, SequenceTagger)):
        own = {str(c): c for c in model.classes_.tolist()}  # files hold labels as text
        y = _replaced(read.y, own)
        return f"accuracy {model.score(read.X, y):.4f} ({data.extent(model, read)})"
    if isinstance(model, SequenceRegressor):
        return f"R2 {model.score(read.X, read.y):.4f} ({data.extent(model, read)})"
    return (
        f"R2 {model.score(read.X):.4f} of forecasts of {model.horizon} steps "
        f"({data.extent(model, read)})"
    )


def _replaced(labels, own):
    """Return labels, or lists of them, as a model has them."""
    if isinstance(labels, list):
        return [_replaced(label, own) for label in labels]
    return own.get(labels, labels)


@options.takes(*data.OPTIONS.values())
def predict(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="File as the model was trained on; labels are not needed. A forecaster without "
            "one goes on from the end of the series that it was trained on.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write to. Without: standard output."),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            help="Add intervals that hold each value with this probability, above 0 and below 1 "
            "(forecasters with --output gaussian or quantile)."
        ),
    ] = None,
    **given,
):
    """Say what a model makes of a file.

    A classifier writes a line for each sequence: the class, a tab, its probability. A tagger writes
    each step, a tab and its tag, a blank line after each sequence. A forecaster writes a table
    (CSV) of the next steps. A regressor writes a number for each sequence.

    A table that holds labels needs --label all the same: a column that is no feature.
    """
    m = load(model)
    if isinstance(m, LanguageModel):
        raise ConfigError(
            f"predict: {model} holds a LanguageModel; expected another kind, because what a "
            f"language model predicts is a text: bptt sample."
        )
    if coverage is not None and not isinstance(m, Forecaster):
        raise ConfigError(
            f"predict: --coverage is given for a {type(m).__name__}; expected a Forecaster."
        )
    if out is not None:
        check_destination("predict", out)
    read = None
    if file is not None or not isinstance(m, Forecaster):
        paths = [] if file is None else [file]
        read = data.read("predict", data.task_of(m), paths, given, labelled=False)
    put("predict", _predicted(m, read, coverage), out)


def _predicted(model, read, coverage):
    """Return the text that `bptt predict` writes."""
    if isinstance(model, Forecaster):
        return _forecast(model, read, coverage)
    if isinstance(model, SequenceTagger):
        return "".join(_tagged(read.X, model.predict(read.X)))
    if isinstance(model, SequenceRegressor):
        rows = np.atleast_2d(model.predict(read.X).T).T
        return "".join("\t".join(f"{v:.8g}" for v in row) + "\n" for row in rows)
    p = model.predict_proba(read.X)
    best = p.argmax(axis=1)
    return "".join(
        f"{field(model.classes_[k])}\t{row[k]:.4f}\n" for k, row in zip(best, p, strict=True)
    )


def _tagged(X, y):
    for sequence, tags in zip(X, y, strict=True):
        for step, tag in zip(sequence, tags, strict=True):
            text = step if isinstance(step, str) else " ".join(f"{v:.8g}" for v in step)
            yield f"{field(text)}\t{field(tag)}\n"
        yield "\n"


def _forecast(model, read, coverage):
    """Write a table: step, then what is forecast, with the ends of its intervals."""
    X, k = (None, len(model.mean_)) if read is None else (read.X, len(read.columns))
    names = read.columns if read else [f"value {j + 1}" for j in range(k)]
    parts = [("", model.predict(X))]
    if coverage is not None:
        lower, upper = model.predict_interval(X, coverage)
        parts += [(" lower", lower), (" upper", upper)]
    several = parts[0][1].ndim == 3  # the model was trained on several series
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    titles = [field(name + part) for name in names for part, _ in parts]
    writer.writerow([*["series"] * several, "step", *titles])
    stacked = np.stack([a if several else a[np.newaxis] for _, a in parts], axis=-1)
    for i, series in enumerate(stacked, start=1):
        for t, row in enumerate(series, start=1):
            writer.writerow([*[i] * several, t, *(f"{v:.8g}" for v in row.reshape(-1))])
    return table.getvalue()
