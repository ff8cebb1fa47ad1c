"""Hyper-parameters of a model that forecasts series, and the rules among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from .base import Model
from .calendar import CALENDAR
from .forecast_outputs import OUTPUTS, Output, OutputName
from .hyperparameters import option, redefault
from .kinds import Choice, Flag, Levels, Names, Whole
from .missing import Missing
from .scales import Scaling
from .windows import Residual

Strategy = Literal["direct", "recursive"]
Intervals = Literal["output", "conformal"]
LONGEST_RECURSION = 2**20  # steps: some minutes; errors accumulate long before


@dataclass(kw_only=True, repr=False, eq=False)
class SeriesOptions(Model):
    """Hyper-parameters of a model of series."""

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
        'What is predicted of each value. "point": a number, trained by squared error. '
        '"gaussian", "student_t" (for series with outliers), "negative_binomial" (for counts): a '
        'distribution, trained by likelihood. "quantile": the quantiles `levels`, trained by '
        "pinball loss; the median is the forecast (direct only).",
        group="Model",
    )
    levels: Sequence[float] = option(
        (0.05, 0.5, 0.95),
        Levels(),
        'Probabilities of the quantiles of "quantile", increasing, with 0.5 among them.',
        group="Model",
    )
    nonnegative: bool = option(
        False,
        Flag(),
        "Replace numbers below 0 in forecasts, intervals and paths by 0.",
        group="Model",
    )
    intervals: Intervals = option(
        "output",
        Choice(Intervals),
        '"output": intervals are those of the predicted distribution or quantiles. "conformal": '
        "`fit` calibrates them on what is held out (`validation_fraction`, or `validation` of "
        "`fit`), for any output.",
        group="Training",
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
    scaling: Scaling = option(
        "global",
        Choice(Scaling),
        'Standardization of the values. "global": by mean and standard deviation of all series '
        'together. "series": by those of each series, for series of different sizes. A forecast '
        "uses the numbers of the training for an id of the training, and for another series those "
        "of the steps that are given.",
        group="Input",
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
    static: Sequence[str] = option(
        (),
        Names(),
        "Columns with one value for each series, numbers or categories (texts).",
        group="Input",
    )
    calendar: Sequence[str] = option(
        (),
        Names(CALENDAR),
        'Features of the dates, a sine and a cosine of each: "minute", "hour", "dayofweek", '
        '"dayofyear", "month".',
        group="Input",
    )
    validation_fraction: float = redefault(Model, "validation_fraction", 0.0)
    one_pass: ClassVar[dict[str, Any]] = {**Model.one_pass, "intervals": "output"}

    def _output(self) -> Output:
        return OUTPUTS[self.output](self.levels)

    def _steps(self):
        """Return the number of steps that the network forecasts at once."""
        return self.horizon if self.strategy == "direct" else 1

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yield what the hyper-parameters break together: a name, and what is expected of it."""
        yield from super().rules()
        if self.season > self.window:
            yield "season", f"at most window = {self.window}"
        if self.strategy == "recursive" and not self._output().recursive:
            yield "output", "any other with strategy 'recursive'"
        if self.strategy == "recursive" and self.horizon > LONGEST_RECURSION:
            yield "horizon", f"at most {LONGEST_RECURSION:,} steps with strategy 'recursive'"
        if self._steps() > self.window and (self.future or self.calendar):
            yield "horizon", f"at most window = {self.window} with future or calendar"
