"""Initial values of weight matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ConfigError

Initializer = Callable[
    ["np.random.Generator", tuple[int, ...]], np.ndarray
]  # random is not loaded yet


def glorot_uniform(rng: "np.random.Generator", shape: tuple[int, ...]) -> np.ndarray:
    """Draw from a uniform distribution on +-sqrt(6 / (fan_in + fan_out)).

    Glorot & Bengio 2010, equation 16.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int, (fan_out, fan_in)
    """
    limit = np.sqrt(6.0 / max(1, sum(shape)))
    return rng.uniform(-limit, limit, shape)


def orthogonal(rng: "np.random.Generator", shape: tuple[int, ...]) -> np.ndarray:
    """Draw an orthogonal matrix uniformly (Haar measure; Saxe et al. 2014, Mezzadri 2007).

    The Q of a Gaussian matrix's QR factorization, each column with the sign that makes R's
    diagonal positive: otherwise the draw is not uniform. A matrix with more columns than rows has
    orthonormal rows.
    """
    from .one_thread import one_blas_thread  # here: `import bptt` needs no threads

    n_rows, n_columns = shape
    normal = rng.standard_normal((max(shape), min(shape)))
    with one_blas_thread():  # on a busy machine its threads wait for one another: 2 s for 10 ms
        q, r = np.linalg.qr(normal)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if n_rows >= n_columns else q.T


def need_generator(rng: Any) -> None:
    """Refuse anything that draws no random numbers: a seed, None.

    Raises
    ------
    ConfigError
    """
    if not hasattr(rng, "standard_normal"):
        kind = rng.__name__ if isinstance(rng, type) else type(rng).__name__
        raise ConfigError(
            f"rng is a {kind}; expected a numpy.random.Generator, such as "
            f"numpy.random.default_rng(0)."
        )


def float_dtype(dtype: Any) -> np.dtype:
    """Return float32 or float64 as NumPy's dtype.

    Raises
    ------
    ConfigError
        Another dtype, or none at all.
    """
    try:
        known = np.dtype(dtype)
    except (TypeError, ValueError):
        raise ConfigError(f"dtype is {repr(dtype)[:80]}; expected float32 or float64.") from None
    if known not in (np.float32, np.float64):
        raise ConfigError(f"dtype is {known}; expected float32 or float64.")
    return known


def parameter_array(value: np.ndarray, dtype: type | np.dtype) -> np.ndarray:
    """Return an initial value as a contiguous array of `dtype`, float32 or float64.

    Raises
    ------
    ConfigError
        Another dtype.
    """
    return np.ascontiguousarray(value, dtype=float_dtype(dtype))
