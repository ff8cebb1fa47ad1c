"""Monitor: gradients, updates, dead units and weights, recorded during a training."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..layers import Recurrent
from .callbacks import Callback
from .optimizers import global_norm
from .progress import LastStep, Progress

DEAD = 1e-6  # of the largest gradient of a unit of the layer


class Monitor(Callback):
    """Record gradient norms, sizes of updates, dead units and losses by length during a training.

    Parameters
    ----------
    every : int (steps)
        Distance between the steps that are recorded.
    log : callable (step, dict of str to float), optional
        Called with each record as ``grad_norm/lstm0.Wf``, ``update_ratio/lstm0.Wf``,
        ``dead_units/lstm0``: `TensorBoardLogger.write`, for example.
    keep : str or list of str
        Patterns of the names of parameters, as of `fnmatch`, whose arrays and gradients are kept
        at each record: ``"lstm0.W*"``. `bptt.inspect.weights_by_gate` splits them by gate into the
        weights of state and input.

    Attributes
    ----------
    steps : list of int
    grad_norms : dict of str to list of float
        Euclidean norm of the mean gradient of each parameter, before clipping.
    weight_norms : dict of str to list of float
        Euclidean norm of each parameter.
    update_ratios : dict of str to list of float
        Norm of a step's change of each parameter divided by the parameter's norm; 0 where that is
        0. Values near 1e-3 are usual.
    dead_units : dict of str to list of float
        Share of the units of each recurrent layer and direction whose weights have no gradient:
        its norm is at most 1e-6 of that of the unit with the largest.
    weights, gradients : dict of str to list of ndarray
        Of what `keep` names: the parameters after a step, and the mean gradient that it followed.
    losses : list of (float, float)
        Mean length of the sequences of a batch, and its loss.
    """

    def __init__(
        self,
        every: int = 20,
        log: Callable[[int, dict[str, float]], Any] | None = None,
        keep: str | Sequence[str] = (),
    ):
        if every < 1:
            raise ConfigError(f"every is {every}; expected a number of steps >= 1.")
        self.every, self.log = every, log
        self.keep: tuple[str, ...] = (keep,) if isinstance(keep, str) else tuple(keep)
        self.steps: list[int] = []
        self.grad_norms: dict[str, list[float]] = {}
        self.weight_norms: dict[str, list[float]] = {}
        self.update_ratios: dict[str, list[float]] = {}
        self.dead_units: dict[str, list[float]] = {}
        self.weights: dict[str, list[np.ndarray]] = {}
        self.gradients: dict[str, list[np.ndarray]] = {}
        self.losses: list[tuple[float, float]] = []
        self._before: dict[str, np.ndarray] = {}

    def after_step(self, model: Any, progress: Progress, last: LastStep) -> None:
        """Record every `every`-th step; copy the parameters one step before it."""
        p = model.parameters_
        if progress.step % self.every == 0:
            if not self.steps:
                self._check_kept(p)
            named = self._norms(p, last) | self._dead(model.network_, last.gradients)
            self.steps.append(progress.step)
            lengths = last.batch.lengths
            mean = last.batch.x.shape[1] if lengths is None else float(np.mean(lengths))
            self.losses.append((float(mean), last.loss))
            self._before = {}
            if self.log is not None:
                self.log(progress.step, named)
        if (progress.step + 1) % self.every == 0:
            self._before = {name: value.copy() for name, value in p.items()}

    def _check_kept(self, parameters):
        for pattern in self.keep:
            if not any(fnmatch(name, pattern) for name in parameters):
                raise ConfigError(
                    f"keep has {pattern!r}; expected patterns of {', '.join(parameters)}."
                )

    def _norms(self, parameters, last):
        """Record the norms of each parameter, and the arrays that are kept."""
        named = {}
        for name, value in parameters.items():
            size = global_norm({name: value})
            norm = global_norm({name: last.gradients[name]}) * last.scale
            ratio = np.nan  # the first record may have no step before it
            if name in self._before:
                change = global_norm({name: value - self._before[name]})
                ratio = change / size if size else 0.0
            self.weight_norms.setdefault(name, []).append(size)
            self.grad_norms.setdefault(name, []).append(norm)
            self.update_ratios.setdefault(name, []).append(ratio)
            named |= {f"grad_norm/{name}": norm, f"update_ratio/{name}": ratio}
            if any(fnmatch(name, pattern) for pattern in self.keep):
                self.weights.setdefault(name, []).append(value.copy())
                mean = last.gradients[name] * value.dtype.type(last.scale)
                self.gradients.setdefault(name, []).append(mean)
        return named

    def _dead(self, network, gradients):
        """Record the share of units without gradient."""
        named = {}
        for name, layer in network.layers.items():
            if not isinstance(layer, Recurrent):
                continue
            for slot in layer.slots:
                squares = np.zeros(layer.n_a)
                for key in layer.cell.weights:
                    g = gradients[f"{name}.{slot.prefix}{key}"]
                    squares += np.einsum("ij,ij->i", g, g) if len(g) == layer.n_a else 0
                full = f"{name}.{slot.prefix}".rstrip(".")
                share = float((squares <= DEAD**2 * squares.max()).mean())
                self.dead_units.setdefault(full, []).append(share)
                named[f"dead_units/{full}"] = share
        return named

    def by_layer(self, what: str) -> dict[str, np.ndarray]:
        """Return the norm of each layer over all its parameters, shape (records,) each.

        Parameters
        ----------
        what : {"grad_norms", "weight_norms", "update_ratios"}

        Raises
        ------
        ConfigError
        """
        known = ("grad_norms", "weight_norms", "update_ratios")
        if what not in known:
            raise ConfigError(f"what is {what!r}; expected one of {', '.join(known)}.")
        found: dict[str, np.ndarray] = {}
        sizes: dict[str, np.ndarray] = {}
        for name, rows in getattr(self, what).items():
            layer, size = name.split(".")[0], np.square(self.weight_norms[name])
            own = np.square(rows) * (size if what == "update_ratios" else 1)
            found[layer] = found.get(layer, 0) + own
            sizes[layer] = sizes.get(layer, 0) + size
        if what == "update_ratios":
            found = {n: v / np.maximum(sizes[n], np.finfo(float).tiny) for n, v in found.items()}
        return {name: np.sqrt(value) for name, value in found.items()}

    def loss_by_length(self, edges: Sequence[float]) -> list[float]:
        """Return the mean loss of the batches whose mean length is in each interval; NaN if none.

        The loss of each sequence, after a training: `bptt.inspect.loss_by_length`.

        Parameters
        ----------
        edges : sequence of k + 1 float
            Intervals edges[i] <= length < edges[i + 1].
        """
        lengths, losses = np.array(self.losses, float).reshape(-1, 2).T
        which = np.digitize(lengths, edges) - 1
        return [
            float(losses[which == i].mean()) if (which == i).any() else float("nan")
            for i in range(len(edges) - 1)
        ]
