"""Streaming: process sequences one time step at a time; the state is kept between steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .checks import ArrayChecker
from .engine.contract import Stepper
from .errors import ShapeError, operation


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
        if len(steppers) == 1:
            vars(self)["step"] = steppers[0].step  # nothing in between: it takes microseconds

    def step(self, xt: np.ndarray) -> np.ndarray:
        """Run one step of all of them."""
        for stepper in self._steppers:
            xt = stepper.step(xt)
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

    Parameters
    ----------
    source : Layer or Network
    parameters : dict of str to ndarray
    m : int
        Number of sequences.

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
        self.m: int = m
        self.dtype: np.dtype = next((p.dtype for p in parameters.values()), np.dtype(np.float32))
        with operation(f"{type(source).__name__}.stream"):
            self._stepper = source.stepper(parameters, m)
            self._initial = source.initial_state(parameters, m)
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
        """
        try:
            return self._stepper.step(xt)
        except ShapeError:
            raise
        except (ValueError, TypeError, BufferError):  # the input does not fit
            return self._refused(xt)

    @operation("Stream.step")
    def _refused(self, xt):
        """Refuse an input with the reason; run the step on a contiguous copy if it is valid."""
        xt = ArrayChecker(m=self.m, n_x=self._source.n_in).array("xt", xt, "m n_x")
        if xt.dtype != self.dtype:
            raise ShapeError(f"xt is {xt.dtype}; expected {self.dtype}, as the parameters are.")
        return self._stepper.step(np.ascontiguousarray(xt))

    @property
    def state(self) -> Any:
        """The state, in the form that the layer's or network's `forward` takes and returns."""
        return self._stepper.state

    @state.setter
    def state(self, state: Any) -> None:
        self._stepper.state = state

    def reset(self) -> None:
        """Return to the state before the first step."""
        self.state = self._initial
