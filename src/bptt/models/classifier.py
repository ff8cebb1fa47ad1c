"""One label, or one number, for a whole sequence."""

from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError, ShapeError
from ..layers import Pool
from ..layers.pool import WAYS
from ..training import SquaredError
from .encoder import finite_row, mean_and_scale, scale_row
from .files import register
from .labels import Classes, as_labels
from .sequences import as_sequences, from_elsewhere, numeric, r2
from .supervised import SequenceModel


@dataclass(kw_only=True, repr=False, eq=False)
class Pooled(SequenceModel):
    """A model with one target a sequence.

    Parameters
    ----------
    pooling : {"last", "mean", "max"}
        What is made of the steps of a sequence: see `bptt.layers.Pool`.
    """

    pooling: str = "last"

    def _check_hyperparameters(self):
        super()._check_hyperparameters()
        self._check_choice("pooling", WAYS)

    def _pool(self):
        return lambda n: Pool(n, self.pooling, bidirectional=self.bidirectional)

    def _one_each(self, where, name, sequences, y):
        """Return the targets as an array, one each."""
        if y is None:
            raise ConfigError(
                f"{where}: requires y to be passed, but the target y is None; expected one target "
                f"a sequence."
            )
        try:
            y = np.asarray(from_elsewhere(where, y))
        except ValueError:  # lists of different lengths
            raise ShapeError(f"{where}: {name} is ragged; expected one target each.") from None
        n = len(y) if y.ndim else 0
        if n != len(sequences):
            raise ShapeError(
                f"{where}: {name} has {n} targets; expected {len(sequences)}, one a sequence."
            )
        return y


@register
@dataclass(kw_only=True, repr=False, eq=False)
class SequenceClassifier(Pooled, Classes):
    """One label for each sequence.

    Sequences are arrays of numbers, of categories, or of both, strings, or lists of words; they may
    differ in length. It works in scikit-learn's pipelines and searches, where X is a list.

    Parameters
    ----------
    <those of all models>
    <those of sequence models>
    class_weight : None, "balanced" or dict of class to float
        Multiplies the loss of what belongs to a class.
    pooling : {"last", "mean", "max"}
        What is made of the steps of a sequence: the last state (of both directions, where there
        are two), or mean or maximum over the steps that exist.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Sorted.
    mean_, scale_ : ndarray of float64, shape (n_features,), or None
    vocabulary_ : list of str, or None
    network_, parameters_, history_, interrupted_
        See `bptt.models.base.Model`; the losses are nats per sequence.

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

    items = "sequences"
    command, reads = "classify", "labels"
    example = "vowels_train.ts --test vowels_test.ts --bidirectional --pooling mean"

    def _targets(self, where, name, sequences, y):
        return as_labels(where, name, self._one_each(where, name, sequences, y))

    def _encoded(self, where, name, targets):
        return self._numbers(where, name, targets)

    def predict_proba(self, X, lengths=None):
        """Probability of every class, for each sequence.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray of float64, shape (n, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        ShapeError, ConfigError
            The model is not fitted; a sequence that is not as those of the training set.
        BpttError
            The model's parameters are too large to compute with.
        """
        return self._decoded(np.concatenate(self._outputs("predict_proba", X, lengths)))

    def predict(self, X, lengths=None):
        """Likeliest class of each sequence.

        Returns
        -------
        ndarray, shape (n,)
            Of the labels that `fit` was given.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict_proba`.
        """
        z = np.concatenate(self._outputs("predict", X, lengths))
        return self.classes_[z.argmax(axis=1)]

    def score(self, X, y, lengths=None):
        """Accuracy: the share of the sequences whose class is predicted.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict_proba`; a label that is no class of the training set.
        """
        self._check_fitted()
        where = f"{type(self).__name__}.score"
        sequences = as_sequences(where, X, lengths)
        truth = self._numbers(where, "y", self._targets(where, "y", sequences, y))
        z = np.concatenate(self._outputs("score", X, lengths))
        return float(np.mean(z.argmax(axis=1) == truth))

    def extent(self, X, y=None):
        """Return the amount of data in words: "270 sequences with 9 classes"."""
        return f"{super().extent(X)} with {len(set(() if y is None else y)):,} classes"

    def prediction_rows(self, X):
        """Yield the class of each sequence and its probability: rows of ``bptt predict``."""
        for p in self.predict_proba(X):
            yield str(self.classes_[p.argmax()]), f"{p.max():.4f}"

    def __sklearn_tags__(self):
        """Return what scikit-learn asks for."""
        return self._sklearn_tags("classifier", target=True)


@register
@dataclass(kw_only=True, repr=False, eq=False)
class SequenceRegressor(Pooled):
    """One number, or several, for each sequence.

    Parameters
    ----------
    <those of all models>
    <those of sequence models>
    pooling : {"last", "mean", "max"}
        What is made of the steps of a sequence.

    Attributes
    ----------
    y_mean_, y_scale_ : ndarray of float64, shape (n_targets,)
        Of the targets: the network predicts them with mean 0 and standard deviation 1.
    mean_, scale_, vocabulary_
        As for `SequenceClassifier`.
    network_, parameters_, history_, interrupted_
        See `bptt.models.base.Model`; the losses are half squared errors of scaled targets.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 9), 1)) for _ in range(60)]
    >>> y = [x.sum() for x in X]
    >>> model = SequenceRegressor(cell="gru", units=16, epochs=60, learning_rate=0.02)
    >>> model.fit(X, y, progress="silent").score(X, y) > 0.9
    True
    """

    items = "numbers"
    command, reads = "regress", "numbers"
    example = "engines.csv --sequence engine --label remaining --test others.csv"

    def _targets(self, where, name, sequences, y):
        y = self._one_each(where, name, sequences, y)
        columns = numeric(where, name, y).astype(np.float64)
        return columns[:, 0] if y.ndim == 1 else columns

    def _learn(self, targets):
        self._one_axis = targets.ndim == 1
        columns = targets.reshape(len(targets), -1)
        where = f"{type(self).__name__}.fit"
        self.y_mean_, self.y_scale_ = mean_and_scale(where, "y", columns)

    def _encoded(self, where, name, targets):
        columns = self._columns(where, name, targets)
        with np.errstate(over="ignore"):  # what is infinite stops the training
            return ((columns - self.y_mean_) / self.y_scale_).astype(np.float32)

    def _columns(self, where, name, targets):
        columns = targets.reshape(len(targets), -1)
        if columns.shape[1] != len(self.y_mean_):
            raise ShapeError(
                f"{where}: {name} has {columns.shape[1]} columns; expected {len(self.y_mean_)}, "
                f"as in fit."
            )
        return columns

    def _objective(self, targets):
        return SquaredError()

    def _n_out(self):
        return len(self.y_mean_)

    def _decoded(self, z):
        y = z.astype(np.float64) * self.y_scale_ + self.y_mean_
        return y[:, 0] if self._one_axis else y

    def predict(self, X, lengths=None):
        """Predict the targets of each sequence.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray of float64, shape (n,) or (n, n_targets)
            As y was in `fit`.

        Raises
        ------
        ShapeError, ConfigError
            The model is not fitted; a sequence that is not as those of the training set.
        BpttError
            The model's parameters are too large to compute with.
        """
        return self._decoded(np.concatenate(self._outputs("predict", X, lengths)))

    def score(self, X, y, lengths=None):
        """Coefficient of determination R2: 1 - residual sum of squares / that about the mean.

        The mean over the targets, where there are several.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict`.
        """
        self._check_fitted()
        where = f"{type(self).__name__}.score"
        truth = self._targets(where, "y", as_sequences(where, X, lengths), y)
        return r2(self._columns(where, "y", truth), self.predict(X, lengths))

    def prediction_rows(self, X):
        """Yield the numbers predicted for each sequence: rows of ``bptt predict``."""
        for row in self.predict(X).reshape(len(X), -1):
            yield tuple(f"{v:.8g}" for v in row)

    def _fitted(self):
        return super()._fitted() | {
            "y_mean": self.y_mean_.tolist(),
            "y_scale": self.y_scale_.tolist(),
            "one_axis": self._one_axis,
        }

    def _restore(self, fitted):
        super()._restore(fitted)
        self._one_axis, n = fitted["one_axis"], len(fitted["y_mean"])
        if not isinstance(self._one_axis, bool) or n < 1 or (self._one_axis and n > 1):
            raise ConfigError("its targets have no shape.")
        self.y_mean_ = finite_row("y_mean", fitted["y_mean"], n)
        self.y_scale_ = scale_row("y_scale", fitted["y_scale"], n)

    def __sklearn_tags__(self):
        """Return what scikit-learn asks for."""
        return self._sklearn_tags("regressor", target=True, multi_output=True)
