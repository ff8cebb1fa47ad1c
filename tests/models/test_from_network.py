"""Training that begins with the parameters of a network: fine-tuning."""

import numpy as np
import pytest

from bptt import SequenceClassifier, SequenceRegressor, SequenceTagger, load
from bptt.errors import ConfigError
from bptt.layers import GRU, LSTM, Dense, Embedding, Pool
from bptt.network import Network

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(int(n), 2)).cumsum(axis=0).astype(np.float32) for n in RNG.integers(3, 9, 60)]
Y = ["up" if x[-1, 0] > 0 else "down" for x in X]


def network_of(*layers):
    network = Network(list(layers))
    return network, network.init(np.random.default_rng(3))


@pytest.mark.parametrize("head", [True, False])
def test_training_begins_where_the_network_stands(head):
    layers = [LSTM(2, 5, n_layers=2, bidirectional=True), Pool(10, "mean")]
    network, parameters = network_of(*layers, *[Dense(10, 2)] * head)
    model = SequenceClassifier.from_network(network, parameters, epochs=1, learning_rate=1e-9)
    model.fit(X, Y, progress="silent")
    assert (model.layers, model.units, model.pooling) == (2, 5, "mean")
    for own, theirs in [
        ("lstm0.Wf", "lstm0.layer0.Wf"),
        ("lstm1.reverse.bc", "lstm0.layer1.reverse.bc"),
        *[("dense0.Wy", "dense0.Wy")] * head,
    ]:
        np.testing.assert_allclose(model.parameters_[own], parameters[theirs], atol=1e-6)
    if head:
        z = network.forward([X[0]], parameters)[0][0, 0]
        p = np.exp(z) / np.exp(z).sum()
        np.testing.assert_allclose(model.predict_proba(X[:1])[0], p, atol=1e-5)


def test_fine_tuning_starts_below_the_loss_of_a_new_model(tmp_path):
    """One epoch from a trained network, with other classes, against one from random weights."""
    options = {"cell": "gru", "units": 8, "standardize": False, "learning_rate": 0.02}
    teacher = SequenceClassifier(**options, epochs=30).fit(X, Y, progress="silent")
    names = [{"up": "hausse", "down": "baisse"}[y] for y in Y]
    short = {"epochs": 2, "learning_rate": 0.02}
    tuned = SequenceClassifier.from_network(teacher.network_, teacher.parameters_, **short)
    tuned.fit(X, names, progress="silent")
    new = SequenceClassifier(**(options | short)).fit(X, names, progress="silent")
    assert tuned.history_[0]["loss"] < 0.8 * new.history_[0]["loss"]
    assert tuned.classes_.tolist() == ["baisse", "hausse"]
    tuned.save(tmp_path / "m")
    assert load(tmp_path / "m").predict(X).tolist() == tuned.predict(X).tolist()


def test_another_number_of_classes_draws_a_new_output_layer():
    network, parameters = network_of(GRU(2, 4), Dense(4, 7))
    model = SequenceTagger.from_network(network, parameters, epochs=1)
    model.fit(X[:8], [[i % 3 for i in range(len(x))] for x in X[:8]], progress="silent")
    assert model.parameters_["dense0.Wy"].shape == (3, 4)


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(2, 3)],
        [LSTM(2, 3), LSTM(3, 4)],
        [LSTM(2, 3), GRU(3, 3)],
        [Embedding(5, 2), LSTM(2, 3)],
        [LSTM(2, 3), Dense(3, 3), Dense(3, 2)],
    ],
)
def test_networks_that_a_model_does_not_build_are_refused(layers):
    with pytest.raises(ConfigError, match="recurrent layers of one cell and one number"):
        SequenceClassifier.from_network(*network_of(*layers))


def test_sequences_with_other_features_are_refused():
    model = SequenceRegressor.from_network(*network_of(LSTM(3, 4)), epochs=1)
    with pytest.raises(ConfigError, match="features that the network reads"):
        model.fit(X, [1.0] * len(X), progress="silent")
