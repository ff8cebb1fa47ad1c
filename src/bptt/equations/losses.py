"""The output layer and its losses, which the course omits: from hidden states to a number.

Output layer, at every step (Wy, or Wya as the course calls the plain RNN's):

(1)  logits = Wy a + by                         (2)  da  = Wy^T dlogits
                                                (3)  dWy = sum over steps of dlogits a^T
                                                (4)  dby = sum over steps of dlogits

Softmax cross-entropy in nats, for the class index k of a step (log_softmax: `activations`):

(5)  L = -sum over steps of log_softmax(logits)_k    (6)  dlogits = softmax(logits) - onehot(k)

Squared error:

(7)  L = 1/2 sum over steps of |y - target|^2   (8)  dy = y - target

Only steps that exist count. The reduction is what the sum is divided by: ``"sum"`` nothing,
``"mean_examples"`` the number of examples m, ``"mean_steps"`` the number of steps that exist
(nats per step). Where nothing exists, loss and gradients are 0.

Derivations: (6) is d/dz_j [log sum_i e^(z_i) - z_k] = softmax(z)_j - [j = k]; the rest is the
product rule.
"""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np

from ..checks import ArrayChecker, float_array
from ..errors import ConfigError, ShapeError, operation
from .activations import log_softmax, softmax
from .sequences import valid_steps
from .underflow import may_underflow

Lengths = Sequence[int] | np.ndarray | None
Reduction = Literal["sum", "mean_examples", "mean_steps"]
REDUCTIONS = get_args(Reduction)


@may_underflow
@operation
def output_forward(a: np.ndarray, Wy: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Apply the output layer at every step (1).

    Parameters
    ----------
    a : ndarray, shape (n_a, m) or (n_a, m, T_x)
    Wy : ndarray, shape (n_y, n_a)
    by : ndarray, shape (n_y, 1)

    Returns
    -------
    ndarray, shape (n_y, m) or (n_y, m, T_x)
        Logits: `softmax` of them is the course's y_pred.

    Raises
    ------
    ShapeError
    """
    Wy, a, check = _check_output_layer(a, Wy)
    by = check.array("by", by, "n_y 1")
    logits = Wy @ a.reshape(a.shape[0], -1) + by  # (1)
    return logits.reshape(Wy.shape[0], *a.shape[1:])  # not -1: m or T_x may be 0


@may_underflow
@operation
def output_backward(dlogits: np.ndarray, a: np.ndarray, Wy: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the gradients of `output_forward`: equations (2) to (4).

    Parameters
    ----------
    dlogits : ndarray, shape (n_y, m) or (n_y, m, T_x)
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
    Wy, a, check = _check_output_layer(a, Wy)
    dlogits = check.array("dlogits", dlogits, "n_y m" if a.ndim == 2 else "n_y m T_x")
    columns = dlogits.reshape(dlogits.shape[0], -1)
    da = (Wy.T @ columns).reshape(a.shape)  # (2)
    dWy = columns @ a.reshape(a.shape[0], -1).T  # (3)
    dby = columns.sum(axis=1, keepdims=True)  # (4)
    return {"da": da, "dWy": dWy, "dby": dby}


def _check_output_layer(a, Wy):
    check = ArrayChecker()
    Wy = check.array("Wy", Wy, "n_y n_a")
    a = check.array("a", a, "n_a m" if np.ndim(a) == 2 else "n_a m T_x")
    return Wy, a, check


@may_underflow
@operation
def softmax_cross_entropy(
    logits: np.ndarray, ids: np.ndarray, lengths: Lengths = None, reduction: Reduction = "sum"
) -> tuple[float, np.ndarray]:
    """Compute the cross-entropy of softmax(logits) in nats (5), and its gradient (6).

    Parameters
    ----------
    logits : ndarray, shape (n_y, m) or (n_y, m, T_x)
        As `output_forward` returns them.
    ids : ndarray of int, shape (m,) or (m, T_x)
        The true class of every step, in 0..n_y-1. On padding anything.
    lengths : sequence of m int, optional
        True lengths in 0..T_x, for logits with a time axis.
    reduction : {"sum", "mean_examples", "mean_steps"}

    Returns
    -------
    loss : float
        In nats: the sum, or the mean per example or per step (see `reduction`).
    dlogits : ndarray, shape of logits
        Exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError
    """
    logits, valid, _ = check_outputs("logits", logits, lengths)
    return cross_entropy(logits, ids, valid, scale_of(reduction, valid))


@may_underflow
def cross_entropy(
    logits: np.ndarray, ids: np.ndarray, valid: np.ndarray, scale: float
) -> tuple[float, np.ndarray]:
    """Compute (5) and (6) over a mask of steps, times `scale`: also for the batch-first form."""
    if np.shape(ids) != logits.shape[1:]:
        raise ShapeError(
            f"ids have shape {np.shape(ids)}; expected {logits.shape[1:]}, "
            f"because the logits are {logits.shape}, classes first."
        )
    columns = ArrayChecker().indices("ids", np.asarray(ids)[valid], len(logits), "classes")
    return total(*cross_entropy_columns(logits[:, valid], columns), valid, scale)


@may_underflow
def cross_entropy_columns(logits: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute (5), not yet summed, and (6): logits (n_y, steps), one class index a column."""
    steps = np.arange(ids.size)
    nats = -log_softmax(logits)[ids, steps]  # (5)
    dlogits = softmax(logits)
    dlogits[ids, steps] -= 1  # (6)
    return nats, dlogits


@may_underflow
@operation
def squared_error(
    y: np.ndarray, target: np.ndarray, lengths: Lengths = None, reduction: Reduction = "sum"
) -> tuple[float, np.ndarray]:
    """Compute half the squared distance between y and target (7), and its gradient (8).

    Parameters
    ----------
    y, target : ndarray, shape (n_y, m) or (n_y, m, T_x)
    lengths : sequence of m int, optional
    reduction : {"sum", "mean_examples", "mean_steps"}

    Returns
    -------
    loss : float
    dy : ndarray, shape of y
        Exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError
    """
    return entrywise(squared_error_entries, "y", y, target, lengths, reduction)


@may_underflow
def squared_error_entries(y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute (7), not yet summed, and (8) entry by entry."""
    dy = y - target  # (8)
    return 0.5 * dy**2, dy  # (7)


@may_underflow
def entrywise(
    loss: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    name: str,
    y: np.ndarray,
    target: np.ndarray,
    lengths: Lengths,
    reduction: Reduction,
    outputs: int = 1,
    expected: str = "n_y",
) -> tuple[float, np.ndarray]:
    """Reduce a loss of numbers that is computed entry by entry.

    Parameters
    ----------
    loss : callable (y, target) -> (entries, dy)
        Of columns (outputs * n_y, steps) and (n_y, steps), one a step that exists.
    name : str
        The outputs' name, for messages.
    y : ndarray, shape (outputs * n_y, m) or (outputs * n_y, m, T_x)
    target : ndarray, shape (n_y, m) or (n_y, m, T_x)
    lengths, reduction
        As for `squared_error`.
    outputs : int
        Outputs for each entry of target.
    expected : str
        How messages write outputs * n_y.
    """
    y, valid, check = check_outputs(name, y, lengths)
    target = float_array("target", target)
    if len(y) % outputs:
        raise ShapeError(f"{name} has shape {y.shape}; expected {expected} outputs first.")
    shape = (len(y) // outputs, *y.shape[1:])
    if target.shape != shape:
        raise ShapeError(
            f"target has shape {target.shape}; expected {shape}, "
            f"because {name} is {y.shape} = ({expected}, ...)."
        )
    target = check.array("target", target, "n m" if target.ndim == 2 else "n m T_x")
    scale = scale_of(reduction, valid)
    return total(*loss(y[:, valid], target[:, valid]), valid, scale)


@may_underflow
def likelihood(
    entries: Callable[..., tuple[np.ndarray, ...]],
    outputs: int,
    y: np.ndarray,
    target: np.ndarray,
    lengths: Lengths,
    reduction: Reduction,
) -> tuple[float, np.ndarray]:
    """Reduce a negative log-likelihood of several outputs for each entry of target.

    Parameters
    ----------
    entries : callable (*outputs, target) -> (nats, *gradients of outputs)
        All of one shape.
    outputs : int
        y holds the first outputs of all entries, then the second ones, ...
    y, target, lengths, reduction
        As for `entrywise`.
    """

    def columns(y, target):
        nats, *dy = entries(*np.split(y, outputs), target)
        return nats, np.concatenate(dy).astype(y.dtype, copy=False)

    return entrywise(columns, "y", y, target, lengths, reduction, outputs, f"{outputs} n_y")


@may_underflow
def total(
    entries: np.ndarray, dy: np.ndarray, valid: np.ndarray, scale: float
) -> tuple[float, np.ndarray]:
    """Sum the loss of the steps that exist; put their gradients, columns, in place among zeros."""
    full = np.zeros((len(dy), *valid.shape), dy.dtype)
    full[:, valid] = dy * scale
    return float(entries.sum(dtype=np.float64) * scale), full


def check_outputs(
    name: str, y: np.ndarray, lengths: Lengths
) -> tuple[np.ndarray, np.ndarray, ArrayChecker]:
    """Check outputs; return them and the mask of steps that count, (m,) or (m, T_x)."""
    y = float_array(name, y)
    if y.ndim not in (2, 3):
        raise ShapeError(f"{name} has shape {y.shape}; expected (n_y, m) or (n_y, m, T_x).")
    check = ArrayChecker()
    y = check.array(name, y, "n_y m" if y.ndim == 2 else "n_y m T_x")
    if y.ndim == 2:
        if lengths is not None:
            raise ShapeError(f"lengths given for {name} {y.shape}, which has no time axis.")
        return y, np.ones(y.shape[1], dtype=bool), check
    m, T_x = y.shape[1:]
    return y, valid_steps(check.lengths("lengths", lengths, m, T_x), m, T_x), check


def scale_of(reduction: Reduction, valid: np.ndarray) -> float:
    """Return the factor of the sum; an empty batch has loss 0, not 0/0."""
    if reduction not in REDUCTIONS:
        raise ConfigError(f"reduction is {reduction!r}; expected one of {REDUCTIONS}.")
    counts = {"sum": 1, "mean_examples": len(valid), "mean_steps": np.count_nonzero(valid)}
    return 1.0 / max(counts[reduction], 1)
