"""The result of a training does not depend on the number of ranks."""

import numpy as np
import pytest

from bptt.distributed import Alone, connect
from bptt.distributed.tree import add_in_place, merge, own_parts, reduce
from bptt.errors import BpttError, ConfigError
from bptt.training import Checkpoints

from .cases import cases, hash_of
from .threads import on_ranks

NAMES = [name for name, *_ in cases()]


def case(name, epochs=1):
    return next((model, data) for n, model, data in cases(epochs=epochs) if n == name)


def trained(name, size, epochs=1, **options):
    """The hash that every rank must have."""

    def work(communicator):
        model, data = case(name, epochs)
        return hash_of(model.fit(*data, distributed=communicator, **options))

    hashes = on_ranks(size, work) if size > 1 else [work(None)]
    assert len(set(map(str, hashes))) == 1, hashes
    return hashes[0]


@pytest.mark.parametrize("n", [1, 2, 5, 6, 8])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_the_tree_gives_the_same_bits_for_every_number_of_ranks(n, size):
    parts = np.random.default_rng(n).standard_normal((n, 11)).astype(np.float32)

    def work(communicator):
        own = own_parts(n, communicator.rank, size)
        nodes = {(0, k): parts[k].copy() for k in own}
        merge(nodes, n, add_in_place)
        head = np.zeros(n)
        head[list(own)] = 1
        total = reduce(communicator, nodes, head, n, 11)
        assert (head == 1).all()
        return total

    whole = {(0, k): parts[k].copy() for k in range(n)}
    merge(whole, n, add_in_place)
    for total in on_ranks(size, work):
        np.testing.assert_array_equal(total, next(iter(whole.values())), strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_one_hash_on_1_2_and_3_ranks(name):
    assert trained(name, 1) == trained(name, 2) == trained(name, 3)


def test_a_run_is_resumed_with_another_number_of_ranks_to_the_same_bits(tmp_path):
    def until(step):
        return lambda progress: progress.step >= step

    whole = trained("text", 1, 2)
    places = tmp_path / "m.safetensors"
    for size, step in ((4, 3), (1, 7)):
        trained("text", size, 2, checkpoint=places, resume="auto", on_step=until(step))
    found = Checkpoints(places).found()
    assert len(found) == 2  # written by rank 0 alone
    assert trained("text", 3, 2, checkpoint=places, resume="auto") == whole


def test_without_micro_batches_ranks_agree_to_rounding():
    def work(communicator):
        model, data = case("regress")
        model.set_params(micro_batches=1, dropout=0.0)
        return model.fit(*data, distributed=communicator).parameters_

    alone = work(None)
    for parameters in on_ranks(2, work):
        for name, p in parameters.items():
            np.testing.assert_allclose(p, alone[name], rtol=1e-3, atol=1e-5)


def test_ranks_with_different_data_are_refused_on_every_rank():
    def work(communicator):
        model, (text,) = case("text")
        return model.fit("x" * communicator.rank + text, distributed=communicator)

    for error in on_ranks(2, work):
        assert isinstance(error, BpttError)
        assert "rank 1 begins with other data" in str(error)


def test_an_exception_on_one_rank_ends_it_with_an_abort():
    def work(communicator):
        def fails(progress):
            raise ZeroDivisionError("on purpose")

        model, data = case("regress")
        communicator.size = 2
        return model.fit(*data, distributed=communicator, on_step=fails)

    errors = on_ranks(2, work)
    assert {type(error) for error in errors} == {SystemExit}
    for rank, error in enumerate(errors):
        sentence, *trace = str(error).splitlines()
        assert sentence == f"rank {rank} raised ZeroDivisionError; all ranks end."
        assert trace[-1] == "ZeroDivisionError: on purpose"


def test_what_is_no_communicator_is_refused():
    assert isinstance(connect(None), Alone)
    with pytest.raises(ConfigError, match="expected None, 'mpi' or an object"):
        connect("tcp")
