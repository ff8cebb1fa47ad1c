"""`bptt train`: a command for each kind of model, with the options that it has."""

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from . import data, options
from .fitting import fit

HELP = """Train a model and save it to one file.

`bptt train FILE` reads a text: `text` is meant where none of these is named (a file of that name is
`./text`). What there is to set, with unit and default: `bptt train text --help`,
`bptt train classify --help` and so on.

Ctrl-C ends a training after the step it lands in, saves model and training, and says how to go on;
a second Ctrl-C leaves at once.
"""


class _Kinds(TyperGroup):
    """The kinds of training; what names none of them is for the first."""

    def parse_args(self, ctx, args):
        if not args or args[0] not in (*self.commands, "--help"):
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_Kinds, help=HELP, rich_markup_mode="markdown")

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Files to learn from, read one after another."),
]


def _shared(panel, name, hint, default, text):
    """Return an option that all of the commands have."""
    metavar = "FILE" if hint in (Path, Path | None) else None
    return options.keyword(name, hint, default, help=text, metavar=metavar, rich_help_panel=panel)


_DATA = [
    _shared("Data", *option)
    for option in (
        (
            "validation",
            Path | None,
            None,
            "Scored after each epoch, in place of a part of the data that is held out.",
        ),
        ("test", Path | None, None, "Scored when the training has ended."),
    )
]
_RUN = [
    _shared("Files and output", *option)
    for option in (
        ("out", Path, Path("model.safetensors"), "File to write the model to."),
        (
            "checkpoint_minutes",
            float,
            5.0,
            "Minutes between checkpoints, which stand beside the model and carry the number of "
            "steps: model-00001200.safetensors. 0 saves after every step. The last one is written "
            "when the training ends, so that it can go on with more epochs.",
        ),
        ("keep", int, 2, "Checkpoints that stay: the last ones."),
        (
            "resume",
            Path | None,
            None,
            "Checkpoint to go on from, to the same bits as if the training had never stopped. Give "
            "the same data; what there is to set comes from the checkpoint, and --epochs may be "
            "another number.",
        ),
        ("quiet", bool, False, "Print nothing but errors, and what Ctrl-C has saved."),
    )
]


def _command(name, text):
    """Add the command that trains for a task."""
    task = data.TASKS[name]

    @app.command(name, help=text)
    @options.takes(
        *(data.OPTIONS[n] for n in task.options),
        *_DATA,
        *options.of_model(task.kind),
        *_RUN,
    )
    def command(context: typer.Context, files: Files = None, **given):
        fit(context, name, files or [], given)


_command(
    "text",
    """Train a language model, which continues texts and scores them.

    FILE is UTF-8 text; without any it is the text of the Python language reference that comes with
    Python. The end of the text, or some of the documents, are held out and scored after each epoch.

    `bptt train text shakespeare.txt --units 256 --epochs 5 --out shakespeare.safetensors`
    """,
)
_command(
    "classify",
    """Train a classifier: one label for each sequence.

    FILE is a .ts file of the UEA and UCR archives; a table, .csv or .tsv, with a column of labels;
    or JSON lines, .jsonl: `{"sequence": [[0.1, 2.0], [0.3, 1.5]], "label": "up"}`, where a sequence
    is a text, a list of words, of numbers, or of lists of numbers.

    `bptt train classify vowels_train.ts --test vowels_test.ts --bidirectional --pooling mean`
    """,
)
_command(
    "tag",
    """Train a tagger: one label for each step of each sequence.

    FILE holds CoNLL columns (.conll, .conllu, .tsv, .txt), a word a line and a blank line between
    sentences; JSON lines (.jsonl) whose labels are lists; or a table (.csv), a row a step.

    `bptt train tag english.conllu --validation dev.conllu --dropout 0.5 --epochs 10`
    """,
)
_command(
    "forecast",
    """Train a forecaster: what a series does next.

    FILE is a table, .csv or .tsv, a row a step and a series a column; a first column of dates is
    left out.

    `bptt train forecast load.csv --columns load,oil --window 96 --horizon 24 --output gaussian`
    """,
)
