"""`TokenSlices`: documents as parts of one long sequence of token ids."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np


class TokenSlices:
    """Documents as parts of one long sequence of token ids. Parts may overlap.

    Parameters
    ----------
    tokens : ndarray of int, shape (n,), or an object with a length whose slices are such arrays
    starts, stops : ndarray of int64, shape (k,)
        Document i is ``tokens[starts[i]:stops[i]]``.
    """

    def __init__(self, tokens: Any, starts: np.ndarray, stops: np.ndarray):
        self.tokens: Any = tokens
        self.starts: np.ndarray = starts
        self.stops: np.ndarray = stops

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each document, ndarray of int64."""
        return self.stops - self.starts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, i: Any) -> np.ndarray:
        return self.tokens[int(self.starts[i]) : int(self.stops[i])]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def part(self, i: int, start: int, stop: int) -> np.ndarray:
        """Return the tokens ``self[i][start:stop]``; only these are read."""
        first = int(self.starts[i])
        return self.tokens[first + start : min(first + stop, int(self.stops[i]))]

    def take(self, order: np.ndarray) -> Self:
        """Return some of the documents, in this order."""
        return type(self)(self.tokens, self.starts[order], self.stops[order])
