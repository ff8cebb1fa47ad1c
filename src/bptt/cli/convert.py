"""`bptt convert`: a model from one program's format to another's."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import operation
from ..interop import load, save
from ..interop.writing import imported_of
from ..models import load as load_own
from .console import Console, check_destination, holds_model


@operation
def convert(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Model of PyTorch, Keras, ONNX, NAM, GuitarML, AIDA-X, RTNeural or bptt.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write; its ending is the format: .pt, .safetensors, .nam, .json, ...",
        ),
    ],
    module: Annotated[
        list[str] | None,
        typer.Option(
            help="Part of a file that names several, such as a PyTorch state dict; several times: "
            "a chain, from input to output.",
            metavar="NAME",
        ),
    ] = None,
) -> None:
    """Convert a model to the format of another program.

    Nothing in a file is executed. What the other format cannot hold is
    refused, or left out and printed.
    """
    check_destination(out, model)
    imported = imported_of(load_own(model)) if holds_model(model) else load(model)
    if module:
        imported = imported.chain(*module)
    notes = [*imported.notes, *save(imported, out)]
    console = Console()
    for sentence in notes:
        console.say(sentence)
    network, parameters = imported
    count = sum(p.size for p in parameters.values())
    console.say(f"{out}: {', '.join(map(repr, network.layers.values()))}; {count:,} parameters")
