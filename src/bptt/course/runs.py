"""The textbook's runs over a small batch, forward and backward, with mistakes put in on demand."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .steps import SIZES, STEPS, draw
from .textbook import Step, computed, evaluate

T_X = 6
LENGTHS = (6, 2, 4)  # of the ragged batch; m = 3
Arrays = Mapping[str, Any]


class Run(NamedTuple):
    """A random batch: the cell's name, x (n_x, m, T_x), a0 (n_a, m), the parameters."""

    cell: str
    x: np.ndarray
    a0: np.ndarray
    parameters: dict[str, np.ndarray]

    @property
    def forward(self) -> Step:
        """The step forward, as data."""
        return STEPS[f"{self.cell}_cell_forward"]

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return ("a", "c") if self.cell == "lstm" else ("a",)

    def example(self, i: int, length: int) -> "Run":
        """Return one sequence of the batch by itself."""
        one = slice(i, i + 1)
        return self._replace(x=self.x[:, one, :length], a0=self.a0[:, one])


def draw_run(cell: str, rng: np.random.Generator) -> Run:
    """Return a random batch whose sizes all differ."""
    names = draw(STEPS[f"{cell}_cell_forward"], rng)
    x = rng.standard_normal((SIZES["n_x"], SIZES["m"], T_X))
    parameters = {p: names[p] for p in STEPS[f"{cell}_cell_forward"].parameters}
    return Run(cell, x, names["a_prev"], parameters)


def with_aliases(step: Step, names: Arrays) -> dict[str, Any]:
    """Return the names and those that stand for parts of them: concat, n_a."""
    values = dict(names)
    for alias, formula in step.given.items():
        value = evaluate(formula, values)
        values[alias] = int(value) if value.ndim == 0 else value
    return values


def caches_of(run: Run) -> tuple[list[tuple[Any, ...]], np.ndarray]:
    """Return the caches of the textbook's run: plain tuples, and x."""
    steps, states = [], {"a": run.a0, "c": np.zeros_like(run.a0)}
    for t in range(run.x.shape[2]):
        names = run.parameters | {"xt": run.x[:, :, t]}
        names |= {f"{s}_prev": states[s] for s in run.states}
        names |= computed(run.forward, names)
        steps.append(tuple(run.parameters if e == "parameters" else names[e]
                           for e in run.forward.cache))  # fmt: skip
        states |= {s: names[f"{s}_next"] for s in run.states}
    return steps, run.x


class Loop(NamedTuple):
    """A loop backward through time; other values than the defaults are mistakes.

    Attributes
    ----------
    carry : tuple of str
        The states whose gradients are carried to the step before.
    own : callable (da, t) -> ndarray
        What is added at step t.
    order : callable (T) -> iterable of int
        Steps, in the order in which they are visited.
    doubled : tuple of str
        The states whose carried gradients are added up instead of replaced.
    reverse : str
        "caches" or "dx" are in reverse order; "shift": each step has the cache before its own.
    weights : str
        "sum" over the steps, their "mean", or the "last" that is visited.
    """

    carry: tuple[str, ...] = ("a", "c")
    own: Callable[[np.ndarray, int], np.ndarray] = lambda da, t: da[:, :, t]
    order: Callable[[int], Iterable[int]] = lambda T: reversed(range(T))
    doubled: tuple[str, ...] = ()
    reverse: str = ""
    weights: str = "sum"


class Batch:
    """A batch and the gradient of its outputs: of one length, or ragged.

    Parameters
    ----------
    run : Run
    da : ndarray, shape (n_a, m, T_x)
    lengths : sequence of m int, optional
        A ragged batch: each sequence is run by itself.
    """

    def __init__(self, run: Run, da: np.ndarray, lengths: Iterable[int] | None = None):
        self.run, self.da = run, da
        everything = slice(0, run.x.shape[1]), run, da
        sequences = [everything] if lengths is None else [
            (slice(i, i + 1), run.example(i, n), da[:, i : i + 1, :n])
            for i, n in enumerate(lengths)
        ]  # fmt: skip
        self._sequences = [(where, r, d, caches_of(r)) for where, r, d in sequences]

    def gradients(self, loop: Loop = Loop()) -> dict[str, np.ndarray]:  # noqa: B008 (immutable)
        """Return dx, da0 and the gradients of the parameters, by a loop."""
        result = {"dx": np.zeros_like(self.run.x), "da0": np.zeros_like(self.run.a0)}
        each = self._each(loop, result)
        for name, parts in each.items():
            total = np.sum(list(parts.values()), axis=0)
            if loop.weights == "last":
                total = parts[0]
            result[name] = total / self.da.shape[2] if loop.weights == "mean" else total
        return result

    def parts(self) -> dict[str, list[np.ndarray]]:
        """Return the gradients of the parameters from each step, from the last one to the first."""
        each = self._each(Loop(), None)
        return {k: [parts[t] for t in sorted(parts, reverse=True)] for k, parts in each.items()}

    def _each(self, loop, result):
        each: dict[str, dict[int, np.ndarray]] = {}
        for where, run, da, caches in self._sequences:
            dx, da0, weights = _backward(run, da, caches, loop)
            for name, t, part in weights:
                parts = each.setdefault(name, {})
                parts[t] = parts.get(t, 0) + part
            if result is not None:
                result["dx"][:, where, : dx.shape[2]] = dx
                result["da0"][:, where] = da0
        return each


def _backward(run, da, caches, loop):
    """Backpropagate through time by the textbook's lines."""
    backward = STEPS[f"{run.cell}_cell_backward"]
    steps, x = caches
    if loop.reverse in ("caches", "shift"):
        steps = steps[::-1] if loop.reverse == "caches" else [steps[-1], *steps[:-1]]
    carried = {"a": np.zeros_like(run.a0), "c": np.zeros_like(run.a0)}
    dx, da0, weights = np.zeros_like(x), carried["a"], []
    for t in loop.order(da.shape[2]):
        names = dict(zip(backward.cache, steps[t], strict=True))
        names |= names.pop("parameters")
        names |= {"da_next": loop.own(da, t) + carried["a"], "dc_next": carried["c"]}
        g = computed(backward, names)
        for s in run.states:
            if s in loop.carry:
                carried[s] = g[f"d{s}_prev"] + (carried[s] if s in loop.doubled else 0)
        dx[:, :, t], da0 = g["dxt"], carried["a"] if "a" in loop.doubled else g["da_prev"]
        weights += [(k, t, v) for k, v in g.items() if k[1:] in run.parameters]
    return dx[:, :, ::-1] if loop.reverse == "dx" else dx, da0, weights
