"""The ``.ts`` format of the UEA and UCR archives of time series classification.

Lines that begin with # are comments, lines that begin with @ the header. Each line after @data is
one case: channels separated by colons, their values by commas, the class or target last (Loning et
al. 2019, sktime).
"""

from typing import Any

import numpy as np

from ..errors import operation
from .data import Data, Path
from .lines import Lines, shown

_FLAGS = ("timestamps", "missing", "univariate", "equallength", "targetlabel")
_COUNTS = ("dimensions", "dimension", "serieslength")
_OTHER = ("problemname", "classlabel", "data")


@operation
def read_ts(path: Path) -> Data:
    """Read a file of the UEA and UCR archives.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Data
        X : list of ndarray of float32, shape (T, channels); y : list of str (``@classLabel true``),
        list of float (``@targetLabel true``) or None.

    Raises
    ------
    DataError
        The file cannot be read; the header has an unknown entry or contradicts the data; there are
        time stamps or missing values; the channels of a case have different lengths; a class is
        not listed in the header.
    """
    lines = Lines(path)
    header: dict[str, Any] = {}
    X, y = [], []
    for line in lines:
        if not (line := line.strip()) or line.startswith("#"):
            continue
        if "data" not in header:
            _add_to(header, line, lines)
        else:
            x, target = _case(line, header, lines)
            X.append(x)
            y.append(target)
    if not X:
        lines.refuse_file("holds no case", "at least one line after @data")
    labeled = header.get("classlabel") or header.get("targetlabel")
    return Data(X, y if labeled else None)


def _add_to(header, line, lines: Lines):
    """Read one line of the header."""
    key, *values = line.split()
    name = key[1:].lower()
    if not key.startswith("@"):
        lines.refuse(f"is {shown(line)} before @data", "a header line that begins with @ or #")
    if name not in _FLAGS + _COUNTS + _OTHER:
        lines.refuse(f"has the unknown header {shown(key)}", "one of the .ts format")
    if name in header:
        lines.refuse(f"has {shown(key)} a second time", "every header once")
    header[name] = values
    if name in _FLAGS or name == "classlabel":
        if not values or values[0].lower() not in ("true", "false"):
            lines.refuse(f"is {shown(line)}", f"{key} true or {key} false")
        header[name] = values[0].lower() == "true"
    if name in _COUNTS:
        number = "".join(values)
        if not (number.isascii() and number.isdigit() and 0 < len(number) < 19 and int(number)):
            lines.refuse(f"is {shown(line)}", f"{key} and a whole number >= 1")
        header["dimensions" if name == "dimension" else name] = int(number)
    if name == "timestamps" and header[name]:
        lines.refuse("declares time stamps", "@timeStamps false: evenly spaced steps")
    if name == "classlabel" and header[name]:
        header["classes"] = set(values[1:])
        if not header["classes"]:
            lines.refuse("lists no class", "the classes after @classLabel true")
    if header.get("classlabel") and header.get("targetlabel"):
        lines.refuse("declares a target as well as a class", "one of the two")


def _case(line, header, lines: Lines):
    """Return a case: its steps (T, channels) and its class, target or None."""
    *channels, target = line.split(":")
    if header.get("classlabel"):
        target = target.strip()
        if target not in header["classes"]:
            lines.refuse(f"ends in the class {shown(target)}", "one that @classLabel lists")
    elif header.get("targetlabel"):
        target = lines.float32(target, "the target")
    else:
        channels, target = [*channels, target], None
    if not channels:
        lines.refuse("has one field only", "channels and a class, separated by colons")
    # The first case determines what the header does not declare.
    n = header.setdefault("dimensions", 1 if header.get("univariate") else len(channels))
    if len(channels) != n:
        lines.refuse(f"has {len(channels)} channels", f"{n}, as in the header or the first case")
    values = [_channel(text, k, lines) for k, text in enumerate(channels, start=1)]
    uneven = next((k for k, v in enumerate(values, start=1) if len(v) != len(values[0])), None)
    if uneven:
        lines.refuse(
            f"has {len(values[uneven - 1])} values in channel {uneven}",
            f"{len(values[0])}, as in channel 1",
        )
    if header.get("equallength"):
        length = header.setdefault("serieslength", len(values[0]))
        if len(values[0]) != length:
            lines.refuse(f"has {len(values[0])} steps", f"{length}, because @equalLength is true")
    return np.stack(values, axis=1), target


def _channel(text, k, lines: Lines):
    if "(" in text:
        lines.refuse(f"has time stamps in channel {k}", "values only: evenly spaced steps")
    name = f"channel {k}"
    return np.array([lines.float32(value, name) for value in text.split(",")], np.float32)
