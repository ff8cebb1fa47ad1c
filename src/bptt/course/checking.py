"""Check a learner's function against the textbook; name the first equation that is wrong."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..checks import suggestion
from ..errors import ConfigError, operation
from .mistakes import mistakes_of
from .report import Finding, Report, as_numbers, close, listed
from .textbook import STEPS, Line, Step, evaluate
from .through_time import SEQUENCES, check_sequence

# All differ, and there are fewer examples than features, so that a gradient of a product
# determines its left factor.
SIZES = {"n_x": 4, "n_a": 5, "n_y": 2, "m": 3, "N": 3, "D": 4, "H": 5, "4H": 20}


@operation
def check(name: str, function: Callable[..., Any], *, seed: int = 0) -> Report:
    """Check a function of the course exercise; name the first equation that is wrong.

    The function is called with the course's arguments: small random arrays whose sizes all differ,
    and plain tuples as caches. Its results are compared with the textbook's. Where a result is
    wrong, the report names the first quantity that does not follow from the ones before it, its
    equation number, what is right so far, what follows from it, and, where the numbers are those of
    a known mistake, that mistake.

    Parameters
    ----------
    name : str
        Name of the function in the course: "lstm_cell_backward". See `bptt.course.EXERCISES`.
    function : callable
        The learner's function, with the course's arguments.
    seed : int
        Seed of the random arrays.

    Returns
    -------
    Report
        True if the function is right; ``print(report)`` shows the finding.

    Raises
    ------
    ConfigError
        There is no such exercise, or `function` is no function.

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
    if not callable(function):
        raise ConfigError(f"function is a {type(function).__name__}; expected a function.")
    rng = np.random.default_rng(seed)
    try:
        if name in SEQUENCES:
            return check_sequence(name, function, rng, _call)
        return _check_step(name, STEPS[name], function, rng)
    except Finding as finding:
        return Report(name, False, str(finding))


EXERCISES: tuple[str, ...] = (*STEPS, *SEQUENCES)


def _check_step(name: str, step: Step, function, rng) -> Report:
    names = draw(step, rng)
    arguments = [_argument(a, step, names) for a in step.arguments]
    hers = _results(step, _call(function, arguments), names)
    right = textbook(step, names)
    report = judge(name, step, names, right, hers)
    if report.passed and name in _HARD:
        _check_hard(name, function)
    return report


def draw(step: Step, rng: np.random.Generator) -> dict[str, Any]:
    """Return random arrays for the inputs of a step, and the names that stand for parts of them."""
    names: dict[str, Any] = {}
    for array, shape in step.shapes.items():
        size = [sum(SIZES[s] for s in axis.split("+")) if not axis.isdigit() else int(axis)
                for axis in shape.split()]  # fmt: skip
        names[array] = rng.standard_normal(size)
    if step.forward:
        names |= textbook(STEPS[step.forward], names)
    for alias, formula in step.given.items():
        names[alias] = evaluate(formula, names)
    for alias in ("n_a", "H"):
        if alias in names:
            names[alias] = int(names[alias])
    return names


def textbook(step: Step, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return all quantities of a step, by the textbook's formulas."""
    values = dict(names)
    for alias, formula in step.given.items():
        if alias not in values:
            value = evaluate(formula, values)
            values[alias] = int(value) if value.ndim == 0 else value
    for line in step.lines:
        values[line.name] = evaluate(line.formula, values)
    return {line.name: values[line.name] for line in step.lines}


def _argument(argument, step, names):
    parameters = {p: names[p] for p in step.parameters}
    if argument == "parameters":
        return parameters
    if argument == "cache":
        if not step.cache:
            return _batch_first_cache(step, names)
        return tuple(parameters if e == "parameters" else names[e] for e in step.cache)
    return names[argument]


def _batch_first_cache(step, names):
    from ..equations import batch_first

    forward = STEPS[step.forward]
    *_, cache = getattr(batch_first, step.forward)(*(names[a] for a in forward.arguments))
    return cache


def _call(function, arguments):
    """Call a learner's function twice; refuse changed inputs and unequal answers.

    Raises
    ------
    Finding
    """
    results = []
    for _ in range(2):
        given = copy.deepcopy(arguments)
        try:
            with np.errstate(all="ignore"):
                results.append(function(*given))
        except Finding:
            raise
        except RecursionError:
            raise Finding("calls itself without end (RecursionError).") from None
        except Exception as error:
            where = _line_of(error, function)
            raise Finding(f"raises {type(error).__name__}{where}: {error}") from error
        if changed := _changed(arguments, given):
            raise Finding(
                f"changes its argument {changed}; expected inputs to stay as they are "
                f"(work on a copy, or make a new array)."
            )
    if results[0] is None:
        raise Finding("returns None; is there a return at the end?")
    if not _same(results[0], results[1]):
        raise Finding("gives another answer when it is called a second time with equal inputs.")
    return results[0]


def _line_of(error, function):
    code = getattr(function, "__code__", None)
    trace, line = error.__traceback__, None
    while trace is not None:
        if code is not None and trace.tb_frame.f_code is code:
            line = trace.tb_lineno - code.co_firstlineno + 1
        trace = trace.tb_next
    return "" if line is None else f" in line {line}"


def _changed(before, after):
    """Return what of the arguments is no longer as it was: "a_prev" of a dict, or its place."""
    for k, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        if isinstance(old, dict):
            if other := next((n for n in old if n not in new or not _same(old[n], new[n])), None):
                return f"parameters[{other!r}]"
            if set(old) != set(new):
                return "parameters"
        elif not _same(old, new):
            return f"number {k}"
    return None


def _same(a, b):
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return (
            isinstance(b, (tuple, list))
            and len(a) == len(b)
            and all(_same(x, y) for x, y in zip(a, b, strict=True))
        )
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        plain = a.dtype.kind not in "fc"
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=not plain)
    return type(a) is type(b)


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
    if not isinstance(result, tuple) or len(result) != len(step.results):
        what = f"{len(result)} values" if isinstance(result, tuple) else type(result).__name__
        raise Finding(f"returns {what}; expected {len(step.results)}: {', '.join(step.results)}.")
    hers = {}
    for n, value in zip(step.results, result, strict=True):
        if n != "cache":
            hers[n] = as_numbers(n, value)
        elif step.cache:
            hers |= _cache_entries(step, value, hers, names)
    return hers


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


def judge(name, step, names, right, hers, where: str = "") -> Report:
    """Follow the equations one after another; report the first that a result does not follow.

    Parameters
    ----------
    name : str
    step : Step
    names : dict
        The inputs.
    right, hers : dict of str to ndarray
        The textbook's quantities; those that the learner returned.
    where : str
        Put in front of the finding: "in the first step, ".
    """
    env, labels, wrong = dict(names), {}, None
    wholly_right, follows = [], []
    for line in step.lines:
        labels[line.name] = line.label
        expected = evaluate(line.formula, env) if wrong else right[line.name]
        given = _recovered(line, step, right, hers, env) if line.seen_in else hers.get(line.name)
        if given is None:  # it cannot be seen
            env[line.name] = right[line.name] if not wrong else expected
            continue
        if close(given, right[line.name]):
            wholly_right.append(line.name)
        elif wrong is not None and given.shape == expected.shape and close(given, expected):
            follows.append(line.name)
        elif wrong is None:
            wrong = line, given
        if given.shape == right[line.name].shape:
            env[line.name] = np.asarray(given, np.float64)
        else:
            env[line.name] = right[line.name]
    seen = [line for line in step.lines if line.name in hers]
    points = sum(close(hers[line.name], right[line.name]) for line in seen) / len(seen)
    if wrong is None:
        return Report(name, True, "All results agree with the textbook.", points=1.0)
    line, given = wrong
    context = dict(names)
    for before in step.lines[: step.lines.index(line)]:
        context[before.name] = env[before.name]
    diagnosis = diagnose(step, line, given, context)
    sentence = _told(line, given, right[line.name], wholly_right, follows, where)
    if diagnosis:
        sentence += f" The numbers fit this mistake: {diagnosis}."
    return Report(name, False, sentence, line.name, line.number, diagnosis, points)


def _told(line, given, right, wholly_right, follows, where):
    before = wholly_right[:8]
    if given.shape != right.shape:
        fault = f"yours has shape {given.shape}; expected {right.shape}"
    else:
        fault = "yours is off"
    text = f"{where}{line.label}: {fault}"
    if before:
        text += f"; {listed(before)} {'are' if len(before) > 1 else 'is'} right"
    if follows:
        text += f". {listed(follows[:8])} follow{'s' * (len(follows) == 1)} from it"
    return text + "."


def _recovered(line, step, right, hers, env):
    """Return a quantity that a function does not return, from the gradients that are made of it.

    A weight's gradient is a product of the quantity with what the weight multiplies, so that it
    determines the quantity; the gradient of a bias is its sum, and confirms it. None: the gradients
    contradict each other, so that the quantity may be right.
    """
    product = next(other for other in step.lines if other.name == line.seen_in)
    given = hers.get(product.name)
    if given is None or given.shape != right[product.name].shape:
        return None
    if close(given, right[product.name]):
        return right[line.name]
    left, factor = product.formula.startswith(f"{line.name} @ "), product.formula.split(" @ ")
    known = env | {k: v for k, v in right.items() if k not in env}
    if left:
        other = evaluate(factor[1], known)
        quantity = given @ np.linalg.pinv(other)
        holds = close(quantity @ other, given)
    else:
        other = evaluate(factor[0], known)
        quantity = np.linalg.pinv(other) @ given
        holds = close(other @ quantity, given)
    if not holds:
        return None
    sums = [o for o in step.lines if o.formula.startswith(f"np.sum({line.name},")]
    bias = hers.get(sums[0].name) if sums else None
    if bias is not None and close(bias, right[sums[0].name]):
        return None  # the bias says that the quantity is right: the product is wrong
    return quantity


def diagnose(step: Step, line: Line, given: np.ndarray, names: Mapping[str, Any]) -> str:
    """Return the mistake whose numbers these are, in words; "" where none is known.

    Parameters
    ----------
    step : Step
    line : Line
        The equation that is wrong.
    given : ndarray
        The learner's numbers.
    names : mapping
        What the equation is computed from: inputs, and the quantities before it.
    """
    others = {k: v for k, v in names.items() if isinstance(v, np.ndarray)}
    groups: dict[tuple[int, ...], list[str]] = {}
    for k, v in others.items():
        groups.setdefault(v.shape, []).append(k)
    output = "Wya" if "Wya" in step.parameters else "Wy"
    for mistake in mistakes_of(line, groups.values(), output):
        try:
            value = evaluate(mistake.formula, names)
        except Exception:  # shapes that do not fit: not this mistake
            continue
        if value.shape == given.shape and close(given, value):
            return mistake.sentence
    alike = next((k for k, v in others.items() if v.shape == given.shape and close(given, v)), None)
    return f"{alike} in its place" if alike else ""


_HARD = {
    "sigmoid": (np.array([[-1e4, 0.0, 1e4]]), np.array([[0.0, 0.5, 1.0]])),
    "softmax": (np.array([[0.0, 2000.0], [0.0, 0.0]]), np.array([[0.5, 1.0], [0.5, 0.0]])),
}


def _check_hard(name, function):
    """Check large numbers, where the formula of the notebook overflows."""
    x, right = _HARD[name]
    given = np.asarray(_call(function, [x]))
    if not close(given, right):
        reason = (
            "subtract the maximum of each column, np.max(x, axis=0), not that of the whole array"
            if name == "softmax"
            else "exp(-x) overflows where x is very negative"
        )
        raise Finding(f"is right for small numbers, not for x = {x.tolist()}: {reason}.")
