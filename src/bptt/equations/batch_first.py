"""The batch-first form of the CS231n exercise: x (N, T, D), weights that multiply from the right.

N examples, T steps, D features, H units, V words. The equations are those of the other modules;
here each array is only turned (views; the weights of the LSTM are copied):

    Wx = Wax^T (D, H)      Wh = Waa^T (H, H)      b = ba (H,)

For the LSTM, Wx (D, 4H), Wh (H, 4H) and b (4H,) hold the gates in the order i, f, o, g, where g is
the candidate that the course calls cct. A loss may send gradients to h only.
"""

import numpy as np

from ..checks import Door, float_array
from ..errors import ShapeError
from .losses import cross_entropy, output_backward, output_forward
from .lstm import LSTM
from .rnn import RNN
from .sequences import backward_through_time, forward_through_time

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

_GATES = {"rnn": ("a",), "lstm": ("i", "f", "o", "c")}  # columns of Wx, Wh, b: names here


def _to_course(cell, Wx, Wh, b):
    """Turn Wx, Wh, b into the course's parameters."""
    if cell is RNN:
        return {"Wax": Wx.T, "Waa": Wh.T, "ba": b[:, np.newaxis]}
    W = np.concatenate([Wh, Wx]).T  # (4H, H + D), columns [a_prev ; xt]
    n_a = Wh.shape[0]
    rows = {g: slice(k * n_a, (k + 1) * n_a) for k, g in enumerate(_GATES["lstm"])}
    parameters = {f"W{g}": W[r] for g, r in rows.items()}
    return parameters | {f"b{g}": b[r, np.newaxis] for g, r in rows.items()}


def _from_course(cell, gradients):
    """Turn the course's gradients into dWx, dWh, db."""
    if cell is RNN:
        return gradients["dWax"].T, gradients["dWaa"].T, gradients["dba"][:, 0]
    dW = np.concatenate([gradients[f"dW{g}"] for g in _GATES["lstm"]]).T
    n_a = dW.shape[1] // 4
    db = np.concatenate([gradients[f"db{g}"] for g in _GATES["lstm"]])[:, 0]
    return dW[n_a:], dW[:n_a], db


def _door(where, cell, Wx, Wh, b):
    """Check the weights: for the LSTM, four gates of H columns side by side."""
    door = Door(where)
    door.array("b", b, "columns")
    gates = len(_GATES[cell.name])
    if door["columns"] % gates:
        raise ShapeError(f"{where}: b has shape {np.shape(b)}; expected (4H,), H for each gate.")
    door.shape("b / gates", (door["columns"] // gates,), "H")
    Wh = door.array("Wh", Wh, "H columns")
    return door, door.array("Wx", Wx, "D columns"), Wh


def _step_forward(where, cell, x, states, Wx, Wh, b):
    door, Wx, Wh = _door(where, cell, Wx, Wh, b)
    x = door.array("x", x, "N D")
    names = ("prev_h", "prev_c")
    states = [door.array(n, s, "N H") for n, s in zip(names, states, strict=False)]
    *after, cache = cell.recurrence(x.T, *(s.T for s in states), _to_course(cell, Wx, Wh, b))
    return *(s.T for s in after), cache


def _step_backward(where, cell, dstates, cache):
    door = Door(where)
    door.array("next_h", cache.a_next.T, "N H")
    names = ("dnext_h", "dnext_c")
    dstates = [door.array(n, ds, "N H") for n, ds in zip(names, dstates, strict=False)]
    gradients = cell.backward(*(ds.T for ds in dstates), cache)
    before = (gradients[f"d{s}_prev"].T for s in cell.states)
    return gradients["dxt"].T, *before, *_from_course(cell, gradients)


def _forward(where, cell, x, h0, Wx, Wh, b):
    door, Wx, Wh = _door(where, cell, Wx, Wh, b)
    x = door.array("x", x, "N T D")
    h0 = door.array("h0", h0, "N H")
    state0 = (h0.T, np.zeros_like(h0.T))[: len(cell.states)]
    parameters = _to_course(cell, Wx, Wh, b)
    states, _, caches = forward_through_time(
        cell, x.transpose(2, 0, 1), state0, parameters, lengths=None
    )
    return states[0].transpose(1, 2, 0), caches


def _backward(where, dh, caches):
    _, m, T_x = caches[1].shape
    cell = caches.cell
    n_a = caches.parameters[f"W{'aa' if cell is RNN else 'f'}"].shape[0]
    door = Door(where, N=m, T=T_x, H=n_a)
    door.array("x", caches[1].transpose(1, 2, 0), "N T D")
    dh = door.array("dh", dh, "N T H")
    zeros = np.zeros((n_a, m), dh.dtype)
    gradients = backward_through_time(dh.transpose(2, 0, 1), (zeros,) * len(cell.states), caches)
    return (
        gradients["dx"].transpose(1, 2, 0),
        gradients["da0"].T,
        *_from_course(cell, gradients),
    )


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    """One step of the plain RNN: tanh(x Wx + prev_h Wh + b), equation (1) of `rnn`.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    prev_h : ndarray, shape (N, H)
    Wx, Wh, b : ndarray, shapes (D, H), (H, H), (H,)

    Returns
    -------
    next_h : ndarray, shape (N, H)
    cache : tuple

    Raises
    ------
    ShapeError
    """
    return _step_forward("rnn_step_forward", RNN, x, (prev_h,), Wx, Wh, b)


def rnn_step_backward(dnext_h, cache):
    """Undo `rnn_step_forward`.

    Parameters
    ----------
    dnext_h : ndarray, shape (N, H)
    cache : tuple

    Returns
    -------
    dx, dprev_h, dWx, dWh, db : ndarray
        In the shapes of what they are gradients of.

    Raises
    ------
    ShapeError
    """
    return _step_backward("rnn_step_backward", RNN, (dnext_h,), cache)


def rnn_forward(x, h0, Wx, Wh, b):
    """Run the plain RNN over a batch of sequences.

    Parameters
    ----------
    x : ndarray, shape (N, T, D)
    h0 : ndarray, shape (N, H)
    Wx, Wh, b : ndarray, shapes (D, H), (H, H), (H,)

    Returns
    -------
    h : ndarray, shape (N, T, H)
    cache : Caches

    Raises
    ------
    ShapeError
    """
    return _forward("batch_first.rnn_forward", RNN, x, h0, Wx, Wh, b)


def rnn_backward(dh, cache):
    """Undo `rnn_forward`: backpropagation through time.

    Parameters
    ----------
    dh : ndarray, shape (N, T, H)
        What each step's own loss sends to its state, not what flows between steps.
    cache : Caches

    Returns
    -------
    dx, dh0, dWx, dWh, db : ndarray
        In the shapes of what they are gradients of.

    Raises
    ------
    ShapeError
    """
    return _backward("batch_first.rnn_backward", dh, cache)


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    """One step of the LSTM: equations (1) to (6) of `lstm`.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    prev_h, prev_c : ndarray, shape (N, H)
    Wx, Wh, b : ndarray, shapes (D, 4H), (H, 4H), (4H,)
        Gate columns i, f, o, g.

    Returns
    -------
    next_h, next_c : ndarray, shape (N, H)
    cache : tuple

    Raises
    ------
    ShapeError
    """
    return _step_forward("lstm_step_forward", LSTM, x, (prev_h, prev_c), Wx, Wh, b)


def lstm_step_backward(dnext_h, dnext_c, cache):
    """Undo `lstm_step_forward`.

    Parameters
    ----------
    dnext_h, dnext_c : ndarray, shape (N, H)
    cache : tuple

    Returns
    -------
    dx, dprev_h, dprev_c, dWx, dWh, db : ndarray
        In the shapes of what they are gradients of.

    Raises
    ------
    ShapeError
    """
    return _step_backward("lstm_step_backward", LSTM, (dnext_h, dnext_c), cache)


def lstm_forward(x, h0, Wx, Wh, b):
    """Run the LSTM over a batch of sequences, from a cell state of zeros.

    Parameters
    ----------
    x : ndarray, shape (N, T, D)
    h0 : ndarray, shape (N, H)
    Wx, Wh, b : ndarray, shapes (D, 4H), (H, 4H), (4H,)
        Gate columns i, f, o, g.

    Returns
    -------
    h : ndarray, shape (N, T, H)
    cache : Caches

    Raises
    ------
    ShapeError
    """
    return _forward("batch_first.lstm_forward", LSTM, x, h0, Wx, Wh, b)


def lstm_backward(dh, cache):
    """Undo `lstm_forward`: backpropagation through time.

    Parameters
    ----------
    dh : ndarray, shape (N, T, H)
        What each step's own loss sends to its state, not what flows between steps.
    cache : Caches

    Returns
    -------
    dx, dh0, dWx, dWh, db : ndarray
        In the shapes of what they are gradients of.

    Raises
    ------
    ShapeError
    """
    return _backward("batch_first.lstm_backward", dh, cache)


def word_embedding_forward(x, W):
    """Look up a vector for every word: out[n, t] = W[x[n, t]].

    Parameters
    ----------
    x : ndarray of int, shape (N, T)
        Words in 0..V-1.
    W : ndarray, shape (V, D)

    Returns
    -------
    out : ndarray, shape (N, T, D)
    cache : tuple

    Raises
    ------
    ShapeError
    """
    door = Door("word_embedding_forward")
    W = door.array("W", W, "V D")
    x = door.indices("x", x, W.shape[0], "rows in W")
    return W[x], (x, W)


def word_embedding_backward(dout, cache):
    """Undo `word_embedding_forward`: each word's row collects the gradients of its uses.

    Parameters
    ----------
    dout : ndarray, shape (N, T, D)
    cache : tuple

    Returns
    -------
    dW : ndarray, shape (V, D)

    Raises
    ------
    ShapeError
    """
    x, W = cache
    dout, shape = float_array("word_embedding_backward", "dout", dout), (*x.shape, W.shape[1])
    if dout.shape != shape or dout.dtype != W.dtype:
        raise ShapeError(
            f"word_embedding_backward: dout is {dout.dtype} {dout.shape}; "
            f"expected {W.dtype} {shape}."
        )
    dW = np.zeros(W.shape, W.dtype)
    np.add.at(dW, x, dout)  # a word that occurs twice adds twice
    return dW


def temporal_affine_forward(x, w, b):
    """Apply x w + b at every step: equation (1) of `losses`.

    Parameters
    ----------
    x : ndarray, shape (N, T, D)
    w, b : ndarray, shapes (D, M), (M,)

    Returns
    -------
    out : ndarray, shape (N, T, M)
    cache : tuple

    Raises
    ------
    ShapeError
    """
    door = Door("temporal_affine_forward")
    w = door.array("w", w, "D M")
    b = door.array("b", b, "M")
    x = door.array("x", x, "N T D")
    out = output_forward(x.transpose(2, 0, 1), w.T, b[:, np.newaxis])
    return out.transpose(1, 2, 0), (x, w)


def temporal_affine_backward(dout, cache):
    """Undo `temporal_affine_forward`: equations (2) to (4) of `losses`.

    Parameters
    ----------
    dout : ndarray, shape (N, T, M)
    cache : tuple

    Returns
    -------
    dx, dw, db : ndarray
        In the shapes of what they are gradients of.

    Raises
    ------
    ShapeError
    """
    x, w = cache
    door = Door("temporal_affine_backward")
    door.array("w", w, "D M")
    door.array("x", x, "N T D")
    dout = door.array("dout", dout, "N T M")
    gradients = output_backward(dout.transpose(2, 0, 1), x.transpose(2, 0, 1), w.T)
    return gradients["da"].transpose(1, 2, 0), gradients["dWy"].T, gradients["dby"][:, 0]


def temporal_softmax_loss(x, y, mask):
    """Softmax cross-entropy summed over the steps that count, divided by N: nats per example.

    Parameters
    ----------
    x : ndarray, shape (N, T, V)
        Scores (logits).
    y : ndarray of int, shape (N, T)
        True words in 0..V-1; anything where the mask is False.
    mask : ndarray of bool, shape (N, T)
        The steps that count.

    Returns
    -------
    loss : float
    dx : ndarray, shape (N, T, V)
        Exactly 0 where the mask is False.

    Raises
    ------
    ShapeError
    """
    where = "temporal_softmax_loss"
    door = Door(where)
    x = door.array("x", x, "N T V")
    mask = np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != x.shape[:2]:
        raise ShapeError(
            f"{where}: mask is {mask.dtype} {mask.shape}; expected bool {x.shape[:2]}."
        )
    loss, dz = cross_entropy(where, x.transpose(2, 0, 1), y, mask, 1.0 / max(len(x), 1))
    return loss, dz.transpose(1, 2, 0)
