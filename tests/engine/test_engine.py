"""The engine against the equations, and the choice of its provider."""

import os
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

import bptt
from bptt import check_grads, engine
from bptt.engine.contract import Direction
from bptt.equations.sequences import reverse_valid
from bptt.equations.updates import AdamStep
from tests.support.cases import NATIVE, copies, final_states, make_case, ragged_lengths, same_bits
from tests.support.gradient_cases import engine_case
from tests.support.tolerances import assert_close

M, T_X = 4, 7


def batch_first(z):
    return z.transpose(1, 2, 0)


def call(name, lengths, reverse, dtype):
    """One case through the engine: (outputs, state, tape), (dx, dstate0, gradients)."""
    case = make_case(name, m=M, T_x=T_X, lengths=lengths, dtype=dtype)
    state0 = tuple(np.ascontiguousarray(s.T) for s in case.state0)
    x = np.ascontiguousarray(batch_first(case.x))
    outputs, state, tape = engine.provider().forward(
        NATIVE[name].cell, x, state0, case.parameters, case.lengths, reverse=reverse
    )
    dy = np.ascontiguousarray(batch_first(case.da))
    back = engine.provider().backward(tape, dy, tuple(ds.T for ds in case.dfinal))
    return case, (outputs, state, tape), back


@pytest.mark.parametrize("reverse", [False, True], ids=["ahead", "reverse"])
@pytest.mark.parametrize("ragged", [False, True], ids=["uniform", "ragged"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NATIVE)
def test_engine_equals_the_equations(name, dtype, ragged, reverse):
    lengths = ragged_lengths(M, T_X) if ragged else None
    case, (outputs, state, tape), (dx, dstate0, gradients) = call(name, lengths, reverse, dtype)
    spec = NATIVE[name]

    def turn(z):
        return reverse_valid(z, case.lengths) if reverse else z

    states, _, caches = spec.forward(turn(case.x), case.state0, case.parameters, case.lengths)
    expected = spec.backward(turn(case.da), caches, case.dfinal)

    assert_close(outputs, batch_first(turn(states[0])), "equations")
    final = final_states(states, case.state0, case.lengths)
    for s, after, d0 in zip(spec.states, final, dstate0, strict=True):
        assert_close(d0, expected[f"d{s}0"].T, "equations")
        assert_close(tape[s], batch_first(turn(states[spec.states.index(s)])), "equations")
        assert_close(state[spec.states.index(s)], after.T, "equations")
    assert_close(dx, batch_first(turn(expected["dx"])), "equations")
    assert gradients.keys() == set(spec.table)
    for key, gradient in gradients.items():
        assert_close(gradient, expected[f"d{key}"], "equations")
    arrays = [outputs, *state, dx, *dstate0, *gradients.values(), *(tape[n] for n in tape.names)]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    assert tape.shape == (M, T_X)
    assert tape.dtype == dtype
    assert tape.names == spec.cell.states + spec.cell.gates


@pytest.mark.parametrize("name", NATIVE)
def test_steps_equal_forward(name):
    case, (outputs, final, _), _ = call(name, None, False, np.float64)
    stepper = engine.provider().stream(NATIVE[name].cell, case.parameters, M)
    stepper.state = tuple(s.T for s in case.state0)
    for t in range(T_X):
        assert_close(stepper.step(case.x[:, :, t].T.copy()), outputs[:, t], "rows")
    for s, after in zip(stepper.state, final, strict=True):
        assert_close(s, after, "rows")


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("ragged", [False, True], ids=["uniform", "ragged"])
@pytest.mark.parametrize("name", NATIVE)
def test_prepared_directions_equal_forward(name, ragged, layout):
    cell, lengths = NATIVE[name].cell, ragged_lengths(M, T_X) if ragged else None
    rng = np.random.default_rng(0)
    x = np.array(rng.standard_normal((M, T_X, 3)), order=layout)
    states = tuple(np.array(rng.standard_normal((2, M, 5)), order=layout) for _ in cell.states)
    directions = [Direction(cell, cell.init(rng, 3, 5, dtype=np.float64), k > 0) for k in range(2)]
    expected = [
        engine.provider().forward(cell, x, tuple(s[k] for s in states), d.parameters, lengths,
                                  reverse=d.reverse)[:2]
        for k, d in enumerate(directions)
    ]  # fmt: skip
    run = engine.provider().prepare(directions)
    for d in directions:
        for p in d.parameters.values():
            p.fill(np.nan)  # it has copies
    y, ends = run(x, states, lengths)
    np.testing.assert_array_equal(y, np.concatenate([y for y, _ in expected], axis=2))
    for end, *parts in zip(ends, *[state for _, state in expected], strict=True):
        np.testing.assert_array_equal(end, parts)
    out = tuple(np.full_like(z, np.nan, order="C") for z in (y, *ends))
    run(x, states, lengths, out)
    assert all(same_bits(a, b) for a, b in zip(out, (y, *ends), strict=True))


@pytest.mark.parametrize("name", NATIVE)
def test_a_prepared_table_gives_what_its_vectors_give(name):
    cell, rng = NATIVE[name].cell, np.random.default_rng(0)
    table, tokens = rng.standard_normal((6, 3)), rng.integers(0, 6, (M, T_X))
    tokens[1, 4:] = 99  # padding
    lengths, states = np.array([7, 4, 0, 5]), tuple(np.zeros((2, M, 5)) for _ in cell.states)
    directions = [Direction(cell, cell.init(rng, 3, 5, dtype=np.float64), k > 0) for k in range(2)]
    vectors = table[np.minimum(tokens, 5)]
    y, ends = engine.provider().prepare(directions)(vectors, states, lengths)
    run = engine.provider().prepare(directions, table)
    table.fill(np.nan)  # it has a copy
    found, found_ends = run(tokens, states, lengths)
    for a, b in zip((y, *ends), (found, *found_ends), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("reverse", [False, True], ids=["ahead", "reverse"])
@pytest.mark.parametrize("ragged", [False, True], ids=["uniform", "ragged"])
@pytest.mark.parametrize(
    "name", [name for name in NATIVE if "relu" not in name and "hard" not in name]
)
def test_gradients(name, ragged, reverse):
    assert check_grads(*engine_case(name, 4, ragged, reverse)) < 1e-9


@pytest.mark.parametrize("name", NATIVE)
def test_tape_is_kept_whole_by_backward_and_optional(name):
    lengths = ragged_lengths(M, T_X)
    case, (outputs, state, tape), back = call(name, lengths, True, np.float64)
    gates = copies({n: tape[n] for n in tape.names})
    again = engine.provider().backward(
        tape, batch_first(case.da), tuple(ds.T for ds in case.dfinal)
    )
    assert same_bits(again, back)
    assert same_bits({n: tape[n] for n in tape.names}, gates)
    state0 = tuple(s.T for s in case.state0)
    without = engine.provider().forward(
        NATIVE[name].cell,
        batch_first(case.x),
        state0,
        case.parameters,
        lengths,
        reverse=True,
        keep_tape=False,
    )
    assert same_bits(without, (outputs, state, None))


def test_tape_does_not_depend_on_the_order_of_the_parameters():
    case, (_, _, tape), _ = call("lstm", None, False, np.float64)
    turned = dict(reversed(case.parameters.items()))
    assert next(iter(turned)) == "by"
    state0 = tuple(s.T for s in case.state0)
    _, _, other = engine.provider().forward(
        NATIVE["lstm"].cell, batch_first(case.x), state0, turned
    )
    assert same_bits(other["ft"], tape["ft"])


def test_no_gradient_on_the_final_state_is_zero():
    case, (_, _, tape), _ = call("lstm", None, False, np.float64)
    dy, zeros = batch_first(case.da), np.zeros((M, 5))
    expected = engine.provider().backward(tape, dy, (zeros, zeros))
    assert same_bits(engine.provider().backward(tape, dy, (None, None)), expected)
    one = engine.provider().backward(tape, dy, (None, case.dfinal[1].T))
    assert same_bits(one, engine.provider().backward(tape, dy, (zeros, case.dfinal[1].T)))


# The provider


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


FIRST_CALL = "import bptt.engine; print(bptt.engine.provider().name)"


def test_numpy_provider_on_request():
    assert python(FIRST_CALL, BPTT_ENGINE="numpy").stdout == "numpy\n"


def test_unknown_provider_is_refused():
    result = python(FIRST_CALL, BPTT_ENGINE="abacus")
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("bptt.errors.EngineError: BPTT_ENGINE is 'abacus'; expected ")
    assert "auto, native or numpy" in last


def test_provider_is_chosen_once():
    assert engine.provider() is engine.provider()


def test_show_config_prints_versions_and_provider(capsys):
    bptt.show_config()
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["bptt"] == bptt.__version__
    assert rows["engine"].startswith(engine.provider().name)
    assert rows["numpy"] == np.__version__
    assert rows["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"blas", "platform"} <= rows.keys()


# The update of the parameters

STEP = AdamStep(0.5, 2e-3, 0.9, 0.999, 1e-8, [0.0, 0.01, 0.0], 0.19, 0.002)


def update_arrays(dtype, order="C"):
    """Parameters, gradients and the two moments of three arrays."""
    rng = np.random.default_rng(3)
    lists = [
        [
            np.array(rng.standard_normal(shape), dtype, order=order)
            for shape in ((40, 500), (7, 1), (0, 3))
        ]
        for _ in range(4)
    ]
    for second in lists[3]:
        np.abs(second, out=second)
    return lists


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_is_its_formula(dtype, order):
    p, g, m, v = update_arrays(dtype, order)
    before = [[z.copy() for z in arrays] for arrays in (p, g, m, v)]
    engine.provider().adam(p, g, m, v, STEP)
    for k, (w, grad, first, second) in enumerate(zip(*before, strict=True)):
        grad = dtype(0.5) * grad
        first = dtype(0.9) * first + dtype(1 - 0.9) * grad
        second = dtype(0.999) * second + dtype(1 - 0.999) * grad * grad
        step = first / dtype(0.19) / (np.sqrt(second / dtype(0.002)) + dtype(1e-8))
        w = w - dtype(2e-3) * (step + dtype(STEP.decay[k]) * w)
        for actual, expected in ((p[k], w), (m[k], first), (v[k], second), (g[k], before[1][k])):
            assert same_bits(actual, expected)


def test_adam_changes_nothing_where_it_cannot_write():
    p, g, m, v = update_arrays(np.float32)
    p[0].flags.writeable = False
    with pytest.raises(ValueError, match=r"read-only|writable"):
        engine.provider().adam(p[:1], g[:1], m[:1], v[:1], STEP._replace(decay=[0.0]))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squared_norm_sums_in_float64(dtype, order):
    gradients = update_arrays(dtype, order)[1]
    expected = sum(float((z.astype(np.float64) ** 2).sum()) for z in gradients)
    assert engine.provider().squared_norm(gradients) == pytest.approx(expected, rel=1e-14)
    assert engine.provider().squared_norm([]) == 0
    gradients[1][0] = np.nan
    assert np.isnan(engine.provider().squared_norm(gradients))


def test_without_the_extension_numpy_serves_and_one_warning_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "bptt.engine._native", None)  # as where it was not built
    monkeypatch.delitem(sys.modules, "bptt.engine.native_provider", raising=False)
    monkeypatch.delattr(engine, "_native", raising=False)
    with pytest.warns(RuntimeWarning, match="the native engine is not built") as given:
        assert engine._choose("auto").name == "numpy"
    assert len(given) == 1
    with pytest.raises(bptt.errors.EngineError, match=r"is not built.*--no-cache-dir"):
        engine._choose("native")
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    with pytest.raises(bptt.errors.EngineError, match=r"free-threaded Python\. Use a Python with"):
        engine._choose("native")
