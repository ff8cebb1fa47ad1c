"""Trace a network: states, gates, pre-activations and outputs of every step, by name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, operation
from ..layers import Dropout, Recurrent
from ..layers.stepwise import StepwiseLayer
from ..network import Network, Seen
from ..safe_files import replacing
from ..training import SequenceBatches
from ..training.batches import packed
from . import lstmvis
from .inputs import name_list, need_counts, read
from .pre_activations import pre_activations

LIMIT = 2**30  # bytes of a trace in memory
WINDOW = 2048  # steps of a sequence computed at a time where the network has one direction


class _Piece(NamedTuple):
    """The values of some sequences, still where the engine wrote them."""

    which: np.ndarray
    counts: np.ndarray  # rows of each
    get: Callable[[], np.ndarray]  # (m, T, n)


class Trace(Mapping[str, list[np.ndarray]]):
    """Values of every step by name; ``trace["lstm0.c"]`` is a list of arrays (T_i, n).

    The sequences of a name are stored one after another: `flat` returns that array.

    Parameters
    ----------
    arrays : dict of str to ndarray, each (sum T_i, n)
    lengths : sequence of int
    own : dict of str to sequence of int, optional
        Rows of each sequence of the names that have others, such as one where a layer pools.

    Attributes
    ----------
    lengths : ndarray of int64, shape (m,)
        Steps of each sequence of the data.
    layers : tuple of str
        Names of the layers that have values.
    """

    def __init__(self, arrays: dict[str, Any], lengths: Any, own: Mapping[str, Any] | None = None):
        self._arrays = arrays  # ndarray, or a list of _Piece that `flat` joins
        self.lengths: np.ndarray = np.asarray(lengths, np.int64)
        self._own = dict(own or {})
        self._steps = int(self.lengths.sum())
        self.layers: tuple[str, ...] = tuple(dict.fromkeys(n.split(".")[0] for n in arrays))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the values: "lstm0.c", "lstm0.reverse.ft", "lstm0.zft", "dense0.y"."""
        return tuple(self._arrays)

    def flat(self, name: str) -> np.ndarray:
        """Return the values of all steps of all sequences, (sum T_i, n).

        Raises
        ------
        ConfigError
            There is no such name.
        """
        self._check(name)
        if isinstance(self._arrays[name], list):
            self._arrays[name] = np.concatenate(self[name])
        return self._arrays[name]

    def offsets(self, name: str) -> np.ndarray:
        """Return where each sequence begins in `flat`, and the end: (m + 1,).

        Raises
        ------
        ConfigError
            There is no such name.
        """
        self._check(name)
        return np.concatenate([[0], np.cumsum(self._own.get(name, self.lengths))])

    def by_step(self, name: str) -> bool:
        """Return whether a name has one row for each step of the data."""
        return np.array_equal(self._own.get(name, self.lengths), self.lengths)

    def _check(self, name):
        if name not in self._arrays:
            raise ConfigError(f"there is no {name!r}; expected one of {', '.join(self._arrays)}.")

    def __getitem__(self, name: str) -> list[np.ndarray]:
        if isinstance(pieces := self._arrays.get(name), list):
            found: dict[int, np.ndarray] = {}
            for which, counts, get in pieces:
                rows = zip(which, get(), counts, strict=True)
                found |= {int(i): row[:n] for i, row, n in rows}
            return [found[i] for i in range(len(self.lengths))]
        flat, at = self.flat(name), self.offsets(name)
        return [flat[at[i] : at[i + 1]] for i in range(len(self.lengths))]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return f"Trace({len(self.lengths)} sequences, {self._steps:,} steps: {self.names})"

    def save(self, path: str | Path) -> None:
        """Save all arrays and `lengths` to an .npz file, which is replaced in one step."""
        with replacing(path) as file:
            arrays: dict[str, Any] = {name: self.flat(name) for name in self.names}
            np.savez(file, **arrays, lengths=self.lengths)

    def to_lstmvis(self, directory: str | Path, words: Sequence[str]) -> None:
        """Write the files of LSTMVis: states.hdf5, train.hdf5, words.dict and lstm.yml.

        Parameters
        ----------
        directory : str or path-like
        words : sequence of str
            The token of every step of all sequences, in order.

        Raises
        ------
        ConfigError
            There are more or fewer words than steps, or h5py is not installed.
        """
        own = {name: self.flat(name) for name in self.names if self.by_step(name)}
        lstmvis.write(own, directory, words, self._steps)


@operation
def trace(
    model: Any,
    X: Any,
    parameters: Mapping[str, np.ndarray] | None = None,
    *,
    lengths: Sequence[int] | np.ndarray | None = None,
    names: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    limit: int = LIMIT,
    batch_size: int = 64,
) -> Trace:
    """Return states, gates and outputs of every layer, direction and step, by name.

    A name is the layer's, the slot's where a layer has several (``layer1.reverse``), and the
    cell's own: ``lstm0.c``, ``lstm0.reverse.ft``. ``dense0.y`` is the output of a layer and
    ``lstm0.zft`` the pre-activation of ft; of a cell of your own, what its record names.

    Parameters
    ----------
    model : fitted model, or Network
    X : as the model's ``predict`` takes it; a str or documents for a language model
        For a network ndarray (m, T_x, n_x) or (m, T_x), or a list of sequences.
    parameters : dict of str to ndarray
        Required for a network.
    lengths : sequence of int, optional
        True lengths of the sequences.
    names : str or list of str, optional
        Patterns of the names to keep, as of `fnmatch`: ``"lstm0.*"``. None: all but the
        pre-activations, which the tape does not hold and which cost a product each.
    out : path-like, optional
        Directory for .npy files, mapped into memory, instead of arrays in memory.
    limit : int (bytes)
        Largest trace without `out`. Values stay in the tapes of the forward passes, without a
        copy, where all names are kept; `Trace.flat` copies.
    batch_size : int
        Sequences computed at a time.

    Returns
    -------
    Trace

    Raises
    ------
    ConfigError
        The model is not fitted, X is empty or has NaN, no name fits, or the trace is too large.
    ShapeError
    """
    need_counts(limit=limit, batch_size=batch_size)
    if out is not None and Path(out).is_file():
        raise ConfigError(f"out is {str(out)!r}, a file; expected a directory.")
    source = read(model, X, parameters, lengths)
    patterns = None if names is None else name_list(names)
    own = np.array([len(x) for x in source.arrays], np.int64)
    keeper = _Keeper(source.network, own, patterns, out, limit)
    keeper.check(source.parameters)
    _run(source, own, keeper, batch_size)
    return keeper.finish()


def _run(source, lengths, keeper, batch_size):
    """Run the network over all sequences, in windows where it has one direction."""
    batches = SequenceBatches(source.arrays, np.arange(len(lengths)), batch_size)
    ahead = one_way(source.network)
    groups = packed(lengths, most_sequences=batch_size, most_steps=2**17)
    for batch in (b for group in groups for whole in batches.batches(group) for b in whole.parts):
        own = lengths[batch.target]
        steps = WINDOW if ahead else max(1, batch.x.shape[1])
        state = None
        for start in range(0, max(1, batch.x.shape[1]), steps):
            x = batch.x[:, start : start + steps]
            left = np.clip(own - start, 0, x.shape[1])
            keeper.at(batch.target, start)
            full = None if (left == x.shape[1]).all() else left
            with np.errstate(all="ignore"):
                _, state, _ = source.network.forward(
                    x, source.parameters, state, full, watch=keeper.keep
                )


def one_way(network: Network) -> bool:
    """Return whether every layer computes a step from itself and those before it."""
    return all(
        not layer.bidirectional
        if isinstance(layer, Recurrent)
        else isinstance(layer, (StepwiseLayer, Dropout))
        for layer in network.layers.values()
    )


def value_widths(network: Network) -> dict[str, int]:
    """Return the names that a trace has without pre-activations, with the values of a row."""
    found = {}
    for name, layer in network.layers.items():
        if isinstance(layer, Recurrent):
            for slot in layer.slots:
                own = (*layer.cell.states, *layer.cell.gates)
                found |= {f"{name}.{slot.prefix}{value}": layer.n_a for value in own}
        if name not in network._tables:  # whose outputs are never computed
            found[f"{name}.y"] = layer.n_out
    return found


def itemsize(parameters: Mapping[str, np.ndarray]) -> int:
    """Return the bytes of a value of a trace."""
    return max((p.itemsize for p in parameters.values()), default=8)


def lengths_by_layer(network: Network, lengths: Any) -> dict[str, np.ndarray]:
    """Return the steps that the output of each layer has of each sequence, (m,)."""
    found, own = {}, np.asarray(lengths, np.int64)
    for name, layer in network.layers.items():
        own = np.ones_like(own) if layer.pools else layer.lengths_after(own)
        found[name] = own
    return found


class _Keeper:
    """Copies what a forward pass shows to its place in the arrays of a trace."""

    def __init__(self, network, lengths, patterns, out, limit):
        self.network, self.lengths, self.patterns, self.limit = network, lengths, patterns, limit
        self.counts = lengths_by_layer(network, lengths)
        self.offsets = {n: np.concatenate([[0], np.cumsum(c)]) for n, c in self.counts.items()}
        self.out = None if out is None else Path(out)
        self.arrays: dict[str, Any] = {}
        # then values may stay where the engine wrote them: no sequence is cut into windows
        self.whole = not one_way(network) or lengths.max() <= WINDOW
        self.seen: dict[str, None] = {}
        self.bytes = 0

    def at(self, which, start):
        """Set the sequences of the batch, and the step at which it begins."""
        self.which, self.start = which, start

    def check(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Refuse a trace that is too large before it is computed; of pre-activations in `put`."""
        size = itemsize(parameters)
        for name, width in value_widths(self.network).items():
            if self._wanted(name):
                self._count(int(self.offsets[name.split(".")[0]][-1]) * width * size)
        self.bytes = 0

    def _wanted(self, name):
        return self.patterns is None or any(fnmatch(name, p) for p in self.patterns)

    def keep(self, seen: Seen) -> None:
        """Keep the values of one layer."""
        if isinstance(seen.layer, Recurrent):
            like = seen.layer.n_a, seen.tape[0].dtype
            for i, slot in enumerate(seen.layer.slots):
                prefix = f"{seen.name}.{slot.prefix}"
                for name in seen.tape[i].names:
                    self.put(prefix + name, partial(seen.tape[i].__getitem__, name), *like)
                if self.patterns is not None:
                    for name, compute in pre_activations(seen, i):
                        self.put(f"{prefix}z{name}", partial(compute, name), *like)
        y = seen.y
        self.put(f"{seen.name}.y", lambda: y, y.shape[-1], y.dtype)

    def put(self, name: str, get: Callable[[], np.ndarray], width: int, dtype: Any) -> None:
        """Keep the values that `get` returns, if the name is wanted."""
        self.seen[name] = None
        if not self._wanted(name):
            return
        layer = name.split(".")[0]
        lazy = self.whole and self.patterns is None and self.out is None
        if name not in self.arrays:
            rows = int(self.offsets[layer][-1])
            self._count(rows * width * np.dtype(dtype).itemsize)
            self.arrays[name] = [] if lazy else self._new(name, (rows, width), dtype)
        into, counts = self.arrays[name], self.counts[layer][self.which]
        if lazy:
            into.append(_Piece(self.which, counts, get))
            return
        values = get()
        for row, first, n in zip(values, self.offsets[layer][self.which], counts, strict=True):
            first, n = first + self.start, min(n - self.start, values.shape[1])
            into[first : first + max(0, n)] = row[: max(0, n)]

    def _count(self, size):
        """Refuse a trace in memory that is too large."""
        self.bytes += size
        if self.out is None and self.bytes > self.limit:
            raise ConfigError(
                f"the trace takes more than {self.limit:,} bytes; pass out='DIRECTORY' to write "
                f"it to files, or names= to keep fewer values."
            )

    def _new(self, name, shape, dtype):
        if self.out is None:
            return np.zeros(shape, dtype)
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{name}.npy"
        return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)

    def finish(self) -> Trace:
        if not self.arrays:
            raise ConfigError(
                f"names is {list(self.patterns or ())}; expected some of {', '.join(self.seen)}."
            )
        for array in self.arrays.values():
            if isinstance(array, np.memmap):
                array.flush()
        return Trace(
            self.arrays, self.lengths, {n: self.counts[n.split(".")[0]] for n in self.seen}
        )
