"""Subwords: the JSON files of the package `tokenizers`."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from .. import extras
from ..errors import ConfigError, DataError
from ..safe_files import printable, reason

_MARK = "\ufffd"  # what the decoder shows of a character whose bytes are not complete
_LONGEST = 2**26  # bytes of a file: the largest known ones have 2**25


class Subwords:
    """A tokenizer of the package `tokenizers`.

    Padding, truncation and special tokens that it would add are not used.

    Parameters
    ----------
    content : str
        JSON, as in a file ``tokenizer.json``.

    Raises
    ------
    ConfigError
        It is no such JSON, or the package is not installed.
    """

    items: str = "tokens"
    unknown: str | None = None

    def __init__(self, content: Any):
        package = extras.load("tokenizers", extra="text", why="to split texts into subwords")
        if not isinstance(content, str):
            raise ConfigError("its subwords is not a str.")
        self.content: str = content
        try:
            self._tokenizer: Any = package.Tokenizer.from_str(content)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
            by_name = self._tokenizer.get_vocab(with_added_tokens=True)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # the package's own panics are no Exception
            raise ConfigError(
                f"the subword tokenizer cannot be read ({printable(error, 100)}); expected the "
                f"JSON of the package tokenizers."
            ) from error
        size = max(by_name.values(), default=-1) + 1
        if not 0 < size <= 2 * len(by_name) + 1000:
            raise ConfigError(
                f"the subword tokenizer has {len(by_name)} tokens with ids up to {size - 1}; "
                f"expected ids from 0 without large gaps."
            )
        self.tokens: list[str] = [f"<{i}>" for i in range(size)]
        for name, i in by_name.items():
            self.tokens[i] = name
        mark = getattr(self._tokenizer.model, "unk_token", None)
        self._unknown: int | None = by_name.get(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.content,)

    @classmethod
    def of(cls, tokenizer: Any) -> "Subwords":
        """Return the subwords of a JSON file, or of a Tokenizer of the package.

        Raises
        ------
        ConfigError, DataError
            It cannot be read.
        """
        if hasattr(tokenizer, "to_str"):
            return cls(tokenizer.to_str())
        name = os.fspath(tokenizer)
        try:
            with open(name, "rb") as file:
                data = file.read(_LONGEST + 1)
            if len(data) > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST} bytes")
            json.loads(content := data.decode())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(
                f"cannot read the tokenizer {name}: {printable(reason(error), 200)}; expected a "
                f"JSON file of the package tokenizers."
            ) from error
        return cls(content)

    @cached_property
    def _table(self) -> np.ndarray:
        """The id of each of the tokenizer's own ids."""
        table = np.arange(1, len(self.tokens) + 1)
        if self._unknown is not None:
            table[self._unknown] = 0
        return table

    def parts(self, chunks: Iterable[str]) -> Iterator[np.ndarray]:
        """Yield the ids of a text, part by part; a part ends before a line that is not blank.

        Parameters
        ----------
        chunks : iterable of str
            The text, cut anywhere.
        """
        rest = ""
        for chunk in chunks:
            rest += chunk
            if end := _last_line(rest):
                yield self._ids(rest[:end])
                rest = rest[end:]
        if rest:
            yield self._ids(rest)

    def _ids(self, text):
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return self._table[np.array(ids, np.int64)]

    def joiner(self, before: np.ndarray) -> Callable[[int], str]:
        """Return a function that turns ids into text, one after another.

        A character whose bytes are spread over several tokens is returned with the last of them.

        Parameters
        ----------
        before : ndarray of int
            Ids of the text that the first one follows.
        """
        own = [int(i) - 1 for i in before[-8:] if i > 0]
        done = len(own)  # ids whose text was returned

        def join(i: int) -> str:
            nonlocal own, done
            own.append(i - 1)
            old, new = self._decode(own[:done]), self._decode(own)
            if new.endswith(_MARK) and len(own) - done < 8:
                return ""
            own, done = own[-8:], len(own[-8:])
            return new[len(old) :]

        return join

    def _decode(self, ids):
        return self._tokenizer.decode(ids, skip_special_tokens=False) if ids else ""


def _last_line(text: str) -> int:
    """Return where the last line begins that is preceded by another and not blank; 0 for none."""
    at = len(text)
    while (at := text.rfind("\n", 0, at)) >= 0:
        if at + 1 < len(text) and not text[at + 1].isspace():
            return at + 1
    return 0
