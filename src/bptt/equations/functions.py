"""What the functions of the course share: checks of their arguments, and the run through time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks import ArrayChecker, float_array, parameters_of
from ..errors import ShapeError
from .activations import softmax
from .cell import Cell, Gradients
from .losses import output_forward
from .sequences import Caches, backward_through_time, forward_through_time, valid_steps


class Loop(NamedTuple):
    """What runs a sequence: the equations here, the engine in `bptt.course`."""

    forward: Callable[..., Any]  # (cell, x, state0, parameters, lengths) -> states, final, caches
    backward: Callable[..., Gradients]  # (da, dstate, caches) -> gradients
    predict: Callable[..., np.ndarray]  # (a, Wy, by) -> probabilities


def predict(a: np.ndarray, Wy: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Compute the probabilities of the classes, the course's y_pred."""
    return softmax(output_forward(a, Wy, by))


EQUATIONS = Loop(forward_through_time, backward_through_time, predict)


def run_forward(
    cell: Cell,
    x: Any,
    state0: tuple[Any, ...],
    parameters: Mapping[str, Any],
    seq_lengths: Sequence[int] | np.ndarray | None,
    loop: Loop = EQUATIONS,
) -> tuple[Any, ...]:
    """Run a cell and its output layer over a batch of sequences.

    Parameters
    ----------
    cell : Cell
    x : ndarray, shape (n_x, m, T_x)
    state0 : tuple of ndarray, each (n_a, m)
        Initial states; zeros for None after the first.
    parameters : dict of str to ndarray
    seq_lengths : sequence of m int, or None
    loop : Loop

    Returns
    -------
    tuple
        The first state, the probabilities, the other states, each with T_x steps; the caches.
    """
    _, check = parameters_of({**cell.parameters, **cell.head}, parameters)
    x = check.array("x", x, "n_x m T_x")
    if not check["n_a"] or not check["n_y"]:
        raise ShapeError(
            f"parameters has n_a = {check['n_a']}, n_y = {check['n_y']}; expected at least 1 of "
            f"each."
        )
    first, *others = (f"{s}0" for s in cell.states)
    states = [check.array(first, state0[0], "n_a m")]
    for name, s in zip(others, state0[1:], strict=True):
        states.append(np.zeros_like(states[0]) if s is None else check.array(name, s, "n_a m"))
    m, T_x = x.shape[1:]
    lengths = check.lengths("seq_lengths", seq_lengths, m, T_x)
    (a, *others), _, caches = loop.forward(cell, x, tuple(states), parameters, lengths)
    y = loop.predict(a, *(parameters[name] for name in cell.head))
    if lengths is not None:
        y = np.where(valid_steps(lengths, m, T_x), y, np.zeros((), a.dtype))
    return a, y, *others, caches


def run_backward(
    cell: Cell, da: Any, dstate_final: tuple[Any, ...], caches: Any, loop: Loop = EQUATIONS
) -> Gradients:
    """Undo the run of a cell over a batch of sequences: backpropagation through time.

    Parameters
    ----------
    cell : Cell
    da : ndarray, shape (n_a, m, T), T <= T_x
    dstate_final : tuple of ndarray, each (n_a, m), or None for zeros
    caches : Caches, or a pair (step caches, x) of a uniform batch
    loop : Loop
    """
    steps, x = caches
    if not isinstance(caches, Caches):  # a pair of the caller's own loop over a uniform batch
        if not steps:
            raise ShapeError("caches holds no step; expected the caches of forward.")
        caches = Caches(steps, x, cell, None, steps[0][-1])
    if not cell.parameters.items() <= caches.cell.parameters.items():
        raise ShapeError(f"caches are those of {caches.cell.name}; expected those of {cell.name}.")
    _, m, T_x = x.shape
    check = ArrayChecker(n_a=cell.sizes(caches.parameters)["n_a"], m=m)
    check.array("x", x, "n_x m T_x")
    da = check.array("da", da, "n_a m T")
    T = da.shape[2]
    if T_x < T:
        raise ShapeError(f"da has {T} steps; expected at most T_x = {T_x}.")
    dstate = []
    for name, ds in zip(cell.states, dstate_final, strict=True):
        if ds is not None and T_x > T:
            raise ShapeError(
                f"d{name}_final given and da has {T} steps; expected T_x = {T_x} steps, "
                f"because the final state comes after the last of them."
            )
        zeros = np.zeros(da.shape[:2], da.dtype)
        dstate.append(zeros if ds is None else check.array(f"d{name}_final", ds, "n_a m"))
    return loop.backward(da, tuple(dstate), caches)


def check_step(
    cell: Cell, xt: Any, states: tuple[Any, ...], parameters: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Check the inputs of one step; return xt (n_x, m) and the states, each (n_a, m)."""
    _, check = parameters_of({**cell.parameters, **cell.head}, parameters)
    xt = check.array("xt", xt, "n_x m")
    names = (f"{s}_prev" for s in cell.states)
    return xt, *(check.array(n, s, "n_a m") for n, s in zip(names, states, strict=True))


def check_gradients(cell: Cell, dstates: tuple[Any, ...], cache: tuple[Any, ...]) -> None:
    """Check the gradients of a step's next states, which are the first entries of its cache."""
    for s, ds, output in zip(cell.states, dstates, cache, strict=False):
        g = float_array(f"d{s}_next", ds)
        if g.shape != output.shape or g.dtype != output.dtype:
            raise ShapeError(
                f"d{s}_next is {g.dtype} {g.shape}; expected {output.dtype} {output.shape}, "
                f"as {s}_next is."
            )
