"""Probabilities of a language model's tokens."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..equations.losses import softmax
from ..errors import ConfigError, operation
from ..models import LanguageModel
from ..models.scikit_learn import check_fitted
from ..safe_files import replacing
from .inputs import Read, need_counts, output_names, read
from .trace import LIMIT, trace

_ROWS = 4096  # steps whose probabilities are computed at a time


class Probabilities(NamedTuple):
    """Probabilities of the tokens of each text, given those before; one array for each text.

    A text of T tokens has T - 1 rows: row t is the prediction of token t + 1.
    """

    tokens: list[list[str]]  # (T,): end marks of documents are "", unknown tokens U+FFFD
    true: list[np.ndarray]  # (T - 1,) of float64: of the token that follows
    rank: list[np.ndarray]  # (T - 1,): number of tokens that are likelier than the true one
    entropy: list[np.ndarray]  # (T - 1,) of float64: of the prediction, in nats
    top: list[np.ndarray]  # (T - 1, k) of float64: of the likeliest tokens, falling
    top_ids: list[np.ndarray]  # (T - 1, k)
    names: list[str]  # of all token ids

    @property
    def nats(self) -> float:
        """Mean of -log p of the true tokens: the model's ``cross_entropy``."""
        return float(-np.log(np.concatenate(self.true)).mean())

    def save_csv(self, path: str | Path) -> None:
        """Save a table: a row for each token with its probability and the likeliest ones."""
        k = self.top[0].shape[1]
        best = [name for i in range(1, k + 1) for name in (f"top{i}", f"p{i}")]
        text = StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["text", "step", "token", "p", "rank", "entropy", *best])
        for i, tokens in enumerate(self.tokens):
            columns = (self.true, self.rank, self.entropy, self.top, self.top_ids)
            each = zip(*(column[i] for column in columns), strict=True)
            for t, (p, rank, entropy, top, ids) in enumerate(each, 1):
                found = [v for j, q in zip(ids, top, strict=True) for v in (self.names[j], q)]
                rows.writerow([i, t, tokens[t], p, rank, entropy, *found])
        with replacing(path) as file:
            file.write(text.getvalue().encode())


def token_names(model: Any) -> list[str]:
    """Return the text of each token id of a language model.

    Raises
    ------
    ConfigError
        The model is no fitted language model.
    """
    if not isinstance(model, LanguageModel):
        raise ConfigError(f"the model is a {type(model).__name__}; expected a LanguageModel.")
    check_fitted(model)
    return output_names(model) or []


@operation
def tokens(model: Any, X: Any) -> list[list[str]]:
    """Return the tokens that a language model reads of each text, one for each step of a trace.

    The end marks of documents are empty, unknown tokens U+FFFD.

    Raises
    ------
    ConfigError
        As for `trace`; the model is no language model.
    """
    names = token_names(model)
    return [[names[i] for i in ids] for ids in read(model, X).arrays]


@operation
def probabilities(model: Any, X: Any, *, top: int = 5, limit: int = LIMIT) -> Probabilities:
    """Return the probability of every token beside the likeliest ones.

    Parameters
    ----------
    model : LanguageModel
    X : str, list of documents or TokenFile
        The hidden state is carried through a whole text.
    top : int
        How many of the likeliest tokens are returned.
    limit : int (bytes)
        Largest size of the logits of all tokens.

    Raises
    ------
    ConfigError
        As for `trace`; the model is no language model; a text has fewer than two tokens.

    Examples
    --------
    >>> model = LanguageModel(units=8, epochs=1, batch_size=2, verbose=0).fit("abc " * 100)
    >>> found = probabilities(model, "abcabc", top=2)
    >>> found.top[0].shape, bool(np.isclose(found.nats, model.cross_entropy("abcabc")))
    ((5, 2), True)
    """
    names = token_names(model)
    need_counts(top=top)
    return predicted(read(model, X), names, top, limit)


def predicted(source: Read, names: list[str], top: int, limit: int = LIMIT) -> Probabilities:
    """Return the probabilities of the tokens of some sequences; `names` are those of all ids.

    Raises
    ------
    ConfigError
        A sequence has fewer than two tokens, or the logits are too large.
    """
    short = min(map(len, source.arrays))
    if short < 2:
        raise ConfigError(
            f"a text has {short} tokens; expected at least 2: the first is only read."
        )
    y = f"{list(source.network.layers)[-1]}.y"
    logits = trace(source.network, source.arrays, source.parameters, names=y, limit=limit)[y]
    found = [
        _of_text(rows, ids, min(top, len(names)))
        for rows, ids in zip(logits, source.arrays, strict=True)
    ]
    texts = [[names[i] for i in ids] for ids in source.arrays]
    return Probabilities(texts, *map(list, zip(*found, strict=True)), names)  # type: ignore[arg-type]


def _of_text(logits, ids, k):
    """Return the arrays of one text."""
    parts = []
    for begin in range(0, len(ids) - 1, _ROWS):
        true = ids[begin + 1 : begin + 1 + _ROWS, np.newaxis]
        p = softmax(logits[begin : begin + len(true)].T.astype(np.float64)).T
        own = np.take_along_axis(p, true, axis=1)
        best = np.argsort(-p, axis=1, kind="stable")[:, :k]
        entropy = -(p * np.log(np.maximum(p, np.finfo(float).tiny))).sum(axis=1)
        rank = (p > own).sum(axis=1)
        parts.append((own[:, 0], rank, entropy, np.take_along_axis(p, best, axis=1), best))
    return tuple(map(np.concatenate, zip(*parts, strict=True)))
