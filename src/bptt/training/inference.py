"""Forward passes over batches without a tape."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..network import Network
from .batches import Batch


def infer(
    network: Network, parameters: dict[str, np.ndarray], batches: Iterable[Batch]
) -> Iterator[tuple[Batch, np.ndarray]]:
    """Yield each batch with the network's outputs, (m, T_x, n_out); (m, 1, n_out) if it pools.

    The state is carried from a batch to the next one unless that is fresh. Outputs that overflow
    are not an error here: the caller checks them.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    batches : iterable of Batch
    """
    state: Any = None
    for batch in (part for whole in batches for part in whole.parts):
        y, state = infer_one(network, parameters, batch, state)
        yield batch, y


def infer_one(
    network: Network, parameters: dict[str, np.ndarray], batch: Batch, state: Any
) -> tuple[np.ndarray, Any]:
    """Return outputs and final state of a batch, from `state` unless the batch is fresh."""
    state = None if batch.fresh else state
    with np.errstate(all="ignore"):
        y, state, _ = network.forward(batch.x, parameters, state, batch.lengths, keep_tape=False)
    return y, state
