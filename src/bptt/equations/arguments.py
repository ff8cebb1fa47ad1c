"""The public doors of the course functions: checks shared by the cells, features first."""

from functools import wraps
from inspect import signature

import numpy as np

from ..checks import Door, float_array, parameters_of
from ..errors import ShapeError
from .activations import softmax
from .losses import output_forward
from .sequences import Caches, valid_steps


def cell_door(where, cell, xt, states, parameters):
    """Check one step's inputs; return xt (n_x, m) and the states, each (n_a, m)."""
    _, door = parameters_of(where, {**cell.parameters, **cell.head}, parameters)
    xt = door.array("xt", xt, "n_x m")
    names = (f"{s}_prev" for s in cell.states)
    return xt, tuple(door.array(n, s, "n_a m") for n, s in zip(names, states, strict=True))


def sequence_door(where, cell, x, state0, parameters, seq_lengths):
    """Check a sequence's inputs; return x, the initial states (zeros for a missing c0), lengths."""
    _, door = parameters_of(where, {**cell.parameters, **cell.head}, parameters)
    x = door.array("x", x, "n_x m T_x")
    a0, *others = state0
    states = [door.array("a0", a0, "n_a m")]
    for name, s in zip(cell.states[1:], others, strict=True):
        states.append(np.zeros_like(states[0]) if s is None else door.array(f"{name}0", s, "n_a m"))
    return x, tuple(states), door.lengths("seq_lengths", seq_lengths, door["m"], door["T_x"])


def backward_door(where, cell, da, dstate_final, caches):
    """Check what enters a sequence's backward pass; return da, dstates (zeros if None), caches."""
    steps, x = caches
    if not isinstance(caches, Caches):  # a pair from somebody's own loop over a uniform batch
        if not steps:
            raise ShapeError(f"{where}: caches holds no step; expected the caches of forward.")
        caches = Caches(steps, x, cell, None, steps[0][-1])
    if not cell.parameters.items() <= caches.cell.parameters.items():
        raise ShapeError(
            f"{where}: caches are those of {caches.cell.name}; expected those of {cell.name}."
        )
    n_a = cell.sizes(caches.parameters)["n_a"]
    _, m, T_x = x.shape
    door = Door(where, n_a=n_a, m=m)
    door.array("x", x, "n_x m T_x")
    da = door.array("da", da, "n_a m T")
    T = da.shape[2]
    if T_x < T:
        raise ShapeError(f"{where}: da has {T} steps; expected at most T_x = {T_x}.")
    states = []
    for name, ds in zip(cell.states, dstate_final, strict=True):
        if ds is None:
            states.append(np.zeros(da.shape[:2], da.dtype))
            continue
        if T_x > T:
            raise ShapeError(
                f"{where}: d{name}_final given and da has {T} steps; expected T_x = {T_x} steps, "
                f"because the final state comes after the last of them."
            )
        states.append(door.array(f"d{name}_final", ds, "n_a m"))
    return da, tuple(states), caches


def checks_gradients(*outputs):
    """Decorate a cell's backward pass: each gradient must have its output's shape and dtype.

    The names are those of the cache's first entries, in order.
    """

    def decorate(backward):
        bind = signature(backward).bind  # Python itself names a missing argument

        @wraps(backward)
        def checked(*args, **keywords):
            given = bind(*args, **keywords).arguments
            for name, output in zip(outputs, given["cache"], strict=False):
                g = float_array(backward.__name__, f"d{name}", given[f"d{name}"])
                if g.shape != output.shape or g.dtype != output.dtype:
                    raise ShapeError(
                        f"{backward.__name__}: d{name} is {g.dtype} {g.shape}; expected "
                        f"{output.dtype} {output.shape}, as {name} is."
                    )
            return backward(*args, **keywords)

        return checked

    return decorate


def predictions(a, Wy, by, lengths):
    """Softmax of the output layer at every step that exists; 0 on padding."""
    y = softmax(output_forward(a, Wy, by))
    return np.where(valid_steps(lengths, *a.shape[1:]), y, np.zeros((), a.dtype))
