"""Learn an encoder from a training set: scaling, categories, vocabulary."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..readers import Data
from .data_frames import NO_COLUMNS, FrameColumns
from .encoder import Encoder, key_of
from .hyperparameters import refusal
from .missing import Filler
from .scaling import Moments
from .sequences import check_categories, kind_of, named, numeric, text_of
from .text import Vocabulary


@dataclass
class Seen:
    """What an encoder is learned from, of some sequences.

    Attributes
    ----------
    moments : list of Moments
        Of numbers, part by part; 0 in columns of categories.
    categories : dict of int to ndarray of int64
        Column to the sorted values in it.
    tokens, letters : Counter
        Characters, or words and their characters, in the order of their first occurrence.
    """

    moments: list[Moments] = field(default_factory=list)
    categories: dict[int, np.ndarray] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Seen") -> None:
        """Add what was seen of the sequences that follow."""
        self.moments += other.moments
        for j, values in other.categories.items():
            self.categories[j] = np.union1d(self.categories.get(j, values), values)
        self.tokens.update(other.tokens)
        self.letters.update(other.letters)


class Learner:
    """Learns an encoder from sequences, which may be seen in parts.

    Parameters
    ----------
    data : Data
    kind : {"numbers", "characters", "words"}
    first, like : int, sequence
        Place and content of the sequence with which the others are compared.
    model : SequenceModel
        Its hyper-parameters decide what is learned.
    frame : FrameColumns
        To be kept.

    Raises
    ------
    ShapeError, ConfigError
        The first sequence has no features; the model's `categories` do not fit it.
    """

    def __init__(
        self, data: Data, kind: Any, first: int, like: Any, model: Any, frame: FrameColumns
    ):
        self.kind: Any = kind
        self._data, self._first, self._model = data, first, model
        self._encoder = Encoder(kind, frame=frame, lowercase=kind == "words" and model.lowercase)
        self._columns: Sequence[int] = []
        if kind != "numbers":
            if model.categories is not None:
                raise refusal(model, "categories", f"None, because X holds {kind}")
            return
        names = data.columns
        name = named(first, data.ids)
        x = numeric(name, like, columns=names, missing=True)
        self._encoder.n_features, self._encoder.names = x.shape[1], names
        if x.shape[1] == 0:
            raise ShapeError(f"{name} has 0 feature(s) {x.shape}; expected a minimum of 1.")
        self._columns = _category_columns(model, x.shape[1], name)

    def see(self, sequences: Mapping[int, Any]) -> Seen:
        """Return what is to be known of sequences, by their places.

        Raises
        ------
        ShapeError, ConfigError
            A sequence is not like the first one, or not valid.
        """
        if not sequences:
            return Seen()
        return (self._numbers if self._encoder.kind == "numbers" else self._texts)(sequences)

    def _numbers(self, sequences):
        names, n, ids = self._data.columns, self._encoder.n_features, self._data.ids
        arrays = {
            i: numeric(named(i, ids), x, columns=names, missing=True) for i, x in sequences.items()
        }
        for i, x in arrays.items():
            self._encoder.check_features(named(i, ids), x, f"as {named(self._first, ids)}")
            if self._model.missing == "raise":
                Filler("raise", np.zeros(n)).fill(x, named(i, ids), names)
            for j in self._columns:
                check_categories(named(i, ids), x[:, j], j)
        categories = {
            j: np.unique(
                np.concatenate([x[x[:, j] == x[:, j], j].astype(np.int64) for x in arrays.values()])
            )
            for j in self._columns
        }
        rows = np.concatenate([x.astype(np.float64) for x in arrays.values()])
        rows[:, self._columns] = 0.0
        return Seen([Moments.of(rows)] if len(rows) else [], categories)

    def _texts(self, sequences):
        kind, ids = self._encoder.kind, self._data.ids
        texts = [text_of(named(i, ids), s, kind) for i, s in sequences.items()]
        if kind == "characters":
            return Seen(tokens=Counter(c for text in texts for c in text))
        seen = Seen(tokens=Counter(key_of(w, self._encoder.lowercase) for t in texts for w in t))
        if self._model.char_units:
            seen.letters = Counter(c for t in texts for w in t for c in w)
        return seen

    def learned(self, seen: Seen) -> Encoder:
        """Return the encoder for a training set that was seen.

        Raises
        ------
        ShapeError, ConfigError
            It has no step; a feature has no value, or is too large.
        """
        encoder, model = self._encoder, self._model
        if encoder.kind != "numbers":
            limits = model.max_vocabulary, model.min_count
            encoder.vocabulary = Vocabulary.counted(seen.tokens, *limits)
            if encoder.kind == "words" and model.char_units:
                encoder.letters = Vocabulary.counted(seen.letters)
            return encoder
        if not seen.moments:
            raise ShapeError("X holds no step at all; expected at least one.")
        encoder.categories = seen.categories
        mean, scale = Moments.merged(seen.moments).mean_and_scale("X", encoder.names)
        if model.standardize:
            encoder.mean, encoder.scale = mean, scale
        encoder.filler = encoder.filler_of(model.missing, mean)
        return encoder


def learn(
    data: Data, training: Iterable[int], model: Any, frame: FrameColumns = NO_COLUMNS
) -> Encoder:
    """Return the encoder for a training set that is in memory.

    Parameters
    ----------
    data : Data
    training : iterable of int
        The sequences to learn from; the others may be held out.
    model : SequenceModel
    frame : FrameColumns
        To be kept.

    Raises
    ------
    ShapeError, ConfigError
    """
    sequences = {i: data.X[i] for i in training}
    kinds = (k for k in map(kind_of, sequences.values()) if k != "numbers")
    first, like = next(iter(sequences.items()))
    learner = Learner(data, next(kinds, "numbers"), first, like, model, frame)
    return learner.learned(learner.see(sequences))


def _category_columns(model, n, name):
    if model.categories is None:
        return []
    if model.categories == "all":
        return list(range(n))
    if any(j >= n for j in model.categories):
        raise refusal(model, "categories", f"columns in 0..{n - 1}, as {name} has")
    return sorted({int(j) for j in model.categories})
