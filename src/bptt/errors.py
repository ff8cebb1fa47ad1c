"""Every exception that bptt raises on purpose.

::

    BpttError(Exception)          anything below: one clause catches them all
    ├── ShapeError(ValueError)    an array's shape, dtype or lengths do not fit the operation
    ├── ConfigError(ValueError)   a setting, an argument or a text that makes no sense
    ├── DataError(ValueError)     a data file that cannot be read, or does not hold what it should
    ├── CheckpointError           a model file that cannot be written, read or trusted
    ├── InteropError              a model of another framework that cannot be converted
    └── EngineError               the compute engine is missing or refuses the work

Messages are one sentence: operation, what was given, what was expected and, where it helps, whence
the expectation comes.
"""

__all__ = [
    "BpttError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EngineError",
    "InteropError",
    "ShapeError",
]


class BpttError(Exception):
    """Base of every exception that bptt raises on purpose."""


class ShapeError(BpttError, ValueError):
    """An array's shape, dtype or lengths are not what the operation expects."""


class ConfigError(BpttError, ValueError):
    """A setting, an argument or a text that makes no sense."""


class DataError(BpttError, ValueError):
    """A data file that cannot be read, or does not hold what it should."""


class CheckpointError(BpttError):
    """A model file that cannot be written, read or trusted."""


class InteropError(BpttError):
    """A model of another framework that cannot be converted."""


class EngineError(BpttError):
    """The compute engine is missing or refuses the work."""
