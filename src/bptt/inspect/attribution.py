"""How much each input contributes to a prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, operation
from ..layers.embedding import Embedding
from ..network import Network
from .inputs import Read, read

Method = Literal["gradient", "gradient_x_input", "integrated_gradients", "occlusion"]
_METHODS = ("gradient", "gradient_x_input", "integrated_gradients", "occlusion")
_ROWS = 256  # copies of a sequence that are run at a time


@dataclass(frozen=True)
class Attribution:
    """Contributions of the inputs of each sequence to one output.

    Attributes
    ----------
    values : list of ndarray, each (T_i, n_x); of tokens (T_i,), and of "occlusion" (T_i,)
    outputs : ndarray of float64, shape (n,)
        What is explained: an output of the network before the softmax.
    baselines : ndarray of float64, shape (n,)
        The same output for the baseline.
    targets : ndarray of int, shape (n,)
        Which output it is.
    """

    values: list[np.ndarray]
    outputs: np.ndarray
    baselines: np.ndarray
    targets: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """Completeness gaps: what the sum of the contributions lacks of the outputs' difference.

        Integrated gradients sum to it exactly in the limit of many steps (Sundararajan, Taly and
        Yan 2017); the other methods make no such promise.
        """
        sums = np.array([value.sum(dtype=np.float64) for value in self.values])
        return self.outputs - self.baselines - sums


@operation
def attribute(
    model: Any,
    X: Any,
    parameters: Mapping[str, np.ndarray] | None = None,
    *,
    method: Method = "integrated_gradients",
    target: int | None = None,
    step: int = -1,
    baseline: Literal["zero", "mean"] | np.ndarray = "zero",
    steps: int = 64,
) -> Attribution:
    """Attribute an output of a network to its inputs.

    The inputs are those that the network reads: standardized numbers, or the vectors of tokens,
    whose contributions are summed for each token.

    Parameters
    ----------
    model, X, parameters
        As for `trace`.
    method : {"gradient", "gradient_x_input", "integrated_gradients", "occlusion"}
        The gradient of the output; times the input's difference from the baseline; the mean of the
        gradients on the straight line from the baseline, times that difference; or the change of
        the output when the baseline takes the place of a step.
    target : int, optional
        Which output. Default: for each sequence the largest one.
    step : int
        Time step of the output, of networks that have one for each step; -1: the last.
    baseline : {"zero", "mean"} or ndarray of shape (n_x,)
        One step of the input that stands for nothing; "mean": over all steps of `X`, or over the
        vectors of all tokens.
    steps : int
        Points on the line, by the midpoint rule; all in one backward pass up to 256.

    Returns
    -------
    Attribution

    Raises
    ------
    ConfigError, ShapeError
        As for `trace`; an option is none of these; the network reads tables of categories.

    Examples
    --------
    >>> from bptt import RNN, Dense, Network
    >>> network = Network([RNN(2, 3), Dense(3, 2)])
    >>> parameters = network.init(np.random.default_rng(0), np.float64)
    >>> found = attribute(network, [np.ones((4, 2)), np.ones((2, 2))], parameters)
    >>> [value.shape for value in found.values], bool(np.abs(found.gaps).max() < 1e-3)
    ([(4, 2), (2, 2)], True)
    """
    if method not in _METHODS:
        raise ConfigError(f"method is {method!r}; expected one of {', '.join(_METHODS)}.")
    if not is_whole(steps) or steps < 1:
        raise ConfigError(f"steps is {steps!r}; expected a whole number of at least 1.")
    own = read(model, X, parameters)
    vectors, first = _vectors(own)
    base = _baseline(own, vectors, first, baseline)
    values, numbers = [], []
    for x in vectors:
        if not len(x):
            raise ConfigError("X has a sequence without steps; expected at least one step in each.")
        explained = _Output(own, x, base, first, target, step)
        value = explained.by(method, steps)
        values.append(value.sum(axis=1) if first and value.ndim == 2 else value)
        numbers.append((explained.value, explained.base_value, explained.target))
    outputs, baselines, targets = map(np.array, zip(*numbers, strict=True))
    return Attribution(values, outputs, baselines, targets)


class _Output:
    """One output of a network as a function of one sequence."""

    def __init__(self, own: Read, x, base, first, target, step):
        self._whole, self._parameters, self._first = own.network, dict(own.parameters), first
        self._network = _above(own.network, first)
        self._x, self._base = x, np.broadcast_to(base, x.shape).astype(x.dtype)
        y, _ = self._run(np.stack([x, self._base]))
        if not -y.shape[1] <= step < y.shape[1]:
            raise ConfigError(f"step is {step}; expected one of the {y.shape[1]} of the output.")
        if target is not None and not (is_whole(target) and 0 <= target < y.shape[2]):
            raise ConfigError(f"target is {target!r}; expected 0 to {y.shape[2] - 1}.")
        self.target = int(y[0, step].argmax()) if target is None else int(target)
        self._at = (slice(None), step, self.target)
        self.value, self.base_value = map(float, y[self._at])

    def _run(self, x):
        state = self._whole.initial_state(self._parameters, len(x))[self._first :]
        y, _, tape = self._network.forward(x, self._parameters, state)
        return y, tape

    def _gradients(self, x):
        """Return the gradients of the output for some inputs, (k, T, n)."""
        y, tape = self._run(x)
        dy = np.zeros_like(y)
        dy[self._at] = 1
        dx = self._network.backward(tape, dy)[0]
        assert dx is not None  # the network reads numbers
        return dx

    def by(self, method: Method, steps: int) -> np.ndarray:
        """Return the contributions, (T, n), or (T,) by occlusion."""
        difference = self._x - self._base
        if method == "gradient":
            return self._gradients(self._x[np.newaxis])[0]
        if method == "gradient_x_input":
            return self._gradients(self._x[np.newaxis])[0] * difference
        if method == "integrated_gradients":
            shares = (np.arange(steps) + 0.5) / steps  # midpoint rule
            total = np.zeros(self._x.shape, np.float64)
            for begin in range(0, steps, _ROWS):
                share = shares[begin : begin + _ROWS, np.newaxis, np.newaxis]
                line = (self._base + share * difference).astype(self._x.dtype)
                total += self._gradients(line).sum(axis=0, dtype=np.float64)
            return total / steps * difference
        changes = []
        for begin in range(0, len(self._x), _ROWS):
            places = np.arange(begin, min(begin + _ROWS, len(self._x)))
            x = np.repeat(self._x[np.newaxis], len(places), axis=0)
            x[np.arange(len(places)), places] = self._base[places]
            changes.append(self.value - self._run(x)[0][self._at].astype(np.float64))
        return np.concatenate(changes)


def _above(network: Network, first: int) -> Network:
    """Return the network of the layers from one on, under their names."""
    return Network(dict(list(network.layers.items())[first:])) if first else network


def _vectors(own: Read) -> tuple[list[np.ndarray], int]:
    """Return the sequences as vectors of numbers, and the first layer that reads them."""
    name, layer = next(iter(own.network.layers.items()))
    if isinstance(layer, Embedding):
        table = own.parameters[f"{name}.We"]
        return [table[x] for x in own.arrays], 1
    if any(x.ndim != 2 for x in own.arrays) or "Embedding" in type(layer).__name__:
        raise ConfigError(
            f"the network begins with {type(layer).__name__}; expected one that reads numbers, or "
            f"tokens by an Embedding."
        )
    return [np.asarray(x) for x in own.arrays], 0


def _baseline(own, vectors, first, baseline):
    """Return the step that stands for nothing, (n_x,)."""
    n = vectors[0].shape[1]
    if isinstance(baseline, str):
        if baseline == "zero":
            return np.zeros(n)
        if baseline == "mean":
            name = next(iter(own.network.layers))
            rows = own.parameters[f"{name}.We"] if first else np.concatenate(vectors)
            return rows.mean(axis=0, dtype=np.float64)
        raise ConfigError(f"baseline is {baseline!r}; expected 'zero', 'mean' or an array.")
    array = np.asarray(baseline, np.float64)
    if array.shape != (n,):
        raise ConfigError(f"baseline has the shape {array.shape}; expected ({n},).")
    return array
