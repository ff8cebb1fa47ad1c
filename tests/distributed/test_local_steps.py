"""Local steps: parts that train apart and are averaged."""

import numpy as np
import pytest

import bptt
from bptt.errors import BpttError, ConfigError
from bptt.training import (
    SGD,
    Adam,
    Checkpoints,
    CrossEntropy,
    LocalSteps,
    Run,
    Schedule,
    Shares,
    TextStreams,
    train,
)  # fmt: skip
from tests.support.trainings import V, network_and_parameters

from .cases import hash_of
from .threads import on_ranks

TEXT = "the cat sat on the mat. " * 20
TOKENS = np.random.default_rng(8).integers(0, V, 4 * 12 + 1)


class Rows:
    """Some rows of the batches of a text."""

    def __init__(self, rows=slice(None)):
        self.text, self.rows = TextStreams(TOKENS, 4, 3), rows
        self.order, self.count = self.text.order, self.text.count

    def batches(self, order, rows=None):
        for b in self.text.batches(order, rows):
            yield b._replace(x=b.x[self.rows], target=b.target[self.rows])


def run_of(optimizer):
    _, parameters = network_and_parameters()
    return Run(parameters, optimizer, Schedule("constant", 0.05), np.random.default_rng(0))


def trained_by(run, epochs, source, **options):
    network, _ = network_and_parameters()
    for _ in train(run, network, CrossEntropy(), source, epochs=epochs, grad_clip=1.0, **options):
        pass
    return run.parameters


def language_model(**params):
    own = {"units": 6, "embedding": 4, "seq_length": 9, "batch_size": 6, "epochs": 2, "seed": 1}
    own |= {"micro_batches": 4, "local_steps": 3, "dropout": 0.2, "verbose": 0, "patience": 2}
    return bptt.LanguageModel(**{**own, "validation_fraction": 0.2, **params})


DILOCO = {"local_after": 0.3, "outer_learning_rate": 0.7, "outer_momentum": 0.9}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("optimizer", [lambda: SGD(momentum=0.9), Adam])
def test_parts_train_as_runs_of_their_own_and_are_averaged(optimizer, momentum):
    """(1) to (3) by hand: two rounds of four steps, two parts with the rows 0, 3 and 1, 2."""
    eta = 0.7
    found = trained_by(
        run_of(optimizer()), 2, Rows(), shares=Shares(2), local=LocalSteps(9, 0, eta, momentum)
    )
    runs = [(run_of(optimizer()), Rows(rows)) for rows in ([0, 3], [1, 2])]
    w = {name: p.astype(float) for name, p in run_of(SGD()).parameters.items()}
    v = {name: np.zeros_like(p) for name, p in w.items()}
    for epoch in (1, 2):
        for run, own in runs:
            trained_by(run, epoch, own)
        for name in w:
            d = w[name] - np.mean([run.parameters[name] for run, _ in runs], axis=0)
            v[name] = momentum * v[name] + d
            w[name] = w[name] - eta * (d + momentum * v[name])
            for run, _ in runs:
                run.parameters[name][...] = w[name]
    for name, p in w.items():
        np.testing.assert_allclose(found[name], p, rtol=1e-10, atol=1e-13)


def trained(size, **options):
    def work(communicator):
        return hash_of(language_model(**DILOCO).fit(TEXT, distributed=communicator, **options))

    (found,) = set(on_ranks(size, work)) if size > 1 else {work(None)}
    return found


def test_the_result_does_not_depend_on_the_ranks():
    assert trained(1) == trained(2) == trained(3) == trained(6)


def test_a_run_is_resumed_between_averages_to_the_same_bits(tmp_path):
    places = tmp_path / "m.safetensors"
    for size, step in ((3, 3), (1, 9), (2, 14)):
        trained(size, checkpoint=places, resume="auto", on_step=lambda p, s=step: p.step >= s)
    assert Checkpoints(places).found()
    assert trained(4, checkpoint=places, resume="auto") == trained(1)


def test_what_is_not_finite_ends_all_ranks_with_one_sentence():
    def work(communicator):
        model = language_model(learning_rate=1e38, optimizer="sgd", grad_clip=3e38, patience=None)
        return model.fit(TEXT, distributed=communicator)

    errors = on_ranks(3, work)
    assert {type(e) for e in errors} == {BpttError}
    (sentence,) = set(map(str, errors))
    assert "in the local steps after it" in sentence
    assert "is not finite; the parameters are those of step " in sentence


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"micro_batches": 1}, "local_steps is 3; expected 1 with micro_batches 1"),
        ({"micro_batches": 7}, "micro_batches is 7; expected at most batch_size = 6"),
        ({"local_steps": 1, "local_after": 0.5}, "local_after is 0.5; expected 0 with local_steps"),
        ({"local_steps": 1, "outer_momentum": 0.9}, "outer_momentum is 0.9; expected 0 with"),
    ],
)
def test_what_makes_no_sense_is_refused(params, sentence):
    with pytest.raises(ConfigError, match=sentence):
        language_model(**params).fit(TEXT)
