"""Batches of texts for truncated BPTT: windows of parallel streams, or of documents."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError, operation
from .batches import Batch, Rows, by_length, chosen_rows
from .token_slices import TokenSlices


@operation
def text_windows(
    tokens: np.ndarray, batch_size: int, seq_length: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split a text into parallel streams, and these into windows.

    The text is split into `batch_size` streams of equal length, the rows of the windows. Each row
    of a window continues the same row of the window before, so that the hidden state can be carried
    from one window to the next. The target of each token is the token after it. Up to
    `batch_size` - 1 tokens at the end are not used.

    Parameters
    ----------
    tokens : ndarray of int, shape (n,)
    batch_size : int
        Number of parallel streams, m.
    seq_length : int
        Steps in a window; the last window may be shorter.

    Returns
    -------
    list of (x, y) pairs of ndarray of int, each (batch_size, T)
        Views of `tokens`, T <= seq_length.

    Raises
    ------
    ConfigError
        The text is too short for a token and its target in every stream.

    Examples
    --------
    >>> import numpy as np
    >>> windows = text_windows(np.arange(9), batch_size=2, seq_length=3)
    >>> for x, y in windows: print(x.tolist(), y.tolist())
    [[0, 1, 2], [4, 5, 6]] [[1, 2, 3], [5, 6, 7]]
    [[3], [7]] [[4], [8]]
    """
    steps = _steps(tokens, batch_size)
    x = tokens[: batch_size * steps].reshape(batch_size, steps)
    y = tokens[1 : batch_size * steps + 1].reshape(batch_size, steps)
    return [
        (x[:, t : t + seq_length], y[:, t : t + seq_length]) for t in range(0, steps, seq_length)
    ]


def _steps(tokens, batch_size):
    """Return the number of steps of each of the parallel streams of a text."""
    if (steps := (len(tokens) - 1) // batch_size) < 1:
        raise ConfigError(
            f"the text has {len(tokens)} tokens; expected at least "
            f"{batch_size + 1}, because batch_size is {batch_size}."
        )
    return steps


class TextStreams:
    """One long text as parallel streams; the state is carried from window to window.

    A window is read when it is its turn: the tokens may be in a file.

    Parameters
    ----------
    tokens : ndarray of int, shape (n,), or an object with a length whose slices are such arrays
    batch_size, seq_length : int
        As `text_windows` takes them.
    burn_in : int
        Steps at the start of the text that update the state but do not count in the loss.

    Raises
    ------
    ConfigError
        The text is too short.
    """

    def __init__(self, tokens: Any, batch_size: int, seq_length: int, burn_in: int = 0):
        self._tokens, self._batch_size = tokens, batch_size
        self.steps: int = _steps(tokens, batch_size)  # of each stream
        self._seq_length, self._burn_in = seq_length, burn_in

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """Return an empty order: a text is read from beginning to end."""
        return np.zeros(0, np.int64)

    def count(self, order: np.ndarray) -> int:
        """Return the number of batches of an epoch."""
        return -(-self.steps // self._seq_length)

    def batches(self, order: np.ndarray, rows: Rows = None) -> Iterator[Batch]:
        """Yield every window."""
        chosen = chosen_rows(self._batch_size, rows)
        for t in range(0, self.steps, self._seq_length):
            width = min(self._seq_length, self.steps - t)
            window = np.zeros((self._batch_size, width + 1), np.int64)
            for k in chosen:
                start = k * self.steps + t
                window[k] = self._tokens[start : start + width + 1]
            x, y = window[:, :-1], window[:, 1:]
            yield Batch(x, y, None, _after_burn_in(x.shape, t, self._burn_in), t == 0)


class Documents:
    """Documents in batches of similar length, each read in windows from its beginning.

    After the end of a document its row stays empty until the whole batch has been read; empty rows
    are not computed.

    Parameters
    ----------
    documents : TokenSlices, or list of ndarray of int, each (n_i,), n_i >= 2
        The target of each token is the token after it. A window is read when it is its turn.
    batch_size, seq_length, burn_in : int
        As for `TextStreams`.
    """

    def __init__(
        self,
        documents: TokenSlices | Sequence[np.ndarray],
        batch_size: int,
        seq_length: int,
        burn_in: int = 0,
    ):
        if not isinstance(documents, TokenSlices):
            ends = np.cumsum([0, *(len(d) for d in documents)], dtype=np.int64)
            tokens = np.concatenate([np.zeros(0, np.int64), *documents])
            documents = TokenSlices(tokens, ends[:-1], ends[1:])
        self._documents: TokenSlices = documents
        self._steps: np.ndarray = documents.lengths - 1
        self._batch_size, self._seq_length, self._burn_in = batch_size, seq_length, burn_in

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """Draw the order of the documents: see `by_length`."""
        return by_length(self._steps, self._batch_size, rng)

    def count(self, order: np.ndarray) -> int:
        """Return the number of batches of an epoch."""
        longest = [int(self._steps[group].max()) for group in self._groups(order)]
        return sum(-(-steps // self._seq_length) for steps in longest)

    def _groups(self, order):
        return [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]

    def batches(self, order: np.ndarray, rows: Rows = None) -> Iterator[Batch]:
        """Yield every window of every batch of documents."""
        for group in self._groups(order):
            chosen = chosen_rows(len(group), rows)
            steps = self._steps[group]
            for t in range(0, steps.max(), self._seq_length):
                lengths = np.clip(steps - t, 0, self._seq_length)
                width = int(lengths.max())
                window = np.zeros((len(group), width + 1), np.int64)
                for k in chosen:
                    if n := lengths[k]:
                        window[k, : n + 1] = self._documents.part(int(group[k]), t, t + width + 1)
                x, y = window[:, :-1], window[:, 1:]
                yield Batch(x, y, lengths, _after_burn_in(x.shape, t, self._burn_in), t == 0)


def _after_burn_in(shape, t, burn_in):
    """Return the weights of a window that begins at step t: 0 during the burn-in."""
    if t >= burn_in:
        return None
    weight = np.ones(shape, np.float32)
    weight[:, : burn_in - t] = 0
    return weight
