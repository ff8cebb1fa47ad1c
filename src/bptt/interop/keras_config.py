"""How the layers of a Keras model are connected: a chain, or where it branches."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import InteropError
from ..safe_files import printable

__all__ = ["KerasLayer", "chain", "layers_of", "of_tensorflow", "version_number"]

_INPUTS = ("InputLayer",)
_SEQUENTIAL = "Sequential"


class KerasLayer(NamedTuple):
    """A layer as the configuration of a model has it."""

    kind: str  # class: "LSTM"
    name: str
    config: Mapping[str, Any]
    inputs: tuple[tuple[str, int, int], ...] = ()  # layer, call and output of each input tensor
    calls: int = 1


def version_number(version: str) -> int:
    """Return the major version of Keras; 1 if it is not known, as in the oldest files."""
    head = version.partition(".")[0]
    return int(head) if head.isdigit() and len(head) < 4 else 1


def of_tensorflow(version: str) -> bool:
    """Return whether a version is that of tf.keras or later, not the Keras before TensorFlow's."""
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    later = version_number(version) >= 3 or (major == "2" and minor.isdigit() and int(minor) > 3)
    return later or version.endswith("-tf")


def layers_of(config: Mapping[str, Any], path: str) -> list[KerasLayer]:
    """Return all layers of a model's configuration, in order.

    Raises
    ------
    InteropError
        It is none.
    """
    inner = config.get("config")
    rows = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(rows, list) or not rows:
        raise InteropError(
            f"{path} has a model of the class {printable(config.get('class_name'), 40)!r} without "
            f"a list of layers; expected Sequential or Functional."
        )
    return [layer_of(row, path) for row in rows]


def layer_of(row: Any, path: str) -> KerasLayer:
    """Return a layer of a configuration."""
    if not isinstance(row, dict) or not isinstance(row.get("class_name"), str):
        raise InteropError(f"{path} has a layer without a class_name; expected one.")
    config = row.get("config")
    if not isinstance(config, dict):  # a Sequential of Keras 1 and 2 as a layer: a list
        config = {"layers": config}
    name = row.get("name") or config.get("name") or row["class_name"].lower()
    if not isinstance(name, str):
        raise InteropError(f"{path} has a layer whose name is no text; expected one.")
    nodes = row.get("inbound_nodes", [])
    nodes = nodes if isinstance(nodes, list) else []
    inputs = tuple(_references(nodes))
    return KerasLayer(row["class_name"].rpartition(">")[2], name, config, inputs, len(nodes))


def _references(value: Any) -> Iterator[tuple[str, int, int]]:
    """Yield the tensors that a node takes: ["lstm", 0, 0, {...}], or a dict of Keras 3."""
    if isinstance(value, dict):
        history = value.get("config", {})
        history = history.get("keras_history") if isinstance(history, dict) else None
        if value.get("class_name") == "__keras_tensor__" and _is_reference(history):
            yield tuple(history[:3])  # type: ignore[misc]
        else:
            for below in value.values():
                yield from _references(below)
    elif _is_reference(value):
        yield tuple(value[:3])
        yield from _references(value[3:])
    elif isinstance(value, list):
        for below in value:
            yield from _references(below)


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(v, int) for v in value[1:3])
    )


def chain(config: Mapping[str, Any], layers: list[KerasLayer]) -> tuple[list[KerasLayer], str]:
    """Return the layers from input to output, and why the model is no chain, or "".

    Input layers are left in: they have the shape.
    """
    if config.get("class_name") == _SEQUENTIAL:
        return layers, ""
    inner = config["config"]
    if "layers" not in inner or not any(layer.inputs for layer in layers):
        return layers, "" if len(layers) == 1 else "it does not say how its layers are connected"
    takers: dict[str, list[str]] = {layer.name: [] for layer in layers}
    for layer in layers:
        for name, _, output in layer.inputs:
            if name not in takers:
                return layers, f"{_shown(layer)} takes {printable(name, 60)!r}, which is not there"
            takers[name].append(layer.name)
            if output:
                return layers, f"{_shown(layer)} takes output {output} of {printable(name, 60)!r}"
    faults = []
    for layer in layers:
        if layer.calls > 1:
            faults.append(f"{_shown(layer)} is used {layer.calls} times")
        elif len(layer.inputs) > 1:
            names = ", ".join(repr(printable(n, 60)) for n, _, _ in layer.inputs)
            faults.append(f"{_shown(layer)} takes {names}")
        elif len(takers[layer.name]) > 1:
            names = ", ".join(repr(printable(n, 60)) for n in takers[layer.name])
            faults.append(f"{_shown(layer)} goes to {names}")
    inputs = [layer for layer in layers if not layer.inputs]
    ends = [name for name, _, _ in _references(inner.get("output_layers"))]
    if len(inputs) != 1 or len(ends) != 1:
        counts = f"{len(inputs)} input{'s' * (len(inputs) != 1)} and {len(ends)} outputs"
        faults.insert(0, f"it has {counts}")
    if faults:
        return layers, "; ".join(faults[:5])
    by_name, found = {layer.name: layer for layer in layers}, [inputs[0]]
    while takers[found[-1].name] and len(found) <= len(layers):
        found.append(by_name[takers[found[-1].name][0]])
    if len(found) != len(layers) or found[-1].name != ends[0]:
        return layers, "its layers are no chain from its input to its output"
    return found, ""


def _shown(layer: KerasLayer) -> str:
    return f"{layer.kind} {printable(layer.name, 60)!r}"
