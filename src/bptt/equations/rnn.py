"""The plain recurrent network: one step, its gradient, and both through time.

Symbols: xt (n_x, m) input, a (n_a, m) hidden state, m examples side by side in columns.

Forward (Elman 1990; the sequence-models course):

(1)  a_next  = tanh(Wax xt + Waa a_prev + ba)        the cell "rnn"
(1r) a_next  = max(Wax xt + Waa a_prev + ba, 0)      the cell "rnn_relu"
     yt_pred = softmax(Wya a_next + by)              the output layer: `losses`, (1)

Backward, from da_next, the gradient of the loss with respect to a_next, in the order of the course.
dz is the gradient inside the activation:

(2)  dz      = (1 - a_next^2) * da_next              <- (1)
(2r) dz      = [a_next > 0] * da_next                <- (1r)
(3)  dWax    = dz xt^T                               <- (1) or (1r), over the examples; so all below
(4)  dWaa    = dz a_prev^T
(5)  dba     = sum over the examples of dz
(6)  dxt     = Wax^T dz
(7)  da_prev = Waa^T dz

Through time: `sequences`, (1) to (6) there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import ConfigError, operation
from .activations import d_relu, d_tanh, relu
from .cell import Array, Cell, Gradients, Parameters
from .functions import check_gradients, check_step, predict, run_backward, run_forward
from .underflow import may_underflow

Activation = Literal["tanh", "relu"]


class RNNCache(NamedTuple):
    """One step of the plain RNN, in the order of the course."""

    a_next: Array
    a_prev: Array
    xt: Array
    parameters: Parameters


def rnn_recurrence(xt: Array, a_prev: Array, parameters: Parameters) -> tuple[Array, RNNCache]:
    """One step without the output layer: equation (1)."""
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    a_next = np.tanh(Wax @ xt + Waa @ a_prev + ba)  # (1)
    return a_next, RNNCache(a_next, a_prev, xt, parameters)


def rnn_relu_recurrence(xt: Array, a_prev: Array, parameters: Parameters) -> tuple[Array, RNNCache]:
    """One step without the output layer: equation (1r)."""
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    a_next = relu(Wax @ xt + Waa @ a_prev + ba)  # (1r)
    return a_next, RNNCache(a_next, a_prev, xt, parameters)


def rnn_recurrence_backward(da_next: Array, cache: RNNCache) -> Gradients:
    """Undo `rnn_recurrence`: equations (2) to (7)."""
    a_next, a_prev, xt, parameters = cache
    dz = d_tanh(a_next) * da_next  # (2)
    return product_backward(dz, a_prev, xt, parameters)


def rnn_relu_recurrence_backward(da_next: Array, cache: RNNCache) -> Gradients:
    """Undo `rnn_relu_recurrence`: equations (2r) to (7)."""
    a_next, a_prev, xt, parameters = cache
    dz = d_relu(a_next) * da_next  # (2r)
    return product_backward(dz, a_prev, xt, parameters)


def product_backward(dz, a_prev, xt, parameters):
    """Undo z = Wax xt + Waa a_prev + ba: equations (3) to (7)."""
    return {
        "dxt": parameters["Wax"].T @ dz,  # (6)
        "da_prev": parameters["Waa"].T @ dz,  # (7)
        "dWax": dz @ xt.T,  # (3)
        "dWaa": dz @ a_prev.T,  # (4)
        "dba": dz.sum(axis=1, keepdims=True),  # (5)
    }


RNN = Cell(
    name="rnn",
    states=("a",),
    gates=(),
    parameters={"Wax": "n_a n_x", "Waa": "n_a n_a", "ba": "n_a 1"},
    cache=RNNCache,
    recurrence=rnn_recurrence,
    backward=rnn_recurrence_backward,
    head={"Wya": "n_y n_a", "by": "n_y 1"},
)
RNN_RELU = replace(
    RNN,
    name="rnn_relu",
    recurrence=rnn_relu_recurrence,
    backward=rnn_relu_recurrence_backward,
)


def rnn_variant(activation: str) -> Cell:
    """Return the cell of an activation."""
    if activation not in ("tanh", "relu"):
        raise ConfigError(f"activation is {activation!r}; expected 'tanh' or 'relu'.")
    return RNN if activation == "tanh" else RNN_RELU


@may_underflow
@operation
def rnn_cell_forward(
    xt: Array,
    a_prev: Array,
    parameters: Parameters,
    *,
    activation: Activation = "tanh",
) -> tuple[Array, Array, RNNCache]:
    """Compute one step of the plain RNN and its prediction: equation (1) or (1r).

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
    cell = rnn_variant(activation)
    xt, a_prev = check_step(cell, xt, (a_prev,), parameters)
    a_next, cache = cell.recurrence(xt, a_prev, parameters)
    yt_pred = predict(a_next, parameters["Wya"], parameters["by"])
    return a_next, yt_pred, cache


@may_underflow
@operation
def rnn_cell_backward(
    da_next: Array, cache: RNNCache, *, activation: Activation = "tanh"
) -> Gradients:
    """Compute the gradients of `rnn_cell_forward`: one step, equations (2) to (7).

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
    cell = rnn_variant(activation)
    check_gradients(cell, (da_next,), cache)
    return cell.backward(da_next, cache)


@may_underflow
@operation
def rnn_forward(
    x: Array,
    a0: Array,
    parameters: Parameters,
    seq_lengths: Sequence[int] | Array | None = None,
    *,
    activation: Activation = "tanh",
) -> tuple[Any, ...]:
    """Run the plain RNN over a batch of sequences, of equal or different lengths.

    Parameters
    ----------
    x : ndarray, shape (n_x, m, T_x)
    a0 : ndarray, shape (n_a, m)
        Initial hidden state; not changed.
    parameters : dict
        As in `rnn_cell_forward`.
    seq_lengths : sequence of m int, optional
        True lengths in 0..T_x, in any order. The padding of x is not read.
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
    return run_forward(rnn_variant(activation), x, (a0,), parameters, seq_lengths)


@may_underflow
@operation
def rnn_backward(da: Array, caches: tuple[Any, Any], *, da_final: Array | None = None) -> Gradients:
    """Compute the gradients of `rnn_forward`: backpropagation through time.

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
        ``dx`` (n_x, m, T), ``da0`` (n_a, m), ``dWax``, ``dWaa``, ``dba``.

    Raises
    ------
    ShapeError
    """
    return run_backward(RNN, da, (da_final,), caches)
