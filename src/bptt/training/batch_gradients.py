"""Loss and gradients of one batch, or of several parts of a batch in one pass."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..network import Network, rows_of_state
from .batches import Batch
from .objectives import Objective


class Sums(NamedTuple):
    """What a batch, or a part of one, adds to a training step.

    Attributes
    ----------
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

    total: float
    weight: float
    gradients: dict[str, np.ndarray]
    state: tuple[Any, ...]


def gradients(
    network: Network,
    parameters: dict[str, np.ndarray],
    objective: Objective,
    batch: Batch,
    state: tuple[Any, ...] | None = None,
    rng: np.random.Generator | None = None,
) -> Sums:
    """Run one batch forward and backward; it may have no rows.

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
    Sums
    """
    whole = [(one, [len(one.x)]) for one in batch.parts]
    return part_gradients(network, parameters, objective, whole, [state], [rng])[0]


def part_gradients(
    network: Network,
    parameters: dict[str, np.ndarray],
    objective: Objective,
    batches: Sequence[tuple[Batch, Sequence[int]]],
    states: Sequence[tuple[Any, ...] | None],
    rngs: Sequence[np.random.Generator | None],
) -> list[Sums]:
    """Run several parts of a training step forward and backward together.

    Where the network is `by_rows`, the results of a part are bit-identical to those of the part
    alone: its rows follow one another in each batch, and only its gradients are summed apart.

    Parameters
    ----------
    network, parameters, objective
        As for `gradients`.
    batches : sequence of (Batch, sequence of int)
        The batches of the step, each with its number of rows of each part.
    states, rngs : sequence
        Of each part: see `gradients`.

    Returns
    -------
    list of Sums
    """
    found: list[Sums | None] = [None] * len(states)
    for batch, sizes in batches:
        if not sum(sizes):
            continue
        for k, more in enumerate(_pass(network, parameters, objective, batch, sizes, states, rngs)):
            if sizes[k]:
                found[k] = _added(found[k], more)
    nothing = {name: np.zeros_like(p) for name, p in parameters.items()} if None in found else {}
    return [
        Sums(0.0, 0.0, {n: z.copy() for n, z in nothing.items()}, network.zero_state(0))
        if sums is None
        else sums
        for sums in found
    ]


def _pass(network, parameters, objective, batch, sizes, states, rngs):
    """Return what each part of one batch adds."""
    several = len(sizes) > 1
    state = None if batch.fresh or states[0] is None else states[0]
    if state is None:
        state = network.initial_state(parameters, len(batch.x))
    elif several:
        state = _joined(states)
    rng = _Draws(rngs, sizes) if several and rngs[0] is not None else rngs[0]
    y, state, tape = network.forward(batch.x, parameters, state, batch.lengths, rng=rng)
    if not several:
        total, weight, dy = objective(y, batch)
        _, dstate0, g = network.backward(tape, dy, need_dx=False)
        g |= network.initial_state_gradients(dstate0 if batch.fresh else None)
        return [Sums(total, weight, g, state)]
    rows = [slice(a, b) for a, b in pairwise(np.cumsum([0, *sizes]).tolist())]
    losses = [
        objective(y[r], batch.taken(r)) if r.start < r.stop else (0.0, 0.0, y[r]) for r in rows
    ]
    dy = np.concatenate([own for _, _, own in losses])
    _, dstate0, g = network.backward(tape, dy, need_dx=False, parts=sizes)
    g |= network.initial_state_gradients(dstate0 if batch.fresh else None, sizes)
    return [
        Sums(total, weight, {name: z[k] for name, z in g.items()}, rows_of_state(state, rows[k]))
        for k, (total, weight, _) in enumerate(losses)
    ]


def _added(before, more):
    if before is None:
        return more
    g = {name: value + more.gradients[name] for name, value in before.gradients.items()}
    return Sums(before.total + more.total, before.weight + more.weight, g, before.state)


def _joined(states):
    """Return the states of consecutive rows as those of one batch."""
    return tuple(
        tuple(np.concatenate(arrays, axis=-2) for arrays in zip(*layers, strict=True))
        for layers in zip(*states, strict=True)
    )


class _Draws:
    """Random numbers for the rows of several parts, those of each from a generator of its own."""

    def __init__(self, rngs, sizes):
        self._rngs, self._sizes = rngs, sizes

    def random(self, shape, dtype):
        """Draw as `numpy.random.Generator.random`; the first axis of the shape is that of rows."""
        own = zip(self._rngs, self._sizes, strict=True)
        return np.concatenate([rng.random((n, *shape[1:]), dtype) for rng, n in own])
