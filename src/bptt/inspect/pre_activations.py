"""Pre-activations of gates, recomputed from what a forward pass shows."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine import provider
from ..equations.sequences import valid_steps
from ..equations.variants import parts_of
from ..network import Seen


def pre_activations(seen: Seen, i: int) -> Iterator[tuple[str, Callable[[str], np.ndarray]]]:
    """Yield the name and the function of every pre-activation of a slot: W s + b before g.

    There are none of a user's cell, but those that its record lists among its gates.
    """
    layer: Any = seen.layer
    slot, tape = layer.slots[i], seen.tape[i]
    cell, n_a = layer.cell, layer.n_a
    made = parts_of(cell)
    if made is None:
        return
    family, _, _ = made
    own = {n: seen.parameters[slot.prefix + n] for n in cell.parameters}

    def joined(scale=1.0):
        return np.concatenate([states_before(seen, i) * scale, input_of(seen, slot)], axis=2)

    def affine(x, W, b):
        rows = provider().dense_forward(x.reshape(-1, x.shape[2]), W, b)
        return rows.reshape(*x.shape[:2], -1)

    def compute(gate):
        if gate == "a":
            return affine(joined(), np.concatenate([own["Waa"], own["Wax"]], axis=1), own["ba"])
        W, b = own[f"W{gate[0]}"], own[f"b{gate[0]}"]
        if gate == "cct" and family == "gru_reset_after":
            return tape["rt"] * tape["pct"] + affine(input_of(seen, slot), W[:, n_a:], b)
        z = affine(joined(tape["rt"] if gate == "cct" and family == "gru" else 1.0), W, b)
        if (peephole := f"p{gate[0]}") in own:
            z = z + own[peephole][:, 0] * (
                tape["c"] if gate == "ot" else states_before(seen, i, "c")
            )
        return z

    for gate in [g for g in cell.gates if f"W{g[0]}" in own] or ["a"]:
        yield gate, compute


def input_of(seen: Seen, slot: Any) -> np.ndarray:
    """Return the input of a slot: of the layer, or the outputs of the slots below."""
    if slot.layer == 0:
        if seen.table is None:
            return seen.x
        return seen.table[np.where(valid_steps(seen.lengths, *seen.x.shape), seen.x, 0)]
    layer: Any = seen.layer
    below = [k for k, s in enumerate(layer.slots) if s.layer == slot.layer - 1]
    return np.concatenate([seen.tape[k][layer.states[0]] for k in below], axis=2)


def states_before(seen: Seen, i: int, state: str | None = None) -> np.ndarray:
    """Return a state, the hidden one if None, before every step of a slot: (m, T_x, n_a)."""
    layer: Any = seen.layer
    names = layer.states
    k = 0 if state is None else names.index(state)
    a = seen.tape[i][names[k]]
    before, m = np.zeros_like(a), len(a)
    first = np.zeros(m, np.int64)
    if layer.slots[i].reverse:
        before[:, :-1] = a[:, 1:]
        first = (np.full(m, a.shape[1]) if seen.lengths is None else np.asarray(seen.lengths)) - 1
    else:
        before[:, 1:] = a[:, :-1]
    if seen.state is not None:
        before[np.arange(m), first] = seen.state[k][i]
    return before
