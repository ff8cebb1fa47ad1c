"""Forecast time series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import operation
from ..training import Callback, Checkpoints, Progress
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from .backtested import BacktestedModel
from .files import digest, register
from .fitted import fitting
from .forecast_training import prepared
from .hyperparameters import check


@register
@dataclass(kw_only=True, repr=False, eq=False)
class Forecaster(BacktestedModel):
    """Forecast one or several time series, univariate or multivariate.

    The network reads the last `window` time steps, standardized, and predicts the difference of the
    next `horizon` steps from a naive forecast: the last value, or the last season. Several series
    are forecast by one network, which reads one of them at a time. For validation, the end of each
    series is held out.

    Series may come from a data frame: one series with a column for each value, or several in long
    form, with columns `unique_id`, `ds` and the values, or others named by `group` and `time` of
    `fit`. Forecasts are then data frames with the next times, the ids and the columns' names. Of a
    dict of series they are a dict.

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
    horizon : int (steps), default=1
        Future time steps that are forecast.
    strategy : {"direct", "recursive"}, default="direct"
        "direct": forecast all steps of the horizon at once. "recursive": forecast one step, append
        it to the window, and repeat.
    output : {"point", "gaussian", "student_t", "negative_binomial", "quantile"}, default="point"
        What is predicted of each value. "point": a number, trained by squared error. "gaussian",
        "student_t" (for series with outliers), "negative_binomial" (for counts): a distribution,
        trained by likelihood. "quantile": the quantiles `levels`, trained by pinball loss; the
        median is the forecast (direct only).
    levels : sequence of float, default=(0.05, 0.5, 0.95)
        Probabilities of the quantiles of "quantile", increasing, with 0.5 among them.
    nonnegative : bool, default=False
        Replace numbers below 0 in forecasts, intervals and paths by 0.
    residual : {"window", "target", "none"}, default="window"
        "target": the network predicts the difference from the naive forecast. "window": the last
        value is also subtracted from the window, so that the level of the series does not matter.
        "none": neither.
    season : int (steps), default=1
        Period of the naive forecast, which repeats the last season. 1: repeat the last value.
    window : int (steps), default=48
        Past time steps that a forecast is computed from.
    scaling : {"global", "series"}, default="global"
        Standardization of the values. "global": by mean and standard deviation of all series
        together. "series": by those of each series, for series of different sizes. A forecast uses
        the numbers of the training for an id of the training, and for another series those of the
        steps that are given.
    missing : {"raise", "interpolate", "forward", "indicator"}, default="raise"
        Treatment of missing values (NaN). "raise": refuse them. "interpolate": linear between the
        neighbors in time; at the end of a window the last value, so that no later value is read.
        "forward": the last value; before the first one the mean of the training part. "indicator":
        as "forward", and a mask for each value, 1 where it is missing, as an additional input. A
        missing value that a forecast is compared with counts neither in the loss nor in scores.
    target : sequence of str, default=()
        Columns that are forecast. Empty: all that are not in `future`. Columns in neither are past
        covariates: they are read, and not forecast.
    future : sequence of str, default=()
        Columns that are known for the steps of the forecast too, such as holidays: `predict` needs
        them for these steps.
    static : sequence of str, default=()
        Columns with one value for each series, numbers or categories (texts).
    calendar : sequence of str, default=()
        Features of the dates, a sine and a cosine of each: "minute", "hour", "dayofweek",
        "dayofyear", "month".
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
    intervals : {"output", "conformal"}, default="output"
        "output": intervals are those of the predicted distribution or quantiles. "conformal": `fit`
        calibrates them on what is held out (`validation_fraction`, or `validation` of `fit`), for
        any output.
    stride : int (steps), default=1
        Distance between the starts of training windows.

    Attributes
    ----------
    mean_, scale_ : ndarray of float64, shape (k,)
        Mean and standard deviation of the training part of the series.
    change_scale_ : float
        Root mean square of the differences that the network predicts, in standardized units.
    context_ : ndarray of float64, shape (n_series, window, k), or None
        The ends of the series that `fit` was given, missing values filled: ``predict()`` without X
        continues them.
    feature_names_in_ : ndarray of str, shape (k,)
        Names of the values; only if `fit` was given a data frame or Data with names.
    network_, parameters_, history_, best_epoch_, interrupted_
        See `bptt.models.base.Model`; the losses are means over forecast values.

    Examples
    --------
    >>> series = np.sin(np.arange(400) / 5)
    >>> model = Forecaster(window=40, horizon=10, units=16, epochs=20, batch_size=16)
    >>> forecast = model.fit(series, progress="silent").predict()
    >>> forecast.shape, bool(np.abs(forecast[:, 0] - np.sin(np.arange(400, 410) / 5)).max() < 0.2)
    ((10, 1), True)
    """

    items = "windows"
    command: ClassVar[str] = "forecast"
    reads: ClassVar[str] = "series"
    example = "load.csv --columns load,oil --window 96 --horizon 24 --output gaussian"

    @operation
    @fitting
    def fit(
        self,
        X: Any,
        y: None = None,
        *,
        lengths: Sequence[int] | None = None,
        group: str | int | None = None,
        time: str | int | None = None,
        validation: Any = None,
        progress: DisplayMode = "auto",
        checkpoint: Checkpoints | PathLike | None = None,
        resume: PathLike | None = None,
        on_step: Callable[[Progress], Any] | None = None,
        callbacks: Sequence[Callback] = (),
        distributed: Any = None,
    ) -> Self:
        """Train on one or several series; return the model.

        Parameters
        ----------
        X : ndarray, shape (n,) or (n, k), or list of them; data frame; Data; dict by id
            One series of k values per time step, or several. A data frame has a row for each time
            step: see `bptt.readers.series_of_frame`. A dict holds arrays or data frames.
        y : None
            Ignored; present for scikit-learn.
        lengths : sequence of m int, optional
            True lengths of the series in an array (m, n, k).
        group : str or int, optional
            Column of a data frame that holds the ids of several series. Default: `unique_id`, if
            there is a column `ds` too; otherwise none.
        time : str or int, optional
            Column of a data frame that holds the times. Default: found.
        validation : as X, optional
            Scored after each epoch, instead of the held-out ends of `X`.
        progress : {"auto", "silent"} or rich.console.Console
            "auto": a live display in a terminal or a notebook, otherwise a line every few seconds
            and at the end of each epoch, on standard error; nothing where `verbose` is 0.
        checkpoint : Checkpoints, str or path-like, optional
            Where and how often to save the training, so that it can be resumed.
        resume : str or path-like, optional
            A checkpoint to resume from. The result is bit-identical to an uninterrupted training.
            "auto": the last one of `checkpoint`; a new training where there is none.
        on_step : callable (Progress) -> bool, optional
            Called after each step; a true result ends the training early.
        callbacks : sequence of Callback
            Called with the model after each step and each epoch, and at the end: see
            `bptt.training.Callback`; loggers are among them. Of several ranks, rank 0 calls them.
        distributed : None, "mpi" or bptt.distributed.Communicator
            "mpi": each batch is divided among the ranks of an MPI job; see `bptt.distributed`. On
            one rank, and with None, the process trains alone. Rank 0 shows the progress and writes
            the checkpoints.

        Raises
        ------
        ShapeError, ConfigError, DataError
            A hyper-parameter or a series that cannot be used: missing values, shorter than
            `window` + `horizon` (where `missing` does not fill it up), times that occur twice.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        check(self)
        new, roles = self.unfitted(), {"group": group, "time": time, "static": self.static}
        given, source, scored, held_out = prepared(self, new, X, lengths, validation, roles)
        self._train(
            new,
            self._output().objective(),
            source,
            scored if scored.n_counted else None,
            digest([*given.values, *(new._extra(given) or [])], None),
            np.random.default_rng(self.seed),
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
            callbacks=callbacks,
            distributed=distributed,
        )
        if self.intervals == "conformal":
            self._conformal = self._calibration(*held_out)
        return self
