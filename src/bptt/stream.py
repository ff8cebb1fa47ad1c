"""Streaming: process sequences one time step at a time; the state is kept between steps."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np

from .checks import ArrayChecker, dtype_of, is_whole
from .engine.contract import Stepper
from .errors import BpttError, ConfigError, EngineError, ShapeError, operation


class Chain:
    """Steppers on top of one another: the output of each is the input of the next.

    Parameters
    ----------
    steppers : list of Stepper
    join, split : callable
        From the list of their states to the state of all, and back.
    """

    def __init__(
        self,
        steppers: Sequence[Stepper],
        join: Callable[[list[Any]], Any] = tuple,
        split: Callable[[Any], Any] = iter,
    ):
        self._steppers, self._join, self._split = steppers, join, split
        self._turn = Lock()  # for one thread at a time; a stepper alone has its own
        if len(steppers) == 1:
            vars(self)["step"] = steppers[0].step  # nothing in between: it takes microseconds

    def step(self, xt: np.ndarray) -> np.ndarray:
        """Run one step of all of them."""
        if not self._turn.acquire(blocking=False):
            raise EngineError("another thread uses the stream; expected one thread at a time.")
        try:
            for stepper in self._steppers:
                xt = stepper.step(xt)
        finally:
            self._turn.release()
        return xt

    @property
    def state(self) -> Any:
        """The states before the next step."""
        return self._join([stepper.state for stepper in self._steppers])

    @state.setter
    def state(self, state: Any) -> None:
        for stepper, own in zip(self._steppers, self._split(state), strict=True):
            stepper.state = own


class Stream:
    """Process m sequences, one time step of each at a time.

    Made by ``layer.stream(parameters)``, ``network.stream(parameters)`` or ``model.stream()``. The
    parameters are copied: later training does not change a stream. On the native engine the results
    are bit-identical to those of the whole sequence.

    One thread at a time may use a stream; another one gets an `EngineError`. Threads with a stream
    each run at the same time: long steps release the interpreter lock.

    Parameters
    ----------
    source : Layer or Network
    parameters : dict of str to ndarray
    m : int
        Number of sequences.

    Raises
    ------
    ShapeError, ConfigError

    Examples
    --------
    >>> from bptt.layers import LSTM
    >>> lstm = LSTM(16, 32)
    >>> stream = lstm.stream(lstm.init(np.random.default_rng(0)))
    >>> for xt in np.ones((3, 1, 16), np.float32):
    ...     yt = stream.step(xt)
    >>> yt.shape
    (1, 32)
    """

    def __init__(self, source: Any, parameters: Mapping[str, np.ndarray], m: int = 1):
        self._source = source
        with operation(f"{type(source).__name__}.stream"):
            if not is_whole(m) or not 1 <= m < 2**30:
                raise ConfigError(f"m is {m!r}; expected a whole number of sequences >= 1.")
            self.m: int = int(m)
            self._stepper = source.stepper(parameters, self.m)
            self._initial = source.initial_state(parameters, self.m)
            self.dtype: np.dtype = dtype_of(parameters)
        self.reset()

    def step(self, xt: np.ndarray) -> Any:
        """Run one step.

        Parameters
        ----------
        xt : ndarray, shape (m, n_x); for tokens, ndarray of int, shape (m,)

        Returns
        -------
        ndarray, shape (m, n_out)

        Raises
        ------
        ShapeError
        EngineError
            Another thread uses the stream.
        """
        try:
            return self._stepper.step(xt)
        except BpttError as error:
            error._passes("Stream.step")
            raise
        except Exception as error:  # most often, the input does not fit
            return self._refused(xt, error)

    @operation("Stream.step")
    def _refused(self, xt, error):
        """Refuse an input with the reason; run the step on a contiguous copy if it is valid."""
        if isinstance(error, MemoryError):
            raise error
        xt = ArrayChecker(m=self.m, n_in=self._source.n_in).array("xt", xt, "m n_in")
        if xt.dtype != self.dtype:
            raise ShapeError(f"xt is {xt.dtype}; expected {self.dtype}, as the parameters are.")
        if xt.flags.c_contiguous:
            raise EngineError(f"{error}") from error
        return self._stepper.step(np.ascontiguousarray(xt))

    @property
    def state(self) -> Any:
        """The state, in the form that the layer's or network's `forward` takes and returns."""
        return self._stepper.state

    @state.setter
    @operation("Stream.state")
    def state(self, state: Any) -> None:
        self._stepper.state = self._source.checked_state(state, self.m, self.dtype)

    def reset(self) -> None:
        """Return to the state before the first step."""
        self.state = self._initial
