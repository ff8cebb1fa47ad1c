"""What must be known of all sequences before a training; of a collection each rank reads a part."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import errors
from ..distributed import Communicator
from ..distributed.communicator import gather_plain
from ..distributed.tree import own_parts
from ..errors import BpttError
from ..readers import Data
from .collection import Collection
from .data_frames import NO_COLUMNS, FrameColumns
from .encoder import Encoder
from .learning import Learner, Seen, learn
from .scaling import Moments
from .sequences import kind_of, named, numeric, text_of

_BLOCKS = 1024  # of a collection, whatever the number of ranks: the unit of what a rank reads
_CHUNK = 64  # sequences in memory at a time


class Encoded:
    """Sequences of a collection as the network reads them: each is read when it is needed.

    Parameters
    ----------
    data : Data
    encoder : Encoder
    lengths : ndarray of int64
        Numbers of steps of all sequences.
    places : ndarray of int64, optional
        The chosen ones. Default: all.
    """

    def __init__(
        self, data: Data, encoder: Encoder, lengths: np.ndarray, places: np.ndarray | None = None
    ):
        self._all = data, encoder, lengths
        self._places = np.arange(len(lengths)) if places is None else places

    @property
    def lengths(self) -> np.ndarray:
        """Numbers of steps."""
        return self._all[2][self._places]

    def chosen(self, places: Any) -> "Encoded":
        """Return some of the sequences."""
        return Encoded(*self._all, self._places[places])

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> np.ndarray:
        data, encoder, _ = self._all
        place = int(self._places[i])
        return encoder.encode_sequence(named(place, data.ids), data.X[place])


def chosen(inputs: Any, places: Any) -> Any:
    """Return some sequences of a list, or of an `Encoded`."""
    return inputs.chosen(places) if isinstance(inputs, Encoded) else [inputs[i] for i in places]


def lengths_of(inputs: Any) -> np.ndarray:
    """Return the numbers of steps of a list of sequences, or of an `Encoded`."""
    return inputs.lengths if isinstance(inputs, Encoded) else np.array(list(map(len, inputs)))


def prepared(
    data: Data,
    encoder: Encoder | None,
    communicator: Communicator,
    training: Iterable[int] = (),
    model: Any = None,
    frame: FrameColumns = NO_COLUMNS,
) -> tuple[Encoder, "list[np.ndarray] | Encoded", list[np.ndarray]]:
    """Return the encoder, what the network reads, and arrays for a digest of the data.

    The sequences of a collection are read once: each rank reads a part of them.

    Parameters
    ----------
    data : Data
    encoder : Encoder, optional
        None: it is learned from the sequences of `training` with the hyper-parameters of `model`,
        and keeps `frame`.
    communicator : Communicator

    Raises
    ------
    ShapeError, ConfigError
        The same on all ranks.
    """
    if not isinstance(data.X, Collection):
        encoder = encoder or learn(data, training, model, frame)
        inputs = encoder.encode(data)
        return encoder, inputs, inputs
    chosen = np.zeros(len(data.X), bool)
    chosen[list(training)] = True
    if encoder is not None:
        lengths, sha, _ = _read(data, chosen, encoder, communicator)
    else:
        read = ((i, data.X[i]) for i in np.flatnonzero(chosen).tolist())
        # an empty list may be one of words
        clear = ((i, x) for i, x in read if not isinstance(x, (list, tuple)) or x)
        first, like = next(clear, (int(np.argmax(chosen)), []))
        learner = Learner(data, kind_of(like), first, like, model, frame)
        lengths, sha, seen = _read(data, chosen, learner, communicator)
        encoder = learner.learned(seen)
    return encoder, Encoded(data, encoder, lengths), [np.frombuffer(sha.digest(), np.uint8)]


def _read(data, training, reader, communicator):
    """Read all sequences, each rank some blocks; return lengths, digest and what was seen."""
    n = min(len(data.X), _BLOCKS)
    ends = len(data.X) * np.arange(n + 1) // n
    rank, size = communicator.rank, communicator.size
    own, failed = {}, None
    try:
        blocks, all_seen = [], Seen()
        for k in own_parts(n, rank, size):
            *block, seen = _block(data, range(ends[k], ends[k + 1]), training, reader)
            moments = [] if not seen.moments else [Moments.merged(seen.moments).to_json()]
            blocks.append([*block, moments])
            all_seen.add(seen)
        categories = [[j, values.tolist()] for j, values in all_seen.categories.items()]
        own = {
            "blocks": blocks, "categories": categories,
            "tokens": all_seen.tokens, "letters": all_seen.letters,
        }  # fmt: skip
    except BpttError as error:
        failed = error
        kinds = (kind.__name__ for kind in type(error).__mro__)
        own = {"error": next(k for k in kinds if k in errors.__all__), "message": str(error)}
    lengths, sha, seen = [], hashlib.sha256(), Seen()
    for j, one in enumerate(gather_plain(communicator, own)):
        if "error" in one:
            raise failed if failed and j == rank else getattr(errors, one["error"])(one["message"])
        for own_lengths, digest, moments in one["blocks"]:
            lengths += own_lengths
            sha.update(bytes.fromhex(digest))
            seen.moments += map(Moments.from_json, moments)
        categories = {j: np.array(values, np.int64) for j, values in one["categories"]}
        seen.add(Seen([], categories, Counter(one["tokens"]), Counter(one["letters"])))
    return np.array(lengths, np.int64), sha, seen


def _block(data, places, training, reader):
    """Read a block; return lengths, digest, and what was seen of the training set."""
    lengths, sha, seen = [], hashlib.sha256(), Seen()
    kind = reader.kind
    for start in range(0, len(places), _CHUNK):
        some = {i: data.X[i] for i in places[start : start + _CHUNK]}
        for i, x in some.items():
            name = named(i, data.ids)
            if kind == "numbers":
                some[i] = x = numeric(name, x, columns=data.columns, missing=True)
                sha.update(f"{x.dtype.str} {x.shape}".encode() + np.ascontiguousarray(x).tobytes())
            else:
                some[i] = x = text_of(name, x, kind)
                sha.update(repr(x).encode())
            lengths.append(len(x))
        if isinstance(reader, Learner):
            seen.add(reader.see({i: x for i, x in some.items() if training[i]}))
            reader.see({i: x for i, x in some.items() if not training[i]})  # checks them
        else:
            for i, x in some.items():
                reader.encode_sequence(named(i, data.ids), x)
    return lengths, sha.hexdigest(), seen
