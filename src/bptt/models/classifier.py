"""Sequence classification: one label for each sequence."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..errors import ConfigError, operation
from ..layers.pool import Pooling
from ..readers import Data
from ..training import SequenceBatches
from ..training.display import DisplayMode
from . import reports
from .files import register
from .fitted import as_fitted, fitting
from .hyperparameters import Choice, Optional, Weights, option
from .inputs import as_data
from .label_arrays import as_labels
from .labels import Labels, unknown_note
from .reports import Report
from .scikit_learn import tags
from .supervised import SequenceModel
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
            warnings.warn(f"{note} They count as wrong.", stacklevel=4)
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
            warnings.warn(f"{note} Sequences left out of the loss: {left}.", stacklevel=6)
        ids = ids[kept] if isinstance(ids, np.ndarray) else [ids[i] for i in kept]
        return SequenceBatches([inputs[i] for i in kept], ids, self.batch_size)

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


@register
@dataclass(kw_only=True, repr=False, eq=False)
class SequenceClassifier(LabelModel):
    """Classify sequences: predict one label for each.

    A sequence is an array of numbers or categories, a str, or a list of words. Sequences may differ
    in length. The model works in scikit-learn's pipelines and searches, where X is a list.

    Parameters
    ----------
    cell : str or bptt.equations.Cell, default="lstm"
        Recurrent cell. "gru_reset_after" applies the reset gate after the matrix product, as
        PyTorch and Keras do. `bptt.equations.CELLS` holds the names.
    units : int, default=128
        Hidden units of each recurrent layer; of each direction where there are two.
    layers : int, default=1
        Number of stacked recurrent layers.
    dropout : float, default=0.0
        Probability that a feature is set to zero during training, between recurrent layers and
        before the output layer.
    input_dropout : float, default=0.0
        Dropout probability of the input of the first recurrent layer.
    initial_state : {"zero", "learned"}, default="zero"
        State before the first time step: zeros, or learned like the weights.
    bidirectional : bool, default=False
        Process each sequence in both directions. A bidirectional model cannot stream.
    embedding : int, default=32
        Size of the embedding of a category, character or word.
    char_units : int, default=0
        Hidden units of a bidirectional LSTM over the characters of each word; its final states are
        concatenated with the word's embedding. 0: none.
    char_embedding : int, default=16
        Size of the embedding of a character in that LSTM.
    pooling : {"last", "mean", "max"}, default="last"
        How the time steps of a sequence become one: the final state (of both directions, where
        there are two), or the mean or maximum over all steps.
    standardize : bool, default=True
        Scale numeric features to mean 0 and standard deviation 1, computed on the training set.
    categories : sequence of int, "all" or None, default=None
        Columns of X with integer categories; each gets an embedding.
    missing : {"raise", "interpolate", "forward", "indicator"}, default="raise"
        Treatment of missing values (NaN). "raise": refuse them. "interpolate": linear between the
        neighbors in time, the nearest value at the ends. "forward": the last value; at the start
        the mean of the training set. "indicator": the mean of the training set, and a mask for each
        feature, 1 where its value is missing, as an additional input.
    max_vocabulary : int or None, default=None
        Keep only the most frequent characters or words; all others are read as one unknown token.
        None: keep all.
    min_count : int, default=1
        Characters or words that occur less often in the training set are read as one unknown token.
    lowercase : bool, default=True
        Look words up in lower case. The characters that `char_units` reads keep their case.
    batch_size : int, default=32
        Sequences, windows of a series, or parallel streams of a text in one training step.
    micro_batches : int, default=1
        Parts into which each batch is divided; their gradients are added in a fixed order. Above 1,
        the result is bit-identical for any number of ranks (`distributed`), and dropout masks are
        drawn for each part.
    local_steps : int (steps), default=1
        Training steps between two averages of parameters. Above 1, each of the `micro_batches`
        parts trains parameters and an optimizer of its own in between, so that ranks exchange them
        once in `local_steps` steps: for slow networks and large models.
    local_after : float, default=0.0
        With `local_steps`, the share of the training before the first local step (post-local SGD);
        until then gradients are added in each step.
    outer_learning_rate : float, default=1.0
        With `local_steps`, the factor of the mean change of the parts' parameters. 1, without
        `outer_momentum`: the parameters become their mean.
    outer_momentum : float, default=0.0
        With `local_steps`, Nesterov momentum of the mean change; DiLoCo takes 0.9 and an
        `outer_learning_rate` of 0.7.
    epochs : int, default=10
        Passes over the training data.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}, default="adam"
        Optimization algorithm.
    learning_rate : float, default=0.002
        Step size of the optimizer; with a schedule or a warm-up, its largest value.
    momentum : float, default=0.9
        Momentum of "sgd" and "rmsprop". "adam" and "adamw" ignore it.
    weight_decay : float, default=0.0
        L2 penalty: `weight_decay * weight` is added to the gradient. With "adamw", decoupled decay:
        weights shrink by `learning_rate * weight_decay` each step. Not applied to biases.
    grad_clip : float, default=5.0
        Largest Euclidean norm of all gradients together; larger gradients are scaled down to it.
    schedule : {"constant", "cosine", "plateau"}, default="constant"
        Learning rate after the warm-up: constant; decreasing to 0 along a cosine; or halved after 2
        epochs without a lower loss.
    warmup : int (steps), default=0
        Training steps in which the learning rate increases linearly to `learning_rate`.
    patience : int or None (epochs), default=None
        Early stopping: training stops after this many epochs without a lower validation loss, and
        the parameters with the lowest are kept. None: train for all epochs, keep the last
        parameters.
    validation_fraction : float, default=0.0
        Fraction of the data that is held out and scored after each epoch. 0: none.
    seed : int, default=0
        Seed of the random numbers: initial parameters, order of the batches, dropout, held-out
        data.
    warm_start : bool, default=False
        Go on from the fitted parameters in the next `fit`, with new data or another learning rate.
        Vocabulary, classes and scaling stay those of the model; the optimizer starts afresh.
    verbose : bool or int, default=True
        Show the progress of `fit` where its `progress` is "auto". 0 or False: nothing is shown.
    class_weight : "balanced", dict of class to float or None, default=None
        Factor of the loss of each class; classes that are not in the dict have 1. "balanced":
        inversely proportional to the frequency of the class. None: 1 for all.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The classes of the training set, sorted.
    mean_, scale_ : ndarray of float64, shape (n_features,), or None
        Mean and standard deviation of the features over the training set.
    vocabulary_ : list of str, or None
        Known characters or words, sorted.
    network_ : bptt.Network
    parameters_ : dict of str to ndarray of float32
    history_ : list of dict
        One entry for each epoch: epoch, step, loss and validation (nats per sequence), grad_norm,
        learning_rate, seconds, steps_per_second.
    best_epoch_ : int or None
        Epoch with the lowest validation loss; with `patience` its parameters are kept. None where
        nothing was held out.
    interrupted_ : bool
        Whether Ctrl-C, SIGTERM or `on_step` ended the training early.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 9), 2)).cumsum(axis=0) for _ in range(40)]
    >>> y = ["up" if x[-1, 0] > 0 else "down" for x in X]
    >>> model = SequenceClassifier(cell="gru", units=8, epochs=40, learning_rate=0.02)
    >>> model.fit(X, y, progress="silent").score(X, y) > 0.9
    True
    >>> model.predict_proba(X[:3]).shape
    (3, 2)
    """

    pooling: Pooling = option(
        "last",
        Choice(Pooling),
        "How the time steps of a sequence become one: the final state (of both directions, where "
        "there are two), or the mean or maximum over all steps.",
        group="Model",
    )

    items: ClassVar[str] = "sequences"
    command: ClassVar[str] = "classify"
    reads: ClassVar[str] = "labels"
    example: ClassVar[str] = "vowels_train.ts --test vowels_test.ts --bidirectional --pooling mean"

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "270 sequences with 9 classes"."""
        X, y = Data.parts(X, y)
        n = 0 if y is None else len(set(y))
        classes = "" if y is None else f" with {n:,} class{'es' * (n != 1)}"
        return f"{super().extent(X)}{classes}"

    def prediction_rows(self, X: Any) -> Iterator[tuple[Any, ...]]:
        """Yield a heading, then id, class and all probabilities: rows of ``bptt predict``."""
        data = as_data(X)
        yield data.ids_name or "id", "class", *map(str, self.classes_.tolist())
        ids = range(len(data.X)) if data.ids is None else data.ids
        for name, p in zip(ids, self.predict_proba(data), strict=True):
            yield name, str(self.classes_[p.argmax()]), *p.tolist()

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn."""
        return tags("classifier", target=True)
