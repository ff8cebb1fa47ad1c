"""WAV files: 8, 16, 24 and 32 bits by the standard library, others by the package soundfile."""

import wave
from typing import NamedTuple

import numpy as np

from .. import extras
from ..errors import InteropError
from ..safe_files import printable, reason

__all__ = ["Sound", "read_wav", "write_wav"]

MOST_BYTES = 2**31


class Sound(NamedTuple):
    """Samples of a WAV file."""

    samples: np.ndarray  # float32, (n, channels), in [-1, 1)
    rate: int  # Hz
    bits: int  # of a sample; 0 for floating point


def read_wav(path: str) -> Sound:
    """Read a WAV file.

    Raises
    ------
    InteropError
        It cannot be read.
    ConfigError
        Its samples are not whole numbers, and soundfile is not installed.
    """
    try:
        with wave.open(path, "rb") as file:
            width, n_channels = file.getsampwidth(), file.getnchannels()
            n = file.getnframes()
            if not 1 <= width <= 4 or n * width * n_channels > MOST_BYTES:
                raise InteropError(f"{path} has {n} samples of {8 * width} bits.")
            data = file.readframes(n)
            samples = _from_pcm(data, width).reshape(-1, n_channels)
            return Sound(samples, file.getframerate(), 8 * width)
    except wave.Error as error:
        if "unknown format" not in str(error):
            raise InteropError(f"{path} is no WAV file ({printable(error, 80)}).") from None
    except (OSError, EOFError, ValueError) as error:
        raise InteropError(f"{path} cannot be read ({reason(error)}).") from None
    soundfile = extras.load("soundfile", extra="audio", why="to read WAV files of floats")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return Sound(samples, rate, 24 if "24" in soundfile.info(path).subtype else 0)
    except (OSError, RuntimeError, ValueError) as error:
        raise InteropError(f"{path} cannot be read ({printable(error, 80)}).") from None


def _from_pcm(data: bytes, width: int) -> np.ndarray:
    """Return samples in [-1, 1) from little-endian whole numbers; those of 8 bits are unsigned."""
    data = data[: len(data) // width * width]
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    wide = np.zeros((len(data) // width, 4), np.uint8)
    wide[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)


def write_wav(path: str, sound: Sound) -> int:
    """Write a WAV file; return the number of samples that were cut to [-1, 1).

    Raises
    ------
    InteropError
        It cannot be written.
    ConfigError
        bits is 0 (floating point), and soundfile is not installed.
    """
    try:
        if not sound.bits:
            soundfile = extras.load("soundfile", extra="audio", why="to write WAV files of floats")
            soundfile.write(path, sound.samples, sound.rate, subtype="FLOAT", format="WAV")
            return 0
        data, cut = _to_pcm(sound.samples, sound.bits // 8)
        with wave.open(path, "wb") as file:
            file.setnchannels(sound.samples.shape[1])
            file.setsampwidth(sound.bits // 8)
            file.setframerate(sound.rate)
            file.writeframes(data)
        return cut
    except (OSError, RuntimeError, wave.Error) as error:
        raise InteropError(f"{path} cannot be written ({printable(error, 80)}).") from None


def _to_pcm(samples: np.ndarray, width: int) -> tuple[bytes, int]:
    most = 2.0 ** (8 * width - 1)
    scaled = np.rint(samples.astype(np.float64) * most)
    inside = scaled.clip(-most, most - 1)
    cut = int((inside != scaled).sum())
    if width == 1:
        return (inside + 128).astype(np.uint8).tobytes(), cut
    whole = inside.astype("<i4").reshape(-1, 1).view(np.uint8)
    return whole[:, :width].tobytes(), cut
