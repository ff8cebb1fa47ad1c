"""What a monitor records is what the training did."""

import numpy as np
import pytest

from bptt import SequenceClassifier
from bptt.errors import ConfigError
from bptt.training import Callback, Monitor

RNG = np.random.default_rng(0)
X, Y = [RNG.normal(size=(4 + k % 3, 2)) for k in range(12)], [0, 1] * 6


def fit(*callbacks, **settings):
    m = SequenceClassifier(units=4, batch_size=3, validation_fraction=0, **{"epochs": 2} | settings)
    return m.fit(X, Y, progress="silent", callbacks=callbacks)


class Keep(Callback):
    """All parameters and mean gradients of all steps."""

    def __init__(self):
        self.p, self.g = [], []

    def after_step(self, model, progress, last):
        self.p.append({n: v.copy() for n, v in model.parameters_.items()})
        self.g.append({n: v * last.scale for n, v in last.gradients.items()})


def test_kept_weights_and_gradients_and_norms_of_layers_are_those_of_the_steps():
    monitor, keep = Monitor(every=2, keep="lstm0.W*"), Keep()
    fit(monitor, keep)
    assert set(monitor.weights) == {f"lstm0.W{g}" for g in "fico"}
    for k, step in enumerate(monitor.steps):
        p, g = keep.p[step - 1], keep.g[step - 1]
        np.testing.assert_array_equal(monitor.weights["lstm0.Wf"][k], p["lstm0.Wf"])
        np.testing.assert_allclose(monitor.gradients["lstm0.Wf"][k], g["lstm0.Wf"], rtol=1e-6)
        own = [n for n in p if n.startswith("lstm0.")]
        for what, found in (("weight_norms", p), ("grad_norms", g)):
            whole = np.linalg.norm(np.concatenate([found[n].ravel() for n in own]))
            assert monitor.by_layer(what)["lstm0"][k] == pytest.approx(whole, rel=1e-5)
        change = np.concatenate([(p[n] - keep.p[step - 2][n]).ravel() for n in own])
        size = np.linalg.norm(np.concatenate([p[n].ravel() for n in own]))
        ratio = monitor.by_layer("update_ratios")["lstm0"][k]
        assert ratio == pytest.approx(np.linalg.norm(change) / size, rel=1e-4)


class Kill(Callback):
    """Keep three of four units of a relu recurrence below zero."""

    def after_step(self, model, progress, last):
        model.parameters_["rnn0.ba"][:3] = -100


def test_units_of_a_relu_that_are_never_above_zero_are_dead():
    monitor = Monitor(every=1)
    fit(Kill(), monitor, cell="rnn_relu")
    assert monitor.dead_units["rnn0"][1:] == [0.75] * (len(monitor.steps) - 1)
    assert monitor.dead_units["rnn0"][0] < 0.75


def test_patterns_that_fit_nothing_are_refused():
    with pytest.raises(ConfigError, match=r"keep has 'gru0.\*'; expected patterns of lstm0.Wf"):
        fit(Monitor(every=1, keep="gru0.*"))
    with pytest.raises(ConfigError, match="what is 'losses'; expected one of grad_norms"):
        Monitor().by_layer("losses")
