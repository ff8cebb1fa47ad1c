"""Training over several processes ("ranks"), one or more on each machine.

``model.fit(X, distributed="mpi")`` divides every batch among the ranks of an MPI job. Any object
with the members of `Communicator` may take the place of "mpi".
"""

from functools import cache
from typing import Any

from ..errors import ConfigError, operation
from .communicator import Alone, Communicator
from .mpi import MPI, STATUS_LOST

__all__ = ["MPI", "STATUS_LOST", "Alone", "Communicator", "connect"]


@operation
def connect(distributed: Any = None) -> Communicator:
    """Return the communicator that an argument `distributed` stands for.

    Parameters
    ----------
    distributed : None, "mpi" or Communicator
        None: one process. "mpi": all ranks of the MPI job; one where there is no job.

    Raises
    ------
    ConfigError
        It is something else, or mpi4py or an MPI library is not installed.
    """
    if distributed is None:
        return Alone()
    if isinstance(distributed, str) and distributed == "mpi":
        return _world()
    if isinstance(distributed, str) or not isinstance(distributed, Communicator):
        raise ConfigError(
            f"distributed is {distributed!r:.80}; expected None, 'mpi' or an object with the "
            f"members of bptt.distributed.Communicator."
        )
    return distributed


@cache
def _world():
    """Return one communicator for all trainings of this process: MPI has a few thousand."""
    return MPI()
