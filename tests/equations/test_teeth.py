"""Teeth: one-token breaks of every backward pass, each of which the gradient check must catch.

`mutants` makes the breaks from the source. Each is put in the place of the function while the
backward pass runs (the forward pass stays whole), and the gradient check, or an exception, must
say so. A loss computes its value and its gradient in one function: its breaks are judged in both
passes together, too. Breaks that change no gradient are listed with the reason in `EQUIVALENT`.
A break that survives and is not listed fails the test, and so does a listed one that is caught.

``python -m tests.equations.test_teeth`` prints the table.
"""

import ast
import inspect
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from inspect import unwrap
from pathlib import Path
from typing import NamedTuple

import pytest

import bptt
from bptt import Dense, Embedding, Network, batch_first, engine, gradcheck
from bptt.course import characters
from bptt.course import sequences as course
from bptt.engine import numpy_provider
from bptt.equations import (
    CELLS,
    activations,
    distributions,
    functions,
    gru,
    losses,
    lstm,
    lstm_cifg,
    regression,
    rnn,
    sequences,
)
from bptt.layers import (
    Activation,
    BatchNorm,
    Dropout,
    FeatureEmbedding,
    Flatten,
    LayerNorm,
    Merge,
    Pool,
    Recurrent,
    Repeat,
    Reverse,
    Unflatten,
    Windows,
    WordEmbedding,
    rearrange,
    stepwise,
)
from tests.cells import mingru, momentum_lstm, peephole_lstm
from tests.support import gradient_cases as cases
from tests.support.mutants import applied, mutants


class Target(NamedTuple):
    function: Callable
    cases: Callable[[], list]
    kinds: tuple[str, ...] = ()  # names of one kind, to be put in one another's place
    whole: bool = False  # the function is also its own forward pass

    def __str__(self):
        room = self.function.__module__.removeprefix("bptt.").removeprefix("equations.")
        return f"{room}.{self.function.__qualname__}"


def loss_cases():
    return [*cases.cross_entropy_cases(), *cases.squared_error_cases()]


def stepwise_cases():
    return [*cases.dense_cases(), *cases.embedding_layer_cases()]


RNNS, LSTMS = ("rnn", "rnn_relu"), ("lstm",)
BEFORE, AFTER = ("gru",), ("gru_reset_after",)
EVERY = tuple(CELLS)
D_ACTIVATIONS = "d_sigmoid d_tanh d_relu"

TARGETS = [
    Target(activations.d_sigmoid, partial(cases.cell_cases, "lstm", "gru")),
    Target(activations.d_tanh, partial(cases.cell_cases, "rnn", "lstm")),
    Target(activations.d_relu, partial(cases.cell_cases, "rnn_relu")),
    Target(rnn.rnn_recurrence_backward, partial(cases.cell_cases, "rnn"), ("a_next a_prev",)),
    Target(
        rnn.rnn_relu_recurrence_backward, partial(cases.cell_cases, "rnn_relu"), ("a_next a_prev",)
    ),
    Target(
        rnn.product_backward,
        partial(cases.cell_cases, *RNNS),
        ("a_prev xt", "Wax Waa", "dWax dWaa", "dxt da_prev"),
    ),
    Target(rnn.rnn_cell_backward, partial(cases.cell_cases, *RNNS)),
    Target(
        lstm_cifg.lstm_cifg_recurrence_backward,
        partial(cases.cell_cases, "lstm_cifg"),
        (
            "ft it cct ot",
            "a_prev c_prev c_next tanh_c",
            "xt s",
            "da_next dc_next dc",
            "dzi dzc dzo",
            "Wi Wc Wo",
            "dWi dWc dWo",
            "dbi dbc dbo",
            "da_prev dc_prev",
            D_ACTIVATIONS,
        ),
    ),
    Target(
        lstm.lstm_recurrence_backward,
        partial(cases.cell_cases, *LSTMS),
        (
            "ft it cct ot",
            "a_prev c_prev c_next tanh_c",
            "xt s",
            "da_next dc_next dc",
            "dzf dzi dzc dzo",
            "Wf Wi Wc Wo",
            "dWf dWi dWc dWo",
            "dbf dbi dbc dbo",
            "da_prev dc_prev",
            D_ACTIVATIONS,
        ),
    ),
    Target(
        gru.gru_recurrence_backward,
        partial(cases.cell_cases, *BEFORE),
        (
            "ut rt cct",
            "a_prev xt s q",
            "dq ds",
            "dzu dzr dzc",
            "Wu Wr Wc",
            "dWu dWr dWc",
            "dbu dbr dbc",
            D_ACTIVATIONS,
        ),
    ),
    Target(
        gru.gru_reset_after_recurrence_backward,
        partial(cases.cell_cases, *AFTER),
        (
            "ut rt cct pct",
            "a_prev xt s",
            "dzu dzr dzc dpct",
            "Wu Wr Wc",
            "Wca Wcx",
            "dWu dWr dWc",
            "dbu dbr dbc dbca",
            D_ACTIVATIONS,
        ),
    ),
    Target(
        mingru.mingru_backward,
        partial(cases.cell_cases, "mingru"),
        ("ut cct", "a_prev xt da_next", "dzu dcct", "Wu Wc", "dWu dWc", "dbu dbc"),
    ),
    Target(
        peephole_lstm.peephole_backward,
        partial(cases.cell_cases, "peephole_lstm"),
        ("ft it cct ot", "c_prev c_next tanh_c", "da_next dc_next dc", "f i c o", "pf pi po"),
    ),
    Target(
        momentum_lstm.momentum_backward,
        partial(cases.cell_cases, "momentum_lstm"),
        ("ft it cct ot", "c_prev c", "da dc dv", "f i c o"),
    ),
    Target(
        gru.gru_variant,
        partial(cases.cell_cases, *BEFORE, *AFTER),
        ("GRU GRU_RESET_AFTER", "bca bc"),
    ),
    Target(gru.gru_of_caches, partial(cases.cell_cases, *BEFORE, *AFTER)),
    Target(gru.gru_cell_backward, partial(cases.cell_cases, *BEFORE, *AFTER)),
    *(
        Target(function, partial(cases.sequence_cases, *names), ("da_final dc_final",))
        for function, names in (
            (rnn.rnn_backward, RNNS),
            (lstm.lstm_backward, LSTMS),
            (gru.gru_backward, (*BEFORE, *AFTER)),
        )
    ),
    Target(functions.run_backward, partial(cases.sequence_cases, *EVERY), ("da ds",)),
    Target(
        sequences.backward_through_time,
        partial(cases.sequence_cases, *EVERY),
        ("own before", "dstate dstate_final", "da dx", "states gates"),
    ),
    Target(sequences.running_columns, partial(cases.sequence_cases, *EVERY), ("lengths t",)),
    Target(sequences._with_columns, partial(cases.sequence_cases, *EVERY), ("old new", "s s_new")),
    Target(sequences.reverse_valid, cases.engine_cases, ("x lengths steps source",)),
    Target(
        losses.output_backward,
        cases.output_cases,
        ("Wy a dlogits columns", "da dWy dby", "shape ndim"),
    ),
    Target(losses.cross_entropy, cases.cross_entropy_cases, ("logits columns valid",), whole=True),
    Target(
        losses.cross_entropy_columns,
        cases.cross_entropy_cases,
        ("logits dlogits nats", "ids steps", "softmax log_softmax"),
        whole=True,
    ),
    Target(losses.squared_error_entries, cases.squared_error_cases, ("y target dy",), whole=True),
    Target(losses.entrywise, cases.gaussian_cases, whole=True),
    Target(losses.likelihood, cases.gaussian_cases, ("nats dy",), whole=True),
    Target(losses.total, loss_cases, ("entries dy full", "valid scale"), whole=True),
    Target(losses.scale_of, loss_cases, whole=True),
    Target(
        regression.gaussian_entries,
        cases.gaussian_cases,
        ("mu s target residual precision", "nats dmu ds"),
        whole=True,
    ),
    Target(
        regression.pinball_entries, cases.pinball_cases, ("y target e level", "loss dy"), whole=True
    ),
    Target(regression.pinball, cases.pinball_cases, whole=True),
    Target(distributions.student_t_entries, cases.student_t_cases, ("nats dmu ds dr",), whole=True),
    Target(
        distributions.negative_binomial_entries,
        cases.negative_binomial_cases,
        ("a s k", "nats da ds"),
        whole=True,
    ),
    Target(
        batch_first.from_course,
        cases.batch_first_cases,
        ("dWax dWaa dba", "dW db", "RNN LSTM", "rnn lstm"),
    ),
    Target(batch_first._step_backward, cases.batch_first_cases, ("states gates", "dxt da_prev")),
    Target(batch_first._backward, cases.batch_first_cases, ("dx da0", "dh zeros")),
    Target(
        batch_first.word_embedding_backward, cases.embedding_cases, ("dout dW W", "add subtract")
    ),
    Target(batch_first.temporal_affine_backward, cases.affine_cases, ("x w dout", "da dWy dby")),
    Target(
        batch_first.temporal_softmax_loss,
        cases.temporal_softmax_cases,
        ("x y mask", "loss dz"),
        whole=True,
    ),
    Target(
        numpy_provider.NumpyProvider.backward,
        cases.engine_cases,
        ("da dy zeros", "reverse_valid _batch_first _features_first", "states gates"),
    ),
    Target(course._backward, cases.course_cases, ("x da dy", "dx dstate0")),
    Target(characters.rnn_backward, cases.characters_cases, ("X Y", "a y", "dy dz")),
    Target(numpy_provider._batch_first, cases.engine_cases),
    Target(numpy_provider._features_first, cases.engine_cases),
    Target(stepwise.StepwiseLayer.backward, stepwise_cases, ("dy d_rows dx", "kept valid")),
    Target(stepwise.packed, cases.dense_cases),
    Target(stepwise.unpacked, cases.dense_cases, ("m T_x",)),
    Target(Embedding._map_backward, cases.embedding_layer_cases, ("d_rows dWe",)),
    Target(stepwise.add_by_index, cases.embedding_layer_cases, ("at rows", "add subtract")),
    Target(Dense._map_backward, cases.dense_cases, ("d_rows d_in dWy dby", "kept own")),
    Target(Dropout.backward, cases.dropout_cases, ("mask dy",)),
    Target(
        Pool.backward,
        cases.pool_cases,
        ("dy dstate", "last mean"),
    ),
    Target(Pool._halves, cases.pool_cases, ("half lengths",)),
    Target(FeatureEmbedding._map_backward, cases.columns_cases, ("d_rows d_in",)),
    Target(
        WordEmbedding._map_backward,
        cases.words_cases,
        ("words place", "n_x n_a", "dWe dtable da", "d_rows d_spelled", "add subtract"),
    ),
    Target(Activation._map_backward, cases.activation_cases, ("kept d_rows through",)),
    Target(Merge._map_backward, cases.merge_cases, ("d_rows dx", "kept first")),
    Target(
        BatchNorm._map_backward,
        cases.normalize_cases,
        ("normal scale gamma", "d_rows d_normal"),
    ),
    Target(
        LayerNorm._map_backward,
        cases.normalize_cases,
        ("normal scale gamma", "d_rows d_normal", "mean along"),
    ),
    Target(rearrange._Rearrangement.backward, cases.rearrange_cases, ("dy lengths",)),
    *(
        Target(layer._move_back, cases.rearrange_cases)
        for layer in (Flatten, Unflatten, Repeat, Reverse, Windows)
    ),
    Target(
        Recurrent.backward,
        cases.recurrent_cases,
        ("dy dx own dx_slot", "own_dstate dstates ds0", "i k", "n_layers n_a", "layer reverse"),
    ),
    Target(Network.backward, cases.network_cases, ("dstate dstates", "name key")),
]

IN_FLOAT64 = "the cases are in float64"
SAME_SIZE = "both have that size"


class Same(NamedTuple):
    """A break that changes no gradient: what is changed (`Mutant.change`), and why it may be."""

    change: str
    why: str
    times: int = 1


EQUIVALENT = {
    "course.sequences._backward": [
        Same(
            "np.zeros((*a.shape[1:], b.shape[0]), b.dtype)"
            " -> np.zeros((*b.shape[1:], b.shape[0]), b.dtype)",
            "here NumPy serves: it takes T steps",
        ),
        Same(
            "a[:, :b] = _batch_first(c) -> a = _batch_first(c)",
            "here NumPy serves: it takes T steps",
        ),
    ],
    "lstm.lstm_recurrence_backward": [Same("a = b.shape[0] -> a = c.shape[0]", SAME_SIZE, times=2)],
    "lstm_cifg.lstm_cifg_recurrence_backward": [
        Same("a = b.shape[0] -> a = c.shape[0]", SAME_SIZE, times=2),
        Same("d_sigmoid(a) -> d_sigmoid(b)", "ft = 1 - it: ft (1 - ft) is it (1 - it)"),
    ],
    "sequences.backward_through_time": [
        Same(
            "_with_columns(a, b, c) -> _with_columns(d, b, c)",
            "going back, columns only join: one that has not joined still has its final gradient",
        ),
        Same("range(a.shape[2]) -> range(b.shape[2])", SAME_SIZE),
    ],
    "sequences.reverse_valid": [
        Same(
            "a < b[:, np.newaxis] -> a <= b[:, np.newaxis]",
            "moves padding only: never read, and 0 in dx",
        )
    ],
    "losses.output_backward": [
        Same("a.reshape(a.shape[0], -1) -> a.reshape(b.shape[0], -1)", SAME_SIZE)
    ],
    "losses.scale_of": [Same("{'sum': 1} -> {'sum': 0}", "the maximum with 1 follows")],
    "regression.gaussian_entries": [
        Same(
            "LOG_2_PI + a + b ** 2 * c -> a + b ** 2 * c",
            "a constant has no gradient",
        )
    ],
    "distributions.student_t_entries": [
        Same(
            "a, b, c, d = (np.asarray(e, np.float64) for e in (a, b, c, d)) -> nothing", IN_FLOAT64
        ),
        Same("np.log(np.pi * a) -> np.log(a)", "a constant has no gradient"),
    ],
    "distributions.negative_binomial_entries": [
        Same("a, b, c = (np.asarray(d, np.float64) for d in (a, b, c)) -> nothing", IN_FLOAT64),
        *(
            Same(text, "a term of the count alone has no gradient")
            for text in (
                "a + 1 -> a + 2",
                "log_gamma(a + 1) -> log_gamma(1)",
                "log_gamma(a) + log_gamma(b + 1) -> log_gamma(a) - log_gamma(b + 1)",
                "log_gamma(a) + log_gamma(b + 1) - log_gamma(b + a) -> "
                "log_gamma(a) - log_gamma(b + a)",
            )
        ),
    ],
    "network.Network.backward": [Same("a(b, c) -> pass", "who watches changes no gradient")],
    "regression.pinball_entries": [Same("a < 0 -> a <= 0", "differs at the kink alone")],
    "tests.cells.peephole_lstm.peephole_backward": [Same("len(a) -> len(b)", SAME_SIZE)],
    "layers.recurrent.Recurrent.backward": [
        Same(
            "len(a) == 1 -> len(a) == 0", "the shortcut of one slot: the general way does the same"
        ),
    ],
    "layers.pool.Pool.backward": [
        Same("a > 0 -> a >= 0", "differs where nothing was counted, and dy is 0 there")
    ],
    "course.characters.rnn_backward": [
        Same("a @ b[c].T -> a * b[c].T", "one column: the outer product"),
        Same("a @ b[c - 1].T -> a * b[c - 1].T", "one column: the outer product"),
        Same("-1 -> -0", "zeros of one shape"),
        Same("len(a) -> len(b)", SAME_SIZE),
        Same(
            "return (a | {'da_next': b}, c) -> return (a | {'da_next': b}, d)",
            "the states are returned beside the gradients",
        ),
    ],
    "batch_first.temporal_softmax_loss": [Same("len(a) -> len(b)", SAME_SIZE, times=2)],
}

# Backward passes without arithmetic of their own, with the reason.
NOTHING_TO_BREAK = {
    "engine.contract.Provider.backward": "a protocol",
    "inspect.flow._Steps.backward": "one call",
    "layers.base.Layer.backward": "abstract",
    "layers.stepwise.StepwiseLayer._map_backward": "abstract",
    "course.backward_checks.check_backward": "compares a learner's function",
    "course.slips.slips_backward": "lists mistakes",
    "course.runs._backward": "the loop with its mistakes, compared in tests/course",
    "interop.residual.ResidualNetwork.backward": "one call and a sum, checked in tests/interop",
    "course.sequences.rnn_backward": "one call",
    "course.sequences.lstm_backward": "one call",
    "course.sequences.gru_backward": "one call",
    "engine.native_provider.NativeProvider.backward": "one call",
    "engine.native_provider.NativeProvider.dense_backward": "one call",
    "engine.numpy_provider.NumpyProvider.dense_backward": "one call",
    "engine.contract.Provider.dense_backward": "a protocol",
    "lstm.lstm_cell_backward": "one call",
    "batch_first.rnn_step_backward": "one call",
    "batch_first.lstm_step_backward": "one call",
    "batch_first.rnn_backward": "one call",
    "batch_first.lstm_backward": "one call",
}


class Located(AssertionError):
    """The gradient check is red; entry by entry it need not say where."""


def verdict(target, mutant, given):
    """How a break is noticed: "gradient", the name of an exception, or None."""

    def broken(function):
        def wrapped(*args):
            with applied(target.function, mutant):
                return function(*args)

        return wrapped

    for also_forward in (False, True) if target.whole else (False,):
        for case in given:
            forward = broken(case.forward) if also_forward else case.forward
            inputs = {name: x.copy() for name, x in case.inputs.items()}  # a break may write to it
            try:
                gradcheck.check_grads(forward, broken(case.backward), inputs)
            except Located:
                return "gradient"
            except Exception as error:
                return type(error).__name__
    return None


@cache
def bite(target):
    """Try every break of a function; return their texts and verdicts."""

    def located(*_, **__):
        raise Located

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(gradcheck, "entry_errors", located)
        if "NativeProvider" not in str(target):  # its loops are in C++; the equations' are here
            patch.setattr(engine, "_chosen", numpy_provider.NumpyProvider())
        warnings.simplefilter("ignore")  # a break may divide by 0: the numbers must say so
        given = target.cases()
        breaks = mutants(target.function, target.kinds, [t.function for t in TARGETS])
        return [(mutant, verdict(target, mutant, given)) for mutant in breaks]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_whole_functions_pass(target):
    assert max(gradcheck.check_grads(*case) for case in target.cases()) < 1e-9


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_break_is_caught(target):
    code = unwrap(target.function).__code__
    verdicts = bite(target)
    assert unwrap(target.function).__code__ is code
    survivors = [mutant for mutant, how in verdicts if how is None]
    listed = Counter({same.change: same.times for same in EQUIVALENT.get(str(target), ())})
    found = Counter(mutant.change for mutant in survivors)
    assert found == listed, [mutant.text for mutant in survivors]
    names = {how for _, how in verdicts} & {"NameError", "UnboundLocalError"}
    assert not names, "a break that cannot run proves nothing"


def test_enough_breaks_are_tried():
    verdicts = [how for target in TARGETS for _, how in bite(target)]
    listed = sum(same.times for some in EQUIVALENT.values() for same in some)
    caught = sum(how is not None for how in verdicts)
    assert caught == len(verdicts) - listed
    assert caught >= 900
    assert sum(how == "gradient" for how in verdicts) >= 400


def test_lists_name_existing_functions():
    assert EQUIVALENT.keys() <= set(map(str, TARGETS))


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_kinds_name_what_is_there(target):
    """Names that the function no longer has would disarm its breaks without a word."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(unwrap(target.function))))
    there = set(re.findall(r"\w+", ast.unparse(tree)))
    assert not [kind for kind in target.kinds if not there.intersection(kind.split())]


def test_no_backward_pass_is_forgotten():
    known = set(map(str, TARGETS)) | NOTHING_TO_BREAK.keys()
    source = Path(bptt.__file__).parent
    found = set()
    for path in source.rglob("*.py"):
        room = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        room = room.removeprefix("equations.")
        found |= {f"{room}.{name}" for name in backward_passes(ast.parse(path.read_text()))}
    assert found - known == set()
    assert set(NOTHING_TO_BREAK) <= found


def backward_passes(tree, prefix=""):
    """Qualified names of functions that are called backward or a derivative."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from backward_passes(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and re.search(r"backward|^d_", node.name):
            yield prefix + node.name


def print_table():
    print(f"{'function':46} tried  gradient  exception  equivalent")
    total = Counter()
    for target in TARGETS:
        verdicts = Counter(how if how in ("gradient", None) else "error" for _, how in bite(target))
        total += verdicts
        print_row(target, verdicts)
    print_row("all", total)


def print_row(name, verdicts):
    by_kind = verdicts["gradient"], verdicts["error"], verdicts[None]
    print("{!s:46} {:5}  {:8}  {:9}  {:10}".format(name, verdicts.total(), *by_kind))


if __name__ == "__main__":
    print_table()
