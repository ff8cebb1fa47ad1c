"""Texts as tokens: how a text is cut, and the numbers that stand for what it is cut into."""

import re
from collections import Counter
from typing import Any

import numpy as np

from ..errors import ConfigError

UNKNOWN = 0  # stands for every token that is not in the vocabulary
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")

# Both lose nothing: the tokens, joined, are the text again.
TOKENIZERS = {"characters": list, "words": _WORDS.findall}


def tokenize(where, tokenizer, text):
    """Cut a text into tokens; a list of tokens is taken as it is.

    Parameters
    ----------
    where : str
        The operation, for the message.
    tokenizer : {"characters", "words"} or callable (str) -> list of str
    text : str or list of str

    Returns
    -------
    list of str

    Raises
    ------
    ConfigError
    """
    cut: Any = tokenizer if callable(tokenizer) else TOKENIZERS[tokenizer]
    if isinstance(text, str):
        tokens = cut(text)
    elif isinstance(text, (list, tuple)):
        tokens = list(text)
    else:
        raise ConfigError(f"{where}: the text is a {type(text).__name__}; expected a str.")
    bad = next((i for i, t in enumerate(tokens) if not isinstance(t, str)), None)
    if bad is not None:
        raise ConfigError(f"{where}: token {bad} is {tokens[bad]!r}; expected a str.")
    return tokens


class Vocabulary:
    """The tokens that are known, in order: token i has the number i + 1, all others 0.

    Parameters
    ----------
    tokens : iterable of str, each once
    """

    def __init__(self, tokens):
        self.tokens = list(tokens)
        self._number = {t: i for i, t in enumerate(self.tokens, start=1)}

    @classmethod
    def of(cls, texts, limit=None, at_least=1):
        """Collect the tokens of texts, sorted.

        Parameters
        ----------
        texts : iterable of list of str
        limit : int, optional
            Keep the most frequent only.
        at_least : int
            Leave out what is less frequent.
        """
        counts = Counter(t for tokens in texts for t in tokens)
        kept = [t for t, n in counts.most_common(limit) if n >= at_least]
        return cls(sorted(kept))

    def __len__(self):
        return len(self.tokens)

    def numbers(self, tokens):
        """Return the numbers of tokens, ndarray of int64, shape (n,)."""
        known = self._number
        return np.array([known.get(t, UNKNOWN) for t in tokens], dtype=np.int64)
