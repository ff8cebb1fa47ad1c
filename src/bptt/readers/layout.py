r"""How the text of a table is laid out: separator, quotes, rows, header.

The bytes are UTF-8 with line ends ``"\n"``. pandas reads the cells. What it accepts silently is
found here: rows of different lengths, quotes inside fields, blank rows.
"""

import io
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise

from .lines import shown

SPACES = r"\s+"  # the separator of columns that are aligned by spaces
_CANDIDATES = ("\t", ";", "|", ",")  # in this order where several divide all rows alike
_SAMPLE = 2**16  # bytes
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(rb"[+-]?[0-9]+,[0-9]+")
_SEP_LINE = re.compile(rb'"?sep=([^\n"])"?[ \t]*(?:\n|\Z)', re.IGNORECASE)  # as Excel reads it
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}([-/.][0-9]{1,4})?([ T].*)?|[0-9]{1,2}:[0-9]{2}.*")
MISSING = ("", "?", "na", "n/a", "nan", "null", "none")


class Refused(Exception):
    """A line of a table that is not as expected: number, what it is, what was expected."""


def sep_line(data: bytes) -> tuple[str, int] | None:
    """Return the separator that the first line names, as in ``sep=;``, and the line's length."""
    match = _SEP_LINE.match(data)
    return match and (match[1].decode("latin-1"), match.end())


def sniff(data: bytes, decimal: str) -> str:
    """Return the separator of a table: the one that divides its first rows alike.

    Parameters
    ----------
    data : bytes
        The table.
    decimal : str
        Decimal mark of its numbers, which is not the separator.
    """
    sample = data[:_SAMPLE]
    if len(sample) < len(data):
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    best, share = "", 0.0
    candidates = [sep for sep in _CANDIDATES if sep != decimal]
    lines = [line for line in sample.split(b"\n") if line.strip()]
    if len(lines) == 1 and any(sep.encode() in lines[0] for sep in candidates):
        # Every candidate divides one row alike.
        return max(candidates, key=lambda sep: _masked(lines[0], sep)[0].count(sep.encode()))
    for sep in candidates:
        counts = Counter(count for _, count, _ in _rows(_masked(sample, sep)[0], sep))
        width, often = counts.most_common(1)[0] if counts else (1, 1)
        if width > 1 and often == counts.total():
            return sep
        if width > 1 and often / counts.total() > share:
            best, share = sep, often / counts.total()
    if _aligned(lines):
        return SPACES
    one = len(lines) > 1 and b"," not in lines[0]
    if one and all(_DECIMAL_COMMA.fullmatch(line.strip()) for line in lines[1:]):
        return ";"  # one column
    return best or candidates[-1]


def _aligned(lines):
    """Return whether spaces divide the rows alike, and a column holds numbers only."""
    rows = [line.split() for line in lines]
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return False
    below = rows[1:] or rows
    return any(all(_NUMBER.fullmatch(row[k]) for row in below) for k in range(len(rows[0])))


def _masked(data: bytes, sep: str) -> tuple[bytes, int]:
    r"""Return a table with ``x`` in place of quoted fields; and how many hold line ends or `sep`.

    A line end in a field becomes a NUL, so that it is counted and ends no row.
    """
    if b'"' not in data:
        return data, 0
    ends = rb" \t\n" if sep == SPACES else re.escape(sep.encode()) + rb"\n"
    pads = rb"" if sep == SPACES else rb" *"
    quoted = re.compile(
        rb'(?<![^%s])%s"[^"]*+(?:""[^"]*+)*+"%s(?![^%s])' % (ends, pads, pads, ends)
    )
    within, n = sep.encode(), 0

    def mask(match):
        nonlocal n
        inner = match[0].count(b"\n")
        n += bool(inner) or within in match[0]
        return b"x" + b"\0" * inner

    return quoted.sub(mask, data), n


def _strays(masked: bytes, sep: str) -> re.Match[bytes] | None:
    """Return the first quote at the beginning of a field that no quote ends."""
    ends = rb" \t\n" if sep == SPACES else re.escape(sep.encode()) + rb"\n"
    return re.search(rb'(?<![^%s]) *"' % ends, masked)


def _rows(masked: bytes, sep: str) -> Iterator[tuple[int, int, bytes]]:
    """Yield the line, the number of fields and the masked text of each row that is not blank."""
    number, one = 1, sep.encode()
    for line in io.BytesIO(masked):
        bare = line.rstrip(b"\n")
        if bare.strip(b" " if sep == "\t" else b" \t"):
            count = len(bare.split()) if sep == SPACES else bare.count(one) + 1
            yield number, count, bare
        number += 1 + line.count(b"\0")


class Layout:
    """The rows of a table, all of the same length.

    Parameters
    ----------
    data : bytes
    sep : str
        One character, or `SPACES`.
    first_line : int
        Line number of the first byte of `data`.

    Attributes
    ----------
    quoted : bool
        Whether fields may be quoted.
    width : int
        Number of fields of a row.
    n_rows : int
        Of rows that are not blank, without those at the end that have empty fields only.
    short_header : bool
        The first row lacks the empty field that ends all others.
    notes : list of str

    Raises
    ------
    Refused
    """

    def __init__(self, data: bytes, sep: str, first_line: int = 1):
        self.sep, self.first_line = sep, first_line
        self.notes: list[str] = []
        masked, risky = _masked(data, sep)
        self.quoted: bool = b'"' in data
        if self.quoted and sep == "\t" and (risky or _strays(masked, sep)):
            self.quoted = not self._regular(data)
            if not self.quoted:
                self.notes.append("Quotes are read as text: not all of them enclose a field.")
                masked = data
        if self.quoted and (stray := _strays(masked, sep)):
            before = masked[: stray.start()]
            line = first_line + before.count(b"\n") + before.count(b"\0") + (stray[0][:1] == b"\n")
            raise Refused(line, 'has a quote (") that no quote at its field\'s end closes',
                          "fields quoted as in CSV")  # fmt: skip
        self._count(masked)

    def _regular(self, data):
        return len({count for _, count, _ in _rows(data, self.sep)}) == 1

    def _count(self, masked):
        """Find the lines of the rows; raise where a row has another length than the first."""
        self.width, self.n_rows, self.short_header = 0, 0, False
        self._jumps: list[tuple[int, int]] = []  # row, and its line where it is not the next one
        blank, last, expected, end = [], -1, 1, self.sep.encode()
        self.second: int | None = None  # line of the second row, counted in `data`
        empty = 0  # rows of separators at the end
        for line, count, text in _rows(masked, self.sep):
            if line != last + 1:
                self._jumps.append((self.n_rows, line + self.first_line - 1))
            blank += range(expected, line)
            last, expected = line, line + 1 + text.count(b"\0")
            empty = empty + 1 if count > 1 and not text.strip(end + b" ") else 0
            if self.n_rows == 0:
                self.width = count
            elif self.n_rows == 1:
                self.second = line
                if count == self.width + 1 and text.endswith(end):
                    self.short_header, self.width = True, count
            if count != self.width and self.n_rows:
                kind = ", separated by spaces" if self.sep == SPACES else ""
                raise Refused(
                    line + self.first_line - 1,
                    f"has {count} field{'s' * (count != 1)}{kind}",
                    f"{self.width - self.short_header}, as in the first row",
                )
            self.n_rows += 1
        before = self.first_line - 1
        if blank:
            self.notes.append(_lines_left_out([n + before for n in blank], "blank"))
        if empty:
            self.n_rows -= empty
            lines = [self.line(row) for row in range(self.n_rows, self.n_rows + empty)]
            self.notes.append(_lines_left_out(lines, "empty"))

    def line(self, row: int) -> int:
        """Return the line of a row, counted from 0."""
        at = bisect_right(self._jumps, row, key=lambda jump: jump[0]) - 1
        first, line = self._jumps[at]
        return line + row - first


def _lines_left_out(lines, what):
    shown_lines = ", ".join(map(str, lines[:5])) + ", ..." * (len(lines) > 5)
    if len(lines) == 1:
        return f"Line {shown_lines} is {what} and is left out."
    return f"{len(lines):,} lines are {what} and are left out: {shown_lines}."


def body(data: bytes, line: int) -> bytes:
    """Return a text from a line on, counted from 1."""
    at = 0
    for _ in range(line - 1):
        at = data.find(b"\n", at) + 1
    return data[at:]


def kind_of(text: str, decimal: str = ".") -> str:
    """Return what a field is: "number", "date", "text", or "" for a missing value."""
    text = text.strip()
    if text.lower() in MISSING:
        return ""
    plain = text.replace(decimal, ".") if decimal != "." else text
    if _NUMBER.fullmatch(plain.encode("utf-8", "replace")):
        return "number"
    return "date" if _DATE.fullmatch(text) else "text"


def has_header(first: list[str], below: list[list[str]], decimal: str) -> tuple[bool, str | None]:
    """Return whether the first row names the columns; and a note where that is not plain.

    It does unless it holds numbers alone, or fields of the same kinds as the rows below.
    """
    kinds = [kind_of(field, decimal) for field in first]
    if set(kinds) <= {"number", ""}:
        return False, None
    if not {"number", "date"} & set(kinds):
        return True, None
    for k, kind in enumerate(kinds):
        others = {kind_of(row[k], decimal) for row in below} - {""}
        if kind == "text" and others and "text" not in others:
            return True, None
    if below and _counts_up(first, decimal) and not _counts_up(below[0], decimal):
        return True, f"The first row ({_sample(first)}) is read as names of columns."
    return False, (
        f"The first row ({_sample(first)}) is read as values, not as names of columns "
        f"(header=True, --header, for names)."
    )


def _sample(fields):
    return ", ".join(shown(f, 20, "") for f in islice(fields, 4)) + ", ..." * (len(fields) > 4)


def _counts_up(fields, decimal):
    """Return whether the numbers of a row are whole and rise evenly, as years in a header do."""
    texts = [f.strip() for f in fields if kind_of(f, decimal) == "number"]
    if len(texts) < 2 or not all(t.isdigit() and len(t) < 10 for t in texts):
        return False
    values = [int(t) for t in texts]
    steps = {b - a for a, b in pairwise(values)}
    return len(steps) == 1 and steps.pop() > 0
