"""What a provider of the engine must offer; the semantics stand in the package's docstring."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

State = tuple[np.ndarray, ...]


class Tape(Protocol):
    """What a forward pass keeps: every state and every gate of every step, by name.

    ``tape["c"]`` is (m, T_x, n_a), in the steps' own order in either direction, 0 on padding.
    """

    shape: tuple[int, int]  # (m, T_x)
    dtype: np.dtype
    names: tuple[str, ...]  # states, then gates: "a", "c", "ft", "it", "cct", "ot"

    def __getitem__(self, name: str) -> np.ndarray: ...

    def copy(self, name: str) -> np.ndarray:
        """Return what ``tape[name]`` shows, as an array of the caller's own."""
        ...


class Stepper(Protocol):
    """A cell that steps: it owns its parameters and its state."""

    @property
    def step(self) -> Callable[[np.ndarray], np.ndarray]:
        """Run one step: (m, n_x) -> (m, n_a)."""
        ...

    @property
    def state(self) -> State:
        """The states before the next step."""
        ...

    @state.setter
    def state(self, state: State) -> None: ...


class Provider(Protocol):
    """A way to compute: `forward`, `backward` and `stream` as `bptt.engine` documents them."""

    name: str

    def forward(  # noqa: D102
        self,
        cell: str,
        x: np.ndarray,
        state0: State,
        parameters: Mapping[str, np.ndarray],
        lengths: np.ndarray | None,
        *,
        table: np.ndarray | None,
        reverse: bool,
        keep_tape: bool,
    ) -> tuple[np.ndarray, State, Tape | None]: ...

    def backward(  # noqa: D102
        self, tape: Tape, dy: np.ndarray, dstate: tuple[np.ndarray | None, ...]
    ) -> tuple[np.ndarray, State, dict[str, np.ndarray]]: ...

    def stream(  # noqa: D102
        self, cell: str, parameters: Mapping[str, np.ndarray], m: int
    ) -> Stepper: ...

    def dense_forward(self, x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray: ...  # noqa: D102

    def dense_backward(  # noqa: D102
        self, dy: np.ndarray, x: np.ndarray, W: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...

    def softmax_cross_entropy(  # noqa: D102
        self, z: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]: ...

    def squared_norm(self, arrays: Sequence[np.ndarray]) -> float: ...  # noqa: D102

    def adam(  # noqa: D102
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray],
        first: Sequence[np.ndarray],
        second: Sequence[np.ndarray],
        *,
        scale: float,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Sequence[float],
        correction1: float,
        correction2: float,
    ) -> None: ...

    def get_num_threads(self) -> int: ...  # noqa: D102

    def set_num_threads(self, n: int) -> None: ...  # noqa: D102

    def describe(self) -> dict[str, str]:
        """Return rows for `bptt.show_config`."""
        ...
