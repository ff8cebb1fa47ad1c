"""Gradient flow over lag, the Jacobian of a step, and the effective memory of a network."""

from typing import Any, NamedTuple

import numpy as np

from ..checks import is_number, is_whole
from ..errors import ConfigError, operation
from .inputs import need_counts, one_recurrent, read
from .trace import trace


class Flow(NamedTuple):
    """Norms of J^T w over lag, J = d state<t> / d state<t - lag>."""

    norms: np.ndarray  # (lags + 1, positions, draws of w); 1 at lag 0
    half_life: int | None  # first lag at which the mean norm is below 1/2; None: at none
    sentence: str

    @property
    def mean(self) -> np.ndarray:
        """Mean norm at every lag, (lags + 1,)."""
        return self.norms.mean(axis=(1, 2))

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of the norm at every lag, (lags + 1,)."""
        return self.norms.std(axis=(1, 2))


class Memory(NamedTuple):
    """Change of the output at a step where all inputs before its last `lag` steps are replaced."""

    change: np.ndarray  # (lags + 1,): mean Euclidean norm; all inputs are replaced at 0
    steps: int | None  # lag from which on it is below the tolerance; None: at none
    sentence: str


@operation
def gradient_flow(
    model: Any,
    X: Any,
    parameters: Any = None,
    *,
    layer: str | None = None,
    lags: int | None = None,
    positions: int = 32,
    draws: int = 4,
    seed: int = 0,
) -> Flow:
    """Return the exact norms of J^T w, by backward passes from w one step at a time.

    w is a random unit vector in the hidden state of the highest slot; the norm is over all states
    of the layer.

    Parameters
    ----------
    model, X, parameters
        As for `trace`.
    layer : str, optional
        A recurrent layer of one direction; the last one where None.
    lags : int (steps), optional
        Default: 64, or the length of the longest sequence.
    positions, draws : int
        Steps t, drawn from all sequences, and vectors w at each.
    seed : int

    Raises
    ------
    ConfigError
        The layer is bidirectional or missing, or no sequence has `lags` steps.
    """
    need_counts(positions=positions, draws=draws)
    run = _Steps(model, X, parameters, layer)
    lags = min(64, run.longest) if lags is None else lags
    rng = np.random.default_rng(seed)
    at = run.draw(rng, lags, positions)
    tapes = run.forward(at, lags)
    norms = np.empty((lags + 1, len(at), draws))
    for k in range(draws):
        w = rng.normal(size=(len(at), run.layer.n_a))
        w /= np.linalg.norm(w, axis=1, keepdims=True)
        dstate = run.layer.zero_state(len(at), run.dtype)
        dstate[0][-1] = w
        norms[0, :, k] = 1.0
        for lag, tape in enumerate(reversed(tapes), 1):
            dstate = run.backward(tape, dstate)
            norms[lag, :, k] = np.sqrt(sum((d.astype(float) ** 2).sum(axis=(0, 2)) for d in dstate))
    return Flow(norms, *_named(run.name, norms.mean(axis=(1, 2))))


def in_steps(n: Any) -> str:
    """Return a number of steps in words."""
    return f"{n} step" if n == 1 else f"{n} steps"


def _named(name, mean):
    """Return the half-life, and a sentence that names what gradients do."""
    lags = len(mean) - 1
    below, above = np.nonzero(mean < 0.5)[0], np.nonzero(mean > 2)[0]
    half = int(below[0]) if len(below) else None
    if mean[-1] > 2:
        return half, (
            f"gradients of {name} explode: they are more than twice as large after "
            f"{in_steps(above[0])} and {mean[-1]:.3g} times as large after {lags}."
        )
    if mean[-1] < 0.5:
        return half, (
            f"gradients of {name} vanish: less than half is left after {in_steps(half)} and "
            f"{mean[-1]:.2g} of them after {lags}."
        )
    return half, f"gradients of {name} persist: {mean[-1]:.3g} of them after {lags} steps."


@operation
def step_jacobian(
    model: Any, X: Any, parameters: Any = None, *, layer: str | None = None,
    sequence: int = 0, step: int = -1,
) -> np.ndarray:  # fmt: skip
    """Return the Jacobian of one step: d state<t> / d state<t-1>, by one backward pass.

    Its spectral radius is ``abs(np.linalg.eigvals(J)).max()``: see `spectral_radius`.

    Parameters
    ----------
    model, X, parameters, layer
        As for `gradient_flow`.
    sequence, step : int
        Where; a negative step counts from the end.

    Returns
    -------
    ndarray, shape (n, n)
        n = number of states * slots * n_a, in this order.

    Raises
    ------
    ConfigError
        There is no such step, or n is above 4096.
    """
    run = _Steps(model, X, parameters, layer)
    m = len(run.inputs)
    T = len(run.inputs[sequence]) if is_whole(sequence) and -m <= sequence < m else 0
    if not is_whole(step) or not -T <= step < T:
        raise ConfigError(
            f"there is no step {step!r} in sequence {sequence!r}, which has {T} steps."
        )
    shape = (len(run.layer.states), len(run.layer.slots), run.layer.n_a)
    n = int(np.prod(shape))
    if n > 4096:
        raise ConfigError(f"the state has {n:,} values; expected up to 4,096.")
    (tape,) = run.forward([(sequence, step % T)] * n, 1)
    rows = np.eye(n, dtype=run.dtype).reshape(n, *shape)
    dstate = tuple(np.ascontiguousarray(d) for d in rows.transpose(1, 2, 0, 3))
    return np.stack(run.backward(tape, dstate)).transpose(2, 0, 1, 3).reshape(n, n)


def spectral_radius(jacobian: np.ndarray) -> float:
    """Return the largest absolute value of the eigenvalues of a matrix."""
    return float(np.abs(np.linalg.eigvals(jacobian)).max())


class _Steps:
    """Runs one recurrent layer step by step from states of a trace, with a tape of each step."""

    def __init__(self, model, X, parameters, layer):
        network, p, arrays = read(model, X, parameters)
        self.name, self.layer = one_recurrent(network, layer)
        self.own = network._own[self.name].select(p)
        prefix = [f"{self.name}.{slot.prefix}" for slot in self.layer.slots]
        index = list(network.layers).index(self.name)
        below = list(network.layers)[index - 1] if index else None
        names = [q + s for q in prefix for s in self.layer.states]
        if below is not None and below not in network._tables:
            names.append(f"{below}.y")
        found = trace(network, arrays, p, names=names)
        self.dtype = found.flat(names[0]).dtype
        if below is None:
            self.inputs = [x.astype(self.dtype, copy=False) for x in arrays]
        elif below in network._tables:
            table = network.layers[below].table(network._own[below].select(p))
            self.inputs = [table[ids] for ids in arrays]
        else:
            self.inputs = found[f"{below}.y"]
        self._states = [[found[q + s] for q in prefix] for s in self.layer.states]
        self._first = network.initial_state(p, 1)[index]
        self.longest = max(map(len, self.inputs))

    def draw(self, rng, lags, positions):
        """Draw pairs (sequence, step) with at least `lags` steps up to there."""
        if not is_whole(lags) or not 1 <= lags <= self.longest:
            raise ConfigError(
                f"lags is {lags!r}; expected 1..{self.longest}, the steps of the longest sequence."
            )
        counts = np.array([max(0, len(x) - lags + 1) for x in self.inputs])
        chosen = rng.choice(int(counts.sum()), min(positions, int(counts.sum())), replace=False)
        ends = np.cumsum(counts)
        which = np.searchsorted(ends, chosen, side="right")
        steps = chosen - (ends - counts)[which] + lags - 1
        return list(zip(which.tolist(), steps.tolist(), strict=True))

    def forward(self, at, lags):
        """Run the last `lags` steps up to each position; return a tape for each step."""
        state = tuple(
            np.stack([
                np.stack([
                    own[i][t - lags] if t >= lags else self._first[k][j, 0] for i, t in at
                ])
                for j, own in enumerate(slots)
            ])
            for k, slots in enumerate(self._states)
        )  # fmt: skip
        tapes = []
        for s in range(lags):
            x = np.stack([self.inputs[i][t - lags + 1 + s] for i, t in at])[:, np.newaxis]
            _, state, tape = self.layer.forward(x, self.own, state)
            tapes.append(tape)
        return tapes

    def backward(self, tape, dstate):
        """Return the gradient of the states before a step from that of the states after it."""
        dy = np.zeros((dstate[0].shape[1], 1, self.layer.n_out), self.dtype)
        return self.layer.backward(tape, dy, dstate, need_dx=False, parts=())[1]


@operation
def effective_memory(
    model: Any,
    X: Any,
    parameters: Any = None,
    *,
    lags: int | None = None,
    positions: int = 32,
    tolerance: float = 0.05,
    seed: int = 0,
) -> Memory:
    """Return how many steps back the input still changes the output, by substitution.

    All inputs before the last `lag` steps are replaced by steps of another place in the data.

    Parameters
    ----------
    model, X, parameters
        As for `trace`; the output is that of the network at the last step.
    lags : int (steps), optional
        Default: 64, or less than the median length. Up to as many steps again are replaced.
    positions : int
        Windows drawn from all sequences.
    tolerance : float
        Share of the change when all inputs are replaced.
    seed : int

    Raises
    ------
    ConfigError
        No sequence is longer than `lags`, or there is no other place to take inputs from.
    """
    need_counts(positions=positions)
    if not is_number(tolerance):
        raise ConfigError(f"tolerance is {tolerance!r}; expected a number, such as 0.05.")
    network, p, arrays = read(model, X, parameters)
    counts = np.array([len(x) for x in arrays])
    usual = int(np.median(counts[counts >= min(counts.max(), 2)]))
    lags = min(64, usual - 1) if lags is None else lags
    if not is_whole(lags) or not 1 <= lags < counts.max():
        raise ConfigError(
            f"lags is {lags!r}; expected 1..{counts.max() - 1}, below the longest sequence."
        )
    width = min(2 * lags, int(np.median(counts[counts > lags])))  # most of the longer ones have it
    if np.maximum(counts - width + 1, 0).sum() < 2:
        raise ConfigError(
            f"X has a single window of {width} steps; expected another place to take inputs from: "
            f"pass more sequences or fewer lags."
        )
    rng = np.random.default_rng(seed)
    long = [x for x in arrays if len(x) >= width]
    replaced = np.arange(width) < width - np.arange(lags + 1)[:, np.newaxis]  # (lags + 1, width)
    change = np.zeros(lags + 1)
    for _ in range(positions):
        own, other = _two_windows(rng, long, width)
        mask = replaced.reshape(*replaced.shape, *(1,) * (own.ndim - 1))
        batch = np.concatenate([np.where(mask, other, own), own[np.newaxis]])
        y = network.forward(batch, p, keep_tape=False)[0][:, -1].astype(np.float64)
        change += np.linalg.norm(y[:-1] - y[-1], axis=1) / positions
    small = change <= tolerance * change[0]
    after = np.nonzero(~small)[0]
    steps = int(after[-1]) + 1 if len(after) else 0
    if steps > lags:
        return Memory(change, None, f"the memory reaches back more than {lags} steps.")
    return Memory(
        change,
        steps,
        f"the memory reaches back {in_steps(steps)}: older inputs change the output by at most "
        f"{tolerance:.0%} of what all inputs do.",
    )


def _two_windows(rng, arrays, width):
    """Draw two different windows of some steps."""
    drawn = []
    while len(drawn) < 2:
        i = int(rng.integers(len(arrays)))
        place = i, int(rng.integers(len(arrays[i]) - width + 1))
        if place not in drawn:
            drawn.append(place)
    return [arrays[i][start : start + width] for i, start in drawn]
