"""Streaming: step through a sequence as it arrives, the state kept between steps."""

from typing import Any

import numpy as np

from .checks import Door
from .errors import ShapeError


class Chain:
    """Steppers on top of one another: what one gives is what the next one takes.

    Parameters
    ----------
    steppers : list of Stepper
    join, split : callable
        From the list of their states to the state of all, and back.
    """

    def __init__(self, steppers, join: Any = tuple, split: Any = iter):
        self._steppers, self._join, self._split = steppers, join, split
        if len(steppers) == 1:
            self.step = steppers[0].step  # a step takes microseconds: nothing in between

    def step(self, xt):
        """Run one step of all of them."""
        for stepper in self._steppers:
            xt = stepper.step(xt)
        return xt

    @property
    def state(self):
        """The states before the next step."""
        return self._join([stepper.state for stepper in self._steppers])

    @state.setter
    def state(self, state):
        for stepper, own in zip(self._steppers, self._split(state), strict=True):
            stepper.state = own


class Stream:
    """Steps through m sequences side by side, one step of each at a time.

    Made by ``layer.stream(parameters)``, ``network.stream(parameters)`` or ``model.stream()``. The
    parameters are copied: training on does not reach a stream. On the native engine the results are
    those of the whole sequence, to the last bit.

    Parameters
    ----------
    source : Layer or Network
    parameters : dict of str to ndarray
    m : int
        Sequences side by side.

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

    def __init__(self, source, parameters, m=1):
        self._source, self.m = source, m
        self.dtype = next((p.dtype for p in parameters.values()), np.dtype(np.float32))
        self._stepper = source.stepper(parameters, m)
        self._initial = source.initial_state(parameters, m)
        self.reset()

    def step(self, xt):
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
        except (ValueError, TypeError, BufferError):  # the slow road: name what is wrong
            xt = Door("Stream.step", m=self.m, n_x=self._source.n_in).array("xt", xt, "m n_x")
            if xt.dtype != self.dtype:
                raise ShapeError(
                    f"Stream.step: xt is {xt.dtype}; expected {self.dtype}, as the parameters are."
                ) from None
            return self._stepper.step(np.ascontiguousarray(xt))

    @property
    def state(self):
        """The state, in the form that the layer's or network's `forward` takes and returns."""
        return self._stepper.state

    @state.setter
    def state(self, state):
        self._stepper.state = state

    def reset(self):
        """Start again from the state before the first step."""
        self.state = self._initial
