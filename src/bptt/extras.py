"""Packages that are not installed with bptt: import one, or say how to install it."""

from importlib import import_module
from typing import Any

from .errors import ConfigError

__all__ = ["load"]


def load(module: str, extra: str, why: str) -> Any:
    """Import an optional package.

    Parameters
    ----------
    module : str
        Name of the module: "pandas".
    extra : str
        The extra of bptt that installs the package: "tables".
    why : str
        What needs it, for the error message: "to read tables".

    Returns
    -------
    module

    Raises
    ------
    ConfigError
        The package is not installed.

    Examples
    --------
    >>> load("no_such", extra="tables", why="to read tables")
    Traceback (most recent call last):
        ...
    bptt.errors.ConfigError: no_such is not installed (to read tables); pip install 'bptt[tables]'.
    """
    try:
        return import_module(module)
    except ImportError as error:
        missing = error.name or module  # of the package itself, or of what it needs
        raise ConfigError(
            f"{missing} is not installed ({why}); pip install 'bptt[{extra}]'."
        ) from error
