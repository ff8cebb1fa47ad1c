"""Predictions for collections larger than memory: a batch of sequences at a time."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from ..checks import is_whole
from ..errors import BpttError, ConfigError


def predict_in_batches(
    predict: Callable[[list[Any]], Any],
    source: Any,
    column: Any = None,
    batch_size: int = 256,
    start: int = 0,
) -> Iterator[Any]:
    """Yield a prediction for each sequence of a source, in its order.

    Parameters
    ----------
    predict : callable (list of sequences) -> predictions, one for each
    source : iterable of sequences, or object with ``len`` and ``[i]``
    column : str or int, optional
        Entry of each element of the source that is the sequence.
    batch_size : int
        Sequences held in memory at a time.
    start : int
        Sequences that are skipped.

    Raises
    ------
    ConfigError
        `batch_size` or `start` is not a whole number; an element has no such entry.
    """
    for name, value, least in (("batch_size", batch_size, 1), ("start", start, 0)):
        if not is_whole(value) or value < least:
            raise ConfigError(f"{name} is {value!r}; expected a whole number of at least {least}.")
    done, elements = start, iter(_from(source, start))
    while chunk := list(islice(elements, batch_size)):
        try:
            predictions = predict([_sequence(element, column) for element in chunk])
        except BpttError as error:
            last = done + len(chunk) - 1
            raise type(error)(f"sequences {done} to {last} of the source: {error}") from error
        yield from predictions
        done += len(chunk)


def _from(source: Any, start: int) -> Iterable[Any]:
    """Return the elements of a source from one on; those before are not read if it has ``[i]``."""
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return (source[i] for i in range(start, len(source)))
    return islice(source, start, None)


def _sequence(element, column):
    if column is None:
        if isinstance(element, dict):
            raise ConfigError(
                f"an element of the source has the entries {', '.join(map(str, element))}; "
                f"expected column, to say which of them is the sequence."
            )
        return element
    try:
        return element[column]
    except (LookupError, TypeError) as error:
        raise ConfigError(f"an element of the source has no entry {column!r}.") from error
