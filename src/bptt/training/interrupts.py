"""Ctrl-C and SIGTERM between training steps."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """Turn Ctrl-C and SIGTERM into a flag that is read between steps: no update is left half done.

    A context manager. The first signal sets `requested`; a second Ctrl-C raises KeyboardInterrupt
    at once. Has no effect on a signal that is ignored (nohup, background jobs of a script) and
    outside the main thread, because Python delivers signals only there.
    """

    def __init__(self) -> None:
        self.requested: bool = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self.requested and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
