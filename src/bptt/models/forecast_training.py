"""What a forecaster is trained on: its series checked and scaled, as windows."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ConfigError, within
from .covariates import Covariates
from .naive_errors import NaiveErrors
from .names import listed
from .predictor import ROWS
from .scales import SeriesScales, series_scales
from .scaling import mean_and_scale
from .series import Series
from .series_reading import read_series
from .windows import Windows

HeldOut = tuple[Series, list[int]]


def prepared(
    model: Any, new: Any, X: Any, lengths: Any, validation: Any, roles: dict[str, Any]
) -> tuple[Series, Windows, Windows, HeldOut]:
    """Read series; let a new model learn scales and covariates; return windows of them.

    Parameters
    ----------
    model : Forecaster
        The model whose `fit` was called.
    new : Forecaster
        Made by ``model.unfitted``; it gets all fitted attributes.
    X, lengths, validation
        As for `Forecaster.fit`.
    roles : dict
        `group`, `time` and `static` for `read_series`.

    Returns
    -------
    series, training, validation
        The series in the order of their ids, so that the training does not depend on their order.
    held_out
        The series of the validation, and the start of the first window of each.
    """
    before = model if model._goes_on() else None
    known = None if before is None else before._known_layout()
    given = read_series(X, lengths, known=known, **roles)
    new._covariates = _roles(new, given) if before is None else before._covariates
    own = new._split(given)
    new._check_values(own)
    given, cuts = _cut(new, own.by_id(), 0 if validation is not None else model.validation_fraction)
    _learn(new, given, cuts, before)
    new._naive_errors = NaiveErrors.learned(given.only(cuts), given.layout.ids, new.season)
    scales, framing = new._scales(given, cuts), new._framing(1.0)
    source = new._windows(given, scales, framing, model.batch_size, model.stride, cuts)
    if not source.n_counted:
        raise ConfigError("X holds no value after a whole window; expected at least one.")
    new.change_scale_ = source.change_scale() if before is None else before.change_scale_
    framing.scale = new.change_scale_
    if validation is None:
        skipped = [
            c - model.window if c < len(x) else len(x)
            for c, x in zip(cuts, given.values, strict=True)
        ]
        held_out = given, skipped
    else:
        held_out = _validation(new, given, validation, framing, roles)
        scales = new._scales(held_out[0])
    scored = new._windows(held_out[0], scales, framing, ROWS, skipped=held_out[1])
    if model.intervals == "conformal":
        _check_held_out(new, *held_out)
    new._context, new._conformal = _context(new, own), None
    return given, source, scored, held_out


def _check_held_out(new, series, skipped):
    """Refuse what is held out where no forecast of the whole horizon can be calibrated on it."""
    steps = [len(x) - skip for x, skip in zip(series.values, skipped, strict=True)]
    if max(steps) < new.window + new.horizon:
        raise ConfigError(
            f"intervals is 'conformal', and {max(*steps, new.window) - new.window} steps of each "
            f"series are held out at most; expected at least {new.horizon}, the horizon: a larger "
            f"validation_fraction, or validation."
        )


def _context(new, given):
    """Return the ends of the series, in the order in which they were given."""
    given = new._long_enough(given, new.window, "a window")
    ids = given.layout.ids
    if new._own_scales is not None and ids is not None:
        new._own_scales = SeriesScales(ids, new._own_scales.of(given.values, ids))
    errors = new._naive_errors
    if ids is not None:
        new._naive_errors = replace(
            errors, ids=ids, errors=errors.of(given.values, ids, new.season)
        )
    return replace(new._last(given), scales=None)


def _roles(new, given):
    """Return the covariates of a new model."""
    own = Covariates.chosen(given.layout.names, new.target, new.future, new.calendar, new.static)
    if own is not None and own.past and new.strategy == "recursive":
        raise ConfigError(
            f"strategy is 'recursive', and X has the past covariates {listed(own.past)}, which are "
            f"not known for the steps that are forecast; expected 'direct', or no such columns."
        )
    return own


def _cut(new, given, held):
    """Return series that are long enough, and how many steps of each are trained on."""
    needed, why = new.window + new._steps(), "window + horizon"
    if new.missing != "raise":
        given = new._long_enough(given, int(np.ceil(needed / (1 - held) + 1e-9)), why)
    cuts = [int((1 - held) * len(x)) for x in given.values]
    short = replace(given, values=given.only(cuts))
    new._long_enough(short, needed, f"{why} beside what is held out" if held else why)
    return given, cuts


def _learn(new, given, cuts, before):
    """Set the scales of a new model, and those of its covariates."""
    values, names, ids = given.only(cuts), given.layout.names, given.layout.ids
    if before is not None:
        given.check_width(len(before.mean_), "as in fit")
        new.mean_, new.scale_ = before.mean_, before.scale_
        if before._own_scales is not None:
            new._own_scales = SeriesScales(ids, before._own_scales.of(values, ids))
        return
    new.mean_, new.scale_ = mean_and_scale("X", np.concatenate(values), names)
    if new.scaling == "series":
        new._own_scales = SeriesScales(ids, series_scales(values, new.mean_))
    if new._covariates is not None:
        own = [c[:n] for c, n in zip(given.covariates or [], cuts, strict=True)]
        new._covariates = new._covariates.learned(np.concatenate(own), given, new.static)


def _validation(new, given, validation, framing, roles):
    """Return the series that are scored after each epoch, and the starts of their windows."""
    with within("validation"):
        names = given.layout.names if new._covariates is None else new._covariates.names
        other = read_series(validation, known=replace(given.layout, names=names), **roles)
        other = new._split(other)
        other.check_width(len(new.mean_), "as X has in fit")
        new._check_values(other)
        other = new._long_enough(other, framing.window + framing.horizon, "window + horizon")
    return other, [0] * len(other.values)
