"""Loss and gradients of one batch, or of one of its parts."""

from typing import Any

import numpy as np

from ..network import Network
from .batches import Batch
from .objectives import Objective


def gradients(
    network: Network,
    parameters: dict[str, np.ndarray],
    objective: Objective,
    batch: Batch,
    state: tuple[Any, ...] | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[float, float, dict[str, np.ndarray], tuple[Any, ...]]:
    """Run one batch forward and backward.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    objective : callable (y, batch) -> (total, weight, dy)
        See `bptt.training.objectives`.
    batch : Batch
    state : tuple, optional
        Final state of the batch before; ignored if the batch is fresh.
    rng : numpy.random.Generator, optional
        Draws the dropout masks.

    Returns
    -------
    total : float
        Sum of the losses.
    weight : float
        total / weight is the mean loss.
    gradients : dict of str to ndarray
        Of the total, keyed like the parameters; those of two batches add up to those of both
        together.
    state : tuple
        Final state; of the first part of a batch that has several.
    """
    if batch.fresh or state is None:
        state = network.initial_state(parameters, len(batch.x))
    y, state, tape = network.forward(batch.x, parameters, state, batch.lengths, rng=rng)
    total, weight, dy = objective(y, batch)
    _, dstate0, g = network.backward(tape, dy, need_dx=False)
    g |= network.initial_state_gradients(dstate0 if batch.fresh else None)
    for part in batch.rest:
        also, more, h, _ = gradients(network, parameters, objective, part, None, rng)
        total, weight = total + also, weight + more
        g = {name: value + h[name] for name, value in g.items()}
    return total, weight, g, state


def part_gradients(
    network: Network,
    parameters: dict[str, np.ndarray],
    objective: Objective,
    part: Batch,
    state: tuple[Any, ...] | None,
    rng: np.random.Generator,
) -> tuple[float, float, dict[str, np.ndarray], tuple[Any, ...]]:
    """Run one part of a batch forward and backward; it may have no rows: see `gradients`."""
    if len(part.x):
        return gradients(network, parameters, objective, part, state, rng)
    nothing = {name: np.zeros_like(p) for name, p in parameters.items()}
    return 0.0, 0.0, nothing, network.zero_state(0)
