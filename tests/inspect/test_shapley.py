"""Shapley values: against all subsets, their sums, standard errors, and captum."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from bptt import inspect
from bptt.errors import ConfigError
from tests.inspect.test_attribution import summing
from tests.inspect.test_attribution_batches import network

RNG = np.random.default_rng(3)
X = [RNG.normal(size=(n, 3)) for n in (8, 3, 5)]
GROUPS = [np.arange(len(x)) // 2 for x in X]  # 4, 2 and 3 parts


def by_subsets(f, n):
    """Return the Shapley values of n players by their definition (Shapley 1953)."""
    values = np.zeros(n)
    for i in range(n):
        others = [k for k in range(n) if k != i]
        for size in range(n):
            for chosen in combinations(others, size):
                change = f({*chosen, i}) - f(set(chosen))
                values[i] += change / (n * comb(n - 1, size))
    return values


def outputs(net, p, x, groups, base=0.0):
    """Return the output where some groups of a sequence are kept."""

    def f(kept):
        row = np.where(np.isin(groups, list(kept))[:, np.newaxis], x, base)
        return net.forward(row[np.newaxis], p)[0][0, -1, 1]

    return f


def test_all_orders_give_the_values_of_the_definition():
    net, p = network()
    found = inspect.attribute(net, X, p, method="shapley", per=GROUPS, target=1, draws=24)
    for x, groups, values, errors in zip(X, GROUPS, found.values, found.errors, strict=True):
        expected = by_subsets(outputs(net, p, x, groups), groups.max() + 1)
        np.testing.assert_allclose(values, expected, atol=1e-12)
        assert (errors == 0).all()
    np.testing.assert_allclose(found.gaps, 0, atol=1e-12)


def test_drawn_orders_are_as_far_from_them_as_their_errors_say():
    net, p = network()
    given = {"method": "shapley", "per": GROUPS, "target": 1}
    exact = inspect.attribute(net, X, p, draws=24, **given).values[0]
    runs = [inspect.attribute(net, X[:1], p, draws=20, seed=k, **(given | {"per": GROUPS[:1]}))
            for k in range(60)]  # fmt: skip
    z = np.array([(r.values[0] - exact) / r.errors[0] for r in runs])
    assert 0.7 < z.std() < 1.4
    assert abs(z.mean()) < 0.4
    assert max(np.abs(r.gaps).max() for r in runs) < 1e-12  # however few orders
    one = inspect.attribute(net, X, p, draws=1, **given)
    assert np.isnan(one.errors[0]).all()
    assert np.isnan(inspect.attribute(net, X, p).errors[0]).all()


def test_orders_may_have_baselines_of_their_own_and_a_state_of_their_own():
    net, p = network()
    drawn = inspect.attribute(net, X, p, method="shapley", baseline="example", draws=12)
    np.testing.assert_allclose(drawn.gaps, 0, atol=1e-12)
    linear = [x[:, :2] for x in X], summing()[1]  # where both are the weight times the difference
    given = {"baseline": "example", "draws": 5, "per": "step"}
    methods = ("shapley", "integrated_gradients")
    both = [inspect.attribute(summing()[0], *linear, method=m, **given).values for m in methods]
    for ours, expected in zip(*both, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-9)
    x = X[0]
    found = inspect.attribute(net, [x], p, method="shapley", window=2, target=1, draws=6)
    state = net.forward(x[None, :-2], p)[1]
    zero = net.initial_state(p, 1)

    def f(kept):
        row = np.where(np.isin([0, 1], list(kept))[:, np.newaxis], x[-2:], 0)
        return net.forward(row[np.newaxis], p, state if 2 in kept else zero)[0][0, -1, 1]

    expected = by_subsets(f, 3)
    np.testing.assert_allclose(found.values[0][-2:], expected[:2], atol=1e-12)
    np.testing.assert_allclose(found.starts, expected[2], atol=1e-12)
    assert (found.values[0][:-2] == 0).all()
    with pytest.raises(ConfigError, match="draws is 0"):
        inspect.attribute(net, X, p, method="shapley", draws=0)


def test_values_are_those_of_captum():
    torch, captum = pytest.importorskip("torch"), pytest.importorskip("captum.attr")
    net, p = network()

    def f(rows):
        return torch.from_numpy(net.forward(rows.numpy(), p)[0][:, -1].copy())

    mask = torch.arange(3).expand(1, 5, 3).contiguous()  # the features over all steps
    theirs = captum.ShapleyValues(f).attribute(
        torch.from_numpy(X[2][np.newaxis]), target=1, feature_mask=mask
    )
    ours = inspect.attribute(net, X[2:], p, method="shapley", per="feature", target=1, draws=6)
    np.testing.assert_allclose(ours.values[0], theirs[0, 0], atol=1e-6)  # float32
    torch.manual_seed(0)
    sampled = captum.ShapleyValueSampling(f).attribute(
        torch.from_numpy(X[0][np.newaxis]), target=1, n_samples=200,
        feature_mask=torch.arange(8)[None, :, None].expand(1, 8, 3).contiguous(),
    )  # fmt: skip
    ours = inspect.attribute(net, X[:1], p, method="shapley", target=1, draws=200)
    difference = ours.values[0] - sampled[0, :, 0].numpy()
    assert (np.abs(difference) < 5 * np.sqrt(2) * ours.errors[0] + 1e-6).all()
