"""What `fit` does beyond the loop: resuming to the bit, checkpoints, early stopping, weighting."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import bptt
from bptt import GRU, LSTM, Dense, Embedding, Forecaster, LanguageModel, Network
from bptt.errors import BpttError, CheckpointError, ConfigError
from bptt.layers import Dropout
from bptt.training import (
    SGD,
    Adam,
    Batch,
    Checkpoints,
    CrossEntropy,
    Documents,
    Run,
    Schedule,
    SequenceBatches,
    TextStreams,
    gradients,
    train,
)
from bptt.training.batches import by_length

TEXT = "the cat sat on the mat. " * 40
DOCUMENTS = ["the cat", "sat on", "the mat", "a cat", "on a mat sat the cat", "the"] * 6
TINY = {
    "units": 12, "embedding": 8, "seq_length": 8, "batch_size": 4, "epochs": 3, "layers": 2,
    "dropout": 0.3, "input_dropout": 0.1, "initial_state": "learned",
}  # fmt: skip
TIMES = ("seconds", "steps_per_second")


def tiny(**settings):
    return LanguageModel(**(TINY | settings))


def quiet(model, X, **settings):
    return model.fit(X, progress="silent", **settings)


def without_times(history):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in history]


def assert_same(a, b):
    assert list(a.parameters_) == list(b.parameters_)
    for name, p in a.parameters_.items():
        np.testing.assert_array_equal(b.parameters_[name], p, err_msg=name)
    assert without_times(a.history_) == without_times(b.history_)


# Resuming


@pytest.mark.parametrize("X", [TEXT, DOCUMENTS], ids=["text", "documents"])
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine", "warmup": 3},
        {"optimizer": "rmsprop", "schedule": "plateau", "learning_rate": 0.3},
        {"optimizer": "sgd", "cell": "gru", "patience": 1, "learning_rate": 0.5},
    ],
    ids=lambda s: s["optimizer"],
)
def test_a_resumed_training_has_the_bits_of_one_never_interrupted(X, settings, tmp_path):
    whole = quiet(tiny(**settings), X)
    n_steps = whole.history_[-1]["step"]
    assert n_steps > 10
    for step in (1, n_steps // 2, n_steps - 1):
        places = Checkpoints(tmp_path / "m.safetensors")
        left = quiet(tiny(**settings), X, checkpoint=places, on_step=lambda p, s=step: p.step == s)
        assert left.interrupted_
        assert places.last.name == f"m-{step:08d}.safetensors"
        again = bptt.load(places.last)  # a checkpoint is a model's file
        assert again.get_params() == left.get_params()
        quiet(again, X, resume=places.last)
        assert not again.interrupted_
        assert_same(whole, again)


def test_a_training_whose_loss_is_negative_is_resumed(tmp_path):
    series = np.sin(np.arange(300) / 5)  # a Gaussian that is sure of it: a density above 1

    def model():
        return Forecaster(window=20, output="gaussian", units=12, epochs=6, learning_rate=0.02)

    whole = quiet(model(), series)
    assert whole.history_[-1]["loss"] < 0
    places = Checkpoints(tmp_path / "m")
    n_steps = whole.history_[-1]["step"]
    quiet(model(), series, checkpoint=places, on_step=lambda p: p.step == n_steps - 2)
    assert_same(whole, quiet(model(), series, resume=places.last))


def test_more_epochs_can_be_asked_of_a_finished_run(tmp_path):
    whole = quiet(tiny(epochs=4), TEXT)
    places = Checkpoints(tmp_path / "m")
    quiet(tiny(epochs=2), TEXT, checkpoint=places)
    assert_same(whole, quiet(tiny(epochs=4), TEXT, resume=places.last))


def test_another_model_other_data_or_a_plain_model_cannot_be_resumed(tmp_path):
    places = Checkpoints(tmp_path / "m")
    model = quiet(tiny(epochs=1), TEXT, checkpoint=places)
    with pytest.raises(ConfigError, match="with units 12; expected 13, as the model has"):
        quiet(tiny(units=13), TEXT, resume=places.last)
    with pytest.raises(ConfigError, match="was trained on other data; expected the same"):
        quiet(tiny(), TEXT + "a cat.", resume=places.last)
    with pytest.raises(ConfigError, match="was trained on other data"):
        quiet(tiny(), TEXT.upper(), resume=places.last)  # the same numbers, other letters
    model.save(tmp_path / "plain")
    with pytest.raises(CheckpointError, match="a finished model without the state of its training"):
        quiet(tiny(), TEXT, resume=tmp_path / "plain")
    with pytest.raises(CheckpointError, match="No such file"):
        quiet(tiny(), TEXT, resume=tmp_path / "missing")


@pytest.mark.parametrize("name", ["epoch", "recent", "generator", "schedule", "carried_layers"])
def test_a_damaged_training_state_is_refused(name, tmp_path):
    from bptt.training.array_files import load_arrays, save_arrays

    places = Checkpoints(tmp_path / "m")
    quiet(tiny(epochs=1), TEXT, checkpoint=places)
    arrays, config = load_arrays(places.last)
    for value in ("x", None, [1, 2]):
        if name == "carried_layers" and value is None:
            continue  # that is how it is between epochs
        broken = config | {"training": config["training"] | {name: value}}
        if name == "recent" and value == [1, 2]:
            continue
        save_arrays(tmp_path / "broken", arrays, broken)
        with pytest.raises(CheckpointError, match="the training state is damaged"):
            quiet(tiny(), TEXT, resume=tmp_path / "broken")
    key = next(k for k in arrays if k.startswith("training/optimizer/m."))
    save_arrays(tmp_path / "broken", arrays | {key: np.zeros((2, 2), np.float32)}, config)
    with pytest.raises(CheckpointError, match="the training state is damaged"):
        quiet(tiny(), TEXT, resume=tmp_path / "broken")


# Killed at any moment

WORKER = """
import sys, time
from bptt import LanguageModel
from bptt.training import Checkpoints
from pathlib import Path
path, resume = sys.argv[1], sys.argv[2] or None
text = "the cat sat on the mat. " * 200
sizes = dict(units=8, embedding=4, seq_length=8, batch_size=4, epochs=6)
model = LanguageModel(**sizes, dropout=0.2, seed=5)
print("ready", flush=True)
model.fit(text, progress="silent", checkpoint=Checkpoints(path, minutes=0), resume=resume)
model.save(Path(path).with_name("final"))
"""


def latest(directory):
    files = sorted(directory.glob("run-*.safetensors"))
    return files[-1] if files else None


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_killed_twenty_times_and_resumed_each_time_the_bits_are_those_of_one_run(tmp_path, capsys):
    """Every kill loses at most what came after the last checkpoint; every file can be read."""

    def start(directory, resume):
        command = [
            sys.executable,
            "-c",
            WORKER,
            str(directory / "run.safetensors"),
            str(resume or ""),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with process.stdout as output:
            assert output.readline() == "ready\n"
        return process

    (tmp_path / "whole").mkdir()
    assert start(tmp_path / "whole", None).wait(120) == 0
    rng, kills, steps = np.random.default_rng(8), 0, []
    while kills < 20:
        process = start(tmp_path, latest(tmp_path))
        time.sleep(rng.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        if process.wait(60) == 0:  # it was done before the signal came: begin again
            for file in tmp_path.glob("run-*"):
                file.unlink()
            continue
        kills += 1
        for file in tmp_path.glob("run-*.safetensors"):
            assert bptt.load(file).sample(length=3, seed=0)
        steps.append(int(latest(tmp_path).stem[4:]) if latest(tmp_path) else 0)
    assert start(tmp_path, latest(tmp_path)).wait(120) == 0
    whole, resumed = bptt.load(tmp_path / "whole" / "final"), bptt.load(tmp_path / "final")
    assert_same(whole, resumed)
    with capsys.disabled():
        print(f"\n{kills} kills, resumed at steps {steps}: bits equal", end=" ")


# Checkpoints


def test_the_last_files_are_kept_and_nobody_elses_are_touched(tmp_path):
    for other in ("m-1.safetensors", "mm-00000001.safetensors", "m-00000001.txt"):
        (tmp_path / other).write_text("mine")
    places = Checkpoints(tmp_path / "m.safetensors", minutes=0, keep=3)
    model = quiet(tiny(epochs=1), TEXT, checkpoint=places)
    n = model.history_[-1]["step"]
    own = sorted(p.name for p in tmp_path.iterdir() if p.read_bytes() != b"mine")
    assert own == [f"m-{k:08d}.safetensors" for k in (n - 2, n - 1, n)]
    assert len(list(tmp_path.iterdir())) == 6
    # A run that goes on counts the files before it among its own.
    places = Checkpoints(tmp_path / "m.safetensors", keep=2)
    quiet(tiny(epochs=2), TEXT, checkpoint=places, resume=tmp_path / own[-1])
    left = sorted(p.name for p in tmp_path.iterdir() if p.read_bytes() != b"mine")
    assert left == [own[-1], f"m-{2 * n:08d}.safetensors"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"minutes": -1}, "minutes is -1; expected a number >= 0"),
        ({"minutes": "5"}, "minutes is '5'"),
        ({"keep": 0}, "keep is 0; expected a whole number >= 1"),
        ({"keep": 1.5}, r"keep is 1\.5"),
    ],
)
def test_settings_of_checkpoints_that_make_no_sense(settings, words):
    with pytest.raises(ConfigError, match=words):
        Checkpoints("m", **settings)


def small_disk(tmp_path):
    """A file system of 256 KiB, where this process may make one."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True
    )
    return place if made.returncode == 0 else None


def test_a_full_disk_gives_a_clear_error_and_leaves_the_checkpoint_before(tmp_path):
    place = small_disk(tmp_path)
    if place is None:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        places = Checkpoints(place / "m", minutes=0, keep=2)
        filler = place / "filler"

        def fill(progress):
            if progress.step == 3:
                with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))

        with pytest.raises(CheckpointError, match=r"cannot write .*: No space left on device"):
            quiet(tiny(), TEXT, checkpoint=places, on_step=fill)
        assert places.last.name == "m-00000002"
        assert sorted(p.name for p in place.iterdir()) == ["filler", "m-00000001", "m-00000002"]
        filler.unlink()
        assert_same(quiet(tiny(), TEXT), quiet(tiny(), TEXT, resume=places.last))
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_what_is_not_finite_is_traced_to_its_gate():
    network = Network([LSTM(3, 4), GRU(4, 5), Dense(5, 2)])
    parameters = network.init(np.random.default_rng(0))
    x = np.zeros((2, 6, 3), np.float32)

    def first():
        return network.find_fault(x, parameters, [6, 3])

    assert first() is None
    x[1, 4] = np.nan  # padding
    assert first() is None
    parameters["dense0.Wy"][0] = np.inf
    assert first() == "the output of dense0"
    parameters["gru0.Wc"][2] = np.nan
    assert first() == "cct of gru0 at step 0"
    x[0, 4, 1] = np.nan
    assert first() == "ft of lstm0 at step 4"


def test_what_is_not_finite_names_the_last_checkpoint(tmp_path):
    places = Checkpoints(tmp_path / "m", minutes=0)
    model = tiny(epochs=2, dropout=0, input_dropout=0, cell="lstm")

    def spoil(progress):
        if progress.step == 4:  # finite, their difference is not
            by = model.parameters_["dense0.by"]
            by[:, 0] = np.linspace(-3e38, 3e38, len(by))

    with pytest.raises(BpttError) as caught:
        quiet(model, TEXT, checkpoint=places, on_step=spoil)
    message = str(caught.value)
    assert message.startswith(
        "LanguageModel.fit: training stopped at step 5: the loss is not finite;"
    )
    assert "Try a learning rate below 0.002." in message
    assert message.endswith(f"The last checkpoint is {places.last}.")


# Early stopping and the learning rate


def test_the_best_parameters_are_kept_and_the_training_stops():
    model = tiny(epochs=60, patience=2, learning_rate=0.05, dropout=0, seed=2)
    text = "".join(np.random.default_rng(0).choice(list("abcdef"), 600))  # nothing to learn
    quiet(model, text)
    losses = [row["validation"] for row in model.history_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 60
    source = TextStreams(model.encode(model.split(text)[0][-1] + model.split(text)[1]), 4, 8)
    now = bptt.training.evaluate(model.network_, model.parameters_, CrossEntropy(), source)
    assert now == losses[best]
    assert not model.interrupted_


def test_history_holds_what_a_plot_needs():
    model = quiet(tiny(schedule="cosine", warmup=10), TEXT)
    assert [set(row) for row in model.history_] == [
        {
            "epoch", "step", "loss", "validation", "grad_norm", "learning_rate", "seconds",
            "steps_per_second",
        }
    ] * 3  # fmt: skip
    rates = [row["learning_rate"] for row in model.history_]
    assert rates[0] > rates[1] > rates[2] == 0
    assert all(row["steps_per_second"] > 0 and row["grad_norm"] > 0 for row in model.history_)


def test_warm_up_rises_evenly_and_the_plateau_halves():
    schedule = Schedule("plateau", 1.0, warmup=4, patience=2)
    assert [schedule(t, 100) for t in (1, 2, 3, 4, 5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    for loss in (3.0, 2.0, 2.0):
        schedule.end_epoch(loss)
    assert schedule(50, 100) == 1.0
    schedule.end_epoch(2.5)  # two epochs without a lower one
    assert schedule(50, 100) == 0.5
    for loss in (1.0, 1.1, 1.2):
        schedule.end_epoch(loss)
    assert schedule(50, 100) == 0.25
    constant = Schedule("constant", 1.0)
    for _ in range(9):
        constant.end_epoch(1.0)
    assert constant(1, 1) == 1.0
    with pytest.raises(ConfigError, match="kind is 'linear'; expected one of constant"):
        Schedule("linear", 1.0)


# Averages by valid steps

V = 6


def network_and_parameters(learned=False, dropout=0.0):
    layers = [Embedding(V, 4), LSTM(4, 5)] + [Dropout(5, dropout)] * bool(dropout) + [Dense(5, V)]
    network = Network(layers, initial_state="learned" if learned else "zero")
    parameters = network.init(np.random.default_rng(1), np.float64)
    for name, p in parameters.items():
        if name.endswith("0") and "." in name:
            p[...] = np.random.default_rng(2).standard_normal(p.shape)
    return network, parameters


def sequences(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, V, n) for n in lengths], [rng.integers(0, V, n) for n in lengths]


@pytest.mark.parametrize("learned", [False, True])
def test_a_batch_split_in_two_and_accumulated_gives_the_same_gradients(learned):
    network, parameters = network_and_parameters(learned)
    X, targets = sequences([3, 9, 1, 6, 2, 7])
    whole = next(SequenceBatches(X, targets, 6).batches(np.arange(6)))
    total, weight, g, _ = gradients(network, parameters, CrossEntropy(), whole)
    assert weight == 28  # valid steps, not 6 rows and not 6 x 9 padded steps
    halves = SequenceBatches(X, targets, 2).batches(np.arange(6))
    parts = [gradients(network, parameters, CrossEntropy(), half) for half in halves]
    assert total == pytest.approx(sum(p[0] for p in parts))
    assert weight == sum(p[1] for p in parts)
    for name, value in g.items():
        np.testing.assert_allclose(sum(p[2][name] for p in parts), value, rtol=1e-9, atol=1e-12)


def test_the_update_is_by_the_mean_over_valid_steps():
    network, parameters = network_and_parameters()
    X, targets = sequences([3, 9, 1])
    before = {name: p.copy() for name, p in parameters.items()}
    source = SequenceBatches(X, targets, 3)
    batch = next(source.batches(source.order(None)))
    _, _, g, _ = gradients(network, parameters, CrossEntropy(), batch)
    run = Run(parameters, SGD(0.1), Schedule("constant", 0.1), np.random.default_rng(0))
    p = next(train(run, network, CrossEntropy(), source, epochs=1))
    for name, value in parameters.items():
        np.testing.assert_allclose(value, before[name] - 0.1 * g[name] / 13, rtol=1e-12)
    assert p.grad_norm == pytest.approx(np.sqrt(sum((v**2).sum() for v in g.values())) / 13)


def test_gradients_of_a_learned_initial_state_are_those_of_differences():
    network, parameters = network_and_parameters(learned=True)
    X, targets = sequences([3, 5, 2])
    batch = next(SequenceBatches(X, targets, 3).batches(np.arange(3)))
    _, _, g, _ = gradients(network, parameters, CrossEntropy(), batch)
    assert set(g) == set(parameters)
    for name in ("lstm0.a0", "lstm0.c0"):
        for i in range(5):
            values = []
            for sign in (1, -1):
                moved = {k: p.copy() for k, p in parameters.items()}
                moved[name][0, 0, i] += sign * 1e-6
                values.append(gradients(network, moved, CrossEntropy(), batch)[0])
            numeric = (values[0] - values[1]) / 2e-6
            assert g[name][0, 0, i] == pytest.approx(numeric, rel=1e-6)
    carried = gradients(network, parameters, CrossEntropy(), batch)[3]
    later = gradients(network, parameters, CrossEntropy(), batch._replace(fresh=False), carried)
    assert not later[2]["lstm0.a0"].any()  # it did not begin there


def test_a_stream_begins_and_begins_again_from_the_learned_state():
    network, parameters = network_and_parameters(learned=True)
    z, _, _ = network.forward(np.array([[1, 4]]), parameters)
    stream = network.stream(parameters)
    for _ in range(2):
        assert np.allclose(stream.step(np.array([1])), z[:, 0], rtol=1e-12)
        assert np.allclose(stream.step(np.array([4])), z[:, 1], rtol=1e-12)
        stream.reset()


# Batches


def test_documents_are_read_in_windows_and_the_state_is_carried():
    documents = [np.arange(n) % V for n in (12, 3, 8)]
    source = Documents(documents, batch_size=2, seq_length=4, burn_in=3)
    order = source.order(None)
    assert order.tolist() == [1, 2, 0]
    batches = list(source.batches(order))
    assert len(batches) == source.count(order) == 2 + 3
    assert [b.fresh for b in batches] == [True, False, True, False, False]
    assert [b.lengths.tolist() for b in batches] == [[2, 4], [0, 3], [4], [4], [3]]
    assert [None if b.weight is None else int(b.weight.sum()) for b in batches] == [
        2,
        None,
        1,
        None,
        None,
    ]
    read = np.concatenate([b.x[-1, : b.lengths[-1]] for b in batches[2:]])
    assert read.tolist() == documents[0][:-1].tolist()
    successors = np.concatenate([b.target[-1, : b.lengths[-1]] for b in batches[2:]])
    assert successors.tolist() == documents[0][1:].tolist()


def test_the_loss_of_documents_does_not_depend_on_batches_or_windows():
    network, parameters = network_and_parameters()
    documents = [np.arange(n) * n % V for n in (12, 3, 8, 2, 30)]
    losses = [
        bptt.training.evaluate(
            network, parameters, CrossEntropy(), Documents(documents, rows, window)
        )
        for rows in (1, 2, 5)
        for window in (1, 4, 100)
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-12)


def test_buckets_are_of_like_length_reproducible_and_complete():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    order = by_length(lengths, 10, np.random.default_rng(3))
    assert sorted(order) == list(range(1000))
    np.testing.assert_array_equal(order, by_length(lengths, 10, np.random.default_rng(3)))
    assert (order != by_length(lengths, 10, np.random.default_rng(4))).any()
    batches = lengths[order].reshape(-1, 10)
    padding = (batches.max(1) - batches.T).sum() / lengths.sum()
    shuffled = lengths.reshape(-1, 10)
    assert padding < 0.05 < (shuffled.max(1) - shuffled.T).sum() / lengths.sum()
    firsts = batches.mean(1)
    assert abs(np.corrcoef(firsts, np.arange(len(firsts)))[0, 1]) < 0.3  # not from short to long


# Dropout


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    layer = Dropout(50, 0.3)
    x = np.ones((20, 30, 50))
    y, _, tape = layer.forward(x, {}, rng=np.random.default_rng(0))
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert np.unique(y).tolist() == [0, 1 / 0.7]
    np.testing.assert_array_equal(layer.backward(tape, x)[0], y)
    np.testing.assert_array_equal(layer.forward(x, {})[0], x)
    assert y.dtype == x.dtype


def test_dropout_is_off_in_evaluation_and_on_in_training():
    network, parameters = network_and_parameters(dropout=0.5)
    x = np.array([[1, 2, 3]])
    plain = network.forward(x, parameters)[0]
    np.testing.assert_array_equal(plain, network.forward(x, parameters)[0])
    drawn = network.forward(x, parameters, rng=np.random.default_rng(0))[0]
    assert (drawn != plain).any()
    np.testing.assert_array_equal(
        drawn, network.forward(x, parameters, rng=np.random.default_rng(0))[0]
    )


@pytest.mark.parametrize("rate", [-0.1, 1.0, "a", None])
def test_a_dropout_rate_that_makes_no_sense(rate):
    with pytest.raises(ConfigError, match="rate is"):
        Dropout(4, rate)


def test_a_gru_has_one_learned_state():
    network = Network([GRU(3, 4), Dense(4, 2)], initial_state="learned")
    assert list(network.shapes())[-1] == "gru0.a0"
    assert network.shapes()["gru0.a0"] == (1, 1, 4)


def test_batches_say_what_they_hold():
    assert Batch(1, 2) == (1, 2, None, None, True)
    assert Adam().state["t"] == 0
