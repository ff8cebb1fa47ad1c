"""What a file of Keras holds, as `Imported`: a whole model, or its layers by name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InteropError, operation
from ..safe_files import printable
from .imported import Imported
from .keras_building import Building, UnknownLayer, shown
from .keras_config import KerasLayer, chain, layers_of, of_tensorflow, version_number
from .keras_files import KerasFile, by_class, refuse_code, snake_case
from .keras_layers import KINDS, add

__all__ = ["from_keras", "imported"]

Arrays = Sequence[np.ndarray]
_SNAKE = {snake_case(kind): kind for kind in KINDS}
_GATES = {4: "LSTM", 3: "GRU", 1: "SimpleRNN"}


def imported(file: KerasFile) -> Imported:
    """Return the model of a file, or its layers as modules."""
    if file.config is None:
        return _from_weights(file)
    layers = layers_of(file.config, file.path)
    order, obstacle = chain(file.config, layers)
    arrays = dict(zip((one.name for one in layers), _arrays_of(file, layers), strict=True))
    base: dict[str, Any] = {"format": _format(file), "path": file.path}
    about: dict[str, Any] = {
        "keras_version": file.version,
        "layers": [(one.kind, one.name) for one in layers],
    }
    if not obstacle:
        building = Building(file.version, file.path)
        building.notes += _policies(file, layers)
        try:
            for one in order:
                add(building, one, arrays[one.name])
        except UnknownLayer as error:
            obstacle = str(error).removeprefix(f"{file.path}: ").rstrip(".")
        else:
            if building.maxlen:
                about["maxlen"] = building.maxlen
            if building.dims is not None:
                about["output_shape"] = (None, *building.dims)
            return Imported(
                **base,
                model=building.network(),
                mask=building.mask,
                notes=tuple(building.notes),
                metadata=about,
            )
    modules: dict[str, Imported] = {}
    tensors: dict[str, np.ndarray] = {}
    notes: list[str] = []
    for one in layers:
        module, fault = _alone(file, one, arrays[one.name])
        notes += fault
        if module is not None:
            modules[one.name] = module
        else:
            tensors |= {f"{one.name}/{i}": a for i, a in enumerate(arrays[one.name])}
    parts: dict[str, Any] = {"modules": modules, "tensors": tensors, "notes": tuple(notes)}
    return Imported(**base, **parts, obstacle=obstacle, metadata=about)


def _format(file: KerasFile) -> str:
    version = f" {file.version}" if file.version else ""
    return f"Keras{version} ({file.container})"


def _policies(file: KerasFile, layers: list[KerasLayer]) -> list[str]:
    """Return a note about layers that Keras computes in half precision; refuse quantized ones."""
    half = set()
    for one in layers:
        policy = one.config.get("dtype")
        inner = policy.get("config") if isinstance(policy, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else policy
        if isinstance(inner, dict) and isinstance(inner.get("source_name"), str):
            raise InteropError(
                f"{file.path}: {shown(one)} is quantized ({printable(inner.get('mode'), 40)}); "
                f"expected floating point: save the model before model.quantize()."
            )
        if isinstance(name, str) and name.endswith("float16"):
            half.add(printable(name, 20))
    return [f"Keras computes it in {', '.join(sorted(half))}, bptt in float32."] * bool(half)


def _arrays_of(file: KerasFile, layers: list[KerasLayer]) -> list[list[np.ndarray]]:
    """Return the arrays of each layer, in Keras' order."""
    if not file.names:  # named by the layers' own names
        return [list(file.weights.get(one.name, {}).values()) for one in layers]
    own = {called: key for key, called in file.names.items()}
    unique = len(own) == len(file.names)
    keys = [
        own.get(one.name, by) if unique else by
        for one, by in zip(layers, by_class([one.kind for one in layers]), strict=True)
    ]
    return [list(file.weights.get(key, {}).values()) for key in keys]


def _alone(
    file: KerasFile, layer: KerasLayer, arrays: Arrays, *notes: str
) -> tuple[Imported | None, list[str]]:
    """Return one layer as a network, and why it could not be read.

    None if it has none, such as Flatten, or is not known.
    """
    building = Building(file.version, file.path)
    try:
        add(building, layer, arrays)
        model = building.network()
    except UnknownLayer:
        return None, []
    except InteropError as error:
        return None, [f"Not read: {error}"] * bool(arrays)
    notes = (*building.notes, *notes)
    return Imported(format=_format(file), path=file.path, model=model, notes=notes), []


# Files of weights alone


def _from_weights(file: KerasFile) -> Imported:
    """Return the layers of a file without a configuration; their kinds follow from the shapes."""
    modules: dict[str, Imported] = {}
    tensors: dict[str, np.ndarray] = {}
    notes: list[str] = []
    called = file.names if len(set(file.names.values())) == len(file.names) else {}
    for key, arrays in file.weights.items():
        if not arrays:
            continue
        name = called.get(key, key)
        layer, note = _guessed(key, name, arrays, file)
        module, fault = _alone(file, layer, list(arrays.values()), note) if layer else (None, [])
        notes += fault
        if module:
            modules[name] = module
        else:
            tensors |= {w if "/" in w and not file.names else f"{name}/{w}": a
                        for w, a in arrays.items()}  # fmt: skip
    return Imported(
        format=_format(file),
        path=file.path,
        modules=modules,
        tensors=tensors,
        obstacle="it has weights alone, and does not say how its layers are connected",
        notes=("The file has no activations: see the notes of each module.", *notes),
        metadata={"keras_version": file.version},
    )


def _guessed(
    key: str, name: str, arrays: Mapping[str, np.ndarray], file: KerasFile
) -> tuple[KerasLayer | None, str]:
    """Return a layer that has these arrays, and what is assumed of it."""
    by_kind = _SNAKE.get(re.sub(r"_\d+$", "", key)) if file.names else None
    ends = [re.sub(r":\d+$", "", w).rpartition("/")[2] for w in arrays]
    shapes = [a.shape for a in arrays.values()]
    bidirectional = any("backward_" in w for w in arrays) and len(arrays) % 2 == 0
    first = shapes[: len(shapes) // (1 + bidirectional)]
    if by_kind in ("Dense", "Embedding", "BatchNormalization", "LayerNormalization"):
        return _stepwise(by_kind, name, len(arrays))
    cells = any("cell/vars" in w for w in arrays)
    if cells or "recurrent_kernel" in ends or any(re.search(r"_U(_\w)?$", e) for e in ends):
        return _recurrent(name, first, bidirectional, file)
    if "gamma" in ends or "beta" in ends:
        batch = any("mean" in e for e in ends)
        kind = "BatchNormalization" if batch else "LayerNormalization"
        config = {"scale": "gamma" in ends, "center": "beta" in ends}
        return KerasLayer(kind, name, config), "epsilon is assumed to be 0.001."
    dense = (by_kind in (None, "TimeDistributed") and len(shapes[0]) == 2
             and shapes[1:] in ([], [(shapes[0][1],)]))  # fmt: skip
    known = any(e in ("kernel", "embeddings", "0") for e in ends)
    if not dense or not (known or (ends[0] == f"{key}_W" and version_number(file.version) < 2)):
        return None, ""
    table = len(shapes) == 1 and "kernel" not in ends and by_kind is None
    return _stepwise("Embedding" if table else "Dense", name, len(arrays))


def _stepwise(kind: str, name: str, count: int) -> tuple[KerasLayer, str]:
    config: dict[str, Any] = {}
    note = ""
    if kind == "Dense":
        note = "Its activation is not in the file: assumed to be linear."
    elif kind == "Embedding":
        note = "Whether id 0 is masked is not in the file: assumed that it is not."
    else:
        note = "epsilon is assumed to be 0.001."
        batch = kind == "BatchNormalization"
        config = {"scale": count == (4 if batch else 2), "center": count != 2 or not batch}
    return KerasLayer(kind, name, config), note


def _recurrent(
    name: str, shapes: list[tuple[int, ...]], bidirectional: bool, file: KerasFile
) -> tuple[KerasLayer | None, str]:
    """Return the recurrent layer whose arrays have these shapes."""
    kind = {12: "LSTM", 9: "GRU"}.get(len(shapes))
    if kind is None:
        if len(shapes) not in (2, 3) or len(shapes[1]) != 2 or not shapes[1][0]:
            return None, ""
        kind = _GATES.get(shapes[1][1] // shapes[1][0])
    if kind is None:
        return None, ""
    bias = shapes[2] if len(shapes) == 3 else ()
    cudnn = len(bias) == 1 and bias[0] == 2 * shapes[1][1]
    after = kind == "GRU" and (cudnn or len(bias) == 2)
    old = not (cudnn or of_tensorflow(file.version) or file.version.startswith("2.3"))
    sigma = "hard_sigmoid" if old and kind != "SimpleRNN" else "sigmoid"
    config = {
        "activation": "tanh",
        "recurrent_activation": sigma,
        "reset_after": after,
        "return_sequences": True,
    }
    gates = f" and {sigma}" if kind != "SimpleRNN" else ""
    note = f"The activations are not in the file: assumed to be tanh{gates}."
    layer = KerasLayer(kind, name, config)
    if bidirectional:
        inner = {"class_name": kind, "config": config}
        layer = KerasLayer("Bidirectional", name, {"layer": inner, "merge_mode": "concat"})
    return layer, note


# Live objects and lists of arrays


@operation
def from_keras(
    model: Any, weights: Arrays | None = None, *, version: str = "3", **config: Any
) -> Imported:
    """Convert a model of Keras in memory, or one layer by its class and its weights.

    Keras need not be installed for the latter.

    Parameters
    ----------
    model : keras.Model, keras.layers.Layer or str
        Of Keras 2 or 3; or the class of a layer, "LSTM".
    weights : list of ndarray, optional
        With a class: what ``layer.get_weights()`` returns.
    version : str
        Of Keras, where `model` is a class: "2.1.3". Until 2, hard_sigmoid is
        ``min(max(0.2 x + 0.5, 0), 1)``.
    **config
        With a class: what ``layer.get_config()`` has, as far as it is not the default:
        ``return_sequences=True``, ``activation="relu"``, ``reset_after=True``.

    Returns
    -------
    Imported

    Raises
    ------
    InteropError
        It has a layer that bptt does not have, is no chain of layers, or the weights do not fit.

    Examples
    --------
    >>> kernel, recurrent, bias = np.ones((3, 8)), np.ones((2, 8)), np.zeros(8)
    >>> network, parameters = from_keras("LSTM", [kernel, recurrent, bias], return_sequences=True)
    >>> network
    Network(lstm: LSTM(3, 2))
    """
    if isinstance(model, str):
        name = config.pop("name", snake_case(model))
        rows = [{"class_name": model, "config": {"name": name, **config}}]
        given = {name: {str(i): np.asarray(a) for i, a in enumerate(weights or ())}}
        whole = {"class_name": "Sequential", "config": rows}
        refuse_code(whole, "the model")
        return imported(KerasFile("", version, "layer", whole, given))
    if not callable(getattr(model, "get_config", None)) or weights is not None or config:
        raise InteropError(
            f"model is a {type(model).__name__}; expected a model or layer of Keras alone, or the "
            f"name of a class and its weights."
        )
    parts = getattr(model, "layers", None)
    own = {"class_name": type(model).__name__, "config": model.get_config()}
    whole = own if parts is not None else {"class_name": "Sequential", "config": [own]}
    given = {
        one.name: {str(i): np.asarray(a) for i, a in enumerate(one.get_weights())}
        for one in (parts or [model])
    }
    package = type(model).__module__.partition(".")[0]
    if package == "keras" or package == "tensorflow":
        from sys import modules

        version = str(getattr(modules.get(package), "__version__", version))
    refuse_code(whole, "the model")
    return imported(KerasFile("", printable(version, 20), "in memory", whole, given))
