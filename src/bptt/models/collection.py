"""Collections of sequences that are read when they are needed, such as datasets in files."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import ShapeError
from .data_frames import as_frame


class Collection:
    """Sequences that are read one at a time.

    Parameters
    ----------
    X : object with ``len`` and ``[i]``
    lengths : ndarray of int64, optional
        Numbers of valid steps, where they are known; the other steps are left out.

    Raises
    ------
    ShapeError
        By ``[i]``: it is a data frame, whose columns may have another order than others.
    """

    def __init__(self, X: Any, lengths: np.ndarray | None = None):
        self._X = X
        self.lengths: np.ndarray | None = lengths

    def __len__(self) -> int:
        return len(self._X)

    def __getitem__(self, i: int) -> Any:
        x = self._X[int(i)]
        if as_frame(x) is not None:
            raise ShapeError(
                f"X[{i}] is a data frame; expected an array, because X is no list but a "
                f"{type(self._X).__name__}: return x.to_numpy(), or pass a list of data frames."
            )
        return x if self.lengths is None else np.asarray(x[: self.lengths[i]])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


def is_collection(X: Any) -> bool:
    """Return whether X has ``len`` and ``[i]`` and is no list, array, text or dict."""
    known = isinstance(X, (list, tuple, str, bytes, np.ndarray, Mapping))
    return not known and hasattr(X, "__len__") and hasattr(X, "__getitem__")
