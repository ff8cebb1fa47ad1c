"""The engine: the mathematics of `bptt.equations` for batch-first arrays, by one of its providers.

``provider()`` returns the one in use. What it offers is `Provider`, in `bptt.engine.contract`.
"""

import os
import warnings
from importlib.util import find_spec

from ..errors import EngineError, operation
from .contract import Provider, Stepper, Tape

__all__ = ["Provider", "Stepper", "Tape", "get_num_threads", "provider", "set_num_threads"]

_chosen: Provider | None = None

# pip keeps the wheel that it built without a compiler, and would install that again.
_ADVICE = (
    "To get the native engine, install with a C++17 compiler: "
    "pip install --no-cache-dir --force-reinstall --no-deps bptt"
)


def provider() -> Provider:
    """Return the provider in use: the native one where it is built, else the NumPy one.

    ``BPTT_ENGINE=native`` or ``BPTT_ENGINE=numpy`` in the environment forces one, and ``BPTT_ISA``
    chooses the instruction set of the native one. Falling back to NumPy gives one warning.

    Raises
    ------
    EngineError
        The environment names a provider that does not exist or was not built, or an instruction
        set that does not exist or that this machine cannot run.
    """
    global _chosen
    if _chosen is None:
        _chosen = _choose(os.environ.get("BPTT_ENGINE") or "auto")
    return _chosen


def _choose(wanted: str) -> Provider:
    if wanted not in ("auto", "native", "numpy"):
        raise EngineError(f"BPTT_ENGINE is {wanted!r}; expected auto, native or numpy.")
    if wanted != "numpy":
        try:
            from .native_provider import NativeProvider
        except ImportError as error:
            why = _why_not(error)
            if wanted == "native":
                raise EngineError(f"BPTT_ENGINE is 'native', but {why}") from None
            warnings.warn(
                f"bptt: the NumPy provider is used, several times slower: {why}",
                RuntimeWarning,
                stacklevel=4,
            )
        else:
            return NativeProvider()
    from .numpy_provider import NumpyProvider

    return NumpyProvider()


def _why_not(error: ImportError) -> str:
    """Say why the native engine cannot be imported, and the way out."""
    import sysconfig

    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return (
            "the native engine does not support free-threaded Python. "
            "Use a Python with the interpreter lock."
        )
    if find_spec(f"{__name__}._native") is None:
        return f"the native engine is not built. {_ADVICE}"
    return f"the native engine is built but does not load ({error}). {_ADVICE}"


def get_num_threads() -> int:
    """Return how many threads the engine may use."""
    return provider().get_num_threads()


@operation
def set_num_threads(n: int) -> None:
    """Let the engine use up to n threads; small problems stay on one all the same.

    The default is the number of CPUs that the process may use, by its affinity mask and its cgroup
    CPU quota, or ``OMP_NUM_THREADS`` where that is set. Threads are started when a job needs them;
    where the system refuses further ones, the engine goes on with those there are.

    Parameters
    ----------
    n : int
        In 1..65535.

    Raises
    ------
    ConfigError
        n is not a whole number in 1..65535.
    EngineError
        The NumPy provider is in use: its threads are those of NumPy's BLAS.
    """
    provider().set_num_threads(n)
