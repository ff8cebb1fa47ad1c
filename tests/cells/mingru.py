"""minGRU (Feng et al. 2024, arXiv 2410.01201): a GRU whose gates do not depend on the state.

(1) ut = sigmoid(Wu xt + bu)    (2) cct = Wc xt + bc    (3) a_next = (1 - ut) * a_prev + ut * cct
"""

from collections import namedtuple

from bptt.equations import Cell, sigmoid

MinGRUCache = namedtuple("MinGRUCache", "a_next a_prev ut cct xt parameters")


def mingru(xt, a_prev, parameters):
    """One step: equations (1) to (3)."""
    p = parameters
    ut = sigmoid(p["Wu"] @ xt + p["bu"])  # (1)
    cct = p["Wc"] @ xt + p["bc"]  # (2)
    a_next = (1 - ut) * a_prev + ut * cct  # (3)
    return a_next, MinGRUCache(a_next, a_prev, ut, cct, xt, p)


def mingru_backward(da_next, cache):
    """Undo `mingru`; dzu is the gradient inside the sigmoid."""
    _, a_prev, ut, cct, xt, p = cache
    dzu = da_next * (cct - a_prev) * ut * (1 - ut)  # <- (3) (1)
    dcct = da_next * ut  # <- (3)
    return {
        "dxt": p["Wu"].T @ dzu + p["Wc"].T @ dcct,  # <- (1) (2)
        "da_prev": da_next * (1 - ut),  # <- (3)
        "dWu": dzu @ xt.T,
        "dbu": dzu.sum(axis=1, keepdims=True),
        "dWc": dcct @ xt.T,
        "dbc": dcct.sum(axis=1, keepdims=True),
    }


MINGRU = Cell(
    name="mingru",
    states=("a",),
    gates=("ut", "cct"),
    parameters={"Wu": "n_a n_x", "bu": "n_a 1", "Wc": "n_a n_x", "bc": "n_a 1"},
    cache=MinGRUCache,
    recurrence=mingru,
    backward=mingru_backward,
)
