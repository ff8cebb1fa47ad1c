"""Check hand-written gradients against central differences, for any forward/backward pair.

With outputs y(x) and a random cotangent u (one an output), L(x) = <u, y(x)> is a scalar whose
gradient the backward pass claims to know. Two tests, both in float64:

* **detect**: along one random direction v through *all* inputs at once,
  <v, dL/dx> against the slope of h -> L(x + h v) at h = 0: a handful of evaluations in all;
* **locate**, only where that fails: the same, entry by entry.

The slope is the fourth-order central difference (Richardson's extrapolation of the second-order
one), D = (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / (12 h), whose error is O(h^4).
"""

import numpy as np

from .errors import ConfigError, ShapeError

_STEP = (
    2e-4  # the h^4 truncation and the 1e-16 / h rounding meet near here for functions of order one
)


def check_grads(forward, backward, inputs, *, rtol=1e-6, seed=0):
    """Check a backward pass along one random direction through all its inputs.

    Parameters
    ----------
    forward : callable (inputs) -> (outputs, cache)
        `outputs` is one float64 array or a tuple of them (None for one that is absent). Must not
        change `inputs`.
    backward : callable (dy, cache) -> dict
        `dy` has the form of `outputs`; the result holds the gradient of each input under
        ``"d" + name``. Further entries are ignored.
    inputs : dict of str to float64 ndarray
        Everything whose gradient is to be checked: parameters, x, initial states.
    rtol : float
        Largest relative error that passes: the difference over the root of the sum of the squared
        contributions of all entries, which no cancellation makes small.
    seed : int
        For the direction and the cotangents.

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


class EntryError:
    """The entry of one gradient that is furthest from its central difference.

    Attributes
    ----------
    error : float
        Its distance, relative to the largest entry of that gradient.
    index : tuple of int
    analytic, numeric : float
    """

    def __init__(self, analytic, numeric):
        difference = np.abs(analytic - numeric)
        self.index = tuple(int(i) for i in np.unravel_index(np.argmax(difference), analytic.shape))
        self.analytic, self.numeric = float(analytic[self.index]), float(numeric[self.index])
        scale = max(np.abs(analytic).max(), np.abs(numeric).max(), np.finfo(float).tiny)
        with np.errstate(invalid="ignore"):
            self.error = float(difference[self.index] / scale)

    def __repr__(self):
        return (
            f"EntryError(error={self.error:.1e}, index={self.index}, "
            f"analytic={self.analytic:.12g}, numeric={self.numeric:.12g})"
        )


def entry_errors(forward, backward, inputs, *, seed=0):
    """Compare every entry of every gradient with its own central difference.

    Four evaluations of `forward` an entry: for small cases, and to find the culprit.

    Parameters
    ----------
    forward, backward, inputs, seed
        As in `check_grads`.

    Returns
    -------
    dict of str to EntryError
        One an input that has entries, under the input's name.
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
    """Draw the cotangents; return the scalar loss, its claimed gradients and the generator."""
    if not inputs:
        raise ConfigError("check_grads: inputs is empty; expected at least one array.")
    for name, x in inputs.items():
        if not isinstance(x, np.ndarray) or x.dtype != np.float64:
            kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise ShapeError(
                f"check_grads: {name} is {kind}; expected a float64 array, because central "
                f"differences need its digits."
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
            f"check_grads: backward returned {', '.join(claimed) or 'nothing'}; "
            f"expected also {', '.join('d' + name for name in absent)}."
        )
    gradients = {name: np.asarray(claimed[f"d{name}"]) for name in inputs}
    for name, g in gradients.items():
        if g.shape != inputs[name].shape:
            raise ShapeError(
                f"check_grads: d{name} has shape {g.shape}; expected {inputs[name].shape}, "
                f"the shape of {name}."
            )
    return loss, gradients, rng
