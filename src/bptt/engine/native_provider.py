"""The native provider: fused C++ kernels, chosen at import by what the CPU has."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks import is_whole
from ..equations import CELLS, Cell
from ..equations.nonlinearities import read_name
from ..equations.updates import AdamStep
from ..equations.variants import parts_of
from ..errors import ConfigError, EngineError
from . import _native
from .contract import Direction, Prepared, State, Stepper, Tape, changed
from .numpy_provider import NumpyProvider
from .threads import MOST, default_threads


def _rows(z: Any) -> Any:
    """Make features contiguous, as the kernels need them; the other strides are free."""
    if z is None:  # a state of zeros
        return None
    if z.dtype.isnative and (z.shape[-1] <= 1 or z.strides[-1] == z.itemsize):
        return z
    return np.ascontiguousarray(z, z.dtype.newbyteorder("="))


def _contiguous(z):
    if z.flags.c_contiguous and z.dtype.isnative:
        return z
    return np.ascontiguousarray(z, z.dtype.newbyteorder("="))


class NativeCell(NamedTuple):
    """The native row of a cell and, of a variant, the activations: names and numbers."""

    name: str
    activations: tuple[tuple[str, tuple[float, ...]], ...] | None = None


def _variant(cell: Cell) -> NativeCell | None:
    """Return the native row of a cell with other activations or peepholes; None without one."""
    parts = parts_of(cell)
    if parts is None or parts[2] is not None:
        return None
    name, activations = f"{parts[0]}_variant", tuple(map(read_name, parts[1]))
    native = _native.activations()
    if name not in _native.cells() or not all(kind in native for kind, _ in activations):
        return None
    return NativeCell(name, activations)


class NativeTape:
    """Gates and states of every step in the engine's own memory, read by name.

    Uniform batches give read-only views, ragged ones copies. The tape holds the caller's x and
    parameters, not copies, where their layout allows.
    """

    def __init__(self, tape: Any, cell: Cell, y: np.ndarray, n_x: int, reverse: bool):
        self.tape = tape
        self.of: tuple[Cell, int, int, bool] = (cell, n_x, y.shape[2], reverse)
        self.shape: tuple[int, int] = y.shape[:2]
        self.dtype: np.dtype = y.dtype

    @property
    def names(self) -> tuple[str, ...]:
        """States, then gates."""
        return self.of[0].states + self.of[0].gates

    def copy(self, name: str) -> np.ndarray:
        """Return a copy of ``tape[name]`` that the caller may change."""
        return self.tape.unpack(name)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a state or a gate of every step: (m, T_x, n_a), 0 on padding."""
        if name not in self.names:
            raise KeyError(f"the tape has {', '.join(self.names)}; not {name!r}")
        return self.tape.view(name) if self.tape.uniform else self.tape.unpack(name)


class NativeStepper:
    """A cell that steps in native code; nothing is allocated there."""

    def __init__(self, cell: NativeCell, parameters: dict[str, np.ndarray], m: int):
        parameters = {key: _contiguous(p) for key, p in parameters.items()}
        self._stream = _native.Stream(cell.name, parameters, m, cell.activations)
        self.step: Callable[[np.ndarray], np.ndarray] = self._stream.step

    @property
    def state(self) -> State:
        """The states before the next step, copied. May be set."""
        return self._stream.state

    @state.setter
    def state(self, state: State) -> None:
        self._stream.set_state(tuple(map(_rows, state)))


class NativeProvider:
    """Computes in the extension module: see `bptt.engine.contract.Provider`.

    A cell that the module does not have is served by its own equations, whatever the others are.
    """

    name = "native"

    def __init__(self):
        try:
            _native.isa()  # BPTT_ISA or BPTT_CACHE may be wrong
        except ValueError as error:
            raise EngineError(str(error)) from None
        _native.set_num_threads(default_threads())
        self._registered = False
        self._native: dict[Cell, NativeCell | None] = {
            CELLS[name]: NativeCell(name) for name in _native.cells() if name in CELLS
        }  # other cells are added at their first use; None: by the equations
        self._equations = NumpyProvider()

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
        """Run a cell over a batch of sequences."""
        self._register_threads()
        native = self._of(cell)
        if native is None:
            return self._equations.forward(
                cell,
                x,
                state0,
                parameters,
                lengths,
                table=table,
                reverse=reverse,
                keep_tape=keep_tape,
            )
        if table is not None:
            x = np.asarray(x, np.int64)
        name, activations = native
        try:  # unchecked: for a short sequence, checking all arrays takes longer than the call
            y, state, tape = _native.forward(
                name, x, parameters, lengths, state0, reverse, keep_tape, table, activations
            )
        except _native.LayoutError:
            y, state, tape = _native.forward(
                name,
                _rows(x),
                {key: _contiguous(p) for key, p in parameters.items()},
                lengths,
                tuple(map(_rows, state0)),
                reverse,
                keep_tape,
                None if table is None else _contiguous(table),
                activations,
            )
        if not keep_tape:
            return y, state, None
        n_x = (x if table is None else table).shape[-1]
        return y, state, NativeTape(tape, cell, y, n_x, reverse)

    def backward(
        self,
        tape: Tape,
        dy: np.ndarray,
        dstate: tuple[np.ndarray | None, ...],
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Backpropagate through time, where the tape came from."""
        if not isinstance(tape, NativeTape):
            return self._equations.backward(tape, dy, dstate, need_dx=need_dx, parts=parts)
        try:
            return _native.backward(tape.tape, dy, dstate, need_dx, parts)
        except _native.LayoutError:
            return _native.backward(tape.tape, _rows(dy), tuple(map(_rows, dstate)), need_dx, parts)
        except _native.ChangedError as error:
            raise changed(str(error)) from None

    def prepare(self, directions: Sequence[Direction], table: np.ndarray | None = None) -> Prepared:
        """Prepare repeated inference with the same parameters."""
        rows = []
        for cell, parameters, reverse in directions:
            native = self._of(cell)
            if native is None:
                return self._equations.prepare(directions, table)
            own = {key: _contiguous(p) for key, p in parameters.items()}
            rows.append((native.name, own, native.activations, reverse))
        forward = _native.Layer(rows, None if table is None else _contiguous(table)).forward

        def run(
            x: np.ndarray, states: State, lengths: np.ndarray | None = None,
            out: tuple[np.ndarray, ...] | None = None,
        ) -> tuple[np.ndarray, State]:  # fmt: skip
            try:
                return forward(x, states, lengths, out)
            except _native.LayoutError:
                return forward(_rows(x), tuple(map(_rows, states)), lengths, out)

        return run

    def stream(self, cell: Cell, parameters: dict[str, np.ndarray], m: int) -> Stepper:
        """Prepare to process m sequences step by step."""
        native = self._of(cell)
        if native is None:
            return self._equations.stream(cell, parameters, m)
        return NativeStepper(native, parameters, m)

    def dense_forward(self, x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Compute ``x @ W.T + b``."""
        try:
            return _native.dense_forward(x, W, b)
        except _native.LayoutError:
            return _native.dense_forward(*map(_contiguous, (x, W, b)))

    def dense_backward(
        self,
        dy: np.ndarray,
        x: np.ndarray,
        W: np.ndarray,
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Return the gradients of x, W and b of `dense_forward`."""
        try:
            return _native.dense_backward(dy, x, W, need_dx, parts)
        except _native.LayoutError:
            dy, x, W = map(_contiguous, (dy, x, W))
            return _native.dense_backward(dy, x, W, need_dx, parts)

    def by_rows(self, cell: Cell | None = None) -> bool:
        """Return whether the kernels compute a cell, or the dense layer."""
        return cell is None or self._of(cell) is not None

    def softmax_cross_entropy(
        self, logits: np.ndarray, ids: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the negative log-probability of one class in each row, and its gradient."""
        return _native.softmax_cross_entropy(
            _contiguous(logits), np.ascontiguousarray(ids, np.int64)
        )

    def add_steps(self, x: np.ndarray, lengths: np.ndarray | None, total: np.ndarray) -> np.ndarray:
        """Add the steps of each sequence to `total` in float64."""
        return _native.add_steps(_rows(x), lengths, _contiguous(total))

    def max_steps(
        self, x: np.ndarray, lengths: np.ndarray | None, top: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the maxima of `top` and the steps, and where they are."""
        return _native.max_steps(_rows(x), lengths, _contiguous(top))

    def fingerprints(self, arrays: list[np.ndarray]) -> list[int]:
        """Mix the bits of a few values of each array."""
        try:
            return _native.fingerprints(arrays)
        except _native.LayoutError:
            return self._equations.fingerprints(arrays)

    def squared_norm(self, arrays: Sequence[np.ndarray]) -> float:
        """Sum all squares in float64."""
        try:
            return _native.squared_norm(list(arrays))
        except _native.LayoutError:
            return self._equations.squared_norm(arrays)

    def adam(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray],
        m: Sequence[np.ndarray],
        v: Sequence[np.ndarray],
        step: AdamStep,
    ) -> None:
        """Take one step of Adam on all arrays, in place."""
        try:
            _native.adam(list(parameters), list(gradients), list(m), list(v), *step)
        except _native.LayoutError:  # raised before anything was changed
            self._equations.adam(parameters, gradients, m, v, step)

    def get_num_threads(self) -> int:
        """Return how many threads the pool may use."""
        return _native.get_num_threads()

    def set_num_threads(self, n: int) -> None:
        """Set how many threads the pool may use."""
        if not is_whole(n) or not 1 <= n <= MOST:
            raise ConfigError(f"n is {n!r}; expected a whole number in 1..{MOST}.")
        _native.set_num_threads(int(n))

    def describe(self) -> dict[str, str]:
        """Return rows for `bptt.show_config`."""
        l1, l2 = (size // 1024 for size in _native.cache_sizes())
        return {
            "engine": "native",
            "isa": f"{_native.isa()} (of {', '.join(_native.available_isas())})",
            "caches": f"{l1} KiB L1, {l2} KiB L2 of a core",
            "threads": str(_native.get_num_threads()),
        }

    def _of(self, cell: Cell) -> NativeCell | None:
        """Return the native row of a cell; None without one."""
        try:
            return self._native[cell]
        except KeyError:
            self._native[cell] = _variant(cell)
            return self._native[cell]

    def _register_threads(self):
        """Let threadpoolctl limit the pool's threads too, once it is imported."""
        threadpoolctl = sys.modules.get("threadpoolctl")
        if self._registered or threadpoolctl is None:
            return
        self._registered = True

        class Controller(threadpoolctl.LibController):
            user_api = "bptt"
            internal_api = "bptt"
            filename_prefixes = ("_native",)
            check_symbols = ("PyInit__native",)

            def get_num_threads(self) -> int:
                return _native.get_num_threads()

            def set_num_threads(self, num_threads):
                _native.set_num_threads(max(1, min(num_threads, MOST)))

            def get_version(self):
                return None

        threadpoolctl.register(Controller)
