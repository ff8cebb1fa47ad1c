"""A model that forecasts series: hyper-parameters, scaling, network and file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from ..checks import require_finite
from ..errors import ConfigError
from ..network import Network
from .architecture import recurrent_network
from .base import Model
from .conformal import Conformal
from .covariates import CALENDAR, Covariates
from .encoder import MOST_FEATURES
from .fitted import as_fitted
from .forecast_context import Context
from .forecast_outputs import OUTPUTS, Output, OutputName
from .hyperparameters import Choice, Levels, Names, Whole, option, redefault
from .missing import Missing
from .scaling import finite_row, scale_row
from .series import Series, filled, read_series
from .windows import Framing, Residual, Windows

Strategy = Literal["direct", "recursive"]
_LONGEST_RECURSION = 2**20  # steps: some minutes; errors accumulate long before


@dataclass(kw_only=True, repr=False, eq=False)
class SeriesModel(Model):
    """A recurrent network that reads windows of series; `Forecaster` trains it and forecasts."""

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
    missing: Missing = option(
        "raise",
        Choice(Missing),
        'Treatment of missing values (NaN). "raise": refuse them. "interpolate": linear between '
        "the neighbors in time; at the end of a window the last value, so that no later value is "
        'read. "forward": the last value; before the first one the mean of the training part. '
        '"indicator": as "forward", and a mask for each value, 1 where it is missing, as an '
        "additional input. A missing value that a forecast is compared with counts neither in the "
        "loss nor in scores.",
        group="Input",
    )
    stride: int = option(
        1,
        Whole(1),
        "Distance between the starts of training windows.",
        group="Training",
        unit="steps",
    )
    target: Sequence[str] = option(
        (),
        Names(),
        "Columns that are forecast. Empty: all that are not in `future`. Columns in neither are "
        "past covariates: they are read, and not forecast.",
        group="Input",
    )
    future: Sequence[str] = option(
        (),
        Names(),
        "Columns that are known for the steps of the forecast too, such as holidays: `predict` "
        "needs them for these steps.",
        group="Input",
    )
    calendar: Sequence[str] = option(
        (),
        Names(CALENDAR),
        'Features of the dates, each a sine and a cosine: of "minute", "hour", "dayofweek", '
        '"dayofyear" and "month".',
        group="Input",
    )
    validation_fraction: float = redefault(Model, "validation_fraction", 0.0)

    _conformal = None
    _covariates = None

    items = "windows"
    command: ClassVar[str] = "forecast"
    reads: ClassVar[str] = "series"
    example = "load.csv --columns load,oil --window 96 --horizon 24 --output gaussian"

    # -- series as the network reads them ----------------------------------------------------

    def _steps(self):
        """Return the number of steps that the network forecasts at once."""
        return self.horizon if self.strategy == "direct" else 1

    def _framing(self, scale):
        masks = self.missing == "indicator"
        residual, extra = self.residual, self._n_extra()
        return Framing(self.window, self._steps(), residual, self.season, scale, masks, extra)

    def _n_extra(self):
        """Return the number of inputs of a step that are covariates."""
        return 0 if self._covariates is None else self._covariates.n_inputs

    def _extra(self, series: Series):
        """Return the covariates of series as inputs, each (n, n_extra); None without."""
        if self._covariates is None:
            return None
        rows = self._covariates.of_series(series)
        return [self._covariates.inputs(x, self.horizon) for x in rows]

    def _known_layout(self):
        """Return the layout of the series of `fit`, with the names of all their columns."""
        layout = self._context.layout
        if self._covariates is None or not layout.names:
            return layout
        return replace(layout, names=self._covariates.names)

    def _split(self, series: Series) -> Series:
        """Return series of the targets, with covariates beside them."""
        return series if self._covariates is None else self._covariates.split(series)

    def _output(self) -> Output:
        return OUTPUTS[self.output](self.levels)

    def _check_values(self, series: Series):
        if self.missing == "raise":
            series.refuse("NaN")

    def _windows(self, series, framing, batch_size, stride=1, skipped=None, extra=None):
        """Return the windows of series, standardized, their missing values filled."""
        whole, gone = filled(series, self.missing, self.mean_)
        first = np.zeros(len(self.mean_), np.float32)  # the mean, standardized
        scaled = [self._scaled(x) for x in whole]
        return Windows(
            scaled, framing, batch_size, stride, skipped, missing=gone, first=first, extra=extra
        )

    def _scaled(self, x):
        with np.errstate(over="ignore"):  # `_unscaled` refuses what is not finite
            return ((x - self.mean_) / self.scale_).astype(np.float32)

    def _unscaled(self, z):
        require_finite(z)
        return z * self.scale_ + self.mean_

    def _standardized(self, windows):
        """Return windows (m, window, k), or with masks (m, window, 2 k), as the network's input."""
        values, masks = np.split(windows, [len(self.mean_)], axis=2)
        return np.concatenate([self._scaled(values), masks.astype(np.float32)], axis=2)

    # -- fitted attributes -------------------------------------------------------------------

    @property
    def context_(self) -> np.ndarray | None:
        """Ends of the series of `fit`, (n_series, window, k); None where a file holds none."""
        return self._context.ends

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the values of a step, ndarray of str; only if `fit` was given names."""
        context = vars(self).get("_context")
        if context is None or not context.layout.names:
            raise AttributeError("feature_names_in_: fit was given no names.")
        return np.array(self._known_layout().names, object)

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "160 steps x 2 columns" or "3 series"."""
        series = read_series(X)
        if not series.layout.single:
            return f"{len(series.values):,} series"
        n, k = series.values[0].shape
        return f"{n:,} steps x {k} column{'s' * (k != 1)}"

    @as_fitted
    def describe(self) -> list[str]:
        """Return what the fitted model reads and predicts: a line of ``bptt info``."""
        k, layout = len(self.mean_), self._context.layout
        names = f" ({', '.join(layout.names[:10])}{', ...' * (k > 10)})" if layout.names else ""
        lines = [f"input: {self.window} steps of {k} values{names}; forecast: {self.horizon} steps"]
        if (own := self._covariates) is not None:
            roles = {"past": own.past, "future": own.future, "calendar": own.calendar}
            said = [f"{role}: {', '.join(names)}" for role, names in roles.items() if names]
            lines.append(f"covariates: {'; '.join(said) or 'none'}")
        if layout.frequency is not None:
            lines.append(f"frequency: {layout.frequency}; times in {layout.index_name}")
        if layout.ids is not None:
            lines.append(f"series: {len(layout.ids):,}, by {layout.ids_name}")
        return lines

    def data_options(self) -> dict[str, str]:
        """Return the columns of ids and times by the options of the command line that name them."""
        layout = self._context.layout
        names = {"sequence": layout.ids_name, "time": layout.index_name}
        return {option: name for option, name in names.items() if name not in (None, "time")}

    # -- rules, network and file -------------------------------------------------------------

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yield what no hyper-parameter may be beside the others."""
        yield from super().rules()
        if self.season > self.window:
            yield "season", f"at most window = {self.window}"
        if self.strategy == "recursive" and not self._output().recursive:
            yield "output", "'point' or 'gaussian' with strategy 'recursive'"
        if self.strategy == "recursive" and self.horizon > _LONGEST_RECURSION:
            yield "horizon", f"at most {_LONGEST_RECURSION:,} steps with strategy 'recursive'"

        covariates = self.target or self.future or self.calendar
        if self.strategy == "recursive" and covariates:
            yield "strategy", "'direct' with target, future or calendar"
        if self.horizon > self.window and (self.future or self.calendar):
            yield "horizon", f"at most window = {self.window} with future or calendar"

    def build_network(self) -> Network:
        """Build the network."""
        k = len(self.mean_)
        n_out = self._output().n_outputs * self._steps() * k
        n_in = 2 * k if self.missing == "indicator" else k
        return recurrent_network(self, [], n_in + self._n_extra(), n_out, pooling="last")

    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes, ready for JSON."""
        return {
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "change_scale": self.change_scale_,
            **self._context.to_json(),
            "covariates": None if self._covariates is None else self._covariates.to_json(),
            "conformal": None if self._conformal is None else self._conformal.to_json(),
        }

    def restore_state(self, state: dict[str, Any]) -> None:
        """Set the fitted attributes from those of a file."""
        if not isinstance(state["mean"], list) or not 1 <= len(state["mean"]) <= MOST_FEATURES:
            raise ConfigError("its mean is not a list of numbers.")
        k = len(state["mean"])
        self.mean_: np.ndarray = finite_row("mean", state["mean"], k)
        self.scale_: np.ndarray = scale_row("scale", state["scale"], k)
        self.change_scale_: float = float(scale_row("change_scale", [state["change_scale"]], 1)[0])
        own = state.get("covariates")  # none in files of earlier versions
        self._covariates = None if own is None else Covariates.from_json(own, k)
        rows = 0 if self._covariates is None else self._covariates.n_rows
        self._context: Context = Context.from_json(state, self.window, k, self.missing, rows)
        if (errors := state.get("conformal")) is not None:  # none in files of earlier versions
            self._conformal = Conformal.from_json(errors, self.horizon, k)
