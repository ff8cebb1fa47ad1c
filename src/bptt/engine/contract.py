"""What a provider of the engine must offer; the semantics stand in the package's docstring."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

State = tuple[np.ndarray, ...]


class Tape(Protocol):
    """What a forward pass keeps: every state and every gate of every step, by name.

    ``tape["c"]`` is (m, T_x, n_a), in the steps' own order in either direction, 0 on padding.
    """

    names: tuple[str, ...]  # states, then gates: "a", "c", "ft", "it", "cct", "ot"
    shape: tuple[int, int]  # (m, T_x)
    dtype: np.dtype

    def __getitem__(self, name: str) -> np.ndarray: ...


class Provider(Protocol):
    """A way to compute: `forward`, `backward` and `step` as `bptt.engine` documents them."""

    name: str

    def forward(  # noqa: D102
        self,
        cell: str,
        x: np.ndarray,
        state0: State,
        parameters: Mapping[str, np.ndarray],
        lengths: np.ndarray | None,
        *,
        reverse: bool,
        keep_tape: bool,
    ) -> tuple[np.ndarray, State, Tape | None]: ...

    def backward(  # noqa: D102
        self, tape: Tape, d_outputs: np.ndarray, d_state: tuple[np.ndarray | None, ...]
    ) -> tuple[np.ndarray, State, dict[str, np.ndarray]]: ...

    def step(  # noqa: D102
        self, cell: str, xt: np.ndarray, state: State, parameters: Mapping[str, np.ndarray]
    ) -> State: ...
