"""Token files: a corpus as token ids on disk, read window by window.

``big.npy`` holds the ids, 1, 2 or 4 bytes each, in the format of NumPy; beside it
``big.vocabulary.safetensors`` holds tokenizer, vocabulary, document offsets and the digest of the
ids. Slices are read with the file's position given, not mapped: a mapped file that somebody
truncates ends the process.
"""

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import DataError, operation
from ..safe_files import reason
from ..training.array_files import load_arrays
from ..training.token_slices import TokenSlices
from .text_encoder import TextEncoder

PathLike = str | os.PathLike[str]

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '(\|u1|<u2|<u4)', 'fortran_order': (?:False|True), "
    rb"'shape': \((\d{1,18}),\), \} *\n"
)
_HEADER_BYTES = 128
_SAMPLES, _SAMPLE_BYTES = 16, 4096


class StoredTokens:
    """Token ids in a file: an object with a length whose slices are arrays, read when asked for.

    Parameters
    ----------
    path : path-like
    dtype : numpy.dtype
    start, stop : int
        The tokens of the file that are meant.
    offset : int
        Bytes before the first token of the file.
    n_ids : int
        The ids are below this.
    """

    def __init__(self, path: Path, dtype: "np.dtype[Any]", start: int, stop: int, offset: int,
                 n_ids: int):  # fmt: skip
        self.path, self.dtype, self.offset, self.n_ids = path, dtype, offset, n_ids
        self.start, self.stop = start, stop
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = self.path, self.dtype, self.start, self.stop, self.offset, self.n_ids
        return type(self), arguments

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        n = max(0, stop - start)
        first = self.offset + (self.start + start) * self.dtype.itemsize
        try:
            data = self._read(first, n * self.dtype.itemsize)
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {reason(error)}.") from error
        if len(data) < n * self.dtype.itemsize:
            raise DataError(f"{self.path} has become shorter; expected it unchanged.")
        ids = np.frombuffer(data, self.dtype)
        if n and int(ids.max()) >= self.n_ids:
            raise DataError(
                f"{self.path} holds the token id {ids.max()}; expected ids below {self.n_ids}, "
                f"because of the vocabulary beside it."
            )
        return ids

    def _read(self, first, count):
        if self._file is None:
            self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - kept open
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), count, first)
        with self._lock:
            self._file.seek(first)
            return self._file.read(count)

    def between(self, start: int, stop: int) -> "StoredTokens":
        """Return a part without reading it."""
        return StoredTokens(
            self.path, self.dtype, self.start + start, self.start + stop, self.offset, self.n_ids
        )


class RenamedTokens:
    """Token ids that another vocabulary gives to the tokens of a file.

    Parameters
    ----------
    tokens : StoredTokens
    table : ndarray of int
        The new id of each id.
    """

    def __init__(self, tokens: StoredTokens, table: np.ndarray):
        self._tokens, self._table = tokens, table

    def __len__(self) -> int:
        return len(self._tokens)

    def __getitem__(self, part: slice) -> np.ndarray:
        return self._table[self._tokens[part]]


class TokenFile:
    """A corpus of token ids in a file, which models read window by window.

    ``bptt tokenize`` or `write_token_file` makes it. `LanguageModel` takes it in place of a text or
    of documents, in `fit`, `score` and as validation data. Only the windows in use are in memory.

    Parameters
    ----------
    path : str or path-like
        The ``.npy`` file.

    Attributes
    ----------
    path : Path
    encoder : TextEncoder
        Tokenizer and vocabulary.
    texts : TokenSlices
        The documents, or one text.
    digest : str
        SHA-256 of all ids, computed when the file was written; see `verify`.

    Raises
    ------
    DataError
        A file is missing, damaged, or the two do not belong together.
    """

    @operation
    def __init__(self, path: PathLike):
        self.path: Path = Path(path)
        dtype, count, offset = read_header(self.path)
        arrays, config = load_arrays(vocabulary_path(self.path))
        try:
            self.encoder: TextEncoder = encoder_of(arrays, config)
            starts, stops = _bounds(arrays, config, count)
            self.digest: str = str(config["sha256"])
            expected = (str(config["dtype"]), int(config["tokens"]), str(config["samples"]))
        except (KeyError, TypeError, ValueError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DataError(
                f"{vocabulary_path(self.path)} does not describe a token file: {why.rstrip('.')}."
            ) from error
        if expected != (dtype.name, count, samples_digest(self.path, dtype, count, offset)):
            raise DataError(
                f"{self.path} does not belong to {vocabulary_path(self.path)}; expected both as "
                f"they were written (run bptt tokenize again)."
            )
        tokens = StoredTokens(self.path, dtype, 0, count, offset, self.encoder.n_ids)
        self.texts: TokenSlices = TokenSlices(tokens, starts, stops)

    def __len__(self) -> int:
        """Return the number of documents; of one text, the number of tokens."""
        return len(self.texts) if self.encoder.documents else len(self.texts.tokens)

    def __repr__(self) -> str:
        what = "documents" if self.encoder.documents else "tokens"
        return f"TokenFile({str(self.path)!r}): {len(self):,} {what}"

    @property
    def identity(self) -> list[Any]:
        """What tells this part of this file from others: the digest and the number of tokens."""
        return [self.digest, len(self)]

    @operation
    def verify(self) -> None:
        """Read all ids and compare them with the digest.

        Raises
        ------
        DataError
            They are not those that were written, or one is not in the vocabulary.
        """
        tokens, sha = self.texts.tokens, hashlib.sha256()
        for start in range(0, len(tokens), _PART):
            sha.update(tokens[start : start + _PART])
        if sha.hexdigest() != self.digest:
            raise DataError(f"{self.path} is damaged: its ids do not match their sha256 digest.")

    def split(self, fraction: float, rng: np.random.Generator) -> "tuple[TokenFile, TokenFile]":
        """Return the training part and the held-out part.

        The held-out part of one text begins with the last token of the training part, after which
        its first one is predicted; of documents, it is a random sample.

        Parameters
        ----------
        fraction : float
            Share that is held out.
        rng : numpy.random.Generator
        """
        tokens, n = self.texts.tokens, len(self)
        if not self.encoder.documents:
            kept = int((1 - fraction) * n)
            first, last = tokens.between(0, kept), tokens.between(max(0, kept - 1), n)
            return self._with(one_text(first)), self._with(
                one_text(last if kept < n else first[:0])
            )
        held = int(fraction * n)
        order = rng.permutation(n) if held else np.arange(n)
        parts = np.sort(order[held:]), np.sort(order[:held])
        return self._with(self.texts.take(parts[0])), self._with(self.texts.take(parts[1]))

    def _with(self, texts):
        part = object.__new__(type(self))
        vars(part).update(vars(self), texts=texts)
        return part

    def encoded_by(self, encoder: TextEncoder) -> TokenSlices:
        """Return the texts with the ids of another encoder of the same tokenizer.

        A token that the file's vocabulary does not have stays unknown.

        Raises
        ------
        DataError
            The other encoder splits texts differently.
        """
        own = self.encoder
        if (own.kind, own.documents) != (encoder.kind, encoder.documents):
            kinds = ["documents" if e.documents else "one text" for e in (own, encoder)]
            raise DataError(
                f"{self.path} holds {kinds[0]} of {own.tokenizer}; expected {kinds[1]} of "
                f"{encoder.tokenizer}, as the model was trained on."
            )
        if own.vocabulary.tokens == encoder.vocabulary.tokens:
            return self.texts
        marks = [encoder.n_ids - 1] * own.documents
        table = np.concatenate([[0], encoder.vocabulary.ids(own.vocabulary.tokens), marks])
        tokens = RenamedTokens(self.texts.tokens, table.astype(np.int64))
        return TokenSlices(tokens, self.texts.starts, self.texts.stops)


_PART = 2**20  # tokens hashed at a time


def one_text(tokens: Any) -> TokenSlices:
    """Return tokens as one text."""
    return TokenSlices(tokens, np.zeros(1, np.int64), np.array([len(tokens)], np.int64))


def vocabulary_path(path: Path) -> Path:
    """Return the file beside a token file: ``big.vocabulary.safetensors`` for ``big.npy``."""
    return path.with_suffix(".vocabulary.safetensors")


def header(dtype: "np.dtype[Any]", count: int) -> bytes:
    """Return the first bytes of a ``.npy`` file with one axis; their number is always the same."""
    descr = "|u1" if dtype.itemsize == 1 else f"<u{dtype.itemsize}"
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({count},), }}"
    length = _HEADER_BYTES - len(_MAGIC) - 2
    return _MAGIC + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n"


def read_header(path: Path) -> "tuple[np.dtype[Any], int, int]":
    """Return dtype, number of tokens and bytes before them; compare with the size of the file.

    Raises
    ------
    DataError
    """
    try:
        if not path.is_file():  # before opening: a pipe would block
            raise DataError(f"cannot read {path}: no such file, or not a regular file.")
        with open(path, "rb") as file:
            start = file.read(10)
            length = int.from_bytes(start[8:], "little")
            match = _HEADER.fullmatch(file.read(length))
            size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {reason(error)}.") from error
    if start[:8] != _MAGIC or not match:
        raise DataError(
            f"{path} is not a token file; expected a .npy file of one axis of uint8, uint16 or "
            f"uint32, as bptt tokenize writes it."
        )
    dtype, count, offset = np.dtype(match[1].decode()), int(match[2]), 10 + length
    if size != offset + count * dtype.itemsize:
        raise DataError(
            f"{path} has {size} bytes; expected {offset + count * dtype.itemsize}, because its "
            f"header declares {count} tokens of {dtype}."
        )
    return dtype, count, offset


def samples_digest(path: Path, dtype: "np.dtype[Any]", count: int, offset: int) -> str:
    """Return a digest of parts of a file, spread over it: tells other content in a moment."""
    size, sha = count * dtype.itemsize, hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            for k in range(_SAMPLES):
                file.seek(offset + max(0, size - _SAMPLE_BYTES) * k // (_SAMPLES - 1))
                sha.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise DataError(f"cannot read {path}: {reason(error)}.") from error
    return sha.hexdigest()


def strings_as_arrays(name: str, strings: list[str]) -> dict[str, np.ndarray]:
    """Return strings as two arrays: their UTF-8 bytes, and the number of bytes of each."""
    encoded = [s.encode() for s in strings]
    lengths = np.array([len(e) for e in encoded], np.uint32)
    return {name: np.frombuffer(b"".join(encoded), np.uint8), f"{name}_lengths": lengths}


def strings_of_arrays(name: str, arrays: dict[str, np.ndarray]) -> list[str]:
    """Undo `strings_as_arrays`.

    Raises
    ------
    KeyError, ValueError
    """
    data, lengths = arrays[name], arrays[f"{name}_lengths"]
    ends = np.cumsum(lengths, dtype=np.int64)
    if data.dtype != np.uint8 or lengths.dtype != np.uint32 or lengths.ndim != 1:
        raise ValueError(f"its {name} is not stored as bytes")
    if len(data) != (ends[-1] if len(ends) else 0):
        raise ValueError(f"its {name} does not have the length that it declares")
    raw, starts = data.tobytes(), [0, *ends.tolist()]
    return [raw[a:b].decode() for a, b in pairwise(starts)]


def encoder_of(arrays: dict[str, np.ndarray], config: dict[str, Any]) -> TextEncoder:
    """Return the encoder of the file beside a token file.

    Raises
    ------
    ConfigError, KeyError, TypeError, ValueError
    """
    if config.get("kind") != "TokenFile":
        raise ValueError("its kind is not TokenFile")
    state = {"documents": config["documents"], "tokenizer": config["tokenizer"]}
    if "subwords" in arrays:
        state["subwords"] = arrays["subwords"].tobytes().decode()
    else:
        state["vocabulary"] = strings_of_arrays("vocabulary", arrays)
    return TextEncoder.from_json(None, state)


def _bounds(arrays, config, count):
    """Return where the documents begin and end, or where the text does."""
    if not config["documents"]:
        return np.zeros(1, np.int64), np.array([count], np.int64)
    marks = arrays["offsets"]  # places of the end marks
    right = marks.dtype == np.int64 and marks.ndim == 1 and len(marks) > 1
    if not right or marks[0] != 0 or marks[-1] != count - 1 or (np.diff(marks) < 1).any():
        raise ValueError("its offsets are not rising places in the file")
    return marks[:-1], marks[1:] + 1


def blocks(parts: Iterator[np.ndarray], dtype: "np.dtype[Any]") -> Iterator[bytes]:
    """Yield the bytes of arrays as they are written."""
    return (part.astype(dtype.newbyteorder("<")).tobytes() for part in parts)
