"""Tokenizers: how a text is split into tokens, and how tokens are joined to a text again."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..errors import ConfigError, operation
from .kinds import Choice

__all__ = ["TOKENIZERS", "Splitter", "register_tokenizer"]


class SubwordTokenizer(Protocol):
    """A ``Tokenizer`` of the package `tokenizers`."""

    def to_str(self, pretty: bool = False) -> str:
        """Return the tokenizer as JSON."""
        ...


Tokenizer = str | os.PathLike[str] | SubwordTokenizer

END_OF_LINE, UNKNOWN_TOKEN = "<eos>", "<unk>"  # as the files of the Penn Treebank write them
CHUNK = 2**18  # characters, or tokens, that are numbered at a time
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")


@dataclass(frozen=True)
class Splitter:
    """A tokenizer: how it splits a text, and what the text may be cut at.

    Attributes
    ----------
    split : callable (str) -> list of str, or None
        None: the tokens are the characters.
    boundary : str or None
        Regular expression for a part of a text that ends between two tokens whatever follows, so
        that a long text can be split part by part. None: the text is split as a whole.
    unit : str or None
        Regular expression for the units of a text, whose tokens do not depend on one another: most
        occur again and again, and each is split once.
    separator : str
        Between two tokens when they are joined to a text.
    items : str
        What its tokens are called.
    unknown : str or None
        Token that stands for unknown ones in the texts themselves.
    own : bool
        False where the function is a user's, whose result is checked.
    """

    split: Callable[[str], list[str]] | None
    boundary: str | None = None
    unit: str | None = None
    separator: str = ""
    items: str = "tokens"
    unknown: str | None = None
    own: bool = True

    def parts(self, chunks: Iterable[str]) -> Iterator[Any]:
        """Yield the tokens of a text, part by part: lists, or for characters the text itself.

        Parameters
        ----------
        chunks : iterable of str
            The text, cut anywhere.
        """
        if self.split is None:
            yield from chunks
            return
        pattern = re.compile(self.boundary, re.DOTALL) if self.boundary else None
        rest = ""
        for chunk in chunks:
            rest += chunk
            if pattern and (match := pattern.match(rest)):
                yield self._tokens(rest[: match.end()])
                rest = rest[match.end() :]
        if rest:
            yield self._tokens(rest)

    def in_units(self) -> "Splitter":
        """Return a splitter into units; this one where it has none."""
        if self.unit is None:
            return self
        return replace(self, split=re.compile(self.unit).findall)

    def _tokens(self, text):
        assert self.split is not None
        return self.split(text) if self.own else require_tokens(self.split(text))


def require_tokens(tokens: Any) -> list[str]:
    """Return a list of tokens; raise ConfigError unless each is a str."""
    tokens = list(tokens)
    bad = next((i for i, t in enumerate(tokens) if not isinstance(t, str)), None)
    if bad is not None:
        raise ConfigError(f"token {bad} is {tokens[bad]!r}; expected a str.")
    return tokens


def cut(text: str) -> Iterator[str]:
    """Yield a text in chunks."""
    return (text[i : i + CHUNK] for i in range(0, len(text), CHUNK))


def _penn(text: str) -> list[str]:
    """Split at white space; a line's end is a token."""
    return text.replace("\n", f" {END_OF_LINE} ").split()


TOKENIZERS: dict[str, Splitter] = {
    "characters": Splitter(None, items="characters"),
    "words": Splitter(_WORDS.findall, boundary=r".*\s(?=\S)", unit=r"\S+\s*|\s+"),
    "whitespace": Splitter(_penn, boundary=r".*\n", separator=" ", unknown=UNKNOWN_TOKEN),
    "tokens": Splitter(str.split, separator=" "),
}


@operation
def register_tokenizer(name: str, split: Callable[[str], list[str]], separator: str = "") -> None:
    """Register a function as a tokenizer, so that models can be saved and loaded by its name.

    A model's file holds the name only; call this again before `bptt.load`.

    Parameters
    ----------
    name : str
        Value of the hyper-parameter `tokenizer`.
    split : callable (str) -> list of str
        Splits a text into tokens.
    separator : str
        Joins tokens to a text: "" where the tokens hold all characters of the text, " " where it
        was split at spaces.

    Raises
    ------
    ConfigError
        The name is not a str or already in use; `split` is not callable.

    Examples
    --------
    >>> register_tokenizer("lower", lambda text: text.lower().split(), separator=" ")
    >>> sorted(TOKENIZERS)
    ['characters', 'lower', 'tokens', 'whitespace', 'words']
    >>> del TOKENIZERS["lower"]
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigError(f"name is {name!r}; expected a str of letters, digits and underscores.")
    if name in TOKENIZERS and TOKENIZERS[name].split is not split:
        raise ConfigError(f"name is {name!r}, which is in use; expected another name.")
    if not callable(split):
        raise ConfigError(f"split is {split!r}; expected a callable (str) -> list of str.")
    TOKENIZERS[name] = Splitter(split, separator=separator, own=False)


class TokenizerChoice(Choice):
    """A tokenizer: its name, or a file of subwords."""

    spelled: str = "a name, or a path that ends in .json"

    def __init__(self):
        super().__init__(None)

    @property
    def slot(self) -> str:  # type: ignore[override]
        """The type as the docstring writes it."""
        return '{"characters", "words", "whitespace", "tokens"} or path'

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of all registered tokenizers."""
        return tuple(TOKENIZERS)

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        if isinstance(value, str):
            if value in TOKENIZERS or value == "subwords" or value.endswith(".json"):
                return None
        elif isinstance(value, os.PathLike) or hasattr(value, "to_str"):
            return None
        elif callable(value):
            return (
                "a name, because a function cannot be saved in a model's file: pass that of "
                "bptt.models.register_tokenizer(name, function)"
            )
        return (
            f"{super().expected}, the name of a tokenizer that bptt.models.register_tokenizer "
            f"knows, or the path of a .json file of the package tokenizers"
        )


class Joiner:
    """Joins tokens to a text, piece by piece.

    Parameters
    ----------
    splitter : Splitter
    before : str
        The text that the first token follows.
    """

    def __init__(self, splitter: Splitter, before: str = ""):
        self._separator = splitter.separator
        self._line_ends = splitter is TOKENIZERS["whitespace"]
        self._begins = not before or before[-1].isspace()

    def __call__(self, token: str) -> str:
        """Return the text that a token adds."""
        if self._line_ends and token == END_OF_LINE:
            self._begins = True
            return "\n"
        begins, self._begins = self._begins, False
        return token if begins else self._separator + token
