"""What every cell can do, from a layer to the command line: built-in ones, and one's own alike.

An own cell is passed as its record, not registered, unless a test says so.
"""

import copy
import pickle
import re

import numpy as np
import pytest

import bptt
from bptt import Dense, Embedding, Network, check_grads, engine, equations
from bptt.cli import main
from bptt.engine.numpy_provider import NumpyTape
from bptt.errors import CheckpointError, ConfigError
from bptt.layers import LSTM, Dropout, Recurrent
from bptt.training import Checkpoints
from tests.cells import OWN
from tests.support.cases import same_bits
from tests.support.gradient_cases import RAGGED, TOKENS, layer_case
from tests.support.model_cases import MODELS
from tests.support.tolerances import assert_close

M, T_X, N_X, N_A = 7, 4, 3, 5
CELLS = {**equations.CELLS, **OWN}
every_cell = pytest.mark.parametrize("name", CELLS)
own_cell = pytest.mark.parametrize("name", OWN)
TEXT = "abcab " * 40
SMALL = {"units": 6, "embedding": 4, "seq_length": 8, "batch_size": 2, "epochs": 2}


def choice(name):
    """What `cell=` is given: the name of a built-in cell, the record of an own one."""
    return OWN.get(name, name)


def draw(layer, dtype=np.float64):
    rng = np.random.default_rng(3)
    return layer.init(rng, dtype), rng.standard_normal((M, T_X, layer.n_in)).astype(dtype)


@pytest.fixture
def registered(monkeypatch):
    """Register the own cells for one test."""
    for name, cell in OWN.items():
        monkeypatch.setitem(equations.CELLS, name, cell)


# Layers and networks


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
@pytest.mark.parametrize(("n_layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("name", [name for name in CELLS if name != "rnn_relu"])  # it has a kink
def test_gradients_of_layers(name, n_layers, bidirectional, lengths):
    layer = Recurrent(choice(name), N_X, N_A, n_layers=n_layers, bidirectional=bidirectional)
    case = layer_case(layer, T_X, lengths)
    assert len(case.inputs) == 1 + CELLS[name].n_states + len(layer.shapes())
    assert check_grads(*case) < 1e-8


@every_cell
def test_gradients_of_a_network_of_tokens_with_a_learned_initial_state(name):
    def network():
        recurrent = Recurrent(choice(name), 4, N_A), Dropout(N_A, 0.5), LSTM(N_A, 3)
        return Network([Embedding(9, 4), *recurrent, Dense(3, 2)], initial_state="learned")

    network, rng = network(), np.random.default_rng(5)
    parameters = {n: 0.5 * rng.standard_normal(s) for n, s in network.shapes().items()}
    assert {f"recurrent0.{s}0" for s in CELLS[name].states} <= parameters.keys()

    def forward(inputs):
        y, _, tape = network.forward(TOKENS, inputs, None, RAGGED, rng=np.random.default_rng(1))
        return y, tape

    def backward(dy, tape):
        _, dstate0, gradients = network.backward(tape, dy)
        gradients |= network.initial_state_gradients(dstate0)
        assert gradients.keys() == parameters.keys()
        return {f"d{n}": g for n, g in gradients.items()}

    assert check_grads(forward, backward, parameters) < 1e-6


@every_cell
def test_a_sequence_of_a_ragged_batch_is_as_if_alone(name):
    layer = Recurrent(choice(name), N_X, N_A, n_layers=2, bidirectional=True)
    parameters, x = draw(layer)
    x_padded = x.copy()
    for row, n in zip(x_padded, RAGGED, strict=True):
        row[n:] = np.nan
    y, state, tape = layer.forward(x_padded, parameters, None, RAGGED)
    dx, _, _ = layer.backward(tape, np.ones_like(y))
    for i, n in enumerate(RAGGED):
        alone, final, own = layer.forward(x[i : i + 1, :n], parameters)
        assert_close(y[i, :n], alone[0], "rows")
        assert not y[i, n:].any()
        assert not dx[i, n:].any()
        for s, f in zip(state, final, strict=True):
            assert_close(s[:, i], f[:, 0], "rows")
        for kept, single in zip(tape, own, strict=True):
            for gate in kept.names:
                assert_close(kept[gate][i, :n], single[gate][0], "rows")


@every_cell
def test_the_tape_names_states_and_gates(name):
    layer = Recurrent(choice(name), N_X, N_A)
    parameters, x = draw(layer)
    y, state, (tape,) = layer.forward(x, parameters)
    cell = CELLS[name]
    assert tape.names == cell.states + cell.gates
    assert same_bits(tape["a"].copy(), y)
    assert len(state) == cell.n_states
    *_, cache = cell.recurrence(x[:, 0].T, *(np.zeros((N_A, M)) for _ in cell.states), parameters)
    for gate in cell.gates:
        assert_close(tape[gate][:, 0], getattr(cache, gate).T, "rows")


@every_cell
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_gives_what_the_whole_sequence_gives(name, dtype):
    network = Network([Recurrent(choice(name), N_X, N_A, n_layers=2), Dense(N_A, 2)])
    parameters, x = draw(network, dtype)
    y, state, _ = network.forward(x, parameters)
    assert y.dtype == dtype
    stream = network.stream(parameters, M)
    steps = [stream.step(x[:, t]) for t in range(T_X)]
    assert_close(np.stack(steps, axis=1), y, "rows")
    stepped, current = [], network.zero_state(M, dtype)
    for t in range(T_X):
        yt, current = network.step(x[:, t], parameters, current)
        stepped.append(yt)
    assert_close(np.stack(stepped, axis=1), y, "rows")
    for one, other in zip(current[0], state[0], strict=True):
        assert_close(one, other, "rows")


@every_cell
def test_truncated_bptt_carries_the_state_on(name):
    layer = Recurrent(choice(name), N_X, N_A)
    parameters, x = draw(layer)
    y, state, _ = layer.forward(x, parameters)
    first, between, _ = layer.forward(x[:, :2], parameters)
    second, final, tape = layer.forward(x[:, 2:], parameters, between)
    assert_close(np.concatenate([first, second], axis=1), y, "rows")
    for s, f in zip(state, final, strict=True):
        assert_close(s, f, "rows")
    _, dstate0, _ = layer.backward(tape, np.ones_like(second))
    assert [d.shape for d in dstate0] == [s.shape for s in between]
    assert all(d.any() for d in dstate0)


@own_cell
def test_the_rest_of_the_network_stays_native(name):
    network = Network([LSTM(N_X, 4), Recurrent(OWN[name], 4, N_A), Dense(N_A, 2)])
    parameters, x = draw(network)
    tape = network.forward(x, parameters)[2]
    assert isinstance(tape[1][0], NumpyTape)
    if engine.provider().name == "native":
        assert not isinstance(tape[0][0], NumpyTape)


@own_cell
def test_initial_values_and_weights_are_those_of_the_record(name):
    layer = Recurrent(OWN[name], N_X, N_A, n_layers=2)
    drawn = layer.init(np.random.default_rng(0))
    assert drawn.keys() == layer.shapes().keys()
    for key, p in drawn.items():
        own = key.rpartition(".")[2]
        if OWN[name].parameters[own] == "n_a 1":
            assert (p == OWN[name].initial.get(own, 0.0)).all()
    weights = [n for n, kind in OWN[name].kinds.items() if kind != "bias"]
    assert layer.weights() == tuple(f"layer{k}.{n}" for k in (0, 1) for n in weights)
    assert {"pf", "pi", "po"} & set(OWN[name].parameters) <= set(weights)
    assert repr(layer) == f"Recurrent('{name}', {N_X}, {N_A}, n_layers=2)"


# Models


@own_cell
@pytest.mark.parametrize("row", MODELS)
def test_every_model_takes_a_record(name, row, tmp_path, registered):
    build, data, outcomes, *_ = MODELS[row]
    model = build().set_params(cell=OWN[name], layers=2).fit(*data, progress="silent")
    assert f"cell=<Cell {name}>" in repr(model)
    model.save(tmp_path / "model")
    read = bptt.load(tmp_path / "model")
    assert read.cell == name
    assert read.network_.layers.keys() == model.network_.layers.keys()
    assert outcomes(read) == outcomes(model)


@every_cell
def test_a_language_model_learns_streams_and_is_saved(name, tmp_path, registered):
    settings = {**SMALL, "cell": choice(name), "initial_state": "learned", "learning_rate": 0.02}
    settings |= {"epochs": 8, "layers": 2, "dropout": 0.1}
    model = bptt.LanguageModel(**settings).fit(TEXT, progress="silent")
    assert model.history_[-1]["loss"] < 0.8 * model.history_[0]["loss"]
    model.save(tmp_path / "model")
    read = bptt.load(tmp_path / "model")
    assert read.score(TEXT) == model.score(TEXT)
    assert read.sample("ab", 20, seed=1) == model.sample("ab", 20, seed=1)


@own_cell
def test_loading_without_the_cell_registered_says_how_to_register_it(name, tmp_path, monkeypatch):
    path = tmp_path / "model"
    bptt.LanguageModel(cell=OWN[name], **SMALL).fit(TEXT, progress="silent").save(path)
    message = (
        f"load: {path} does not describe a LanguageModel: its cell '{name}' is not registered; if "
        f"it is your own, call bptt.equations.register(cell) before load."
    )
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        bptt.load(path)
    monkeypatch.setitem(equations.CELLS, name, OWN[name])
    assert bptt.load(path).cell == name


@own_cell
def test_an_interrupted_training_goes_on(name, tmp_path, monkeypatch):
    def model(epochs):
        return bptt.LanguageModel(cell=OWN[name], **SMALL | {"epochs": epochs, "dropout": 0.2})

    whole = model(4).fit(TEXT, progress="silent")
    places = Checkpoints(tmp_path / "half")
    model(2).fit(TEXT, progress="silent", checkpoint=places)
    resumed = model(4).fit(TEXT, progress="silent", resume=places.last)
    assert same_bits(whole.parameters_, resumed.parameters_)
    other = bptt.LanguageModel(cell="lstm", **SMALL)
    with pytest.raises(ConfigError, match=f"a training with cell '{name}'; expected 'lstm'"):
        other.fit(TEXT, progress="silent", resume=places.last)


@own_cell
def test_a_model_with_a_record_is_copied_and_cloned(name):
    clone = pytest.importorskip("sklearn.base").clone
    model = bptt.SequenceClassifier(cell=OWN[name])
    assert clone(model).cell is copy.deepcopy(model).cell is OWN[name]
    assert pickle.loads(pickle.dumps(model)).cell.name == name
    with pytest.raises(ConfigError, match=rf"SequenceClassifier.* cell is '{name}'; expected "):
        bptt.SequenceClassifier(cell=name).fit([np.ones((2, 1))] * 2, [0, 1])


# The command line


@own_cell
def test_the_command_line_takes_a_registered_name(name, tmp_path, monkeypatch, registered, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    tiny = ["--units", "6", "--seq-length", "8", "--batch-size", "2", "--epochs", "1"]
    for arguments in (
        ["train", "text", "text.txt", "--cell", name, *tiny, "--out", "model"],
        ["info", "model"],
        ["score", "model", "text.txt"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        out, err = capsys.readouterr()
        assert stop.value.code == 0, out + err
        if arguments[0] == "info":
            assert f"cell {name}" in out
