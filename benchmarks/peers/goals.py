"""The rows of the benchmark: what is compared with whom, and what must come out."""

from typing import NamedTuple

from .cases import CHARACTER_SIZES, SIZES, Case, flops, valid_steps

# On a machine with 2 cores, float32. Peer's time / ours: above 1 bptt is faster.
FIVE = tuple(SIZES)
MIDDLE = ("small", "medium", "large")
STREAM = ("tiny", "medium", "large")  # of these sizes n_x and n_a only


class Participant(NamedTuple):
    """A contender with something to compute."""

    contender: str
    case: Case


class Row(NamedTuple):
    """A table: one comparison at several sizes."""

    id: str
    title: str
    case: dict  # of `Case`, but for the size
    peers: tuple[str, ...]
    goals: dict[str, float]
    measure: str = "faster"  # or "ragged", "peak": see `value`
    what: str = ""

    def ours(self, size):
        sizes = CHARACTER_SIZES if self.case["kind"] == "character" else SIZES
        return Participant("bptt", Case(**self.case, size=sizes[size]))

    def references(self, size):
        """What ours is compared with: participants of the same rounds."""
        case = self.ours(size).case
        if self.measure == "peak":
            case = Case("sgemm", ())
        elif self.measure == "ragged":
            case = case._replace(ragged=False)
        return [Participant(peer, case) for peer in self.peers]


def value(row, size, seconds):
    """The figure that is held to the goal, and ours and the reference's as the table shows them.

    faster  reference's time / ours; at least the goal. Milliseconds.
    ragged  ragged time / (uniform time x share of the steps that exist); at most the goal.
            Milliseconds; the reference is the uniform time x the share.
    peak    our FLOP/s / the best matrix product's; at least the goal. GFLOP/s.

    `seconds` maps a participant to its time (a product's: per FLOP); None where it is missing.
    """
    ours = seconds.get(row.ours(size))
    found = [seconds[p] for p in row.references(size) if p in seconds]
    if ours is None:
        return None, None, None
    reference = min(found, default=None)
    case = row.ours(size).case
    if row.measure == "peak":
        rate = flops(case) / ours
        if reference is None:
            return None, rate / 1e9, None
        return rate * reference, rate / 1e9, 1e-9 / reference
    if reference is None:
        return None, ours * 1e3, None
    if row.measure == "ragged":
        reference *= valid_steps(case) / valid_steps(case._replace(ragged=False))
        return ours / reference, ours * 1e3, reference * 1e3
    return reference / ours, ours * 1e3, reference * 1e3


def passes(row, size, figure):
    """Whether a figure reaches the goal."""
    if row.measure == "ragged":
        return figure <= row.goals[size]
    return figure >= row.goals[size]


def _goals(sizes, *goals):
    return dict(zip(sizes, goals, strict=True))


LAYER = {"kind": "layer"}
BOTH = "Gradients of the parameters, of x and of the initial state, from gradients on every output "
BOTH += "and on the final state."
PACKED = (
    "Lengths uniform from 10 to 100 % of T_x, in no order; padded batch in, padded batch out. "
    "PyTorch: pack_padded_sequence(enforce_sorted=False), nn.LSTM, pad_packed_sequence. "
)
PEAK = (
    "A layer's products, forward and backward: 3 x 4 gates x 2 n_a (n_a + n_x) m T_x FLOPs "
    "(backward makes two products of forward's size; activations, sums and biases count for "
    "nothing). The peak: the best square float32 product of any library, in the same rounds."
)
ROWS = [
    Row(
        "lstm-fwd", "LSTM forward vs PyTorch", LAYER | {"backward": False}, ("torch",),
        _goals(FIVE, 4, 1.7, 1.4, 1.15, 1.1), what="Inference: no tape, inference_mode.",
    ),
    Row(
        "lstm", "LSTM forward + backward vs PyTorch", LAYER, ("torch",),
        _goals(FIVE, 4, 1.7, 1.25, 1.15, 1.05), what=BOTH,
    ),
    Row(
        "gru", "GRU (reset after) forward + backward vs PyTorch",
        LAYER | {"cell": "gru_reset_after"}, ("torch",),
        _goals(FIVE, 60, 6, 3, 1.5, 1.1), what=BOTH,
    ),
    Row(
        "rnn", "RNN (tanh) forward + backward vs PyTorch", LAYER | {"cell": "rnn"}, ("torch",),
        _goals(FIVE, 40, 8, 3, 1.3, 1.05), what=BOTH,
    ),
    Row(
        "lstm-fwd-ort", "LSTM forward vs ONNX Runtime", LAYER | {"backward": False}, ("ort",),
        _goals(FIVE, 1.4, 1.05, 1.15, 1.0, 1.0), what="Inference.",
    ),
    Row(
        "lstm-jax", "LSTM forward + backward vs JAX", LAYER, ("jax",),
        _goals(FIVE, 3, 3, 3.5, 2, 1.6), what=BOTH,
    ),
    Row(
        "ragged", "Ragged LSTM forward + backward vs PyTorch packed",
        LAYER | {"ragged": True}, ("torch",), _goals(MIDDLE, 10, 8, 5), what=PACKED + BOTH,
    ),
    Row(
        "float64", "LSTM forward + backward in float64 vs PyTorch",
        LAYER | {"dtype": "float64"}, ("torch",), _goals(MIDDLE, 5, 3, 2), what=BOTH,
    ),
    Row(
        "stream-ort", "One streaming LSTM step through Python vs ONNX Runtime",
        {"kind": "stream"}, ("ort",), _goals(STREAM, 3.5, 2, 1.3),
        what="Batch 1, state fed back; NumPy array in, NumPy array out.",
    ),
    Row(
        "stream-torch", "One streaming LSTM step through Python vs PyTorch LSTMCell",
        {"kind": "stream"}, ("torch",), _goals(STREAM, 8, 4, 2.5),
        what="Batch 1, inference mode entered once for all steps; tensor in, tensor out.",
    ),
    Row(
        "ragged-cost", "Ragged time / (uniform time x valid share), LSTM forward + backward",
        LAYER | {"ragged": True}, ("bptt",), _goals(("medium", "large"), 1.15, 1.15), "ragged",
        "bptt against itself. 1: padding costs nothing.",
    ),
    Row(
        "peak", "Share of the sgemm peak, LSTM forward + backward", LAYER,
        ("numpy", "torch", "ort", "jax"),
        _goals(("large", "xl"), 0.8, 0.8), "peak", PEAK,
    ),
    Row(
        "character", "Character model, one training step vs PyTorch",
        {"kind": "character"}, ("torch",), _goals(CHARACTER_SIZES, 2.2, 1.8, 1.5),
        what="Embedding (64), LSTM, output layer, loss, clipping, Adam; 96 characters and the "
        "unknown one. Size: units x layers.",
    ),
    Row(
        "course", "bptt.lstm_forward + lstm_backward, float64 vs bptt.equations",
        {"kind": "course", "dtype": "float64"}, ("numpy",), _goals(("small", "medium"), 8, 8),
        what="The course functions, output layer and caches included, against the NumPy loop.",
    ),
]  # fmt: skip
