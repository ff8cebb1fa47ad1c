"""Backtests: forecasts from many origins, compared with what came and with the naive forecast."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from .. import extras
from . import forecast_metrics as metrics
from .layouts import Layout
from .reports import Table


@dataclass(frozen=True)
class Backtest:
    """Forecasts from many origins; unpacks as ``forecast, actual``.

    Attributes
    ----------
    forecast, actual, naive : ndarray of float64, shape (n, horizon, k)
        Forecasts, what came (NaN where it is missing), and the seasonal naive forecasts.
    scale : ndarray, shape (n, 1, k)
        Error of the naive forecast on the training part of each forecast's series, for MASE.
    series, origin : ndarray of int, shape (n,)
        The series of each forecast, and the step of it that is forecast first.
    intervals : dict of float to (lower, upper)
        Intervals by coverage, each end (n, horizon, k).
    quantiles : dict of float to ndarray, shape (n, horizon, k)
        Quantiles by level, for the CRPS; empty where the output has none.
    names : tuple of str
        Names of the values.
    layout : Layout
        Names, ids and time zone of the series.
    times : ndarray, shape (n, horizon), optional
        Times of the steps that are forecast, where the series have any.
    """

    forecast: np.ndarray
    actual: np.ndarray
    naive: np.ndarray
    scale: np.ndarray
    series: np.ndarray
    origin: np.ndarray
    intervals: dict[float, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    quantiles: dict[float, np.ndarray] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    layout: Layout = field(default_factory=Layout)
    times: np.ndarray | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield forecast and actual."""
        return iter((self.forecast, self.actual))

    def __getitem__(self, i: int) -> np.ndarray:
        """Return forecast or actual."""
        return (self.forecast, self.actual)[i]

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Return several backtests of the same series as one."""
        first = parts[0]
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("forecast", "actual", "naive", "scale", "series", "origin", "times")
            if getattr(first, name) is not None
        }
        intervals = {
            c: tuple(
                np.concatenate(ends) for ends in zip(*(p.intervals[c] for p in parts), strict=True)
            )
            for c in first.intervals
        }
        quantiles = {q: np.concatenate([p.quantiles[q] for p in parts]) for q in first.quantiles}
        return cls(
            **arrays, intervals=intervals, quantiles=quantiles, names=first.names,  # type: ignore[arg-type]
            layout=first.layout,
        )  # fmt: skip

    def metrics(self, axis: metrics.Axis = None) -> dict[str, tuple[Any, Any]]:
        """Return each metric of the forecasts and of the naive forecasts, averaged over `axis`.

        Parameters
        ----------
        axis : int, tuple of int or None
            Of (n, horizon, k). None: one number; `bptt.models.forecast_metrics.STEPS`: one for each
            step of the horizon.

        Returns
        -------
        dict of str to (number or ndarray, number, ndarray or None)
            None: the naive forecast has no intervals. Its CRPS is its mean absolute error.
        """
        y, f, naive = self.actual, self.forecast, self.naive
        table: dict[str, tuple[Any, Any]] = {
            "MAE": (metrics.mae(y, f, axis), metrics.mae(y, naive, axis)),
            "RMSE": (metrics.rmse(y, f, axis), metrics.rmse(y, naive, axis)),
            "sMAPE": (metrics.smape(y, f, axis), metrics.smape(y, naive, axis)),
            "MASE": (
                metrics.mase(y, f, self.scale, axis),
                metrics.mase(y, naive, self.scale, axis),
            ),
        }
        if self.quantiles:
            table["CRPS"] = metrics.crps(y, self.quantiles, axis), metrics.mae(y, naive, axis)
        for level, q in self.quantiles.items():
            if level in (0.1, 0.5, 0.9) or len(self.quantiles) < 8:
                own, other = (metrics.pinball(y, x, level, axis) for x in (q, naive))
                table[f"pinball {level:g}"] = own, other
        for c, (lower, upper) in self.intervals.items():
            table[f"coverage {c:.3g}"] = metrics.coverage(y, lower, upper, axis), None
            table[f"width {c:.3g}"] = metrics.width(y, lower, upper, axis), None
        return table

    def report(self) -> list[Table]:
        """Return the tables that ``bptt score`` prints: overall, then each step of the horizon."""
        overall = [(n, _show(own), _show(other)) for n, (own, other) in self.metrics().items()]
        steps = self.metrics(metrics.STEPS)
        names = [n for n in steps if n in ("MAE", "RMSE", "MASE") or n.startswith("coverage")]
        rows = [
            (str(h + 1), *(_show(steps[n][0][h]) for n in names), _show(steps["MAE"][1][h]))
            for h in range(self.forecast.shape[1])
        ]
        return [
            Table("", ("metric", "model", "seasonal naive"), tuple(overall)),
            Table("each step", ("step", *names, "naive MAE"), tuple(rows)),
        ]

    def frame(self) -> Any:
        """Return the forecasts as a data frame, a row for each step of each: ids, times, values.

        ``origin`` is the time that is forecast first. Beside each value it has columns for what
        came, the naive forecast, and the ends of intervals.

        Raises
        ------
        ConfigError
            pandas is not installed.
        """
        pd = extras.load("pandas", extra="tables", why="for forecasts as a data frame")
        horizon = self.forecast.shape[1]
        layout, times = self.layout, self.times
        if times is None:
            times = self.origin[:, np.newaxis] + np.arange(horizon)
        table: dict[str, Any] = {}
        if not layout.single:
            ids = np.array(layout.given_ids(1 + int(self.series.max())))
            table[layout.ids_name or "series"] = np.repeat(ids[self.series], horizon)
        table["origin"] = layout.in_zone(np.repeat(times[:, 0], horizon))
        name = "step" if self.times is None else layout.index_name or "time"
        table[name] = layout.in_zone(times.reshape(-1))
        for j, name in enumerate(self.names):
            parts = {"": self.forecast, " actual": self.actual, " naive": self.naive}
            for c, (lower, upper) in self.intervals.items():
                parts |= {f" lower {c:g}": lower, f" upper {c:g}": upper}
            table |= {name + end: part[:, :, j].reshape(-1) for end, part in parts.items()}
        return pd.DataFrame(table)

    def table(self) -> Any:
        """Return the metrics as a data frame, a row for each step of the horizon and one for all.

        Raises
        ------
        ConfigError
            pandas is not installed.
        """
        pd = extras.load("pandas", extra="tables", why="for a table of metrics")
        steps, overall = self.metrics(metrics.STEPS), self.metrics()
        columns = {}
        for name, both in steps.items():
            for kind, own, total in zip(("model", "naive"), both, overall[name], strict=True):
                if own is not None:
                    columns[name, kind] = [*own, total]
        index = pd.Index([*range(1, self.forecast.shape[1] + 1), "all"], name="step")
        return pd.DataFrame(columns, index=index)


def _show(number):
    return "" if number is None else f"{number:.4f}" if abs(number) < 100 else f"{number:,.4g}"
