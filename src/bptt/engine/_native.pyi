"""Kernels of the bptt engine. See native/README.md."""

from collections.abc import Sequence

import numpy


class LayoutError(ValueError):
    pass

class ChangedError(RuntimeError):
    pass

class BusyError(RuntimeError):
    pass

class Tape:
    """The states and gates of every step of a forward pass."""

    @property
    def names(self) -> list[str]: ...

    @property
    def uniform(self) -> bool: ...

    @property
    def nbytes(self) -> int: ...

    @property
    def slots(self) -> int:
        """The number of steps that exist."""

    def view(self, name: str) -> numpy.ndarray:
        """A read-only view (m, T_x, n_a); of uniform batches only."""

    def unpack(self, name: str) -> numpy.ndarray:
        """A copy (m, T_x, n_a), 0 on padding."""

def cells() -> dict[str, dict]:
    """
    The native cells by name: states, gates, the kind of every parameter, the number of activations to choose.
    """

def activations() -> dict[str, int]:
    """The activations of variants by name, and how many values each has."""

def forward(cell: str, x: numpy.ndarray, parameters: dict[str, numpy.ndarray], lengths: numpy.ndarray | None, state0: tuple[numpy.ndarray | None, ...], reverse: bool, keep_tape: bool, table: numpy.ndarray | None, activations: tuple[tuple[str, tuple[float, ...]], ...] | None = None) -> tuple[numpy.ndarray, tuple[numpy.ndarray, ...], Tape]:
    """
    Returns (y, final state, tape); the tape is None without keep_tape. See bptt.engine.Provider.forward.
    """

def backward(tape: Tape, dy: numpy.ndarray, dstate: tuple[numpy.ndarray | None, ...], need_dx: bool, parts: Sequence[int] | None = None) -> tuple[numpy.ndarray | None, tuple[numpy.ndarray, ...], dict[str, numpy.ndarray]]:
    """
    Returns (dx or the gradient of the table, dstate0, gradients). See bptt.engine.Provider.backward.
    """

class Layer:
    """
    The directions of a layer, which read one input. The weights are copied.
    """

    def __init__(self, directions: list[tuple[str, dict[str, numpy.ndarray], tuple[tuple[str, tuple[float, ...]], ...] | None, bool]], table: numpy.ndarray | None) -> None:
        """directions: (cell, parameters, activations, reverse) of each."""

    def forward(self, x: numpy.ndarray, state0: tuple[numpy.ndarray, ...], lengths: numpy.ndarray | None, out: tuple[numpy.ndarray, ...] | None, /) -> tuple[numpy.ndarray, tuple[numpy.ndarray, ...]]:
        """
        Returns (y, final state), new or those of `out`: see bptt.engine.Provider.prepare.
        """

class Stream:
    """
    A cell that processes m sequences step by step. The weights are copied.
    """

    def __init__(self, cell: str, parameters: dict[str, numpy.ndarray], m: int, activations: tuple[tuple[str, tuple[float, ...]], ...] | None = None) -> None: ...

    def step(self, xt: numpy.ndarray, /) -> numpy.ndarray:
        """xt (m, n_x) -> the next output (m, n_a)."""

    def reset(self) -> None: ...

    def set_state(self, state: tuple[numpy.ndarray | None, ...]) -> None: ...

    @property
    def state(self) -> tuple[numpy.ndarray, ...]: ...

    @property
    def m(self) -> int: ...

def dense_forward(x: numpy.ndarray, W: numpy.ndarray, b: numpy.ndarray) -> numpy.ndarray: ...

def dense_backward(dy: numpy.ndarray, x: numpy.ndarray, W: numpy.ndarray, need_dx: bool, parts: Sequence[int] | None = None) -> tuple[numpy.ndarray | None, numpy.ndarray, numpy.ndarray]: ...

def softmax_cross_entropy(logits: numpy.ndarray, ids: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]: ...

def adam(parameters: list[numpy.ndarray], gradients: list[numpy.ndarray], m: list[numpy.ndarray], v: list[numpy.ndarray], scale: float, learning_rate: float, beta1: float, beta2: float, epsilon: float, decay: Sequence[float], correction1: float, correction2: float) -> None:
    """Changes parameters, m and v in place: bptt.equations.updates.adam."""

def squared_norm(arrays: list[numpy.ndarray]) -> float: ...

def fingerprints(arrays: list[numpy.ndarray]) -> list[int]:
    """
    Mix the bits of up to 512 elements of each array: other numbers where an array was changed.
    """

def exp(x: numpy.ndarray) -> numpy.ndarray: ...

def tanh(x: numpy.ndarray) -> numpy.ndarray: ...

def sigmoid(x: numpy.ndarray) -> numpy.ndarray: ...

def add_steps(x: numpy.ndarray, lengths: numpy.ndarray | None, total: numpy.ndarray) -> numpy.ndarray: ...

def max_steps(x: numpy.ndarray, lengths: numpy.ndarray | None, top: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]: ...

def isa() -> str:
    """Raises ValueError where BPTT_ISA names none of this machine's."""

def available_isas() -> list[str]: ...

def cache_sizes() -> tuple:
    """
    Bytes of a core's L1 and L2 cache, by which products are cut into blocks.
    """

def get_num_threads() -> int: ...

def set_num_threads(n: int) -> None: ...

def cached_bytes() -> int: ...

def release_memory() -> None: ...
