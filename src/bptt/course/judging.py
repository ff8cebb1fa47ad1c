"""Follow the equations of a step one by one; name the first that a result does not follow."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .mistakes import mistakes_of
from .report import Report, close, listed
from .textbook import Line, Step, evaluate

Arrays = Mapping[str, Any]


def judge(
    name: str, step: Step, names: Arrays, right: Arrays, hers: Arrays, where: str = ""
) -> Report:
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
    env, wrong = dict(names), None
    wholly_right, follows = [], []
    for line in step.lines:
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
    later = {o.name: right[o.name] for o in step.lines[step.lines.index(line) + 1 :]}
    seen_in = line.name
    line, diagnosis = _explained(step, line, given, hers, context, later)
    shape = right[seen_in].shape
    told = f"{where}{line.label}: "
    if line.name != seen_in:
        told += f"yours is off, as {seen_in} shows"
    elif given.shape != shape:
        told += f"yours has shape {given.shape}; expected {shape}"
    else:
        told += "yours is off"
    if before := wholly_right[:8]:
        told += f"; {listed(before)} {'are' if len(before) > 1 else 'is'} right"
    if follows:
        told += f". {listed(follows[:8])} follow{'s' * (len(follows) == 1)} from it"
    told += "."
    if diagnosis:
        told += f" The numbers fit this mistake: {diagnosis}."
    return Report(name, False, told, line.name, line.number, diagnosis, points)


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


def diagnose(step: Step, line: Line, given: np.ndarray, names: Arrays, later: Arrays) -> str:
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
    later : mapping
        Quantities after it, which may stand in its place.
    """
    for mistake in _mistakes(step, line, names):
        if _fits(mistake.formula, given, names):
            return mistake.sentence
    others = {**names, **later}
    alike = (k for k, v in others.items() if isinstance(v, np.ndarray) and _equal(given, v))
    return f"{name} in its place" if (name := next(alike, None)) else ""


def _mistakes(step, line, names):
    groups: dict[tuple[int, ...], list[str]] = {}
    for k, v in names.items():
        if isinstance(v, np.ndarray):
            groups.setdefault(v.shape, []).append(k)
    return mistakes_of(line, groups.values(), "Wya" if "Wya" in step.parameters else "Wy")


def _fits(formula, given, names):
    try:
        return _equal(given, evaluate(formula, names))
    except Exception:  # shapes that do not fit: not this mistake
        return False


def _equal(given, value):
    return value.shape == given.shape and close(given, value)


def _explained(step, line, given, hers, context, later) -> tuple[Line, str]:
    """Return the broken equation and its mistake: the line itself or one that cannot be seen.

    A mistake in a quantity that cannot be seen comes first where it explains all results.
    """
    hidden = list(_hidden(step, line, hers))
    for whole in (True, False):
        for before in hidden:
            if sentence := _hidden_mistake(step, before, line, given, context, whole and hers):
                return before, sentence
        if whole and (sentence := diagnose(step, line, given, context, later)):
            return line, sentence
    return line, ""


def _hidden(step: Step, line: Line, hers: Arrays) -> Iterator[Line]:
    """Yield the quantities that cannot be seen and of which a line is made, the nearest first."""
    needed = set(re.findall(r"\w+", line.formula))
    for before in reversed(step.lines[: step.lines.index(line)]):
        if before.name in needed and before.name not in hers and not before.seen_in:
            needed |= set(re.findall(r"\w+", before.formula))
            yield before


def _hidden_mistake(step, hidden, line, given, names, hers):
    """Return the mistake in a quantity that cannot be seen, from the numbers of those that can.

    The numbers of `line` alone must fit, or, where `hers` are given, all of them.
    """
    rest = step.lines[step.lines.index(hidden) + 1 :]
    if not hers:
        rest = rest[: rest.index(line) + 1]
    for mistake in _mistakes(step, hidden, names):
        env = dict(names)
        try:
            env[hidden.name] = evaluate(mistake.formula, names)
            if env[hidden.name].shape != np.shape(names[hidden.name]):
                continue
            for other in rest:
                env[other.name] = evaluate(other.formula, env)
        except Exception:  # shapes that do not fit: not this mistake
            continue
        seen = {n: v for n, v in hers.items() if n in env} if hers else {}
        if _equal(given, env[line.name]) and all(_equal(v, env[n]) for n, v in seen.items()):
            return mistake.sentence
    return ""
