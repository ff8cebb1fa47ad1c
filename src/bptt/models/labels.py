"""Class labels as targets: str or whole numbers become class ids, logits become probabilities."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..equations.activations import softmax
from ..errors import ConfigError
from ..training import CrossEntropy
from .hyperparameters import refusal
from .label_arrays import joined, labels_of_sequences, labels_of_steps, whole
from .targets import Arrays, each


class Labels:
    """Class labels, one for each sequence or one for each time step.

    Parameters
    ----------
    classes : ndarray, shape (n_classes,)
        Sorted.
    """

    def __init__(self, classes: np.ndarray):
        self.classes: np.ndarray = classes
        self.n_outputs: int = len(classes)

    @staticmethod
    def read(sequences: Sequence[Any], y: Any, per_step: bool) -> Arrays:
        """Return the labels of sequences as arrays.

        Raises
        ------
        ShapeError, ConfigError
        """
        return labels_of_steps(sequences, y) if per_step else labels_of_sequences(sequences, y)

    @classmethod
    def learn(cls, targets: Arrays) -> "Labels":
        """Collect the classes of a training set."""
        labels = [t for t in each(targets) if len(t)]
        return cls(np.unique(joined(labels)) if labels else np.zeros(0, np.int64))

    def check_classes(self, classes: np.ndarray) -> None:
        """Refuse classes that are not those of the training set.

        Raises
        ------
        ConfigError
        """
        given = np.unique(classes).tolist()
        if given != self.classes.tolist():
            raise ConfigError(
                f"classes is {given}; expected {self.classes.tolist()}, those of the first call."
            )

    def encode(self, targets: Arrays, *, unknown: bool = False) -> Arrays:
        """Return the class ids of labels.

        Parameters
        ----------
        targets : ndarray, or list of ndarray
        unknown : bool
            Return -1 for a label that is not a class of the training set; otherwise raise.

        Raises
        ------
        ConfigError
            A label is not a class of the training set.
        """
        if isinstance(targets, np.ndarray):
            return class_ids("y", targets, self.classes, unknown)
        return [class_ids(f"y[{i}]", t, self.classes, unknown) for i, t in enumerate(targets)]

    def unknown_note(self, targets: Arrays) -> str | None:
        """Return a sentence about the labels that are not classes of the training set, or None.

        "Labels of classes that are not in the training set: 1 of 5 ('B-ORG')."
        """
        labels = [t for t in each(targets) if len(t)]
        ids = [class_ids("y", t, self.classes, True) for t in labels]
        strange = Counter(v for t, i in zip(labels, ids, strict=True) for v in t[i < 0].tolist())
        return unknown_note(strange, sum(map(len, labels))) if strange else None

    def by_name(self, y: Any) -> tuple["Labels", Any]:
        """Return the classes by their names, and labels that are text with the same names.

        Data files hold "1" and "true" where the labels of a training set may be 1, 1.0 or True.
        Where the classes are text, or the labels are not, both are returned as they are.
        """
        if self.classes.dtype.kind == "U" or not (isinstance(y, list) and _first(y, str)):
            return self, y
        names = {name: str(c) for c in self.classes.tolist() for name in _names(c)}
        return Labels(np.array(list(map(str, self.classes.tolist())))), _replaced(y, names)

    def objective(self, encoded: Arrays, model: Any) -> CrossEntropy:
        """Return the cross-entropy with the class weights of a model."""
        return CrossEntropy(class_weights(model, self.classes, np.concatenate(each(encoded))))

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes from logits, both of shape (n, n_classes)."""
        return softmax(outputs.T.astype(np.float64)).T

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {"classes": self.classes.tolist()}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Labels":
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError
        """
        values = state["classes"]
        kinds = Counter(type(v) for v in values) if isinstance(values, list) else Counter()
        if len(kinds) != 1 or next(iter(kinds)) not in (str, int, bool, float):
            raise ConfigError("its classes are not a list of labels of one kind.")
        classes = whole(values) if kinds.keys() == {int} else np.array(values)
        if classes.dtype.kind not in "iubUf" or len(np.unique(classes)) != len(classes):
            raise ConfigError("its classes are not distinct labels.")
        return cls(classes)


def _names(label):
    """Return how a label may be written in a data file."""
    if isinstance(label, bool):
        return (str(label), str(label).lower())
    whole = isinstance(label, float) and label.is_integer()
    return (str(label), str(int(label))) if whole else (str(label),)


def _first(labels, kind):
    """Return whether the first label of a list, or of a list in it, is of a kind."""
    first = next((label for label in labels if not isinstance(label, list) or label), None)
    return _first(first, kind) if isinstance(first, list) else isinstance(first, kind)


def _replaced(labels, names):
    if isinstance(labels, list):
        return [_replaced(label, names) for label in labels]
    return names.get(labels, labels)


def class_ids(
    name: str, labels: np.ndarray, classes: np.ndarray, unknown: bool = False
) -> np.ndarray:
    """Return the index of each label among the classes; with `unknown` -1 where it is none.

    Raises
    ------
    ConfigError
        A label is not a class of the training set.
    """
    if len(labels) == 0:
        return np.zeros(0, np.int64)
    if not len(classes):
        places = np.full(len(labels), -1)
    elif {"U", "u"} & {labels.dtype.kind, classes.dtype.kind}:
        known = {c: k for k, c in enumerate(classes.tolist())}
        places = np.array([known.get(v, -1) for v in labels.tolist()], np.int64)
    else:
        places = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
        places = np.where(classes[places] == labels, places, -1)
    if (places < 0).any() and not unknown:
        i = int(np.argmax(places < 0))
        listed = ", ".join(repr(c) for c in classes[:10].tolist())
        more = f", ... ({len(classes)} in all)" if len(classes) > 10 else ""
        raise ConfigError(
            f"{name}[{i}] is {labels[i].item()!r}; expected one of {listed}{more}, "
            f"the classes of the training set."
        )
    return places


def class_weights(model: Any, classes: np.ndarray, ids: np.ndarray) -> np.ndarray | None:
    """Return the weight of every class by ``class_weight`` of a model; None where all are 1.

    "balanced" is n / (classes * n of the class), as in scikit-learn.

    Raises
    ------
    ConfigError
    """
    given = model.class_weight
    if given is None:
        return None
    if given == "balanced":
        counts = np.bincount(ids, minlength=len(classes))
        return len(ids) / (len(classes) * np.maximum(counts, 1))
    known = classes.tolist()
    strange = [c for c in given if c not in known]
    if strange:
        raise refusal(model, "class_weight", f"classes of y alone; {strange[0]!r} is none of them")
    weights = np.array([float(given.get(c, 1.0)) for c in known])
    if not weights.any():
        raise refusal(model, "class_weight", "weights that are not all 0")
    return weights


def unknown_note(unknown: Counter[Any], n: int) -> str:
    """Return a sentence about labels, with their counts, that are no classes; n are there."""
    names = sorted(unknown)
    listed = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10)
    return (
        f"Labels of classes that are not in the training set: {unknown.total():,} of {n:,} "
        f"({listed})."
    )
