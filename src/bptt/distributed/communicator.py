"""How ranks exchange arrays: the protocol, and the communicator of a single process."""

import json
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np

Messages = Sequence[tuple[int, np.ndarray]]  # (the other rank, a contiguous array)


@runtime_checkable
class Communicator(Protocol):
    """What training needs of a group of processes.

    All ranks call `exchange` and `sum` in the same order. Neither returns before its arrays are
    complete; neither waits without end.

    Attributes
    ----------
    rank, size : int
        Number of this process, 0 .. size - 1, and number of all.
    """

    rank: int
    size: int

    def exchange(self, sent: Messages, received: Messages) -> None:
        """Send arrays to other ranks and fill arrays with what they send.

        Between two ranks messages keep their order; shapes and dtypes agree on both sides.
        """
        ...

    def sum(self, *arrays: np.ndarray) -> None:
        """Replace each array by its sum over all ranks, in any order of addition."""
        ...

    def abort(self, status: int, sentence: str = "") -> NoReturn:
        """End all ranks with an exit status; `sentence` is written to standard error."""
        ...


class Alone:
    """The communicator of one process: nothing is exchanged."""

    rank: int = 0
    size: int = 1

    def exchange(self, sent: Messages, received: Messages) -> None:
        """Do nothing."""

    def sum(self, *arrays: np.ndarray) -> None:
        """Do nothing: the sum over one rank is its array."""

    def abort(self, status: int, sentence: str = "") -> NoReturn:
        """Raise SystemExit."""
        raise SystemExit(sentence or status)


def where(communicator: Communicator, rank: int) -> str:
    """Return a rank in words: "rank 3 on node17", where the communicator has `hosts`."""
    hosts = getattr(communicator, "hosts", None)
    return f"rank {rank} on {hosts[rank]}" if hosts else f"rank {rank}"


def end_all(communicator: Communicator, error: BaseException) -> NoReturn:
    """End all ranks after an exception on this one: they would wait for it."""
    here, code = where(communicator, communicator.rank), getattr(error, "code", None)
    if isinstance(error, SystemExit):
        status = code if isinstance(code, int) and code else 1
        communicator.abort(status, f"{here} called sys.exit({code!r:.80}) in a step; all end.")
    status = 130 if isinstance(error, KeyboardInterrupt) else 1
    trace = "".join(traceback.format_exception(error)).rstrip()
    communicator.abort(status, f"{here} raised {type(error).__name__}; all ranks end.\n{trace}")


def gather(communicator: Communicator, own: np.ndarray) -> list[np.ndarray]:
    """Return an array of every rank, in the order of the ranks; all have the same shape.

    Parameters
    ----------
    communicator : Communicator
    own : ndarray, contiguous
    """
    rank, others = communicator.rank, [np.empty_like(own) for _ in range(communicator.size)]
    others[rank] = own
    apart = [j for j in range(communicator.size) if j != rank]
    communicator.exchange([(j, own) for j in apart], [(j, others[j]) for j in apart])
    return others


def gather_texts(communicator: Communicator, own: str, size: int) -> list[str]:
    """Return a text of every rank, in the order of the ranks; at most `size` bytes of each."""
    padded = np.frombuffer(own.encode()[:size].ljust(size, b"\0"), np.uint8)
    texts = gather(communicator, padded)
    return [text.tobytes().rstrip(b"\0").decode(errors="replace") for text in texts]


def gather_plain(communicator: Communicator, own: Any) -> list[Any]:
    """Return a value of plain types, as JSON has them, of every rank, in the order of the ranks."""
    if communicator.size == 1:
        return [own]
    text = np.frombuffer(json.dumps(own).encode(), np.uint8)
    sizes = gather(communicator, np.array([len(text)]))
    texts = [np.empty(int(size[0]), np.uint8) for size in sizes]
    apart = [j for j in range(communicator.size) if j != communicator.rank]
    communicator.exchange([(j, text) for j in apart], [(j, texts[j]) for j in apart])
    texts[communicator.rank] = text
    return [json.loads(text.tobytes()) for text in texts]
