"""The record of a recurrent cell, and the registry of cells by name.

A cell is declared once, as a `Cell`: the names of its states, gates and parameters, and its
equations forward and backward. Layers, models, the engine, tapes, files and the command line read
it there. `docs/your_own_cell.md` shows how to write one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ..checks import shape_of
from ..errors import ConfigError, operation
from .initializers import (
    Initializer,
    glorot_uniform,
    need_generator,
    orthogonal,
    parameter_array,
)

Kind = Literal["joint", "recurrent", "input", "bias", "per_unit"]
Array = np.ndarray
Parameters = Mapping[str, np.ndarray]
Gradients = dict[str, np.ndarray]  # "d" + name

_KINDS: dict[str, Kind] = {  # symbolic shape: what the array multiplies
    "n_a n_a+n_x": "joint",  # [a_prev ; xt], so its first n_a columns are recurrent
    "n_a n_a": "recurrent",  # a_prev
    "n_a n_x": "input",  # xt
    "n_a 1": "bias",  # nothing; one weight for each unit if the record names it in `per_unit`
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """A recurrent cell: its names and its equations. Arrays are features first, (n, m).

    Parameters
    ----------
    name : str
        The name that `cell=` of layers and models, `--cell` and model files use.
    states : tuple of str
        States that pass from step to step, each (n_a, m): ``("a", "c")``. The first is the output.
    gates : tuple of str
        Intermediate values that a tape shows besides the states, each (n_a, m). Fields of `cache`.
    parameters : mapping of str to str
        Name to symbolic shape, in the order in which initial values are drawn:
        ``"n_a n_a+n_x"`` (columns [a_prev ; xt]), ``"n_a n_a"`` (multiplies a_prev), ``"n_a n_x"``
        (multiplies xt) or ``"n_a 1"`` (a bias).
    per_unit : tuple of str
        Those parameters of shape ``"n_a 1"`` that are weights, one a unit, and not biases: weight
        decay acts on them.
    initial : mapping of str to float or callable (rng, shape) -> ndarray
        Initial values of parameters of shape ``"n_a 1"``; 0 for those not named.
    cache : NamedTuple class
        The class of what `recurrence` keeps for `backward`. It has a field for every gate and,
        for every state s, ``s_next``: the state after the step.
    recurrence : callable
        One step forward: ``(xt, *states, parameters) -> (*next states, cache)``.
    backward : callable
        One step backward: ``(*dstates, cache) -> dict``, from the gradients with respect to the
        next states: ``"dxt"``, ``"d" + s + "_prev"`` for every state s and
        ``"d" + name`` for every parameter.
    head : mapping of str to str
        Parameters of the output layer in the functions of the course, name to symbolic shape.

    Attributes
    ----------
    kinds : mapping of str to str
        Kind of every parameter: "joint", "recurrent", "input", "bias" or "per_unit".
    weights : tuple of str
        The parameters that are not biases.

    Raises
    ------
    ConfigError
        A name, a symbolic shape or a field of the cache does not fit the others.
    """

    name: str
    states: tuple[str, ...]
    gates: tuple[str, ...]
    parameters: Mapping[str, str]
    per_unit: tuple[str, ...] = ()
    initial: Mapping[str, float | Initializer] = field(default_factory=dict)
    cache: Any
    recurrence: Callable[..., Any]
    backward: Callable[..., Gradients]
    head: Mapping[str, str] = field(default_factory=lambda: {"Wy": "n_y n_a", "by": "n_y 1"})
    kinds: Mapping[str, Kind] = field(init=False)
    weights: tuple[str, ...] = field(init=False)

    @operation("Cell")
    def __post_init__(self) -> None:
        self._check()
        kinds = {
            name: "per_unit" if name in self.per_unit else _KINDS[shape]
            for name, shape in self.parameters.items()
        }
        for name in ("parameters", "initial", "head"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "kinds", MappingProxyType(kinds))
        object.__setattr__(self, "weights", tuple(n for n in kinds if kinds[n] != "bias"))

    @operation("Cell")
    def _check(self) -> None:
        def need(fits, given, expected):
            if not fits:
                raise ConfigError(f"{given}; expected {expected}.")

        name = self.name
        need(isinstance(name, str) and name.isidentifier(), f"name is {name!r}", "an identifier")
        need(name not in _built_in, f"name is {name!r}", "another one: that cell is built in")
        for what in ("states", "gates", "per_unit"):
            names = getattr(self, what)
            given = f"{what} of {name} is {names!r}"
            need(isinstance(names, tuple), given, 'a tuple of names, such as ("a",)')
            need(all(isinstance(n, str) and n.isidentifier() for n in names), given, "identifiers")
        need(self.states, f"states of {name} is ()", "at least one state: the output")
        names = ["x", "xt", *self.states, *self.gates, *self.parameters]
        names += [s + suffix for s in self.states for suffix in ("0", "_prev")]
        twice = sorted({n for n in names if names.count(n) > 1})
        need(not twice, f"{name} uses {', '.join(twice)} twice", "different names")
        choices = ", ".join(map(repr, _KINDS))
        for parameter, shape in self.parameters.items():
            given = f"parameter {parameter!r} of {name} has shape {shape!r}"
            need(str(parameter).isidentifier(), given, "an identifier")
            need(shape in _KINDS, given, f"one of {choices}")
        need(
            {"joint", "input"} & {_KINDS[shape] for shape in self.parameters.values()},
            f"no parameter of {name} multiplies the input",
            "one of shape 'n_a n_a+n_x' or 'n_a n_x'",
        )
        for what in ("per_unit", "initial"):
            wrong = [n for n in getattr(self, what) if self.parameters.get(n) != "n_a 1"]
            given = f"{what} of {name} holds {', '.join(wrong)}"
            need(not wrong, given, "parameters of shape 'n_a 1'")
        kept = getattr(self.cache, "_fields", ())
        need(kept, f"cache of {name} is {self.cache!r}", "a NamedTuple class")
        missing = [f for f in (*(f"{s}_next" for s in self.states), *self.gates) if f not in kept]
        given = f"cache of {name} has the fields {', '.join(kept)}"
        need(not missing, given, f"also {', '.join(missing)}")
        for what in ("recurrence", "backward"):
            value = getattr(self, what)
            need(callable(value), f"{what} of {name} is {value!r}", "a function")

    def __repr__(self) -> str:
        return f"<Cell {self.name}>"

    def __copy__(self) -> "Cell":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cell":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.name in _built_in or _named(self.name) is self:
            return cell_of, (self.name,)
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        plain = {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in values.items()}
        return _rebuilt, (plain,)

    @property
    def n_states(self) -> int:
        """The number of states."""
        return len(self.states)

    def shapes(self, n_x: int, n_a: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter.

        >>> from bptt.equations import CELLS
        >>> CELLS["rnn"].shapes(n_x=3, n_a=5)
        {'Wax': (5, 3), 'Waa': (5, 5), 'ba': (5, 1)}
        """
        return {name: shape_of(spec, n_x=n_x, n_a=n_a) for name, spec in self.parameters.items()}

    def sizes(self, parameters: Parameters) -> dict[str, int]:
        """Return n_x and n_a, read from parameters whose shapes are known to fit."""
        name = next(n for n in self.parameters if self.kinds[n] in ("joint", "input"))
        n_a, columns = parameters[name].shape
        return {"n_x": columns - n_a * (self.kinds[name] == "joint"), "n_a": n_a}

    @operation
    def init(
        self,
        rng: "np.random.Generator",
        n_x: int,
        n_a: int,
        *,
        dtype: type | np.dtype = np.float32,
        input_init: Initializer = glorot_uniform,
        recurrent_init: Initializer = orthogonal,
        initial: Mapping[str, float | Initializer] | None = None,
    ) -> dict[str, np.ndarray]:
        """Draw initial parameters.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of randomness: same generator state, same bits.
        n_x, n_a : int
            Features of the input; units.
        dtype : float32 or float64
        input_init, recurrent_init : callable (rng, shape) -> ndarray
            For the columns that multiply the input and for those that multiply the state.
        initial : mapping of str to float or callable, optional
            Initial values that replace those of the cell, by parameter.

        Raises
        ------
        ConfigError
            Another dtype, or a name in `initial` that is no parameter of shape ``"n_a 1"``.
        """
        need_generator(rng)
        wrong = [n for n in initial or () if self.parameters.get(n) != "n_a 1"]
        if wrong:
            expected = [n for n, spec in self.parameters.items() if spec == "n_a 1"]
            raise ConfigError(
                f"biases of {self.name} has {', '.join(wrong)}; "
                f"expected names among {', '.join(expected)}."
            )
        values = {**self.initial, **(initial or {})}
        parameters = {}
        for name, kind in self.kinds.items():
            value = values.get(name, 0.0)
            blocks = []
            if kind in ("joint", "recurrent"):
                blocks.append(recurrent_init(rng, (n_a, n_a)))
            if kind in ("joint", "input"):
                blocks.append(input_init(rng, (n_a, n_x)))
            if not blocks:
                blocks.append(value(rng, (n_a, 1)) if callable(value) else np.full((n_a, 1), value))
            parameters[name] = parameter_array(np.concatenate(blocks, axis=1), dtype)
        return parameters


CELLS: dict[str, Cell] = {}
"""Every registered cell by name."""

_built_in: set[str] = set()
_name_readers: list[Callable[[str], "Cell | None"]] = []


def name_reader(reader: Callable[[str], "Cell | None"]) -> Callable[[str], "Cell | None"]:
    """Register a function that makes cells of names that say all of them, or returns None."""
    _name_readers.append(reader)
    return reader


@operation
def register(cell: Cell) -> Cell:
    """Register a cell, so that its name may stand for it and model files that hold it can be read.

    A cell of the same name that was registered before is replaced.

    Returns
    -------
    Cell
        `cell` itself.

    Raises
    ------
    ConfigError
        `cell` is no `Cell`.
    """
    if not isinstance(cell, Cell):
        raise ConfigError(f"cell is {cell!r}; expected a bptt.equations.Cell.")
    CELLS[cell.name] = cell
    return cell


def built_in(cell: Cell) -> Cell:
    """Register a cell of the library: no other may have its name."""
    _built_in.add(cell.name)
    return register(cell)


def cell_of(cell: str | Cell) -> Cell:
    """Return the record of a registered name; return a record as it is.

    Raises
    ------
    ConfigError
        No cell of that name is registered.
    """
    if isinstance(cell, Cell):
        return cell
    named = _named(cell) if isinstance(cell, str) else None
    if named is None:
        raise ConfigError(
            f"cell is {cell!r}; expected {', '.join(map(repr, CELLS))} or a bptt.equations.Cell "
            f"(bptt.equations.register(cell) makes one known by its name)."
        )
    return named


def _named(name: str) -> Cell | None:
    """Return the registered cell of a name, or the one that the name describes."""
    if name in CELLS:
        return CELLS[name]
    return next((cell for reader in _name_readers if (cell := reader(name))), None)


def _rebuilt(values: dict) -> Cell:
    """Undo `Cell.__reduce__`."""
    return Cell(**values)
