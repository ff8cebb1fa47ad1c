"""Checks of the functions that run backward through time."""

from collections.abc import Callable, Mapping

import numpy as np

from .. import equations
from ..equations import batch_first
from ..equations.sequences import valid_steps
from .calling import Function, call, names_of
from .forward_checks import batch_first_weights
from .report import Finding, Report, as_numbers, close, listed, several
from .runs import LENGTHS, T_X, Batch, caches_of, draw_run
from .slips import slips_backward, sums
from .words import translated

Arrays = dict[str, np.ndarray]


def check_backward(
    name: str,
    form: str,
    cell: str,
    function: Function,
    forward: Callable[[], Function],
    rng: np.random.Generator,
) -> Report:
    """Check a function that runs backward through time: see `bptt.course.check`.

    Parameters
    ----------
    name, form, cell : str
        Of the exercise; form is "", "ragged" or "batch_first".
    function : callable
    forward : callable () -> callable
        Returns the forward function that makes the caches, where they are the learner's own.
    rng : numpy.random.Generator
    """
    run = draw_run(cell, rng)
    da = rng.standard_normal((*run.a0.shape, T_X))
    batch = Batch(run, da, LENGTHS if form == "ragged" else None)

    def shown(gradients: Arrays) -> Arrays:
        """Return gradients by the names and in the layout of the exercise."""
        if form != "batch_first":
            return gradients
        weights = batch_first.from_course(equations.CELLS[cell], gradients)
        result = {"dx": gradients["dx"].transpose(1, 2, 0), "dh0": gradients["da0"].T}
        return result | dict(zip(("dWx", "dWh", "db"), weights, strict=True))

    right = shown(batch.gradients())
    called = {"": _course, "ragged": _ragged, "batch_first": _batch_first}[form]
    hers, again = called(function, forward, run, da, list(right))
    for k, value in right.items():
        if hers[k].shape != value.shape:
            raise Finding(f"{k} has shape {hers[k].shape}; expected {value.shape}.")
    fine = [k for k in right if close(hers[k], right[k])]
    if len(fine) == len(right):
        return Report(name, True, "All gradients agree with the textbook.", points=1.0)
    first, where = _first_wrong(hers, right, form)
    diagnosis = _slip(batch, shown, hers) or ("", "")
    if not diagnosis[1] and first in right and first not in ("dx", "da0", "dh0"):
        diagnosis = first, _slip_of_sum(first, hers[first], batch, shown)
    if not diagnosis[1] and form == "ragged":
        diagnosis = first, _slip_of_padding(again, right)
    first, sentence = diagnosis[0] or first, diagnosis[1]
    if form == "batch_first":
        first, sentence, where = translated(first), translated(sentence), translated(where)
    told = f"{where}{first}: yours is off"
    if fine:
        told += f"; {listed(fine[:8])} {'are' if len(fine) > 1 else 'is'} right"
    told += f". The numbers fit this mistake: {sentence}." if sentence else "."
    return Report(name, False, told, first, "", sentence, len(fine) / len(right))


# -- calls in the three forms: hers, and hers once more without gradients on the padding ----------


def _course(function, forward, run, da, wanted):
    return _dict(call(function, [da, caches_of(run)]), wanted), None


def _ragged(function, forward, run, da, wanted):
    lengths = list(LENGTHS)
    *_, caches = call(forward(), [run.x, run.a0, run.parameters, lengths])
    more = [lengths] if "seq_lengths" in names_of(function) else []

    def gradients(da):
        return _dict(call(function, [da, caches, *more]), wanted)

    on = valid_steps(lengths, len(lengths), T_X)
    return gradients(da), lambda: gradients(np.where(on, da, 0))


def _batch_first(function, forward, run, da, wanted):
    x, h0 = run.x.transpose(1, 2, 0), run.a0.T
    *_, cache = call(forward(), [x, h0, *batch_first_weights(run).values()])
    result = several(call(function, [da.transpose(1, 2, 0), cache]), wanted)
    return {k: as_numbers(k, v) for k, v in zip(wanted, result, strict=True)}, None


def _dict(result, wanted):
    if not isinstance(result, Mapping):
        raise Finding(f"returns a {type(result).__name__}; expected a dict of gradients.")
    if missing := [k for k in wanted if k not in result]:
        names = listed([repr(k) for k in missing])
        raise Finding(f"its dict has no {names}; expected {', '.join(wanted)}.")
    return {k: as_numbers(f"gradients[{k!r}]", result[k]) for k in wanted}


# -- what is wrong --------------------------------------------------------------------------------


def _first_wrong(hers, right, form):
    """Return the first wrong quantity in the order of the loop, and where it is."""
    given, value = hers["dx"], right["dx"]
    if form == "batch_first":
        given, value = given.transpose(2, 0, 1), value.transpose(2, 0, 1)
    lengths = LENGTHS if form == "ragged" else (T_X,) * given.shape[1]
    for t in reversed(range(T_X)):
        wrong = [i for i in range(given.shape[1]) if not close(given[:, i, t], value[:, i, t])]
        if not wrong:
            continue
        which = f" of example {wrong[0]}" if form == "ragged" else ""
        if t >= lengths[wrong[0]]:
            return "dx", f"on the padding{which}, in step {t + 1}, where it is 0, "
        if t == lengths[wrong[0]] - 1:
            return "dx", f"already in the last step{which}, where backpropagation begins, "
        return "da_prev", f"what is carried from step {t + 2} to step {t + 1}{which}, "
    return next(k for k in right if not close(hers[k], right[k])), ""


def _slip(batch, shown, hers):
    """Return the mistake of the loop whose numbers these are: first wrong quantity, sentence."""
    for slip, gradients in slips_backward(batch):
        value = shown(gradients)
        if all(close(hers[k], v) for k, v in value.items()):
            weights = (k for k in value if k not in ("dx", "da0", "dh0"))
            return slip.first or next(weights), slip.sentence
    return None


def _slip_of_sum(name, given, batch, shown):
    """Return what one parameter's gradient was made of, in words."""
    whole, parts = batch.gradients(), batch.parts()
    steps = [shown(whole | {k: v[t] for k, v in parts.items()})[name] for t in range(T_X)]
    return next(
        (sentence for value, sentence in sums(steps, batch.da.shape[1]) if close(given, value)), ""
    )


def _slip_of_padding(again, right):
    """Return whether the gradient on the padding is all that is wrong."""
    try:
        hers = again()
    except Finding:
        return ""
    if all(close(hers[k], v) for k, v in right.items()):
        return ("da on the padding counts: a step of a sequence has a loss only before the "
                "sequence's end")  # fmt: skip
    return ""
