"""`bptt info`: what is in a model's file."""

from rich import box
from rich.table import Column, Table

from ..errors import operation
from ..models import load
from .console import Console
from .options import Model

FIRST, LAST = 20, 40  # rows of a long history that are shown


@operation
def info(model: Model) -> None:
    """Show a model: hyper-parameters, inputs, layers, parameters, training history, versions."""
    m = load(model)
    console = Console()
    console.say(f"{model}: {type(m).__name__}")
    console.say(", ".join(f"{name} {_cut(value)}" for name, value in m.get_params().items()))
    for line in m.describe():
        console.say(_cut(line, 1000))
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
    hidden = max(0, len(m.history_) - FIRST - LAST)
    for k, row in enumerate(m.history_):
        if FIRST <= k < FIRST + hidden:
            if k == FIRST:
                history.add_row(f"({hidden:,} more)", "", "", "", "", "")
            continue
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


def _cut(value, length=100):
    """Return a value in words, without the end of what is long: files may come from anybody."""
    text = str(value)
    return text if len(text) <= length else f"{text[:length]} ... ({len(text):,} characters)"


def _count(parameters):
    return sum(p.size for p in parameters.values())


def _table(first, *others):
    return Table(Column(first), *(Column(c, justify="right") for c in others), box=box.SIMPLE)
