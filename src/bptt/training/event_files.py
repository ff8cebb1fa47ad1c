"""Write event files of TensorBoard: records of protobuf messages with CRC-32C checks.

A record is length (uint64), masked CRC of it (uint32), data, masked CRC of the data (TFRecord). An
Event has 1: wall_time (double), 2: step (int64), 3: file_version (string) or 5: summary; a Summary
has 1: Value; a Value has 1: tag (string), 2: simple_value (float).
"""

import os
import struct
import time
from functools import cache
from itertools import count
from pathlib import Path

_NUMBER = count()


@cache
def _table():
    """Return the remainders of all bytes."""
    rows = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        rows.append(value)
    return rows


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _checked(data):
    """Return the masked CRC of some bytes: rotated right by 15 bits, plus a constant."""
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def _message(field, data):
    """Return a field of bytes: its key, its length and the bytes."""
    return _varint(field << 3 | 2) + _varint(len(data)) + data


class EventFile:
    """An event file in a log directory; every call is written through.

    Parameters
    ----------
    directory : path-like
        Made if it does not exist.
    """

    def __init__(self, directory: str | Path):
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.bptt.{os.getpid()}.{next(_NUMBER)}"
        self.path: Path = folder / name
        self._file = self.path.open("wb")
        self._event(_message(3, b"brain.Event:2"))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Write scalars of a step, by tag."""
        summary = b"".join(
            _message(1, _message(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
            for tag, value in values.items()
        )
        self._event(b"\x10" + _varint(step) + _message(5, summary))

    def _event(self, content):
        data = b"\x09" + struct.pack("<d", time.time()) + content
        length = struct.pack("<Q", len(data))
        self._file.write(length + _checked(length) + data + _checked(data))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
