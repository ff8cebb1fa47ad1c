"""Models in JSON: which program's it is, by its keys."""

import math
from collections.abc import Mapping
from typing import Any

from ..errors import InteropError
from ..layers import LSTM, Activation, Dense, Embedding
from ..network import Network
from ..safe_files import parse_json, printable
from .audio_json import array, read_guitarml, read_nam, read_rtneural
from .conventions import Blocks, from_blocks
from .files import read_bytes
from .imported import Imported
from .state_dicts import from_tensors

__all__ = ["read"]

MOST_JSON = 256 * 2**20  # bytes


def read(path: str) -> Imported:
    """Read a model in JSON; called by `interop.load`."""
    try:
        content = parse_json(read_bytes(path, MOST_JSON).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InteropError(f"{path} is no JSON file ({printable(error, 100)}).") from None
    if "architecture" in content and "weights" in content:
        return read_nam(content, path)
    if "model_data" in content and isinstance(content.get("state_dict"), dict):
        return read_guitarml(content, path)
    if "layers" in content and "in_shape" in content:
        return read_rtneural(content, path)
    if {"mat1", "mat9", "dic"} <= content.keys():
        return _segmenter(content, path)
    tensors = content.get("state_dict", content)
    if not isinstance(tensors, dict) or not any(isinstance(v, list) for v in tensors.values()):
        raise InteropError(
            f"{path} is JSON with {', '.join(printable(k, 40) for k in list(content)[:5])}; "
            f"expected a model of NAM, GuitarML, RTNeural or AIDA-X, or a state dict."
        )
    return from_tensors(
        {name: array(v, f"{path}: {name}") for name, v in tensors.items()},
        format="state dict in JSON",
        path=path,
    )


def _segmenter(content: Mapping[str, Any], path: str) -> Imported:
    """Read a word segmenter of Unicode's lstm_word_segmentation: mat1 to mat9, in Keras' order.

    An embedding, a bidirectional LSTM, and a dense layer with a softmax over the four tags BIES.
    """
    m = []
    for k in range(1, 10):
        entry = content[f"mat{k}"] if isinstance(content.get(f"mat{k}"), dict) else {}
        flat = array(entry.get("data"), f"{path}: mat{k}")
        shape = entry.get("dim")
        if (
            not isinstance(shape, list)
            or not all(type(n) is int and n > 0 for n in shape)
            or not 1 <= len(shape) <= 2
            or math.prod(shape) != flat.size
        ):
            raise InteropError(f"{path} has mat{k} of {flat.size} numbers for another dim.")
        m.append(flat.reshape(shape))
    cells = [from_blocks("lstm", Blocks(*m[k : k + 3]), "keras", like=path) for k in (1, 4)]
    n_x, n_a, n_y = m[1].shape[0], m[2].shape[0], m[8].shape[0]
    network = Network(
        [
            Embedding(*m[0].shape),
            LSTM(n_x, n_a, bidirectional=True),
            Dense(2 * n_a, n_y),
            Activation(n_y, "softmax"),
        ]
    )
    parameters = {"embedding0.We": m[0], "dense0.Wy": m[7].T.copy(), "dense0.by": m[8][:, None]}
    for prefix, own in zip(("", "reverse."), cells, strict=True):
        parameters |= {f"lstm0.{prefix}{key}": p for key, p in own.items()}
    for name, shape in network.shapes().items():
        if parameters[name].shape != shape:
            raise InteropError(f"{path} has {name} of {parameters[name].shape}; expected {shape}.")
    return Imported(
        format="Unicode lstm_word_segmentation",
        path=path,
        model=(network, parameters),
        metadata={"vocabulary": content["dic"], "classes": list("BIES")},
    )
