"""Batches: windows of long texts for truncated BPTT, whole sequences in buckets of like length.

A *source* holds the data of a training and deals them out::

    order = source.order(rng)            # once an epoch; an array, so that a checkpoint can hold it
    for batch in source.batches(order):  # source.count(order) of them
        ...
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..errors import ConfigError

POOL = 50  # batches among which sequences are sorted by length: little padding, still much chance


class Batch(NamedTuple):
    """What one training step reads."""

    x: Any  # (m, T_x, ...)
    target: Any  # what the objective compares the outputs with
    lengths: np.ndarray | None = None  # (m,), None where every sequence has T_x steps
    weight: np.ndarray | None = None  # (m, T_x), of each step in the loss; None: 1
    fresh: bool = True  # whether the state starts anew; else where the batch before it ended


class Source(Protocol):
    """The data of a training, dealt out in batches."""

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """Draw the order of an epoch's batches; None: a fixed order."""
        ...

    def count(self, order: np.ndarray) -> int:
        """Return the number of batches of an epoch."""
        ...

    def batches(self, order: np.ndarray) -> Iterator["Batch"]:
        """Yield the batches of an epoch."""
        ...


def text_windows(tokens, batch_size, seq_length):
    """Cut a text into parallel streams and walk along them.

    The text is cut into `batch_size` equal pieces that run side by side, so that the state left
    by one window is the state each row of the next window starts from. Each token's target is the
    token after it. Up to `batch_size` - 1 tokens at the end are left out.

    Parameters
    ----------
    tokens : ndarray of int, shape (n,)
    batch_size : int
        Parallel streams, m.
    seq_length : int
        Steps in a window; the last window may be shorter.

    Returns
    -------
    list of (x, y) pairs of ndarray of int, each (batch_size, T)
        Views of `tokens`, T <= seq_length.

    Raises
    ------
    ConfigError
        The text is too short to give every stream a token and its target.

    Examples
    --------
    >>> import numpy as np
    >>> windows = text_windows(np.arange(9), batch_size=2, seq_length=3)
    >>> for x, y in windows: print(x.tolist(), y.tolist())
    [[0, 1, 2], [4, 5, 6]] [[1, 2, 3], [5, 6, 7]]
    [[3], [7]] [[4], [8]]
    """
    steps = (len(tokens) - 1) // batch_size
    if steps < 1:
        raise ConfigError(
            f"text_windows: the text has {len(tokens)} tokens; expected at least "
            f"{batch_size + 1}, because batch_size is {batch_size}."
        )
    x = tokens[: batch_size * steps].reshape(batch_size, steps)
    y = tokens[1 : batch_size * steps + 1].reshape(batch_size, steps)
    return [
        (x[:, t : t + seq_length], y[:, t : t + seq_length]) for t in range(0, steps, seq_length)
    ]


class TextStreams:
    """One long text as parallel streams, window after window, the state carried along.

    Parameters
    ----------
    tokens : ndarray of int, shape (n,)
    batch_size, seq_length : int
        As `text_windows` takes them.
    burn_in : int
        Steps after a fresh start that are read but do not count in the loss.

    Raises
    ------
    ConfigError
        The text is too short.
    """

    def __init__(self, tokens, batch_size, seq_length, burn_in=0):
        self._windows = text_windows(tokens, batch_size, seq_length)
        self._seq_length, self._burn_in = seq_length, burn_in

    def order(self, rng):
        """Return an empty order: a text is read from its beginning to its end."""
        return np.zeros(0, np.int64)

    def count(self, order):
        """Return the number of batches of an epoch."""
        return len(self._windows)

    def batches(self, order):
        """Yield every window."""
        for k, (x, y) in enumerate(self._windows):
            weight = _after_burn_in(x.shape, k * self._seq_length, self._burn_in)
            yield Batch(x, y, None, weight, k == 0)


class Documents:
    """Many texts, side by side in batches of like length, each read in windows from its start.

    Where a document ends its row stays empty until the whole batch is read; empty rows cost
    nothing.

    Parameters
    ----------
    documents : list of ndarray of int, each (n_i,), n_i >= 2
        Each token's target is the token after it.
    batch_size, seq_length, burn_in : int
        As for `TextStreams`.
    """

    def __init__(self, documents, batch_size, seq_length, burn_in=0):
        self._documents = documents
        self._steps = np.array([len(d) - 1 for d in documents], np.int64)
        self._batch_size, self._seq_length, self._burn_in = batch_size, seq_length, burn_in

    def order(self, rng):
        """Draw the order of the documents: see `by_length`."""
        return by_length(self._steps, self._batch_size, rng)

    def count(self, order):
        """Return the number of batches of an epoch."""
        longest = [int(self._steps[group].max()) for group in self._groups(order)]
        return sum(-(-steps // self._seq_length) for steps in longest)

    def _groups(self, order):
        return [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]

    def batches(self, order):
        """Yield every window of every batch of documents."""
        for group in self._groups(order):
            steps = self._steps[group]
            tokens, _ = padded([self._documents[i] for i in group])
            for t in range(0, steps.max(), self._seq_length):
                lengths = np.clip(steps - t, 0, self._seq_length)
                width = lengths.max()
                x, y = tokens[:, t : t + width], tokens[:, t + 1 : t + width + 1]
                yield Batch(x, y, lengths, _after_burn_in(x.shape, t, self._burn_in), t == 0)


class SequenceBatches:
    """Whole sequences in batches of like length, each with its target.

    Parameters
    ----------
    X : list of ndarray, each (T_i, ...)
    targets : ndarray, shape (n, ...), or list of ndarray, each (T_i, ...)
        One target a sequence, or a list with one a step.
    batch_size : int
    """

    def __init__(self, X, targets, batch_size):
        self._X, self._targets, self._batch_size = X, targets, batch_size
        self._lengths = np.array([len(x) for x in X], np.int64)

    def order(self, rng):
        """Draw the order of the sequences: see `by_length`."""
        return by_length(self._lengths, self._batch_size, rng)

    def count(self, order):
        """Return the number of batches of an epoch."""
        return -(-len(order) // self._batch_size)

    def batches(self, order):
        """Yield every batch."""
        for i in range(0, len(order), self._batch_size):
            group = order[i : i + self._batch_size]
            x, lengths = padded([self._X[k] for k in group])
            if isinstance(self._targets, np.ndarray):
                target = self._targets[group]
            else:
                target, _ = padded([self._targets[k] for k in group])
            yield Batch(x, target, lengths if lengths.min() < x.shape[1] else None)


def by_length(lengths, batch_size, rng):
    """Draw an order in which the sequences of a batch are of like length.

    Sequences are shuffled, sorted by length within pools of many batches, and the batches are
    shuffled again. The same generator gives the same order.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,)
    batch_size : int
    rng : numpy.random.Generator, or None
        None: sorted by length, nothing shuffled.

    Returns
    -------
    ndarray of int64, shape (n,)
        A permutation; each next `batch_size` entries are a batch.
    """
    if rng is None:
        return np.argsort(lengths, kind="stable")
    order = rng.permutation(len(lengths))
    pools = [order[i : i + POOL * batch_size] for i in range(0, len(order), POOL * batch_size)]
    order = np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pools])
    full = len(order) // batch_size * batch_size
    blocks = order[:full].reshape(-1, batch_size)
    return np.concatenate([rng.permutation(blocks).reshape(-1), order[full:]])


def padded(sequences):
    """Pad sequences with zeros to the longest.

    Parameters
    ----------
    sequences : list of m ndarray, each (T_i, ...)

    Returns
    -------
    x : ndarray, shape (m, max T_i, ...)
    lengths : ndarray of int64, shape (m,)
    """
    lengths = np.array([len(s) for s in sequences], np.int64)
    width = max(1, lengths.max())
    x = np.zeros((len(sequences), width, *sequences[0].shape[1:]), sequences[0].dtype)
    for row, s in zip(x, sequences, strict=True):
        row[: len(s)] = s
    return x, lengths


def _after_burn_in(shape, t, burn_in):
    """Return the weights of a window that begins at step t: 0 for what is only read."""
    if t >= burn_in:
        return None
    weight = np.ones(shape, np.float32)
    weight[:, : burn_in - t] = 0
    return weight
