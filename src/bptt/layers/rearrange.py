"""Layers that move time steps and features: Flatten, Unflatten, Repeat and Reverse.

None has parameters or a state. All need the whole sequence, so that none can be streamed.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import ArrayChecker
from ..engine.contract import Stepper
from ..equations.sequences import reverse_valid, valid_steps
from ..errors import ConfigError, ShapeError, operation
from .base import (
    Batch,
    LayerTape,
    Parameterless,
    Parameters,
    State,
    as_batch,
    checked_gradient,
    own_tape,
    whole_number,
)

if TYPE_CHECKING:
    pass


class _Rearrangement(Parameterless):
    """A layer that moves entries; the gradient moves back."""

    @abstractmethod
    def _move(self, x: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
        """Return the outputs for x (m, T_x, n_in) whose padding is 0."""

    @abstractmethod
    def _move_back(self, dy: np.ndarray, T_x: int, lengths: np.ndarray | None) -> np.ndarray:
        """Return the gradient of x; what it has on padding does not matter."""

    def _of(self):
        return type(self), repr(self)

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
        """Move the entries of each sequence.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_in), or list of m ndarray, each (T_i, n_in)
        parameters : dict
            Empty.
        state : ()
        lengths : sequence of m int, optional
            Padding may hold anything; it counts as 0.
        keep_tape : bool
            False for inference: the tape is None.

        Returns
        -------
        y : ndarray, shape (m, T_y, n_out)
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        x, lengths = as_batch(x, lengths)
        check = ArrayChecker(n_in=self.n_in)
        x = check.array("x", x, "m T_x n_in")
        m, T_x, _ = x.shape
        lengths = check.lengths("lengths", lengths, m, T_x)
        y = np.ascontiguousarray(self._move(_without_padding(x, lengths), lengths))
        if not keep_tape:
            return y, (), None
        return y, (), LayerTape(self._of(), (T_x, lengths, y.shape, y.dtype))

    @operation
    def backward(
        self, tape: Any, dy: np.ndarray, dstate: State | None = None, *, need_dx: bool = True
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Move the gradient back: return dx (m, T_x, n_in), exactly 0 on padding, () and {}."""
        T_x, lengths, shape, dtype = own_tape(tape, self._of())
        dy = checked_gradient(dy, shape, dtype)
        if not need_dx:
            return None, (), {}
        return _without_padding(self._move_back(dy, T_x, lengths), lengths), (), {}

    @operation
    def step(
        self, xt: np.ndarray, parameters: Parameters, state: State | None
    ) -> tuple[np.ndarray, State]:
        """Raise: the layer needs the whole sequence."""
        raise self._whole()

    def stepper(self, parameters: Parameters, m: int) -> Stepper:
        """Raise: the layer needs the whole sequence."""
        raise self._whole()

    def _whole(self):
        return ConfigError(
            f"{self} cannot run one step at a time; expected a whole sequence, given to forward."
        )


def _without_padding(x: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return x with zeros on padding."""
    if lengths is None:
        return x
    return np.where(valid_steps(lengths, *x.shape[:2])[:, :, np.newaxis], x, x.dtype.type(0))


class Flatten(_Rearrangement):
    """Join the features of all time steps, of which there is a fixed number, into one step.

    y[i, 0, t n_x + k] = x[i, t, k]

    Parameters
    ----------
    n_x : int
        Features of a step.
    steps : int
        Steps of every sequence. Those beyond a sequence's length count as 0.

    Examples
    --------
    >>> Flatten(2, steps=2).forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]), {})[0]
    array([[[1., 2., 3., 4.]]])
    """

    pools = True

    @operation
    def __init__(self, n_x: int, steps: int):
        self.n_in: int = whole_number("n_x", n_x)
        self.steps: int = whole_number("steps", steps)
        self.n_out: int = self.n_in * self.steps

    def __repr__(self) -> str:
        return f"Flatten({self.n_in}, {self.steps})"

    def _move(self, x, lengths):
        if x.shape[1] != self.steps:
            raise ShapeError(
                f"x has {x.shape[1]} time steps; expected {self.steps}, as constructed."
            )
        return x.reshape(len(x), 1, self.n_out)

    def _move_back(self, dy, T_x, lengths):
        return dy.reshape(len(dy), T_x, self.n_in)


class Unflatten(_Rearrangement):
    """Split every time step into several: the inverse of `Flatten`.

    y[i, t steps + s, k] = x[i, t, s n_y + k]

    Parameters
    ----------
    n_x : int
        Features of a step: a multiple of `steps`.
    steps : int
        Steps that each becomes.

    Examples
    --------
    >>> Unflatten(4, steps=2).forward(np.array([[[1.0, 2.0, 3.0, 4.0]]]), {})[0]
    array([[[1., 2.],
            [3., 4.]]])
    """

    expands = True

    @operation
    def __init__(self, n_x: int, steps: int):
        self.n_in: int = whole_number("n_x", n_x)
        self.steps: int = whole_number("steps", steps)
        if self.n_in % self.steps:
            raise ConfigError(f"n_x is {n_x}; expected a multiple of steps = {steps}.")
        self.n_out: int = self.n_in // self.steps

    def __repr__(self) -> str:
        return f"Unflatten({self.n_in}, {self.steps})"

    def lengths_after(self, lengths: Any) -> Any:
        """Return the true lengths of the outputs."""
        return None if lengths is None else np.asarray(lengths, np.int64) * self.steps

    def _move(self, x, lengths):
        return x.reshape(len(x), x.shape[1] * self.steps, self.n_out)

    def _move_back(self, dy, T_x, lengths):
        return dy.reshape(len(dy), T_x, self.n_in)


class Repeat(_Rearrangement):
    """Repeat every time step, such as the one that `Pool` leaves of a sequence.

    y[i, t times + s] = x[i, t]

    Parameters
    ----------
    n_x : int
        Features.
    times : int

    Examples
    --------
    >>> Repeat(1, times=3).forward(np.array([[[5.0]]]), {})[0][0, :, 0]
    array([5., 5., 5.])
    """

    expands = True

    @operation
    def __init__(self, n_x: int, times: int):
        self.n_in: int = whole_number("n_x", n_x)
        self.n_out: int = self.n_in
        self.times: int = whole_number("times", times)

    def __repr__(self) -> str:
        return f"Repeat({self.n_in}, {self.times})"

    def lengths_after(self, lengths: Any) -> Any:
        """Return the true lengths of the outputs."""
        return None if lengths is None else np.asarray(lengths, np.int64) * self.times

    def _move(self, x, lengths):
        return np.repeat(x, self.times, axis=1)

    def _move_back(self, dy, T_x, lengths):
        return dy.reshape(len(dy), T_x, self.times, self.n_in).sum(axis=2)


class Reverse(_Rearrangement):
    """Reverse each sequence within its true length: y<t> = x<T+1-t>.

    Parameters
    ----------
    n_x : int
        Features.

    Examples
    --------
    >>> Reverse(1).forward(np.array([[[1.0], [2.0], [0.0]]]), {}, lengths=[2])[0][0, :, 0]
    array([2., 1., 0.])
    """

    @operation
    def __init__(self, n_x: int):
        self.n_in: int = whole_number("n_x", n_x)
        self.n_out: int = self.n_in

    def __repr__(self) -> str:
        return f"Reverse({self.n_in})"

    def _move(self, x, lengths):
        return reverse_valid(x.transpose(2, 0, 1), lengths).transpose(1, 2, 0)

    def _move_back(self, dy, T_x, lengths):
        return self._move(dy, lengths)
