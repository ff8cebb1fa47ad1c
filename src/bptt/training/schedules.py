"""Learning rate schedules."""

import math
from typing import Any, Literal

from ..errors import ConfigError, operation

ScheduleName = Literal["constant", "cosine", "plateau"]
SCHEDULES: tuple[ScheduleName, ...] = ("constant", "cosine", "plateau")


class Schedule:
    """Learning rate: linear warm-up, then constant, cosine decay, or reduction on a plateau.

    (1)  warm-up: rate t / warmup in step t = 1 .. warmup
    (2)  cosine:  rate (1 + cos(pi u)) / 2, u = (t - s) / (n + 1 - s) in step t of n, where
                  s = max(1, warmup) is the step with the full rate; step n + 1 would have rate 0
                  (Loshchilov & Hutter 2017, equation 5, one period)
    (3)  plateau: rate factor^k after k times `patience` epochs without a lower loss

    Parameters
    ----------
    kind : {"constant", "cosine", "plateau"}
    learning_rate : float
        Largest learning rate, reached at the end of the warm-up.
    warmup : int
        Steps of the warm-up.
    factor : float
        "plateau": factor of the learning rate after `patience` epochs, in (0, 1).
    patience : int
        "plateau": epochs without a lower loss.

    Examples
    --------
    >>> schedule = Schedule("cosine", 0.01, warmup=2)
    >>> [round(schedule(step, n_steps=10), 4) for step in (1, 2, 6, 10)]
    [0.005, 0.01, 0.0059, 0.0003]
    """

    @operation
    def __init__(
        self,
        kind: ScheduleName,
        learning_rate: float,
        warmup: int = 0,
        *,
        factor: float = 0.5,
        patience: int = 2,
    ):
        if kind not in SCHEDULES:
            raise ConfigError(f"kind is {kind!r}; expected one of {', '.join(SCHEDULES)}.")
        self.kind: ScheduleName = kind
        self.learning_rate: float = float(learning_rate)
        self.warmup: int = warmup
        self.factor: float = factor
        self.patience: int = patience
        self.state: dict[str, Any] = {"drops": 0, "waited": 0, "best": None}

    def __call__(self, step: int, n_steps: int) -> float:
        """Return the learning rate of step 1 <= step <= n_steps."""
        if step < self.warmup:
            return self.learning_rate * step / self.warmup  # (1)
        if self.kind == "cosine":
            start = max(1, self.warmup)
            u = (step - start) / (max(step, n_steps) + 1 - start)
            return self.learning_rate * (1 + math.cos(math.pi * u)) / 2  # (2)
        return self.learning_rate * self.factor ** self.state["drops"]  # (3)

    def end_epoch(self, loss: float) -> None:
        """Take the loss of an epoch; on a plateau the learning rate is reduced."""
        state = self.state
        if state["best"] is None or loss < state["best"]:
            state.update(best=loss, waited=0)
            return
        state["waited"] += 1
        if self.kind == "plateau" and state["waited"] >= self.patience:
            state.update(drops=state["drops"] + 1, waited=0)
