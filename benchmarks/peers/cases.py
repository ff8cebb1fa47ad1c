"""The cases: what is computed, and the very same arrays for every contender.

Arrays are drawn from a seed, so that every process makes them for itself. They stand in bptt's
conventions: batch first (m, T_x, n_x), states (1, m, n_a), the course's parameter names.
"""

import math
from typing import NamedTuple

import numpy as np

SIZES = {  # n_x, n_a, m, T_x
    "tiny": (16, 32, 1, 100),
    "small": (32, 64, 16, 50),
    "medium": (64, 128, 32, 100),
    "large": (128, 256, 64, 100),
    "xl": (512, 512, 64, 50),
}
CHARACTER_SIZES = {  # units, layers, batch, steps
    "128x1": (128, 1, 32, 64),
    "128x2": (128, 2, 50, 50),
    "256x1": (256, 1, 64, 64),
}
FITS = {  # n_x, units, batch_size, T_x of the fits that compare.py times
    "small": (32, 64, 16, 50),
    "medium": (64, 128, 32, 100),
    "wide": (256, 64, 32, 100),  # most of the input gradient's work
}
FIT_STEPS = 4  # training steps that one repetition of them makes
STREAM_STEPS = 100  # steps that one repetition of a streaming case makes
N_CHARACTERS, EMBEDDING = 96, 64
N_TOKENS = N_CHARACTERS + 1  # LanguageModel reads characters it has not seen as one more token
PRODUCT = (1024,)  # rows and columns of the matrices of a product
COURSE_CLASSES = 10  # n_y of the course functions
LEARNING_RATE, GRAD_CLIP = 2e-3, 5.0
CHECKED_STEPS = 5  # training steps of the character model that must agree before any is timed
GATES = {"lstm": "fico", "gru": "urc", "gru_reset_after": "urc"}


class Case(NamedTuple):
    """One computation. Two contenders with equal cases compute the same numbers."""

    kind: str  # layer, stream, character, course, product, fit
    size: tuple[int, ...]
    cell: str = "lstm"
    dtype: str = "float32"
    backward: bool = True  # forward and backward, or inference
    ragged: bool = False


def parameter_shapes(cell, n_x, n_a):
    """Names and shapes of a cell's parameters, as `bptt.equations.Cell.shapes` gives them."""
    if cell == "rnn":
        return {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "ba": (n_a, 1)}
    shapes = {}
    for g in GATES[cell]:
        shapes |= {f"W{g}": (n_a, n_a + n_x), f"b{g}": (n_a, 1)}
    return shapes | ({"bca": (n_a, 1)} if cell == "gru_reset_after" else {})


def flops(case):
    """Floating-point operations in the matrix products of a layer case.

    A gate's product of (n_a, n_a + n_x) with one column takes 2 n_a (n_a + n_x); a layer has
    `gates` of them at each of the steps that exist. Backward makes two products of that size: the
    gradients of [a_prev ; xt] and those of the weights. Activations, sums and biases count for
    nothing, although they take time.
    """
    n_x, n_a, _, _ = case.size
    gates = {"rnn": 1, "gru": 3, "gru_reset_after": 3, "lstm": 4}[case.cell]
    products = 3 if case.backward else 1
    return products * gates * 2 * n_a * (n_a + n_x) * valid_steps(case)


def lengths(case):
    """Lengths uniform from 10 % to 100 % of T_x in no order, or None for a uniform batch."""
    _, _, m, T_x = case.size
    if not case.ragged:
        return None
    return np.random.default_rng(7).integers(math.ceil(T_x / 10), T_x + 1, m)


def valid_steps(case):
    """Steps that exist in the whole batch."""
    _, _, m, T_x = case.size
    return int(lengths(case).sum()) if case.ragged else m * T_x


def draw_parameters(rng, shapes, n_a, dtype):
    """Uniform on +-1/sqrt(n_a), as PyTorch initializes a recurrent layer."""
    k = n_a**-0.5
    return {name: rng.uniform(-k, k, shape).astype(dtype) for name, shape in shapes.items()}


class LayerArrays:
    """Everything that goes into a layer case: inputs and the gradients that come from above."""

    def __init__(self, case):
        n_x, n_a, m, T_x = case.size
        rng = np.random.default_rng(1)
        shapes = parameter_shapes(case.cell, n_x, n_a)
        self.parameters = draw_parameters(rng, shapes, n_a, case.dtype)

        def normal(*shape):
            return rng.standard_normal(shape).astype(case.dtype)

        n_states = 2 if case.cell == "lstm" else 1
        self.x = normal(m, T_x, n_x)
        self.state = tuple(0.5 * normal(1, m, n_a) for _ in range(n_states))
        self.dy = normal(m, T_x, n_a)
        self.dstate = tuple(normal(1, m, n_a) for _ in range(n_states))
        self.lengths = lengths(case)


def layer_results(y, state, dx=None, dstate=None, gradients=None):
    """Outputs and gradients under the names by which contenders are compared."""
    results = {"y": y, **dict(zip(("a_final", "c_final"), state, strict=False))}
    if gradients is not None:
        results |= {"dx": dx, **dict(zip(("da0", "dc0"), dstate, strict=False)), **gradients}
    return results


class CourseArrays:
    """A course function's arrays: features first, (n_x, m, T_x), with the output layer."""

    def __init__(self, case):
        n_x, n_a, m, T_x = case.size
        rng = np.random.default_rng(2)
        shapes = parameter_shapes("lstm", n_x, n_a)
        shapes |= {"Wy": (COURSE_CLASSES, n_a), "by": (COURSE_CLASSES, 1)}
        self.parameters = draw_parameters(rng, shapes, n_a, case.dtype)
        self.x = rng.standard_normal((n_x, m, T_x)).astype(case.dtype)
        self.a0 = 0.5 * rng.standard_normal((n_a, m)).astype(case.dtype)
        self.da = rng.standard_normal((n_a, m, T_x)).astype(case.dtype)


def course_results(forward, gradients):
    """What `lstm_forward` and `lstm_backward` return, without the caches."""
    return dict(zip(("a", "y", "c"), forward[:3], strict=True)) | gradients


class CharacterArrays:
    """A character model's first parameters, under LanguageModel's names, and its tokens."""

    def __init__(self, case):
        units, layers, batch, steps = case.size
        rng = np.random.default_rng(3)
        self.parameters = {"embedding0.We": 0.1 * rng.standard_normal((N_TOKENS, EMBEDDING))}
        for k in range(layers):
            shapes = parameter_shapes("lstm", units if k else EMBEDDING, units)
            drawn = draw_parameters(rng, shapes, units, case.dtype)
            self.parameters |= {f"lstm{k}.{name}": p for name, p in drawn.items()}
        k = units**-0.5
        self.parameters["dense0.Wy"] = rng.uniform(-k, k, (N_TOKENS, units))
        self.parameters["dense0.by"] = np.zeros((N_TOKENS, 1))
        self.parameters = {n: p.astype(case.dtype) for n, p in self.parameters.items()}
        self.tokens = rng.integers(1, N_TOKENS, batch * steps * 20 + 1)
        self.tokens[:N_CHARACTERS] = np.arange(1, N_TOKENS)  # every character occurs
        self.text = "".join(chr(31 + token) for token in self.tokens)  # sorted: token 1 is " "


def character_results(steps, parameters):
    """Loss and gradient norm of some training steps, and the parameters they lead to."""
    losses, norms = zip(*steps, strict=True)
    return {"loss": np.array(losses), "norm": np.array(norms), **parameters}
