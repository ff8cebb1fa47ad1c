"""Sequence tagging: one label for each time step."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..readers import Data
from .files import register
from .hyperparameters import redefault
from .inputs import as_data
from .label_model import LabelModel
from .scikit_learn import tags


@register
@dataclass(kw_only=True, repr=False, eq=False)
class SequenceTagger(LabelModel):
    """Tag sequences: predict one label for each time step, such as a part of speech.

    A sequence is an array of numbers or categories, a str, or a list of words. Each word is
    represented by a word embedding concatenated with the final states of a character-level LSTM.
    Words that occur less than `min_count` times in the training set share the embedding of the
    unknown word, which thus learns what rare words have in common.

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
    missing : {"raise", "interpolate", "forward", "indicator"}, default="raise"
        Treatment of missing values (NaN). "raise": refuse them. "interpolate": linear between the
        neighbors in time, the nearest value at the ends. "forward": the last value; at the start
        the mean of the training set. "indicator": the mean of the training set, and a mask for each
        feature, 1 where its value is missing, as an additional input.
    max_vocabulary : int or None, default=None
        Keep only the most frequent characters or words; all others are read as one unknown token.
        None: keep all.
    min_count : int, default=2
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
    mean_, scale_, vocabulary_, network_, parameters_, history_, best_epoch_, interrupted_
        See `SequenceClassifier`. The losses are nats per step.

    Examples
    --------
    >>> X = [["the", "cat", "sat"], ["a", "dog", "ran"], ["the", "dog", "sat"]] * 4
    >>> y = [["DET", "NOUN", "VERB"]] * 12
    >>> model = SequenceTagger(units=8, char_units=4, epochs=30, learning_rate=0.02)
    >>> model.fit(X, y, progress="silent").predict([["a", "cat", "ran"]])[0].tolist()
    ['DET', 'NOUN', 'VERB']
    """

    bidirectional: bool = redefault(LabelModel, "bidirectional", True)
    embedding: int = redefault(LabelModel, "embedding", 64)
    min_count: int = redefault(LabelModel, "min_count", 2)
    char_units: int = redefault(LabelModel, "char_units", 32)

    items: ClassVar[str] = "steps"
    label: ClassVar[str] = "tag"
    command: ClassVar[str] = "tag"
    reads: ClassVar[str] = "tags"
    example: ClassVar[str] = "english.conllu --validation dev.conllu --dropout 0.5 --epochs 10"

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "12 sequences of 40 steps with 4 tags"."""
        X, y = Data.parts(X, y)
        n = 0 if y is None else len({tag for tags in y for tag in tags})
        tags = "" if y is None else f" with {n:,} tag{'s' * (n != 1)}"
        steps = sum(map(len, X))
        return f"{super().extent(X)} of {steps:,} step{'s' * (steps != 1)}{tags}"

    @property
    def conll(self) -> bool:
        """Whether `prediction_rows` may be CoNLL columns: words and their tags."""
        return self._encoder.kind != "numbers"

    def prediction_rows(self, X: Any, table: bool = False) -> Iterator[tuple[Any, ...]]:
        """Yield each step and its tag: rows of ``bptt predict``.

        Parameters
        ----------
        X
            As for `predict`.
        table : bool
            Yield a heading, then id, step, what was read and the tag, as always for numbers.
            Otherwise a word and its tag, and () after each sentence: CoNLL columns.
        """
        data = as_data(X)
        tags = self.predict(data)
        if self.conll and not table:
            for sequence, own in zip(data.X, tags, strict=True):
                yield from zip(sequence, map(str, own.tolist()), strict=True)
                yield ()
            return
        first = np.reshape(data.X[0][:1], (1, -1)) if len(data.X) else np.zeros((1, 0))
        names = data.columns or [f"value {k}" for k in range(first.shape[1])]
        names = ["token"] if self.conll else names
        yield data.ids_name or "id", "step", *names, "tag"
        ids = range(len(data.X)) if data.ids is None else data.ids
        for name, sequence, own in zip(ids, data.X, tags, strict=True):
            for t, (step, tag) in enumerate(zip(sequence, own.tolist(), strict=True)):
                read = [step] if isinstance(step, str) else np.atleast_1d(step).tolist()
                yield name, t, *read, str(tag)

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn, which has no kind for one label per time step."""
        return tags(target=True)
