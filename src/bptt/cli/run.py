"""`bptt run`: a sound through a model of an amplifier or effect."""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..errors import ConfigError, operation
from ..interop import load
from ..interop.blocks import BlockStream
from ..interop.wav import Sound, read_wav, write_wav
from .console import check_destination, note

BLOCK = 4096  # samples


@operation
def run(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="NAM (LSTM), GuitarML, AIDA-X or RTNeural file."),
    ],
    sound: Annotated[Path, typer.Argument(metavar="IN", help="WAV file, mono or stereo.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="WAV file to write.")],
    knob: Annotated[
        list[float] | None,
        typer.Option(
            help="Value of an additional input, such as gain; repeat it for each input.",
            metavar="FLOAT",
        ),
    ] = None,
    prewarm: Annotated[
        float,
        typer.Option(
            help="Seconds of silence that are processed first; NAM's plug-ins take 0.5.",
            metavar="FLOAT",
        ),
    ] = 0.0,
) -> None:
    """Process a WAV file with a recurrent model of an amplifier or effect.

    The output has the sample rate, the channels and the bits of the input. Samples beyond full
    scale are cut, and their number is printed.
    """
    if not (math.isfinite(prewarm) and 0 <= prewarm <= 600):
        raise ConfigError(f"prewarm is {prewarm}; expected 0..600 seconds.")
    check_destination(out, model, sound)
    imported = load(model)
    heard = read_wav(str(sound))
    stream = BlockStream(imported, heard.samples.shape[1], knobs=knob or ())
    if stream.n_out != 1:
        raise ConfigError(f"{model} has {stream.n_out} outputs; expected one, a signal.")
    rate = imported.metadata.get("sample_rate")
    if rate and rate != heard.rate:
        note(
            f"{sound} has {heard.rate} samples a second; {model} was made for {rate:g}, and sounds "
            f"different at another rate."
        )
    silence = np.zeros((BLOCK, heard.samples.shape[1]), np.float32)
    for at in range(0, round(prewarm * heard.rate), BLOCK):
        stream.process(silence[: round(prewarm * heard.rate) - at])
    blocks = range(0, len(heard.samples), BLOCK)
    parts = [stream.process(heard.samples[at : at + BLOCK]) for at in blocks]
    samples = np.concatenate(parts) if parts else heard.samples
    if cut := write_wav(str(out), Sound(samples, heard.rate, heard.bits)):
        note(f"{cut} of {samples.size} samples are beyond full scale and were cut.")
