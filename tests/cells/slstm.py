"""sLSTM (Beck et al. 2024, arXiv 2405.04517) without its stabilizer: a cell with three states.

ft = sigmoid(Wf s + bf), it = exp(Wi s + bi), cct = tanh(Wc s + bc), ot = sigmoid(Wo s + bo) of
s = [a_prev ; xt]; c_next = ft * c_prev + it * cct; n_next = ft * n_prev + it; a_next = ot * c / n.
"""

from collections import namedtuple

import numpy as np

from bptt.equations import CELLS, Cell, sigmoid

SLSTMCache = namedtuple(
    "SLSTMCache", "a_next c_next n_next c_prev n_prev ft it cct ot s parameters"
)


def slstm(xt, a_prev, c_prev, n_prev, p):
    """One step."""
    s = np.concatenate([a_prev, xt])
    ft, it = sigmoid(p["Wf"] @ s + p["bf"]), np.exp(p["Wi"] @ s + p["bi"])
    cct, ot = np.tanh(p["Wc"] @ s + p["bc"]), sigmoid(p["Wo"] @ s + p["bo"])
    c, n = ft * c_prev + it * cct, ft * n_prev + it
    a = ot * c / n
    return a, c, n, SLSTMCache(a, c, n, c_prev, n_prev, ft, it, cct, ot, s, p)


def slstm_backward(da, dc, dn, cache):
    """Undo `slstm`; dz holds the gradients inside the activations."""
    a, c, n, c_prev, n_prev, ft, it, cct, ot, s, p = cache
    dc, dn = dc + da * ot / n, dn - da * a / n
    dz = {
        "f": (dc * c_prev + dn * n_prev) * ft * (1 - ft),
        "i": (dc * cct + dn) * it,
        "c": dc * it * (1 - cct**2),
        "o": da * c / n * ot * (1 - ot),
    }
    ds = sum(p[f"W{g}"].T @ d for g, d in dz.items())
    gradients = {"dxt": ds[len(a) :], "da_prev": ds[: len(a)]}
    gradients |= {"dc_prev": dc * ft, "dn_prev": dn * ft}
    gradients |= {f"dW{g}": d @ s.T for g, d in dz.items()}
    return gradients | {f"db{g}": d.sum(axis=1, keepdims=True) for g, d in dz.items()}


SLSTM = Cell(
    name="slstm",
    states=("a", "c", "n"),
    gates=("ft", "it", "cct", "ot"),
    parameters=CELLS["lstm"].parameters,
    cache=SLSTMCache,
    recurrence=slstm,
    backward=slstm_backward,
)
