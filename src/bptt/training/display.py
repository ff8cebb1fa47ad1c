"""Progress of a training run: a live display in a terminal or a notebook, otherwise lines."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias

from ..errors import ConfigError
from .progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

DisplayMode: TypeAlias = "Literal['auto', 'silent'] | Console"
MODES = ("auto", "silent")
LINE_INTERVAL = 5.0  # seconds between lines where the output is neither a terminal nor a notebook
NOTEBOOK_INTERVAL = 0.2  # seconds between two updates of a notebook's display
BAR_WIDTH = 30  # characters of a notebook's progress bar


class Display:
    """Show the progress of a training run; at the end of each epoch its losses stay on screen.

    A context manager; call it with every `Progress`.

    Parameters
    ----------
    mode : {"auto", "silent"} or rich.console.Console
        "auto": on standard error.
    epochs : int
        Epochs of the whole run.
    items : str
        What the loss is averaged over, in the plural: "characters".
    show : callable (float) -> str
        Formats a loss, with its unit.

    Raises
    ------
    ConfigError
    """

    def __init__(
        self,
        mode: DisplayMode,
        epochs: int,
        items: str = "items",
        show: Callable[[float], str] = "{:.4g}".format,
    ):
        if isinstance(mode, str) and mode not in MODES:
            raise ConfigError(f"progress is {mode!r}; expected one of {', '.join(MODES)}.")
        self.epochs = epochs
        self.items = items
        self.show = show
        self._validation = ""
        self._view = None if mode == "silent" else _view(mode)

    def __enter__(self) -> Self:
        if self._view is not None:
            self._view.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._view is not None:
            self._view.stop()

    def __call__(self, progress: Progress) -> None:
        """Show the state after a step."""
        p = progress
        if self._view is None:
            return
        if p.validation is not None:
            self._validation = f", validation {self.show(p.validation)}"
        losses = f"loss {self.show(p.loss)}{self._validation} per {self.items.rstrip('s')}"
        speed = f"{p.items_per_second:,.0f} {self.items}/s, {clock(p.seconds_left)} left"
        self._view.update(p, f"epoch {p.epoch}/{self.epochs}", losses, speed)

    def kept(self, epoch: int, best: int, validation: float, stopped: bool) -> None:
        """Say whether the training stopped early, and which epoch's parameters are kept.

        Parameters
        ----------
        epoch, best : int
            The last epoch, and the one with the lowest validation loss.
        validation : float
            That loss.
        stopped : bool
        """
        if self._view is not None:
            early = f"stopped early after epoch {epoch}; " if stopped else ""
            loss = self.show(validation)
            self._view.say(f"{early}kept epoch {best}, with the lowest validation loss: {loss}")


class _View(Protocol):
    """One way to show progress."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def update(self, p: Progress, epoch: str, losses: str, speed: str) -> None: ...
    def say(self, line: str) -> None: ...


def _view(mode) -> _View:
    from rich.console import Console  # takes long to import: only where something is shown

    console = mode
    if mode == "auto":
        console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if console.is_jupyter:
        return _Notebook()
    return _Terminal(console) if console.is_terminal else _Lines(console)


class _Lines:
    """A line every few seconds and at the end of each epoch."""

    def __init__(self, console):
        self._console, self._printed = console, time.monotonic()

    def start(self):
        pass

    def stop(self):
        pass

    def say(self, line):
        self._console.print(line)

    def update(self, p, epoch, losses, speed):
        if p.end_of_epoch or time.monotonic() - self._printed > LINE_INTERVAL:
            self._printed = time.monotonic()
            self._console.print(f"{epoch}, step {p.step:,}/{p.n_steps:,}: {losses}, {speed}")


class _Notebook:
    """One cell output that is updated in place: a line for each epoch, then a bar.

    IPython's own display: unlike rich's live display it needs no ipywidgets.
    """

    def __init__(self):
        self._epochs: list[str] = []
        self._handle: Any = None
        self._shown = 0.0

    def start(self):
        pass

    def stop(self):
        if self._handle is not None and self._epochs:
            self._show(self._epochs)

    def say(self, line):
        self._epochs.append(line)

    def update(self, p, epoch, losses, speed):
        if p.end_of_epoch:
            self._epochs.append(f"{epoch}: {losses}")
        if p.end_of_epoch or time.monotonic() - self._shown > NOTEBOOK_INTERVAL:
            done = BAR_WIDTH * p.step // p.n_steps
            bar = "\N{FULL BLOCK}" * done + "\N{LIGHT SHADE}" * (BAR_WIDTH - done)
            self._show([*self._epochs, f"step {p.step:,}/{p.n_steps:,} {bar} {speed}", losses])

    def _show(self, lines):
        from IPython.display import display  # type: ignore[import-not-found]

        self._shown = time.monotonic()
        content = {"text/plain": "\n".join(lines)}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


class _Terminal:
    """A live progress bar with the losses in a line below it."""

    def __init__(self, console):
        self._console, self._bar, self._task = console, _bar(console), None

    def start(self):
        self._bar.start()

    def stop(self):
        self._bar.stop()

    def say(self, line):
        self._console.print(line)

    def update(self, p, epoch, losses, speed):
        if self._task is None:
            self._task = self._bar.add_task("train", total=p.n_steps, speed=speed)
        self._bar.losses = losses
        self._bar.update(self._task, completed=p.step, total=p.n_steps, speed=speed)
        if p.end_of_epoch:
            self._console.print(f"{epoch}: {losses}")


def clock(seconds: float) -> str:
    """Format seconds as h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _bar(console):
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    class Bar(Progress):
        """A progress bar with the losses in a line below it."""

        losses = ""

        def get_renderables(self):
            yield from super().get_renderables()
            yield Text(self.losses)

    return Bar(
        TextColumn("step {task.completed:,.0f}/{task.total:,.0f}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[speed]}"),
        console=console,
        transient=True,
        expand=True,
    )
