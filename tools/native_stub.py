"""Write src/bptt/engine/_native.pyi, the signatures of the native module, from the built module.

``python tools/native_stub.py`` rewrites it; with ``--check`` it changes nothing and exits with 1
where the file does not agree with the module.
"""

import importlib
import sys
from pathlib import Path

from nanobind.stubgen import StubGen

import bptt.engine

FILE = Path(bptt.engine.__file__).with_name("_native.pyi")


def stub():
    """Return the text of the stub."""
    generator = StubGen(importlib.import_module("bptt.engine._native"))
    generator.put(generator.module)
    return generator.get()


if __name__ == "__main__":
    text = stub()
    if "--check" not in sys.argv:
        FILE.write_text(text)
    elif FILE.read_text() != text:
        sys.exit(f"{FILE.name} does not agree with the module: run python tools/native_stub.py")
