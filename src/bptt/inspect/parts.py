"""Parts of a sequence that get a number each: values, steps, features, words or groups."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import ConfigError, ShapeError
from ..models import LanguageModel
from ..models.subwords import Subwords
from ..models.supervised import SequenceModel
from ..readers import Data
from .baselines import Vectors
from .inputs import Read
from .language import token_names

Per = Literal["value", "step", "feature", "word"] | Sequence[np.ndarray]


class Parts(NamedTuple):
    """The part of every value of every vector."""

    cells: list[np.ndarray]  # each (T_i, n), or (T_i, 1) where a step is one part
    shapes: list[tuple[int, ...]]  # of the numbers of each sequence

    def shaped(self, i: int, total: np.ndarray) -> np.ndarray:
        """Return the numbers of a sequence in their form; 0 for parts behind the last one seen."""
        shape = self.shapes[i]
        return np.pad(total, (0, int(np.prod(shape)) - len(total))).reshape(shape)


def parts_of(model: Any, X: Any, own: Read, whole: Vectors, per: Per) -> Parts:
    """Return the parts of all sequences.

    Raises
    ------
    ConfigError, ShapeError
        `per` is none of these; a feature of tokens or a word of numbers is asked for; groups do not
        fit the steps.
    """
    lengths, n = list(map(len, whole.arrays)), whole.n_features
    tokens = own.arrays[0].dtype.kind != "f"
    steps = [np.arange(k)[:, np.newaxis] for k in lengths]
    if not isinstance(per, str):
        return _grouped(per, lengths)
    if per == "word":
        texts, apart = _step_texts(model, X, own)
        return _grouped([np.arange(len(t)) if apart else word_groups(t) for t in texts], lengths)
    if per == "step" or (per == "value" and tokens):
        return Parts(steps, [(k,) for k in lengths])
    if per == "value":
        return Parts([k * n + whole.columns for k in steps], [(k, n) for k in lengths])
    if per != "feature":
        raise ConfigError(
            f"per is {per!r}; expected 'value', 'step', 'feature', 'word' or a list of groups."
        )
    if tokens:
        raise ConfigError("per is 'feature', and X holds tokens; expected 'step' or 'word'.")
    cells = [np.broadcast_to(whole.columns, (k, len(whole.columns))) for k in lengths]
    return Parts(cells, [(n,)] * len(lengths))


def _grouped(groups, lengths):
    if not isinstance(groups, (list, tuple)) or len(groups) != len(lengths):
        raise ConfigError(f"per has {len(groups)} arrays of groups; expected {len(lengths)}.")
    cells = []
    for i, (own, n) in enumerate(zip(groups, lengths, strict=True)):
        row = np.asarray(own)
        if row.shape != (n,) or row.dtype.kind not in "iu" or row.min() < 0:
            raise ShapeError(
                f"per[{i}] has the shape {row.shape} of {row.dtype}; expected the group 0, 1, ... "
                f"of each of {n} steps."
            )
        cells.append(row.astype(np.int64)[:, np.newaxis])
    return Parts(cells, [(int(row.max()) + 1,) for row in cells])


def word_groups(text: Sequence[str]) -> np.ndarray:
    """Return the number of the word that each character of a text, or each token, is in.

    White space belongs to the word before it, but for that with which a token begins a word.

    Examples
    --------
    >>> word_groups("the cat  sat")
    array([0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2])
    >>> word_groups(["the", " ca", "t", " ", "sat"])
    array([0, 1, 1, 1, 2])
    """
    words = np.array([bool(t) and not t.isspace() for t in text], bool)
    first = np.array([t[:1].isspace() for t in text], bool)
    after = np.array([True, *(t[-1:].isspace() for t in text)], bool)[:-1]
    return np.maximum(np.cumsum(words & (first | after)) - 1, 0)


def _step_texts(model: Any, X: Any, own: Read) -> tuple[list[list[str]], bool]:
    """Return the text of every step, and whether each step is a word, without white space.

    Raises
    ------
    ConfigError
        X holds numbers, or the model is a network.
    """
    if isinstance(model, LanguageModel):
        names, splitter = token_names(model), model.encoder_.splitter
        if isinstance(splitter, Subwords):
            names = _spelled(names)
        apart = getattr(splitter, "separator", "") != ""
        return [[names[i] for i in x] for x in own.arrays], apart
    if isinstance(model, SequenceModel):
        X = model.sequences(X)
    values = X.X if isinstance(X, Data) else X
    tokens = own.arrays[0].dtype.kind != "f" and isinstance(values, (list, tuple, np.ndarray))
    texts = [list(row) for row in values] if tokens else []
    if not texts or not all(isinstance(t, str) for row in texts for t in row):
        raise ConfigError("per is 'word', and X holds no text; expected texts, or groups of steps.")
    return texts, not isinstance(values[0], str)


def _spelled(subwords):
    """Return subwords with the white space that their marks stand for."""
    if any(token.startswith("##") for token in subwords):  # WordPiece marks what goes on
        return [t[2:] if t.startswith("##") else f" {t}" for t in subwords]
    return [t.translate({0x120: " ", 0x10A: "\n", 0x2581: " "}) for t in subwords]
