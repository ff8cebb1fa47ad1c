"""Sequence regression: one number, or several, for each sequence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import operation
from ..layers.pool import Pooling
from ..readers import Data
from . import reports
from .classifier import SequenceClassifier
from .files import register
from .fitted import as_fitted
from .hyperparameters import redefault
from .inputs import as_data
from .metrics import r2
from .reports import Report
from .scikit_learn import tags
from .supervised import SequenceModel
from .tallies import ErrorTally, in_parts
from .training_sets import sample_weights
from .values import Values


@register
@dataclass(kw_only=True, repr=False, eq=False)
class SequenceRegressor(SequenceModel):
    """Predict one number, or several, for each sequence.

    A sequence is an array of numbers or categories, a str, or a list of words. Sequences may differ
    in length.

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

    Attributes
    ----------
    y_mean_, y_scale_ : ndarray of float64, shape (n_targets,)
        Mean and standard deviation of the targets; the network predicts standardized targets.
    mean_, scale_, vocabulary_, network_, parameters_, history_, best_epoch_, interrupted_
        See `SequenceClassifier`. The losses are half squared errors of standardized targets.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 9), 1)) for _ in range(60)]
    >>> y = [x.sum() for x in X]
    >>> model = SequenceRegressor(cell="gru", units=16, epochs=60, learning_rate=0.02)
    >>> model.fit(X, y, progress="silent").score(X, y) > 0.9
    True
    """

    pooling: Pooling = redefault(SequenceClassifier, "pooling", "last")

    items: ClassVar[str] = "numbers"
    command: ClassVar[str] = "regress"
    reads: ClassVar[str] = "numbers"
    example: ClassVar[str] = "engines.csv --sequence engine --label remaining --test others.csv"
    target: ClassVar[Any] = Values

    @property
    def y_mean_(self) -> np.ndarray:
        """Means of the targets over the training set."""
        return self._target.mean

    @property
    def y_scale_(self) -> np.ndarray:
        """Standard deviations of the targets over the training set."""
        return self._target.scale

    @operation
    @as_fitted
    def predict(self, X: Any, lengths: Any = None, *, group: str | int | None = None) -> Any:
        """Return the predicted targets of each sequence.

        Parameters
        ----------
        X, lengths
            As for `fit`.
        group : str, optional
            Column of a data frame as for `fit`. Default: that of `fit`.

        Returns
        -------
        ndarray of float64, shape (n,) or (n, n_targets)
            In the shape that ``y`` had in `fit`. Of a data frame with a group a Series or a
            DataFrame; its index are the groups.

        Raises
        ------
        ShapeError, ConfigError
            The model is not fitted, or a sequence is not like those of the training set.
        BpttError
            The parameters are too large to compute with.
        """
        data, z = self._outputs(X, lengths, group)
        return self._named(X, data, self._target.decode(np.concatenate(z)), group)

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
        """Return the coefficient of determination R2, averaged over the targets.

        1 is perfect; 0 is as good as predicting the mean of ``y``.

        Parameters
        ----------
        X, y, lengths
            As for `fit`; without `y`, the targets are those of a Data, or of the column of a data
            frame that was named in `fit`.
        group
            As for `predict`.
        sample_weight : sequence of n float, optional
            Weights of the sequences in all sums.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict`.
        """
        data, truth = self._read_known(X, y, lengths, group)
        weights = sample_weights(sample_weight, len(data.X))
        self._target.encode(truth)  # refuses another number of targets
        return r2(truth, self._target.decode(np.concatenate(self._run(data))), weights)

    @operation
    @as_fitted
    def score_report(self, data: Data | Iterable[Data]) -> Report:
        """Return R2, and the errors of each target; data may be given in parts."""
        tally = ErrorTally()
        for part in in_parts(data):
            known, truth = self._read_known(part)
            self._target.encode(truth)
            tally.add(truth, self._target.decode(np.concatenate(self._run(known))))
        report: Report = [f"{self.measure} {tally.r2:.4f}"]
        return report + reports.regression(tally.rmse, tally.mae)

    def prediction_rows(self, X: Any) -> Iterator[tuple[Any, ...]]:
        """Yield a heading, then id and the predicted numbers: rows of ``bptt predict``."""
        data = as_data(X)
        predicted = self.predict(data).reshape(len(data.X), -1)
        name, k = str(self._encoder.frame.label or "prediction"), predicted.shape[1]
        yield data.ids_name or "id", *([name] if k == 1 else (f"{name} {j}" for j in range(k)))
        ids = range(len(data.X)) if data.ids is None else data.ids
        for own, row in zip(ids, predicted.tolist(), strict=True):
            yield own, *row

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn."""
        return tags("regressor", target=True, multi_output=True)
