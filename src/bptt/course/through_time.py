"""Checks of the functions that run through time: which step, and what is carried between steps."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import equations
from .report import Finding, Report, as_numbers, close, listed
from .textbook import STEPS, evaluate

T_X = 6
LENGTHS = [6, 2, 4]  # of the ragged batch; m = 3
SEQUENCES = (
    "rnn_forward", "rnn_backward", "lstm_forward", "lstm_backward", "gru_forward", "gru_backward",
    "pad_sequences",
)  # fmt: skip
Caller = Callable[..., Any]


class Run(NamedTuple):
    """A random batch and the textbook's run over it."""

    cell: str
    x: np.ndarray
    a0: np.ndarray
    parameters: dict[str, np.ndarray]

    @property
    def forward(self):
        """The step forward, as data."""
        return STEPS[f"{self.cell}_cell_forward"]

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return ("a", "c") if self.cell == "lstm" else ("a",)


def check_sequence(name: str, function: Caller, rng: np.random.Generator, call: Caller) -> Report:
    """Check a function that runs through time: see `bptt.course.check`."""
    if name == "pad_sequences":
        return _check_padding(function, rng, call)
    cell, direction = name.split("_")
    run = _draw(cell, rng)
    direction_check = _check_forward if direction == "forward" else _check_backward
    report = direction_check(name, function, run, rng, call)
    if report.passed and direction == "forward" and "seq_lengths" in _arguments(function):
        _check_ragged(function, run, call)
    return report


def _arguments(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()


def _draw(cell, rng):
    from .checking import SIZES, draw

    names = draw(STEPS[f"{cell}_cell_forward"], rng)
    x = rng.standard_normal((SIZES["n_x"], SIZES["m"], T_X))
    step = STEPS[f"{cell}_cell_forward"]
    return Run(cell, x, names["a_prev"], {p: names[p] for p in step.parameters})


def _step(run, names):
    """Return all quantities of a step forward, inputs included."""
    from .checking import textbook

    return names | textbook(run.forward, names)


def _caches(run):
    """Return the caches of the textbook's run: plain tuples, and x."""
    steps, states = [], {"a": run.a0, "c": np.zeros_like(run.a0)}
    for t in range(run.x.shape[2]):
        names = run.parameters | {"xt": run.x[:, :, t]}
        names |= {f"{s}_prev": states[s] for s in run.states}
        if "concat" in run.forward.given:
            names |= {"concat": np.concatenate([states["a"], run.x[:, :, t]])}
        names = _step(run, names)
        steps.append(tuple(run.parameters if e == "parameters" else names[e]
                           for e in run.forward.cache))  # fmt: skip
        states |= {s: names[f"{s}_next"] for s in run.states}
    return steps, run.x


# -- forward -------------------------------------------------------------------------------------


def _check_forward(name, function, run, rng, call) -> Report:
    from .checking import judge, textbook

    result = call(function, [run.x, run.a0, run.parameters])
    outputs = ["a", "y", *run.states[1:]]
    if not isinstance(result, tuple) or len(result) != len(outputs) + 1:
        raise Finding(f"expected {len(outputs) + 1} results: {', '.join(outputs)}, caches.")
    hers = dict(zip(outputs, result[:-1], strict=True))
    shapes = dict.fromkeys(run.states, (*run.a0.shape, T_X)) | {"y": (2, run.a0.shape[1], T_X)}
    for n in outputs:
        hers[n] = as_numbers(n, hers[n])
        if hers[n].shape != shapes[n]:
            raise Finding(f"{n} has shape {hers[n].shape}; expected {shapes[n]}.")
    steps = _step_caches(result[-1], run, name)
    for t in range(T_X):
        names = run.parameters | {"xt": run.x[:, :, t]} | _before(run, hers, t)
        given = {f"{s}_next": hers[s][:, :, t] for s in run.states}
        given["yt_pred"] = hers["y"][:, :, t]
        right = textbook(run.forward, names)
        if all(close(v, right[k]) for k, v in given.items()):
            continue
        slip = _slip_forward(run, hers, names, given, t)
        if slip:
            first = next(k for k, v in given.items() if not close(v, right[k]))
            number = next(line.number for line in run.forward.lines if line.name == first)
            return Report(
                name, False,
                f"step {t + 1}: {first} is off; the steps before it are right. The numbers fit "
                f"this mistake: {slip}.",
                first, number, slip,
            )  # fmt: skip
        if steps is not None and isinstance(steps[t], tuple):
            gates = zip(run.forward.cache, steps[t], strict=False)
            given |= {e: np.asarray(v) for e, v in gates if e in right and e not in given}
        names |= {"n_a": run.a0.shape[0]}
        if run.forward.given:
            names["concat"] = np.concatenate([names["a_prev"], names["xt"]])
        return judge(name, run.forward, names, right, given, f"in step {t + 1}, ")
    return Report(name, True, "All steps agree with the textbook.", points=1.0)


def _before(run, hers, t):
    before = {"a_prev": run.a0, "c_prev": np.zeros_like(run.a0)}
    if t:
        before = {f"{s}_prev": hers[s][:, :, t - 1] for s in run.states}
    return {k: np.asarray(v, np.float64) for k, v in before.items() if k[0] in run.states}


def _slip_forward(run, hers, names, given, t):
    """Return what was put in the place of a step's input, in words."""
    from .checking import textbook

    zero, x = np.zeros_like(run.a0), run.x
    tries: list[tuple[dict[str, np.ndarray], str]] = []
    if t:
        tries += [
            (
                {"a_prev": run.a0},
                "a0 in place of a_prev: the state is not carried from step to step",
            ),
            ({"a_prev": zero}, "zeros in place of a_prev: the state is not carried"),
            ({"xt": x[:, :, 0]}, "x[:, :, 0] in every step"),
            ({"xt": x[:, :, t - 1]}, "the input of the step before"),
        ]
        if "c" in run.states:
            own = np.asarray(hers["a"][:, :, t - 1], np.float64)
            tries += [
                ({"c_prev": zero}, "zeros in place of c_prev: the cell state is not carried"),
                ({"c_prev": zero, "a_prev": run.a0}, "the initial states in every step"),
                ({"c_prev": own}, "a_prev in place of c_prev"),
            ]
    else:
        tries += [({"a_prev": zero}, "zeros in place of a0")]
        if "c" in run.states:
            tries += [({"c_prev": run.a0}, "a0 in place of zeros for the first cell state")]
    tries += [({"xt": x[:, :, T_X - 1 - t]}, "the steps of x in reverse order")]
    if t + 1 < T_X:
        tries += [({"xt": x[:, :, t + 1]}, "the input of the next step")]
    for other, sentence in tries:
        value = textbook(run.forward, names | other)
        if all(close(v, value[k]) for k, v in given.items()):
            return sentence
    return ""


def _step_caches(caches, run, name):
    if not isinstance(caches, (tuple, list)) or len(caches) != 2:
        raise Finding("caches is no pair; expected (list of the steps' caches, x).")
    steps, x = caches
    if not (hasattr(steps, "__len__") and len(steps) == T_X):
        n = len(steps) if hasattr(steps, "__len__") else 0
        raise Finding(f"caches[0] has {n} entries; expected {T_X}, one for each step.")
    if not close(as_numbers("caches[1]", x), run.x):
        raise Finding("caches[1] is not x, which backward needs.")
    return steps


# -- backward ------------------------------------------------------------------------------------


def _check_backward(name, function, run, rng, call) -> Report:
    caches = _caches(run)
    da = rng.standard_normal((*run.a0.shape, T_X))
    result = call(function, [da, caches])
    right = through_time(run, da, caches)
    if not isinstance(result, dict):
        raise Finding(f"returns a {type(result).__name__}; expected a dict of gradients.")
    wanted = [k for k in right if k != "dc0"]
    if missing := [k for k in wanted if k not in result]:
        raise Finding(f"its dict has no {listed([repr(k) for k in missing])}.")
    hers = {k: as_numbers(f"gradients[{k!r}]", result[k]) for k in wanted}
    for k in wanted:
        if hers[k].shape != right[k].shape:
            raise Finding(f"{k} has shape {hers[k].shape}; expected {right[k].shape}.")
    fine = [k for k in wanted if close(hers[k], right[k])]
    if len(fine) == len(wanted):
        return Report(name, True, "All gradients agree with the textbook.", points=1.0)
    first, where = _first_backward(hers, right, wanted)
    diagnosis = ""
    for slip in _slips_backward(run, da, caches):
        if all(close(hers[k], slip.gradients[k]) for k in wanted):
            first, diagnosis = slip.first, slip.sentence
            break
    else:
        if first in hers and first not in ("dx", "da0"):
            diagnosis = _slip_of_sum(first, hers[first], run, da, caches)
    sentence = f"{where}{first}: yours is off"
    if fine:
        sentence += f"; {listed(fine[:8])} {'are' if len(fine) > 1 else 'is'} right"
    sentence += f". The numbers fit this mistake: {diagnosis}." if diagnosis else "."
    if first == "dx" and not diagnosis:
        sentence += f" Check {run.cell}_cell_backward first."
    return Report(name, False, sentence, first, "", diagnosis, len(fine) / len(wanted))


def _first_backward(hers, right, wanted):
    for t in reversed(range(T_X)):
        if not close(hers["dx"][:, :, t], right["dx"][:, :, t]):
            if t == T_X - 1:
                return "dx", "already in the last step, where backpropagation begins, "
            return "da_prev", f"what is carried from step {t + 2} to step {t + 1}, "
    return next(k for k in wanted if not close(hers[k], right[k])), ""


class Slip(NamedTuple):
    """A run backward with a mistake in it."""

    first: str
    sentence: str
    gradients: dict[str, np.ndarray]


def through_time(
    run: Run, da: np.ndarray, caches: Any, *, carry: tuple[str, ...] = ("a", "c"),
    own: Callable[[int], np.ndarray] | None = None, order: Any = None, doubled: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Backpropagate through time by the textbook's lines; the keywords put mistakes in.

    Parameters
    ----------
    run : Run
    da : ndarray, shape (n_a, m, T)
    caches : pair
    carry : tuple of str
        The states whose gradients are carried to the step before.
    own : callable (t) -> ndarray, optional
        What is added at step t in place of ``da[:, :, t]``.
    order : iterable of int, optional
        Steps, in the order in which they are visited.
    doubled : bool
        The carried gradient is added up instead of replaced.
    """
    from .checking import textbook

    backward = STEPS[f"{run.cell}_cell_backward"]
    steps, x = caches
    T = da.shape[2]
    zero = np.zeros_like(run.a0)
    carried = {"a": zero, "c": zero}
    result: dict[str, Any] = {"dx": np.zeros((*x.shape[:2], T)), "da0": zero}
    each: dict[str, list[np.ndarray]] = {}
    for t in reversed(range(T)) if order is None else order:
        names = dict(zip(backward.cache, steps[t], strict=True))
        names |= names.pop("parameters")
        names["da_next"] = (da[:, :, t] if own is None else own(t)) + carried["a"]
        names["dc_next"] = carried["c"]
        if backward.given:
            names["n_a"] = run.a0.shape[0]
            for alias in ("concat", "reset"):
                if alias in backward.given:
                    names[alias] = evaluate(backward.given[alias], names)
        g = textbook(backward, names)
        for s in run.states:
            if s in carry:
                carried[s] = g[f"d{s}_prev"] + (carried[s] if doubled else 0)
        result["dx"][:, :, t] = g["dxt"]
        result["da0"] = g["da_prev"]
        for k, v in g.items():
            if k[1:] in run.parameters:
                each.setdefault(k, []).append(v)
    result |= {k: np.sum(v, axis=0) for k, v in each.items()}
    return result


def _slips_backward(run, da, caches) -> Iterator[Slip]:
    T, zero = da.shape[2], np.zeros_like(run.a0)

    def ran(**how):
        return through_time(run, da, caches, **how)

    carried = "da_next of a step is da[:, :, t] plus da_prev of the step after it"
    if run.cell == "lstm":
        yield Slip("dc_prev", "a loop that does not carry dc_prev to the step before",
                   ran(carry=("a",)))  # fmt: skip
        yield Slip("da_prev", f"a loop that does not carry da_prev: {carried}", ran(carry=("c",)))
    yield Slip(
        "da_prev", f"a loop that carries nothing to the step before: {carried}", ran(carry=())
    )
    yield Slip(
        "da_prev",
        "a loop that leaves out da[:, :, t], the step's own loss, in all steps but the last",
        ran(own=lambda t: da[:, :, t] if t == T - 1 else zero),
    )
    yield Slip("dx", "a loop that leaves out da, the losses of the steps", ran(own=lambda t: zero))
    yield Slip("dx", "da[:, :, 0] in every step", ran(own=lambda t: da[:, :, 0]))
    yield Slip("da_prev", "da[:, :, -1] in every step", ran(own=lambda t: da[:, :, T - 1]))
    yield Slip("dx", "da in reverse order", ran(own=lambda t: da[:, :, T - 1 - t]))
    yield Slip("dx", "a loop that runs forward: backpropagation begins at the last step",
               ran(order=range(T)))  # fmt: skip
    yield Slip("da_prev", "a carried gradient that is added up (+=): it is replaced in each step",
               ran(doubled=True))  # fmt: skip
    yield Slip("dx", "a loop that leaves out the last step", ran(order=range(T - 2, -1, -1)))
    yield Slip("dx", "a loop that ends before the first step: range(T_x - 1, 0, -1) stops at 1",
               ran(order=range(T - 1, 0, -1)))  # fmt: skip
    yield Slip("dx", "the last step only", ran(order=[T - 1]))
    right = ran()
    yield Slip("dx", "dx in reverse order", right | {"dx": right["dx"][:, :, ::-1]})
    steps, x = caches
    yield Slip("dx", "the caches in reverse order",
               through_time(run, da, (steps[::-1], x)))  # fmt: skip
    parts = _parts(run, da, caches)
    kept = {k: v[-1] for k, v in parts.items()}
    first = next(iter(kept))
    yield Slip(first, "the weights' gradients of one step only: = in place of +=", right | kept)
    yield Slip(first, "the weights' gradients averaged over the steps: they are sums",
               right | {k: np.mean(v, axis=0) for k, v in parts.items()})  # fmt: skip


def _parts(run, da, caches):
    """Return the gradients of the parameters from each step, in the order of the loop."""
    parts: dict[str, list[np.ndarray]] = {}
    total = None
    for t in reversed(range(da.shape[2])):
        part = through_time(run, da, caches, order=range(da.shape[2] - 1, t - 1, -1))
        for k in (k for k in part if k[1:] in run.parameters):
            before = 0 if total is None else total[k]
            parts.setdefault(k, []).append(part[k] - before)
        total = part
    return parts


def _slip_of_sum(name, given, run, da, caches):
    """Return what one parameter's gradient was made of, in words."""
    parts = _parts(run, da, caches)[name]
    tries = (
        (parts[-1], "one step only: = in place of +="),
        (parts[0], "the last step only: the others are not added"),
        (np.mean(parts, axis=0), "the mean over the steps: it is a sum"),
        (np.zeros_like(parts[0]), "no step at all: nothing is added to the zeros"),
        (-np.sum(parts, axis=0), "the sum with the wrong sign"),
        (np.sum(parts[:-1], axis=0), "all steps but the first"),
        (np.sum(parts[1:], axis=0), "all steps but the last"),
    )
    return next((s for value, s in tries if close(given, value)), "")


# -- ragged batches and padding ------------------------------------------------------------------


def _check_ragged(function, run, call):
    """Check a batch of sequences of different lengths; padding holds numbers that do not matter.

    Raises
    ------
    Finding
    """
    forward = getattr(equations, f"{run.cell}_forward")
    result = call(function, [run.x, run.a0, run.parameters, list(LENGTHS)])
    right = forward(run.x, run.a0, run.parameters, LENGTHS)
    names = ["a", "y", *run.states[1:]]
    for n, given, value in zip(names, result[:-1], right[:-1], strict=True):
        given = as_numbers(n, given)
        if given.shape != value.shape:
            raise Finding(f"with seq_lengths {LENGTHS}, {n} has shape {given.shape}.")
        for i, length in enumerate(LENGTHS):
            if not close(given[:, i, :length], value[:, i, :length]):
                raise Finding(f"with seq_lengths {LENGTHS}, {n} of example {i} is off.")
            if np.any(given[:, i, length:] != 0):
                raise Finding(
                    f"with seq_lengths {LENGTHS}, {n} of example {i} is not 0 from step "
                    f"{length + 1} on, where its sequence has ended."
                )


def _check_padding(function, rng, call) -> Report:
    name = "pad_sequences"
    sequences = [rng.standard_normal((4, n)) for n in (3, 6, 1)]
    result = call(function, [sequences])
    if not isinstance(result, tuple) or len(result) != 2:
        raise Finding("expected two results: padded_x, seq_lengths.")
    padded, lengths = result
    right, right_lengths = equations.pad_sequences(sequences)
    if list(lengths) != list(right_lengths):
        raise Finding(f"seq_lengths is {list(lengths)}; expected {list(right_lengths)}.")
    padded = as_numbers("padded_x", padded)
    if padded.shape != right.shape:
        raise Finding(
            f"padded_x has shape {padded.shape}; expected {right.shape}: (n_x, m, max_len)."
        )
    if not close(padded, right):
        raise Finding("padded_x is off; expected each sequence at the beginning, then zeros.")
    longer, _ = call(lambda s: function(s, max_len=8), [sequences])
    if np.shape(longer) != (4, 3, 8):
        raise Finding(f"with max_len=8, padded_x has shape {np.shape(longer)}; expected (4, 3, 8).")
    return Report(name, True, "Shapes, values and lengths agree with the textbook.", points=1.0)
