"""BlockStream: process signals in blocks of samples, as audio programs do."""

from typing import Any

import numpy as np

from ..checks import dtype_of, is_whole
from ..errors import ConfigError, ShapeError, operation
from .writing import imported_of

__all__ = ["BlockStream"]


class BlockStream:
    """Process m signals, one block of samples at a time; the state is kept between blocks.

    On the native engine the results are bit-identical to those of the whole signal.

    Parameters
    ----------
    model : Imported, fitted model, or pair of Network and dict of str to ndarray
        In one direction, with an output for every step.
    m : int
        Signals (channels).
    knobs : sequence of float
        Values of the inputs beside the signal, such as the position of a gain control.

    Attributes
    ----------
    n_in, n_out : int
        Features of the network's input and output.

    Raises
    ------
    ConfigError
        The network is bidirectional or pools the steps, or the number of knobs does not fit.

    Examples
    --------
    >>> from bptt import LSTM, Dense, Network
    >>> network = Network([LSTM(1, 8), Dense(8, 1)])
    >>> stream = BlockStream((network, network.init(np.random.default_rng(0))))
    >>> stream.process(np.zeros(64, np.float32)).shape
    (64,)
    """

    @operation
    def __init__(self, model: Any, m: int = 1, *, knobs: Any = ()):
        imported = imported_of(model)
        self._network, self._parameters = imported.network, imported.parameters
        layers = list(self._network.layers.values())
        self.n_in: int = self._network.n_in
        self.n_out: int = layers[-1].n_out
        if not is_whole(m) or m < 1:
            raise ConfigError(f"m is {m!r}; expected a whole number of signals >= 1.")
        if any(layer.pools or layer.is_table for layer in layers):
            raise ConfigError("the network pools steps or reads tokens; expected one of signals.")
        if any(getattr(layer, "bidirectional", False) for layer in layers):
            raise ConfigError("the network is bidirectional; expected one direction to stream.")
        if len(knobs) != self.n_in - 1:
            raise ConfigError(
                f"knobs has {len(knobs)} values; expected {self.n_in - 1}, because the network has "
                f"{self.n_in} inputs and the signal is one."
            )
        self.m: int = int(m)
        self._dtype = dtype_of(self._parameters)
        self._knobs = np.array(knobs, self._dtype)
        self._start = imported.initial_state
        self.reset()

    def reset(self) -> None:
        """Return to the state before the first sample."""
        if self._start is None:
            self._state = self._network.initial_state(self._parameters, self.m)
        else:
            from .imported import repeated

            self._state = repeated(self._start, self.m)

    @operation("BlockStream.process")
    def process(self, block: np.ndarray) -> np.ndarray:
        """Process one block of samples.

        Parameters
        ----------
        block : ndarray, shape (n,), or (n, m) for m signals
            Most often in [-1, 1]; it is converted to the dtype of the parameters.

        Returns
        -------
        ndarray of the same shape; with several outputs, (n, m, n_out)

        Raises
        ------
        ShapeError
        """
        block = np.asarray(block)
        if block.ndim not in (1, 2) or block.size != len(block) * self.m:
            raise ShapeError(f"block has shape {block.shape}; expected (n,) or (n, m), m={self.m}.")
        signals = block.reshape(len(block), self.m).T
        x = np.empty((self.m, len(block), self.n_in), self._dtype)
        x[:, :, 0] = signals
        x[:, :, 1:] = self._knobs
        y, self._state, _ = self._network.forward(x, self._parameters, self._state, keep_tape=False)
        y = y.transpose(1, 0, 2)
        return y if self.n_out > 1 else y.reshape(block.shape)
