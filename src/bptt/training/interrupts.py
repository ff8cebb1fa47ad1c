"""Ctrl-C, SIGTERM and SIGHUP: between training steps a flag, elsewhere the end of the work."""

import signal
import threading
from types import FrameType
from typing import Any, Self

# Ctrl-C; what ends a process; what a closed terminal sends (Windows has no SIGHUP).
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class _Handlers:
    """A context manager that handles signals in its own way."""

    def __init__(self) -> None:
        self.requested: int = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if self._takes(signal.getsignal(number)):
                    self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @staticmethod
    def _takes(handler: Any) -> bool:
        raise NotImplementedError

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        raise NotImplementedError


class Interrupts(_Handlers):
    """Turn Ctrl-C, SIGTERM and SIGHUP into a flag that is read between steps.

    A context manager: no update is left half done. The first signal sets `requested` to its number,
    here and in an enclosing `Terminations`; a second Ctrl-C raises KeyboardInterrupt at once. Has
    no effect on a signal that is ignored (nohup, background jobs of a script) and outside the main
    thread, because Python delivers signals only there.
    """

    @staticmethod
    def _takes(handler: Any) -> bool:
        return handler not in (signal.SIG_IGN, None)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self.requested and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = signum
        outer = getattr(self._previous.get(signum), "__self__", None)
        if isinstance(outer, Terminations):
            outer.requested = signum


class Terminated(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP; `signum` is its number."""

    def __init__(self, signum: int):
        super().__init__()
        self.signum: int = signum


class Terminations(_Handlers):
    """Raise `Terminated` at Ctrl-C, SIGTERM and SIGHUP, so that files are cleaned up.

    A context manager. `requested` is the number of a signal that an `Interrupts` inside it has
    turned into a flag. Handlers of an embedding program are left alone.
    """

    @staticmethod
    def _takes(handler: Any) -> bool:
        own = isinstance(getattr(handler, "__self__", None), Terminations)
        return own or handler in (signal.SIG_DFL, signal.default_int_handler)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        raise Terminated(signum)
