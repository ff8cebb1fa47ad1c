"""`bptt info`: what is in a model's file, of bptt or of another program."""

from pathlib import Path

from rich import box
from rich.table import Column, Table

from ..errors import InteropError, operation
from ..interop import Imported
from ..interop import load as load_foreign
from ..interop.files import format_of
from ..models import load
from ..safe_files import printable
from .console import Console, holds_model
from .options import Model

FIRST, LAST = 20, 40  # rows of a long history that are shown


@operation
def info(model: Model) -> None:
    """Show a model: hyper-parameters, inputs, layers, parameters, training history, versions.

    Files of PyTorch, Keras, ONNX, NAM, GuitarML, AIDA-X and RTNeural: what is in them layer by
    layer, what bptt can run, and why not the rest. Nothing in a file is executed.
    """
    if is_foreign(model):
        _show_foreign(str(model), load_foreign(model))
        return
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


def is_foreign(path: Path) -> bool:
    """Return whether a file exists, is no model of bptt and has the format of another program."""
    if not path.is_file() or holds_model(path):
        return False
    try:
        kind = format_of(path)
    except InteropError:
        return False
    if kind != "safetensors":
        return True
    with open(path, "rb") as file:  # a damaged model of bptt has its own error
        return b'"format":"bptt"' not in file.read(4096)


def _show_foreign(path: str, imported: Imported) -> None:
    """Print the layers of a file of another program."""
    console = Console()
    console.say(f"{path}: {imported.format}")
    for name, value in imported.metadata.items():
        console.say(f"{name}: {_cut(value)}")
    parts = imported.modules or {"": imported}
    parameters = _table("layer or tensor", "shape", "count")
    for part, own in parts.items():
        try:
            network, arrays = own
        except InteropError:
            continue
        for name, layer in network.layers.items():
            title = f"{part}: {layer!r}" if part else f"{name}: {layer!r}"
            inside = {k: p for k, p in arrays.items() if k.startswith(f"{name}.")}
            parameters.add_row(printable(title), "", f"{_count(inside):,}", style="bold")
            for key, p in inside.items():
                parameters.add_row(f"  {key.removeprefix(f'{name}.')}", str(p.shape), f"{p.size:,}")
    for name, tensor in imported.tensors.items():
        parameters.add_row(printable(name), str(tensor.shape), f"{tensor.size:,}")
    console.print(parameters)
    for note in imported.notes:
        console.say(note)
    console.say(_verdict(imported))


def _verdict(imported: Imported) -> str:
    """Say in a sentence what bptt can run."""
    unknown = len(imported.tensors)
    rest = f" {unknown} tensors belong to layers that bptt does not know." if unknown else ""
    if imported.model is not None:
        return f"bptt runs it as a whole: {', '.join(map(repr, imported.network.layers))}.{rest}"
    if imported.modules:
        return (
            f"bptt runs {len(imported.modules)} parts; the file does not say how they are "
            f"connected: load(path, module=...) or load(path).chain(...).{rest}"
        )
    return f"bptt finds no layer that it can run.{rest}" if unknown else "bptt runs it: run()."


def _cut(value, length=100):
    """Return a value in words, without the end of what is long: files may come from anybody."""
    text = str(value)
    return text if len(text) <= length else f"{text[:length]} ... ({len(text):,} characters)"


def _count(parameters):
    return sum(p.size for p in parameters.values())


def _table(first, *others):
    return Table(Column(first), *(Column(c, justify="right") for c in others), box=box.SIMPLE)
