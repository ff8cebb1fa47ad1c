"""Statistics of gates over a trace, and weights by what they multiply."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..errors import operation
from ..layers import Recurrent
from ..network import Network
from .inputs import blocks, need_counts
from .trace import Trace


class Saturation(NamedTuple):
    """Shares of the steps at which each unit of a gate is open or closed, each (n_a,)."""

    open: np.ndarray
    closed: np.ndarray


@operation
def saturation(trace: Trace, name: str, *, above: float = 0.9, below: float = 0.1) -> Saturation:
    """Return how often each unit of a gate is saturated (Karpathy et al. 2015).

    Parameters
    ----------
    trace : Trace
    name : str
        A gate between 0 and 1: "lstm0.ft".
    above, below : float
        A unit is open where the gate is above the one, closed where it is below the other.

    Raises
    ------
    ConfigError
        There is no such name.
    """
    g = trace.flat(name)
    return Saturation((g > above).mean(axis=0), (g < below).mean(axis=0))


@operation
def time_constants(trace: Trace, name: str) -> np.ndarray:
    """Return the time constant of each unit in steps: -1 / mean log f.

    The state of a unit that is multiplied by f at each step falls to 1/e in that many steps.

    Parameters
    ----------
    trace : Trace
    name : str
        A forget gate, "lstm0.ft", or an update gate of a GRU, "gru0.ut": its f is 1 - ut.

    Returns
    -------
    ndarray of float64, shape (n_a,)
        inf where f is 1 at every step, 0 where it is 0 at one.

    Raises
    ------
    ConfigError
        There is no such name.
    """
    g, update = trace.flat(name), name.endswith(".ut")
    total = np.zeros(g.shape[1])
    with np.errstate(divide="ignore"):
        for rows in blocks(g):
            total += np.log(1 - rows if update else rows).sum(axis=0)
        return np.abs(-len(g) / total)


@operation
def histogram(trace: Trace, name: str, bins: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Return counts (bins,) and edges (bins + 1,) of all values of a name."""
    need_counts(bins=bins)
    return np.histogram(trace.flat(name), bins)


@operation
def dead_units(trace: Trace, name: str, tolerance: float = 1e-6) -> np.ndarray:
    """Return the units whose values differ by at most `tolerance` over all steps: their indices."""
    return np.nonzero(np.ptp(trace.flat(name), axis=0) <= tolerance)[0]


def weights_by_gate(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Split arrays of recurrent layers into the weights of the state, of the input, and biases.

    Parameters
    ----------
    network : Network
    arrays : dict of str to ndarray
        The parameters, or gradients with their names.

    Returns
    -------
    dict of str to ndarray
        "lstm0.Wf.recurrent" (n_a, n_a), "lstm0.Wf.input" (n_a, n_x), "lstm0.bf.bias" (n_a, 1).
    """
    parts = {}
    for name, layer in network.layers.items():
        if not isinstance(layer, Recurrent):
            continue
        for slot in layer.slots:
            for key, kind in layer.cell.kinds.items():
                full = f"{name}.{slot.prefix}{key}"
                if kind == "joint":
                    parts[f"{full}.recurrent"] = arrays[full][:, : layer.n_a]
                    parts[f"{full}.input"] = arrays[full][:, layer.n_a :]
                else:
                    parts[f"{full}.{kind}"] = arrays[full]
    return parts
