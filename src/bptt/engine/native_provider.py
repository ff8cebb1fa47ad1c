"""The native provider: fused C++ kernels, chosen at import by what the CPU has."""

import sys

import numpy as np

from ..equations import CELLS
from ..errors import ConfigError
from . import _native, numpy_provider  # type: ignore[attr-defined]  # absent where no compiler was


def _rows(z):
    """Make features contiguous, as the kernels want them; the other strides are free."""
    if z.shape[-1] > 1 and z.strides[-1] != z.itemsize:
        return np.ascontiguousarray(z)
    return z


def _contiguous(parameters):
    return {
        name: p
        if p.flags.c_contiguous and p.dtype.isnative
        else np.ascontiguousarray(p, p.dtype.newbyteorder("="))
        for name, p in parameters.items()
    }


_NAMES = {name: cell.states + cell.gates for name, cell in CELLS.items()}


class NativeTape:
    """Gates and states of every step in the engine's own memory, read by name.

    Uniform batches give read-only views, ragged ones copies. The tape holds the caller's x and
    parameters, not copies, where their layout allows.
    """

    def __init__(self, tape, cell, outputs):
        self.tape = tape
        self.names = _NAMES[cell]
        self.shape, self.dtype = outputs.shape[:2], outputs.dtype

    def copy(self, name):
        """Return what ``tape[name]`` shows, as an array of the caller's own."""
        return self.tape.unpack(name)

    def __getitem__(self, name):
        """Return a state or a gate of every step: (m, T_x, n_a), 0 on padding."""
        if name not in self.names:
            raise KeyError(f"the tape has {', '.join(self.names)}; not {name!r}")
        return self.tape.view(name) if self.tape.uniform else self.tape.unpack(name)


class NativeStepper:
    """A cell that steps in native code; nothing is allocated there."""

    def __init__(self, cell, parameters, m):
        self._stream = _native.Stream(cell, _contiguous(parameters), m)
        self.step = self._stream.step

    @property
    def state(self):
        """The states, copied: (a,) or (a, c), each (m, n_a)."""
        return self._stream.state

    @state.setter
    def state(self, state):
        self._stream.set_state(*(_rows(s) for s in state))


class NativeProvider:
    """Computes in the extension module."""

    name = "native"

    def __init__(self):
        self._registered = False

    def forward(self, cell, x, state0, parameters, lengths, *, table, reverse, keep_tape):
        """Run a cell over a batch of sequences: see `bptt.engine.forward`."""
        self._register_threads()
        a0, *c0 = state0
        c0 = c0[0] if c0 else None
        try:  # as they are: a short sequence takes less time than a look at all its arrays
            outputs, state, tape = _native.forward(
                cell, x, parameters, lengths, a0, c0, reverse, keep_tape, table
            )
        except ValueError:
            outputs, state, tape = _native.forward(
                cell,
                _rows(x) if table is None else np.ascontiguousarray(x, np.int64),
                _contiguous(parameters),
                lengths,
                _rows(a0),
                None if c0 is None else _rows(c0),
                reverse,
                keep_tape,
                None if table is None else np.ascontiguousarray(table),
            )
        return outputs, state, NativeTape(tape, cell, outputs) if keep_tape else None

    def backward(self, tape, dy, dstate):
        """Backpropagate through time: see `bptt.engine.backward`."""
        try:
            dx, dstate0, gradients, dtable = _native.backward(tape.tape, dy, *dstate)
        except ValueError:
            dstate = (None if ds is None else _rows(ds) for ds in dstate)
            dx, dstate0, gradients, dtable = _native.backward(tape.tape, _rows(dy), *dstate)
        return (dx if dtable is None else dtable), dstate0, gradients

    def stream(self, cell, parameters, m):
        """Prepare to step: see `bptt.engine.stream`."""
        return NativeStepper(cell, parameters, m)

    def dense_forward(self, x, W, b):
        """Apply a dense layer to rows: see `bptt.engine.dense_forward`."""
        return _native.dense_forward(*map(np.ascontiguousarray, (x, W, b)))

    def dense_backward(self, dy, x, W):
        """Undo `dense_forward`."""
        return _native.dense_backward(*map(np.ascontiguousarray, (dy, x, W)))

    def softmax_cross_entropy(self, z, labels):
        """Negative log-probabilities: see `bptt.engine.softmax_cross_entropy`."""
        return _native.softmax_cross_entropy(
            np.ascontiguousarray(z), np.ascontiguousarray(labels, np.int64)
        )

    def squared_norm(self, arrays):
        """Sum all squares: see `bptt.engine.squared_norm`."""
        try:
            return _native.squared_norm(list(arrays))
        except ValueError:  # an array that the kernels cannot read as it is
            return numpy_provider.sum_of_squares(arrays)

    def adam(self, parameters, gradients, first, second, *, decay, **rates):
        """Update the parameters: see `bptt.engine.adam`."""
        arrays = [list(z) for z in (parameters, gradients, first, second)]
        try:
            _native.adam(*arrays, [float(d) for d in decay], **rates)
        except ValueError:  # refused before anything changed: an array with a layout of its own
            numpy_provider.adam(*arrays, decay=decay, **rates)

    def get_num_threads(self):
        """Return how many threads the pool may use."""
        return _native.get_num_threads()

    def set_num_threads(self, n):
        """Set how many threads the pool may use."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ConfigError(f"set_num_threads: n is {n!r}; expected a whole number >= 1.")
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
