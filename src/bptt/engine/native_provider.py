"""The native provider: fused C++ kernels, chosen at import by what the CPU has."""

import sys

import numpy as np

from ..equations import CELLS
from ..errors import ConfigError
from . import _native
from .numpy_provider import NumpyProvider


def _rows(z):
    """Make features contiguous, as the kernels need them; the other strides are free."""
    if z.dtype.isnative and (z.shape[-1] <= 1 or z.strides[-1] == z.itemsize):
        return z
    return np.ascontiguousarray(z, z.dtype.newbyteorder("="))


def _contiguous(z):
    if z.flags.c_contiguous and z.dtype.isnative:
        return z
    return np.ascontiguousarray(z, z.dtype.newbyteorder("="))


class NativeTape:
    """Gates and states of every step in the engine's own memory, read by name.

    Uniform batches give read-only views, ragged ones copies. The tape holds the caller's x and
    parameters, not copies, where their layout allows.
    """

    def __init__(self, tape, cell, y):
        self.tape, self.names = tape, cell.states + cell.gates
        self.shape, self.dtype = y.shape[:2], y.dtype

    def copy(self, name):
        """Return a copy of ``tape[name]`` that the caller may change."""
        return self.tape.unpack(name)

    def __getitem__(self, name):
        """Return a state or a gate of every step: (m, T_x, n_a), 0 on padding."""
        if name not in self.names:
            raise KeyError(f"the tape has {', '.join(self.names)}; not {name!r}")
        return self.tape.view(name) if self.tape.uniform else self.tape.unpack(name)


class NativeStepper:
    """A cell that steps in native code; nothing is allocated there."""

    def __init__(self, name, parameters, m):
        parameters = {key: _contiguous(p) for key, p in parameters.items()}
        self._stream = _native.Stream(name, parameters, m)
        self.step = self._stream.step

    @property
    def state(self):
        """The states before the next step, copied. May be set."""
        return self._stream.state

    @state.setter
    def state(self, state):
        self._stream.set_state(tuple(map(_rows, state)))


class NativeProvider:
    """Computes in the extension module: see `bptt.engine.contract.Provider`.

    A cell that the module does not have is served by its own equations, whatever the others are.
    """

    name = "native"

    def __init__(self):
        self._registered = False
        self._native = {CELLS[name]: name for name in _native.cells() if name in CELLS}
        self._equations = NumpyProvider()

    def forward(
        self,
        cell,
        x,
        state0,
        parameters,
        lengths=None,
        *,
        table=None,
        reverse=False,
        keep_tape=True,
    ):
        """Run a cell over a batch of sequences."""
        self._register_threads()
        name = self._native.get(cell)
        if name is None:
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
        try:  # as they are: a short sequence takes less time than a look at all its arrays
            y, state, tape = _native.forward(
                name, x, parameters, lengths, state0, reverse, keep_tape, table
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
            )
        return y, state, NativeTape(tape, cell, y) if keep_tape else None

    def backward(self, tape, dy, dstate, *, need_dx=True):
        """Backpropagate through time, where the tape came from."""
        if not isinstance(tape, NativeTape):
            return self._equations.backward(tape, dy, dstate, need_dx=need_dx)
        try:
            return _native.backward(tape.tape, dy, dstate, need_dx)
        except _native.LayoutError:
            dstate = tuple(None if ds is None else _rows(ds) for ds in dstate)
            return _native.backward(tape.tape, _rows(dy), dstate, need_dx)

    def stream(self, cell, parameters, m):
        """Prepare to process m sequences step by step."""
        name = self._native.get(cell)
        if name is None:
            return self._equations.stream(cell, parameters, m)
        return NativeStepper(name, parameters, m)

    def dense_forward(self, x, W, b):
        """Compute ``x @ W.T + b``."""
        return _native.dense_forward(*map(_contiguous, (x, W, b)))

    def dense_backward(self, dy, x, W, *, need_dx=True):
        """Return the gradients of x, W and b of `dense_forward`."""
        return _native.dense_backward(*map(_contiguous, (dy, x, W)), need_dx)

    def softmax_cross_entropy(self, logits, ids):
        """Compute the negative log-probability of one class in each row, and its gradient."""
        return _native.softmax_cross_entropy(
            _contiguous(logits), np.ascontiguousarray(ids, np.int64)
        )

    def squared_norm(self, arrays):
        """Sum all squares in float64."""
        try:
            return _native.squared_norm(list(arrays))
        except _native.LayoutError:
            return self._equations.squared_norm(arrays)

    def adam(self, parameters, gradients, m, v, step):
        """Take one step of Adam on all arrays, in place."""
        try:
            _native.adam(list(parameters), list(gradients), list(m), list(v), *step)
        except _native.LayoutError:  # raised before anything was changed
            self._equations.adam(parameters, gradients, m, v, step)

    def get_num_threads(self):
        """Return how many threads the pool may use."""
        return _native.get_num_threads()

    def set_num_threads(self, n):
        """Set how many threads the pool may use."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ConfigError(f"n is {n!r}; expected a whole number >= 1.")
        _native.set_num_threads(int(n))

    def describe(self):
        """Return rows for `bptt.show_config`."""
        return {
            "engine": "native",
            "isa": f"{_native.isa()} (of {', '.join(_native.available_isas())})",
            "threads": str(_native.get_num_threads()),
        }

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

            def get_num_threads(self):
                return _native.get_num_threads()

            def set_num_threads(self, num_threads):
                _native.set_num_threads(num_threads)

            def get_version(self):
                return None

        threadpoolctl.register(Controller)
