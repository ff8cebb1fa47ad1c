"""Checks of the functions that run forward through time, and of padding."""

from typing import Any

import numpy as np

from .. import equations
from ..equations import batch_first
from .calling import Function, call, names_of
from .judging import judge
from .report import Finding, Report, as_numbers, close, several
from .runs import LENGTHS, T_X, Run, draw_run, with_aliases
from .slips import slip_of_length, slips_forward
from .steps import STEPS
from .textbook import computed
from .words import translated

# What the batch-first exercise calls the course's quantities, transposed
BATCH_FIRST = {"a_prev": "prev_h", "c_prev": "prev_c", "xt": "x", "a_next": "next_h"}


def check_forward(
    name: str, form: str, cell: str, function: Function, rng: np.random.Generator
) -> Report:
    """Check a function that runs forward through time: see `bptt.course.check`."""
    run = draw_run(cell, rng)
    if form != "ragged":
        check = _check_batch_first if form else _check_course
        report = check(name, function, run)
        if not report or form or "seq_lengths" not in names_of(function):
            return report
    return _check_ragged(name, function, run)


def _check_course(name, function, run) -> Report:
    result = call(function, [run.x, run.a0, run.parameters])
    hers = _outputs(run, result)
    caches = _step_caches(result[-1], run)
    for t in range(T_X):
        names = run.parameters | {"xt": run.x[:, :, t], "a_prev": run.a0}
        names |= {"c_prev": np.zeros_like(run.a0)}
        if t:
            names |= {f"{s}_prev": np.asarray(hers[s][:, :, t - 1], float) for s in run.states}
        given = {f"{s}_next": hers[s][:, :, t] for s in run.states}
        given["yt_pred"] = hers["y"][:, :, t]
        report = _check_step(name, run, run.forward, names, given, t, caches)
        if report is not None:
            return report
    return Report(name, True, "All steps agree with the textbook.", points=1.0)


def _check_batch_first(name, function, run) -> Report:
    """Check (N, T, D): the cell state is not returned, and follows from the hidden states."""
    weights = batch_first_weights(run)
    result = call(function, [run.x.transpose(1, 2, 0), run.a0.T, *weights.values()])
    h, _ = several(result, ["h", "cache"])
    h, shape = as_numbers("h", h), (run.x.shape[1], T_X, len(run.a0))
    if h.shape != shape:
        raise Finding(f"h has shape {h.shape}; expected {shape}: (N, T, H).")
    step, c = STEPS[f"{run.cell}_step_forward"], np.zeros_like(run.a0)
    for t in range(T_X):
        before = np.asarray(h[:, t - 1], float) if t else run.a0.T
        names = weights | {"x": run.x[:, :, t].T, "prev_h": before, "prev_c": c.T}
        report = _check_step(name, run, step, names, {"next_h": h[:, t]}, t, None)
        if report is not None:
            return report
        c = computed(step, names).get("next_c", c.T).T
    return Report(name, True, "All steps agree with the textbook.", points=1.0)


def batch_first_weights(run: Run) -> dict[str, np.ndarray]:
    """Return the parameters as Wx, Wh and b."""
    cell = equations.CELLS[run.cell]
    own = {f"d{name}": p for name, p in run.parameters.items()}
    return dict(zip(("Wx", "Wh", "b"), batch_first.from_course(cell, own), strict=True))


def _check_step(name, run, step, names, given, t, caches) -> Report | None:
    """Return what is wrong in a step of the run, by the textbook's lines; None: nothing."""
    right = computed(step, names)
    if all(close(v, right[k]) for k, v in given.items()):
        return None
    batch = "prev_h" in names
    state = names["prev_h"].T if batch else names["a_prev"]
    for other, sentence in slips_forward(run, t, state):
        if batch:
            other = {BATCH_FIRST[k]: v.T for k, v in other.items()}
        value = computed(step, names | other)
        if all(close(v, value[k]) for k, v in given.items()):
            first = next(
                line
                for line in step.lines
                if line.name in given and not close(given[line.name], right[line.name])
            )
            sentence = translated(sentence) if batch else sentence
            before = "the steps before it are right. " if t else ""
            return Report(
                name, False,
                f"step {t + 1}: {first.label} is off; {before}The numbers fit this mistake: "
                f"{sentence}.",
                first.name, first.number, sentence, t / T_X,
            )  # fmt: skip
    if caches is not None and isinstance(caches[t], tuple):
        gates = zip(step.cache, caches[t], strict=False)
        given |= {e: np.asarray(v) for e, v in gates if e in right and e not in given}
    return judge(name, step, with_aliases(step, names), right, given, f"in step {t + 1}, ")


def _outputs(run, result) -> dict[str, np.ndarray]:
    names = ["a", "y", *run.states[1:]]
    results = several(result, [*names, "caches"])
    hers: dict[str, np.ndarray] = {}
    shapes = dict.fromkeys(run.states, (*run.a0.shape, T_X)) | {"y": (2, run.a0.shape[1], T_X)}
    for n, value in zip(names, results[:-1], strict=True):
        hers[n] = as_numbers(n, value)
        if hers[n].shape != shapes[n]:
            raise Finding(f"{n} has shape {hers[n].shape}; expected {shapes[n]}.")
        if not hers[n].any():
            raise Finding(f"{n} is 0 everywhere; expected each step's result in {n}[:, :, t].")
    return hers


def _step_caches(caches, run):
    if not isinstance(caches, (tuple, list)) or len(caches) != 2:
        raise Finding("caches is no pair; expected (list of the steps' caches, x).")
    steps, x = caches
    if not (hasattr(steps, "__len__") and len(steps) == T_X):
        n = len(steps) if hasattr(steps, "__len__") else 0
        raise Finding(f"caches[0] has {n} entries; expected {T_X}, one for each step.")
    if not close(as_numbers("caches[1]", x), run.x):
        raise Finding("caches[1] is not x, which backward needs.")
    return steps


def _check_ragged(name, function, run) -> Report:
    """Check a batch of sequences of different lengths; padding holds numbers that do not matter."""
    forward = getattr(equations, f"{run.cell}_forward")
    lengths, outputs = list(LENGTHS), ["a", *run.states[1:], "y"]
    hers = _outputs(run, call(function, [run.x, run.a0, run.parameters, lengths]))
    right = _outputs(run, forward(run.x, run.a0, run.parameters, lengths))
    free = _outputs(run, forward(run.x, run.a0, run.parameters))
    wrong = [(n, i) for n in outputs for i in range(len(lengths))
             if not close(hers[n][:, i], right[n][:, i])]  # fmt: skip
    if not wrong:
        return Report(name, True, "All steps and all lengths agree with the textbook.", points=1.0)
    n, i = next(((n, i) for n, i in wrong if lengths[i] < T_X), wrong[0])
    given, length = hers[n][:, i], lengths[i]
    slip = slip_of_length(given, right[n][:, i], free[n][:, i], length)
    told = f"with seq_lengths {lengths}, {n} of example {i} is off"
    if close(given[:, :length], right[n][:, i, :length]):
        told = (f"with seq_lengths {lengths}, {n} of example {i} is not 0 from step {length + 1} "
                f"on, where its sequence has ended")  # fmt: skip
    told += f". The numbers fit this mistake: {slip}." if slip else "."
    points = 1 - len(wrong) / (len(outputs) * len(lengths))
    return Report(name, False, told, n, "", slip, points)


def check_padding(function: Function, rng: np.random.Generator) -> Report:
    """Check `pad_sequences`."""
    sequences = [rng.standard_normal((4, n)) for n in (3, 6, 1)]
    padded, lengths = several(call(function, [sequences]), ["padded_x", "seq_lengths"])
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
    longer: Any = call(lambda s: function(s, max_len=8), [sequences])
    if np.shape(longer[0]) != (4, 3, 8):
        raise Finding(
            f"with max_len=8, padded_x has shape {np.shape(longer[0])}; expected (4, 3, 8)."
        )
    return Report("pad_sequences", True, "Shapes, values and lengths agree with the textbook.",
                  points=1.0)  # fmt: skip
