"""Check hand-written gradients against central differences, for any forward/backward pair.

With outputs y(x) and random arrays u of their shapes, L(x) = <u, y(x)> is a scalar whose gradient
is what the backward pass returns for dy = u. Two tests, both in float64:

* **detect**: along one random direction v through *all* inputs at once,
  <v, dL/dx> against the slope of h -> L(x + h v) at h = 0: a handful of evaluations in all;
* **locate**, only where that fails: the same, entry by entry.

The slope is the fourth-order central difference (Richardson's extrapolation of the second-order
one), D = (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / (12 h), whose error is O(h^4).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .equations.cell import Cell, cell_of
from .equations.sequences import backward_through_time, forward_through_time
from .errors import ConfigError, ShapeError, operation

Inputs = Mapping[str, np.ndarray]

_STEP = 2e-4  # for functions of order one, the h^4 truncation is here as large as 1e-16 / h


@operation
def check_grads(
    forward: Callable[[Any], tuple[Any, Any]],
    backward: Callable[[Any, Any], Mapping[str, np.ndarray]],
    inputs: Inputs,
    *,
    rtol: float = 1e-6,
    seed: int = 0,
) -> float:
    """Check a backward pass along one random direction through all its inputs.

    Parameters
    ----------
    forward : callable (inputs) -> (outputs, cache)
        `outputs` is one float64 array or a tuple of them (None for an absent one). It must not
        change `inputs`.
    backward : callable (dy, cache) -> dict
        `dy` has the form of `outputs`; the result holds the gradient of each input under
        ``"d" + name``. Further entries are ignored.
    inputs : dict of str to float64 ndarray
        All arrays whose gradients are checked: parameters, x, initial states.
    rtol : float
        Largest relative error that passes: the difference divided by the root of the sum of the
        squared contributions of all entries, so that cancellation does not make it look large.
    seed : int
        For the direction and dy.

    Returns
    -------
    float
        The relative error along the direction.

    Raises
    ------
    AssertionError
        The gradients are wrong. The message says which input, which entry, its analytic and its
        numeric value, and the largest error of every input.
    ShapeError, ConfigError
        Inputs that are not float64, an absent gradient, or one of another shape than its input.

    Examples
    --------
    >>> def forward(inputs):
    ...     return inputs["W"] @ inputs["x"], inputs
    >>> def backward(dy, inputs):
    ...     return {"dW": dy @ inputs["x"].T, "dx": inputs["W"].T @ dy}
    >>> rng = np.random.default_rng(0)
    >>> inputs = {"W": rng.normal(size=(3, 2)), "x": rng.normal(size=(2, 4))}
    >>> check_grads(forward, backward, inputs) < 1e-9
    True
    """
    loss, gradients, rng = _prepare(forward, backward, inputs, seed)
    direction = {name: rng.standard_normal(np.shape(x)) for name, x in inputs.items()}
    parts = np.concatenate([(direction[name] * gradients[name]).ravel() for name in inputs])
    numeric = _slope(lambda h: loss({name: x + h * direction[name] for name, x in inputs.items()}))
    with np.errstate(invalid="ignore"):  # an infinite gradient makes NaN
        scale = max(np.sqrt(np.sum(parts**2)), abs(numeric), np.finfo(float).tiny)
        error = abs(parts.sum() - numeric) / scale
    if error <= rtol:  # False for NaN too
        return float(error)
    errors = entry_errors(forward, backward, inputs, seed=seed)
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name].error, nan=np.inf))
    e = errors[worst]
    table = ", ".join(f"d{name} {other.error:.1e}" for name, other in errors.items())
    raise AssertionError(
        f"check_grads: d{worst}{list(e.index)} is wrong: analytic {e.analytic:.12g}, numeric "
        f"{e.numeric:.12g}. Largest relative error of each gradient: {table}. "
        f"Along one random direction through all of them: {error:.1e}; expected <= {rtol:.1e}."
    )


@operation
def check_cell(
    cell: str | Cell,
    *,
    n_x: int = 3,
    n_a: int = 5,
    m: int = 4,
    T_x: int = 3,
    rtol: float = 1e-6,
    seed: int = 0,
) -> float:
    """Check what a cell's functions return, and its gradients through time against differences.

    Parameters
    ----------
    cell : Cell or str
    n_x, n_a, m, T_x : int
        Sizes of the random case; the sequences have lengths T_x, T_x - 1, ..., 0, T_x, ...
    rtol, seed
        As in `check_grads`.

    Returns
    -------
    float
        The relative error along one random direction through x, the initial states and the
        parameters.

    Raises
    ------
    AssertionError
        The gradients are wrong: see `check_grads`.
    ConfigError
        `recurrence` or `backward` does not return what `Cell` documents.
    ShapeError
        Something that they return has a wrong shape or dtype.

    Examples
    --------
    >>> check_cell("lstm") < 1e-9
    True
    """
    cell, rng = cell_of(cell), np.random.default_rng(seed)
    shapes = {"x": (n_x, m, T_x), **{f"{s}0": (n_a, m) for s in cell.states}}
    shapes |= cell.shapes(n_x, n_a)
    inputs = {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}
    lengths = T_x - np.arange(m) % (T_x + 1)
    _check_step(cell, {name: x.astype(np.float32) for name, x in inputs.items()})

    def forward(inputs):
        state0 = tuple(inputs[f"{s}0"] for s in cell.states)
        parameters = {name: inputs[name] for name in cell.parameters}
        states, final, caches = forward_through_time(cell, inputs["x"], state0, parameters, lengths)
        return (states[0], *final), caches

    def backward(dy, caches):
        da, *dstate = dy
        return backward_through_time(da, tuple(dstate), caches)

    return check_grads(forward, backward, inputs, rtol=rtol, seed=seed)


def _check_step(cell, inputs):
    """Check number, names, shapes and dtypes of what one step returns."""
    xt, states = inputs["x"][:, :, 0], tuple(inputs[f"{s}0"] for s in cell.states)
    parameters = {name: inputs[name] for name in cell.parameters}
    *after, cache = cell.recurrence(xt, *states, parameters)
    if len(after) != cell.n_states or not isinstance(cache, cell.cache):
        raise ConfigError(
            f"recurrence of {cell.name} returned {len(after)} states and a "
            f"{type(cache).__name__}; expected {', '.join(f'{s}_next' for s in cell.states)} and "
            f"a {cell.cache.__name__}."
        )
    kept = {f"{s}_next": z for s, z in zip(cell.states, after, strict=True)}
    kept |= {gate: getattr(cache, gate) for gate in cell.gates}
    _check_alike(cell, kept, states[:1] * len(kept))
    gradients = cell.backward(*states, cache)
    wanted = {"dxt": xt, **{f"d{s}_prev": z for s, z in zip(cell.states, states, strict=True)}}
    wanted |= {f"d{name}": p for name, p in parameters.items()}
    absent = [name for name in wanted if name not in gradients]
    if absent:
        raise ConfigError(
            f"backward of {cell.name} returned {', '.join(gradients)}; "
            f"expected also {', '.join(absent)}."
        )
    _check_alike(cell, {name: gradients[name] for name in wanted}, wanted.values())


def _check_alike(cell, arrays, others):
    for (name, z), other in zip(arrays.items(), others, strict=True):
        if z.shape != other.shape or z.dtype != other.dtype:
            raise ShapeError(
                f"{name} of {cell.name} is {z.dtype} {z.shape}; expected {other.dtype} "
                f"{other.shape} for these arguments."
            )


class EntryError:
    """The entry of one gradient that is furthest from its central difference.

    Attributes
    ----------
    error : float
        Its distance, relative to the largest entry of that gradient.
    index : tuple of int
    analytic, numeric : float
    """

    error: float
    index: tuple[int, ...]
    analytic: float
    numeric: float

    def __init__(self, analytic: np.ndarray, numeric: np.ndarray):
        difference = np.abs(analytic - numeric)
        self.index = tuple(int(i) for i in np.unravel_index(np.argmax(difference), analytic.shape))
        self.analytic, self.numeric = float(analytic[self.index]), float(numeric[self.index])
        scale = max(np.abs(analytic).max(), np.abs(numeric).max(), np.finfo(float).tiny)
        with np.errstate(invalid="ignore"):
            self.error = float(difference[self.index] / scale)

    def __repr__(self) -> str:
        return (
            f"EntryError(error={self.error:.1e}, index={self.index}, "
            f"analytic={self.analytic:.12g}, numeric={self.numeric:.12g})"
        )


@operation
def entry_errors(
    forward: Callable[[Any], tuple[Any, Any]],
    backward: Callable[[Any, Any], Mapping[str, np.ndarray]],
    inputs: Inputs,
    *,
    seed: int = 0,
) -> dict[str, EntryError]:
    """Compare every entry of every gradient with its own central difference.

    This evaluates `forward` four times for each entry: use it for small cases.

    Parameters
    ----------
    forward, backward, inputs, seed
        As in `check_grads`.

    Returns
    -------
    dict of str to EntryError
        By input; inputs without entries are left out.
    """
    loss, gradients, _ = _prepare(forward, backward, inputs, seed)
    errors = {}
    for name, x in inputs.items():
        numeric = np.empty(x.shape)
        for index in np.ndindex(*x.shape):

            def along(h, name=name, x=x, index=index):
                shifted = x.copy()
                shifted[index] += h
                return loss({**inputs, name: shifted})

            numeric[index] = _slope(along)
        if x.size:
            errors[name] = EntryError(gradients[name], numeric)
    return errors


def _slope(f, h=_STEP):
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def _prepare(forward, backward, inputs, seed):
    """Draw dy; return the scalar loss, its gradients by `backward` and the generator."""
    if not inputs:
        raise ConfigError("inputs is empty; expected at least one array.")
    for name, x in inputs.items():
        if not isinstance(x, np.ndarray) or x.dtype != np.float64:
            kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise ShapeError(
                f"{name} is {kind}; expected a float64 array, because central differences need "
                f"its digits."
            )
    rng = np.random.default_rng(seed)
    outputs, cache = forward(inputs)
    single = not isinstance(outputs, tuple)
    cotangents = tuple(
        None if y is None else rng.standard_normal(np.shape(y))
        for y in ((outputs,) if single else outputs)
    )

    def loss(shifted):
        outputs, _ = forward(shifted)
        outputs = (outputs,) if single else outputs
        pairs = zip(cotangents, outputs, strict=True)
        return sum(float(np.sum(u * y)) for u, y in pairs if u is not None)

    claimed = backward(cotangents[0] if single else cotangents, cache)
    absent = [name for name in inputs if f"d{name}" not in claimed]
    if absent:
        raise ConfigError(
            f"backward returned {', '.join(claimed) or 'nothing'}; "
            f"expected also {', '.join('d' + name for name in absent)}."
        )
    gradients = {name: np.asarray(claimed[f"d{name}"]) for name in inputs}
    for name, g in gradients.items():
        if g.shape != inputs[name].shape:
            raise ShapeError(
                f"d{name} has shape {g.shape}; expected {inputs[name].shape}, the shape of {name}."
            )
    return loss, gradients, rng
