"""Check what public functions are given: types, dtypes, shapes and lengths of arrays; numbers.

The mathematics behind the public functions trusts its inputs. `bptt.errors.operation` adds the name
of the public function to the messages.
"""

import numbers
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, TypeGuard

import numpy as np

from .errors import BpttError, ShapeError

FLOATS = (np.float32, np.float64)
FLOAT32_MAX = float(np.finfo(np.float32).max)
_PLAIN = tuple(np.dtype(t) for t in FLOATS)  # native byte order; NumPy has one object of each
_shape, _dtype = attrgetter("shape"), attrgetter("dtype")


def float_array(name: str, value: Any) -> np.ndarray:
    """Return `value` as a native-endian float32 or float64 array, or refuse it.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : ndarray of float32 or float64, or a Python float
        Any layout: strided, Fortran-ordered, read-only, byte-swapped. Copied only if byte-swapped.

    Raises
    ------
    ShapeError
        Any other type or dtype: nothing is cast silently.
    """
    if type(value) is np.ndarray and value.dtype.char in "fd" and value.dtype.isnative:
        return value  # the common case, in every public call
    if isinstance(value, float):
        return np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)) or isinstance(
        value, (np.ma.MaskedArray, np.matrix)
    ):
        kind = type(value).__name__
        raise ShapeError(f"{name} is a {kind}; expected a NumPy array of float32 or float64.")
    value = np.asarray(value)
    if value.dtype not in FLOATS:
        # `.newbyteorder` leaves native dtypes alone, so this catches byte-swapped floats only.
        if value.dtype.newbyteorder("=") in FLOATS:
            return value.astype(value.dtype.newbyteorder("="))
        raise ShapeError(f"{name} is {value.dtype}; expected float32 or float64.")
    return value


def is_plain(value: Any, dtype: Any) -> bool:
    """Return whether `value` is an ndarray of `dtype`, float32 or float64 in native byte order.

    Fast, for calls that take microseconds. The slower `ArrayChecker` explains a False.
    """
    return type(value) is np.ndarray and value.dtype is dtype and dtype in _PLAIN


@cache
def _axes(spec):
    """Split a symbolic shape into axes, each a tuple of symbols to add."""
    return tuple(tuple(axis.split("+")) for axis in spec.split())


def _text(spec):
    """Format a symbolic shape for messages: (n_a, n_a + n_x)."""
    axes = [" + ".join(symbols) for symbols in _axes(spec)]
    return f"({axes[0]},)" if len(axes) == 1 else f"({', '.join(axes)})"


def shape_of(spec: str, **sizes: int) -> tuple[int, ...]:
    """Return the shape that a spec means.

    >>> shape_of("n_a n_a+n_x", n_a=5, n_x=3)
    (5, 8)
    """
    return tuple(
        sum(int(s) if s.isdigit() else sizes[s] for s in symbols) for symbols in _axes(spec)
    )


def parameters_of(
    table: Mapping[str, str], parameters: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], "ArrayChecker"]:
    """Check a dict of parameters against a table of shapes; other names in it are ignored.

    Parameters
    ----------
    table : mapping of str to str
        Name to symbolic shape.
    parameters : dict of str to ndarray

    Returns
    -------
    parameters : dict of str to ndarray
        Those of the table only, in native byte order.
    check : ArrayChecker
        Has the sizes (n_a, n_x, n_y) and the dtype, to check the other arrays of the call.

    Raises
    ------
    ShapeError
        A name is missing, or an array has a wrong shape or another dtype than the rest.
    """
    refuse_missing(table, parameters)
    check = ArrayChecker()
    return {name: check.array(name, parameters[name], spec) for name, spec in table.items()}, check


class ParameterChecker:
    """Check the parameters of one layer: names, types, shapes and one dtype.

    Parameters
    ----------
    table : mapping of str to str
        Name to symbolic shape.
    sizes : mapping of str to int
        Symbol to size.
    prefix : str
        In front of every name in the dicts that are checked; the results have the bare names.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        Shape of every parameter, by bare name.

    Examples
    --------
    >>> check = ParameterChecker({"W": "n_y n_a", "b": "n_y 1"}, {"n_y": 2, "n_a": 3}, "top.")
    >>> check.shapes
    {'W': (2, 3), 'b': (2, 1)}
    >>> own, dtype = check({"top.W": np.ones((2, 3)), "top.b": np.ones((2, 1)), "other": 5})
    >>> list(own), dtype
    (['W', 'b'], dtype('float64'))
    """

    def __init__(self, table: Mapping[str, str], sizes: Mapping[str, int], prefix: str = ""):
        self.shapes: dict[str, tuple[int, ...]] = {
            name: shape_of(spec, **sizes) for name, spec in table.items()
        }
        self._table = {prefix + name: spec for name, spec in table.items()}
        self._sizes, self._prefix = sizes, prefix
        self._rows = [(prefix + name, name, shape) for name, shape in self.shapes.items()]

    def select(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return this layer's parameters under their bare names; only their presence is checked.

        Raises
        ------
        ShapeError
        """
        need_mapping("parameters", parameters)
        try:
            return {name: parameters[full] for full, name, _ in self._rows}
        except KeyError:
            refuse_missing(self._table, parameters)
            raise

    def __call__(self, parameters: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], Any]:
        """Return this layer's parameters under their bare names, and their dtype.

        Further names in `parameters` are ignored. Without parameters the dtype is None.

        Raises
        ------
        ShapeError
        """
        own, dtype = {}, None
        need_mapping("parameters", parameters)
        for full, name, shape in self._rows:  # fast: a short sequence takes microseconds
            array = own[name] = parameters.get(full)
            if type(array) is not np.ndarray or array.shape != shape:
                break
            if array.dtype is not dtype:
                if dtype is not None or array.dtype not in _PLAIN:
                    break
                dtype = array.dtype
        else:
            return own, dtype
        own, check = self._slowly(parameters)
        return own, check.dtype

    def arrays(self, parameters: Mapping[str, Any], **sizes: int) -> "ArrayChecker":
        """Return a checker that has the sizes and the dtype of the parameters, for other arrays."""
        check = self._slowly(parameters)[1]
        check.add_sizes(**sizes)
        return check

    def _slowly(self, parameters):
        own, check = parameters_of(self._table, parameters)
        if self._sizes:
            names = " ".join(self._sizes)
            check.shape(f"the layer's {_text(names)}", tuple(self._sizes.values()), names)
        return dict(zip(self.shapes, own.values(), strict=True)), check


def need_mapping(name: str, value: Any) -> None:
    """Raise a ShapeError for anything but a dict of arrays."""
    if type(value) is not dict and not isinstance(value, Mapping):
        raise ShapeError(f"{name} is a {type(value).__name__}; expected a dict of arrays by name.")


def dtype_of(parameters: Mapping[str, Any]) -> np.dtype:
    """Return the dtype of the first parameter; float32 if there is none.

    Raises
    ------
    ShapeError
        `parameters` is no dict, or it has something else than arrays.
    """
    need_mapping("parameters", parameters)
    for name, p in parameters.items():
        return float_array(str(name), p).dtype
    return np.dtype(np.float32)


def refuse_missing(table: Mapping[str, str], parameters: Mapping[str, Any]) -> None:
    """Raise a ShapeError if a name of the table is missing."""
    need_mapping("parameters", parameters)
    missing = [name for name in table if name not in parameters]
    if missing:
        raise ShapeError(
            f"parameters has {', '.join(map(str, parameters)) or 'no entry'}; "
            f"expected {', '.join(table)}, so {', '.join(missing)} is missing."
            + " bptt.interop.from_torch converts a state dict of PyTorch."
            * any("weight_ih" in str(name) for name in parameters)
        )


class ArrayChecker:
    """Check the arrays of one call against one another.

    Sizes (n_x, n_a, m, T_x, ...) are read from the first array that has them. A later array of
    another size is refused, with the reason for the expected size.

    Parameters
    ----------
    **sizes : int
        Sizes already known, with the reason ``"as constructed"``.

    Examples
    --------
    >>> check = ArrayChecker()
    >>> W = check.array("W", np.zeros((4, 7)), "n_a n_a+n_x")
    >>> check["n_x"]
    3
    >>> check.array("x", np.zeros((2, 5)), "n_x m")
    Traceback (most recent call last):
        ...
    bptt.errors.ShapeError: x has shape (2, 5); expected (n_x, m) with n_x = 3, because \
W is (4, 7) = (n_a, n_a + n_x).
    """

    def __init__(self, **sizes: int):
        self.dtype: np.dtype | None = None
        self._dtype_source = ""
        # symbol -> its size and, if it was read from an array, the array's name, shape and spec
        self._sizes: dict[str, tuple] = {symbol: (size,) for symbol, size in sizes.items()}

    def add_sizes(self, **sizes: int) -> None:
        """Add sizes with the reason ``"as constructed"``."""
        self._sizes.update({symbol: (size,) for symbol, size in sizes.items()})

    def __getitem__(self, symbol: str) -> int:
        return self._sizes[symbol][0]

    def array(self, name: str, value: Any, spec: str) -> np.ndarray:
        """Check a floating-point array and read the sizes not yet known from its shape.

        Parameters
        ----------
        name : str
        value : ndarray
        spec : str
            Symbolic shape: the axes separated by spaces, ``"n_a n_a+n_x"``. Each is a number, a
            symbol or a sum of symbols.

        Returns
        -------
        ndarray
            `value`, in native byte order.

        Raises
        ------
        ShapeError
            Wrong type, dtype, number of axes or size; or a dtype other than that of earlier
            arrays.
        """
        value = float_array(name, value)
        if self.dtype is None:
            self.dtype, self._dtype_source = value.dtype, name
        elif value.dtype != self.dtype:
            raise ShapeError(
                f"{name} is {value.dtype}; expected {self.dtype}, "
                f"because {self._dtype_source} is {self.dtype}."
            )
        self.shape(name, value.shape, spec)
        return value

    def shape(self, name: str, shape: tuple[int, ...], spec: str) -> None:
        """Check a shape as `array` does."""
        axes = _axes(spec)
        if len(shape) != len(axes):
            raise ShapeError(f"{name} has shape {shape}; expected {_text(spec)}.")
        for (*known, symbol), size in zip(axes, shape, strict=True):
            if symbol.isdigit():
                if size != int(symbol):
                    raise ShapeError(f"{name} has shape {shape}; expected {_text(spec)}.")
                continue
            for other in known:
                size -= self._sizes[other][0]
            if symbol not in self._sizes and size >= 0:
                self._sizes[symbol] = (size, name, shape, spec)  # with the reason, for messages
            elif symbol not in self._sizes or self._sizes[symbol][0] != size:
                raise ShapeError(
                    f"{name} has shape {shape}; expected {_text(spec)} "
                    f"with {self._expected(symbol, known)}."
                )

    def _expected(self, symbol, known):
        """Format the expected size and the reason for it."""
        if symbol not in self._sizes:
            sizes = ", ".join(f"{other} = {self[other]}" for other in known)
            return f"{symbol} = 0 or more, because {sizes}"
        size, *reason = self._sizes[symbol]
        if not reason:
            return f"{symbol} = {size}, as constructed"
        name, shape, spec = reason
        return f"{symbol} = {size}, because {name} is {shape} = {_text(spec)}"

    def lengths(self, name: str, value: Any, m: int, T_x: int) -> np.ndarray | None:
        """Check the true lengths of a ragged batch.

        Parameters
        ----------
        value : None, or sequence or ndarray of int, shape (m,)
            Each in 0..T_x, in any order.

        Returns
        -------
        ndarray of int64, shape (m,), or None
            None if every sequence has T_x steps.

        Raises
        ------
        ShapeError
            Floats, booleans, a wrong count, a negative length or one above T_x.
        """
        if value is None:
            return None
        try:
            lengths = np.asarray(value)
        except ValueError:  # nested lists of unequal length
            raise ShapeError(f"{name} are nested; expected {m} integers in 0..{T_x}.") from None
        if lengths.size == 0 and isinstance(value, Sequence):
            lengths = lengths.astype(np.int64)  # [] has no dtype of its own
        if lengths.dtype.kind not in "iu":
            raise ShapeError(f"{name} are {lengths.dtype}; expected {m} integers in 0..{T_x}.")
        if lengths.shape != (m,):
            raise ShapeError(
                f"{name} have shape {lengths.shape}; expected ({m},), one for each sequence."
            )
        wrong = np.flatnonzero((lengths < 0) | (lengths > T_x))
        if wrong.size:
            i = wrong[0]
            raise ShapeError(
                f"{name}[{i}] is {lengths[i]}; expected 0..{T_x}, "
                f"because there are T_x = {T_x} steps."
            )
        lengths = lengths.astype(np.int64)
        return None if (lengths == T_x).all() else lengths

    def indices(self, name: str, value: Any, limit: int, what: str) -> np.ndarray:
        """Check and return an array of indices in 0..limit-1; `what` names the indexed things."""
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
            kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            raise ShapeError(f"{name} is {kind}; expected an array of integers.")
        unsigned = value.view(value.dtype.str.replace("i", "u"))  # of one size: -1 is the largest
        if value.size and not unsigned.max() < limit:
            bad = value[(value < 0) | (value >= limit)][0]
            raise ShapeError(
                f"{name} holds {bad}; expected 0..{limit - 1}, because there are {limit} {what}."
            )
        return value


def require_finite(result: np.ndarray) -> None:
    """Refuse a result that is not finite.

    Raises
    ------
    BpttError
    """
    if not np.isfinite(result).all():
        raise BpttError(
            "the result is not finite; the model's parameters are too large to compute with."
        )


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is a Python or NumPy integer, not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a Python or NumPy real number, not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def suggestion(given: object, names: Iterable[str]) -> str:
    """Return " Did you mean 'lstm'?" for the name that is most like a misspelled one, or ""."""
    from difflib import get_close_matches

    names = list(names)
    near = get_close_matches(given, names, 1) if isinstance(given, str) else []
    return f" Did you mean {near[0]!r}?" if near and given not in names else ""
