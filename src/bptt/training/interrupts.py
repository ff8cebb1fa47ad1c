"""Ctrl-C between training steps."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """Turn Ctrl-C into a flag that is read between steps, so that no update is left half done.

    A context manager. The first Ctrl-C sets `requested`; a second one raises KeyboardInterrupt at
    once. Has no effect where Ctrl-C is ignored (nohup, background jobs of a script) and outside the
    main thread, because Python delivers signals only there.
    """

    def __init__(self) -> None:
        self.requested: bool = False

    def __enter__(self) -> "Interrupts":
        self._previous: Any = None
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
