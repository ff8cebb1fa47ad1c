"""Models of other programs, in and out: PyTorch, Keras, ONNX, safetensors, JSON of audio tools.

`load` reads a file without the program that wrote it, and executes nothing in it: it returns an
`Imported`, which unpacks to a `bptt.Network` and its parameters. `conventions` has the one table of
gate orders and names from which all converters are made.
"""

from .audio_writing import to_nam, to_rtneural
from .blocks import BlockStream
from .imported import Imported, Mask
from .keras_models import from_keras
from .keras_writing import to_keras
from .onnx import load_nodes, to_onnx
from .packed import unpack_padded
from .padding import pad_sequences
from .reading import load
from .residual import ResidualNetwork
from .state_dicts import from_torch
from .torch_writing import to_torch
from .writing import save

__all__ = [
    "BlockStream",
    "Imported",
    "Mask",
    "ResidualNetwork",
    "from_keras",
    "from_torch",
    "load",
    "load_nodes",
    "pad_sequences",
    "save",
    "to_keras",
    "to_nam",
    "to_onnx",
    "to_rtneural",
    "to_torch",
    "unpack_padded",
]
