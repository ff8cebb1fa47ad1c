"""The loss of each sequence, by its length."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, ShapeError, operation
from ..models import LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger
from ..models.scikit_learn import check_fitted
from ..readers import Data

WITH_LOSS = (SequenceClassifier, SequenceTagger, SequenceRegressor, LanguageModel)


class LossByLength(NamedTuple):
    """Losses of sequences, and their mean in intervals of lengths."""

    edges: np.ndarray  # (k + 1,): intervals edges[i] <= length < edges[i + 1]
    mean: np.ndarray  # (k,): NaN where there is no sequence
    counts: np.ndarray  # (k,): sequences
    lengths: np.ndarray  # (n,), steps
    losses: np.ndarray  # (n,)


@operation
def loss_by_length(
    model: Any, X: Any, y: Any = None, edges: Sequence[float] | int = 5
) -> LossByLength:
    """Return the mean loss of sequences of similar lengths.

    The loss is the negative log-probability of the class in nats, for taggers and language models
    the mean over the steps; of a regressor the squared error, averaged over the targets.

    Parameters
    ----------
    model : fitted classifier, tagger, regressor or language model
    X : as the model's ``predict`` takes it, or `Data`; documents for a language model
    y : labels or targets, as ``score`` takes them; those of `Data`, and None for a language model
    edges : sequence of k + 1 float, or int
        Intervals edges[i] <= length < edges[i + 1], or the number of intervals with about as many
        sequences each.

    Returns
    -------
    LossByLength

    Raises
    ------
    ConfigError
        The model is not fitted or of another kind, a label is unknown, or edges do not rise.
    ShapeError
        There are more or fewer labels than sequences.
    """
    if not isinstance(model, WITH_LOSS):
        raise ConfigError(
            f"the model is a {type(model).__name__}; expected a classifier, tagger, regressor or "
            f"language model."
        )
    check_fitted(model)
    if isinstance(model, LanguageModel):
        if y is not None:
            raise ConfigError("y is given; expected None, because a language model has no labels.")
        X = X.X if isinstance(X, Data) else X
        X = [X] if isinstance(X, str) else X
        lengths = np.array([len(ids) - 1 for ids in model.network_inputs(X)])
        losses = -np.atleast_1d(model.sequence_log_prob(X)) / np.maximum(lengths, 1)
    else:
        X, y = model.sequences(X, y)
        lengths = np.array([len(x) for x in model.network_inputs(X)])
        if y is None or len(y) != len(lengths):
            raise ShapeError(
                f"y has {'no' if y is None else len(y)} labels; expected {len(lengths)}, one for "
                f"each sequence."
            )
        losses = np.array(_losses(model, X, y), np.float64)
    limits = _edges(edges, lengths)
    which = np.digitize(lengths, limits) - 1
    k = len(limits) - 1
    inside = (which >= 0) & (which < k)
    count = np.bincount(which[inside], minlength=k)
    sums = np.bincount(which[inside], losses[inside], minlength=k)
    mean = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    return LossByLength(limits, mean, count, lengths, losses)


def _losses(model, X, y):
    """Return the loss of each labeled sequence."""
    if isinstance(model, SequenceRegressor):
        error = np.asarray(model.predict(X), np.float64).reshape(len(y), -1)
        return ((error - np.asarray(y, np.float64).reshape(error.shape)) ** 2).mean(axis=1)
    column = {label: k for k, label in enumerate(model.classes_.tolist())}
    rows = []
    for p, own in zip(model.predict_proba(X), y, strict=True):
        labels = list(own) if isinstance(model, SequenceTagger) else [own]
        unknown = [label for label in labels if label not in column]
        if unknown:
            raise ConfigError(
                f"y has {unknown[0]!r}; expected one of {', '.join(map(str, column))}."
            )
        chosen = np.atleast_2d(p)[np.arange(len(labels)), [column[label] for label in labels]]
        with np.errstate(divide="ignore"):
            rows.append(-np.log(chosen).mean() if len(labels) else np.nan)
    return rows


def _edges(edges, lengths):
    if isinstance(edges, (int, np.integer)) and edges >= 1:
        found = np.unique(np.quantile(lengths, np.linspace(0, 1, edges + 1), method="lower"))
        return np.append(found[:-1] if len(found) > 1 else found, lengths.max() + 1).astype(float)
    limits = np.asarray(edges, np.float64)
    if limits.ndim != 1 or len(limits) < 2 or not (np.diff(limits) > 0).all():
        raise ConfigError(f"edges is {edges!r:.60}; expected at least two rising numbers.")
    return limits
