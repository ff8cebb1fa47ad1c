"""One thread for NumPy's BLAS, where sharing the work costs more than it saves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_NAMES = (  # get and set of the BLAS libraries that NumPy is linked with
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
)
_lock = threading.Lock()
_inside: list[int] = []  # of every block that is running: the number of threads before the first


@cache
def _threads() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """Return the functions that read and set the number of threads of NumPy's BLAS, if found."""
    import ctypes

    try:
        from numpy.linalg import _umath_linalg  # symbols are found in what it is linked with

        library = ctypes.CDLL(_umath_linalg.__file__)
    except (ImportError, OSError):
        return None
    for get, put in _NAMES:
        if hasattr(library, get) and hasattr(library, put):
            return getattr(library, get), getattr(library, put)
    return None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run a block with one thread of NumPy's BLAS, where its library is known.

    Blocks may overlap in several threads: the last to end restores the number.
    """
    functions = _threads()
    if functions is None:
        yield
        return
    get, put = functions
    with _lock:
        _inside.append(_inside[0] if _inside else get())
        put(1)
    try:
        yield
    finally:
        with _lock:
            before = _inside.pop()
            if not _inside:
                put(before)
