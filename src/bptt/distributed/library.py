"""What a process does with the MPI library as a whole: load it, end all ranks by it."""

import ctypes
import sys
from typing import Any

import numpy as np

from ..errors import ConfigError
from .communicator import Communicator, where


def module() -> Any:
    """Return the module mpi4py.MPI; MPI is initialized.

    Raises
    ------
    ConfigError
        There is no MPI library.
    """
    try:
        from mpi4py import MPI as mpi  # type: ignore[import-not-found]
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"mpi4py finds no MPI library ({str(error).splitlines()[0]:.200}); load the MPI module "
            f"of the cluster, or pip install mpich."
        ) from error
    return mpi


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


def end_all_after_an_exception(communicator: Communicator) -> None:
    """Make an exception that nothing catches end all ranks, after its traceback."""
    before = sys.excepthook

    def hook(kind, error, traceback):
        before(kind, error, traceback)
        communicator.abort(
            1, f"{where(communicator, communicator.rank)} raised {kind.__name__}; all ranks end."
        )

    sys.excepthook = hook
