"""One label for every step of a sequence."""

from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError, ShapeError
from .files import register
from .hyperparameters import redefault
from .labels import Classes, as_labels
from .scikit_learn import check_fitted, tags
from .sequences import as_sequences


@register
@dataclass(kw_only=True, repr=False, eq=False)
class SequenceTagger(Classes):
    """Label every time step of a sequence: parts of speech, phases of a signal.

    Sequences are arrays of numbers, of categories, or of both, strings, or lists of words. A word
    is what its own vector says beside what a character-level LSTM makes of its spelling; one that
    the training set holds less than `min_count` times has the vector of the unknown word, which so
    learns what rare words are like. Unless told otherwise, it reads in both directions.

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
    bidirectional : bool, default=True
        Process each sequence in both directions. A bidirectional model cannot stream.
    embedding : int, default=64
        Size of the embedding of a category, character or word.
    char_units : int, default=32
        Hidden units of a bidirectional LSTM over the characters of each word; its final states are
        concatenated with the word's embedding. 0: none.
    char_embedding : int, default=16
        Size of the embedding of a character in that LSTM.
    standardize : bool, default=True
        Scale numeric features to mean 0 and standard deviation 1, computed on the training set.
    categories : sequence of int, "all" or None, default=None
        Columns of X with integer categories; each gets an embedding.
    max_vocabulary : int or None, default=None
        Keep only the most frequent characters or words; all others are read as one unknown token.
        None: keep all.
    min_count : int, default=2
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
        See `bptt.models.base.Model`; the losses are nats per step.

    Examples
    --------
    >>> X = [["the", "cat", "sat"], ["a", "dog", "ran"], ["the", "dog", "sat"]] * 4
    >>> y = [["DET", "NOUN", "VERB"]] * 12
    >>> model = SequenceTagger(units=8, char_units=4, epochs=30, learning_rate=0.02)
    >>> model.fit(X, y, progress="silent").predict([["a", "cat", "ran"]])[0].tolist()
    ['DET', 'NOUN', 'VERB']
    """

    bidirectional: bool = redefault(Classes, "bidirectional", True)
    embedding: int = redefault(Classes, "embedding", 64)
    min_count: int = redefault(Classes, "min_count", 2)
    char_units: int = redefault(Classes, "char_units", 32)

    items = "steps"
    command, reads = "tag", "tags"
    example = "english.conllu --validation dev.conllu --dropout 0.5 --epochs 10"

    def _targets(self, where, name, sequences, y):
        if y is None:
            raise ConfigError(
                f"{where}: requires y to be passed, but the target y is None; expected a label "
                f"for every step."
            )
        if len(y) != len(sequences):
            raise ShapeError(
                f"{where}: {name} has {len(y)} sequences of labels; expected {len(sequences)}."
            )
        padded = isinstance(y, np.ndarray) and y.ndim == 2
        targets = []
        for i, (labels, x) in enumerate(zip(y, sequences, strict=True)):
            if isinstance(labels, str) or np.ndim(labels) == 0:
                raise ShapeError(
                    f"{where}: {name}[{i}] is {labels!r}; expected a label for every step."
                )
            labels = as_labels(where, f"{name}[{i}]", labels[: len(x)] if padded else labels)
            if len(labels) != len(x):
                raise ShapeError(
                    f"{where}: {name}[{i}] has {len(labels)} labels; expected {len(x)}, because "
                    f"X[{i}] has as many steps."
                )
            targets.append(labels)
        kinds = {t.dtype.kind for t in targets if len(t)}
        if len(kinds) > 1:
            raise ConfigError(f"{where}: {name} mixes text and numbers; expected labels of a kind.")
        return targets

    def _encoded(self, where, name, targets):
        return [self._numbers(where, f"{name}[{i}]", t) for i, t in enumerate(targets)]

    def predict_proba(self, X, lengths=None):
        """Probability of every class at each step.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        list of ndarray of float64, each (T_i, n_classes)
            In the order of ``classes_``.

        Raises
        ------
        ShapeError, ConfigError
            The model is not fitted; a sequence that is not as those of the training set.
        BpttError
            The model's parameters are too large to compute with.
        """
        return [self._decoded(z) for z in self._outputs("predict_proba", X, lengths)]

    def predict(self, X, lengths=None):
        """Likeliest class of each step.

        Returns
        -------
        list of ndarray, each (T_i,)
            Of the labels that `fit` was given.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict_proba`.
        """
        return [self.classes_[z.argmax(axis=1)] for z in self._outputs("predict", X, lengths)]

    def score(self, X, y, lengths=None):
        """Accuracy: the share of all steps whose class is predicted.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict_proba`; a label that is no class of the training set.
        """
        check_fitted(self)
        where = f"{type(self).__name__}.score"
        sequences = as_sequences(where, X, lengths)
        truth = self._encoded(where, "y", self._targets(where, "y", sequences, y))
        z = self._outputs("score", X, lengths)
        right = [row.argmax(axis=1) == t for row, t in zip(z, truth, strict=True)]
        return float(np.mean(np.concatenate(right)))

    def extent(self, X, y=None):
        """Return the amount of data in words: "12 sequences of 40 steps with 4 tags"."""
        tags = {tag for tags in (() if y is None else y) for tag in tags}
        return f"{super().extent(X)} of {sum(map(len, X)):,} steps with {len(tags):,} tags"

    def prediction_rows(self, X):
        """Yield each step and its tag, and () after each sequence: rows of ``bptt predict``."""
        for sequence, labels in zip(X, self.predict(X), strict=True):
            for step, tag in zip(sequence, labels, strict=True):
                numbers = () if isinstance(step, str) else np.atleast_1d(step)
                yield " ".join(f"{v:.8g}" for v in numbers) or step, str(tag)
            yield ()

    def __sklearn_tags__(self):
        """Return what scikit-learn asks for: it has no word for a label a step."""
        return tags(None, target=True)
