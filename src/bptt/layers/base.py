"""What every layer shares: the interface, and the reading of a batch given as a list."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..checks import Door, float_array
from ..engine.contract import Stepper
from ..equations.sequences import valid_steps
from ..errors import ConfigError, ShapeError
from ..stream import Stream


class Layer(ABC):
    """A layer's sizes and parameter names. It holds neither parameters nor state.

    Attributes
    ----------
    n_in, n_out : int
        Features of its input and of its output (for an embedding, n_in counts tokens).
    """

    n_in: int
    n_out: int
    takes_table = False  # whether `forward` takes tokens and the table of an embedding below
    pools = False  # whether `forward` makes one step of all of a sequence's

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter, by name."""

    @abstractmethod
    def init(self, rng, dtype=np.float32) -> dict[str, np.ndarray]:
        """Draw initial parameters from a `numpy.random.Generator`."""

    def zero_state(self, m, dtype) -> tuple[np.ndarray, ...]:
        """Return the state before the first step of m sequences: a tuple of arrays."""
        return ()

    def initial_state(self, parameters, m) -> tuple[np.ndarray, ...]:
        """Return `zero_state` in the parameters' dtype."""
        return self.zero_state(m, next((p.dtype for p in parameters.values()), np.float32))

    @abstractmethod
    def forward(
        self, x, parameters, state=None, lengths=None, *, keep_tape=True
    ) -> tuple[Any, ...]:
        """Run a batch of sequences: return the outputs, the final state and the tape."""

    @abstractmethod
    def backward(self, tape, dy, dstate=None) -> tuple[Any, ...]:
        """Undo `forward`: return the gradients of x, of the initial state and of parameters."""

    @abstractmethod
    def step(self, xt, parameters, state) -> tuple[Any, ...]:
        """Run one step without a tape: return its output and the next state."""

    @abstractmethod
    def stepper(self, parameters, m) -> Stepper:
        """Check the parameters and prepare to step through m sequences: what `Stream` runs on."""

    def stream(self, parameters, m=1):
        """Step through m sequences as they arrive, from a state of zeros: see `bptt.Stream`."""
        return Stream(self, parameters, m)

    def __repr__(self):
        return f"{type(self).__name__}({self.n_in}, {self.n_out})"


def whole_number(where, name, value) -> int:
    """Check a size given to a constructor and return it.

    Raises
    ------
    ConfigError
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{where}: {name} is {value!r}; expected a whole number >= 1.")
    return int(value)


def need_tape(where, tape):
    """Refuse the tape of a forward pass that kept none.

    Raises
    ------
    ConfigError
    """
    if tape is None:
        raise ConfigError(f"{where}: tape is None; expected that of forward with keep_tape=True.")


def as_batch(where, x, lengths) -> tuple[Any, Any]:
    """Read a batch: an array as it is, a list of sequences padded to the longest.

    Parameters
    ----------
    x : ndarray, shape (m, T_x, ...), or list of m ndarray, each (T_i, ...)
    lengths : sequence of m int, or None
        Only with an array: a list has its own.

    Returns
    -------
    x : ndarray, shape (m, T_x, ...)
    lengths : sequence of int, or None

    Raises
    ------
    ShapeError
    """
    if not isinstance(x, (list, tuple)):
        return x, lengths
    if lengths is not None:
        raise ShapeError(f"{where}: lengths given with a list of sequences, which has its own.")
    if not x or not all(isinstance(s, np.ndarray) and s.ndim for s in x):
        raise ShapeError(f"{where}: x is a list; expected at least one array (T_i, n_x) in it.")
    first = x[0]
    for i, s in enumerate(x):
        if s.shape[1:] != first.shape[1:] or s.dtype != first.dtype:
            raise ShapeError(
                f"{where}: x[{i}] is {s.dtype} {s.shape}; expected {first.dtype} with "
                f"features {first.shape[1:]}, because x[0] is {first.shape}."
            )
    if first.dtype.kind not in "iu":
        float_array(where, "x[0]", first)
    lengths = [len(s) for s in x]
    padded = np.zeros((len(x), max(lengths), *first.shape[1:]), first.dtype.newbyteorder("="))
    for row, s in zip(padded, x, strict=True):
        row[: len(s)] = s
    return padded, lengths


class Stateless:
    """The stepper of a layer without a state: a function of one step's input."""

    state: tuple[np.ndarray, ...] = ()

    def __init__(self, step):
        self.step = step


def check_tokens(where, x, lengths, n_tokens):
    """Check the tokens of the steps that exist; padding may hold anything.

    Parameters
    ----------
    x : ndarray of int, shape (m, T_x)
    lengths : sequence of m int, or None
    n_tokens : int

    Returns
    -------
    x : ndarray of int, shape (m, T_x)
    lengths : ndarray of int64, shape (m,), or None

    Raises
    ------
    ShapeError
    """
    if np.ndim(x) != 2:
        raise ShapeError(f"{where}: x has shape {np.shape(x)}; expected (m, T_x).")
    door = Door(where)
    lengths = door.lengths("lengths", lengths, *x.shape)
    door.indices(
        "x", x if lengths is None else x[valid_steps(lengths, *x.shape)], n_tokens, "tokens"
    )
    return x, lengths
