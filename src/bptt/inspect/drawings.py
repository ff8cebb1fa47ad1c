"""What figures show: series of numbers with labels and units, before anything draws them.

`figures` draws them by matplotlib; a report draws the same ones as SVG.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import ConfigError, ShapeError
from ..layers import Recurrent
from ..network import Network
from ..training import Monitor
from .flow import Flow, Memory, in_steps
from .gates import Saturation, weights_by_gate
from .inputs import name_list
from .losses import LossByLength
from .trace import Trace

GATES = ("ft", "it", "ot", "ut", "rt")  # between 0 and 1
MEMORY_GATES = ("ft", "ut")  # whose time constants say how long a state lasts


class Series(NamedTuple):
    """Numbers of one kind: a line, points, bars, a row of a histogram or a band around a line."""

    label: str
    x: np.ndarray
    y: np.ndarray
    kind: Literal["line", "points", "bars", "row", "band"] = "line"
    low: np.ndarray | None = None  # of a band, whose upper edge is y
    strong: bool = False  # drawn thick, before the others


class Drawing(NamedTuple):
    """A figure: series over common axes."""

    title: str
    x_label: str
    y_label: str
    series: list[Series]
    y_log: bool = False
    x_lines: tuple[tuple[float, str], ...] = ()  # vertical lines with what they mark
    y_lines: tuple[tuple[float, str], ...] = ()
    y_range: tuple[float, float] | None = None
    square: bool = False  # whether both axes have one scale


def of_saturation(shares: Mapping[str, Saturation]) -> Drawing:
    """Return how often the units of each gate are closed and open, a point for each unit."""
    series = [Series(name, own.closed, own.open, "points") for name, own in shares.items()]
    return Drawing(
        "Saturation of gates, one point for each unit",
        "share of steps with the gate below 0.1",
        "share of steps with the gate above 0.9",
        [*series, Series("", np.array([0.0, 1.0]), np.array([1.0, 0.0]))],
        square=True,
    )


def of_histograms(found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Drawing:
    """Return the distributions of the values of each name, from counts and edges of bins."""
    series = [
        Series(name, edges, counts / max(1, counts.sum()), "row")
        for name, (counts, edges) in found.items()
    ]
    return Drawing("Values over all steps and units", "value", "share of values", series)


def of_time_constants(constants: Mapping[str, np.ndarray], longest: float | None = None) -> Drawing:
    """Return the time constants of the units of forget or update gates, sorted."""
    series = []
    for name, own in constants.items():
        found = np.sort(own)[::-1]
        found = np.where((found > 0) & np.isfinite(found), found, np.nan)
        series.append(Series(name, np.arange(1.0, len(found) + 1), found, "points"))
    return Drawing(
        "Time constants",
        "unit, sorted",
        "time constant (steps)",
        series,
        y_log=True,
        y_lines=() if longest is None else ((longest, "longest sequence"),),
    )


def of_flow(flow: Flow | Mapping[str, Flow]) -> Drawing:
    """Return the mean norm of J^T w over the lag, with its spread, of one layer or several."""
    flows: Mapping[str, Flow] = {"mean": flow} if isinstance(flow, Flow) else flow
    series, marks = [], []
    for name, own in flows.items():
        lags = np.arange(len(own.mean))
        half = "" if own.half_life is None else f", half-life {in_steps(own.half_life)}"
        series.append(Series(name + half, lags, own.mean))
        if len(flows) == 1:
            low, high = np.quantile(own.norms, (0.1, 0.9), axis=(1, 2))
            series.append(Series("10 to 90 % of positions and w", lags, high, "band", low))
        if own.half_life is not None:
            marks.append((float(own.half_life), ""))
    return Drawing(
        "Gradient flow",
        "lag (steps)",
        "norm of J^T w (1 at lag 0)",
        series,
        y_log=True,
        x_lines=tuple(marks),
        y_lines=((0.5, "one half"),),
    )


def of_memory(memory: Memory, tolerance: float = 0.05) -> Drawing:
    """Return how much the output changes where inputs before the last steps are replaced."""
    share = memory.change / (memory.change[0] or 1.0)
    marks = (
        () if memory.steps is None else ((float(memory.steps), f"memory: {memory.steps} steps"),)
    )
    return Drawing(
        "Effective memory",
        "last steps that are kept",
        "share of the whole change",
        [Series("change", np.arange(len(share)), share)],
        x_lines=marks,
        y_lines=((tolerance, f"{tolerance:.0%}"),),
        y_range=(0.0, 1.02 * max(1.0, float(share.max()))),
    )


def of_eigenvalues(jacobian: np.ndarray | Mapping[str, np.ndarray]) -> Drawing:
    """Return the eigenvalues of one or several Jacobians of a step, with the unit circle."""
    given = {"": jacobian} if isinstance(jacobian, np.ndarray) else jacobian
    series = []
    for name, matrix in given.items():
        z = np.linalg.eigvals(matrix)
        label = f"{name}{', ' * bool(name)}spectral radius {np.abs(z).max():.3g}"
        series.append(Series(label, z.real, z.imag, "points"))
    angle = np.linspace(0, 2 * np.pi, 200)
    return Drawing(
        "Eigenvalues of the Jacobian of a step",
        "real part",
        "imaginary part",
        [*series, Series("unit circle", np.cos(angle), np.sin(angle))],
        square=True,
    )


def of_weights(
    network: Network, arrays: Mapping[str, np.ndarray], layer: str, bins: int = 40
) -> Drawing:
    """Return the distributions of the weights of a layer, or of their gradients, by gate."""
    own = {n: v for n, v in weights_by_gate(network, arrays).items() if n.startswith(f"{layer}.")}
    own = {n: v for n, v in own.items() if n.rsplit(".", 1)[1] in ("recurrent", "input")}
    if not own:
        raise ConfigError(
            f"layer is {layer!r}; expected a recurrent one: {', '.join(_of(network))}."
        )
    most = max(float(np.abs(v).max()) for v in own.values()) or 1.0
    series = []
    for name, values in own.items():
        counts, edges = np.histogram(values, bins, (-most, most))
        series.append(Series(name.removeprefix(f"{layer}."), edges, counts / values.size, "row"))
    return Drawing(f"Weights of {layer} by gate", "value", "share of weights", series)


def of_map(points: np.ndarray, labels: Sequence[Any] | None = None) -> Drawing:
    """Return a two-dimensional map of states, with a series for each label."""
    if labels is None:
        series = [Series("", points[:, 0], points[:, 1], "points")]
    else:
        if len(labels) != len(points):
            raise ConfigError(f"labels has {len(labels)}; expected {len(points)}, one for a point.")
        names = list(dict.fromkeys(map(str, labels)))
        if len(names) > 8:
            raise ConfigError(f"labels has {len(names)} kinds; expected at most 8, to tell apart.")
        which = np.array([names.index(str(k)) for k in labels])
        own = [points[which == k] for k in range(len(names))]
        series = [Series(n, p[:, 0], p[:, 1], "points") for n, p in zip(names, own, strict=True)]
    return Drawing("Map of states", "first coordinate", "second coordinate", series, square=True)


def of_neighbors(
    trace: Trace, name: str, start: tuple[int, int], stop: int, matches: Sequence[Any],
    unit: int | None = None, around: int = 10,
) -> Drawing:  # fmt: skip
    """Return one unit over a stretch and over those that are like it, aligned by their starts.

    `start` is (sequence, first step) of the stretch; `unit` is by default the one that varies most.
    """
    rows, (own, first) = trace[name], start
    stretch = rows[own][first:stop]
    unit = int(np.ptp(stretch, axis=0).argmax()) if unit is None else unit
    if not 0 <= unit < stretch.shape[1]:
        raise ConfigError(f"unit is {unit}; expected 0..{stretch.shape[1] - 1}.")
    places = [(own, first, True), *((m.sequence, m.start, False) for m in matches)]
    series, n = [], stop - first
    for sequence, begin, given in places:
        values = rows[sequence][max(0, begin - around) : begin + n + around, unit]
        x = np.arange(len(values)) + max(0, begin - around) - begin
        label = "the stretch" if given else f"sequence {sequence}, step {begin}"
        series.append(Series(label, x, values, strong=given))
    return Drawing(
        f"Stretches alike: {name}, unit {unit}",
        "step from the start of the stretch",
        f"value of {name}",
        series,
        x_lines=((-0.5, ""), (n - 0.5, "")),
    )


def of_training(monitor: Monitor, what: str = "grad_norms") -> Drawing:
    """Return what a monitor recorded over the steps of a training, by layer."""
    labels = {
        "grad_norms": ("Gradient norms", "norm of the mean gradient"),
        "update_ratios": ("Sizes of updates", "norm of an update / norm of the weights"),
        "weight_norms": ("Weight norms", "norm of the weights"),
        "dead_units": ("Dead units", "share of units without gradient"),
    }
    if what not in labels:
        raise ConfigError(f"what is {what!r}; expected one of {', '.join(labels)}.")
    if not monitor.steps:
        raise ConfigError(
            "the monitor has no record; expected a training with callbacks=[monitor]."
        )
    found: dict[str, np.ndarray] = (
        {n: np.asarray(v) for n, v in monitor.dead_units.items()}
        if what == "dead_units"
        else monitor.by_layer(what)
    )
    series = [Series(name, np.asarray(monitor.steps), values) for name, values in found.items()]
    title, y = labels[what]
    share = what == "dead_units"
    return Drawing(
        title, "training step", y, series, y_log=not share, y_range=(-0.02, 1.02) if share else None
    )


def of_loss_by_length(losses: LossByLength) -> Drawing:
    """Return the mean loss of sequences in intervals of their lengths."""
    label = f"{losses.counts.sum():,} sequences"
    series = Series(label, losses.edges, losses.mean, "bars")
    return Drawing("Loss by length", "length (steps)", "mean loss", [series])


def check_steps(values: np.ndarray, shown: Any, text: bool) -> None:
    """Refuse contributions that are not those of a text, or of a series.

    Raises
    ------
    ShapeError
    """
    width = 1 if text else np.asarray(shown).reshape(len(shown), -1).shape[1]
    expected = {(len(shown),), (len(shown), 1), (len(shown), width)}
    if values.shape not in expected:
        raise ShapeError(
            f"values has the shape {values.shape}; expected ({len(shown)},) or ({len(shown)}, "
            f"{width}), because {len(shown)} steps are shown."
        )


def chosen(trace: Trace, names: Sequence[str] | str | None, kinds: Sequence[str]) -> list[str]:
    """Return the names that are asked for; those of some kinds where None.

    Raises
    ------
    ConfigError
        The trace has none of them, or `names` is not a str or several.
    """
    if names is not None:
        return list(name_list(names))
    found = [n for n in trace.names if n.rsplit(".", 1)[1] in kinds]
    if not found:
        raise ConfigError(
            f"the trace has none of {', '.join(kinds)}; expected names, some of "
            f"{', '.join(trace.names)}."
        )
    return found


def _of(network):
    return [n for n, layer in network.layers.items() if isinstance(layer, Recurrent)]
