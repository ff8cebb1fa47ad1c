"""The batch-first exercise's names for what the course calls otherwise."""

import re

_WORDS = {
    "da[:, :, t]": "dh[:, t]",
    "da[:, :, 0]": "dh[:, 0]",
    "da[:, :, -1]": "dh[:, -1]",
    "x[:, :, 0]": "x[:, 0]",
    "da_next": "dnext_h",
    "da_prev": "dprev_h",
    "dc_prev": "dprev_c",
    "a_prev": "prev_h",
    "c_prev": "prev_c",
    "da0": "dh0",
    "da": "dh",
    "a0": "h0",
    "T_x": "T",
}
_PATTERN = re.compile(
    r"(?<!\w)(" + "|".join(re.escape(w) for w in sorted(_WORDS, key=len, reverse=True)) + r")(?!\w)"
)


def translated(sentence: str) -> str:
    """Return a sentence in the names of the batch-first exercise."""
    return _PATTERN.sub(lambda match: _WORDS[match[0]], sentence)
