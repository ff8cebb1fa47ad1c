"""What takes the place of an input: the vectors that networks read, and baselines of them."""

from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError
from ..layers import Embedding, FeatureEmbedding, WordEmbedding
from ..network import Network
from .inputs import Read, read

Baseline = str | np.ndarray | list[Any] | tuple[Any, ...]


class Vectors(NamedTuple):
    """Sequences as vectors of numbers, and what reads them."""

    arrays: list[np.ndarray]  # each (T_i, n)
    network: Network  # of the layers above the embedding, if there is one
    first: int  # index of its lowest layer in the whole network
    columns: np.ndarray  # (n,): which feature a value of a vector belongs to

    @property
    def n_features(self) -> int:
        """Features of a time step; 1 for tokens."""
        return int(self.columns.max()) + 1


def vectors(own: Read) -> Vectors:
    """Return the vectors that a network reads: numbers, or what its embedding makes of the input.

    Raises
    ------
    ConfigError
        A sequence has no step, or the network begins with another layer.
    """
    if not all(map(len, own.arrays)):
        raise ConfigError("X has a sequence without steps; expected at least one step in each.")
    layer = next(iter(own.network.layers.values()))
    if isinstance(layer, FeatureEmbedding):
        parts = [np.full(e.n_out, j) for j, e in layer.embeddings.items()]
        columns = np.concatenate([np.array(layer.numeric, int), *parts])
    elif isinstance(layer, (Embedding, WordEmbedding)):
        columns = np.zeros(layer.n_out, int)
    elif any(x.ndim != 2 or x.dtype.kind != "f" for x in own.arrays):
        raise ConfigError(
            f"the network begins with {type(layer).__name__}; expected one that reads numbers, or "
            f"an Embedding."
        )
    else:
        return Vectors(own.arrays, own.network, 0, np.arange(own.network.n_in))
    above = Network(dict(list(own.network.layers.items())[1:]))
    return Vectors([_embedded(own, x) for x in own.arrays], above, 1, columns)


def _embedded(own, x):
    """Return the vectors of one sequence, (T, n)."""
    name, layer = next(iter(own.network.layers.items()))
    p = {key: own.parameters[f"{name}.{key}"] for key in layer.shapes()}
    return layer.forward(x[np.newaxis], p, keep_tape=False)[0][0]


class Baselines:
    """What takes the place of the steps of each sequence."""

    def __init__(self, model: Any, own: Read, whole: Vectors, baseline: Baseline, seed: int):
        self._arrays, self._seed, self._row = whole.arrays, seed, None
        self._others: list[np.ndarray] | None = None
        self.drawn = isinstance(baseline, str) and baseline == "example"
        if isinstance(baseline, (list, tuple)):
            given = read(model, list(baseline), own.parameters)
            self._others = vectors(given).arrays
            if len(self._others) not in (1, len(self._arrays)):
                raise ConfigError(
                    f"baseline has {len(self._others)} sequences; expected 1, or "
                    f"{len(self._arrays)}, one for each of X."
                )
        elif not self.drawn:
            self._row = _row(own, whole, baseline)

    def of(self, i: int, draw: int) -> np.ndarray:
        """Return the baseline of a sequence, (T_i, n); another one with each draw of examples."""
        x = self._arrays[i]
        if self._row is not None:
            return np.broadcast_to(self._row.astype(x.dtype), x.shape)
        if self._others is not None:
            other = self._others[i % len(self._others)]
        else:
            rng = np.random.default_rng([self._seed, i, draw])
            if len(self._arrays) == 1:  # other places of the same sequence
                return np.roll(x, -int(rng.integers(1, max(2, len(x)))), axis=0)
            j = int(rng.integers(len(self._arrays) - 1))
            other = self._arrays[j + (j >= i)]
        return other[np.arange(len(x)) % len(other)]  # the same steps, while there are any


def _row(own, whole, baseline):
    """Return the step of a baseline whose steps are all alike, (n,)."""
    n = whole.arrays[0].shape[1]
    if isinstance(baseline, str):
        if baseline == "zero":
            return np.zeros(n)
        if baseline == "mean":
            name, layer = next(iter(own.network.layers.items()))
            table = isinstance(layer, Embedding)
            rows = own.parameters[f"{name}.We"] if table else np.concatenate(whole.arrays)
            return rows.mean(axis=0, dtype=np.float64)
        raise ConfigError(
            f"baseline is {baseline!r}; expected 'zero', 'mean', 'example', an array or a list."
        )
    array = np.asarray(baseline, np.float64)
    layer = next(iter(own.network.layers.values()))
    if isinstance(layer, FeatureEmbedding) and array.shape == (layer.n_in,):
        return _embedded(own, array.astype(own.arrays[0].dtype)[np.newaxis])[0]
    if array.shape != (n,):
        raise ConfigError(f"baseline has the shape {array.shape}; expected ({n},).")
    if not np.isfinite(array).all():
        raise ConfigError("baseline has a value that is not finite.")
    return array
