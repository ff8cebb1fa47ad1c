"""`bptt plot`: a picture of a model's training, or of its forecast."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..errors import ConfigError, operation
from ..models import load
from . import data_files, data_options, options
from .console import Console, check_destination, show_input
from .options import Model

_OPTIONS = options.panel(
    "Options",
    (
        "forecast",
        "Plot the forecast that continues the series of this file, with intervals where the model "
        "has them (forecasters).",
        Path,
    ),
    data_options.FUTURE,
    ("horizon", "With --forecast: steps to forecast, as for `bptt predict`.", int),
    ("history", "With --forecast: steps drawn before it. Default: the model's window.", int),
)


@operation
@options.takes(*_OPTIONS.values(), *data_options.OPTIONS.values())
def plot(
    model: Model,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Picture to write; its name ends in .png or .svg."),
    ] = Path("history.png"),
    **given: Any,
) -> None:
    """Plot a training: losses, gradient norm and learning rate of each epoch.

    With `--forecast FILE` plot a forecast: history, forecast and intervals, a panel for each
    series.

    Needs matplotlib: `pip install 'bptt[plot]'`.
    """
    from ..models.plot import check_suffix, plot_history, write_figure

    m, file = load(model), given["forecast"]
    check_destination(out, model, file)
    if file is None:
        extra = [name for name in given if given[name] is not None]
        if extra:
            raise ConfigError(f"--{extra[0].replace('_', '-')} is given without --forecast FILE.")
        plot_history(m, out)
    else:
        if not hasattr(m, "plot_forecast"):
            raise ConfigError(
                f"--forecast is given for a {type(m).__name__}; expected a Forecaster."
            )
        check_suffix(out)
        data = data_files.read(m, [file], given, labeled=False)
        axes = np.atleast_1d(
            m.plot_forecast(
                data,
                future=data_files.read_future(m, given),
                horizon=given["horizon"],
                history=given["history"],
            )
        )
        show_input(m, data, file)
        write_figure(axes[0].figure, out)
    Console().say(f"Saved the plot to {out}.")
