"""Mistakes in the loops through time, forward and backward, each with its sentence."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .report import close
from .runs import Batch, Loop, Run

_CARRIED = "da_next of a step is da[:, :, t] plus da_prev of the step after it"
_ADDED = "added up (+=): it is replaced in each step"


class Slip(NamedTuple):
    """A mistake in the loop backward: the first quantity that is wrong, a sentence, the loop."""

    first: str
    sentence: str
    loop: Loop


_OF_THE_LSTM = (
    Slip("dc_prev", "a loop that does not carry dc_prev to the step before", Loop(carry=("a",))),
    Slip("da_prev", f"a loop that does not carry da_prev: {_CARRIED}", Loop(carry=("c",))),
    Slip("da_prev", f"a da_prev that is {_ADDED}", Loop(doubled=("a",))),
    Slip("dc_prev", f"a dc_prev that is {_ADDED}", Loop(doubled=("c",))),
)
_OF_ALL = (
    Slip("da_prev", f"a loop that carries nothing to the step before: {_CARRIED}", Loop(carry=())),
    Slip(
        "da_prev",
        "a loop that leaves out da[:, :, t], the step's own loss, in all steps but the last",
        Loop(own=lambda da, t: da[:, :, t] * (t == da.shape[2] - 1)),
    ),
    Slip("dx", "a loop that leaves out da, the losses of the steps",
         Loop(own=lambda da, t: 0 * da[:, :, t])),
    Slip("dx", "da[:, :, 0] in every step", Loop(own=lambda da, t: da[:, :, 0])),
    Slip("da_prev", "da[:, :, -1] in every step", Loop(own=lambda da, t: da[:, :, -1])),
    Slip("dx", "da in reverse order", Loop(own=lambda da, t: da[:, :, da.shape[2] - 1 - t])),
    Slip("dx", "a loop that runs forward: backpropagation begins at the last step",
         Loop(order=range)),
    Slip("da_prev", f"a carried gradient that is {_ADDED}", Loop(doubled=("a", "c"))),
    Slip("dx", "a loop that leaves out the last step",
         Loop(order=lambda T: range(T - 2, -1, -1))),
    Slip("dx", "a loop that ends before the first step: range(T_x - 1, 0, -1) stops at 1",
         Loop(order=lambda T: range(T - 1, 0, -1))),
    Slip("dx", "the last step only", Loop(order=lambda T: [T - 1])),
    Slip("dx", "dx in reverse order", Loop(reverse="dx")),
    Slip("dx", "the caches in reverse order", Loop(reverse="caches")),
    Slip("dx", "caches[t - 1] in place of caches[t]", Loop(reverse="shift")),
    Slip("", "the weights' gradients of one step only: = in place of +=", Loop(weights="last")),
    Slip("", "the weights' gradients averaged over the steps: they are sums",
         Loop(weights="mean")),
)  # fmt: skip


def slips_backward(batch: Batch) -> Iterator[tuple[Slip, dict[str, np.ndarray]]]:
    """Yield each mistake of the loop backward, and the gradients that it gives."""
    for slip in (*(_OF_THE_LSTM if batch.run.cell == "lstm" else ()), *_OF_ALL):
        yield slip, batch.gradients(slip.loop)


def sums(parts: list[np.ndarray], m: int) -> Iterator[tuple[np.ndarray, str]]:
    """Yield wrong sums of one parameter's gradients over the steps, each with its sentence.

    Parameters
    ----------
    parts : list of ndarray
        The gradients from each step.
    m : int
        Number of examples.
    """
    yield parts[-1], "one step only: = in place of +="
    yield parts[0], "the last step only: the others are not added"
    yield np.mean(parts, axis=0), "the mean over the steps: it is a sum"
    yield np.sum(parts, axis=0) / m, "the mean over the examples: the gradient is a sum over them"
    yield np.zeros_like(parts[0]), "no step at all: nothing is added to the zeros"
    yield -np.sum(parts, axis=0), "the sum with the wrong sign"
    yield np.sum(parts[:-1], axis=0), "all steps but the first"
    yield np.sum(parts[1:], axis=0), "all steps but the last"


def slips_forward(
    run: Run, t: int, before: np.ndarray | None
) -> Iterator[tuple[dict[str, np.ndarray], str]]:
    """Yield what may stand in the place of a step's input, by name, with a sentence.

    Parameters
    ----------
    run : Run
    t : int
    before : ndarray, shape (n_a, m), or None
        The hidden state of the step before.
    """
    zero, x, T = np.zeros_like(run.a0), run.x, run.x.shape[2]
    lstm = "c" in run.states
    if t:
        yield (
            {"a_prev": run.a0},
            "a0 in place of a_prev: the state is not carried from step to step",
        )
        yield {"a_prev": zero}, "zeros in place of a_prev: the state is not carried"
        yield {"xt": x[:, :, 0]}, "x[:, :, 0] in every step"
        yield {"xt": x[:, :, t - 1]}, "the input of the step before"
        if lstm:
            yield {"c_prev": zero}, "zeros in place of c_prev: the cell state is not carried"
            yield {"c_prev": zero, "a_prev": run.a0}, "the initial states in every step"
            if before is not None:
                yield {"c_prev": before}, "a_prev in place of c_prev"
    else:
        yield {"a_prev": zero}, "zeros in place of a0"
        if lstm:
            yield {"c_prev": run.a0}, "a0 in place of zeros for the first cell state"
    yield {"xt": x[:, :, T - 1 - t]}, "the steps of x in reverse order"
    if t + 1 < T:
        yield {"xt": x[:, :, t + 1]}, "the input of the next step"


def slip_of_length(given: np.ndarray, right: np.ndarray, free: np.ndarray, n: int) -> str:
    """Return the mistake in the steps of one sequence of a ragged batch, in words.

    Parameters
    ----------
    given, right, free : ndarray, shape (n, T_x)
        The learner's states of one sequence, the right ones, and those of a run that ignores the
        lengths.
    n : int
        Its length.
    """
    tries: list[tuple[Any, str]] = [
        (free, "the lengths ignored: the sequence runs on through the padding"),
        (np.where(np.arange(right.shape[1]) < n, right, right[:, n - 1 : n]),
         "the last state repeated on the padding: outputs there are 0"),
        (np.where(np.arange(right.shape[1]) <= n, free, 0),
         "one step too many: step t of a sequence exists while t < its length"),
        (np.where(np.arange(right.shape[1]) < n - 1, right, 0),
         "one step too few: step t of a sequence exists while t < its length"),
        (np.roll(np.where(np.arange(right.shape[1]) < n, right, 0), right.shape[1] - n, axis=1),
         "the sequence at the end: padding comes after it"),
        (np.zeros_like(right), "zeros in all steps of it"),
    ]  # fmt: skip
    return next((sentence for value, sentence in tries if close(given, value)), "")
