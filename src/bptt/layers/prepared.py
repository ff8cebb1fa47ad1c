"""A recurrent layer with fixed weights: what `Recurrent.prepare` returns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..engine import provider
from ..engine.contract import Direction
from ..errors import operation
from .base import Batch, State

if TYPE_CHECKING:
    from .recurrent import Recurrent


class Prepared:
    """A recurrent layer for repeated inference. Threads may call it at the same time.

    Made by ``layer.prepare(parameters)``, which copies the weights: later changes do not reach it.

    Attributes
    ----------
    layer : Recurrent
    """

    def __init__(
        self,
        layer: "Recurrent",
        parameters: Mapping[str, np.ndarray],
        by_slot: list[dict[str, np.ndarray]],
        dtype: np.dtype,
    ):
        self.layer = layer
        self._parameters, self._dtype = parameters, dtype
        width = 1 + layer.bidirectional
        rows = [
            Direction(layer.cell, own, slot.reverse)
            for slot, own in zip(layer.slots, by_slot, strict=True)
        ]
        self._layers = [provider().prepare(rows[i : i + width]) for i in range(0, len(rows), width)]

    def __repr__(self) -> str:
        return f"{self.layer!r}.prepare(...)"

    @operation
    def forward(
        self,
        x: Batch,
        state: State | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
    ) -> tuple[np.ndarray, State]:
        """Run a batch of sequences: y and the final state of `Recurrent.forward`, to the bit.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x), or list of m ndarray, each (T_i, n_x)
        state : tuple of ndarray, each (n_slots, m, n_a), optional
            Zeros if None.
        lengths : sequence of m int, optional

        Returns
        -------
        y : ndarray, shape (m, T_x, n_out)
        state : tuple of ndarray, each (n_slots, m, n_a)

        Raises
        ------
        ShapeError
        """
        layer = self.layer
        y, lengths = layer.checked_input(x, lengths, self._parameters, self._dtype)
        before = layer.checked_state(state, len(y), self._dtype)
        if len(self._layers) == 1:
            return self._layers[0](y, before, lengths)
        width, finals = 1 + layer.bidirectional, []
        for k, run in enumerate(self._layers):
            own = tuple([s[k * width : (k + 1) * width] for s in before])
            y, final = run(y, own, lengths)
            finals.append(final)
        return y, tuple([np.concatenate(s) for s in zip(*finals, strict=True)])
