"""`bptt inspect`: a page about what a model computes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import operation
from ..models import load
from . import data_files, options
from .console import Console, check_destination, put_bytes
from .options import Model

_OPTIONS = options.panel(
    "Report",
    ("out", "Page to write.", Path, Path("report.html")),
    ("example", "Number of the sequence that is shown, from 0.", int, 0),
    ("unit", "What colors the steps at first: lstm0.c:3 is unit 3 of the cell state."),
    ("compare", "Another model, whose values are added.", Path, None, "MODEL"),
)


@operation
@options.takes(*_OPTIONS.values(), *data_files.OPTIONS.values())
def inspect(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Data, in a format that the model trains on.")
    ],
    **given: Any,
) -> None:
    """Write a page that shows what a model computes on an example.

    The steps of the example, colored by its attribution or any state, gate or unit; the saturation
    of all gates and the gradient flow over the lag. One HTML file, which loads nothing else.
    """
    from ..inspect.report import report

    m, out, compare = load(model), given["out"], given["compare"]
    check_destination(out, model, file, compare)
    data = data_files.read(m, [file], given, labeled=False)
    content = data.X if isinstance(data.X, str) else data
    other = None if compare is None else load(compare)
    text = report(m, content, example=given["example"], unit=given["unit"], compare=other)
    put_bytes(text.encode(), out)
    Console().say(f"Saved the report to {out}.")
