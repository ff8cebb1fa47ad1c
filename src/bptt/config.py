"""The version of the package and the configuration of the machine."""

import platform
import sys

import numpy as np


def version() -> str:
    """Return the version of the installed package."""
    from importlib import metadata  # here, because its import takes longer than bptt's own

    return metadata.version("bptt")


def show_config() -> None:
    """Print versions, the machine, the engine's provider and NumPy's BLAS.

    Examples
    --------
    >>> show_config()  # doctest: +ELLIPSIS
    bptt     ...
    """
    from . import engine

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
    rows = {
        "bptt": version(),
        **engine.provider().describe(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
    }
    for name, value in rows.items():
        print(f"{name:8} {value}")  # noqa: T201
