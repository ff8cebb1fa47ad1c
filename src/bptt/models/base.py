"""What models share: scikit-learn's manners without depending on it."""

import inspect
import numbers
from typing import TypeGuard

import numpy as np

from ..errors import ConfigError
from ..training.optimisers import LARGEST


class Model:
    """Hyper-parameters live in the constructor, unchanged; what `fit` learns ends in ``_``."""

    @classmethod
    def _names(cls):
        return [n for n in inspect.signature(cls.__init__).parameters if n != "self"]

    def get_params(self, deep=True):
        """Return the hyper-parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params):
        """Set hyper-parameters by name; return the model.

        Raises
        ------
        ConfigError
            No such hyper-parameter.
        """
        for name, value in params.items():
            if name not in self._names():
                raise ConfigError(
                    f"{type(self).__name__}: there is no {name!r}; "
                    f"expected one of {', '.join(self._names())}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self):
        defaults = inspect.signature(type(self).__init__).parameters
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value != defaults[name].default
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    def _refuse(self, name, expected):
        given = getattr(self, name)
        raise ConfigError(f"{type(self).__name__}: {name} is {given!r}; expected {expected}.")

    def _check_whole(self, *names):
        for name in names:
            value = getattr(self, name)
            if not is_whole(value) or value < 1:
                self._refuse(name, "a whole number >= 1")
            if value >= 2**30:  # NumPy cannot even ask for a square matrix that large
                self._refuse(name, "a whole number < 2**30")

    def _check_positive(self, *names):
        for name in names:
            value = getattr(self, name)
            if not (is_number(value) and value > 0):
                self._refuse(name, "a number > 0")
            if value > LARGEST:
                self._refuse(name, "a number < 3.4e38")

    def _check_fitted(self):
        if not hasattr(self, "parameters_"):
            raise ConfigError(f"{type(self).__name__}: not fitted yet; expected fit or load first.")


def is_whole(value) -> TypeGuard[int]:
    """Tell whether a value is a whole number: a Python or a NumPy one, not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value) -> TypeGuard[float]:
    """Tell whether a value is a real number: a Python or a NumPy one, not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
