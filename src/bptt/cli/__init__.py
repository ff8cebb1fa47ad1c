"""The command line ``bptt``: every command calls one public function and prints the result.

* `train`: ``bptt train text|classify|tag|regress|forecast``, a command for each kind of model.
* `sample`, `predict`, `score`, `info`, `plot`, `tokenize`: the other commands.
* `convert`, `run`: models of other programs.
* `data_files`: reading of data files; `data_options`: their options; `options`: options made of
  hyper-parameters; `console`: what is printed and written.

A model answers for itself: its class names its command, the data it reads, and has methods for what
the commands print (`bptt.models.base.Model`).
"""

import io
import os
import signal
import sys
import warnings
from functools import cache
from typing import Annotated

import typer

from .. import config
from ..errors import BpttError
from ..safe_files import printable
from ..training.interrupts import Terminations
from . import (
    convert,
    course,
    grade,
    info,
    inspect,
    plot,
    predict,
    run,
    sample,
    score,
    tokenize,
    train,
)
from .console import fail, silence_stdout
from .options import Command, Group, in_options

_COMMANDS = (
    sample.sample, predict.predict, score.score, tokenize.tokenize, info.info, plot.plot,
    inspect.inspect,
    convert.convert, run.run, grade.grade, course.course,
)  # fmt: skip


class _Commands(Group):
    """The commands in the order in which they are needed."""

    def list_commands(self, ctx):
        return ["train", *(name for name in self.commands if name != "train")]


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
):
    if version:
        typer.echo(f"bptt {config.version()}")
        raise typer.Exit


def command_line() -> typer.Typer:
    """Return the command line: `main` runs it; all models and cells that are registered by now."""
    app = typer.Typer(
        cls=_Commands,
        name="bptt",
        help="Recurrent neural networks on ordinary CPUs: train models that generate text, "
        "classify, tag, predict numbers and forecast; then use, score and inspect them.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    app.add_typer(train.group(), name="train")
    for command in _COMMANDS:
        app.command(cls=Command)(command)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake gives one sentence and exit status 2.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process if None.

    Returns
    -------
    Never: exits with 0, 1 (the work failed), 2 (a user's mistake), or 128 + the number of the
    signal that ended it (130: Ctrl-C).
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    built = cache(lambda: typer.main.get_command(command_line()))
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show every character
    try:
        with warnings.catch_warnings(), Terminations():
            warnings.showwarning = _show_warning
            command = built()
            if "_BPTT_COMPLETE" in os.environ:  # the shell asks what may come next
                command.main(arguments, "bptt")
            # Not main() else: it turns interruptions and broken pipes into exits of its own.
            with command.make_context("bptt", list(arguments), obj=arguments) as context:
                context.command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except KeyboardInterrupt as error:
        fail("interrupted.", 128 + getattr(error, "signum", signal.SIGINT))
    except BrokenPipeError:  # `bptt sample ... | head`: the reader has enough
        silence_stdout()
    except BpttError as error:
        sentence = in_options(str(error), built(), arguments)
        fail(sentence, 1 if type(error) is BpttError else 2)
    except MemoryError as error:
        fail(f"out of memory: {str(error) or 'a smaller model or batch may fit'}.", 1)
    except OSError as error:
        silence_stdout()
        fail(f"cannot write the output: {error.strerror}.", 1)
    except Exception as error:
        # Typer's own, such as an unknown option: it has a sentence.
        if not hasattr(error, "format_message"):
            raise
        fail(_sentence(error), 2)
    sys.exit(0)


def _sentence(error):
    """Return the sentence of one of Typer's errors; of an unknown option with the way out."""
    if near := getattr(error, "possibilities", None):
        return f"{error.message}. Did you mean {near[0]!r}?"
    if hasattr(error, "option_name") and error.ctx is not None:
        return f"{error.message.rstrip('.')}; {error.ctx.command_path} --help lists all."
    return error.format_message()


def _show_warning(message, *_, **__):
    print(f"bptt: {printable(str(message).removeprefix('bptt: '))}", file=sys.stderr)  # noqa: T201
