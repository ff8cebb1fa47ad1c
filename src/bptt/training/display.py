"""What a person sees of a training: a live bar, lines every few seconds, or nothing."""

import time
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

DisplayMode: TypeAlias = "Literal['auto', 'silent'] | Console"

PLAIN_INTERVAL = 5.0  # seconds between lines where the output is no terminal
MODES = ("auto", "silent")


class Display:
    """Shows a training: a live bar in a terminal, else lines (a notebook's too); a line an epoch.

    A context manager; call it with every `Progress`.

    Parameters
    ----------
    mode : {"auto", "silent"} or rich.console.Console
        "auto" shows it on standard error.
    epochs : int
    items : str
        What the loss is a mean over: "characters".
    show : callable (float) -> str
        Writes a loss with its unit.

    Raises
    ------
    ConfigError
    """

    def __init__(self, mode, epochs, items="items", show="{:.4g}".format):
        console = None if isinstance(mode, str) else mode
        if console is None and mode not in MODES:
            raise ConfigError(f"fit: progress is {mode!r}; expected one of {', '.join(MODES)}.")
        self.epochs, self.items, self.show = epochs, items, show
        self._validation, self._printed, self._task, self._bar = "", time.monotonic(), None, None
        self._silent = console is None and mode == "silent"
        if not self._silent:  # rich takes a while to load: only where something is shown
            from rich.console import Console

            self.console = console or Console(
                stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
            )
            if self.console.is_terminal:
                self._bar = _bar(self.console)

    def __enter__(self):
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception):
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, p):
        """Show where the training stands."""
        if self._silent:
            return
        if p.validation is not None:
            self._validation = f", validation {self.show(p.validation)}"
        losses = f"loss {self.show(p.loss)}{self._validation} per {self.items.rstrip('s')}"
        speed = f"{p.items_per_second:,.0f} {self.items}/s, {clock(p.seconds_left)} left"
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task("train", total=p.n_steps, speed=speed)
            self._bar.losses = losses
            self._bar.update(self._task, completed=p.step, total=p.n_steps, speed=speed)
            if p.end_of_epoch:
                self.console.print(f"epoch {p.epoch}/{self.epochs}: {losses}")
        elif p.end_of_epoch or time.monotonic() - self._printed > PLAIN_INTERVAL:
            self._printed = time.monotonic()
            where = f"epoch {p.epoch}/{self.epochs}, step {p.step:,}/{p.n_steps:,}"
            self.console.print(f"{where}: {losses}, {speed}")


def clock(seconds):
    """Write seconds as h:mm:ss."""
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
