"""The LSTM: one step, its gradient, and both through time.

Symbols: xt (n_x, m) input, a (n_a, m) hidden state, c (n_a, m) cell state, s = [a_prev ; xt] one on
top of the other, m examples side by side in columns. The equation numbers are those of the course.

Forward (Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000,
no peepholes; the sequence-models course):

(1)  ft      = sigmoid(Wf s + bf)                    forget gate
(2)  it      = sigmoid(Wi s + bi)                    input gate
(3)  cct     = tanh(Wc s + bc)                       candidate
(4)  c_next  = ft * c_prev + it * cct
(5)  ot      = sigmoid(Wo s + bo)                    output gate
(6)  a_next  = ot * tanh(c_next)
     yt_pred = softmax(Wy a_next + by)               the output layer: `losses`, (1)

Backward, from da_next and dc_next, the gradients of the loss with respect to a_next and c_next. A
pre-activation z is the argument of a gate's sigmoid or tanh; the course writes dot, dcct, dit, dft
for the gradients that are dzo, dzc, dzi, dzf here:

(7)  dzo     = da_next * tanh(c_next) * ot (1 - ot)                   <- (6) (5)
(7a) dc      = dc_next + da_next * ot * (1 - tanh(c_next)^2)          c_next is used by (6) too
(8)  dzc     = dc * it * (1 - cct^2)                                  <- (4) (3)
(9)  dzi     = dc * cct * it (1 - it)                                 <- (4) (2)
(10) dzf     = dc * c_prev * ft (1 - ft)                              <- (4) (1)
(11) dWf     = dzf s^T                                                <- (1), over the examples
(12) dWi     = dzi s^T                                                <- (2)
(13) dWc     = dzc s^T                                                <- (3)
(14) dWo     = dzo s^T                                                <- (5)
(15) dbf     = sum over the examples of dzf                           <- (1)
(16) dbi     = sum over the examples of dzi                           <- (2)
(17) dbc     = sum over the examples of dzc                           <- (3)
(18) dbo     = sum over the examples of dzo                           <- (5)
(18a) ds     = Wf^T dzf + Wi^T dzi + Wc^T dzc + Wo^T dzo              (19) and (21) in one product
(19) da_prev = the first n_a rows of ds
(20) dc_prev = dc * ft                                                <- (4)
(21) dxt     = the other n_x rows of ds

(7a) and (18a) are not in the course, which writes them out in the equations that follow. Widely
copied versions print (8) to (10) without the parentheses that (7a) stands for; they are wrong, as
the gradient check shows. Through time: `sequences`, (1) to (6) there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import operation
from .activations import d_sigmoid, d_tanh, sigmoid
from .cell import Array, Cell, Gradients, Parameters
from .functions import check_gradients, check_step, predict, run_backward, run_forward
from .underflow import may_underflow


class LSTMCache(NamedTuple):
    """One step of the LSTM, in the order of the course."""

    a_next: Array
    c_next: Array
    a_prev: Array
    c_prev: Array
    ft: Array
    it: Array
    cct: Array
    ot: Array
    xt: Array
    parameters: Parameters


def lstm_recurrence(
    xt: Array, a_prev: Array, c_prev: Array, parameters: Parameters
) -> tuple[Array, Array, LSTMCache]:
    """One step without the output layer: equations (1) to (6)."""
    p = parameters
    s = np.concatenate([a_prev, xt])
    ft = sigmoid(p["Wf"] @ s + p["bf"])  # (1)
    it = sigmoid(p["Wi"] @ s + p["bi"])  # (2)
    cct = np.tanh(p["Wc"] @ s + p["bc"])  # (3)
    c_next = ft * c_prev + it * cct  # (4)
    ot = sigmoid(p["Wo"] @ s + p["bo"])  # (5)
    a_next = ot * np.tanh(c_next)  # (6)
    return a_next, c_next, LSTMCache(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p)


def lstm_recurrence_backward(da_next: Array, dc_next: Array, cache: LSTMCache) -> Gradients:
    """Undo `lstm_recurrence`: equations (7) to (21)."""
    _, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    n_a = a_prev.shape[0]
    s = np.concatenate([a_prev, xt])
    tanh_c = np.tanh(c_next)
    dzo = da_next * tanh_c * d_sigmoid(ot)  # (7)
    dc = dc_next + da_next * ot * d_tanh(tanh_c)  # (7a)
    dzc = dc * it * d_tanh(cct)  # (8)
    dzi = dc * cct * d_sigmoid(it)  # (9)
    dzf = dc * c_prev * d_sigmoid(ft)  # (10)
    ds = p["Wf"].T @ dzf + p["Wi"].T @ dzi + p["Wc"].T @ dzc + p["Wo"].T @ dzo  # (18a)
    return {
        "dxt": ds[n_a:],  # (21)
        "da_prev": ds[:n_a],  # (19)
        "dc_prev": dc * ft,  # (20)
        "dWf": dzf @ s.T,  # (11)
        "dbf": dzf.sum(axis=1, keepdims=True),  # (15)
        "dWi": dzi @ s.T,  # (12)
        "dbi": dzi.sum(axis=1, keepdims=True),  # (16)
        "dWc": dzc @ s.T,  # (13)
        "dbc": dzc.sum(axis=1, keepdims=True),  # (17)
        "dWo": dzo @ s.T,  # (14)
        "dbo": dzo.sum(axis=1, keepdims=True),  # (18)
    }


LSTM = Cell(
    name="lstm",
    states=("a", "c"),
    gates=("ft", "it", "cct", "ot"),
    parameters={
        "Wf": "n_a n_a+n_x", "bf": "n_a 1",  # forget gate
        "Wi": "n_a n_a+n_x", "bi": "n_a 1",  # input gate
        "Wc": "n_a n_a+n_x", "bc": "n_a 1",  # candidate
        "Wo": "n_a n_a+n_x", "bo": "n_a 1",  # output gate
    },
    initial={"bf": 1.0},  # an open forget gate lets gradients through (Jozefowicz et al. 2015)
    cache=LSTMCache,
    recurrence=lstm_recurrence,
    backward=lstm_recurrence_backward,
)  # fmt: skip


@may_underflow
@operation
def lstm_cell_forward(
    xt: Array,
    a_prev: Array,
    c_prev: Array,
    parameters: Parameters,
) -> tuple[Array, Array, Array, LSTMCache]:
    """Compute one step of the LSTM and its prediction: equations (1) to (6).

    Parameters
    ----------
    xt : ndarray, shape (n_x, m)
        Input of the step.
    a_prev, c_prev : ndarray, shape (n_a, m)
        Hidden state and cell state before the step.
    parameters : dict
        Wf, Wi, Wc, Wo (n_a, n_a + n_x), columns [a_prev ; xt]; bf, bi, bc, bo (n_a, 1);
        Wy (n_y, n_a), by (n_y, 1).

    Returns
    -------
    a_next, c_next : ndarray, shape (n_a, m)
    yt_pred : ndarray, shape (n_y, m)
        Probabilities: each column sums to 1.
    cache : LSTMCache
        (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters), for
        `lstm_cell_backward`. Not copies.

    Raises
    ------
    ShapeError
    """
    xt, a_prev, c_prev = check_step(LSTM, xt, (a_prev, c_prev), parameters)
    a_next, c_next, cache = lstm_recurrence(xt, a_prev, c_prev, parameters)
    yt_pred = predict(a_next, parameters["Wy"], parameters["by"])
    return a_next, c_next, yt_pred, cache


@may_underflow
@operation
def lstm_cell_backward(da_next: Array, dc_next: Array, cache: LSTMCache) -> Gradients:
    """Compute the gradients of `lstm_cell_forward`: one step, equations (7) to (21).

    Parameters
    ----------
    da_next, dc_next : ndarray, shape (n_a, m)
        Gradients of the loss with respect to a_next and c_next, from all that uses them
        *after* this step; that a_next depends on c_next is added here, by (7a).
    cache : LSTMCache

    Returns
    -------
    dict
        ``dxt`` (n_x, m), ``da_prev``, ``dc_prev`` (n_a, m), and ``dWf``, ``dbf``, ``dWi``,
        ``dbi``, ``dWc``, ``dbc``, ``dWo``, ``dbo`` in the parameters' shapes.

    Raises
    ------
    ShapeError
    """
    check_gradients(LSTM, (da_next, dc_next), cache)
    return lstm_recurrence_backward(da_next, dc_next, cache)


@may_underflow
@operation
def lstm_forward(
    x: Array,
    a0: Array,
    parameters: Parameters,
    seq_lengths: Sequence[int] | Array | None = None,
    *,
    c0: Array | None = None,
) -> tuple[Any, ...]:
    """Run the LSTM over a batch of sequences, of equal or different lengths.

    Parameters
    ----------
    x : ndarray, shape (n_x, m, T_x)
    a0 : ndarray, shape (n_a, m)
        Initial hidden state; not changed.
    parameters : dict
        As in `lstm_cell_forward`.
    seq_lengths : sequence of m int, optional
        True lengths in 0..T_x, in any order. The padding of x is not read.
    c0 : ndarray, shape (n_a, m), optional
        Initial cell state; zeros where None, as in the course.

    Returns
    -------
    a : ndarray, shape (n_a, m, T_x)
        Hidden states; 0 on padding.
    y : ndarray, shape (n_y, m, T_x)
        Probabilities; 0 on padding.
    c : ndarray, shape (n_a, m, T_x)
        Cell states; 0 on padding.
    caches : Caches
        A pair: the step caches in order, and x. Carries the lengths to `lstm_backward`.

    Raises
    ------
    ShapeError
    """
    return run_forward(LSTM, x, (a0, c0), parameters, seq_lengths)


@may_underflow
@operation
def lstm_backward(
    da: Array,
    caches: tuple[Any, Any],
    *,
    da_final: Array | None = None,
    dc_final: Array | None = None,
) -> Gradients:
    """Compute the gradients of `lstm_forward`: backpropagation through time.

    Parameters
    ----------
    da : ndarray, shape (n_a, m, T), T <= T_x
        Gradient of each step's *own* loss with respect to its hidden state, without what flows
        between steps. With T < T_x the loss uses the first T steps only. Ignored on padding.
    caches : Caches
    da_final, dc_final : ndarray, shape (n_a, m), optional
        Gradients with respect to each sequence's final states, besides `da`; they need T = T_x.

    Returns
    -------
    dict
        ``dx`` (n_x, m, T), ``da0``, ``dc0`` (n_a, m), ``dWf``, ``dbf``, ..., ``dWo``, ``dbo``.

    Raises
    ------
    ShapeError
    """
    return run_backward(LSTM, da, (da_final, dc_final), caches)
