"""How much each input contributes to a prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, operation
from ..models import Forecaster, SequenceRegressor
from .attributed import Occluded, Outputs, Shapley, Straight
from .baselines import Baseline, Baselines, Vectors, vectors
from .inputs import need_counts, output_index, output_names, read
from .parts import Per, parts_of
from .passes import run
from .trace import lengths_by_layer, one_way

Method = Literal[
    "gradient", "gradient_x_input", "integrated_gradients", "occlusion", "permutation", "shapley"
]  # fmt: skip
_METHODS = get_args(Method)


@dataclass(frozen=True)
class Attribution:
    """Contributions of the inputs of each sequence to one output.

    Attributes
    ----------
    values : list of ndarray of float64
        Of each sequence: a number for every part that `per` names.
    outputs : ndarray of float64, shape (n,)
        What is explained: an output of the network before the softmax.
    baselines : ndarray of float64, shape (n,)
        The same output for the baseline, from the network's initial state.
    targets : ndarray of int, shape (n,)
        Which output it is.
    starts : ndarray of float64, shape (n,)
        What the state before the window contributes; 0 without `window`.
    errors : list of ndarray of float64
        Standard errors of the values of "shapley"; NaN for the other methods.
    """

    values: list[np.ndarray]
    outputs: np.ndarray
    baselines: np.ndarray
    targets: np.ndarray
    starts: np.ndarray
    errors: list[np.ndarray]

    @property
    def gaps(self) -> np.ndarray:
        """Completeness gaps: what the sum of the contributions lacks of the outputs' difference.

        Integrated gradients sum to it exactly in the limit of many steps (Sundararajan, Taly and
        Yan 2017), Shapley values with any number of draws; the others make no such promise.
        """
        sums = np.array([value.sum(dtype=np.float64) for value in self.values])
        return self.outputs - self.baselines - self.starts - sums


@operation
def attribute(
    model: Any,
    X: Any,
    parameters: Mapping[str, np.ndarray] | None = None,
    *,
    method: Method = "integrated_gradients",
    target: Any = None,
    step: int = -1,
    per: Per | None = None,
    baseline: Baseline = "zero",
    window: int | None = None,
    steps: int = 64,
    draws: int | None = None,
    seed: int = 0,
) -> Attribution:
    """Attribute an output of a network to its inputs.

    The inputs are those that the network reads: standardized numbers, or the vectors of tokens and
    categories, whose contributions are summed for each token and column. All sequences are computed
    in common batches; padding is never among them.

    Parameters
    ----------
    model, X, parameters
        As for `trace`.
    method : str
        "gradient": the gradient of the output. "gradient_x_input": times the input's difference
        from the baseline. "integrated_gradients": the mean of the gradients on the straight line
        from the baseline, times that difference. "occlusion": the change of the output when the
        baseline takes the place of a part. "permutation": the same, with parts of other examples.
        "shapley": the mean change when a part of the sequence takes the place of the baseline's,
        over random orders of the parts (Castro, Gomez and Tejada 2009); all orders where they are
        at most `draws` and the baseline is not drawn.
    target : class, token or int, or a list with one for each sequence, optional
        Which output: a class of a classifier or tagger, a token of a language model, or the number
        of an output where it has no name or its name is a text. Default: the first one of a
        regressor or forecaster; else for each sequence the largest one.
    step : int
        Time step of the output, of networks that have one for each step; -1: the last.
    per : {"value", "step", "feature", "word"} or list of ndarray of int, optional
        What gets a number: each feature of each step, (T_i, n_x), or (T_i,) of tokens; each step,
        (T_i,); each feature over all steps, (n_x,); each word of a text, of its characters or
        tokens and the white space behind them (see `word_groups`); or groups of steps, given for
        each sequence as the group 0, 1, ... of every step. Default: "value"; "step" for occlusion,
        permutation and Shapley values.
    baseline : {"zero", "mean", "example"}, ndarray of shape (n_x,), or list of sequences
        Input that contributions are measured against. "mean": the mean step of `X`, or the mean
        vector of all tokens. "example": another sequence of `X`, or another place of the only one,
        drawn by `seed`. A list: one sequence in the form of `X` for all, or one for each; of
        shorter ones the steps are repeated.
    window : int (steps), optional
        Attribute to the last steps before the one that is explained. They begin with the state
        that the sequence has there; what that state contributes, against the network's initial
        state, is in `starts`.
    steps : int
        Points on the line of integrated gradients, by the midpoint rule.
    draws : int, optional
        Baselines whose results are averaged, where they are drawn. Default: 8 for "permutation",
        else 1. For "shapley" the number of orders, each with a baseline of its own where they are
        drawn; default: 32.
    seed : int

    Returns
    -------
    Attribution

    Raises
    ------
    ConfigError, ShapeError
        As for `trace`; an option is none of these; a window of a network that reads backward.

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
    replaced = method in ("occlusion", "permutation", "shapley")
    baseline = "example" if method == "permutation" else baseline
    draws = {"permutation": 8, "shapley": 32}.get(method, 1) if draws is None else draws
    need_counts(steps=steps, draws=draws, **({} if window is None else {"window": window}))
    own = read(model, X, parameters)
    whole = vectors(own)
    parts = parts_of(model, X, own, whole, per or ("step" if replaced else "value"))
    stretches = _stretches(own.network, whole, step, window)
    base = Baselines(model, own, whole, baseline, seed)
    others_each = draws if base.drawn else 1
    own_parameters, network = dict(own.parameters), whole.network
    start = own.network.initial_state(own_parameters, 1)[whole.first :]
    jobs = []
    for i, (x, (begin, end, at)) in enumerate(zip(whole.arrays, stretches, strict=True)):
        state = start
        if begin:
            _, state, _ = network.forward(x[None, :begin], own_parameters, start, keep_tape=False)
        others = [base.of(i, k)[begin:end] for k in range(others_each)]
        jobs.append(Outputs(x[begin:end], others, (start, state), at))
    run(network, own_parameters, jobs)
    targets = _targets(target, jobs, model)
    results = []
    kind = Shapley if method == "shapley" else Occluded if replaced else Straight
    each = zip(jobs, targets, parts.cells, stretches, strict=True)
    for i, (job, k, cells, (begin, end, _)) in enumerate(each):
        plan = (draws, np.random.default_rng([seed, i])) if kind is Shapley else steps
        results.append(kind(job, k, cells[begin:end], method, plan))
    run(network, own_parameters, results, backward=not replaced)
    return Attribution(
        [parts.shaped(i, result.total) for i, result in enumerate(results)],
        np.array([job.y[0, k] for job, k in zip(jobs, targets, strict=True)]),
        np.array([job.y[1:, k].mean() for job, k in zip(jobs, targets, strict=True)]),
        np.array(targets),
        np.array([result.start for result in results]),
        [parts.shaped(i, result.errors) for i, result in enumerate(results)],
    )


def _stretches(network, whole: Vectors, step, window):
    """Return for each sequence its first step, the end, and the step of the output among them."""
    ahead, stretches = one_way(network), []
    pools = any(layer.pools for layer in network.layers.values())
    if window is not None and not ahead:
        raise ConfigError(
            "window is given, and the network reads the whole sequence before an output; expected "
            "layers of one direction, without pooling."
        )
    *_, counts = lengths_by_layer(network, list(map(len, whole.arrays))).values()
    for i, (x, n) in enumerate(zip(whole.arrays, counts.tolist(), strict=True)):
        if not is_whole(step) or not -n <= step < n:
            one = "the only output" if pools else f"one of the {n} steps of X[{i}]"
            raise ConfigError(f"step is {step}; expected {one}.")
        at = step % n
        if not ahead:
            stretches.append((0, len(x), at))
            continue
        begin = 0 if window is None else max(0, at + 1 - window)
        stretches.append((begin, at + 1, at - begin))  # later steps change nothing
    return stretches


def _targets(target, jobs, model) -> list[int]:
    """Return which output is explained of each sequence."""
    if target is None:
        first = isinstance(model, (Forecaster, SequenceRegressor))
        return [0 if first else int(job.y[0].argmax()) for job in jobs]
    several = isinstance(target, (list, tuple, np.ndarray))
    given = list(target) if several else [target] * len(jobs)
    if len(given) != len(jobs):
        raise ConfigError(f"target has {len(given)} values; expected one, or {len(jobs)} of them.")
    names = output_names(model)
    return [output_index(k, names, jobs[0].y.shape[1]) for k in given]
