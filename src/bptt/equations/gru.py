"""The GRU: one cell in its two variants, its gradient, and both through time.

Symbols: xt (n_x, m) input, a (n_a, m) hidden state, s = [a_prev ; xt], m examples in columns. The
columns of Wc that take the state are Wca, those that take the input Wcx: Wc = [Wca | Wcx].

Forward (Cho et al. 2014; a_next in the form of Chung et al. 2014 and of the course):

(1)  ut      = sigmoid(Wu s + bu)                    update gate
(2)  rt      = sigmoid(Wr s + br)                    reset gate
(3)  cct     = tanh(zc)                              candidate
(4)  a_next  = ut * cct + (1 - ut) * a_prev
     yt_pred = softmax(Wy a_next + by)               the output layer: `losses`, (1)

Where the reset gate acts makes the variant:

(5)  zc = Wca (rt * a_prev) + Wcx xt + bc            before the product (Cho et al. 2014)
(6)  zc = rt * pct + Wcx xt + bc,                    after it (PyTorch, cuDNN, Keras' default):
     pct = Wca a_prev + bca                          parameters that hold bca ask for this one

PyTorch, Keras and ONNX call z what is 1 - ut here: negate Wu and bu to convert.

Backward, from da_next (chain rule; z is what stands inside an activation):

(7)  dzu     = da_next * (cct - a_prev) * ut (1 - ut)                 <- (4) (1)
(8)  dzc     = da_next * ut * (1 - cct^2)                             <- (4) (3)
(9)  dWcx    = dzc xt^T,   dbc = sum over the examples of dzc         <- (5) or (6)
     reset before:                              reset after:
(10) dra     = Wca^T dzc                        dpct    = dzc * rt
(11) drt     = dra * a_prev                     drt     = dzc * pct
(12) da_c    = dra * rt                         da_c    = Wca^T dpct
(13) dWca    = dzc (rt * a_prev)^T              dWca    = dpct a_prev^T
(14)                                            dbca    = sum over the examples of dpct
(15) dzr     = drt * rt (1 - rt)                                      <- (2)
(16) ds      = Wu^T dzu + Wr^T dzr                                    <- (1) (2)
(17) da_prev = da_next * (1 - ut) + da_c + ds[:n_a]                   <- (4) (5 or 6) (1) (2)
(18) dxt     = Wcx^T dzc + ds[n_a:]
(19) dWu     = dzu s^T,   dbu = sum over the examples of dzu          <- (1)
(20) dWr     = dzr s^T,   dbr = sum over the examples of dzr          <- (2)

Through time: `sequences`, (1) to (6) there.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from .activations import d_sigmoid, d_tanh, sigmoid, softmax
from .arguments import backward_door, cell_door, checks_gradients, predictions, sequence_door
from .cell import Cell
from .losses import output_forward
from .sequences import backward_through_time, forward_through_time


class GRUCache(NamedTuple):
    """One step of the GRU, either variant."""

    a_next: np.ndarray
    a_prev: np.ndarray
    ut: np.ndarray
    rt: np.ndarray
    cct: np.ndarray
    xt: np.ndarray
    parameters: dict


def _split(Wc):
    """Wc = [Wca | Wcx]: its columns for the state and for the input."""
    n_a = Wc.shape[0]
    return Wc[:, :n_a], Wc[:, n_a:]


def _reset_before(a_prev, rt, p):
    """What the candidate takes from the state where the reset comes before the product: (5)."""
    Wca, _ = _split(p["Wc"])
    return Wca @ (rt * a_prev)  # (5)


def _reset_before_backward(dzc, a_prev, rt, p):
    Wca, _ = _split(p["Wc"])
    dra = Wca.T @ dzc  # (10)
    drt = dra * a_prev  # (11)
    da_c = dra * rt  # (12)
    dWca = dzc @ (rt * a_prev).T  # (13)
    return drt, da_c, dWca, {}


def _reset_after(a_prev, rt, p):
    """What the candidate takes from the state where the reset comes after the product: (6)."""
    Wca, _ = _split(p["Wc"])
    return rt * (Wca @ a_prev + p["bca"])  # (6)


def _reset_after_backward(dzc, a_prev, rt, p):
    Wca, _ = _split(p["Wc"])
    pct = Wca @ a_prev + p["bca"]
    dpct = dzc * rt  # (10)
    drt = dzc * pct  # (11)
    da_c = Wca.T @ dpct  # (12)
    dWca = dpct @ a_prev.T  # (13)
    dbca = dpct.sum(axis=1, keepdims=True)  # (14)
    return drt, da_c, dWca, {"dbca": dbca}


def gru_recurrence(xt, a_prev, parameters, reset=_reset_before):
    """One step without the output layer: equations (1) to (6)."""
    p = parameters
    s = np.concatenate([a_prev, xt])
    _, Wcx = _split(p["Wc"])
    ut = sigmoid(p["Wu"] @ s + p["bu"])  # (1)
    rt = sigmoid(p["Wr"] @ s + p["br"])  # (2)
    cct = np.tanh(reset(a_prev, rt, p) + Wcx @ xt + p["bc"])  # (3) with (5) or (6)
    a_next = ut * cct + (1 - ut) * a_prev  # (4)
    return a_next, GRUCache(a_next, a_prev, ut, rt, cct, xt, p)


def gru_recurrence_backward(da_next, cache, reset_backward=_reset_before_backward):
    """Undo `gru_recurrence`: equations (7) to (20)."""
    _, a_prev, ut, rt, cct, xt, p = cache
    n_a = a_prev.shape[0]
    s = np.concatenate([a_prev, xt])
    _, Wcx = _split(p["Wc"])
    dzu = da_next * (cct - a_prev) * d_sigmoid(ut)  # (7)
    dzc = da_next * ut * d_tanh(cct)  # (8)
    dWcx = dzc @ xt.T  # (9)
    drt, da_c, dWca, dbca = reset_backward(dzc, a_prev, rt, p)  # (10) to (14)
    dzr = drt * d_sigmoid(rt)  # (15)
    ds = p["Wu"].T @ dzu + p["Wr"].T @ dzr  # (16)
    return {
        "dxt": Wcx.T @ dzc + ds[n_a:],  # (18)
        "da_prev": da_next * (1 - ut) + da_c + ds[:n_a],  # (17)
        "dWu": dzu @ s.T, "dbu": dzu.sum(axis=1, keepdims=True),  # (19)
        "dWr": dzr @ s.T, "dbr": dzr.sum(axis=1, keepdims=True),  # (20)
        "dWc": np.concatenate([dWca, dWcx], axis=1), "dbc": dzc.sum(axis=1, keepdims=True),  # (9)
        **dbca,
    }  # fmt: skip


GRU = Cell(
    name="gru",
    states=("a",),
    gates=("ut", "rt", "cct"),
    parameters={
        "Wu": "n_a n_a+n_x", "bu": "n_a 1",  # update gate
        "Wr": "n_a n_a+n_x", "br": "n_a 1",  # reset gate
        "Wc": "n_a n_a+n_x", "bc": "n_a 1",  # candidate
    },
    cache=GRUCache,
    recurrence=gru_recurrence,
    backward=gru_recurrence_backward,
)  # fmt: skip
GRU_RESET_AFTER = replace(
    GRU,
    name="gru_reset_after",
    parameters={**GRU.parameters, "bca": "n_a 1"},  # bias inside the reset product
    recurrence=partial(gru_recurrence, reset=_reset_after),
    backward=partial(gru_recurrence_backward, reset_backward=_reset_after_backward),
)


def gru_variant(parameters):
    """Parameters that hold bca, the bias inside the reset product, ask for reset after."""
    return GRU_RESET_AFTER if "bca" in parameters else GRU


def gru_cell_forward(xt, a_prev, parameters):
    """One step of the GRU and its prediction: equations (1) to (6).

    Parameters
    ----------
    xt : ndarray, shape (n_x, m)
        Input of the step.
    a_prev : ndarray, shape (n_a, m)
        Hidden state before the step.
    parameters : dict
        Wu, Wr, Wc (n_a, n_a + n_x), columns [a_prev ; xt]; bu, br, bc (n_a, 1); Wy (n_y, n_a),
        by (n_y, 1). With bca (n_a, 1) the reset gate acts after the product, without it before.

    Returns
    -------
    a_next : ndarray, shape (n_a, m)
    yt_pred : ndarray, shape (n_y, m)
        Probabilities: each column sums to 1.
    cache : GRUCache
        (a_next, a_prev, ut, rt, cct, xt, parameters), for `gru_cell_backward`. Not copies.

    Raises
    ------
    ShapeError
    """
    cell = gru_variant(parameters)
    xt, (a_prev,) = cell_door("gru_cell_forward", cell, xt, (a_prev,), parameters)
    a_next, cache = cell.recurrence(xt, a_prev, parameters)
    yt_pred = softmax(output_forward(a_next, parameters["Wy"], parameters["by"]))
    return a_next, yt_pred, cache


@checks_gradients("a_next")
def gru_cell_backward(da_next, cache):
    """Undo `gru_cell_forward`: gradients of one step, equations (7) to (20).

    Parameters
    ----------
    da_next : ndarray, shape (n_a, m)
        Gradient of the loss with respect to a_next, from all that uses it.
    cache : GRUCache

    Returns
    -------
    dict
        ``dxt`` (n_x, m), ``da_prev`` (n_a, m), and ``dWu``, ``dbu``, ``dWr``, ``dbr``, ``dWc``,
        ``dbc`` (and ``dbca``) in the parameters' shapes.

    Raises
    ------
    ShapeError
    """
    return gru_variant(cache[-1]).backward(da_next, cache)


def gru_forward(x, a0, parameters, seq_lengths=None):
    """Run the GRU over a batch of sequences, ragged ones included.

    Parameters
    ----------
    x : ndarray, shape (n_x, m, T_x)
    a0 : ndarray, shape (n_a, m)
        Initial hidden state; never written to.
    parameters : dict
        As in `gru_cell_forward`.
    seq_lengths : sequence of m int, optional
        True lengths in 0..T_x, in any order. What the padding of x holds never matters.

    Returns
    -------
    a : ndarray, shape (n_a, m, T_x)
        Hidden states; 0 on padding.
    y : ndarray, shape (n_y, m, T_x)
        Probabilities; 0 on padding.
    caches : Caches
        A pair: the step caches in order, and x. Carries the lengths to `gru_backward`.

    Raises
    ------
    ShapeError
    """
    cell = gru_variant(parameters)
    x, state0, lengths = sequence_door("gru_forward", cell, x, (a0,), parameters, seq_lengths)
    (a,), _, caches = forward_through_time(cell, x, state0, parameters, lengths)
    return a, predictions(a, parameters["Wy"], parameters["by"], lengths), caches


def gru_backward(da, caches, *, da_final=None):
    """Undo `gru_forward`: backpropagation through time.

    Parameters
    ----------
    da : ndarray, shape (n_a, m, T), T <= T_x
        What each step's *own* loss sends to its hidden state, not what flows between steps. The
        loss looks at the first T steps only. Ignored on padding.
    caches : Caches
    da_final : ndarray, shape (n_a, m), optional
        Gradient on each sequence's final state, besides `da`; needs T = T_x.

    Returns
    -------
    dict
        ``dx`` (n_x, m, T), ``da0`` (n_a, m), ``dWu``, ``dbu``, ``dWr``, ``dbr``, ``dWc``, ``dbc``
        (and ``dbca``).

    Raises
    ------
    ShapeError
    """
    steps, _ = caches
    cell = gru_variant(steps[0][-1]) if steps else GRU
    da, dstate, caches = backward_door("gru_backward", cell, da, (da_final,), caches)
    return backward_through_time(da, dstate, caches)
