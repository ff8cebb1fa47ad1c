"""pad_sequences as Keras means it: on the left, batch first."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, ShapeError, operation

__all__ = ["pad_sequences"]

Side = Literal["pre", "post"]


@operation("interop.pad_sequences")
def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: Side = "pre",
    truncating: Side = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Pad and cut sequences to one length, as ``keras.utils.pad_sequences`` does.

    `bptt.pad_sequences` is the function of the course: it pads on the right, features first.

    Parameters
    ----------
    sequences : list of m sequences
        Each a list of numbers, or an array (T_i, ...).
    maxlen : int, optional
        Steps of the result; those of the longest sequence if None.
    dtype : dtype
        Of the result. With integers, numbers are cut to whole ones, as Keras does.
    padding, truncating : {"pre", "post"}
        Whether padding is put, and steps too many are cut, at the beginning or at the end.
    value : float
        Of the padding.

    Returns
    -------
    ndarray, shape (m, maxlen, ...)

    Raises
    ------
    ShapeError
        The sequences have steps of different shapes, or are none.
    ConfigError

    Examples
    --------
    >>> pad_sequences([[1, 2, 3], [4]], maxlen=2)
    array([[2, 3],
           [0, 4]], dtype=int32)
    >>> pad_sequences([[1, 2, 3], [4]], padding="post")
    array([[1, 2, 3],
           [4, 0, 0]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if not isinstance(side, str) or side not in ("pre", "post"):
            raise ConfigError(f"{name} is {side!r}; expected 'pre' or 'post'.")
    if maxlen is not None and (not is_whole(maxlen) or maxlen < 0):
        raise ConfigError(f"maxlen is {maxlen!r}; expected a number of steps >= 0.")
    if not isinstance(sequences, (list, tuple, np.ndarray)):
        raise ShapeError(f"sequences is a {type(sequences).__name__}; expected a list of lists.")
    arrays = []
    for i, sequence in enumerate(sequences):
        try:
            array = np.asarray(sequence)
        except ValueError:
            array = np.array(None)
        if array.ndim == 0 or array.dtype.kind not in "biuf":
            raise ShapeError(f"sequences[{i}] is {sequence!r:.60}; expected a list of numbers.")
        arrays.append(array)
    step = next((a.shape[1:] for a in arrays if len(a)), ())
    for i, array in enumerate(arrays):
        if len(array) and array.shape[1:] != step:
            raise ShapeError(
                f"sequences[{i}] has steps of the shape {array.shape[1:]}; expected {step}, as "
                f"others have."
            )
    steps = max(map(len, arrays), default=0) if maxlen is None else int(maxlen)
    result = np.full((len(arrays), steps, *step), value, dtype=dtype)
    for row, array in zip(result, arrays, strict=True):
        if n := min(len(array), steps):
            kept = array[-n:] if truncating == "pre" else array[:n]
            row[-n if padding == "pre" else 0 : None if padding == "pre" else n] = kept
    return result
