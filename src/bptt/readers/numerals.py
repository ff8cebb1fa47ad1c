"""Numbers as tables write them: ASCII decimal numbers, with a decimal comma where it is named."""

import math
import re
from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError
from .layout import MISSING

_GROUPS = r"[0-9]{1,3}(?:%s[0-9]{3})+"
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(\.[0-9]{3})*,[0-9]+([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")


class Numerals:
    """How the numbers of a table are written.

    Parameters
    ----------
    decimal : {".", ","}
        Decimal mark.
    thousands : str, optional
        Character between groups of three digits.

    Raises
    ------
    ConfigError
    """

    def __init__(self, decimal: str = ".", thousands: str | None = None):
        if decimal not in (".", ","):
            raise ConfigError(f"decimal is {decimal!r}; expected '.' or ','.")
        if thousands is not None and (
            not isinstance(thousands, str)
            or len(thousands) != 1
            or thousands in f'{decimal}+-"\r\n'
            or thousands.isalnum()
        ):
            raise ConfigError(
                f"thousands is {thousands!r}; expected one character that is not part of a number."
            )
        self.decimal, self.thousands = decimal, thousands
        point = re.escape(decimal)
        whole = "[0-9]+"
        if thousands:
            whole = f"(?:{_GROUPS % re.escape(thousands)}|[0-9]+)"
        self._number = re.compile(
            rf"[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
        )
        kinds = (str, str.upper, str.title, lambda t: t.replace("nan", "NaN").replace("na", "NA"))
        self.markers: list[str] = sorted({change(text) for text in MISSING for change in kinds})

    def read(self, texts: Sequence[str]) -> tuple[np.ndarray, int | None]:
        """Return the numbers up to the first text that is none, and its index.

        Returns
        -------
        values : ndarray of float64
            NaN where a value is missing.
        bad : int or None
        """
        values = np.full(len(texts), np.nan)
        for k, text in enumerate(texts):
            text = text.strip()
            if self._number.fullmatch(text):
                values[k] = value = self._value(text)
                if math.isinf(value):
                    return values, k
            elif text.lower() not in MISSING:
                return values, k
        return values, None

    def _value(self, text):
        if self.thousands:
            text = text.replace(self.thousands, "")
        return float(text.replace(self.decimal, "."))

    def is_number(self, text: str) -> bool:
        """Return whether a text is a number, written as in this table."""
        return self._number.fullmatch(text.strip()) is not None

    def is_like(self, text: str) -> bool:
        """Return whether other programs may read a number here: inf, 1_000, 10,5, other digits."""
        text = text.strip()
        if _DECIMAL_COMMA.fullmatch(text) or _THOUSANDS.fullmatch(text):
            return True
        try:
            float(text)
        except ValueError:
            return False
        return True

    def expected(self, text: str) -> str:
        """Return what is expected in place of a text, and the option that reads it."""
        text, ways = text.strip(), []
        if self.decimal == "." and _DECIMAL_COMMA.fullmatch(text):
            ways.append("decimal=',' reads decimal commas")
        if self.decimal == "." and not self.thousands and _THOUSANDS.fullmatch(text):
            ways.append("thousands=',' reads groups of thousands")
        return "; ".join(
            [f"a finite number{' with a decimal comma' * (self.decimal == ',')}", *ways]
        )
