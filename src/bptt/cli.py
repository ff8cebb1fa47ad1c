"""The command line: every command calls one public function and says what came of it."""

import inspect
import math
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, TextColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from . import __version__
from .corpus import default_corpus, read_text
from .errors import BpttError, CheckpointError, ConfigError
from .models import LanguageModel, load
from .params import count

PLAIN_INTERVAL = 5.0  # seconds between lines where the output is no terminal
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


def _nats(value):
    return f"{value:.4f} nats ({value / NATS_PER_BIT:.4f} bits)"


@app.command()
def train(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
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
    console = Console(highlight=False, soft_wrap=True)
    source = ", ".join(map(str, files)) if files else "the Python language reference"
    console.print(
        f"Training on {len(training):,} characters of {source}; {len(validation):,} held out."
    )
    try:
        with _Report(console) as report:
            model.fit(text, on_step=report)
    except BpttError:
        if hasattr(model, "history_"):  # training had begun: its last good parameters are kept
            model.save(out)
            console.print(f"Saved the parameters of the last good step to {out}.")
        raise
    model.save(out)
    if model.interrupted_:
        console.print(f"Interrupted at step {report.step:,}. Saved the model to {out}.")
        raise typer.Exit(130)
    console.print(f"Saved the model to {out}: {count(model.parameters_):,} parameters.")


def _check_destination(out):
    """Refuse a file that cannot be written before hours of training, not after."""
    if out.is_dir() or not out.resolve().parent.is_dir():
        what = "is a directory" if out.is_dir() else "is in a directory that does not exist"
        raise CheckpointError(f"train: --out {out} {what}; expected the name of a file to write.")


class _Report:
    """Shows training: a bar in a terminal, else a line every few seconds; a line an epoch."""

    def __init__(self, console):
        self.console = console
        self.step = 0
        self._printed = time.monotonic()
        self._bar = ProgressBar(
            TextColumn("step {task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(),
            TextColumn("{task.fields[loss]}"),
            _Left(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self):
        self._bar.start()
        self._task = self._bar.add_task("train", total=1, loss="", left="")
        return self

    def __exit__(self, *exception):
        self._bar.stop()

    def __call__(self, p):
        self.step = p.step
        text = f"loss {_nats(p.loss)}, {p.chars_per_second:,.0f} characters/s"
        left = time.strftime("%H:%M:%S", time.gmtime(p.seconds_left))
        self._bar.update(self._task, total=p.n_steps, completed=p.step, loss=text, left=left)
        if p.validation is not None:
            self._print(
                f"epoch {p.epoch}: step {p.step:,}, loss {_nats(p.loss)}, "
                f"validation {_nats(p.validation)} per character"
            )
        elif not self.console.is_terminal and time.monotonic() - self._printed > PLAIN_INTERVAL:
            self._print(f"step {p.step:,} of {p.n_steps:,}: {text}, {left} left")

    def _print(self, line):
        self._printed = time.monotonic()
        self.console.print(line)


class _Left(ProgressColumn):
    def render(self, task):
        return f"{task.fields['left']} left"


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
    if seed is not None and seed < 0:
        raise ConfigError(f"sample: --seed is {seed}; expected a whole number >= 0.")
    characters = load(model).generate(prompt, length, temperature, top_k, seed)
    sys.stdout.write(prompt)
    for c in characters:
        sys.stdout.write(c)
        sys.stdout.flush()
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
    console = Console(highlight=False)
    console.print(f"{model}: {m!r}", soft_wrap=True)
    console.print(f"vocabulary: {len(m.vocabulary_)} characters and one for all others")
    parameters = Table("parameter", "shape", "count", title="Layers", title_justify="left")
    for name, layer in m.network_.layers.items():
        own = {k: p for k, p in m.parameters_.items() if k.startswith(f"{name}.")}
        parameters.add_row(f"{name}: {layer!r}", "", f"{count(own):,}", style="bold")
        for key, p in own.items():
            parameters.add_row(f"  {key}", str(p.shape), f"{p.size:,}")
    parameters.add_row("all", "", f"{count(m.parameters_):,}", style="bold")
    console.print(parameters)
    history = Table("epoch", "step", "loss", "validation", "gradient norm", "seconds",
                    title="Training (nats per character)", title_justify="left")  # fmt: skip
    for row in m.history_:
        held_out = "" if row["validation"] is None else f"{row['validation']:.4f}"
        history.add_row(
            str(row["epoch"]), f"{row['step']:,}", f"{row['loss']:.4f}", held_out,
            f"{row['grad_norm']:.3f}", f"{row['seconds']:.1f}",
        )  # fmt: skip
    console.print(history)
    if m.interrupted_:
        console.print("The training was interrupted.")
    console.print("written by " + ", ".join(f"{k} {v}" for k, v in m.versions_.items()))


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
    try:
        sys.exit(app(arguments, standalone_mode=False) or 0)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was saved.", 130)
    except BrokenPipeError:  # `bptt sample ... | head`: whoever read has enough
        sys.stderr.close()
        sys.exit(0)
    except BpttError as error:
        _fail(str(error), 1 if type(error) is BpttError else 2)
    except Exception as error:
        # Typer's own: an unknown option or a value that is no number. They know their exit status.
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message().replace("\n", " "), 2)  # type: ignore[attr-defined]


def _fail(sentence, status):
    if sentence:  # none where the help was all there is to say
        print(f"bptt: {sentence}", file=sys.stderr)  # noqa: T201
    sys.exit(status)


if __name__ == "__main__":
    main()
