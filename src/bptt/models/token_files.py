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
import weakref
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import ConfigError, DataError, operation
from ..safe_files import printable, reason
from ..training.array_files import load_arrays
from ..training.token_slices import TokenSlices
from .text_encoder import TextEncoder

PathLike = str | os.PathLike[str]

_MAGIC = b"\x93NUMPY\x01\x00"
HEADER_BYTES = 128
_HEADER = re.compile(
    re.escape(_MAGIC) + rb"\x76\x00\{'descr': '(\|u1|<u2|<u4)', 'fortran_order': False, "
    rb"'shape': \((\d{1,18}),\), \} *\n"
)
_SAMPLES, _SAMPLE_BYTES = 16, 4096


class Reader:
    """Reads parts of a file, from any thread; opened at the first one, closed with the last user.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self.path = path
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)

    def __call__(self, first: int, count: int) -> bytes:
        """Return `count` bytes from the place `first`; fewer at the end of the file.

        Raises
        ------
        DataError
        """
        try:
            with self._lock:
                if self._file is None:
                    self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115
                    weakref.finalize(self, self._file.close)
                if not hasattr(os, "pread"):
                    self._file.seek(first)
                    return self._file.read(count)
            return os.pread(self._file.fileno(), count, first)
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {reason(error)}.") from error


class StoredTokens:
    """Token ids in a file: an object with a length whose slices are arrays, read when asked for.

    Parameters
    ----------
    read : Reader
    dtype : numpy.dtype
    start, stop : int
        The tokens of the file that are meant.
    n_ids : int
        The ids are below this.
    """

    def __init__(self, read: Reader, dtype: "np.dtype[Any]", start: int, stop: int, n_ids: int):
        self.dtype, self.n_ids = dtype, n_ids
        self.start, self.stop = start, stop
        self._read = read

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        n, size = max(0, stop - start), self.dtype.itemsize
        data = self._read(HEADER_BYTES + (self.start + start) * size, n * size)
        if len(data) < n * size:
            raise DataError(f"{self._read.path} has become shorter; expected it unchanged.")
        ids = np.frombuffer(data, self.dtype)
        if n and int(ids.max()) >= self.n_ids:
            raise DataError(
                f"{self._read.path} holds the token id {ids.max()}; expected ids below "
                f"{self.n_ids}, because of the vocabulary beside it."
            )
        return ids

    def between(self, start: int, stop: int) -> "StoredTokens":
        """Return a part without reading it."""
        first = self.start
        return StoredTokens(self._read, self.dtype, first + start, first + stop, self.n_ids)


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
        dtype, count, samples = read_header(self.path)
        beside = vocabulary_path(self.path)
        arrays, config = load_arrays(beside)
        try:
            if config.get("kind") != "TokenFile":
                raise ValueError("its kind is not TokenFile")
            self.encoder: TextEncoder = TextEncoder.from_json(None, config)
            starts, stops = _bounds(arrays, config, count)
            self.digest: str = str(config["sha256"])
            expected = [config[name] for name in ("dtype", "tokens", "samples")]
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DataError(
                f"{beside} does not describe a token file: {printable(why, 200).rstrip('.')}."
            ) from error
        if expected != [dtype.name, count, samples]:
            raise DataError(
                f"{self.path} does not belong to {beside}; expected both as they were written (run "
                f"bptt tokenize again)."
            )
        tokens = StoredTokens(Reader(self.path), dtype, 0, count, self.encoder.n_ids)
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

        Held out is the end of a text; of documents, a random sample.

        Parameters
        ----------
        fraction : float
            Share that is held out.
        rng : numpy.random.Generator
        """
        tokens, n = self.texts.tokens, len(self)
        if not self.encoder.documents:
            kept = int((1 - fraction) * n)
            first, last = tokens.between(0, kept), tokens.between(kept, n)
            return self._with(one_text(first)), self._with(one_text(last))
        held = int(fraction * n)
        order = rng.permutation(n) if held else np.arange(n)
        parts = np.sort(order[held:]), np.sort(order[:held])
        return self._with(self.texts.take(parts[0])), self._with(self.texts.take(parts[1]))

    def with_last_before(self) -> "TokenFile":
        """Return the part of a text with the token before it, which predicts its first one."""
        tokens = self.texts.tokens
        if self.encoder.documents or not tokens.start:
            return self
        return self._with(one_text(tokens.between(-1, len(tokens))))

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
    length = HEADER_BYTES - len(_MAGIC) - 2
    return _MAGIC + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n"


def read_header(path: Path) -> "tuple[np.dtype[Any], int, str]":
    """Return dtype, number of tokens and `samples_digest`; compare them with the file's size.

    Raises
    ------
    DataError
    """
    try:
        if not path.is_file():  # before opening: a pipe would block
            raise DataError(f"cannot read {path}: no such file, or not a regular file.")
        with open(path, "rb", buffering=0) as file:
            start, size = file.read(HEADER_BYTES), os.fstat(file.fileno()).st_size
            match = _HEADER.fullmatch(start)
            samples = samples_digest(file, max(0, size - HEADER_BYTES)) if match else ""
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot read {path}: {reason(error)}.") from error
    if not match:
        raise DataError(
            f"{path} is not a token file; expected one that bptt tokenize has written (a .npy file "
            f"of uint8, uint16 or uint32)."
        )
    dtype, count = np.dtype(match[1].decode()), int(match[2])
    if size != HEADER_BYTES + count * dtype.itemsize:
        raise DataError(
            f"{path} has {size} bytes; expected {HEADER_BYTES + count * dtype.itemsize}, because "
            f"its header declares {count} tokens of {dtype}."
        )
    return dtype, count, samples


def is_token_file(path: Path) -> bool:
    """Return whether a file begins as a ``.npy`` file, whatever its name."""
    try:
        if not path.is_file():
            return path.suffix == ".npy"
        with open(path, "rb") as file:
            return file.read(6) == _MAGIC[:6]
    except (OSError, ValueError):
        return False


def samples_digest(file: Any, size: int) -> str:
    """Return a digest of parts of the ids, spread over them: other content is found in a moment.

    Parameters
    ----------
    file : unbuffered binary file
    size : int
        Bytes of the ids.
    """
    sha = hashlib.sha256()
    for k in range(_SAMPLES):
        file.seek(HEADER_BYTES + max(0, size - _SAMPLE_BYTES) * k // (_SAMPLES - 1))
        sha.update(file.read(_SAMPLE_BYTES))
    return sha.hexdigest()


def _bounds(arrays, config, count):
    """Return where the documents begin and end, or where the text does."""
    if not config["documents"]:
        return np.zeros(1, np.int64), np.array([count], np.int64)
    marks = arrays["offsets"]  # places of the end marks
    right = marks.dtype == np.int64 and marks.ndim == 1 and len(marks) > 1
    if not right or marks[0] != 0 or marks[-1] != count - 1 or (np.diff(marks) < 1).any():
        raise ValueError("its offsets are not rising places in the file")
    return marks[:-1], marks[1:] + 1
