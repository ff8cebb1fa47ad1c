"""Backtests of models that are trained again for each origin, or for some of them."""

from typing import Any

import numpy as np

from .. import extras
from .backtest import Backtest
from .data_frames import as_frame
from .fitted import numpy_defaults
from .series_reading import read_series


def refitted(
    model: Any, X: Any, stride: int, windows: int, every: int, training_steps: int | None,
    season: int | None, coverage: Any, n_jobs: int | None,
) -> Backtest:  # fmt: skip
    """Train and test a model for each group of origins, on the steps before it.

    Parameters
    ----------
    model : Forecaster
        Its hyper-parameters are those of each model.
    X, stride, windows, training_steps, season, coverage, n_jobs
        As for `Forecaster.backtest`.
    every : int
        Origins that one model forecasts from.
    """
    series = read_series(X, static=model.static, **_roles(model, X))
    model._check_values(series)
    model._skips(series, stride, windows)
    lengths = np.array([len(x) for x in series.values])
    jobs = []
    for first in range(0, windows, every):
        last = min(first + every, windows) - 1
        after, until = (model.horizon + (windows - 1 - w) * stride for w in (first, last))
        ends = lengths - after
        starts = 0 * ends if training_steps is None else np.maximum(ends - training_steps, 0)
        training = series.part(starts.tolist(), ends.tolist())
        tested = series.part((0 * ends).tolist(), (lengths - until + model.horizon).tolist())
        skipped = (ends - model.window).tolist()
        jobs.append((model.unfitted(), training, tested, stride, skipped, season, tuple(coverage)))
    if n_jobs == 1:
        parts = [_fit_and_test(*job) for job in jobs]
    else:
        joblib = extras.load("joblib", extra="scores", why="for n_jobs")
        parts = joblib.Parallel(n_jobs)(joblib.delayed(_fit_and_test)(*job) for job in jobs)
    return Backtest.joined(parts)


def _roles(model, X):
    """Return the columns of ids and times of a fitted model, where X has them."""
    table = as_frame(X)
    if table is None or "_context" not in vars(model):
        return {}
    layout = model._context.layout
    roles = {"group": layout.ids_name, "time": layout.index_name}
    own = list(map(str, table.columns))
    return {role: name for role, name in roles.items() if name in own}


def _fit_and_test(model, training, series, stride, skipped, season, coverage):
    """Return the backtest of a model that is trained first."""
    model.fit(training, progress="silent")
    given = model._split(series)
    with numpy_defaults():
        parts = model._split(training).values
        return model._tested(given, stride, skipped, season, coverage, parts)
