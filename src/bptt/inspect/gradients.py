"""Gradients of an output with respect to inputs, outputs, states, gates and pre-activations."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from ..checks import is_whole
from ..equations.nonlinearities import nonlinearity
from ..equations.variants import parts_of
from ..errors import ConfigError, ShapeError, operation
from ..layers import Recurrent
from .inputs import read
from .pre_activations import input_of, states_before
from .trace import Trace

Target = int | tuple[int, int] | Callable[[np.ndarray], np.ndarray]


@operation
def gradients(
    model: Any, X: Any, target: Target, parameters: Any = None, *, lengths: Any = None
) -> Trace:
    """Return the gradients of an output of the network, by the names of `trace`.

    Sequences are computed one at a time, recurrent layers step by step by their equations: for
    examples, not for a corpus.

    Parameters
    ----------
    model, X, parameters, lengths
        As for `trace`.
    target : int, (int, int) or callable
        Index of an output (logit) at the last step; a pair (step, index); or a function of the
        outputs (T_i, n_out) that returns the gradient of a number with respect to them, (T_i,
        n_out).

    Returns
    -------
    Trace
        "x" where the input is numbers; ``dense0.y``; ``lstm0.a``, ``lstm0.c``: through all later
        steps, and through the gates of the same step for c; ``lstm0.zft`` of every gate whose
        bias is named like it; ``lstm0.ft``. Of a cell of your own there are none of gates, and
        those of all states but the first are through later steps only.

    Raises
    ------
    ConfigError, ShapeError
    """
    source = read(model, X, parameters, lengths)
    network = copy(source.network)
    network._tables = set()  # every token's vector has its own gradient
    found: dict[str, list[np.ndarray]] = {}
    for i, x in enumerate(source.arrays):
        if not len(x):
            raise ConfigError(f"X[{i}] has no steps; expected at least one in each sequence.")
        seen = {}
        y, _, tape = network.forward(
            x[np.newaxis], source.parameters, watch=lambda s, seen=seen: seen.update({s.name: s})
        )
        outputs = {}
        dx, _, _ = network.backward(
            tape,
            _start(y[0], target)[np.newaxis],
            parts=(),
            watch=lambda n, d, o=outputs: o.update({n: d}),
        )
        if dx is not None:
            found.setdefault("x", []).append(dx[0])
        for name, dy in outputs.items():
            found.setdefault(f"{name}.y", []).append(dy[0])
            if isinstance(network.layers[name], Recurrent):
                for key, value in _inside(seen[name], dy[0]).items():
                    found.setdefault(f"{name}.{key}", []).append(value)
    return Trace(
        {name: np.concatenate(rows) for name, rows in found.items()},
        [len(x) for x in source.arrays],
        {name: [len(row) for row in rows] for name, rows in found.items()},
    )


def _start(y, target):
    """Return the gradient of the target with respect to the outputs (T, n_out)."""
    if callable(target):
        dy = np.asarray(target(y), y.dtype)
        if dy.shape != y.shape:
            raise ShapeError(f"target returned {dy.shape}; expected {y.shape}, as the outputs.")
        return dy
    step, index = target if isinstance(target, tuple) and len(target) == 2 else (-1, target)
    places = is_whole(step) and is_whole(index)
    if not (places and -len(y) <= step < len(y) and -y.shape[1] <= index < y.shape[1]):
        raise ConfigError(
            f"target is {target!r}; expected an index below {y.shape[1]}, or a step below {len(y)} "
            f"and an index, or a function of the outputs."
        )
    dy = np.zeros_like(y)
    dy[step, index] = 1
    return dy


def _inside(seen, dy):
    """Return the gradients inside a recurrent layer, by names, from that of its output."""
    layer, found = seen.layer, {}
    for k in reversed(range(layer.n_layers)):
        below: Any = 0.0
        for i, slot in enumerate(layer.slots):
            if slot.layer == k:
                own = dy[:, layer.n_a :] if slot.reverse else dy[:, : layer.n_a]
                values, dx = _slot(seen, i, own)
                found |= {slot.prefix + name: value for name, value in values.items()}
                below = below + dx
        dy = below
    return found


def _slot(seen, i, dy):
    """Backpropagate one sequence through a slot, a step at a time, by the cell's equations."""
    layer, slot, tape = seen.layer, seen.layer.slots[i], seen.tape[i]
    cell, T = layer.cell, len(dy)
    own = {n: seen.parameters[slot.prefix + n] for n in cell.parameters}
    x = input_of(seen, slot)[0]
    before = [states_before(seen, i, s)[0] for s in cell.states]
    gates = {g: f"db{g[0]}" for g in cell.gates if f"b{g[0]}" in cell.parameters}
    if not cell.gates:
        gates = {g: f"db{g}" for g in cell.states if f"b{g}" in cell.parameters}
    names = [*cell.states, *(f"z{g}" for g in gates)]
    values = {name: np.zeros((T, layer.n_a), dy.dtype) for name in names}
    dx, carried = np.zeros((T, slot.n_in), dy.dtype), [0.0 for _ in cell.states]
    for t in range(T) if slot.reverse else reversed(range(T)):
        state = [b[t][:, np.newaxis] for b in before]
        *_, cache = cell.recurrence(x[t][:, np.newaxis], *state, own)
        dstates = [c + np.zeros((layer.n_a, 1), dy.dtype) for c in carried]
        dstates[0] = dstates[0] + dy[t][:, np.newaxis]
        d = cell.backward(*dstates, cache)
        carried, dx[t] = [d[f"d{s}_prev"] for s in cell.states], d["dxt"][:, 0]
        for s, ds in zip(cell.states, dstates, strict=True):
            values[s][t] = ds[:, 0]
        for gate, bias in gates.items():
            values[f"z{gate}"][t] = d[bias][:, 0]
    if (made := parts_of(cell)) is not None and cell.gates:
        seen_gates = {name: tape[name][0] for name in tape.names}
        add = _lstm_gates if "c" in cell.states else _gru_gates
        values |= add(made, values, seen_gates, before, own)
    return values, dx


def _lstm_gates(made, d, values, before, p):
    """Return the gradients of c and of the gates: the numbers are those of `equations.lstm`.

    `d` has those of a, of pre-activations, and of c through later steps.
    """
    family, (_, _, name), _ = made
    h = nonlinearity(name)
    it, cct, ot, hc = values["it"], values["cct"], values["ot"], h.f(values["c"])
    dc = d["c"] + d["a"] * ot * h.d(hc)  # (7a)
    if "po" in p:
        dc += p["po"][:, 0] * d["zot"]
    c_prev = before[1]
    dit = dc * (cct - c_prev if "cifg" in family else cct)  # there ft is 1 - it
    return {"c": dc, "ft": dc * c_prev, "it": dit, "cct": dc * it, "ot": d["a"] * hc}


def _gru_gates(made, d, values, before, p):
    """Return the gradients of the gates: the numbers are those of `equations.gru`."""
    a_prev, (ut, rt, cct) = before[0], (values[k] for k in ("ut", "rt", "cct"))
    found = {"ut": d["a"] * (cct - a_prev), "cct": d["a"] * ut}
    if "pct" in values:
        return found | {"rt": d["zcct"] * values["pct"], "pct": d["zcct"] * rt}
    return found | {"rt": d["zcct"] @ p["Wc"][:, : a_prev.shape[1]] * a_prev}
