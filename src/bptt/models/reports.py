"""Scores in detail: tables of precision, recall and F1, confusion matrices, errors of regressors.

The metrics are those of scikit-learn; only spans are counted here, because it does not count them.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import extras
from .spans import count_spans, has_spans

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
    truth: Sequence[str], predicted: Sequence[str], classes: Sequence[str], what: str = "class"
) -> Report:
    """Return balanced accuracy, the scores of each class, and which are confused.

    Parameters
    ----------
    truth, predicted : sequence of str
        Labels of the same sequences or steps.
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
    occurring = set(truth) | set(predicted)
    labels = [c for c in classes if c in occurring] + sorted(occurring - set(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that only the predictions hold
        balanced = metrics.balanced_accuracy_score(truth, predicted)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    rows = [_row(c, precision[k], recall[k], f1[k], support[k]) for k, c in enumerate(labels)]
    for name in ("macro", "weighted"):
        averages = metrics.precision_recall_fscore_support(
            truth, predicted, labels=labels, zero_division=0, average=name
        )
        rows.append(_row(f"{name} average", averages[0], averages[1], averages[2], len(truth)))
    matrix = metrics.confusion_matrix(truth, predicted, labels=labels)
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


def spans(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Report:
    """Return precision, recall and F1 of spans, such as names; nothing where tags are no spans.

    Parameters
    ----------
    truth, predicted : sequence of sequences of str
        Tags of sentences: "B-PER", "I-PER", "O".
    """
    if not has_spans({tag for tags in truth for tag in tags}):
        return []
    kinds, (right, said, real) = count_spans(truth, predicted)
    rows = [_span_row(kind, *(n[kind] for n in (right, said, real))) for kind in kinds]
    total = _span_row("all", *(sum(n.values()) for n in (right, said, real)))
    heading = f"span F1 {total[3]} (exact spans, counted as conlleval does)"
    return [heading, Table("", ("span", "precision", "recall", "F1", "support"), (*rows, total))]


def _span_row(kind, right, said, real):
    precision, recall = right / said if said else 0.0, right / real if real else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return _row(kind, precision, recall, f1, real)


def regression(truth: np.ndarray, predicted: np.ndarray) -> Report:
    """Return the root mean square error and the mean absolute error, of each target.

    Raises
    ------
    ConfigError
        scikit-learn is not installed.
    """
    metrics = _metrics("for RMSE and MAE")
    truth, predicted = (a.reshape(len(a), -1) for a in (truth, predicted))
    rmse, mae = (
        metric(truth, predicted, multioutput="raw_values")
        for metric in (metrics.root_mean_squared_error, metrics.mean_absolute_error)
    )
    if len(rmse) == 1:
        return [f"RMSE {rmse[0]:.6g}, MAE {mae[0]:.6g}"]
    rows = (
        (str(k), f"{r:.6g}", f"{a:.6g}") for k, (r, a) in enumerate(zip(rmse, mae, strict=True))
    )
    return [Table("", ("target", "RMSE", "MAE"), tuple(rows))]


def _metrics(why) -> Any:
    return extras.load("sklearn.metrics", extra="scores", why=why)
