"""The training state: saved in checkpoints, restored to resume."""

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import CheckpointError, operation
from ..network import Network
from .batches import Source
from .optimizers import Optimizer
from .progress import LastStep
from .schedules import Schedule

RECENT = 50  # steps of the running mean of the loss
_ROW = {
    "epoch", "step", "loss", "validation", "grad_norm", "learning_rate", "seconds",
    "steps_per_second",
}  # fmt: skip


def new_id() -> str:
    """Return a random id of a run."""
    return secrets.token_hex(16)


def is_id(value: Any) -> bool:
    """Return whether a value read from a file can be the id of a run."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value) is not None


@dataclass
class Run:
    """The complete training state, saved in checkpoints to resume a run.

    Attributes
    ----------
    parameters : dict of str to ndarray
        Changed in place.
    optimizer, schedule
    rng : numpy.random.Generator
        Draws the order of the batches and the dropout masks.
    epoch, batch, step : int
        Current epoch (1, 2, ...), number of batches done in it, number of steps done in all epochs.
    per_epoch : int
        Number of batches of the first epoch.
    order : ndarray of int, or None
        Order of the batches of the current epoch; None between epochs.
    carried : tuple, or None
        Final state of the last batch.
    total, weight, norms : float
        Sums over the current epoch: of the losses, their weights, and the gradient norms.
    recent : list of float
        Losses of the last steps.
    items, training_seconds, seconds : float
        Sum of the weights over all epochs; time of the training steps; time of everything.
    history : list of dict
        One row for each epoch: epoch, step, loss, validation, grad_norm (mean over the epoch),
        learning_rate, seconds, steps_per_second.
    local : dict of int to Optimizer, or None
        With local steps, after they have begun: the optimizer of each part of this rank.
    outer : dict of str to ndarray
        Momentum of the outer step of local steps.
    best, best_loss, waited
        Parameters with the lowest validation loss, that loss, and the epochs since then.
    stopped : bool
        Whether early stopping has ended the run.
    interrupted : bool
        Whether a signal or a callback has ended `fit` early.
    last : LastStep, or None
        Batch, loss and gradients of the last step, where `keeps_last` (for callbacks).
    seed : int
        With several parts of a batch, dropout masks are drawn from (seed, step, part). Not saved.
    id : str
        Random; a run that is resumed keeps it. Its files hold it, and only they are removed.
    """

    parameters: dict[str, np.ndarray]
    optimizer: Optimizer
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
    local: dict[int, Optimizer] | None = None
    outer: dict[str, np.ndarray] = field(default_factory=dict)
    best: dict[str, np.ndarray] | None = None
    best_loss: float | None = None
    waited: int = 0
    stopped: bool = False
    interrupted: bool = False  # not saved
    keeps_last: bool = False
    last: LastStep | None = None
    seed: int = 0  # not saved
    id: str = field(default_factory=new_id)

    _SCALARS = (
        "epoch", "batch", "step", "per_epoch", "total", "weight", "norms", "recent", "items",
        "training_seconds", "seconds", "history", "best_loss", "waited", "stopped",
    )  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays except the parameters: optimizer, order, carried state, best."""
        named = {f"optimizer/{name}": a for name, a in self.optimizer.state.items()}
        if self.order is not None:
            named["order"] = self.order
        for i, state in enumerate(self.carried or ()):
            named |= {f"carried/{i}/{j}": a for j, a in enumerate(state)}
        for k, optimizer in (self.local or {}).items():
            if k:  # that of part 0 is the run's
                named |= {f"local/{k}/{name}": a for name, a in optimizer.state.items()}
        named |= {f"outer/{name}": a for name, a in self.outer.items()}
        return named | {f"best/{name}": a for name, a in (self.best or {}).items()}

    def scalars(self) -> dict[str, Any]:
        """Return everything that is not an array, ready for JSON."""
        return {name: getattr(self, name) for name in self._SCALARS} | {
            "generator": self.rng.bit_generator.state,
            "schedule": self.schedule.state,
            "carried_layers": None if self.carried is None else len(self.carried),
            "local_parts": None if self.local is None else len(self.local),
        }

    def count(self, steps: int, total: float, weight: float, norm: float) -> None:
        """Count steps that were made: their losses, weights and mean gradient norm."""
        self.recent = [*self.recent[1 - RECENT :], total / weight if weight > 0 else 0.0]
        self.total, self.weight = self.total + total, self.weight + weight
        self.norms += norm * steps
        self.items += weight
        self.step, self.batch = self.step + steps, self.batch + steps

    @operation("resume")
    def restore(
        self,
        arrays: dict[str, np.ndarray],
        scalars: dict[str, Any],
        network: Network,
        source: Source,
    ) -> None:
        """Restore the state that `arrays` and `scalars` hold.

        Raises
        ------
        CheckpointError
            They do not fit the network, the source, or each other.
        """
        try:
            self._restore_scalars(scalars)
            self.optimizer.state.update(self._moments(_within(arrays, "optimizer/")))
            self.local = self._local(arrays, scalars.get("local_parts"))
            self.outer = _within(arrays, "outer/")
            self.best = _within(arrays, "best/") or None
            self.order = arrays.get("order")
            self.carried = _carried(_within(arrays, "carried/"), scalars, network)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"the training state is damaged: {error}.") from error
        expected = {name: (p.shape, p.dtype) for name, p in self.parameters.items()}
        for what in ("best", "outer"):
            given = getattr(self, what) or self.parameters
            if {name: (p.shape, p.dtype) for name, p in given.items()} != expected:
                raise CheckpointError(f"the training state is damaged: its {what} parameters.")
        if self.order is None:
            fits = self.batch == 0
        else:
            own = source.order(None)
            fits = self.order.dtype == own.dtype and np.array_equal(
                np.sort(self.order), np.sort(own)
            )
            fits = fits and self.batch < source.count(self.order)
        if not fits:
            raise CheckpointError(
                "the training state is damaged: its order of batches, or its place in it."
            )

    def _restore_scalars(self, scalars):
        for name in self._SCALARS:
            value, like = scalars[name], getattr(self, name)
            whole = type(like) is int and type(value) is int and 0 <= value < 2**53
            real = type(like) is float and is_finite(value) and (value >= 0 or name == "total")
            if name == "best_loss":
                real = value is None or is_finite(value)
            elif name == "recent":
                real = isinstance(value, list) and all(map(is_finite, value))
            elif name == "history":
                real = is_history(value)
            elif name == "stopped":
                real = type(value) is bool
            if not (whole or real):
                raise ValueError(f"its {name} is {value!r:.40}")
            setattr(self, name, value)
        if self.epoch != len(self.history) + 1 or self.step < self.batch:
            raise ValueError("its epoch or its step")
        if self.waited > len(self.history):
            raise ValueError("its waited")
        schedule = scalars["schedule"]
        if schedule.keys() != self.schedule.state.keys() or not all(
            v is None or is_finite(v) for v in schedule.values()
        ):
            raise ValueError("its schedule")
        self.schedule.state.update(schedule)
        self.rng.bit_generator.state = scalars["generator"]

    def _moments(self, given):
        """Return the optimizer's state of a file; raise where no optimizer can have it."""
        for key, a in given.items():
            kind, _, name = key.partition(".")
            like = self.parameters[name] if name else self.optimizer.state[key]
            squares = kind == self.optimizer.squares
            if (a.shape, a.dtype) != (like.shape, like.dtype):
                raise ValueError(f"its optimizer/{key:.40} is {a.dtype} {a.shape}")
            if not np.isfinite(a).all() or (a.min() < 0 and (squares or not name)):
                raise ValueError(f"its optimizer/{key:.40} is not a valid state")
        moments = {key.partition(".")[0] for key in given if "." in key}
        complete = {f"{moment}.{name}" for moment in moments for name in self.parameters}
        if self.step and not (moments and complete | self.optimizer.state.keys() == given.keys()):
            raise ValueError("its optimizer's state is incomplete")
        return given

    def _local(self, arrays, n):
        """Return the optimizers of n parts; a part that made no step has nothing in the file."""
        if n is None:
            return None
        if type(n) is not int or not 1 <= n < 2**16:
            raise ValueError(f"its local_parts is {n!r:.40}")
        states = {k: _within(arrays, f"local/{k}/") for k in range(1, n)}
        own = {k: replace(self.optimizer) for k in states}
        for k, state in states.items():
            own[k].state.update(self._moments(state) if state else {})
        return {0: self.optimizer} | own

    def row(self, validation: float | None = None) -> dict[str, Any]:
        """Return the row of the history for the current epoch, complete or not."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.total / self.weight if self.weight else 0.0,
            "validation": validation,
            "grad_norm": self.norms / self.batch,
            "learning_rate": self.optimizer.learning_rate,
            "seconds": self.seconds,
            "steps_per_second": self.step / self.training_seconds,
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return the history, with a row for the current epoch if it is not complete."""
        return [*self.history, self.row()] if self.batch else self.history

    def restore_best(self) -> None:
        """Set the parameters to those with the lowest validation loss, if they were kept."""
        for name, p in (self.best or {}).items():
            self.parameters[name][...] = p


def is_history(value: Any) -> bool:
    """Return whether a value read from JSON is a history as `Run` writes it."""
    return isinstance(value, list) and all(
        isinstance(row, dict)
        and set(row) == _ROW
        and all(is_finite(v) or (v is None and name == "validation") for name, v in row.items())
        for row in value
    )


def best_row(history: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row with the lowest validation loss, the first one of equals; None without one."""
    rows = [row for row in history if row["validation"] is not None]
    return min(rows, key=lambda row: row["validation"], default=None)


def is_finite(value: Any) -> bool:
    """Return whether a value read from JSON is a finite number."""
    return type(value) in (int, float) and abs(value) < (2**63 if type(value) is int else np.inf)


def _within(arrays, prefix):
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}


def _carried(given, scalars, network):
    """Return the carried state of a file, layer by layer, or None."""
    if scalars["carried_layers"] is None:
        return None
    m = next((a.shape[1] for a in given.values()), 1)
    shapes = [tuple(a.shape for a in state) for state in network.zero_state(m)]
    state = tuple(tuple(given[f"{i}/{j}"] for j in range(len(own))) for i, own in enumerate(shapes))
    if scalars["carried_layers"] != len(shapes) or len(given) != sum(map(len, shapes)):
        raise ValueError("its carried state has other layers")
    if [tuple(a.shape for a in own) for own in state] != shapes:
        raise ValueError("its carried state has other shapes")
    return state
