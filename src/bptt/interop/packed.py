"""unpack_padded: batches of PyTorch's pack_padded_sequence."""

from typing import Any

import numpy as np

from ..errors import ShapeError, operation

__all__ = ["unpack_padded"]


@operation
def unpack_padded(
    data: Any,
    batch_sizes: Any = None,
    sorted_indices: Any = None,
    unsorted_indices: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Convert a packed batch of PyTorch to the batch and the lengths that layers take.

    Parameters
    ----------
    data : array or tensor, shape (n_steps, ...), a PackedSequence, or a tuple of all arguments
        The steps of all sequences, longest sequence first, time step by time step.
    batch_sizes : sequence of int
        Number of sequences that have each time step, from large to small.
    sorted_indices, unsorted_indices : sequence of m int, optional
        Order of the sequences, as PyTorch returns it; one of them is enough.

    Returns
    -------
    x : ndarray, shape (m, T_x, ...)
        0 on padding.
    lengths : ndarray of int64, shape (m,)

    Raises
    ------
    ShapeError

    Examples
    --------
    >>> x, lengths = unpack_padded(np.array([1, 4, 2, 5, 3]), [2, 2, 1])
    >>> x, lengths
    (array([[1, 2, 3],
           [4, 5, 0]]), array([3, 2]))
    """
    if batch_sizes is None:
        if not isinstance(data, tuple) or len(data) < 2:  # a PackedSequence is a tuple
            raise ShapeError("batch_sizes is None; expected a tuple (data, batch_sizes), or both.")
        return unpack_padded(*data)
    flat, sizes = np.asarray(data), np.asarray(batch_sizes, np.int64)
    descending = sizes.ndim == 1 and len(sizes) and sizes[-1] >= 1 and (np.diff(sizes) <= 0).all()
    if not descending or not flat.ndim or sizes.sum() != len(flat):
        raise ShapeError(
            f"batch_sizes is {str(sizes.tolist())[:80]} for {flat.shape[:1]} steps; expected "
            f"numbers >= 1 that never grow and add up to the steps."
        )
    m, T_x = int(sizes[0]), len(sizes)
    x = np.zeros((m, T_x, *flat.shape[1:]), flat.dtype)
    inside = np.arange(m)[:, np.newaxis] < sizes  # (m, T_x)
    x.swapaxes(0, 1)[inside.T] = flat
    lengths = inside.sum(axis=1)
    if unsorted_indices is not None:
        order = np.asarray(unsorted_indices)
    elif sorted_indices is not None:
        order = np.argsort(np.asarray(sorted_indices))
    else:
        return x, lengths
    if sorted(order.tolist()) != list(range(m)):
        raise ShapeError(f"the indices are {order.tolist()}; expected 0..{m - 1}, each once.")
    return x[order], lengths[order]
