"""Sequences: padding, true lengths, and the loop through time that every cell shares.

Forward through time, for t = 1 ... T_x; g is one step of the cell. In Python, x[:, :, t - 1] is
x<t>:

(1)  a<t>, c<t> = g(x<t>, a<t-1>, c<t-1>)       a<0>, c<0> are the initial states; c if there is one
(2)  a<t>, c<t> = a<t-1>, c<t-1>                for an example whose sequence has ended

Backward through time (Werbos 1990), for t = T_x ... 1. da<t>, dc<t> are the gradients of the whole
loss with respect to the states after step t:

(3)  da<t> += gradient of the loss of step t alone        only a has outputs
(4)  dx<t>, da<t-1>, dc<t-1>, dW<t> = g'(da<t>, dc<t>)    g' is the backward pass of one step
(5)  dW = sum over t of dW<t>
(6)  da<t-1>, dc<t-1> = da<t>, dc<t>                      for an example whose sequence has ended

(2) and (6) make ragged batches exact: the gradient with respect to a final state is kept until the
loop reaches the last step of its own sequence. Padding is never read: examples that have no step t
are left out *before* any product (0 * NaN is NaN).
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ..checks import ArrayChecker, is_whole
from ..errors import ConfigError, ShapeError, operation
from .cell import Cell, Gradients, Parameters
from .underflow import may_underflow


class Caches(tuple[Any, Any]):
    """What a forward pass through time keeps: ``(step caches, x)``, a pair as in the course.

    ``caches[0][t]`` is the cache of step t. In a ragged batch its arrays have one column for each
    sequence that has a step t, in the batch's order. The caches hold the caller's parameters (and,
    where the batch is not ragged, x) themselves, not copies: change one in place between forward
    and backward, and the gradients are those of the changed array. (The engine's caches are refused
    then: see `bptt.engine.Provider.backward`.)

    Attributes
    ----------
    cell : Cell
    lengths : ndarray of int64, shape (m,), or None
    parameters : dict of str to ndarray
    """

    cell: Cell
    lengths: np.ndarray | None
    parameters: Parameters

    def __new__(
        cls,
        steps: Sequence[Any],
        x: np.ndarray,
        cell: Cell,
        lengths: np.ndarray | None,
        parameters: Parameters,
    ) -> Self:
        """Make the pair and attach the rest."""
        self = super().__new__(cls, (steps, x))
        self.cell, self.lengths, self.parameters = cell, lengths, parameters
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Let `copy` and `pickle` rebuild all of it."""
        return (*self, self.cell, self.lengths, self.parameters)


def valid_steps(lengths: Sequence[int] | np.ndarray | None, m: int, T_x: int) -> np.ndarray:
    """Return the mask of steps that exist.

    Returns
    -------
    ndarray of bool, shape (m, T_x)

    Examples
    --------
    >>> valid_steps([2, 0], 2, 3).astype(int)
    array([[1, 1, 0],
           [0, 0, 0]])
    """
    if lengths is None:
        return np.ones((m, T_x), dtype=bool)
    return np.arange(T_x) < np.asarray(lengths)[:, np.newaxis]


def running_columns(lengths: np.ndarray | None, t: int) -> slice | np.ndarray:
    """Return an index of the columns that have a step t: a slice where all of them have."""
    if lengths is None:
        return slice(None)
    return np.flatnonzero(lengths > t)


def _with_columns(old, columns, new):
    """Copy the states `old`, each (n_a, m), with `columns` replaced: nothing is overwritten."""
    result = tuple(s.copy() for s in old)
    for s, s_new in zip(result, new, strict=True):
        s[:, columns] = s_new
    return result


@may_underflow
def forward_through_time(
    cell: Cell,
    x: np.ndarray,
    state0: tuple[np.ndarray, ...],
    parameters: Parameters,
    lengths: np.ndarray | None,
    *,
    keep_caches: bool = True,
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], Caches]:
    """Run a cell over a batch of sequences: equations (1) and (2).

    Parameters
    ----------
    cell : Cell
    x : ndarray, shape (n_x, m, T_x)
    state0 : tuple of ndarray, each (n_a, m)
    parameters : dict of str to ndarray
    lengths : ndarray of int64, shape (m,), or None
    keep_caches : bool
        False for inference: `caches` then has no steps, and backward is impossible.

    Returns
    -------
    states : tuple of ndarray, each (n_a, m, T_x)
        Every state after every step; 0 on padding.
    final : tuple of ndarray, each (n_a, m)
        The states after each sequence's own last step.
    caches : Caches
    """
    T_x = x.shape[2]
    states = tuple(np.zeros((*s.shape, T_x), s.dtype) for s in state0)
    current = tuple(s.copy() for s in state0)
    steps = []
    for t in range(T_x):
        on = running_columns(lengths, t)
        *after, cache = cell.recurrence(x[:, on, t], *(s[:, on] for s in current), parameters)
        for all_steps, s in zip(states, after, strict=True):
            all_steps[:, on, t] = s
        current = _with_columns(current, on, after)  # (1) (2)
        if keep_caches:
            steps.append(cache)
    return states, current, Caches(steps, x, cell, lengths, parameters)


@may_underflow
def backward_through_time(
    da: np.ndarray, dstate_final: tuple[np.ndarray, ...], caches: Caches
) -> Gradients:
    """Backpropagate through a batch of sequences: equations (3) to (6).

    Parameters
    ----------
    da : ndarray, shape (n_a, m, T)
        Gradient of each step's own loss; T at most the number of steps run forward. The result is
        the gradient of a loss that uses the first T steps only.
    dstate_final : tuple of ndarray, each (n_a, m)
        Gradients with respect to the states after the last of these T steps.
    caches : Caches

    Returns
    -------
    gradients : dict of str to ndarray
        ``dx`` (n_x, m, T), ``da0`` (and ``dc0``) (n_a, m), and d + each parameter's name.
    """
    (steps, x), cell, parameters = caches, caches.cell, caches.parameters
    dx = np.zeros((*da.shape[1:], len(x)), da.dtype).transpose(2, 0, 1)
    dstate = dstate_final
    total = {f"d{name}": np.zeros(parameters[name].shape, da.dtype) for name in cell.parameters}
    for t in reversed(range(da.shape[2])):
        on = running_columns(caches.lengths, t)
        own, *others = (ds[:, on] for ds in dstate)
        gradients = cell.backward(own + da[:, on, t], *others, steps[t])  # (3) (4)
        dx[:, on, t] = gradients["dxt"]
        before = [gradients[f"d{name}_prev"] for name in cell.states]
        dstate = _with_columns(dstate, on, before)  # (4) (6)
        for name in total:
            total[name] += gradients[name]  # (5)
    return {"dx": dx, **{f"d{s}0": ds for s, ds in zip(cell.states, dstate, strict=True)}, **total}


def reverse_valid(x: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Reverse each sequence within its true length; padding stays where it is.

    Parameters
    ----------
    x : ndarray, shape (n, m, T_x)
    lengths : ndarray of int64, shape (m,), or None

    Returns
    -------
    ndarray, shape (n, m, T_x)

    Examples
    --------
    >>> reverse_valid(np.array([[[1.0, 2, 3], [4, 5, 0]]]), np.array([3, 2]))
    array([[[3., 2., 1.],
            [5., 4., 0.]]])
    """
    if lengths is None:
        return x[:, :, ::-1]
    steps = np.arange(x.shape[2])
    source = np.where(steps < lengths[:, np.newaxis], lengths[:, np.newaxis] - 1 - steps, steps)
    return np.take_along_axis(x, source[np.newaxis], axis=2)


@operation
def pad_sequences(
    sequences: Sequence[np.ndarray],
    max_len: int | None = None,
    padding_value: float = 0.0,
    *,
    truncate: bool = False,
) -> tuple[np.ndarray, list[int]]:
    """Pad sequences of different lengths, on the right, into one array.

    Parameters
    ----------
    sequences : list of m ndarray of float32 or float64, each (n_x, T_i)
    max_len : int, optional
        Steps of the result; the longest sequence's where None.
    padding_value : float
    truncate : bool
        Cut sequences longer than `max_len` to their first `max_len` steps, instead of raising.

    Returns
    -------
    padded_x : ndarray, shape (n_x, m, max_len)
    seq_lengths : list of m int

    Raises
    ------
    ShapeError
        No sequence at all, unequal n_x or dtype, or a sequence longer than `max_len` (unless
        `truncate`).
    ConfigError
        `max_len` is not a whole number of steps.

    Examples
    --------
    >>> x, seq_lengths = pad_sequences([np.ones((3, 2)), np.ones((3, 5))])
    >>> x.shape, seq_lengths
    ((3, 2, 5), [2, 5])
    """
    if isinstance(sequences, np.ndarray) or len(sequences) == 0:
        raise ShapeError("expected a list of at least one array of shape (n_x, T_i).")
    check = ArrayChecker()
    checked = [check.array(f"sequences[{i}]", s, f"n_x T_{i}") for i, s in enumerate(sequences)]
    longest = max(s.shape[1] for s in checked)
    max_len = longest if max_len is None else max_len
    if not is_whole(max_len) or max_len < 0:
        raise ConfigError(f"max_len is {max_len!r}; expected a number of steps >= 0.")
    if longest > max_len:
        if not truncate:
            i = next(i for i, s in enumerate(checked) if s.shape[1] > max_len)
            raise ShapeError(
                f"sequences[{i}] has {checked[i].shape[1]} steps; expected at most "
                f"max_len = {max_len} (truncate=True would cut it)."
            )
        checked = [s[:, :max_len] for s in checked]
    padded = np.full((check["n_x"], len(checked), max_len), padding_value, dtype=check.dtype)
    for i, s in enumerate(checked):
        padded[:, i, : s.shape[1]] = s
    return padded, [s.shape[1] for s in checked]
