"""States, gates and gradients of a trained network, as arrays.

* `trace`: states, gates, pre-activations and outputs of every layer, direction and step.
"""

from .trace import Trace, trace

__all__ = ["Trace", "trace"]
