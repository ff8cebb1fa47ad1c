"""The LSTM with coupled input and forget gates (CIFG; Greff et al. 2017; ONNX: input_forget).

The LSTM of `lstm` whose forget gate has no parameters; the numbers are those there:

(1)  ft      = 1 - it
(2)  it      = sigmoid(Wi s + bi)                    input gate
(3)  cct     = tanh(Wc s + bc)                       candidate
(4)  c_next  = ft * c_prev + it * cct
(5)  ot      = sigmoid(Wo s + bo)                    output gate
(6)  a_next  = ot * tanh(c_next)

Backward: (9) has the derivative of both uses of it; (10), (11) and (15) are left out.
"""

from typing import NamedTuple

import numpy as np

from .activations import d_sigmoid, d_tanh, sigmoid
from .cell import Array, Cell, Gradients, Parameters


class LSTMCIFGCache(NamedTuple):
    """One step of the LSTM with coupled gates."""

    a_next: Array
    c_next: Array
    a_prev: Array
    c_prev: Array
    it: Array
    cct: Array
    ot: Array
    ft: Array
    xt: Array
    parameters: Parameters


def lstm_cifg_recurrence(
    xt: Array, a_prev: Array, c_prev: Array, parameters: Parameters
) -> tuple[Array, Array, LSTMCIFGCache]:
    """One step: equations (1) to (6)."""
    p = parameters
    s = np.concatenate([a_prev, xt])
    it = sigmoid(p["Wi"] @ s + p["bi"])  # (2)
    ft = 1 - it  # (1)
    cct = np.tanh(p["Wc"] @ s + p["bc"])  # (3)
    c_next = ft * c_prev + it * cct  # (4)
    ot = sigmoid(p["Wo"] @ s + p["bo"])  # (5)
    a_next = ot * np.tanh(c_next)  # (6)
    return a_next, c_next, LSTMCIFGCache(a_next, c_next, a_prev, c_prev, it, cct, ot, ft, xt, p)


def lstm_cifg_recurrence_backward(
    da_next: Array, dc_next: Array, cache: LSTMCIFGCache
) -> Gradients:
    """Undo `lstm_cifg_recurrence`."""
    _, c_next, a_prev, c_prev, it, cct, ot, ft, xt, p = cache
    n_a = a_prev.shape[0]
    s = np.concatenate([a_prev, xt])
    tanh_c = np.tanh(c_next)
    dzo = da_next * tanh_c * d_sigmoid(ot)  # (7)
    dc = dc_next + da_next * ot * d_tanh(tanh_c)  # (7a)
    dzc = dc * it * d_tanh(cct)  # (8)
    dzi = dc * (cct - c_prev) * d_sigmoid(it)  # (9)
    ds = p["Wi"].T @ dzi + p["Wc"].T @ dzc + p["Wo"].T @ dzo  # (18a)
    return {
        "dxt": ds[n_a:],  # (21)
        "da_prev": ds[:n_a],  # (19)
        "dc_prev": dc * ft,  # (20)
        "dWi": dzi @ s.T,  # (12)
        "dbi": dzi.sum(axis=1, keepdims=True),  # (16)
        "dWc": dzc @ s.T,  # (13)
        "dbc": dzc.sum(axis=1, keepdims=True),  # (17)
        "dWo": dzo @ s.T,  # (14)
        "dbo": dzo.sum(axis=1, keepdims=True),  # (18)
    }


LSTM_CIFG = Cell(
    name="lstm_cifg",
    states=("a", "c"),
    gates=("it", "cct", "ot", "ft"),
    parameters={
        "Wi": "n_a n_a+n_x", "bi": "n_a 1",  # input gate
        "Wc": "n_a n_a+n_x", "bc": "n_a 1",  # candidate
        "Wo": "n_a n_a+n_x", "bo": "n_a 1",  # output gate
    },
    initial={"bi": -1.0},  # an open forget gate, as in the LSTM
    cache=LSTMCIFGCache,
    recurrence=lstm_cifg_recurrence,
    backward=lstm_cifg_recurrence_backward,
)  # fmt: skip
