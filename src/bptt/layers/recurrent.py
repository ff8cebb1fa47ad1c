"""The recurrent layers by name: what each adds to a stack."""

from ..equations.initializers import glorot_uniform, orthogonal
from ..errors import ConfigError
from .stack import RecurrentStack


class RNN(RecurrentStack):
    """Plain recurrent layer: a_next = g(Wax xt + Waa a_prev + ba).

    Parameters
    ----------
    n_x, n_a : int
        Features of the input; units.
    n_layers : int
        Layers stacked on one another.
    bidirectional : bool
        A second set of layers runs from each sequence's own end; outputs have 2 n_a features.
    activation : {"tanh", "relu"}
    input_init, recurrent_init : callable (rng, shape) -> ndarray
        Initial weights from the input and from the state.
    """

    def __init__(
        self,
        n_x,
        n_a,
        *,
        n_layers=1,
        bidirectional=False,
        activation="tanh",
        input_init=glorot_uniform,
        recurrent_init=orthogonal,
    ):
        if activation not in ("tanh", "relu"):
            raise ConfigError(f"RNN: activation is {activation!r}; expected 'tanh' or 'relu'.")
        super().__init__(
            "rnn" if activation == "tanh" else "rnn_relu",
            n_x,
            n_a,
            n_layers=n_layers,
            bidirectional=bidirectional,
            input_init=input_init,
            recurrent_init=recurrent_init,
        )


class LSTM(RecurrentStack):
    """Long short-term memory layer (equations: `bptt.equations.lstm`).

    Parameters
    ----------
    n_x, n_a : int
        Features of the input; units.
    n_layers : int
        Layers stacked on one another.
    bidirectional : bool
        A second set of layers runs from each sequence's own end; outputs have 2 n_a features.
    forget_bias : float
        Initial value of every bf, in every layer and direction.
    input_init, recurrent_init : callable (rng, shape) -> ndarray
        Initial weights from the input and from the state.

    Examples
    --------
    >>> lstm = LSTM(16, 32)
    >>> parameters = lstm.init(np.random.default_rng(0))
    >>> x = np.ones((4, 10, 16), np.float32)
    >>> y, (a, c), tape = lstm.forward(x, parameters, lengths=[10, 3, 0, 7])
    >>> y.shape, a.shape, tape[0]["ft"].shape
    ((4, 10, 32), (1, 4, 32), (4, 10, 32))
    """

    def __init__(
        self,
        n_x,
        n_a,
        *,
        n_layers=1,
        bidirectional=False,
        forget_bias=1.0,
        input_init=glorot_uniform,
        recurrent_init=orthogonal,
    ):
        self.biases = {"bf": float(forget_bias)}
        super().__init__(
            "lstm",
            n_x,
            n_a,
            n_layers=n_layers,
            bidirectional=bidirectional,
            input_init=input_init,
            recurrent_init=recurrent_init,
        )


class GRU(RecurrentStack):
    """Gated recurrent unit layer (equations: `bptt.equations.gru`).

    Parameters
    ----------
    n_x, n_a : int
        Features of the input; units.
    n_layers : int
        Layers stacked on one another.
    bidirectional : bool
        A second set of layers runs from each sequence's own end; outputs have 2 n_a features.
    reset : {"before", "after"}
        Where the reset gate acts: before the product with Wc (Cho et al. 2014) or after it
        (PyTorch, cuDNN; adds the parameter bca).
    input_init, recurrent_init : callable (rng, shape) -> ndarray
        Initial weights from the input and from the state.
    """

    def __init__(
        self,
        n_x,
        n_a,
        *,
        n_layers=1,
        bidirectional=False,
        reset="before",
        input_init=glorot_uniform,
        recurrent_init=orthogonal,
    ):
        if reset not in ("before", "after"):
            raise ConfigError(f"GRU: reset is {reset!r}; expected 'before' or 'after'.")
        super().__init__(
            "gru" if reset == "before" else "gru_reset_after",
            n_x,
            n_a,
            n_layers=n_layers,
            bidirectional=bidirectional,
            input_init=input_init,
            recurrent_init=recurrent_init,
        )
