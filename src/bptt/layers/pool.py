"""One step out of a sequence's many: the last, their mean or their maximum."""

import numpy as np

from ..checks import Door
from ..equations.sequences import valid_steps
from ..errors import ConfigError, ShapeError
from .base import Layer, as_batch, need_tape, whole_number

WAYS = ("last", "mean", "max")


class _PoolStepper:
    """What has been seen so far of m sequences, side by side."""

    def __init__(self, pool, m):
        self._pool, self._m = pool, m
        self.state = pool.zero_state(m, np.float32)  # which any dtype adds to without loss

    def step(self, xt):
        if xt.shape != (self._m, self._pool.n_in):
            raise ValueError(f"xt is {xt.shape}")
        yt, self.state = self._pool.advance(xt, self.state)
        return yt


class Pool(Layer):
    """Make one step of all the steps of a sequence that exist.

    ``last``: y = x<T>. ``mean``: y = 1/T sum over t of x<t>. ``max``: y = max over t of x<t>,
    feature by feature; its gradient goes to the first step that reached it. A sequence without
    steps gives 0.

    While streaming, a step's output pools all steps so far, so that a classifier has an opinion
    after each of them. The state is () for last, (sum, count) for mean, (maximum, count) for max.

    Parameters
    ----------
    n_in : int
        Features.
    how : {"last", "mean", "max"}
    bidirectional : bool
        For last, above a bidirectional layer: the forward half of the features at the last step,
        the reverse half at the first, where that direction ends.

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

    def __init__(self, n_in, how, *, bidirectional=False):
        self.n_in = self.n_out = whole_number("Pool", "n_in", n_in)
        if how not in WAYS:
            raise ConfigError(f"Pool: how is {how!r}; expected one of {', '.join(WAYS)}.")
        if bidirectional and self.n_in % 2:
            raise ConfigError(f"Pool: n_in is {n_in}; expected an even number, two halves.")
        self.how, self.bidirectional = how, bool(bidirectional)

    def __repr__(self):
        extra = ", bidirectional=True" * self.bidirectional
        return f"Pool({self.n_in}, {self.how!r}{extra})"

    def shapes(self):
        """Return an empty dict: there are no parameters."""
        return {}

    def init(self, rng, dtype=np.float32):
        """Return an empty dict: there are no parameters."""
        return {}

    def zero_state(self, m, dtype) -> tuple[np.ndarray, ...]:
        """Return what has been seen before the first step: zeros, (m, n_in) and (m, 1), or ()."""
        if self.how == "last":
            return ()
        return np.zeros((m, self.n_in), dtype), np.zeros((m, 1), dtype)

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True):
        """Pool each sequence's steps, and what `state` has seen before them.

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
        where = "Pool.forward"
        x, lengths = as_batch(where, x, lengths)
        door = Door(where, n_in=self.n_in)
        x = door.array("x", x, "m T_x n_in")
        m, T_x, _ = x.shape
        lengths = door.lengths("lengths", lengths, m, T_x)
        lengths = np.full(m, T_x) if lengths is None else lengths
        state = self._check_state(door, "state", state, m)
        how = {"last": self._last, "mean": self._mean, "max": self._max}[self.how]
        y, final, kept = how(x, lengths, state)
        return y[:, np.newaxis], final, (x.shape, x.dtype, lengths, kept) if keep_tape else None

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
        total, count = (s.copy() for s in state)
        for t in range(lengths.max(initial=0)):  # in the order in which a stream adds
            on = lengths > t
            total[on] += x[on, t]
            count[on] += 1
        return _mean_of(total, count), (total, count), (total, count)

    def _max(self, x, lengths, state):
        top, count = state
        seen = np.empty((len(x), 1 + x.shape[1], self.n_in), x.dtype)
        seen[:, 0] = np.where(count > 0, top, -np.inf)
        exists = valid_steps(lengths, *x.shape[:2])
        seen[:, 1:] = np.where(exists[:, :, np.newaxis], x, -np.inf)
        best = np.argmax(seen, axis=1)[:, np.newaxis]
        count = count + lengths[:, np.newaxis].astype(x.dtype)
        top = np.where(count > 0, np.take_along_axis(seen, best, axis=1)[:, 0], top)
        return np.where(count > 0, top, 0), (top, count), (best, count)

    def backward(self, tape, dy, dstate=None):
        """Undo `forward`.

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
        where = "Pool.backward"
        need_tape(where, tape)
        (m, T_x, _), dtype, lengths, kept = tape
        door = Door(where, m=m, n_in=self.n_in)
        dy = door.array("dy", dy, "m 1 n_in")[:, 0]
        if dy.dtype != dtype:
            raise ShapeError(f"{where}: dy is {dy.dtype}; expected {dtype}, as y is.")
        dstate = self._check_state(door, "dstate", dstate, m)
        dx = np.zeros((m, T_x, self.n_in), dtype)
        if self.how == "last":
            some = lengths > 0
            for columns, t in self._halves(lengths):
                dx[some, t[some], columns] = dy[some, columns]
            return dx, (), {}
        if self.how == "mean":
            total, count = kept
            d_total = dstate[0] + _mean_of(dy, count)
            d_count = dstate[1] - _mean_of(dy * _mean_of(total, count), count).sum(
                axis=1, keepdims=True
            )
            exists = valid_steps(lengths, m, T_x)
            dx[exists] = np.repeat(d_total, lengths, axis=0)
            return dx, (d_total, d_count), {}
        best, count = kept
        d_top = np.where(count > 0, dy, 0) + dstate[0]
        d_seen = np.zeros((m, 1 + T_x, self.n_in), dtype)
        np.put_along_axis(d_seen, best, d_top[:, np.newaxis], axis=1)
        return d_seen[:, 1:], (d_seen[:, 0], dstate[1]), {}

    def advance(self, xt, state):
        """Take one step, nothing checked: xt (m, n_in) -> what is pooled so far, and the state."""
        if self.how == "last":
            return xt, ()
        total, count = state
        if self.how == "max":
            top = np.where(count > 0, np.maximum(total, xt), xt)
            return top, (top, count + np.ones((), xt.dtype))
        total, count = total + xt, count + np.ones((), xt.dtype)
        return total / count, (total, count)

    def step(self, xt, parameters, state):
        """Take one step: xt (m, n_in) -> what is pooled so far, (m, n_in), and the state.

        Raises
        ------
        ConfigError
            The last steps of both directions need the whole sequence: they cannot stream.
        ShapeError
        """
        self._refuse_two_directions("Pool.step")
        door = Door("Pool.step", n_in=self.n_in)
        xt = door.array("xt", xt, "m n_in")
        return self.advance(xt, self._check_state(door, "state", state, len(xt)))

    def stepper(self, parameters, m):
        """Prepare to pool m sequences side by side as they arrive.

        Raises
        ------
        ConfigError
            The last steps of both directions need the whole sequence: they cannot stream.
        """
        self._refuse_two_directions("Pool.stream")
        return _PoolStepper(self, m)

    def _refuse_two_directions(self, where):
        if self.bidirectional and self.how == "last":
            raise ConfigError(f"{where}: the layer is bidirectional; it needs whole sequences.")

    def _check_state(self, door, name, state, m) -> tuple[np.ndarray, ...]:
        expected = self.zero_state(m, door.dtype)
        if state is None:
            return expected
        if len(state) != len(expected):
            raise ShapeError(
                f"{door.where}: {name} has {len(state)} arrays; expected {len(expected)}."
            )
        specs = ("m n_in", "m 1")[: len(expected)]
        return tuple(door.array(name, s, spec) for s, spec in zip(state, specs, strict=True))


def _mean_of(total, count):
    """Divide; 0 where nothing was counted."""
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)
