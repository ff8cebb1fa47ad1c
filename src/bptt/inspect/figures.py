"""Figures of `bptt.inspect` as functions that return matplotlib Axes.

Each takes what the functions of `bptt.inspect` return, and ``ax=`` to draw into. Series differ in
color (Okabe and Ito's palette), in dashes and in markers, so that they can be told apart in black
and white.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import drawings
from .attribution_figures import plot_attribution
from .flow import Flow, Memory
from .gates import saturation, time_constants
from .losses import LossByLength
from .plotting import draw, new_axes
from .trace import Trace

__all__ = [
    "draw",
    "new_axes",
    "plot_attribution",
    "plot_eigenvalues",
    "plot_flow",
    "plot_histogram",
    "plot_loss_by_length",
    "plot_map",
    "plot_memory",
    "plot_neighbors",
    "plot_saturation",
    "plot_states",
    "plot_time_constants",
    "plot_training",
    "plot_weights",
]


def plot_saturation(trace: Trace, names: Any = None, ax: Any = None) -> Any:
    """Plot how often each unit of a gate is closed and open (Karpathy et al. 2015, figure 3).

    Parameters
    ----------
    trace : Trace
    names : str or list of str, optional
        Gates; all of them by default.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    found = {n: saturation(trace, n) for n in drawings.chosen(trace, names, drawings.GATES)}
    return draw(drawings.of_saturation(found), ax)


def plot_histogram(trace: Trace, names: Any = None, bins: int = 40, ax: Any = None) -> Any:
    """Plot the distribution of the values of gates, or of other names; return the Axes."""
    chosen = drawings.chosen(trace, names, drawings.GATES)
    low = min(float(trace.flat(n).min()) for n in chosen)
    high = max(float(trace.flat(n).max()) for n in chosen)
    limits = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    found = {n: np.histogram(trace.flat(n), bins, limits) for n in chosen}
    return draw(drawings.of_histograms(found), ax)


def plot_time_constants(trace: Trace, names: Any = None, ax: Any = None) -> Any:
    """Plot the time constant of each unit of the forget or update gates; return the Axes."""
    chosen = drawings.chosen(trace, names, drawings.MEMORY_GATES)
    found = {n: time_constants(trace, n) for n in chosen}
    return draw(drawings.of_time_constants(found, float(trace.lengths.max())), ax)


def plot_flow(flow: Flow | Mapping[str, Flow], ax: Any = None) -> Any:
    """Plot the gradient flow over the lag, with spread and half-life; return the Axes.

    A dict of flows by name draws several layers or models.
    """
    return draw(drawings.of_flow(flow), ax)


def plot_memory(memory: Memory, tolerance: float = 0.05, ax: Any = None) -> Any:
    """Plot the effective memory; return the Axes."""
    return draw(drawings.of_memory(memory, tolerance), ax)


def plot_eigenvalues(jacobian: np.ndarray | Mapping[str, np.ndarray], ax: Any = None) -> Any:
    """Plot the eigenvalues of Jacobians of a step and the unit circle; return the Axes."""
    return draw(drawings.of_eigenvalues(jacobian), ax)


def plot_weights(network: Any, arrays: Any, layer: str, bins: int = 40, ax: Any = None) -> Any:
    """Plot the distributions of a layer's weights, or of their gradients, by gate.

    Parameters
    ----------
    network : Network
    arrays : dict of str to ndarray
        Parameters, or gradients by their names.
    layer : str
        A recurrent layer.
    bins : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ConfigError
        There is no such recurrent layer.
    """
    return draw(drawings.of_weights(network, arrays, layer, bins), ax)


def plot_map(points: np.ndarray, labels: Sequence[Any] | None = None, ax: Any = None) -> Any:
    """Plot a two-dimensional map of states, as of `map_states`, with a marker for each label.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
    labels : sequence of n, optional
        At most 8 different ones.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    return draw(drawings.of_map(points, labels), ax)


def plot_neighbors(
    trace: Trace, name: str, sequence: int, start: int, stop: int, matches: Sequence[Any], *,
    unit: int | None = None, ax: Any = None,
) -> Any:  # fmt: skip
    """Plot one unit over a stretch and over its neighbors, as of `neighbors`; return the Axes.

    `unit` is by default the one that varies most over the stretch.
    """
    return draw(drawings.of_neighbors(trace, name, (sequence, start), stop, matches, unit), ax)


def plot_training(monitor: Any, what: str = "grad_norms", ax: Any = None) -> Any:
    """Plot what a `bptt.training.Monitor` recorded, by layer, over the steps of a training.

    Parameters
    ----------
    monitor : Monitor
    what : {"grad_norms", "update_ratios", "weight_norms", "dead_units"}
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ConfigError
        There is no record.
    """
    return draw(drawings.of_training(monitor, what), ax)


def plot_loss_by_length(losses: LossByLength, ax: Any = None) -> Any:
    """Plot the mean loss of sequences by their length, as of `loss_by_length`; return the Axes."""
    return draw(drawings.of_loss_by_length(losses), ax)


def plot_states(trace: Trace, name: str, sequence: int = 0, ax: Any = None) -> Any:
    """Plot all units of a name over the steps of a sequence, darker for lower values.

    Parameters
    ----------
    trace : Trace
    name : str
        States, gates or outputs: "lstm0.c".
    sequence : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    values = trace[name][sequence]
    ax = new_axes(ax, (6.4, 3.6))
    image = ax.imshow(
        values.T, aspect="auto", cmap="cividis", interpolation="nearest", origin="lower"
    )
    ax.figure.colorbar(image, ax=ax, label=f"value of {name}")
    ax.set(xlabel="step", ylabel="unit")
    ax.set_title(f"{name}, sequence {sequence}", fontsize="medium")
    return ax
