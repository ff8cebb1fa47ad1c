"""Pool: the last time step of a sequence, the mean of all or their maximum."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..checks import ArrayChecker
from ..engine import provider
from ..engine.contract import Stepper
from ..equations.sequences import valid_steps
from ..equations.underflow import may_underflow
from ..errors import ConfigError, operation
from .base import (
    Batch,
    LayerTape,
    Parameterless,
    Parameters,
    State,
    as_batch,
    checked_gradient,
    need_one_direction,
    own_tape,
    whole_number,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Pooling = Literal["last", "mean", "max"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


class _PoolStepper:
    """Pool m sequences, one time step at a time."""

    def __init__(self, pool, m):
        self._pool, self._m = pool, m
        self.state = pool.zero_state(m)

    def step(self, xt):
        xt = ArrayChecker(m=self._m, n_in=self._pool.n_in).array("xt", xt, "m n_in")
        yt, self.state = self._pool.advance(xt, self.state)
        return yt


class Pool(Parameterless):
    """Reduce the time steps of a sequence to one.

    ``last``: y = x<T>. ``mean``: y = 1/T sum over t of x<t>. ``max``: y = max over t of x<t>,
    feature by feature; its gradient goes to the first step that has the maximum. For a sequence
    without steps y = 0.

    In a stream the output of a step pools all steps so far. The state is () for last, (total,
    count) for mean and (maximum, count) for max: float64 whatever the dtype of x, because sums in
    float32 lose accuracy over many steps, and counts end at 2**24.

    Parameters
    ----------
    n_in : int
        Features.
    pooling : {"last", "mean", "max"}
    bidirectional : bool
        For last, above a bidirectional layer: take the forward half of the features at the last
        step and the reverse half at the first, where that direction ends.

    Examples
    --------
    >>> pool = Pool(2, "mean")
    >>> x = np.arange(12.0).reshape(2, 3, 2)
    >>> y, _, _ = pool.forward(x, {}, lengths=[3, 2])
    >>> y
    array([[[2., 3.]],
    <BLANKLINE>
           [[7., 8.]]])
    """

    pools = True
    by_rows = True

    @operation
    def __init__(self, n_in: int, pooling: Pooling = "last", *, bidirectional: bool = False):
        self.n_in: int = whole_number("n_in", n_in)
        self.n_out: int = self.n_in
        if not isinstance(pooling, str) or pooling not in POOLINGS:
            raise ConfigError(f"pooling is {pooling!r}; expected one of {', '.join(POOLINGS)}.")
        if bidirectional and self.n_in % 2:
            raise ConfigError(f"n_in is {n_in}; expected an even number, two halves.")
        self.pooling = pooling
        self.bidirectional: bool = bool(bidirectional)
        if pooling != "last":
            self.states: tuple[str, ...] = ("total" if pooling == "mean" else "maximum", "count")
            self._state_axes = ("m n_in", "m 1")

    def __repr__(self) -> str:
        extra = ", bidirectional=True" * self.bidirectional
        return f"Pool({self.n_in}, {self.pooling!r}{extra})"

    def state_shapes(self, m: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the states of m sequences: (m, n_in) and (m, 1), or ()."""
        return ((m, self.n_in), (m, 1)) if self.states else ()

    def zero_state(self, m: int, dtype: "DTypeLike" = np.float32) -> State:
        """Return the state before the first step of m sequences: zeros, float64."""
        return super().zero_state(m, np.float64)

    def checked_state(self, state: Any, m: int, dtype: Any, name: str = "state") -> State:
        """Check a state or its gradient, float32 or float64; zeros if it is None."""
        given = getattr(state[0], "dtype", None) if isinstance(state, tuple) and state else None
        kind = np.dtype(np.float32 if given == np.float32 else np.float64)
        checked = super().checked_state(state, m, kind, name)
        return tuple([s.astype(np.float64, copy=False) for s in checked])

    @may_underflow
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
        """Pool the time steps of each sequence, and those that `state` holds already.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_in), or list of m ndarray, each (T_i, n_in)
        parameters : dict
            Empty.
        state : tuple of ndarray, optional
            (), or the sum or maximum (m, n_in) and the count (m, 1).
        lengths : sequence of m int, optional

        Returns
        -------
        y : ndarray, shape (m, 1, n_in)
        state : tuple of ndarray
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
        lengths = np.full(m, T_x) if lengths is None else lengths
        state = self.checked_state(state, m, x.dtype)
        pool = {"last": self._last, "mean": self._mean, "max": self._max}[self.pooling]
        y, final, kept = pool(x, lengths, state)
        tape = LayerTape(self._of(), (x.shape, x.dtype, lengths, kept)) if keep_tape else None
        return y[:, np.newaxis], final, tape

    def _of(self):
        return Pool, self.n_in, self.pooling, self.bidirectional

    def _last(self, x, lengths, state):
        y, some = np.zeros((len(x), self.n_in), x.dtype), lengths > 0
        for columns, t in self._halves(lengths):
            y[some, columns] = x[some, t[some], columns]
        return y, (), None

    def _halves(self, lengths):
        """Yield the features of each direction and the step at which it ends."""
        half = self.n_in // 2 if self.bidirectional else self.n_in
        yield slice(0, half), lengths - 1
        if self.bidirectional:
            yield slice(half, self.n_in), np.zeros_like(lengths)

    def _mean(self, x, lengths, state):
        total = provider().add_steps(x, lengths, state[0])
        count = _counted(x, lengths, state[1])
        return _mean_of(total, count).astype(x.dtype), (total, count), (total, count)

    def _max(self, x, lengths, state):
        top, before = state
        most, at = provider().max_steps(
            x, lengths, np.where(before > 0, top, -np.inf).astype(x.dtype)
        )
        count = _counted(x, lengths, before)
        state = np.where(count > 0, most, top), count
        return np.where(count > 0, most, x.dtype.type(0)), state, (at[:, np.newaxis], count)

    @may_underflow
    @operation
    def backward(
        self, tape: Any, dy: np.ndarray, dstate: State | None = None, *, need_dx: bool = True
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Backpropagate through `forward`.

        Parameters
        ----------
        tape : tuple
        dy : ndarray, shape (m, 1, n_in)
        dstate : tuple of ndarray, optional
            Gradients of the final state.

        Returns
        -------
        dx : ndarray, shape (m, T_x, n_in)
            Exactly 0 on padding.
        dstate0 : tuple of ndarray
        gradients : dict
            Empty.

        Raises
        ------
        ShapeError
        """
        (m, T_x, _), dtype, lengths, kept = own_tape(tape, self._of())
        dy = checked_gradient(dy, (m, 1, self.n_in), dtype)[:, 0]
        dstate = self.checked_dstate(dstate, m, dtype)
        dx = np.zeros((m, T_x, self.n_in), dtype)
        if self.pooling == "last":
            some = lengths > 0
            for columns, t in self._halves(lengths):
                dx[some, t[some], columns] = dy[some, columns]
            return dx, (), {}
        if self.pooling == "mean":
            total, count = kept
            d_total = dstate[0] + _mean_of(dy, count)
            d_count = dstate[1] - _mean_of(dy * _mean_of(total, count), count).sum(
                axis=1, keepdims=True
            )
            exists = valid_steps(lengths, m, T_x)[:, :, np.newaxis]
            np.copyto(dx, d_total.astype(dtype)[:, np.newaxis], where=exists)
            return dx, (d_total, d_count), {}
        best, count = kept
        d_top = np.where(count > 0, dy, 0) + dstate[0]
        d_seen = np.zeros((m, 1 + T_x, self.n_in), dtype)
        np.put_along_axis(d_seen, best, d_top[:, np.newaxis], axis=1)
        return d_seen[:, 1:], (d_seen[:, 0].astype(np.float64), dstate[1]), {}

    @may_underflow
    def advance(self, xt: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Pool one more time step, unchecked: xt (m, n_in) -> the output and the next state."""
        if self.pooling == "last":
            return xt, ()
        pool = self._mean if self.pooling == "mean" else self._max
        yt, state, _ = pool(xt[:, np.newaxis], None, state)
        return yt, state

    @operation
    def step(
        self, xt: np.ndarray, parameters: Parameters, state: State | None
    ) -> tuple[np.ndarray, State]:
        """Pool one more time step: xt (m, n_in) -> the output, (m, n_in), and the next state.

        Raises
        ------
        ConfigError
            The pool of the last steps of both directions needs the whole sequence.
        ShapeError
        """
        need_one_direction(self.bidirectional and self.pooling == "last")
        xt = ArrayChecker(n_in=self.n_in).array("xt", xt, "m n_in")
        return self.advance(xt, self.checked_state(state, len(xt), xt.dtype))

    def stepper(self, parameters: Parameters, m: int) -> Stepper:
        """Prepare to pool m sequences, one time step at a time.

        Raises
        ------
        ConfigError
            The pool of the last steps of both directions needs the whole sequence.
        """
        need_one_direction(self.bidirectional and self.pooling == "last")
        return _PoolStepper(self, m)


def _counted(x, lengths, count):
    """Return the counts after the steps of x."""
    return count + (x.shape[1] if lengths is None else lengths[:, np.newaxis])


def _mean_of(total, count):
    """Divide; 0 where nothing was counted."""
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)
