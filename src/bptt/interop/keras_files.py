"""Read the files of Keras 1, 2 and 3: .h5, .keras and .weights.h5, by h5py alone.

A file gives the configuration of its layers (or none) and, for each layer, its arrays in the
order that Keras keeps them. `keras_config` says how the layers are connected, `keras_layers` makes
bptt's of them. Code in a file (a Lambda layer's) is never read.
"""

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..errors import InteropError
from ..safe_files import parse_json, printable
from .files import MOST_BYTES, MOST_ENTRIES, read_bytes
from .hdf5 import Tree, opened
from .hdf5_trial import try_out
from .imported import Imported

__all__ = ["KerasFile", "Weights", "read", "snake_case"]

_MOST_JSON = 64 * 2**20  # bytes
_RATIO = 100  # of a compressed member; Keras stores its members as they are
_SKIP = frozenset(
    {"optimizer", "optimizer_weights", "seed_generator", "metrics", "compile_metrics"}
)

Weights = dict[str, dict[str, np.ndarray]]  # layer -> names of its arrays, in Keras' order -> array


class KerasFile(NamedTuple):
    """What a file holds."""

    path: str
    version: str  # of Keras; "" if the file does not say
    container: str  # "HDF5", ".keras", "weights"
    config: dict[str, Any] | None
    weights: Weights
    names: Mapping[str, str] = MappingProxyType({})  # Keras 3: those in `weights` -> their own


def read(path: str) -> Imported:
    """Read a file of Keras; called by `interop.load`."""
    from .keras_models import imported  # which needs the types here

    return imported(content(path))


def content(path: str, *, tried: bool = False) -> KerasFile:
    """Read what a file holds.

    Parameters
    ----------
    path : str
    tried : bool
        Whether HDF5's library may read it in this process at once: see `hdf5_trial`.

    Raises
    ------
    InteropError, ConfigError
    """
    config, version, image = None, "", None
    if in_zip := read_bytes(path, 4, whole=False).startswith(b"PK"):
        config, version, image = _read_zip(path)
    if not tried:
        try_out(path)
    with opened(path, image) as tree:
        if in_zip:
            return KerasFile(path, version, ".keras", config, *_tree_weights(tree))
        return _read_hdf5(path, tree)


def _read_zip(path: str) -> tuple[dict[str, Any], str, bytes]:
    """Return config.json, Keras' version of metadata.json, and model.weights.h5."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            config = _json(path, "config.json", _member(path, archive, "config.json", _MOST_JSON))
            version = ""
            if "metadata.json" in names:
                text = _member(path, archive, "metadata.json", _MOST_JSON)
                version = _text(_json(path, "metadata.json", text).get("keras_version"))
            refuse_code(config, path)
            if "model.weights.h5" not in names:
                raise InteropError(
                    f"{path} has no model.weights.h5; expected one, or save it anew."
                )
            image = _member(path, archive, "model.weights.h5", MOST_BYTES)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError,
            RuntimeError, ValueError) as error:  # fmt: skip
        if isinstance(error, InteropError):
            raise
        raise InteropError(f"{path} is a damaged zip file: {printable(error, 100)}.") from error
    return config, version, image


def _member(path: str, archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Read a member of a zip file after its size is checked."""
    if name not in archive.namelist():
        raise InteropError(f"{path} has no {name}; expected one.")
    info = archive.getinfo(name)
    if info.file_size > min(most, max(2**20, _RATIO * info.compress_size)):
        raise InteropError(
            f"{path}: {name} has {info.file_size} bytes, of which {info.compress_size} are stored; "
            f"expected at most {most}, and {_RATIO} times as many as are stored."
        )
    with archive.open(info) as member:
        return member.read(info.file_size + 1)


def _json(path: str, name: str, text: str | bytes) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        return parse_json(text if isinstance(text, str) else text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InteropError(f"{path}: {name} is no JSON object ({printable(error, 100)}).") from None


def _text(value: Any) -> str:
    return printable(value, 40) if isinstance(value, str) else ""


def _read_hdf5(path: str, tree: Tree) -> KerasFile:
    """Read an HDF5 file: a model of Keras 1, 2 or 3, or weights alone."""
    text = tree.text("model_config")
    config = None if text is None else _json(path, "model_config", text)
    refuse_code(config, path)
    root = tree.group("model_weights") if "model_weights" in tree else tree
    version = tree.text("keras_version") or root.text("keras_version") or ""
    names: dict[str, str] = {}
    if root.has("layer_names") or root.has("layer_names0"):
        weights = _named_weights(root)
    elif "layers" in root or "_layer_checkpoint_dependencies" in root:
        (weights, names), version = _tree_weights(root), version or "3"
    elif config is not None:
        raise InteropError(f"{path} has a model and no weights; expected both.")
    else:
        shown = ", ".join(map(repr, map(printable, tree.names()[:5]))) or "nothing"
        raise InteropError(f"{path} is an HDF5 file with {shown}; expected a model of Keras.")
    kind = "HDF5" if config else "weights"
    return KerasFile(path, printable(version, 40), kind, config, weights, names)


def _named_weights(root: Tree) -> Weights:
    """Read the weights of a file that lists layer_names, and weight_names for each layer."""
    names = root.texts("layer_names")
    if len(names) > MOST_ENTRIES:
        raise InteropError(f"{root.path} has {len(names)} layers; expected at most {MOST_ENTRIES}.")
    weights: Weights = {}
    for name in names:
        group = root.group(name)
        weights[name] = {w: group.array(w) for w in group.texts("weight_names")}
    return weights


def _tree_weights(root: Tree) -> tuple[Weights, dict[str, str]]:
    """Read the weights of a file whose groups follow the objects: layers/lstm/cell/vars/0.

    The layers keep these names, "lstm", "lstm_1": they count the layers of a class in order. Their
    own names are attributes.
    """
    top = next((k for k in ("layers", "_layer_checkpoint_dependencies") if k in root), None)
    if top is None:
        raise InteropError(f"{root.path} has no group 'layers'; expected one.")
    weights: Weights = {}
    own: dict[str, str] = {}
    layers = root.group(top)
    for name in sorted(layers.names(), key=_in_order):
        group = layers.group(name)
        arrays = group.arrays(_SKIP)
        weights[name] = {key: arrays[key] for key in sorted(arrays, key=_in_order)}
        if "vars" in group and (called := group.group("vars").text("name")):
            own[name] = called
    return weights, own


def _in_order(name: str) -> list[Any]:
    """Return a key that sorts numbers as numbers, and forward_layer before backward_layer."""
    name = name.replace("forward_layer", "0").replace("backward_layer", "1")
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d{1,9})", name) if p]


def snake_case(kind: str) -> str:
    """Return the name of a class in the paths of Keras 3: "SimpleRNN" -> "simple_rnn"."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def by_class(kinds: list[str]) -> list[str]:
    """Return the names of layers of these classes in the paths of Keras 3."""
    numbers, names = Counter(), []
    for kind in map(snake_case, kinds):
        names.append(f"{kind}_{numbers[kind]}" if numbers[kind] else kind)
        numbers[kind] += 1
    return names


def refuse_code(config: Any, path: str) -> None:
    """Refuse a model with Python code in it, wherever it is.

    Raises
    ------
    InteropError
        Names the layer.
    """
    waiting: list[tuple[Any, str]] = [(config, "")]
    while waiting:
        value, owner = waiting.pop()
        if isinstance(value, list):
            waiting += [(v, owner) for v in value]
        elif isinstance(value, dict):
            kind, own = value.get("class_name"), value.get("config")
            if isinstance(own, dict) and isinstance(own.get("name"), str):
                owner = own["name"]
            if kind in ("Lambda", "__lambda__"):
                raise InteropError(
                    f"{path}: the layer {printable(owner, 100)!r} is a Lambda, Python code; "
                    f"expected a model without code. It was not executed."
                )
            waiting += [(v, owner) for v in value.values()]
