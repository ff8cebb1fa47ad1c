"""Run an imported network as its own program does: masks, initial states, single steps."""

from typing import Any

import numpy as np

from ..equations.sequences import valid_steps
from ..layers.base import Layer
from ..layers.pool import Pool
from ..layers.recurrent import Recurrent
from ..network import Network
from .imported import Mask, compacted, repeated

__all__ = ["gives_one_step", "run_network"]

Parameters = dict[str, np.ndarray]


def run_network(
    network: Network,
    parameters: Parameters,
    x: np.ndarray,
    lengths: Any,
    mask: Mask | None,
    initial_state: tuple[Any, ...] | None,
) -> np.ndarray:
    """Return the outputs, (m, T_x, n_out); (m, n_out) where one is left of a sequence.

    Parameters
    ----------
    network, parameters
    x : ndarray, shape (m, T_x, n_x); tokens (m, T_x); or one step for each of m, (m, n_x)
    lengths : sequence of m int, or None
    mask : Mask or None
        Its steps are skipped up to the last recurrent layer. See `_masked_layers`.
    initial_state : tuple, or None
        Of one sequence.
    """
    layers = list(network.layers.values())
    one_step = x.ndim == 2 and not layers[0].is_table
    if one_step:
        x = x[:, np.newaxis]
    if x.dtype.kind == "f" and parameters:
        x = x.astype(next(iter(parameters.values())).dtype, copy=False)
    state = initial_state and repeated(initial_state, len(x))
    if mask is None:
        y = network.forward(x, parameters, state, lengths, keep_tape=False)[0]
    else:
        y = _run_masked(network, parameters, x, lengths, mask, state)
    return y[:, 0] if gives_one_step(layers, one_step) else y


def gives_one_step(layers: list[Layer], one_step: bool = False) -> bool:
    """Return whether one output is left of a sequence, or a sequence was one step."""
    for layer in layers:
        one_step = (one_step or layer.pools) and not layer.expands
    return one_step


def _run_masked(network, parameters, x, lengths, mask, state):
    """Run without the masked steps up to where the mask ends, and from there with all steps.

    A recurrent layer repeats its output at a masked step: the forward direction that before it,
    the reverse direction that after it, and 0 where there is none; or it gives 0 at all of them.
    """
    kept = mask.kept(x)
    if lengths is not None:
        kept &= valid_steps(lengths, *x.shape[:2])
    end, spread_after = _masked_layers(list(network.layers.values()))
    names = list(network.layers)
    if end:
        below = Network({name: network.layers[name] for name in names[:end]})
        short, counts = compacted(x, kept)
        y = below.forward(short, parameters, state and state[:end], counts, keep_tape=False)[0]
        if spread_after:
            y = _spread(y, kept, mask.zero_output, network.layers[names[end - 1]])
    else:
        y = np.where(kept.reshape(*kept.shape, *(1,) * (x.ndim - 2)), x, x.dtype.type(0))
    if end < len(names):
        above = Network({name: network.layers[name] for name in names[end:]})
        y = above.forward(y, parameters, state and state[end:], None, keep_tape=False)[0]
    return y


def _masked_layers(layers: list[Layer]) -> tuple[int, bool]:
    """Return how many layers skip the masked steps, and whether the steps remain after them.

    The mask ends at a pool of the steps that count, or else after the last recurrent layer below
    the first layer that changes the steps.
    """
    end = 0
    for i, layer in enumerate(layers):
        if isinstance(layer, Recurrent):
            end = i + 1
        elif isinstance(layer, Pool) and layer.pooling != "max":
            return i + 1, False
        elif layer.pools or layer.expands:
            break
    return end, True


def _spread(y: np.ndarray, kept: np.ndarray, zero: bool, layer: Layer) -> np.ndarray:
    """Put compacted outputs (m, T_x, n) back where their steps were, and fill masked steps."""
    directions: list[tuple[slice, bool | None]]
    if zero:
        directions = [(slice(None), None)]
    elif getattr(layer, "bidirectional", False):
        half = y.shape[2] // 2
        directions = [(slice(0, half), False), (slice(half, None), True)]
    else:
        directions = [(slice(None), False)]
    out = np.zeros_like(y)
    before = kept.cumsum(axis=1) - 1  # index of the last step that counts, -1 if there is none
    for features, reverse in directions:
        if reverse is None:
            source, some = before, kept
        elif reverse:
            source = before + ~kept
            some = source < kept.sum(axis=1, keepdims=True)
        else:
            source, some = before, before >= 0
        index = np.clip(source, 0, max(0, y.shape[1] - 1))[:, :, np.newaxis]
        values = np.take_along_axis(y[:, :, features], index, axis=1)
        out[:, :, features] = np.where(some[:, :, np.newaxis], values, 0)
    return out
