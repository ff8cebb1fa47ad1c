"""Options that do not fit, in one sentence of the function that is called."""

import numpy as np
import pytest

from bptt import Network, inspect
from bptt.errors import ConfigError
from bptt.layers import LSTM, Dense

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in (9, 4)]
NETWORK = Network([LSTM(3, 4), Dense(4, 2)])
P = NETWORK.init(RNG, np.float64)
TRACE = inspect.trace(NETWORK, X, P)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("trace", {"batch_size": 0}, "batch_size is 0; expected a whole number of at least 1"),
        ("trace", {"limit": 10}, "the trace takes more than 10 bytes; pass out="),
        ("trace", {"out": __file__}, "out is .*, a file; expected a directory"),
        ("gradients", {"target": "a"}, "target is 'a'; expected an index below 2, or a step"),
        ("gradients", {"target": (1, 2, 3)}, r"target is \(1, 2, 3\); expected an index below 2"),
        ("gradients", {"target": 0.5}, "target is 0.5; expected an index"),
        ("gradient_flow", {"lags": "a"}, r"lags is 'a'; expected 1\.\.9, the steps of the"),
        ("gradient_flow", {"positions": 0}, "positions is 0; expected a whole number"),
        ("gradient_flow", {"draws": 0}, "draws is 0; expected a whole number"),
        ("effective_memory", {"positions": 0}, "positions is 0; expected a whole number"),
        ("effective_memory", {"lags": 2.5}, r"lags is 2\.5; expected 1\.\.8, below the longest"),
        ("effective_memory", {"tolerance": "a"}, "tolerance is 'a'; expected a number"),
        ("step_jacobian", {"step": 9}, "there is no step 9 in sequence 0, which has 9 steps"),
        ("step_jacobian", {"step": 0.5}, "there is no step 0.5 in sequence 0"),
        ("step_jacobian", {"sequence": 2}, "there is no step -1 in sequence 2, which has 0"),
    ],
)
def test_functions_of_networks(name, given, message):
    with pytest.raises(ConfigError, match=f"^{name}: {message}"):
        getattr(inspect, name)(NETWORK, X, parameters=P, **given)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("neighbors", (0, 5, 3), "there is no stretch 5:3 in sequence 0 of 2"),
        ("neighbors", (0, 0.5, 3), "there is no stretch 0.5:3 in sequence 0 of 2"),
        ("neighbors", (0, 0, 3, [4]), r"units is \[4\]; expected some of 0 to 3 of lstm0.c"),
        ("neighbors", (0, 0, 3, None, 0), "count is 0; expected a whole number of at least 1"),
        ("histogram", (0,), "bins is 0; expected a whole number of at least 1"),
    ],
)
def test_functions_of_traces(name, given, message):
    options = dict(zip(("units", "count"), given[3:], strict=False))
    with pytest.raises(ConfigError, match=f"^{name}: {message}"):
        getattr(inspect, name)(TRACE, "lstm0.c", *given[:3], **options)
