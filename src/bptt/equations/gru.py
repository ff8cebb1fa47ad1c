"""The GRU in its two variants: one step, its gradient, and both through time.

Symbols: xt (n_x, m) input, a (n_a, m) hidden state, s = [a_prev ; xt] one on top of the other, m
examples side by side in columns.

Forward (Cho et al. 2014; a_next in the form of Chung et al. 2014 and of the course):

(1)  ut      = sigmoid(Wu s + bu)                    update gate
(2)  rt      = sigmoid(Wr s + br)                    reset gate
(3)  cct     = tanh(Wc q + bc),  q = [rt * a_prev ; xt]               candidate
(4)  a_next  = ut * cct + (1 - ut) * a_prev
     yt_pred = softmax(Wy a_next + by)               the output layer: `losses`, (1)

That is the cell "gru": the reset gate acts before the product. In "gru_reset_after" (PyTorch,
cuDNN, Keras' default), it acts after the product, which has a bias of its own; with
Wc = [Wca | Wcx], the columns for the state and those for the input, two equations replace (3):

(3a) pct     = Wca a_prev + bca                      the product that is reset
(3b) cct     = tanh(rt * pct + Wcx xt + bc)          candidate

PyTorch, Keras and ONNX call z what is 1 - ut here: negate Wu and bu to convert.

Backward, from da_next, the gradient of the loss with respect to a_next; dzu, dzr, dzc are the
gradients inside the sigmoid or tanh:

(5)  dzu     = da_next * (cct - a_prev) * ut (1 - ut)                 <- (4) (1)
(6)  dzc     = da_next * ut * (1 - cct^2)                             <- (4) (3)
(7)  dq      = Wc^T dzc                                               <- (3)
(8)  dzr     = dq[:n_a] * a_prev * rt (1 - rt)                        <- (3) (2)
(9)  ds      = Wu^T dzu + Wr^T dzr                                    <- (1) (2)
(10) da_prev = da_next * (1 - ut) + dq[:n_a] * rt + ds[:n_a]          <- (4) (3) (1) (2)
(11) dxt     = dq[n_a:] + ds[n_a:]                                    <- (3) (1) (2)
(12) dWu     = dzu s^T                                                <- (1), over the examples
(13) dWr     = dzr s^T                                                <- (2)
(14) dWc     = dzc q^T                                                <- (3)
(15) dbu     = sum over the examples of dzu                           <- (1)
(16) dbr     = sum over the examples of dzr                           <- (2)
(17) dbc     = sum over the examples of dzc                           <- (3)

With the reset after the product, these replace those of the same number:

(7a) dpct    = dzc * rt                                               <- (3b)
(8a) dzr     = dzc * pct * rt (1 - rt)                                <- (3b) (2)
(10a) da_prev = da_next * (1 - ut) + Wca^T dpct + ds[:n_a]            <- (4) (3a) (1) (2)
(11a) dxt    = Wcx^T dzc + ds[n_a:]                                   <- (3b) (1) (2)
(14a) dWc    = [dpct a_prev^T | dzc xt^T]                             <- (3a) (3b)
(18a) dbca   = sum over the examples of dpct                          <- (3a)

Through time: `sequences`, (1) to (6) there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import operation
from .activations import d_sigmoid, d_tanh, sigmoid
from .cell import Array, Cell, Gradients, Parameters
from .functions import check_gradients, check_step, predict, run_backward, run_forward
from .sequences import Caches
from .underflow import may_underflow


class GRUCache(NamedTuple):
    """One step of the GRU with the reset gate before the product."""

    a_next: Array
    a_prev: Array
    ut: Array
    rt: Array
    cct: Array
    xt: Array
    parameters: Parameters


class GRUResetAfterCache(NamedTuple):
    """One step of the GRU with the reset gate after the product."""

    a_next: Array
    a_prev: Array
    ut: Array
    rt: Array
    cct: Array
    pct: Array
    xt: Array
    parameters: Parameters


def gru_recurrence(xt: Array, a_prev: Array, parameters: Parameters) -> tuple[Array, GRUCache]:
    """One step without the output layer: equations (1) to (4)."""
    p = parameters
    s = np.concatenate([a_prev, xt])
    ut = sigmoid(p["Wu"] @ s + p["bu"])  # (1)
    rt = sigmoid(p["Wr"] @ s + p["br"])  # (2)
    q = np.concatenate([rt * a_prev, xt])
    cct = np.tanh(p["Wc"] @ q + p["bc"])  # (3)
    a_next = ut * cct + (1 - ut) * a_prev  # (4)
    return a_next, GRUCache(a_next, a_prev, ut, rt, cct, xt, p)


def gru_recurrence_backward(da_next: Array, cache: GRUCache) -> Gradients:
    """Undo `gru_recurrence`: equations (5) to (17)."""
    _, a_prev, ut, rt, cct, xt, p = cache
    n_a = a_prev.shape[0]
    s, q = np.concatenate([a_prev, xt]), np.concatenate([rt * a_prev, xt])
    dzu = da_next * (cct - a_prev) * d_sigmoid(ut)  # (5)
    dzc = da_next * ut * d_tanh(cct)  # (6)
    dq = p["Wc"].T @ dzc  # (7)
    dzr = dq[:n_a] * a_prev * d_sigmoid(rt)  # (8)
    ds = p["Wu"].T @ dzu + p["Wr"].T @ dzr  # (9)
    return {
        "dxt": dq[n_a:] + ds[n_a:],  # (11)
        "da_prev": da_next * (1 - ut) + dq[:n_a] * rt + ds[:n_a],  # (10)
        "dWu": dzu @ s.T,  # (12)
        "dbu": dzu.sum(axis=1, keepdims=True),  # (15)
        "dWr": dzr @ s.T,  # (13)
        "dbr": dzr.sum(axis=1, keepdims=True),  # (16)
        "dWc": dzc @ q.T,  # (14)
        "dbc": dzc.sum(axis=1, keepdims=True),  # (17)
    }


def gru_reset_after_recurrence(
    xt: Array, a_prev: Array, parameters: Parameters
) -> tuple[Array, GRUResetAfterCache]:
    """One step without the output layer: equations (1), (2), (3a), (3b), (4)."""
    p, n_a = parameters, a_prev.shape[0]
    s = np.concatenate([a_prev, xt])
    ut = sigmoid(p["Wu"] @ s + p["bu"])  # (1)
    rt = sigmoid(p["Wr"] @ s + p["br"])  # (2)
    pct = p["Wc"][:, :n_a] @ a_prev + p["bca"]  # (3a)
    cct = np.tanh(rt * pct + p["Wc"][:, n_a:] @ xt + p["bc"])  # (3b)
    a_next = ut * cct + (1 - ut) * a_prev  # (4)
    return a_next, GRUResetAfterCache(a_next, a_prev, ut, rt, cct, pct, xt, p)


def gru_reset_after_recurrence_backward(da_next: Array, cache: GRUResetAfterCache) -> Gradients:
    """Undo `gru_reset_after_recurrence`: equations (5) to (18a)."""
    _, a_prev, ut, rt, cct, pct, xt, p = cache
    n_a = a_prev.shape[0]
    s = np.concatenate([a_prev, xt])
    Wca, Wcx = p["Wc"][:, :n_a], p["Wc"][:, n_a:]
    dzu = da_next * (cct - a_prev) * d_sigmoid(ut)  # (5)
    dzc = da_next * ut * d_tanh(cct)  # (6)
    dpct = dzc * rt  # (7a)
    dzr = dzc * pct * d_sigmoid(rt)  # (8a)
    ds = p["Wu"].T @ dzu + p["Wr"].T @ dzr  # (9)
    return {
        "dxt": Wcx.T @ dzc + ds[n_a:],  # (11a)
        "da_prev": da_next * (1 - ut) + Wca.T @ dpct + ds[:n_a],  # (10a)
        "dWu": dzu @ s.T,  # (12)
        "dbu": dzu.sum(axis=1, keepdims=True),  # (15)
        "dWr": dzr @ s.T,  # (13)
        "dbr": dzr.sum(axis=1, keepdims=True),  # (16)
        "dWc": np.concatenate([dpct @ a_prev.T, dzc @ xt.T], axis=1),  # (14a)
        "dbc": dzc.sum(axis=1, keepdims=True),  # (17)
        "dbca": dpct.sum(axis=1, keepdims=True),  # (18a)
    }


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
    gates=("ut", "rt", "cct", "pct"),
    parameters={**GRU.parameters, "bca": "n_a 1"},
    cache=GRUResetAfterCache,
    recurrence=gru_reset_after_recurrence,
    backward=gru_reset_after_recurrence_backward,
)


def gru_variant(parameters: Parameters) -> Cell:
    """Return the cell of these parameters: with bca, the reset gate acts after the product."""
    return GRU_RESET_AFTER if "bca" in parameters else GRU


def gru_of_caches(caches: tuple[Any, Any]) -> Cell:
    """Return the cell of a plain pair (step caches, x); for `Caches`, the common part of both."""
    steps, _ = caches
    return gru_variant(steps[0][-1]) if steps and not isinstance(caches, Caches) else GRU


@may_underflow
@operation
def gru_cell_forward(
    xt: Array, a_prev: Array, parameters: Parameters
) -> tuple[Array, Array, GRUCache | GRUResetAfterCache]:
    """Compute one step of the GRU and its prediction: equations (1) to (4).

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
    cache : GRUCache or GRUResetAfterCache
        (a_next, a_prev, ut, rt, cct, xt, parameters), with pct before xt where the reset gate acts
        after the product; for `gru_cell_backward`. Not copies.

    Raises
    ------
    ShapeError
    """
    cell = gru_variant(parameters)
    xt, a_prev = check_step(cell, xt, (a_prev,), parameters)
    a_next, cache = cell.recurrence(xt, a_prev, parameters)
    yt_pred = predict(a_next, parameters["Wy"], parameters["by"])
    return a_next, yt_pred, cache


@may_underflow
@operation
def gru_cell_backward(da_next: Array, cache: GRUCache | GRUResetAfterCache) -> Gradients:
    """Compute the gradients of `gru_cell_forward`: one step, equations (5) to (18a).

    Parameters
    ----------
    da_next : ndarray, shape (n_a, m)
        Gradient of the loss with respect to a_next, from all that uses it.
    cache : GRUCache or GRUResetAfterCache

    Returns
    -------
    dict
        ``dxt`` (n_x, m), ``da_prev`` (n_a, m), and ``dWu``, ``dbu``, ``dWr``, ``dbr``, ``dWc``,
        ``dbc`` (and ``dbca``) in the parameters' shapes.

    Raises
    ------
    ShapeError
    """
    cell = gru_variant(cache[-1])
    check_gradients(cell, (da_next,), cache)
    return cell.backward(da_next, cache)


@may_underflow
@operation
def gru_forward(
    x: Array,
    a0: Array,
    parameters: Parameters,
    seq_lengths: Sequence[int] | Array | None = None,
) -> tuple[Any, ...]:
    """Run the GRU over a batch of sequences, of equal or different lengths.

    Parameters
    ----------
    x : ndarray, shape (n_x, m, T_x)
    a0 : ndarray, shape (n_a, m)
        Initial hidden state; not changed.
    parameters : dict
        As in `gru_cell_forward`.
    seq_lengths : sequence of m int, optional
        True lengths in 0..T_x, in any order. The padding of x is not read.

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
    return run_forward(gru_variant(parameters), x, (a0,), parameters, seq_lengths)


@may_underflow
@operation
def gru_backward(da: Array, caches: tuple[Any, Any], *, da_final: Array | None = None) -> Gradients:
    """Compute the gradients of `gru_forward`: backpropagation through time.

    Parameters
    ----------
    da : ndarray, shape (n_a, m, T), T <= T_x
        Gradient of each step's *own* loss with respect to its hidden state, without what flows
        between steps. With T < T_x the loss uses the first T steps only. Ignored on padding.
    caches : Caches
    da_final : ndarray, shape (n_a, m), optional
        Gradient with respect to each sequence's final state, besides `da`; needs T = T_x.

    Returns
    -------
    dict
        ``dx`` (n_x, m, T), ``da0`` (n_a, m), ``dWu``, ``dbu``, ``dWr``, ``dbr``, ``dWc``, ``dbc``
        (and ``dbca``).

    Raises
    ------
    ShapeError
    """
    return run_backward(gru_of_caches(caches), da, (da_final,), caches)
