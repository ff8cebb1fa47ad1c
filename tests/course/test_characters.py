"""The character model of the course: its printed values, its gradient, its training."""

import numpy as np
import pytest

from bptt.course import characters
from bptt.errors import ConfigError

CHARACTERS = "\nabcdefghijklmnopqrstuvwxyz"
TO_INDEX = {c: i for i, c in enumerate(CHARACTERS)}
NAMES = ["anna", "hannah", "nan", "ann", "hanna"]


def drawn(seed, *first):
    """The course's random arrays: one after another from NumPy's global generator."""
    np.random.seed(seed)  # noqa: NPY002
    shapes = [*first, (100, 27), (100, 100), (27, 100), (100, 1), (27, 1)]
    arrays = [np.random.randn(*shape) for shape in shapes]  # noqa: NPY002
    names = ("Wax", "Waa", "Wya", "b", "by")
    return arrays[: len(first)], dict(zip(names, arrays[len(first) :], strict=True))


def test_printed_values_of_optimize():
    (a_prev,), parameters = drawn(1, (100, 1))
    X, Y = [12, 3, 5, 11, 22, 3], [4, 14, 11, 22, 25, 26]
    loss, gradients, a_last = characters.optimize(X, Y, a_prev, parameters, learning_rate=0.01)
    np.testing.assert_allclose(loss, 126.50397572165363, rtol=1e-9)
    np.testing.assert_allclose(gradients["dWaa"][1][2], 0.19470931534713587, rtol=1e-9)
    assert np.argmax(gradients["dWax"]) == 93
    np.testing.assert_allclose(gradients["dWya"][1][2], -0.007773876032002162, rtol=1e-9)
    np.testing.assert_allclose(gradients["db"][4], [-0.06809825], rtol=1e-6)
    np.testing.assert_allclose(gradients["dby"][1], [0.01538192], rtol=1e-6)
    np.testing.assert_allclose(a_last[4], [-1.0], rtol=1e-6)


def test_printed_values_of_sample():
    _, parameters = drawn(24)
    indices = characters.sample(parameters, TO_INDEX, 0)
    assert indices == [23, 16, 26, 26, 24, 3, 21, 1, 7, 24, 15, 3, 25, 20, 6, 13, 10, 8, 20, 12, 2,
                       0]  # fmt: skip


def test_a_sampled_name_has_at_most_50_characters():
    parameters = characters.initialize_parameters(4, 27, 27)
    parameters["by"][0] = -50  # never a line break
    indices = characters.sample(parameters, TO_INDEX, 0)
    assert len(indices) == 51
    assert indices[-1] == 0
    assert 0 not in indices[:-1]


def test_clip_leaves_its_input_as_it_is():
    gradients = {n: np.array([[-9.0, 2.0, 30.0]]) for n in ("dWaa", "dWax", "dWya", "db", "dby")}
    clipped = characters.clip(gradients | {"da_next": 7}, 5)
    assert clipped.keys() == gradients.keys()
    assert all(v.tolist() == [[-5, 2, 5]] for v in clipped.values())
    assert gradients["db"].tolist() == [[-9, 2, 30]]


def test_the_gradient():
    rng = np.random.default_rng(0)
    shapes = {"Wax": (4, 27), "Waa": (4, 4), "Wya": (27, 4), "b": (4, 1), "by": (27, 1)}
    parameters = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    X, Y, a0 = [None, 3, 5, 3], [3, 5, 3, 0], rng.normal(size=(4, 1))
    _, cache = characters.rnn_forward(X, Y, a0, parameters)
    gradients, _ = characters.rnn_backward(X, Y, parameters, cache)
    for name, p in parameters.items():
        for k in np.ndindex(p.shape):
            losses, value = [], p[k]
            for step in (1e-5, -1e-5):
                p[k] = value + step
                losses.append(characters.rnn_forward(X, Y, a0, parameters)[0])
            p[k] = value
            slope = (losses[0] - losses[1]) / 2e-5
            assert abs(slope - gradients[f"d{name}"][k]) < 1e-7


def test_training(capsys):
    from_index = dict(enumerate(CHARACTERS))
    parameters, last = characters.model(NAMES, from_index, TO_INDEX, 2001, n_a=8, verbose=True)
    out = capsys.readouterr().out
    assert "Iteration: 0, Loss: 23." in out
    assert "Nkzxwtdmfqoeyhsqwasjkjvu" in out  # of the untrained model, as in the course
    losses = [float(line.split()[-1]) for line in out.splitlines() if "Loss" in line]
    assert losses[1] < 0.6 * losses[0]
    assert set(last.lower()) <= set("anh")
    assert parameters["Waa"].shape == (8, 8)


def test_no_names():
    with pytest.raises(ConfigError, match="holds no name"):
        characters.model([], {}, {})


def test_small_helpers():
    assert characters.smooth(10, 20) == pytest.approx(10.01)
    assert characters.get_initial_loss(27, 7) == pytest.approx(7 * np.log(27))
