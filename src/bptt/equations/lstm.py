"""The LSTM: one cell, its gradient, and both through time.

Symbols: xt (n_x, m) input, a (n_a, m) hidden state, c (n_a, m) cell state, s = [a_prev ; xt] one on
top of the other, m examples side by side in columns.

Forward (Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000,
no peepholes; the sequence-models course):

(1)  ft      = sigmoid(Wf s + bf)                    forget gate
(2)  it      = sigmoid(Wi s + bi)                    input gate
(3)  cct     = tanh(Wc s + bc)                       candidate
(4)  ot      = sigmoid(Wo s + bo)                    output gate
(5)  c_next  = ft * c_prev + it * cct
(6)  a_next  = ot * tanh(c_next)
     yt_pred = softmax(Wy a_next + by)               the output layer: `losses`, (1)

Backward, from da_next and dc_next, all that the loss owes to a_next and c_next; z is what stands
inside an activation, so dzf is the gradient inside the sigmoid of (1):

(7)  dc      = dc_next + da_next * ot * (1 - tanh(c_next)^2)          <- (6), both roads into c_next
(8)  dzo     = da_next * tanh(c_next) * ot (1 - ot)                   <- (6) (4)
(9)  dzf     = dc * c_prev * ft (1 - ft)                              <- (5) (1)
(10) dzi     = dc * cct * it (1 - it)                                 <- (5) (2)
(11) dzc     = dc * it * (1 - cct^2)                                  <- (5) (3)
(12) dc_prev = dc * ft                                                <- (5)
(13) ds      = Wf^T dzf + Wi^T dzi + Wc^T dzc + Wo^T dzo,   [da_prev ; dxt] = ds
(14) dWf     = dzf s^T,   dbf = sum over the examples of dzf          <- (1)
(15) dWi     = dzi s^T,   dbi = sum over the examples of dzi          <- (2)
(16) dWc     = dzc s^T,   dbc = sum over the examples of dzc          <- (3)
(17) dWo     = dzo s^T,   dbo = sum over the examples of dzo          <- (4)

Widely copied versions print (9) to (11) without the parentheses that (7) puts around both roads;
they are wrong, and the gradient check says so. Through time: `sequences`, (1) to (6) there.
"""

from typing import NamedTuple

import numpy as np

from .activations import d_sigmoid, d_tanh, sigmoid, softmax
from .arguments import backward_door, cell_door, checks_gradients, predictions, sequence_door
from .cell import Cell
from .losses import output_forward
from .sequences import backward_through_time, forward_through_time


class LSTMCache(NamedTuple):
    """One step of the LSTM, in the order of the course."""

    a_next: np.ndarray
    c_next: np.ndarray
    a_prev: np.ndarray
    c_prev: np.ndarray
    ft: np.ndarray
    it: np.ndarray
    cct: np.ndarray
    ot: np.ndarray
    xt: np.ndarray
    parameters: dict


def lstm_recurrence(xt, a_prev, c_prev, parameters):
    """One step without the output layer: equations (1) to (6)."""
    p = parameters
    s = np.concatenate([a_prev, xt])
    ft = sigmoid(p["Wf"] @ s + p["bf"])  # (1)
    it = sigmoid(p["Wi"] @ s + p["bi"])  # (2)
    cct = np.tanh(p["Wc"] @ s + p["bc"])  # (3)
    ot = sigmoid(p["Wo"] @ s + p["bo"])  # (4)
    c_next = ft * c_prev + it * cct  # (5)
    a_next = ot * np.tanh(c_next)  # (6)
    return a_next, c_next, LSTMCache(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p)


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    """One step of the LSTM and its prediction: equations (1) to (6).

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
    xt, (a_prev, c_prev) = cell_door("lstm_cell_forward", LSTM, xt, (a_prev, c_prev), parameters)
    a_next, c_next, cache = lstm_recurrence(xt, a_prev, c_prev, parameters)
    yt_pred = softmax(output_forward(a_next, parameters["Wy"], parameters["by"]))
    return a_next, c_next, yt_pred, cache


@checks_gradients("a_next", "c_next")
def lstm_cell_backward(da_next, dc_next, cache):
    """Undo `lstm_cell_forward`: gradients of one step, equations (7) to (17).

    Parameters
    ----------
    da_next, dc_next : ndarray, shape (n_a, m)
        Gradients of the loss with respect to a_next and c_next, from all that uses them
        *after* this step; the road from a_next to c_next is added here, by (7).
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
    _, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    n_a = a_prev.shape[0]
    s = np.concatenate([a_prev, xt])
    tanh_c = np.tanh(c_next)
    dc = dc_next + da_next * ot * d_tanh(tanh_c)  # (7)
    dzo = da_next * tanh_c * d_sigmoid(ot)  # (8)
    dzf = dc * c_prev * d_sigmoid(ft)  # (9)
    dzi = dc * cct * d_sigmoid(it)  # (10)
    dzc = dc * it * d_tanh(cct)  # (11)
    dc_prev = dc * ft  # (12)
    ds = p["Wf"].T @ dzf + p["Wi"].T @ dzi + p["Wc"].T @ dzc + p["Wo"].T @ dzo  # (13)
    return {
        "dxt": ds[n_a:],
        "da_prev": ds[:n_a],
        "dc_prev": dc_prev,
        "dWf": dzf @ s.T, "dbf": dzf.sum(axis=1, keepdims=True),  # (14)
        "dWi": dzi @ s.T, "dbi": dzi.sum(axis=1, keepdims=True),  # (15)
        "dWc": dzc @ s.T, "dbc": dzc.sum(axis=1, keepdims=True),  # (16)
        "dWo": dzo @ s.T, "dbo": dzo.sum(axis=1, keepdims=True),  # (17)
    }  # fmt: skip


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
    initial={"bf": 1.0},  # an open forget gate lets gradients through (Gers et al. 2000)
    cache=LSTMCache,
    recurrence=lstm_recurrence,
    backward=lstm_cell_backward,
)  # fmt: skip


def lstm_forward(x, a0, parameters, seq_lengths=None, *, c0=None):
    """Run the LSTM over a batch of sequences, ragged ones included.

    Parameters
    ----------
    x : ndarray, shape (n_x, m, T_x)
    a0 : ndarray, shape (n_a, m)
        Initial hidden state; never written to.
    parameters : dict
        As in `lstm_cell_forward`.
    seq_lengths : sequence of m int, optional
        True lengths in 0..T_x, in any order. What the padding of x holds never matters.
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
    state0 = (a0, c0)
    x, state0, lengths = sequence_door("lstm_forward", LSTM, x, state0, parameters, seq_lengths)
    (a, c), _, caches = forward_through_time(LSTM, x, state0, parameters, lengths)
    return a, predictions(a, parameters["Wy"], parameters["by"], lengths), c, caches


def lstm_backward(da, caches, *, da_final=None, dc_final=None):
    """Undo `lstm_forward`: backpropagation through time.

    Parameters
    ----------
    da : ndarray, shape (n_a, m, T), T <= T_x
        What each step's *own* loss sends to its hidden state, not what flows between steps. The
        loss looks at the first T steps only. Ignored on padding.
    caches : Caches
    da_final, dc_final : ndarray, shape (n_a, m), optional
        Gradients on each sequence's final states, besides `da`; they need T = T_x.

    Returns
    -------
    dict
        ``dx`` (n_x, m, T), ``da0``, ``dc0`` (n_a, m), ``dWf``, ``dbf``, ..., ``dWo``, ``dbo``.

    Raises
    ------
    ShapeError
    """
    da, dstate, caches = backward_door("lstm_backward", LSTM, da, (da_final, dc_final), caches)
    return backward_through_time(da, dstate, caches)
