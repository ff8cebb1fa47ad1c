"""Read ONNX files: whole graphs, and recurrent nodes by name."""

import os
from dataclasses import replace

from ...errors import InteropError, operation
from ..imported import Imported
from .files import read_model
from .graph import Graph

__all__ = ["load_nodes", "read"]


def read(path: str) -> Imported:
    """Read an ONNX file: see `bptt.interop.load`."""
    file = read_model(path)
    graph = Graph(file)
    modules = {name: replace(m, path=path) for name, m in graph.modules.items()}
    notes = list(graph.notes)
    if graph.unknown:
        notes.append(
            f"the graph has {', '.join(graph.unknown)}, which bptt does not compute: its recurrent "
            f"nodes are read one by one"
        )
    if graph.unknown and not modules:
        raise InteropError(
            f"{path} has {', '.join(graph.unknown)}, which bptt does not compute, and no recurrent "
            f"node with weights of its own; expected LSTM, GRU or RNN."
        )
    chain = None if graph.unknown else graph.chain()
    if chain is not None and chain[2]:
        notes.append("the file's x is (time, batch, n); that of the network is (batch, time, n)")
    return Imported(
        format=f"ONNX opset {file.opset}" + f" by {file.producer}" * bool(file.producer),
        path=path,
        modules=modules,
        model=None if chain is None else chain[:2],
        graph=None if graph.unknown else graph,
        notes=tuple(notes),
        metadata={**file.metadata, "inputs": graph.inputs, "outputs": graph.outputs},
    )


@operation("interop.load_nodes")
def load_nodes(path: str | os.PathLike[str]) -> dict[str, Imported]:
    """Read the recurrent nodes of an ONNX file, each as a network of one layer.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict of str to Imported
        By the names of the nodes, those in the branches of an If too; "lstm0", ... where a node has
        no name.

    Raises
    ------
    InteropError, ConfigError
    """
    return dict(read(os.fspath(path)).modules)
