"""Write token files: see `bptt.models.token_files`."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..corpus import Paths, Split, stream_documents
from ..errors import CheckpointError, ConfigError, operation
from ..safe_files import reason, replacing, write_all
from ..training.array_files import save_arrays
from .numbering import Numbered
from .subwords import Subwords
from .text import TokenCounts, Vocabulary, smallest
from .text_encoder import TextEncoder, splitter
from .token_files import (
    PathLike,
    TokenFile,
    header,
    samples_digest,
    vocabulary_path,
)
from .tokenizers import TOKENIZERS, Tokenizer, TokenizerChoice


@operation
def write_token_file(
    paths: Paths,
    out: PathLike,
    *,
    tokenizer: Tokenizer = "characters",
    documents: Split | None = None,
    max_vocabulary: int | None = None,
    min_count: int = 1,
    encoding: str | None = None,
    on_read: Callable[[str, int], Any] | None = None,
) -> TokenFile:
    """Write the token ids of text files to a file that models train from window by window.

    The files are read twice, a piece at a time: for the vocabulary, then for the ids. The memory
    that is needed is that of the vocabulary.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Text files of any size.
    out : str or path-like
        The file to write; its name ends in ".npy". The vocabulary is written beside it, to
        ``NAME.vocabulary.safetensors``. Both appear when they are complete.
    tokenizer, max_vocabulary, min_count
        As the hyper-parameters of `bptt.LanguageModel`; here the vocabulary is that of all tokens.
    documents : {"file", "paragraph", "line"}, optional
        What a document is. None: the files are one text.
    encoding : str, optional
        Of files without a byte-order mark. Default: UTF-8.
    on_read : callable (str, int), optional
        Called with "counting" or "writing" and the number of bytes read since the last call.

    Returns
    -------
    TokenFile

    Raises
    ------
    ConfigError, DataError
        A file that cannot be read, no token, or an argument that makes no sense.
    CheckpointError
        The output cannot be written; what was there before is unchanged.
    """
    target = _checked_target(paths, out)
    kind = _kind(tokenizer, max_vocabulary, min_count)
    rule = kind if isinstance(kind, Subwords) else splitter(kind)

    def texts(stage):
        watch = on_read or (lambda stage, n: None)
        return stream_documents(paths, documents, encoding, lambda n: watch(stage, n))

    if isinstance(kind, Subwords):
        vocabulary, name = Vocabulary(kind.tokens), "subwords"
    else:
        counts, name = TokenCounts(), kind
        for _ in Numbered(rule, texts("counting"), counts.number, counts.count):
            pass
        vocabulary = counts.vocabulary(max_vocabulary, min_count, rule.unknown)
    if not len(vocabulary):
        raise ConfigError(
            f"no token is left in the vocabulary; expected at least one (min_count is {min_count})."
        )
    encoder = TextEncoder(
        name, vocabulary, documents is not None, kind if isinstance(kind, Subwords) else None
    )
    numbered = Numbered(rule, texts("writing"), encoder.ids)
    try:
        with replacing(target) as file:
            facts = _write_ids(file, encoder, numbered)
            config = {"kind": "TokenFile"} | encoder.to_json() | facts
            save_arrays(vocabulary_path(target), _offsets(encoder, numbered.lengths), config)
    except OSError as error:
        raise CheckpointError(f"cannot write {target}: {reason(error)}.") from error
    return TokenFile(target)


def _kind(tokenizer, max_vocabulary, min_count):
    """Return the name of a tokenizer, or subwords."""
    if expected := TokenizerChoice().check(tokenizer):
        raise ConfigError(f"tokenizer is {tokenizer!r}; expected {expected}.")
    if isinstance(tokenizer, str) and tokenizer in TOKENIZERS:
        return tokenizer
    if max_vocabulary is not None or min_count != 1:
        raise ConfigError(
            "max_vocabulary or min_count is given; expected neither, because the vocabulary of a "
            "subword tokenizer is fixed."
        )
    return Subwords.of(tokenizer)


def _checked_target(paths, out):
    target = Path(out)
    if target.suffix != ".npy":
        raise ConfigError(f"out is {os.fspath(out)!r}; expected a name that ends in '.npy'.")
    inputs = [paths] if isinstance(paths, str | os.PathLike) else paths
    for path in inputs:
        with contextlib.suppress(OSError):
            if any(os.path.samefile(path, p) for p in (target, vocabulary_path(target))):
                raise ConfigError(f"out is one of the files to read, {path}; expected another.")
    return target


def _write_ids(file: Any, encoder: TextEncoder, numbered: Numbered) -> dict[str, Any]:
    """Write a ``.npy`` file; return what is known of it."""
    dtype, sha, count, unknown = smallest(encoder.n_ids), hashlib.sha256(), 0, 0
    write_all(file, header(dtype, 0))
    for ids in encoder.with_marks(numbered):
        data = ids.astype(dtype.newbyteorder("<")).tobytes()
        write_all(file, data)
        sha.update(data)
        count, unknown = count + len(ids), unknown + int((ids == 0).sum())
    file.seek(0)
    write_all(file, header(dtype, count))  # as long as the first one
    return {
        "dtype": dtype.name,
        "tokens": count,
        "unknown": unknown,
        "sha256": sha.hexdigest(),
        "samples": samples_digest(file, count * dtype.itemsize),
    }


def _offsets(encoder, lengths):
    """Return the places of the end marks."""
    if not encoder.documents:
        return {}
    starts, stops = encoder.bounds(np.array(lengths, np.int64))
    return {"offsets": np.append(starts, stops[-1] - 1)}
