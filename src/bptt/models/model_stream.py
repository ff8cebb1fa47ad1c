"""Run a fitted network over sequences: whole ones, or step by step as they arrive."""

from typing import Any

import numpy as np

from ..errors import ShapeError, operation
from ..network import Network
from ..stream import Stream
from ..training import SequenceBatches, infer
from ..training.batches import packed
from .encoder import Encoder
from .labels import Labels
from .values import Values


class ModelStream(Stream):
    """A model that processes m sequences in parallel, one time step at a time.

    Like `bptt.Stream`, but ``step`` takes one time step in the form that the model's ``predict``
    takes, and returns predictions. ``state`` can be kept and set again; ``reset`` starts anew.
    """

    def __init__(self, model: Any, m: int, encoder: Encoder, target: Labels | Values):
        self._encoder, self._target = encoder, target
        self._last: np.ndarray = encoder.filler.first(m)
        super().__init__(model.network_, model.parameters_, m)

    @operation
    def step(self, xt: Any) -> np.ndarray:
        """Run one step: see the model's ``stream``."""
        x, last = self._encoder.encode_step(xt, self.m, self._last)
        y = self._target.decode(super().step(x))
        self._last = last
        return y

    @property
    def state(self) -> Any:
        """The state of the network; with missing="forward" a pair of it and the last values."""
        return (self._stepper.state, self._last) if self._carries else self._stepper.state

    @state.setter
    def state(self, state: Any) -> None:
        if self._carries:
            if not isinstance(state, tuple) or len(state) != 2:
                raise ShapeError(
                    f"state is a {type(state).__name__}; expected what `state` returned: a pair, "
                    f"because missing='forward' carries the last values."
                )
            state, last = state
            if np.shape(last) != self._last.shape:
                raise ShapeError(
                    f"state has last values {np.shape(last)}; expected {self._last.shape}."
                )
            self._last = np.array(last, np.float64)
        self._stepper.state = state

    def reset(self) -> None:
        """Return to the state before the first step."""
        first = self._encoder.filler.first(self.m)
        self.state = (self._initial, first) if self._carries else self._initial

    @property
    def _carries(self):
        return self._encoder.filler.method == "forward"


def run_over(
    network: Network, parameters: dict[str, np.ndarray], arrays: list[np.ndarray]
) -> list[np.ndarray]:
    """Run a network over sequences of any lengths.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    arrays : list of ndarray, each (T_i, ...)

    Returns
    -------
    list of ndarray, each (T_i, n_out); of a network that pools (1, n_out)
    """
    results: list = [None] * len(arrays)
    pools = any(layer.pools for layer in network.layers.values())
    lengths = np.array([len(x) for x in arrays], np.int64)
    source = SequenceBatches(arrays, np.arange(len(arrays)), len(arrays))
    groups = packed(lengths, most_sequences=64, most_steps=2**17)
    batches = (batch for group in groups for batch in source.batches(group))
    for batch, y in infer(network, parameters, batches):
        for i, row in zip(batch.target, y, strict=True):
            results[i] = row if pools else row[: len(arrays[i])]
    return results
