"""The learning rate of every step."""

import math

from ..errors import ConfigError

SCHEDULES = ("constant", "cosine", "plateau")


class Schedule:
    """A learning rate that warms up, then stays, falls along a cosine, or falls on a plateau.

    (1)  warm-up: rate t / warmup in step t = 1 .. warmup
    (2)  cosine:  rate (1 + cos(pi u)) / 2, u the share done of the steps after the warm-up
                  (Loshchilov & Hutter 2017, equation 5, one period down to 0)
    (3)  plateau: rate factor^k after k times `patience` epochs without a lower loss

    Parameters
    ----------
    kind : {"constant", "cosine", "plateau"}
    learning_rate : float
        The highest.
    warmup : int
        Steps.
    factor : float
        Of "plateau", in (0, 1).
    patience : int
        Of "plateau": epochs.

    Examples
    --------
    >>> schedule = Schedule("cosine", 0.01, warmup=2)
    >>> [round(schedule(step, n_steps=10), 4) for step in (1, 2, 6, 10)]
    [0.005, 0.01, 0.005, 0.0]
    """

    def __init__(self, kind, learning_rate, warmup=0, *, factor=0.5, patience=2):
        if kind not in SCHEDULES:
            raise ConfigError(
                f"Schedule: kind is {kind!r}; expected one of {', '.join(SCHEDULES)}."
            )
        self.kind, self.learning_rate, self.warmup = kind, float(learning_rate), warmup
        self.factor, self.patience = factor, patience
        self.state = {"drops": 0, "waited": 0, "best": None}

    def __call__(self, step, n_steps):
        """Return the rate of step 1 <= step <= n_steps."""
        if step < self.warmup:
            return self.learning_rate * step / self.warmup  # (1)
        if self.kind == "cosine":
            u = (step - self.warmup) / max(1, n_steps - self.warmup)
            return self.learning_rate * (1 + math.cos(math.pi * min(1.0, u))) / 2  # (2)
        return self.learning_rate * self.factor ** self.state["drops"]  # (3)

    def end_epoch(self, loss):
        """Look at an epoch's loss; where it is on a plateau the rate falls."""
        state = self.state
        if state["best"] is None or loss < state["best"]:
            state.update(best=loss, waited=0)
            return
        state["waited"] += 1
        if self.kind == "plateau" and state["waited"] >= self.patience:
            state.update(drops=state["drops"] + 1, waited=0)
