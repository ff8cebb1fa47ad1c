"""The arrays of Keras' layers as bptt's parameters."""

from collections.abc import Sequence

import numpy as np

from ..equations import Cell, cell_of
from ..errors import InteropError
from .conventions import Blocks, from_blocks

__all__ = ["checked", "embedding", "gates_of", "normalization", "recurrent", "stepwise"]

Arrays = Sequence[np.ndarray]
Parameters = dict[str, np.ndarray]


def checked(arrays: Arrays, count: Sequence[int], what: str) -> list[np.ndarray]:
    """Return arrays of floating point, float16 as float32, if there are as many as expected.

    Raises
    ------
    InteropError
    """
    if len(arrays) not in count:
        expected = " or ".join(map(str, count))
        raise InteropError(f"{what} has {len(arrays)} arrays; expected {expected}.")
    result = []
    for array in arrays:
        if array.dtype.kind != "f" or array.dtype.itemsize > 8:
            raise InteropError(f"{what} has an array of {array.dtype}; expected floating point.")
        wide = np.float64 if array.dtype.itemsize == 8 else np.float32
        array = np.asarray(array, wide)
        if not np.isfinite(array).all():
            raise InteropError(f"{what} has weights that are not finite.")
        result.append(array)
    return result


def gates_of(cell: Cell) -> int:
    """Return how many gates Keras stores for a cell."""
    return 1 if "Waa" in cell.parameters else 3 if "Wu" in cell.parameters else 4


def recurrent(cell: str | Cell, arrays: Arrays, what: str) -> Parameters:
    """Return the parameters of one direction.

    Parameters
    ----------
    cell : str or Cell
    arrays : list of ndarray
        kernel (n_x, n_g n_a), recurrent_kernel (n_a, n_g n_a) and, if there is one, the bias; or of
        Keras 1 for each gate W, U and b. A bias of two rows, or of twice as many entries, is that
        of a layer of cuDNN or of a GRU with the reset after the product.
    what : str
        For the error message.
    """
    cell = cell_of(cell)
    n_gates = gates_of(cell)
    if len(arrays) == 3 * n_gates > 3:
        W, U, b = (_joined(arrays[k::3], what) for k in range(3))
        return from_blocks(cell, Blocks(W, U, b), "keras1", like=what)
    W, U, *rest = arrays
    if W.ndim != 2 or U.ndim != 2 or U.shape[1] != n_gates * len(U) or W.shape[1] != U.shape[1]:
        raise InteropError(
            f"{what} has kernels of the shapes {W.shape} and {U.shape}; expected (n_x, {n_gates} "
            f"n_a) and (n_a, {n_gates} n_a)."
        )
    bias, state_bias = rest[0] if rest else None, None
    if bias is not None and bias.size == 2 * U.shape[1]:
        if bias.ndim == 1:  # of cuDNN, which keeps other layouts of the kernels too
            W, U = _from_cudnn(W, n_gates, "F"), _from_cudnn(U, n_gates, "C")
        bias, state_bias = bias.reshape(2, U.shape[1])
        after = "bca" in cell.parameters
        if n_gates == 3 and not after:
            raise InteropError(
                f"{what} has two biases; expected one, because reset_after is false."
            )
    return from_blocks(cell, Blocks(W, U, bias, state_bias), "keras", like=what)


def _joined(arrays: Arrays, what: str) -> np.ndarray:
    """Join the arrays of the gates, which have one shape."""
    if len({a.shape for a in arrays}) != 1 or arrays[0].ndim > 2:
        raise InteropError(f"{what} has gates of different shapes; expected one shape.")
    return np.concatenate(arrays, axis=-1)


def _from_cudnn(kernel: np.ndarray, n_gates: int, order: str) -> np.ndarray:
    """Return a kernel of CuDNNLSTM or CuDNNGRU as that of LSTM or GRU.

    Those of the input are read transposed in memory order, those of the state are transposed.
    """
    blocks = np.split(kernel, n_gates, axis=1)
    if order == "F":
        return np.concatenate([k.T.reshape(k.shape, order="F") for k in blocks], axis=1)
    return np.concatenate([k.T for k in blocks], axis=1)


def stepwise(arrays: Arrays, what: str) -> Parameters:
    """Return Wy and by of a Dense layer; by is 0 if there is no bias."""
    kernel, *rest = arrays
    if kernel.ndim != 2:
        raise InteropError(f"{what} has a kernel of the shape {kernel.shape}; expected two axes.")
    by = rest[0] if rest else np.zeros(kernel.shape[1], kernel.dtype)
    if by.shape != (kernel.shape[1],):
        raise InteropError(f"{what} has a bias of {by.shape}; expected ({kernel.shape[1]},).")
    return {"Wy": np.ascontiguousarray(kernel.T), "by": by[:, np.newaxis].copy()}


def embedding(arrays: Arrays, what: str) -> Parameters:
    """Return We of an Embedding."""
    if arrays[0].ndim != 2:
        raise InteropError(f"{what} has a table of {arrays[0].shape}; expected two axes.")
    return {"We": np.ascontiguousarray(arrays[0])}


def normalization(arrays: Arrays, names: Sequence[str], given: Sequence[str], what: str):
    """Return the parameters `names`, of which `given` are in the file; 0 or 1 for the others."""
    by_name = dict(zip(given, arrays, strict=True))
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        shown = ", ".join(map(str, sorted(shapes))) or "no shape"
        raise InteropError(f"{what} has arrays of {shown}; expected one for each feature.")
    like = arrays[0]
    return {
        name: by_name.get(name, (np.ones_like if name == "gamma" else np.zeros_like)(like))[
            :, np.newaxis
        ].copy()
        for name in names
    }
