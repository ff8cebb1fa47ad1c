"""The output layer and its losses: what the course leaves out, so that dy -> da exists.

Output layer, at every step (Wy, or Wya as the course calls the plain RNN's):

(1)  z = Wy a + by                              (2)  da  = Wy^T dz
                                                (3)  dWy = sum over steps of dz a^T
                                                (4)  dby = sum over steps of dz

Softmax cross-entropy in nats, for the label k of a step (log_softmax: `activations`):

(5)  L = -sum over steps of log_softmax(z)_k    (6)  dz = softmax(z) - onehot(k)

Squared error:

(7)  L = 1/2 sum over steps of |y - target|^2   (8)  dy = y - target

Only steps that exist count. The reduction says what the sum is divided by: ``"sum"`` nothing,
``"mean_examples"`` the number of examples m, ``"mean_steps"`` the number of steps that exist
(nats per step). Where nothing exists, loss and gradients are 0.

Derivations: (6) is d/dz_j [log sum_i e^(z_i) - z_k] = softmax(z)_j - [j = k]; the rest is the
product rule.
"""

import numpy as np

from ..checks import Door, float_array
from ..errors import ConfigError, ShapeError
from .activations import log_softmax, softmax
from .sequences import valid_steps

REDUCTIONS = ("sum", "mean_examples", "mean_steps")


def output_forward(a, Wy, by):
    """Apply the output layer at every step (1).

    Parameters
    ----------
    a : ndarray, shape (n_a, m) or (n_a, m, T_x)
    Wy : ndarray, shape (n_y, n_a)
    by : ndarray, shape (n_y, 1)

    Returns
    -------
    ndarray, shape (n_y, m) or (n_y, m, T_x)
        Logits z: `softmax` of them is the course's y_pred.

    Raises
    ------
    ShapeError
    """
    Wy, a, door = _output_door("output_forward", a, Wy)
    by = door.array("by", by, "n_y 1")
    z = Wy @ a.reshape(a.shape[0], -1) + by  # (1)
    return z.reshape(Wy.shape[0], *a.shape[1:])  # not -1: m or T_x may be 0


def output_backward(dz, a, Wy):
    """Undo `output_forward`: equations (2) to (4).

    Parameters
    ----------
    dz : ndarray, shape (n_y, m) or (n_y, m, T_x)
    a : ndarray, shape (n_a, m) or (n_a, m, T_x)
    Wy : ndarray, shape (n_y, n_a)

    Returns
    -------
    dict
        ``da`` (shape of a), ``dWy`` (n_y, n_a), ``dby`` (n_y, 1).

    Raises
    ------
    ShapeError
    """
    Wy, a, door = _output_door("output_backward", a, Wy)
    dz = door.array("dz", dz, "n_y m" if a.ndim == 2 else "n_y m T_x")
    dz_columns = dz.reshape(dz.shape[0], -1)
    da = (Wy.T @ dz_columns).reshape(a.shape)  # (2)
    dWy = dz_columns @ a.reshape(a.shape[0], -1).T  # (3)
    dby = dz_columns.sum(axis=1, keepdims=True)  # (4)
    return {"da": da, "dWy": dWy, "dby": dby}


def _output_door(where, a, Wy):
    door = Door(where)
    Wy = door.array("Wy", Wy, "n_y n_a")
    a = door.array("a", a, "n_a m" if np.ndim(a) == 2 else "n_a m T_x")
    return Wy, a, door


def softmax_cross_entropy(z, labels, lengths=None, reduction="sum"):
    """Cross-entropy of softmax(z) with the labels, in nats (5), and its gradient (6).

    Parameters
    ----------
    z : ndarray, shape (n_y, m) or (n_y, m, T_x)
        Logits, as `output_forward` returns them.
    labels : ndarray of int, shape (m,) or (m, T_x)
        The true class of every step, in 0..n_y-1. On padding anything.
    lengths : sequence of m int, optional
        True lengths in 0..T_x, for z with a time axis.
    reduction : {"sum", "mean_examples", "mean_steps"}

    Returns
    -------
    loss : float
        In nats: in all, per example, or per step, as `reduction` says.
    dz : ndarray, shape of z
        dL/dz; exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError
    """
    where = "softmax_cross_entropy"
    z, valid, _ = _loss_door(where, "z", z, lengths)
    return cross_entropy(where, z, labels, valid, _scale(where, reduction, valid))


def cross_entropy(where, z, labels, valid, scale):
    """Compute (5) over a mask of steps, times `scale`: shared with the batch-first form."""
    n_y = z.shape[0]
    if np.shape(labels) != z.shape[1:]:
        raise ShapeError(
            f"{where}: labels have shape {np.shape(labels)}; expected {z.shape[1:]}, "
            f"because the logits are {z.shape}, classes first."
        )
    labels = np.asarray(labels)
    columns = Door(where).indices("labels", labels[valid], n_y, "classes")
    nats, dz_valid = cross_entropy_columns(z[:, valid], columns)  # padding is never read
    dz = np.zeros_like(z)
    dz[:, valid] = dz_valid * scale
    return float(nats.sum(dtype=np.float64) * scale), dz


def cross_entropy_columns(z, labels):
    """Compute (5), not yet summed, and (6): logits (n_y, steps), one label a column."""
    steps = np.arange(labels.size)
    nats = -log_softmax(z)[labels, steps]  # (5)
    dz = softmax(z)
    dz[labels, steps] -= 1  # (6)
    return nats, dz


def squared_error(y, target, lengths=None, reduction="sum"):
    """Half the squared distance between y and target (7), and its gradient (8).

    Parameters
    ----------
    y, target : ndarray, shape (n_y, m) or (n_y, m, T_x)
    lengths : sequence of m int, optional
    reduction : {"sum", "mean_examples", "mean_steps"}

    Returns
    -------
    loss : float
    dy : ndarray, shape of y
        dL/dy; exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError
    """
    where = "squared_error"
    y, valid, door = _loss_door(where, "y", y, lengths)
    target = float_array(where, "target", target)
    if target.shape != y.shape:
        raise ShapeError(
            f"{where}: target has shape {target.shape}; expected {y.shape}, the shape of y."
        )
    target = door.array("target", target, "n_y m" if y.ndim == 2 else "n_y m T_x")
    scale = _scale(where, reduction, valid)
    residual = np.subtract(y, target, where=valid, out=np.zeros_like(y))
    loss = 0.5 * np.sum(residual**2, dtype=np.float64) * scale  # (7)
    return float(loss), residual * scale  # (8)


def squared_error_entries(y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute (7), not yet summed, and (8) entry by entry."""
    dy = y - target  # (8)
    return 0.5 * dy**2, dy  # (7)


def _loss_door(where, name, z, lengths):
    """Check the outputs; return them, the mask of steps that count, (m,) or (m, T_x), the door."""
    z = float_array(where, name, z)
    if z.ndim not in (2, 3):
        raise ShapeError(
            f"{where}: {name} has shape {z.shape}; expected (n_y, m) or (n_y, m, T_x)."
        )
    door = Door(where)
    z = door.array(name, z, "n_y m" if z.ndim == 2 else "n_y m T_x")
    if z.ndim == 2:
        if lengths is not None:
            raise ShapeError(
                f"{where}: lengths given for {name} {z.shape}, which has no time axis."
            )
        return z, np.ones(z.shape[1], dtype=bool), door
    m, T_x = z.shape[1:]
    return z, valid_steps(door.lengths("lengths", lengths, m, T_x), m, T_x), door


def _scale(where, reduction, valid):
    if reduction not in REDUCTIONS:
        raise ConfigError(f"{where}: reduction is {reduction!r}; expected one of {REDUCTIONS}.")
    divisor = {
        "sum": 1,
        "mean_examples": valid.shape[0],
        "mean_steps": np.count_nonzero(valid),
    }[reduction]
    return 1.0 / max(divisor, 1)  # an empty batch has loss 0, not 0/0
