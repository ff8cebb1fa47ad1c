"""Plot the training history of a model."""

import io
import os
from pathlib import Path
from typing import Any

from ..equations import cell_of
from ..errors import CheckpointError, ConfigError, operation
from ..safe_files import reason, write_atomically
from .scikit_learn import check_fitted

SUFFIXES = (".png", ".svg")


@operation("plot")
def plot_history(model: Any, path: str | os.PathLike[str]) -> None:
    """Plot loss and validation loss, gradient norm and learning rate against epochs.

    Needs matplotlib: ``pip install 'bptt[plot]'``.

    Parameters
    ----------
    model : a fitted model
    path : str or path-like
        The file to write; its suffix, ``.png`` or ``.svg``, determines the format.

    Raises
    ------
    ConfigError
        The model has no history, matplotlib is not installed, or the suffix is not supported.
    CheckpointError
        The file cannot be written.
    """
    check_suffix(path)
    check_fitted(model)
    rows = model.history_
    if not rows:
        raise ConfigError("the model's history is empty; expected at least one epoch.")
    write_figure(_figure(model, rows), path)


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Raise where the name of a picture ends in neither .png nor .svg.

    Raises
    ------
    ConfigError
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path} ends in {path.suffix!r}; expected .png or .svg.")


def write_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure of matplotlib in the format that the suffix of the path names.

    Raises
    ------
    ConfigError
        The suffix is not supported.
    CheckpointError
        The file cannot be written.
    """
    check_suffix(path)
    path, image = Path(path), io.BytesIO()
    figure.savefig(image, format=path.suffix[1:].lower(), dpi=150)
    try:
        write_atomically(path, image.getbuffer())
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CheckpointError(f"cannot write {path}: {reason(error)}.") from error


def _figure(model, rows):
    try:
        from matplotlib.figure import Figure  # no pyplot: no window system, no global state
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise ConfigError("matplotlib is missing; install it: pip install 'bptt[plot]'.") from error
    epochs = [row["epoch"] for row in rows]
    style = {"marker": "." if len(rows) <= 30 else "", "linewidth": 1.2}
    figure = Figure(figsize=(7, 7), layout="constrained")
    loss, norm, rate = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1, 1])
    loss.plot(epochs, [row["loss"] for row in rows], label="training", **style)
    held_out = [(row["epoch"], row["validation"]) for row in rows if row["validation"] is not None]
    if held_out:
        loss.plot(*zip(*held_out, strict=True), label="validation", **style)
        best = min(held_out, key=lambda point: point[1])
        loss.plot(*best, "o", fillstyle="none", label=f"lowest: {best[1]:.4f}, epoch {best[0]}")
    loss.set_ylabel(f"loss ({model.loss_unit})")
    loss.legend()
    norm.plot(epochs, [row["grad_norm"] for row in rows], color="C2", **style)
    norm.set_ylabel("gradient norm")
    norm.set_yscale("log")
    rate.plot(epochs, [row["learning_rate"] for row in rows], color="C3", **style)
    rate.set_ylabel("learning rate")
    rate.set_xlabel("epoch")
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    cell = cell_of(model.cell).name.upper()
    title = f"{type(model).__name__}: {model.layers} x {cell} of {model.units} units"
    figure.suptitle(f"{title}, {rows[-1]['step']:,} steps in {rows[-1]['seconds']:,.0f} s")
    for axes in (loss, norm, rate):
        axes.grid(alpha=0.3)
    return figure
