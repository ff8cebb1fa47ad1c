"""The improvisation model of the course: its shapes, its gradient, its training."""

import numpy as np
import pytest

from bptt.course import music
from bptt.errors import ConfigError, ShapeError

SCALE = list("CDEFGABc")
CORPUS = (SCALE + SCALE[::-1]) * 6
INDEX = {value: i for i, value in enumerate(SCALE)}


def layers(n_a=12, n_values=8):
    return music.LSTM(n_a, return_state=True), music.Dense(n_values, activation="softmax")


def test_excerpts_of_a_corpus():
    X, Y, n_values = music.data_processing(CORPUS, INDEX, 10, 6)
    assert n_values == 8
    assert X.shape == (10, 6, 8)
    assert np.shape(Y) == (6, 10, 8)
    assert isinstance(Y, list)
    assert not X[:, 0].any()
    assert X[:, 1:].sum() == 50
    assert np.array_equal(np.swapaxes(Y, 0, 1)[:, :-1], X[:, 1:])
    assert not np.any(Y[-1])
    with pytest.raises(ConfigError, match="more than Tx = 3"):
        music.data_processing([1, 2, 3], {}, Tx=3)


def test_the_gradient():
    cell, densor = layers(3, 4)
    model, rng = music.djmodel(5, cell, densor), np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 5, 4)), rng.dirichlet(np.ones(4), size=(5, 2))
    states = rng.normal(size=(2, 2, 3))
    model.predict([X, *states])  # draws the parameters
    inputs = X.transpose(2, 0, 1), Y.transpose(2, 1, 0), *states.transpose(0, 2, 1)
    _, grads = model._gradients(*inputs)
    for layer in (cell, densor):
        for name, p in layer.parameters.items():
            for k in np.ndindex(p.shape):
                value, losses = p[k], []
                for step in (1e-5, -1e-5):
                    p[k] = value + step
                    losses.append(model._gradients(*inputs)[0])
                p[k] = value
                assert abs((losses[0] - losses[1]) / 2e-5 - grads[f"d{name}"][k]) < 1e-7


def test_it_learns_to_improvise(capsys):
    X, Y, n_values = music.data_processing(CORPUS, INDEX, 20, 12)
    cell, densor = layers()
    zeros = np.zeros((20, 12))
    model = music.djmodel(12, cell, densor, reshaper=None)
    history = model.fit([X, zeros, zeros], list(Y), epochs=60, learning_rate=0.03, verbose=1)
    losses = history.history["loss"]
    assert len(losses) == 60
    assert losses[-1] < 0.5 * losses[0]
    assert "epoch 60: loss" in capsys.readouterr().out
    probabilities = model.predict([X, zeros, zeros])
    assert len(probabilities) == 12
    np.testing.assert_allclose(np.sum(probabilities, axis=2), 1)
    inference = music.music_inference_model(cell, densor, Ty=20)
    x0 = music.one_hot([[INDEX["C"]]], n_values)
    results, indices = music.predict_and_sample(inference, x0.tolist(), np.zeros((1, 12)))
    assert results.shape == (20, 8)
    assert indices.shape == (20, 1)
    assert [SCALE[i] for i in indices[:6, 0]] == list("DEFGAB")
    assert np.array_equal(results.argmax(axis=1), indices[:, 0])


def test_a_step_at_a_time_is_the_whole_excerpt():
    """The inference model computes what `djmodel` does when it reads the same values."""
    cell, densor = layers()
    inference, zeros = music.music_inference_model(cell, densor, Ty=7), np.zeros((1, 12))
    first = np.zeros((1, 1, 8))
    steps = inference.predict([first, zeros, zeros])
    _, indices = music.predict_and_sample(inference)
    X = np.concatenate([first, music.one_hot(indices[:-1].T, 8)], axis=1)
    np.testing.assert_allclose(
        music.djmodel(7, cell, densor).predict([X, zeros, zeros]), steps, rtol=1e-12
    )


def test_refusals():
    model, zeros = music.djmodel(5, *layers()), np.zeros((2, 12))
    with pytest.raises(ShapeError, match=r"expected \(m, 5, n_values\)"):
        model.predict([np.zeros((2, 4, 8)), zeros, zeros])
    with pytest.raises(ShapeError, match=r"a0 has shape \(2, 12\); expected \(m, n_a\) \(3, 12\)"):
        model.predict([np.zeros((3, 5, 8)), zeros, zeros])
    with pytest.raises(ShapeError, match="2 inputs"):
        model.predict([zeros, zeros])
    with pytest.raises(ShapeError, match=r"Y has shape \(1,\)"):
        model.fit([np.zeros((2, 5, 8)), zeros, zeros], [1])
    model.predict([np.zeros((2, 5, 8)), zeros, zeros])
    with pytest.raises(ShapeError, match="7 note values; expected 8"):
        model.predict([np.zeros((2, 5, 7)), zeros, zeros])
