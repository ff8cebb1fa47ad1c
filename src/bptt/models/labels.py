"""Class labels as targets: str or whole numbers become class ids, logits become probabilities."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..equations.activations import softmax
from ..errors import ConfigError, ShapeError
from ..training import CrossEntropy
from .hyperparameters import refusal
from .targets import Arrays, each, one_each


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
        return (
            _labels_of_steps(sequences, y) if per_step else as_labels("y", one_each(sequences, y))
        )

    @classmethod
    def learn(cls, targets: Arrays) -> "Labels":
        """Collect the classes of a training set."""
        labels = [t for t in each(targets) if len(t)]
        return cls(np.unique(np.concatenate(labels)) if labels else np.zeros(0, np.int64))

    def encode(self, targets: Arrays) -> Arrays:
        """Return the class ids of labels.

        Raises
        ------
        ConfigError
            A label is not a class of the training set.
        """
        if isinstance(targets, np.ndarray):
            return class_ids("y", targets, self.classes)
        return [class_ids(f"y[{i}]", t, self.classes) for i, t in enumerate(targets)]

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
        classes = np.array(values)
        if classes.dtype.kind not in "iubUf" or len(np.unique(classes)) != len(classes):
            raise ConfigError("its classes are not distinct labels.")
        return cls(classes)


def _labels_of_steps(sequences, y):
    """Return a list of arrays of labels, one label for each time step."""
    if y is None:
        raise ConfigError(
            "requires y to be passed, but the target y is None; expected a label for every step."
        )
    if len(y) != len(sequences):
        raise ShapeError(f"y has {len(y)} sequences of labels; expected {len(sequences)}.")
    padded = isinstance(y, np.ndarray) and y.ndim == 2
    targets = []
    for i, (labels, x) in enumerate(zip(y, sequences, strict=True)):
        if isinstance(labels, str) or np.ndim(labels) == 0:
            raise ShapeError(f"y[{i}] is {labels!r}; expected a label for every step.")
        labels = as_labels(f"y[{i}]", labels[: len(x)] if padded else labels)
        if len(labels) != len(x):
            raise ShapeError(
                f"y[{i}] has {len(labels)} labels; expected {len(x)}, because X[{i}] has as many "
                f"steps."
            )
        targets.append(labels)
    if len({t.dtype.kind for t in targets if len(t)}) > 1:
        raise ConfigError("y mixes text and numbers; expected labels of one kind.")
    return targets


def as_labels(name: str, y: Any) -> np.ndarray:
    """Return labels as an array of str, int64 or bool, or of whole floats.

    Raises
    ------
    ShapeError
        Not one axis.
    ConfigError
        Mixed, missing or continuous labels.
    """
    y = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1:
        raise ShapeError(f"{name} has shape {y.shape}; expected one label each, (n,).")
    if len(y) == 0:
        return np.zeros(0, np.int64)
    if y.dtype.kind == "O":
        kinds = {type(v) for v in y.tolist()}
        if kinds not in ({str}, {int}, {bool}):
            shown = ", ".join(sorted(k.__name__ for k in kinds))
            raise ConfigError(
                f"{name} holds {shown}. Unknown label type; expected labels of one kind."
            )
        y = np.array(y.tolist())
    if y.dtype.kind == "f":
        wrong = ~(np.isfinite(y) & (y == np.floor(y)))
        if wrong.any():
            raise ConfigError(
                f"{name} holds {y[wrong][0]}. Unknown label type: continuous numbers (or "
                f"NaN, inf) are for a regressor; expected class labels, str or whole numbers."
            )
        return y.astype(np.float64)
    if y.dtype.kind not in "iubU":
        what = "Complex data not supported" if y.dtype.kind == "c" else f"it is {y.dtype}"
        raise ConfigError(f"{name} cannot be read: {what}; expected labels, str or whole numbers.")
    return y.astype(np.int64) if y.dtype.kind in "iu" else y


def class_ids(name: str, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the index of each label among the classes.

    Raises
    ------
    ConfigError
        A label is not a class of the training set.
    """
    if len(labels) == 0:
        return np.zeros(0, np.int64)
    if labels.dtype.kind == "U" or classes.dtype.kind == "U":
        known = {c: k for k, c in enumerate(classes.tolist())}
        places = np.array([known.get(v, -1) for v in labels.tolist()], np.int64)
    else:
        places = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
        places = np.where(classes[places] == labels, places, -1)
    if (places < 0).any():
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
