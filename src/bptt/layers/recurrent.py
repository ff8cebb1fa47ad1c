"""Recurrent layers on the engine: any cell, one or several layers deep, in one direction or two."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, Unpack

import numpy as np

from ..checks import ArrayChecker, ParameterChecker, is_plain
from ..engine import provider
from ..equations import Cell, cell_of
from ..equations.initializers import Initializer, float_dtype, glorot_uniform, orthogonal
from ..errors import ConfigError, ShapeError, operation
from ..stream import Chain
from .base import (
    Batch,
    Layer,
    Parameters,
    State,
    another_tape,
    as_batch,
    checked_gradient,
    checked_tokens,
    need_one_direction,
    need_parts,
    need_tape,
    whole_number,
)
from .prepared import Prepared

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class _Slot(NamedTuple):
    """One layer in one direction, with its own parameters and states."""

    prefix: str
    layer: int
    n_in: int
    reverse: bool
    check: ParameterChecker
    names: tuple[str, ...]  # of its parameters, prefix included


def _stacked(states):
    """Join the slots' states, each (a,) or (a, c), into arrays with a slot axis in front."""
    if len(states) == 1:
        return tuple([s[np.newaxis] for s in states[0]])
    return tuple([np.array(s) for s in zip(*states, strict=True)])  # a quarter of np.stack's time


class Recurrent(Layer):
    """Recurrent layers of any cell, a built-in one or your own.

    A *slot* is one layer in one direction. Slots are ordered as in PyTorch: layer 0 forward,
    layer 0 reverse, layer 1 forward, ... The arrays of the state have a slot axis in front,
    (n_slots, m, n_a); a tape is a tuple of the slots' tapes: ``tape[0]["c"]`` holds all cell states
    of the first, (m, T_x, n_a). The outputs of the two directions are concatenated, forward first.

    The parameters have the cell's names (``Wf``), with ``reverse.`` in front for the reverse
    direction and ``layer0.``, ``layer1.``, ... in front of that if there are several layers.

    Parameters
    ----------
    cell : str or Cell
        A registered name ("lstm", "gru", "gru_reset_after", "rnn", "rnn_relu") or a record.
    n_x, n_a : int
        Features of the input; hidden units of each layer and direction.
    n_layers : int
        Layers stacked on one another.
    bidirectional : bool
        Run a second set of layers from the end of each sequence to its beginning; the outputs have
        2 n_a features.
    biases : dict of str to float or callable (rng, shape) -> ndarray, optional
        Initial values that replace those of the cell in every slot, such as ``{"bf": 2.0}``.
    input_init, recurrent_init : callable (rng, shape) -> ndarray
        Initial weights that multiply the input and the state.

    Attributes
    ----------
    cell : Cell

    Examples
    --------
    >>> layer = Recurrent("lstm", 16, 32)
    >>> parameters = layer.init(np.random.default_rng(0))
    >>> x = np.ones((4, 10, 16), np.float32)
    >>> y, (a, c), tape = layer.forward(x, parameters, lengths=[10, 3, 0, 7])
    >>> y.shape, a.shape, tape[0]["ft"].shape
    ((4, 10, 32), (1, 4, 32), (4, 10, 32))
    """

    takes_table = True

    @operation
    def __init__(
        self,
        cell: str | Cell,
        n_x: int,
        n_a: int,
        *,
        n_layers: int = 1,
        bidirectional: bool = False,
        biases: Mapping[str, float | Initializer] | None = None,
        input_init: Initializer = glorot_uniform,
        recurrent_init: Initializer = orthogonal,
    ):
        self.cell: Cell = cell_of(cell)
        self.n_x: int = whole_number("n_x", n_x)
        self.n_a: int = whole_number("n_a", n_a)
        self.n_layers: int = whole_number("n_layers", n_layers, 10_000)
        self.bidirectional: bool = bool(bidirectional)
        self.biases = biases
        self.input_init: Initializer = input_init
        self.recurrent_init: Initializer = recurrent_init
        self.n_in: int = self.n_x
        self.n_out: int = self.n_a * (1 + self.bidirectional)
        self.states: tuple[str, ...] = self.cell.states
        self._state_axes = ("n_slots m n_a",) * self.cell.n_states
        self.slots: list[_Slot] = []
        for k in range(self.n_layers):
            below = self.n_x if k == 0 else self.n_out
            for reverse in (False, True)[: 1 + self.bidirectional]:
                prefix = f"layer{k}." * (self.n_layers > 1) + "reverse." * reverse
                check = ParameterChecker(
                    self.cell.parameters, {"n_x": below, "n_a": self.n_a}, prefix
                )
                names = tuple(prefix + name for name in check.shapes)
                self.slots.append(_Slot(prefix, k, below, reverse, check, names))

        self._of = [(self.cell, slot.n_in, self.n_a, slot.reverse) for slot in self.slots]

    @property
    def by_rows(self) -> bool:  # type: ignore[override]
        """Whether the kernels of the native engine compute the cell."""
        return provider().by_rows(self.cell)

    def __repr__(self) -> str:
        return f"Recurrent({self.cell.name!r}, {self.n_x}, {self.n_a}{self._options()})"

    def _options(self):
        extra = f", n_layers={self.n_layers}" * (self.n_layers > 1)
        return extra + ", bidirectional=True" * self.bidirectional

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter, by name."""
        return {
            slot.prefix + name: shape
            for slot in self.slots
            for name, shape in slot.check.shapes.items()
        }

    @operation
    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Draw initial parameters: see `bptt.equations.Cell.init`."""
        parameters = {}
        for slot in self.slots:
            drawn = self.cell.init(
                rng,
                slot.n_in,
                self.n_a,
                dtype=float_dtype(dtype),
                input_init=self.input_init,
                recurrent_init=self.recurrent_init,
                initial=self.biases,
            )
            parameters |= {slot.prefix + name: p for name, p in drawn.items()}
        return parameters

    def weights(self) -> tuple[str, ...]:
        """Return the names of the parameters that weight decay acts on: all but biases."""
        return tuple(slot.prefix + name for slot in self.slots for name in self.cell.weights)

    def state_shapes(self, m: int) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the states of m sequences, each (n_slots, m, n_a)."""
        return ((len(self.slots), m, self.n_a),) * len(self.states)

    def initial_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the initial states that a network may learn, by name."""
        return {f"{name}0": (len(self.slots), 1, self.n_a) for name in self.states}

    @operation
    def forward(
        self,
        x: Batch,
        parameters: Parameters,
        state: State | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
        *,
        keep_tape: bool = True,
        table: np.ndarray | None = None,
    ) -> tuple[np.ndarray, State, Any]:
        """Run a batch of sequences, of equal or different lengths.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x), or list of m ndarray, each (T_i, n_x)
        parameters : dict of str to ndarray
        state : tuple of ndarray, each (n_slots, m, n_a), optional
            The state before the first step of each sequence: (a,) or (a, c). Zeros if None.
        lengths : sequence of m int, optional
            True lengths in 0..T_x, in any order.
        keep_tape : bool
            False for inference: the tape is None.
        table : ndarray, shape (n_tokens, n_x), optional
            If given, x holds token ids, ndarray of int, shape (m, T_x), and the input is table[x];
            the row of each distinct token is multiplied once.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_out)
            Hidden states of the last layer; 0 on padding.
        state : tuple of ndarray, each (n_slots, m, n_a)
            After the last step of each sequence (in the reverse direction, its first).
        tape : tuple of Tape, one for each slot, or None

        Raises
        ------
        ShapeError
        """
        by_slot, dtype = self._own(parameters)
        if table is None:
            y, lengths = self.checked_input(x, lengths, parameters, dtype)
        else:
            if not (is_plain(table, dtype) and table.ndim == 2 and table.shape[1] == self.n_x):
                table = self._features("table", table, "n_tokens n_x", parameters)
            y, lengths = checked_tokens(*as_batch(x, lengths), len(table))
        before: Any = [(None,) * len(self.states)] * len(self.slots)  # zeros
        if state is not None:
            before = list(zip(*self.checked_state(state, len(y), dtype), strict=True))
        run, tapes, finals = provider().forward, [], []
        for k in range(self.n_layers):
            outputs = []
            for i, slot in enumerate(self.slots):
                if slot.layer != k:
                    continue
                out, final, tape = run(
                    self.cell,
                    y,
                    before[i],
                    by_slot[i],
                    lengths,
                    table=table if k == 0 else None,
                    reverse=slot.reverse,
                    keep_tape=keep_tape,
                )
                outputs.append(out)
                finals.append(final)
                tapes.append(tape)
            y = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=2)
        return y, _stacked(finals), tuple(tapes) if keep_tape else None

    @operation
    def backward(
        self,
        tape: Any,
        dy: np.ndarray,
        dstate: State | None = None,
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Backpropagate through `forward`.

        Parameters
        ----------
        tape : tuple of Tape
        dy : ndarray, shape (m, T_x, n_out)
            Gradient of the outputs; ignored on padding.
        dstate : tuple of ndarray, each (n_slots, m, n_a), optional
            Gradients of the final state.
        need_dx : bool
            False if the gradient of x is not wanted: it is not computed, and dx is None.
        parts : sequence of int, optional
            As for `Network.backward`; of native cells.

        Returns
        -------
        dx : ndarray, shape (m, T_x, n_x), or None
            Exactly 0 on padding. With a table always its gradient, (n_tokens, n_x), or that of each
            part.
        dstate0 : tuple of ndarray, each (n_slots, m, n_a)
        gradients : dict of str to ndarray
            By the names of the parameters; empty where `parts` is.

        Raises
        ------
        ShapeError, ConfigError
        """
        self._need_tape(tape)
        m, T_x = tape[0].shape
        need_parts(self, parts, m)
        d: Any = checked_gradient(dy, (m, T_x, self.n_out), tape[0].dtype)
        dstate = self.checked_dstate(dstate, m, d.dtype)
        run, by_slot, dstates = provider().backward, [], []
        for k in reversed(range(self.n_layers)):
            dx = []
            for i, slot in reversed(list(enumerate(self.slots))):
                if slot.layer != k:
                    continue
                own = d[:, :, self.n_a :] if slot.reverse else d[:, :, : self.n_a]
                own_dstate = tuple([s[i] for s in dstate])
                below = need_dx or k > 0
                dx_slot, ds0, g = run(tape[i], own, own_dstate, need_dx=below, parts=parts)
                dx.append(dx_slot)
                dstates.append(ds0)
                by_slot.append(g)
            d = None if dx[0] is None else sum(dx[1:], start=dx[0])  # both read the same input
        if len(by_slot) == 1 and not self.slots[0].prefix:
            return d, _stacked(dstates), by_slot[0]
        gradients = {}
        for slot, own in zip(self.slots, by_slot[::-1], strict=True):
            names = zip(slot.names, slot.check.shapes, strict=True)
            gradients |= {name: own[key] for name, key in names if key in own}
        return d, _stacked(dstates[::-1]), gradients

    def _need_tape(self, tape):
        """Refuse a tape of another layer: of another cell, other sizes or number of slots."""
        need_tape(tape)
        try:
            own = [kept.of for kept in tape] == self._of
        except (AttributeError, LookupError, TypeError):  # no tape at all
            own = False
        if not own:
            raise another_tape()

    def find_fault(self, tape: Any, name: str) -> str | None:
        """Describe the first gate or state on a tape that is not finite: "ft of lstm0 at step 3".

        First in the order of the computation: slot by slot, step by step, gates before states.
        """
        for slot, kept in zip(self.slots, tape, strict=True):
            faults, names = [], (*self.cell.gates, *self.states)
            for k, gate in enumerate(names):
                steps = np.nonzero(~np.isfinite(kept[gate]).all(axis=(0, 2)))[0]
                if len(steps):
                    step = steps[-1] if slot.reverse else steps[0]
                    faults.append((-step if slot.reverse else step, k, step))
            if faults:
                _, k, step = min(faults)
                return f"{names[k]} of {f'{name}.{slot.prefix}'.rstrip('.')} at step {step}"
        return None

    @operation
    def step(
        self, xt: np.ndarray, parameters: Parameters, state: State | None
    ) -> tuple[np.ndarray, State]:
        """Run one time step of every layer, without a tape.

        Parameters
        ----------
        xt : ndarray, shape (m, n_x)
        parameters : dict of str to ndarray
        state : tuple of ndarray, each (n_slots, m, n_a), or None

        Returns
        -------
        yt : ndarray, shape (m, n_a)
        state : tuple of ndarray, each (n_slots, m, n_a)

        Raises
        ------
        ConfigError
            The layer is bidirectional.
        ShapeError
        """
        need_one_direction(self.bidirectional)
        by_slot, dtype = self._own(parameters)
        if not (is_plain(xt, dtype) and xt.ndim == 2 and xt.shape[1] == self.n_x):
            xt = self._features("xt", xt, "m n_x", parameters)
        state = self.checked_state(state, len(xt), dtype)
        after = []
        for i, own in enumerate(by_slot):
            before = tuple([s[i] for s in state])
            _, final, _ = provider().forward(
                self.cell, xt[:, np.newaxis], before, own, keep_tape=False
            )
            after.append(final)
            xt = final[0]
        return xt, _stacked(after)

    @operation
    def prepare(self, parameters: Parameters) -> Prepared:
        """Copy the weights, in the order in which the engine reads them, for repeated inference.

        `forward` copies them in every call.

        Raises
        ------
        ShapeError

        Examples
        --------
        >>> layer = Recurrent("gru", 3, 5)
        >>> parameters = layer.init(np.random.default_rng(0))
        >>> prepared = layer.prepare(parameters)  # later changes of parameters do not reach it
        >>> y, (a,) = prepared.forward(np.ones((2, 7, 3), np.float32))
        >>> y.shape, a.shape
        ((2, 7, 5), (1, 2, 5))
        """
        return Prepared(self, parameters, *self._own(parameters))

    def stepper(self, parameters: Parameters, m: int) -> Chain:
        """Check the parameters and prepare to step through m sequences.

        Raises
        ------
        ConfigError
            The layer is bidirectional.
        ShapeError
        """
        need_one_direction(self.bidirectional)
        steppers = [provider().stream(self.cell, own, m) for own in self._own(parameters)[0]]
        return Chain(steppers, _stacked, lambda state: zip(*state, strict=True))

    def _own(self, parameters):
        """Check the parameters; return each slot's, by the cell's names, and their dtype."""
        own, dtype = self.slots[0].check(parameters)
        by_slot = [own]
        for slot in self.slots[1:]:
            own, other = slot.check(parameters)
            if other != dtype:
                name = slot.prefix + next(iter(own))
                first = self.slots[0].prefix + next(iter(own))
                raise ShapeError(
                    f"{name} is {other}; expected {dtype}, because {first} is {dtype}."
                )
            by_slot.append(own)
        return by_slot, dtype

    def checked_input(
        self, x: Any, lengths: Any, parameters: Parameters, dtype: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Check the input of `forward` against checked parameters; return an array and its lengths.

        Raises
        ------
        ShapeError
        """
        y, lengths = as_batch(x, lengths)
        if not (is_plain(y, dtype) and y.ndim == 3 and y.shape[2] == self.n_x):
            y = self._features("x", y, "m T_x n_x", parameters)
        if lengths is not None:
            lengths = ArrayChecker().lengths("lengths", lengths, *y.shape[:2])
        return y, lengths

    def _features(self, name, x, axes, parameters):
        """Check an input of n_x features against the parameters."""
        return self.slots[0].check.arrays(parameters).array(name, x, axes)


class _Options(TypedDict, total=False):
    """Keyword arguments of every recurrent layer: see `Recurrent`."""

    n_layers: int
    bidirectional: bool
    biases: Mapping[str, float | Initializer] | None
    input_init: Initializer
    recurrent_init: Initializer


class _Variants(Recurrent):
    """A recurrent layer of one family of cells; the first of its variants is the default."""

    variants: tuple[str, ...]

    @operation
    def __init__(self, n_x: int, n_a: int, cell: str, options: _Options):
        if not isinstance(cell, str) or cell not in self.variants:
            choices = " or ".join(map(repr, self.variants))
            raise ConfigError(f"cell is {cell!r}; expected {choices}.")
        super().__init__(cell, n_x, n_a, **options)

    def __repr__(self) -> str:
        cell = self.cell.name
        extra = f", cell={cell!r}" * (cell != self.variants[0])
        return f"{type(self).__name__}({self.n_x}, {self.n_a}{extra}{self._options()})"


class RNN(_Variants):
    """Plain recurrent layer: a_next = g(Wax xt + Waa a_prev + ba) (see `bptt.equations.rnn`).

    Parameters
    ----------
    n_x, n_a : int
        Features of the input; hidden units of each layer and direction.
    cell : {"rnn", "rnn_relu"}
        The activation g: tanh or relu.
    **options
        `n_layers`, `bidirectional`, `biases`, `input_init`, `recurrent_init`: see `Recurrent`.
    """

    variants: tuple[str, ...] = ("rnn", "rnn_relu")

    def __init__(
        self,
        n_x: int,
        n_a: int,
        *,
        cell: Literal["rnn", "rnn_relu"] = "rnn",
        **options: Unpack[_Options],
    ):
        super().__init__(n_x, n_a, cell, options)


class LSTM(_Variants):
    """Long short-term memory layer (see `bptt.equations.lstm`).

    Parameters
    ----------
    n_x, n_a : int
        Features of the input; hidden units of each layer and direction.
    cell : {"lstm"}
    **options
        `n_layers`, `bidirectional`, `biases`, `input_init`, `recurrent_init`: see `Recurrent`. The
        biases of the forget gate start at 1; ``biases={"bf": ...}`` changes that.

    Examples
    --------
    >>> lstm = LSTM(16, 32)
    >>> parameters = lstm.init(np.random.default_rng(0))
    >>> y, (a, c), tape = lstm.forward(np.ones((4, 10, 16), np.float32), parameters)
    >>> y.shape, c.shape
    ((4, 10, 32), (1, 4, 32))
    """

    variants: tuple[str, ...] = ("lstm",)

    def __init__(
        self, n_x: int, n_a: int, *, cell: Literal["lstm"] = "lstm", **options: Unpack[_Options]
    ):
        super().__init__(n_x, n_a, cell, options)


class GRU(_Variants):
    """Gated recurrent unit layer (see `bptt.equations.gru`).

    Parameters
    ----------
    n_x, n_a : int
        Features of the input; hidden units of each layer and direction.
    cell : {"gru", "gru_reset_after"}
        Where the reset gate acts: before the product with Wc (Cho et al. 2014) or after it
        (PyTorch, cuDNN; has the additional parameter bca).
    **options
        `n_layers`, `bidirectional`, `biases`, `input_init`, `recurrent_init`: see `Recurrent`.
    """

    variants: tuple[str, ...] = ("gru", "gru_reset_after")

    def __init__(
        self,
        n_x: int,
        n_a: int,
        *,
        cell: Literal["gru", "gru_reset_after"] = "gru",
        **options: Unpack[_Options],
    ):
        super().__init__(n_x, n_a, cell, options)


def recurrent_layer(cell: str | Cell, n_x: int, n_a: int, **options: Unpack[_Options]) -> Recurrent:
    """Return an `RNN`, `LSTM` or `GRU` for a cell of theirs, a `Recurrent` for any other."""
    record = cell_of(cell)
    kinds: list[Any] = [kind for kind in (RNN, LSTM, GRU) if record.name in kind.variants]
    if kinds:
        return kinds[0](n_x, n_a, cell=record.name, **options)
    return Recurrent(record, n_x, n_a, **options)
