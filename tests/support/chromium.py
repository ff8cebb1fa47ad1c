"""Headless Chromium, driven over a pipe by its DevTools protocol; nothing else is needed."""

import base64
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from shutil import which
from typing import Any, Self

NAMES = ("chromium", "google-chrome", "chrome")


class Chromium:
    """A page in headless Chromium, without a network.

    Raises
    ------
    FileNotFoundError
        There is no Chromium.
    """

    def __init__(self, width: int = 1280, height: int = 900, dark: bool = False):
        name = next((n for n in NAMES if which(n)), None)
        if name is None:
            raise FileNotFoundError(f"none of {', '.join(NAMES)} is installed")
        self._folder = tempfile.TemporaryDirectory()
        mine, theirs = os.pipe(), os.pipe()

        def connect() -> None:  # the browser reads from 3 and writes to 4
            os.dup2(os.dup(mine[0]), 103)
            os.dup2(os.dup(theirs[1]), 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        self._process = subprocess.Popen(
            [name, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
             f"--user-data-dir={self._folder.name}", "about:blank"],
            preexec_fn=connect, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(mine[0])
        os.close(theirs[1])
        self._to, self._from = os.fdopen(mine[1], "wb", 0), os.fdopen(theirs[0], "rb")
        self._n, self.errors = 0, []
        self._session = None
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self("Page.enable")
        self("Runtime.enable")
        self.resize(width, height, dark)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def __call__(self, method: str, **given: Any) -> dict[str, Any]:
        """Call a method of the protocol; return its result."""
        self._n += 1
        message: dict[str, Any] = {"id": self._n, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._n:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _read(self):
        found = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser ended")
            found += byte
        answer = json.loads(found)
        if answer.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(answer["params"]["exceptionDetails"]))
        return answer

    def resize(self, width: int, height: int, dark: bool) -> None:
        """Set the size of the window and the color scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, page: str | Path, scripts: bool = True) -> None:
        """Load a file and wait until it is there."""
        self("Emulation.setScriptExecutionDisabled", value=not scripts)
        self("Page.navigate", url=Path(page).resolve().as_uri())
        self.wait("document.readyState == 'complete'", 60)

    def value(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript."""
        given = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self("Runtime.evaluate", **given)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 20) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"not true after {seconds} s: {expression}")
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def picture(self, path: str | Path, whole: bool = True) -> None:
        """Save a picture of the page, or of the window, as PNG."""
        data = self("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        if whole:
            size = self("Page.getLayoutMetrics")["cssContentSize"]
            clip = {**size, "scale": 1}
            data = self("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        Path(path).write_bytes(base64.b64decode(data))
