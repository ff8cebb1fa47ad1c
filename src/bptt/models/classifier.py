"""One label, or one number, for a whole sequence."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import ConfigError, ShapeError
from ..training import SquaredError
from .encoder import finite_row, mean_and_scale, scale_row
from .files import register
from .hyperparameters import Choice, option
from .labels import Classes, as_labels
from .scikit_learn import check_fitted, tags
from .sequences import as_sequences, from_elsewhere, numeric, r2
from .supervised import SequenceModel

Pooling = Literal["last", "mean", "max"]


@dataclass(kw_only=True, repr=False, eq=False)
class Pooled(SequenceModel):
    """A model with one target a sequence."""

    pooling: Pooling = option(
        "last",
        Choice(Pooling),
        "How the time steps of a sequence become one: the final state (of both directions, where "
        "there are two), or the mean or maximum over all steps.",
        group="Model",
    )

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
    """Classify sequences: one label for each sequence.

    Sequences are arrays of numbers, of categories, or of both, strings, or lists of words; they may
    differ in length. It works in scikit-learn's pipelines and searches, where X is a list.

    Parameters
    ----------
    cell : str or bptt.equations.Cell, default="lstm"
        Recurrent cell. "gru_reset_after" applies the reset gate after the matrix product, as
        PyTorch and Keras do. Names: rnn, rnn_relu, lstm, gru, gru_reset_after.
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
    max_vocabulary : int or None, default=None
        Keep only the most frequent characters or words; all others are read as one unknown token.
        None: keep all.
    min_count : int, default=1
        Characters or words that occur less often in the training set are read as one unknown token.
    lowercase : bool, default=True
        Look words up in lower case. The characters that `char_units` reads keep their case.
    batch_size : int, default=32
        Sequences, windows of a series, or parallel streams of a text in one training step.
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
    class_weight : "balanced", dict of class to float or None, default=None
        Factor of the loss of each class; classes that are not in the dict have 1. "balanced":
        inversely proportional to the frequency of the class. None: 1 for all.

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
        check_fitted(self)
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
        return tags("classifier", target=True)


@register
@dataclass(kw_only=True, repr=False, eq=False)
class SequenceRegressor(Pooled):
    """Predict one number, or several, for each sequence.

    Parameters
    ----------
    cell : str or bptt.equations.Cell, default="lstm"
        Recurrent cell. "gru_reset_after" applies the reset gate after the matrix product, as
        PyTorch and Keras do. Names: rnn, rnn_relu, lstm, gru, gru_reset_after.
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
    max_vocabulary : int or None, default=None
        Keep only the most frequent characters or words; all others are read as one unknown token.
        None: keep all.
    min_count : int, default=1
        Characters or words that occur less often in the training set are read as one unknown token.
    lowercase : bool, default=True
        Look words up in lower case. The characters that `char_units` reads keep their case.
    batch_size : int, default=32
        Sequences, windows of a series, or parallel streams of a text in one training step.
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
        check_fitted(self)
        where = f"{type(self).__name__}.score"
        truth = self._targets(where, "y", as_sequences(where, X, lengths), y)
        return r2(self._columns(where, "y", truth), self.predict(X, lengths))

    def prediction_rows(self, X):
        """Yield the numbers predicted for each sequence: rows of ``bptt predict``."""
        for row in self.predict(X).reshape(len(X), -1):
            yield tuple(f"{v:.8g}" for v in row)

    def fitted_state(self):
        """Return the fitted attributes, ready for JSON."""
        return super().fitted_state() | {
            "y_mean": self.y_mean_.tolist(),
            "y_scale": self.y_scale_.tolist(),
            "one_axis": self._one_axis,
        }

    def restore_state(self, state):
        """Set the fitted attributes from those of a file."""
        super().restore_state(state)
        self._one_axis, n = state["one_axis"], len(state["y_mean"])
        if not isinstance(self._one_axis, bool) or n < 1 or (self._one_axis and n > 1):
            raise ConfigError("its targets have no shape.")
        self.y_mean_ = finite_row("y_mean", state["y_mean"], n)
        self.y_scale_ = scale_row("y_scale", state["y_scale"], n)

    def __sklearn_tags__(self):
        """Return what scikit-learn asks for."""
        return tags("regressor", target=True, multi_output=True)
