"""Load the MPI library, and end all ranks by it, without the interpreter's lock."""

import atexit
import ctypes
import sys
from typing import Any

import numpy as np

from ..errors import ConfigError


def module() -> Any:
    """Return the module mpi4py.MPI; MPI is initialized.

    Raises
    ------
    ConfigError
        There is no MPI library.
    """
    if "mpi4py.MPI" in sys.modules:
        return sys.modules["mpi4py.MPI"]
    import mpi4py  # type: ignore[import-not-found]

    initialize, mpi4py.rc.initialize = mpi4py.rc.initialize, False
    try:
        from mpi4py import MPI as mpi  # type: ignore[import-not-found]
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"mpi4py finds no MPI library ({str(error).splitlines()[0]:.200}); load the MPI module "
            f"of the cluster, or pip install mpich."
        ) from error
    finally:
        mpi4py.rc.initialize = initialize
    if initialize and not mpi.Is_initialized():
        _initialize(mpi)
    return mpi


def _initialize(mpi):
    """Call MPI_Init_thread without the interpreter's lock: it waits for all ranks without end."""
    try:
        function = ctypes.CDLL(mpi.__file__).MPI_Init_thread
    except (AttributeError, OSError):
        mpi.Init_thread()
    else:
        function(None, None, ctypes.c_int(mpi.THREAD_MULTIPLE), ctypes.byref(ctypes.c_int()))
        for comm in (mpi.COMM_WORLD, mpi.COMM_SELF):
            comm.Set_errhandler(mpi.ERRORS_RETURN)  # mpi4py makes exceptions of them
    atexit.register(mpi.Finalize)


def abort(module: Any, status: int) -> None:
    """Call MPI_Abort without the interpreter's lock: it may hang where a link is cut."""
    world = module.COMM_WORLD
    try:
        function = ctypes.CDLL(module.__file__).MPI_Abort
        function(ctypes.c_void_p(module._handleof(world)), ctypes.c_int(status))
    except (AttributeError, OSError):
        world.Abort(status)


def raw(array: np.ndarray) -> np.ndarray:
    """Return the bytes of a contiguous array: every dtype is sent in the same way."""
    return array.reshape(-1).view(np.uint8)
