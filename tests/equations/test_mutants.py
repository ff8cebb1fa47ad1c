"""The breaks themselves: which are made, and that they are put in place and taken out again."""

import numpy as np

from tests.support.mutants import applied, mutants


def sample(a, b, n, d_b=None):
    """What is written here stays whole: 1 + 1."""
    if n < 1:
        raise ValueError(f"n is {n}")
    total = np.zeros(2)
    for t in reversed(range(n)):
        total += (a[:n, t].T @ b) ** 2 - 0.5 * d_b
    return {"a": total.sum(axis=0), "b": -b if d_b is None else total}


BREAKS = {
    "for t in [reversed(range(n) -> range(n]):",
    "total [+= -> =] (a[:n, t].T @ b",
    "[total += (a[:n, t].T @ b) ** 2 - 0.5 * d_b -> pass]",
    "otal = np.zeros([2 -> 3])",
    "otal = np.zeros([2 -> 1])",
    "total [+= -> -=] (a[:n, t].T @ b",
    "n, t].T @ b) ** [2 - 0.5 * d_b -> 2]",
    "total += [(a[:n, t].T @ b) ** 2 - 0 -> 0].5 * d_b",
    "return {'[a -> b]': total.sum(axi",
    "l.sum(axis=0), '[b -> a]': -b if d_b is",
    "m(axis=0), 'b': [-b if d_b is None else total -> -b]}",
    "m(axis=0), 'b': [-b if d_b is None else total -> total]}",
    "t].T @ b) ** 2 [- -> +] 0.5 * d_b",
    "T @ b) ** 2 - 0.[5 * d_b -> 5]",
    "].T @ b) ** 2 - [0.5 * d_b -> d_b]",
    "m(axis=0), 'b': [-b -> b] if d_b is None",
    "_b is None else [total -> d_b]}",
    "total += [(a[:n, t].T @ b) ** -> a[:n, t].T @ b *] 2 - 0.5 * d_b",
    "n, t].T @ b) ** [2 -> 3] - 0.5 * d_b",
    "n, t].T @ b) ** [2 -> 1] - 0.5 * d_b",
    "].T @ b) ** 2 - [0.5 -> 1.0] * d_b",
    "].T @ b) ** 2 - [0.5 * d_b -> (0.5 + d_b)]",
    "@ b) ** 2 - 0.5 [* -> /] d_b",
    "b) ** 2 - 0.5 * [d_b -> total]",
    "return {'a': [total -> d_b].sum(axis=0), 'b",
    "{'a': total.sum([axis=0 -> axis=1]), 'b': -b if d_",
    "=0), 'b': -b if [d_b -> total] is None else to",
    "': -b if d_b is [None -> not None] else total}",
    "m(axis=0), 'b': [-b -> -a] if d_b is None",
    "tal += (a[:n, t][.T -> ] @ b) ** 2 - 0.5",
    "+= (a[:n, t].T [@ -> *] b) ** 2 - 0.5 *",
    "= (a[:n, t].T @ [b -> a]) ** 2 - 0.5 * d",
    "total += ([a[:n, t] -> a].T @ b) ** 2 - 0",
    "total += ([a -> b][:n, t].T @ b) *",
    "total += (a[[:n -> n:], t].T @ b) ** 2",
    "total += (a[:[n -> n + 1], t].T @ b) ** 2",
    "total += (a[:[n -> n - 1], t].T @ b) ** 2",
}


def test_breaks_of_a_sample():
    found = [mutant.text for mutant in mutants(sample, ("a b", "total d_b"))]
    assert len(found) == len(set(found))
    assert set(found) == BREAKS


def double(x):
    return x + x


def test_a_break_is_in_force_for_everyone_and_only_inside():
    held = double
    minus = next(m for m in mutants(double) if m.text == "return x [+ -> -] x")
    with applied(double, minus):
        assert held(3) == 0
    assert held(3) == 6


# fmt: off
def renamed(left, right, steps, slope=None):
    if steps < 1:
        raise ValueError(f"n is {steps}")
    result = np.zeros(
        2
    )
    for step in reversed(range(steps)):
        result += (
            left[:steps, step].T @ right
        ) ** 2 - 0.5 * slope
    return {
        "a": result.sum(axis=0),
        "b": -right if slope is None else result,
    }
# fmt: on


def test_what_a_change_is_called_depends_neither_on_local_names_nor_on_formatting():
    changes = [mutant.change for mutant in mutants(sample)]
    assert "a[:b, c].T @ d -> a[b:, c].T @ d" in changes  # the nearest expression that says much
    assert "a.sum(axis=0) -> a.sum(axis=1)" in changes
    assert changes == [mutant.change for mutant in mutants(renamed)]


def refuse(x):
    if not x:
        raise ValueError("x is empty")
    return x


def checked(x):
    x = refuse(x[:])
    return x + 1


def test_a_call_of_what_may_raise_is_a_check_unless_it_is_known_to_compute():
    assert {m.text for m in mutants(checked)} == {
        "return x [+ -> -] 1",
        "return [x + 1 -> 1]",
        "return [x + 1 -> x]",
        "return x + [1 -> 2]",
        "return x + [1 -> 0]",
    }
    assert len(mutants(checked, others=[refuse])) > 5
