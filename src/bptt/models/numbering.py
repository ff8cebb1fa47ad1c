"""Texts as numbers, part by part: of tokens, or of units that are split into tokens once."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, pairwise
from typing import Any, Self

import numpy as np

from ..errors import ConfigError
from .subwords import Subwords
from .text import Numbers
from .tokenizers import CHUNK, Splitter, cut, require_tokens

_MOST_UNITS = 2**18  # different units that are kept


def token_parts(rule: Any, text: Any) -> Iterator[Any]:
    """Yield the tokens of a text or a list of tokens, part by part."""
    if isinstance(text, str):
        yield from rule.parts(cut(text))
    elif isinstance(text, Iterator):
        yield from rule.parts(text)
    elif isinstance(text, (list, tuple)):
        if isinstance(rule, Subwords):
            raise ConfigError(
                "the text is a list; expected a str, because its tokens are subwords."
            )
        yield require_tokens(text)
    else:
        raise ConfigError(f"the text is a {type(text).__name__}; expected a str.")


class Numbered:
    """The tokens of texts as numbers, in parts of about `CHUNK` tokens or units.

    Parameters
    ----------
    rule : Splitter or Subwords
    texts : iterable of str, list of str, or iterator of str
        An iterator yields one text in chunks.
    number : callable
        Returns the numbers of tokens.
    finish : callable, optional
        Gets the numbers of each part and returns them: counts them, or makes them smaller.
    """

    def __init__(
        self,
        rule: Any,
        texts: Iterable[Any],
        number: Callable[[Any], np.ndarray],
        finish: Callable[[np.ndarray], np.ndarray] = lambda numbers: numbers,
    ):
        self.lengths: list[int] = []  # of the texts that were read
        self._number, self._finish = number, finish
        self._by_unit = ByUnit(rule, number) if getattr(rule, "unit", None) else None
        self._parts = self._read(rule, texts)

    def __iter__(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """Yield each part with the places in it where a text ends."""
        return iter(self._parts)

    def read(self) -> Self:
        """Read all texts."""
        self._parts: Any = list(self._parts)
        return self

    def emptied(self) -> Iterator[tuple[np.ndarray, list[int]]]:
        """Yield each part and forget it."""
        for i, part in enumerate(self._parts):
            self._parts[i] = None
            yield part

    def _read(self, rule, texts):
        waiting, ends, begun = _Waiting(), [], 0
        for text in texts:
            units = self._by_unit is not None and not isinstance(text, (list, tuple))
            for part in token_parts(rule.in_units() if units else rule, text):
                if waiting.size and (waiting.size >= CHUNK or waiting.units != units):
                    numbers, ends = self._numbers(waiting, ends)
                    begun = self._end(numbers, ends, begun)
                    yield numbers, ends
                    waiting, ends = _Waiting(), []
                waiting.add(part, units)
            ends.append(waiting.size)
        if ends:
            numbers, ends = self._numbers(waiting, ends)
            self._end(numbers, ends, begun)
            yield numbers, ends

    def _numbers(self, waiting, ends):
        """Return the numbers of tokens or units, and the ends of texts among these numbers."""
        if self._by_unit is None or not waiting.units:
            return self._finish(self._number(waiting.joined())), ends
        numbers, after = self._by_unit(waiting.joined())
        return self._finish(numbers), after[ends].tolist()

    def _end(self, numbers, ends, begun):
        """Add the lengths of the texts that end in a part; return how much of the next it has."""
        for before, end in pairwise([-begun, *ends]):
            self.lengths.append(end - before)
        return len(numbers) - ends[-1] if ends else begun + len(numbers)


class _Waiting:
    """Tokens or units that are not numbered yet."""

    def __init__(self) -> None:
        self.size, self.units, self._waiting = 0, False, []

    def add(self, part: Any, units: bool) -> None:
        """Add a part of a text."""
        self._waiting.append(part)
        self.size, self.units = self.size + len(part), units

    def joined(self) -> Any:
        """Return all parts as one: a str, an array or a list."""
        parts = self._waiting
        if not parts:
            return []
        if len(parts) == 1:
            return parts[0]
        if isinstance(parts[0], np.ndarray):
            return np.concatenate(parts)
        if all(isinstance(part, str) for part in parts):
            return "".join(parts)
        return list(chain.from_iterable(parts))


class ByUnit:
    """Numbers the tokens of units, each of which is split once.

    Parameters
    ----------
    rule : Splitter
    number : callable (list of str) -> ndarray of int
        Returns the numbers of tokens.
    """

    def __init__(self, rule: Splitter, number: Callable[[list[str]], np.ndarray]):
        assert rule.split is not None
        self._split, self._number = rule.split, number
        self._forget()

    def _forget(self):
        self._known = Numbers()
        self._starts = self._sizes = self._flat = np.zeros(0, np.int64)

    def __call__(self, units: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the tokens of units, and how many the first 0, 1, 2, ... have."""
        if len(self._known) > _MOST_UNITS:
            self._forget()
        n = len(self._sizes)
        which = np.fromiter(map(self._known.__getitem__, units), np.int64, len(units))
        if len(self._known) > n:
            new = [self._split(unit) for unit in islice(self._known, n, None)]
            sizes = np.fromiter(map(len, new), np.int64, len(new))
            starts = len(self._flat) + np.cumsum(sizes) - sizes
            self._starts = np.concatenate([self._starts, starts])
            self._sizes = np.concatenate([self._sizes, sizes])
            self._flat = np.concatenate([self._flat, self._number(list(chain.from_iterable(new)))])
        sizes = self._sizes[which]
        after = np.zeros(1 + len(sizes), np.int64)
        np.cumsum(sizes, out=after[1:])
        places = np.repeat(self._starts[which] - after[:-1], sizes) + np.arange(after[-1])
        return self._flat[places], after
