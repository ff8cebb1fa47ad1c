"""The plain recurrent network: one cell, its gradient, and both through time.

Symbols: xt (n_x, m) input, a (n_a, m) hidden state, m examples side by side in columns.

Forward (Elman 1990; the sequence-models course), g = tanh, or relu where asked for:

(1)  a_next  = g(Wax xt + Waa a_prev + ba)
(2)  yt_pred = softmax(Wya a_next + by)              the output layer: `losses`, (1)

Backward, from da_next = dL/da_next (chain rule; dz is the gradient inside the activation):

(3)  dz      = g'(a_next) * da_next                  <- (1), g' in terms of g: `activations`
(4)  dxt     = Wax^T dz                              <- (1)
(5)  da_prev = Waa^T dz                              <- (1)
(6)  dWax    = dz xt^T                               <- (1), summed over the examples
(7)  dWaa    = dz a_prev^T                           <- (1)
(8)  dba     = sum over the examples of dz           <- (1)

Through time: `sequences`, (1) to (6) there.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..errors import ConfigError
from .activations import d_relu, d_tanh, relu, softmax
from .arguments import backward_door, cell_door, checks_gradients, predictions, sequence_door
from .cell import Cell
from .losses import output_forward
from .sequences import backward_through_time, forward_through_time

ACTIVATIONS = {"tanh": (np.tanh, d_tanh), "relu": (relu, d_relu)}


class RNNCache(NamedTuple):
    """One step of the plain RNN, in the order of the course."""

    a_next: np.ndarray
    a_prev: np.ndarray
    xt: np.ndarray
    parameters: dict


def rnn_recurrence(xt, a_prev, parameters, activation="tanh"):
    """One step without the output layer: equation (1)."""
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    g, _ = ACTIVATIONS[activation]
    a_next = g(Wax @ xt + Waa @ a_prev + ba)  # (1)
    return a_next, RNNCache(a_next, a_prev, xt, parameters)


def rnn_cell_forward(xt, a_prev, parameters, *, activation="tanh"):
    """One step of the plain RNN and its prediction: equations (1) and (2).

    Parameters
    ----------
    xt : ndarray, shape (n_x, m)
        Input of the step.
    a_prev : ndarray, shape (n_a, m)
        Hidden state before the step.
    parameters : dict
        Wax (n_a, n_x), Waa (n_a, n_a), Wya (n_y, n_a), ba (n_a, 1), by (n_y, 1).
    activation : {"tanh", "relu"}

    Returns
    -------
    a_next : ndarray, shape (n_a, m)
    yt_pred : ndarray, shape (n_y, m)
        Probabilities: each column sums to 1.
    cache : RNNCache
        (a_next, a_prev, xt, parameters), for `rnn_cell_backward`. Not copies.

    Raises
    ------
    ShapeError, ConfigError
    """
    cell = rnn_variant("rnn_cell_forward", activation)
    xt, (a_prev,) = cell_door("rnn_cell_forward", cell, xt, (a_prev,), parameters)
    a_next, cache = cell.recurrence(xt, a_prev, parameters)
    yt_pred = softmax(output_forward(a_next, parameters["Wya"], parameters["by"]))  # (2)
    return a_next, yt_pred, cache


@checks_gradients("a_next")
def rnn_cell_backward(da_next, cache, *, activation="tanh"):
    """Undo `rnn_cell_forward`: gradients of one step, equations (3) to (8).

    Parameters
    ----------
    da_next : ndarray, shape (n_a, m)
        Gradient of the loss with respect to a_next, from all that uses it.
    cache : RNNCache
    activation : {"tanh", "relu"}
        As in the forward pass.

    Returns
    -------
    dict
        ``dxt`` (n_x, m), ``da_prev`` (n_a, m), ``dWax``, ``dWaa``, ``dba`` (n_a, 1).

    Raises
    ------
    ShapeError, ConfigError
    """
    rnn_variant("rnn_cell_backward", activation)
    a_next, a_prev, xt, parameters = cache
    _, d_g = ACTIVATIONS[activation]
    dz = d_g(a_next) * da_next  # (3)
    return {
        "dxt": parameters["Wax"].T @ dz,  # (4)
        "da_prev": parameters["Waa"].T @ dz,  # (5)
        "dWax": dz @ xt.T,  # (6)
        "dWaa": dz @ a_prev.T,  # (7)
        "dba": dz.sum(axis=1, keepdims=True),  # (8)
    }


RNN = Cell(
    name="rnn",
    states=("a",),
    gates=(),
    parameters={"Wax": "n_a n_x", "Waa": "n_a n_a", "ba": "n_a 1"},
    cache=RNNCache,
    recurrence=rnn_recurrence,
    backward=rnn_cell_backward,
    head={"Wya": "n_y n_a", "by": "n_y 1"},
)
RNN_RELU = replace(
    RNN,
    name="rnn_relu",
    recurrence=partial(rnn_recurrence, activation="relu"),
    backward=partial(rnn_cell_backward, activation="relu"),
)


def rnn_variant(where, activation):
    """The cell of an activation, or a sentence."""
    if activation not in ACTIVATIONS:
        raise ConfigError(f"{where}: activation is {activation!r}; expected 'tanh' or 'relu'.")
    return RNN if activation == "tanh" else RNN_RELU


def rnn_forward(x, a0, parameters, seq_lengths=None, *, activation="tanh"):
    """Run the plain RNN over a batch of sequences, ragged ones included.

    Parameters
    ----------
    x : ndarray, shape (n_x, m, T_x)
    a0 : ndarray, shape (n_a, m)
        Initial hidden state; never written to.
    parameters : dict
        As in `rnn_cell_forward`.
    seq_lengths : sequence of m int, optional
        True lengths in 0..T_x, in any order. What the padding of x holds never matters.
    activation : {"tanh", "relu"}

    Returns
    -------
    a : ndarray, shape (n_a, m, T_x)
        Hidden states; 0 on padding.
    y_pred : ndarray, shape (n_y, m, T_x)
        Probabilities; 0 on padding.
    caches : Caches
        A pair: the step caches in order, and x. Carries the lengths to `rnn_backward`.

    Raises
    ------
    ShapeError, ConfigError

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = {"Wax": rng.normal(size=(5, 3)), "Waa": rng.normal(size=(5, 5)),
    ...      "ba": np.zeros((5, 1)), "Wya": rng.normal(size=(2, 5)), "by": np.zeros((2, 1))}
    >>> x = rng.normal(size=(3, 10, 4))
    >>> a, y_pred, caches = rnn_forward(x, np.zeros((5, 10)), p)
    >>> a.shape, y_pred.shape, len(caches), len(caches[0])
    ((5, 10, 4), (2, 10, 4), 2, 4)
    """
    cell = rnn_variant("rnn_forward", activation)
    x, state0, lengths = sequence_door("rnn_forward", cell, x, (a0,), parameters, seq_lengths)
    (a,), _, caches = forward_through_time(cell, x, state0, parameters, lengths)
    return a, predictions(a, parameters["Wya"], parameters["by"], lengths), caches


def rnn_backward(da, caches, *, da_final=None):
    """Undo `rnn_forward`: backpropagation through time.

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
        ``dx`` (n_x, m, T), ``da0`` (n_a, m), ``dWax``, ``dWaa``, ``dba``.

    Raises
    ------
    ShapeError
    """
    da, dstate, caches = backward_door("rnn_backward", RNN, da, (da_final,), caches)
    return backward_through_time(da, dstate, caches)
