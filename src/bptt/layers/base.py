"""The interface of every layer, and the reading of a batch given as a list."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..checks import ArrayChecker, dtype_of, float_array, is_plain, is_whole
from ..engine.contract import Stepper
from ..equations.sequences import valid_steps
from ..errors import ConfigError, ShapeError
from ..stream import Stream

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Parameters = Mapping[str, np.ndarray]
State = tuple[np.ndarray, ...]
Batch = np.ndarray | Sequence[np.ndarray]


class Layer(ABC):
    """The sizes and parameter names of a layer. It holds neither parameters nor state.

    Attributes
    ----------
    n_in, n_out : int
        Features of its input and of its output (for an embedding, n_in counts tokens).
    states : tuple of str
        Names of its states.
    """

    n_in: int
    n_out: int
    states: tuple[str, ...] = ()
    _state_axes: tuple[str, ...] = ()  # symbolic shape of each state

    is_table = False  # whether the output is rows of a table, `table`, chosen by tokens
    takes_table = False  # whether `forward` takes tokens and the table of the layer below
    takes_rng = False  # whether `forward` takes a generator when training
    # Whether the results of a sequence are bit-identical whatever the other sequences of the batch.
    # Where such a layer has parameters, `backward` takes `parts`, see `Network.backward`.
    by_rows: bool = False
    pools = False  # whether the output is one step for a whole sequence
    expands = False  # whether the output has another number of steps, and not one

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter, by name."""

    @abstractmethod
    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Draw initial parameters."""

    def weights(self) -> tuple[str, ...]:
        """Return the names of the parameters that weight decay acts on."""
        return ()

    def lengths_after(self, lengths: Any) -> Any:
        """Return the true lengths of the outputs, given those of the inputs; None if all are full.

        One step is left of every sequence where the layer `pools`.
        """
        return None if self.pools else lengths

    def state_shapes(self, m: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the states of m sequences."""
        return ()

    def zero_state(self, m: int, dtype: "DTypeLike" = np.float32) -> State:
        """Return the state before the first step of m sequences: zeros."""
        return tuple([np.zeros(shape, dtype) for shape in self.state_shapes(m)])

    def initial_state(self, parameters: Parameters, m: int) -> State:
        """Return `zero_state` in the dtype of the parameters."""
        return self.zero_state(m, dtype_of(parameters))

    def initial_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the initial states that a network may learn, by name."""
        return {}

    @abstractmethod
    def forward(
        self,
        x: Batch,
        parameters: Parameters,
        state: State | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
        *,
        keep_tape: bool = True,
    ) -> tuple[np.ndarray, State, Any]:
        """Run a batch of sequences: return the outputs, the final state and the tape."""

    @abstractmethod
    def backward(
        self, tape: Any, dy: np.ndarray, dstate: State | None = None, *, need_dx: bool = True
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Backpropagate: return the gradients of x, of the initial state and of the parameters."""

    @abstractmethod
    def step(
        self, xt: np.ndarray, parameters: Parameters, state: State | None
    ) -> tuple[np.ndarray, State]:
        """Run one step without a tape: return its output and the next state."""

    @abstractmethod
    def stepper(self, parameters: Parameters, m: int) -> Stepper:
        """Check the parameters and prepare to step through m sequences, for `bptt.Stream`."""

    def stream(self, parameters: Parameters, m: int = 1) -> Stream:
        """Step through m sequences as they arrive, from a state of zeros: see `bptt.Stream`."""
        return Stream(self, parameters, m)

    def table(self, parameters: Parameters) -> np.ndarray:
        """Check and return the table of a layer that `is_table`, (n_tokens, n_x)."""
        raise NotImplementedError

    def find_fault(self, tape: Any, name: str) -> str | None:
        """Describe the first value on a tape that is not finite; `name` is the layer's."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_in}, {self.n_out})"

    def checked_state(self, state: Any, m: int, dtype: Any, name: str = "state") -> State:
        """Check a state or its gradient; zeros if it is None.

        Raises
        ------
        ShapeError
        """
        if state is None:
            return self.zero_state(m, dtype)
        shapes = self.state_shapes(m)
        if type(state) is tuple and len(state) == len(shapes):
            for s, shape in zip(state, shapes, strict=True):
                if not is_plain(s, dtype) or s.shape != shape:
                    break
            else:
                return state
        names = f"({', '.join(self.states)}{',' * (len(shapes) == 1)})"
        if not isinstance(state, (tuple, list)):
            raise ShapeError(f"{name} is a {type(state).__name__}; expected a tuple, {names}.")
        if len(state) != len(shapes):
            raise ShapeError(
                f"{name} has {len(state)} arrays; expected {len(shapes)}"
                f"{f', {names}' if shapes else ''}."
            )
        if not shapes:
            return ()
        check, checked = ArrayChecker(), []
        for s, axes, shape in zip(state, self._state_axes, shapes, strict=True):
            check.add_sizes(**dict(zip(axes.split(), shape, strict=True)))
            checked.append(check.array(name, s, axes))
        if checked[0].dtype != dtype:
            raise ShapeError(
                f"{name} is {checked[0].dtype}; expected {dtype}, as the other arrays are."
            )
        return tuple(checked)

    def checked_dstate(self, dstate: Any, m: int, dtype: Any) -> State:
        """Check the gradient of a state; zeros if it is None."""
        return self.checked_state(dstate, m, dtype, "dstate")


class Parameterless(Layer):
    """A layer without parameters."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return an empty dict: there are no parameters."""
        return {}

    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Return an empty dict: there are no parameters."""
        return {}


def checked_gradient(dy: Any, shape: tuple[int, int, int], dtype: np.dtype) -> np.ndarray:
    """Check the gradient of outputs of a shape (m, T_x, n_out) and a dtype.

    Raises
    ------
    ShapeError
    """
    if is_plain(dy, dtype) and dy.shape == shape:
        return dy
    m, T_x, n_out = shape
    dy = ArrayChecker(m=m, T_x=T_x, n_out=n_out).array("dy", dy, "m T_x n_out")
    if dy.dtype != dtype:
        raise ShapeError(f"dy is {dy.dtype}; expected {dtype}, as y is.")
    return dy


def wanted(parts: Sequence[int] | None) -> bool:
    """Return whether gradients of parameters are computed: those of all rows, or of parts."""
    return parts is None or len(parts) > 0


def need_sizes(parts: Any, m: int | None = None) -> None:
    """Check the numbers of rows of the parts of a batch of m rows.

    Raises
    ------
    ShapeError
    """
    if not isinstance(parts, (list, tuple)) or not all(map(is_whole, parts)):
        raise ShapeError(f"parts is {parts!r}; expected numbers of rows, such as (2, 6), or ().")
    if parts and m is not None and (sum(parts) != m or min(parts) < 0):
        raise ShapeError(f"parts is {parts}; expected numbers of rows that add up to m = {m}.")


def need_parts(layer: Layer, parts: Sequence[int] | None, m: int | None = None) -> None:
    """Check the parts of a batch of m rows for the backward pass of a layer.

    Raises
    ------
    ConfigError
        The layer does not compute by rows.
    ShapeError
        They are not numbers of rows, or have more or fewer than the batch.
    """
    if parts is None:
        return
    need_sizes(parts, m)
    if parts and not layer.by_rows:
        raise ConfigError(
            f"parts is given; expected None, because {layer!r} does not compute each row of a "
            f"batch on its own."
        )


def whole_number(name: str, value: Any, most: int = 2**30) -> int:
    """Check a size given to a constructor and return it.

    Raises
    ------
    ConfigError
    """
    if not is_whole(value) or value < 1:
        raise ConfigError(f"{name} is {value!r}; expected a whole number >= 1.")
    if value > most:
        given = value if value < 10**20 else "a number of more than 20 digits"
        raise ConfigError(f"{name} is {given}; expected a whole number in 1..{most}.")
    return int(value)


def need_tape(tape: Any) -> Any:
    """Return a tape; refuse that of a forward pass that kept none.

    Raises
    ------
    ConfigError
    """
    if tape is None:
        raise ConfigError("tape is None; expected that of forward with keep_tape=True.")
    return tape


class LayerTape(NamedTuple):
    """The tape of a layer that is not recurrent."""

    of: tuple[Any, ...]  # what two layers have in common that can use each other's tapes
    kept: tuple[Any, ...]


def own_tape(tape: Any, of: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what the tape of a layer keeps; refuse that of another layer.

    Raises
    ------
    ConfigError
    """
    need_tape(tape)
    if type(tape) is not LayerTape or tape.of != of:
        raise another_tape()
    return tape.kept


def another_tape() -> ConfigError:
    """Return the error of a tape that is none, or that of another layer."""
    return ConfigError(
        "tape is not that of such a layer; expected the tape that forward of this layer returned."
    )


def need_one_direction(bidirectional: bool) -> None:
    """Refuse to process a bidirectional layer step by step.

    Raises
    ------
    ConfigError
    """
    if bidirectional:
        raise ConfigError(
            "the layer is bidirectional; expected one direction, because the other needs the "
            "whole sequence."
        )


def as_batch(x: Any, lengths: Any) -> tuple[Any, Any]:
    """Return an array as it is, a list of sequences padded to the longest.

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
        raise ShapeError(
            "lengths given with a list of sequences; expected None, because each has its own."
        )
    if not x or not all(isinstance(s, np.ndarray) and s.ndim for s in x):
        raise ShapeError("x is a list; expected at least one array (T_i, n_x) in it.")
    first = x[0]
    for i, s in enumerate(x):
        if s.shape[1:] != first.shape[1:] or s.dtype != first.dtype:
            raise ShapeError(
                f"x[{i}] is {s.dtype} {s.shape}; expected {first.dtype} with "
                f"features {first.shape[1:]}, because x[0] is {first.shape}."
            )
    if first.dtype.kind not in "iu":
        float_array("x[0]", first)
    return padded(x)


def padded(sequences: Sequence[np.ndarray], least: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pad sequences with zeros to the length of the longest.

    Parameters
    ----------
    sequences : list of m ndarray, each (T_i, ...), of one dtype
    least : int
        Smallest number of steps of the result.

    Returns
    -------
    x : ndarray, shape (m, T_x, ...)
    lengths : ndarray of int64, shape (m,)
    """
    lengths = np.array([len(s) for s in sequences], np.int64)
    width, first = max(least, lengths.max()), sequences[0]
    x = np.zeros((len(sequences), width, *first.shape[1:]), first.dtype.newbyteorder("="))
    for row, s in zip(x, sequences, strict=True):
        row[: len(s)] = s
    return x, lengths


class Stateless:
    """The stepper of a layer without a state: a function of one step's input of m sequences."""

    state: State = ()

    def __init__(self, step: Callable[[np.ndarray], np.ndarray], m: int):
        self._step, self._m = step, m

    def step(self, xt: np.ndarray) -> np.ndarray:
        """Run one step."""
        if isinstance(xt, np.ndarray) and xt.ndim and len(xt) != self._m:
            raise ShapeError(f"xt has {len(xt)} rows; expected m = {self._m}.")
        return self._step(xt)


def need_array(name: str, x: Any) -> None:
    """Refuse tokens that are no array: a list, a number, None.

    Raises
    ------
    ShapeError
    """
    if not isinstance(x, np.ndarray):
        raise ShapeError(f"{name} is {type(x).__name__}; expected an array of integers.")


def checked_tokens(x: Any, lengths: Any, n_tokens: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Check the tokens of the valid steps; padding may hold anything.

    Parameters
    ----------
    x : ndarray of int, shape (m, T_x)
    lengths : sequence of m int, or None
    n_tokens : int

    Returns
    -------
    x : ndarray of int64, shape (m, T_x)
    lengths : ndarray of int64, shape (m,), or None

    Raises
    ------
    ShapeError
    """
    check = ArrayChecker()
    need_array("x", x)
    check.shape("x", x.shape, "m T_x")
    lengths = check.lengths("lengths", lengths, *x.shape)
    valid = x if lengths is None else x[valid_steps(lengths, *x.shape)]
    check.indices("x", valid, n_tokens, "tokens")
    return np.asarray(x, np.int64), lengths
