"""Models that predict class labels, of sequences or of time steps."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..errors import ConfigError, operation, warn
from ..readers import Data
from ..training import SequenceBatches
from ..training.display import DisplayMode
from . import reports
from .fitted import as_fitted, fitting
from .hyperparameters import option
from .kinds import Optional, Weights
from .label_arrays import as_labels
from .labels import Labels, unknown_note
from .reports import Report
from .supervised import SequenceModel
from .survey import chosen, lengths_of
from .tallies import LabelTally, in_parts
from .targets import each
from .training_sets import sample_weights


@dataclass(kw_only=True, repr=False, eq=False)
class LabelModel(SequenceModel):
    """A model that predicts class labels, of sequences or of time steps."""

    class_weight: Literal["balanced"] | dict[Any, float] | None = option(
        None,
        Optional(Weights()),
        'Factor of the loss of each class; classes that are not in the dict have 1. "balanced": '
        "inversely proportional to the frequency of the class. None: 1 for all.",
        group="Training",
    )

    unit: ClassVar[str] = "nats"
    measure: ClassVar[str] = "accuracy"
    label: ClassVar[str] = "class"  # what a label is called
    target: ClassVar[Any] = Labels

    @property
    def classes_(self) -> np.ndarray:
        """The classes of the training set, sorted: ndarray, shape (n_classes,)."""
        return self._target.classes

    @operation
    @fitting
    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        *,
        classes: Any = None,
        sample_weight: Any = None,
        progress: DisplayMode = "silent",
    ) -> Self:
        """Train for one pass over data; return the model.

        The first call begins a model: its scaling and vocabulary are those of this data. Later
        calls go on from its parameters, as `fit` does with `warm_start`; the optimizer starts
        afresh in each. Nothing is held out.

        Parameters
        ----------
        X, y, sample_weight, progress
            As for `fit`.
        classes : sequence of labels
            All classes that any call will have; may be left out after the first call.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `fit`; `classes` are missing in the first call, or differ from the model's.
        """
        if classes is not None:
            classes = as_labels("classes", classes)
        elif not hasattr(self, "parameters_"):
            raise ConfigError("classes is None; expected all classes in the first call.")
        return self._pass(X, y, classes=classes, sample_weight=sample_weight, progress=progress)

    @operation
    @as_fitted
    def predict_proba(self, X: Any, lengths: Any = None, *, group: str | int | None = None) -> Any:
        """Return the probability of every class.

        Parameters
        ----------
        X, lengths
            As for `fit`.
        group : str, optional
            Column of a data frame as for `fit`. Default: that of `fit`.

        Returns
        -------
        ndarray of float64, shape (n, n_classes); of a tagger, list of n arrays (T_i, n_classes)
            In the order of ``classes_``. Of a data frame with a group a DataFrame with the classes
            as columns; its index are the groups.

        Raises
        ------
        ShapeError, ConfigError
            The model is not fitted, or a sequence is not like those of the training set.
        BpttError
            The parameters are too large to compute with.
        """
        data, z = self._outputs(X, lengths, group)
        return self._joined(X, data, [self._target.decode(row) for row in z], group, self.classes_)

    @operation
    @as_fitted
    def predict(self, X: Any, lengths: Any = None, *, group: str | int | None = None) -> Any:
        """Return the most probable class.

        Parameters
        ----------
        X, lengths, group
            As for `predict_proba`.

        Returns
        -------
        ndarray, shape (n,); of a tagger, list of n arrays (T_i,)
            Labels as `fit` was given them. Of a data frame with a group a Series; its index are the
            groups. A tagger's list is in the order in which the groups first occur.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict_proba`.
        """
        data, z = self._outputs(X, lengths, group)
        return self._joined(X, data, [self.classes_[row.argmax(axis=1)] for row in z], group)

    @operation
    @as_fitted
    def score(
        self,
        X: Any,
        y: Any = None,
        lengths: Any = None,
        *,
        group: str | int | None = None,
        sample_weight: Any = None,
    ) -> float:
        """Return the accuracy: the fraction of labels that are predicted correctly.

        A label that is not a class of the training set counts as wrong.

        Parameters
        ----------
        X, y, lengths
            As for `fit`; without `y`, the labels are those of a Data, or of the column of a data
            frame that was named in `fit`.
        group
            As for `predict_proba`.
        sample_weight : sequence of n float, optional
            Weights of the sequences in the mean.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict_proba`.
        """
        data, targets = self._read_known(X, y, lengths, group)
        weights = sample_weights(sample_weight, len(data.X))
        if note := self._target.unknown_note(targets):
            warn(f"{note} They count as wrong.")
        ids = np.concatenate(each(self._target.encode(targets, unknown=True)))
        outputs = self._run(data)
        right = np.concatenate([z.argmax(axis=1) for z in outputs]) == ids
        if weights is None:
            return float(np.mean(right))
        return float(np.average(right, weights=np.repeat(weights, list(map(len, outputs)))))

    def _scored(self, inputs, targets):
        """Return batches of validation data without the sequences that hold unknown classes.

        Their loss would be infinite: their classes have no probability.
        """
        ids = self._target.encode(targets, unknown=True)
        kept = [i for i, k in enumerate(ids) if np.min(k, initial=0) >= 0]
        if len(kept) < len(ids):
            note = self._target.unknown_note(targets)
            if not kept:
                raise ConfigError(f"every sequence has an unknown label. {note}")
            left = f"{len(ids) - len(kept):,} of {len(ids):,}"
            warn(f"{note} Sequences left out of the loss: {left}.")
        ids = ids[kept] if isinstance(ids, np.ndarray) else [ids[i] for i in kept]
        scored = chosen(inputs, kept)
        return SequenceBatches(scored, ids, self.batch_size, lengths=lengths_of(scored))

    def _joined(self, X, data, parts, group, columns=None):
        """Return one array, with a row for each sequence; where steps are labeled, the list."""
        if self.pooling is None:
            return parts
        return self._named(X, data, np.concatenate(parts), group, columns)

    @operation
    @as_fitted
    def score_report(self, data: Data | Iterable[Data]) -> Report:
        """Return accuracy, the scores of each class, and which classes are confused.

        Parameters
        ----------
        data : Data or iterable of Data
            Its labels may be text, as data files hold them. Data may be given in parts.
        """
        tally = LabelTally()
        for part in in_parts(data):
            self._count(part, tally)
        report: Report = [f"{self.measure} {tally.accuracy:.4f}"]
        if tally.unknown:
            report.append(f"{unknown_note(tally.unknown, tally.n)} They count as wrong.")
        if self.pooling is None:
            report += reports.spans((own for own, _ in tally.pairs), tally.spans)
        try:
            report += reports.classification(
                tally.pairs, list(map(str, self.classes_.tolist())), self.label
            )
        except ConfigError as error:  # scikit-learn is not installed
            report.append(str(error))
        return sorted(report, key=lambda part: not isinstance(part, str))  # sentences first

    def _count(self, data, tally):
        """Count the true and predicted labels of data."""
        target, y = self._target.by_name(data.y)
        known, targets = self._read_known(data, y)
        names = np.array(list(map(str, self.classes_.tolist())), dtype=object)
        predicted = [names[z.argmax(axis=1)].tolist() for z in self._run(known)]
        truth = []
        for labels, ids in zip(each(targets), each(target.encode(targets, unknown=True)),
                               strict=True):  # fmt: skip
            own = labels.tolist()
            tally.unknown.update(label for label, k in zip(own, ids, strict=True) if k < 0)
            truth.append(
                [names[k] if k >= 0 else str(label) for label, k in zip(own, ids, strict=True)]
            )
        if self.pooling is not None:
            predicted = [list(chain(*predicted))]
        tally.add(truth, predicted, spans=self.pooling is None)

    def describe(self) -> list[str]:
        """Return what the fitted model reads, and its classes: lines of ``bptt info``."""
        listed = ", ".join(map(str, self.classes_[:20].tolist()))
        return [*super().describe(), f"classes: {listed}" + ", ..." * (len(self.classes_) > 20)]
