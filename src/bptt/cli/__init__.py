"""The command line: every command calls one public function and says what came of it.

* `train`: `bptt train text|classify|tag|forecast`; `fitting`: what they do; `data`: the files they
  read; `options`: what there is to set, made of the models' own hyper-parameters.
* `use`: `bptt sample`, `bptt predict`, `bptt score`. `look`: `bptt info`, `bptt plot`.
* `console`: what is shown and written.
"""

import io
import sys
import warnings
from typing import Annotated

import typer
from typer.core import TyperGroup

from .. import __version__
from ..errors import BpttError
from ..safe_files import printable
from . import look, train, use
from .console import fail, silence_stdout


class _Commands(TyperGroup):
    """The commands in the order in which they are needed."""

    def list_commands(self, ctx):
        return ["train", *(name for name in self.commands if name != "train")]


app = typer.Typer(
    cls=_Commands,
    name="bptt",
    help="Recurrent neural networks on ordinary CPUs: train models that write, classify, tag and "
    "forecast; use them, score them, look at them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(train.app, name="train")
for _command in (use.sample, use.predict, use.score, look.info, look.plot):
    app.command()(_command)


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
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show every character
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            # Not app(): it turns interruptions and broken pipes into exits of its own.
            command = typer.main.get_command(app)
            with command.make_context("bptt", list(arguments), obj=arguments) as context:
                context.command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        fail("interrupted.", 130)
    except BrokenPipeError:  # `bptt sample ... | head`: whoever read has enough
        silence_stdout()
    except BpttError as error:
        fail(str(error), 1 if type(error) is BpttError else 2)
    except MemoryError as error:
        fail(f"out of memory: {error or 'a smaller model or batch may fit'}.", 1)
    except OSError as error:
        silence_stdout()
        fail(f"cannot write the output: {error.strerror}.", 1)
    except Exception as error:
        # Typer's own: an unknown option or a value that is no number. They know their sentence.
        if not hasattr(error, "format_message"):
            raise
        fail(error.format_message(), 2)  # type: ignore[attr-defined]
    sys.exit(0)


def _show_warning(message, *_, **__):
    print(f"bptt: {printable(str(message).removeprefix('bptt: '))}", file=sys.stderr)  # noqa: T201
