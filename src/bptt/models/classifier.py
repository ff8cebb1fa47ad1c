"""Sequence classification: one label for each sequence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ..layers.pool import Pooling
from ..readers import Data
from .files import register
from .hyperparameters import option
from .inputs import as_data
from .kinds import Choice
from .label_model import LabelModel
from .scikit_learn import tags


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
