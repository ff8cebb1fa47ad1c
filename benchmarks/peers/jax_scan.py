"""JAX: `jit` of `lax.scan` with its `vjp`; the fastest of some ways to write the scan."""

from functools import partial

import jax
import jaxlib
import numpy as np
from jax import lax
from jax import numpy as jnp

from .cases import LayerArrays, layer_results
from .convert import from_pytorch, to_pytorch
from .worker import Configuration

UNROLL = (1, 4)


def hello():
    return {"version": f"JAX {jax.__version__} (jaxlib {jaxlib.__version__})"}


def prepare(case):
    return globals()[case.kind](case)


def lstm(p, x, h0, c0, *, hoisted, unroll):
    """Run an LSTM over x (T_x, m, n_x); gates i f g o.

    `hoisted` makes the products with the inputs of all steps before the scan, as one.
    """
    inputs = x @ p["weight_ih"].T + p["bias"] if hoisted else x

    def step(state, xt):
        h, c = state
        z = xt if hoisted else xt @ p["weight_ih"].T + p["bias"]
        i, f, g, o = jnp.split(z + h @ p["weight_hh"].T, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    (h, c), y = lax.scan(step, (h0, c0), inputs, unroll=unroll)
    return y, h, c


def layer(case):
    """The outputs and all gradients from one compiled function; the uniform LSTM only."""
    d = LayerArrays(case)
    t = to_pytorch("lstm", d.parameters)
    p = {"weight_ih": t["weight_ih"], "weight_hh": t["weight_hh"], "bias": t["bias_ih"]}
    inputs = (p, d.x.transpose(1, 0, 2), *(s[0] for s in d.state))
    above = (d.dy.transpose(1, 0, 2), *(s[0] for s in d.dstate))
    inputs, above = jax.device_put((inputs, above))

    def read(results):
        (y, *state), (dp, dx, *dstate) = jax.tree.map(np.asarray, results)
        grads = {**dp, "bias_ih": dp["bias"]}
        return layer_results(
            y.transpose(1, 0, 2),
            [s[np.newaxis] for s in state],
            dx.transpose(1, 0, 2),
            [s[np.newaxis] for s in dstate],
            from_pytorch("lstm", grads, gradients=True),
        )

    found = {}
    for hoisted in (True, False):
        for unroll in UNROLL:
            forward = partial(lstm, hoisted=hoisted, unroll=unroll)

            @jax.jit
            def both(inputs, above, forward=forward):
                outputs, pull_back = jax.vjp(forward, *inputs)
                return outputs, pull_back(above)

            def run(both=both):
                return jax.block_until_ready(both(inputs, above))

            where = "before" if hoisted else "inside"
            found[f"input product {where} the scan, unroll {unroll}"] = Configuration(run, read)
    return found
