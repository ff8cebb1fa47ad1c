"""The exercise after the first: a character model of names, by its course functions.

A name is read one character at a time, a vector of zeros first; the target of each character is the
one after it, a line break at the end. The parameters are Wax (n_a, vocabulary), Waa (n_a, n_a),
Wya (vocabulary, n_a), b (n_a, 1), by (vocabulary, 1).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from .. import equations
from ..equations.cell import Parameters
from ..errors import ConfigError, operation

__all__ = [
    "clip",
    "get_initial_loss",
    "initialize_parameters",
    "model",
    "optimize",
    "rnn_backward",
    "rnn_forward",
    "sample",
    "smooth",
    "update_parameters",
]

LONGEST = 50  # characters of a sampled name
Gradients = dict[str, np.ndarray]
Indices = Sequence[int | None]


@operation
def clip(gradients: Mapping[str, np.ndarray], maxValue: float) -> Gradients:
    """Limit every entry of the gradients to [-maxValue, maxValue]; the inputs stay as they are.

    Parameters
    ----------
    gradients : dict of str to ndarray
        dWaa, dWax, dWya, db, dby.
    maxValue : float

    Returns
    -------
    dict of str to ndarray
        These five, clipped.
    """
    names = ("dWaa", "dWax", "dWya", "db", "dby")
    return {name: np.clip(gradients[name], -maxValue, maxValue) for name in names}


@operation
def sample(parameters: Parameters, char_to_ix: Mapping[str, int], seed: int) -> list[int]:
    r"""Draw the characters of a name, one after another, until a line break or 50 characters.

    Parameters
    ----------
    parameters : dict of str to ndarray
    char_to_ix : dict of str to int
        Index of every character, ``"\n"`` among them.
    seed : int
        NumPy's global generator is seeded before each draw, as in the course: with
        ``seed + 2 k`` before draw k.

    Returns
    -------
    list of int
        Indices of the characters; the last one is that of the line break.
    """
    Wya, by = parameters["Wya"], parameters["by"]
    a = np.zeros((parameters["Waa"].shape[0], 1))
    newline, drawn = char_to_ix["\n"], -1
    indices: list[int] = []
    while drawn != newline and len(indices) < LONGEST:
        a = _step(parameters, drawn if indices else None, a)
        p = equations.softmax(Wya @ a + by)
        np.random.seed(seed + 2 * len(indices))  # noqa: NPY002
        drawn = int(np.random.choice(len(by), p=p.ravel()))  # noqa: NPY002
        indices.append(drawn)
    if len(indices) == LONGEST:
        indices.append(newline)
    return indices


@operation
def optimize(
    X: Indices, Y: Sequence[int], a_prev: np.ndarray, parameters: dict[str, np.ndarray],
    learning_rate: float = 0.01,
) -> tuple[float, Gradients, np.ndarray]:  # fmt: skip
    """Make one step of gradient descent on one name; the parameters are changed in place.

    Parameters
    ----------
    X : sequence of int or None
        Indices of the characters; None is a vector of zeros.
    Y : sequence of int
        `X`, one step ahead.
    a_prev : ndarray, shape (n_a, 1)
        State before the first character.
    parameters : dict of str to ndarray
    learning_rate : float

    Returns
    -------
    loss : float
        Sum of the nats of the characters.
    gradients : dict of str to ndarray
        Clipped to [-5, 5].
    a_last : ndarray, shape (n_a, 1)
    """
    loss, cache = rnn_forward(X, Y, a_prev, parameters)
    gradients, a = rnn_backward(X, Y, parameters, cache)
    gradients = clip(gradients, 5)
    update_parameters(parameters, gradients, learning_rate)
    return loss, gradients, a[len(X) - 1]


@operation
def model(
    data_x: Sequence[str],
    ix_to_char: Mapping[int, str],
    char_to_ix: Mapping[str, int],
    num_iterations: int = 35000,
    n_a: int = 50,
    dino_names: int = 7,
    vocab_size: int = 27,
    verbose: bool = False,
) -> tuple[dict[str, np.ndarray], str]:
    """Train on names, one in each iteration; print the loss and sampled names every 2,000.

    Parameters
    ----------
    data_x : sequence of str
        The names.
    ix_to_char, char_to_ix : dict
        Character of every index, and the other way round.
    num_iterations, n_a, dino_names, vocab_size : int
        Iterations; units; names to print; characters.
    verbose : bool
        Print the first name's characters.

    Returns
    -------
    parameters : dict of str to ndarray
    last_dino_name : str
        The last name that was printed.
    """
    parameters = initialize_parameters(n_a, vocab_size, vocab_size)
    loss, a_prev, name = get_initial_loss(vocab_size, dino_names), np.zeros((n_a, 1)), ""
    examples = [x.strip() for x in data_x]
    if not examples:
        raise ConfigError("data_x holds no name; expected at least one.")
    np.random.seed(0)  # noqa: NPY002
    np.random.shuffle(examples)  # noqa: NPY002
    for j in range(num_iterations):
        example = examples[j % len(examples)]
        X: Indices = [None, *(char_to_ix[c] for c in example)]
        Y = [*(i for i in X if i is not None), char_to_ix["\n"]]
        if verbose and j == 0:
            print(f"first name {example!r}, X {X}, Y {Y}")  # noqa: T201
        current, _, a_prev = optimize(X, Y, a_prev, parameters)
        loss = smooth(loss, current)
        if j % 2000 == 0:
            print(f"Iteration: {j}, Loss: {loss:f}\n")  # noqa: T201
            for seed in range(dino_names):
                name = "".join(ix_to_char[i] for i in sample(parameters, char_to_ix, seed))
                name = name[:1].upper() + name[1:]
                print(name, end="")  # noqa: T201
            print()  # noqa: T201
    return parameters, name.strip()


def initialize_parameters(n_a: int, n_x: int, n_y: int) -> dict[str, np.ndarray]:
    """Draw initial parameters: normal, 0.01; biases are 0. NumPy's global seed becomes 1."""
    np.random.seed(1)  # noqa: NPY002
    shapes = {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "Wya": (n_y, n_a)}
    weights = {name: np.random.randn(*shape) * 0.01 for name, shape in shapes.items()}  # noqa: NPY002
    return weights | {"b": np.zeros((n_a, 1)), "by": np.zeros((n_y, 1))}


def get_initial_loss(vocab_size: int, seq_length: int) -> float:
    """Return the loss of guessing `seq_length` characters uniformly, in nats."""
    return float(np.log(vocab_size)) * seq_length


def smooth(loss: float, cur_loss: float) -> float:
    """Return the running mean of the loss."""
    return loss * 0.999 + cur_loss * 0.001


def update_parameters(
    parameters: dict[str, np.ndarray], gradients: Gradients, lr: float
) -> dict[str, np.ndarray]:
    """Take a step of gradient descent, in place."""
    for name, p in parameters.items():
        p -= lr * gradients[f"d{name}"]
    return parameters


def _step(parameters, index, a_prev):
    """Return the next state; the input is a one-hot vector, so that it chooses a column of Wax."""
    Wax, Waa, b = parameters["Wax"], parameters["Waa"], parameters["b"]
    x = 0 if index is None else Wax[:, index : index + 1]
    return np.tanh(x + Waa @ a_prev + b)


@operation
def rnn_forward(
    X: Indices, Y: Sequence[int], a0: np.ndarray, parameters: Parameters, vocab_size: int = 27
) -> tuple[float, tuple[dict[int, np.ndarray], dict[int, np.ndarray], Indices]]:
    """Run over one name: the loss in nats, and (probabilities, states, X) for `rnn_backward`.

    The states before the first step is ``a[-1]``; `vocab_size` is not used.
    """
    a, y, loss = {-1: np.copy(a0)}, {}, 0.0
    for t, index in enumerate(X):
        a[t] = _step(parameters, index, a[t - 1])
        y[t] = equations.softmax(parameters["Wya"] @ a[t] + parameters["by"])
        loss -= float(np.log(y[t][Y[t], 0]))
    return loss, (y, a, X)


@operation
def rnn_backward(
    X: Indices, Y: Sequence[int], parameters: Parameters,
    cache: tuple[dict[int, np.ndarray], dict[int, np.ndarray], Indices],
) -> tuple[Gradients, dict[int, np.ndarray]]:  # fmt: skip
    """Backpropagate through one name: the gradients of the loss, and the states."""
    y, a, _ = cache
    g = {f"d{name}": np.zeros_like(p) for name, p in parameters.items()}
    da_next = np.zeros_like(a[-1])
    for t in reversed(range(len(X))):
        dy = y[t].copy()
        dy[Y[t]] -= 1
        g["dWya"] += dy @ a[t].T
        g["dby"] += dy
        dz = (1 - a[t] ** 2) * (parameters["Wya"].T @ dy + da_next)
        if (index := X[t]) is not None:
            g["dWax"][:, index : index + 1] += dz
        g["dWaa"] += dz @ a[t - 1].T
        g["db"] += dz
        da_next = parameters["Waa"].T @ dz
    return g | {"da_next": da_next}, a
