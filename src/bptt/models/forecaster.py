"""Forecast time series."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..checks import is_number, require_finite
from ..errors import ConfigError, operation, within
from ..network import Network
from ..training import Checkpoints, Progress
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from .architecture import recurrent_network
from .base import Model
from .encoder import MOST_FEATURES
from .files import digest, register
from .fitted import as_fitted, fitting
from .forecast_outputs import OUTPUTS, Output, OutputName
from .hyperparameters import Choice, Levels, Whole, check, option, redefault
from .metrics import r2
from .predictor import ROWS, ForecastStream, Predictor
from .scaling import finite_row, mean_and_scale, scale_row
from .windows import Framing, Residual, Windows, as_series, check_steps, check_width

Strategy = Literal["direct", "recursive"]
_MOST_KEPT = 2**16  # numbers of the training set's ends that a file holds


@register
@dataclass(kw_only=True, repr=False, eq=False)
class Forecaster(Model):
    """Forecast one or several time series, univariate or multivariate.

    The network reads the last `window` time steps, standardized, and predicts the difference of the
    next `horizon` steps from a naive forecast: the last value, or the last season. Several series
    are forecast by one network, which reads one of them at a time. For validation, the end of each
    series is held out.

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
    stride : int (steps), default=1
        Distance between the starts of training windows.

    Attributes
    ----------
    mean_, scale_ : ndarray of float64, shape (k,)
        Mean and standard deviation of the training part of the series.
    change_scale_ : float
        Root mean square of the differences that the network predicts, in standardized units.
    context_ : ndarray of float64, shape (n_series, window, k), or None
        The ends of the series that `fit` was given: ``predict()`` without X continues them.
    network_, parameters_, history_, interrupted_
        See `bptt.models.base.Model`; the losses are means over forecast values.

    Examples
    --------
    >>> series = np.sin(np.arange(400) / 5)
    >>> model = Forecaster(window=40, horizon=10, units=16, epochs=20, batch_size=16)
    >>> forecast = model.fit(series, progress="silent").predict()
    >>> forecast.shape, bool(np.abs(forecast[:, 0] - np.sin(np.arange(400, 410) / 5)).max() < 0.2)
    ((10, 1), True)
    """

    window: int = option(
        48,
        Whole(1),
        "Past time steps that a forecast is computed from.",
        group="Input",
        unit="steps",
    )
    horizon: int = option(
        1, Whole(1), "Future time steps that are forecast.", group="Model", unit="steps"
    )
    strategy: Strategy = option(
        "direct",
        Choice(Strategy),
        '"direct": forecast all steps of the horizon at once. "recursive": forecast one step, '
        "append it to the window, and repeat.",
        group="Model",
    )
    output: OutputName = option(
        "point",
        Choice(OutputName),
        '"point": a number, trained by squared error. "gaussian": mean and variance, trained by '
        'likelihood. "quantile": the quantiles `levels`, trained by pinball loss; the median is '
        "the forecast (direct only).",
        group="Model",
    )
    levels: Sequence[float] = option(
        (0.05, 0.5, 0.95),
        Levels(),
        'Probabilities of the quantiles of "quantile", increasing, with 0.5 among them.',
        group="Model",
    )
    residual: Residual = option(
        "window",
        Choice(Residual),
        '"target": the network predicts the difference from the naive forecast. "window": the '
        "last value is also subtracted from the window, so that the level of the series does not "
        'matter. "none": neither.',
        group="Model",
    )
    season: int = option(
        1,
        Whole(1),
        "Period of the naive forecast, which repeats the last season. 1: repeat the last value.",
        group="Model",
        unit="steps",
    )
    stride: int = option(
        1,
        Whole(1),
        "Distance between the starts of training windows.",
        group="Training",
        unit="steps",
    )
    validation_fraction: float = redefault(Model, "validation_fraction", 0.0)

    items = "windows"
    command: ClassVar[str] = "forecast"
    reads: ClassVar[str] = "series"
    separator: ClassVar[str] = ","
    example = "load.csv --columns load,oil --window 96 --horizon 24 --output gaussian"

    @operation
    @fitting
    def fit(
        self,
        X: Any,
        y: None = None,
        *,
        lengths: Sequence[int] | None = None,
        validation: Any = None,
        progress: DisplayMode = "auto",
        checkpoint: Checkpoints | PathLike | None = None,
        resume: PathLike | None = None,
        on_step: Callable[[Progress], Any] | None = None,
    ) -> Self:
        """Train on one or several series; return the model.

        Parameters
        ----------
        X : ndarray, shape (n,) or (n, k), or list of them
            One series of k values per time step, or several.
        y : None
            Ignored; present for scikit-learn.
        lengths : sequence of m int, optional
            True lengths of the series in an array (m, n, k).
        validation : as X, optional
            Scored after each epoch, instead of the held-out ends of `X`.
        progress : {"auto", "silent"} or rich.console.Console
            "auto": a live display in a terminal or a notebook, otherwise a line every few seconds
            and at the end of each epoch, on standard error.
        checkpoint : Checkpoints, str or path-like, optional
            Where and how often to save the training, so that it can be resumed.
        resume : str or path-like, optional
            A checkpoint to resume from. The result is bit-identical to an uninterrupted training.
        on_step : callable (Progress) -> bool, optional
            Called after each step; a true result ends the training early.

        Raises
        ------
        ShapeError, ConfigError
            A hyper-parameter or a series that cannot be used: NaN, shorter than `window` +
            `horizon`.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        check(self)
        series, single = as_series(X, lengths)
        framing = Framing(self.window, self._steps(), self.residual, self.season)
        needed, why = framing.window + framing.horizon, "window + horizon"
        cuts = [len(x) for x in series]
        if validation is None and self.validation_fraction:
            cuts = [int((1 - self.validation_fraction) * len(x)) for x in series]
            why += " beside what is held out"
        check_steps([x[:c] for x, c in zip(series, cuts, strict=True)], single, needed, why)
        training = [x[:c] for x, c in zip(series, cuts, strict=True)]
        mean, scale = mean_and_scale("X", np.concatenate(training))
        new = self._unfitted()
        new.mean_, new.scale_ = mean, scale
        source = Windows(new._scaled(training), framing, self.batch_size, self.stride)
        new.change_scale_ = framing.scale = source.change_scale()
        if validation is not None:
            with within("validation"):
                held_out, alone = as_series(validation)
                for x in held_out:
                    check_width("X", x, len(mean), "as X has in fit")
                check_steps(held_out, alone, needed, "window + horizon")
        else:
            held_out = [x[c - self.window :] for x, c in zip(series, cuts, strict=True)]
            held_out = [x for x in held_out if len(x) >= needed]
        scored = Windows(new._scaled(held_out), framing, ROWS) if held_out else None
        new.context_ = np.stack([x[-self.window :] for x in series])
        new._single = single
        return self._train(
            new,
            self._output().objective(),
            source,
            scored,
            digest(series, None),
            np.random.default_rng(self.seed),
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
        )

    def _steps(self):
        """Return the number of steps that the network forecasts at once."""
        return self.horizon if self.strategy == "direct" else 1

    def _scaled(self, series):
        with np.errstate(over="ignore"):  # `_unscaled` refuses what is not finite
            return [((x - self.mean_) / self.scale_).astype(np.float32) for x in series]

    def _output(self) -> Output:
        return OUTPUTS[self.output](self.levels)

    # -- forecasts ---------------------------------------------------------------------------

    @operation
    @as_fitted
    def predict(self, X: Any = None) -> np.ndarray:
        """Forecast the next `horizon` steps of a series.

        Parameters
        ----------
        X : ndarray, shape (n,) or (n, k), or a list of them, optional
            Its last `window` steps are read. Default: the series that `fit` was given.

        Returns
        -------
        ndarray of float64, shape (horizon, k); of a list (n_series, horizon, k)
            In the units of the series.

        Raises
        ------
        ShapeError, ConfigError
            The model is not fitted; a series is too short, or has another number of values.
        BpttError
            The model's parameters are too large to compute with.
        """
        ends, single = self._ends(X)
        forecast = self._point(ends)
        return forecast[0] if single else forecast

    @operation
    @as_fitted
    def predict_interval(
        self, X: Any = None, coverage: float = 0.9
    ) -> tuple[np.ndarray, np.ndarray]:
        """Forecast intervals that contain each value with probability `coverage`.

        Parameters
        ----------
        X
            As for `predict`.
        coverage : float
            In (0, 1). With "quantile", the difference of two levels that are symmetric about 0.5.

        Returns
        -------
        lower, upper : ndarray of float64, shape as `predict` gives

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict`; a model with output "point" has no intervals.
        """
        if not (is_number(coverage) and 0 < coverage < 1):
            raise ConfigError(f"coverage is {coverage!r}; expected a number in (0, 1).")
        tails = self._output().tails(coverage)
        ends, single = self._ends(X)
        z = self._scaled([ends])[0]
        bounds = self._predictor().interval(z, self.horizon, tails, self.seed)
        lower, upper = (self._unscaled(b) for b in bounds)
        return (lower[0], upper[0]) if single else (lower, upper)

    @operation
    @as_fitted
    def backtest(self, X: Any, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Forecast from every step of a series that has a full window and a full horizon.

        Parameters
        ----------
        X : ndarray, shape (n,) or (n, k), or a list of them
        stride : int
            Distance between the starts of two forecasts, in steps.

        Returns
        -------
        forecast, actual : ndarray of float64, shape (n_windows, horizon, k)
            In the units of the series.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict`.
        """
        series, single = as_series(X)
        self._check_series(series, single, self.window + self.horizon, "window + horizon")
        all_windows = Framing(self.window, self.horizon, "none", 1)
        windows = Windows(series, all_windows, ROWS, stride)
        forecasts, actual = [], []
        for i in range(0, len(windows.starts), ROWS):
            window, future = windows.cut(np.arange(i, min(i + ROWS, len(windows.starts))))
            forecasts.append(self._point(window))
            actual.append(future)
        return np.concatenate(forecasts), np.concatenate(actual)

    @operation
    @as_fitted
    def score(self, X: Any, y: None = None) -> float:
        """Return R2 of the forecasts of `backtest`, averaged over the steps and values.

        1 is perfect; 0 is as good as the mean of `X`.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `predict`.
        """
        forecast, actual = self.backtest(X)
        return r2(actual, forecast)

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "160 steps x 2 columns" or "3 series"."""
        if isinstance(X, list):
            return f"{len(X):,} series"
        k = np.size(X) // len(X)
        return f"{len(X):,} steps x {k} column{'s' * (k != 1)}"

    @as_fitted
    def score_text(self, X: Any, y: Any = None) -> str:
        """Return the score in words, as ``bptt score`` prints it."""
        return f"{super().score_text(X)} of forecasts of {self.horizon} steps"

    @as_fitted
    def describe(self) -> list[str]:
        """Return what the fitted model reads and predicts: a line of ``bptt info``."""
        k = len(self.mean_)
        return [f"input: {self.window} steps of {k} values; forecast: {self.horizon} steps"]

    def prediction_rows(
        self, X: Any = None, coverage: float | None = None, columns: Sequence[str] = ()
    ) -> Iterator[list[str]]:
        """Yield a heading, then each step of the forecast: rows of ``bptt predict``.

        Parameters
        ----------
        X
            As for `predict`.
        coverage : float, optional
            Adds the ends of intervals, see `predict_interval`.
        columns : sequence of str
            Names of the values; numbered where not given.
        """
        parts = [("", self.predict(X))]
        if coverage is not None:
            parts += zip((" lower", " upper"), self.predict_interval(X, coverage), strict=True)
        several = parts[0][1].ndim == 3  # the model was trained on several series
        columns = columns or [f"value {j + 1}" for j in range(len(self.mean_))]
        titles = [name + part for name in columns for part, _ in parts]
        yield [*["series"] * several, "step", *titles]
        stacked = np.stack([a if several else a[np.newaxis] for _, a in parts], axis=-1)
        for i, series in enumerate(stacked, start=1):
            for t, row in enumerate(series, start=1):
                yield [*[str(i)] * several, str(t), *(f"{v:.8g}" for v in row.reshape(-1))]

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
        return ForecastStream(self._point, m, self.window, self.horizon, len(self.mean_))

    def _ends(self, X):
        """Return the last `window` steps of every series, (m, window, k), and whether it is one."""
        if X is None:
            if self.context_ is None:
                raise ConfigError(
                    "the file does not hold the ends of the series; expected X with them."
                )
            return self.context_, self._single
        series, single = as_series(X)
        self._check_series(series, single, self.window, "a window")
        return np.stack([x[-self.window :] for x in series]), single

    def _check_series(self, series, single, least, what):
        for i, x in enumerate(series):
            check_width("X" if single else f"X[{i}]", x, len(self.mean_), "as in fit")
        check_steps(series, single, least, what)

    def _predictor(self):
        framing = Framing(
            self.window, self._steps(), self.residual, self.season, self.change_scale_
        )
        return Predictor(self.network_, self.parameters_, framing, self._output())

    def _point(self, windows):
        """Forecast windows (m, window, k) in their own units: (m, horizon, k)."""
        return self._unscaled(self._predictor().point(self._scaled([windows])[0], self.horizon))

    def _unscaled(self, z):
        require_finite(z)
        return z * self.scale_ + self.mean_

    # -- hyper-parameters, network and file --------------------------------------------------

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yield what no hyper-parameter may be beside the others."""
        if self.season > self.window:
            yield "season", f"at most window = {self.window}"
        if self.strategy == "recursive" and not self._output().recursive:
            yield "output", "'point' or 'gaussian' with strategy 'recursive'"

    def build_network(self) -> Network:
        """Build the network."""
        k = len(self.mean_)
        n_out = self._output().n_outputs * self._steps() * k
        return recurrent_network(self, [], k, n_out, pooling="last")

    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes, ready for JSON."""
        kept = self.context_ if self.context_ is not None else np.zeros(0)
        return {
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "change_scale": self.change_scale_,
            "single": self._single,
            "context": kept.reshape(-1).tolist() if 0 < kept.size <= _MOST_KEPT else None,
        }

    def restore_state(self, state: dict[str, Any]) -> None:
        """Set the fitted attributes from those of a file."""
        if not isinstance(state["mean"], list) or not 1 <= len(state["mean"]) <= MOST_FEATURES:
            raise ConfigError("its mean is not a list of numbers.")
        k = len(state["mean"])
        self.mean_: np.ndarray = finite_row("mean", state["mean"], k)
        self.scale_: np.ndarray = scale_row("scale", state["scale"], k)
        self.change_scale_: float = float(scale_row("change_scale", [state["change_scale"]], 1)[0])
        self._single: bool = state["single"]
        self.context_: np.ndarray | None = None
        if not isinstance(self._single, bool):
            raise ConfigError("its single is not a bool.")
        if state["context"] is not None:
            flat = state["context"]
            n = len(flat) if isinstance(flat, list) else -1
            if n < 1 or n % (self.window * k) or (self._single and n != self.window * k):
                raise ConfigError(f"its context does not consist of windows ({self.window}, {k}).")
            self.context_ = finite_row("context", flat, n).reshape(-1, self.window, k)
