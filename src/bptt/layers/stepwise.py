"""StepwiseLayer: the base of layers that map every time step on its own."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..checks import ArrayChecker
from ..engine.contract import Stepper
from ..equations.sequences import valid_steps
from ..errors import operation
from .base import (
    Batch,
    Layer,
    LayerTape,
    Parameters,
    State,
    Stateless,
    as_batch,
    checked_gradient,
    need_parts,
    own_tape,
    wanted,
)


class StepwiseLayer(Layer):
    """A layer without a state: it maps every time step on its own.

    A subclass defines `_check`, which checks its parameters, and how it maps rows, one for each
    valid time step.
    """

    _check: Any  # ParameterChecker

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter, by name."""
        return dict(self._check.shapes)

    @abstractmethod
    def _checked(self, name, x, axes, parameters) -> np.ndarray:
        """Check an input whose first axes are "m T_x" or "m"."""

    @abstractmethod
    def _map(self, name, rows, own, keep_tape) -> tuple[np.ndarray, Any]:
        """Map rows of the input to rows of the output; return also what `_map_backward` needs."""

    @abstractmethod
    def _map_backward(
        self, kept, d_rows, own, need_dx, parts
    ) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        """Return the gradients of the rows of the input, or None, and of the parameters.

        `parts`: None, or numbers of rows; the gradients then have an axis in front.
        """

    @operation
    def forward(
        self,
        x: Batch,
        parameters: Parameters,
        state: State | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
        *,
        keep_tape: bool = True,
    ) -> tuple[np.ndarray, State, Any]:
        """Map every valid time step.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, ...), or list of m ndarray, each (T_i, ...)
            One time step is described with the class. Padding may hold anything.
        parameters : dict of str to ndarray
        state : ()
        lengths : sequence of m int, optional
            True lengths in 0..T_x, in any order.
        keep_tape : bool
            False for inference: the tape is None.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_out)
            0 on padding.
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        x, lengths = as_batch(x, lengths)
        own, _ = self._check(parameters)
        x = self._checked("x", x, "m T_x", parameters)
        m, T_x = x.shape[:2]
        valid = ArrayChecker().lengths("lengths", lengths, m, T_x)
        if valid is not None:
            valid = valid_steps(valid, m, T_x)
        rows, kept = self._map("x", packed(x, valid), own, keep_tape)
        y = unpacked(rows, valid, m, T_x)
        if not keep_tape:
            return y, (), None
        return y, (), LayerTape(self._of(), (kept, valid, y.shape, y.dtype, own))

    def _of(self) -> tuple[Any, ...]:
        return type(self), self._check.shapes, self.n_in

    @operation
    def backward(
        self,
        tape: Any,
        dy: np.ndarray,
        dstate: State | None = None,
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Backpropagate through `forward`.

        Parameters
        ----------
        tape : tuple
        dy : ndarray, shape (m, T_x, n_out)
            Gradient of the outputs; ignored on padding.
        dstate : ()
        need_dx : bool
            False if the gradient of x is not wanted: dx is None.
        parts : sequence of int, optional
            As for `Network.backward`.

        Returns
        -------
        dx : ndarray of the shape of x, or None
            Exactly 0 on padding. None for tokens, which have no gradient.
        dstate0 : ()
        gradients : dict of str to ndarray
            By the names of the parameters; empty where `parts` is.

        Raises
        ------
        ShapeError, ConfigError
        """
        kept, valid, shape, dtype, own = own_tape(tape, self._of())
        dy = checked_gradient(dy, shape, dtype)
        need_parts(self, parts, shape[0])
        steps = _steps_of(parts, tape)
        d_rows, gradients = self._map_backward(kept, packed(dy, valid), own, need_dx, steps)
        dx = None if d_rows is None else unpacked(d_rows, valid, *shape[:2])
        return dx, (), gradients if wanted(parts) else {}

    @operation
    def step(
        self, xt: np.ndarray, parameters: Parameters, state: State | None
    ) -> tuple[np.ndarray, State]:
        """Map one time step of m sequences: xt (m, ...) -> (m, n_out)."""
        own, _ = self._check(parameters)
        xt = self._checked("xt", xt, "m", parameters)
        return self._map("xt", xt, own, False)[0], ()

    def stepper(self, parameters: Parameters, m: int) -> Stepper:
        """Check the parameters and prepare to map one time step of m sequences."""
        own = {name: p.copy() for name, p in self._check(parameters)[0].items()}

        def step(xt):  # without a check of the parameters at each step
            return self._map("xt", self._checked("xt", xt, "m", own), own, False)[0]

        return Stateless(step, m)


def packed(z: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """(m, T_x, ...) -> the rows of the valid steps; of all steps if `valid` is None."""
    return z.reshape(z.shape[0] * z.shape[1], *z.shape[2:]) if valid is None else z[valid]


def unpacked(rows: np.ndarray, valid: np.ndarray | None, m: int, T_x: int) -> np.ndarray:
    """Undo `packed`: (m, T_x, n), 0 on padding."""
    if valid is None:
        return rows.reshape(m, T_x, rows.shape[1])
    z = np.zeros((m, T_x, rows.shape[1]), rows.dtype)
    z[valid] = rows
    return z


def sum_rows(z: np.ndarray, parts: Sequence[int] | None) -> np.ndarray:
    """Sum rows (rows, n) over all, or over each of the parts: (n,) or (len(parts), n)."""
    if parts is None:
        return z.sum(axis=0)
    sums = np.empty((len(parts), *z.shape[1:]), z.dtype)
    for k, (a, b) in enumerate(pairwise(np.cumsum([0, *parts]))):
        z[a:b].sum(axis=0, out=sums[k])
    return sums


def _steps_of(parts: Sequence[int] | None, tape: LayerTape) -> Sequence[int] | None:
    """Count the valid steps of parts that are given as numbers of sequences."""
    if not parts:
        return parts
    _, valid, (m, T_x, *_), *_ = tape.kept
    steps = np.full(m, T_x) if valid is None else valid.sum(axis=1)
    return [int(steps[a:b].sum()) for a, b in pairwise(np.cumsum([0, *parts]))]


def add_by_index(shape: tuple[int, ...], at: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Add each of the rows to row `at` of zeros of a shape."""
    sums = np.zeros(shape, rows.dtype)
    np.add.at(sums, at, rows)
    return sums


def sum_by_index(
    shape: tuple[int, ...], at: np.ndarray, rows: np.ndarray, parts: Sequence[int] | None
) -> np.ndarray:
    """Add rows by index; with `parts`, those of each part to zeros of its own."""
    if parts is None:
        return add_by_index(shape, at, rows)
    sums = np.zeros((len(parts), *shape), rows.dtype)
    for k, (a, b) in enumerate(pairwise(np.cumsum([0, *parts]))):
        sums[k] = add_by_index(shape, at[a:b], rows[a:b])
    return sums
