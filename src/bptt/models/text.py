"""Vocabularies: the tokens of a model, and their ids."""

from collections import Counter
from collections.abc import Iterable
from itertools import repeat
from typing import Any

import numpy as np

from ..errors import ConfigError

UNKNOWN = 0  # the id of every token that is not in the vocabulary


class Vocabulary:
    """The known tokens. The id of token i is i + 1; the id of every other token is 0.

    Parameters
    ----------
    tokens : iterable of str, each once
    """

    def __init__(self, tokens: Iterable[str]):
        self.tokens: list[str] = list(tokens)
        self._ids = {t: i for i, t in enumerate(self.tokens, start=1)}
        self._by_code: np.ndarray | None = None

    @classmethod
    def counted(
        cls, counts: Counter[str], limit: int | None = None, min_count: int = 1
    ) -> "Vocabulary":
        """Return the tokens that were counted, sorted.

        Parameters
        ----------
        counts : Counter
        limit : int, optional
            Keep only the most frequent tokens.
        min_count : int
            Leave out tokens that occur less often.
        """
        return cls(sorted(t for t, n in counts.most_common(limit) if n >= min_count))

    @classmethod
    def from_json(cls, tokens: Any) -> "Vocabulary":
        """Read the tokens of a file.

        Raises
        ------
        ConfigError
            They are not a list of different str.
        """
        if not isinstance(tokens, list) or not all(isinstance(t, str) for t in tokens):
            raise ConfigError("its vocabulary is not a list of str.")
        if len(set(tokens)) != len(tokens):
            raise ConfigError("its vocabulary holds a token twice.")
        require_encodable(tokens)
        return cls(tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def ids(self, tokens: Iterable[str]) -> np.ndarray:
        """Return the ids of tokens, ndarray of int64, shape (n,)."""
        known = self._ids
        return np.fromiter(map(known.get, tokens, repeat(UNKNOWN)), np.int64)

    def character_ids(self, text: str) -> np.ndarray:
        """Return the ids of the characters of a text, ndarray of int64, shape (n,)."""
        if self._by_code is None:
            self._by_code = np.zeros(_CODES, np.int64)
            letters = [(ord(t), i) for t, i in self._ids.items() if len(t) == 1]
            if letters:
                codes, ids = zip(*letters, strict=True)
                self._by_code[list(codes)] = ids
        return self._by_code[_codes(text)]


_CODES = 0x110000  # code points of Unicode


def _codes(text: str) -> np.ndarray:
    """Return the code points of a text, ndarray of uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def require_encodable(tokens: list[str]) -> None:
    """Raise ConfigError where a token holds half of a surrogate pair: it has no UTF-8 form."""
    try:
        "".join(tokens).encode()
    except UnicodeEncodeError:
        bad = next(t for t in tokens if any("\ud800" <= c <= "\udfff" for c in t))
        raise ConfigError(
            f"the token {bad!a:.40} holds a lone surrogate; expected text that UTF-8 can encode "
            f"(decode the file with its own encoding)."
        ) from None


def smallest(n: int) -> np.dtype[Any]:
    """Return the smallest unsigned dtype for n different ids."""
    return np.dtype("uint8" if n <= 2**8 else "uint16" if n <= 2**16 else "uint32")


class Numbers(dict[str, int]):
    """Numbers tokens in the order of their first occurrence."""

    def __missing__(self, token: str) -> int:
        number = self[token] = len(self)
        return number


class TokenCounts:
    """Numbers tokens in the order of their first occurrence, and counts them."""

    def __init__(self):
        self._numbers = Numbers()
        self._counts: np.ndarray = np.zeros(0, np.int64)
        self._by_code: np.ndarray | None = None  # 1 + number of a character; 0: not seen yet

    def number(self, tokens: str | list[str]) -> np.ndarray:
        """Return the numbers of tokens, or of the characters of a str."""
        if isinstance(tokens, str):
            return self._characters(tokens)
        return np.fromiter(map(self._numbers.__getitem__, tokens), np.int64, len(tokens))

    def count(self, numbers: np.ndarray) -> np.ndarray:
        """Count tokens by their numbers; return these in the smallest dtype."""
        counts = np.bincount(numbers, minlength=len(self._numbers))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        return numbers.astype(smallest(len(self._numbers)))

    def _characters(self, text):
        if self._by_code is None:
            self._by_code = np.zeros(_CODES, np.int32)
        codes = _codes(text)
        numbers = self._by_code[codes]
        if len(new := codes[numbers == 0]):
            new, first = np.unique(new, return_index=True)
            for code in new[np.argsort(first)]:
                number = self._numbers.setdefault(chr(code), len(self._numbers))
                self._by_code[code] = number + 1
            numbers = self._by_code[codes]
        return numbers - 1

    def vocabulary(
        self, limit: int | None = None, min_count: int = 1, unknown: str | None = None
    ) -> Vocabulary:
        """Return the vocabulary as `Vocabulary.of` does, without the token for unknown ones."""
        tokens = list(self._numbers)
        require_encodable(tokens)
        order = (int(i) for i in np.argsort(-self._counts, kind="stable"))
        kept = [i for i in order if tokens[i] != unknown][:limit]
        return Vocabulary(sorted(tokens[i] for i in kept if self._counts[i] >= min_count))

    def table(self, vocabulary: Vocabulary) -> np.ndarray:
        """Return the id of every number."""
        return vocabulary.ids(self._numbers)

    def total(self) -> int:
        """Return how many tokens were counted."""
        return int(self._counts.sum())
