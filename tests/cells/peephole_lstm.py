"""LSTM with peepholes (Gers & Schmidhuber 2000): gates also see the cell state of their own unit.

As in `bptt.equations.lstm`, with + pf * c_prev inside ft, + pi * c_prev inside it and + po * c_next
inside ot.
"""

from collections import namedtuple

import numpy as np

from bptt.equations import CELLS, Cell, sigmoid

PeepholeCache = namedtuple("PeepholeCache", "a_next c_next c_prev ft it cct ot s parameters")


def peephole(xt, a_prev, c_prev, p):
    """One step."""
    s = np.concatenate([a_prev, xt])
    ft = sigmoid(p["Wf"] @ s + p["pf"] * c_prev + p["bf"])
    it = sigmoid(p["Wi"] @ s + p["pi"] * c_prev + p["bi"])
    cct = np.tanh(p["Wc"] @ s + p["bc"])
    c_next = ft * c_prev + it * cct
    ot = sigmoid(p["Wo"] @ s + p["po"] * c_next + p["bo"])
    a_next = ot * np.tanh(c_next)
    return a_next, c_next, PeepholeCache(a_next, c_next, c_prev, ft, it, cct, ot, s, p)


def peephole_backward(da_next, dc_next, cache):
    """Undo `peephole`; dz holds the gradients inside the activations."""
    _, c_next, c_prev, ft, it, cct, ot, s, p = cache
    n_a, tanh_c, dz = len(c_next), np.tanh(c_next), {}
    dz["o"] = da_next * tanh_c * ot * (1 - ot)
    dc = dc_next + da_next * ot * (1 - tanh_c**2) + p["po"] * dz["o"]
    dz["c"] = dc * it * (1 - cct**2)
    dz["i"] = dc * cct * it * (1 - it)
    dz["f"] = dc * c_prev * ft * (1 - ft)
    ds = sum(p[f"W{g}"].T @ d for g, d in dz.items())
    gradients = {"dxt": ds[n_a:], "da_prev": ds[:n_a]}
    gradients["dc_prev"] = dc * ft + p["pf"] * dz["f"] + p["pi"] * dz["i"]
    gradients |= {f"dW{g}": d @ s.T for g, d in dz.items()}
    gradients |= {f"db{g}": d.sum(axis=1, keepdims=True) for g, d in dz.items()}
    seen = {"f": c_prev, "i": c_prev, "o": c_next}
    return gradients | {f"dp{g}": (dz[g] * c).sum(1, keepdims=True) for g, c in seen.items()}


PEEPHOLE_LSTM = Cell(
    name="peephole_lstm",
    states=("a", "c"),
    gates=("ft", "it", "cct", "ot"),
    parameters={**CELLS["lstm"].parameters, "pf": "n_a 1", "pi": "n_a 1", "po": "n_a 1"},
    per_unit=("pf", "pi", "po"),
    initial={"bf": 1.0},
    cache=PeepholeCache,
    recurrence=peephole,
    backward=peephole_backward,
)
