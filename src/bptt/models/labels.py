"""Class labels: strings or whole numbers, as the numbers of their classes and back."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..equations.activations import softmax
from ..errors import ConfigError, ShapeError
from ..training import CrossEntropy
from .hyperparameters import Optional, Weights, option, refusal
from .supervised import SequenceModel, each


def as_labels(where, name, y):
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
        raise ShapeError(f"{where}: {name} has shape {y.shape}; expected one label each, (n,).")
    if len(y) == 0:
        return np.zeros(0, np.int64)
    if y.dtype.kind == "O":
        kinds = {type(v) for v in y.tolist()}
        if kinds not in ({str}, {int}, {bool}):
            shown = ", ".join(sorted(k.__name__ for k in kinds))
            raise ConfigError(
                f"{where}: {name} holds {shown}. Unknown label type; expected labels of one kind."
            )
        y = np.array(y.tolist())
    if y.dtype.kind == "f":
        wrong = ~(np.isfinite(y) & (y == np.floor(y)))
        if wrong.any():
            raise ConfigError(
                f"{where}: {name} holds {y[wrong][0]}. Unknown label type: continuous numbers (or "
                f"NaN, inf) are for a regressor; expected class labels, str or whole numbers."
            )
        return y.astype(np.float64)
    if y.dtype.kind not in "iubU":
        what = "Complex data not supported" if y.dtype.kind == "c" else f"it is {y.dtype}"
        raise ConfigError(f"{where}: {name}: {what}; expected labels, str or whole numbers.")
    return y.astype(np.int64) if y.dtype.kind in "iu" else y


def numbers_of(where, name, labels, classes):
    """Return the place of each label among the classes.

    Raises
    ------
    ConfigError
        A label that is none of them: named with its index.
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
            f"{where}: {name}[{i}] is {labels[i].item()!r}; expected one of {listed}{more}, "
            f"the classes of the training set."
        )
    return places


def weights_of(model, classes, numbers):
    """Return the weight of every class, as ``class_weight`` says; None where all are 1.

    "balanced" is n / (classes * n of the class), as in scikit-learn.

    Raises
    ------
    ConfigError
    """
    given = model.class_weight
    if given is None:
        return None
    if given == "balanced":
        counts = np.bincount(numbers, minlength=len(classes))
        return len(numbers) / (len(classes) * np.maximum(counts, 1))
    known = classes.tolist()
    strange = [c for c in given if c not in known]
    if strange:
        raise refusal(model, "class_weight", f"classes of y alone; {strange[0]!r} is none of them")
    weights = np.array([float(given.get(c, 1.0)) for c in known])
    if not weights.any():
        raise refusal(model, "class_weight", "weights that are not all 0")
    return weights


def classes_from_json(values):
    """Read the classes of a file.

    Raises
    ------
    ConfigError
    """
    kinds = Counter(type(v) for v in values) if isinstance(values, list) else Counter()
    if len(kinds) != 1 or next(iter(kinds)) not in (str, int, bool, float):
        raise ConfigError("its classes are no list of labels of one kind.")
    classes = np.array(values)
    if classes.dtype.kind not in "iubUf" or len(np.unique(classes)) != len(classes):
        raise ConfigError("its classes are not distinct labels.")
    return classes


@dataclass(kw_only=True, repr=False, eq=False)
class Classes(SequenceModel):
    """A model whose targets are classes."""

    unit = "nats"
    measure = "accuracy"
    class_weight: Literal["balanced"] | dict[Any, float] | None = option(
        None,
        Optional(Weights()),
        'Factor of the loss of each class; classes that are not in the dict have 1. "balanced": '
        "inversely proportional to the frequency of the class. None: 1 for all.",
        group="Training",
    )

    def _learn(self, targets):
        labels = [as_labels("", "y", t) for t in each(targets) if len(t)]
        self.classes_ = np.unique(np.concatenate(labels)) if labels else np.zeros(0, np.int64)

    def _objective(self, targets):
        numbers = np.concatenate(each(targets))
        return CrossEntropy(weights_of(self, self.classes_, numbers))

    def _n_out(self):
        return len(self.classes_)

    def _numbers(self, where, name, labels):
        return numbers_of(where, name, labels, self.classes_)

    def _decoded(self, z):
        return softmax(z.T.astype(np.float64)).T

    def score_text(self, X, y=None):
        """Return the accuracy in words; `y` may hold labels as text, as data files do."""
        return super().score_text(X, _renamed(y, {str(c): c for c in self.classes_.tolist()}))

    def describe(self):
        """Return what the fitted model reads, and its classes: lines of ``bptt info``."""
        listed = ", ".join(map(str, self.classes_[:20].tolist()))
        return [*super().describe(), f"classes: {listed}" + ", ..." * (len(self.classes_) > 20)]

    def fitted_state(self):
        """Return the fitted attributes, ready for JSON."""
        return super().fitted_state() | {"classes": self.classes_.tolist()}

    def restore_state(self, state):
        """Set the fitted attributes from those of a file."""
        super().restore_state(state)
        self.classes_ = classes_from_json(state["classes"])


def _renamed(labels, names):
    """Return labels, or lists of them, with those replaced that have another name."""
    if isinstance(labels, list):
        return [_renamed(label, names) for label in labels]
    return names.get(labels, labels)
