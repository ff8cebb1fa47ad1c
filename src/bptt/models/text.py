"""Texts as token ids: tokenizers, vocabularies, and the encoder of a language model."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError

UNKNOWN = 0  # the id of every token that is not in the vocabulary
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")

Tokenizer = str | Callable[[str], list[str]]

# Both are lossless: the tokens, joined, give the text.
TOKENIZERS: dict[str, Callable[[str], list[str]]] = {"characters": list, "words": _WORDS.findall}


def tokenize(tokenizer: Tokenizer, text: str | Sequence[str]) -> list[str]:
    """Split a text into tokens; a list of tokens is returned as it is.

    Parameters
    ----------
    tokenizer : {"characters", "words"} or callable (str) -> list of str
    text : str or list of str

    Raises
    ------
    ConfigError
        The text or one of its tokens is not a str.
    """
    if isinstance(text, str):
        tokens = (TOKENIZERS[tokenizer] if isinstance(tokenizer, str) else tokenizer)(text)
    elif isinstance(text, (list, tuple)):
        tokens = list(text)
    else:
        raise ConfigError(f"the text is a {type(text).__name__}; expected a str.")
    bad = next((i for i, t in enumerate(tokens) if not isinstance(t, str)), None)
    if bad is not None:
        raise ConfigError(f"token {bad} is {tokens[bad]!r}; expected a str.")
    return tokens


class Vocabulary:
    """The known tokens. The id of token i is i + 1; the id of every other token is 0.

    Parameters
    ----------
    tokens : iterable of str, each once
    """

    def __init__(self, tokens: Iterable[str]):
        self.tokens: list[str] = list(tokens)
        self._ids = {t: i for i, t in enumerate(self.tokens, start=1)}

    @classmethod
    def of(
        cls, texts: Iterable[Iterable[str]], limit: int | None = None, min_count: int = 1
    ) -> "Vocabulary":
        """Collect the tokens of texts, sorted.

        Parameters
        ----------
        texts : iterable of list of str
        limit : int, optional
            Keep only the most frequent tokens.
        min_count : int
            Leave out tokens that occur less often.
        """
        counts = Counter(t for tokens in texts for t in tokens)
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
        return cls(tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    def ids(self, tokens: Iterable[str]) -> np.ndarray:
        """Return the ids of tokens, ndarray of int64, shape (n,)."""
        known = self._ids
        return np.array([known.get(t, UNKNOWN) for t in tokens], dtype=np.int64)


@dataclass
class TextEncoder:
    """Turns texts into the token ids that a language model reads.

    Attributes
    ----------
    tokenizer : {"characters", "words"} or callable (str) -> list of str
    vocabulary : Vocabulary
    documents : bool
        Whether each text is a document of its own. Its ids then begin and end with an end mark,
        whose id follows those of the vocabulary.
    """

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    documents: bool

    @property
    def n_ids(self) -> int:
        """Number of ids: the unknown token's, the vocabulary's, the end mark's."""
        return 1 + len(self.vocabulary) + self.documents

    def tokens(self, text: str | Sequence[str]) -> list[str]:
        """Split a text into tokens: see `tokenize`."""
        return tokenize(self.tokenizer, text)

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Return the ids of a whole text; of a document, between two end marks."""
        ids = self.vocabulary.ids(tokens)
        if not self.documents:
            return ids
        end = [len(self.vocabulary) + 1]
        return np.concatenate([end, ids, end])

    def encode_prompt(self, prompt: str) -> np.ndarray:
        """Return the ids that are read before the first token is drawn: at least one.

        Without a prompt they are the end mark of documents, or a line break.
        """
        tokens = self.tokens(prompt)
        return self.encode(tokens)[:-1] if self.documents else self.encode(tokens or ["\n"])

    def to_json(self) -> dict[str, Any]:
        """Return vocabulary and kind of text, ready for JSON."""
        return {"vocabulary": self.vocabulary.tokens, "documents": self.documents}

    @classmethod
    def from_json(cls, tokenizer: Tokenizer, fitted: dict[str, Any]) -> "TextEncoder":
        """Undo `to_json`; raise ConfigError where the content is not valid."""
        if not isinstance(fitted["documents"], bool):
            raise ConfigError("its documents is not a bool.")
        return cls(tokenizer, Vocabulary.from_json(fitted["vocabulary"]), fitted["documents"])
