"""Scores in detail: tables of precision, recall and F1, confusion matrices, errors of regressors.

The metrics of classes are those of scikit-learn; it does not count spans.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import extras
from .spans import has_spans

MOST_CLASSES = 12  # of a confusion matrix that is shown whole
MOST_PAIRS = 12  # confused pairs that are listed instead


@dataclass(frozen=True)
class Table:
    """A table of a report: a heading, the names of the columns, and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Report = list[str | Table]


def classification(
    pairs: Mapping[tuple[str, str], int], classes: Sequence[str], what: str = "class"
) -> Report:
    """Return balanced accuracy, the scores of each class, and which are confused.

    Parameters
    ----------
    pairs : mapping of (true, predicted) to int
        How often a label of sequences or steps was predicted as another.
    classes : sequence of str
        Their order.
    what : str
        What a label is called: "class" or "tag".

    Raises
    ------
    ConfigError
        scikit-learn is not installed.
    """
    metrics = _metrics("for precision, recall, F1 and the confusion matrix")
    truth, predicted = map(list, zip(*pairs, strict=True))
    counts: dict[str, Any] = {"sample_weight": list(pairs.values())}
    occurring = {*truth, *predicted}
    labels = [c for c in classes if c in occurring] + sorted(occurring - set(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that only the predictions hold
        balanced = metrics.balanced_accuracy_score(truth, predicted, **counts)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0, **counts
    )
    rows = [_row(c, precision[k], recall[k], f1[k], support[k]) for k, c in enumerate(labels)]
    for name in ("macro", "weighted"):
        p, r, f, _ = metrics.precision_recall_fscore_support(
            truth, predicted, labels=labels, zero_division=0, average=name, **counts
        )
        rows.append(_row(f"{name} average", p, r, f, sum(pairs.values())))
    matrix = metrics.confusion_matrix(truth, predicted, labels=labels, **counts)
    return [
        f"balanced accuracy {balanced:.4f}",
        Table("", (what, "precision", "recall", "F1", "support"), tuple(rows)),
        _confusion(matrix, labels),
    ]


def _row(name: str, precision: float, recall: float, f1: float, support: float):
    return name, f"{precision:.4f}", f"{recall:.4f}", f"{f1:.4f}", f"{support:,.0f}"


def _confusion(matrix, labels):
    """Return the confusion matrix, or the most confused pairs of many classes."""
    if len(labels) <= MOST_CLASSES:
        rows = ((c, *map(str, row)) for c, row in zip(labels, matrix.tolist(), strict=True))
        title = "confusion matrix (rows: true, columns: predicted)"
        return Table(title, ("", *labels), tuple(rows))
    wrong = matrix * (1 - np.eye(len(labels), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(k), len(labels)) for k in order if wrong.flat[k]]
    rows = (
        (labels[i], labels[j], f"{wrong[i, j]:,}", f"{wrong[i, j] / matrix[i].sum():.1%}")
        for i, j in pairs
    )
    title = f"most confused pairs of the {len(labels)} ({np.sum(wrong):,} errors in all)"
    return Table(title, ("true", "predicted", "count", "of the true"), tuple(rows))


def spans(tags: Iterable[str], counts: tuple[Counter[str], Counter[str], Counter[str]]) -> Report:
    """Return precision, recall and F1 of spans, such as names; nothing where tags are no spans.

    Parameters
    ----------
    tags : iterable of str
        All true tags: "B-PER", "I-PER", "O".
    counts : tuple of Counter
        By type: spans that are predicted rightly, predicted, and true.
    """
    if not has_spans(set(tags)):
        return []
    right, said, real = counts
    kinds = sorted(set(said) | set(real))
    rows = [_span_row(kind, *(n[kind] for n in (right, said, real))) for kind in kinds]
    total = _span_row("all", *(sum(n.values()) for n in (right, said, real)))
    heading = f"span F1 {total[3]} (exact spans, counted as conlleval does)"
    return [heading, Table("", ("span", "precision", "recall", "F1", "support"), (*rows, total))]


def _span_row(kind, right, said, real):
    precision, recall = right / said if said else 0.0, right / real if real else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return _row(kind, precision, recall, f1, real)


def regression(rmse: np.ndarray, mae: np.ndarray) -> Report:
    """Return the root mean square error and the mean absolute error, of each target."""
    if len(rmse) == 1:
        return [f"RMSE {rmse[0]:.6g}, MAE {mae[0]:.6g}"]
    rows = (
        (str(k), f"{r:.6g}", f"{a:.6g}") for k, (r, a) in enumerate(zip(rmse, mae, strict=True))
    )
    return [Table("", ("target", "RMSE", "MAE"), tuple(rows))]


def _metrics(why) -> Any:
    return extras.load("sklearn.metrics", extra="scores", why=why)
