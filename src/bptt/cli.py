"""The command line: every command calls one public function and says what came of it."""

import contextlib
import inspect
import io
import math
import os
import stat
import sys
import tempfile
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from . import __version__
from .corpus import default_corpus, read_text
from .errors import BpttError, CheckpointError
from .models import LanguageModel, load
from .params import count

NATS_PER_BIT = math.log(2)

app = typer.Typer(
    name="bptt",
    help="Recurrent neural networks on ordinary CPUs: train, score and sample language models.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


class Cell(StrEnum):
    """The recurrent cells to choose from."""

    RNN = "rnn"
    LSTM = "lstm"
    GRU = "gru"


_DEFAULT = {name: p.default for name, p in inspect.signature(LanguageModel).parameters.items()}


class _Console(Console):
    """Prints plain text; goes on in silence where nobody reads any more (``| head``)."""

    def __init__(self):
        super().__init__(highlight=False, markup=False, emoji=False)
        self.soft_wrap = not self.is_terminal

    def on_broken_pipe(self):
        self.quiet = True
        _silence_stdout()


def _nats(value):
    return f"{value:.3f} nats ({value / NATS_PER_BIT:.3f} bits)"


@app.command()
def train(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="UTF-8 text files, read one after another. Without any: the text of the Python "
            "language reference that comes with Python.",
        ),
    ] = None,
    cell: Annotated[Cell, typer.Option(help="Recurrent cell.")] = Cell.LSTM,
    units: Annotated[int, typer.Option(help="Hidden units of each layer.")] = _DEFAULT["units"],
    layers: Annotated[int, typer.Option(help="Recurrent layers.")] = _DEFAULT["layers"],
    seq_length: Annotated[
        int, typer.Option(help="Steps (characters) that a gradient travels back.")
    ] = _DEFAULT["seq_length"],
    batch_size: Annotated[
        int, typer.Option(help="Parallel streams that the text is cut into.")
    ] = _DEFAULT["batch_size"],
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = _DEFAULT["learning_rate"],
    grad_clip: Annotated[
        float, typer.Option(help="Largest norm of all gradients together.")
    ] = _DEFAULT["grad_clip"],
    epochs: Annotated[int, typer.Option(help="Times through the text.")] = _DEFAULT["epochs"],
    seed: Annotated[int, typer.Option(help="Of the initial parameters.")] = _DEFAULT["seed"],
    out: Annotated[Path, typer.Option(help="File to write the model to.")] = Path(
        "model.safetensors"
    ),
):
    """Train a character language model and save it.

    The last 10 % of the text are held out and scored after each epoch. Ctrl-C saves what has been
    learned so far and says where.
    """
    model = LanguageModel(
        cell=cell.value,
        units=units,
        layers=layers,
        seq_length=seq_length,
        batch_size=batch_size,
        learning_rate=learning_rate,
        grad_clip=grad_clip,
        epochs=epochs,
        seed=seed,
    )
    text = read_text(files) if files else default_corpus()
    training, validation = model.split(text)
    _check_destination(out)
    console = _Console()
    source = ", ".join(map(str, files)) if files else "Python's language reference"
    console.print(
        f"Training on {len(training):,} characters of {source}; {len(validation):,} held out."
    )
    try:
        model.fit(text, progress=console)
    except KeyboardInterrupt:  # the second one: the first only ends the training
        _fail("interrupted; nothing was saved.", 130)
    except BpttError:
        if hasattr(model, "history_"):  # training had begun: its last good parameters are kept
            model.save(out)
            console.print(f"Saved the parameters of the last good step to {out}.")
        raise
    model.save(out)
    if model.interrupted_:
        console.print(
            f"Interrupted at step {model.history_[-1]['step']:,}. Saved the model to {out}."
        )
        raise typer.Exit(130)
    console.print(f"Saved the model to {out}: {count(model.parameters_):,} parameters.")


def _check_destination(out):
    """Refuse a file that cannot be written before hours of training, not after."""
    if what := _obstacle(out):
        raise CheckpointError(f"train: --out {out} {what}; expected the name of a file to write.")


def _obstacle(out):
    directory = os.path.dirname(os.path.realpath(out))
    try:
        if not os.path.isdir(directory):
            return "is in a directory that does not exist"
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.stat(out).st_mode):
                return "is a directory" if out.is_dir() else "is not a regular file"
        with tempfile.TemporaryFile(dir=directory):
            return None
    except OSError as error:
        return f"cannot be written ({error.strerror})"


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="File that `bptt train` wrote.")],
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    length: Annotated[int, typer.Option(help="Characters to draw.")] = 400,
    temperature: Annotated[
        float, typer.Option(help="Below 1 bolder, above 1 wilder, 0 always the likeliest.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Draw among the k likeliest characters only.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same text.")] = None,
):
    """Continue a prompt, character by character."""
    characters = load(model).generate(prompt, length, temperature, top_k, seed=seed)
    sys.stdout.write(prompt)
    try:
        for c in characters:
            # A terminal gets no control characters from a model that may be anybody's.
            shown = c if c.isprintable() or c in "\n\t" or not sys.stdout.isatty() else "\ufffd"
            sys.stdout.write(shown)
            sys.stdout.flush()
    finally:
        sys.stdout.write("\n")


@app.command()
def score(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="File that `bptt train` wrote.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="UTF-8 text file.")],
):
    """Score a text: how well the model predicts each of its characters."""
    text = read_text([file])
    nats = load(model).score(text)
    typer.echo(
        f"{nats:.4f} nats per character, {nats / NATS_PER_BIT:.4f} bits per character, "
        f"perplexity {math.exp(nats):.3f} ({len(text):,} characters)"
    )


@app.command()
def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="File that `bptt train` wrote.")],
):
    """Show a model: layers, parameters, training history, versions."""
    m = load(model)
    console = _Console()
    console.print(f"{model}: {type(m).__name__}")
    console.print(", ".join(f"{name} {value}" for name, value in m.get_params().items()))
    console.print(f"vocabulary: {len(m.vocabulary_)} characters and one symbol for all others\n")
    parameters = _table("parameter", "shape", "count")
    for name, layer in m.network_.layers.items():
        own = {k: p for k, p in m.parameters_.items() if k.startswith(f"{name}.")}
        parameters.add_row(f"{name}: {layer!r}", "", f"{count(own):,}", style="bold")
        for key, p in own.items():
            parameters.add_row(f"  {key}", str(p.shape), f"{p.size:,}")
    parameters.add_row("all", "", f"{count(m.parameters_):,}", style="bold")
    console.print(parameters)
    history = _table("epoch", "step", "loss", "validation", "gradient norm", "seconds")
    for row in m.history_:
        held_out = "" if row["validation"] is None else f"{row['validation']:.4f}"
        history.add_row(
            str(row["epoch"]), f"{row['step']:,}", f"{row['loss']:.4f}", held_out,
            f"{row['grad_norm']:.3f}", f"{row['seconds']:.1f}",
        )  # fmt: skip
    console.print("Training, losses in nats per character" + ", interrupted" * m.interrupted_)
    console.print(history)
    versions = ", ".join(f"{k} {v}" for k, v in m.versions_.items())
    console.print(f"written by {_printable(versions)}")


def _table(first, *others):
    return Table(Column(first), *(Column(c, justify="right") for c in others), box=box.SIMPLE)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
):
    if version:
        typer.echo(f"bptt {__version__}")
        raise typer.Exit


def main(arguments=None):
    """Run the command line; a user's mistake gives one sentence and exit status 2.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process where None.

    Returns
    -------
    Never: exits with 0, 1 (the work failed), 2 (a user's mistake) or 130 (interrupted).
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show every character
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            # Not app(): it turns interruptions and broken pipes into exits of its own.
            with typer.main.get_command(app).make_context("bptt", list(arguments)) as context:
                context.command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted.", 130)
    except BrokenPipeError:  # `bptt sample ... | head`: whoever read has enough
        _silence_stdout()
    except BpttError as error:
        _fail(str(error), 1 if type(error) is BpttError else 2)
    except MemoryError as error:
        _fail(f"out of memory: {error or 'a smaller model or batch may fit'}.", 1)
    except OSError as error:
        _silence_stdout()
        _fail(f"cannot write the output: {error.strerror}.", 1)
    except Exception as error:
        # Typer's own: an unknown option or a value that is no number. They know their sentence.
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message(), 2)  # type: ignore[attr-defined]
    sys.exit(0)


def _fail(sentence, status) -> NoReturn:
    if sentence:  # none where the help was all there is to say
        print(f"bptt: {_printable(sentence)}", file=sys.stderr)  # noqa: T201
    sys.exit(status)


def _show_warning(message, *_, **__):
    print(f"bptt: {str(message).removeprefix('bptt: ')}", file=sys.stderr)  # noqa: T201


def _printable(text):
    """Keep names of files, and what models hold, from breaking lines or steering the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text.replace("\n", " "))


def _silence_stdout():
    """Send what is still to come nowhere, so that Python does not complain as it exits."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    main()
