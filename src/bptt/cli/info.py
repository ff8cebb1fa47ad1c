"""`bptt info`: what is in a model's file."""

from rich import box
from rich.table import Column, Table

from ..errors import operation
from ..models import load
from .console import Console
from .options import Model


@operation
def info(model: Model) -> None:
    """Show a model: hyper-parameters, inputs, layers, parameters, training history, versions."""
    m = load(model)
    console = Console()
    console.say(f"{model}: {type(m).__name__}")
    console.say(", ".join(f"{name} {value}" for name, value in m.get_params().items()))
    for line in m.describe():
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


def _count(parameters):
    return sum(p.size for p in parameters.values())


def _table(first, *others):
    return Table(Column(first), *(Column(c, justify="right") for c in others), box=box.SIMPLE)
