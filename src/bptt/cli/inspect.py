"""`bptt inspect`: a page about what a model computes."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import corpus
from ..errors import BpttError, ConfigError, DataError, operation
from ..interop import load as load_foreign
from ..interop.npz_files import npy_array
from ..models import load
from . import data_files, data_options, options
from .console import Console, check_destination, put_bytes
from .info import is_foreign
from .options import Model

_OPTIONS = options.panel(
    "Report",
    ("out", "Page to write.", Path, Path("report.html")),
    ("example", "Number of the sequence that is shown, from 0.", int, 0),
    ("unit", "Unit that colors the steps at first, such as lstm0.c:3, unit 3 of the cell state."),
    ("target", "Class or token whose output is attributed. Default: the likeliest one."),
    ("compare", "Another model, whose values are added.", Path, None, "MODEL"),
    ("training", "Training text of a character model, to split its errors.", Path, None, "FILE"),
    ("module", "Module to read, if a file of another program has several.", str, None, "NAME"),
)


@operation
@options.takes(*_OPTIONS.values(), *data_options.OPTIONS.values())
def inspect(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Data, in a format that the model trains on.")
    ],
    **given: Any,
) -> None:
    """Write a page that shows what a model computes on an example.

    The page is one HTML file that loads nothing else. It shows the steps of the example, colored by
    attribution, by the probability of each token, or by any unit of any gate or state. It also
    shows which labels units follow, how long the memory is, and statistics of all units.

    MODEL may be a file of another program, such as PyTorch. FILE is then an array (.npy), (m, T, n)
    or one sequence (T, n), or token ids (m, T); or a table, .ts or .jsonl of numbers.
    """
    from ..inspect.report import report

    out, compare, training = given["out"], given["compare"], given["training"]
    check_destination(out, model, file, compare, training)
    parameters = None
    if is_foreign(model):
        m, parameters = load_foreign(model, module=given["module"])
        content = _arrays(parameters, file, given)
    else:
        m = load(model)
        if given["module"] is not None:
            raise ConfigError(f"--module is given, and {model} is a model of bptt; leave it out.")
        data = _data(m, file, given)
        content = data.X if isinstance(data.X, str) else data
    text = report(
        m,
        content,
        parameters,
        example=given["example"],
        unit=given["unit"],
        target=_target(m, given["target"]),
        compare=None if compare is None else load(compare),
        train=None if training is None else corpus.read_text([training], given["encoding"]),
    )
    put_bytes(text.encode(), out)
    Console().say(f"Saved the report to {out}.")


def _data(model, file, given):
    """Return the data of a file, with labels if it has some: the loss by length needs them."""
    try:
        return data_files.read(model, [file], given)
    except BpttError:
        return data_files.read(model, [file], given, labeled=False).but(y=None)


def _target(model, text):
    """Return the class or token that a text stands for; a number where outputs have no names."""
    from ..inspect.inputs import output_names

    names = output_names(model)
    if names is None and text is not None and text.isdigit():
        return int(text)
    return next((name for name in names or () if str(name) == text), text)


class _Sequences:
    """The data of a network of another program, as `data_files.read` knows kinds of data."""

    reads, command = "labels", "inspect"


def _arrays(parameters, file, given):
    """Return the sequences of a file for a network of another program."""
    dtype = next(iter(parameters.values())).dtype
    if file.suffix != ".npy":
        data = data_files.read(_Sequences, [file], given, labeled=False)
        return [np.asarray(x, dtype).reshape(len(x), -1) for x in data.X]
    array = npy_array(file)
    if np.issubdtype(array.dtype, np.integer):
        return list(np.atleast_2d(array))
    if array.ndim not in (2, 3) or not np.issubdtype(array.dtype, np.floating):
        raise DataError(
            f"{file} is an array {array.shape} of {array.dtype}; expected numbers (m, T, n) or "
            f"(T, n), or token ids (m, T)."
        )
    return list((array if array.ndim == 3 else array[np.newaxis]).astype(dtype))
