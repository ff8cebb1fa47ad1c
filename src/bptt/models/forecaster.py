"""Forecast time series."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import ConfigError, operation, within
from ..readers import Data
from ..training import Callback, Checkpoints, Progress
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from .backtested import BacktestedModel
from .covariates import Covariates
from .files import digest, register
from .fitted import as_fitted, fitting
from .forecast_context import Context
from .hyperparameters import check
from .missing import Filler
from .predictor import PATHS, ROWS, ForecastStream, Predictor
from .scaling import mean_and_scale
from .series import read_series

_MOST_PATHS = 2**27  # numbers in the paths of intervals: 1 GiB


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
    `fit`. Forecasts are then data frames with the next times, the ids and the columns' names.

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
    output : {"point", "gaussian", "quantile"}, default="point"
        "point": a number, trained by squared error. "gaussian": mean and variance, trained by
        likelihood. "quantile": the quantiles `levels`, trained by pinball loss; the median is the
        forecast (direct only).
    levels : sequence of float, default=(0.05, 0.5, 0.95)
        Probabilities of the quantiles of "quantile", increasing, with 0.5 among them.
    residual : {"window", "target", "none"}, default="window"
        "target": the network predicts the difference from the naive forecast. "window": the last
        value is also subtracted from the window, so that the level of the series does not matter.
        "none": neither.
    season : int (steps), default=1
        Period of the naive forecast, which repeats the last season. 1: repeat the last value.
    window : int (steps), default=48
        Past time steps that a forecast is computed from.
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
    calendar : sequence of str, default=()
        Features of the dates, each a sine and a cosine: of "minute", "hour", "dayofweek",
        "dayofyear" and "month".
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
        X : ndarray, shape (n,) or (n, k), or list of them; data frame; Data
            One series of k values per time step, or several. A data frame has a row for each time
            step: see `bptt.readers.series_of_frame`.
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
            `window` + `horizon`, times that occur twice.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        check(self)
        goes_on = self._goes_on()
        known = self._known_layout() if goes_on else None
        given = read_series(X, lengths, known=known, group=group, time=time)
        new = self.unfitted()
        new._covariates = self._covariates if goes_on else Covariates.chosen(
            given.layout.names, self.target, self.future, self.calendar
        )  # fmt: skip
        given = new._split(given)
        self._check_values(given)
        cuts = self._cuts(given, validation)
        training = given.only(cuts)
        framing = new._framing(1.0)
        needed, why = framing.window + framing.horizon, "window + horizon"
        held = validation is None and self.validation_fraction
        given.check_steps(training, needed, f"{why} beside what is held out" if held else why)
        if goes_on:
            given.check_width(len(self.mean_), "as in fit")
            new.mean_, new.scale_ = self.mean_, self.scale_
        else:
            rows = np.concatenate(training)
            new.mean_, new.scale_ = mean_and_scale("X", rows, given.layout.names)
            if new._covariates is not None:
                own = [c[:n] for c, n in zip(given.covariates or [], cuts, strict=True)]
                new._covariates = new._covariates.scaled_by(np.concatenate(own))
        extra = new._extra(given)
        cut = None if extra is None else [e[:n] for e, n in zip(extra, cuts, strict=True)]
        source = new._windows(training, framing, self.batch_size, self.stride, extra=cut)
        if not source.n_counted:
            raise ConfigError("X holds no value after a whole window; expected at least one.")
        new.change_scale_ = self.change_scale_ if goes_on else source.change_scale()
        framing.scale = new.change_scale_
        if validation is not None:
            with within("validation"):
                names = given.layout.names if new._covariates is None else new._covariates.names
                layout = replace(given.layout, names=names)
                other = read_series(validation, known=layout, group=group, time=time)
                other = new._split(other)
                other.check_width(len(new.mean_), "as X has in fit")
                self._check_values(other)
                other.check_steps(other.values, needed, why)
            scored = new._windows(other.values, framing, ROWS, extra=new._extra(other))
        else:
            before = [
                c - self.window if c < len(x) else len(x)
                for c, x in zip(cuts, given.values, strict=True)
            ]
            scored = new._windows(given.values, framing, ROWS, skipped=before, extra=extra)
        new._context, new._conformal = new._last(given), None
        return self._train(
            new,
            self._output().objective(),
            source,
            scored if scored.n_counted else None,
            digest([*given.values, *(extra or [])], None),
            np.random.default_rng(self.seed),
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
            callbacks=callbacks,
            distributed=distributed,
        )

    def _cuts(self, series, validation):
        """Return how many steps of each series are trained on: the rest is held out."""
        held = self.validation_fraction if validation is None else 0
        return [int((1 - held) * len(x)) for x in series.values]

    def _last(self, series):
        rows = None if self._covariates is None else self._covariates.of_series(series)
        return Context.of(series.values, series.layout, self.window, self.missing, self.mean_, rows)

    # -- forecasts ---------------------------------------------------------------------------

    @operation
    @as_fitted
    def predict(self, X: Any = None, *, future: Any = None) -> Any:
        """Forecast the next `horizon` steps of a series.

        Parameters
        ----------
        X : ndarray, shape (n,) or (n, k), or a list of them; data frame or Data; optional
            Its last `window` steps are read. Default: the series that `fit` was given.
        future : data frame or Data; ndarray, shape (n_series, horizon, columns); optional
            The covariates `future` of the steps that are forecast, found by ids and times; other
            steps do not matter. One series without ids stands for all.

        Returns
        -------
        ndarray of float64, shape (horizon, k); of a list (n_series, horizon, k)
            In the units of the series. Of a data frame, or of Data that has names or times, a data
            frame: of one series its index has the times of the forecast, of several it has columns
            of ids, times and values.

        Raises
        ------
        ShapeError, ConfigError, DataError
            The model is not fitted; a series is too short, or has another number of values; a data
            frame has other columns or another frequency than that of `fit`, or an id that is new;
            `future` does not reach the horizon.
        BpttError
            The model's parameters are too large to compute with.
        """
        ends, layout = self._ends(X, future)
        return layout.form(self._point(ends))

    @operation
    @as_fitted
    def predict_interval(
        self, X: Any = None, coverage: float = 0.9, *, future: Any = None
    ) -> tuple[Any, Any]:
        """Forecast intervals that contain each value with probability `coverage`.

        Parameters
        ----------
        X
            As for `predict`.
        coverage : float
            In (0, 1). With "quantile", the difference of two levels that are symmetric about 0.5.
        future
            As for `predict`.

        Returns
        -------
        lower, upper
            Each as `predict` returns it.

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `predict`; a model with output "point" has no intervals until `calibrate`.
        """
        self.check_coverage(coverage)
        ends, layout = self._ends(X, future)
        lower, upper = self._bounds(ends, coverage)
        return layout.form(lower), layout.form(upper)

    def _bounds(self, ends, coverage):
        """Return lower and upper ends of intervals, each (m, horizon, k)."""
        if self._conformal is not None:
            point, radius = self._point(ends), self._conformal.radius(coverage)
            return point - radius, point + radius
        return tuple(self._quantiles(ends, self._output().tails(coverage)))

    def _quantiles(self, windows, levels):
        """Return quantiles, each (m, horizon, k)."""
        paths = len(windows) * self.horizon * len(self.mean_) * PATHS
        if self.strategy == "recursive" and paths > _MOST_PATHS:
            raise ConfigError(
                f"the paths of {len(windows):,} series over {self.horizon:,} steps hold {paths:,} "
                f"numbers; expected at most {_MOST_PATHS:,}: fewer series at a time, or a shorter "
                f"horizon."
            )
        z = self._standardized(windows)
        bounds = self._predictor().interval(z, self.horizon, levels, self.seed)
        return [self._unscaled(b) for b in bounds]

    def prediction_rows(
        self,
        X: Any = None,
        coverage: float | None = None,
        columns: Sequence[str] = (),
        future: Any = None,
    ) -> Iterator[list[str]]:
        """Yield a heading, then each step of the forecast: rows of ``bptt predict``.

        Parameters
        ----------
        X
            As for `predict`.
        coverage : float, optional
            Adds the ends of intervals, see `predict_interval`.
        columns : sequence of str
            Names of the values, where the series have none; numbered where not given.
        future
            As for `predict`.
        """
        if coverage is not None:
            self.check_coverage(coverage)
        ends, layout = self._ends(X, future)
        parts = [("", self._point(ends))]
        if coverage is not None:
            parts += zip((" lower", " upper"), self._bounds(ends, coverage), strict=True)
        yield from layout.rows(parts, self.scale_, columns)

    @operation
    @as_fitted
    def stream(self, m: int = 1) -> Any:
        """Forecast m series in parallel as their values arrive.

        Returns
        -------
        ForecastStream

        Raises
        ------
        ConfigError
            The model is not fitted.
        """
        if self._covariates is not None:
            raise ConfigError(
                "the model has target, future or calendar, and a stream reads the targets alone; "
                "expected a model without, or predict."
            )
        filler = None if self.missing == "raise" else Filler(self.missing, self.mean_)
        return ForecastStream(
            self._point, m, self.window, self.horizon, len(self.mean_), filler=filler
        )

    @operation
    @as_fitted
    def network_inputs(self, X: Any = None, lengths: None = None) -> list[np.ndarray]:
        """Return what the network reads of the last window of each series, (window, n_x)."""
        windows = self._standardized(self._ends(X)[0])
        return list(np.ascontiguousarray(self._predictor().framing.read(windows)[0]))

    def _ends(self, X, future=None):
        """Return the last windows that forecasts are computed from, and the layout."""
        if X is None or (isinstance(X, Data) and X.X is None):
            context = self._context
        else:
            series = self._read(X, self.window, "a window")
            self._context.check_ids(series.layout.ids)
            context = self._last(series)
        windows, own = context.windows(), self._covariates
        if own is None or context.covariates is None:
            if future is not None:
                raise ConfigError("future is given, and the model has no future covariates.")
            return windows, context.layout
        after = own.after(context.layout, len(windows), self.horizon, future)
        extra = own.inputs(context.covariates, self.horizon, after)
        return np.concatenate([windows, extra], axis=2), context.layout

    def _predictor(self):
        framing = self._framing(self.change_scale_)
        return Predictor(self.network_, self.parameters_, framing, self._output())

    def _point(self, windows):
        """Forecast windows (m, window, k), with masks (m, window, 2 k): (m, horizon, k)."""
        return self._unscaled(self._predictor().point(self._standardized(windows), self.horizon))
