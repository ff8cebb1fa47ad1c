"""The training loop: one for all models and sources of batches; it can stop and be resumed."""

import math
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from ..errors import BpttError, ConfigError
from ..network import Network
from .batch_gradients import part_gradients
from .batches import Source
from .inference import infer_one
from .local_steps import LocalSteps
from .objectives import Objective
from .optimizers import clip_scale, global_norm
from .progress import LastStep, Progress
from .run import Run
from .shares import Shares, merge_gradients


def train(
    run: Run,
    network: Network,
    objective: Objective,
    source: Source,
    validation: Source | None = None,
    *,
    epochs: int,
    grad_clip: float | None = None,
    patience: int | None = None,
    shares: Shares | None = None,
    local: LocalSteps | None = None,
) -> Iterator[Progress]:
    """Train a network; in each step the mean gradients of a batch are clipped and applied.

    A generator: each `next` makes one step. The caller can stop between steps, save `run`, and
    resume later; the result is bit-identical to an uninterrupted run.

    Parameters
    ----------
    run : Run
    network : Network
    objective : callable (y, batch) -> (total, weight, dy)
        See `bptt.training.objectives`.
    source, validation : Source
        `TextStreams`, `Documents`, `SequenceBatches` or another one; no validation where None.
    epochs : int
        Passes over the source.
    grad_clip : float or None
        Largest Euclidean norm of all gradients together; None: no clipping.
    patience : int or None
        Early stopping: training stops after this many epochs without a lower validation loss;
        ``run.best`` holds the parameters with the lowest. None: no early stopping.
    shares : Shares, optional
        How each batch is divided into parts and among ranks. Default: one part, one process. With
        several ranks ``run.carried`` is not kept up to date: see `Shares.carried`.
    local : LocalSteps, optional
        Parts train apart, and are averaged after some steps. Default: after every step.

    Yields
    ------
    Progress
        After each step; with local steps after each average.

    Raises
    ------
    ConfigError
        `patience` is given without `validation`.
    BpttError
        A gradient or the loss is not finite: raised before the parameters change. The validation
        loss is not finite.
    """
    if patience is not None and validation is None:
        raise ConfigError(f"patience is {patience}; expected None where there is no validation.")
    shares = shares or Shares()
    shares.begin(run.carried)
    local = local or LocalSteps()
    local.begin(run, shares)
    first_step, first_seconds, start = run.step, run.seconds, time.perf_counter()
    while run.epoch <= epochs and not run.stopped:
        if run.order is None:
            run.order = source.order(run.rng)
        count = source.count(run.order)
        run.per_epoch = run.per_epoch or count
        n_steps = max(run.step + count - run.batch, epochs * run.per_epoch)
        batches = islice(source.batches(run.order, shares.read), run.batch, None)
        while run.batch < count:
            if local.due(run, n_steps):
                norm = local.round(run, network, objective, batches, n_steps, grad_clip, shares)
            else:
                norm = _step(run, network, objective, next(batches), n_steps, grad_clip, shares)
            ended, held_out = run.batch == count, None
            rate = run.optimizer.learning_rate
            if ended:
                held_out = _validate(run, network, objective, validation, shares)
                run.seconds = first_seconds + time.perf_counter() - start
                _end_epoch(run, held_out, patience)
                shares.begin(None)
            run.seconds = first_seconds + time.perf_counter() - start
            per_step = (run.seconds - first_seconds) / (run.step - first_step)
            yield Progress(
                run.epoch - ended,
                run.step,
                n_steps,
                run.history[-1]["loss"] if ended else sum(run.recent) / len(run.recent),
                held_out,
                norm,
                rate,
                run.items / run.training_seconds,
                run.seconds,
                per_step * max(0, n_steps - run.step),
                ended,
            )
            if ended:
                break  # the next epoch has begun


def _step(run, network, objective, batch, n_steps, grad_clip, shares):
    """Make one step; return the norm of the mean gradient before clipping."""
    began = time.perf_counter()
    run.optimizer.learning_rate = run.schedule(run.step + 1, n_steps)
    with np.errstate(all="ignore"):  # what overflows stops the training below
        total, weight, g = _summed(run, network, objective, batch, shares)
        mean = 1 / weight if weight > 0 else 0.0
        loss, norm = total * mean, global_norm(g) * mean
    if not (math.isfinite(norm) and math.isfinite(loss)):
        raise BpttError(_not_finite(run, network, batch, loss, g, shares))
    with np.errstate(all="ignore"):  # a parameter that overflows stops the next step
        run.optimizer.update(run.parameters, g, mean * clip_scale(norm, grad_clip))
    run.last = LastStep(batch, loss, g, mean) if run.keeps_last else None
    run.count(1, total, weight, norm)
    run.training_seconds += time.perf_counter() - began
    return norm


def _summed(run, network, objective, batch, shares):
    """Return loss, weight and gradients of a batch: sums over its parts, on all ranks."""
    sums, nodes, states = {}, {}, {}

    def work(parts):
        rngs: list[Any] = [run.rng]
        if not shares.one:
            drawn = any(layer.takes_rng for layer in network.layers.values())
            rngs = [shares.generator(run.seed, run.step, k) if drawn else None for k in parts]
        rows, before = shares.together(batch, parts), [shares.state(k) for k in parts]
        return part_gradients(network, run.parameters, objective, rows, before, rngs)

    groups = shares.passes(batch, network, run.parameters)
    for parts, found in zip(groups, shares.each(groups, work), strict=True):
        for k, (total, weight, g, state) in zip(parts, found, strict=True):
            sums[k], nodes[0, k], states[k] = (total, weight), g, state
            merge_gradients(nodes, shares.n)
    shares.carry(states, batch)
    if shares.communicator.size == 1:
        run.carried = shares.carried(network)
    return shares.total(sums, nodes, run.parameters, run.step)


def _validate(run, network, objective, validation, shares):
    if validation is None:
        return None
    loss = evaluate(network, run.parameters, objective, validation, shares)
    if not np.isfinite(loss):
        raise BpttError(
            f"training stopped after step {run.step}: the validation loss is not finite. "
            f"{_advice(run)}"
        )
    return loss


def _end_epoch(run, validation, patience):
    """Append the epoch's row to the history, update schedule and early stopping, begin the next."""
    run.history.append(run.row(validation))
    run.schedule.end_epoch(run.history[-1]["loss"] if validation is None else validation)
    if validation is not None and patience is not None:
        if run.best_loss is None or validation < run.best_loss:
            run.best_loss, run.waited = validation, 0
            run.best = {name: p.copy() for name, p in run.parameters.items()}
        else:
            run.waited += 1
            run.stopped = run.waited >= patience
    run.epoch, run.batch, run.order, run.carried = run.epoch + 1, 0, None, None
    run.total = run.weight = run.norms = 0.0


def evaluate(
    network: Network,
    parameters: dict[str, np.ndarray],
    objective: Objective,
    source: Source,
    shares: Shares | None = None,
) -> float:
    """Return the mean loss over a source, without shuffling and dropout.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    objective : callable (y, batch) -> (total, weight, dy)
    source : Source
    shares : Shares, optional
        How batches are divided: each rank computes its parts.

    Returns
    -------
    float
        Not finite where the parameters are too large to compute with.
    """
    shares = shares or Shares()
    sums, states = dict.fromkeys(shares.own, (0.0, 0.0)), {}
    for whole in source.batches(source.order(None), shares.read):
        for k, part in ((k, part) for k, own in shares.split(whole) for part in own.parts):
            if not len(part.x):
                continue
            y, states[k] = infer_one(network, parameters, part, states.get(k))
            with np.errstate(all="ignore"):
                total, weight, _ = objective(y, part)
            sums[k] = sums[k][0] + total, sums[k][1] + weight
    total, weight = shares.sums(sums)
    return total / weight if weight else 0.0


def _not_finite(run, network, batch, loss, g, shares):
    """Return the same message on all ranks: that of the first one with a fault of its own."""
    fault = shares.message(_fault(run, network, batch, shares)) or _fault_of_sums(loss, g)
    return (
        f"training stopped at step {run.step + 1}: {fault} is not "
        f"finite; the parameters are those of the step before. {_advice(run)}"
    )


def _fault(run, network, batch, shares):
    """Return the name of what is not finite: the first in the order of computation; or ""."""
    for name, p in run.parameters.items():
        if not np.isfinite(p).all():
            return f"the parameter {name}"
    for part in (part for _, own in shares.split(batch) for part in own.parts):
        if len(part.x) and (fault := network.find_fault(part.x, run.parameters, part.lengths)):
            return fault
    return ""


def _fault_of_sums(loss, g):
    if not np.isfinite(loss):
        return "the loss"
    for name, value in g.items():
        if not np.isfinite(value).all():
            return f"the gradient of {name}"
    return "the norm of all gradients"


def _advice(run):
    return f"Try a learning rate below {run.optimizer.learning_rate:g}."
