"""Batches of a source; whole sequences, batched by similar length.

A *source* holds the training data and yields it in batches::

    order = source.order(rng)            # once per epoch; an array that is saved in checkpoints
    for batch in source.batches(order):  # source.count(order) batches
        ...
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..layers.base import padded

POOL = 50  # batches among which sequences are sorted by length: little padding, random batches
# A batch is split where it has more steps with padding than this, and more than half are padding.
MOST_PADDED = 2**17


# Rows of a batch of m rows that are read; the others hold zeros. None: all of them.
Rows = Callable[[int], np.ndarray] | None


class Batch(NamedTuple):
    """The data of one training step."""

    x: Any  # (m, T_x, ...)
    target: Any  # the objective compares the outputs with it
    lengths: np.ndarray | None = None  # (m,); None if every sequence has T_x steps
    weight: np.ndarray | None = None  # (m, T_x): weight of each step in the loss; None: 1
    fresh: bool = True  # start from the initial state; False: from the previous batch's final state
    factor: np.ndarray | None = None  # (m,): factor of each sequence's loss; None: 1
    rest: tuple["Batch", ...] = ()  # more sequences of the same training step, fresh ones

    @property
    def parts(self) -> tuple["Batch", ...]:
        """The batch itself, then the others of the same training step."""
        return (self, *self.rest)

    def taken(self, rows: Any) -> "Batch":
        """Return some rows of the batch itself."""

        def of(a):
            return None if a is None else np.asarray(a)[rows]

        return Batch(
            of(self.x), of(self.target), of(self.lengths), of(self.weight), self.fresh,
            of(self.factor),
        )  # fmt: skip


class Source(Protocol):
    """Training data that is read in batches."""

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """Draw the order of the batches of an epoch; without rng a fixed order."""
        ...

    def count(self, order: np.ndarray) -> int:
        """Return the number of batches of an epoch."""
        ...

    def batches(self, order: np.ndarray, rows: Rows = None) -> Iterator[Batch]:
        """Yield the batches of an epoch; with `rows`, a rank reads only its share of them."""
        ...


class SequenceBatches:
    """Whole sequences in batches of similar length, each with its target.

    A batch that would be mostly padding is split into parts, so that a single long sequence does
    not cost the memory of `batch_size` long ones; see `Batch.parts`.

    Parameters
    ----------
    X : list of ndarray, each (T_i, ...), or object with a length and such elements
        Each sequence is read with its batch.
    targets : ndarray, shape (n, ...), or list of ndarray, each (T_i, ...)
        One target for each sequence, or a list with one for each step, read as X is.
    batch_size : int
    factors : ndarray of float, shape (n,), optional
        Factors of the losses of the sequences.
    lengths : ndarray of int, shape (n,), optional
        T_i. Default: each sequence is read once before the training.
    """

    def __init__(
        self,
        X: Sequence[np.ndarray],
        targets: np.ndarray | Sequence[np.ndarray],
        batch_size: int,
        factors: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
    ):
        self._X, self._targets, self._batch_size = X, targets, batch_size
        self._factors = factors
        given = [len(X[i]) for i in range(len(X))] if lengths is None else lengths
        self._lengths = np.array(given, np.int64)

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """Draw the order of the sequences: see `by_length`."""
        return by_length(self._lengths, self._batch_size, rng)

    def count(self, order: np.ndarray) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(order) // self._batch_size)

    def batches(self, order: np.ndarray, rows: Rows = None) -> Iterator[Batch]:
        """Yield every batch."""
        for i in range(0, len(order), self._batch_size):
            group = order[i : i + self._batch_size]
            chosen = np.zeros(len(group), bool)
            chosen[chosen_rows(len(group), rows)] = True
            ends = _without_padding(self._lengths[group])
            parts = zip(np.split(group, ends), np.split(chosen, ends), strict=True)
            first, *rest = (self._batch(part, own) for part, own in parts)
            yield first._replace(rest=tuple(rest)) if rest else first

    def _batch(self, group, chosen):
        x, lengths = self._padded(self._X, group, chosen)
        if isinstance(self._targets, np.ndarray):
            target = self._targets[group]
        else:
            target, _ = self._padded(self._targets, group, chosen)
        factor = None if self._factors is None else self._factors[group]
        lengths = lengths if lengths.min() < x.shape[1] else None
        return Batch(x, target, lengths, factor=factor)

    def _padded(self, sequences, group, chosen):
        read = {k: sequences[k] for k in group[chosen]}
        like = next(iter(read.values())) if read else sequences[group[0]]
        zero = np.zeros((), like.dtype)

        def unread(k):
            return np.broadcast_to(zero, (int(self._lengths[k]), *like.shape[1:]))

        return padded([read[k] if k in read else unread(k) for k in group], least=1)


def chosen_rows(m: int, rows: Rows) -> Any:
    """Return the indices of the rows that are read."""
    return range(m) if rows is None else rows(m)


def _without_padding(lengths: np.ndarray) -> list[int]:
    """Return where to split a batch, sorted by length, so that at most half of it is padding.

    A batch of at most `MOST_PADDED` steps is not split.
    """
    m, counts = len(lengths), np.arange(1, len(lengths))
    if m * lengths[-1] <= max(MOST_PADDED, 2 * lengths.sum()):
        return []
    k = 1 + int(np.argmin(counts * lengths[:-1] + (m - counts) * lengths[-1]))
    return [*_without_padding(lengths[:k]), k, *(k + i for i in _without_padding(lengths[k:]))]


def packed(lengths: np.ndarray, most_sequences: int, most_steps: int) -> Iterator[np.ndarray]:
    """Yield groups of sequences of similar length, bounded in number and in padded steps.

    A sequence of more than `most_steps` is a group of its own.
    """
    order, start = np.argsort(lengths, kind="stable"), 0
    for end in range(1, len(order) + 1):
        count = end + 1 - start  # with the next one
        if end == len(order) or count > most_sequences or count * lengths[order[end]] > most_steps:
            yield order[start:end]
            start = end


def by_length(lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None) -> np.ndarray:
    """Draw an order in which the sequences of a batch have similar lengths.

    Sequences are shuffled and sorted by length within pools of many batches; then the batches are
    shuffled. The same generator gives the same order.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,)
    batch_size : int
    rng : numpy.random.Generator, or None
        None: sorted by length, not shuffled.

    Returns
    -------
    ndarray of int64, shape (n,)
        A permutation; every `batch_size` consecutive entries are a batch.
    """
    if rng is None:
        return np.argsort(lengths, kind="stable")
    order = rng.permutation(len(lengths))
    pools = [order[i : i + POOL * batch_size] for i in range(0, len(order), POOL * batch_size)]
    order = np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pools])
    full = len(order) // batch_size * batch_size
    blocks = order[:full].reshape(-1, batch_size)
    return np.concatenate([rng.permutation(blocks).reshape(-1), order[full:]])
