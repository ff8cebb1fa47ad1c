"""Local steps: the parts of batches train apart, and their parameters are averaged now and then.

Each part k of n has parameters w_k and an optimizer of its own. It makes H steps from the common
parameters w, with the mean gradients of its own rows; then

(1)  d = 1/n sum over k of (w - w_k)       by the tree of `bptt.distributed.tree`
(2)  v = mu v + d
(3)  w = w - eta (d + mu v)                Nesterov's step; eta = 1, mu = 0: w = mean of the w_k

Averages: Lin, Stich, Patel & Jaggi 2018, "Don't use large mini-batches, use local SGD"; the outer
step (2), (3): Douillard et al. 2023, "DiLoCo", algorithm 1. The optimizers keep their states.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..errors import BpttError, CheckpointError
from ..network import Network
from .batch_gradients import gradients
from .batches import Batch
from .objectives import Objective
from .optimizers import Arrays, clip_scale, global_norm
from .progress import LastStep
from .run import Run
from .shares import Shares, merge_gradients


@dataclass(frozen=True)
class LocalSteps:
    """How often the parameters of parts are averaged.

    Parameters
    ----------
    steps : int
        H; also averaged at the end of each epoch. 1: no local steps, gradients are added.
    after : float
        Share of the training, in [0, 1), in which gradients are added in each step (post-local
        SGD).
    learning_rate, momentum : float
        eta and mu of the outer step.
    """

    steps: int = 1
    after: float = 0.0
    learning_rate: float = 1.0
    momentum: float = 0.0

    def begin(self, run: Run, shares: Shares) -> None:
        """Take the optimizers of a run that is resumed.

        Raises
        ------
        CheckpointError
            The run is of another number of parts.
        """
        if run.local is not None:
            if len(run.local) != shares.n:
                raise CheckpointError(
                    f"the training state has {len(run.local)} parts with optimizers; expected "
                    f"{shares.n}."
                )
            run.local = {k: run.local[k] for k in shares.own}

    def due(self, run: Run, n_steps: int) -> bool:
        """Return whether the next steps are local ones."""
        return run.local is not None or (self.steps > 1 and run.step >= self.after * n_steps)

    def round(
        self,
        run: Run,
        network: Network,
        objective: Objective,
        batches: Iterator[Batch],
        n_steps: int,
        grad_clip: float | None,
        shares: Shares,
    ) -> float:
        """Make up to H steps with each own part, then average; return the mean gradient norm.

        Raises
        ------
        BpttError
            A gradient or a loss is not finite; the parameters are those of the last average.
        """
        began = time.perf_counter()
        if run.local is None:
            run.local = {k: run.optimizer.copy() if k else run.optimizer for k in shares.own}
        optimizers = run.local
        parts = {k: _Part(run.parameters) for k in shares.own}
        made, batch = 0, None
        for batch in islice(batches, self.steps):
            run.optimizer.learning_rate = run.schedule(run.step + made + 1, n_steps)

            def work(item, step=run.step + made):
                k, part = item
                rng = shares.generator(run.seed, step, k)
                optimizers[k].learning_rate = run.optimizer.learning_rate
                return parts[k].step(
                    network, objective, part, shares.state(k), rng, optimizers[k], grad_clip
                )

            stepped = shares.each(shares.split(batch), work)
            states = dict(zip(shares.own, stepped, strict=True))
            shares.carry(states, batch)
            made += 1
        if shares.communicator.size == 1:
            run.carried = shares.carried(network)
        nodes = {}
        for k, part in parts.items():
            nodes[0, k] = part.change_from(run.parameters)
            merge_gradients(nodes, shares.n)
        sums = {k: (part.total, part.weight) for k, part in parts.items()}
        total, weight, change = shares.total(sums, nodes, run.parameters, run.step)
        norms, count = shares.sums({k: (part.norms, part.steps) for k, part in parts.items()})
        if not (math.isfinite(total) and math.isfinite(norms)):
            raise BpttError(_not_finite(run, parts, shares))
        self._outer_step(run, change, 1 / shares.n)
        loss, norm = total / weight if weight > 0 else 0.0, norms / max(count, 1)
        run.last = LastStep(batch, loss, change, 1 / shares.n) if run.keeps_last else None
        run.count(made, total, weight, norm)
        run.training_seconds += time.perf_counter() - began
        return norm

    def _outer_step(self, run: Run, change: Arrays, scale: float) -> None:
        for name, p in run.parameters.items():
            d = change[name] * p.dtype.type(scale)
            if self.momentum:
                v = run.outer.setdefault(name, np.zeros_like(p))
                np.add(p.dtype.type(self.momentum) * v, d, out=v)  # (2)
                d = d + p.dtype.type(self.momentum) * v
            p -= p.dtype.type(self.learning_rate) * d  # (3)


class _Part:
    """The parameters of one part, and the sums over its steps since the last average."""

    def __init__(self, parameters: Arrays):
        self.parameters: Arrays = {name: p.copy() for name, p in parameters.items()}
        self.total = self.weight = self.norms = 0.0
        self.steps = 0
        self.fault = ""

    def step(self, network, objective, part, state, rng, optimizer, grad_clip):
        """Make one step; return the final state. Without rows, or after a fault, do nothing."""
        if not len(part.x) or self.fault:
            return network.zero_state(len(part.x))
        with np.errstate(all="ignore"):  # what overflows stops the training
            total, weight, g, state = gradients(
                network, self.parameters, objective, part, state, rng
            )
            mean = 1 / weight if weight > 0 else 0.0
            norm = global_norm(g) * mean
            self.total, self.weight = self.total + total, self.weight + weight
            self.norms, self.steps = self.norms + norm, self.steps + 1
            if math.isfinite(total) and math.isfinite(norm):
                optimizer.update(self.parameters, g, mean * clip_scale(norm, grad_clip))
            else:
                found = network.find_fault(part.x, self.parameters, part.lengths)
                self.fault = found or "the loss or a gradient"
        return state

    def change_from(self, before: Arrays) -> Arrays:
        """Return the parameters before minus those now, in place."""
        for name, p in self.parameters.items():
            np.subtract(before[name], p, out=p)
        return self.parameters


def _not_finite(run, parts, shares):
    """Return the same message on all ranks."""
    own = next((f"{part.fault} of part {k}" for k, part in parts.items() if part.fault), "")
    return (
        f"training stopped after step {run.step}: in the local steps after it, "
        f"{shares.message(own)} is not finite; the parameters are those of step {run.step}. Try a "
        f"learning rate below {run.optimizer.learning_rate:g}."
    )
