"""The engine: the mathematics of `bptt.equations` for batch-first arrays, by one of its providers.

``provider()`` returns the one in use. What it offers is `Provider`, in `bptt.engine.contract`.
"""

import os
import warnings

from ..errors import EngineError, operation
from .contract import Provider, Stepper, Tape

__all__ = ["Provider", "Stepper", "Tape", "get_num_threads", "provider", "set_num_threads"]

_chosen: Provider | None = None


def provider() -> Provider:
    """Return the provider in use: the native one where it is built, else the NumPy one.

    ``BPTT_ENGINE=native`` or ``BPTT_ENGINE=numpy`` in the environment forces one. Falling back to
    NumPy gives one warning.

    Raises
    ------
    EngineError
        The environment names a provider that does not exist or was not built.
    """
    global _chosen
    if _chosen is None:
        _chosen = _choose(os.environ.get("BPTT_ENGINE", "auto"))
    return _chosen


def _choose(wanted: str) -> Provider:
    if wanted not in ("auto", "native", "numpy"):
        raise EngineError(f"BPTT_ENGINE is {wanted!r}; expected auto, native or numpy.")
    if wanted != "numpy":
        try:
            from .native_provider import NativeProvider

            return NativeProvider()
        except ImportError as error:
            if wanted == "native":
                raise EngineError(
                    f"BPTT_ENGINE is 'native', which is not built: {error}."
                ) from None
            warnings.warn(
                "bptt: the native engine is not built; the NumPy provider is used, several times "
                "slower. Install with a C++17 compiler to get it (see bptt.show_config()).",
                RuntimeWarning,
                stacklevel=4,
            )
    from .numpy_provider import NumpyProvider

    return NumpyProvider()


def get_num_threads() -> int:
    """Return how many threads the engine may use."""
    return provider().get_num_threads()


@operation
def set_num_threads(n: int) -> None:
    """Let the engine use up to n threads; small problems stay on one all the same.

    The default is what the process may use, or ``OMP_NUM_THREADS`` where that is set.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ConfigError
        n is not a whole number >= 1.
    EngineError
        The NumPy provider is in use: its threads are those of NumPy's BLAS.
    """
    provider().set_num_threads(n)
