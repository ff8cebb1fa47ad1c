"""The encoder of a model: sequences in the user's form become arrays for the network.

It is learned from the training set and kept in the model's file.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, ShapeError
from ..layers import Embedding, FeatureEmbedding, Layer, WordEmbedding
from ..readers import Data
from .data_frames import NO_COLUMNS, FrameColumns
from .missing import Filler, Missing
from .scaling import finite_row, scale_row
from .sequences import check_categories, kind_of, named, numeric, text_of
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
    names : tuple of str
        Names of the features; empty where they are not known.
    frame : FrameColumns
        The other columns of the data frame of the training set.
    filler : Filler
        Fills missing values.
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
    names: tuple[str, ...] = ()
    frame: FrameColumns = NO_COLUMNS
    filler: Filler = field(default_factory=lambda: Filler("raise", np.zeros(1)))
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None
    categories: dict[int, np.ndarray] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    letters: Vocabulary | None = None
    lowercase: bool = False

    def filler_of(self, method: Missing, mean: np.ndarray) -> Filler:
        """Return what fills missing values; categories have no mean."""
        mean = mean.copy()
        mean[list(self.categories)] = np.nan
        return Filler(method, mean)

    def check_features(self, name: str, x: np.ndarray, reason: str) -> None:
        """Raise ShapeError where a sequence has another number of features."""
        if x.shape[1] != self.n_features:
            raise ShapeError(
                f"{name} has {x.shape[1]} features; expected {self.n_features}, {reason}."
            )

    # -- encoding ----------------------------------------------------------------------------

    def encode(self, data: Data) -> list[np.ndarray]:
        """Return what the network reads.

        Returns
        -------
        list of ndarray
            Each (T_i, n_inputs) of float32; (T_i,) or (T_i, 1 + LONGEST_WORD) of int for text.

        Raises
        ------
        ShapeError, ConfigError
        """
        if self.letters is None:
            return [self.encode_sequence(named(i, data.ids), x) for i, x in enumerate(data.X)]
        texts = [text_of(named(i, data.ids), s, self.kind) for i, s in enumerate(data.X)]
        distinct = sorted({w for t in texts for w in t})
        place = {w: k for k, w in enumerate(distinct)}
        table = self._spell(distinct)
        return [table[[place[w] for w in t]] for t in texts]

    def encode_sequence(self, name: str, x: Any) -> np.ndarray:
        """Return what the network reads of one sequence; `name` is for messages."""
        if self.kind == "numbers":
            return self._encode_numbers(name, x)
        tokens = text_of(name, x, self.kind)
        return self._ids(tokens) if self.letters is None else self._spell(tokens)

    def encode_step(self, xt: Any, m: int, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what the network reads of one time step of m sequences.

        `last` is what `Filler.fill_step` takes and returns.
        """
        if self.kind == "numbers":
            xt = numeric("xt", xt, columns=self.names, missing=True)
            if xt.shape != (m, self.n_features):
                raise ShapeError(f"xt has shape {xt.shape}; expected {(m, self.n_features)}.")
            filled, last = self.filler.fill_step(xt, last, "xt", self.names)
            return self._scaled("xt", xt, filled), last
        steps = [xt] if isinstance(xt, str) else list(xt)
        if len(steps) != m or not all(isinstance(s, str) for s in steps):
            raise ShapeError(f"xt is {xt!r:.60}; expected {m} of {self.kind}, each a str.")
        return (self._ids(steps) if self.letters is None else self._spell(steps)), last

    def _encode_numbers(self, name, x):
        if kind_of(x) != "numbers":
            raise ShapeError(f"{name} holds text; expected numbers, as in fit.")
        x = numeric(name, x, columns=self.names, missing=True)
        self.check_features(name, x, "as in fit")
        for j in self.categories:
            check_categories(name, x[:, j], j)
        return self._scaled(name, x, self.filler.fill(x, name, self.names))

    def _scaled(self, name, x, filled):
        """Scale features, and turn categories into numbers from 0, the unknown one."""
        n, y = self.n_features, filled
        with np.errstate(all="ignore"):
            if self.mean is not None:
                y = (filled[:, :n] - self.mean) / self.scale
                if self.filler.n_masks:
                    y = np.concatenate([y, filled[:, n:]], axis=1)
            y = y.astype(np.float32)
        for j, values in self.categories.items():
            # float64 does not hold all integers: they are taken from x
            column = x[:, j] if x.dtype.kind in "iub" else filled[:, j]
            y[:, j] = _category_ids(values, column)
        if not np.isfinite(y).all():
            raise ConfigError(f"{name} holds numbers too large for float32.")
        return y

    def _ids(self, tokens):
        assert self.vocabulary is not None
        return self.vocabulary.ids([key_of(t, self.lowercase) for t in tokens])

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
            n_inputs = self.n_features + self.filler.n_masks
            if not self.categories:
                return [], n_inputs
            tokens = {j: (1 + len(v), model.embedding) for j, v in self.categories.items()}
            layer = FeatureEmbedding(n_inputs, tokens)
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
        """Return everything, ready for JSON; what earlier versions lack only where it is needed."""
        added: dict[str, Any] = {"names": list(self.names)} if self.names else {}
        if self.frame != NO_COLUMNS:
            added["frame"] = self.frame.to_json()
        if self.filler.method != "raise":
            fill = np.nan_to_num(self.filler.mean)  # NaN stands for categories
            added |= {"missing": self.filler.method, "fill": fill.tolist()}
        return added | {
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
        encoder._read_json(state)
        if kind != "numbers":
            encoder.vocabulary = Vocabulary.from_json(state["vocabulary"])
        if kind == "words" and model.char_units:
            encoder.letters = Vocabulary.from_json(state["letters"])
        if kind != "numbers" and encoder.categories:
            raise ConfigError("it has categories of text.")
        return encoder

    def _read_json(self, state):
        """Read names and missing values, which files of earlier versions do not have."""
        names, method = state.get("names", []), state.get("missing", "raise")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ConfigError("its names are not a list of str.")
        if method not in get_args(Missing):
            raise ConfigError(f"it fills missing values by {method!r}.")
        self.names, self.frame = tuple(names), FrameColumns.from_json(state.get("frame", {}))
        if method != "raise":
            mean = finite_row("fill", state["fill"], self.n_features)
            self.filler = self.filler_of(method, mean)


def _category_ids(values, column):
    """Return 1 + the place of each number among the known values, 0 where it is not among them."""
    there = column == column  # not NaN
    whole = np.where(there, column, 0).astype(np.int64)
    k = np.searchsorted(values, whole).clip(max=max(0, len(values) - 1))
    known = there & (values[k] == whole) if len(values) else np.zeros(len(column), bool)
    return np.where(known, 1 + k, 0)


def key_of(word: str, lowercase: bool) -> str:
    """Return how the vocabulary writes a word."""
    return word.lower() if lowercase else word
