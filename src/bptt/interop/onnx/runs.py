"""Plan: what a graph computes for inputs of given shapes, as calls on arrays that are used again.

A plan has steps over numbered values. To run, a workspace is made: an array for each value and, for
each step that computes something, a call with all its arguments and the array of its result. A view
is made once, with the workspace, and costs nothing in a run.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

MOST_KEPT = 2**22  # bytes of the arrays of a workspace that is kept for the next run


class Step(NamedTuple):
    """One step of a plan.

    Attributes
    ----------
    kind : str
        "call": function (*arrays, out=array), which computes into `out`, as NumPy's ufuncs do; a
        tuple of arrays for several results.
        "view": function (array), which returns a view of it, or a copy where its layout has none.
        "reshape": the same, of a function that reshapes.
        "fresh": function (*arrays), which returns a tuple of new arrays.
    function : callable
    given, results : list of int
        Values.
    shapes : list of (shape, dtype)
        Of the results; empty if they change from run to run.
    """

    kind: str
    function: Callable[..., Any]
    given: list[int]
    results: list[int]
    shapes: list[tuple[tuple[int, ...], np.dtype]]


class Plan:
    """Steps over a list of values. Threads may run it at the same time: each takes a workspace.

    Parameters
    ----------
    steps : list of Step
    constants : list of (ndarray or None)
        The values that are the same in every run.
    inputs : list of (shape, dtype)
        Of the first values.
    outputs : list of int
    """

    def __init__(
        self, steps: Sequence[Step], constants: list[Any], inputs: Sequence[Any],
        outputs: Sequence[int],
    ):  # fmt: skip
        self.steps, self.outputs = steps, outputs
        self._constants, self._inputs = constants, inputs
        self._idle: list[Workspace] = []  # one taken out is no other thread's

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs for inputs of the plan's shapes and dtypes."""
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = self.workspace()
        values = workspace.values
        for own, array in zip(values, arrays, strict=False):
            np.copyto(own, array)
        for call in workspace.calls:
            call()
        found = [np.array(values[k]) for k in self.outputs]
        for k in workspace.changing:
            values[k] = None
        if workspace.bytes <= MOST_KEPT:
            self._idle.append(workspace)
        return found

    def workspace(self) -> "Workspace":
        """Return arrays and calls of one run at a time."""
        made = Workspace(self._constants)
        for k, given in enumerate(self._inputs):
            made.values[k] = made.buffer(*given)
        for step in self.steps:
            made.add(step)
        return made


class Workspace:
    """The arrays of a run, and the calls that fill them.

    Attributes
    ----------
    values : list of ndarray
        None, between runs, for those that a run makes anew, because their shapes change.
    changing : list of int
        Their places.
    calls : list of callable ()
    bytes : int
    """

    def __init__(self, values: list[Any]):
        self.values, self.calls, self.bytes = values.copy(), list[Callable[[], Any]](), 0
        self.changing: list[int] = []

    def buffer(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return a new array of the workspace."""
        array = np.empty(shape, dtype)
        self.bytes += array.nbytes
        return array

    def add(self, step: Step) -> None:
        """Make the arrays of the results of a step, and its call."""
        kind, function, given, results, shapes = step
        if not shapes:
            self.changing += results
            self.calls.append(partial(_anew, function, self.values, given, results))
            return
        arrays = [self.values[k] for k in given]
        if kind in ("view", "reshape"):
            (x,) = arrays
            y = self.values[results[0]] = function(x)
            if np.may_share_memory(x, y):
                return
            self.bytes += y.nbytes
            if kind == "reshape":
                self.calls.append(partial(np.copyto, y.reshape(x.shape), x))
            else:
                self.calls.append(lambda: np.copyto(y, function(x)))
            return
        out = [self.buffer(*own) for own in shapes]
        for k, array in zip(results, out, strict=True):
            self.values[k] = array
        if kind == "call":
            self.calls.append(
                partial(function, *arrays, out=out[0] if len(out) == 1 else tuple(out))
            )
        else:
            self.calls.append(partial(_copied, function, arrays, out))


def _copied(
    function: Callable[..., Any], arrays: Sequence[np.ndarray], out: Sequence[np.ndarray]
) -> None:
    """Copy what a function returns."""
    for y, own in zip(function(*arrays), out, strict=True):
        if np.shape(y) != own.shape:  # which copyto would broadcast
            raise ValueError(f"a result is {np.shape(y)}; expected {own.shape}")
        np.copyto(own, y)


def _anew(
    function: Callable[..., Any], values: list[Any], given: Sequence[int], results: Sequence[int]
) -> None:
    """Compute values whose shapes change from run to run."""
    for k, y in zip(results, function(*[values[k] for k in given]), strict=True):
        values[k] = y
