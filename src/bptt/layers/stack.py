"""A stack of recurrent layers on the engine: several deep, in one direction or two."""

from itertools import repeat
from operator import attrgetter, is_, itemgetter
from typing import NamedTuple

import numpy as np

from ..checks import Door, is_plain, parameters_of
from ..engine import provider
from ..equations import cell_of
from ..errors import ConfigError, ShapeError
from ..stream import Chain
from .base import Layer, as_batch, check_tokens, need_tape, whole_number

_shape, _dtype = attrgetter("shape"), attrgetter("dtype")


class _Slot(NamedTuple):
    """One cell of the stack: a layer in one direction, with its own parameters and state."""

    prefix: str
    layer: int
    n_in: int
    reverse: bool
    shapes: dict[str, tuple[int, ...]]


def _stacked(states):
    """Join the slots' states, each (a,) or (a, c), into arrays with a slot axis in front."""
    if len(states) == 1:
        return tuple([s[np.newaxis] for s in states[0]])
    return tuple(np.stack(s) for s in zip(*states, strict=True))


class RecurrentStack(Layer):
    """A stack of one cell: what RNN, LSTM and GRU share.

    A *slot* is one layer in one direction. Slots are ordered as in PyTorch: layer 0 forward,
    layer 0 reverse, layer 1 forward, ... The state's arrays have a slot axis in front,
    (n_slots, m, n_a); a tape is a tuple of the slots' tapes, so that ``tape[0]["c"]`` holds all
    cell states of the first, (m, T_x, n_a). The outputs of both directions stand side by side,
    forward first.

    Parameter names: those of the cell (``Wf``), behind ``reverse.`` for the reverse direction and
    ``layer0.``, ``layer1.``, ... where there is more than one layer.
    """

    takes_table = True
    biases: dict[str, float] | None = None

    def __init__(
        self,
        cell,
        n_x,
        n_a,
        *,
        n_layers,
        bidirectional,
        input_init,
        recurrent_init,
    ):
        self.cell, kind = cell_of(cell), type(self).__name__
        self.n_x = whole_number(kind, "n_x", n_x)
        self.n_a = whole_number(kind, "n_a", n_a)
        self.n_layers = whole_number(kind, "n_layers", n_layers)
        self.bidirectional = bool(bidirectional)
        self.input_init, self.recurrent_init = input_init, recurrent_init
        self.n_in, self.n_out = self.n_x, self.n_a * (1 + self.bidirectional)
        self.slots = []
        for k in range(self.n_layers):
            below = self.n_x if k == 0 else self.n_out
            for reverse in (False, True)[: 1 + self.bidirectional]:
                prefix = f"layer{k}." * (self.n_layers > 1) + "reverse." * reverse
                shape = self.cell.shapes(below, self.n_a)
                self.slots.append(_Slot(prefix, k, below, reverse, shape))
        self.n_states = self.cell.n_states
        shapes_ = self.shapes()
        self._in_order, self._shapes_in_order = itemgetter(*shapes_), list(shapes_.values())
        self._gradient_names = [f"d{name}" for name in shapes_]

    def __repr__(self):
        extra = f", n_layers={self.n_layers}" * (self.n_layers > 1)
        extra += ", bidirectional=True" * self.bidirectional
        extra += ", activation='relu'" * (self.cell.name == "rnn_relu")
        extra += ", reset='after'" * (self.cell.name == "gru_reset_after")
        return f"{type(self).__name__}({self.n_x}, {self.n_a}{extra})"

    def shapes(self):
        """Return the shape of every parameter, by name."""
        return {
            slot.prefix + name: shape for slot in self.slots for name, shape in slot.shapes.items()
        }

    def init(self, rng, dtype=np.float32):
        """Draw initial parameters: see `bptt.equations.Cell.init`."""
        parameters = {}
        for slot in self.slots:
            drawn = self.cell.init(
                rng,
                slot.n_in,
                self.n_a,
                dtype=dtype,
                input_init=self.input_init,
                recurrent_init=self.recurrent_init,
                initial=self.biases,
            )
            parameters |= {slot.prefix + name: p for name, p in drawn.items()}
        return parameters

    def zero_state(self, m, dtype):
        """Return zeros, (n_slots, m, n_a), for a (and c)."""
        shape = (len(self.slots), m, self.n_a)
        return tuple(np.zeros(shape, dtype) for _ in range(self.n_states))

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True, table=None):
        """Run a batch of sequences, ragged ones included.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x), or list of m ndarray, each (T_i, n_x)
        parameters : dict of str to ndarray
        state : tuple of ndarray, each (n_slots, m, n_a), optional
            The state before each sequence's first step: (a,) or (a, c). Zeros where None.
        lengths : sequence of m int, optional
            True lengths in 0..T_x, in any order.
        keep_tape : bool
            False for inference: the tape is None.
        table : ndarray, shape (n_tokens, n_x), optional
            Then x holds tokens, ndarray of int, shape (m, T_x), and the input is table[x]; each
            distinct token's row is multiplied once, not every step's.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_out)
            Hidden states of the last layer; 0 on padding.
        state : tuple of ndarray, each (n_slots, m, n_a)
            After each sequence's own last step (in its own direction).
        tape : tuple of Tape, one a slot, or None

        Raises
        ------
        ShapeError
        """
        where = f"{type(self).__name__}.forward"
        x, lengths = as_batch(where, x, lengths)
        by_slot, dtype = self._all_parameters(where, parameters)
        if table is not None:
            if not (is_plain(table, dtype) and table.ndim == 2 and table.shape[1] == self.n_x):
                door = self._slot_parameters(where, parameters, self.slots[0])[1]
                table = door.array("table", table, "n_tokens n_x")
            x, lengths = check_tokens(where, x, lengths, len(table))
        elif not (is_plain(x, dtype) and x.ndim == 3 and x.shape[2] == self.n_x):
            x = self._slot_parameters(where, parameters, self.slots[0])[1].array(
                "x", x, "m T_x n_x"
            )
        if table is None and lengths is not None:
            lengths = Door(where).lengths("lengths", lengths, *x.shape[:2])
        state = self._check_state(where, "state", state, len(x), dtype)
        y, tapes, finals = x, [], []
        for k in range(self.n_layers):
            outputs = []
            for i, slot in enumerate(self.slots):
                if slot.layer != k:
                    continue
                out, final, tape = provider().forward(
                    self.cell,
                    y,
                    tuple([s[i] for s in state]),
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

    def backward(self, tape, dy, dstate=None):
        """Undo `forward`.

        Parameters
        ----------
        tape : tuple of Tape
        dy : ndarray, shape (m, T_x, n_out)
            Gradient of the outputs; ignored on padding.
        dstate : tuple of ndarray, each (n_slots, m, n_a), optional
            Gradients of the final state.

        Returns
        -------
        dx : ndarray, shape (m, T_x, n_x)
            Exactly 0 on padding. With a table, its gradient, (n_tokens, n_x).
        dstate0 : tuple of ndarray, each (n_slots, m, n_a)
        gradients : dict of str to ndarray
            d + name for every parameter.

        Raises
        ------
        ShapeError
        """
        where = f"{type(self).__name__}.backward"
        need_tape(where, tape)
        dy, dstate = self._check_gradients(where, tape[0], dy, dstate)
        gradients, dstates = {}, []
        for k in reversed(range(self.n_layers)):
            dx = []
            for i, slot in reversed(list(enumerate(self.slots))):
                if slot.layer != k:
                    continue
                own = dy[:, :, self.n_a :] if slot.reverse else dy[:, :, : self.n_a]
                dx_slot, ds0, g = provider().backward(tape[i], own, tuple(s[i] for s in dstate))
                dx.append(dx_slot)
                dstates.append(ds0)
                gradients |= {f"d{slot.prefix}{name}": value for name, value in g.items()}
            dy = sum(dx[1:], start=dx[0])  # both directions read the same input
        dstate0 = _stacked(dstates[::-1])
        return dy, dstate0, {name: gradients[name] for name in self._gradient_names}

    def find_fault(self, tape):
        """Name the first gate or state on a tape that is not finite: "ft of  at step 3", or None.

        First in the order of the computation: slot by slot, step by step, gates before states.
        """
        for slot, kept in zip(self.slots, tape, strict=True):
            faults = []
            names = [*kept.names[self.n_states :], *kept.names[: self.n_states]]
            for name in names:
                steps = np.nonzero(~np.isfinite(kept[name]).all(axis=(0, 2)))[0]
                if len(steps):
                    step = steps[-1] if slot.reverse else steps[0]
                    faults.append((-step if slot.reverse else step, names.index(name), step))
            if faults:
                _, k, step = min(faults)
                return f"{names[k]} of {'.' * bool(slot.prefix)}{slot.prefix[:-1]} at step {step}"
        return None

    def step(self, xt, parameters, state):
        """Run one step of every layer, without a tape.

        Parameters
        ----------
        xt : ndarray, shape (m, n_x)
        parameters : dict of str to ndarray
        state : tuple of ndarray, each (n_slots, m, n_a)

        Returns
        -------
        yt : ndarray, shape (m, n_a)
        state : tuple of ndarray, each (n_slots, m, n_a)

        Raises
        ------
        ConfigError
            A bidirectional layer needs the whole sequence: it cannot stream.
        ShapeError
        """
        where = f"{type(self).__name__}.step"
        self._refuse_two_directions(where)
        xt = Door(where, n_x=self.n_x).array("xt", xt, "m n_x")
        state = self._check_state(where, "state", state, len(xt), xt.dtype)
        after = []
        for i, slot in enumerate(self.slots):
            p = self._step_parameters(where, parameters, slot, xt)
            own = tuple(s[i] for s in state)
            after.append(provider().forward(self.cell, xt[:, None], own, p, keep_tape=False)[1])
            xt = after[-1][0]
        return xt, _stacked(after)

    def stepper(self, parameters, m):
        """Prepare to step through m sequences side by side, all layers in turn.

        Raises
        ------
        ConfigError
            A bidirectional layer needs the whole sequence: it cannot stream.
        ShapeError
        """
        where = f"{type(self).__name__}.stream"
        self._refuse_two_directions(where)
        slots = [self._slot_parameters(where, parameters, slot)[0] for slot in self.slots]
        steppers = [provider().stream(self.cell, own, m) for own in slots]
        return Chain(steppers, _stacked, lambda state: zip(*state, strict=True))

    def _refuse_two_directions(self, where):
        if self.bidirectional:
            raise ConfigError(f"{where}: the layer is bidirectional; it needs whole sequences.")

    def _all_parameters(self, where, parameters):
        """Check the parameters: return those of each slot under the cell's names, and their dtype.

        A short sequence takes less time than `_slot_parameters`: that is asked only where an array
        is missing or not plainly what it should be.
        """
        try:
            arrays: tuple = self._in_order(parameters)
        except KeyError:
            arrays = ()
        if {*map(type, arrays)} == {np.ndarray} and [*map(_shape, arrays)] == self._shapes_in_order:
            dtype = arrays[0].dtype
            if is_plain(arrays[0], dtype) and all(map(is_, map(_dtype, arrays), repeat(dtype))):
                if len(parameters) == len(self.slots[0].shapes):  # one slot, and nothing else
                    return [dict(parameters)], dtype
                n = len(arrays) // len(self.slots)
                return [
                    dict(zip(slot.shapes, arrays[i * n : (i + 1) * n], strict=True))
                    for i, slot in enumerate(self.slots)
                ], dtype
        checked = [self._slot_parameters(where, parameters, slot) for slot in self.slots]
        return [own for own, _ in checked], checked[0][1].dtype

    def _slot_parameters(self, where, parameters, slot):
        """Check and return the parameters of one slot under the cell's own names."""
        own = {
            name.removeprefix(slot.prefix): p
            for name, p in parameters.items()
            if name.startswith(slot.prefix)
        }
        if slot.prefix:
            where = f"{where}, {slot.prefix[:-1]}"
        own, door = parameters_of(where, self.cell.parameters, own)
        door.shape("the layer's (n_in, n_a)", (slot.n_in, self.n_a), "n_x n_a")
        return own, door

    def _step_parameters(self, where, parameters, slot, xt):
        """Do what `_slot_parameters` does, quickly where nothing is wrong: a step is short."""
        p = {name: parameters.get(slot.prefix + name) for name in slot.shapes}
        for name, shape in slot.shapes.items():
            if getattr(p[name], "shape", None) != shape or p[name].dtype != xt.dtype:
                p, door = self._slot_parameters(where, parameters, slot)
                door.array("xt", xt, "m n_x")
                break
        return p

    def _check_gradients(self, where, tape, dy, dstate):
        """Check what enters `backward`; return dy and dstate (zeros if None)."""
        m, T_x = tape.shape
        if not (is_plain(dy, tape.dtype) and dy.shape == (m, T_x, self.n_out)):
            dy = Door(where, m=m, T_x=T_x, n_out=self.n_out).array("dy", dy, "m T_x n_out")
            if dy.dtype != tape.dtype:
                raise ShapeError(f"{where}: dy is {dy.dtype}; expected {tape.dtype}, as y is.")
        return dy, self._check_state(where, "dstate", dstate, m, dy.dtype)

    def _check_state(self, where, name, state, m, dtype):
        if state is None:
            return self.zero_state(m, dtype)
        shape = (len(self.slots), m, self.n_a)
        if (
            type(state) is tuple
            and len(state) == self.n_states
            and all(is_plain(s, dtype) and s.shape == shape for s in state)
        ):
            return state
        if len(state) != self.n_states:
            raise ShapeError(
                f"{where}: {name} has {len(state)} arrays; expected {self.n_states}, "
                f"({', '.join(self.cell.states)}{',' * (self.n_states == 1)})."
            )
        door = Door(where, n_slots=len(self.slots), m=m, n_a=self.n_a)
        checked = tuple(door.array(name, s, "n_slots m n_a") for s in state)
        if checked[0].dtype != dtype:
            raise ShapeError(
                f"{where}: {name} is {checked[0].dtype}; expected {dtype}, as the other arrays are."
            )
        return checked
