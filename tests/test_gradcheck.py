"""check_grads and check_cell: pass what is right; of what is wrong say where and by how much."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bptt import check_grads, gradcheck
from bptt.equations import CELLS
from bptt.equations.rnn import RNNCache
from bptt.equations.sequences import forward_through_time
from bptt.errors import BpttError, ConfigError, ShapeError
from bptt.gradcheck import check_cell, entry_errors
from tests.cells import OWN


def draw(seed=0, **shapes):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def affine_forward(i):
    return i["W"] @ i["x"] + i["b"], i


def affine_backward(dy, i):
    return {"dW": dy @ i["x"].T, "dx": i["W"].T @ dy, "db": dy.sum(axis=1, keepdims=True)}


def inputs():
    return draw(W=(3, 2), x=(2, 4), b=(3, 1))


def spoiled(name, spoil):
    """The affine map's backward pass with one gradient replaced by spoil(gradient)."""

    def backward(dy, i):
        gradients = affine_backward(dy, i)
        return gradients | {name: spoil(gradients[name].copy())}

    return backward


def test_right_gradients_pass_and_the_error_is_returned():
    assert 0 <= check_grads(affine_forward, affine_backward, inputs()) < 1e-9
    errors = entry_errors(affine_forward, affine_backward, inputs())
    assert errors.keys() == {"W", "x", "b"}
    assert max(e.error for e in errors.values()) < 1e-9


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("name", "index"), [("W", (2, 1)), ("x", (0, 3)), ("b", (1, 0))])
def test_a_wrong_entry_is_named_with_both_values(name, index, seed):
    def spoil(g):
        g[index] += 1e-3
        return g

    given = inputs()
    with pytest.raises(AssertionError) as caught:
        check_grads(affine_forward, spoiled(f"d{name}", spoil), given, seed=seed)
    message = str(caught.value)
    found = re.fullmatch(
        r"check_grads: (\w+)(\[.*?\]) is wrong: analytic (\S+), numeric (\S+)\. Largest .*", message
    )
    assert found[1] == f"d{name}"
    assert found[2] == str(list(index))
    assert float(found[3]) - float(found[4]) == pytest.approx(1e-3, rel=1e-6)
    for other in given:
        assert f"d{other} " in message
    assert "expected <= 1.0e-06" in message


@pytest.mark.parametrize("factor", [1 + 1e-4, -1, 0, 2])
@pytest.mark.parametrize("name", ["dW", "dx", "db"])
def test_a_gradient_off_by_a_factor_is_caught(name, factor):
    with pytest.raises(AssertionError, match=rf"{name}\[.*is wrong"):
        check_grads(affine_forward, spoiled(name, lambda g: factor * g), inputs())


@pytest.mark.parametrize("ill", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_caught(ill):
    def spoil(g):
        g[1, 1] = ill
        return g

    with pytest.raises(AssertionError, match=rf"dW\[1, 1\] is wrong: analytic {ill}"):
        check_grads(affine_forward, spoiled("dW", spoil), inputs())


def test_a_forward_pass_that_gives_nan_is_caught():
    def forward(i):
        y, cache = affine_forward(i)
        return y * np.nan, cache

    with pytest.raises(AssertionError, match="numeric nan"):
        check_grads(forward, affine_backward, inputs())


def test_an_absent_gradient_is_named():
    def backward(dy, i):
        return {"dW": affine_backward(dy, i)["dW"]}

    with pytest.raises(ConfigError) as caught:
        check_grads(affine_forward, backward, inputs())
    assert str(caught.value) == "check_grads: backward returned dW; expected also dx, db."
    with pytest.raises(ConfigError, match="returned nothing; expected also dW, dx, db"):
        check_grads(affine_forward, lambda dy, i: {}, inputs())


@pytest.mark.parametrize("wrong", [np.transpose, np.ravel, np.sum])
def test_a_gradient_of_another_shape_is_refused(wrong):
    with pytest.raises(ShapeError, match=r"dW has shape .*; expected \(3, 2\), the shape of W"):
        check_grads(affine_forward, spoiled("dW", wrong), inputs())


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (np.ones((3, 2), np.float32), "float32"),
        (np.ones((3, 2), int), "int64"),
        ([[1.0]], "list"),
        (1.0, "float"),
    ],
)
@pytest.mark.parametrize("check", [check_grads, entry_errors])
def test_inputs_that_are_not_float64_are_refused(check, wrong, kind):
    with pytest.raises(ShapeError, match=f"W is {kind}; expected a float64 array"):
        check(affine_forward, affine_backward, inputs() | {"W": wrong})


def test_no_inputs_at_all_are_refused():
    with pytest.raises(ConfigError, match="inputs is empty; expected at least one array"):
        check_grads(affine_forward, affine_backward, {})


def test_inputs_are_not_changed():
    given = inputs()
    before = {name: value.copy() for name, value in given.items()}
    check_grads(affine_forward, affine_backward, given)
    entry_errors(affine_forward, affine_backward, given)
    assert all(np.array_equal(given[name], before[name]) for name in given)


def test_empty_inputs_need_no_entry():
    given = draw(W=(3, 2), x=(2, 0), b=(3, 1))
    check_grads(affine_forward, affine_backward, given)
    assert entry_errors(affine_forward, affine_backward, given).keys() == {"W", "b"}


def test_an_input_that_does_not_matter_has_gradient_zero():
    def backward(dy, i):
        return affine_backward(dy, i) | {"dunused": np.zeros(2)}

    def backward_with_junk(dy, i):
        return affine_backward(dy, i) | {"dunused": np.array([0.0, 1e-3])}

    given = inputs() | {"unused": np.ones(2)}
    check_grads(affine_forward, backward, given)
    with pytest.raises(AssertionError, match=r"dunused\[1\] is wrong: analytic 0.001, numeric 0"):
        check_grads(affine_forward, backward_with_junk, given)


def test_several_outputs_and_an_absent_one():
    """None stands for an output that is absent, and stays None on the way back."""

    def forward(i):
        return (i["x"] ** 2, None, np.sin(i["x"]).sum()), i["x"]

    def backward(dy, x):
        d_square, d_absent, d_sum = dy
        assert d_absent is None
        return {"dx": 2 * x * d_square + np.cos(x) * d_sum}

    check_grads(forward, backward, draw(x=(3, 4)))


def test_only_one_output_of_several_being_wrong_is_caught():
    def forward(i):
        return (i["x"] ** 2, np.sin(i["x"])), i["x"]

    with pytest.raises(AssertionError, match="dx"):
        check_grads(forward, lambda d, x: {"dx": 2 * x * d[0]}, draw(x=(3,)))


def test_rtol_decides():
    backward = spoiled("dW", lambda g: g * (1 + 1e-4))
    with pytest.raises(AssertionError, match=r"expected <= 1.0e-06"):
        check_grads(affine_forward, backward, inputs())
    assert 1e-6 < check_grads(affine_forward, backward, inputs(), rtol=1e-3) < 1e-3


def test_same_seed_same_error():
    once, again, other = (
        check_grads(affine_forward, affine_backward, inputs(), seed=s) for s in (1, 1, 2)
    )
    assert once == again != other


# A cell of one's own: the minimal gated unit (Zhou et al. 2016), as a user would write it


def mgu_forward(i):
    x, h, W, U = i["x"], i["h0"], i["W"], i["U"]
    steps = []
    for t in range(x.shape[2]):
        f = 1 / (1 + np.exp(-(W[0] @ x[:, :, t] + U[0] @ h)))
        n = np.tanh(W[1] @ x[:, :, t] + U[1] @ (f * h))
        steps.append((h, f, n))
        h = (1 - f) * h + f * n
    return h, (i, steps)


def mgu_backward(dh, cache, *, break_it=False):
    i, steps = cache
    x, W, U = i["x"], i["W"], i["U"]
    g = {f"d{name}": np.zeros_like(v) for name, v in i.items()}
    for t in reversed(range(len(steps))):
        h, f, n = steps[t]
        dn = dh * f * (1 - n**2)
        dfh = U[1].T @ dn
        df = (dh * (n - h) + dfh * h) * f * (1 - f)
        if break_it:
            df = (dh * (n - h) + dfh * f) * f * (1 - f)
        for k, dz in enumerate((df, dn)):
            g["dW"][k] += dz @ x[:, :, t].T
            g["dx"][:, :, t] += W[k].T @ dz
        g["dU"][0] += df @ h.T
        g["dU"][1] += dn @ (f * h).T
        dh = dh * (1 - f) + dfh * f + U[0].T @ df
    return g | {"dh0": dh}


def test_a_users_own_cell_is_checked():
    given = draw(x=(3, 4, 7), h0=(5, 4), W=(2, 5, 3), U=(2, 5, 5))
    assert check_grads(mgu_forward, mgu_backward, given) < 1e-8
    with pytest.raises(AssertionError, match="is wrong: analytic"):
        check_grads(mgu_forward, lambda dh, c: mgu_backward(dh, c, break_it=True), given)


# check_cell


def cell_with(**functions):
    """The RNN with a function changed, under a name of its own."""
    return replace(CELLS["rnn"], name="mine", **functions)


def changed(**entries):
    """The RNN's backward pass with entries replaced; None leaves one out."""

    def backward(da_next, cache):
        gradients = CELLS["rnn"].backward(da_next, cache)
        gradients |= {name: f and f(gradients[name]) for name, f in entries.items()}
        return {name: g for name, g in gradients.items() if g is not None}

    return cell_with(backward=backward)


@pytest.mark.parametrize("cell", [*CELLS, *OWN.values()])
def test_check_cell_passes_every_cell(cell):
    assert check_cell(cell) < 1e-9
    assert check_cell(cell, n_x=1, n_a=2, m=1, T_x=1, seed=3) < 1e-9


@pytest.mark.parametrize("name", ["dxt", "da_prev", "dWaa", "dba"])
def test_check_cell_finds_a_wrong_gradient(name):
    with pytest.raises(AssertionError, match="is wrong: analytic"):
        check_cell(changed(**{name: lambda g: 1.001 * g}))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (changed(dWaa=None, dxt=None), r"backward of mine returned .*; expected also dxt, dWaa\."),
        (changed(dba=np.ravel), r"dba of mine is float32 \(5,\); expected float32 \(5, 1\) for"),
        (changed(dxt=np.float64), r"dxt of mine is float64 \(3, 4\); expected float32 \(3, 4\)"),
        (
            cell_with(recurrence=lambda xt, a, p: (a, a, None)),
            r"recurrence of mine returned 2 states and a NoneType; expected a_next and a RNNCache",
        ),
        (
            cell_with(recurrence=lambda xt, a, p: (a.astype(float), RNNCache(a, a, xt, p))),
            r"a_next of mine is float64 \(5, 4\); expected float32 \(5, 4\)",
        ),
    ],
)
def test_check_cell_says_what_a_function_returned(cell, message):
    with pytest.raises(BpttError, match=f"^check_cell: {message}"):
        check_cell(cell)


def test_check_cell_runs_sequences_of_different_lengths(monkeypatch):
    """A cell that reads its padding, or steps on it, would pass on equal lengths alone."""
    seen = []

    def watched(cell, x, state0, parameters, lengths):
        seen.append(list(lengths))
        return forward_through_time(cell, x, state0, parameters, lengths)

    monkeypatch.setattr(gradcheck, "forward_through_time", watched)
    check_cell("lstm", m=5, T_x=3)
    assert seen
    assert all(lengths == [3, 2, 1, 0, 3] for lengths in seen)
