"""How a model turns sequences into arrays: learnt from the training set, kept in its file."""

from dataclasses import dataclass, field

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, ShapeError
from ..layers import Embedding, FeatureEmbedding, WordEmbedding
from .hyperparameters import refusal
from .sequences import check_whole, kind_of, numeric, text_of
from .text import Vocabulary

LONGEST_WORD = 24  # characters: of longer words the first and the last half of as many are read
KINDS = ("numbers", "characters", "words")
MOST_FEATURES = 2**20  # that a file may ask for
LARGEST = 1e150  # its square is a float64 still


@dataclass
class Reader:
    """How a model reads its sequences.

    Attributes
    ----------
    kind : {"numbers", "characters", "words"}
    n_features : int
        Columns of a step of numbers; else 1.
    mean, scale : ndarray of float64, shape (n_features,), or None
        Of every column over the steps of the training set; 0 and 1 in columns of categories.
    categories : dict of int to ndarray of int64
        Column to the sorted values seen in the training set; all others are one unknown value.
    vocabulary : Vocabulary or None
        Of characters, or of words.
    letters : Vocabulary or None
        Characters of words.
    lowercase : bool
    """

    kind: str
    n_features: int = 1
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None
    categories: dict[int, np.ndarray] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    letters: Vocabulary | None = None
    lowercase: bool = False

    @classmethod
    def learn(cls, where, sequences, model):
        """Learn from the training set, as the hyper-parameters of a model say.

        Raises
        ------
        ShapeError, ConfigError
        """
        kind = next((k for k in map(kind_of, sequences) if k != "numbers"), "numbers")
        if kind != "numbers":
            if model.categories is not None:
                raise refusal(model, "categories", f"None, because X holds {kind}")
            texts = [text_of(where, i, s, kind) for i, s in enumerate(sequences)]
            if kind == "characters":
                return cls(
                    kind, vocabulary=Vocabulary.of(texts, model.max_vocabulary, model.min_count)
                )
            words = [[_key(w, model.lowercase) for w in t] for t in texts]
            letters = Vocabulary.of(w for t in texts for w in t) if model.char_units else None
            return cls(
                kind,
                vocabulary=Vocabulary.of(words, model.max_vocabulary, model.min_count),
                letters=letters,
                lowercase=model.lowercase,
            )
        arrays = [numeric(where, f"X[{i}]", x) for i, x in enumerate(sequences)]
        reader = cls(kind, arrays[0].shape[1])
        for i, x in enumerate(arrays):
            reader._check_features(where, f"X[{i}]", x, "as X[0]")
        if reader.n_features == 0:
            raise ShapeError(
                f"{where}: X[0] has 0 feature(s) {arrays[0].shape}; expected a minimum of 1."
            )
        rows = np.concatenate(arrays)
        if not len(rows):
            raise ShapeError(f"{where}: X holds no step at all; expected at least one.")
        for j in reader._category_columns(model):
            for i, x in enumerate(arrays):
                check_whole(where, i, x[:, j], j)
            reader.categories[j] = np.unique(rows[:, j].astype(np.int64))
        if model.standardize:
            reader._learn_scale(where, rows.astype(np.float64, copy=False))
        return reader

    def _category_columns(self, model):
        if model.categories is None:
            return []
        if model.categories == "all":
            return list(range(self.n_features))
        wrong = [j for j in model.categories if not 0 <= j < self.n_features]
        if wrong:
            raise refusal(model, "categories", f"columns in 0..{self.n_features - 1}, as X[0] has")
        return sorted(set(model.categories))

    def _learn_scale(self, where, rows):
        mean, scale = mean_and_scale(where, "X", rows)
        for j in self.categories:
            mean[j], scale[j] = 0.0, 1.0
        self.mean, self.scale = mean, scale

    def _check_features(self, where, name, x, whence):
        if x.shape[1] != self.n_features:
            raise ShapeError(
                f"{where}: {name} has {x.shape[1]} features; expected {self.n_features}, {whence}."
            )

    # -- reading -----------------------------------------------------------------------------

    def read(self, where, sequences):
        """Turn sequences into what the network takes.

        Returns
        -------
        list of ndarray
            Each (T_i, n_features) of float32; (T_i,) or (T_i, 1 + LONGEST_WORD) of int.

        Raises
        ------
        ShapeError, ConfigError
        """
        if self.kind == "numbers":
            return [self._read_numbers(where, i, x) for i, x in enumerate(sequences)]
        texts = [text_of(where, i, s, self.kind) for i, s in enumerate(sequences)]
        if self.kind == "characters" or self.letters is None:
            return [self._numbers(t) for t in texts]
        distinct = sorted({w for t in texts for w in t})
        place = {w: k for k, w in enumerate(distinct)}
        table = self._spell(distinct)
        return [table[[place[w] for w in t]] for t in texts]

    def read_step(self, where, xt, m):
        """Turn one step of m sequences into what the network steps with."""
        if self.kind == "numbers":
            xt = np.asarray(xt)
            xt = xt[:, np.newaxis] if xt.ndim == 1 and self.n_features == 1 else xt
            if xt.shape != (m, self.n_features):
                raise ShapeError(
                    f"{where}: xt has shape {xt.shape}; expected {(m, self.n_features)}."
                )
            return self._scaled(where, "xt", numeric(where, "xt", xt))
        steps = [xt] if isinstance(xt, str) else list(xt)
        if len(steps) != m or not all(isinstance(s, str) for s in steps):
            raise ShapeError(f"{where}: xt is {xt!r:.60}; expected {m} of {self.kind}, each a str.")
        return self._numbers(steps) if self.letters is None else self._spell(steps)

    def _read_numbers(self, where, i, x):
        name = f"X[{i}]"
        if kind_of(x) != "numbers":
            raise ShapeError(f"{where}: {name} holds text; expected numbers, as in fit.")
        x = numeric(where, name, x)
        self._check_features(where, name, x, "as in fit")
        for j in self.categories:
            check_whole(where, i, x[:, j], j)
        return self._scaled(where, name, x)

    def _scaled(self, where, name, x):
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
            raise ConfigError(f"{where}: {name} holds numbers too large for float32.")
        return y

    def _numbers(self, tokens):
        assert self.vocabulary is not None
        return self.vocabulary.ids([_key(t, self.lowercase) for t in tokens])

    def _spell(self, words):
        """Return a row for each word: its number, its letters' numbers, zeros."""
        assert self.letters is not None
        table = np.zeros((len(words), 1 + LONGEST_WORD), np.int32)
        table[:, 0] = self._numbers(words)
        for row, word in zip(table, words, strict=True):
            if len(word) > LONGEST_WORD:
                word = word[: LONGEST_WORD // 2] + word[-LONGEST_WORD // 2 :]
            row[1 : 1 + len(word)] = self.letters.ids(word) + 1  # 0 is no letter, 1 unknown
        return table

    # -- the network, and files --------------------------------------------------------------

    def layers(self, model):
        """Return the layers that take what `read` makes, and the features that they give."""
        if self.kind == "numbers":
            if not self.categories:
                return [], self.n_features
            tokens = {j: (1 + len(v), model.embedding) for j, v in self.categories.items()}
            layer = FeatureEmbedding(self.n_features, tokens)
        elif self.letters is None:
            layer = Embedding(self._n_words(), model.embedding)
        else:
            letters = 2 + len(self.letters)
            layer = WordEmbedding(
                self._n_words(), model.embedding, letters, model.char_embedding, model.char_units
            )
        return [layer], layer.n_out

    def _n_words(self):
        assert self.vocabulary is not None
        return 1 + len(self.vocabulary)

    def to_json(self):
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
    def from_json(cls, fitted, model):
        """Undo `to_json`, trusting nothing.

        Raises
        ------
        ConfigError, KeyError, TypeError, ValueError
        """
        kind, n = fitted["kind"], fitted["n_features"]
        if kind not in KINDS or not is_whole(n) or not 1 <= n <= MOST_FEATURES:
            raise ConfigError(f"it reads {n!r} features of {kind!r}.")
        reader = cls(kind, n, lowercase=fitted["lowercase"])
        if not isinstance(reader.lowercase, bool):
            raise ConfigError("its lowercase is no bool.")
        if fitted["mean"] is not None:
            reader.mean = finite_row("mean", fitted["mean"], n)
            reader.scale = scale_row("scale", fitted["scale"], n)
        for j, values in fitted["categories"]:
            if not is_whole(j) or not 0 <= j < n or not all(map(is_whole, values)):
                raise ConfigError("its categories are no lists of whole numbers.")
            reader.categories[j] = np.array(values, np.int64)
            if (np.diff(reader.categories[j]) <= 0).any():
                raise ConfigError("its categories are not in order.")
        if kind != "numbers":
            reader.vocabulary = Vocabulary.from_json(fitted["vocabulary"])
        if kind == "words" and model.char_units:
            reader.letters = Vocabulary.from_json(fitted["letters"])
        if kind != "numbers" and reader.categories:
            raise ConfigError("it has categories of text.")
        return reader


def mean_and_scale(where, name, rows):
    """Return mean and standard deviation of columns; the latter 1 for what is constant.

    Raises
    ------
    ConfigError
    """
    with np.errstate(all="ignore"):
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale <= 1e-12 * np.abs(mean)] = 1.0  # constant, but for rounding
    if not (np.isfinite(mean) & np.isfinite(scale)).all():
        raise ConfigError(f"{where}: {name} holds numbers too large to square; expected < 1e150.")
    return mean, scale


def finite_row(name, values, n):
    """Read n finite numbers of a file.

    Raises
    ------
    ConfigError
    """
    is_row = isinstance(values, list) and len(values) == n
    if not is_row or not all(isinstance(v, (int, float)) for v in values):
        raise ConfigError(f"its {name} is no list of {n} numbers.")
    row = np.array([float(v) for v in values], np.float64)
    if not (np.abs(row) <= LARGEST).all():
        raise ConfigError(f"its {name} is not finite, or too large to square.")
    return row


def scale_row(name, values, n):
    """Read n numbers of a file that something is divided by.

    Raises
    ------
    ConfigError
    """
    row = finite_row(name, values, n)
    if not (row >= 1 / LARGEST).all():
        raise ConfigError(f"its {name} is not above 0.")
    return row


def _key(word, lowercase):
    return word.lower() if lowercase else word
