"""The batch-first functions of the CS231n exercise: weights multiply from the right.

The equations are those of the other modules; here the arrays are transposed (views; the weights of
the LSTM are copied):

    Wx = Wax^T (D, H)      Wh = Waa^T (H, H)      b = ba (H,)

N examples, T steps, D features, H units, V words. For the LSTM, Wx (D, 4H), Wh (H, 4H) and b (4H,)
hold the gates in the order i, f, o, g, where g is the candidate that the course calls cct. h are
hidden states, c cell states; a loss may depend on h only. dh is the gradient of each step's own
loss, without what flows between steps. Gradients have the shapes of what they belong to.
"""

from typing import Any

import numpy as np

from ..checks import ArrayChecker, float_array
from ..errors import ShapeError, operation
from .losses import cross_entropy, output_backward, output_forward
from .lstm import LSTM, LSTMCache
from .rnn import RNN, RNNCache
from .sequences import Caches, backward_through_time, forward_through_time
from .underflow import may_underflow

__all__ = [
    "lstm_backward",
    "lstm_forward",
    "lstm_step_backward",
    "lstm_step_forward",
    "rnn_backward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "temporal_affine_backward",
    "temporal_affine_forward",
    "temporal_softmax_loss",
    "word_embedding_backward",
    "word_embedding_forward",
]

_Cache = tuple[np.ndarray, np.ndarray]
_GATES = {"rnn": ("a",), "lstm": ("i", "f", "o", "c")}  # columns of Wx, Wh, b: names here


def to_course(cell, Wx, Wh, b):
    """Turn Wx, Wh, b into the course's parameters."""
    if cell is RNN:
        return {"Wax": Wx.T, "Waa": Wh.T, "ba": b[:, np.newaxis]}
    W = np.concatenate([Wh, Wx]).T  # (4H, H + D), columns [a_prev ; xt]
    n_a = Wh.shape[0]
    rows = {g: slice(k * n_a, (k + 1) * n_a) for k, g in enumerate(_GATES["lstm"])}
    parameters = {f"W{g}": W[r] for g, r in rows.items()}
    return parameters | {f"b{g}": b[r, np.newaxis] for g, r in rows.items()}


def from_course(cell, gradients):
    """Turn the course's gradients into dWx, dWh, db."""
    if cell is RNN:
        return gradients["dWax"].T, gradients["dWaa"].T, gradients["dba"][:, 0]
    dW = np.concatenate([gradients[f"dW{g}"] for g in _GATES["lstm"]]).T
    n_a = dW.shape[1] // 4
    db = np.concatenate([gradients[f"db{g}"] for g in _GATES["lstm"]])[:, 0]
    return dW[n_a:], dW[:n_a], db


def _check_weights(cell, Wx, Wh, b):
    """Check the weights: for the LSTM, four gates of H columns side by side."""
    check = ArrayChecker()
    check.array("b", b, "columns")
    gates = len(_GATES[cell.name])
    if check["columns"] % gates:
        raise ShapeError(f"b has shape {np.shape(b)}; expected (4H,), H for each gate.")
    check.shape("b / gates", (check["columns"] // gates,), "H")
    Wh = check.array("Wh", Wh, "H columns")
    return check, check.array("Wx", Wx, "D columns"), Wh


def _step_forward(cell, x, states, Wx, Wh, b):
    check, Wx, Wh = _check_weights(cell, Wx, Wh, b)
    x = check.array("x", x, "N D")
    names = ("prev_h", "prev_c")
    states = [check.array(n, s, "N H") for n, s in zip(names, states, strict=False)]
    *after, cache = cell.recurrence(x.T, *(s.T for s in states), to_course(cell, Wx, Wh, b))
    return *(s.T for s in after), cache


def _step_backward(cell, dstates, cache):
    check = ArrayChecker()
    check.array("next_h", cache.a_next.T, "N H")
    names = ("dnext_h", "dnext_c")
    dstates = [check.array(n, ds, "N H") for n, ds in zip(names, dstates, strict=False)]
    gradients = cell.backward(*(ds.T for ds in dstates), cache)
    before = (gradients[f"d{s}_prev"].T for s in cell.states)
    return gradients["dxt"].T, *before, *from_course(cell, gradients)


def _forward(cell, x, h0, Wx, Wh, b):
    check, Wx, Wh = _check_weights(cell, Wx, Wh, b)
    x = check.array("x", x, "N T D")
    h0 = check.array("h0", h0, "N H")
    state0 = (h0.T, np.zeros_like(h0.T))[: cell.n_states]
    parameters = to_course(cell, Wx, Wh, b)
    states, _, caches = forward_through_time(cell, x.transpose(2, 0, 1), state0, parameters, None)
    return states[0].transpose(1, 2, 0), caches


def _backward(dh, caches):
    _, m, T_x = caches[1].shape
    cell = caches.cell
    n_a = cell.sizes(caches.parameters)["n_a"]
    check = ArrayChecker(N=m, T=T_x, H=n_a)
    check.array("x", caches[1].transpose(1, 2, 0), "N T D")
    dh = check.array("dh", dh, "N T H")
    zeros = np.zeros((n_a, m), dh.dtype)
    gradients = backward_through_time(dh.transpose(2, 0, 1), (zeros,) * cell.n_states, caches)
    return (
        gradients["dx"].transpose(1, 2, 0),
        gradients["da0"].T,
        *from_course(cell, gradients),
    )


@may_underflow
@operation
def rnn_step_forward(
    x: np.ndarray, prev_h: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray
) -> tuple[Any, ...]:
    """Compute one step of the plain RNN, tanh(x Wx + prev_h Wh + b): equation (1) of `rnn`.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    prev_h : ndarray, shape (N, H)
    Wx, Wh, b : ndarray, shapes (D, H), (H, H), (H,)

    Returns
    -------
    next_h : ndarray, shape (N, H)
    cache : RNNCache
    """
    return _step_forward(RNN, x, (prev_h,), Wx, Wh, b)


@may_underflow
@operation
def rnn_step_backward(dnext_h: np.ndarray, cache: RNNCache) -> tuple[np.ndarray, ...]:
    """Compute the gradients of `rnn_step_forward`.

    Parameters
    ----------
    dnext_h : ndarray, shape (N, H)
    cache : RNNCache

    Returns
    -------
    dx, dprev_h, dWx, dWh, db : ndarray
    """
    return _step_backward(RNN, (dnext_h,), cache)


@may_underflow
@operation("batch_first.rnn_forward")
def rnn_forward(
    x: np.ndarray, h0: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, Caches]:
    """Run the plain RNN over a batch of sequences.

    Parameters
    ----------
    x : ndarray, shape (N, T, D)
    h0 : ndarray, shape (N, H)
    Wx, Wh, b
        As in `rnn_step_forward`.

    Returns
    -------
    h : ndarray, shape (N, T, H)
    cache : Caches
    """
    return _forward(RNN, x, h0, Wx, Wh, b)


@may_underflow
@operation("batch_first.rnn_backward")
def rnn_backward(dh: np.ndarray, cache: Caches) -> tuple[np.ndarray, ...]:
    """Compute the gradients of `rnn_forward`: backpropagation through time.

    Parameters
    ----------
    dh : ndarray, shape (N, T, H)
    cache : Caches

    Returns
    -------
    dx, dh0, dWx, dWh, db : ndarray
    """
    return _backward(dh, cache)


@may_underflow
@operation
def lstm_step_forward(
    x: np.ndarray,
    prev_h: np.ndarray,
    prev_c: np.ndarray,
    Wx: np.ndarray,
    Wh: np.ndarray,
    b: np.ndarray,
) -> tuple[Any, ...]:
    """Compute one step of the LSTM: equations (1) to (6) of `lstm`.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    prev_h, prev_c : ndarray, shape (N, H)
    Wx, Wh, b : ndarray, shapes (D, 4H), (H, 4H), (4H,)
        Gate columns i, f, o, g.

    Returns
    -------
    next_h, next_c : ndarray, shape (N, H)
    cache : LSTMCache
    """
    return _step_forward(LSTM, x, (prev_h, prev_c), Wx, Wh, b)


@may_underflow
@operation
def lstm_step_backward(
    dnext_h: np.ndarray, dnext_c: np.ndarray, cache: LSTMCache
) -> tuple[np.ndarray, ...]:
    """Compute the gradients of `lstm_step_forward`.

    Parameters
    ----------
    dnext_h, dnext_c : ndarray, shape (N, H)
    cache : LSTMCache

    Returns
    -------
    dx, dprev_h, dprev_c, dWx, dWh, db : ndarray
    """
    return _step_backward(LSTM, (dnext_h, dnext_c), cache)


@may_underflow
@operation("batch_first.lstm_forward")
def lstm_forward(
    x: np.ndarray, h0: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, Caches]:
    """Run the LSTM over a batch of sequences, from a cell state of zeros.

    Parameters
    ----------
    x : ndarray, shape (N, T, D)
    h0 : ndarray, shape (N, H)
    Wx, Wh, b
        As in `lstm_step_forward`.

    Returns
    -------
    h : ndarray, shape (N, T, H)
    cache : Caches
    """
    return _forward(LSTM, x, h0, Wx, Wh, b)


@may_underflow
@operation("batch_first.lstm_backward")
def lstm_backward(dh: np.ndarray, cache: Caches) -> tuple[np.ndarray, ...]:
    """Compute the gradients of `lstm_forward`: backpropagation through time.

    Parameters
    ----------
    dh : ndarray, shape (N, T, H)
    cache : Caches

    Returns
    -------
    dx, dh0, dWx, dWh, db : ndarray
    """
    return _backward(dh, cache)


@may_underflow
@operation
def word_embedding_forward(x: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, _Cache]:
    """Look up the vector of every word: out[n, t] = W[x[n, t]].

    Parameters
    ----------
    x : ndarray of int, shape (N, T)
        Word ids in 0..V-1.
    W : ndarray, shape (V, D)

    Returns
    -------
    out : ndarray, shape (N, T, D)
    cache : tuple
    """
    check = ArrayChecker()
    W = check.array("W", W, "V D")
    x = check.indices("x", x, W.shape[0], "rows in W")
    return W[x], (x, W)


@may_underflow
@operation
def word_embedding_backward(dout: np.ndarray, cache: _Cache) -> np.ndarray:
    """Compute the gradient of `word_embedding_forward`: each row of W sums over its word's uses.

    Parameters
    ----------
    dout : ndarray, shape (N, T, D)
    cache : tuple

    Returns
    -------
    dW : ndarray, shape (V, D)
    """
    x, W = cache
    dout, shape = float_array("dout", dout), (*x.shape, W.shape[1])
    if dout.shape != shape or dout.dtype != W.dtype:
        raise ShapeError(f"dout is {dout.dtype} {dout.shape}; expected {W.dtype} {shape}.")
    dW = np.zeros(W.shape, W.dtype)
    np.add.at(dW, x, dout)  # a word that occurs twice adds twice
    return dW


@may_underflow
@operation
def temporal_affine_forward(
    x: np.ndarray, w: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, _Cache]:
    """Apply x w + b at every step: equation (1) of `losses`.

    Parameters
    ----------
    x : ndarray, shape (N, T, D)
    w, b : ndarray, shapes (D, M), (M,)

    Returns
    -------
    out : ndarray, shape (N, T, M)
    cache : tuple
    """
    check = ArrayChecker()
    w = check.array("w", w, "D M")
    b = check.array("b", b, "M")
    x = check.array("x", x, "N T D")
    out = output_forward(x.transpose(2, 0, 1), w.T, b[:, np.newaxis])
    return out.transpose(1, 2, 0), (x, w)


@may_underflow
@operation
def temporal_affine_backward(dout: np.ndarray, cache: _Cache) -> tuple[np.ndarray, ...]:
    """Compute the gradients of `temporal_affine_forward`: equations (2) to (4) of `losses`.

    Parameters
    ----------
    dout : ndarray, shape (N, T, M)
    cache : tuple

    Returns
    -------
    dx, dw, db : ndarray
    """
    x, w = cache
    check = ArrayChecker()
    check.array("w", w, "D M")
    check.array("x", x, "N T D")
    dout = check.array("dout", dout, "N T M")
    gradients = output_backward(dout.transpose(2, 0, 1), x.transpose(2, 0, 1), w.T)
    return gradients["da"].transpose(1, 2, 0), gradients["dWy"].T, gradients["dby"][:, 0]


@may_underflow
@operation
def temporal_softmax_loss(
    x: np.ndarray, y: np.ndarray, mask: np.ndarray
) -> tuple[float, np.ndarray]:
    """Compute softmax cross-entropy over the steps that count, divided by N: nats per example.

    Parameters
    ----------
    x : ndarray, shape (N, T, V)
        Logits.
    y : ndarray of int, shape (N, T)
        True word ids in 0..V-1; anything where the mask is False.
    mask : ndarray of bool, shape (N, T)
        The steps that count.

    Returns
    -------
    loss : float
    dx : ndarray, shape (N, T, V)
        Exactly 0 where the mask is False.
    """
    check = ArrayChecker()
    x = check.array("x", x, "N T V")
    mask = np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != x.shape[:2]:
        raise ShapeError(f"mask is {mask.dtype} {mask.shape}; expected bool {x.shape[:2]}.")
    loss, dx = cross_entropy(x.transpose(2, 0, 1), y, mask, 1.0 / max(len(x), 1))
    return loss, dx.transpose(1, 2, 0)
