"""States, gates and gradients of a trained network, as arrays.

* `trace`: states, gates, pre-activations and outputs of every layer, direction and step.
* `gradients`: of an output with respect to any of them.
* `saturation`, `time_constants`, `histogram`, `dead_units`, `weights_by_gate`: gates, weights.
* `gradient_flow`, `step_jacobian`, `spectral_radius`, `effective_memory`: how far back it learns.
* `attribute`: how much each input contributes to a prediction.
* `neighbors`, `map_states`: stretches of states that are alike, and maps of states.
"""

from .attribution import Attribution, attribute
from .flow import (
    Flow,
    Memory,
    effective_memory,
    gradient_flow,
    spectral_radius,
    step_jacobian,
)
from .gates import (
    Saturation,
    dead_units,
    histogram,
    saturation,
    time_constants,
    weights_by_gate,
)
from .gradients import gradients
from .neighbors import Match, map_states, neighbors
from .parts import word_groups
from .trace import Trace, trace

__all__ = [
    "Attribution",
    "Flow",
    "Match",
    "Memory",
    "Saturation",
    "Trace",
    "attribute",
    "dead_units",
    "effective_memory",
    "gradient_flow",
    "gradients",
    "histogram",
    "map_states",
    "neighbors",
    "saturation",
    "spectral_radius",
    "step_jacobian",
    "time_constants",
    "trace",
    "weights_by_gate",
    "word_groups",
]
