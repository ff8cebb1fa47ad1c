"""A model that forecasts series: scaling, network and file."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..network import Network
from .architecture import recurrent_network
from .conformal import Conformal
from .covariates import Covariates
from .encoder import MOST_FEATURES
from .fitted import as_fitted
from .forecast_context import Context
from .naive_errors import NaiveErrors
from .scales import Scales, SeriesScales
from .scaling import finite_row, scale_row
from .series import Series, filled
from .series_options import SeriesOptions
from .series_reading import read_series
from .windows import Counts, Framing, Windows


@dataclass(kw_only=True, repr=False, eq=False)
class SeriesModel(SeriesOptions):
    """A recurrent network that reads windows of series; `Forecaster` trains it and forecasts."""

    _conformal = None
    _covariates = None
    _own_scales = None
    _naive_errors = None

    # -- series as the network reads them ----------------------------------------------------

    def _framing(self, scale):
        masks = self.missing == "indicator"
        residual, extra = self.residual, self.n_covariates
        return Framing(self.window, self._steps(), residual, self.season, scale, masks, extra)

    @property
    def n_covariates(self) -> int:
        """Number of inputs of a step that are covariates: the last ones of `network_inputs`."""
        return 0 if self._covariates is None else self._covariates.n_inputs

    def _extra(self, series: Series):
        """Return the covariates of series as inputs, each (n, n_extra); None without."""
        if self._covariates is None:
            return None
        rows = self._covariates.of_series(series)
        return [self._covariates.inputs(x, self._steps()) for x in rows]

    def _known_layout(self):
        """Return the layout of the series of `fit`, with the names of all their columns."""
        layout = self._context.layout
        if self._covariates is None or not layout.names:
            return layout
        return replace(layout, names=self._covariates.names)

    def _split(self, series: Series) -> Series:
        """Return series of the targets, with covariates beside them."""
        return series if self._covariates is None else self._covariates.split(series)

    def _check_values(self, series: Series):
        """Refuse values that the model cannot be trained on or forecast."""
        series.refuse_empty()
        if self.missing == "raise":
            series.refuse("NaN")
        if self._output().counts:
            series.refuse_fractions()

    def _long_enough(self, series: Series, least: int, what: str) -> Series:
        """Return series of at least some steps, filled up where the model fills missing values."""
        if self.missing != "raise" and min(map(len, series.values)) > 0:
            return series.padded(least)
        try:
            series.check_steps(series.values, least, what)
        except ConfigError as error:
            if series.layout.single:
                raise
            text = str(error).rstrip(".")
            raise ConfigError(
                f"{text} (missing='forward' fills up shorter series; or leave it out)."
            ) from None
        return series

    def _scales_of_all(self) -> Scales:
        """Return the scales of a model that has one mean and deviation for all series."""
        return Scales(self.mean_[np.newaxis], self.scale_[np.newaxis])

    def _scales(self, series: Series, ends=None) -> Scales:
        """Return the scales of series; `ends`: steps of each that may be used for them."""
        if self._own_scales is None:
            return self._scales_of_all()
        return self._own_scales.of(series.values, series.layout.ids, ends)

    def _windows(
        self, series: Series, scales, framing, batch_size, stride=1, ends=None, skipped=None
    ):
        """Return the windows of series, standardized, their missing values filled.

        `ends`: the steps of each series that are used. `skipped`: the start of its first window.
        """
        cuts = ends or [len(x) for x in series.values]
        values = series.only(cuts)
        whole, gone = filled(values, self.missing, scales.mean)
        first = np.zeros(len(self.mean_), np.float32)  # the mean, standardized
        scaled = scales.of_series(whole)
        extra = self._extra(series)
        if extra is not None:
            extra = [e[:n] for e, n in zip(extra, cuts, strict=True)]
        counts = Counts(values, scales) if self._output().counts else None
        return Windows(
            scaled, framing, batch_size, stride, skipped, missing=gone, first=first, extra=extra,
            counts=counts,
        )  # fmt: skip

    def _standardized(self, windows, scales):
        """Return windows (m, window, k), masks and covariates after them, as network inputs."""
        values, others = np.split(windows, [len(self.mean_)], axis=2)
        return np.concatenate([scales.scaled(values), others.astype(np.float32)], axis=2)

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
        series = read_series(X, static=self.static)
        if not series.layout.single:
            return f"{len(series.values):,} series"
        n, k = series.values[0].shape
        return f"{n:,} step{'s' * (n != 1)} x {k} column{'s' * (k != 1)}"

    @as_fitted
    def describe(self) -> list[str]:
        """Return what the fitted model reads and predicts: a line of ``bptt info``."""
        k, layout = len(self.mean_), self._context.layout
        names = f" ({', '.join(layout.names[:10])}{', ...' * (k > 10)})" if layout.names else ""
        lines = [
            f"input: {self.window} steps of {k} value{'s' * (k != 1)}{names}; "
            f"forecast: {self.horizon} steps"
        ]
        if (own := self._covariates) is not None:
            static = () if own.static is None else own.static.names
            roles = {"past": own.past, "future": own.future, "static": static,
                     "calendar": own.calendar}  # fmt: skip
            said = [f"{role}: {', '.join(names)}" for role, names in roles.items() if names]
            lines.append(f"covariates: {'; '.join(said) or 'none'}")
        if layout.frequency is not None:
            lines.append(f"frequency: {layout.frequency}; times in {layout.index_name}")
        if layout.ids is not None:
            by = f", by {layout.ids_name}" if layout.ids_name else ""
            lines.append(f"series: {len(layout.ids):,}{by}")
        if layout.ids is not None or self.scaling == "series":
            whose = "each series" if self.scaling == "series" else "all series together"
            lines.append(f"scaling: by mean and standard deviation of {whose}")
        return lines

    def data_options(self) -> dict[str, str]:
        """Return the columns of ids and times by the options of the command line that name them."""
        layout = self._context.layout
        names = {"sequence": layout.ids_name, "time": layout.index_name}
        return {option: name for option, name in names.items() if name not in (None, "time")}

    # -- network and file --------------------------------------------------------------------

    def build_network(self) -> Network:
        """Build the network."""
        k = len(self.mean_)
        n_out = self._output().n_outputs * self._steps() * k
        n_in = 2 * k if self.missing == "indicator" else k
        return recurrent_network(self, [], n_in + self.n_covariates, n_out, pooling="last")

    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes, ready for JSON."""
        return {
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "change_scale": self.change_scale_,
            **self._context.to_json(),
            "covariates": None if self._covariates is None else self._covariates.to_json(),
            "conformal": None if self._conformal is None else self._conformal.to_json(),
            "naive_errors": None if self._naive_errors is None else self._naive_errors.to_json(),
            "own_scales": None if self._own_scales is None else self._own_scales.to_json(),
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
        if self.scaling == "series":
            ids = self._context.layout.ids
            self._own_scales = SeriesScales.from_json(state["own_scales"], ids, k)
        if (errors := state.get("naive_errors")) is not None:  # none in files of earlier versions
            self._naive_errors = NaiveErrors.from_json(errors, self._context.layout.ids, k)
        if (errors := state.get("conformal")) is not None:  # none in files of earlier versions
            self._conformal = Conformal.from_json(errors, self.horizon, k)
