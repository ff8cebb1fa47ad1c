"""`bptt plot`: a picture of a model's training."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import operation
from ..models import load
from .console import Console, check_destination
from .options import Model


@operation
def plot(
    model: Model,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Picture to write; its name ends in .png or .svg."),
    ] = Path("history.png"),
) -> None:
    """Plot a training: losses, gradient norm and learning rate of each epoch.

    Needs matplotlib: `pip install 'bptt[plot]'`.
    """
    from ..models.plot import plot_history

    m = load(model)
    check_destination(out, model)
    plot_history(m, out)
    Console().say(f"Saved the plot to {out}.")
