"""ONNX files: whole graphs and recurrent nodes in, networks and models out."""

from .graph import Graph
from .reading import load_nodes
from .writing import to_onnx

__all__ = ["Graph", "load_nodes", "to_onnx"]
