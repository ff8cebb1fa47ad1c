"""What a training leaves when it ends before its time, and checkpoints that cannot be written."""

import numpy as np
import pytest

from bptt import SequenceClassifier, load
from bptt.errors import BpttError, CheckpointError
from bptt.models import files
from bptt.models.inputs import as_data
from bptt.training import Checkpoints, CrossEntropy, SequenceBatches, evaluate, loop
from tests.support.cases import same_bits

RNG = np.random.default_rng(0)
X, V = ([RNG.normal(size=(4, 2)) for _ in range(12)] for _ in range(2))
Y = [0, 1] * 6
STEPS = 6  # of an epoch


def model(**settings):
    """One whose validation loss rises again: the labels are random."""
    given = {"units": 8, "epochs": 12, "batch_size": 2, "learning_rate": 0.2, "patience": 50}
    return SequenceClassifier(**given | settings)


def fit(m, **named):
    return m.fit(X, Y, validation=(V, Y), progress="silent", **named)


def kept(m):
    """The validation loss of the parameters that a model has."""
    source = SequenceBatches(m._encoder.encode(as_data(V)), np.array(Y), 2)
    return evaluate(m.network_, m.parameters_, CrossEntropy(), source)


def losses(m):
    return [row["validation"] for row in m.history_ if row["validation"] is not None]


def raises(error):
    def on_step(progress):
        if progress.step == 10 * STEPS + 2:
            raise error

    return on_step


def spoiled(monkeypatch, step):
    """Make the gradient of a step infinite."""
    count = iter(range(1, 10**6))

    def norm(g):
        return np.inf if next(count) == step else 1.0

    monkeypatch.setattr("bptt.training.loop.global_norm", norm)


@pytest.mark.parametrize("end", ["whole", "interrupt", "callback", "Ctrl-C", "infinite", "no disk"])
def test_the_best_parameters_are_put_back_whatever_ends_the_training(end, monkeypatch, tmp_path):
    m, named, expected = model(), {}, BpttError
    if end == "infinite":
        spoiled(monkeypatch, 10 * STEPS + 3)
    if end == "interrupt":
        named["on_step"] = lambda p: p.step == 10 * STEPS + 2
    if end in ("callback", "Ctrl-C"):
        expected = RuntimeError if end == "callback" else KeyboardInterrupt
        named["on_step"] = raises(expected())
    if end == "no disk":
        named["checkpoint"], expected = tmp_path / "m", CheckpointError
        monkeypatch.setattr(files, "save_arrays", refuse)
    if end in ("whole", "interrupt"):
        fit(m, **named)
    else:
        with pytest.raises(expected):
            fit(m, **named)
    seen = losses(m)
    assert len(seen) == (12 if end in ("whole", "no disk") else 10)
    assert min(seen) < seen[-1]  # so that the last parameters are not the best
    assert kept(m) == min(seen)
    assert seen[m.best_epoch_ - 1] == min(seen)
    if end != "no disk":
        m.save(tmp_path / "whole")
        assert same_bits(load(tmp_path / "whole").predict_proba(V), m.predict_proba(V))
        assert load(tmp_path / "whole").best_epoch_ == m.best_epoch_


def test_without_patience_the_last_good_parameters_stay(monkeypatch):
    expected = fit(model(patience=None, grad_clip=1.0), on_step=lambda p: p.step == 8)
    m = model(patience=None, grad_clip=1.0)
    with monkeypatch.context() as patch:
        true, count = loop.global_norm, iter(range(1, 100))
        patch.setattr(loop, "global_norm", lambda g: np.inf if next(count) == 9 else true(g))
        with pytest.raises(BpttError, match="stopped at step 9"):
            fit(m)
    assert same_bits(m.parameters_, expected.parameters_)
    assert [row["step"] for row in m.history_] == [6, 8]


def refuse(path, arrays, config):
    raise CheckpointError(f"cannot write {path}: the disk is full.")


@pytest.mark.parametrize("failing", [{2}, {1, 2, 3}, {2, 3, 7}])
def test_a_checkpoint_that_fails_is_tried_again_and_the_training_goes_on(
    failing, monkeypatch, tmp_path
):
    expected, true, calls = fit(model(epochs=2)), files.save_arrays, []

    def save(path, arrays, config):
        calls.append(path.name)
        (refuse if len(calls) in failing else true)(path, arrays, config)

    monkeypatch.setattr(files, "save_arrays", save)
    places, m = Checkpoints(tmp_path / "m", minutes=0, keep=20), model(epochs=2)
    with pytest.warns(UserWarning, match="the disk is full. The training goes on") as caught:
        fit(m, checkpoint=places)
    # One warning for each row of failures.
    assert len(caught) == sum(k - 1 not in failing for k in failing)
    assert same_bits(m.parameters_, expected.parameters_)
    assert len(calls) == 2 * STEPS + 1  # after each step, and at the end
    lost = {f"m-{k:08d}" for k in failing}
    written = {p.name for p in tmp_path.iterdir()}
    assert written == {f"m-{k:08d}" for k in range(1, 2 * STEPS + 1)} - lost


def test_a_failed_checkpoint_waits_until_the_next_one_is_due(monkeypatch, tmp_path):
    clock = [0.0]
    monkeypatch.setattr("bptt.training.checkpoints.time.monotonic", lambda: clock[0])
    tried = []
    monkeypatch.setattr(
        files, "save_arrays", lambda path, *_: tried.append(path) or refuse(path, 0, 0)
    )

    def on_step(progress):
        clock[0] += 30.0  # seconds

    with (
        pytest.warns(UserWarning, match="is tried again"),
        pytest.raises(CheckpointError, match="the disk is full"),
    ):
        fit(model(epochs=2), checkpoint=Checkpoints(tmp_path / "m", minutes=2), on_step=on_step)
    assert [p.name for p in tried] == [f"m-{k:08d}" for k in (4, 8, 12, 12)]


def test_what_cannot_be_saved_is_refused_before_the_first_step(tmp_path, monkeypatch):
    steps, m = [], model()
    monkeypatch.setattr(SequenceClassifier, "fitted_state", lambda self: {"classes": {0, 1}})
    with pytest.raises(BpttError):
        fit(m, checkpoint=tmp_path / "m", on_step=steps.append)
    assert steps == []
    assert not hasattr(m, "parameters_")
    assert list(tmp_path.iterdir()) == []
