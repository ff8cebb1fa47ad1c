"""The encoder of a language model: texts as token ids, token ids as text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

import numpy as np

from ..errors import ConfigError
from ..training.token_slices import TokenSlices
from .numbering import Numbered, token_parts
from .subwords import Subwords
from .text import TokenCounts, Vocabulary, smallest
from .tokenizers import TOKENIZERS, Joiner, Splitter


@dataclass
class TextEncoder:
    """Turns texts into the token ids that a language model reads.

    Attributes
    ----------
    tokenizer : str
        A name in `TOKENIZERS`; not read where there are `subwords`.
    vocabulary : Vocabulary
    documents : bool
        Whether each text is a document of its own. Its ids then begin and end with an end mark,
        whose id follows those of the vocabulary.
    subwords : Subwords, optional
        Tokenizer of another library.
    """

    tokenizer: str
    vocabulary: Vocabulary
    documents: bool
    subwords: Subwords | None = field(default=None)

    @property
    def n_ids(self) -> int:
        """Number of ids: the unknown token's, the vocabulary's, the end mark's."""
        return 1 + len(self.vocabulary) + self.documents

    @property
    def kind(self) -> str:
        """What decides how a text is split: the tokenizer's name, or the content of its file."""
        return self.subwords.content if self.subwords else self.tokenizer

    def content(self) -> Any:
        """Return what the ids stand for, for a digest."""
        return self.subwords.content if self.subwords else self.vocabulary.tokens

    @property
    def splitter(self) -> Splitter | Subwords:
        """What splits a text into tokens."""
        return self.subwords or splitter(self.tokenizer)

    @classmethod
    def fit(
        cls,
        kind: "str | Subwords",
        texts: Iterable[Any],
        documents: bool,
        limit: int | None = None,
        min_count: int = 1,
    ) -> "tuple[TextEncoder, TokenSlices]":
        """Collect the vocabulary of texts; return the encoder and the encoded texts.

        Parameters
        ----------
        kind : str or Subwords
            The tokenizer.
        texts : iterable of str or list of str
        documents : bool
        limit, min_count
            See `Vocabulary.of`.
        """
        if isinstance(kind, Subwords):
            encoder = cls("subwords", Vocabulary(kind.tokens), documents, kind)
            return encoder, encoder.encode_texts(texts)
        counts, rule = TokenCounts(), splitter(kind)
        numbered = Numbered(rule, texts, counts.number, counts.count).read()
        vocabulary = counts.vocabulary(limit, min_count, rule.unknown)
        encoder = cls(kind, vocabulary, documents)
        return encoder, encoder._slices(numbered, counts.table(vocabulary))

    def encode_texts(self, texts: Iterable[Any]) -> TokenSlices:
        """Return the ids of texts; of documents, each between two end marks.

        Parameters
        ----------
        texts : iterable of str or list of str
        """
        return self._slices(Numbered(self.splitter, texts, self.ids).read())

    def ids(self, tokens: Any) -> np.ndarray:
        """Return the ids of a part of a text: a list of tokens, characters, or ids of subwords."""
        if isinstance(tokens, np.ndarray):  # of a subword tokenizer
            ids = tokens
        elif isinstance(tokens, str):
            ids = self.vocabulary.character_ids(tokens)
        else:
            ids = self.vocabulary.ids(tokens)
        return ids.astype(smallest(self.n_ids))

    def _slices(self, numbered, table=None):
        """Join the parts of texts; between two documents there is one end mark.

        Parameters
        ----------
        numbered : Numbered
            Its parts are removed one after another, so that they and the result do not fill the
            memory together.
        table : ndarray of int, optional
            The id of each number in the parts.
        """
        dtype, lengths = smallest(self.n_ids), np.array(numbered.lengths, np.int64)
        table = table if table is None else table.astype(dtype)
        marks = self.documents * (len(lengths) + 1)
        ids, place = np.empty(int(lengths.sum()) + marks, dtype), 0
        for part in self.with_marks(numbered.emptied(), table):
            ids[place : place + len(part)] = part
            place += len(part)
        return TokenSlices(ids, *self.bounds(lengths))

    def with_marks(
        self, parts: "Iterable[tuple[np.ndarray, list[int]]]", table: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the ids of a text, or of documents with an end mark before, between and after.

        Parameters
        ----------
        parts : iterable of (ids, places where a document ends)
        table : ndarray of int, optional
            Then the parts hold numbers, and this has the id of each.
        """
        dtype, mark = smallest(self.n_ids), len(self.vocabulary) + 1
        if self.documents:
            yield np.array([mark], dtype)
        for ids, ends in parts:
            ids = ids if table is None else table[ids]
            yield np.insert(ids, ends, mark) if self.documents else ids

    def bounds(self, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the ids of texts begin and end; two documents share an end mark.

        Parameters
        ----------
        lengths : ndarray of int64, shape (k,)
            Number of tokens of each text.
        """
        mark = int(self.documents)
        ends = np.cumsum(lengths + mark)
        return ends - lengths - mark, ends + mark

    def tokens(self, text: Any) -> list[str]:
        """Return the tokens of a text; a list of tokens is returned as it is."""
        rule = self.splitter
        return list(chain.from_iterable(token_parts(rule, text)))

    def encode(self, text: Any) -> np.ndarray:
        """Return the ids of a text without end marks, ndarray of int64."""
        parts = [ids for ids, _ in Numbered(self.splitter, [text], self.ids)]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def encode_prompt(self, prompt: Any) -> np.ndarray:
        """Return the ids that are read before the first token is drawn: at least one.

        Without a prompt they are the end mark of documents, or a line break.
        """
        ids = self.encode(prompt)
        if self.documents:
            return np.concatenate([[len(self.vocabulary) + 1], ids])
        return ids if len(ids) else self.encode(["\n"] if self.tokenizer == "tokens" else "\n")

    def joiner(self, prompt: Any) -> "Callable[[int], str]":
        """Return a function that turns ids into text, one after another, behind a prompt."""
        if self.subwords:
            return self.subwords.joiner(self.encode(prompt))
        before = prompt if isinstance(prompt, str) else "".join(prompt[-1:])
        join, tokens = Joiner(splitter(self.tokenizer), before), self.vocabulary.tokens
        return lambda i: join(tokens[i - 1])

    def unknown(self, text: Any) -> list[str]:
        """Return the different tokens of a text that are not in the vocabulary, in its order."""
        if self.subwords:
            return []
        known = self.vocabulary
        return list(dict.fromkeys(t for t in self.tokens(text) if t not in known))

    def to_json(self) -> dict[str, Any]:
        """Return vocabulary, tokenizer and kind of text, ready for JSON."""
        state: dict[str, Any] = {"documents": self.documents, "tokenizer": self.tokenizer}
        if self.subwords:
            return state | {"subwords": self.subwords.content}
        return state | {"vocabulary": self.vocabulary.tokens}

    @classmethod
    def from_json(cls, tokenizer: Any, fitted: dict[str, Any]) -> Self:
        """Undo `to_json`; raise ConfigError where the content is not valid.

        Parameters
        ----------
        tokenizer : str
            For a file of an earlier version, which does not say it.
        fitted : dict
        """
        if not isinstance(fitted["documents"], bool):
            raise ConfigError("its documents is not a bool.")
        name = fitted.get("tokenizer", tokenizer)
        if "subwords" in fitted:
            subwords = Subwords(fitted["subwords"])
            return cls("subwords", Vocabulary(subwords.tokens), fitted["documents"], subwords)
        splitter(name)
        vocabulary = Vocabulary.from_json(fitted["vocabulary"])
        if not len(vocabulary):
            raise ConfigError("its vocabulary is empty; expected at least one token.")
        return cls(name, vocabulary, fitted["documents"])


def splitter(name: Any) -> Splitter:
    """Return the tokenizer of a name.

    Raises
    ------
    ConfigError
    """
    if not isinstance(name, str) or name not in TOKENIZERS:
        raise ConfigError(
            f"its tokenizer {name!r:.80} is not registered; if it is your own, call "
            f"bptt.models.register_tokenizer(name, function) before load."
        )
    return TOKENIZERS[name]
