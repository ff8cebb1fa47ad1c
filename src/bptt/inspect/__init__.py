"""States, gates and gradients of a trained network, as arrays.

* `trace`: states, gates, pre-activations and outputs of every layer, direction and step.
* `gradients`: of an output with respect to any of them.
* `saturation`, `time_constants`, `histogram`, `dead_units`, `weights_by_gate`: gates, weights.
* `gradient_flow`, `step_jacobian`, `spectral_radius`, `effective_memory`: how far back it learns.
* `attribute`, `temporal_rescaling`: how much each input contributes to a prediction.
* `probabilities`, `tokens`, `error_split`: what a language model predicts, and its errors by kind.
* `followers`, `position_in_line`, `inside`, `contexts`: what a unit follows, where it is active.
* `neighbors`, `map_states`: stretches of states that are alike, and maps of states.
* `figures`: functions that return matplotlib Axes.
"""

from . import drawings, figures
from .attribution import Attribution, attribute
from .error_split import ErrorSplit, error_split
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
from .language import Probabilities, probabilities, tokens
from .losses import LossByLength, loss_by_length
from .neighbors import Match, map_states, neighbors
from .parts import word_groups
from .rescaling import temporal_rescaling
from .trace import Trace, trace
from .units import Context, Follower, contexts, followers, inside, position_in_line

__all__ = [
    "Attribution",
    "Context",
    "ErrorSplit",
    "Flow",
    "Follower",
    "LossByLength",
    "Match",
    "Memory",
    "Probabilities",
    "Saturation",
    "Trace",
    "attribute",
    "contexts",
    "dead_units",
    "drawings",
    "effective_memory",
    "error_split",
    "figures",
    "followers",
    "gradient_flow",
    "gradients",
    "histogram",
    "inside",
    "loss_by_length",
    "map_states",
    "neighbors",
    "position_in_line",
    "probabilities",
    "saturation",
    "spectral_radius",
    "step_jacobian",
    "temporal_rescaling",
    "time_constants",
    "tokens",
    "trace",
    "weights_by_gate",
    "word_groups",
]
