"""The encoder of a model: sequences in the user's form become arrays for the network.

It is learned from the training set and kept in the model's file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, ShapeError
from ..layers import Embedding, FeatureEmbedding, Layer, WordEmbedding
from .hyperparameters import refusal
from .scaling import finite_row, mean_and_scale, scale_row
from .sequences import check_categories, kind_of, numeric, text_of
from .text import Vocabulary

LONGEST_WORD = 24  # characters; of a longer word the first 12 and the last 12 are read
KINDS = ("numbers", "characters", "words")
MOST_FEATURES = 2**20  # that a file may ask for


@dataclass
class Encoder:
    """How a model reads its sequences.

    Attributes
    ----------
    kind : {"numbers", "characters", "words"}
    n_features : int
        Features of a time step of numbers; 1 for text.
    mean, scale : ndarray of float64, shape (n_features,), or None
        Of every feature over the steps of the training set; 0 and 1 for categories.
    categories : dict of int to ndarray of int64
        Column to the sorted values in the training set; any other value is the unknown one.
    vocabulary : Vocabulary or None
        Of characters, or of words.
    letters : Vocabulary or None
        Characters of the words.
    lowercase : bool
    """

    kind: Literal["numbers", "characters", "words"]
    n_features: int = 1
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None
    categories: dict[int, np.ndarray] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    letters: Vocabulary | None = None
    lowercase: bool = False

    @classmethod
    def learn(cls, sequences: Sequence[Any], model: Any) -> "Encoder":
        """Return the encoder for a training set, by the hyper-parameters of a model.

        Raises
        ------
        ShapeError, ConfigError
        """
        if all(kind_of(s) == "numbers" for s in sequences):
            return cls._of_numbers(sequences, model)
        kind = next(k for k in map(kind_of, sequences) if k != "numbers")
        if model.categories is not None:
            raise refusal(model, "categories", f"None, because X holds {kind}")
        texts = [text_of(i, s, kind) for i, s in enumerate(sequences)]
        limits = model.max_vocabulary, model.min_count
        if kind == "characters":
            return cls("characters", vocabulary=Vocabulary.of(texts, *limits))
        words = [[_key(w, model.lowercase) for w in t] for t in texts]
        letters = Vocabulary.of(w for t in texts for w in t) if model.char_units else None
        vocabulary = Vocabulary.of(words, *limits)
        return cls("words", vocabulary=vocabulary, letters=letters, lowercase=model.lowercase)

    @classmethod
    def _of_numbers(cls, sequences, model):
        arrays = [numeric(f"X[{i}]", x) for i, x in enumerate(sequences)]
        encoder = cls("numbers", arrays[0].shape[1])
        for i, x in enumerate(arrays):
            encoder._check_features(f"X[{i}]", x, "as X[0]")
        if encoder.n_features == 0:
            raise ShapeError(f"X[0] has 0 feature(s) {arrays[0].shape}; expected a minimum of 1.")
        rows = np.concatenate(arrays)
        if not len(rows):
            raise ShapeError("X holds no step at all; expected at least one.")
        for j in encoder._category_columns(model):
            for i, x in enumerate(arrays):
                check_categories(i, x[:, j], j)
            encoder.categories[j] = np.unique(rows[:, j].astype(np.int64))
        if model.standardize:
            mean, scale = mean_and_scale("X", rows.astype(np.float64, copy=False))
            columns = list(encoder.categories)
            mean[columns], scale[columns] = 0.0, 1.0
            encoder.mean, encoder.scale = mean, scale
        return encoder

    def _category_columns(self, model):
        if model.categories is None:
            return []
        if model.categories == "all":
            return list(range(self.n_features))
        if any(j >= self.n_features for j in model.categories):
            raise refusal(model, "categories", f"columns in 0..{self.n_features - 1}, as X[0] has")
        return sorted(set(model.categories))

    def _check_features(self, name, x, reason):
        if x.shape[1] != self.n_features:
            raise ShapeError(
                f"{name} has {x.shape[1]} features; expected {self.n_features}, {reason}."
            )

    # -- encoding ----------------------------------------------------------------------------

    def encode(self, sequences: Sequence[Any]) -> list[np.ndarray]:
        """Return what the network reads.

        Returns
        -------
        list of ndarray
            Each (T_i, n_features) of float32; (T_i,) or (T_i, 1 + LONGEST_WORD) of int for text.

        Raises
        ------
        ShapeError, ConfigError
        """
        if self.kind == "numbers":
            return [self._encode_numbers(i, x) for i, x in enumerate(sequences)]
        texts = [text_of(i, s, self.kind) for i, s in enumerate(sequences)]
        if self.letters is None:
            return [self._ids(t) for t in texts]
        distinct = sorted({w for t in texts for w in t})
        place = {w: k for k, w in enumerate(distinct)}
        table = self._spell(distinct)
        return [table[[place[w] for w in t]] for t in texts]

    def encode_step(self, xt: Any, m: int) -> np.ndarray:
        """Return what the network reads of one time step of m sequences."""
        if self.kind == "numbers":
            xt = np.asarray(xt)
            xt = xt[:, np.newaxis] if xt.ndim == 1 and self.n_features == 1 else xt
            if xt.shape != (m, self.n_features):
                raise ShapeError(f"xt has shape {xt.shape}; expected {(m, self.n_features)}.")
            return self._scaled("xt", numeric("xt", xt))
        steps = [xt] if isinstance(xt, str) else list(xt)
        if len(steps) != m or not all(isinstance(s, str) for s in steps):
            raise ShapeError(f"xt is {xt!r:.60}; expected {m} of {self.kind}, each a str.")
        return self._ids(steps) if self.letters is None else self._spell(steps)

    def _encode_numbers(self, i, x):
        name = f"X[{i}]"
        if kind_of(x) != "numbers":
            raise ShapeError(f"{name} holds text; expected numbers, as in fit.")
        x = numeric(name, x)
        self._check_features(name, x, "as in fit")
        for j in self.categories:
            check_categories(i, x[:, j], j)
        return self._scaled(name, x)

    def _scaled(self, name, x):
        with np.errstate(all="ignore"):
            y = x.astype(np.float64)
            if self.mean is not None:
                y = (y - self.mean) / self.scale
            y = y.astype(np.float32)
        for j, values in self.categories.items():
            k = np.searchsorted(values, x[:, j]).clip(max=max(0, len(values) - 1))
            known = values[k] == x[:, j] if len(values) else np.zeros(len(x), bool)
            y[:, j] = np.where(known, 1 + k, 0)
        if not np.isfinite(y).all():
            raise ConfigError(f"{name} holds numbers too large for float32.")
        return y

    def _ids(self, tokens):
        assert self.vocabulary is not None
        return self.vocabulary.ids([_key(t, self.lowercase) for t in tokens])

    def _spell(self, words):
        """Return a row for each word: its id, the ids of its characters, zeros."""
        assert self.letters is not None
        table = np.zeros((len(words), 1 + LONGEST_WORD), np.int32)
        table[:, 0] = self._ids(words)
        for row, word in zip(table, words, strict=True):
            if len(word) > LONGEST_WORD:
                word = word[: LONGEST_WORD // 2] + word[-LONGEST_WORD // 2 :]
            row[1 : 1 + len(word)] = self.letters.ids(word) + 1  # 0: no character, 1: unknown
        return table

    # -- network and file --------------------------------------------------------------------

    def layers(self, model: Any) -> tuple[list[Layer], int]:
        """Return the embedding that reads what `encode` returns, if any, and its features."""
        if self.kind == "numbers":
            if not self.categories:
                return [], self.n_features
            tokens = {j: (1 + len(v), model.embedding) for j, v in self.categories.items()}
            layer = FeatureEmbedding(self.n_features, tokens)
            return [layer], layer.n_out
        assert self.vocabulary is not None
        n_tokens = 1 + len(self.vocabulary)
        if self.letters is None:
            layer = Embedding(n_tokens, model.embedding)
        else:
            n_letters = 2 + len(self.letters)
            layer = WordEmbedding(
                n_tokens, model.embedding, n_letters, model.char_embedding, model.char_units
            )
        return [layer], layer.n_out

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "kind": self.kind,
            "n_features": self.n_features,
            "mean": None if self.mean is None else self.mean.tolist(),
            "scale": None if self.scale is None else self.scale.tolist(),
            "categories": [[j, v.tolist()] for j, v in self.categories.items()],
            "vocabulary": None if self.vocabulary is None else self.vocabulary.tokens,
            "letters": None if self.letters is None else self.letters.tokens,
            "lowercase": self.lowercase,
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], model: Any) -> "Encoder":
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError, ValueError
        """
        kind, n = state["kind"], state["n_features"]
        if kind not in KINDS or not is_whole(n) or not 1 <= n <= MOST_FEATURES:
            raise ConfigError(f"it reads {n!r} features of {kind!r}.")
        encoder = cls(kind, n, lowercase=state["lowercase"])
        if not isinstance(encoder.lowercase, bool):
            raise ConfigError("its lowercase is not a bool.")
        if state["mean"] is not None:
            encoder.mean = finite_row("mean", state["mean"], n)
            encoder.scale = scale_row("scale", state["scale"], n)
        for j, values in state["categories"]:
            if not is_whole(j) or not 0 <= j < n or not all(map(is_whole, values)):
                raise ConfigError("its categories are not lists of whole numbers.")
            encoder.categories[j] = np.array(values, np.int64)
            if (np.diff(encoder.categories[j]) <= 0).any():
                raise ConfigError("its categories are not in order.")
        if kind != "numbers":
            encoder.vocabulary = Vocabulary.from_json(state["vocabulary"])
        if kind == "words" and model.char_units:
            encoder.letters = Vocabulary.from_json(state["letters"])
        if kind != "numbers" and encoder.categories:
            raise ConfigError("it has categories of text.")
        return encoder


def _key(word, lowercase):
    return word.lower() if lowercase else word
