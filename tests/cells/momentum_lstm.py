"""An LSTM whose cell state has momentum, after MomentumRNN (Nguyen et al. 2020): three states.

As in `bptt.equations.lstm`, but v_next = MU * v_prev + it * cct and c_next = ft * c_prev + v_next.
"""

from collections import namedtuple

import numpy as np

from bptt.equations import CELLS, Cell, sigmoid

MU = 0.6
MomentumCache = namedtuple("MomentumCache", "a_next c_next v_next c_prev ft it cct ot s parameters")


def momentum(xt, a_prev, c_prev, v_prev, p):
    """One step."""
    s = np.concatenate([a_prev, xt])
    ft, it = sigmoid(p["Wf"] @ s + p["bf"]), sigmoid(p["Wi"] @ s + p["bi"])
    cct, ot = np.tanh(p["Wc"] @ s + p["bc"]), sigmoid(p["Wo"] @ s + p["bo"])
    v = MU * v_prev + it * cct
    c = ft * c_prev + v
    a = ot * np.tanh(c)
    return a, c, v, MomentumCache(a, c, v, c_prev, ft, it, cct, ot, s, p)


def momentum_backward(da, dc, dv, cache):
    """Undo `momentum`; dz holds the gradients inside the activations."""
    a, c, _, c_prev, ft, it, cct, ot, s, p = cache
    dc = dc + da * ot * (1 - np.tanh(c) ** 2)
    dv = dv + dc
    dz = {
        "f": dc * c_prev * ft * (1 - ft),
        "i": dv * cct * it * (1 - it),
        "c": dv * it * (1 - cct**2),
        "o": da * np.tanh(c) * ot * (1 - ot),
    }
    ds = sum(p[f"W{g}"].T @ d for g, d in dz.items())
    gradients = {"dxt": ds[len(a) :], "da_prev": ds[: len(a)]}
    gradients |= {"dc_prev": dc * ft, "dv_prev": MU * dv}
    gradients |= {f"dW{g}": d @ s.T for g, d in dz.items()}
    return gradients | {f"db{g}": d.sum(axis=1, keepdims=True) for g, d in dz.items()}


MOMENTUM_LSTM = Cell(
    name="momentum_lstm",
    states=("a", "c", "v"),
    gates=("ft", "it", "cct", "ot"),
    parameters=CELLS["lstm"].parameters,
    initial={"bf": 1.0},
    cache=MomentumCache,
    recurrence=momentum,
    backward=momentum_backward,
)
