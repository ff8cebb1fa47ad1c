"""Looking at a trained model: `bptt info`, `bptt plot`."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Column, Table

from ..models import Forecaster, LanguageModel, load
from .console import Console, check_destination
from .use import Model


def _count(parameters):
    return sum(p.size for p in parameters.values())


def info(model: Model):
    """Show a model: settings, what it knows, layers, parameters, training history, versions."""
    m = load(model)
    console = Console()
    console.say(f"{model}: {type(m).__name__}")
    console.say(", ".join(f"{name} {value}" for name, value in m.get_params().items()))
    for line in _knowledge(m):
        console.say(line)
    console.print()
    parameters = _table("parameter", "shape", "count")
    for name, layer in m.network_.layers.items():
        own = {k: p for k, p in m.parameters_.items() if k.startswith(f"{name}.")}
        parameters.add_row(f"{name}: {layer!r}", "", f"{_count(own):,}", style="bold")
        for key, p in own.items():
            parameters.add_row(f"  {key}", str(p.shape), f"{p.size:,}")
    parameters.add_row("all", "", f"{_count(m.parameters_):,}", style="bold")
    console.print(parameters)
    history = _table("epoch", "step", "loss", "validation", "gradient norm", "seconds")
    for row in m.history_:
        held_out = "" if row["validation"] is None else f"{row['validation']:.4f}"
        history.add_row(
            str(row["epoch"]), f"{row['step']:,}", f"{row['loss']:.4f}", held_out,
            f"{row['grad_norm']:.3f}", f"{row['seconds']:.1f}",
        )  # fmt: skip
    losses = f"Training, losses {'in ' if m.unit else ''}{m.loss_unit}"
    console.print(losses + ", interrupted" * m.interrupted_)
    console.print(history)
    versions = ", ".join(f"{k} {v}" for k, v in m.versions_.items())
    console.say(f"written by {versions}")


def _knowledge(model):
    """Yield lines about what a model has learned to read, and to say."""
    if isinstance(model, LanguageModel):
        kind = "documents" if model.documents_ else "one text"
        yield (
            f"vocabulary: {len(model.vocabulary_)} {model.items} and one symbol for all others; "
            f"learned from {kind}"
        )
        return
    if isinstance(model, Forecaster):
        k = len(model.mean_)
        yield f"reads {model.window} steps of {k} values, forecasts {model.horizon}"
        return
    words = model.vocabulary_
    kinds = len(words) if words is not None else model.n_features_in_
    yield f"reads {kinds} features a step" if words is None else f"vocabulary: {kinds} tokens"
    if hasattr(model, "classes_"):
        listed = ", ".join(map(str, model.classes_[:20].tolist()))
        yield f"classes: {listed}" + ", ..." * (len(model.classes_) > 20)


def _table(first, *others):
    return Table(Column(first), *(Column(c, justify="right") for c in others), box=box.SIMPLE)


def plot(
    model: Model,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Picture to write; its ending says which: .png or .svg."),
    ] = Path("history.png"),
):
    """Draw a training's history: losses, gradient norm and learning rate, epoch by epoch.

    Needs matplotlib: `pip install 'bptt[plot]'`.
    """
    from ..models.plot import plot_history

    m = load(model)
    check_destination("plot", out)
    plot_history(m, out)
    Console().say(f"Saved the plot to {out}.")
