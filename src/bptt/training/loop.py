"""The fit loop: one for all models, over any source of batches; it can stop and go on."""

import math
import time
from itertools import islice

import numpy as np

from ..errors import BpttError
from .inference import infer
from .optimizers import clip_scale, global_norm
from .progress import Progress

RECENT = 50  # steps of the running mean of the loss


def gradients(network, parameters, objective, batch, state=None, rng=None):
    """Run one batch forward and backward.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    objective : callable
        (z, batch) -> (total, weight, dz): see `bptt.training.objectives`.
    batch : Batch
    state : tuple, optional
        That the batch before ended in; not looked at where the batch begins afresh.
    rng : numpy.random.Generator, optional
        Of dropout.

    Returns
    -------
    total : float
        The loss, summed over what counts in it.
    weight : float
        How much counts: total / weight is the mean.
    gradients : dict of str to ndarray
        Of the total: those of two batches add up to those of both together.
    state : tuple
    """
    if batch.fresh or state is None:
        state = network.initial_state(parameters, len(batch.x))
    z, state, tape = network.forward(batch.x, parameters, state, batch.lengths, rng=rng)
    total, weight, dz = objective(z, batch)
    _, dstate0, g = network.backward(tape, dz, need_dx=False)
    g |= network.initial_state_gradients(dstate0 if batch.fresh else None)
    return total, weight, g, state


def train(
    run, network, objective, source, validation=None, *, epochs, grad_clip=None, patience=None
):
    """Train a network: every step's gradients, averaged over what counts, clipped, applied.

    A generator: each `next` makes one step, so that whoever runs it may stop between steps, save
    `run`, and go on from there another time with the same bits.

    Parameters
    ----------
    run : Run
    network : Network
    objective : callable
        (z, batch) -> (total, weight, dz): see `bptt.training.objectives`.
    source, validation : TextStreams, Documents or SequenceBatches
        Without the second there is no validation.
    epochs : int
        Times through the source.
    grad_clip : float or None
        Largest norm of all gradients together.
    patience : int or None
        Epochs without a lower validation loss after which the training stops; ``run.best`` keeps
        the parameters with the lowest. None: neither.

    Yields
    ------
    Progress

    Raises
    ------
    BpttError
        A gradient or the loss is not finite: raised before the parameters change. The validation
        loss is not finite.
    """
    first_step, first_seconds, start = run.step, run.seconds, time.perf_counter()
    while run.epoch <= epochs and not run.stopped:
        if run.order is None:
            run.order = source.order(run.rng)
        count = source.count(run.order)
        run.per_epoch = run.per_epoch or count
        n_steps = max(run.step + 1, epochs * run.per_epoch)
        for batch in islice(source.batches(run.order), run.batch, None):
            norm = _step(run, network, objective, batch, n_steps, grad_clip)
            ended, held_out = run.batch == count, None
            rate = run.optimizer.learning_rate
            if ended:
                held_out = _validate(run, network, objective, validation)
                run.seconds = first_seconds + time.perf_counter() - start
                _end_epoch(run, held_out, patience)
            run.seconds = first_seconds + time.perf_counter() - start
            per_step = (run.seconds - first_seconds) / (run.step - first_step)
            yield Progress(
                run.epoch - ended,
                run.step,
                n_steps,
                sum(run.recent) / len(run.recent),
                held_out,
                norm,
                rate,
                run.items / run.training_seconds,
                run.seconds,
                per_step * max(0, n_steps - run.step),
                ended,
            )
            if ended:
                break


def _step(run, network, objective, batch, n_steps, grad_clip):
    """Make one step; return the norm of the mean gradient before clipping."""
    began = time.perf_counter()
    run.optimizer.learning_rate = run.schedule(run.step + 1, n_steps)
    with np.errstate(all="ignore"):  # what overflows stops the training below
        total, weight, g, run.carried = gradients(
            network, run.parameters, objective, batch, run.carried, run.rng
        )
        mean = 1 / weight if weight > 0 else 0.0
        loss, norm = total * mean, global_norm(g) * mean
    if not (math.isfinite(norm) and math.isfinite(loss)):
        raise BpttError(_not_finite(run, network, batch, loss, g))
    with np.errstate(all="ignore"):  # a parameter that overflows stops the next step
        run.optimizer.update(run.parameters, g, mean * clip_scale(norm, grad_clip))
    run.recent = [*run.recent[1 - RECENT :], loss]
    run.total, run.weight, run.norms = run.total + total, run.weight + weight, run.norms + norm
    run.items += weight
    run.step, run.batch = run.step + 1, run.batch + 1
    run.training_seconds += time.perf_counter() - began
    return norm


def _validate(run, network, objective, validation):
    if validation is None:
        return None
    loss = evaluate(network, run.parameters, objective, validation)
    if not np.isfinite(loss):
        raise BpttError(
            f"training stopped after step {run.step}: the validation loss is not finite. "
            f"{_advice(run)}"
        )
    return loss


def _end_epoch(run, validation, patience):
    """Write the epoch's row, look at the schedule and the patience, turn to the next epoch."""
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


def evaluate(network, parameters, objective, source):
    """Return the mean loss over a source, nothing shuffled and nothing left out.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    objective : callable
    source : TextStreams, Documents or SequenceBatches

    Returns
    -------
    float
        Not finite where the parameters are too large to compute with.
    """
    total, weight = 0.0, 0.0
    for batch, y in infer(network, parameters, source.batches(source.order(None))):
        with np.errstate(all="ignore"):
            part, counted, _ = objective(y, batch)
        total, weight = total + part, weight + counted
    return total / weight if weight else 0.0


def _not_finite(run, network, batch, loss, g):
    return (
        f"training stopped at step {run.step + 1}: {_fault(run, network, batch, loss, g)} is not "
        f"finite; the parameters are those of the step before. {_advice(run)}"
    )


def _fault(run, network, batch, loss, g):
    """Name what is not finite: the first in the order in which it was computed."""
    for name, p in run.parameters.items():
        if not np.isfinite(p).all():
            return f"the parameter {name}"
    if fault := network.find_fault(batch.x, run.parameters, batch.lengths):
        return fault
    if not np.isfinite(loss):
        return "the loss"
    for name, value in g.items():
        if not np.isfinite(value).all():
            return f"the gradient of {name}"
    return "the norm of all gradients"


def _advice(run):
    return f"Try a learning rate below {run.optimizer.learning_rate:g}."
