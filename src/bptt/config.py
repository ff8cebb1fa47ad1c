"""What this installation is and which engine serves it."""

import platform
import sys

import numpy as np


def show_config():
    """Print versions, the machine, the engine's provider and NumPy's BLAS.

    Examples
    --------
    >>> show_config()  # doctest: +ELLIPSIS
    bptt     ...
    """
    from . import __version__, engine

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
    rows = {
        "bptt": __version__,
        **engine.provider().describe(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
    }
    for name, value in rows.items():
        print(f"{name:8} {value}")  # noqa: T201
