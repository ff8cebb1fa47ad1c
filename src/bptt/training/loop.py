"""The fit loop: one for all models, over any source of batches; it can stop and go on."""

import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ..errors import BpttError, CheckpointError
from .optimisers import Optimiser, clip_scale, global_norm
from .schedules import Schedule

RECENT = 50  # steps of the running mean of the loss


class Progress(NamedTuple):
    """Where a training run stands after a step."""

    epoch: int  # 1, 2, ...
    step: int  # over all epochs: 1, 2, ...
    n_steps: int  # of the whole run; an estimate where epochs differ in batches
    loss: float  # running mean over about the last 50 steps
    validation: float | None  # only after an epoch's last step
    grad_norm: float  # before clipping
    learning_rate: float
    items_per_second: float  # what the loss is a mean over: characters, steps, sequences
    seconds: float  # since the start, validation included
    seconds_left: float  # estimated from the steps done since the start or the resumption
    end_of_epoch: bool


@dataclass
class Run:
    """Everything that changes in training, so that a run can be left and taken up again.

    Attributes
    ----------
    parameters : dict of str to ndarray
        Changed in place.
    optimiser, schedule
    rng : numpy.random.Generator
        Draws the order of the batches and what dropout leaves out.
    epoch, batch, step : int
        The present epoch (1, 2, ...), the batches done in it, the steps done in all.
    per_epoch : int
        Batches of the first epoch.
    order : ndarray of int, or None
        Of the present epoch's batches; None between epochs.
    carried : tuple, or None
        The state that the last batch ended in.
    total, weight, norms : float
        Sums over the present epoch: of the loss, of what it counts, of the gradients' norms.
    recent : list of float
        The losses of the last steps.
    items, training_seconds, seconds : float
    history : list of dict
        One row an epoch: epoch, step, loss, validation, grad_norm (the mean over the epoch),
        learning_rate, seconds, steps_per_second.
    best, best_loss, waited
        The parameters with the lowest validation loss; how many epochs ago that was.
    stopped : bool
        By early stopping.
    """

    parameters: dict[str, np.ndarray]
    optimiser: Optimiser
    schedule: Schedule
    rng: np.random.Generator
    epoch: int = 1
    batch: int = 0
    step: int = 0
    per_epoch: int = 0
    order: np.ndarray | None = None
    carried: tuple[Any, ...] | None = None
    total: float = 0.0
    weight: float = 0.0
    norms: float = 0.0
    recent: list[float] = field(default_factory=list)
    items: float = 0.0
    training_seconds: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, np.ndarray] | None = None
    best_loss: float | None = None
    waited: int = 0
    stopped: bool = False

    _NUMBERS = (
        "epoch", "batch", "step", "per_epoch", "total", "weight", "norms", "recent", "items",
        "training_seconds", "seconds", "history", "best_loss", "waited", "stopped",
    )  # fmt: skip

    def arrays(self):
        """Return the arrays but the parameters: optimiser, order, carried state, best."""
        named = {f"optimiser/{name}": a for name, a in self.optimiser.state.items()}
        if self.order is not None:
            named["order"] = self.order
        for i, state in enumerate(self.carried or ()):
            named |= {f"carried/{i}/{j}": a for j, a in enumerate(state)}
        return named | {f"best/{name}": a for name, a in (self.best or {}).items()}

    def numbers(self):
        """Return everything that is no array, ready for JSON."""
        return {name: getattr(self, name) for name in self._NUMBERS} | {
            "generator": self.rng.bit_generator.state,
            "schedule": self.schedule.state,
            "carried_layers": None if self.carried is None else len(self.carried),
        }

    def restore(self, arrays, numbers):
        """Become the run that `arrays` and `numbers` describe.

        Raises
        ------
        CheckpointError
            They do not fit the parameters, or one another.
        """
        try:
            for name in self._NUMBERS:
                if type(numbers[name]) is not type(getattr(self, name)) and name != "best_loss":
                    raise ValueError(f"its {name} is {numbers[name]!r}")
                setattr(self, name, numbers[name])
            self.rng.bit_generator.state = numbers["generator"]
            self.schedule.state.update(numbers["schedule"])
            self.order = arrays.get("order")
            n = numbers["carried_layers"]
            self.carried = (
                None if n is None else tuple(_group(arrays, f"carried/{i}/") for i in range(n))
            )
            for group, wanted in (("best", self.parameters), ("optimiser", None)):
                own = {
                    key.partition("/")[2]: a for key, a in arrays.items() if key.startswith(group)
                }
                for name, a in own.items():
                    like = self.parameters.get(name if wanted else name.partition(".")[2])
                    if like is not None and (a.shape, a.dtype) != (like.shape, like.dtype):
                        raise ValueError(f"its {group}/{name} is {a.dtype} {a.shape}")
                if group == "optimiser":
                    self.optimiser.state.update(own)
                elif own:
                    self.best = own
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"resume: the training state is damaged: {error}.") from error

    def row(self, validation=None):
        """Describe the present epoch, as far as it has come."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.total / self.weight if self.weight else 0.0,
            "validation": validation,
            "grad_norm": self.norms / self.batch,
            "learning_rate": self.optimiser.learning_rate,
            "seconds": self.seconds,
            "steps_per_second": self.step / self.training_seconds,
        }

    def put_back_best(self):
        """Make the parameters those with the lowest validation loss, where there are any."""
        for name, p in (self.best or {}).items():
            self.parameters[name][...] = p


def _group(arrays, prefix):
    return tuple(a for key, a in arrays.items() if key.startswith(prefix))


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
    _, d_state0, g = network.backward(tape, dz)
    g |= network.initial_state_gradients(d_state0 if batch.fresh else None)
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
            rate = run.optimiser.learning_rate
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
                float(np.mean(run.recent)),
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
    run.optimiser.learning_rate = run.schedule(run.step + 1, n_steps)
    with np.errstate(all="ignore"):  # what overflows stops the training below
        total, weight, g, run.carried = gradients(
            network, run.parameters, objective, batch, run.carried, run.rng
        )
        mean = 1 / weight if weight > 0 else 0.0
        loss, norm = total * mean, global_norm(g) * mean
    if not (np.isfinite(norm) and np.isfinite(loss)):
        raise BpttError(_not_finite(run, network, batch, loss, g))
    run.optimiser.update(run.parameters, g, mean * clip_scale(norm, grad_clip))
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
    total, weight, state = 0.0, 0.0, None
    with np.errstate(all="ignore"):
        for batch in source.batches(source.order(None)):
            if batch.fresh or state is None:
                state = network.initial_state(parameters, len(batch.x))
            z, state, _ = network.forward(
                batch.x, parameters, state, batch.lengths, keep_tape=False
            )
            part, counted, _ = objective(z, batch)
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
            return f"the gradient {name}"
    return "the norm of all gradients"


def _advice(run):
    return f"Try a learning rate below {run.optimiser.learning_rate:g}."
