"""What every provider of the engine offers: `Provider`, and the `Tape` and `Stepper` it returns.

* Arrays are batch first: x (m, T_x, n_x), states (m, n_a), with any strides.
* A ragged batch follows one rule: outputs on padding are 0, the final state of a sequence is the
  one after its own last step, gradients on padding are 0, and what padding holds is never read.
* dtype in = dtype out, float32 or float64. The engine trusts its inputs: the caller checks them.
* Inputs are never changed, nor is a tape by `Provider.backward`.

The native provider promises besides that results are bit-identical for any number of threads; that
the results of a sequence, and of a row of a dense layer, do not depend on the rest of the batch
(`Provider.by_rows`) or on padding; and that a stream is bit-identical to the whole sequence.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ..equations.cell import Cell
from ..equations.updates import AdamStep
from ..errors import EngineError

State = tuple[np.ndarray, ...]


def changed(name: str) -> EngineError:
    """Return the error of a backward pass whose array was changed after the forward pass."""
    return EngineError(
        f"{name} was changed after forward; expected the same values in backward, because the tape "
        f"refers to the array: run backward before the update, or give forward a copy."
    )


class Tape(Protocol):
    """What a forward pass keeps: every state and every gate of every step, by name.

    ``tape["c"]`` is (m, T_x, n_a), in the order of the steps in either direction, 0 on padding.
    """

    of: tuple[Cell, int, int, bool]  # cell, n_x, n_a, reverse
    shape: tuple[int, int]  # (m, T_x)
    dtype: np.dtype

    @property
    def names(self) -> tuple[str, ...]:
        """States, then gates: "a", "c", "ft", "it", "cct", "ot"."""
        ...

    def __getitem__(self, name: str) -> np.ndarray: ...

    def copy(self, name: str) -> np.ndarray:
        """Return a copy of ``tape[name]`` that the caller may change."""
        ...


class Stepper(Protocol):
    """A cell that processes m sequences one step at a time, with its own parameters and state."""

    @property
    def step(self) -> Callable[[np.ndarray], np.ndarray]:
        """Run one step: (m, n_x) -> the next hidden state (m, n_a)."""
        ...

    @property
    def state(self) -> State:
        """The states before the next step, copied. May be set."""
        ...

    @state.setter
    def state(self, state: State) -> None: ...


class Direction(NamedTuple):
    """One direction of a layer: its cell, parameters, and whether it runs backwards in time."""

    cell: Cell
    parameters: dict[str, np.ndarray]
    reverse: bool


class Prepared(Protocol):
    """A layer for repeated inference: see `Provider.prepare`."""

    def __call__(
        self, x: np.ndarray, states: State, lengths: np.ndarray | None = None,
        out: tuple[np.ndarray, ...] | None = None,
    ) -> tuple[np.ndarray, State]:  # fmt: skip
        """Run a batch of sequences.

        Parameters
        ----------
        x, lengths
            As in `Provider.forward`.
        states : tuple of ndarray, each (n_directions, m, n_a)
        out : tuple of ndarray, optional
            C-contiguous arrays into which y and the final states are written.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_directions * n_a)
            One direction after the other.
        states : tuple of ndarray, each (n_directions, m, n_a)
        """
        ...


class Provider(Protocol):
    """An implementation of the engine: native kernels, or the equations in NumPy."""

    name: str

    def forward(
        self,
        cell: Cell,
        x: np.ndarray,
        state0: tuple[np.ndarray | None, ...],
        parameters: dict[str, np.ndarray],
        lengths: np.ndarray | None = None,
        *,
        table: np.ndarray | None = None,
        reverse: bool = False,
        keep_tape: bool = True,
    ) -> tuple[np.ndarray, State, Tape | None]:
        """Run a cell over a batch of sequences.

        Parameters
        ----------
        cell : Cell
        x : ndarray, shape (m, T_x, n_x); with a table, ndarray of int64, shape (m, T_x)
        state0 : tuple of (ndarray or None), each (m, n_a)
            The states before the first step, in the order of ``cell.states``; None is zero.
        parameters : dict of str to ndarray
        lengths : ndarray of int64, shape (m,), optional
            Steps of each sequence, in 0..T_x; T_x where None.
        table : ndarray, shape (n_tokens, n_x), optional
            Vectors of tokens: x holds token ids and the input is ``table[x]``.
        reverse : bool
            Run each sequence from its own last step to its first.
        keep_tape : bool
            False for inference: nothing is kept and the tape is None.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_a)
            The first state after every step.
        state : tuple of ndarray, each (m, n_a)
        tape : Tape or None
        """
        ...

    def backward(
        self,
        tape: Tape,
        dy: np.ndarray,
        dstate: tuple[np.ndarray | None, ...],
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Backpropagate through time.

        Parameters
        ----------
        tape : Tape
        dy : ndarray, shape (m, T_x, n_a)
        dstate : tuple of (ndarray or None), each (m, n_a)
            Gradients with respect to the final state; None is zero.
        need_dx : bool
            False where nobody uses the gradient of x: it is not computed, and None.
        parts : sequence of int, optional
            Numbers of rows of consecutive parts of the batch, where `by_rows(cell)`: the gradients
            of parameters and table are summed over each part, and have an axis in front, one entry
            for each. (): they are not computed.

        Raises
        ------
        EngineError
            x, the table or a parameter was changed in place after the forward pass. A few values
            of each are compared: updates and refilled buffers are found, the change of a few
            single values of a large array may not be.

        Returns
        -------
        dx : ndarray, shape (m, T_x, n_x), or None
            Where the input came from a table: the gradient of the table, (n_tokens, n_x), whatever
            `need_dx` is, because the table is a parameter.
        dstate0 : tuple of ndarray, each (m, n_a)
        gradients : dict of str to ndarray
            Keyed like the parameters.
        """
        ...

    def prepare(self, directions: Sequence[Direction], table: np.ndarray | None = None) -> Prepared:
        """Prepare repeated inference with the same parameters.

        The parameters are copied: later changes do not reach the function. Threads may call it at
        the same time.

        Parameters
        ----------
        directions : sequence of Direction
            They read the same x and are alike in n_x, n_a and states.
        table : ndarray, shape (n_tokens, n_x), optional
            If given, x holds token ids. All rows are multiplied at once, and the products kept.

        Returns
        -------
        Prepared
        """
        ...

    def stream(self, cell: Cell, parameters: dict[str, np.ndarray], m: int) -> Stepper:
        """Prepare to process m sequences step by step, from a state of zeros.

        The parameters are copied: later changes do not reach the stream.
        """
        ...

    def dense_forward(self, x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Compute ``x @ W.T + b``: x (rows, n_in), W (n_out, n_in), b (n_out, 1)."""
        ...

    def dense_backward(
        self,
        dy: np.ndarray,
        x: np.ndarray,
        W: np.ndarray,
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Return the gradients of x (None without `need_dx`), W and b of `dense_forward`.

        `parts`: as of `backward`.
        """
        ...

    def by_rows(self, cell: Cell | None = None) -> bool:
        """Return whether a row's results are bit-identical whatever the other rows of the batch.

        Of a cell: its outputs, states, dx and dstate0, and the weight gradients of a part. None:
        of a dense layer.
        """
        ...

    def softmax_cross_entropy(
        self, logits: np.ndarray, ids: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the negative log-probability of one class in each row, and its gradient.

        Parameters
        ----------
        logits : ndarray, shape (rows, n)
        ids : ndarray of int, shape (rows,)
            Class indices in 0..n-1.

        Returns
        -------
        nats : ndarray of float64, shape (rows,)
        dlogits : ndarray, shape (rows, n)
            softmax(logits) - onehot(ids).
        """
        ...

    def add_steps(self, x: np.ndarray, lengths: np.ndarray | None, total: np.ndarray) -> np.ndarray:
        """Add the steps of each sequence in float64: `bptt.equations.pooling.add_steps`.

        The providers are bit-identical, but for subnormal numbers.
        """
        ...

    def max_steps(
        self, x: np.ndarray, lengths: np.ndarray | None, top: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return maxima over the steps, and where: `bptt.equations.pooling.max_steps`."""
        ...

    def fingerprints(self, arrays: list[np.ndarray]) -> list[int]:
        """Mix the bits of up to 512 values of each array: other numbers if an array was changed."""
        ...

    def squared_norm(self, arrays: Sequence[np.ndarray]) -> float:
        """Sum the squares of all entries of all arrays, in float64."""
        ...

    def adam(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray],
        m: Sequence[np.ndarray],
        v: Sequence[np.ndarray],
        step: AdamStep,
    ) -> None:
        """Take one step of Adam on all arrays, in place: `bptt.equations.updates.adam`.

        The arrays of one position are alike in shape and dtype; all but the gradients are changed.
        The providers are bit-identical, but for subnormal numbers: the native one makes them 0.
        """
        ...

    def get_num_threads(self) -> int:
        """Return how many threads the engine may use."""
        ...

    def set_num_threads(self, n: int) -> None:
        """Let the engine use up to n threads: see `bptt.set_num_threads`."""
        ...

    def describe(self) -> dict[str, str]:
        """Return rows for `bptt.show_config`."""
        ...
