"""`bptt tokenize`: text files as a token file, for corpora larger than memory."""

import contextlib
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import operation
from ..models.tokenizers import TOKENIZERS
from ..models.tokenizing import write_token_file
from . import options
from .console import Console, check_destination

_OPTIONS = options.panel(
    "Options",
    ("out", "File to write the token ids to; its name ends in .npy.", Path, Path("tokens.npy")),
    (
        "tokenizer",
        "What a token is, as in bptt train text: a name, or the path of a JSON file of the package "
        "tokenizers.",
        str,
        "characters",
        None,
        tuple(name for name in TOKENIZERS if name != "tokens"),
    ),
    (
        "documents",
        "Write documents that do not continue one another instead of one running text: each file, "
        "each paragraph (between blank lines) or each line is one.",
        str,
        None,
        None,
        ("file", "paragraph", "line"),
    ),
    (
        "max_vocabulary",
        "Keep only the most frequent tokens; all others are one unknown token. Default: keep all.",
        int,
    ),
    ("min_count", "Tokens that occur less often are one unknown token.", int, 1),
    ("encoding", "Encoding of files without a byte-order mark. Default: UTF-8.", str, None, "NAME"),
    ("quiet", "Print only errors.", bool),
)


@operation
@options.takes(*_OPTIONS.values())
def tokenize(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Text files of any size, in order.")
    ],
    **given: Any,
) -> None:
    """Write the token ids of text files to a file that the training reads part by part.

    `bptt tokenize big.txt --out big.npy`, then `bptt train text big.npy`. The vocabulary is written
    beside it (big.vocabulary.safetensors). Ctrl-C leaves no file behind.
    """
    quiet, out = given.pop("quiet"), given.pop("out")
    check_destination(out, *files)
    with _progress(files, quiet) as on_read:
        written = write_token_file(files, out, **given, on_read=on_read)
    encoder, tokens = written.encoder, written.texts.tokens
    documents = f" in {len(written):,} documents" if encoder.documents else ""
    n_tokens = len(tokens) - (len(written) + 1) * encoder.documents
    Console(quiet=quiet).say(
        f"Wrote {n_tokens:,} {encoder.splitter.items}{documents} to {written.path}, "
        f"{tokens.dtype}, {len(encoder.vocabulary):,} in the vocabulary."
    )


@contextlib.contextmanager
def _progress(files, quiet):
    """Show how much was read; yield the function that is told."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = RichConsole(quiet=quiet, stderr=True)
    total = sum(os.path.getsize(f) for f in files if f.is_file())
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        tasks: dict[str, Any] = {}

        def on_read(stage, count):
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.advance(tasks[stage], count)

        yield on_read
