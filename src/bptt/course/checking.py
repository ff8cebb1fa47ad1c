"""Check a learner's function against the textbook; name the first equation that is wrong."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..checks import is_number, suggestion
from ..errors import ConfigError, operation
from .backward_checks import check_backward
from .calling import Function, TooLong, at_most, beside, call, calls, line_of, names_of, too_long
from .forward_checks import check_forward, check_padding
from .judging import judge
from .report import Finding, Report, as_numbers, close, listed, several
from .steps import STEPS, draw
from .textbook import computed

ALIASES = {"rnnCell_forward": "rnn_cell_forward", "rnnCell_backward": "rnn_cell_backward"}
_DIRECTIONS = ("forward", "backward")
EXERCISES: tuple[str, ...] = (
    *STEPS,
    *(f"{cell}_{d}" for cell in ("rnn", "lstm", "gru") for d in _DIRECTIONS),
    "pad_sequences",
    *(f"ragged.{cell}_{d}" for cell in ("rnn", "lstm", "gru") for d in _DIRECTIONS),
    *(f"batch_first.{cell}_{d}" for cell in ("rnn", "lstm") for d in _DIRECTIONS),
    *ALIASES,
)


@operation
def check(
    name: str,
    function: Function,
    *,
    forward: Function | None = None,
    seed: int = 0,
    seconds: float = 10.0,
) -> Report:
    """Check a function of the course exercise; name the first equation that is wrong.

    The function is called with the course's arguments: small random arrays whose sizes all differ,
    and plain tuples as caches. Its results are compared with the textbook's. Where a result is
    wrong, the report names the first quantity that does not follow from the ones before it, its
    equation number, what is right so far, what follows from it, and, where the numbers are those of
    a known mistake, that mistake.

    Parameters
    ----------
    name : str
        Name of the function in the course: "lstm_cell_backward"; "batch_first.rnn_forward" is that
        of the batch-first exercise, "ragged.rnn_forward" takes `seq_lengths`. All names are in
        `bptt.course.EXERCISES`.
    function : callable
        The learner's function, with the course's arguments.
    forward : callable, optional
        The forward function that makes the cache of a backward function, where the exercise leaves
        the cache to the learner (batch first, ragged). Default: the function of that name in the
        notebook or file in which `function` is defined.
    seed : int
        Seed of the random arrays.
    seconds : float
        Limit of CPU time, so that a loop without an end is reported. It has no effect on Windows
        and in threads other than the main one.

    Returns
    -------
    Report
        True if the function is right; ``print(report)`` shows the finding.

    Raises
    ------
    ConfigError
        There is no such exercise, `function` is no function, or `seconds` is not positive.

    Examples
    --------
    >>> def rnn_cell_backward(da_next, cache):
    ...     a_next, a_prev, xt, parameters = cache
    ...     dtanh = (1 - a_prev ** 2) * da_next
    ...     return {"dxt": parameters["Wax"].T @ dtanh, "da_prev": parameters["Waa"].T @ dtanh,
    ...             "dWax": dtanh @ xt.T, "dWaa": dtanh @ a_prev.T,
    ...             "dba": dtanh.sum(axis=1, keepdims=True)}
    >>> print(check("rnn_cell_backward", rnn_cell_backward).diagnosis)
    the derivative of tanh at a_prev, not at a_next
    """
    if name not in EXERCISES:
        raise ConfigError(
            f"name is {name!r}; expected one of {', '.join(EXERCISES)}."
            f"{suggestion(name, EXERCISES)}"
        )
    for what, given in (("function", function), ("forward", forward)):
        if not callable(given) and (given is not None or what == "function"):
            raise ConfigError(f"{what} is a {type(given).__name__}; expected a function.")
    if not (is_number(seconds) and seconds > 0):
        raise ConfigError(f"seconds is {seconds!r}; expected a number > 0.")
    rng = np.random.default_rng(seed)
    try:
        with at_most(seconds):
            return _check(name, ALIASES.get(name, name), function, forward, rng)
    except Finding as finding:
        return Report(name, False, str(finding))
    except TooLong as stopped:
        return Report(name, False, too_long(seconds, line_of(stopped, function)))


def _check(shown, name, function, forward, rng) -> Report:
    if name == "pad_sequences":
        return check_padding(function, rng)
    if name in STEPS:
        return _check_step(shown, name, function, forward, rng)
    form, _, plain = name.rpartition(".")
    _need_form(form, plain, function)
    cell, direction = plain.split("_")
    try:
        if direction == "forward":
            report = check_forward(name, form, cell, function, rng)
        else:
            made = partial(_forward, name, function, forward)
            report = check_backward(name, form, cell, function, made, rng)
    except Finding as finding:
        report = Report(name, False, str(finding))
    return report if report else _with_step(report, form, cell, direction, function)


def _with_step(report, form, cell, direction, function) -> Report:
    """Return the report of the step that a loop calls, if that is wrong: it explains the loop's."""
    kinds = ("_step",) if form == "batch_first" else ("_cell", "Cell")
    names = [f"{cell}{kind}_{direction}" for kind in kinds]
    called = [n for n in names if n in EXERCISES and calls(function, n)]
    for step in called:
        wrong = check(step, found) if (found := beside(function, step)) else True
        if not wrong:
            told = f"the step that it calls is not right. {wrong}"
            return replace(wrong, function=report.function, sentence=told, points=report.points)
    if direction == "backward" and report.first == "dx" and not (called or report.diagnosis):
        return replace(report, sentence=f"{report.sentence} Check {names[0]} first.")
    return report


def _need_form(form, plain, function):
    """Refuse a function whose arguments are those of another exercise of the same name.

    Raises
    ------
    Finding
    """
    given = names_of(function)
    batch = len({"Wx", "Wh", "h0", "dh"}.intersection(given)) > 0
    if batch and form != "batch_first" and plain[:3] != "gru":
        raise Finding(
            f"takes {', '.join(given)}, as in the batch-first exercise; "
            f"check it as 'batch_first.{plain}'."
        )
    if form == "ragged" and plain.endswith("forward") and given and "seq_lengths" not in given:
        raise Finding(
            f"takes {', '.join(given)}; expected seq_lengths, the sequences' lengths, too."
        )


def _forward(name, function, forward) -> Function:
    """Return the forward function that makes the cache of a backward function, if it is right.

    Raises
    ------
    Finding
        It is not right: the backward function cannot be checked.
    """
    own = name.replace("backward", "forward")
    plain = own.rpartition(".")[2]
    made = forward or beside(function, plain)
    if made is None:
        raise Finding(
            f"cannot be called without the cache that {plain} makes: define {plain} in the same "
            f"notebook or file, or pass it as forward=."
        )
    report = check(own, made)
    if not report:
        raise Finding(f"waits for {plain}, which makes its cache. {report}")
    return made


def _check_step(shown, name, function, forward, rng) -> Report:
    step = STEPS[name]
    names = draw(step, rng)
    arguments = [_argument(a, name, step, names, function, forward) for a in step.arguments]
    hers = _results(step, call(function, arguments), names)
    report = judge(shown, step, names, computed(step, names), hers)
    if report.passed and name in _HARD:
        _check_hard(name, function)
    return report


def _argument(argument, name, step, names, function, forward):
    parameters = {p: names[p] for p in step.parameters}
    if argument == "parameters":
        return parameters
    if argument != "cache":
        return names[argument]
    if not step.cache:
        own = _forward(name, function, forward)
        *_, cache = call(own, [names[a] for a in STEPS[step.forward].arguments])
        return cache
    return tuple(parameters if e == "parameters" else names[e] for e in step.cache)


def _results(step, result, names):
    """Return what the function returned, by name: the cache's entries too.

    Raises
    ------
    Finding
    """
    if step.results == ("gradients",):
        if not isinstance(result, Mapping):
            raise Finding(f"returns a {type(result).__name__}; expected a dict of gradients.")
        wanted = [line.name for line in step.lines if not line.seen_in]
        missing = [n for n in wanted if n not in result]
        if missing:
            raise Finding(
                f"its dict has no {listed([repr(n) for n in missing])}; expected "
                f"{', '.join(wanted)}."
            )
        return {n: as_numbers(f"gradients[{n!r}]", result[n]) for n in wanted}
    if len(step.results) == 1:
        return {step.results[0]: as_numbers("its result", result)}
    hers: dict[str, Any] = {}
    for n, value in zip(step.results, several(result, step.results), strict=True):
        if n != "cache":
            hers |= _by_gate(step, n, as_numbers(n, value), names)
        elif step.cache:
            hers |= _cache_entries(step, value, hers, names)
    return hers


def _by_gate(step, name, value, names):
    """Return the columns of each gate, dWx_i, dWx_f, ...; other results as they are."""
    weight = name.removeprefix("d")
    if not step.gates or weight not in ("Wx", "Wh", "b"):
        return {name: value}
    if value.shape != names[weight].shape:
        raise Finding(f"{name} has shape {value.shape}; expected {names[weight].shape}.")
    parts = np.split(value, len(step.gates), axis=-1)
    return {f"{name}_{gate}": part for gate, part in zip(step.gates, parts, strict=True)}


def _cache_entries(step, cache, hers, names):
    if not isinstance(cache, (tuple, list)) or len(cache) != len(step.cache):
        what = (f"{len(cache)} entries" if isinstance(cache, (tuple, list))
                else f"type {type(cache).__name__}")  # fmt: skip
        raise Finding(
            f"its cache has {what}; expected {len(step.cache)}: ({', '.join(step.cache)})."
        )
    found = {}
    for k, (n, value) in enumerate(zip(step.cache, cache, strict=True)):
        if n == "parameters":
            if not isinstance(value, Mapping) or set(value) != set(step.parameters):
                raise Finding(f"cache[{k}] is not the dict of parameters.")
            continue
        value = as_numbers(f"cache[{k}]", value)
        if n in hers:
            if not close(value, np.asarray(hers[n], np.float64)):
                raise Finding(f"cache[{k}] is not the {n} that is returned.")
        elif n in names:
            if not close(value, names[n]):
                raise Finding(f"cache[{k}] is not {n}, which backward needs.")
        else:
            found[n] = value
    return found


_HARD = {
    "sigmoid": (np.array([[-1e4, 0.0, 1e4]]), np.array([[0.0, 0.5, 1.0]])),
    "softmax": (np.array([[0.0, 2000.0], [0.0, 0.0]]), np.array([[0.5, 1.0], [0.5, 0.0]])),
}


def _check_hard(name, function):
    """Check large numbers, where the formula of the notebook overflows."""
    x, right = _HARD[name]
    given = np.asarray(call(function, [x]))
    if not close(given, right):
        reason = (
            "subtract the maximum of each column, np.max(x, axis=0), not that of the whole array"
            if name == "softmax"
            else "exp(-x) overflows where x is very negative"
        )
        raise Finding(f"is right for small numbers, not for x = {x.tolist()}: {reason}.")
